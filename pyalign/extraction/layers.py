"""Outputs of a torch module's parts: seen in the pass, copied at once, made rows.

What is seen may be overwritten by what comes after it (ReLU in place), so a row is copied when its module returns.
Which axis counts the items is found by two passes over two and three items: of modules that put the sequence first, the
second axis changes. Nothing else may change: rows of windows or of heads belong to no one item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isqrt
from typing import Any

import torch
from torch import nn

from pyalign._dataclass import dataclass
from pyalign.errors import POOL_FLATTEN, POOL_MEAN, POOL_NONE, InputError, nearest
from pyalign.extraction.encoder import Layer

FEW, MORE = 2, 3  # items of the two passes


@dataclass(frozen=True)
class Tokens:
    """What leads the tokens of a transformer."""

    leading: int = 0  # class, distillation and register tokens before those of patches.
    has_class: bool = False  # whether the first of them is the class token.
    patches: int | None = None  # tokens of patches for an image; None where that is not known.


@dataclass(frozen=True)
class Layout:
    """How the output of a module is laid out."""

    batch: int  # the axis of the items.
    kind: str  # "rows" (b, d), "tokens" (b, k, d) or "map" (b, c, h, w), once that axis is first.
    turned: bool  # whether the channels are elsewhere: a map (b, h, w, c), or tokens (b, d, k).
    leading: int  # tokens that are no patches.
    has_class: bool  # whether the first is the class token.
    shape: tuple[int, ...]  # for one item, before pooling, with the channels in their place.


def tensor_of(output: Any) -> torch.Tensor | None:
    """The tensor that an output is, or its first: of a mapping the last hidden state, if it has one."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping):
        first = output.get("last_hidden_state")
        return first if isinstance(first, torch.Tensor) else tensor_of(list(output.values()))
    if isinstance(output, list | tuple):
        return next((tensor for part in output if (tensor := tensor_of(part)) is not None), None)
    return None


def find_module(root: nn.Module, name: str) -> nn.Module:
    """The module of a dotted name."""
    modules = dict(root.named_modules(remove_duplicate=False))
    if name and name in modules:
        return modules[name]
    same = [known for known in modules if known and known.lower().replace("_", "") == name.lower().replace("_", "")]
    hint = f"; did you mean {same[0]!r}?" if same else nearest(name, [known for known in modules if known])
    raise InputError(f"layers must be penultimate, logits or a module's name; got {name!r}{hint}")


@contextmanager
def watched(modules: Mapping[str, nn.Module], seen: Any) -> Iterator[None]:
    """Inside, `seen(name, output)` is called whenever one of the modules returns."""
    hooks = [
        module.register_forward_hook(lambda _, __, output, name=name: seen(name, output))
        for name, module in modules.items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def find_shapes(forward: Any, modules: Mapping[str, nn.Module]) -> dict[str, list[list[tuple[int, ...]]]]:
    """The shapes that each module returns in a pass over two items, and in one over three: a list for each pass."""
    shapes: dict[str, list[list[tuple[int, ...]]]] = {name: [[], []] for name in modules}
    for which, items in enumerate((FEW, MORE)):

        def seen(name: str, output: Any, which: int = which) -> None:
            tensor = tensor_of(output)
            shapes[name][which].append(() if tensor is None else tuple(tensor.shape))

        with watched(modules, seen):
            forward(items)
    return shapes


def find_layout(name: str, module: nn.Module, shapes: Sequence[Sequence[tuple[int, ...]]], tokens: Tokens) -> Layout:
    """How a module's output is laid out."""
    few, more = shapes
    if len(few) != 1 or len(more) != 1:
        times = f"called {len(few)} times" if few else "not called"
        raise InputError(f"layer {name!r} must be called once in a pass; it is {times}")
    if not few[0]:
        raise InputError(f"layer {name!r} must return a tensor; it returns none")
    changed = [(axis, pair) for axis, pair in enumerate(zip(few[0], more[0], strict=False)) if pair[0] != pair[1]]
    if len(few[0]) != len(more[0]) or [pair for _, pair in changed] != [(FEW, MORE)]:
        raise InputError(f"layer {name!r} must have a row for each item; of {FEW} items it returns shape {few[0]}")
    batch = changed[0][0]
    shape = (*few[0][:batch], *few[0][batch + 1 :])
    if len(shape) == 2:
        turned = _is_turned(shape, tokens)
        shape = shape[::-1] if turned else shape
        leading, has_class = _leading(shape[0], tokens)
        return Layout(batch, "tokens", turned, leading, has_class, shape)
    if len(shape) == 3:
        turned = _is_channels_last(module, shape)
        return Layout(batch, "map", turned, 0, False, (shape[2], *shape[:2]) if turned else shape)
    return Layout(batch, "rows" if len(shape) == 1 else "other", False, 0, False, shape)


def _leading(count: int, tokens: Tokens) -> tuple[int, bool]:
    """The leading tokens among so many: some blocks see the patches alone."""
    if tokens.patches is not None and count == tokens.patches:
        return 0, False
    if count <= tokens.leading:
        return 0, False
    return tokens.leading, tokens.has_class


def _is_turned(shape: tuple[int, ...], tokens: Tokens) -> bool:
    """Whether the second axis counts the tokens, as where an MLP mixes them."""
    if tokens.patches is None:
        return False
    counts = (tokens.patches, tokens.patches + tokens.leading)
    fewer = shape[0] < tokens.patches and isqrt(shape[0]) ** 2 == shape[0]  # a smaller grid, of a pyramid
    return shape[1] in counts and shape[0] not in counts and not fewer


def _is_channels_last(module: nn.Module, shape: tuple[int, ...]) -> bool:
    """Maps are square, so the axis that differs is that of the channels; else the kind of module says."""
    a, b, c = shape
    if a == b != c:
        return True
    if b == c != a:
        return False
    kinds = tuple({type(part) for part in module.modules()})
    if any(issubclass(kind, nn.Conv2d | nn.BatchNorm2d | nn.AdaptiveAvgPool2d | nn.MaxPool2d) for kind in kinds):
        return False
    return any(kind is nn.LayerNorm for kind in kinds)


def pooling_of(layer: str, layout: Layout, pool: str) -> str:
    """The pooling of a layer."""
    if layout.kind == "rows":
        return "none"
    if pool == "cls" and not layout.has_class:
        what = f"{layout.shape[0]} tokens without a class token" if layout.kind == "tokens" else f"shape {layout.shape}"
        raise InputError(f"pool cls needs a class token; layer {layer!r} has {what}: {POOL_MEAN} or {POOL_FLATTEN}")
    if pool in ("auto", "mean") and layout.kind == "other":
        raise InputError(f"layer {layer!r} has shape {layout.shape} for an item: {POOL_FLATTEN} or {POOL_NONE}")
    if pool == "auto":
        return "cls" if layout.has_class else "mean"
    return pool


def rows_of(output: Any, layout: Layout, pooling: str) -> torch.Tensor:
    """An output as float32 rows, in memory of its own."""
    tensor = tensor_of(output)
    assert tensor is not None
    x = tensor.detach().movedim(layout.batch, 0)
    if layout.turned:
        x = x.movedim(-1, 1)
    if pooling == "cls":
        x = x[:, 0]
    elif pooling == "mean":
        x = x[:, layout.leading :].float().mean(1) if layout.kind == "tokens" else x.flatten(2).float().mean(2)
    elif pooling == "flatten":
        x = x.flatten(1)
    return x.to(torch.float32, copy=True).contiguous()


def layer_of(layer: str, module: nn.Module, layout: Layout, pooling: str) -> Layer:
    """The layer with its description in words."""
    kind = type(module).__name__
    if layout.kind == "rows":
        return Layer(layer, f"output of {kind}", "none", layer)
    sizes = " x ".join(map(str, layout.shape))
    if layout.kind == "tokens":
        what = f"{layout.shape[0]} tokens"
    else:
        what = f"map {sizes}" if layout.kind == "map" else f"shape {sizes}"
    if layout.turned:
        what += ", from channels last" if layout.kind == "map" else ", from channels first"
    if layout.kind == "tokens" and pooling == "mean" and layout.leading:
        what += f", the first {layout.leading} left out"
    return Layer(layer, f"output of {kind}, {what}", pooling, layer)


def find_classifier(root: nn.Module, forward: Callable[[], torch.Tensor]) -> tuple[str, nn.Linear] | None:
    """The linear layer whose output, in its only call, is the very tensor that the model gives; None: there is none."""
    layers = {name: module for name, module in root.named_modules() if name and isinstance(module, nn.Linear)}
    outputs: dict[str, list[Any]] = {name: [] for name in layers}
    with watched(layers, lambda name, output: outputs[name].append(output)):
        last = forward()
    candidates = [name for name, calls in outputs.items() if len(calls) == 1 and calls[0] is last]
    return (candidates[0], layers[candidates[0]]) if len(candidates) == 1 else None


def tap(layer: nn.Module, pooled: Callable[[torch.Tensor], torch.Tensor] | None = None) -> Callable[[], torch.Tensor]:
    """What a layer was given in the last pass, of which nothing is kept once it is fetched.

    Args:
        layer: the classifier of a model.
        pooled: makes rows of what it is given, as where it is a convolution.
    """
    last_input: list[torch.Tensor] = []

    def seen(_: Any, inputs: Any) -> None:
        last_input[:] = [inputs[0] if pooled is None else pooled(inputs[0])]

    layer.register_forward_pre_hook(seen)

    def fetch() -> torch.Tensor:
        rows = last_input[-1]
        last_input.clear()
        return rows

    return fetch
