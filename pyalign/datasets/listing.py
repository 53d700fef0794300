"""What `pyalign datasets` tells: the data sets that are known, and what a reader should know of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.datasets.dataset import DESCRIPTION, DataSet, load_dataset
from pyalign.datasets.places import folder_of, remembered
from pyalign.datasets.registry import COMPARED, DATASETS, OURS, Row
from pyalign.errors import InputError

HOW = {
    COMPARED: "compared with published files",
    OURS: "ours",
    "described": "as public code or documentation describes it; not compared with the published files",
}


@dataclass(frozen=True)
class KnownDataSet:
    """A data set by name."""

    name: str  # ``dataset:NAME`` stands for it.
    parts: tuple[str, ...]  # what it holds.
    is_here: bool  # whether the files that it needs are there and can be read.
    what: str  # a phrase.


@dataclass(frozen=True)
class DataSetList(Result):
    """The data sets that are known: published ones, then folders that were given a name."""

    command: ClassVar[str] = "datasets list"
    rows: ClassVar[str] = "datasets"

    datasets: tuple[KnownDataSet, ...]


@dataclass(frozen=True)
class ExpectedFile:
    """A file, or several, and what is in it."""

    name: str
    what: str


@dataclass(frozen=True)
class DataSetInfo(Result):
    """What is known of a data set."""

    command: ClassVar[str] = "datasets info"

    # name, what: as in `KnownDataSet`.
    name: str
    what: str
    # what it holds, and the keys of each part where there are several: ``dataset:NAME::KEY``.
    parts: Mapping[str, tuple[str, ...]]
    folder: str  # where it is, or would.
    is_here: bool  # as in `KnownDataSet`.
    # source, licence, citation: as its publishers have them; None of a folder that does not say.
    source: str | None = None
    licence: str | None = None
    citation: str | None = None
    kind: str | None = None  # of its judgments.
    layout: tuple[ExpectedFile, ...] = ()  # the files that are expected.
    checked: str | None = None  # how that is known.
    files: tuple[str, ...] = ()  # what `pyalign datasets fetch` gets.


def list_datasets() -> DataSetList:
    """The data sets that are known, published ones first.

    Raises:
        InputError: the list of folders is damaged.

    Example:
        >>> [known.name for known in list_datasets().datasets if known.is_here and known.name == "sample"]
        ['sample']
    """
    datasets = [KnownDataSet(row.name, tuple(row.parts), _is_here(row.name), row.what) for row in DATASETS.values()]
    for name, folder in remembered().items():
        if name not in DATASETS:
            description = _described(name)
            if isinstance(description, DataSet):
                datasets.append(KnownDataSet(name, tuple(description.parts), _is_here(name), f"in {folder}"))
            else:
                datasets.append(KnownDataSet(name, (), False, description))
    return DataSetList(tuple(datasets))


def dataset_info(name: str) -> DataSetInfo:
    """What is known of a data set, whether it is here or not.

    Raises:
        InputError: there is no such data set, or its ``dataset.toml`` is wrong.

    Example:
        >>> dataset_info("things").licence
        'CC BY 4.0'
    """
    row = DATASETS.get(name)
    if row is None:
        dataset = load_dataset(name)
        what = f"described by {DESCRIPTION if dataset.description is None else dataset.description.name}"
        return DataSetInfo(dataset.name, what, dataset.parts, str(dataset.folder), True)
    return DataSetInfo(
        name, row.what, row.parts, str(_folder(row)), _is_here(name), row.source, row.licence, row.citation, row.kind,
        tuple(ExpectedFile(*entry) for entry in row.layout), HOW[row.checked],
        tuple(remote.file for remote in row.files),
        notes=(row.note,) if row.note else (),
    )


def _folder(row: Row) -> Path:
    return load_dataset(row.name).folder if row.checked == OURS else folder_of(row.name, row.home)


def _is_here(name: str) -> bool:
    try:
        return not load_dataset(name).lacking()
    except (InputError, OSError):
        return False


def _described(name: str) -> DataSet | str:
    """The data set, or why there is none."""
    try:
        return load_dataset(name)
    except (InputError, OSError) as error:
        return str(error)
