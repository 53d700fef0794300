"""Where a result comes from: versions, inputs and their hashes, options, backend, seed, time.

Documents that are the same whenever, and in however many runs, they were made.
"""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime, timezone
from threading import Thread
from typing import Any, TypeVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import MISSING, dataclass, field, fields, is_dataclass, replace
from pyalign._version import __version__
from pyalign.data.embeddings import is_frame, plain
from pyalign.errors import InputError

# Inside of `hashing`, the hashes of arrays that are still there: by id, which another array may get later.
_HASHED: ContextVar[dict[int, tuple[weakref.ref[Any], Hash]] | None] = ContextVar("hashed_inputs", default=None)
# Inside of `hashing`, the files that were read because a description names them: by what documents call them.
_FILES: ContextVar[dict[str, Input] | None] = ContextVar("described_files", default=None)
FILE = "described file"  # the name of such an input
CHUNK = 1 << 24  # bytes hashed at once, and copied where an array is not contiguous


def fingerprint(array: Any) -> str:
    """SHA-256 of an array: of its dtype, its shape and its values in C order, whatever file it came from.

    A tensor gives the hash of the array that it becomes on the host.
    """
    import hashlib  # loads OpenSSL, and most commands hash nothing

    a = _checks.as_array(array, "array", "(n, ...)")
    if a.dtype.hasobject:
        raise InputError(f"array must hold numbers or text to have a hash; got dtype {a.dtype}")
    digest = hashlib.sha256(f"{a.dtype.newbyteorder('<').str} {a.shape}".encode())
    rows = max(1, CHUNK // max(1, a.nbytes // max(1, len(a)))) if a.ndim else 1
    for start in range(0, len(a) if a.ndim else 1, rows):
        part = np.ascontiguousarray(a[start : start + rows] if a.ndim else a)
        digest.update(part.astype(part.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def digest_of_file(path: str | os.PathLike[str], algorithm: str = "sha256") -> str:
    """A digest of the bytes of a file, as `sha256sum` prints it.

    algorithm: a name that hashlib knows.
    """
    import hashlib

    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


class Hash:
    """The hash of an array, or of the file at a path; computed while other work goes on where it is begun `early`."""

    def __init__(self, value: Any, early: bool) -> None:
        self._value: str | None = None
        self._thread: Thread | None = None
        if early:
            self._thread = Thread(target=self._compute, args=(value,), daemon=True)
            self._thread.start()
        else:
            self._compute(value)

    def _compute(self, value: Any) -> None:
        with suppress(InputError, OSError):  # what has no hash, or can no longer be read
            self._value = digest_of_file(value) if isinstance(value, os.PathLike) else fingerprint(value)

    def get(self) -> str | None:
        """The hash, waited for."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        return self._value


def hash_early(value: Any) -> None:
    """Begins to hash what was read, in a thread of its own, where a document will tell of it (see `hashing`)."""
    if _HASHED.get() is not None:
        _hash_of(plain(value), early=True)


@contextmanager
def hashing() -> Iterator[None]:
    """Inside, inputs are hashed as soon as they are named, each once: they must not be changed before it ends.

    Elsewhere they are hashed when somebody asks, as they are then, if they are still there.
    """
    token, files = _HASHED.set({}), _FILES.set({})
    try:
        yield
    finally:
        _HASHED.reset(token)
        _FILES.reset(files)


def record_file(path: os.PathLike[str], name: str) -> None:
    """Begins to hash a file that a description names, where a document will tell of it (see `hashing`).

    Folders, whose contents have hashes of their own, are left out.

    name: what documents call it.
    """
    files = _FILES.get()
    if files is not None and name not in files and os.path.isfile(path):
        files[name] = Input(FILE, name, (os.stat(path).st_size,), "bytes", Hash(path, early=True))


@dataclass(frozen=True)
class Input:
    """One input of a result."""

    name: str  # of the argument; "described file" for a file that was read because a description names it.
    source: str | None  # the file it came from, or None.
    shape: tuple[int, ...]  # of the array; of a file its bytes.
    dtype: str  # of the array; "bytes" of a file.
    _hash: Hash | str | None = field(default=None, repr=False, compare=False)
    _array: Any = field(default=None, repr=False, compare=False)
    # whether these are embeddings that were fitted to answers of people; see `pyalign.Embeddings`.
    fitted: bool = False

    @classmethod
    def of(cls, name: str, value: Any) -> Input:
        """The record of an argument as it was passed."""
        array = value.to_numpy() if is_frame(value) else plain(value)
        shape, dtype = tuple(np.shape(array)), str(getattr(array, "dtype", type(array).__name__))
        source, fitted = getattr(value, "source", None), bool(getattr(value, "fitted", False))
        if _HASHED.get() is not None:
            return cls(name, source, shape, dtype, _hash_of(array, early=True), fitted=fitted)
        try:
            return cls(name, source, shape, dtype, None, weakref.ref(array), fitted)
        except TypeError:  # a list
            return cls(name, source, shape, dtype, fitted=fitted)

    @property
    def sha256(self) -> str | None:
        """See `fingerprint`, and for a file `digest_of_file`; None where the array is gone, or has none."""
        if self._hash is None and self._array is not None and self._array() is not None:
            object.__setattr__(self, "_hash", _hash_of(self._array(), early=False))
        return self._hash.get() if isinstance(self._hash, Hash) else self._hash

    def __getstate__(self) -> dict[str, Any]:
        """What pickles and copies keep: the hash, and not the array, which may be large or gone by then."""
        return {**self.__dict__, "_hash": self.sha256, "_array": None}

    def to_dict(self) -> dict[str, Any]:
        """The record as json can write it."""
        named = {"name": self.name, "source": self.source, "shape": list(self.shape), "dtype": self.dtype}
        return {**named, "sha256": self.sha256, **({"fitted": True} if self.fitted else {})}


def _hash_of(array: Any, early: bool) -> Hash:
    known = _HASHED.get()
    kept = None if known is None else known.get(id(array))
    if kept is not None and kept[0]() is array:
        return kept[1]
    hashed = Hash(array, early)
    if known is not None:
        with suppress(TypeError):  # of a list there are no weak references
            known[id(array)] = weakref.ref(array), hashed
    return hashed


def moment() -> str:
    """The time of now, or that of SOURCE_DATE_EPOCH, by which builds are made to be repeated.

    Example:
        >>> moment()[10]
        'T'
    """
    epoch = source_date()
    time = datetime.now(timezone.utc) if epoch is None else datetime.fromtimestamp(epoch, timezone.utc)
    return time.isoformat(timespec="seconds")


def source_date() -> int | None:
    """SOURCE_DATE_EPOCH, if that is set to a number of seconds."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return int(epoch) if epoch.isdecimal() and len(epoch) < 12 else None


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from."""

    version: str  # of pyalign.
    time: str  # when it was computed, ISO 8601, UTC.
    inputs: tuple[Input, ...]  # what it was computed from.
    options: Mapping[str, Any]  # what was asked for.
    backend: str | None = None  # what computed it.
    seed: int | None = None  # of what was drawn at random; None where nothing was.

    @classmethod
    def now(
        cls, inputs: Mapping[str, Any] | Iterable[tuple[str, Any]], options: Mapping[str, Any],
        backend: str | None = None, seed: int | None = None,
    ) -> Provenance:
        """The provenance of a result that is being made; inputs that are None are left out. Pairs may repeat a name.

        Example:
            >>> Provenance.now({"x": np.eye(2), "y": None}, {"measure": "cosine"}).inputs[0].shape
            (2, 2)
        """
        pairs = inputs.items() if isinstance(inputs, Mapping) else inputs
        recorded = tuple(Input.of(name, value) for name, value in pairs if value is not None)
        recorded += tuple((_FILES.get() or {}).values())
        return cls(__version__, moment(), recorded, dict(options), backend, seed)

    def to_dict(self) -> dict[str, Any]:
        """The provenance as json can write it."""
        return {
            "version": self.version, "time": self.time, "inputs": [entry.to_dict() for entry in self.inputs],
            "options": dict(self.options), "backend": self.backend, "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Provenance:
        """The provenance from what `to_dict` gives."""
        inputs = tuple(
            Input(entry["name"], entry["source"], tuple(entry["shape"]), entry["dtype"], entry["sha256"],
                  fitted=entry.get("fitted", False))
            for entry in values["inputs"]
        )
        return cls(values["version"], values["time"], inputs, values["options"], values["backend"], values["seed"])


DURATIONS = ("seconds", "items_per_second")
Value = TypeVar("Value")


def timeless(value: Value, time: str | None = None) -> Value:
    """A result without durations, also those of its parts, and with `time`, unless it is None, in its provenance.

    Example:
        >>> timeless(Provenance.now({}, {}), "2026-01-01T00:00:00+00:00").time
        '2026-01-01T00:00:00+00:00'
    """
    stripped: Any = value
    if isinstance(value, Provenance):
        stripped = value if time is None else replace(value, time=time)
    elif is_dataclass(value) and not isinstance(value, type):
        stripped = _dataclass(value, time)
    elif type(value) is tuple:
        parts = tuple(timeless(part, time) for part in stripped)
        stripped = parts if any(new is not old for new, old in zip(parts, stripped, strict=True)) else value
    elif isinstance(value, Mapping):
        values = {key: timeless(entry, time) for key, entry in value.items()}
        stripped = values if any(values[key] is not entry for key, entry in value.items()) else value
    return stripped


def _dataclass(value: Any, time: str | None) -> Any:
    changes: dict[str, Any] = {}
    for each in fields(value):
        old = getattr(value, each.name)
        if each.name in DURATIONS and isinstance(old, float):
            changes[each.name] = None if each.default is None and each.default is not MISSING else math.nan
        elif not each.metadata.get("hidden") and each.init:
            new = timeless(old, time)
            if new is not old:
                changes[each.name] = new
    return replace(value, **changes) if changes else value
