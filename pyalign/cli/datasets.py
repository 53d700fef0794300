"""`pyalign datasets ...`: what is known of published data sets, where they are, and how they come here."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.datasets import DATASETS
from pyalign.datasets.dataset import forget_dataset, load_dataset, remember_dataset
from pyalign.datasets.listing import dataset_info, list_datasets
from pyalign.progress import Progress

# pyalign datasets list


@dataclass(frozen=True)
class ListOptions(_options.Output):
    """The options of `pyalign datasets list`."""


def run_list(options: ListOptions, progress: Progress) -> Outcome:
    """Lists."""
    return Outcome(list_datasets())


LIST = Command(ListOptions, run_list, "pyalign datasets list")


# pyalign datasets info


@dataclass(frozen=True)
class InfoOptions(_options.Output):
    """The options of `pyalign datasets info`."""

    name: str = option("name of a data set (see `pyalign datasets list`), or a folder with a dataset.toml, such as "
    "./mine", required=True,
                       metavar="NAME", words=DATASETS, positional=True)


def run_info(options: InfoOptions, progress: Progress) -> Outcome:
    """Tells."""
    return Outcome(dataset_info(options.name))


INFO = Command(InfoOptions, run_info, "pyalign datasets info things")


# pyalign datasets fetch


@dataclass(frozen=True)
class FetchOptions(_options.Output):
    """The options of `pyalign datasets fetch`."""

    name: str = option(
        "name of a data set (see `pyalign datasets list`)",
        required=True,
        metavar="NAME",
        words=DATASETS,
        positional=True,
    )
    folder: str | None = option(
        "folder to download to, which is remembered (default: PYALIGN_DATA, otherwise the user's cache)", metavar="DIR"
    )


def run_fetch(options: FetchOptions, progress: Progress) -> Outcome:
    """Fetches what is not here yet."""
    from pyalign.datasets.fetch import fetch_dataset

    return Outcome(fetch_dataset(options.name, options.folder, progress=progress))


FETCH = Command(FetchOptions, run_fetch, "pyalign datasets fetch things")


# pyalign datasets path


@dataclass(frozen=True)
class PathOptions:
    """The options of `pyalign datasets path`."""

    name: str = option("name of a data set (see `pyalign datasets list`); with --folder, also a new name for a folder "
    "with a dataset.toml",
                       required=True, metavar="NAME", words=DATASETS, positional=True)
    folder: str | None = option(
        "folder where the data set is already stored; it is checked for the required files, and remembered; none: the "
        "folder is forgotten",
        metavar="DIR",
    )


def run_path(options: PathOptions, progress: Progress) -> Outcome:
    """Says where; remembers where; or forgets it, and says so."""
    if options.folder == "none":
        folder = forget_dataset(options.name)
        gone = (
            f"nothing is remembered of {options.name}" if folder is None else f"forgotten: {options.name} in {folder}"
        )
        return Outcome(text=gone)
    if options.folder is not None:
        return Outcome(text=str(remember_dataset(options.name, options.folder).folder))
    return Outcome(text=str(load_dataset(options.name).folder))


PATH = Command(PathOptions, run_path, "pyalign datasets path things --folder data/things")
