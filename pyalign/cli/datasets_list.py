"""`pyalign datasets list`: the data sets that are known by name."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome
from pyalign.datasets.listing import list_datasets
from pyalign.progress import Progress


@dataclass(frozen=True)
class ListOptions(_options.Output):
    """The options of `pyalign datasets list`."""


def run(options: ListOptions, progress: Progress) -> Outcome:
    """Lists."""
    return Outcome(list_datasets())


COMMAND = Command(ListOptions, run, "pyalign datasets list")
