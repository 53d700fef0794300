"""The cases of tools/intervals.py about neighbours: agreement with people's, purity, maps; intervals by half-samples.

Objects are drawn anew. How much two representations agree about the k nearest of n objects depends on n, so that the
truth is the mean of all estimates at that n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from zlib import crc32

import numpy as np
from coverage_cases import CENTRES, FEATURES, NOTHING, Case, Found, model

import pyalign

NAMES = (
    "overlap",
    "rbo",
    "difference",
    "largest kind",
    "purity",
    "purity of the largest kind",
    "purity of a small kind",
    "neighbours kept",
    "k-NN accuracy",
    "k-NN difference",
    "k-NN difference, one kind",
)
HELD = {name: (0.92, 1.0) for name in NAMES}
SIZES = ((50, 5), (100, 5), (200, 10))
KINDS, SPREAD = 6, 0.8


def drawn(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(n, 12) objects of six kinds, and their kinds: three of eight are of the first."""
    kind = np.maximum(rng.integers(-2, KINDS, n), 0)
    return CENTRES[kind] + SPREAD * rng.normal(size=(n, FEATURES)), kind


def agreement(n: int, k: int) -> Callable[..., Iterator[Found]]:
    """A model that knows eight features of twelve, and one that knows four, against all twelve."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x, kind = drawn(n, rng)
        models = {"eight": model(x), "four": model(x)[:, :4]}
        found = pyalign.compare_neighbors(models, x, k=k, categories=kind, n_permutations=0)
        first = found[0]
        assert first.concepts is not None
        yield Found.of("overlap", first.overlap, first.ci)
        yield Found.of("rbo", first.rbo, first.rbo_ci)
        yield Found.of("largest kind", first.concepts[0].overlap, first.concepts[0].ci)
        yield Found.of("difference", found.differences[0].difference, found.differences[0].ci)
        purity = pyalign.neighbor_purity(models["eight"], kind, k=k, n_permutations=0)[0]
        yield Found.of("purity", purity.purity, purity.ci)
        yield Found.of("purity of the largest kind", purity.categories[0].purity, purity.categories[0].ci)

    return draw


def unrelated(n: int, k: int) -> Callable[..., Iterator[Found]]:
    """A model of other objects: what relabelling tests is not what these intervals are for."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        found = pyalign.compare_neighbors(drawn(n, rng)[0], drawn(n, rng)[0], k=k, n_permutations=0)[0]
        yield Found.of("overlap", found.overlap, found.ci)

    return draw


def small_kinds(n: int, k: int) -> Callable[..., Iterator[Found]]:
    """Twenty kinds: of a half of the objects fewer than k are of one."""
    centres = np.random.default_rng(5).normal(size=(20, FEATURES))

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        kind = rng.integers(0, len(centres), n)
        x = centres[kind] + 0.6 * rng.normal(size=(n, FEATURES))
        found = pyalign.neighbor_purity(x, kind, k=k, n_permutations=0)[0]
        yield Found.of("purity", found.purity, found.ci)
        small = found.categories[0]
        if small.ci is not None:
            yield Found.of("purity of a small kind", small.purity, small.ci)

    return draw


def mapped(n: int, k: int) -> Callable[..., Iterator[Found]]:
    """A map that favours four features of twelve, before and after."""
    stretch = pyalign.Transform(np.diag([2.5] * 4 + [0.6] * (FEATURES - 4)), None, 0.0, 1.0)

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x, kind = drawn(n, rng)
        figures = pyalign.transfer(x, stretch, {}, categories=kind, k=k).figures
        kept, votes, of_one = figures[:3]
        yield Found.of("neighbours kept", kept.difference, kept.ci)
        yield Found.of("k-NN accuracy", votes.before, votes.before_ci)
        yield Found.of("k-NN difference", votes.difference, votes.ci)
        if of_one.ci is not None:
            yield Found.of("k-NN difference, one kind", of_one.difference, of_one.ci)

    return draw


def cases() -> Iterator[Case]:
    for n, k in SIZES:
        sizes = f"{n} objects, {k} neighbours"
        yield Case("neighbors", f"neighbors n={n} k={k}", "objects", sizes, agreement(n, k), asked=HELD, share=0.2,
                   centred=True)  # fmt: skip
        yield Case("neighbors", f"neighbors after a map n={n} k={k}", "objects", sizes, mapped(n, k), asked=HELD,
                   share=0.2, centred=True)  # fmt: skip
    yield Case("neighbors", "neighbors of 20 kinds n=200 k=10", "objects", "200 objects, 10 neighbours",
               small_kinds(200, 10), asked=HELD, share=0.2, centred=True)  # fmt: skip
    yield Case("neighbors", "neighbors unrelated n=100 k=5", "objects", "100 objects, 5 neighbours", unrelated(100, 5),
               asked=NOTHING, share=0.2, centred=True)  # fmt: skip


CASES = [replace(one, number=crc32(one.name.encode())) for one in cases()]
