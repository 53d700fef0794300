"""The folder of an extraction: rows are appended to an attempt as they come, and finished files appear together.

Until all is done, everything lies in `DIR/.unfinished`, where each run has an attempt of its own. Several runs of one
extraction, at whatever pace and on whatever file system, end in the bytes of one: each writes to its own files alone,
and the last step moves whole files of equal bytes to their places. A lock keeps a second run from doing the work of
the first again; nothing depends on it.

Rows are written, not mapped: a full disk is then an error with its reason, where a mapped file would end the process.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from pyalign.extraction.attempt import Attempt, earlier_attempts
from pyalign.extraction.extraction_result import Failure
from pyalign.extraction.finished import (
    HASHES, BeingWritten, Finished, OtherExtraction, file_name, other, read_finished, require_same, write_text,
)
from pyalign.extraction.hub import hash_file
from pyalign.io.paths import PathLike, bad
from pyalign.io.write import require_no_link, take_lock

UNFINISHED, MANIFEST, NAMES, LOCK = ".unfinished", "manifest.json", "names.txt", "lock"
PROCESSOR = "processor"  # of the state: where it differs alone, a run begins again instead of being refused


class FinishedByAnotherRun(Exception):
    """Another run of the same extraction has put its files in their places meanwhile."""


class Folder:
    """A folder to write to.

    Args:
        path: made where it is not there.
        state: what decides the rows, as json can write it; a run goes on where it is the same.
        resume: whether to go on with what is there.
        first: the number of the first batch.

    Attributes:
        finished: the finished extraction of this state that is there; None where there is none.
        items: the hashes of the items that are done.
        notes: what was found of earlier runs, sentences.
    """

    def __init__(self, path: PathLike, state: Mapping[str, Any], resume: bool, first: int = 0) -> None:
        self.path, self.work, self._state = Path(path), Path(path) / UNFINISHED, state
        self.finished: Finished | None = None
        self.notes: list[str] = []
        self.failures: list[Failure] = []
        self.items: list[str] = []
        self._attempt: Attempt | None = None
        self._lock: IO[bytes] | None = None
        try:
            with suppress(FinishedByAnotherRun):
                with self._until_finished():
                    self._enter(resume, first)
                return
            self.accept_finished()
        except BaseException:
            self.close()
            raise

    @property
    def attempt(self) -> Attempt:
        """What this run writes."""
        assert self._attempt is not None
        return self._attempt

    @property
    def next(self) -> int:
        """The number of the next batch."""
        return self.attempt.next

    @property
    def rows(self) -> int:
        """The number of rows that are on the disk."""
        return self.attempt.rows

    @property
    def seconds(self) -> float:
        """The seconds that the extraction has taken so far."""
        return self.attempt.lines[-1].seconds if self.attempt.lines else 0.0

    def _enter(self, resume: bool, first: int) -> None:
        require_no_link(self.work)
        if (self.path / MANIFEST).exists():
            if not resume:
                raise bad(self.path, "holds a finished extraction; take another folder, or remove this one")
            self.accept_finished()
            return
        if self.path.exists() and not self.path.is_dir():
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(self.path))
        if self.path.is_dir() and not self.work.exists() and any(self.path.iterdir()):
            if (self.path / MANIFEST).exists():  # by now
                raise FinishedByAnotherRun
            raise bad(self.path, "holds other files; take an empty or a new folder")
        os.makedirs(self.work, exist_ok=True)
        self._lock = take_lock(self.work / LOCK)
        if self._lock is None:
            raise BeingWritten(str(bad(self.path, "is being written by another run")))
        self._go_on(resume, first)

    def _go_on(self, resume: bool, first: int) -> None:
        """Begins an attempt, with the batches of earlier ones."""
        state = self._state
        earlier = earlier_attempts(self.work)
        if earlier and not resume:
            batches = f"{len(earlier[0].lines):,} batches"
            raise bad(self.path, f"holds an unfinished run ({batches}): go on with resume=True, or remove it")
        usable = []
        for attempt in earlier:
            try:
                begun = attempt.state()
            except FileNotFoundError:  # another run has taken it over, and removed it
                continue
            if not isinstance(begun, dict):
                raise other(self.path, "is not what a run has left there")
            require_same(self.path, begun, {**state, PROCESSOR: begun.get(PROCESSOR)})
            if begun.get(PROCESSOR) == state.get(PROCESSOR):
                usable.append(attempt)
            else:
                self.notes.append(
                    f"{len(attempt.lines):,} batches of an unfinished run are computed again: it ran on "
                    f"{begun.get(PROCESSOR)}, and rows of {state.get(PROCESSOR)} would differ in the last digits"
                )
        self._attempt = Attempt(self.work, state, first)
        for attempt in usable:
            self._attempt.take_over(attempt.lines, (attempt.folder, self.path))
            if attempt.is_abandoned() and attempt.lines[-1].batch < self._attempt.next:
                shutil.rmtree(attempt.folder, ignore_errors=True)
        for line in self._attempt.lines:
            self.items += line.items
            self.failures += [Failure(name, reason) for name, reason in line.failures]

    def accept_finished(self) -> None:
        """Takes what is there for what this run would make."""
        finished = read_finished(self.path)
        begun = finished.extraction.state()
        if begun[PROCESSOR] != self._state[PROCESSOR]:
            self.notes.append(f"the rows were computed on {begun[PROCESSOR]}, and this is {self._state[PROCESSOR]}")
        differing = [key for key, value in begun.items() if value != self._state[key] and key != PROCESSOR]
        if differing:
            what = ", ".join(differing)
            raise other(self.path, f"holds a finished extraction that differs in {what}; take another folder")
        self.finished = finished

    def add(
        self, rows: Mapping[str, np.ndarray], items: Sequence[str], failures: Sequence[Failure], seconds: float
    ) -> None:
        """The next batch: rows (b, ...) float32 of each layer, and the hashes of its items."""
        if (self.path / MANIFEST).exists():
            raise FinishedByAnotherRun
        with self._until_finished():
            self.attempt.add(rows, items, [[failure.name, failure.reason] for failure in failures], seconds)
        self.items += items
        self.failures += failures

    def finish(
        self, names: Sequence[str], hashes: str,
        manifest: Callable[[Mapping[str, tuple[tuple[int, ...], str | None]]], str],
    ) -> dict[str, Any]:
        """Checks all rows; then all files appear, the manifest last. Gives the arrays, mapped.

        Args:
            names: of the rows.
            hashes: the text of `HASHES`.
            manifest: makes the document of the shape and the SHA-256 of each layer's file, by name.
        """
        attempt = self.attempt
        if len(names) != attempt.rows:
            raise other(self.path, f"holds {attempt.rows} rows for {len(names)} items; remove it to begin again")
        with self._until_finished():
            digests = attempt.seal()
            layers = {name: ((attempt.rows, *attempt.shapes[name]), digest) for name, digest in digests.items()}
            texts = {NAMES: "".join(f"{name}\n" for name in names), HASHES: hashes, MANIFEST: manifest(layers)}
            for name, text in texts.items():
                write_text(attempt.folder / name, text)
            if (self.path / MANIFEST).exists():
                raise FinishedByAnotherRun
            files = {file_name(name): digest for name, digest in digests.items()}
            files.update({name: hashlib.sha256(texts[name].encode()).hexdigest() for name in (NAMES, HASHES)})
            self._move(files)
        return {name: np.load(self.path / file_name(name), mmap_mode="r") for name in digests}

    def _move(self, files: Mapping[str, str]) -> None:
        """All to their places, the manifest last. files: their SHA-256, by name.

        A run that finishes at the same moment moves the same bytes there, unless it ran on another CPU, or on
        images that changed meanwhile: then the files of two runs could stand together, and neither is finished.
        """
        moved = False
        try:
            for name in (*files, MANIFEST):
                if (self.path / MANIFEST).exists():
                    raise FinishedByAnotherRun
                os.replace(self.attempt.folder / name, self.path / name)
                moved = True
            if all(hash_file(name, str(self.path / name)) == digest for name, digest in files.items()):
                return
        except (FinishedByAnotherRun, FileNotFoundError):
            if not moved or not (self.path / MANIFEST).exists():
                raise
            with suppress(OtherExtraction):
                read_finished(self.path)
                raise FinishedByAnotherRun from None
        with suppress(FileNotFoundError):
            os.unlink(self.path / MANIFEST)
        raise bad(self.path, "two runs have written different rows at once; remove it, and start only one run")

    @contextmanager
    def _until_finished(self) -> Iterator[None]:
        """Inside, a file that is gone is no error where another run has finished, which removes all attempts."""
        try:
            yield
        except FileNotFoundError as error:
            if not (self.path / MANIFEST).exists():
                raise
            raise FinishedByAnotherRun from error

    def left(self, total: int) -> str:
        """What an interrupt leaves, for a message."""
        done = self.rows + len(self.failures)
        return f"{done:,} of {total:,} are in {self.work}; go on with resume=True" if done else "nothing is finished"

    def close(self) -> None:
        """Lets go of the folder; where the extraction is finished, by whichever run, all attempts go."""
        try:
            if self._attempt is not None:
                self._attempt.close()
        finally:
            entered = self._lock is not None or self.finished is not None
            if self._lock is not None:
                self._lock.close()
                self._lock = None
            if entered and (self.path / MANIFEST).exists():
                shutil.rmtree(self.work, ignore_errors=True)
