"""The folder of a study: documents, and a record of what each was made of.

Any number of runs may write to it at once, on one machine or on several that share it. Each file appears whole, and
what a unit writes follows from its key and from the time at which the run was begun, which all of them share.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pyalign.data.provenance import moment
from pyalign.errors import OUT, RESUME, InputError
from pyalign.io.paths import PathLike, bad, require_file
from pyalign.io.write import Content, Files, create_temporary, host_name, require_no_link, sweep_temporaries, write_text
from pyalign.study.records import RECORDS, Record, read_own_json, read_record, record_path, write_record

STEPS, MODELS, FIGURES, PARTS = "steps", "models", "figures", ".parts"
STUDY, RESULT, MANIFEST, REPORT = "study.toml", "study.json", "manifest.json", "report.html"
# Never put in the place of what a study has not written.
OURS = (STUDY, RESULT, MANIFEST, REPORT, STEPS, MODELS, FIGURES)
BEGUN = ".begun"  # among the records: when the run was begun, until it has ended
PATIENCE = 1.0  # seconds for another run to write that


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
            begun = read_own_json(place).get("time")
            if isinstance(begun, str):
                return begun
            text = json.dumps({"time": moment()}) + "\n"
            if time.monotonic() > until:  # damaged
                write_text(place, text, follow_links=False)
            elif not _wrote_first(place, text):
                time.sleep(0.01)

    def end(self, finished: Sequence[str]) -> None:
        """All that could be made is made; removes what runs have left that were killed, or slower than others.

        finished: the ids of the units that are done.
        """
        with suppress(FileNotFoundError):
            os.unlink(self.path / RECORDS / BEGUN)
        self.__dict__.pop("time", None)
        os.utime(self.path / RECORDS)  # by the clock of the file system
        now = os.stat(self.path / RECORDS).st_mtime
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

    def record(self, unit: str) -> Record | None:
        """The record of the unit of that id, if it is sound and all its files are as they were written."""
        record = read_record(self.path, unit)
        if record is None or any(self.sha256(name) != digest for name, digest in record.files.items()):
            return None
        return record

    def held(self, unit: str, key: str, document: str) -> Record | None:
        """The record of a unit that was made of that very key, whole, under the name of that document."""
        record = read_record(self.path, unit)
        if record is None or record.key != key or document not in record.files:
            return None
        return self.record(unit)

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
            with Files(follow_links=False, sweep=False) as pending:
                digests[name] = str(pending.add(self.path / name, content, hashed=True))
                pending.commit()
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
        with suppress(OSError), Files(follow_links=False, sweep=False) as pending:
            pending.add(self._failure(unit), json.dumps({"asked": asked, "reason": reason}) + "\n")
            pending.commit()

    def failure(self, unit: str, asked: str) -> str | None:
        """Why the unit could not be made when the study file asked for the same."""
        document = read_own_json(self._failure(unit))
        return str(document.get("reason")) if document.get("asked") == asked else None

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


def _wrote_first(path: Path, text: str) -> bool:
    """Writes a file that was not there, whole; False where another run was first."""
    new = create_temporary(os.fspath(path))
    try:
        new.write(text.encode())
        new.flush()
        os.fsync(new.fileno())
        os.link(new.name, path, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        with suppress(FileExistsError), open(path, "x", encoding="ascii") as file:
            file.write(text)
    finally:
        new.close()
        os.unlink(new.name)
    return True
