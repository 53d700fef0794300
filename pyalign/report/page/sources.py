"""What a page is made from: results, documents, files, folders, and metadata; what is no sound result is a fault."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pyalign._version import __version__
from pyalign.analysis.accuracy import Score
from pyalign.analysis.agreement import Agreement, Agreements
from pyalign.analysis.calibration.result import Calibration, Calibrations
from pyalign.analysis.score import Scores
from pyalign.data.metadata import Metadata, as_metadata
from pyalign.data.names import listing
from pyalign.documents import require_letters
from pyalign.errors import InputError
from pyalign.io.documents import read_json
from pyalign.io.metadata import load_metadata
from pyalign.report.page import naming
from pyalign.report.scored import UNNAMED
from pyalign.report.words import one_line
from pyalign.results import SCHEMA, kinds, read_result

Of = TypeVar("Of")
SHOWN = 3  # faults that the message has where nothing is sound
SEVERAL: dict[type, Any] = {Score: Scores, Calibration: Calibrations, Agreement: Agreements}


@dataclass(frozen=True)
class Loaded:
    """A result. `path`: where it came from, "" for one of this process; `version`: of pyalign, which made it."""

    path: str
    result: Any
    version: str = __version__

    @property
    def command(self) -> str:
        """Of which command it is."""
        return str(self.result.command)


@dataclass(frozen=True)
class Sources:
    """All that sections are made from.

    Attributes:
        documents: sound documents, in the order in which they were given.
        metadata: of models, or None.
    """

    documents: tuple[Loaded, ...]
    metadata: Metadata | None = None

    def of(self, *commands: str) -> tuple[Loaded, ...]:
        """The documents of these commands."""
        return tuple(one for one in self.documents if one.command in commands)

    def loaded(self, kind: type[Any]) -> tuple[Loaded, ...]:
        """Those whose result is of a class, with where each came from."""
        return tuple(one for one in self.documents if isinstance(one.result, kind))

    def results(self, kind: type[Of]) -> tuple[Of, ...]:
        """The results of a class."""
        return tuple(one.result for one in self.loaded(kind))

    @cached_property
    def labels(self) -> dict[str, str]:
        """What models are called, by what results call their embeddings; the same on the whole page."""
        return naming.labels_of([one.result for one in self.documents])

    def label(self, name: str) -> str:
        """The label of one; its name where it is not known."""
        return self.labels.get(name, name)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the page must know of its documents and the metadata, a sentence each."""
        remarks = naming.remarks_of([(one.path, one.result, one.version) for one in self.documents])
        if self.metadata is None or not self.labels:
            return remarks
        if any(row is not None for row in self.metadata.matched(list(self.labels), self.labels).rows):
            return remarks
        rows, models = listing(self.metadata.models, 3), listing(list(dict.fromkeys(self.labels.values())), 3)
        return (*remarks, f"No row of the metadata is of a model here: rows {rows}; models {models}.")


def metadata_of(table: Any) -> Metadata | None:
    """Metadata as they are, of a file, or of what `as_metadata` takes; None of None.

    Raises:
        InputError: what the file or the table does wrong; OSError: a file is missing or forbidden.
    """
    if table is None:
        return None
    return load_metadata(table) if isinstance(table, str | os.PathLike) else as_metadata(table)


def read_documents(results: Any) -> tuple[tuple[Loaded, ...], tuple[str, ...]]:
    """The sound documents, and a line for each file that holds none.

    Args:
        results: a result, a document, a path, or several of these. A path is a `.json` file, or a folder, of which
            each `.json` file is read: what `--json` writes, the folders of `--out`, the manifest of an extraction.

    Returns:
        Documents in the order in which they were given, those of a folder by name; and faults, a line each that starts
        with the path: broken, half written, of a newer schema, of no command, or there already.

    Raises:
        InputError: nothing was given, or none of it is sound.

    Example:
        >>> import numpy as np, pyalign
        >>> documents, faults = read_documents(pyalign.score(np.eye(3), [[0, 1, 2]], measure="dot"))
        >>> documents[0].command, faults
        ('score', ())
    """
    found: list[Loaded] = []
    faults: list[str] = []
    seen: dict[str, str] = {}
    unnamed: dict[str, str] = {}
    for number, one in enumerate(_each(results), start=1):
        is_path = isinstance(one, str | os.PathLike)
        where = os.fspath(one) if is_path else f"result {number}"
        try:
            document, result = _read(one, where)
            key = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
            if key in seen:
                raise InputError(f"{where}: is the same document as {seen[key]}")
        except (InputError, OSError) as error:
            told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            faults.append(one_line(told if told.startswith(where) else f"{where}: {told}"))
        else:
            seen[key] = where
            found.append(Loaded(where if is_path else "", _named(result, unnamed), str(document.get("version"))))
    if not found:
        more = f", and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        told = f": {'; '.join(faults[:SHOWN])}{more}" if faults else "; got none"
        raise InputError(f"a report needs at least one sound result{told}")
    return tuple(found), tuple(faults)


def _each(results: Any) -> Iterator[Any]:
    """One by one; a folder as its files."""
    several = isinstance(results, Iterable) and not isinstance(results, str | os.PathLike | Mapping | np.ndarray)
    for one in results if several and not hasattr(results, "to_dict") else (results,):
        if isinstance(one, str | os.PathLike) and os.path.isdir(one):
            files = sorted(path for path in Path(one).iterdir() if path.suffix == ".json" and path.is_file())
            yield from map(os.fspath, files) if files else (one,)
        else:
            yield one


def _read(one: Any, where: str) -> tuple[dict[str, Any], Any]:
    """A document, and its result."""
    if hasattr(one, "to_dict"):
        return _shaped(one.to_dict(), where), one
    if isinstance(one, Mapping):
        try:
            document = json.loads(json.dumps(one, allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"{where}: is no document that JSON can hold: {error}") from error
    elif not isinstance(one, str | os.PathLike):
        raise InputError(f"{where}: must be a result, a document, a .json file or a folder; got {type(one).__name__}")
    elif os.path.isdir(one):
        raise InputError(f"{where}: is a folder without .json files")
    else:
        document = read_json(one)
    return _shaped(document, where), read_result(document, where)


def _shaped(document: Any, where: str) -> dict[str, Any]:
    """A document of a command that there is, in the schema that is known; in short words, as there may be many."""
    if not isinstance(document, Mapping) or not isinstance(document.get("command"), str):
        raise InputError(f"{where}: is no result of pyalign: it says no command")
    command, schema = document["command"], document.get("schema")
    if type(schema) is not int or schema < 1:
        raise InputError(f"{where}: is no result of pyalign: its schema is {schema!r:.20}")
    if schema > SCHEMA:
        newer = f"made by pyalign {document.get('version')!s:.20}, "
        raise InputError(f"{where}: has schema {schema}, {newer}of which this version knows {SCHEMA}")
    if command not in kinds():
        raise InputError(f"{where}: is a result of {command!r:.60}, which is no command that this version knows")
    try:
        require_letters(document)  # also of keys that no result has: they stand in the page
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{where}: is a damaged result of {command!r}: {error}") from error
    return dict(document)


def _named(result: Any, unnamed: dict[str, str]) -> Any:
    """A result of one model as one of several, so that sections know one form, and with a name for its embeddings.

    unnamed: what arrays without a name are called here, by their hash; it grows.
    """
    kind = SEVERAL.get(type(result))
    if kind is None:
        return result
    if not result.embeddings:
        inputs = () if result.provenance is None else result.provenance.inputs
        digest = str(inputs[0].sha256 if inputs and inputs[0].sha256 else len(unnamed))
        called = UNNAMED if not unnamed else f"{UNNAMED} {len(unnamed) + 1}"
        result = replace(result, embeddings=result.label or unnamed.setdefault(digest, called))
    triplets = getattr(result, "triplets", None)
    return kind((result,), triplets, notes=result.notes, coverage=result.coverage, provenance=result.provenance)
