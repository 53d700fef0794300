"""Texts as token numbers, and tokens as one row, by the files that lie beside a model.

`tokenizer.json` is what the package tokenizers writes; of `vocab.txt`, a word piece a line, the tokenizer of BERT is
built. `1_Pooling/config.json`, or what `modules.json` names in its place, says how tokens become a row.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyalign.errors import InputError, MissingExtraError
from pyalign.extraction.weights import one_line_errors
from pyalign.io.documents import read_json

LONGEST, UNLIMITED = 512, 1_000_000  # tokens: where no file says; from which on a limit is none
POOLINGS = ("mean", "cls", "max", "lasttoken")
# What older files of sentence-transformers call them.
OLD = {
    "pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken", "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}  # fmt: skip


def beside(path: str, name: str) -> str | None:
    """A file in the folder of a model's file, or in the one above, as hubs lay out `onnx/model.onnx`."""
    folder = os.path.dirname(os.path.abspath(path))
    places = (os.path.join(folder, name), os.path.join(os.path.dirname(folder), name))
    return next((place for place in places if os.path.isfile(place)), None)


def settings_beside(path: str, name: str) -> dict[str, Any]:
    """The object in a JSON file beside a model; an empty one where there is none."""
    found = beside(path, name)
    document = None if found is None else read_json(found, strict=False)
    return document if isinstance(document, dict) else {}


@dataclass(frozen=True)
class Tokens:
    """One text: ids and types, (k,) each."""

    ids: Sequence[int]
    types: Sequence[int]


@dataclass(frozen=True)
class Tokenizer:
    """Makes tokens of texts; safe for several threads.

    Attributes:
        inner: of the package tokenizers.
        file: that it came from.
        longest: tokens in a text; what is longer is cut.
        pad: the token that fills up.
    """

    inner: Any
    file: str
    longest: int
    pad: int

    def tokens(self, text: str) -> Tokens:
        """Of one text, with what begins and ends it."""
        found = self.inner.encode(text)
        return Tokens(found.ids, found.type_ids)


def load_tokenizer(spec: str, path: str, fixed: int | None = None) -> Tokenizer:
    """The tokenizer beside a model's file.

    fixed: tokens that the model takes, where it takes no other number.

    Raises:
        InputError: there is none, or it can't be read.
        MissingExtraError: the package tokenizers is not installed.
    """
    found = beside(path, "tokenizer.json") or beside(path, "vocab.txt")
    if found is None:
        raise InputError(f"{spec} takes texts: put tokenizer.json or vocab.txt next to {path}, which holds none")
    try:
        import tokenizers
    except ImportError as error:
        raise MissingExtraError(f"{spec}, a model of texts,", "tokenizers", "models") from error
    config = settings_beside(path, "tokenizer_config.json")
    with one_line_errors(spec, f"{found} can't be read"):
        if found.endswith(".json"):
            inner = tokenizers.Tokenizer.from_file(found)
        else:
            lower = config.get("do_lower_case") is not False
            inner = tokenizers.BertWordPieceTokenizer.from_file(found, lowercase=lower)._tokenizer
        pad = _pad(inner, config)
        longest = min(_longest(path, inner, config), fixed or UNLIMITED)
        inner.no_padding()
        inner.enable_truncation(longest)
    return Tokenizer(inner, found, longest, pad)


def _pad(inner: Any, config: dict[str, Any]) -> int:
    told = config.get("pad_token")
    word = told.get("content") if isinstance(told, dict) else told
    number = inner.token_to_id(word) if isinstance(word, str) else None
    if number is None and inner.padding:
        number = inner.padding.get("pad_id")
    return int(number or 0)


def _longest(path: str, inner: Any, config: dict[str, Any]) -> int:
    """Tokens that the model was made for: as its files say, the most specific first."""
    told = settings_beside(path, "sentence_bert_config.json").get("max_seq_length")
    of_model = settings_beside(path, "config.json").get("max_position_embeddings")
    limits = [
        one for one in (config.get("model_max_length"), of_model)
        if isinstance(one, int | float) and 1 < one < UNLIMITED
    ]  # fmt: skip
    if type(told) is int and told > 1:
        return told
    if limits:
        return int(min(limits))
    return int((inner.truncation or {}).get("max_length", LONGEST))


def pooling_beside(spec: str, path: str) -> tuple[str, str | None]:
    """How tokens become a row, and the file that says so; "mean" where none does.

    Raises:
        InputError: in a way that is not known here.
    """
    found = next((place for name in _pooling_files(path) if (place := beside(path, name)) is not None), None)
    document = None if found is None else read_json(found, strict=False)
    if not isinstance(document, dict):
        return "mean", None
    mode = document.get("pooling_mode")
    on = [mode] if isinstance(mode, str) else [new for old, new in OLD.items() if document.get(old) is True]
    if len(on) != 1 or on[0] not in POOLINGS:
        told = " and ".join(map(str, on)) or "none"
        raise InputError(f"{spec}: pooling must be one of {', '.join(POOLINGS)}; {found} has {told}")
    return on[0], found


def _pooling_files(path: str) -> list[str]:
    """Where a folder of sentence-transformers may tell of pooling."""
    listed = beside(path, "modules.json")
    modules = [] if listed is None else read_json(listed, strict=False)
    named = [
        os.path.join(one["path"], "config.json")
        for one in (modules if isinstance(modules, list) else [])
        if isinstance(one, dict) and str(one.get("type")).endswith("Pooling") and _is_inside(one.get("path"))
    ]
    return [*named, os.path.join("1_Pooling", "config.json")]


def _is_inside(path: Any) -> bool:
    return isinstance(path, str) and not os.path.isabs(path) and ".." not in path.replace("\\", "/").split("/")


def padded(texts: Sequence[Tokens], pad: int, length: int | None = None) -> dict[str, npt.NDArray[np.int64]]:
    """Ids, types, positions and the mask of a batch, (b, k) each.

    length: k; None: that of the longest.

    Example:
        >>> padded([Tokens([5, 6], [0, 0]), Tokens([7], [0])], 0)["mask"].tolist()
        [[1, 1], [1, 0]]
    """
    length = length or max(len(one.ids) for one in texts)
    shape = (len(texts), length)
    found = {
        "ids": np.full(shape, pad, np.int64),
        "types": np.zeros(shape, np.int64),
        "mask": np.zeros(shape, np.int64),
    }
    for row, one in enumerate(texts):
        k = len(one.ids)
        found["ids"][row, :k], found["types"][row, :k], found["mask"][row, :k] = one.ids, one.types, 1
    found["positions"] = np.broadcast_to(np.arange(length, dtype=np.int64), shape).copy()
    return found


def pool_tokens(tokens: np.ndarray, mask: np.ndarray, pooling: str) -> np.ndarray:
    """Rows (b, d) of tokens (b, k, d), of those alone that the mask (b, k) has; each text has one at least.

    Example:
        >>> pool_tokens(np.array([[[1.0], [3.0], [9.0]]]), np.array([[1, 1, 0]]), "mean")
        array([[2.]])
    """
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
