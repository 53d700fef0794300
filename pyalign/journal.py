"""Runs that can be interrupted: what is finished, the best so far, and of which data and options both are.

A long run finishes named steps and reports the best that it has; where Ctrl-C comes, `KeyboardInterrupt` goes through
the library as through any other code, and whoever owns the journal finds both in it. With a path they also are on the
disk, under names of their own: what a finished run has written is never replaced by less.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.documents import as_document, hidden
from pyalign.errors import RESUME, InputError, shorten
from pyalign.io.paths import PathLike
from pyalign.io.write import require_no_link, write_files
from pyalign.parts import as_it_was, key_of, part_of, read_part

Finished = TypeVar("Finished")
MARK = {"pyalign_journal": 3}  # of journals on the disk: their format
NO_INPUTS = ("self", "progress", "journal")  # arguments that decide no figure
OTHER = "a run with other data, other options or another version of pyalign"


@dataclass(frozen=True)
class Best:
    """The best of a run so far."""

    filled: ClassVar = ("merit",)

    stage: str  # what it is of, in a few words.
    merit: tuple[float, ...]  # what it is worth: numbers that are compared one after the other, the least is the best.
    value: Any = hidden(default=None)  # what it is.


@dataclass(frozen=True)
class Kept:
    """What a journal has on the disk."""

    of: str  # the key of the run.
    steps: Mapping[str, Any]  # the records of finished steps.
    best: Best | None  # without its value, which has a file of its own.


class Journal:
    """The journal of one run. Without a path it is kept in memory alone.

    Args:
        path: where it is on the disk, written as soon as a step is finished: whole or not at all.
        best_path: where the best so far is.
        as_bytes: what is written there for a value.
    """

    def __init__(
        self, path: PathLike | None = None, *, best_path: PathLike | None = None,
        as_bytes: Callable[[Any], bytes] | None = None,
    ) -> None:
        for place in (path, best_path):
            if place is not None:
                require_no_link(place)
        self.path, self.best_path, self.as_bytes = path, best_path, as_bytes
        self.of = ""  # the key of the run, once it has begun
        self.steps: dict[str, Any] = {}
        self._resume: bool | None = False
        self._earlier: Kept | None = None  # the journal on the disk, until a run begins
        self._left: dict[str, Any] = {}  # what is on the disk of this very run, and is not read
        self._offered: tuple[str, tuple[float, ...], Callable[[], Any]] | None = None
        self._best: Best | None = None
        self._written: Best | None = None  # of what is at best_path
        self._has_best_file = False  # whether a run has written best_path

    @classmethod
    def open(
        cls, path: PathLike | None, *, resume: bool | None = False, best_path: PathLike | None = None,
        as_bytes: Callable[[Any], bytes] | None = None,
    ) -> Journal:
        """The journal of a run that begins or, with `resume`, goes on; with None it goes on if that is possible."""
        journal = cls(path, best_path=best_path, as_bytes=as_bytes)
        journal._resume = resume
        if path is None or not os.path.exists(path):
            if resume and path is None:
                raise InputError("resume needs the path of a journal; got None")
            if resume:
                raise InputError(f"nothing to resume: there is no {path}: no run was interrupted, or it has finished")
            return journal
        try:
            kept, _ = read_part(path, MARK, Kept, "journal of an interrupted run")
            journal._earlier, journal._has_best_file = kept, kept.best is not None
        except InputError:
            if resume:
                raise
        return journal

    def begin(self, function: str, given: Mapping[str, Any]) -> Journal:
        """Makes this the journal of a call of a function, from now on or still; gives it back.

        Args:
            function: its name.
            given: its arguments by name, all of which count but `NO_INPUTS`. A mapping `options` holds further ones.
        """
        arguments = {**given, **given.get("options", {})}
        of = key_of(function, {name: arguments[name] for name in arguments.keys() - {*NO_INPUTS, "options"}})
        earlier = self._earlier
        if earlier is not None and earlier.of == of:
            self._written, self._left = earlier.best, {**earlier.steps}
            self.steps = {} if self._resume is False else {**earlier.steps}
        elif self.of not in ("", of) or (earlier is not None and self._resume):
            if self.path is None:
                raise InputError(f"journal holds {OTHER}; take a new one for each run")
            raise InputError(f"{self.path}: left by {OTHER}; delete it, or run as before")
        self.of, self._earlier = of, None
        return self

    def record(self, step: str) -> Any | None:
        """What was recorded when that step was finished; None where it is not."""
        return self.steps.get(step)

    def result(self, step: str, kind: type[Finished]) -> Finished | None:
        """What was recorded when that step was finished, as the dataclass that it was."""
        try:
            return as_it_was(kind, self.steps[step]) if step in self.steps else None
        except InputError as error:
            raise InputError(f"{self.path}: the record of {step!r} is not sound: {error}") from error

    def finish(self, step: str, record: Any, instead_of: str | None = None) -> None:
        """A finished step, with a record that json can write (see `pyalign.documents.as_document`).

        instead_of: how the names of steps begin that are now done with.
        """
        if instead_of is not None:
            for steps in (self.steps, self._left):
                for name in [name for name in steps if name.startswith(instead_of)]:
                    del steps[name]
        self.steps[step] = as_document(record)
        self.flush()

    def offer(self, stage: str, merit: tuple[float, ...], value: Callable[[], Any]) -> None:
        """Something that may be the best so far; made only when it is asked for."""
        if self._offered is None or merit < self._offered[1]:
            self._offered, self._best = (stage, merit, value), None

    @property
    def best(self) -> Best | None:
        """The best of what this run has offered; None before there is anything."""
        if self._best is None and self._offered is not None:
            stage, merit, value = self._offered
            self._best = Best(stage, merit, value())
        return self._best

    def flush(self) -> None:
        """Brings to the disk what is finished, and the best so far where it is better than what is there."""
        if self.path is None:
            return
        files: list[tuple[PathLike, Any]] = []
        better = self._offered is not None and (self._written is None or self._offered[1] < self._written.merit)
        if better and self.best is not None and self.best_path is not None and self.as_bytes is not None:
            files.append((self.best_path, self.as_bytes(self.best.value)))
            self._written, self._has_best_file = self.best, True
        if files or self.steps or self._written:
            kept = Kept(self.of, {**self._left, **self.steps}, self._written)
            write_files([*files, (self.path, part_of(MARK, kept))], follow_links=False)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Inside, Ctrl-C brings what there is to the disk first, and its message then says what is where."""
        try:
            yield
        except KeyboardInterrupt:
            self.flush()
            raise KeyboardInterrupt(self.left()) from None

    def left(self) -> str:
        """What an interrupted run leaves, for a message."""
        parts = [f"finished: {', '.join(self.steps)}"] if self.steps else []
        if self._written is not None and self.best_path is not None:
            parts.append(f"the best so far, of {self._written.stage}, is in {os.fspath(self.best_path)}")
        if self.path is None or not (self.steps or self._written):
            parts.append("nothing was written")
        elif self.steps or self._left:
            parts.append(f"go on with {RESUME}")
        return "; ".join(parts)

    def close(self) -> None:
        """The run has finished, and its outputs are written: what is next to them goes."""
        for path in (self.path, self.best_path if self._has_best_file else None):
            if path is not None:
                with suppress(FileNotFoundError):
                    os.unlink(path)


def packed(**arrays: np.ndarray) -> str:
    """Arrays as text, for the record of a step; `unpacked` reads them back bit for bit.

    Example:
        >>> unpacked(packed(x=np.eye(2)))["x"].tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return base64.b64encode(file.getvalue()).decode("ascii")


def unpacked(text: str) -> dict[str, np.ndarray]:
    """The arrays that `packed` made text of."""
    with np.load(io.BytesIO(base64.b64decode(text, validate=True)), allow_pickle=False) as arrays:
        return dict(arrays)


def journal_of(journal: Journal | None, function: str, given: Mapping[str, Any]) -> Journal:
    """The journal of a call, which has begun (see `Journal.begin`): the caller's, or one of its own."""
    if journal is not None and not isinstance(journal, Journal):
        raise InputError(f"journal must be a Journal of pyalign.journal, or None; got {shorten(journal)}")
    return Journal() if journal is None else journal.begin(function, given)


def sibling_path(path: PathLike, what: str) -> Path:
    """The path of a file next to an output: for `W.npz` and "partial" it is `W.partial.npz`."""
    place = Path(path)
    return place.with_name(f"{place.stem}.{what}{place.suffix}")
