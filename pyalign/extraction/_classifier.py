"""The last layer of a classifier, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from pyalign.extraction.layers import watched


def find_classifier(root: nn.Module, forward: Callable[[], torch.Tensor]) -> tuple[str, nn.Linear] | None:
    """The linear layer whose output, in its only call, is the very tensor that the model gives; None: there is none."""
    layers = {name: one for name, one in root.named_modules() if name and isinstance(one, nn.Linear)}
    outputs: dict[str, list[Any]] = {name: [] for name in layers}
    with watched(layers, lambda name, output: outputs[name].append(output)):
        last = forward()
    found = [name for name, calls in outputs.items() if len(calls) == 1 and calls[0] is last]
    return (found[0], layers[found[0]]) if len(found) == 1 else None


def tap(layer: nn.Module, pooled: Callable[[torch.Tensor], torch.Tensor] | None = None) -> Callable[[], torch.Tensor]:
    """What a layer was given in the last pass, of which nothing is kept once it is fetched.

    Args:
        layer: the classifier of a model.
        pooled: makes rows of what it is given, as where it is a convolution.
    """
    given: list[torch.Tensor] = []

    def seen(_: Any, inputs: Any) -> None:
        given[:] = [inputs[0] if pooled is None else pooled(inputs[0])]

    layer.register_forward_pre_hook(seen)

    def fetch() -> torch.Tensor:
        found = given[-1]
        given.clear()
        return found

    return fetch
