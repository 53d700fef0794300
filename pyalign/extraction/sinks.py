"""Where the rows of an extraction go: into memory, or as `Folder` to the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from pyalign.extraction.result import Failure


class Sink(Protocol):
    """Where rows go: `Memory`, or a `Folder` on the disk."""

    path: Any
    failures: list[Failure]
    items: list[str]  # SHA-256 of the items that are done
    notes: list[str]

    @property
    def next(self) -> int: ...

    @property
    def rows(self) -> int: ...

    @property
    def seconds(self) -> float: ...

    def add(
        self, rows: Mapping[str, np.ndarray], items: Sequence[str], failures: Sequence[Failure], seconds: float
    ) -> None: ...

    def finish(
        self, names: Sequence[str], hashes: str,
        manifest: Callable[[Mapping[str, tuple[tuple[int, ...], str | None]]], str],
    ) -> Mapping[str, Any]: ...  # fmt: skip

    def left(self, total: int) -> str: ...


class Memory:
    """Rows that are kept in memory."""

    path = None

    def __init__(self, first: int) -> None:
        self.next, self.rows, self.seconds = first, 0, 0.0
        self.failures: list[Failure] = []
        self.items: list[str] = []
        self.notes: list[str] = []
        self._parts: dict[str, list[np.ndarray]] = {}

    def add(
        self, rows: Mapping[str, np.ndarray], items: Sequence[str], failures: Sequence[Failure], seconds: float
    ) -> None:
        """The next batch."""
        self.next, self.seconds = self.next + 1, seconds
        self.rows += len(next(iter(rows.values()))) if rows else 0
        self.items += items
        self.failures += failures
        for name, part in rows.items():
            self._parts.setdefault(name, []).append(part)

    def finish(
        self, names: Sequence[str], hashes: str,
        manifest: Callable[[Mapping[str, tuple[tuple[int, ...], str | None]]], str],
    ) -> Mapping[str, Any]:  # fmt: skip
        """The arrays."""
        found = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        manifest({name: (array.shape, None) for name, array in found.items()})
        return found

    def left(self, total: int) -> str:
        """What an interrupt leaves."""
        return "nothing was written"
