"""Models of images of transformers: from the hub, its cache, or a folder.

Of a model with a classifier `penultimate` is what that is given, and `logits` its answer. Of one that shares a space
with texts, such as CLIP, `logits` is that space (`get_image_features`) and `penultimate` what its projection is given;
SigLIP has no projection, so both are the same. Of any other it is the model's pooled output where that has trained
weights, else the class token after the last norm (DINO, ViT-MAE), else the mean over all tokens.

No code of a repository or a folder is run, and nobody is asked whether it may be. Images are prepared by the processors
that use Pillow, whatever else is installed: those of torchvision give other pixels.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import torch
import transformers
from torch import nn

from pyalign.errors import InputError
from pyalign.extraction.encoder import LOGITS, PENULTIMATE, Request, Weights
from pyalign.extraction.hub import config_of, file_of, folder_of, hash_file, one_line_errors, quietly, read_state
from pyalign.extraction.layers import Tokens, find_classifier, tap
from pyalign.extraction.torch_encoder import Ends, TorchEncoder, first_tensor, hash_of, settings

PROCESSORS = ("preprocessor_config.json", "processor_config.json")
JOINT = "joint space with text, not normalized"
SIDE = 256  # of the blank image by which a processor shows what it gives


def load(name: str, request: Request) -> TorchEncoder:
    """The model of a repository, as ID or ID@REVISION, or of a folder."""
    spec = f"transformers:{name}"
    folder = folder_of(spec, name)
    config = config_of(spec, folder)
    kind, is_joint = _class_of(spec, config)
    folder_of(spec, name, PROCESSORS)
    with quietly(), one_line_errors(spec, "its processor can't be made"):
        processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False)
    module, weights = _model(spec, name, folder, kind, config, request)

    def transform(image: Any) -> torch.Tensor:
        pixels = processor(images=image, return_tensors="pt")["pixel_values"]
        return torch.as_tensor(pixels[0])

    size = _size(spec, processor)
    ends, meanings = _ends(spec, module, is_joint, size)
    versions = {package: version(package) for package in ("transformers", "torch", "pillow")}
    return TorchEncoder(
        spec, weights, _preprocessing(processor, size), versions, notes=_notes(spec, processor, module), module=module,
        transform=transform, ends=ends, meanings=meanings, tokens=_tokens(module, size), size=size, **settings(request),
    )


def _class_of(spec: str, config: Any) -> tuple[Any, bool]:
    """The class of a model, and whether it has a joint space with text."""
    named = (getattr(config, "architectures", None) or [""])[0]
    kind = getattr(transformers, named, None)
    if kind is not None and "ForImageClassification" in named:
        return kind, False
    if kind is not None and named.endswith("VisionModelWithProjection"):
        return kind, True
    joint = type(config) in transformers.MODEL_FOR_ZERO_SHOT_IMAGE_CLASSIFICATION_MAPPING
    vision = type(config).__name__.removesuffix("Config").endswith("Vision")
    if not joint and not vision and type(config) not in transformers.models.auto.modeling_auto.MODEL_FOR_IMAGE_MAPPING:
        raise InputError(f"{spec} is a {config.model_type}, which is no model of images; texts go to a source of texts")
    with one_line_errors(spec, "is of no class that transformers has"):
        model_class = transformers.MODEL_MAPPING[type(config)]
    return model_class[0] if isinstance(model_class, tuple | list) else model_class, joint


def _model(spec: str, name: str, folder: str, kind: Any, config: Any, request: Request) -> tuple[nn.Module, Weights]:
    """The model with its weights, in evaluation mode."""
    if getattr(config, "mask_ratio", None) is not None:
        config.mask_ratio = 0.0  # a masked autoencoder hides most of each image, sampled again each time
    if request.seed is not None:
        torch.manual_seed(request.seed)
        with quietly(), one_line_errors(spec, "can't be made"):
            made = kind(config)
        return made.eval(), Weights(f"random, seed {request.seed}", hash_of(made))
    path, origin = file_of(spec, name, folder, request)
    arguments: dict[str, Any] = {}
    with quietly(), one_line_errors(spec, f"{path} does not fit"):
        place: str | None = request.checkpoint or folder
        if not os.path.isdir(str(place)):
            arguments["state_dict"], place = read_state(path), None
        made, loading_info = kind.from_pretrained(place, config=config, output_loading_info=True, **arguments)
        missing = {key for key in loading_info["missing_keys"] if not key.startswith("pooler.")}
        if missing:
            raise InputError(f"{spec}: {path} does not fit: it has no {sorted(missing)[0]}, of {len(missing)} missing")
        if loading_info["missing_keys"]:
            made.pooler = None  # it would have random weights
    described = None if path.endswith(".index.json") else hash_file(spec, path)
    made = made.float().eval()
    return made, Weights(origin, hash_of(made), described)


def _ends(spec: str, module: nn.Module, is_joint: bool, size: tuple[int, int, int]) -> tuple[Ends, dict[str, str]]:
    """What the ends of a model are."""
    more = _ordered(module, size)

    def outputs(batch: torch.Tensor) -> Any:
        return module(pixel_values=batch, return_dict=True, **more(len(batch)))

    if is_joint:
        return _joint(module)
    blank = torch.zeros(1, *size)
    with torch.inference_mode(), one_line_errors(spec, "can't be run"):
        shown = outputs(blank)
        if "logits" not in shown:
            return _pooled(module, outputs, shown)
        classifier = find_classifier(module, lambda: outputs(blank)["logits"])
    teacher = [getattr(module, head, None) for head in ("cls_classifier", "distillation_classifier")]
    fetches = [tap(classifier[1])] if classifier else [tap(head) for head in teacher if isinstance(head, nn.Linear)]
    meanings = {LOGITS: f"output of the classifier, {shown['logits'].shape[-1]:,} classes"}
    if fetches:
        what = (
            f"what the classifier, {classifier[0]}, is given"
            if classifier
            else "mean of what the two classifiers are given"
        )
        meanings = {PENULTIMATE: what, **meanings}

    def ends(batch: torch.Tensor, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        result = {LOGITS: outputs(batch)["logits"]}
        if fetches:
            result[PENULTIMATE] = torch.stack([fetch() for fetch in fetches]).mean(0)
        return result

    return ends, meanings


def _joint(module: Any) -> tuple[Ends, dict[str, str]]:
    """The ends of a model that shares a space with texts."""
    projection = getattr(module, "visual_projection", None)
    fetch: Callable[[], torch.Tensor] | None = None if projection is None else tap(projection)

    def ends(batch: torch.Tensor, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        if hasattr(module, "get_image_features"):
            features = module.get_image_features(pixel_values=batch)
        else:
            features = module(pixel_values=batch)["image_embeds"]
        joint = features if isinstance(features, torch.Tensor) else features["pooler_output"]
        return {PENULTIMATE: joint if fetch is None else fetch(), LOGITS: joint}

    before = "pooled feature before the projection" if fetch else "joint space with text: there is no projection"
    return ends, {PENULTIMATE: before, LOGITS: JOINT}


def _pooled(module: nn.Module, outputs: Callable[[torch.Tensor], Any], shown: Any) -> tuple[Ends, dict[str, str]]:
    """The end of a model without a classifier."""
    pooler, has_class = shown.get("pooler_output") is not None, _has_class(module)
    what = "pooled output of the model" if pooler else "class token after the last norm"
    if not pooler and not has_class:
        what = "mean over tokens after the last norm" if first_tensor(shown).ndim == 3 else "mean over places"

    def ends(batch: torch.Tensor, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        output = outputs(batch)
        if pooler:
            return {PENULTIMATE: output["pooler_output"].flatten(1)}
        last = first_tensor(output)
        if last.ndim == 4:
            return {PENULTIMATE: last.mean((2, 3))}
        return {PENULTIMATE: last[:, 0] if has_class else last.mean(1)}

    return ends, {PENULTIMATE: what}


def _ordered(module: Any, size: tuple[int, int, int]) -> Callable[[int], dict[str, Any]]:
    """Arguments that keep the patches of a masked autoencoder in their order, which it would shuffle."""
    if getattr(module.config, "mask_ratio", None) is None:
        return lambda items: {}
    count = _patches(module, size) or 0
    return lambda items: {"noise": torch.arange(count, dtype=torch.float32, device=module.device).expand(items, -1)}


def _has_class(module: nn.Module) -> bool:
    return any(name.endswith(("cls_token", "class_embedding")) for name, _ in module.named_parameters())


def _patches(module: Any, size: tuple[int, int, int]) -> int | None:
    config = getattr(module.config, "vision_config", module.config)
    side = getattr(config, "patch_size", None)
    return (size[1] // side) * (size[2] // side) if isinstance(side, int) and side > 0 else None


def _tokens(module: Any, size: tuple[int, int, int]) -> Tokens:
    config = getattr(module.config, "vision_config", module.config)
    has_class = _has_class(module)
    distilled = any(name.endswith("distillation_token") for name, _ in module.named_parameters())
    leading = has_class + distilled + int(getattr(config, "num_register_tokens", 0) or 0)
    return Tokens(leading, has_class, _patches(module, size))


def _size(spec: str, processor: Any) -> tuple[int, int, int]:
    from PIL import Image

    with quietly(), one_line_errors(spec, "its processor can't prepare an image"):
        prepared = processor(images=Image.new("RGB", (SIDE, SIDE)), return_tensors="pt")
        more = sorted({*prepared} - {"pixel_values", "pixel_mask"})
        if more or prepared["pixel_values"].ndim != 4:
            raise InputError(f"{spec}: its processor must give one array of pixels; it gives {', '.join(prepared)}")
        _, channels, height, width = prepared["pixel_values"].shape
    return channels, height, width


def _preprocessing(processor: Any, size: tuple[int, int, int]) -> dict[str, Any]:
    settings = {key: value for key, value in json.loads(processor.to_json_string()).items() if value is not None}
    backend = getattr(processor, "backend", "torchvision" if type(processor).__name__.endswith("Fast") else "pil")
    kind = type(processor).__name__
    return {"library": "transformers", "processor": kind, "backend": backend, "size": list(size), "settings": settings}


def _notes(spec: str, processor: Any, module: Any) -> tuple[str, ...]:
    notes = []
    if getattr(processor, "backend", "pil") != "pil":
        notes.append(f"{spec} has no processor that uses Pillow: {type(processor).__name__} uses {processor.backend}")
    if getattr(module.config, "mask_ratio", None) is not None:
        notes.append(f"{spec} was trained with most of each image hidden; here it sees all of it")
    return tuple(notes)


def names() -> list[str]:
    """None: any repository of the hub, and any folder, is a name."""
    return []
