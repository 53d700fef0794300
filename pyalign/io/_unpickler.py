"""Python's own unpickler, held to what dicts of arrays need.

The one in C keeps what it may refer to in an array as long as the highest number in the file, and hashes whatever is
called a key. The one in Python keeps a dict; here it also counts, checks lengths before it takes memory for them, and
knows no instruction for objects.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import IO, Any

from pyalign.io.paths import shorten

MOST_STEPS = 2_000_000  # each leaves about 100 bytes at worst
LARGEST_KEY = 1 << 31  # larger integers can be chosen so that a dict of them takes for ever

_OPCODES = """
MARK STOP POP POP_MARK DUP NONE NEWTRUE NEWFALSE PROTO FRAME INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT
STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE BINUNICODE8 SHORT_BINUNICODE BINBYTES BINBYTES8 SHORT_BINBYTES
BYTEARRAY8 EMPTY_DICT DICT SETITEM SETITEMS EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 GET
BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD
"""


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
