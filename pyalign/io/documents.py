"""JSON documents."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from pyalign.io.paths import PathLike, bad, open_text, require_file

MOST_VALUES = 1_000_000  # of a document with a bound: each may take a hundred times its bytes


def _refuse(word: str) -> Any:
    raise ValueError(f"holds {word}, which is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def read_json(path: PathLike, strict: bool = True, largest: int | None = None, many: bool = False) -> Any:
    """The document in a ``.json`` file, as Python objects.

    strict: whether NaN, Infinity and numbers that no float64 holds are refused, as JSON has none.
    largest: how many bytes it may have; then the number of its values has a bound too.
    many: whether it may hold several documents, one after another or one a line, which then come as a list.

    Raises InputError (no regular file, not UTF-8, not JSON; in one line that starts with the path), OSError (missing or
    forbidden).

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "document.json")
    ...     _ = path.write_text('{"a": [1, 2]}')
    ...     read_json(path)
    {'a': [1, 2]}
    """
    size = require_file(path).st_size
    if largest is not None and size > largest:
        raise bad(path, f"must be a document of at most {largest} bytes; got {size}")
    with open_text(path) as handle:
        text = handle.read()
    if largest is not None and sum(map(text.count, "[{,")) > MOST_VALUES:
        raise bad(path, f"must be a document of at most {MOST_VALUES} values")
    try:
        if many:
            return [*_documents(text)]
        return json.loads(text, parse_constant=_refuse, parse_float=_finite) if strict else json.loads(text)
    except json.JSONDecodeError as error:
        raise bad(path, f"is not JSON: {error.msg}, line {error.lineno} column {error.colno}") from error
    except (RecursionError, ValueError) as error:  # nested too deep, or an integer of thousands of digits
        raise bad(path, f"is not a sound JSON file: {error}") from error


def _documents(text: str) -> Iterator[Any]:
    decoder, place = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite), 0
    while match := re.compile(r"[^\s,]").search(text, place):
        document, place = decoder.raw_decode(text, match.start())
        yield document
