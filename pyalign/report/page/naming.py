"""What models are called on a page: one label for the same embeddings in all documents, never one for two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, cast

from pyalign.data.provenance import Input
from pyalign.documents import Interval
from pyalign.report.cells import different
from pyalign.report.scored import UNNAMED
from pyalign.report.words import one_line, short_labels

# Fields of results under which names of embeddings stand, one or several.
NAMED = ("embeddings", "model", "models", "a", "b", "other", "mistaken_for")
BESIDES = frozenset({"provenance", "notes", "options", "outputs", "coverage"})  # hold no names of models
# Results whose models are no embeddings.
NEVER = ("extract", "models list", "models layers", "datasets list", "datasets info", "datasets fetch", "describe")


def names_of(result: Any) -> list[tuple[str, str | None]]:
    """Each name of embeddings in a result, with the label that it has there, or None."""
    pairs: list[tuple[str, str | None]] = []
    if result.command not in NEVER:
        _collect(result, pairs)
    if result.command == "probe":
        pairs += [(one.source, None) for one in _inputs(result) if one.name == UNNAMED and one.source]
    return list(dict.fromkeys(pairs))


def _collect(value: Any, pairs: list[tuple[str, str | None]]) -> None:
    """Adds those of a part of a result, which may have hundreds of thousands."""
    shown = _shown(cast(Any, type(value)))
    for name in NAMED:
        if name in shown:
            names = getattr(value, name)
            label = getattr(value, "label", None) if name == "embeddings" else None
            pairs += [(one, label) for one in ([names] if isinstance(names, str) else names or ()) if type(one) is str]
    for name in shown:
        part = getattr(value, name)
        for one in part if isinstance(part, tuple) and part and is_dataclass(part[0]) else (part,):
            if is_dataclass(one) and not isinstance(one, Interval):
                _collect(one, pairs)


@cache
def _shown(kind: type) -> tuple[str, ...]:
    """The fields of a part of a result that may hold names."""
    return tuple(one.name for one in fields(kind) if not one.metadata.get("hidden") and one.name not in BESIDES)


def labels_of(results: Sequence[Any]) -> dict[str, str]:
    """name -> label, all different but for a name that is the label of another, and has no other values.

    Example:
        >>> import numpy as np, pyalign
        >>> labels_of([pyalign.score({"a/clip.npy": np.eye(3), "b/clip.npy": np.eye(3)}, [[0, 1, 2]])])
        {'a/clip.npy': 'a/clip', 'b/clip.npy': 'b/clip'}
    """
    own_labels: dict[str, str | None] = {}
    for result in results:
        for name, label in names_of(result):
            own_labels[name] = own_labels.get(name) or label
    short = short_labels([name for name, label in own_labels.items() if label is None])
    labels = {name: one_line(label) if label else short[name] for name, label in own_labels.items()}
    hashes = _hashes(results)
    by_label: dict[str, list[str]] = {}
    for name, label in labels.items():
        by_label.setdefault(label, []).append(name)
    for label, names in by_label.items():
        apart = [name for name in names if name != label or _differs(hashes, name, names)]
        if len(apart) > 1:
            longer = short_labels(apart)
            labels.update({name: f"{label} ({longer[name]})" for name in apart})
    own = [name for name, label in labels.items() if name != label or own_labels[name]]
    numbered = different([labels[name] for name in own])  # what made labels differ may have made two of them the same
    return labels | dict(zip(own, numbered, strict=True))


def _differs(hashes: Mapping[str, set[str]], name: str, others: Sequence[str]) -> bool:
    """Whether a name that is the label of another is known to be of other values, or is not that other's alone."""
    rest = [other for other in others if other != name]
    return len(rest) != 1 or not hashes.get(name, set()) <= (hashes.get(rest[0]) or hashes.get(name, set()))


def _inputs(result: Any) -> tuple[Input, ...]:
    return () if result.provenance is None else result.provenance.inputs


def _hashes(results: Iterable[Any]) -> dict[str, set[str]]:
    """name, or file -> the hashes of the values that it had."""
    hashes: dict[str, set[str]] = {}
    for result in results:
        for one in _inputs(result):
            for name in {one.name, one.source} - {None}:
                if one.sha256 is not None:
                    hashes.setdefault(str(name), set()).add(one.sha256)
    return hashes


def remarks_of(results: Sequence[tuple[str, Any, str]]) -> tuple[str, ...]:
    """A sentence for each name whose values are not the same in all results, and one for versions that differ.

    Args:
        results: where each came from, the result, and the version of pyalign that made it.
    """
    hashes: dict[str, dict[str, list[str]]] = {}
    versions: dict[str, list[str]] = {}
    for number, (path, result, version) in enumerate(results, start=1):
        where = path or f"result {number}"
        versions.setdefault(version, []).append(where)
        names = {name for name, _ in names_of(result)}
        coverage = result.coverage
        if coverage is None or coverage.n_triplets == coverage.of_triplets:  # else they are some of those of its file
            names.add(str(getattr(result, "triplets", None)))
        for one in _inputs(result):
            name = one.source or one.name
            if name in names and one.sha256 is not None:
                hashes.setdefault(name, {}).setdefault(one.sha256, []).append(where)
    remarks = []
    for name, of_name in hashes.items():
        if len(of_name) > 1:
            each = "; ".join(f"{digest[:8]} in {one_line(places[0])}" for digest, places in of_name.items())
            remarks.append(f"{one_line(name)} is not the same in all documents, by the SHA-256 of its values: {each}.")
    if len(versions) > 1:
        counts = ", ".join(f"{version} ({len(places)})" for version, places in sorted(versions.items()))
        remarks.append(f"The documents are of several versions of pyalign: {counts}.")
    return tuple(remarks)
