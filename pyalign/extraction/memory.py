"""Memory that is freed and taken again and again: kept by the process while a model runs.

The outputs of layers are of megabytes, and glibc gives blocks of that size back to the system at once. Each pass then
waits until the system has cleared their pages anew, which takes a convolutional network more than half of its time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4  # of glibc's mallopt
MOST = (1 << 31) - 1  # bytes that may lie free
USUAL = {TRIM_THRESHOLD: 1 << 26, MMAP_THRESHOLD: 1 << 25, MMAP_MAX: 1 << 16}  # where glibc's own rules lead to
_runs, _lock = 0, Lock()


@contextmanager
def kept() -> Iterator[None]:
    """Inside, freed memory stays with the process; afterwards it goes back to the system. Nothing without glibc."""
    global _runs
    library = _glibc()
    with _lock:
        _runs += 1
        if library is not None and _runs == 1:
            library.mallopt(MMAP_MAX, 0)
            library.mallopt(TRIM_THRESHOLD, MOST)
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            if library is not None and _runs == 0:
                for name, value in USUAL.items():
                    library.mallopt(name, value)
                library.malloc_trim(0)


def _glibc() -> Any | None:
    with suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018
        return library
    return None
