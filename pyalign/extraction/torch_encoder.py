"""Models of torch, of whatever library: the ends of the model by its own functions, everything else by its modules."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from pyalign.errors import InputError
from pyalign.extraction.encoder import LOGITS, OF_MODEL, PENULTIMATE, Encoder, Layer, Request, check_layers
from pyalign.extraction.layers import (
    FEW,
    Layout,
    Tokens,
    find_layout,
    find_module,
    find_shapes,
    pooling_of,
    rows_of,
    tensor_of,
    told,
    watched,
)  # fmt: skip

MANY_CONVOLUTIONS = 8  # from which on a network gains by channels-last memory
# What a model's ends give of a batch: called with it and the names that are wanted.
Ends = Callable[[torch.Tensor, Sequence[str]], Mapping[str, torch.Tensor]]


@dataclass
class TorchEncoder(Encoder):
    """A module of torch with its preparation.

    Attributes:
        module: whose parts have names.
        transform: of an RGB image of PIL, a tensor (c, h, w); called by several threads at once.
        ends: what `penultimate` and `logits` are, from one pass: (batch, names) -> tensors.
        meanings: name of an end -> what it is, a phrase; the last needs the whole model.
        tokens: what leads its tokens.
        size: (c, h, w) of what the transform gives.
    """

    module: nn.Module = field(kw_only=True)
    transform: Callable[[Any], Any] = field(kw_only=True)
    ends: Ends = field(kw_only=True)
    meanings: Mapping[str, str] = field(kw_only=True)
    tokens: Tokens = field(default_factory=Tokens, kw_only=True)
    size: tuple[int, int, int] = field(kw_only=True)
    compile: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        self.place = torch.device(self.device)
        self.module.eval().requires_grad_(False).to(self.place)
        self._layouts: dict[str, Layout] = {}
        self._channels_last = is_convolutional(self.module)
        if self._channels_last:
            self.module.to(memory_format=torch.channels_last)
        self._ends: Ends = torch.compile(self.ends) if self.compile else self.ends

    def prepare(self, item: Any) -> torch.Tensor:
        """The transform of the image; float32 (c, h, w)."""
        found = self.transform(item)
        if not isinstance(found, torch.Tensor):
            found = torch.as_tensor(np.asarray(found))
        if found.ndim != 3 or not found.is_floating_point():
            raise InputError(f"the preprocessing must give (c, h, w) floats; got {found.dtype} {tuple(found.shape)}")
        return found.to(torch.float32)

    def resolve(self, names: Sequence[str], pool: str = "auto") -> list[Layer]:
        """See `Encoder`. Modules are tried out on two and three blank images."""
        check_layers(names, pool)
        absent = [name for name in names if name in (PENULTIMATE, LOGITS) and name not in self.meanings]
        if absent:
            has = ", ".join(self.meanings) or "none but its modules"
            raise InputError(f"{self.spec} has no layer {absent[0]!r} of its own; it has {has}")
        if self.compile and not set(names) <= set(self.meanings):
            raise InputError(f"compile serves {' and '.join(self.meanings)} alone; got layers {', '.join(names)}")
        inner = {name: find_module(self.module, name) for name in names if name not in self.meanings}
        if not inner and pool != "auto":
            raise InputError(f"pool {pool} serves named modules alone; {' and '.join(names)}: as the model pools them")
        shapes = find_shapes(self._blank, inner) if inner else {}
        layers = []
        for name in names:
            if name in self.meanings:
                layers.append(Layer(name, self.meanings[name], OF_MODEL))
                continue
            layout = find_layout(name, inner[name], shapes[name], self.tokens, self.size[1])
            self._layouts[name] = layout
            layers.append(told(name, inner[name], layout, pooling_of(name, layout, pool)))
        return layers

    def run(self, prepared: Sequence[Any], layers: Sequence[Layer]) -> list[Any]:
        """See `Encoder`."""
        batch = prepared if isinstance(prepared, torch.Tensor) else torch.stack(list(prepared))
        poolings = {layer.name: layer.pooling for layer in layers if layer.module is not None}
        wanted = [layer.name for layer in layers if layer.module is None]
        found: dict[str, torch.Tensor] = {}

        def seen(name: str, output: Any) -> None:
            found[name] = rows_of(output, self._layouts[name], poolings[name])

        with watched({name: find_module(self.module, name) for name in poolings}, seen):
            ends = self._pass(batch, wanted if not poolings else [*wanted, *({self._whole} - {*wanted})])
        found.update({name: ends[name].detach().to(torch.float32, copy=True) for name in wanted})
        return [found[layer.name].cpu().numpy() for layer in layers]

    @property
    def _whole(self) -> str:
        """The end that needs the whole model."""
        return list(self.meanings)[-1]

    def _pass(self, batch: torch.Tensor, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        layout = {"memory_format": torch.channels_last} if self._channels_last else {}
        half = self.precision == "bf16"
        with torch.inference_mode(), torch.autocast(self.place.type, torch.bfloat16, enabled=half):
            return self._ends(batch.to(self.place, non_blocking=True, **layout), names)

    def _blank(self, items: int) -> None:
        self._pass(torch.zeros(items, *self.size), [self._whole])

    def listed(self) -> list[tuple[str, str, str]]:
        """The ends of the model, then its modules in their order, with the shapes for one image."""
        ends = self._pass(torch.zeros(FEW, *self.size), list(self.meanings))
        found = [(name, what, _times(ends[name].shape[1:])) for name, what in self.meanings.items()]
        modules = {name: module for name, module in self.module.named_modules() if name}
        for name, passes in find_shapes(self._blank, modules).items():
            try:
                shape = find_layout(name, modules[name], passes, self.tokens, self.size[1]).shape
            except InputError:
                continue
            found.append((name, type(modules[name]).__name__, _times(shape)))
        return found


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def is_convolutional(module: nn.Module) -> bool:
    """Whether a network is mostly convolutions, for which channels-last memory is faster."""
    return sum(isinstance(one, nn.Conv2d) for one in module.modules()) >= MANY_CONVOLUTIONS


def choose_device(device: str) -> str:
    """The device of a name; of "auto" a CUDA device where there is one, else the processor.

    Raises:
        InputError: there is no such device.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"device must be one that torch can use; got {device!r} ({reason})") from error
    return device


def hash_of(module: nn.Module) -> str:
    """SHA-256 of all parameters and buffers, by name: the same whatever file they came from."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if isinstance(value, torch.Tensor):
            plain = value.detach().cpu().contiguous()
            digest.update(f"{name} {plain.dtype} {tuple(plain.shape)}\n".encode())
            digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def settings(request: Request) -> dict[str, Any]:
    """Device, precision and compilation, as `TorchEncoder` takes them."""
    device = choose_device(request.device)
    return {"device": device, "precision": request.precision, "compile": request.compile}


def first_tensor(output: Any) -> torch.Tensor:
    """See `tensor_of`; raises where there is none."""
    found = tensor_of(output)
    if found is None:
        raise InputError(f"the model must return a tensor; got {type(output).__name__}")
    return found
