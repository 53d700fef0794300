"""The folder of a study: documents, and a record of what each was made of and of the hashes of its files.

Any number of runs may write to it at once, on machines that share it. Each file appears whole, and
what a unit writes follows from its key and from the time at which the run was begun, which all of them share. Which run
makes a unit at the moment says a file next to its record, which a live run touches every few seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from threading import Event, Thread
from typing import Any

from pyalign._dataclass import dataclass, field, replace
from pyalign._result import SCHEMA
from pyalign._version import __version__
from pyalign.data.provenance import digest_of_file, moment
from pyalign.errors import OUT, RESUME, InputError
from pyalign.io.paths import PathLike, bad, require_file
from pyalign.io.write import (
    CREATE, READ, RUN, Content, has_ended, host_name, open_own, require_no_link, run_name, sweep_temporaries,
)
from pyalign.parts import find_part, part_of, write_whole
from pyalign.study.file import StudyFile

RECORDS = "records"
STEPS, MODELS, FIGURES, PARTS = "steps", "models", "figures", ".parts"
STUDY, RESULT, MANIFEST, REPORT = "study.toml", "study.json", "manifest.json", "report.html"
# Never put in the place of what a study has not written.
OURS = (STUDY, RESULT, MANIFEST, REPORT, STEPS, MODELS, FIGURES)
BEGUN = ".begun"  # among the records: when the run was begun, until it has ended
PATIENCE = 1.0  # seconds for another run to write that
MARK = {"pyalign_record": 1}
BEAT, DEAD = 5.0, 60.0  # seconds between two touches; seconds without one, after which a claim holds no longer
ATTEMPTS = 3

_seen: dict[tuple[Path, str], tuple[int, float]] = {}  # claims of others: their time, and when it was first seen


@dataclass(frozen=True)
class Record:
    """What is known of a unit that is done."""

    unit: str  # its id.
    key: str  # SHA-256 of its inputs, options, function and version; see `pyalign.parts`.
    asked: str  # SHA-256 of what the study file asks for, without what is in the inputs.
    files: Mapping[str, str]  # SHA-256 of its files, by path in the folder.
    seconds: float  # that it took.
    host: str  # where it was made.
    # size in bytes and time of the last change of the files that it reads, by path; None where there is none.
    inputs: Mapping[str, list[int] | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Begun:
    """When a run was begun."""

    time: str


@dataclass(frozen=True)
class Failure:
    """Why a unit can't be made."""

    asked: str  # as of a `Record`.
    reason: str  # a line.


class StudyFolder:
    """A folder that a study is written to.

    Args:
        path: made where it is not there.
        resume: whether there must be something to go on with.
    """

    def __init__(self, path: PathLike, resume: bool = False) -> None:
        self.path = Path(path)
        for name in (RECORDS, PARTS, *OURS):
            require_no_link(self.path / name)
        there = [name for name in OURS if os.path.lexists(self.path / name)]
        known = (self.path / RECORDS).is_dir()  # which a study makes first: another may at this moment
        if resume and not known:
            raise bad(self.path, f"there is nothing to resume: no study was begun there; leave {RESUME} out")
        if there and not known:
            raise bad(self.path, f"holds {there[0]}, which no study has written there; take another one, {OUT}")
        for place in (self.path, self.path / RECORDS, self.path / STEPS):
            os.makedirs(place, exist_ok=True)

    @cached_property
    def time(self) -> str:
        """When the run was begun, ISO 8601, UTC: by the first process of it, on whichever machine."""
        place, until = self.path / RECORDS / BEGUN, time.monotonic() + PATIENCE
        while True:
            begun = find_part(place, {}, Begun)
            if begun is not None:
                return begun.time
            now = part_of({}, Begun(moment()))
            if time.monotonic() > until:  # damaged, or of a run that was killed while it wrote that
                write_whole(place, now)
            with suppress(FileExistsError, InputError), open_own(place, CREATE) as file:
                file.write(b"".join(now))
            time.sleep(0.01)

    def end(self, finished: Sequence[str]) -> None:
        """All that could be made is made; removes what runs have left that were killed, or slower than others.

        finished: the ids of the units that are done.
        """
        with suppress(FileNotFoundError):
            os.unlink(self.path / RECORDS / BEGUN)
        self.__dict__.pop("time", None)
        now = clock_of(self.path / RECORDS)
        for folder in (self.path, *(self.path / name for name in (STEPS, FIGURES, RECORDS, PARTS)), *self._models()):
            sweep_temporaries(os.fspath(folder), now)
        with suppress(OSError):  # some is of units that are not done
            for name in os.listdir(self.path / PARTS):
                unit, _, rest = name.rpartition(".")
                if unit in finished:  # of a merge: what a run that was killed has left of its parts
                    (os.unlink if rest == "json" else shutil.rmtree)(self.path / PARTS / name)
            os.rmdir(self.path / PARTS)

    def _models(self) -> list[Path]:
        """The folders of extractions."""
        with suppress(OSError), os.scandir(self.path / MODELS) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        return []

    def record(self, unit: str, key: str | None = None, document: str = "") -> Record | None:
        """The record of the unit of that id, if it is sound and all its files are as they were written.

        key, document: of which key it must be, and under the name of which document.
        """
        record = read_record(self.path, unit)
        if record is None or (key is not None and (record.key != key or document not in record.files)):
            return None
        return record if all(self.sha256(name) == digest for name, digest in record.files.items()) else None

    def files(self, unit: str) -> dict[str, str]:
        """The SHA-256 of the files of a unit, by path."""
        record = read_record(self.path, unit)
        return {} if record is None else dict(record.files)

    def keep(
        self, unit: str, key: str, files: Mapping[str, Content], seconds: float, also: tuple[str, ...] = (),
        asked: str = "", inputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes the files of a unit, then its record.

        Args:
            unit, key, seconds, asked, inputs: see `Record`.
            files: contents by path in the folder.
            also: what is there already.
        """
        before = read_record(self.path, unit)
        if before is not None and before.key != key:
            record_path(self.path, unit).unlink(missing_ok=True)
        digests: dict[str, str] = {}
        for name, content in files.items():  # one by one: no file that another run has written is gone for a moment
            digests[name] = write_whole(self.path / name, content, hashed=True) or ""
        digests.update({name: self.sha256(name) or "" for name in also})
        host = host_name()
        write_record(self.path, Record(unit, key, asked, digests, round(seconds, 3), host, inputs or {}))
        self._failure(unit).unlink(missing_ok=True)

    def touch(self, record: Record, inputs: Mapping[str, Any]) -> None:
        """Takes note of the sizes and times of inputs whose contents are what they were."""
        if inputs != record.inputs:
            write_record(self.path, replace(record, inputs=inputs))

    def _failure(self, unit: str) -> Path:
        return self.path / RECORDS / f"{unit}.failure"

    def fail(self, unit: str, asked: str, reason: str) -> None:
        """Takes note of why a unit can't be made, for whoever writes the page."""
        with suppress(OSError):
            write_whole(self._failure(unit), part_of({}, Failure(asked, reason)))

    def failure(self, unit: str, asked: str) -> str | None:
        """Why the unit could not be made when the study file asked for the same."""
        failure = find_part(self._failure(unit), {}, Failure)
        return failure.reason if failure is not None and failure.asked == asked else None

    def sha256(self, name: str) -> str | None:
        """The SHA-256 of a file of the folder; None where there is none to read."""
        try:
            require_file(self.path / name)
            return digest_of_file(self.path / name)
        except (InputError, OSError):
            return None

    def part(self, stem: str) -> Path:
        """Where a step that is interrupted leaves what it has."""
        os.makedirs(self.path / PARTS, exist_ok=True)
        return self.path / PARTS / f"{stem}.json"


def record_path(folder: Path, unit: str) -> Path:
    """Where the record of the unit of that id is."""
    return folder / RECORDS / f"{unit}.json"


def write_record(folder: Path, record: Record) -> None:
    """Writes a record. What it costs does not depend on how many there are."""
    write_whole(record_path(folder, record.unit), part_of(MARK, record))


def read_record(folder: Path, unit: str) -> Record | None:
    """The record of the unit of that id; None where there is none, or one that was edited or damaged."""
    record = find_part(record_path(folder, unit), MARK, Record)
    return record if record is not None and record.unit == unit else None


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
    age = clock_of(path.parent) - touched / 1e9
    if age < 0:  # from now on it ages, for processes too that look only once; a live run touches it again
        _touch(path)
    return age < DEAD


def clock_of(folder: Path) -> float:
    """The time by the clock of the file system, which may be another machine's."""
    os.utime(folder)
    return os.stat(folder).st_mtime


def _touch(path: Path) -> None:
    with suppress(OSError):
        os.utime(path, follow_symlinks=False)


def _beat(path: Path, stop: Event) -> None:
    while not stop.wait(BEAT):
        _touch(path)


def manifest_of(study: StudyFile, time: str, files: Mapping[str, str | None]) -> str:
    """The document as text. files: SHA-256 by path in the folder."""
    document = {
        "pyalign_study": SCHEMA, "version": __version__, "title": study.title, "time": time,
        "files": dict(sorted(files.items())),
    }
    return json.dumps(document, indent=2) + "\n"
