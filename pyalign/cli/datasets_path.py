"""`pyalign datasets path`: where a data set lies; with a folder, from now on there."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli._command import Command, Outcome, option
from pyalign.datasets import DATASETS
from pyalign.datasets.dataset import load_dataset
from pyalign.datasets.elsewhere import forget_dataset, remember_dataset
from pyalign.progress import Progress


@dataclass(frozen=True)
class PathOptions:
    """The options of `pyalign datasets path`."""

    name: str = option("see `pyalign datasets list`; with --folder also a new one, for a folder with a dataset.toml",
                       required=True, metavar="NAME", words=DATASETS, positional=True)  # fmt: skip
    folder: str | None = option(
        "where the data set lies already: checked for the files that it needs, and remembered", metavar="DIR",
        exclusive="where",
    )  # fmt: skip
    forget: bool = option("remember its folder no longer", default=False, exclusive="where")


def run(options: PathOptions, progress: Progress) -> Outcome:
    """Says where; remembers where; or forgets it, and says so."""
    if options.forget:
        folder = forget_dataset(options.name)
        gone = (
            f"nothing is remembered of {options.name}" if folder is None else f"forgotten: {options.name} in {folder}"
        )
        return Outcome(text=gone)
    if options.folder is not None:
        return Outcome(text=str(remember_dataset(options.name, options.folder).folder))
    return Outcome(text=str(load_dataset(options.name).folder))


COMMAND = Command(PathOptions, run, "pyalign datasets path things --folder data/things")
