"""The files behind what a command reads: an input is one, or a folder of them."""

from __future__ import annotations

import os

from pyalign.io.folder import folder_files
from pyalign.io.paths import Spec


def files_of(spec: str) -> dict[str, str]:
    """The files that FILE, FILE::KEY or FOLDER::LAYER is read from, and how a message about each begins.

    Raises:
        InputError: what `Spec` refuses.

    Example:
        >>> files_of("features.npz::fc7")
        {'features.npz': 'features.npz:'}
    """
    path = Spec(spec).path
    if not os.path.isdir(path):
        return {path: f"{path}:"}
    return {os.path.join(path, name): f"{path}: {name}" for name in folder_files(path)}
