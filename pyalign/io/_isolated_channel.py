"""What functions in the process of `isolated` read files with: memory for their arrays, and a limit on their time."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from pyalign.io.paths import Array

BUSY = 8  # seconds of CPU time without progress
SLOWEST = 200 << 20  # bytes a second of a file that a library takes in at once
PIECE = 64 << 20  # bytes read at once
ALIGNED = 4096


class Channel:
    """What a reading function is given: memory for its arrays, and the way to say that it makes progress."""

    def __init__(self, line: socket.socket, size: int) -> None:
        self._line, self._descriptor, self._size = line, -1, 0
        self._busy = BUSY + size // SLOWEST
        self._sent: list[tuple[int, str, tuple[int, ...]]] = []

    def progress(self) -> None:
        """Restarts the time limit."""
        limit_time(self._busy)
        self._line.sendall(bytes(8))

    def array(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array in memory that the other process will see, in the order of these calls."""
        import mmap

        dtype = np.dtype(dtype)
        if dtype.hasobject or dtype.names is not None or dtype.subdtype is not None:
            raise TypeError(f"an array of {dtype}")
        if self._descriptor < 0:
            self._descriptor = _memory()
        place, nbytes = self._size, prod(shape) * dtype.itemsize
        self._sent.append((place if nbytes else 0, dtype.str, shape))
        if nbytes == 0:
            return np.empty(shape, dtype)
        self._size += -(-nbytes // ALIGNED) * ALIGNED
        os.ftruncate(self._descriptor, self._size)
        return np.ndarray(shape, dtype, mmap.mmap(self._descriptor, nbytes, offset=place))

    def fill(self, shape: tuple[int, ...], dtype: Any, part: Callable[[Any], Array], chunk: int = 1) -> None:
        """The next array by what `part` gives of an index of it, some rows at once; whole chunks are unpacked once."""
        array = self.array(shape, dtype)
        if not shape or not array.size:
            array[...] = part(())
            return
        rows = -(-max(1, PIECE // max(1, array.nbytes // len(array))) // chunk) * chunk
        for start in range(0, len(array), rows):
            array[start : start + rows] = part(slice(start, min(start + rows, len(array))))
            self.progress()

    def give(self, values: Array) -> None:
        """A copy of `values` as the next array."""
        self.array(values.shape, values.dtype)[...] = values

    def reply(self, document: dict[str, Any]) -> None:
        raw = json.dumps({**document, "arrays": self._sent}).encode()
        head = len(raw).to_bytes(8, "little")
        if self._descriptor >= 0 and self._size == 0:  # only arrays without elements
            os.ftruncate(self._descriptor, ALIGNED)
        if self._descriptor < 0:
            self._line.sendall(head)
        else:
            socket.send_fds(self._line, [head], [self._descriptor])
            os.close(self._descriptor)
        self._line.sendall(raw)


def give_rows(channel: Channel, rows: Sequence[bytes | None]) -> None:
    """Bytes of several lengths as two arrays: int64 lengths, -1 where there are none, and all bytes in a row."""
    lengths = channel.array((len(rows),), np.int64)
    lengths[:] = [-1 if row is None else len(row) for row in rows]
    joined = channel.array((int(lengths.clip(0).sum()),), np.uint8)
    joined[:] = np.frombuffer(b"".join(row or b"" for row in rows), np.uint8)


def _memory() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("pyalign")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def limit_time(seconds: int) -> None:
    """Seconds of CPU time that the process may still take."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    set_limit("RLIMIT_CPU", int(used.ru_utime + used.ru_stime) + 1 + seconds)


def set_limit(name: str, limit: int) -> None:
    """A soft limit, where the system knows it and allows it."""
    import resource

    hard = resource.getrlimit(getattr(resource, name))[1]
    soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    try:
        resource.setrlimit(getattr(resource, name), (soft, hard))
    except (ValueError, OSError):
        return
