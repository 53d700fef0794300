"""Models of torchvision, with the preprocessing of their weights.

`penultimate` is what the last classifier layer is given, seen in the same pass as its answer: the last `nn.Linear`,
which is the classifier in every family but SqueezeNet, whose classifier is a convolution before the mean over places.
There it is the mean over places of what the convolution sees, so that it is in all families the model with Identity in
place of that layer.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

import torch
import torchvision
from torch import nn
from torchvision.io import ImageReadMode, decode_jpeg

from pyalign.errors import InputError, Remedy
from pyalign.extraction import hub
from pyalign.extraction.decode import WHITE
from pyalign.extraction.decode import decode as by_pillow
from pyalign.extraction.encoder import LOGITS, PENULTIMATE, Request, Weights
from pyalign.extraction.hub import hash_file, one_line_errors, read_state
from pyalign.extraction.layers import Tokens, tap
from pyalign.extraction.spelling import open_image, propose
from pyalign.extraction.torch_encoder import TorchEncoder, hash_of, settings

WITH_HEADS_BESIDE = ("googlenet", "inception_v3")  # auxiliary classifiers, which only training uses
HASH = re.compile(r"-([a-f0-9]{8,})\.")  # in the name of a file of weights


def load(name: str, request: Request) -> TorchEncoder:
    """NAME, or NAME/WEIGHTS such as resnet50/IMAGENET1K_V1; else the weights that torchvision has as its default."""
    spec = f"torchvision:{name}"
    architecture, chosen = _chosen(spec, name)
    spec, notes = f"torchvision:{architecture}/{chosen.name}", tuple[str, ...]()
    if request.seed is not None:
        torch.manual_seed(request.seed)
        module = _module(spec, architecture, chosen)
        weights = Weights(f"random, seed {request.seed}", hash_of(module))
        spec = f"torchvision:{name}"
    else:
        path = request.checkpoint or _file_of(spec, chosen.url)
        described = hash_file(spec, path)
        module = _filled(spec, architecture, chosen, path)
        origin = path if request.checkpoint else chosen.url
        weights = Weights(origin, hash_of(module), described)
        promised = HASH.search(os.path.basename(path))
        if request.checkpoint is None and promised and not described.startswith(promised[1]):
            notes = (f"{path} has not the hash that its name says: it may be damaged, or not torchvision's",)
    return _encoder_of(spec, module, chosen, weights, notes, request)


def _encoder_of(
    spec: str, module: nn.Module, chosen: Any, weights: Weights, notes: tuple[str, ...], request: Request
) -> TorchEncoder:
    transform = chosen.transforms()
    side = int(transform.crop_size[0])
    name, layer = _classifier(module)
    is_map = isinstance(layer, nn.Conv2d)
    fetch = tap(layer, partial(torch.mean, dim=(2, 3)) if is_map else None)
    classes = layer.out_channels if is_map else layer.out_features
    quantity = "mean over places of what" if is_map else "what"
    meanings = {
        PENULTIMATE: f"{quantity} the last classifier layer, {name}, is given",
        LOGITS: f"output of the classifier, {classes:,} classes",
    }

    def ends(batch: torch.Tensor, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        answered = module(batch)
        return {LOGITS: answered, PENULTIMATE: fetch()}

    return TorchEncoder(
        spec, weights, _preprocessing(chosen, transform),
        {name: version(name) for name in ("torchvision", "torch", "pillow")}, notes=notes, module=module,
        transform=transform, ends=ends, meanings=meanings, tokens=_tokens(module), size=(3, side, side),
        **settings(request),
    )


def _chosen(spec: str, name: str) -> tuple[str, Any]:
    """The architecture, and the entry of torchvision's table of its weights."""
    architecture, _, tag = name.partition("/")
    known = torchvision.models.list_models(module=torchvision.models)
    if architecture not in known:
        which = f"torchvision {torchvision.__version__} has no such classifier"
        raise InputError(f"{spec}: {which}{propose(architecture, known)}")
    table = torchvision.models.get_model_weights(architecture)
    if tag and tag != "DEFAULT" and tag not in table.__members__:
        raise InputError(f"{spec}: weights must be one of {', '.join(weights.name for weights in table)}; got {tag!r}")
    return architecture, table[tag or "DEFAULT"]


def _module(spec: str, architecture: str, chosen: Any, **more: Any) -> nn.Module:
    """The model that these weights fit, as torchvision makes it for them."""
    if architecture in WITH_HEADS_BESIDE:
        more |= {"transform_input": True, "aux_logits": False, "init_weights": True}
    if architecture.startswith("vit_"):
        more["image_size"] = chosen.meta["min_size"][0]
    more.setdefault("num_classes", len(chosen.meta["categories"]))
    with one_line_errors(spec, "can't be made"):
        made: nn.Module = torchvision.models.get_model(architecture, weights=None, **more)
    return made


def _filled(spec: str, architecture: str, chosen: Any, path: str) -> nn.Module:
    """The model with the weights of a file, of as many classes as they have."""
    with one_line_errors(spec, f"{path} does not fit"):
        state = read_state(path)
        if architecture in WITH_HEADS_BESIDE:
            state = {name: value for name, value in state.items() if not name.lower().startswith("aux")}
        module = _module(spec, architecture, chosen)
        name, layer = _classifier(module)
        classifier_weight = state.get(f"{name}.weight")
        if classifier_weight is not None and classifier_weight.shape[0] != layer.weight.shape[0]:
            module = _module(spec, architecture, chosen, num_classes=classifier_weight.shape[0])
        module.load_state_dict(state)
    return module


def _classifier(module: nn.Module) -> tuple[str, Any]:
    """The name of the last classifier layer, and the layer."""
    kind = nn.Conv2d if isinstance(module, torchvision.models.SqueezeNet) else nn.Linear
    return [(name, layer) for name, layer in module.named_modules() if isinstance(layer, kind)][-1]


def _tokens(module: nn.Module) -> Tokens:
    if not isinstance(module, torchvision.models.VisionTransformer):
        return Tokens()
    return Tokens(1, True, (module.image_size // module.patch_size) ** 2)


def _file_of(spec: str, url: str) -> str:
    """The file of weights in torch's cache; fetched, where the network allows."""
    path = os.path.join(torch.hub.get_dir(), "checkpoints", os.path.basename(url))
    if os.path.isfile(path):
        return path
    reason = hub.why_offline(url)
    if reason is not None:
        raise InputError(
            f"{spec}: its weights are not in the cache ({path}) and {reason}; where there is a network, "
            f"'curl -O {url}' fetches them: put the file there, or give it as {Remedy('checkpoint', like='path')}"
        )
    with one_line_errors(spec, f"its weights could not be fetched from {url}"):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        promised = HASH.search(url)
        torch.hub.download_url_to_file(url, path, promised[1] if promised else None, progress=False)
    return path


def _preprocessing(chosen: Any, transform: Any) -> dict[str, Any]:
    shown = {name: getattr(transform, name) for name in ("resize_size", "crop_size", "mean", "std")}
    return {
        "library": "torchvision", "weights": chosen.name, "size": [3, *transform.crop_size * 2][:3],
        **{name: list(value) for name, value in shown.items()},
        "interpolation": transform.interpolation.value, "antialias": transform.antialias,
    }


def names() -> list[str]:
    """All classifiers, and each with each of its weights."""
    known = torchvision.models.list_models(module=torchvision.models)
    tagged = [
        f"{architecture}/{tag.name}"
        for architecture in known
        for tag in torchvision.models.get_model_weights(architecture)
    ]
    return [*known, *tagged]


def decode(data: Any, background: tuple[int, int, int] = WHITE) -> Any:
    """Decodes like `pyalign.extraction.decode.decode`; torchvision reads JPEG in RGB or gray, turned as EXIF says."""
    if not isinstance(data, bytes):
        return by_pillow(data, background)
    header = open_image(data)  # no pixels yet: what it refuses is refused
    if header.format != "JPEG" or header.mode not in ("RGB", "L"):
        return by_pillow(data, background)
    try:
        raw = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        pixels = decode_jpeg(raw, ImageReadMode.RGB, apply_exif_orientation=True)
    except RuntimeError as error:
        raise InputError(f"is no sound JPEG image ({' '.join(str(error).split())[:160]})") from error
    return by_pillow(pixels.permute(1, 2, 0).contiguous().numpy(), background)
