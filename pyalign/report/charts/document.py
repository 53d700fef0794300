"""What pictures are made of: documents, from a result, a JSON file, or as they are."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.errors import InputError
from pyalign.report.tables import one_line, short_labels
from pyalign.results import SCHEMA, read_result

OVER = {"objects+subjects": "objects and people", "subjects": "people"}  # as `over_text` says it


def as_picture_document(given: Any) -> dict[str, Any]:
    """The document of a result, of the `.json` file of one, or of a mapping that is one.

    Raises:
        InputError: none of these; OSError: a file is missing or forbidden.

    Example:
        >>> as_picture_document({"command": "concepts", "results": []})["command"]
        'concepts'
    """
    where = "the result"
    if isinstance(given, str | os.PathLike):
        from pyalign.io.documents import read_json

        where, given = os.fspath(given), read_json(given)
    document = given.to_dict() if hasattr(given, "to_dict") else given
    if not isinstance(document, Mapping) or not isinstance(document.get("command"), str):
        raise InputError(f"{where} must be a result of pyalign, its document or its .json file; it says no command")
    schema = document.get("schema", SCHEMA)
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        raise InputError(f"{where} must have schema {SCHEMA}, which this version knows; got {schema!r:.20}")
    return dict(document)


def as_result(given: Any) -> Any:
    """A result as it is, or that of a document or of the `.json` file of one; see `as_picture_document`."""
    if hasattr(given, "to_dict"):
        return given
    where = os.fspath(given) if isinstance(given, str | os.PathLike) else "the result"
    return read_result({"schema": SCHEMA, **as_picture_document(given)}, where)


def as_picture_documents(given: Any) -> list[dict[str, Any]]:
    """The documents of a result, or of several in a list; see `as_picture_document`."""
    several = list(given) if isinstance(given, list | tuple) else [given]
    if not several:
        raise InputError("a picture needs a result; got an empty list")
    return [as_picture_document(one) for one in several]


def listed(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of mappings in a document; raises InputError where it is none."""
    found = document.get(name)
    if not isinstance(found, Sequence) or not found or not all(isinstance(one, Mapping) for one in found):
        raise InputError(
            f"a picture of {document.get('command', 'it')!r} needs {name!r}, a list of at least one; got {found!r:.40}"
        )
    return [dict(one) for one in found]


def labels_of(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the models of results are called, all different: labels, short forms of file names, or numbers."""
    names = [one.get("label") or one.get("embeddings") or "embeddings" for one in results]
    short = short_labels([str(one) for one in dict.fromkeys(names)])
    return different([one_line(short.get(name, name)) for name in map(str, names)])


def different(names: Sequence[str]) -> list[str]:
    """Names that differ: a second of the same name has its number behind it.

    Example:
        >>> different(["red", "round", "red"])
        ['red', 'round', 'red (2)']
    """
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out


def ends(row: Mapping[str, Any], name: str = "ci") -> tuple[float | None, float | None]:
    """The ends of an interval of a document; None, None where there is none."""
    held = row.get(name)
    if isinstance(held, Sequence) and len(held) == 2 and None not in held:
        return float(held[0]), float(held[1])
    return None, None


def known(value: float | None) -> float | None:
    """A number that can be drawn; None for what is none.

    Example:
        >>> known(0.5), known(float("nan")), known(None)
        (0.5, None, None)
    """
    return None if value is None or not math.isfinite(value) else value


def over(rows: Sequence[Mapping[str, Any]], name: str = "ci") -> str:
    """What the bars are, such as "Bars: 95 % intervals over objects."; "" where no row has an interval.

    Example:
        >>> of = lambda by: {"ci": [0, 1], "intervals": {"ci": {"by": by, "confidence": 0.9}}}
        >>> over([of("objects"), of("subjects"), of("objects")])
        'Bars: 90 % intervals over objects or 90 % intervals over people.'
    """
    told: list[str] = []
    for row in rows:
        if ends(row, name)[0] is None:
            continue
        about = (row.get("intervals") or {}).get(name) or {}
        confidence = about.get("confidence")
        by = about.get("by")
        level = "intervals" if confidence is None else f"{100 * confidence:g} % intervals"
        told.append(f"{level} over {OVER.get(by, by)}" if by else level)
    return f"Bars: {' or '.join(dict.fromkeys(told))}." if told else ""
