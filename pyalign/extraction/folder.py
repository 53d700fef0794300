"""The folder of an extraction while it is made: rows are appended as they come, and finished files appear together.

Until all is done everything lies in `DIR/.unfinished`: `state.json` says what is being made, `done.jsonl` has a line
for each batch that is on the disk, and each layer is a file of rows. A kill at any moment loses the batch that was
being written; the next run cuts the files back to what `done.jsonl` says and goes on. Rows are written, not mapped: a
full disk is then an error with its reason, where a mapped file would end the process.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from pyalign.errors import InputError
from pyalign.extraction.folder_files import (
    HEADER,
    append,
    file_name,
    fingerprint_of,
    header,
    read_lines,
    require_same,
    write_json,
    write_text,
)  # fmt: skip
from pyalign.extraction.result import Extraction, Failure
from pyalign.extraction.weights import hash_file
from pyalign.io.documents import read_json
from pyalign.io.embeddings import load_embeddings
from pyalign.io.paths import PathLike, bad
from pyalign.results import load_result

UNFINISHED, MANIFEST, NAMES = ".unfinished", "manifest.json", "names.txt"
STATE, DONE, LOCK = "state.json", "done.jsonl", "lock"


class Folder:
    """A folder to write to.

    Args:
        path: made where it is not there.
        state: what decides the rows, as json can write it; a run goes on where it is the same.
        resume: whether to go on with what lies there.
        first: the number of the first batch.

    Raises:
        InputError: something else lies there, or an unfinished run without `resume`, or one of another state.
    """

    def __init__(self, path: PathLike, state: Mapping[str, Any], resume: bool, first: int = 0) -> None:
        self.path, self.work = Path(path), Path(path) / UNFINISHED
        self.finished = False
        self.next = first
        self.rows = 0
        self.seconds = 0.0
        self.failures: list[Failure] = []
        self._files: dict[str, IO[bytes]] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._done: IO[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self._enter(json.loads(json.dumps(state)), resume)

    def _enter(self, state: dict[str, Any], resume: bool) -> None:
        if (self.path / MANIFEST).exists():
            shutil.rmtree(self.work, ignore_errors=True)  # killed while it was removed
            if not resume:
                raise bad(self.path, "holds a finished extraction; take another folder, or remove this one")
            self._require_same_run(state)
            return
        if self.path.exists() and not self.path.is_dir():
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(self.path))
        if self.path.is_dir() and not self.work.exists() and any(self.path.iterdir()):
            raise bad(self.path, "holds other files; take an empty or a new folder")
        done = len(read_lines(self.work / DONE))
        if done and not resume:
            raise bad(self.path, f"holds an unfinished run ({done:,} batches): go on with --resume, or remove it")
        self.work.mkdir(parents=True, exist_ok=True)
        self._take()
        if not (self.work / STATE).exists() or not (done or resume):  # a run that has ended before its first batch
            write_json(self.work / STATE, state)
            return
        require_same(self.path, read_json(self.work / STATE), state)
        if (self.work / MANIFEST).exists():  # killed while files were moved to their places
            self._move()
            self._require_same_run(state)
        else:
            self._go_on()

    def _require_same_run(self, state: Mapping[str, Any]) -> None:
        found = read_json(self.path / MANIFEST)
        if not isinstance(found, dict) or found.get("fingerprint") != fingerprint_of(state):
            raise bad(self.path, "holds a finished extraction of other items or settings; take another folder")
        self.finished = True

    def _take(self) -> None:
        """The folder is this run's as long as it lives."""
        self._lock = open(self.work / LOCK, "wb")  # noqa: SIM115
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise bad(self.path, "is being written by another run") from error
        except OSError:
            pass  # a file system without locks

    def _go_on(self) -> None:
        """Takes what is whole on the disk: batches up to the first that some file lacks."""
        lines = read_lines(self.work / DONE)
        shapes: dict[str, list[int]] = next((line["layers"] for line in lines if line["layers"]), {})
        self._shapes = {name: tuple(shape) for name, shape in shapes.items()}
        while lines and not all(self._holds(name, lines[-1]["rows"]) for name in self._shapes):
            lines.pop()
        self._write_done(lines)
        if not lines:
            self._shapes = {}
            return
        self.next, self.rows, self.seconds = lines[-1]["batch"] + 1, lines[-1]["rows"], lines[-1]["seconds"]
        self.failures = [Failure(name, reason) for line in lines for name, reason in line["failures"]]
        for name in self._shapes:
            with open(self._place(name), "r+b") as file:
                file.truncate(self._size(name, self.rows))

    def _holds(self, name: str, rows: int) -> bool:
        place = self._place(name)
        return place.exists() and place.stat().st_size >= self._size(name, rows)

    def _size(self, name: str, rows: int) -> int:
        return HEADER + 4 * rows * int(np.prod(self._shapes[name]))

    def _place(self, name: str) -> Path:
        return self.work / file_name(name)

    def _write_done(self, lines: Sequence[Mapping[str, Any]]) -> None:
        write_text(self.work / DONE, "".join(json.dumps(line) + "\n" for line in lines))

    def add(self, batch: int, rows: Mapping[str, np.ndarray], failures: Sequence[Failure], seconds: float) -> None:
        """The next batch: rows (b, ...) float32 of each layer."""
        assert batch == self.next
        count = len(next(iter(rows.values()))) if rows else 0
        for name, part in rows.items():
            file = self._open(name, part.shape[1:])
            append(file, np.ascontiguousarray(part, "<f4").reshape(-1).view(np.uint8).data)
        self.rows, self.next, self.seconds = self.rows + count, batch + 1, seconds
        self.failures += failures
        line = {
            "batch": batch,
            "rows": self.rows,
            "seconds": round(seconds, 3),
            "layers": {name: list(shape) for name, shape in self._shapes.items()},
            "failures": [[one.name, one.reason] for one in failures],
        }
        if self._done is None:
            self._done = open(self.work / DONE, "ab")  # noqa: SIM115
        append(self._done, f"{json.dumps(line)}\n".encode())

    def _open(self, name: str, shape: tuple[int, ...]) -> IO[bytes]:
        if name not in self._files:
            known = self._shapes.setdefault(name, tuple(shape))
            file = open(self._place(name), "r+b" if self._place(name).exists() and self.rows else "w+b")  # noqa: SIM115
            if not self.rows:
                file.write(header(0, known))
            file.seek(self._size(name, self.rows))
            self._files[name] = file
        if tuple(shape) != self._shapes[name]:
            raise InputError(f"layer {name!r} must have one shape; got {tuple(shape)} after {self._shapes[name]}")
        return self._files[name]

    def finish(
        self, names: Sequence[str], manifest: Callable[[Mapping[str, tuple[tuple[int, ...], str | None]]], str]
    ) -> dict[str, Any]:
        """Headers, names and manifest; then all files appear, the manifest last. Gives the arrays, mapped.

        manifest: makes the document of the shape and the SHA-256 of each layer's file, by name.
        """
        told: dict[str, tuple[tuple[int, ...], str | None]] = {}
        for name, shape in self._shapes.items():
            with open(self._place(name), "r+b") as file:
                file.write(header(self.rows, shape))
                file.flush()
                os.fsync(file.fileno())
            told[name] = (self.rows, *shape), hash_file(name, str(self._place(name)))
        write_text(self.work / NAMES, "".join(f"{name}\n" for name in names))
        write_text(self.work / MANIFEST, manifest(told))
        self._close_files()
        self._move()
        return {name: np.load(self.path / file_name(name), mmap_mode="r") for name in self._shapes}

    def _move(self) -> None:
        """All to their places, the manifest last; what a killed run has moved already is there."""
        names = sorted(path.name for path in self.work.iterdir() if path.suffix == ".npy" or path.name == NAMES)
        for name in (*names, MANIFEST):
            os.replace(self.work / name, self.path / name)
        shutil.rmtree(self.work, ignore_errors=True)

    def left(self, total: int) -> str:
        """What an interrupt leaves, for a message."""
        done = self.rows + len(self.failures)
        return f"{done:,} of {total:,} are in {self.work}; go on with --resume" if done else "nothing is finished"

    def _close_files(self) -> None:
        for file in (*self._files.values(), self._done):
            if file is not None:
                file.close()
        self._files, self._done = {}, None

    def close(self) -> None:
        """Lets go of the folder."""
        self._close_files()
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def read_extraction(path: PathLike) -> Extraction:
    """A finished extraction: its manifest, and the rows of each layer, mapped.

    Raises:
        InputError: no such folder, or one that was changed.

    """
    manifest = load_result(os.path.join(path, MANIFEST))
    if not isinstance(manifest, Extraction):
        raise bad(path, "holds another document than that of an extraction")
    found = {layer.name: load_embeddings(path, key=layer.name) for layer in manifest.layers}
    return replace(manifest, embeddings=found)
