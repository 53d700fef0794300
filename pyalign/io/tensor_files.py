"""Pickles of ``features[source][model][module] -> ndarray``, read without running anything that they name.

A pickle is a program. This one may call five functions, and they are stand-ins written here: numpy's own constructors
never see what the file says, so a hostile array state cannot reach them either.

The unpickler is Python's own, held to what dicts of arrays need. The one in C keeps what it may refer to in an array as
long as the highest number in the file, and hashes whatever is called a key. The one in Python keeps a dict; here it
also counts, checks lengths before it takes memory for them, and knows no instruction for objects.

``.safetensors``: 8 bytes of header length, a JSON header, raw little-endian data. Nothing in it runs.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from math import prod
from typing import IO, Any

import numpy as np

from pyalign.errors import shorten
from pyalign.io.arrays import Entry, names_array, type_name
from pyalign.io.paths import Array, PathLike, bad, guarded, mapped
from pyalign.io.tables import native

DEEPEST = 4  # source / model / module, and one to spare
MOST = 100_000  # arrays and whatever else dicts name: a small pickle can name one dict very often
MOST_DIMENSIONS = 32
DICTS = {"collections.defaultdict", "builtins.dict", "__builtin__.dict"}  # a defaultdict of dicts, which is read as one
INSIDE = {  # under numpy 1 and numpy 2
    f"{core}.{part}.{name}"
    for core in ("numpy.core", "numpy._core")
    for part, name in (("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numeric", "_frombuffer"))
}
MOST_STEPS = 2_000_000  # each leaves about 100 bytes at worst
LARGEST_KEY = 1 << 31  # larger integers can be chosen so that a dict of them takes for ever

_OPCODES = """
MARK STOP POP POP_MARK DUP NONE NEWTRUE NEWFALSE PROTO FRAME INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT
STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE BINUNICODE8 SHORT_BINUNICODE BINBYTES BINBYTES8 SHORT_BINBYTES
BYTEARRAY8 EMPTY_DICT DICT SETITEM SETITEMS EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 GET
BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD
"""


class _Dtype:
    """``numpy.dtype("f4", False, True)`` and its state, for plain numbers and text (``U8``) only."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        plain = code.lstrip("<>|=") if isinstance(code, str) else ""
        if plain not in _NUMBERS and not _TEXT.fullmatch(plain):
            raise ValueError(f"an array of dtype {shorten(code)}; only plain numbers and text are read")
        self.code, self.order = code.lstrip("<>|="), "<"

    def __setstate__(self, state: Any) -> None:
        if not (isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "=")):
            raise ValueError("a broken dtype")
        self.order = state[1]

    def resolve(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


_TEXT = re.compile("U[1-9][0-9]{0,6}")  # of letters of four bytes
_NUMBERS = ("f2", "f4", "f8", "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


class _Ndarray:
    """An array between ``_reconstruct`` and its state; ``array`` once the state is checked."""

    __slots__ = ("_texts", "array")

    def __init__(self, texts: _Texts) -> None:
        self._texts = texts

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        self.array = _from_bytes(self._texts, data, dtype, shape, "F" if fortran else "C")


class _Texts:
    """Text made bytes; a file can name one text often, and has no more letters than bytes."""

    def __init__(self, letters: int) -> None:
        self._left = letters

    def encode(self, text: str) -> bytes:
        self._left -= len(text)
        if self._left < 0:
            raise ValueError("data of several arrays in one text")
        return text.encode("latin1")


def _from_bytes(texts: _Texts, data: Any, dtype: Any, shape: Any, order: str) -> Array:
    if isinstance(data, str):  # written under Python 2 or with protocol 2
        data = texts.encode(data)
    if not isinstance(dtype, _Dtype) or not isinstance(data, (bytes, bytearray)):
        raise ValueError("an array of Python objects; only plain numbers are read")
    if not isinstance(shape, tuple) or len(shape) > MOST_DIMENSIONS or not all(map(_is_size, shape)):
        raise ValueError("an array without a shape")
    plain = dtype.resolve()
    if prod(shape) * plain.itemsize != len(data):
        raise ValueError(f"an array of shape {shape} with {len(data)} bytes")
    if plain.kind == "U":
        bytes(data).decode("utf-32-be" if dtype.order == ">" else "utf-32-le")  # raises where these are no letters
    array: Array = np.frombuffer(data, plain).reshape(shape, order="F" if order == "F" else "C")
    return array


def _is_size(size: Any) -> bool:
    return type(size) is int and 0 <= size < 2**63


def _reconstruct(texts: _Texts, *_: Any) -> _Ndarray:
    return _Ndarray(texts)


def _frombuffer(texts: _Texts, data: Any, dtype: Any, shape: Any, order: str, axes: Any = None) -> _Ndarray:
    result = _Ndarray(texts)
    result.array = _from_bytes(texts, data, dtype, shape, order)
    if order == "K" and axes is not None:  # numpy 2.3 and later: stored in C order, then transposed
        result.array = result.array.transpose(axes)
    return result


def _scalar(texts: _Texts, dtype: Any, data: Any) -> _Ndarray:
    return _frombuffer(texts, data, dtype, (), "C")


def _encode(texts: _Texts, text: str, codec: str) -> bytes:
    """``_codecs.encode``, which protocol 2 uses for bytes: latin-1 and no other codec."""
    if codec != "latin1":
        raise ValueError(f"text in {shorten(codec)}")
    return texts.encode(text)


_STAND_INS: dict[str, Callable[..., Any]] = {
    "_reconstruct": _reconstruct,
    "_frombuffer": _frombuffer,
    "scalar": _scalar,
    "defaultdict": lambda *_: {},
    "_codecs.encode": _encode,
}


class _Global:
    """What the pickle gets when it asks for a name: callable, and closed to every other change."""

    __slots__ = ("_name", "_texts")

    def __init__(self, name: str, texts: _Texts) -> None:
        self._name, self._texts = name, texts

    def __call__(self, *args: Any) -> Any:
        if self._name == "dtype":
            return _Dtype(args[0])
        if self._name not in _STAND_INS:
            raise ValueError(f"a call of {self._name}")
        return _STAND_INS[self._name](self._texts, *args)

    def __setstate__(self, state: Any) -> None:
        raise ValueError(f"a change to {self._name}")


def _find(texts: _Texts, module: str, name: str) -> _Global:
    if (module, name) == ("_codecs", "encode"):
        return _Global("_codecs.encode", texts)
    if f"{module}.{name}" in {"numpy.ndarray", "numpy.dtype", *DICTS, *INSIDE}:
        return _Global(name, texts)
    raise ValueError(f"it asks for {shorten(f'{module}.{name}', 80)}; only dicts of numpy arrays are read")


def read_pickle(path: PathLike) -> Any:
    """What a pickle of dicts, lists, numbers, text and plain numeric arrays holds; nothing that it names is run."""
    return guarded(path, "pickle", lambda: _plain(_read(path), {}))


def _plain(content: Any, made: dict[int, Any]) -> Any:
    """Dicts and lists with arrays for their stand-ins, each made once: a file may name one often, and in itself."""
    if isinstance(content, _Ndarray):
        array = getattr(content, "array", None)
        return array.item() if array is not None and array.ndim == 0 else array
    if isinstance(content, dict | list) and id(content) not in made:
        made[id(content)] = None
        parts = content.items() if isinstance(content, dict) else enumerate(content)
        plain = {name: _plain(part, made) for name, part in parts}
        made[id(content)] = plain if isinstance(content, dict) else [*plain.values()]
    return made.get(id(content), content)


def _read(path: PathLike) -> Any:
    find = partial(_find, _Texts(os.path.getsize(path)))
    with open(path, "rb") as handle:
        return Unpickler(handle, find, (_Global, _Ndarray, _Dtype)).load()


def pickle_entries(path: PathLike) -> dict[str, Entry]:
    """The arrays of nested dicts, by ``source/model/module``, and the numbers called mean and std."""
    tree = guarded(path, "pickle", _read, path)
    entries: dict[str, Entry] = {}
    _collect(path, tree, "", 0, entries, count())
    return entries


def _collect(path: PathLike, node: Any, key: str, depth: int, entries: dict[str, Entry], seen: Iterator[int]) -> None:
    if next(seen) > MOST:
        raise bad(path, f"holds more than {MOST} arrays")
    if isinstance(node, _Ndarray):
        array = getattr(node, "array", None)
        if array is None:
            raise bad(path, "is not a sound pickle file (an array without data)")
        entries[key] = Entry(array.shape, type_name(array.dtype), lambda: native(array))
    elif key.rpartition("/")[2] in ("mean", "std") and type(node) in (int, float) and abs(node) < LARGEST_KEY:
        entries[key] = Entry((), "float64", lambda: np.array(float(node)))
    elif isinstance(node, dict):
        if depth == DEEPEST:
            raise bad(path, f"nests dicts deeper than {DEEPEST}; expected features[source][model][module]")
        for name, child in node.items():
            _collect(path, child, f"{key}/{name}" if key else str(name), depth + 1, entries, seen)


class _Steps(dict[int, Callable[[Any], None]]):
    """What each instruction does; counts how many are looked up."""

    left = MOST_STEPS

    def __getitem__(self, code: int) -> Callable[[Any], None]:
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"more than {MOST_STEPS} instructions; only dicts of numpy arrays are read")
        return super().__getitem__(code)

    def __missing__(self, code: int) -> Callable[[Any], None]:
        raise ValueError(f"an instruction {code} for objects; only dicts of numpy arrays are read")


class _Bounded:
    """A file that refuses to be asked for more than it has, before memory is taken."""

    def __init__(self, handle: IO[bytes]) -> None:
        self.readline, self._handle = handle.readline, handle
        self._size = os.fstat(handle.fileno()).st_size

    def read(self, count: int) -> bytes:
        if count > self._size - self._handle.tell():
            raise EOFError("it ends early")
        return self._handle.read(count)


def check_key(key: Any) -> None:
    """Refuse what is no name of a dict's entry."""
    if isinstance(key, int) and abs(key) < LARGEST_KEY:
        return
    if key is not None and type(key) not in (str, bytes):
        raise ValueError(f"a key {shorten(key) if type(key) is float else type(key).__name__}; keys are text")


_Base: Any = pickle._Unpickler


class Unpickler(_Base):  # type: ignore[misc]
    """Calls `find` for names; only what that gives is called, and only objects of `changeable` get a state."""

    def __init__(self, handle: IO[bytes], find: Callable[[str, str], Any], changeable: tuple[type, ...]) -> None:
        super().__init__(_Bounded(handle), encoding="latin1")
        self._find, self._changeable = find, changeable
        self.dispatch = _Steps({code: self._step(code) for code in _CODES})

    def _step(self, code: int) -> Callable[[Any], None]:
        return _OWN.get(code) or _Base.dispatch[code]

    def find_class(self, module: str, name: str) -> Any:
        return self._find(module, name)

    def _reduce(self) -> None:
        if not isinstance(self.stack[-2], self._changeable):
            raise ValueError("a call of what is no function")
        _Base.dispatch[pickle.REDUCE[0]](self)

    def _build(self) -> None:
        if not isinstance(self.stack[-2], self._changeable):
            raise ValueError("a state for what has none")
        _Base.dispatch[pickle.BUILD[0]](self)

    def _bytearray8(self) -> None:
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    def _setitem(self) -> None:
        check_key(self.stack[-2])
        _Base.dispatch[pickle.SETITEM[0]](self)

    def _setitems(self) -> None:
        for key in self.stack[::2]:
            check_key(key)
        _Base.dispatch[pickle.SETITEMS[0]](self)

    def _dict(self) -> None:
        for key in self.stack[::2]:
            check_key(key)
        _Base.dispatch[pickle.DICT[0]](self)


_CODES = {getattr(pickle, name)[0] for name in _OPCODES.split()}
_OWN: dict[int, Callable[[Any], None]] = {
    pickle.REDUCE[0]: Unpickler._reduce,
    pickle.BUILD[0]: Unpickler._build,
    pickle.BYTEARRAY8[0]: Unpickler._bytearray8,
    pickle.SETITEM[0]: Unpickler._setitem,
    pickle.SETITEMS[0]: Unpickler._setitems,
    pickle.DICT[0]: Unpickler._dict,
}


LONGEST_HEADER = 100_000_000  # the limit of the format's own reader
MOST_VALUES = 1_000_000  # in the header; a tensor has about eight
DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "|b1",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1",
}


def safetensors_entries(path: PathLike) -> dict[str, Entry]:
    """The tensors of the file, by name, and the names of rows in its metadata.

    Every offset is checked before one byte of data is read.
    """
    header, start, size = _read_header(path)
    names = _names(header.pop("__metadata__", None))
    spans = {name: _check_tensor(path, name, tensor) for name, tensor in header.items()}
    end = 0
    for name in sorted(spans, key=lambda name: spans[name]):
        first, last = spans[name]
        if first != end:
            raise bad(path, f"tensor {name!r} starts at byte {first} of the data, not at {end}")
        end = last
    if end != size - start:
        raise bad(path, f"is truncated or padded: {end} bytes of data described, {size - start} there")
    entries = {name: _entry(path, tensor, start + spans[name][0]) for name, tensor in header.items()}
    if names is not None:
        entries.setdefault("names", Entry((len(names),), "str", partial(names_array, names)))
    return entries


def _names(metadata: Any) -> list[str] | None:
    """The names of the rows, where the metadata of the header has a JSON list of text under `names`."""
    import json

    text = metadata.get("names") if isinstance(metadata, dict) else None
    if not isinstance(text, str) or not text.startswith("["):
        return None
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        return None
    sound = isinstance(names, list) and len(names) > 0 and all(isinstance(name, str) for name in names)
    return names if sound else None


def _read_header(path: PathLike) -> tuple[dict[str, Any], int, int]:
    import json

    with open(path, "rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or length > min(size - 8, LONGEST_HEADER):
            raise bad(path, f"is not a sound .safetensors file: header of {length} bytes in a file of {size}")
        raw = handle.read(length)
    if sum(map(raw.count, (b"[", b"{", b","))) > MOST_VALUES:  # each of which may take a hundred times its bytes
        raise bad(path, f"is not a sound .safetensors file: a header of more than {MOST_VALUES} values")
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise bad(path, f"is not a sound .safetensors file: {error}") from error
    if not isinstance(header, dict):
        raise bad(path, "is not a sound .safetensors file: the header is not a JSON object")
    return header, 8 + length, size


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name occurs twice in the header")
    return table


def _check_tensor(path: PathLike, name: str, tensor: Any) -> tuple[int, int]:
    """First and last byte of the tensor, when its dtype, shape and offsets agree."""
    if not isinstance(tensor, dict):
        raise bad(path, f"tensor {name!r} has no description")
    fields: list[Any] = [tensor.get(field) for field in ("dtype", "shape", "data_offsets")]
    dtype, shape, offsets = fields
    if not (isinstance(dtype, str) and _sizes(shape) and _sizes(offsets) and len(offsets) == 2):
        raise bad(path, f"tensor {name!r} has a broken description: {shorten(tensor)}")
    first, last = offsets
    if first > last or (dtype in DTYPES and prod(shape) * np.dtype(DTYPES[dtype]).itemsize != last - first):
        raise bad(path, f"tensor {name!r}: bytes {first} to {last} are not {dtype} of shape {shorten(shape)}")
    return first, last


def _sizes(value: Any) -> bool:
    small = isinstance(value, list) and len(value) <= MOST_DIMENSIONS
    return small and all(type(size) is int and 0 <= size < 2**63 for size in value)


def _entry(path: PathLike, tensor: dict[str, Any], offset: int) -> Entry:
    code, shape = tensor["dtype"], tuple(tensor["shape"])
    name = "bfloat16" if code == "BF16" else np.dtype(DTYPES[code]).name if code in DTYPES else code
    return Entry(shape, name, partial(_load, path, code, shape, offset))


def _load(path: PathLike, code: str, shape: tuple[int, ...], offset: int) -> Array:
    if code not in DTYPES:
        raise bad(path, f"holds {code}, a type that is not read; store float16, bfloat16, float32 or float64")
    dtype = np.dtype(DTYPES[code])
    if prod(shape) == 0:
        return np.empty(0, dtype).reshape(shape) if max(shape) < 2**31 else np.empty(0, dtype)
    data: Array = guarded(path, ".safetensors", mapped, path, dtype, offset, shape)
    if code == "BF16":
        return widen_bfloat16(data)
    return native(data if offset % dtype.itemsize == 0 else data.copy())


def widen_bfloat16(bits: Array) -> Array:
    """bfloat16, given as uint16, to float32: it is the upper half of one, so no rounding happens."""
    wide = bits.astype(np.uint32)
    wide <<= 16
    return wide.view(np.float32)
