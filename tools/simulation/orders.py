"""Cases about the order of rows: how often answers contradict it by chance, and how often a wrong one is found.

Half of the answers are about objects of THINGS that the order "raw" moves, half about those of "folders". In three
worlds no order of rows is better than another; in a fourth, rows that predict 56 % in the right order are in "raw".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

import pyalign
from pyalign.analysis import notes as order
from pyalign.data import align

from .harness import Case, Found
from .worlds import LAST

N, D = order.THINGS, 8
GUESSING, ELSEWHERE, MOVED, RAW = (
    "people who guess", "people of another space", "random rows of moved objects", "rows in the order raw",
)
WORLDS, NUMBERS = (GUESSING, ELSEWHERE, MOVED, RAW), (500, 5_000)


def drawn(rng: np.random.Generator, world: str, t: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, d), and answers (t, 3) of which each is about an object that one of the orders moves."""
    moved = [np.flatnonzero(order._standing(name) != np.arange(N)) for name in order.MOVED]
    people, first = rng.normal(size=(N, D)), np.concatenate([rng.choice(one, t // len(moved)) for one in moved])
    rest = np.stack([(first + rng.integers(1, N // 2, len(first)) * k) % N for k in (1, -1)], axis=1)
    triplets, x = np.column_stack([first, rest]).astype(np.int32), people + rng.normal(size=people.shape)
    if world == GUESSING:
        return x, rng.permuted(triplets, axis=1)
    if world == ELSEWHERE:
        x = rng.normal(size=people.shape)
    if world == MOVED:
        every = np.unique(np.concatenate(moved))
        x[every] = rng.normal(size=(len(every), D))
    answers = np.take_along_axis(triplets, LAST[pyalign.odd_one_out(people, triplets)], axis=1)
    return (x[order._standing("raw")] if world == RAW else x), answers


def noted(world: str, t: int) -> Callable[[np.random.Generator], Iterator[Found]]:
    def draw(rng: np.random.Generator) -> Iterator[Found]:
        yield Found("noted", np.nan, rejected=bool(order.notes_on_order(align(*drawn(rng, world, t)), "x")))

    return draw


CASES = [
    Case("orders", f"{world}, {t} answers", "objects", f"{N:,} objects, {t:,} answers", noted(world, t),
         asked={} if world == RAW else {"noted": (0.0, 0.001)}, share=0.3, rejects=True,
         seeds=lambda seed, _, k, w=w, t=t: [w, t, k])
    for w, world in enumerate(WORLDS) for t in NUMBERS
]
