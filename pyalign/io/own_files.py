"""Locks of files, which each system has in its own way.

Files that a run keeps for itself while it works: its lock, its journal, its rows.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import IO

from pyalign.io.paths import PathLike, bad

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def unlock(descriptor: int) -> None:
    """Ends the lock of an open file also for processes that were forked meanwhile, which have the file open too."""
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def lock(descriptor: int, wait: bool) -> bool | None:
    """Whether the file is this process's until it is closed; None where the file system has no locks.

    Args:
        descriptor: an open file.
        wait: for another process to close it, instead of returning False. On Windows for 10 seconds at most.
    """
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        return False if sys.platform == "win32" and isinstance(error, PermissionError) else None
    return True


RUN = re.compile(r"\w*-(?P<process>\d+)-(?P<machine>[0-9a-f]{8})[0-9a-f]{8}")  # see `run_name`
APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL
READ = os.O_RDONLY
SAFE = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


def open_own(path: PathLike, flags: int) -> IO[bytes]:
    """A file of the run, opened with `APPEND`, `CREATE` or `READ`; buffered.

    Raises:
        InputError: a link, a folder, a pipe or a device is there.
        OSError: the file is missing, is there already (`CREATE`), or may not be opened.
    """
    try:
        descriptor = os.open(path, flags | SAFE, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK) or (error.errno == errno.EEXIST and os.path.islink(path)):
            raise bad(path, "is a link, which is not followed") from error
        if error.errno in (errno.EISDIR, errno.ENXIO):  # a folder, or a pipe that nobody reads
            raise bad(path, "is not a regular file") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise bad(path, "is not a regular file")
    return open(path, "rb" if flags == READ else "wb", opener=lambda *_: descriptor)  # which keeps its name


def require_no_link(path: PathLike) -> None:
    """Raises InputError where a link is at the path."""
    if os.path.islink(path):
        raise bad(path, "is a link, which is not followed")


def try_lock(descriptor: int) -> bool | None:
    """Whether the file is this process's until it is closed; None where the file system has no locks.

    Locks save work: two runs of one extraction need not both run a model. What is written is right without them.
    """
    return lock(descriptor, wait=False)


def take_lock(path: PathLike) -> IO[bytes] | None:
    """The lock file at the path, held until it is closed; None where another run holds it.

    It is never removed, since another run may have it open.

    Raises:
        InputError: something else than a file is there.
        OSError: the file can't be opened.
    """
    file = open_own(path, APPEND)
    if try_lock(file.fileno()) is False:
        file.close()
        return None
    return file


@contextmanager
def hold_lock(path: PathLike) -> Iterator[None]:
    """Inside, the lock file at the path is held; whoever holds it is waited for. It is never removed.

    For what takes no time, such as writing a small file again. Where the file system has no locks there is none.

    Raises:
        InputError: something else than a file is there.
        OSError: the file can't be opened.
    """
    with open_own(path, APPEND) as file:
        lock(file.fileno(), wait=True)
        yield


def run_name() -> str:
    """HOST-PROCESS-RANDOM, by which the files of a run are known from those of others.

    The first half of RANDOM is of the machine, since it was started, and of the container: numbers of processes mean
    something there alone.
    """
    return f"{host_name()}-{os.getpid()}-{_machine()}{os.urandom(4).hex()}"


def has_ended(name: str) -> bool:
    """Whether the run of a `run_name` was one of this machine and its process is gone; of others nobody can tell."""
    match = RUN.fullmatch(name)
    if match is None or match["machine"] != _machine():
        return False
    try:
        os.kill(int(match["process"]), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return False


def is_of_this_process(name: str) -> bool:
    """Whether a `run_name` is of a run of this very process."""
    match = RUN.fullmatch(name)
    return match is not None and match["machine"] == _machine() and int(match["process"]) == os.getpid()


@lru_cache(maxsize=1)
def _machine() -> str:
    """Eight letters that tell this machine, since it was started, and the container in which this process counts."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            known = f"{file.read()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        known = f"{os.uname()}"
    return hashlib.sha256(known.encode()).hexdigest()[:8]


def host_name() -> str:
    """The name of this machine, as it may stand in that of a file."""
    return re.sub(r"[^A-Za-z0-9_]", "_", os.uname().nodename)[:32]
