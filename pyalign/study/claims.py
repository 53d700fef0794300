"""Which run makes a unit at the moment: a file next to its record, which a live run touches every few seconds.

A claim saves work and decides nothing: two runs that make one unit write the same bytes. So no file system has to have
locks. A claim holds no longer where its process was one of this machine and has ended, or where nobody has touched it
for `DEAD` seconds: by the times of the file system, or, as these are wrong where a clock was set or a folder copied, by
the clock of this process, which sees whether they change.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from pyalign.errors import InputError
from pyalign.io.own_files import CREATE, READ, RUN, has_ended, open_own, run_name
from pyalign.io.write import create_temporary
from pyalign.study.records import RECORDS

BEAT, DEAD = 5.0, 60.0  # seconds between two touches; seconds without one, after which a claim holds no longer
ATTEMPTS = 3

_seen: dict[tuple[Path, str], tuple[int, float]] = {}  # claims of others: their time, and when it was first seen


@contextmanager
def claim(folder: Path, unit: str) -> Iterator[str | None]:
    """Inside, the unit of that id is this run's. Gives the host of the run that makes it already, or None.

    Raises:
        InputError: something else than a file is there.
        OSError: it can't be written.
    """
    path, name = folder / RECORDS / f"{unit}.claim", run_name()
    holder = _take(path, name)
    if holder is not None:
        yield holder
        return
    stop = Event()
    beats = Thread(target=_beat, args=(path, stop), name="pyalign-claim", daemon=True)
    beats.start()
    try:
        yield None
    finally:
        stop.set()
        beats.join()
        with suppress(OSError, InputError):
            if _holder(path) == name:  # and not of a run that took this one for dead
                path.unlink()


def _take(path: Path, name: str) -> str | None:
    """Writes the claim; gives the host of a live run that has one."""
    for _ in range(ATTEMPTS):
        try:
            with open_own(path, CREATE) as file:
                file.write(name.encode())
            return None
        except FileExistsError:
            with suppress(FileNotFoundError):  # gone meanwhile
                holder = _holder(path)
                if _is_live(path, holder):
                    match = RUN.fullmatch(holder)
                    return holder[: match.start("process") - 1] if match else "another machine"
                path.unlink()
    return None  # others take and leave it all the time


def _holder(path: Path) -> str:
    with open_own(path, READ) as file:
        return file.read(1000).decode("utf-8", "replace")


def _is_live(path: Path, holder: str) -> bool:
    if has_ended(holder):
        return False
    touched, now = os.lstat(path).st_mtime_ns, time.monotonic()
    if _seen.get((path, holder), (None, now))[0] != touched:
        _seen[path, holder] = touched, now
    if now - _seen[path, holder][1] >= DEAD:
        return False
    clock = create_temporary(os.fspath(path))  # that of the file system
    try:
        age = os.fstat(clock.fileno()).st_mtime - touched / 1e9
    finally:
        clock.close()
        os.unlink(clock.name)
    if age < 0:  # from now on it ages, for processes too that look only once; a live run touches it again
        _touch(path)
    return age < DEAD


def _touch(path: Path) -> None:
    with suppress(OSError):
        os.utime(path, follow_symlinks=False)


def _beat(path: Path, stop: Event) -> None:
    while not stop.wait(BEAT):
        _touch(path)
