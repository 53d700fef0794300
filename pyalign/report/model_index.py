"""Figures for cards of models on the Hugging Face Hub: the key `model-index` of a card's metadata, as YAML.

What a card must have of each figure: a task of the Hub (type, name), a data set (type, name) and metrics (type, value,
name, args). Fractions stay fractions, unrounded; what they are over stands among their args.

Source: github.com/huggingface/hub-docs, modelcard.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyalign.data.metadata import stem_of
from pyalign.documents import as_document
from pyalign.errors import InputError
from pyalign.report.tables import short_labels

TASK_NAMES = {"odd-one-out": "Odd-one-out of three, as people choose", "anchored": "Which of two is more like a third"}
RSA_NAME = "Similarity judgments"
TYPES = {"spearman": "spearmanr", "pearson": "pearsonr", "kendall": "kendalltau"}  # as the Hub calls its metrics
UNKNOWN = "human-similarity-judgments"
FLOAT = re.compile(r"-?\d+e[+-]\d+")  # which YAML 1.1 takes for text


def model_index_of(result: Any, dataset: str | None = None, name: str | None = None, task: str = "") -> str:
    """The YAML; see `pyalign.results.OnCards.to_model_index`."""
    figures = {"score": _scores, "probe": _probe, "rsa": _rsa}[result.command]
    of: dict[str, list[dict[str, Any]]] = {}
    data = ""
    for model, source, task_name, metrics in figures(result.to_dict()):
        data = dataset or _called(source)
        there = {"task": {"type": task, "name": task_name}, "dataset": {"type": data, "name": data}}
        held = of.setdefault(model, [])
        known = next((one for one in held if one["task"] == there["task"]), None)
        if known is None:
            held.append({**there, "metrics": list(metrics)})
        else:
            known["metrics"] += metrics
    if not of:
        raise InputError("result must have a figure for the card of a model; got none")
    if name is not None and len(of) > 1:
        raise InputError(f"name must be left out where there are several models; got {name!r:.60} for {len(of)}")
    labels = short_labels(list(of))
    entries = [{"name": name or labels[model], "results": results} for model, results in of.items()]
    return yaml_text({"model-index": entries})


Figures = Iterator[tuple[str, "str | None", str, list[dict[str, Any]]]]


def _called(source: str | None) -> str:
    """A data set by the name of its file, or its own."""
    return stem_of(source.removeprefix("dataset:")) if source else UNKNOWN


def _metric(kind: str, value: Any, name: str, row: Mapping[str, Any], interval: str, **args: Any) -> dict[str, Any]:
    """A figure with its interval and what that is over."""
    ends, about = row.get(interval), (row.get("intervals") or {}).get(interval) or {}
    if ends is not None and None not in ends:
        args |= {"interval": list(ends), "confidence": about.get("confidence"), "over": about.get("by"),
                 "standard_error": about.get("error")}  # fmt: skip
    told = {key: one for key, one in args.items() if one is not None}
    return {"type": kind, "value": value, "name": name, **({"args": told} if told else {})}


def _scores(document: Mapping[str, Any]) -> Figures:
    for row in document.get("results") or [document]:
        if row.get("accuracy") is None:
            continue
        by = f", {row['measure']}" if row.get("measure") else ""
        more = {"measure": row.get("measure"), "transform": row.get("transform"), "ties": row.get("ties"),
                "n_triplets": row.get("n_triplets"), "chance": row.get("chance")}  # fmt: skip
        seen = row.get("in_sample") or {}
        sample = ", in-sample" if seen.get("objects") else ""
        metrics = [_metric("accuracy", row["accuracy"], f"Accuracy{by}{sample}", row, "ci", **more)]
        if row.get("cross_entropy") is not None:
            more = {**more, "temperature": row.get("temperature"), "unit": "nats"}
            metrics.append(_metric("cross_entropy", row["cross_entropy"], f"Cross-entropy{by}{sample}", row,
                                   "cross_entropy_ci", **{**more, "chance": None}))  # fmt: skip
        model = str(row.get("label") or row.get("embeddings") or "model")
        yield model, document.get("triplets"), TASK_NAMES[row.get("task", "odd-one-out")], metrics


def _probe(document: Mapping[str, Any]) -> Figures:
    held_out = f"held-out {document['split']}"
    more = {"held_out": document["split"], "folds": len(document["folds"]), "chance": document.get("chance")}
    metrics = [
        _metric("accuracy", document["accuracy"], f"Accuracy after a linear map, {held_out}", document,
                "accuracy_interval", **more),
        _metric("cross_entropy", document["cross_entropy"], f"Cross-entropy after a linear map, {held_out}", document,
                "cross_entropy_interval", **{**more, "chance": None, "unit": "nats"}),
        _metric("accuracy", document["zero_shot_accuracy"], "Accuracy as it is, the same triplets", document, "",
                **more),
    ]  # fmt: skip
    task = TASK_NAMES[document.get("task", "odd-one-out")]
    yield str(document.get("embeddings") or "model"), document.get("triplets"), task, metrics


def _rsa(document: Mapping[str, Any]) -> Figures:
    for row in document["results"]:
        if row.get("value") is None:
            continue
        kind = TYPES.get(row["correlation"], row["correlation"])
        by = f", {row['measure']}" if row.get("measure") else ""
        more = {"measure": row.get("measure"), "n_objects": row.get("n_objects"), "n_pairs": row.get("n_pairs"),
                "n_people": document.get("n_people")}  # fmt: skip
        name = f"RSA, {row['correlation']}{by}"
        yield (str(row.get("label") or row["embeddings"]), document.get("human"), RSA_NAME,
               [_metric(kind, row["value"], name, row, "ci", **more)])  # fmt: skip


# YAML


def yaml_text(value: Any) -> str:
    r"""Plain values as YAML that 1.1 and 1.2 read the same: keys and texts in double quotes where they could be taken
    for something else.

    Example:
        >>> print(yaml_text({"name": [{"value": 1e-05, "type": "no"}, []]}), end="")
        name:
          - value: 1.0e-05
            type: "no"
          - []
    """
    return "\n".join(_lines(as_document(value), "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield from _entry(f"{indent}{_key(key)}:", one, indent + "  ")
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for one in value:
            if isinstance(one, Mapping | list) and one:
                first, *rest = _lines(one, indent + "  ")
                yield f"{indent}- {first.lstrip()}"
                yield from rest
            else:
                yield f"{indent}- {_scalar(one)}"
    else:
        yield indent + _scalar(value)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping | list) and value:
        yield head
        yield from _lines(value, indent)
    else:
        yield f"{head} {_scalar(value)}"


def _key(key: str) -> str:
    return key if re.fullmatch(r"[a-z][a-z_-]{2,}", key) and key not in WORDS else _scalar(key)


WORDS = frozenset({"yes", "true", "false", "off", "null", "nan", "inf"})  # with a meaning in YAML 1.1


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return "null"
        text = repr(value)
        return text.replace("e", ".0e") if FLOAT.fullmatch(text) else text
    if isinstance(value, Mapping):
        return "{}"
    if not isinstance(value, str):
        return "[]"
    return '"' + "".join(map(_letter, value)) + '"'


def _letter(letter: str) -> str:
    r"""As it is, or as \xNN, \uNNNN, \UNNNNNNNN."""
    if letter in '\\"':
        return "\\" + letter
    if letter.isprintable():
        return letter
    code = ord(letter)
    if 0xD800 <= code <= 0xDFFF:
        return "\\uFFFD"  # half of a letter, which no file in UTF-8 can hold
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
