"""Locks of files, which each system has in its own way."""

from __future__ import annotations

import sys

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
