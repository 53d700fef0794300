"""The names that sources know, kept in a file of the user's cache: to ask timm itself takes seconds.

What is kept belongs to the packages as they were; where one of them has changed, the source is asked again. A file that
can't be read or written is no more than a question asked again.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from pyalign._version import __version__
from pyalign.extraction.sources import SOURCES, module_of


class Known(NamedTuple):
    """The names of a source in its order; `first`: those that stand for an architecture without a tag."""

    names: tuple[str, ...]
    first: frozenset[str] = frozenset()


def known_names(source: str) -> Known:
    """What a source knows.

    Raises:
        MissingExtraError: a package that it needs is not installed.
    """
    if not {"torch", "timm"} & {*SOURCES[source].packages}:
        return Known(tuple(module_of(source).names()))
    key, place = _key(source), _folder() / f"models-{source}.json"
    found = _read(place, key)
    if found is None:
        found = Known(tuple(module_of(source).names()), frozenset(_first(source)))
        _write(place, key, found)
    return found


def _first(source: str) -> list[str]:
    """The default tag of each architecture of timm: that of the bare name."""
    if source != "timm":
        return []
    import timm

    tags = ((name, timm.get_pretrained_cfg(name).tag) for name in timm.list_models())
    return [f"{name}.{tag}" for name, tag in tags if tag]


def _folder() -> Path:
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if os.path.isabs(given) else Path.home() / ".cache") / "pyalign"


def _key(source: str) -> list[Any]:
    """What the names depend on: versions, by the files that packages begin with."""
    row = SOURCES[source]
    specs = [find_spec(name) for name in (*row.packages, f"pyalign.extraction.{row.module}")]
    files = [spec.origin for spec in specs if spec is not None and spec.origin is not None]
    stamps = [[file, os.stat(file).st_mtime_ns] for file in files if os.path.exists(file)]
    return [__version__, len(row.packages), stamps]


def _read(place: Path, key: list[Any]) -> Known | None:
    with suppress(OSError, ValueError, RecursionError):
        held = json.loads(place.read_text(encoding="utf-8"))
        if isinstance(held, dict) and held.get("key") == key and _are_names(held.get("names"), held.get("first")):
            return Known(tuple(held["names"]), frozenset(held["first"]))
    return None


def _are_names(*lists: Any) -> bool:
    return all(isinstance(one, list) and all(isinstance(name, str) for name in one) for one in lists)


def _write(place: Path, key: list[Any], found: Known) -> None:
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=place.parent, suffix=".new")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"key": key, "names": found.names, "first": sorted(found.first)}, file)
        os.replace(beside, place)
