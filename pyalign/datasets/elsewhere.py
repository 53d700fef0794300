"""Data sets in folders of the user's choice: a folder is checked before it is remembered, and can be forgotten."""

from __future__ import annotations

import os
from pathlib import Path

from pyalign.data.provenance import sha256_of_file
from pyalign.datasets.dataset import DESCRIPTION, DataSet, load_dataset
from pyalign.datasets.places import Place, forget, held_by, remember
from pyalign.datasets.registry import DATASETS, Row
from pyalign.errors import InputError
from pyalign.io.paths import checked_path, is_description


def remember_dataset(name: str, folder: str | os.PathLike[str]) -> DataSet:
    """The data set in a folder, which is found there from now on: by `load_dataset`, and as ``dataset:NAME``.

    Args:
        name: one of `pyalign datasets list`; or a new one, of a folder with a ``dataset.toml``.
        folder: where its files are, in it or below it. It may also hold those of a data set that is with this one,
            such as SPoSE with THINGS.

    Raises:
        InputError: the folder is none, lacks files that are needed, or has a file with another checksum than was
            published; nothing is remembered then.
        OSError: the list of folders can't be written.

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
        if path is not None and f"sha256:{sha256_of_file(path)}" != remote.hash:
            hint = f"a file that was changed on purpose is named in a {DESCRIPTION}"
            raise place.bad(f"{path} has another checksum than was published, {remote.hash}; {hint}")


def forget_dataset(name: str) -> Path | None:
    """The folder in which the data set was remembered to be, and no longer is; None: nothing was remembered.

    The folder and its files stay as they are.

    Raises:
        InputError: the list of folders is damaged.
        OSError: it can't be written.
    """
    folder = forget(name)
    return None if folder is None else Path(folder)
