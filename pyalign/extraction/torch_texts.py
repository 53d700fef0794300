"""Text models of torch: the ends by the model's own functions, the tokens of its modules pooled by the mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy.typing as npt
import torch
from torch import nn

from pyalign._dataclass import dataclass, field
from pyalign.errors import InputError
from pyalign.extraction.encoder import LOGITS, OF_MODEL, PENULTIMATE, Encoder, Layer, check_layers
from pyalign.extraction.layers import Layout, Tokens, find_layout, find_module, find_shapes, tensor_of, watched

# A batch of what `prepare` gives -> what `ends` takes, and the mask of tokens (b, k).
Collate = Callable[[Sequence[Any]], tuple[Any, torch.Tensor]]
Ends = Callable[[Any], Mapping[str, torch.Tensor]]
TRIED = "a word"


@dataclass
class TorchTexts(Encoder):
    """A text model of torch."""

    module: nn.Module = field(kw_only=True)  # whose parts have names.
    # a text, as `collate` takes it; called by several threads at once.
    tokenize: Callable[[str], Any] = field(kw_only=True)
    collate: Collate = field(kw_only=True)  # see `Collate`. ends: all ends of a batch.
    ends: Ends = field(kw_only=True)
    meanings: Mapping[str, str] = field(kw_only=True)  # name of an end -> what it is, a phrase.

    def __post_init__(self) -> None:
        self.place = torch.device(self.device)
        self.module.eval().requires_grad_(False).to(self.place)
        self._layouts: dict[str, Layout] = {}

    def prepare(self, item: Any) -> Any:
        """The tokens of a text, or the text where the model makes its tokens by the batch."""
        return self.tokenize(item)

    def resolve(self, names: Sequence[str], pool: str = "auto") -> list[Layer]:
        """See `Encoder`. Modules are tried out on two and three short texts."""
        check_layers(names, pool)
        absent = [name for name in names if name in (PENULTIMATE, LOGITS) and name not in self.meanings]
        if absent:
            raise InputError(
                f"{self.spec} has no layer {absent[0]!r}; it has {', '.join(self.meanings)} and its modules"
            )
        inner = {name: find_module(self.module, name) for name in names if name not in self.meanings}
        if steps := [name for name in inner if self._is_step(name)]:
            raise InputError(f"layers must be modules inside; got {steps[0]!r}, a step of {self.spec}")
        if not inner and pool != "auto":
            raise InputError(
                f"pool {pool} applies only to named modules; {' and '.join(names)}: as the model pools them"
            )
        shapes = find_shapes(self._blank, inner) if inner else {}
        layers = []
        for name in names:
            if name in self.meanings:
                layers.append(Layer(name, self.meanings[name], OF_MODEL))
                continue
            layout = self._layouts[name] = find_layout(name, inner[name], shapes[name], Tokens())
            if layout.kind not in ("rows", "tokens") or pool in ("flatten", "none"):
                raise InputError(f"layer {name!r} of a text model must be rows, or tokens with pool mean or cls; it is "
                                 f"{layout.shape}, pool {pool}")  # fmt: skip
            what = f"output of {type(inner[name]).__name__}"
            if layout.kind == "rows":
                layers.append(Layer(name, what, "none", name))
            else:
                layers.append(Layer(name, f"{what}, tokens", "mean" if pool == "auto" else pool, name))
        return layers

    def run(self, prepared: Sequence[Any], layers: Sequence[Layer]) -> list[npt.NDArray[Any]]:
        """See `Encoder`."""
        self.module.eval()  # something else may have put it into training since, and dropout draws other rows each time
        batch, mask = self.collate(prepared)
        poolings = {layer.name: layer.pooling for layer in layers if layer.module is not None}
        rows: dict[str, torch.Tensor] = {}

        def seen(name: str, output: Any) -> None:
            tensor = tensor_of(output)
            assert tensor is not None
            x = tensor.detach().movedim(self._layouts[name].batch, 0).float()
            rows[name] = x.clone() if poolings[name] == "none" else pooled(x, mask, poolings[name])

        with watched({name: find_module(self.module, name) for name in poolings}, seen):
            ends = self._pass(batch)
        rows.update({name: ends[name].detach().to(torch.float32, copy=True) for name in self.meanings})
        return [rows[layer.name].cpu().numpy() for layer in layers]

    def _pass(self, batch: Any) -> Mapping[str, torch.Tensor]:
        half = self.precision == "bf16"
        with torch.inference_mode(), torch.autocast(self.place.type, torch.bfloat16, enabled=half):
            return self.ends(batch)

    def _is_step(self, name: str) -> bool:
        """Whether a module hands a dictionary on to the next."""
        return isinstance(self.module, nn.Sequential) and "." not in name

    def _blank(self, items: int) -> None:
        self._pass(self.collate([self.prepare(TRIED)] * items)[0])

    def listed(self) -> list[tuple[str, str, str]]:
        """The ends of the model, then its modules in their order."""
        ends = self._pass(self.collate([self.prepare(TRIED)])[0])
        rows = [(name, what, str(ends[name].shape[-1])) for name, what in self.meanings.items()]
        modules = {name: module for name, module in self.module.named_modules() if name and not self._is_step(name)}
        for name, passes in find_shapes(self._blank, modules).items():
            try:
                layout = find_layout(name, modules[name], passes, Tokens())
            except InputError:
                continue
            if layout.kind in ("rows", "tokens"):
                shape = f"tokens x {layout.shape[-1]}" if layout.kind == "tokens" else str(layout.shape[0])
                rows.append((name, type(modules[name]).__name__, shape))
        return rows


def pooled(tokens: torch.Tensor, mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """Rows (b, d) of tokens (b, k, d): the first, or the mean of those that the mask has."""
    if pooling == "cls":
        return tokens[:, 0].clone()
    there = mask.to(tokens.device).bool()
    if there.shape != tokens.shape[:2]:
        raise InputError(f"tokens of shape {tuple(tokens.shape)} don't fit the {there.shape[1]} of the texts")
    total = tokens.masked_fill(~there[:, :, None], 0).sum(1, dtype=torch.float64)
    return (total / there.sum(1, keepdim=True)).float()


def refuse_compile(spec: str, compile: bool) -> None:
    """Raises where a text model is to be compiled."""
    if compile:
        raise InputError(f"compile applies only to image models; got {spec}")
