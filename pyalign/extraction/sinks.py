"""Where the rows of an extraction go: into memory, or as `Folder` to the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from pyalign.extraction.result import Failure


class Sink(Protocol):
    """Where rows go: `Memory`, or a `Folder` on the disk."""

    path: Any
    next: int
    rows: int
    seconds: float
    failures: list[Failure]

    def add(self, batch: int, rows: Mapping[str, np.ndarray], failures: Sequence[Failure], seconds: float) -> None: ...

    def finish(
        self, names: Sequence[str], manifest: Callable[[Mapping[str, tuple[tuple[int, ...], str | None]]], str]
    ) -> Mapping[str, Any]: ...

    def left(self, total: int) -> str: ...


class Memory:
    """Rows that are kept in memory."""

    path = None

    def __init__(self, first: int) -> None:
        self.next, self.rows, self.seconds = first, 0, 0.0
        self.failures: list[Failure] = []
        self._parts: dict[str, list[np.ndarray]] = {}

    def add(self, batch: int, rows: Mapping[str, np.ndarray], failures: Sequence[Failure], seconds: float) -> None:
        """The next batch."""
        self.next, self.seconds = batch + 1, seconds
        self.rows += len(next(iter(rows.values()))) if rows else 0
        self.failures += failures
        for name, part in rows.items():
            self._parts.setdefault(name, []).append(part)

    def finish(
        self, names: Sequence[str], manifest: Callable[[Mapping[str, tuple[tuple[int, ...], str | None]]], str]
    ) -> Mapping[str, Any]:
        """The arrays."""
        found = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        manifest({name: (array.shape, None) for name, array in found.items()})
        return found

    def left(self, total: int) -> str:
        """What an interrupt leaves."""
        return "nothing was written"
