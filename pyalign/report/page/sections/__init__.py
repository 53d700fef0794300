"""The sections of a page: functions of their names, which make them of `Sources`, or give None."""

from __future__ import annotations

from pyalign._result import kinds

OF_ALL = ("methods", "cite")  # at the end, whatever the page is made of
# The module of each section that has none of its own name.
MODULES = {
    "leaderboard": "accuracy", "probes": "accuracy", "failures": "accuracy",
    "differences": "comparisons", "consistency": "comparisons", "cka": "comparisons", "recovery": "comparisons",
    "metadata": "comparisons", "metadata_columns": "comparisons", "experiment": "comparisons",
    "agreement": "people", "reliability": "people", "rsa": "people",
    "dimensions": "concepts", "transfer": "concepts", "embedding": "concepts", "study": "methods", "cite": "methods",
}


def names_of_sections() -> tuple[str, ...]:
    """The sections in the order of the page: those of the kinds of results, then those of all."""
    return (*dict.fromkeys(name for kind in kinds().values() for name in kind.sections), *OF_ALL)


def module_of(section: str) -> str:
    """The module of this package that has the function of a section."""
    return MODULES.get(section, section)
