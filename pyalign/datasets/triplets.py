"""Triplets answered by a representation, for simulation and distillation: of any items, within categories or across.

The three orders in which rows of THINGS come: by name, so that rows are matched and never counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Literal, overload

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.data import Categories, Provenance, as_embeddings
from pyalign.data.judgments import as_rdms, require_kind
from pyalign.data.names import match_names, require_different
from pyalign.data.similarities import as_similarities, notes_on_values
from pyalign.datasets.simulate import (
    Chooser, different, draw_odd, fill_columns, generator, pieces, put_odd_last, random_triplets,
)
from pyalign.documents import hidden
from pyalign.errors import InputError, Remedy
from pyalign.measures import PRECOMPUTED, Measure, get_measure
from pyalign.ops.triplets import require_one
from pyalign.typing import CategoriesLike, EmbeddingsLike, JudgmentsLike, MatrixKind, MeasureLike

SCHEMES = ("uniform", "within", "across")
AS_MATRIX = {
    f"{kind[:-1]}ies": Remedy.of_both(f'matrix=x, kind="{kind}"', f"--matrix FILE --kind {kind}")
    for kind in PRECOMPUTED
}
ROUNDS = 100  # without a single triplet to keep, one after the other: there is none, or as good as none
FEWEST = 1000  # triplets of a round that replaces others
Candidates = Callable[[np.ndarray, np.random.Generator], np.ndarray]  # fills (t, 3); gives what can meet, in front


@dataclass(frozen=True)
class SampledTriplets(Result):
    """Triplets and how they came about."""

    command: ClassVar[str] = "triplets"

    n_triplets: int  # how many were drawn.
    n_tied: int  # drawn again because two or three pairs tied.
    n_sharing: int  # drawn again because the third item shared a category with one of the two (scheme ``"across"``).
    # scheme, measure, temperature, seed: as they were asked for.
    scheme: str
    measure: str
    temperature: float | None
    seed: int
    # int32 (t, 3), the item called odd last; no document holds them.
    triplets: np.ndarray = hidden(default=None, compare=False)
    # (t, 3), column p the probability that the item in column p is odd; None unless asked for; in no document either.
    probabilities: np.ndarray | None = hidden(default=None, compare=False)


@overload
def sample_triplets(
    embeddings: EmbeddingsLike | None, n_triplets: int, *, matrix: JudgmentsLike | None = ...,
    kind: MatrixKind | None = ..., measure: MeasureLike | None = ..., categories: CategoriesLike | None = ...,
    scheme: Literal["uniform", "within", "across"] = ..., temperature: float | None = ..., soft: Literal[False] = ...,
    seed: int = ...,
) -> np.ndarray: ...
@overload
def sample_triplets(
    embeddings: EmbeddingsLike | None, n_triplets: int, *, matrix: JudgmentsLike | None = ...,
    kind: MatrixKind | None = ..., measure: MeasureLike | None = ..., categories: CategoriesLike | None = ...,
    scheme: Literal["uniform", "within", "across"] = ..., temperature: float | None = ..., soft: Literal[True],
    seed: int = ...,
) -> tuple[np.ndarray, np.ndarray]: ...
def sample_triplets(
    embeddings: EmbeddingsLike | None, n_triplets: int, *, matrix: JudgmentsLike | None = None,
    kind: MatrixKind | None = None, measure: MeasureLike | None = None, categories: CategoriesLike | None = None,
    scheme: Literal["uniform", "within", "across"] = "uniform", temperature: float | None = None, soft: bool = False,
    seed: int = 0,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Draw random triplets of items, answered by the similarities of embeddings.

    Args:
        embeddings: (n, d) real numbers, one row per item; or None.
        n_triplets: how many.
        matrix, kind: instead of embeddings; see `pyalign.score`.
        measure: of embeddings; None: cosine. See `pyalign.similarity`.
        categories: for the schemes within and across: `pyalign.Categories`, matched by name where x has names too; or
            (n,) labels, of which an empty text or a negative number says that an item has no category; or (n, c) of 0
            and 1, where an item may have several categories or none.
        scheme: which items meet. ``"uniform"``: any three, all sets equally likely. ``"within"``: all three of one
            category; each set of each category is equally likely, so that a set of two categories comes twice as often.
            ``"across"``: two of one category and one of another, which shares no category with either of the two (the
            coarse-category task of Muttenthaler et al., ICLR 2023); each such choice is equally likely. The categories
            decide which items meet, x decides which is odd.
        temperature: None: the odd one is the item outside the most similar pair, and triplets whose best pairs tie are
            drawn again. A number: the odd one is drawn with ``p(pair) = softmax(s / temperature)``.
        soft: whether to return the probabilities too; they need a temperature.
        seed: the same seed gives the same triplets.

    Returns:
        int32 (t, 3), the odd item last; with `soft` also (t, 3) float32 or float64, column p the probability that the
        item in column p is odd. The uniform scheme with a temperature gives the triplets of `simulate`.

    Raises:
        InputError: as `pyalign.choice_probabilities`; categories that are missing, unused or hold no such triplet; ties
            in every triplet; a matrix whose diagonal shows another kind; and more triplets than fit into memory, which
            holds the result and at most 256 MB more.

    Example:
        >>> import numpy as np
        >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> sample_triplets(x, 2, categories=["a", "a", "b", "b"], scheme="across").shape
        (2, 3)
        >>> triplets, p = sample_triplets(x, 5, temperature=0.1, soft=True)
        >>> p.sum(axis=1).round(3)
        array([1., 1., 1., 1., 1.])
    """
    drawn = draw_triplets(
        embeddings, n_triplets, matrix=matrix, kind=kind, measure=measure, categories=categories, scheme=scheme,
        temperature=temperature, soft=soft, seed=seed,
    )
    return drawn.triplets if drawn.probabilities is None else (drawn.triplets, drawn.probabilities)


def draw_triplets(
    x: object, n_triplets: int, *, matrix: object = None, kind: str | None = None,
    measure: str | Measure | None = None, categories: object = None, scheme: str = "uniform",
    temperature: float | None = None, soft: bool = False, seed: int = 0,
) -> SampledTriplets:
    """`sample_triplets` with the counts of what was drawn again; arguments and errors as there."""
    n_triplets = _checks.whole_number(n_triplets, "n_triplets", 1, sys.maxsize)
    rng = generator(seed)
    if _checks.flag(soft, "soft") and temperature is None:
        raise InputError("temperature must be a number for soft=True, whose probabilities it divides; got None")
    require_one(x, matrix, kind, measure)
    if matrix is not None:
        given: Any = as_similarities(require_kind(as_rdms(matrix, kind, "matrix"), "matrix"))
        rows, notes, measure = given.values, given.notes, PRECOMPUTED[given.kind]
    else:
        given = as_embeddings(x)
        rows, measure = _checks.as_rows(given.values), get_measure("cosine" if measure is None else measure)
        notes = (*given.notes, *notes_on_values(given, "embeddings", AS_MATRIX))
    chooser = Chooser(rows, measure if matrix is None else None)
    meet = _scheme(scheme, categories, len(rows), given.names)
    of_result = 12 + (3 * rows.itemsize if soft else 0)
    _checks.require_room(float(of_result * n_triplets), "n_triplets", f"{n_triplets:,} triplets")
    triplets = np.empty((n_triplets, 3), np.int32)
    probabilities = np.empty((n_triplets, 3), rows.dtype) if soft else None
    n_tied, n_sharing = _draw(triplets, probabilities, meet, partial(_answers, chooser, temperature, rng), rng)
    options = {"scheme": scheme, "measure": str(measure), "temperature": temperature}
    inputs = {"embeddings": x, "matrix": matrix, "categories": _array_of(categories)}
    return SampledTriplets(
        n_triplets=n_triplets, n_tied=n_tied, n_sharing=n_sharing, scheme=scheme, measure=str(measure),
        temperature=None if temperature is None else float(temperature), seed=seed, triplets=triplets,
        probabilities=probabilities, notes=notes,
        provenance=Provenance.now(inputs, options, seed=seed),
    )


def _draw(
    triplets: np.ndarray, probabilities: np.ndarray | None, meet: Candidates,
    answers: Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray | None]], rng: np.random.Generator,
) -> tuple[int, int]:
    """Fills triplets (t, 3), and probabilities where wanted; how many tied, or shared a category, and were left out."""
    n_triplets, n_kept, n_tied, n_sharing, empty = len(triplets), 0, 0, 0, 0
    size = n_triplets
    while n_kept < n_triplets:
        before = n_kept
        # What could meet is drawn into the room that is left, and what is kept of it moves to its front.
        drawn = triplets[n_kept:] if size == n_triplets - n_kept else np.empty((size, 3), np.int32)
        candidates = meet(drawn, rng)
        n_sharing += size - len(candidates)
        for part in pieces(len(candidates)):
            some = candidates[part]
            odd, p = answers(some, len(candidates))
            decided = odd >= 0
            n_tied += int((~decided).sum())
            some = put_odd_last(some[decided], odd[decided])[: n_triplets - n_kept]
            place = slice(n_kept, n_kept + len(some))
            triplets[place] = some
            if probabilities is not None and p is not None:
                probabilities[place] = put_odd_last(p[decided], odd[decided])[: len(some)]
            n_kept += len(some)
        size = max(n_triplets - n_kept, FEWEST)
        empty = 0 if n_kept > before else empty + 1
        if empty == ROUNDS:
            why = "tied" if n_tied else "had a third item that shares a category with one of the two"
            raise InputError(
                f"embeddings and categories must leave triplets to draw; all of {ROUNDS} rounds in a row {why}"
            )
    return n_tied, n_sharing


def _answers(
    chooser: Chooser, temperature: float | None, rng: np.random.Generator, triplets: np.ndarray, t: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """The odd position of each of some of t triplets, -1 for a tie; the probabilities where there is a temperature."""
    if temperature is None:
        return chooser.ask(triplets, t), None
    p = chooser.ask(triplets, t, temperature)
    return draw_odd(p, rng), p


def _array_of(categories: object) -> object:
    return categories.members if isinstance(categories, Categories) else categories


# Which items meet


def _scheme(scheme: str, categories: object, n: int, names: tuple[str, ...] | None) -> Candidates:
    _checks.one_of(scheme, SCHEMES, "scheme")
    if scheme == "uniform":
        if categories is not None:
            raise InputError("categories must be None for scheme 'uniform', which has no use for them")
        return lambda out, rng: random_triplets(n, len(out), rng, out)
    if categories is None:
        raise InputError(f"categories must be given for scheme {scheme!r}; got None")
    members = Categories.of(categories).of_rows(n, names)
    return _Within(members) if scheme == "within" else _Across(members)


class _Groups:
    """The items of each category, one list after the other."""

    def __init__(self, members: np.ndarray, of_size: Any, scheme: str, least: int) -> None:
        self.members = members
        self.sizes = members.sum(axis=0)
        self.items = np.nonzero(members.T)[1].astype(np.int32)
        self.starts = np.cumsum(self.sizes) - self.sizes
        weights = of_size(self.sizes.astype(np.float64))
        if not weights.sum() > 0:
            largest = int(self.sizes.max(initial=0))
            raise InputError(
                f"categories must have {least} items in one of them for scheme {scheme!r}; the largest has {largest}"
            )
        self.weights = weights / weights.sum()

    def some(self, t: int, rng: np.random.Generator) -> np.ndarray:
        """(t,) categories, each as often as it has sets."""
        return rng.choice(len(self.sizes), t, p=self.weights)

    def items_of(self, category: np.ndarray, places: np.ndarray) -> np.ndarray:
        """(t, k) items, by their places (t, k) in the categories (t,)."""
        return self.items[self.starts[category][:, None] + places]


class _Within(_Groups):
    """Three items of one category."""

    def __init__(self, members: np.ndarray) -> None:
        super().__init__(members, lambda m: m * (m - 1) * (m - 2), "within", 3)

    def __call__(self, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Fills out (t, 3): category and two places first, then all three items."""

        def place(part: np.ndarray, taken: int) -> np.ndarray:
            return rng.integers(0, self.sizes[part[:, 0]] - taken, len(part), dtype=np.int32)

        fill_columns(
            out, lambda part: self.some(len(part), rng), lambda part: place(part, 0), lambda part: place(part, 1)
        )
        for part in pieces(len(out)):
            category, first, second = out[part].T
            out[part] = self.items_of(category, different(first, second, place(out[part], 2)))
        return out


class _Across(_Groups):
    """Two items of one category and one that has another and shares none with them; fewer than asked for."""

    def __init__(self, members: np.ndarray) -> None:
        super().__init__(members, lambda m: m * (m - 1), "across", 2)
        self.others = np.flatnonzero(members.any(axis=1)).astype(np.int32)

    def __call__(self, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Fills out (t, 3): category and two places first, then the items of those triplets that are kept, in front."""

        def place(part: np.ndarray, taken: int) -> np.ndarray:
            return rng.integers(0, self.sizes[part[:, 0]] - taken)

        fill_columns(
            out, lambda part: self.some(len(part), rng), lambda part: place(part, 0), lambda part: place(part, 1)
        )
        kept = 0
        for part in pieces(len(out)):
            category, first, second = out[part].T
            pair = self.items_of(category, np.stack([first, second + (second >= first)], axis=1))
            third = rng.choice(self.others, len(pair))
            shares = (self.members[pair].any(axis=1) & self.members[third]).any(axis=1)
            drawn = np.column_stack([pair, third])[~shares]
            out[kept : kept + len(drawn)] = drawn
            kept += len(drawn)
        for part in pieces(kept):
            rng.permuted(out[part], axis=1, out=out[part])  # no position tells which item is of the other category
        return out[:kept]


THINGS_ORDERS = ("sorted", "raw", "folders")


def things_order(order: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names of the objects in one of the orders in which files of THINGS have them.

    Give them to what has none, and everything else goes by name: ``Embeddings(values, things_order("raw", names))``,
    ``Triplets(numbers, things_order("raw", names), numbered=True)``.

    Args:
        order: "sorted", that of ``unique_id.txt``, of the published triplets and dimensions; "raw", that of
            ``sorted(name + ".jpg")``, in which 21 rows stand elsewhere; "folders", by upper-case names, in which 192
            do.
        names: the objects in the order of ``unique_id.txt``, as `load_dataset("things").names()` has them.

    Example:
        >>> things_order("raw", ["hot_tub", "hot-air_balloon", "house"])
        ('hot-air_balloon', 'hot_tub', 'house')
        >>> things_order("folders", ["air_mattress", "airbag"])
        ('airbag', 'air_mattress')
    """
    _checks.one_of(order, THINGS_ORDERS, "order")
    objects = tuple(map(str, names))
    require_different(objects, "object")
    if order == "raw":
        return tuple(name.removesuffix(".jpg") for name in sorted(f"{name}.jpg" for name in objects))
    return tuple(sorted(objects, key=str.upper)) if order == "folders" else objects


def things_rows(have: str, want: str, names: Sequence[str]) -> np.ndarray:
    """int32 (n,): rows in one order out of rows in another, ``wanted = had[things_rows("raw", "sorted", names)]``.

    For numbers of items it is the other way round: what is number k in order `have` is number
    ``things_rows(want, have, names)[k]`` in order `want`.

    Example:
        >>> things_rows("raw", "sorted", ["hot_tub", "hot-air_balloon", "house"])
        array([1, 0, 2], dtype=int32)
    """
    return match_names(things_order(want, names), things_order(have, names)).rows


def find_things_order(row_names: Sequence[str], names: Sequence[str]) -> str:
    """Recognizes by their names which of the orders rows are in.

    Example:
        >>> find_things_order(["airbag", "air_mattress"], ["air_mattress", "airbag"])
        'folders'
    """
    rows = tuple(map(str, row_names))
    for order in THINGS_ORDERS:
        if rows == things_order(order, names):
            return order
    raise InputError(f"rows must be in one of the orders {', '.join(THINGS_ORDERS)}; they are in another")
