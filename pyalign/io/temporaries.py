"""Files beside their places while they are written: named by their run, and locked as long as it lives.

A run that is killed leaves them. The next one that writes to the folder removes those of processes of this machine that
have ended; of other machines it can't know that, and removes what nobody has locked or written for an hour.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import IO

from pyalign.io.own_files import has_ended, run_name, try_lock

MARK = re.compile(r"\.pyalign-(?P<run>\w*-\d+-[0-9a-f]{8,16})\.tmp$")
AWAY = 3600.0  # seconds without a write, after which one is stale whose process this machine may not see
LONGEST = 180  # bytes of the name that is kept: a file system takes 255 in all


def create(target: str) -> IO[bytes]:
    """A new file beside `target`, open and, where the file system has locks, locked until it is closed."""
    folder, name = os.path.split(target)
    kept = os.fsdecode(os.fsencode(name)[:LONGEST])
    # "x": never another's file; permissions follow the umask, which tempfile's would not
    handle = open(os.path.join(folder, f"{kept}.pyalign-{run_name()}.tmp"), "xb")  # noqa: SIM115
    try_lock(handle.fileno())
    return handle


def sweep(folder: str, now: float) -> None:
    """Removes what killed runs have left in a folder; what a live one writes stays, also one of another machine.

    now: of the clock that gives the folder's files their times.
    """
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        found = [(entry.path, mark["run"]) for entry in entries if (mark := MARK.search(entry.name))]
    for path, run in found:
        with suppress(OSError):  # gone meanwhile, or another user's
            _remove_stale(path, has_ended(run), now)


def _remove_stale(path: str, ended: bool, now: float) -> None:
    """Locks don't reach other machines on every file system, some have none, and some give them to everybody."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        there, locked = os.fstat(descriptor), try_lock(descriptor)
        if stat.S_ISREG(there.st_mode) and locked is not False and (ended or now - there.st_mtime > AWAY):
            os.unlink(path)
    finally:
        os.close(descriptor)
