"""Backends: the same few kernels, computed by different means, and the choice among them.

A backend is a module-level object with the methods of `Backend`. "auto" chooses the first that can run; a name insists,
and says why it can't.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np

from pyalign.errors import InputError

# In the order in which "auto" tries them; `reference` is for tests and is never chosen by itself.
BACKENDS = ("native", "numpy", "reference")
AUTOMATIC = ("native", "numpy")


@dataclass(frozen=True)
class Rows:
    """Rows ready for a pair kernel.

    Attributes:
        values: (n, d) float32 or float64, rows contiguous.
        terms: (n,) float64: 1 / |x| for cosine (0 for a zero row), |x|^2 for the distances, None for dot.
        pair: one of `pyalign.measures.PAIR_KERNELS`.
        gamma: 1 / (2 sigma^2) for rbf, else 0.
    """

    values: np.ndarray
    terms: np.ndarray | None
    pair: str
    gamma: float = 0.0


@dataclass(frozen=True)
class Sums:
    """Sums over triplets whose last column is the item that the human called odd.

    Attributes:
        right: how often the human pair is the most similar one: alone, in a two-way tie, in a three-way tie.
        ties: how many two-way and three-way ties there are for the most similar pair.
        cross_entropy: nats, sum of -log p(human pair).
        entropy: nats, sum of -sum_p p log p.
    """

    right: tuple[int, int, int]
    ties: tuple[int, int]
    cross_entropy: float
    entropy: float


@dataclass(frozen=True)
class Wanted:
    """What to compute for triplets: arrays to fill, and whether to sum.

    Attributes:
        choices: int8 (t,) to fill, or None.
        probabilities: (t, 3) of the similarities' dtype to fill, or None.
        sums: whether to return `Sums`.
        temperature: p = softmax(s / temperature).
    """

    choices: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    sums: bool = False
    temperature: float = 1.0


class InvalidTripletsError(Exception):
    """Some triplet is not three different items in [0, n); `Backend.check_triplets` says which."""


@dataclass(frozen=True)
class TripletCheck:
    """First row with an index outside [0, n), first row that names an item twice (-1: none), smallest and largest."""

    out_of_range: int
    repeated: int
    smallest: int
    largest: int


class Backend(Protocol):
    """The kernels. The caller has checked shapes and dtypes; triplets are checked in passing, as they are read."""

    name: str

    def why_not(self) -> str | None:
        """Why this backend can't run here, or None."""

    def row_squares(self, x: np.ndarray) -> np.ndarray:
        """|x|^2 of each row in float64: (n,)."""

    def centre_rows(self, x: np.ndarray) -> np.ndarray:
        """d * x - sum(x) of each row, zero for a constant row: (n, d)."""

    def shift_rows(self, x: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """x - shift: (n, d)."""

    def similarity(self, x: Rows, y: Rows | None, out: np.ndarray) -> None:
        """All pairs into out (n, m)."""

    def check_triplets(self, triplets: np.ndarray, n: int) -> TripletCheck:
        """Are these three different items in [0, n)?"""

    def triplets_from_matrix(self, similarities: np.ndarray, triplets: np.ndarray, want: Wanted) -> Sums | None:
        """Decisions from a ready matrix (n, n); raises InvalidTripletsError, with the outputs undefined."""

    def triplets_from_rows(self, x: Rows, triplets: np.ndarray, want: Wanted) -> Sums | None:
        """The same from the rows, without an (n, n) matrix."""


def get_backend(name: str = "auto") -> Backend:
    """The backend of that name, or the first that can run here.

    Raises:
        InputError: unknown name, or no backend can run; with the reason of each.
    """
    if name != "auto" and name not in BACKENDS:
        raise InputError(f"backend must be 'auto' or one of {', '.join(BACKENDS)}; got {name!r}")
    reasons = []
    for candidate in AUTOMATIC if name == "auto" else (name,):
        backend: Backend = import_module(f"pyalign.backends.{candidate}").BACKEND
        reason = backend.why_not()
        if reason is None:
            return backend
        reasons.append(f"{candidate}: {reason}")
    raise InputError(f"no backend can take this input: {'; '.join(reasons)}")


def backend_reasons() -> dict[str, str | None]:
    """For each backend, why it can't run here, or None."""
    return {name: import_module(f"pyalign.backends.{name}").BACKEND.why_not() for name in BACKENDS}
