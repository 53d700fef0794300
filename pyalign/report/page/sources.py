"""What a page is made from: results, documents, files, folders, metadata; and what models are called on all of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pyalign._dataclass import dataclass, fields, is_dataclass, replace
from pyalign._result import Result, read_result
from pyalign._version import __version__
from pyalign.analysis.accuracy import Score, Scores
from pyalign.analysis.agreement import Agreement, Agreements
from pyalign.analysis.calibration.calibration_result import Calibration, Calibrations
from pyalign.data.metadata import Metadata, as_metadata
from pyalign.data.names import listing
from pyalign.data.provenance import FILE, Input
from pyalign.documents import Interval, require_letters
from pyalign.errors import InputError
from pyalign.io.documents import read_json
from pyalign.io.item_names import load_metadata
from pyalign.report.scored import UNNAMED
from pyalign.report.words import different, one_line, short_labels

Of = TypeVar("Of")
SHOWN = 3  # faults that the message has where nothing is sound
# Fields of results under which names of embeddings stand, one or several.
NAMED = ("embeddings", "model", "models", "a", "b", "other", "mistaken_for")
BESIDES = frozenset({"provenance", "notes", "options", "outputs", "coverage"})  # hold no names of models
SCALARS = frozenset({"bool", "int", "float", "str", "None"})  # types of fields that hold no parts
# Results whose models are no embeddings.
NEVER = ("extract", "models list", "models layers", "datasets list", "datasets info", "datasets fetch", "describe",
         "descriptions")
PARTS = ("triplets", "dimensions", "categories")  # inputs of which one data set may be several
SEVERAL: dict[type, Any] = {Score: Scores, Calibration: Calibrations, Agreement: Agreements}


@dataclass(frozen=True)
class Loaded:
    """A result. `path`: where it came from, "" for one of this process; `version`: of pyalign, which made it."""

    path: str
    result: Any
    version: str = __version__

    @property
    def command(self) -> str:
        """The command of the result."""
        return str(self.result.command)


@dataclass(frozen=True)
class Sources:
    """All that sections are made from."""

    documents: tuple[Loaded, ...]  # sound documents, in the order in which they were given.
    metadata: Metadata | None = None  # of models, or None.

    def of(self, *commands: str) -> tuple[Loaded, ...]:
        """The documents of these commands."""
        return tuple(document for document in self.documents if document.command in commands)

    def results(self, kind: type[Of]) -> tuple[Of, ...]:
        """The results of a class."""
        return tuple(one.result for one in self.documents if isinstance(one.result, kind))

    @cached_property
    def labels(self) -> dict[str, str]:
        """What models are called, by what results call their embeddings; the same on the whole page."""
        return labels_of([document.result for document in self.documents])

    @cached_property
    def same(self) -> tuple[tuple[str, ...], ...]:
        """Names of the same embeddings, by the hash of their values: each of these is one model."""
        hashes = _hashes(document.result for document in self.documents)
        names: dict[str, list[str]] = {}
        for name in self.labels:
            if len(of_name := hashes.get(name, set())) == 1:
                names.setdefault(min(of_name), []).append(name)
        return tuple(tuple(several) for several in names.values() if len(several) > 1)

    def first_of(self, name: str) -> str:
        """The first of the names that stand for the embeddings of a name."""
        return next((names[0] for names in self.same if name in names), name)

    def label(self, name: str) -> str:
        """The label of one; its name where it is not known."""
        return self.labels.get(name, name)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the page must know of its documents and the metadata, a sentence each."""
        remarks = tuple(_remarks_of(self.documents))
        remarks += tuple(
            f"{' and '.join(map(one_line, names))} hold the same embeddings: one model." for names in self.same
        )
        if self.metadata is None or not self.labels:
            return remarks
        if any(row is not None for row in self.metadata.matched(list(self.labels), self.labels).rows):
            return remarks
        rows, models = listing(self.metadata.models, 3), listing(list(dict.fromkeys(self.labels.values())), 3)
        return (*remarks, f"No row of the metadata is of a model here: rows {rows}; models {models}.")


def metadata_of(table: Any) -> Metadata | None:
    """Metadata as they are, of a file, or of what `as_metadata` takes; None of None."""
    if table is None:
        return None
    return load_metadata(table) if isinstance(table, str | os.PathLike) else as_metadata(table)


def read_documents(results: Any) -> tuple[tuple[Loaded, ...], tuple[str, ...]]:
    """The sound documents in their order, those of a folder by name; and a line for each file that holds none.

    Such a line starts with the path: broken, half written, of a newer schema, of no command, or there already.

    Args:
        results: a result, a document, a path, or several of these. A path is a `.json` file, or a folder, of which
            each `.json` file is read: what `--json` writes, the folders of `--out`, the manifest of an extraction.
    """
    sound: list[Loaded] = []
    faults: list[str] = []
    seen: dict[str, str] = {}
    unnamed: dict[str, str] = {}
    for number, source in enumerate(_each(results), start=1):
        is_path = isinstance(source, str | os.PathLike)
        where = os.fspath(source) if is_path else f"result {number}"
        try:
            document, result = _read(source, where)
            key = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
            if key in seen:
                raise InputError(f"{where}: is the same document as {seen[key]}")
        except (InputError, OSError) as error:
            cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            faults.append(one_line(cause if cause.startswith(where) else f"{where}: {cause}"))
        else:
            seen[key] = where
            sound.append(Loaded(where if is_path else "", _named(result, unnamed), str(document.get("version"))))
    if not sound:
        more = f", and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        reasons = f": {'; '.join(faults[:SHOWN])}{more}" if faults else "; got none"
        raise InputError(f"a report needs at least one sound result{reasons}")
    return tuple(sound), tuple(faults)


def _each(results: Any) -> Iterator[Any]:
    """One by one; a folder as its files."""
    several = isinstance(results, Iterable) and not isinstance(results, str | os.PathLike | Mapping | np.ndarray)
    for source in results if several and not hasattr(results, "to_dict") else (results,):
        if isinstance(source, str | os.PathLike) and os.path.isdir(source):
            files = sorted(path for path in Path(source).iterdir() if path.suffix == ".json" and path.is_file())
            yield from map(os.fspath, files) if files else (source,)
        else:
            yield source


def _read(source: Any, where: str) -> tuple[dict[str, Any], Any]:
    """A document, and its result."""
    if isinstance(source, Result):
        document = source.to_dict()
        require_letters(document)  # also of keys that no result has: they stand in the page
        return document, source
    if isinstance(source, Mapping):
        try:
            document = json.loads(json.dumps(source, allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"{where}: is no document that JSON can hold: {error}") from error
    elif not isinstance(source, str | os.PathLike):
        raise InputError(
            f"{where}: must be a result, a document, a .json file or a folder; got {type(source).__name__}"
        )
    elif os.path.isdir(source):
        raise InputError(f"{where}: is a folder without .json files")
    else:
        document = read_json(source)
    return document, read_result(document, where)


def _named(result: Any, unnamed: dict[str, str]) -> Any:
    """A result of one model as one of several, so that sections know one form, and with a name for its embeddings.

    unnamed: what arrays without a name are called here, by their hash; it grows.
    """
    kind = SEVERAL.get(type(result))
    if kind is None:
        return result
    if not result.embeddings:
        inputs = _inputs(result)
        digest = str(inputs[0].sha256 if inputs and inputs[0].sha256 else len(unnamed))
        called = UNNAMED if not unnamed else f"{UNNAMED} {len(unnamed) + 1}"
        result = replace(result, embeddings=result.label or unnamed.setdefault(digest, called))
    triplets = getattr(result, "triplets", None)
    return kind((result,), triplets, notes=result.notes, coverage=result.coverage, provenance=result.provenance)


# What models are called on a page: one label for the same embeddings in all documents, never one for two


def names_of(result: Any) -> list[tuple[str, str | None]]:
    """Each name of embeddings in a result, with the label that it has there, or None."""
    pairs: list[tuple[str, str | None]] = []
    if result.command not in NEVER:
        _collect(result, pairs)
    return list(dict.fromkeys(pairs))


def _collect(value: Any, pairs: list[tuple[str, str | None]]) -> None:
    """Adds those of a part of a result, which may have hundreds of thousands."""
    shown = _shown(type(value))
    for name in NAMED:
        if name in shown:
            names = getattr(value, name)
            label = getattr(value, "label", None) if name == "embeddings" else None
            pairs += [
                (text, label) for text in ([names] if isinstance(names, str) else names or ()) if type(text) is str
            ]
    for name in shown:
        part = getattr(value, name)
        if isinstance(part, tuple) and part and _shown(type(part[0])):
            for element in part:
                _collect(element, pairs)
        elif _shown(type(part)):
            _collect(part, pairs)


def _fields_with_names(kind: type) -> tuple[str, ...]:
    """The fields of a part of a result that may hold names; none of what is no part, such as a number."""
    if not is_dataclass(kind) or kind is Interval:
        return ()
    shown = (field for field in fields(kind) if not field.metadata.get("hidden") and field.name not in BESIDES)
    return tuple(
        field.name for field in shown if field.name in NAMED or not SCALARS.issuperset(str(field.type).split(" | "))
    )


_shown: Callable[[type], tuple[str, ...]] = cache(_fields_with_names)  # asked of each of very many parts


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
    """The arrays that a result was computed from."""
    inputs = () if result.provenance is None else result.provenance.inputs
    return tuple(array for array in inputs if array.name != FILE)


def _hashes(results: Iterable[Any]) -> dict[str, set[str]]:
    """name, or file -> the hashes of the values that it had."""
    hashes: dict[str, set[str]] = {}
    for result in results:
        for array in _inputs(result):
            for name in {array.name, array.source} - {None}:
                if array.sha256 is not None:
                    hashes.setdefault(str(name), set()).add(array.sha256)
    return hashes


def _remarks_of(documents: Sequence[Loaded]) -> Iterator[str]:
    """A sentence for each name whose values are not the same in all documents, and one for versions that differ."""
    hashes: dict[tuple[str, str], dict[str, list[str]]] = {}
    versions: dict[str, list[str]] = {}
    for number, document in enumerate(documents, start=1):
        result, where = document.result, document.path or f"result {number}"
        versions.setdefault(document.version, []).append(where)
        names = {name for name, _ in names_of(result)}
        coverage = result.coverage
        if coverage is None or coverage.n_triplets == coverage.of_triplets:  # else they are some of those of its file
            names.add(str(getattr(result, "triplets", None)))
        for array in _inputs(result):
            name = array.source or array.name
            if name in names and array.sha256 is not None:
                part = array.name if array.name in PARTS else ""
                hashes.setdefault((name, part), {}).setdefault(array.sha256, []).append(where)
    for (name, _), of_name in hashes.items():
        if len(of_name) > 1:
            each = "; ".join(f"{digest[:8]} in {one_line(places[0])}" for digest, places in of_name.items())
            yield f"{one_line(name)} is not the same in all documents, by the SHA-256 of its values: {each}."
    if len(versions) > 1:
        counts = ", ".join(f"{version} ({len(places)})" for version, places in sorted(versions.items()))
        yield f"The documents are of several versions of pyalign: {counts}."
