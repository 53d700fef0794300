"""One attempt at an extraction: the rows that one process has written, in a folder that no other writes to.

The folder is `.unfinished/HOST-PID-RANDOM`. `state.json` says what decides the rows, each layer is a file of rows, and
`done.jsonl` has a line for each batch that is on the disk, with a SHA-256 of its rows. A kill at any moment loses the
batch that was being written. Another attempt copies the batches that their hashes show to be whole, from wherever they
are, and goes on; it changes nothing here. So it does not matter for the bytes whether the file system has locks.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from pyalign._dataclass import asdict, dataclass, fields
from pyalign.errors import InputError
from pyalign.extraction.finished import HEADER, append, file_name, header, other, write_text
from pyalign.io.write import CREATE, READ, RUN, has_ended, open_own, run_name

STATE, DONE = "state.json", "done.jsonl"
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Line:
    """What `done.jsonl` says of a batch."""

    batch: int  # its number.
    rows: int  # of this attempt up to the end of the batch.
    seconds: float  # that the extraction had taken by then, in all attempts together.
    layers: Mapping[str, Sequence[int]]  # layer -> the shape of a row; empty before the first row.
    sha256: Mapping[str, str]  # layer -> SHA-256 of the rows of this batch; empty where it has none.
    items: Sequence[str]  # SHA-256 of each item of the batch.
    failures: Sequence[Sequence[str]]  # name and reason of the items without a row.


class Attempt:
    """What this process writes, batch after batch.

    Args:
        parent: the folder `.unfinished`.
        state: all that decides the rows.
        first: the number of the first batch.

    Attributes:
        folder: of its own.
        lines: one for each batch that is on the disk.
        next: the number of the next batch.
    """

    def __init__(self, parent: Path, state: Mapping[str, Any], first: int) -> None:
        self.folder = parent / run_name()
        os.makedirs(self.folder)
        self.lines: list[Line] = []
        self.next, self.rows = first, 0
        self._names = {layer[0] for layer in state["layers"]}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._files: dict[str, IO[bytes]] = {}
        self._done: IO[bytes] | None = None
        write_text(self.folder / STATE, json.dumps(state, indent=1) + "\n")

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Layer -> the shape of a row, as soon as there is one."""
        return self._shapes

    def add(
        self, rows: Mapping[str, np.ndarray], items: Sequence[str], failures: Sequence[Sequence[str]], seconds: float
    ) -> None:
        """The next batch: rows (b, ...) float32 of each layer, then the line that says that they are there."""
        count = len(next(iter(rows.values()))) if rows else 0
        digests = {}
        for name, part in rows.items():
            data = np.ascontiguousarray(part, "<f4").reshape(-1).view(np.uint8).data
            append(self._file(name, part.shape[1:]), data)
            digests[name] = hashlib.sha256(data).hexdigest()
        shapes = {name: list(shape) for name, shape in self._shapes.items()}
        line = Line(self.next, self.rows + count, round(seconds, 3), shapes, digests, items, failures)
        if self._done is None:
            self._done = open_own(self.folder / DONE, CREATE)
        append(self._done, f"{json.dumps(asdict(line))}\n".encode())
        self.lines.append(line)
        self.rows, self.next = line.rows, self.next + 1

    def _file(self, name: str, shape: tuple[int, ...]) -> IO[bytes]:
        if name not in self._files:
            self._shapes[name] = tuple(shape)
            self._files[name] = open_own(self.folder / file_name(name), CREATE)
            append(self._files[name], header(0, shape))
        if tuple(shape) != self._shapes[name]:
            raise InputError(f"layer {name!r} must have one shape; got {tuple(shape)} after {self._shapes[name]}")
        return self._files[name]

    def take_over(self, lines: Sequence[Line], folders: Sequence[Path]) -> None:
        """Copies the batches of another attempt, from the next one on, up to the first that is not whole.

        Args:
            lines: of that attempt.
            folders: where the files of its layers may be: its own folder or, if it was killed while it moved them, the
                place where they are to be in the end.
        """
        with ExitStack() as opened:
            files: dict[str, list[IO[bytes]]] = {}
            for name in self._names:
                files[name] = []
                for place in (folder / file_name(name) for folder in folders):
                    with suppress(FileNotFoundError):  # or gone meanwhile
                        files[name].append(opened.enter_context(open_own(place, READ)))
            before = 0
            for line in lines:
                if line.batch >= self.next:
                    rows = _whole_rows(line, before, files) if self._fits(line, before) else None
                    if line.batch > self.next or rows is None:
                        return
                    self.add(rows, line.items, line.failures, line.seconds)
                before = line.rows

    def _fits(self, line: Line, before: int) -> bool:
        """Whether a line has rows of all layers, in their shapes, or of none; before: rows of the lines before it."""
        shapes = {name: tuple(shape) for name, shape in line.layers.items()}
        if self._shapes and shapes != self._shapes:
            return False
        return not line.sha256 if line.rows == before else line.sha256.keys() == shapes.keys() == self._names

    def seal(self) -> dict[str, str]:
        """Writes the headers, and checks the rows of each batch; gives the SHA-256 of each layer's file."""
        hashes = {}
        for name, file in self._files.items():
            file.seek(0)
            file.write(header(self.rows, self._shapes[name]))
            file.flush()
            os.fsync(file.fileno())
            hashes[name] = self._checked(name)
        return hashes

    def _checked(self, name: str) -> str:
        path, whole = self.folder / file_name(name), hashlib.sha256()
        with open_own(path, READ) as file:
            whole.update(file.read(HEADER))
            before = 0
            for line in self.lines:
                if name in line.sha256:
                    data = file.read(_size(line, name, before))
                    if hashlib.sha256(data).hexdigest() != line.sha256[name]:
                        raise other(path, f"the rows of batch {line.batch} are not those that were written")
                    whole.update(data)
                before = line.rows
            if file.read(1):
                raise other(path, "holds more than the rows that were written")
        return whole.hexdigest()

    def close(self) -> None:
        """Closes the files; an attempt without a batch goes."""
        for file in (*self._files.values(), self._done):
            if file is not None:
                with suppress(OSError):  # what a full disk did not take, as was said when it was written
                    file.close()
        self._files, self._done = {}, None
        if not self.lines:
            shutil.rmtree(self.folder, ignore_errors=True)


def _size(line: Line, name: str, before: int) -> int:
    """Bytes of the rows of a layer in a batch; before: rows of the batches before it."""
    return 4 * (line.rows - before) * math.prod(line.layers[name])


def _whole_rows(line: Line, before: int, files: Mapping[str, Sequence[IO[bytes]]]) -> dict[str, np.ndarray] | None:
    """The rows of a batch by layer, from whichever file has them; None where some layer has them nowhere."""
    rows = {}
    for name, digest in line.sha256.items():
        for file in files[name]:
            start, size = HEADER + 4 * before * math.prod(line.layers[name]), _size(line, name, before)
            if start + size > os.fstat(file.fileno()).st_size:
                continue
            file.seek(start)
            data = file.read(size)
            if hashlib.sha256(data).hexdigest() == digest:
                shape = (line.rows - before, *line.layers[name])
                rows[name] = np.frombuffer(data, "<f4").reshape(shape)
                break
        else:
            return None
    return rows


# Attempts of other processes


@dataclass(frozen=True)
class Earlier:
    """An attempt that another process has left, or is still at."""

    folder: Path
    lines: tuple[Line, ...]

    def state(self) -> Any:
        """What decides its rows, as it is there; None where it is no JSON."""
        with open_own(self.folder / STATE, READ) as file:
            raw = file.read()
        with suppress(ValueError, RecursionError):
            return json.loads(raw)
        return None

    def is_abandoned(self) -> bool:
        """Whether its process was one of this machine and has ended."""
        return has_ended(self.folder.name)


def earlier_attempts(parent: Path) -> list[Earlier]:
    """The attempts in the folder `.unfinished` that have a batch on the disk, those with the most batches first."""
    folders = [folder for folder in sorted(parent.iterdir()) if _is_attempt(folder)]
    attempts = [Earlier(folder, tuple(_lines(folder / DONE))) for folder in folders]
    return sorted((attempt for attempt in attempts if attempt.lines), key=lambda attempt: -len(attempt.lines))


def _is_attempt(folder: Path) -> bool:
    """Whether it is one; without a state it is what is left of one that was being removed."""
    named = RUN.fullmatch(folder.name) is not None and folder.is_dir() and not folder.is_symlink()
    return named and (folder / STATE).exists()


def _lines(path: Path) -> Iterator[Line]:
    """The lines of batches in a row; a line that a kill has cut short ends them."""
    try:
        with open_own(path, READ) as file:
            raw = file.read()
    except FileNotFoundError:
        return
    rows, batch = 0, None
    for text in raw.decode("utf-8", "replace").split("\n")[:-1]:
        line = None
        with suppress(ValueError, RecursionError):
            line = _line(json.loads(text))
        if line is None or line.rows < rows or batch not in (None, line.batch):
            return
        yield line
        rows, batch = line.rows, line.batch + 1


def _line(document: Any) -> Line | None:
    """A line, if it is one."""
    if not isinstance(document, dict) or document.keys() != {field.name for field in fields(Line)}:
        return None
    sound = (
        all(type(document[key]) is int and document[key] >= 0 for key in ("batch", "rows"))
        and isinstance(document["seconds"], float)
        and isinstance(document["layers"], dict)
        and all(_is_shape(shape) for shape in document["layers"].values())
        and isinstance(document["sha256"], dict)
        and document["sha256"].keys() <= document["layers"].keys()
        and isinstance(document["items"], list)
        and all(_is_sha256(digest) for digest in (*document["sha256"].values(), *document["items"]))
        and isinstance(document["failures"], list)
        and all(_is_failure(failure) for failure in document["failures"])
    )
    return Line(**document) if sound else None


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and all(type(k) is int and 0 < k < 1 << 40 for k in shape)


def _is_sha256(text: Any) -> bool:
    return isinstance(text, str) and SHA256.fullmatch(text) is not None


def _is_failure(document: Any) -> bool:
    return isinstance(document, list) and len(document) == 2 and all(isinstance(text, str) for text in document)
