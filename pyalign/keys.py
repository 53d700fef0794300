"""The key of what is kept and used again: a hash of all that it was made of, its options, its function, the version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._result import SCHEMA
from pyalign._version import __version__
from pyalign.data.embeddings import is_frame
from pyalign.data.provenance import Input, fingerprint
from pyalign.errors import InputError

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
    """The value as json can write it: kinds stay apart, so that no two values have the same text."""
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
