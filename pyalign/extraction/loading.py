"""Batches of prepared items, made by threads while the model runs on the one before.

Decoding, resizing and conversion are done by compiled code that lets other threads run. Batches are cut by position: an
item that can't be read leaves a gap in its own batch and moves no other.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from pyalign._dataclass import dataclass, field
from pyalign.errors import InputError
from pyalign.extraction.finished import UNREADABLE, sha256_of

AHEAD = 2  # batches that are being made while one is used
MOST_WORKERS = 16


@dataclass
class Batch:
    """Items of consecutive positions."""

    number: int  # of the batch, from 0.
    positions: list[int] = field(default_factory=list)  # of the items that could be read.
    prepared: list[Any] = field(default_factory=list)  # what the model takes, one for each of these.
    failures: list[tuple[int, str]] = field(default_factory=list)  # (position, reason) of the others.
    hashes: list[str] = field(default_factory=list)  # SHA-256 of every item as it was read.


def default_workers() -> int:
    """The CPU cores that this process may use, up to 16."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_WORKERS, usable))


def batches(
    numbers: Sequence[int], size: int, total: int, read: Callable[[int], Any], prepare: Callable[[Any], Any],
    workers: int,
) -> Iterator[Batch]:
    """Batches of these numbers, in this order.

    Args:
        numbers: of the batches that are wanted; batch b has the items from b * size on.
        size: items in a batch.
        total: items in all.
        read: gives the item of a position, as `sha256_of` takes it, and prepare makes it ready; both are called by
            several threads. An InputError of theirs is a failure.
        workers: threads.

    Example:
        >>> made = list(batches([0, 1], 2, 3, str, int, workers=2))
        >>> [(batch.positions, batch.prepared, batch.hashes[0][:4]) for batch in made]
        [([0, 1], [0, 1], '5fec'), ([2], [2], 'd473')]
    """

    def prepared_item(position: int) -> tuple[str, Any]:
        digest = UNREADABLE
        try:
            item = read(position)
            digest = sha256_of(item)
            return digest, prepare(item)
        except InputError as error:
            return digest, error

    pool = ThreadPoolExecutor(workers, thread_name_prefix="pyalign-items")
    waiting: deque[tuple[int, list[Future[Any]]]] = deque()
    rest = iter(numbers)
    try:
        while True:
            while len(waiting) <= AHEAD and (number := next(rest, None)) is not None:
                items = range(number * size, min(total, (number + 1) * size))
                waiting.append((number, [pool.submit(prepared_item, item) for item in items]))
            if not waiting:
                return
            yield _gathered(*waiting.popleft(), size)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _gathered(number: int, futures: list[Future[Any]], size: int) -> Batch:
    batch = Batch(number)
    for position, future in enumerate(futures, number * size):
        digest, outcome = future.result()
        batch.hashes.append(digest)
        if isinstance(outcome, InputError):
            batch.failures.append((position, str(outcome)))
        else:
            batch.positions.append(position)
            batch.prepared.append(outcome)
    return batch
