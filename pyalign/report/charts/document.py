"""What pictures are made of: documents, from a result, a JSON file, or as they are."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.report.cells import intervals_over
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


def as_picture_documents(given: Any) -> list[dict[str, Any]]:
    """The documents of a result, or of several in a list; see `as_picture_document`."""
    several = list(given) if isinstance(given, list | tuple) else [given]
    if not several:
        raise InputError("a picture needs a result; got an empty list")
    return [as_picture_document(one) for one in several]


def as_result(result: Any) -> Any:
    """The result itself, or that of its document or of its `.json` file.

    Raises:
        InputError: none of these, or a damaged document; OSError: a file is missing or forbidden.
    """
    if hasattr(result, "to_dict"):
        return result
    where = os.fspath(result) if isinstance(result, str | os.PathLike) else "the result"
    return read_result(as_picture_document(result), where)


def listed(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of mappings in a document; raises InputError where it is none."""
    found = document.get(name)
    if not isinstance(found, Sequence) or not found or not all(isinstance(one, Mapping) for one in found):
        raise InputError(
            f"a picture of {document.get('command', 'it')!r} needs {name!r}, a list of at least one; got {found!r:.40}"
        )
    return [dict(one) for one in found]


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


def ends_of(interval: Interval | None) -> tuple[float | None, float | None]:
    """The ends of an interval of a result; None, None where there is none."""
    low, high = (None, None) if interval is None else map(known, interval)
    return (None, None) if low is None or high is None else (low, high)


def bars_text(intervals: Iterable[Interval | None]) -> str:
    """What the bars are; "" where there is no interval.

    Example:
        >>> bars_text([Interval(0.4, 0.6, by="objects"), None])
        'Bars: 95 % intervals over objects.'
    """
    words = intervals_over(intervals)
    return f"Bars: {words}." if words else ""


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


def called(names: Sequence[tuple[str, str | None]]) -> list[str]:
    """What models are called: (name of the embeddings, label or None) -> a label each; one model has one label.

    Example:
        >>> called([("out/clip.npy", None), ("out/vgg.npy", "VGG"), ("out/clip.npy", None)])
        ['clip', 'VGG', 'clip']
    """
    short = short_labels([name for name, _ in names])
    return [one_line(label or short[name]) for name, label in names]
