"""Options that a command takes because others do: they have no effect in it, and a note says why.

Each command that reads triplets takes the options of triplets, of rows and of people. A class here stands in for the
options that a command has no use for.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli import _options
from pyalign.cli._command import option
from pyalign.data.names import MISSING
from pyalign.data.objects import HOW
from pyalign.io.paths import Spec
from pyalign.typing import Policy

GROUP = "accepted for consistency with other commands, without effect here"


@dataclass(frozen=True)
class Categories:
    """Categories of objects, where no figure is by category."""

    categories: Spec | None = option(
        "categories of objects", metavar="FILE", role="input", group=GROUP, rare=True,
        idle="no result is broken down by category",
    )


@dataclass(frozen=True)
class People:
    """Who answered, where no figure is over people."""

    subjects: Spec | None = option(
        "who gave each answer", metavar="FILE", role="input", group=GROUP, exclusive="people", rare=True,
        idle="no result generalizes over participants",
    )
    subject_column: int | str | None = option(
        "column that identifies the participant", kind=_options.column, metavar="K", group=GROUP, exclusive="people",
        rare=True,
        idle="no result generalizes over participants",
    )


@dataclass(frozen=True)
class Nan:
    """Rows with NaN, where they are always an error."""

    nan_policy: Policy = option(
        "rows with NaN", default="raise", choices=("raise", "omit"), group=GROUP, rare=True,
        idle="rows with NaN are an error",
    )


@dataclass(frozen=True)
class Rows:
    """Rows of embeddings, where there are none."""

    names: Spec | None = option(
        "names of rows", metavar="FILE", role="input", group=GROUP, rare=True, idle="there are no embeddings"
    )
    name_column: int | str | None = option(
        "column of names", kind=_options.column, metavar="K", group=GROUP, rare=True, idle="there are no embeddings"
    )
    per_object: str | None = option(
        "several images of one object", choices=HOW, group=GROUP, rare=True, idle="there are no embeddings"
    )
    missing: Policy = option(
        "items without a row", default="raise", choices=MISSING, group=GROUP, rare=True, idle="there are no embeddings"
    )
    nan_policy: Policy = option(
        "rows with NaN", default="raise", choices=("raise", "omit"), group=GROUP, rare=True,
        idle="there are no embeddings",
    )
