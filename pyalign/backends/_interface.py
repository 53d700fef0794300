"""What backends are: the kernels that each of them computes, what these take, and what they give."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.measures import PAIR_KERNELS, PairKernel

LANES = 64  # resamples that a kernel takes side by side

Array = Any  # a numpy array on the host, a torch tensor with the tensor backends


@dataclass(frozen=True)
class Place:
    """Where the rows are and what they are, which decides who can take them."""

    device: str = "cpu"  # as torch writes it, such as "cuda:0"; "cpu" for the host.
    dtype: str = ""  # of the rows, such as "bfloat16"; "" where it is not known yet.
    elements: int = 0  # of the similarity matrix, n * m; 0 where none is computed.

    @cached_property
    def on_host(self) -> bool:
        """Whether numpy could see the memory."""
        return self.device == "cpu"


HOST = Place()


@dataclass(frozen=True)
class Rows:
    """Rows ready for a pair kernel."""

    values: Array  # (n, d) float32 or float64 (on a device also float16 or bfloat16), rows contiguous.
    # (n,) float64 as the pair kernel says (`pyalign.measures.PairKernel`), None where it takes nothing.
    terms: Array | None
    pair: str  # one of `pyalign.measures.PAIR_KERNELS`.
    gamma: float = 0.0  # 1 / (2 sigma^2) for rbf, else 0.

    @property
    def kernel(self) -> PairKernel:
        """What is computed from two of them."""
        return PAIR_KERNELS[self.pair]


@dataclass(frozen=True)
class Sums:
    """Sums over triplets whose last column is the item that the human called odd."""

    # how often the human pair is the most similar one: alone, in a two-way tie, in a three-way tie.
    right: tuple[int, int, int]
    ties: tuple[int, int]  # how many two-way and three-way ties there are for the most similar pair.
    cross_entropy: float  # nats, sum of -log p(human pair).
    entropy: float  # nats, sum of -sum_p p log p.


@dataclass(frozen=True)
class LossSums:
    """Sums over triplets of the loss of an inverse temperature beta, and of its derivatives by beta.

    With similarities s of the three pairs, target similarity u and weight w the loss of a triplet is
    ``f = log sum exp(beta s) - beta u``.
    """

    weight: float  # sum of w.
    loss: float  # sum of w f, in nats.
    first: float  # sum of w f', where f' is E_p[s] - u.
    second: float  # sum of w f'', where f'' is Var_p[s].
    first_squared: float  # sum of (w f')^2.
    shortfall: float  # sum of w (max s - u), the limit of `first` for beta without bound.


@dataclass(frozen=True)
class Wanted:
    """What to compute for triplets: arrays to fill, and whether to sum."""

    choices: Array | None = None  # int8 (t,) to fill, or None.
    probabilities: Array | None = None  # (t, 3) of the similarities' dtype to fill, or None.
    similarities: Array | None = None  # (t, 3) of that dtype to fill, of the pairs of positions 01, 02, 12; or None.
    sums: bool = False  # whether to return `Sums`.
    temperature: float = 1.0  # p = softmax(s / temperature).


class InvalidTripletsError(Exception):
    """Some triplet is not three different items in [0, n); `Backend.check_triplets` says which."""


class NotOrdinaryError(Exception):
    """Rows, or numbers of a matrix, that must be looked at before they are used: results so far mean nothing."""


@dataclass(frozen=True)
class RankOrder:
    """Pairs of objects in the ascending order of a value."""

    items: np.ndarray  # int32 (m, 2), the objects of each pair, in [0, n).
    last: np.ndarray  # uint8 (m,), whether the next pair has another value; 1 for the last pair.


@dataclass(frozen=True)
class TripletCheck:
    """First row with an index outside [0, n), first row that names an item twice (-1: none), smallest and largest."""

    out_of_range: int
    repeated: int
    smallest: int
    largest: int


class Backend(Protocol):
    """The kernels. The caller has checked shapes and dtypes; triplets are checked in passing, as they are read.

    What describes rows (squares, extremes, shifts) comes back on the host: the rules that follow from it are the same
    code for all backends.
    """

    name: str

    def why_not(self, place: Place = HOST) -> str | None:
        """Why this backend can't take such rows here, or None."""

    def row_squares(self, x: Array) -> np.ndarray:
        """|x|^2 of each row in float64: (n,)."""

    def row_extremes(self, x: Array) -> np.ndarray:
        """The largest magnitude in each row: (n,) of x's dtype, or float32 for half precision."""

    def column_shift(self, x: Array) -> np.ndarray:
        """What the rows share: (d,), as `pyalign.measures.column_shift` defines it."""

    def some_rows(self, x: Array, rows: np.ndarray) -> np.ndarray:
        """The rows that a mask or indices select, on the host; half precision as float32."""

    def widened(self, x: Array) -> Array:
        """x in the dtype of its similarities: half precision as float32."""

    def centre_rows(self, x: Array) -> Array:
        """d * x - sum(x) of each row, zero for a constant row: (n, d)."""

    def shift_rows(self, x: Array, shift: np.ndarray) -> Array:
        """x - shift: (n, d)."""

    def scale_rows(self, x: Array, exponents: np.ndarray) -> Array:
        """x * 2^exponents, row by row: (n, d)."""

    def similarity(self, x: Rows, y: Rows | None, out: Array) -> None:
        """All pairs into out (n, m)."""

    def topk(self, similarities: Array, k: int, own: int, indices: Array) -> None:
        """The columns of the k largest numbers of each row into int32 (n, k) contiguous, the largest first.

        Of equal ones the lower column comes first. similarities (n, m) float32 or float64, rows contiguous, no NaN and
        no -infinity. own: column own + i is left out of row i, unless it is negative.
        """

    def check_triplets(self, triplets: Array, n: int) -> TripletCheck:
        """Are these three different items in [0, n)?"""

    def triplets_from_matrix(self, similarities: Array, triplets: Array, want: Wanted) -> Sums | None:
        """Decisions from a ready matrix (n, n); raises InvalidTripletsError, with the outputs undefined."""

    def triplets_from_rows(self, x: Rows, triplets: Array, want: Wanted) -> Sums | None:
        """What `triplets_from_matrix` gives, from the rows, without an (n, n) matrix."""

    def triplet_gradient(
        self, similarities: Array, triplets: Array, temperature: float, scale: float, gradient: Array,
        targets: Array | None = None,
    ) -> float:
        """The sum of the triplets' cross-entropies, in nats, and the derivative of `scale` times it, into (n, n).

        targets: (t, 3) contiguous of the similarities' dtype, how much the answers weigh that call position p odd; None
        where each triplet has one, the last.

        The derivative is by the element that was read for each pair; others get 0. Raises InvalidTripletsError, with
        `gradient` undefined.
        """

    def resample_items(self, triplets: Array, multiplicities: Array, values: Array, sums: Array) -> None:
        """Sums over triplets under many resamples of the items: exact, and so equal on every backend.

        multiplicities (n, b) uint8, at most 31, b a multiple of `LANES`: the weight w of a triplet is the product of
        its items'. values (v, t) int16, contiguous. sums (1 + v, b) int64: sum of w, then of w * value. Raises
        InvalidTripletsError, with `sums` undefined.
        """

    def choice_similarity(self, similarities: Array, temperature: float, out: Array) -> None:
        """out (n, n): the mean over k of softmax(s / temperature)[ij] among the pairs of i, j, k; 1 on the diagonal.

        similarities: (n, n) symmetric but for rounding, n >= 3, finite outside its diagonal, which is not looked at.
        They are of the dtype of `out`, and share no memory with it. The result is symmetric bit for bit.
        """
