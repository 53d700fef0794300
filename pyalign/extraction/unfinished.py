"""The folder of an extraction: a part for each batch as it is done, and finished files that appear together.

Until all is done, everything lies in `DIR/.unfinished`. `KEY/part-00012` is a part as in `pyalign.parts`, with the rows
of each layer behind its line. KEY is of all that decides the rows, which `KEY/state.json` says. So it does not matter
which run has written a part, nor how many write at once, on whatever file system: what is missing is computed. A run
that finishes writes all rows to files of its own, and moves these to their places. A lock keeps a second run from doing
the work of the first again; nothing depends on it.

Rows are written, not mapped: a full disk is an error with its reason, where a mapped file would end the process.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from pyalign._dataclass import replace
from pyalign.data.embeddings import Embeddings
from pyalign.errors import RESUME
from pyalign.extraction.extraction_result import Done, Extraction, Sink
from pyalign.extraction.finished import (
    HASHES, BeingWritten, Finished, OtherExtraction, file_name, other, read_finished, require_same,
)
from pyalign.extraction.hub import hash_file
from pyalign.io.arrays import open_npy
from pyalign.io.folder import MANIFEST, UNFINISHED
from pyalign.io.paths import PathLike, bad
from pyalign.io.write import CREATE, READ, Content, has_ended, named, open_own, require_no_link, run_name, take_lock
from pyalign.parts import UNSOUND, OtherPart, digest_of, part_of, read_part, write_whole

NAMES, LOCK, STATE = "names.txt", "lock", "state.json"
PROCESSOR = "processor"  # of the state: where it differs alone, a run begins again instead of being refused
KEY, PART = re.compile(r"[0-9a-f]{16}"), re.compile(r"part-(\d{5,9})")
NEW = ".new"  # behind the name of a run: the folder of what it moves to its place


class FinishedByAnotherRun(Exception):
    """Another run of the same extraction has put its files in their places meanwhile."""


class Folder(Sink):
    """A folder to write to.

    Args:
        path: made where it is not there.
        state: what decides the rows, as json can write it; a run goes on where it is the same.
        resume: whether to go on with what is there.

    Attributes:
        finished: the finished extraction of this state that is there; None where there is none.
    """

    def __init__(self, path: PathLike, state: Mapping[str, Any], resume: bool) -> None:
        super().__init__()
        self.path, self.work, self._state = Path(path), Path(path) / UNFINISHED, state
        self.finished: Finished | None = None
        self._parts, self._new = self.work / digest_of(state)[:16], self.work / f"{run_name()}{NEW}"
        self._lock: IO[bytes] | None = None
        try:
            with suppress(FinishedByAnotherRun):
                with self._until_finished():
                    self._enter(resume)
                return
            self.accept_finished()
        except BaseException:
            self.close()
            raise

    def _enter(self, resume: bool) -> None:
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
        for place in sorted(self.work.iterdir()):
            if place.name.endswith(NEW) and has_ended(place.name.removesuffix(NEW)):
                shutil.rmtree(place, ignore_errors=True)
            elif place.name != LOCK and not place.name.endswith(NEW):
                self._require_begun(place, resume)
        self._go_on()

    def _require_begun(self, place: Path, resume: bool) -> None:
        """Raises where parts are there that this run does not go on with; those of another processor stay."""
        require_no_link(place)
        if KEY.fullmatch(place.name) is None or not place.is_dir():
            raise other(self.path, f"{place.name} is not what a run has left there")
        count = len(_numbers(place))
        if count and not resume:
            raise bad(self.path, f"holds an unfinished run ({count:,} batches): go on with {RESUME}, or remove it")
        if not count:
            return
        begun: Any = None
        with open_own(place / STATE, READ) as file, suppress(*UNSOUND):
            begun = json.loads(file.read())
        if not isinstance(begun, dict):
            raise other(self.path, "is not what a run has left there")
        require_same(self.path, begun, {**self._state, PROCESSOR: begun.get(PROCESSOR)})
        if place != self._parts:
            self.notes.append(
                f"{count:,} batches of an unfinished run are computed again: it ran on {begun.get(PROCESSOR)}, and "
                f"rows of {self._state.get(PROCESSOR)} would differ in the last digits"
            )

    def _go_on(self) -> None:
        """Takes all parts that are whole."""
        for number in _numbers(self._parts):
            part = self._read(number)
            if part is not None:
                self.enter(number, part[0])
            elif (place := self._part(number)).exists():  # it may be gone, with all others
                self.notes.append(f"{place.name} was cut short, changed, or is of another run: computed again")

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

    # Parts

    def _part(self, number: int) -> Path:
        return self._parts / f"part-{number:05}"

    def _kept(self, number: int, rows: Mapping[str, np.ndarray], done: Done) -> Done:
        if (self.path / MANIFEST).exists():
            raise FinishedByAnotherRun
        data, digest = [_bytes_of(part) for part in rows.values()], hashlib.sha256()
        for piece in data:
            digest.update(piece)
        done = replace(done, rows_sha256=digest.hexdigest())
        files: dict[Path, Content] = {self._part(number): part_of(self._mark(number), done, *data)}
        if not (self._parts / STATE).exists():
            files = {self._parts / STATE: json.dumps(self._state, indent=1) + "\n", **files}
        for place, content in files.items():
            with self._until_finished():
                write_whole(place, content, sync=False)
        return done

    def _mark(self, number: int) -> dict[str, Any]:
        return {"key": self._parts.name, "batch": number}

    def _read(self, number: int) -> tuple[Done, dict[str, np.ndarray]] | None:
        """A part with the rows of each layer; None where none is there that a run of this key has written."""
        try:
            done, data = read_part(self._part(number), self._mark(number), Done)
        except (FileNotFoundError, OtherPart):
            return None
        with suppress(*UNSOUND):
            ours = done.rows == 0 or done.layers.keys() == {layer[0] for layer in self._state["layers"]}
            if ours and hashlib.sha256(data).hexdigest() == done.rows_sha256:
                rows, start = dict[str, np.ndarray](), 0
                for name, shape in done.layers.items():
                    end = start + 4 * done.rows * math.prod(shape)
                    rows[name] = np.frombuffer(data[start:end], "<f4").reshape(done.rows, *shape)
                    start = end
                alike = all(self.shapes.get(name, shape) == shape for name, shape in done.layers.items())
                if alike and start == len(data):
                    self.shapes.update(done.layers)
                    return done, rows
        return None

    def _pieces(self) -> Iterator[dict[str, np.ndarray]]:
        """The rows of all parts, which are what this run has written or taken."""
        for number, done in sorted(self.done.items()):
            part = self._read(number)
            if part is None or part[0] != done:
                if (self.path / MANIFEST).exists():
                    raise FinishedByAnotherRun
                problem = "was changed meanwhile, or two runs write different rows at once; start one again"
                raise other(self._part(number), problem)
            yield part[1]

    # Finished files

    def finish(self, extraction: Extraction, names: Sequence[str], hashes: str) -> Extraction:
        """Checks all rows; then all files appear, the manifest last."""
        if len(names) != self.rows:
            raise other(self.path, f"holds {self.rows} rows for {len(names)} items; remove it to begin again")
        return self.put(extraction, names, hashes, self._pieces())

    def put(
        self, extraction: Extraction, names: Sequence[str], hashes: str, pieces: Iterable[Mapping[str, np.ndarray]]
    ) -> Extraction:
        """Writes the rows of all pieces, each at its place in one file a layer; then all files appear.

        Args: see `Sink.finish`.
            pieces: rows by layer, in order.
        """
        shapes = {layer.name: layer.shape for layer in extraction.layers} if extraction.n_rows else {}
        with self._until_finished():
            os.makedirs(self._new)
            files = _written(self._new, _contents(shapes, pieces))
            layers = tuple(
                replace(layer, file=file, sha256=files[file]) if (file := file_name(layer.name)) in files else layer
                for layer in extraction.layers
            )
            extraction = replace(extraction, layers=layers)
            texts = {NAMES: "".join(f"{name}\n" for name in names), HASHES: hashes}
            texts[MANIFEST] = extraction.to_json() + "\n"
            files |= _written(self._new, ((name, text.encode()) for name, text in texts.items()))
            if (self.path / MANIFEST).exists():
                raise FinishedByAnotherRun
            self._move(files)
        rows = {name: open_npy(self.path / file_name(name)) for name in shapes}
        embeddings = {name: Embeddings(x, tuple(names), str(self.path)) for name, x in rows.items()}
        return replace(extraction, embeddings=embeddings)

    def _move(self, files: Mapping[str, str]) -> None:
        """All to their places, the manifest last. files: their SHA-256, by name.

        A run that finishes at the same moment moves the same bytes there, unless it ran on another CPU, or on
        images that changed meanwhile: then the files of two runs could stand together, and neither is finished.
        """
        moved = False
        try:
            for name in files:
                if (self.path / MANIFEST).exists():
                    raise FinishedByAnotherRun
                os.replace(self._new / name, self.path / name)
                moved = True
            if all(hash_file(name, str(self.path / name)) == files[name] for name in files.keys() - {MANIFEST}):
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
        """Inside, a file that is gone is no error where another run has finished, which removes all parts."""
        try:
            yield
        except FileNotFoundError as error:
            if not (self.path / MANIFEST).exists():
                raise
            raise FinishedByAnotherRun from error

    def left(self, total: int) -> str:
        """What an interrupt leaves, for a message."""
        if not self.count:
            return "nothing is finished"
        return f"{self.count:,} of {total:,} are in {self.work}; go on with {RESUME}"

    def close(self) -> None:
        """Lets go of the folder; where the extraction is finished, by whichever run, all parts go."""
        entered = self._lock is not None or self.finished is not None
        shutil.rmtree(self._new, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if entered and (self.path / MANIFEST).exists():
            shutil.rmtree(self.work, ignore_errors=True)


def _numbers(folder: Path) -> list[int]:
    """The numbers of the batches that have a part in a folder."""
    names = os.listdir(folder) if folder.is_dir() else ()
    return sorted(int(match[1]) for name in names if (match := PART.fullmatch(name)))


def _bytes_of(rows: np.ndarray) -> Any:
    return np.ascontiguousarray(rows, "<f4").reshape(-1).view(np.uint8).data


def _contents(
    shapes: Mapping[str, tuple[int, ...]], pieces: Iterable[Mapping[str, np.ndarray]]
) -> Iterator[tuple[str, Any]]:
    """What is written to the files of layers of these shapes, piece by piece."""
    for name, shape in shapes.items():
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": shape})
        yield file_name(name), head.getvalue()
    for piece in pieces:
        yield from ((file_name(name), _bytes_of(rows)) for name, rows in piece.items())


def _written(folder: Path, contents: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Writes new files, on the disk at the end, of (name, bytes); gives their SHA-256."""
    files, digests = dict[str, IO[bytes]](), dict[str, Any]()
    with ExitStack() as opened:
        for name, data in contents:
            if name not in files:
                files[name], digests[name] = opened.enter_context(open_own(folder / name, CREATE)), hashlib.sha256()
            with named(folder / name):
                files[name].write(data)
            digests[name].update(data)
        for name, file in files.items():
            with named(folder / name):
                file.flush()
                os.fsync(file.fileno())
    return {name: digest.hexdigest() for name, digest in digests.items()}
