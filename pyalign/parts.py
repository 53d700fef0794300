"""Parts of runs: each is written whole or not at all, with its hash and with the key of what it was made of.

All that a run goes on with is kept so: the batches of an extraction, the finished steps in a journal, the records of a
study. A part is a line of JSON and, behind it, rows if it has any. The line says which part it is (its mark), what is
known of it, and the SHA-256 of both. So it does not matter who has written a part, nor when: where mark and hash fit it
is taken, and anywhere else it is made again.

A key is a hash of all that something was made of: its options, its function, the version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import fields, is_dataclass
from pyalign._result import SCHEMA
from pyalign._version import __version__
from pyalign.data.embeddings import is_frame
from pyalign.data.provenance import Input, fingerprint
from pyalign.documents import as_document, from_document
from pyalign.errors import InputError
from pyalign.io.documents import parse_json
from pyalign.io.paths import PathLike, bad
from pyalign.io.write import READ, Content, Files, open_own

Kind = TypeVar("Kind")
SHA256 = "sha256"  # of the line, in it
UNSOUND = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)


class OtherPart(InputError):
    """A file is another part, is cut short, or was edited."""


def write_whole(path: PathLike, content: Content, *, sync: bool = True, hashed: bool = False) -> str | None:
    """Writes a file that a run keeps for itself, whole or not at all; a link at its place is replaced.

    Args: see `Files` and its `add`.
    """
    with Files(follow_links=False, sweep=False, sync=sync) as pending:
        digest = pending.add(path, content, hashed)
        pending.commit()
    return digest


def part_of(mark: Mapping[str, Any], value: Any, *rows: Any) -> tuple[Any, ...]:
    """The bytes of a part, piece by piece.

    Args:
        mark: which part it is.
        value: what is known of it, a dataclass.
        rows: the bytes behind its line.
    """
    document = {**mark, **as_document(value)}
    return (f"{json.dumps({**document, SHA256: seal_of(document)}, allow_nan=False)}\n".encode(), *rows)


def seal_of(document: Mapping[str, Any]) -> str:
    """The SHA-256 in the line of a part, of all else in it."""
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()


def read_part(path: PathLike, mark: Mapping[str, Any], kind: type[Kind], what: str = "part") -> tuple[Kind, bytes]:
    """What `part_of` has made a part of, and the bytes behind its line.

    Raises:
        OtherPart: it is another part, is cut short, or was edited.
        InputError: a link or a pipe stands there.
        OSError: there is none, or it can't be read.
    """
    with open_own(path, READ) as file:
        line, rows = file.readline(), file.read()
    try:
        return _known(path, line, mark, kind, what), rows
    except InputError as error:
        raise OtherPart(str(error)) from error


def _known(path: PathLike, line: bytes, mark: Mapping[str, Any], kind: type[Kind], what: str) -> Kind:
    document = parse_json(path, line)
    if not isinstance(document, dict) or SHA256 not in document or {**document, **mark} != document:
        raise bad(path, f"is no {what}")
    try:
        if document.pop(SHA256) != seal_of(document):
            raise bad(path, "was edited or damaged since a run has left it; delete it to begin again")
    except RecursionError as error:
        raise bad(path, f"is no {what}: it is nested too deep") from error
    try:
        return as_it_was(kind, {name: entry for name, entry in document.items() if name not in mark})
    except InputError as error:
        raise bad(path, f"is not sound: {error}") from error


def find_part(path: PathLike, mark: Mapping[str, Any], kind: type[Kind]) -> Kind | None:
    """What is known of a part; None where none is there that is sound."""
    with suppress(InputError, OSError):
        return read_part(path, mark, kind)[0]
    return None


def as_it_was(kind: type[Kind], document: Any) -> Kind:
    """The dataclass that a document was made of; raises InputError where that would give another document."""
    try:
        value = from_document(kind, document)
        if as_document(value) == document:
            return value
        reason = "it does not read back as it is"
    except UNSOUND as error:
        reason = str(error)
    raise InputError(reason)


ARRAYS = ("__array__", "__dlpack__", "__cuda_array_interface__")  # what an array of any library has one of


def digest_of(value: Any) -> str:
    """SHA-256 of a value of data: arrays by dtype, shape and values, dataclasses field by field."""
    return hashlib.sha256(json.dumps(_as_json(value)).encode()).hexdigest()


def key_of(function: str, *given: Mapping[str, Any]) -> str:
    """The key of a call.

    given: by name, in any order, what decides its result: arguments, or digests of them.
    """
    return digest_of([SCHEMA, __version__, function, *(dict(sorted(part.items())) for part in given)])


def _as_json(value: Any) -> Any:  # noqa: C901
    """The value as json can write it: each kind in its own form, so that no two values have the same text."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return ["float", value.hex()]
    if isinstance(value, bytes):
        return ["bytes", value.hex()]
    if isinstance(value, Input):  # whose hash is known without its array
        return ["input", _as_json(value.to_dict())]
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        parts = {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}
        return [f"{kind.__module__}.{kind.__qualname__}", parts]
    if is_frame(value):
        return ["frame", [_as_json(part.to_numpy()) for part in (value.index, value.columns, value)]]
    if isinstance(value, Mapping):
        return ["table", [[_as_json(key), _as_json(entry)] for key, entry in value.items()]]
    if isinstance(value, set | frozenset):
        return ["set", sorted(json.dumps(_as_json(element)) for element in value)]
    if any(hasattr(value, name) for name in ARRAYS) and not isinstance(value, type):
        return _of_array(value)
    if isinstance(value, Collection):
        return ["list", [_as_json(element) for element in value]]
    raise InputError(f"a key can be made only of arrays, tables, numbers and text; got {type(value).__name__}")


def _of_array(value: Any) -> Any:
    array = _checks.as_array(value, "array", "(n, ...)")
    if array.dtype.hasobject:  # text, as pandas has it
        return ["objects", list(array.shape), [_as_json(element) for element in array.ravel().tolist()]]
    # The dtype by its name too: bfloat16 comes to the host as float32, and that of a structure is not in the hash.
    return ["array", str(getattr(value, "dtype", array.dtype)), fingerprint(array)]
