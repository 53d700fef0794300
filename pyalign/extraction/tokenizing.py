"""Texts as token numbers, and tokens as one row, by the files that are next to a model.

`tokenizer.json` is what the package tokenizers writes; of `vocab.txt`, a word piece a line, the tokenizer of BERT is
built. `1_Pooling/config.json`, or what `modules.json` names in its place, says how tokens become a row.

Text models of torch: the ends by the model's own functions, the tokens of its modules pooled by the mask.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pyalign._dataclass import dataclass, field
from pyalign.errors import InputError, MissingExtraError
from pyalign.extraction.encoder import LOGITS, OF_MODEL, PENULTIMATE, Encoder, Layer, check_layers
from pyalign.extraction.hub import one_line_errors
from pyalign.extraction.layers import Layout, Tokens, find_layout, find_module, find_shapes, tensor_of, watched
from pyalign.io.documents import read_json

LONGEST, UNLIMITED = 512, 1_000_000  # tokens: where no file says; from which on a limit is none
POOLINGS = ("mean", "cls", "max", "lasttoken")
# What older files of sentence-transformers call them.
OLD = {
    "pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken", "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}


def nearby_file(path: str, name: str) -> str | None:
    """A file in the folder of a model's file, or in the one above, as hubs lay out `onnx/model.onnx`."""
    folder = os.path.dirname(os.path.abspath(path))
    places = (os.path.join(folder, name), os.path.join(os.path.dirname(folder), name))
    return next((place for place in places if os.path.isfile(place)), None)


def nearby_settings(path: str, name: str) -> dict[str, Any]:
    """The object in a JSON file next to a model; an empty one where there is none."""
    file = nearby_file(path, name)
    document = None if file is None else read_json(file, strict=False)
    return document if isinstance(document, dict) else {}


@dataclass(frozen=True)
class TextTokens:
    """One text: ids and types, (k,) each."""

    ids: Sequence[int]
    types: Sequence[int]


@dataclass(frozen=True)
class Tokenizer:
    """Makes tokens of texts; safe for several threads."""

    inner: Any  # of the package tokenizers.
    file: str  # that it came from.
    longest: int  # tokens in a text; what is longer is cut.
    pad: int  # the token that fills up.

    def tokens(self, text: str) -> TextTokens:
        """The tokens of one text, with those that begin and end it."""
        encoding = self.inner.encode(text)
        return TextTokens(encoding.ids, encoding.type_ids)


def load_tokenizer(spec: str, path: str, fixed: int | None = None) -> Tokenizer:
    """The tokenizer next to a model's file.

    fixed: tokens that the model takes, where it takes no other number.
    """
    file = nearby_file(path, "tokenizer.json") or nearby_file(path, "vocab.txt")
    if file is None:
        raise InputError(f"{spec} takes texts: put tokenizer.json or vocab.txt next to {path}, which holds none")
    try:
        import tokenizers
    except ImportError as error:
        raise MissingExtraError(f"{spec}, a model of texts,", "tokenizers", "models") from error
    config = nearby_settings(path, "tokenizer_config.json")
    with one_line_errors(spec, f"{file} can't be read"):
        if file.endswith(".json"):
            inner = tokenizers.Tokenizer.from_file(file)
        else:
            lower = config.get("do_lower_case") is not False
            inner = tokenizers.BertWordPieceTokenizer.from_file(file, lowercase=lower)._tokenizer
        pad = _pad(inner, config)
        longest = min(_longest(path, inner, config), fixed or UNLIMITED)
        inner.no_padding()
        inner.enable_truncation(longest)
    return Tokenizer(inner, file, longest, pad)


def _pad(inner: Any, config: dict[str, Any]) -> int:
    pad_token = config.get("pad_token")
    word = pad_token.get("content") if isinstance(pad_token, dict) else pad_token
    number = inner.token_to_id(word) if isinstance(word, str) else None
    if number is None and inner.padding:
        number = inner.padding.get("pad_id")
    return int(number or 0)


def _longest(path: str, inner: Any, config: dict[str, Any]) -> int:
    """Tokens that the model was made for: as its files say, the most specific first."""
    of_sentences = nearby_settings(path, "sentence_bert_config.json").get("max_seq_length")
    of_model = nearby_settings(path, "config.json").get("max_position_embeddings")
    limits = [
        limit for limit in (config.get("model_max_length"), of_model)
        if isinstance(limit, int | float) and 1 < limit < UNLIMITED
    ]
    if type(of_sentences) is int and of_sentences > 1:
        return of_sentences
    if limits:
        return int(min(limits))
    return int((inner.truncation or {}).get("max_length", LONGEST))


def nearby_pooling(spec: str, path: str) -> tuple[str, str | None]:
    """How tokens become a row, and the file that says so; "mean" where none does."""
    file = next((place for name in _pooling_files(path) if (place := nearby_file(path, name)) is not None), None)
    document = None if file is None else read_json(file, strict=False)
    if not isinstance(document, dict):
        return "mean", None
    mode = document.get("pooling_mode")
    on = [mode] if isinstance(mode, str) else [new for old, new in OLD.items() if document.get(old) is True]
    if len(on) != 1 or on[0] not in POOLINGS:
        modes = " and ".join(map(str, on)) or "none"
        raise InputError(f"{spec}: pooling must be one of {', '.join(POOLINGS)}; {file} has {modes}")
    return on[0], file


def _pooling_files(path: str) -> list[str]:
    """Where a folder of sentence-transformers may tell of pooling."""
    listed = nearby_file(path, "modules.json")
    modules = [] if listed is None else read_json(listed, strict=False)
    named = [
        os.path.join(module["path"], "config.json")
        for module in (modules if isinstance(modules, list) else [])
        if isinstance(module, dict) and str(module.get("type")).endswith("Pooling") and _is_inside(module.get("path"))
    ]
    return [*named, os.path.join("1_Pooling", "config.json")]


def _is_inside(path: Any) -> bool:
    return isinstance(path, str) and not os.path.isabs(path) and ".." not in path.replace("\\", "/").split("/")


def padded(texts: Sequence[TextTokens], pad: int, length: int | None = None) -> dict[str, npt.NDArray[np.int64]]:
    """Ids, types, positions and the mask of a batch, (b, k) each.

    length: k; None: that of the longest.
    """
    length = length or max(len(tokens.ids) for tokens in texts)
    shape = (len(texts), length)
    arrays = {
        "ids": np.full(shape, pad, np.int64),
        "types": np.zeros(shape, np.int64),
        "mask": np.zeros(shape, np.int64),
    }
    for row, tokens in enumerate(texts):
        k = len(tokens.ids)
        arrays["ids"][row, :k], arrays["types"][row, :k], arrays["mask"][row, :k] = tokens.ids, tokens.types, 1
    arrays["positions"] = np.broadcast_to(np.arange(length, dtype=np.int64), shape).copy()
    return arrays


def pool_tokens(tokens: np.ndarray, mask: np.ndarray, pooling: str) -> np.ndarray:
    """Rows (b, d) of tokens (b, k, d), of those alone that the mask (b, k) has; each text has one at least."""
    if pooling == "cls":
        return tokens[:, 0].copy()
    if pooling == "lasttoken":
        last = mask.shape[1] - 1 - np.argmax(mask[:, ::-1] > 0, axis=1)
        return tokens[np.arange(len(tokens)), last]
    there = mask[:, :, None] > 0
    if pooling == "max":
        return np.where(there, tokens, -np.inf).max(axis=1)
    total = np.where(there, tokens, 0).sum(axis=1, dtype=np.float64)
    return np.asarray(total / there.sum(axis=1), tokens.dtype)


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
                                 f"{layout.shape}, pool {pool}")
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
