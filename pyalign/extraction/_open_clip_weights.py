"""Looks up the weights that a name of OpenCLIP means, and how images are prepared for them.

Weights are always loaded from a file whose preprocessing is known. OpenCLIP itself takes a bare file of weights with a
default one, and a tag of OpenAI with the wrong activation, and only warns.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from typing import Any

import open_clip

from pyalign._dataclass import dataclass, field
from pyalign.errors import InputError
from pyalign.extraction import hub
from pyalign.extraction.encoder import Request
from pyalign.extraction.hub import one_line_errors
from pyalign.extraction.spelling import propose

CONFIG = "open_clip_config.json"
SHOWN = 6  # tags in a message
FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")  # of a repository, in OpenCLIP's order


@dataclass(frozen=True)
class Plan:
    """What is made, before anything is loaded."""

    model: str  # a name that OpenCLIP knows, or `local-dir:FOLDER` with a config.
    config: Mapping[str, Any]  # of the model.
    # what OpenCLIP knows of the weights: their preprocessing, and where they are; empty for a folder's.
    tag: Mapping[str, Any] = field(default_factory=dict)
    path: str | None = None  # the file of weights; None for random ones.
    origin: str = ""  # of the weights.
    notes: tuple[str, ...] = ()  # a sentence each.


def plan_of(spec: str, name: str, request: Request) -> Plan:
    """What a name means: looks for files in folders and caches, and fetches them where the network allows."""
    scheme, _, place = name.partition(":")
    if scheme in ("hf-hub", "local-dir") and place:
        return _plan_of_folder(spec, scheme, place, request)
    architecture, _, pretrained = name.partition("/")
    known = open_clip.list_models()
    if architecture not in known:
        which = f"OpenCLIP {open_clip.__version__} has no such model"
        raise InputError(f"{spec}: {which}{propose(name, [*known, *names()])}")
    config, tags = open_clip.get_model_config(architecture), open_clip.list_pretrained_tags_by_model(architecture)
    tag = open_clip.get_pretrained_cfg(architecture, pretrained) if pretrained else {}
    more = f" and {len(tags) - SHOWN} more" if len(tags) > SHOWN else ""
    listed = f"{', '.join(tags[:SHOWN]) or 'none'}{more}"
    if pretrained and not tag and not os.path.exists(pretrained):
        raise InputError(f"{spec}: weights must be one of {listed}; got {pretrained!r}{propose(pretrained, tags)}")
    notes = _activation(spec, config, tag) if tag else ()
    if request.seed is not None:
        return Plan(architecture, config, tag, origin=f"random, seed {request.seed}", notes=notes)
    weights_path = request.checkpoint or (None if tag else pretrained or None)
    if weights_path is None and not tag:
        raise InputError(f"{spec} must say which weights: {name}/TAG with a tag of {listed}")
    if weights_path is None:
        _require_text_config(spec, config)
        path, origin = _file_of_tag(spec, tag)
        return Plan(architecture, config, tag, path, origin, notes)
    file = _file_in(spec, weights_path)
    folder = os.path.dirname(os.path.abspath(file))
    if not tag and not os.path.isfile(os.path.join(folder, CONFIG)):
        raise InputError(
            f"{spec}: the preprocessing of {file} is not known: name the tag that it was trained like, as "
            f"open_clip:{architecture}/TAG with checkpoint=path, or put {CONFIG} next to it"
        )
    if tag:
        _require_text_config(spec, config)
        return Plan(architecture, config, tag, file, file, notes)
    config = _read_config(spec, folder)
    _require_text_config(spec, config)
    return Plan(f"local-dir:{folder}", config, path=file, origin=file)


def _plan_of_folder(spec: str, scheme: str, place: str, request: Request) -> Plan:
    """A model whose config comes with its weights."""
    if scheme == "hf-hub":
        origin, folder = f"{hub.endpoint()}/{place}", os.path.dirname(hub.fetch(spec, place, (CONFIG,)))
    else:
        origin, folder = place, place
    config = _read_config(spec, folder)
    _require_text_config(spec, config)
    if request.seed is not None:
        return Plan(f"local-dir:{folder}", config, origin=f"random, seed {request.seed}")
    if request.checkpoint is not None:
        path = origin = _file_in(spec, request.checkpoint)
    else:
        path = hub.fetch(spec, place, FILES) if scheme == "hf-hub" else _file_in(spec, folder)
    return Plan(f"local-dir:{folder}", config, path=path, origin=origin)


def is_other_activation(config: Mapping[str, Any], tag: Mapping[str, Any]) -> bool:
    """Whether a tag was trained with another activation than its model has by its name."""
    return bool(tag) and bool(config.get("quick_gelu", False)) != bool(tag.get("quick_gelu", False))


def _activation(spec: str, config: Mapping[str, Any], tag: Mapping[str, Any]) -> tuple[str, ...]:
    if not is_other_activation(config, tag):
        return ()
    had = "QuickGELU" if tag.get("quick_gelu") else "GELU"
    return (f"{spec} was trained with {had}, which is used here; in OpenCLIP the name by itself does not imply it",)


def _file_of_tag(spec: str, tag: Mapping[str, Any]) -> tuple[str, str]:
    """The file of weights of a tag, and where it is from."""
    place = tag.get("hf_hub", "")
    if place:
        repository, file = os.path.split(place)
        stem, suffix = os.path.splitext(file)
        files = FILES if not file else ((f"{stem}.safetensors", file) if suffix in (".bin", ".pth") else (file,))
        return hub.fetch(spec, repository, files), f"{hub.endpoint()}/{repository}"
    url = tag["url"]
    path = os.path.join(os.path.expanduser("~/.cache/clip"), os.path.basename(url))
    if not os.path.isfile(path) and (reason := hub.why_offline(url)) is not None:
        raise InputError(
            f"{spec}: its weights are not in the cache ({path}) and {reason}; where there is a network, "
            f"'curl -LO {url}' fetches them: put the file there, or give it as checkpoint=path"
        )
    with one_line_errors(spec, f"its weights could not be fetched from {url}"):
        return str(open_clip.download_pretrained_from_url(url)), url


def _file_in(spec: str, path: str) -> str:
    """A file of weights, or the one in a folder."""
    if not os.path.exists(path):
        raise InputError(f"{spec}: weights {path}: {os.strerror(errno.ENOENT)}")
    if not os.path.isdir(path):
        return path
    weight_files = [name for name in sorted(os.listdir(path)) if name.endswith((".safetensors", ".bin", ".pth", ".pt"))]
    chosen = next((name for name in FILES if name in weight_files), weight_files[0] if len(weight_files) == 1 else None)
    if chosen is None:
        raise InputError(f"{spec}: {path} must hold {FILES[0]}, or one file of weights; it has {len(weight_files)}")
    return os.path.join(path, chosen)


def _read_config(spec: str, folder: str) -> Mapping[str, Any]:
    path = os.path.join(folder, CONFIG)
    if not os.path.isfile(path):
        raise InputError(f"{spec}: {folder} must hold {CONFIG}, which says the model and its preprocessing")
    with one_line_errors(spec, f"{path} is no config of OpenCLIP"), open(path, encoding="utf-8") as handle:
        config = json.load(handle)
        config["preprocess_cfg"]
        return dict(config["model_cfg"])


def _require_text_config(spec: str, config: Mapping[str, Any]) -> None:
    """A text side of transformers is made after a config, of the hub or of a folder.

    OpenCLIP would ask for one of the hub at length, and for one that needs code on stdin whether it may run that.
    """
    repository = config.get("text_cfg", {}).get("hf_model_name")
    if not repository:
        return
    from transformers import MODEL_MAPPING

    from pyalign.extraction.hub import config_of

    is_folder = os.path.isdir(repository)
    folder = repository if is_folder else os.path.dirname(hub.fetch(spec, repository, ("config.json",)))
    if type(config_of(spec, folder)) not in MODEL_MAPPING:
        raise InputError(f"{spec}: {repository} is of no class that transformers has")


def names() -> list[str]:
    """All that have trained weights, as NAME/PRETRAINED."""
    return [f"{name}/{tag}" for name, tag in open_clip.list_pretrained()]
