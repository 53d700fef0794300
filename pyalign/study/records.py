"""The manifest of a study: what made it, of what, and the SHA-256 of every file of the folder that it has written.

Which run makes a unit at the moment: a file next to its record, which a live run touches every few seconds.
The records of a study: one file for each unit that is done, with what it was made of and the hashes of its files.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from pyalign._dataclass import asdict, dataclass, field, fields
from pyalign._result import SCHEMA
from pyalign._version import __version__
from pyalign.errors import InputError
from pyalign.io.write import CREATE, READ, RUN, Files, create_temporary, has_ended, open_own, run_name
from pyalign.journal import digest_of
from pyalign.study.file import StudyFile


def manifest_of(study: StudyFile, time: str, files: Mapping[str, str | None]) -> str:
    """The document as text. files: SHA-256 by path in the folder."""
    document = {
        "pyalign_study": SCHEMA, "version": __version__, "title": study.title, "time": time,
        "files": dict(sorted(files.items())),
    }
    return json.dumps(document, indent=2) + "\n"


BEAT, DEAD = 5.0, 60.0  # seconds between two touches; seconds without one, after which a claim holds no longer
ATTEMPTS = 3

_seen: dict[tuple[Path, str], tuple[int, float]] = {}  # claims of others: their time, and when it was first seen


@contextmanager
def claim(folder: Path, unit: str) -> Iterator[str | None]:
    """Inside, the unit of that id is this run's. Gives the host of the run that makes it already, or None."""
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


RECORDS = "records"
FORMAT = 1


@dataclass(frozen=True)
class Record:
    """What is known of a unit that is done."""

    unit: str  # its id.
    key: str  # SHA-256 of its inputs, options, function and version; see `pyalign.journal`.
    asked: str  # SHA-256 of what the study file asks for, without what is in the inputs.
    files: Mapping[str, str]  # SHA-256 of its files, by path in the folder.
    seconds: float  # that it took.
    host: str  # where it was made.
    # size in bytes and time of the last change of the files that it reads, by path.
    inputs: Mapping[str, list[int]] = field(default_factory=dict)


def record_path(folder: Path, unit: str) -> Path:
    """Where the record of the unit of that id is."""
    return folder / RECORDS / f"{unit}.json"


def write_record(folder: Path, record: Record) -> None:
    """Writes a record: whole or not at all. What it costs does not depend on how many there are."""
    document = {"pyalign_record": FORMAT, **asdict(record)}
    with Files(follow_links=False, sweep=False) as pending:
        text = json.dumps({**document, "sha256": digest_of(document)}, indent=1) + "\n"
        pending.add(record_path(folder, record.unit), text)
        pending.commit()


def read_record(folder: Path, unit: str) -> Record | None:
    """The record of the unit of that id; None where there is none, or one that was edited or damaged."""
    document = read_own_json(record_path(folder, unit))
    if document.get("pyalign_record") != FORMAT or document.pop("sha256", None) != digest_of(document):
        return None
    known: dict[str, Any] = {entry.name: document.get(entry.name) for entry in fields(Record)}
    texts = (known["key"], known["asked"], known["host"])
    tables = isinstance(known["files"], dict) and isinstance(known["inputs"], dict)
    sound = tables and isinstance(known["seconds"], float | int) and all(isinstance(text, str) for text in texts)
    return Record(**known) if sound and known["unit"] == unit else None


def read_own_json(path: Path) -> dict[str, Any]:
    """The table in a file that a study keeps for itself; an empty one where there is none."""
    with suppress(InputError, OSError, ValueError, RecursionError), open_own(path, READ) as file:
        document = json.loads(file.read())
        return document if isinstance(document, dict) else {}
    return {}
