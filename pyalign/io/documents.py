"""JSON documents.

TOML files, as plain values of Python; what is wrong with one is a line that starts with its path.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from pyalign.errors import MissingExtraError
from pyalign.io.paths import PathLike, bad, check_file, open_text, require_file, text_errors

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
    return parse_json(path, text, strict, many)


def parse_json(path: PathLike, text: str | bytes, strict: bool = True, many: bool = False) -> Any:
    """The document in a text, which is that of a file; see `read_json`."""
    try:
        if many:
            return [*_documents(str(text))]
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


LARGEST = 1 << 20  # bytes of a file
MOST_DOTS = 128  # of a line: the parser takes the square of the parts of a key
NUMBERS = frozenset("0123456789.,+-eE_[] \t\r")  # letters of lists of numbers
DEEPEST = 32  # tables and lists inside one another


def read_toml(path: PathLike, what: str) -> dict[str, Any]:
    """The tables and values of a `.toml` file; what: is read from it, for messages, such as "studies"."""
    check_file(path, what, (".toml",))
    with text_errors(path), open(path, "rb") as handle:
        data = handle.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise bad(path, f"must be a file of at most {LARGEST} bytes")
        text = data.decode("utf-8-sig")
    for number, line in enumerate(text.split("\n"), start=1):
        most = DEEPEST if _may_be_header(line) else MOST_DOTS
        if line.count(".") > most:
            raise bad(path, f"line {number} must have at most {most} dots; got {line.count('.')}")
    toml = _parser(path)
    try:
        document: dict[str, Any] = toml.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        raise bad(path, f"is not TOML: {error}") from error
    _require_plain(path, document)
    return document


def _may_be_header(line: str) -> bool:
    """Whether a line may be the head of a table, whose parts the parser counts again for each line below it."""
    return line.lstrip().startswith("[") and not NUMBERS.issuperset(line)


def _require_plain(path: PathLike, document: dict[str, Any]) -> None:
    """Raises unless what a file holds can be shown, hashed, and taken for names of files."""
    left: list[tuple[Any, int]] = [(document, 0)]
    while left:
        value, depth = left.pop()
        if depth > DEEPEST:
            raise bad(path, f"tables and lists must be at most {DEEPEST} deep")
        if isinstance(value, dict | list):
            inside = value if isinstance(value, list) else [*value, *value.values()]
            left += [(element, depth + 1) for element in inside]
        elif isinstance(value, str) and "\0" in value:
            raise bad(path, f"text must not hold NUL; got {value[:80]!r}")
        elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            raise bad(path, f"whole numbers must have at most 64 bits; got {str(value)[:80]}")


def _parser(path: PathLike) -> Any:
    try:
        return import_module("tomllib")
    except ImportError:
        try:
            return import_module("tomli")
        except ImportError as error:
            raise MissingExtraError(f"{path}: TOML", "tomli", "datasets") from error


def quoted(value: Any) -> str:
    """A value as it stands in a TOML file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(quoted, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key_of(name)} = {quoted(entry)}' for name, entry in value.items())} }}"
    if isinstance(value, str):
        return '"' + "".join(_letter(letter) for letter in value) + '"'
    return repr(value)


def key_of(name: str) -> str:
    """A key as it stands there: bare where it may be."""
    bare = name.isascii() and name != "" and all(letter.isalnum() or letter in "-_" for letter in name)
    return name if bare else quoted(name)


def _letter(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    return letter if letter.isprintable() else f"\\U{ord(letter):08X}"
