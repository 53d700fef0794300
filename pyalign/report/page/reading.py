"""Reading what a page is to be made of: results, documents, files, folders; what is no sound result is a fault."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pyalign.analysis.accuracy import Score
from pyalign.analysis.agreement import Agreement, Agreements
from pyalign.analysis.calibration.result import Calibration, Calibrations
from pyalign.analysis.score import Scores
from pyalign.documents import require_letters
from pyalign.errors import InputError
from pyalign.report.page.sources import Loaded
from pyalign.report.scored import UNNAMED
from pyalign.report.words import one_line
from pyalign.results import SCHEMA, kinds, read_result

SHOWN = 3  # faults that the message has where nothing is sound


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
    for number, one in enumerate(_given(results), start=1):
        where = os.fspath(one) if isinstance(one, str | os.PathLike) else f"result {number}"
        try:
            document, result = _read(one, where)
            key = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
            if key in seen:
                raise InputError(f"{where}: is the same document as {seen[key]}")
        except (InputError, OSError) as error:
            faults.append(one_line(_told(error, where)))
        else:
            seen[key] = where
            path = where if isinstance(one, str | os.PathLike) else ""
            found.append(Loaded(path, _named(result, unnamed), str(document.get("version"))))
    if not found:
        more = f", and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        told = f": {'; '.join(faults[:SHOWN])}{more}" if faults else "; got none"
        raise InputError(f"a report needs at least one sound result{told}")
    return tuple(found), tuple(faults)


def _given(results: Any) -> Iterator[Any]:
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
    from pyalign.io.documents import read_json

    if hasattr(one, "to_dict"):
        return _shaped(one.to_dict(), where), one
    if isinstance(one, Mapping):
        document = _shaped(json.loads(_text(one, where)), where)
    elif not isinstance(one, str | os.PathLike):
        raise InputError(f"{where}: must be a result, a document, a .json file or a folder; got {type(one).__name__}")
    elif os.path.isdir(one):
        raise InputError(f"{where}: is a folder without .json files")
    else:
        document = _shaped(read_json(one), where)
    return document, read_result(document, where)


def _text(document: Mapping[str, Any], where: str) -> str:
    try:
        return json.dumps(document, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{where}: is no document that JSON can hold: {error}") from error


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
    several: dict[type, Any] = {Score: Scores, Calibration: Calibrations, Agreement: Agreements}
    kind = several.get(type(result))
    if kind is None:
        return result
    if not result.embeddings:
        inputs = () if result.provenance is None else result.provenance.inputs
        digest = str(inputs[0].sha256 if inputs and inputs[0].sha256 else len(unnamed))
        called = UNNAMED if not unnamed else f"{UNNAMED} {len(unnamed) + 1}"
        result = replace(result, embeddings=result.label or unnamed.setdefault(digest, called))
    triplets = getattr(result, "triplets", None)
    return kind((result,), triplets, notes=result.notes, coverage=result.coverage, provenance=result.provenance)


def _told(error: Exception, where: str) -> str:
    """The message with the file at its beginning."""
    text = str(error)
    if isinstance(error, OSError):
        text = error.strerror or text
    return text if text.startswith(where) else f"{where}: {text}"
