"""Models of torch, of whatever library: the ends of the model by its own functions, everything else by its modules.

Linear layers by oneDNN, where MKL is slow: it takes its short way only on Intel CPUs.

Twice the speed on a Zen 5; sums are rounded in another order, which shows in the seventh digit. A rule, not a
measurement: the same machine always takes the same way, so that a run that goes on gives the same bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from pyalign._dataclass import dataclass, field
from pyalign.errors import InputError
from pyalign.extraction.encoder import (
    LOGITS, OF_MODEL, PENULTIMATE, Encoder, Layer, Request, check_layers, require_rows,
)
from pyalign.extraction.layers import (
    FEW, Layout, Tokens, find_layout, find_module, find_shapes, layer_of, pooling_of, rows_of, tensor_of, watched,
)

PART = "intermediates"
MANY_CONVOLUTIONS = 8  # from which on a network gains by channels-last memory
# What a model's ends give of a batch: called with it and the names that are wanted.
Ends = Callable[[torch.Tensor, Sequence[str]], Mapping[str, torch.Tensor]]
FEWEST = 64  # rows from which on it is worth the way


@dataclass
class TorchEncoder(Encoder):
    """A module of torch with its preparation."""

    module: nn.Module = field(kw_only=True)  # whose parts have names.
    # of an RGB image of PIL, a tensor (c, h, w); called by several threads at once.
    transform: Callable[[Any], Any] = field(kw_only=True)
    ends: Ends = field(kw_only=True)  # what `penultimate` and `logits` are, from one pass: (batch, names) -> tensors.
    # name of an end -> what it is, a phrase; the last needs the whole model.
    meanings: Mapping[str, str] = field(kw_only=True)
    # how many maps (b, c, h, w) inside the model the ends give in addition, as `intermediates.K`; and as
    # `intermediates.K.prefix` the tokens (b, k, d) that are no places of the map, where there are any.
    parts: Callable[[], int] = field(default=lambda: 0, kw_only=True)
    tokens: Tokens = field(default_factory=Tokens, kw_only=True)  # what leads its tokens.
    size: tuple[int, int, int] = field(kw_only=True)  # (c, h, w) of what the transform gives.
    compile: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        self.place = torch.device(self.device)
        self.module.eval().requires_grad_(False).to(self.place)
        self._layouts: dict[str, Layout] = {}
        self._channels_last = is_convolutional(self.module)
        if self._channels_last:
            self.module.to(memory_format=torch.channels_last)
        self._ends: Ends = torch.compile(self.ends) if self.compile else self.ends
        if self.compile:  # by other kernels, which may differ in the last digits
            self.versions = {**self.versions, "torch.compile": self.versions["torch"]}

    def prepare(self, item: Any) -> torch.Tensor:
        """The transform of the image; float32 (c, h, w)."""
        pixels = self.transform(item)
        if not isinstance(pixels, torch.Tensor):
            pixels = torch.as_tensor(np.asarray(pixels))
        if pixels.ndim != 3 or not pixels.is_floating_point():
            raise InputError(f"the preprocessing must give (c, h, w) floats; got {pixels.dtype} {tuple(pixels.shape)}")
        return pixels.to(torch.float32)

    def resolve(self, names: Sequence[str], pool: str = "auto") -> list[Layer]:
        """See `Encoder`. Modules are tried out on two and three blank images."""
        check_layers(names, pool)
        absent = [name for name in names if name in (PENULTIMATE, LOGITS) and name not in self.meanings]
        if absent:
            has = ", ".join(self.meanings) or "none but its modules"
            raise InputError(f"{self.spec} has no layer {absent[0]!r} of its own; it has {has}")
        if self.compile and not set(names) <= set(self.meanings):
            raise InputError(f"compile applies only to {' and '.join(self.meanings)}; got layers {', '.join(names)}")
        parts = [name for name in names if self._is_part(name)]
        inner = {name: find_module(self.module, name) for name in names if name not in {*self.meanings, *parts}}
        if not inner and not parts and pool != "auto":
            raise InputError(
                f"pool {pool} applies only to named modules; {' and '.join(names)}: as the model pools them"
            )
        shapes = find_shapes(self._blank, inner) if inner else {}
        self._layouts.update(self._layouts_of(parts))
        layers = []
        for name in names:
            if name in self.meanings:
                layers.append(Layer(name, self.meanings[name], OF_MODEL))
                continue
            if name in inner:
                self._layouts[name] = find_layout(name, inner[name], shapes[name], self.tokens)
            layout = self._layouts[name]
            pooling = pooling_of(name, layout, pool)
            layers.append(
                layer_of(name, inner[name], layout, pooling) if name in inner else _layer_of_part(name, layout, pooling)
            )
        return layers

    def run(self, prepared: Sequence[Any], layers: Sequence[Layer]) -> list[Any]:
        """See `Encoder`."""
        self.module.eval()  # something else may have put it into training since, and dropout draws other rows each time
        batch = prepared if isinstance(prepared, torch.Tensor) else _stacked(prepared)
        poolings = {layer.name: layer.pooling for layer in layers if layer.module is not None}
        wanted = [layer.name for layer in layers if layer.module is None]
        rows: dict[str, torch.Tensor] = {}

        def seen(name: str, output: Any) -> None:
            rows[name] = rows_of(output, self._layouts[name], poolings[name])

        if poolings:  # a pass that gives maps inside the model calls not all modules, so that these have their own
            parts = [name for name in wanted if name not in self.meanings]
            names = [name for name in wanted if name in self.meanings] or [self._whole]
            with watched({name: find_module(self.module, name) for name in poolings}, seen):
                ends = {**self._pass(self._ends, batch, list(dict.fromkeys([*names, self._whole])))}
            ends |= self._pass(self._ends, batch, parts) if parts else {}
        else:
            ends = {**self._pass(self._ends, batch, wanted)}
        for layer in layers:
            if layer.module is None and layer.pooling == OF_MODEL:
                rows[layer.name] = ends[layer.name].detach().to(torch.float32, copy=True)
            elif layer.module is None and layer.pooling == "cls":
                rows[layer.name] = ends[f"{layer.name}.prefix"][:, 0].detach().to(torch.float32, copy=True)
            elif layer.module is None:
                rows[layer.name] = rows_of(ends[layer.name], self._layouts[layer.name], layer.pooling)
        return [require_rows(rows[layer.name].cpu().numpy(), len(batch), layer.name) for layer in layers]

    @property
    def _whole(self) -> str:
        """The end that needs the whole model."""
        return list(self.meanings)[-1]

    def _pass(self, ends: Ends, batch: torch.Tensor, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
        layout = {"memory_format": torch.channels_last} if self._channels_last else {}
        half = self.precision == "bf16"
        by_other = self.place.type == "cpu" and not half and not self.compile and is_worth_it()
        if self.place.type == "cuda" and batch.device.type == "cpu":
            batch = batch.pin_memory()  # the copy then goes on next to the work of the CPU
        linear = LinearByOneDnn() if by_other else nullcontext()
        with torch.inference_mode(), torch.autocast(self.place.type, torch.bfloat16, enabled=half), linear:
            return ends(batch.to(self.place, non_blocking=True, **layout), names)

    def _blank(self, items: int, names: Sequence[str] = ()) -> Mapping[str, torch.Tensor]:
        """A pass over so many blank images, not compiled."""
        return self._pass(self.ends, torch.zeros(items, *self.size), names or [self._whole])

    def _is_part(self, name: str) -> bool:
        head, _, number = name.partition(".")
        if head != PART or name in dict(self.module.named_modules()):
            return False
        count = self.parts()
        if not count:
            raise InputError(f"{self.spec} has no {PART}; got {name!r}: use the name of a module")
        if not (number.isdecimal() and len(number) < 6 and int(number) < count and str(int(number)) == number):
            raise InputError(f"layers {PART}.K of {self.spec} take K from 0 to {count - 1}; got {name!r}")
        return True

    def _layouts_of(self, parts: Sequence[str]) -> dict[str, Layout]:
        """The layouts of maps inside the model."""
        maps = self._blank(FEW, parts) if parts else {}
        has_class = self.tokens.has_class
        return {
            name: Layout(0, "map", False, 0, has_class and f"{name}.prefix" in maps, tuple(maps[name].shape[1:]))
            for name in parts
        }

    def listed(self) -> list[tuple[str, str, str]]:
        """The ends of the model, maps inside it, then its modules in their order, with the shapes for one image."""
        ends = self._blank(FEW, list(self.meanings))
        rows = [(name, what, _times(ends[name].shape[1:])) for name, what in self.meanings.items()]
        parts = self._layouts_of([f"{PART}.{k}" for k in range(self.parts())])
        rows += [(name, "map inside the model", _times(layout.shape)) for name, layout in parts.items()]
        modules = {name: module for name, module in self.module.named_modules() if name}
        for name, passes in find_shapes(self._blank, modules).items():
            try:
                shape = find_layout(name, modules[name], passes, self.tokens).shape
            except InputError:
                continue
            rows.append((name, type(modules[name]).__name__, _times(shape)))
        return rows


def _layer_of_part(name: str, layout: Layout, pooling: str) -> Layer:
    return Layer(name, f"map {_times(layout.shape)} inside the model", pooling)


def _stacked(prepared: Sequence[torch.Tensor]) -> torch.Tensor:
    shapes = sorted({tuple(tensor.shape) for tensor in prepared})
    if len(shapes) > 1:
        raise InputError(f"the preprocessing must give one shape for all items; got {shapes[0]} and {shapes[1]}")
    return torch.stack(list(prepared))


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def is_convolutional(module: nn.Module) -> bool:
    """Whether a network is mostly convolutions, for which channels-last memory is faster; of three axes it has none."""
    if any(value.ndim == 5 for value in module.parameters()):
        return False
    return sum(isinstance(submodule, nn.Conv2d) for submodule in module.modules()) >= MANY_CONVOLUTIONS


def choose_device(device: str) -> str:
    """The device of a name; of "auto" a CUDA device where there is one, else the processor."""
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
    tensor = tensor_of(output)
    if tensor is None:
        raise InputError(f"the model must return a tensor; got {type(output).__name__}")
    return tensor


class LinearByOneDnn(TorchFunctionMode):  # type: ignore[misc]
    """Inside, `torch.nn.functional.linear` of float32 rows on the CPU is a convolution of one place."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[Any], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        keywords = dict(kwargs or {})
        if func is functional.linear and not keywords and len(args) >= 2 and _is_fit(args[0], args[1]):
            return _convolved(*args)
        return func(*args, **keywords)


def _is_fit(x: torch.Tensor, weight: torch.Tensor) -> bool:
    both = x.dtype == weight.dtype == torch.float32 and x.device.type == weight.device.type == "cpu"
    return (
        both and weight.ndim == 2 and x.ndim > 1 and x.numel() >= FEWEST * x.shape[-1] > 0 and x.layout == torch.strided
    )


def _convolved(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    places = x.reshape(1, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)  # (1, features, rows, 1), channels last as it is
    convolved = functional.conv2d(places, weight[:, :, None, None], bias)
    return convolved.permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))


@lru_cache(maxsize=1)
def is_worth_it() -> bool:
    """Whether MKL computes linear layers here, on a CPU that is not from Intel."""
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return False
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    vendor = re.search(r"^vendor_id\s*: (.+)$", cpuinfo, re.MULTILINE)
    return vendor is not None and vendor[1].strip() != "GenuineIntel"
