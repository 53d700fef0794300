"""A data set: a folder of which somebody has said what lies in it, and the objects that it becomes.

A folder of the user's choice is checked before it is remembered, and can be forgotten.

What `pyalign datasets` tells: the data sets that are known, and what a reader should know of one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pyalign._dataclass import dataclass, is_dataclass, replace
from pyalign._registry import load, register
from pyalign._result import Result
from pyalign.data import Categories, Embeddings, RDMs, Triplets
from pyalign.data.provenance import digest_of_file
from pyalign.datasets.places import Place, folder_of, forget, held_by, remember, remembered, remembered_as
from pyalign.datasets.registry import COMPARED, DATASETS, OURS, STORED, Row
from pyalign.errors import InputError, MissingExtraError, Remedy, nearest
from pyalign.io.embeddings import Pictures
from pyalign.io.paths import DATA_SET, checked_path, is_description, spec_of

PARTS = ("triplets", "judgments", "embeddings", "dimensions", "categories", "names", "images")
DESCRIPTION = "dataset.toml"
Read = Callable[[str, "str | None", Mapping[str, Any]], Any]  # of a part, its key, and options of the layout


@dataclass(frozen=True, eq=False, repr=False)
class DataSet:
    """A data set whose files are on this machine. Its parts are read when they are requested.

    Example:
        >>> sample = load_dataset("sample")
        >>> sample.triplets().shape, sample.names()[:2]
        ((28770, 3), ('gorilla', 'orangutan'))
    """

    name: str  # its name.
    folder: Path  # the folder with its files.
    # what it contains ("triplets", "judgments", ...), and the keys of each part that has several.
    parts: Mapping[str, tuple[str, ...]]
    read: Read  # reads a part, given its name, its key and options of the layout.
    lacking: Callable[[], tuple[str, ...]]  # required files that are missing or cannot be read, a phrase for each.
    row: Row | None = None  # what is known of a published data set; None for a folder of your own.
    # the file that describes the folder; None for a published data set that needs none.
    description: Path | None = None
    files: tuple[str, ...] = ()  # the paths in the folder that the description names.

    def open(self, part: str, key: str | None = None, layout: Mapping[str, Any] | None = None) -> Any:
        """A part, checked: see the methods.

        layout: options of how its file is laid out, which come before what a description says.

        Raises:
            InputError: it has no such part, or no such key; a layout of a published data set, which knows its own; what
                its files do wrong.
            OSError: a file is forbidden.
        """
        about = spec_of(self.name)
        if part not in self.parts:
            raise InputError(f"{about}: has no {part}; it has {', '.join(self.parts)}")
        keys = self.parts[part]
        if key is not None and key not in keys:
            has = f"it has {', '.join(keys)}" if keys else "there are no others"
            raise InputError(f"{about}: has no {part} {key!r}; {has}{nearest(key, keys)}")
        content = self.read(part, key, layout or {})
        if is_dataclass(content) and hasattr(content, "source") and not isinstance(content, type):
            return replace(content, source=about if key is None else f"{about}::{key}")
        return content

    def triplets(self, key: str | None = None) -> Triplets:
        """Triplets, with names, positions, people and answers as far as they are known."""
        return self.open("triplets", key)

    def judgments(self, key: str | None = None) -> RDMs:
        """Judgments of pairs, of the kind that they are."""
        return self.open("judgments", key)

    def embeddings(self, key: str | None = None) -> Embeddings:
        """Embeddings, with the names of their rows."""
        return self.open("embeddings", key)

    def dimensions(self, key: str | None = None) -> tuple[str, ...]:
        """What the columns of the embeddings are called."""
        return self.open("dimensions", key)

    def categories(self, key: str | None = None) -> Categories:
        """Categories of the objects."""
        return self.open("categories", key)

    def names(self, key: str | None = None) -> tuple[str, ...]:
        """Names of the objects, in the order by which numbers mean them."""
        return self.open("names", key)

    def images(self, key: str | None = None) -> Pictures:
        """Images, which `pyalign.as_images("dataset:NAME")` opens."""
        return self.open("images", key)

    def __repr__(self) -> str:
        return f"DataSet({self.name} with {', '.join(self.parts)}, in {self.folder})"


def load_dataset(name: str | os.PathLike[str], folder: str | os.PathLike[str] | None = None) -> DataSet:  # noqa: C901
    """Open a data set by name, by the file that describes it, or by its folder.

    Args:
        name: one of `pyalign datasets list`; or a description, ``mine.toml``, as `pyalign describe --out` writes it;
            or a folder with one called ``dataset.toml``, whose path is absolute or has a ``/`` in it, or a `Path`; or
            which was given a name by ``pyalign datasets fetch NAME --folder``.
        folder: where it lies; None: where it was fetched to, or said to lie, or where the description lies.

    Raises:
        InputError: there is no such data set, or its files are not here; the message says how to get them.

    Example:
        >>> load_dataset("sample").parts["embeddings"]
        ()
    """
    checked_path(name, "name")
    if folder is not None:
        checked_path(folder, "folder")
    if is_description(name):
        if folder is not None:
            raise InputError(f"folder must be None for a description, whose folder holds the files; got {folder!s:.80}")
        return _described(os.fspath(name), Path(name))
    if not isinstance(name, str) or (folder is None and (os.sep in name or name in (".", ".."))):
        return _of_folder(os.path.basename(os.path.realpath(name)), Path(name))
    if name == "sample" and folder is None:
        return _of_row(DATASETS[name], Place(name, Path(__file__).parent / "sample"))
    home = DATASETS[name].home if name in DATASETS else None
    place = folder_of(name, home) if folder is None else Path(folder)
    if folder is not None and not place.is_dir():
        raise InputError(f"{DATA_SET}{name}: {place} {'is no folder' if place.exists() else 'does not exist'}")
    readable = place.is_dir() if name in DATASETS else (place / DESCRIPTION).exists()
    known_as = remembered_as(name, home) if folder is None else None
    if known_as is not None and not readable:
        raise InputError(_gone(name, place, known_as))
    if name not in DATASETS and not (place / DESCRIPTION).exists():
        known = f"known are {', '.join(DATASETS)}, and folders with a {DESCRIPTION}, such as dataset:./mine"
        here = "" if folder is None else f", and {place} has no {DESCRIPTION}"
        raise InputError(f"{DATA_SET}{name}: there is no such data set{nearest(name, DATASETS)}{here}; {known}")
    if not place.is_dir():
        raise InputError(_not_here(name, place))
    if (place / DESCRIPTION).exists():
        return _of_folder(name, place)
    return _of_row(DATASETS[name], Place(name, place))


def _gone(name: str, place: Path, known_as: str) -> str:
    lacks = f"has no {DESCRIPTION}" if place.is_dir() else "is no folder"
    shell = f"'pyalign datasets fetch {known_as} --folder"
    now = Remedy.of_both(f'remember_dataset("{known_as}", folder)', f"{shell} DIR'")
    never = Remedy.of_both(f'forget_dataset("{known_as}")', f"{shell} none'")
    hint = f"{now} says where it is stored now, {never} forgets it"
    return f"{DATA_SET}{name}: was stored in {place}, which {lacks} any more; {hint}"


def _not_here(name: str, place: Path) -> str:
    get = f"'pyalign datasets fetch {name}' gets it" if DATASETS[name].files else f"get it from {DATASETS[name].source}"
    hint = f"{STORED} says where it is stored"
    return f"{DATA_SET}{name}: is not here, {place} is no folder; {get}, {hint}"


def _of_folder(name: str, folder: Path) -> DataSet:
    if not (folder / DESCRIPTION).exists():
        raise InputError(f"{DATA_SET}{name}: {folder} has no {DESCRIPTION}, which would describe its files")
    return _described(name, folder / DESCRIPTION)


def _described(name: str, path: Path) -> DataSet:
    from pyalign.datasets.description import Parts, read_description

    description = read_description(path)
    known = description.document.get("dataset")
    if known is None:
        parts = Parts(name, description)
        return DataSet(name, path.parent, parts.keys(), parts.read, parts.lacking, None, path, description.files)
    if known not in DATASETS:
        raise InputError(f"{path}: dataset must be one of {', '.join(DATASETS)}; got {known!r:.60}")
    place = Place(name, path.parent, description.document.get("files", {}))
    return replace(_of_row(DATASETS[known], place), description=path, files=description.files)


def _of_row(row: Row, place: Place) -> DataSet:
    place = replace(place, known=row.name)

    def read(part: str, key: str | None, layout: Mapping[str, Any]) -> Any:
        task = layout.get("task")
        if len(layout) > (task is not None):
            option = next(name for name in layout if name != "task")
            raise place.bad(f"a data set knows how its files are laid out, so that {option} has no meaning")
        module, _, first = row.module.partition(":")
        content = load(f"pyalign.datasets._{module}:{f'{first}_{part}' if first else part}")(place, key)
        if task not in (None, getattr(content, "task", None)):
            raise place.bad(f"task must be that of the data set, {content.task!r}; got {task!r}")
        return content

    return DataSet(place.name, place.folder, row.parts, read, lambda: place.lacking(row.needs), row)


def described_files(path: str) -> dict[str, str]:
    """The files behind a path that names a described data set, and what each is called in messages.

    {} where there is no description, or where it can't be read, which is said when it is.

    Example:
        >>> described_files("dataset:sample")
        {}
    """
    try:
        data_set = load_dataset(path.removeprefix(DATA_SET))
    except (InputError, MissingExtraError, OSError):
        return {}
    if data_set.description is None:
        return {}
    about, folder = spec_of(data_set.name), data_set.description.parent
    own = about if is_description(data_set.name) else f"{about}: {data_set.description.name}"
    return {str(data_set.description): own, **{str(folder / name): f"{about}: {name}" for name in data_set.files}}


def described_names(path: str, triplets: Triplets) -> tuple[str, ...] | None:
    """The objects of a described data set in their order; None of other files, or where it doesn't name them.

    triplets: its own, whose names are in that order if they are numbered.
    """
    if not described_files(path):
        return None
    if triplets.numbered:
        return triplets.names
    data_set = load_dataset(path.removeprefix(DATA_SET))
    return data_set.names() if "names" in data_set.parts else None


def open_part(name: str, part: str, key: str | None, layout: Mapping[str, Any]) -> Any:
    """A part of the data set of that name: what `pyalign.io.embeddings` asks for."""
    return load_dataset(name).open(part, key, layout)


register("datasets", open_part)


def remember_dataset(name: str, folder: str | os.PathLike[str]) -> DataSet:
    """The data set in a folder, which is found there from now on: by `load_dataset`, and as ``dataset:NAME``.

    Args:
        name: one of `pyalign datasets list`; or a new one, of a folder with a ``dataset.toml``.
        folder: where its files are, in it or below it. It may also hold those of a data set that is with this one,
            such as SPoSE with THINGS.

    Example:
        >>> remember_dataset("levels", "/nowhere")
        Traceback (most recent call last):
        pyalign.errors.InputError: dataset:levels: /nowhere does not exist
    """
    place = os.path.abspath(checked_path(folder, "folder"))
    if name == "sample":
        raise InputError("dataset:sample: is part of pyalign, and is read from no other folder")
    _require_name(name)
    dataset = load_dataset(name, place)
    lacking = dataset.lacking()
    with_it = [row.name for row in DATASETS.values() if dataset.row is not None and row.home == name]
    if lacking and all(load_dataset(companion, place).lacking() for companion in with_it):
        problem = f"{dataset.folder} lacks {', and '.join(lacking)}; it holds {held_by(dataset.folder)}"
        raise InputError(f"dataset:{name}: {problem}")
    if dataset.row is not None and not (dataset.folder / DESCRIPTION).exists():
        _require_published(dataset.row, Place(name, dataset.folder))
    remember(name, place)
    return dataset


def _require_name(name: str) -> None:
    """Raises where ``dataset:NAME``, on a command line or in a list, would be something else."""
    if os.sep in checked_path(name, "name"):
        raise InputError(f"name must be one without {os.sep!r}, which a path has; got {name!r:.80}")
    taken = name.strip() in ("", ".", "..") or is_description(name)
    if taken or name != name.strip() or "::" in name or not name.isprintable():
        rule = "printable, without '::', '.toml' or a blank at its ends, and other than '.' and '..'"
        raise InputError(f"name must be {rule}; got {name!r:.80}")


def _require_published(row: Row, place: Place) -> None:
    """Raises where a file that is there has another checksum than was published."""
    for remote in row.files:
        path = None if remote.unpack or remote.hash is None else place.find(remote.file)
        if path is not None and f"sha256:{digest_of_file(path)}" != remote.hash:
            hint = f"a file that was changed on purpose is named in a {DESCRIPTION}"
            raise place.bad(f"{path} has another checksum than was published, {remote.hash}; {hint}")


def forget_dataset(name: str) -> Path | None:
    """The folder in which the data set was remembered to be, and no longer is; None: nothing was remembered.

    The folder and its files stay as they are.
    """
    folder = forget(name)
    return None if folder is None else Path(folder)


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
    # source, license, citation: as its publishers have them; None of a folder that does not say.
    source: str | None = None
    license: str | None = None
    citation: str | None = None
    kind: str | None = None  # of its judgments.
    layout: tuple[ExpectedFile, ...] = ()  # the files that are expected.
    checked: str | None = None  # how that is known.
    files: tuple[str, ...] = ()  # what `pyalign datasets fetch` gets.


def list_datasets() -> DataSetList:
    """The data sets that are known, published ones first."""
    datasets = [KnownDataSet(row.name, tuple(row.parts), _is_here(row.name), row.what) for row in DATASETS.values()]
    for name, folder in remembered().items():
        if name not in DATASETS:
            description = _what_is_known(name)
            if isinstance(description, DataSet):
                datasets.append(KnownDataSet(name, tuple(description.parts), _is_here(name), f"in {folder}"))
            else:
                datasets.append(KnownDataSet(name, (), False, description))
    return DataSetList(tuple(datasets))


def dataset_info(name: str) -> DataSetInfo:
    """What is known of a data set, whether it is here or not."""
    row = DATASETS.get(name)
    if row is None:
        dataset = load_dataset(name)
        what = f"described by {DESCRIPTION if dataset.description is None else dataset.description.name}"
        return DataSetInfo(dataset.name, what, dataset.parts, str(dataset.folder), True)
    return DataSetInfo(
        name, row.what, row.parts, str(_folder(row)), _is_here(name), row.source, row.license, row.citation, row.kind,
        tuple(ExpectedFile(*entry) for entry in row.layout), HOW[row.checked],
        tuple(remote.file for remote in row.files), notes=(row.note,) if row.note else (),
    )


def _folder(row: Row) -> Path:
    return load_dataset(row.name).folder if row.checked == OURS else folder_of(row.name, row.home)


def _is_here(name: str) -> bool:
    try:
        return not load_dataset(name).lacking()
    except (InputError, OSError):
        return False


def _what_is_known(name: str) -> DataSet | str:
    """The data set, or why there is none."""
    try:
        return load_dataset(name)
    except (InputError, OSError) as error:
        return str(error)
