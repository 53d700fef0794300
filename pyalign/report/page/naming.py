"""What models are called on a page: one label for the same embeddings in all documents, never one for two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.report.charts.document import different
from pyalign.report.tables import one_line, short_labels

# Keys of documents under which names of embeddings stand, alone or in lists.
NAMED = ("embeddings", "model", "models", "a", "b", "other", "mistaken_for")
NAMES = frozenset(NAMED)
BESIDES = ("provenance", "notes", "options", "intervals", "outputs")  # hold no names of models
NEVER = ("extract", "models list", "models layers", "datasets list", "datasets info", "datasets fetch", "describe")
UNNAMED = "embeddings"  # what a result of an array without a file calls its model


def names_of(document: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Each name of embeddings in a document, with the label that it was given there, or None."""
    found: list[tuple[str, str | None]] = []
    if document.get("command") not in NEVER:
        _collect(document, found)
        for one in _inputs(document):
            if document["command"] == "probe" and one.get("name") == UNNAMED and isinstance(one.get("source"), str):
                found.append((one["source"], None))
    return list(dict.fromkeys(found))


def _collect(value: Mapping[str, Any], found: list[tuple[str, str | None]]) -> None:
    """Adds those of a part of a document, which may have hundreds of thousands."""
    if not NAMES.isdisjoint(value):
        label = value.get("label")
        for key in NAMED:
            held = value.get(key)
            given = label if key == "embeddings" and isinstance(label, str) else None
            found += [(name, given) for name in (held if isinstance(held, list) else [held]) if isinstance(name, str)]
    for key, held in value.items():
        kind = type(held)
        if kind is dict and key not in BESIDES:
            _collect(held, found)
        elif kind is list and key not in BESIDES:
            _collect_all(held, found)


def _collect_all(values: Sequence[Any], found: list[tuple[str, str | None]]) -> None:
    if values and isinstance(values[0], dict):
        for one in values:
            if isinstance(one, dict):
                _collect(one, found)
            elif isinstance(one, list):
                _collect_all(one, found)


def labels_of(documents: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """name -> label, all different but for a name that is the label of another, and has no other values.

    Example:
        >>> score = {"command": "score", "results": [{"embeddings": "a/clip.npy"}, {"embeddings": "b/clip.npy"}]}
        >>> labels_of([score, {"command": "cka", "results": [{"models": ["a/clip.npy"]}]}])
        {'a/clip.npy': 'a/clip', 'b/clip.npy': 'b/clip'}
    """
    given: dict[str, str | None] = {}
    for document in documents:
        for name, label in names_of(document):
            given[name] = given.get(name) or label
    short = short_labels([name for name, label in given.items() if label is None])
    labels = {name: one_line(label) if label else short[name] for name, label in given.items()}
    hashes = _hashes(documents)
    by_label: dict[str, list[str]] = {}
    for name, label in labels.items():
        by_label.setdefault(label, []).append(name)
    for label, names in by_label.items():
        apart = [name for name in names if name != label or _differs(hashes, name, names)]
        if len(apart) > 1:
            longer = short_labels(apart)
            labels.update({name: f"{label} ({longer[name]})" for name in apart})
    return _apart(labels, given)


def _differs(hashes: Mapping[str, set[str]], name: str, others: Sequence[str]) -> bool:
    """Whether a name that is the label of another is known to be of other values, or is not that other's alone."""
    rest = [other for other in others if other != name]
    return len(rest) != 1 or not hashes.get(name, set()) <= (hashes.get(rest[0]) or hashes.get(name, set()))


def _apart(labels: dict[str, str], given: Mapping[str, str | None]) -> dict[str, str]:
    """What made labels differ may have made two of them the same: then they are numbered."""
    own = [name for name, label in labels.items() if name != label or given[name]]
    shown = dict(zip(own, different([labels[name] for name in own]), strict=True))
    return {name: shown.get(name, label) for name, label in labels.items()}


def _inputs(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    provenance = document.get("provenance")
    held = provenance.get("inputs") if isinstance(provenance, Mapping) else None
    return [one for one in held if isinstance(one, Mapping)] if isinstance(held, list) else []


def _hashes(documents: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    """name, or file -> the hashes of the values that it had."""
    found: dict[str, set[str]] = {}
    for document in documents:
        for one in _inputs(document):
            for name in {one.get("name"), one.get("source")}:
                if isinstance(name, str) and isinstance(one.get("sha256"), str):
                    found.setdefault(name, set()).add(one["sha256"])
    return found


def remarks_of(documents: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[str, ...]:
    """A sentence for each name whose values are not the same in all documents, and one for versions that differ."""
    held: dict[str, dict[str, list[str]]] = {}
    versions: dict[str, list[str]] = {}
    for number, (path, document) in enumerate(documents, start=1):
        where = path or f"result {number}"
        versions.setdefault(str(document.get("version")), []).append(where)
        named = {name for name, _ in names_of(document)}
        if not _leaves_triplets_out(document):
            named.add(str(document.get("triplets")))
        for one in _inputs(document):
            name, digest = one.get("source") or one.get("name"), one.get("sha256")
            if name in named and isinstance(digest, str):
                held.setdefault(str(name), {}).setdefault(digest, []).append(where)
    remarks = [_other_values(name, found) for name, found in held.items() if len(found) > 1]
    if len(versions) > 1:
        told = ", ".join(f"{version} ({len(where)})" for version, where in sorted(versions.items()))
        remarks.append(f"The documents are of several versions of pyalign: {told}.")
    return tuple(remarks)


def _leaves_triplets_out(document: Mapping[str, Any]) -> bool:
    """Whether the triplets of a document are those of its file that have a row, as its coverage says."""
    coverage = document.get("coverage")
    held = coverage if isinstance(coverage, Mapping) else {}
    return held.get("n_triplets") != held.get("of_triplets")


def _other_values(name: str, found: Mapping[str, Sequence[str]]) -> str:
    told = "; ".join(f"{digest[:8]} in {one_line(where[0])}" for digest, where in found.items())
    return f"{one_line(name)} is not the same in all documents, by the SHA-256 of its values: {told}."
