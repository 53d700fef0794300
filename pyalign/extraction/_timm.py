"""Models of timm.

`penultimate` is `forward_head(forward_features(x), pre_logits=True)`, which equals the model without its classifier in
every family; `num_features` is not its width in some, and hooks on the classifier's input see half of a model with two.
"""

from __future__ import annotations

import errno
import inspect
import os
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import timm
import torch
from timm.data import create_transform, resolve_model_data_config

from pyalign.errors import InputError, Remedy
from pyalign.extraction import hub
from pyalign.extraction.encoder import LOGITS, PENULTIMATE, Request, Weights
from pyalign.extraction.hub import hash_file, one_line_errors, read_state
from pyalign.extraction.layers import Tokens
from pyalign.extraction.spelling import propose
from pyalign.extraction.torch_encoder import TorchEncoder, hash_of, settings

FILES = ("model.safetensors", "pytorch_model.bin")  # of a repository, in timm's order
TRAINED_TO_CLASSIFY = re.compile(r"in1k|in12k|in21k|in22k|inat")
OF_LANGUAGE = re.compile(r"clip|siglip|mobileclip")


def load(name: str, request: Request) -> TorchEncoder:
    """A model by its name and tag, or `local-dir:FOLDER` with a config.json."""
    spec = f"timm:{name}"
    if request.seed is not None:
        module = create(spec, name, request.seed)
        return encoder_of(spec, module, Weights(f"random, seed {request.seed}", hash_of(module)), request)
    if name.startswith("local-dir:"):
        folder = name.partition(":")[2]
        if not os.path.isfile(os.path.join(folder, "config.json")):
            raise InputError(f"{spec}: {folder} must hold config.json, which says the model and its preprocessing")
        path = origin = file_in(spec, request.checkpoint or folder)
        module = _filled(spec, name, path)
    else:
        config = _config(spec, name)
        checkpoint = None if request.checkpoint is None else file_in(spec, request.checkpoint)
        path = checkpoint or _from_hub(spec, config)
        origin = checkpoint or f"{hub.endpoint()}/{config.hf_hub_id}"
        module = _filled(spec, name, path)
    described = hash_file(spec, path)
    return encoder_of(spec, module, Weights(origin, hash_of(module), described), request)


def encoder_of(spec: str, module: Any, weights: Weights, request: Request) -> TorchEncoder:
    """A model of timm, with its own preprocessing."""
    config = resolve_model_data_config(module)
    transform = create_transform(**config, is_training=False)
    meanings, notes = _meanings(spec, module)
    preprocessing = {"library": "timm", "size": list(config["input_size"]), **_plain(config), "text": _text(transform)}
    versions = {name: version(name) for name in ("timm", "torch", "torchvision", "pillow")}

    inside = inspect.signature(module.forward_intermediates).parameters if _has_parts(module) else {}
    prefixed = {"return_prefix_tokens": True} if "return_prefix_tokens" in inside else {}

    def ends(batch: torch.Tensor, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        places = {name: int(name.rpartition(".")[2]) for name in names if name not in meanings}
        outputs: dict[str, torch.Tensor] = {}
        if places:
            wanted, alone = sorted({*places.values()}), len(places) == len(names)
            returned = module.forward_intermediates(
                batch, indices=wanted, intermediates_only=alone, stop_early=alone, output_fmt="NCHW", **prefixed
            )
            features, maps = (None, returned) if alone else returned
            for name, place in places.items():
                intermediate = maps[wanted.index(place)]
                outputs[name], prefix = intermediate if isinstance(intermediate, tuple | list) else (intermediate, None)
                if prefix is not None:
                    outputs[f"{name}.prefix"] = prefix
        else:
            features = module.forward_features(batch)
        heads = [name for name in names if name in meanings]
        return outputs | {end: module.forward_head(features, pre_logits=end == PENULTIMATE) for end in heads}

    def parts() -> int:
        if not inside:
            return 0
        with torch.inference_mode():
            blank = torch.zeros(1, *config["input_size"], device=next(module.parameters()).device)
            return len(module.forward_intermediates(blank, intermediates_only=True))

    return TorchEncoder(
        spec, weights, preprocessing, versions, notes=notes, module=module, transform=transform, ends=ends,
        meanings=meanings, parts=parts, tokens=tokens_of(module), size=tuple(config["input_size"]), **settings(request),
    )


def create(spec: str, name: str, seed: int = 0) -> Any:
    """The architecture with weights that are drawn at random."""
    if not name.startswith("local-dir:"):
        _config(spec, name)
    torch.manual_seed(seed)
    with one_line_errors(spec, "can't be made"):
        return timm.create_model(name, pretrained=False)


def _config(spec: str, name: str) -> Any:
    """What timm knows of a model's weights."""
    architecture, _, tag = name.partition(".")
    known = timm.is_model(architecture) and (not tag or name in timm.list_pretrained(f"{architecture}*"))
    if not known:
        raise InputError(f"{spec}: timm {timm.__version__} has no such model{propose(name, names())}")
    return timm.get_pretrained_cfg(name)


def _filled(spec: str, name: str, path: str) -> Any:
    """The architecture with the weights of a file, whose names timm translates where they are of another library."""
    overlay: dict[str, Any] = {"source": ""}
    with one_line_errors(spec, f"{path} does not fit"):
        if path.endswith((".npz", ".npy")):
            overlay |= {"file": path, "custom_load": True}
        else:
            overlay["state_dict"] = read_state(path)
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)


def _from_hub(spec: str, config: Any) -> str:
    if not config.hf_hub_id:
        raise InputError(
            f"{spec} has no trained weights: choose another tag "
            f"({Remedy.of_both('pyalign.list_models()', 'pyalign models list')}), "
            f"{Remedy('checkpoint', like='path')}, or "
            f"random:0:{spec}"
        )
    files = (config.hf_hub_filename,) if config.hf_hub_filename else FILES
    return hub.fetch(spec, config.hf_hub_id, files)


def file_in(spec: str, path: str) -> str:
    """A file of weights, or the one in a folder."""
    if not os.path.exists(path):
        raise InputError(f"{spec}: weights {path}: {os.strerror(errno.ENOENT)}")
    if not os.path.isdir(path):
        return path
    weights_file = next((file for name in FILES if os.path.isfile(file := os.path.join(path, name))), None)
    if weights_file is None:
        raise InputError(f"{spec}: {path} must hold {' or '.join(FILES)}")
    return weights_file


def _meanings(spec: str, module: Any) -> tuple[dict[str, str], tuple[str, ...]]:
    """What the ends are, and what to know about them."""
    config = module.pretrained_cfg
    named = f"{config.get('architecture', '')}.{config.get('tag', '')}"
    classes, notes = module.num_classes, tuple[str, ...]()
    meanings = {PENULTIMATE: "pooled feature before the classifier"}
    of_language = OF_LANGUAGE.search(named) is not None
    if of_language and not TRAINED_TO_CLASSIFY.search(named):
        meanings[PENULTIMATE] = "pooled feature before the projection" if classes else "joint space with text"
        meanings[LOGITS] = "joint space with text"
        if not classes:
            notes = (f"{spec} has no projection: penultimate and logits are both the joint space with text",)
    elif classes:
        meanings[LOGITS] = f"output of the classifier, {classes:,} classes"
    else:
        meanings[PENULTIMATE] = "pooled feature of a model without a classifier"
    if of_language and classes and LOGITS in meanings and "classifier" in meanings[LOGITS]:
        notes = (
            f"{spec} is {named}, fine-tuned to {classes:,} classes: its logits are classes and no joint space with "
            "text, which tags such as .openai have",
        )
    return meanings, notes


def tokens_of(module: Any) -> Tokens:
    leading = int(getattr(module, "num_prefix_tokens", 0) or 0)
    patches = getattr(getattr(module, "patch_embed", None), "num_patches", None)
    has_class = getattr(module, "cls_token", None) is not None
    return Tokens(leading, has_class and leading > 0, patches if isinstance(patches, int) else None)


def _has_parts(module: Any) -> bool:
    return hasattr(module, "forward_intermediates")


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("interpolation", "mean", "std", "crop_pct", "crop_mode")
    return {name: list(config[name]) if isinstance(config[name], tuple) else config[name] for name in kept}


def _text(transform: Any) -> str:
    return " ".join(str(transform).split())


def names() -> list[str]:
    """All that have trained weights, with their tags."""
    return list(timm.list_models(pretrained=True))
