"""The search by an index: widened until a sample of the queries finds what the exact search finds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pyalign.nearest.exact import Search, Told
from pyalign.nearest.index import give_more
from pyalign.nearest.scan import index_scan, native_scan
from pyalign.nearest.space import Space

SAMPLE = 200  # queries that are searched exactly as well
TARGET = 0.95  # recall at which an index is not widened further
WIDEST = 10  # times that the width of a search is doubled
FACTORS = {True: 8, False: 2}  # candidates for each that is asked for: of codes, which order roughly; of whole rows


class Found(NamedTuple):
    """Rows and values (q, k) of a search; the recall of an approximate one, and over how many queries."""

    indices: np.ndarray
    values: np.ndarray
    recall: float | None
    sample: int | None


def approximately(
    space: Space,
    index: Any,
    factory: str,
    queries: np.ndarray,
    k: int,
    own: np.ndarray | None,
    told: Told | None = None,
) -> Found:
    """Neighbours by an index of faiss, ordered exactly.

    The search is as narrow as it can be with a recall of 0.95 on the sample, or as wide as it goes.
    """
    search = Search(space, index_scan(space, index, FACTORS["PQ" in factory or "SQ" in factory]), exact=False)
    some = np.unique(np.linspace(0, len(queries) - 1, min(SAMPLE, len(queries))).astype(np.int64))
    mine = None if own is None else own[some]
    true, _ = Search(space, native_scan(space)).nearest(queries[some], k, mine)
    recall, times = 0.0, 0
    while recall < TARGET and times <= WIDEST and (give_more(index, times) or times == 0):
        recall = recall_of(search.nearest(queries[some], k, mine)[0], true)
        times += 1
    return Found(*search.nearest(queries, k, own, told), recall, len(some))


def recall_of(found: np.ndarray, true: np.ndarray) -> float:
    """The share of the numbers in each row of `true` (q, k) that are in that of `found` (q, k).

    Example:
        >>> recall_of(np.array([[1, 2], [3, -1]]), np.array([[2, 5], [3, 4]]))
        0.5
    """
    return float(np.mean([np.isin(two, one).mean() for one, two in zip(found, true, strict=True)]))
