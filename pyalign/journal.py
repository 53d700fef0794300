"""Runs that can be interrupted: what is finished, the best so far, and of which data and options both are.

A long run finishes named steps and reports the best that it has; where Ctrl-C comes, `KeyboardInterrupt` goes through
the library as through any other code, and whoever owns the journal finds both in it. With a path they also are on the
disk, under names of their own: what a finished run has written is never replaced by less.

What is kept is used again under its key: a hash of all that it was made of, its options, its function, the version.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, fields, is_dataclass
from pyalign._result import SCHEMA
from pyalign._version import __version__
from pyalign.data.embeddings import is_frame
from pyalign.data.provenance import Input, fingerprint
from pyalign.documents import as_document, from_document
from pyalign.errors import RESUME, InputError, shorten
from pyalign.io.documents import read_json
from pyalign.io.paths import PathLike, bad
from pyalign.io.write import require_no_link, write_files

Finished = TypeVar("Finished")
FORMAT = 3  # of journals on the disk
NO_INPUTS = ("self", "progress", "journal")  # arguments that decide no figure
OTHER = "a run with other data, other options or another version of pyalign"


@dataclass(frozen=True)
class Best:
    """The best of a run so far."""

    stage: str  # what it is of, in a few words.
    merit: tuple[float, ...]  # what it is worth: numbers that are compared one after the other, the least is the best.
    value: Any  # what it is.


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
        self._earlier: dict[str, Any] | None = None  # the journal on the disk, until a run begins
        self._left: dict[str, Any] = {}  # what is on the disk of this very run, and is not read
        self._offered: tuple[str, tuple[float, ...], Callable[[], Any]] | None = None
        self._best: Best | None = None
        self._written: dict[str, Any] | None = None  # stage and merit of what is at best_path
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
        journal._earlier = _read(path, strict=bool(resume))
        journal._has_best_file = journal._earlier is not None and journal._earlier["best"] is not None
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
        if earlier is not None and earlier["of"] == of:
            self._written, self._left = earlier["best"], earlier["steps"]
            self.steps = {} if self._resume is False else dict(earlier["steps"])
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
        if step not in self.steps:
            return None
        try:
            finished = from_document(kind, self.steps[step])
            if as_document(finished) == self.steps[step]:
                return finished
            reason = "it does not read back as it is"
        except (InputError, LookupError, TypeError, ValueError, OverflowError) as error:
            reason = str(error)
        raise InputError(f"{self.path}: the record of {step!r} is not sound: {reason}")

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
        files: list[tuple[PathLike, str | bytes]] = []
        if self._is_better() and self.best is not None and self.best_path is not None and self.as_bytes is not None:
            files.append((self.best_path, self.as_bytes(self.best.value)))
            self._written, self._has_best_file = {"stage": self.best.stage, "merit": list(self.best.merit)}, True
        if files or self.steps or self._written:
            document = {"pyalign_journal": FORMAT, "of": self.of, "steps": {**self._left, **self.steps}}
            document["best"] = self._written
            text = json.dumps({**document, "sha256": digest_of(document)}, indent=1, allow_nan=False)
            write_files([*files, (self.path, text + "\n")], follow_links=False)

    def _is_better(self) -> bool:
        if self._offered is None:
            return False
        return self._written is None or self._offered[1] < tuple(self._written["merit"])

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
            parts.append(f"the best so far, of {self._written['stage']}, is in {os.fspath(self.best_path)}")
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


def _read(path: PathLike, strict: bool) -> dict[str, Any] | None:
    """A journal; None for anything else, unless that is to be an error."""
    try:
        document = read_json(path)
        try:
            reason = _fault(document)
        except RecursionError:
            reason = "is no journal: it is nested too deep"
        if reason is None:
            return dict(document)
        raise bad(path, reason)
    except InputError:
        if strict:
            raise
    return None


def _fault(document: Any) -> str | None:
    """What keeps a document from being a journal as a run has left it."""
    keys = {"pyalign_journal", "of", "steps", "best", "sha256"}
    if not isinstance(document, dict) or document.keys() != keys or document["pyalign_journal"] != FORMAT:
        return "is no journal of an interrupted run"
    if document["sha256"] != digest_of({key: value for key, value in document.items() if key != "sha256"}):
        return "was edited or damaged since a run has left it; delete it to begin again"
    best, steps = document["best"], document["steps"]
    sound = isinstance(document["of"], str) and isinstance(steps, dict) and (best is None or _is_best(best))
    return None if sound else "is not sound: its parts are of other kinds"


def _is_best(best: Any) -> bool:
    if not isinstance(best, dict) or best.keys() != {"stage", "merit"} or not isinstance(best["stage"], str):
        return False
    merit = best["merit"]
    return isinstance(merit, list) and bool(merit) and all(type(number) in (int, float) for number in merit)


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


ARRAYS = ("__array__", "__dlpack__", "__cuda_array_interface__")  # what an array of any library has one of


def digest_of(value: Any) -> str:
    """SHA-256 of a value of data: arrays by dtype, shape and values, dataclasses field by field."""
    return hashlib.sha256(json.dumps(_as_json(value)).encode()).hexdigest()


def key_of(function: str, *given: Mapping[str, Any]) -> str:
    """The key of a call.

    given: by name, in any order, what decides its result: arguments, or digests of them.
    """
    return digest_of([SCHEMA, __version__, function, *(dict(sorted(part.items())) for part in given)])


def _as_json(value: Any) -> Any:  # noqa: C901
    """The value as json can write it: kinds stay apart, so that no two values have the same text."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return ["float", value.hex()]
    if isinstance(value, bytes):
        return ["bytes", value.hex()]
    if isinstance(value, Input):  # whose hash is known without its array
        return ["input", _as_json(value.to_dict())]
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        parts = {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}
        return [f"{kind.__module__}.{kind.__qualname__}", parts]
    if is_frame(value):
        return ["frame", [_as_json(part.to_numpy()) for part in (value.index, value.columns, value)]]
    if isinstance(value, Mapping):
        return ["table", [[_as_json(key), _as_json(entry)] for key, entry in value.items()]]
    if isinstance(value, set | frozenset):
        return ["set", sorted(json.dumps(_as_json(element)) for element in value)]
    if any(hasattr(value, name) for name in ARRAYS) and not isinstance(value, type):
        return _of_array(value)
    if isinstance(value, Collection):
        return ["list", [_as_json(element) for element in value]]
    raise InputError(f"a key can be made only of arrays, tables, numbers and text; got {type(value).__name__}")


def _of_array(value: Any) -> Any:
    array = _checks.as_array(value, "array", "(n, ...)")
    if array.dtype.hasobject:  # text, as pandas has it
        return ["objects", list(array.shape), [_as_json(element) for element in array.ravel().tolist()]]
    # The dtype by its name too: bfloat16 comes to the host as float32, and that of a structure is not in the hash.
    return ["array", str(getattr(value, "dtype", array.dtype)), fingerprint(array)]
