"""The sections of a page: a module each, whose function of the same name makes it of `Sources`, or gives None."""

from __future__ import annotations

from pyalign.results import kinds

OF_ALL = ("methods", "cite")  # at the end, whatever the page is made of


def names_of_sections() -> tuple[str, ...]:
    """In the order of the page: those of the kinds of results, then those of all.

    Example:
        >>> names_of_sections()[-3:]
        ('failures', 'methods', 'cite')
    """
    return (*dict.fromkeys(name for kind in kinds().values() for name in kind.sections), *OF_ALL)
