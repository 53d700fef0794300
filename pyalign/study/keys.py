"""What a step was made of, as one hash: the values and names of its inputs, its options, its function, the version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from pyalign._result import SCHEMA
from pyalign._version import __version__
from pyalign.data.provenance import fingerprint


def digest_of(value: Any) -> str:
    """SHA-256 of a value of data: arrays by dtype, shape and values, dataclasses field by field.

    Example:
        >>> from pyalign.data import Embeddings
        >>> a, b = Embeddings(np.eye(2), ("dog", "cat")), Embeddings(np.eye(2), ("dog", "cow"))
        >>> digest_of(a) == digest_of(a), digest_of(a) == digest_of(b)
        (True, False)
    """
    text = json.dumps(_as_json(value), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _as_json(value: Any) -> Any:
    """The value as json can write it: kinds stay apart."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return ["float", value.hex()]
    if isinstance(value, np.ndarray | np.generic):
        return ["array", fingerprint(np.asarray(value))]
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}]
    if isinstance(value, Mapping):
        return ["table", [[str(key), _as_json(entry)] for key, entry in value.items()]]
    if isinstance(value, frozenset):
        return ["set", sorted(value)]
    if isinstance(value, list | tuple):
        return ["list", [_as_json(element) for element in value]]
    if isinstance(value, bytes):
        return ["bytes", hashlib.sha256(value).hexdigest()]
    raise TypeError(f"a key can't be made of {type(value).__name__}")


def key_of_step(function: str, options: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """The key of a step; inputs: a digest, or what has one, of each argument."""
    return digest_of([SCHEMA, __version__, function, dict(sorted(options.items())), dict(sorted(inputs.items()))])
