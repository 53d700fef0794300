"""The process: which one imported pyalign, which one it ends with, and how much memory it may still take.

`pyalign/__init__.py` loads this at once, and everything else when it is used.

How long work tells where it is: one callback, everywhere.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

from pyalign.errors import InputError, shorten

_imported_by, _parent = os.getpid(), os.getppid()
PARENT = "PYALIGN_PARENT"  # of the environment: the process that has started this one
SET_DEATH_SIGNAL = 1  # of Linux's prctl


def is_forked_child() -> bool:
    """Whether this process was forked since pyalign was imported.

    A fork copies no threads, but the state of libraries that had some: OpenMP would wait for them for ever.
    """
    return os.getpid() != _imported_by


def end_with_parent() -> None:
    """From now on this process is killed when its parent ends, on Linux; at once, if it has ended already.

    The parent is the one that was there when pyalign was imported or, where the environment has `PYALIGN_PARENT`, the
    process of that number. Linux sends the signal when the thread of the parent ends that has started this process.
    """
    if sys.platform != "linux":
        return
    import ctypes

    named = os.environ.get(PARENT, "")
    parent = int(named) if named.isdecimal() and int(named) != os.getpid() else _parent  # a shell that became this one
    ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def free_memory(root: str = "") -> float:
    """Bytes that this process may still take: what the system has free, or a control group leaves; 4 GB if unknown.

    root: the folder that holds /proc and /sys.
    """
    return min([_free_in_system(root), *_left_by_groups(root)])


def _free_in_system(root: str) -> float:
    try:
        with open(f"{root}/proc/meminfo", encoding="ascii") as lines:
            free = next(line for line in lines if line.startswith("MemAvailable"))
        return 1024.0 * int(free.split()[1])
    except (OSError, StopIteration, ValueError):
        pages = ("SC_AVPHYS_PAGES", "SC_PAGE_SIZE")
        known = all(name in getattr(os, "sysconf_names", {}) for name in pages)
        return float(os.sysconf(pages[0]) * os.sysconf(pages[1])) if known else 4e9


def _left_by_groups(root: str) -> Iterator[float]:
    """Bytes left in each limited control group of the process, as containers and batch systems set them."""
    try:
        with open(f"{root}/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
    except (OSError, ValueError):
        return
    for _, controllers, group in groups:
        top, limit, used, cached = f"{root}/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
        if controllers:
            top += "/memory"
            limit, used, cached = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
        if controllers in ("", "memory"):
            parts = [part for part in group.split("/") if part]
            for folder in ["/".join([top, *parts[:depth]]) for depth in range(len(parts) + 1)]:
                with suppress(OSError, ValueError, IndexError):  # no limit, or one that can't be read from here
                    most = int(_content(f"{folder}/{limit}"))
                    freed = _content(f"{folder}/memory.stat").split(f"{cached} ")[-1].split()[0]
                    yield max(0.0, float(most - int(_content(f"{folder}/{used}")) + int(freed)))


def _content(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


# Called with the stage ("resamples", "fold 2/3"), how much of it is done, and of how much (None: not known).
Progress = Callable[[str, int, "int | None"], None]


def silent(stage: str, done: int, total: int | None) -> None:
    """A `Progress` that shows nothing.

    Example:
        >>> silent("resamples", 64, 1000)
    """


def reporter(progress: Progress | None) -> Progress:
    """The argument `progress` as what can be called; None shows nothing.

    Example:
        >>> reporter(None) is silent
        True
    """
    if progress is None or callable(progress):
        return progress or silent
    raise InputError(f"progress must be a function of stage, done and total, or None; got {shorten(progress)}")
