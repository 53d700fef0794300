"""Models of OpenCLIP: the image side here; `create` serves the text side as well.

`logits` is the joint space with text, as `encode_image` gives it and not normalized. `penultimate` is the feature
before the projection into it: of a ViT the pooled token after the last norm; of a ModifiedResNet what its attention
pool gives before that pool's own output projection, for the query that is the mean over places; of a trunk of timm its
output before the head, or before its own classifier where that is the projection. A map is pooled by its mean.

Of the text tower `penultimate` is the pooled token before the projection, `logits` the joint space with images, before
it is normalized.

Looks up the weights that a name of OpenCLIP means, and how images are prepared for them.
"""

from __future__ import annotations

import copy
import errno
import json
import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from torch import nn

from pyalign._dataclass import dataclass, field
from pyalign.errors import InputError, Remedy
from pyalign.extraction import hub
from pyalign.extraction.encoder import LOGITS, PENULTIMATE, Encoder, Request, Weights
from pyalign.extraction.hub import hash_file, one_line_errors
from pyalign.extraction.layers import Tokens, tap
from pyalign.extraction.spelling import propose
from pyalign.extraction.tokenizing import TorchTexts, refuse_compile
from pyalign.extraction.torch_encoder import Ends, TorchEncoder, choose_device, first_tensor, hash_of, settings

__all__ = ["create", "load", "names"]

TOKENIZERS = ("tokenizer.json", "spiece.model", "sentencepiece.bpe.model", "vocab.txt", "tokenizer_config.json")
JOINT = "joint space with text, not normalized"
Pair = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]  # a batch -> before and after the projection
# (spec, name, request) -> a model with both towers, its preprocessing of images, what gives its tokenizer, its weights.
Create = Callable[[str, str, Request], tuple[Any, Callable[[Any], Any], Callable[[], Any], Weights]]
Projection = Callable[[torch.Tensor], torch.Tensor]


def load(name: str, request: Request) -> Encoder:
    """The image side of NAME/PRETRAINED, `hf-hub:REPOSITORY` or `local-dir:FOLDER`; or the side of language."""
    if request.modality == "texts":
        return load_texts(name, request, create)
    spec = f"open_clip:{name}"
    plan = plan_of(spec, name, request)
    model, preprocess, weights = _made(spec, plan, request)
    ends, penultimate, tokens = _image_side(model.visual)
    size = model.visual.image_size
    height, width = (size, size) if isinstance(size, int) else size
    preprocessing = {
        key: list(value) if isinstance(value, tuple) else value for key, value in model.visual.preprocess_cfg.items()
    }
    preprocessing |= {"library": "open_clip", "size": [3, height, width], "text": " ".join(str(preprocess).split())}
    packages = ("open_clip_torch", "timm", "torch", "torchvision", "pillow")
    return TorchEncoder(
        spec, weights, preprocessing, {package: version(package) for package in packages}, notes=plan.notes,
        module=model, transform=preprocess, ends=ends, meanings={PENULTIMATE: penultimate, LOGITS: JOINT},
        tokens=tokens, size=(3, height, width), **settings(request),
    )


def create(spec: str, name: str, request: Request) -> tuple[Any, Callable[[Any], Any], Callable[[], Any], Weights]:
    """A model with both sides, in evaluation mode, on the processor.

    Returns:
        The model of OpenCLIP, its preprocessing of images, what gives its tokenizer when called, and the weights.
    """
    plan = plan_of(spec, name, request)
    model, preprocess, weights = _made(spec, plan, request)
    return model, preprocess, lambda: _tokenizer(spec, name, plan), weights


def _made(spec: str, plan: Plan, request: Request) -> tuple[Any, Callable[[Any], Any], Weights]:
    """The model, its preprocessing and its weights."""
    described = None if plan.path is None else hash_file(spec, plan.path)
    more = {"quick_gelu": plan.tag.get("quick_gelu", False)} if is_other_activation(plan.config, plan.tag) else {}
    torch.manual_seed(request.seed or 0)
    with _quietly(), one_line_errors(spec, "can't be made"):
        model = open_clip.create_model(
            plan.model, load_weights=False, pretrained_image=False, pretrained_text=False,
            force_preprocess_cfg={key: value for key, value in plan.tag.items() if key != "size"}, **more,
        ).eval()
        preprocess = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
    if plan.path is not None:
        with one_line_errors(spec, f"{plan.path} does not fit"):
            open_clip.load_checkpoint(model, plan.path)
    return model, preprocess, Weights(plan.origin, hash_of(model), described)


def _tokenizer(spec: str, name: str, plan: Plan) -> Any:
    """The tokenizer of a model; its files are looked for before it is made."""
    repository = plan.config.get("text_cfg", {}).get("hf_tokenizer_name")
    from_folder = name.startswith("local-dir:") or (
        plan.model.startswith("local-dir:") and not name.startswith("hf-hub:")
    )
    if repository and not from_folder and not os.path.isdir(repository):
        hub.fetch(spec, repository, TOKENIZERS)
    trust = {"trust_remote_code": False} if repository else {}  # whatever the config says
    with one_line_errors(spec, "its tokenizer can't be made"):
        return open_clip.get_tokenizer(plan.model if from_folder else name if ":" in name else plan.model, **trust)


def _image_side(visual: Any) -> tuple[Ends, str, Tokens]:
    """The ends of a tower of images, what its penultimate is, and its tokens."""
    if hasattr(visual, "trunk"):
        from pyalign.extraction._timm import tokens_of

        pair, meaning = _of_trunk(visual)
        tokens = tokens_of(visual.trunk)
    elif hasattr(visual, "attnpool"):
        pair, meaning, tokens = _of_resnet(visual), "attention-pooled feature before the projection", Tokens()
    else:
        rows, columns = visual.grid_size
        tokens = Tokens(1, True, rows * columns)
        pair, meaning = _of_transformer(visual), "pooled feature before the projection"

    def ends(batch: torch.Tensor, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        penultimate, joint = pair(batch)
        return {PENULTIMATE: penultimate, LOGITS: joint}

    return ends, meaning, tokens


def _of_transformer(visual: Any) -> Pair:
    pool = visual._pool
    seen: list[Any] = []

    def seeing(x: torch.Tensor) -> Any:
        seen[:] = [pool(x)]
        return seen[0]

    visual._pool = seeing  # the projection is a plain product, before which no module returns

    def pair(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        joint = first_tensor(visual(batch))
        return first_tensor(seen.pop()), joint

    return pair


def _of_resnet(visual: Any) -> Pair:
    # The pool multiplies by the weights of its projection itself: a twin without one sees the same map.
    fetch, twins = tap(visual.attnpool), list[nn.Module]()

    def pair(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        joint = visual(batch)
        if not twins:
            twins.append(_unprojected(visual.attnpool))
        return twins[0](fetch()), joint

    return pair


def _unprojected(pool: Any) -> nn.Module:
    """An attention pool without its output projection, with hooks of its own."""
    twin = copy.copy(pool)
    twin._modules, twin._forward_hooks, twin._forward_pre_hooks = {**pool._modules}, OrderedDict(), OrderedDict()
    width = pool.c_proj.in_features
    twin.c_proj = nn.Linear(width, width, device=pool.c_proj.weight.device).requires_grad_(False)
    nn.init.eye_(twin.c_proj.weight)
    nn.init.zeros_(twin.c_proj.bias)
    return twin


def _of_trunk(visual: Any) -> tuple[Pair, str]:
    trunk, head = visual.trunk, visual.head
    projects = trunk.num_classes > 0  # the trunk's own classifier is the projection

    fetch = None if projects else tap(head)

    def pair(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if fetch is None:
            features = trunk.forward_features(batch)
            return trunk.forward_head(features, pre_logits=True), head(trunk.forward_head(features))
        joint = visual(batch)
        pooled = fetch()
        return pooled.mean((2, 3)) if pooled.ndim == 4 else pooled, joint

    if not projects and not len(head):
        return pair, "joint space with text: the trunk has no projection"
    if "pool" in head._modules:
        return pair, "mean over places of the trunk's map, before the head's attention pool"
    return pair, "output of the trunk before the projection"


@contextmanager
def _quietly() -> Iterator[None]:
    """Inside, OpenCLIP says nothing: it warns of random weights before the trained ones are loaded."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def load_texts(name: str, request: Request, create: Create) -> TorchTexts:
    """The text tower of a model, by any name that its images have; `create` is that of `_open_clip`."""
    spec = f"open_clip:{name}"
    refuse_compile(spec, request.compile)
    model, _, tokenizer, weights = create(spec, name, request)
    return encoder_of(spec, model, tokenizer(), weights, request)


def encoder_of(spec: str, model: Any, tokenizer: Any, weights: Weights, request: Request) -> TorchTexts:
    """The text tower of a model, with its tokenizer."""
    place = choose_device(request.device)
    projection = _take_projection(model.to(place))
    joint = "joint space with images, before normalization"
    meanings = {PENULTIMATE: "pooled token before the projection" if projection else joint, LOGITS: joint}
    notes = () if projection else (f"{spec} has no projection: penultimate and logits are both the {joint}",)
    tower = getattr(model, "text", model)
    by_end = getattr(tower, "text_pool_type", getattr(tower, "pool_type", "")) == "argmax"

    def tokenize(text: str) -> torch.Tensor:
        tokens: torch.Tensor = tokenizer([text])[0]
        return tokens

    def collate(prepared: Sequence[Any]) -> tuple[Any, torch.Tensor]:
        batch = torch.stack(list(prepared))
        if by_end:  # the last token has the highest number, and what fills up is that of a letter
            mask = torch.arange(batch.shape[1])[None] <= batch.argmax(1, keepdim=True)
        else:
            mask = batch != getattr(tower, "pad_id", 0)
        return batch.to(place), mask

    def ends(batch: Any) -> Mapping[str, torch.Tensor]:
        pooled = model.encode_text(batch)
        return {PENULTIMATE: pooled, LOGITS: projection(pooled) if projection else pooled}

    preprocessing = {"library": "open_clip", "tokenizer": type(tokenizer).__name__, "longest": tokenizer.context_length}
    versions = {name: version(name) for name in ("open_clip_torch", "torch")}
    return TorchTexts(
        spec, weights, preprocessing, versions, notes=notes, modality="texts", device=place,
        precision=request.precision, module=tower, tokenize=tokenize, collate=collate, ends=ends, meanings=meanings,
    )


def _take_projection(model: Any) -> Projection | None:
    """Takes the projection out of the text tower, so that one pass gives what is before it; None: there is none."""
    tower = getattr(model, "text", model)
    if isinstance(getattr(tower, "proj", None), nn.Module):  # of a language model of the hub
        inner: nn.Module = tower.proj
        tower.proj = nn.Identity()
        return None if isinstance(inner, nn.Identity) else inner
    projection = getattr(tower, "text_projection", None)
    if projection is None:
        return None
    tower.text_projection = None
    return projection if isinstance(projection, nn.Module) else lambda pooled: pooled @ projection.to(pooled.dtype)


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
            f"open_clip:{architecture}/TAG with {Remedy('checkpoint', like='path')}, or put {CONFIG} next to it"
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
            f"'curl -LO {url}' fetches them: put the file there, or give it as {Remedy('checkpoint', like='path')}"
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
