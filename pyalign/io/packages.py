"""Packages that a format needs, each imported when used."""

from __future__ import annotations

import importlib
from types import ModuleType

from pyalign.errors import MissingExtraError
from pyalign.io.paths import PathLike, is_memory


def needed(path: PathLike, package: str, extra: str, module: str | None = None) -> ModuleType:
    """Import ``package`` or raise the error that says what to install."""
    try:
        return importlib.import_module(module or package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{path}:", package, extra) from error
    except ImportError as error:
        if not is_memory(error):
            raise
        raise MemoryError(f"{path}: not enough memory to load {package}") from error
