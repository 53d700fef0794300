"""Where a model of transformers is: a folder, or the hub and its cache; found before anything is loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import transformers

from pyalign.errors import InputError
from pyalign.extraction import hub
from pyalign.extraction.encoder import Request
from pyalign.extraction.weights import NEEDS_CODE, hash_file, one_line_errors

FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


def folder_of(spec: str, name: str, alternatives: Sequence[str] = ()) -> str:
    """The folder with a model's config and one of the `alternatives`: as given, or in the hub's cache.

    Raises:
        InputError: it is not there, or can't be fetched.
    """
    if os.path.isdir(name):
        for files in (("config.json",), alternatives):
            if files and not any(os.path.isfile(os.path.join(name, file)) for file in files):
                raise InputError(f"{spec}: {name} must hold {' or '.join(files)}")
        return name
    if name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise InputError(f"{spec}: must be a folder, or a repository such as facebook/dinov2-small; {name} is neither")
    folder = os.path.dirname(hub.fetch(spec, name, ("config.json",)))
    if alternatives:
        hub.fetch(spec, name, alternatives)
    return folder


def config_of(spec: str, folder: str) -> Any:
    """The config of a folder.

    Raises:
        InputError: there is none that this transformers knows; a model that needs code of its repository.
    """
    path = os.path.join(folder, "config.json")
    with one_line_errors(spec, f"{path} is no config of transformers"):
        with open(path, encoding="utf-8") as handle:
            document = json.load(handle)
        kind = document.get("model_type")
        if kind not in transformers.CONFIG_MAPPING and "auto_map" in document:
            raise InputError(f"{spec} {NEEDS_CODE}")
        for kernel in kernels_in(document):
            raise InputError(f"{spec} {NEEDS_CODE}: {path} names the kernel {kernel!r:.80}")
        with quietly():
            return transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)


def kernels_in(document: Any, key: str = "") -> Iterator[str]:
    """The kernels of repositories, programs of somebody's, that a configuration names for its attention.

    Example:
        >>> [*kernels_in({"text_config": {"attn_implementation": "some/kernel"}, "attn_implementation": "sdpa"})]
        ['some/kernel']
    """
    if isinstance(document, dict):
        for name, value in document.items():
            yield from kernels_in(value, key if key.endswith("_implementation") else name)
    elif isinstance(document, str) and key.endswith("_implementation") and "/" in document:
        yield document


def file_of(spec: str, name: str, folder: str, request: Request) -> tuple[str, str]:
    """The file of weights, or their index, and where it is from."""
    place = request.checkpoint or (name if os.path.isdir(name) else None)
    if place is not None and os.path.isdir(place):
        weights_file = next((path for file in FILES if os.path.isfile(path := os.path.join(place, file))), None)
        if weights_file is None:
            raise InputError(f"{spec}: {place} must hold {' or '.join(FILES)}")
        return weights_file, place
    if place is not None:
        hash_file(spec, place)
        return place, place
    path = hub.fetch(spec, name, FILES)
    if path.endswith(".index.json"):
        with open(path, encoding="utf-8") as handle:
            shards = sorted({*json.load(handle)["weight_map"].values()})
        for shard in shards:
            hub.fetch(spec, name, (shard,))
    return path, f"{hub.endpoint()}/{name}"


@contextmanager
def quietly() -> Iterator[None]:
    """Inside, transformers prints neither progress nor advice."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
