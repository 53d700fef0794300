"""What the name of a model names on the disk: a file or folder that its source reads, or runs."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import NamedTuple

from pyalign.errors import InputError


class OnDisk(NamedTuple):
    """What a spec names on the disk: `path` between `before` and `after`.

    Attributes:
        sure: whether it can be nothing else; otherwise it may be a name in a hub, or a tag.
        is_code: whether it is run.
    """

    before: str
    path: str
    after: str = ""
    sure: bool = True
    is_code: bool = False

    def at(self, path: str) -> str:
        """The spec with another path."""
        return f"{self.before}{path}{self.after}"


def on_disk(spec: str) -> OnDisk | None:
    """What a spec names, or may name, on the disk; None where it names nothing there.

    Example:
        >>> on_disk("random:0:module:nets/mine.py:net")
        OnDisk(before='random:0:module:', path='nets/mine.py', after=':net', sure=True, is_code=True)
        >>> on_disk("timm:resnet50") is None
        True
    """
    source, _, name = spec.partition(":")
    if source == "random":
        seed, _, inner = name.partition(":")
        location = on_disk(inner)
        return None if location is None else location._replace(before=f"random:{seed}:{location.before}")
    if source == "module":
        path, colon, function = name.rpartition(":")
        return OnDisk("module:", path, f"{colon}{function}", is_code=True)
    if source == "onnx":
        return OnDisk("onnx:", name)
    if source in ("transformers", "sentence-transformers"):
        return OnDisk(f"{source}:", name, sure=False)
    if source in ("timm", "open_clip") and name.startswith("local-dir:"):
        return OnDisk(f"{source}:local-dir:", name.removeprefix("local-dir:"))
    if source == "open_clip" and ":" not in name and "/" in name:
        architecture, _, weights = name.partition("/")
        return OnDisk(f"open_clip:{architecture}/", weights, sure=False)
    return None


def from_folder(spec: str, folder: str) -> str:
    """A spec whose relative paths start from the working directory, made of one whose paths start from a folder.

    Raises:
        InputError: what it names is not in the folder, and something of that name in the working directory would be
            taken instead of a model of a hub.
    """
    location = on_disk(spec)
    if location is None or not location.path or os.path.isabs(location.path) or os.path.realpath(folder) == os.getcwd():
        return spec
    place = os.path.join(folder, location.path)
    if location.sure or os.path.exists(place):
        return location.at(place)
    if os.path.exists(location.path):
        raise InputError(
            f"{spec}: there is no {place}, and {location.path} of the working directory is not taken for it"
        )
    return spec


def require_plain_files(spec: str, folder: str) -> None:
    """Raises where the folder of a model, if it is one, holds a pipe or a device: a library would wait for it.

    Links are followed to files, as the cache of a hub has them.
    """
    for at, _, names in os.walk(folder):
        for path in (os.path.join(at, name) for name in names):
            with suppress(OSError):  # gone, or a link that leads nowhere, which its library says
                if not stat.S_ISREG(os.stat(path).st_mode):
                    raise InputError(f"{spec}: {path} is not a regular file")
