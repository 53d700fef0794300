"""The sections of a page: functions of their names, which make them of `Sources`, or give None."""

from __future__ import annotations

from pyalign._result import kinds

OF_ALL = ("methods", "cite")  # at the end, whatever the page is made of
# The modules of this package, and the sections that they have; of another section the module has its name.
MODULES = {
    "accuracy": "leaderboard probes failures",
    "comparisons": "differences consistency cka recovery metadata experiment agreement reliability rsa",
    "concepts": "concepts dimensions transfer embedding neighbors",
    "methods": "methods study cite",
}


def names_of_sections() -> tuple[str, ...]:
    """The sections in the order of the page: those of the kinds of results, then those of all."""
    return (*dict.fromkeys(name for kind in kinds().values() for name in kind.sections), *OF_ALL)


def module_of(section: str) -> str:
    """The module of this package that has the function of a section."""
    return next((module for module, sections in MODULES.items() if section in sections.split()), section)
