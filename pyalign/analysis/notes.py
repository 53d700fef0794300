"""What a reader would want to know about a score before believing it: a sentence each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pyalign.analysis.order import notes_on_order
from pyalign.analysis.repeats import find_repeats
from pyalign.backends import Array
from pyalign.data import ANCHORED, KINDS, ODD_ONE_OUT, Aligned, AlignedModels, alternatives_of, chance_of
from pyalign.data.similarities import Similarities
from pyalign.ops._aside import Aside
from pyalign.ops._dispatch import Dispatch, dispatch_of
from pyalign.ops._place import length
from pyalign.ops.similarity import FEW

FIRST_LOOK = 1 << 16  # triplets that show whether all rows are used, most of the time
ABOVE, BELOW = 2.0, 4.0  # standard errors of independent triplets, beyond which an accuracy is no longer chance
CONFIDENT = 5.0  # nats; a model that knew nothing would have 1.0986, or 0.6931


def notes_on_rows(
    x: Array, aligned: Aligned | AlignedModels, source: str = "embeddings", aside: Aside | None = None
) -> tuple[str, ...]:
    """What is odd about the rows: unused or zero ones, an index among the features, items from 1, another order.

    Of anchored triplets also whether the same three items come with several anchors.

    Args:
        x: (n, d) embeddings.
        aligned: triplets of these rows; of several models x is the one called `source`.
        source: of x, for the sentences.
        aside: from `glance_at_rows`, where a call in between has read it.

    Example:
        >>> from pyalign.data import align
        >>> notes_on_rows(np.eye(5, 2), align(np.eye(5, 2), [[0, 1, 2]]))[0]
        'triplets name 3 of the 5 rows of embeddings'
    """
    index, task = aligned.index, aligned.triplets.task
    features = not isinstance(aligned.of(source).embeddings, Similarities)
    dispatch = dispatch_of("auto", x)
    rows = dispatch.rows(x)
    if aside is None:
        aside = glance_at_rows(dispatch, rows, dispatch.triplets(index[:FIRST_LOOK]))
    zero, column, _, used = aside.read()
    notes = []
    if not used.all() and length(index) > FIRST_LOOK:
        used = used_rows(dispatch.host(dispatch.triplets(index)), len(rows))
    n = int(used.sum())
    if n == len(rows) - 1 and not used[0]:
        remedy = "do items count from 1 (load_triplets(..., one_based=True))?"
        notes.append(f"item 0 never occurs, every other row of {source} does: {remedy}")
    elif n < len(rows):
        notes.append(f"triplets name {n:,} of the {len(rows):,} rows of {source}")
    if zero[0] and features:
        told = "row" if zero[0] == 1 else "rows"
        notes.append(f"{zero[0]:,} {told} of {source} zero throughout: cosines with them are 0")
    if features and looks_like_index(column):
        notes.append(f"the first column of {source} counts the rows: is it an index, not a feature?")
    if task == ANCHORED:
        return (*notes, *notes_on_anchors(dispatch.host(dispatch.triplets(index)), task))
    return (*notes, *notes_on_order(aligned, source, rows))


def glance_at_rows(dispatch: Dispatch, rows: Array, triplets: Array) -> Aside:
    """What notes begin with: zero rows, the first column, a few rows, and the rows that the first triplets name.

    Args:
        dispatch: of the rows (n, d) and the triplets (t, 3), which it has checked.
    """
    few = dispatch.backend.widened(rows[:: max(1, len(rows) // FEW)][:FEW])
    some = dispatch.used_rows(triplets[:FIRST_LOOK], len(rows))
    return Aside(dispatch, [dispatch.zero_rows(rows), dispatch.backend.widened(rows[:, :1])[:, 0], few, some])


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
    told = "1 set of three items is" if several == 1 else f"{several:,} sets of three items are"
    return (f"{told} presented with more than one anchor",) if several else ()


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
) -> tuple[str, ...]:  # fmt: skip
    """An accuracy not clearly above chance, or clearly below it; a cross-entropy that says the temperature is wrong.

    Chance is judged by the standard error of n independent triplets, which is the smallest there could be.

    rows: whether the model has rows, which could be in another order than thought; else it has choices.
    kind: of the matrix, where the model is one.

    Example:
        >>> notes_on_score(0.20, 1000, 1.1)
        ('the accuracy is clearly below chance (33.3%): is the odd item in another column \
(load_triplets(..., odd_column="first"))?',)
    """
    notes, of = [], f"{name}: " if name else ""
    chance, nothing = chance_of(task), math.log(alternatives_of(task))
    error = math.sqrt(chance * (1 - chance) / max(1, n))
    if accuracy < chance - BELOW * error:
        item, option = ("odd item", 'odd_column="first"') if task == ODD_ONE_OUT else ("chosen option", 'anchor="last"')
        swapped = "".join(f"kind of the matrix {other}, or the " for other in KINDS if kind not in (None, other))
        told = f"is the {swapped}{item} in another column (load_triplets(..., {option}))?"
        notes.append(f"{of}the accuracy is clearly below chance ({100 * chance:.1f}%): {told}")
    elif accuracy <= chance + ABOVE * error:
        question = ": is the order of rows right?" if rows else ""
        clearly = "clearly " if accuracy > chance else ""
        notes.append(f"{of}the accuracy is not {clearly}above chance ({100 * chance:.1f}%){question}")
    if cross_entropy > CONFIDENT:
        notes.append(
            f"{of}the cross-entropy is {cross_entropy:.3g} nats, that of a model that knows nothing {nothing:.5f}: the "
            "temperature does not fit the scale of the similarities (pyalign.calibrate)"
        )
    return tuple(notes)


def merged(*groups: Any) -> tuple[str, ...]:
    """Notes in their order, each once."""
    return tuple(dict.fromkeys(note for group in groups for note in group))
