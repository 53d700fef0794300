"""Files beside their places while they are written: named by host and process, and locked as long as the run lives.

A run that is killed leaves them; the next one that writes to the folder knows by the lock that nobody writes them.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import IO

from pyalign.io.own_files import host_name, try_lock

MARK = re.compile(r"\.pyalign-(?P<host>.*)-\d+-[0-9a-f]{8}\.tmp$", re.DOTALL)
AWAY = 3600.0  # seconds without a write, after which one is stale whose lock this host may not see
LONGEST = 180  # bytes of the name that is kept: a file system takes 255 in all


def create(target: str) -> IO[bytes]:
    """A new file beside `target`, open and locked until it is closed."""
    folder, name = os.path.split(target)
    kept = os.fsdecode(os.fsencode(name)[:LONGEST])
    while True:
        beside = f"{kept}.pyalign-{host_name()}-{os.getpid()}-{os.urandom(4).hex()}.tmp"
        # "x": never another's file; permissions follow the umask, which tempfile's would not
        handle = open(os.path.join(folder, beside), "xb")  # noqa: SIM115
        if try_lock(handle.fileno()) is not False and os.path.exists(handle.name):
            return handle
        handle.close()  # taken for stale between its making and its lock


def sweep(folder: str, now: float) -> None:
    """Removes what killed runs have left in a folder; what a live one holds stays, also one of another host.

    now: of the clock that gives the folder's files their times.
    """
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        found = [(entry.path, mark["host"]) for entry in entries if (mark := MARK.search(entry.name))]
    for path, host in found:
        with suppress(OSError):  # gone meanwhile, or another user's
            _remove_stale(path, host == host_name(), now)


def _remove_stale(path: str, ours: bool, now: float) -> None:
    """Locks don't reach other hosts on every file system, and some have none: then age decides."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        there, locked = os.fstat(descriptor), try_lock(descriptor)
        certain = locked is True and ours
        if stat.S_ISREG(there.st_mode) and locked is not False and (certain or now - there.st_mtime > AWAY):
            os.unlink(path)
    finally:
        os.close(descriptor)
