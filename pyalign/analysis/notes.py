"""What a reader would want to know about a score before believing it: a sentence each.

Whether answers support the order in which rows are read: what another order would predict of the same answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign.analysis.answers import find_repeats
from pyalign.backends import Array
from pyalign.data import ANCHORED, KINDS, ODD_ONE_OUT, Aligned, AlignedModels, alternatives_of, chance_of
from pyalign.data.similarities import Similarities
from pyalign.errors import InputError, Remedy
from pyalign.measures import PRECOMPUTED
from pyalign.ops._dispatch import Dispatch, dispatch_of
from pyalign.ops._place import length
from pyalign.ops._prepare import Deferred
from pyalign.ops.similarity import FEW, notes_on_similarities
from pyalign.ops.triplets import run_triplets
from pyalign.stats.clustered import standard_errors
from pyalign.stats.resampling import Clusters, Resampling
from pyalign.typing import MeasureLike

ODD_FIRST = Remedy("odd_column", "first", of="load_triplets", shell="--columns 1,2,0")
ANCHOR_LAST = Remedy("anchor", "last", of="load_triplets", shell="--columns 2,0,1")
FIRST_LOOK = 1 << 16  # triplets that show whether all rows are used, most of the time
ABOVE, BELOW = 2.0, 4.0  # standard errors of independent triplets, beyond which an accuracy is no longer chance
CONFIDENT = 5.0  # nats; a model that knew nothing would have 1.0986, or 0.6931


def notes_on_rows(
    x: Array, aligned: Aligned | AlignedModels, source: str = "embeddings", deferred: Deferred | None = None
) -> tuple[str, ...]:
    """What is odd about the rows: unused or zero ones, an index among the features, items from 1, another order.

    Of anchored triplets also whether the same three items come with several anchors.

    Args:
        x: (n, d) embeddings.
        aligned: triplets of these rows; of several models x is the one called `source`.
        source: of x, for the sentences.
        deferred: from `glance_at_rows`, where a call in between has read it.
    """
    index, task = aligned.index, aligned.triplets.task
    features = not isinstance(aligned.of(source).embeddings, Similarities)
    dispatch = dispatch_of("auto", x)
    rows = dispatch.rows(x)
    if deferred is None:
        deferred = glance_at_rows(dispatch, rows, dispatch.triplets(index[:FIRST_LOOK]))
    zero, column, _, used = deferred.read()
    notes = []
    if not used.all() and length(index) > FIRST_LOOK:
        used = used_rows(dispatch.host(dispatch.triplets(index)), len(rows))
    n = int(used.sum())
    if n == len(rows) - 1 and not used[0]:
        remedy = f"do items count from 1 ({Remedy('one_based', True, of='load_triplets')})?"
        notes.append(f"item 0 never occurs, every other row of {source} does: {remedy}")
    elif n < len(rows):
        notes.append(f"triplets name {n:,} of the {len(rows):,} rows of {source}")
    if zero[0] and features:
        noun = "row" if zero[0] == 1 else "rows"
        notes.append(f"{zero[0]:,} {noun} of {source} zero throughout: cosines with them are 0")
    if features and looks_like_index(column):
        notes.append(f"the first column of {source} counts the rows: is it an index, not a feature?")
    if task == ANCHORED:
        return (*notes, *notes_on_anchors(dispatch.host(dispatch.triplets(index)), task))
    return (*notes, *notes_on_order(aligned, source, rows))


def notes_on_models(aligned: AlignedModels, measures: Mapping[str, MeasureLike]) -> Iterator[str]:
    """What is odd about the rows of each of several models, and then about their similarities by its measure."""
    for name, x in aligned.models.items():
        yield from notes_on_rows(x, aligned, name)
    for name, x in aligned.models.items():
        yield from notes_on_similarities(x, aligned.index, measures[name], name)


def glance_at_rows(dispatch: Dispatch, rows: Array, triplets: Array) -> Deferred:
    """What notes begin with: zero rows, the first column, a few rows, and the rows that the first triplets name.

    Args:
        dispatch: of the rows (n, d) and the triplets (t, 3), which it has checked.
    """
    few = dispatch.backend.widened(rows[:: max(1, len(rows) // FEW)][:FEW])
    some = dispatch.used_rows(triplets[:FIRST_LOOK], len(rows))
    return Deferred(dispatch, [dispatch.zero_rows(rows), dispatch.backend.widened(rows[:, :1])[:, 0], few, some])


def notes_on_anchors(triplets: np.ndarray, task: str) -> tuple[str, ...]:
    """How many sets of three items among anchored triplets (t, 3) are asked with more than one of them as the anchor.

    Example:
        >>> notes_on_anchors(np.array([[0, 1, 2], [2, 0, 1], [0, 2, 1], [3, 4, 5]]), "anchored")
        ('1 set of three items is presented with more than one anchor',)
    """
    if task != ANCHORED:
        return ()
    rows_with_anchor = find_repeats(triplets[:, [1, 2, 0]]).counts  # (u, 3), by the item that stands last here
    several = int(((rows_with_anchor > 0).sum(axis=1) > 1).sum())
    count = "1 set of three items is" if several == 1 else f"{several:,} sets of three items are"
    return (f"{count} presented with more than one anchor",) if several else ()


def used_rows(index: np.ndarray, n: int) -> np.ndarray:
    """Mask (n,) of the rows that triplets (t, 3) name; looks at no more triplets than it takes to see all."""
    used = np.zeros(n, bool)
    start, size = 0, FIRST_LOOK
    while start < len(index) and not used.all():
        used[index[start : start + size].ravel()] = True
        start, size = start + size, 2 * size
    return used


def looks_like_index(column: np.ndarray) -> bool:
    """Whether numbers (n,) count the rows from 0 or from 1.

    Example:
        >>> looks_like_index(np.arange(1.0, 9.0)), looks_like_index(np.zeros(5))
        (True, False)
    """
    if len(column) < 3 or column[0] not in (0, 1):
        return False
    return bool((column.astype(np.float64) == np.arange(len(column)) + float(column[0])).all())


def notes_on_score(
    accuracy: float, n: float, cross_entropy: float, name: str | None = None, task: str = ODD_ONE_OUT,
    rows: bool = True, kind: str | None = None,
) -> tuple[str, ...]:
    """An accuracy not clearly above chance, or clearly below it; a cross-entropy that says the temperature is wrong.

    Chance is judged by the standard error of n independent triplets, which is the smallest there could be.

    rows: whether the model has rows, which could be in another order than thought; else it has choices.
    kind: of the matrix, where the model is one.

(load_triplets(..., odd_column="first"))?',)
    """
    notes, of = [], f"{name}: " if name else ""
    chance, nothing = chance_of(task), math.log(alternatives_of(task))
    error = math.sqrt(chance * (1 - chance) / max(1, n))
    if accuracy < chance - BELOW * error:
        item, option = ("odd item", ODD_FIRST) if task == ODD_ONE_OUT else ("chosen option", ANCHOR_LAST)
        swapped = "".join(f"kind of the matrix {other}, or the " for other in KINDS if kind not in (None, other))
        question = f"is the {swapped}{item} in another column ({option})?"
        notes.append(f"{of}the accuracy is clearly below chance ({100 * chance:.1f}%): {question}")
    elif accuracy <= chance + ABOVE * error:
        question = ": is the order of rows right?" if rows else ""
        clearly = "clearly " if accuracy > chance else ""
        notes.append(f"{of}the accuracy is not {clearly}above chance ({100 * chance:.1f}%){question}")
    if cross_entropy > CONFIDENT:
        notes.append(
            f"{of}the cross-entropy is {cross_entropy:.3g} nats, that of a model that knows nothing {nothing:.5f}: the "
            f"temperature does not fit the scale of the similarities "
            f"({Remedy.of_both('pyalign.calibrate', 'pyalign calibrate')})"
        )
    return tuple(notes)


def merged(*groups: Any) -> tuple[str, ...]:
    """Notes in their order, each once."""
    return tuple(dict.fromkeys(note for group in groups for note in group))


ORDER = "the order in which rows of"  # as notes have it
BEYOND = 4.0  # standard errors, from which a difference is reported
FIRST, MOST, FEWEST = 500, 5_000, 100  # triplets about objects of other rows: at first, at most and at least
THINGS = 1854  # objects
MOVED = {  # from unique_id.txt to the order: START:A:B, A objects from START on change places with the B behind them
    "raw": "246:1:2 322:1:2 453:1:2 801:2:2 816:4:1 1149:1:2",
    "folders": "4:3:4 31:1:1 157:1:1 246:1:2 251:1:13 268:2:9 279:2:1 317:1:1 322:1:2 378:4:1 453:1:2 547:1:4 565:1:3 "
    "591:3:5 614:1:1 650:1:1 660:1:1 801:2:4 817:3:4 844:1:1 858:1:1 924:1:1 926:1:3 934:2:1 988:1:2 1113:3:2 1149:1:4 "
    "1157:1:2 1163:1:1 1180:2:2 1206:1:1 1211:1:1 1278:1:1 1296:1:1 1315:1:1 1325:1:2 1393:1:7 1424:1:2 1434:2:1 "
    "1453:3:2 1470:1:1 1501:1:1 1506:1:1 1521:1:1 1538:1:1 1540:1:1 1557:1:1 1623:2:1 1787:5:3 1817:1:5 1824:2:1",
}


class Support(NamedTuple):
    """What answers say of another order of rows than the one that is read.

    other: a phrase. n: triplets that name an object with another row there. accuracy, otherwise: on these, of the rows
    as they are read, and of the other order. error: of the difference. ratio: the first is better by as many of these.
    """

    other: str
    n: int
    accuracy: float
    otherwise: float
    error: float

    @property
    def ratio(self) -> float:
        return (self.accuracy - self.otherwise) / self.error


def notes_on_order(
    aligned: Aligned | AlignedModels, source: str, x: Array | None = None, confirm: bool = False
) -> tuple[str, ...]:
    """A sentence where answers contradict the order of rows; `confirm`: also where they support it against all others.

    Args:
        aligned: rows and odd-one-out answers; of other triplets nothing is said.
        source: what the rows are called; of several models this is one.
        x: the rows of one model after a map, or where they are computed with.
    """
    one = aligned.of(source)
    x = one.x if x is None or one is not aligned else x
    if one.triplets.task != ODD_ONE_OUT or not one.triplets.answered:
        return ()
    supports: list[Support] = []
    stated = one.triplets.numbered and one.triplets.names is not None and len(one.triplets.names) == len(x)
    numbers, features = one.triplets.values if stated else None, not isinstance(one.embeddings, Similarities)
    with suppress(InputError):  # rows that are not finite, pairs without a value
        supports = list(support_of_orders(x, one.index, numbers, features, confirm))
    worst = min(supports, key=lambda support: support.ratio, default=None)
    if worst is None or abs(worst.ratio) < BEYOND or (worst.ratio > 0 and not confirm):
        return ()
    verdict, points = "support" if worst.ratio > 0 else "contradict", 100 * abs(worst.otherwise - worst.accuracy)
    return (
        f"the answers {verdict} {ORDER} {source} are read: of {worst.n:,} answers about objects "
        f"that would have other rows {worst.accuracy:.1%} are predicted, and {worst.otherwise:.1%} {worst.other} (a "
        f"difference of {points:.1f} points; standard error over objects {100 * worst.error:.1f})",
    )


def support_of_orders(
    x: Array, index: Array, numbers: Array | None = None, features: bool = True, supported: bool = True
) -> Iterator[Support]:
    """What the answers say of each other order of rows; of an order of which they can't say anything nothing.

    Args:
        x: (n, d) rows, or a matrix (n, n) of similarities where they are no features.
        index: (t, 3) rows, the item that was called odd last.
        numbers: (t, 3) the numbers of items in a list of n names, where rows were matched by name.
        supported: whether orders are wanted that predict the first few answers no better than that of the rows.
    """
    orders = [*_others(len(x), index, numbers)]
    if not supported:
        first = _predicted(x, index, orders, FIRST, features)
        orders = [order for order, (moved, read, otherwise) in zip(orders, first, strict=True)
                  if len(moved) < FEWEST or read.sum() < otherwise.sum()]
    for (other, _), (moved, read, otherwise) in zip(orders, _predicted(x, index, orders, MOST, features), strict=True):
        if len(moved) < FEWEST:
            continue
        errors, _ = standard_errors(Clusters.of(moved), (read - otherwise)[None], Resampling("objects"))
        if errors[0] > 0:
            yield Support(other, len(moved), float(read.mean()), float(otherwise.mean()), float(errors[0]))


def _some(triplets: Array, most: int) -> np.ndarray:
    """At most 40 times as many triplets on the host: in the order 'raw' one in 30 names an object with another row."""
    return _checks.as_triplets(triplets[:: max(1, len(triplets) // (40 * most))])


def _predicted(
    x: Array, index: Array, orders: Sequence[tuple[str, np.ndarray]], most: int, features: bool
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each order triplets of objects with another row there, and whether both orders predict them."""
    if not orders:
        return []
    some = _some(index, most)
    _checks.require_items(some, len(x))
    bits = np.add.reduce([(rows != np.arange(len(x))) << np.uint8(k) for k, (_, rows) in enumerate(orders)])
    bits = bits[some[:, 0]] | bits[some[:, 1]] | bits[some[:, 2]]  # a bit for each order in which a row is another
    named = [np.flatnonzero(bits & (1 << k)) for k in range(len(orders))]
    moved = [some[rows[:: max(1, len(rows) // most)]] for rows in named]
    asked = [*moved, *(rows[of] for (_, rows), of in zip(orders, moved, strict=True))]
    if not sum(map(len, asked)):
        return [(of, np.empty(0), np.empty(0)) for of in moved]
    right = np.split(_right(x, np.concatenate(asked), features), np.cumsum([*map(len, asked)])[:-1])
    return [*zip(moved, right, right[len(moved) :], strict=False)]


def _others(n: int, index: Array, numbers: Array | None) -> Iterator[tuple[str, np.ndarray]]:
    """Other orders, and (n,) the row that each gives to the object of a row."""
    if numbers is not None:
        rows = np.arange(n)
        rows[_some(index, MOST)] = _some(numbers, MOST)
        yield "if item number k is row k whatever the names", rows
    for order in MOVED if n == THINGS else ():
        standing = _standing(order)
        yield f"if rows are in the order {order!r} of THINGS", np.argsort(standing)
        yield f"if items are numbered in the order {order!r} of THINGS", standing


@cache
def _standing(order: str) -> np.ndarray:
    """(1854,) the objects of THINGS in another order, as they are numbered in that of ``unique_id.txt``."""
    objects = np.arange(THINGS)
    for block in MOVED[order].split():
        start, first, behind = map(int, block.split(":"))
        objects[start : start + first + behind] = np.roll(objects[start : start + first + behind], -first)
    return objects


def _right(x: Array, triplets: np.ndarray, features: bool) -> np.ndarray:
    """(t,) whether the last item is the odd one; a third where that is open."""
    measure = "cosine" if features else PRECOMPUTED["similarity"]
    choices = _checks.as_array(run_triplets(x, triplets, measure=measure, choices=True).choices, "choices", "(t,)")
    return np.where(choices < 0, 1.0 / 3.0, choices == 2)
