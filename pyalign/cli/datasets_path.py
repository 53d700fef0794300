"""`pyalign datasets path`: where a data set lies; with a folder, from now on there."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli._command import Command, Outcome, option
from pyalign.datasets import DATASETS
from pyalign.datasets.dataset import load_dataset
from pyalign.datasets.places import remember
from pyalign.progress import Progress


@dataclass(frozen=True)
class PathOptions:
    """The options of `pyalign datasets path`."""

    name: str = option("see `pyalign datasets list`; with --folder also a new one, for a folder with a dataset.toml",
                       required=True, metavar="NAME", words=DATASETS, positional=True)  # fmt: skip
    folder: str | None = option("where the data set lies already, to be remembered", metavar="DIR")


def run(options: PathOptions, progress: Progress) -> Outcome:
    """Says where; remembers where."""
    found = load_dataset(options.name, options.folder)
    if options.folder is not None:
        remember(options.name, options.folder)
    return Outcome(text=str(found.folder))


COMMAND = Command(PathOptions, run, "pyalign datasets path things --folder data/things")
