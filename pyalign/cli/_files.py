"""The files behind what a command reads: an input is one, a folder of them, or a data set that describes them."""

from __future__ import annotations

import os

from pyalign.io.folder import folder_files
from pyalign.io.paths import Spec, is_named


def files_of(spec: str) -> dict[str, str]:
    """The files that FILE, FILE::KEY or FOLDER::LAYER is read from, and how a message about each begins.

    Of a description, ``mine.toml``, they are that file and all files that it names.

    Raises:
        InputError: what `Spec` refuses.

    Example:
        >>> files_of("features.npz::fc7")
        {'features.npz': 'features.npz:'}
    """
    path = Spec(spec).path
    if is_named(path):
        from pyalign.datasets.dataset import described_files

        inside = [_files_at(file, shown) for file, shown in described_files(path).items()]
        return {file: shown for files in inside for file, shown in files.items()} or {path: f"{path}:"}
    return _files_at(path, path)


def _files_at(path: str, shown: str) -> dict[str, str]:
    """A file, or those of a folder, which messages call `shown`."""
    if not os.path.isdir(path):
        return {path: f"{shown}:"}
    return {os.path.join(path, name): f"{shown}: {name}" for name in folder_files(path)}
