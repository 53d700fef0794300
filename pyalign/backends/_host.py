"""What backends are: the kernels that each of them computes, what these take, and what they give.

What backends on the host are and share, and the kernels about ranks in numpy.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.measures import PAIR_KERNELS, PairKernel, column_shift

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

    def center_rows(self, x: Array) -> Array:
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


FEW_COLUMNS = 8


class HostBackend(Backend, Protocol):
    """What only backends on the host compute: what follows from the similarities of each triplet, and products.

    What is no kernel is here, in numpy.
    """

    def triplet_gradient(
        self, similarities: np.ndarray, triplets: np.ndarray, temperature: float, scale: float, gradient: np.ndarray,
        targets: np.ndarray | None = None, alternatives: int = 3,
    ) -> float:
        """Does what `Backend.triplet_gradient` does; of two alternatives the softmax is over the pairs 01 and 02.

        targets: those of position 0 then weigh nothing, whatever they are.
        """

    def product(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        """out (n, m) = a (n, k) @ b (k, m), all of one dtype with contiguous rows."""
        np.matmul(a, b, out=out)

    def add_transpose(self, a: np.ndarray) -> None:
        """a (n, n) contiguous += a.T."""
        a += a.T.copy()

    def permuted_products(self, a: np.ndarray, b: np.ndarray, orders: np.ndarray) -> np.ndarray:
        """(k,) float64: for each order p the sum over all i, j of a[i, j] * b[p[i], p[j]].

        a, b (n, n) symmetric, of one dtype with contiguous rows; orders (k, n) int32 contiguous, permutations.
        """

    @property
    def most_paired(self) -> int:
        """Items of which `pair_products` takes so many; 0: there is none."""
        return 0

    def pair_products(self, x: np.ndarray, triplets: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
        """Fills out (n, d): for each item, the sum of rows x (n, d) of its partners in pairs, times the pair's weight.

        weights (t, 3) contiguous, of the pairs 01, 02, 12; all of one dtype. Raises InvalidTripletsError.
        """
        why = "most_paired is 0"
        raise NotImplementedError(why)  # by itself it would make the method an abstract one

    def plan_triplets(self, triplets: np.ndarray, n: int) -> Any:
        """Triplets made ready for many gradient passes, with their `order` (t,); None where the backend has no plans.

        Raises InvalidTripletsError.
        """
        return None

    def planned_gradient(
        self, similarities: np.ndarray, plan: Any, temperature: float, scale: float, gradient: np.ndarray,
        targets: np.ndarray | None = None, alternatives: int = 3,
    ) -> float:
        """The `triplet_gradient` over the triplets of a plan; targets in its order, in which elements are summed."""
        why = "plan_triplets has made no plan"
        raise NotImplementedError(why)

    def outcomes(
        self, similarities: np.ndarray, temperature: float, verdicts: np.ndarray | None,
        cross_entropy: np.ndarray | None, entropy: np.ndarray | None, alternatives: int = 3,
    ) -> None:
        """Fills what is wanted of each triplet, from the similarities (t, 3) of its pairs 01, 02, 12.

        verdicts int8 (t,): m pairs share the maximum: m where the human pair 01 is among them, else -m. cross_entropy
        and entropy (t,) of the similarities' dtype: -log p(human pair) and -sum_p p log p, in nats. alternatives: 3,
        or 2: the choice is between the pairs 01 and 02, and the third similarity is not looked at.
        """

    def assign(self, values: np.ndarray, triplets: np.ndarray, product: bool, places: np.ndarray) -> int:
        """Fills places int16 (t,): where the sum, or product, of the first two rows of each triplet is largest.

        values (n, k) float64, contiguous, finite, from 0 up, k < 32,768. Of equal places the first; -1 where all is 0.
        Returns how many triplets have several places that are equal and largest. Raises InvalidTripletsError.
        """

    def squared(self, values: np.ndarray) -> np.ndarray:
        """(k, k) float64: values.T @ values of (m, k) float64; the same for any number of threads."""
        k = values.shape[1]
        squared = np.empty((k, k))
        columns = values.T if values.strides[0] == values.itemsize else np.ascontiguousarray(values.T)
        if k > FEW_COLUMNS:
            self.product(np.ascontiguousarray(columns), np.ascontiguousarray(values), squared)
            return squared
        for a in range(k):  # BLAS would take longer to begin, and may add in another order with other threads
            for b in range(a, k):
                squared[a, b] = squared[b, a] = np.einsum("i,i->", columns[a], columns[b])
        return squared

    def share_triplets(self, triplets: np.ndarray, n: int) -> Any:
        """Triplets grouped by the objects that they share, for `shared_products`. Raises InvalidTripletsError."""

    def shared_products(self, sharing: Any, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(3, k, k) float64: sums over groups of triplets of the products of the groups' sums of values, two by two.

        And (n, k) float64, the sums of each object.

        sharing: of t triplets. values: (t, k) int8, int16 or float64, contiguous. The groups of the first are the
        triplets with each object, of the second those with each pair of objects, of the third those of each set of
        three. Whole numbers give exact results below 2^53.
        """

    def resample_rows(self, keys: np.ndarray, values: np.ndarray, sums: np.ndarray) -> None:
        """The sums of `resample_items` with weights drawn for each triplet by itself, Poisson(1).

        Lanes l and l + 32 of a group of `LANES` share 32 bits of a hash of the triplet's number and of keys
        (b / LANES, 64) uint32; see csrc/cpu/resample.cpp.
        """

    def ranks(self, values: np.ndarray, order: np.ndarray | None, ranks: np.ndarray | None) -> None:
        """Fills what is wanted of numbers (m,), float32 or float64, contiguous, none NaN; m below 2^30.

        order int32 (m,): which stands at each place of the ascending order, equal ones as they come; -0 equals 0. ranks
        int32 (m,): twice the mean of the ranks, from 1, of those equal to each.
        """

    def rank_sums(
        self, first: RankOrder, second: RankOrder, places: np.ndarray, multiplicities: np.ndarray, sums: np.ndarray
    ) -> None:
        """Sums of which rank correlations under resamples of n objects follow, ranked again in each resample.

        A pair weighs w, the product of its objects' multiplicities (n, b) uint8; its r is twice the weight of the pairs
        with a smaller first value plus that of those with an equal one, s the same of the second value. places int32
        (m,): where the pairs of `first` stand in `second`. sums float64 (4, b): of w, w r r, w s s, w r s.
        """

    def inversions(self, values: np.ndarray, weights: np.ndarray | None) -> int:
        """The sum of weights[k] * weights[l] over all k < l with values[k] > values[l], exact below 2^63.

        values: uint32 (m,). weights: int32 (m,), none negative; None: 1 each.
        """

    def temperature_sums(
        self, similarities: np.ndarray, targets: np.ndarray | None, weights: np.ndarray | None, beta: float,
        confidences: np.ndarray | None = None, alternatives: int = 3,
    ) -> LossSums:
        """The loss of inverse temperature beta over similarities (t, 3), computed in float64.

        targets: float64 (t,), the target similarity u of each triplet; None: that of the human pair 01. A u above the
            largest similarity, which rounding can bring about, counts as that. weights: float64 (t,), None for 1.
        confidences: float64 (t,) to fill with the largest of the probabilities, or None.
        alternatives: as in `outcomes`.
        """

    def row_extremes(self, x: np.ndarray) -> np.ndarray:
        extremes: np.ndarray = np.maximum(x.max(axis=1), -x.min(axis=1))
        return extremes

    def column_shift(self, x: np.ndarray) -> np.ndarray:
        return column_shift(x)

    def some_rows(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return x[rows]

    def widened(self, x: np.ndarray) -> np.ndarray:
        return x

    def shift_rows(self, x: np.ndarray, shift: np.ndarray) -> np.ndarray:
        shifted: np.ndarray = x - shift
        return shifted

    def scale_rows(self, x: np.ndarray, exponents: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = np.ldexp(x, exponents[:, None])
        return scaled


RUN = 32  # elements whose inversions are counted by comparing all


class NumpyRanks:
    """The kernels about ranks."""

    def ranks(self, values: np.ndarray, order: np.ndarray | None, ranks: np.ndarray | None) -> None:
        places = np.argsort(values, kind="stable")
        if order is not None:
            order[:] = places
        if ranks is not None:
            ends = _ends_of(values[places])
            sizes = np.diff(ends, prepend=0)
            ranks[places] = np.repeat(2 * (ends - sizes) + sizes + 1, sizes)

    def rank_sums(
        self, first: RankOrder, second: RankOrder, places: np.ndarray, multiplicities: np.ndarray, sums: np.ndarray
    ) -> None:
        table = multiplicities.astype(np.int64)
        for lane in range(table.shape[1]):
            (_, r), (w, s) = (_weighted_ranks(order, table[:, lane]) for order in (first, second))
            moved = np.empty(len(places))
            moved[places] = r
            sums[:, lane] = w.sum(), w @ (moved * moved), w @ (s * s), w @ (moved * s)

    def inversions(self, values: np.ndarray, weights: np.ndarray | None) -> int:
        w = np.ones(len(values), np.int64) if weights is None else weights.astype(np.int64)
        return _inversions(values.astype(np.int64), w)


def _ends_of(ascending: np.ndarray) -> np.ndarray:
    """Where runs of equal values end, one beyond each."""
    return np.flatnonzero(np.append(ascending[1:] != ascending[:-1], True)[: len(ascending)]) + 1


def _weighted_ranks(order: RankOrder, of_objects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weights of the pairs in their order, and twice the weight before each plus that of its equals, as floats."""
    w = of_objects[order.items[:, 0]] * of_objects[order.items[:, 1]]
    ends = np.flatnonzero(order.last) + 1
    reached = np.append(0, np.cumsum(w))[np.append(0, ends)]
    ranks = np.repeat(reached[:-1] + reached[1:], np.diff(ends, prepend=0))
    return w.astype(np.float64), ranks.astype(np.float64)


def _inversions(values: np.ndarray, weights: np.ndarray) -> int:
    """The inversions within each half, and between the halves: the weight in the left half above each of the right."""
    m = len(values)
    if m <= RUN:
        wrong = np.triu(values[:, None] > values[None, :], 1)
        return int(weights @ wrong @ weights)
    left, right = slice(0, m // 2), slice(m // 2, m)
    order = np.argsort(values[left], kind="stable")
    above = np.append(0, np.cumsum(weights[left][order]))
    places = np.searchsorted(values[left][order], values[right], side="right")
    between = int((weights[right] * (above[-1] - above[places])).sum())
    return between + _inversions(values[left], weights[left]) + _inversions(values[right], weights[right])
