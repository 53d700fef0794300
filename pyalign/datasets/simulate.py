"""Triplets drawn from a known choice model, so that the right answer is known before anything is scored.

The built-in sample: 411 pictures of objects, real features of them, and triplets of Unicode's subgroups.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import ClassVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.data import Provenance, as_embeddings
from pyalign.data.similarities import notes_on_values
from pyalign.documents import hidden
from pyalign.errors import AssumptionWarning, InputError
from pyalign.io import write_files
from pyalign.io.paths import checked_path
from pyalign.measures import Measure, get_measure
from pyalign.ops.similarity import notes_on_similarities, similarity
from pyalign.ops.triplets import choice_probabilities, odd_one_out, require_finite_matrix, run_finite_matrix, use_matrix
from pyalign.typing import MeasureLike

CHUNK = 1 << 20  # triplets drawn and answered at once
MATRIX = 1 << 27  # bytes that a matrix of similarities may take
FEW = 1 << 18  # triplets at once where a matrix would take more: too few for one to be computed
ODD_LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # row p: the positions in the order that puts p last


@dataclass(frozen=True)
class Simulation(Result):
    """Simulated answers and what scoring them should give."""

    command: ClassVar[str] = "simulate"

    n_triplets: int  # how many were drawn.
    # fraction; mean over the drawn triplets of the probability of the model's own best answer.
    expected_accuracy: float
    standard_error: float  # fraction; standard deviation of the accuracy around that, over draws of the answers.
    expected_cross_entropy: float  # nats; mean entropy of the choice probabilities.
    measure: str  # the similarity measure.
    temperature: float  # p = softmax(s / temperature).
    seed: int  # of the generator.
    # int32 (t, 3), the item called odd last; no document holds them.
    triplets: np.ndarray = hidden(default=None, compare=False)


def random_embeddings(n: int, d: int, seed: int = 0) -> np.ndarray:
    """(n, d) float32 Gaussian features whose variance falls as 1 / k over the features, as in trained networks."""
    rng = np.random.default_rng([seed, 0])
    x = rng.standard_normal((n, d), dtype=np.float32)
    return x * (np.arange(1, d + 1, dtype=np.float32) ** np.float32(-0.5))


def random_triplets(n: int, t: int, rng: np.random.Generator, out: np.ndarray | None = None) -> np.ndarray:
    """(t, 3) int32: three different items of n, at least three, every ordered triplet equally likely; in `out`."""
    if n < 3:
        raise InputError(f"triplets need at least three items; got {n}")
    drawn = np.empty((t, 3), np.int32) if out is None else out
    draws = (lambda part, left=left: rng.integers(0, left, len(part), dtype=np.int32) for left in (n, n - 1, n - 2))
    fill_columns(drawn, *draws)
    for part in pieces(t):
        drawn[part] = different(*drawn[part].T)
    return drawn


def pieces(t: int, size: int = CHUNK) -> Iterator[slice]:
    """Slices of t triplets: between them memory is given back, and Ctrl-C ends a run."""
    return (slice(start, min(t, start + size)) for start in range(0, t, size))


def fill_columns(out: np.ndarray, *draws: Callable[[np.ndarray], np.ndarray]) -> None:
    """Fills the columns of out (t, k), one after the other, each by what its function draws for a piece of out.

    A column is drawn for all triplets before the next: what a seed gives does not depend on the size of a piece.
    """
    for k, draw in enumerate(draws):
        for part in pieces(len(out)):
            out[part, k] = draw(out[part])


def different(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """(t, 3) different items: b counts those that are not a, c those that are neither.

    Example:
        >>> different(np.array([0, 1]), np.array([0, 1]), np.array([0, 0]))
        array([[0, 1, 2],
               [1, 2, 0]])
    """
    b = b + (b >= a)
    c = c + (c >= np.minimum(a, b))
    return np.stack([a, b, c + (c >= np.maximum(a, b))], axis=1)


class Chooser:
    """What a model says of the parts of many triplets; similarities of all items are computed once, where that pays.

    Args:
        x: (n, d) rows, or with measure None (n, n) similarities; on the host.
        measure: of rows.

    Example:
        >>> Chooser(np.array([[0.0], [1.0], [5.0]]), get_measure("neg_euclidean")).ask(np.array([[0, 1, 2]]), 1)
        array([2], dtype=int8)
    """

    def __init__(self, x: np.ndarray, measure: Measure | None) -> None:
        self.x, self.measure = x, measure
        self._matrix = x if measure is None else None
        if measure is None:
            require_finite_matrix(x)

    def ask(self, triplets: np.ndarray, t: int, temperature: float | None = None) -> np.ndarray:
        """The odd position in each of k triplets, which are some of t: int8 (k,), -1 for a tie.

        With a temperature (k, 3): column p the probability that the item in column p is odd.
        """
        n, measure = len(self.x), self.measure
        if measure is not None and (n * n * self.x.itemsize > MATRIX or not use_matrix(n, t, self.x.itemsize)):
            parts = pieces(max(1, len(triplets)), FEW)
            return np.concatenate([self._by_rows(triplets[part], measure, temperature) for part in parts])
        if self._matrix is None and measure is not None:  # as it would be if all t were asked for at once
            self._matrix = similarity(self.x, measure=measure)
        assert self._matrix is not None
        return run_finite_matrix(self._matrix, triplets, temperature)

    def _by_rows(self, triplets: np.ndarray, measure: Measure, temperature: float | None) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AssumptionWarning)  # the notes have it
            if temperature is None:
                return np.asarray(odd_one_out(self.x, triplets, measure=measure))
            return np.asarray(choice_probabilities(self.x, triplets, measure=measure, temperature=temperature))


def simulate(
    x: object, n_triplets: int, *, measure: MeasureLike = "cosine", temperature: float = 0.1, seed: int = 0
) -> Simulation:
    """Answers of people who choose with ``p(pair) = softmax(s / temperature)``.

    Args:
        x: (n, d) real numbers, one row per item.
        n_triplets: how many to draw.
        measure: see `pyalign.similarity`.
        temperature: in the units of the similarities.
        seed: the same seed gives the same triplets.

    Returns:
        A `Simulation`. Scoring x on its triplets gives `expected_accuracy` within a few `standard_error`.
    """
    _checks.whole_number(n_triplets, "n_triplets", 1, sys.maxsize)
    _checks.require_room(12.0 * n_triplets, "n_triplets", f"{n_triplets:,} triplets")
    rows = as_embeddings(x)
    rng = generator(seed)
    triplets = random_triplets(len(rows), n_triplets, rng)
    chooser = Chooser(_checks.as_rows(rows.values), get_measure(measure))
    best = variance = entropy = 0.0
    for part in pieces(n_triplets):
        p = chooser.ask(triplets[part], n_triplets, temperature)
        triplets[part] = put_odd_last(triplets[part], draw_odd(p, rng))
        sums = _expected(p)
        best, variance, entropy = best + sums[0], variance + sums[1], entropy + sums[2]
    return Simulation(
        n_triplets=n_triplets, expected_accuracy=best / n_triplets,
        standard_error=float(np.sqrt(variance)) / n_triplets, expected_cross_entropy=entropy / n_triplets,
        measure=str(get_measure(measure)), temperature=float(temperature), seed=seed, triplets=triplets,
        notes=(*rows.notes, *notes_on_values(rows, "embeddings"), *notes_on_similarities(chooser.x, triplets, measure)),
        provenance=Provenance.now({"embeddings": x}, {"measure": str(measure), "temperature": temperature}, seed=seed),
    )


def generator(seed: int) -> np.random.Generator:
    """What draws triplets and answers for a seed, a whole number of at least 0."""
    return np.random.default_rng([_checks.whole_number(seed, "seed", 0, sys.maxsize), 1])


def draw_odd(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(t,) int8: a position of each row of p (t, 3), drawn with those probabilities.

    Example:
        >>> draw_odd(np.array([[0.0, 1.0, 0.0]]), np.random.default_rng(0))
        array([1], dtype=int8)
    """
    part = p.astype(np.float64)
    u = rng.random(len(part)) * part.sum(axis=1)
    return (u >= part[:, 0]).astype(np.int8) + (u >= part[:, 0] + part[:, 1])


def put_odd_last(columns: np.ndarray, odd: np.ndarray) -> np.ndarray:
    """The three columns (t, 3) of each row with the one at position odd (t,) moved last, the others in their order.

    Example:
        >>> put_odd_last(np.array([[7, 8, 9]]), np.array([0]))
        array([[8, 9, 7]])
    """
    ordered = np.empty_like(columns)
    for start in range(0, len(columns), CHUNK):
        part = slice(start, start + CHUNK)
        ordered[part] = np.take_along_axis(columns[part], ODD_LAST[odd[part]], axis=1)
    return ordered


def _expected(p: np.ndarray) -> tuple[float, float, float]:
    """Sums over the rows of p (t, 3): of the largest, of the variance of drawing it, and of the entropy in nats."""
    wide = p.astype(np.float64)
    top = wide.max(axis=1)
    entropy = -float((wide * np.log(np.maximum(wide, 1e-300))).sum())
    return float(top.sum()), float((top * (1.0 - top)).sum()), entropy


FILES = ("embeddings.npy", "triplets.npy", "names.txt", "subgroups.txt", "images.tar", "NOTICE.txt", "provenance.json")


def write_sample(folder: str | os.PathLike[str]) -> list[Path]:
    """Copies the sample's files into `folder`, which is made if it isn't there.

    Returns:
        The paths written: embeddings (411, 1280) float16, triplets (28770, 3) int16, names, subgroups, an archive
        of pictures, notices.
    """
    target = Path(checked_path(folder, "folder"))
    source = files("pyalign.datasets") / "sample"
    contents = {target / name: (source / name).read_bytes() for name in FILES}
    write_files(contents.items())
    return list(contents)
