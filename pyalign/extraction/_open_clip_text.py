"""The text tower of a model of open_clip.

Not a source of its own: `_open_clip.load` returns `load(name, request, create)` of this module where `request.modality`
is "texts". `penultimate` is the pooled token before the projection, `logits` the joint space with images, before it is
normalised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

from pyalign.extraction.encoder import LOGITS, PENULTIMATE, Request, Weights
from pyalign.extraction.torch_encoder import choose_device
from pyalign.extraction.torch_texts import TorchTexts, refuse_compile

# (spec, name, request) -> a model with both towers, its preprocessing of images, what gives its tokenizer, its weights.
Create = Callable[[str, str, Request], tuple[Any, Callable[[Any], Any], Callable[[], Any], Weights]]
Projection = Callable[[torch.Tensor], torch.Tensor]


def load(name: str, request: Request, create: Create) -> TorchTexts:
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
        found: torch.Tensor = tokenizer([text])[0]
        return found

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
    )  # fmt: skip


def _take_projection(model: Any) -> Projection | None:
    """Takes the projection out of the text tower, so that one pass gives what is before it; None: there is none."""
    tower = getattr(model, "text", model)
    if isinstance(getattr(tower, "proj", None), nn.Module):  # of a language model of the hub
        inner: nn.Module = tower.proj
        tower.proj = nn.Identity()
        return None if isinstance(inner, nn.Identity) else inner
    found = getattr(tower, "text_projection", None)
    if found is None:
        return None
    tower.text_projection = None
    return found if isinstance(found, nn.Module) else lambda pooled: pooled @ found.to(pooled.dtype)
