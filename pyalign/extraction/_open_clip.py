"""Models of OpenCLIP: the image side here; `create` serves the text side as well.

`logits` is the joint space with text, as `encode_image` gives it and not normalised. `penultimate` is the feature
before the projection into it: of a ViT the pooled token after the last norm; of a ModifiedResNet what its attention
pool gives before that pool's own output projection, for the query that is the mean over places; of a trunk of timm its
output before the head, or before its own classifier where that is the projection. A map is pooled by its mean.

Of the text tower `penultimate` is the pooled token before the projection, `logits` the joint space with images, before
it is normalised.
"""

from __future__ import annotations

import copy
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

from pyalign.extraction import hub
from pyalign.extraction._open_clip_weights import Plan, is_other_activation, names, plan_of
from pyalign.extraction.encoder import LOGITS, PENULTIMATE, Encoder, Request, Weights
from pyalign.extraction.hub import hash_file, one_line_errors
from pyalign.extraction.layers import Tokens, tap
from pyalign.extraction.tokenizing import TorchTexts, refuse_compile
from pyalign.extraction.torch_encoder import Ends, TorchEncoder, choose_device, first_tensor, hash_of, settings

__all__ = ["create", "load", "names"]

TOKENIZERS = ("tokenizer.json", "spiece.model", "sentencepiece.bpe.model", "vocab.txt", "tokenizer_config.json")
JOINT = "joint space with text, not normalised"
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

    Raises:
        InputError: no such model, or weights that can't be found.
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
    joint = "joint space with images, before normalisation"
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
