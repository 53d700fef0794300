"""The folder of a study: documents, a journal of what each was made of, and a lock while it is written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from pyalign.data.provenance import moment
from pyalign.errors import InputError
from pyalign.io.own_files import require_no_link, take_lock
from pyalign.io.paths import PathLike, bad, require_file
from pyalign.io.write import Content, Files
from pyalign.journal import Journal

JOURNAL, LOCK, STEPS, MODELS, PARTS = "journal.json", ".lock", "steps", "models", ".parts"
STUDY, RESULT, MANIFEST, REPORT = "study.toml", "study.json", "manifest.json", "report.html"
OURS = (STUDY, RESULT, MANIFEST, REPORT, STEPS, MODELS)  # never put in the place of what a study has not written
OF = "pyalign study"
RUN = "this run"  # in the journal: when the run was begun, and whether it has ended


class StudyFolder:
    """A folder that a study is written to; as a context, it is this process's alone.

    Args:
        path: made where it is not there.
        resume: whether there must be something to go on with.

    Raises:
        InputError: it holds other files under the names of a study's, nothing to resume, or is being written.
        OSError: it can't be written.
    """

    def __init__(self, path: PathLike, resume: bool = False) -> None:
        self.path, self.resume = Path(path), resume
        self._lock: IO[bytes] | None = None
        self.journal = Journal()

    def __enter__(self) -> StudyFolder:
        self._require_ours()
        os.makedirs(self.path, exist_ok=True)
        self._take()
        try:
            self._require_ours()
            self.journal = self._open()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _require_ours(self) -> None:
        """Raises where links or other files are there, or nothing to resume. A study writes its journal first."""
        for name in (JOURNAL, LOCK, PARTS, *OURS):
            require_no_link(self.path / name)
        known = os.path.lexists(self.path / JOURNAL)
        if self.resume and not known:
            raise bad(self.path, "there is nothing to resume: no study was begun there; leave resume=True out")
        there = [name for name in OURS if os.path.lexists(self.path / name)]
        if there and not known:
            raise bad(self.path, f"holds {there[0]}, which no study has written there; take another one, out=folder")

    def _open(self) -> Journal:
        place = self.path / JOURNAL
        try:
            return Journal.open(place, OF, resume=place.exists())
        except InputError:
            if self.resume:
                raise
        return Journal(place, OF)  # damaged: everything is made again

    def _take(self) -> None:
        self._lock = take_lock(self.path / LOCK)
        if self._lock is None:
            raise bad(self.path, "another run is writing this study; wait for it, or take another folder")

    def __exit__(self, *reason: object) -> None:
        if self._lock is not None:
            self._lock.close()  # the file stays: another run may have it open

    def begin(self) -> str:
        """When the run was begun, ISO 8601, UTC; one that goes on was begun when the first of it was."""
        record = self.journal.record(RUN)
        earlier = record if isinstance(record, Mapping) and not record.get("ended") else {}
        time = str(earlier["time"]) if isinstance(earlier.get("time"), str) else moment()
        self.journal.finish(RUN, {"time": time, "ended": False})
        for name in (STEPS, PARTS):
            os.makedirs(self.path / name, exist_ok=True)
        return time

    def end(self, time: str) -> None:
        """All that could be made is made."""
        self.journal.finish(RUN, {"time": time, "ended": True})
        with suppress(OSError):
            os.rmdir(self.path / PARTS)

    def holds(self, unit: str, key: str, document: str) -> bool:
        """Whether what a unit has made of that very key is here, whole, under the name of that document."""
        record = self.journal.record(unit)
        if not isinstance(record, Mapping) or record.get("key") != key or not isinstance(record.get("files"), Mapping):
            return False
        return document in record["files"] and all(
            self.sha256(name) == digest for name, digest in record["files"].items()
        )

    def seconds(self, unit: str) -> float | None:
        """How long it took."""
        record = self.journal.record(unit)
        return record.get("seconds") if isinstance(record, Mapping) else None

    def files(self, unit: str) -> dict[str, str]:
        """The SHA-256 of the files of a unit, by path."""
        record = self.journal.record(unit)
        return dict(record["files"]) if isinstance(record, Mapping) else {}

    def keep(
        self, unit: str, key: str, files: Mapping[str, Content], seconds: float, also: tuple[str, ...] = ()
    ) -> None:
        """Writes the files of a unit, the document last in line, then takes note of them. also: of what is there."""
        with Files(follow_links=False) as pending:
            digests = {name: pending.add(self.path / name, content, hashed=True) for name, content in files.items()}
            pending.commit()
        digests.update({name: self.sha256(name) for name in also})
        self.journal.finish(unit, {"key": key, "files": digests, "seconds": round(seconds, 3)})

    def sha256(self, name: str) -> str | None:
        """The SHA-256 of a file of the folder; None where there is none to read."""
        try:
            require_file(self.path / name)
            with open(self.path / name, "rb") as handle:
                digest = hashlib.sha256()
                while part := handle.read(1 << 20):
                    digest.update(part)
                return digest.hexdigest()
        except (InputError, OSError):
            return None

    def part(self, stem: str) -> Path:
        """Where a step that is interrupted leaves what it has."""
        os.makedirs(self.path / PARTS, exist_ok=True)
        return self.path / PARTS / f"{stem}.json"
