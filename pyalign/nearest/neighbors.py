"""How many nearest neighbors a transform keeps.

The nearest rows of each query, exactly or by an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, NamedTuple, cast

import numpy as np

from pyalign import _checks
from pyalign._process import Progress, reporter
from pyalign.backends import TENSOR_BACKENDS, Place, get_backend, get_host_backend
from pyalign.data import Embeddings, Provenance, as_embeddings
from pyalign.data.similarities import notes_on_values
from pyalign.errors import InputError, Remedy
from pyalign.measures import Measure, get_measure
from pyalign.nearest.index import NeighborIndex, build_index, factory_of, give_more, index_of, load_index
from pyalign.nearest.scan import (
    Neighbors, Queries, find_queries, flat_scan, index_scan, native_scan, note_of_packages, on_host,
)
from pyalign.nearest.space import Report, Scan, Search, Space, make_space, parts
from pyalign.ops._place import device_of
from pyalign.typing import EmbeddingsLike, MeasureLike, Policy, SearchName

ENGINES = {"auto": "auto", "exact": "auto", "faiss": "faiss"}  # and the backend of `neighbors`


def neighbor_overlap(
    before: object, after: object, *, k: Sequence[int] = (1, 10), measure: MeasureLike = "cosine", engine: str = "auto"
) -> dict[int, float]:
    """The fraction of each row's k nearest neighbors in `before` that are among its k nearest in `after`.

    Args:
        before: (n, d) real numbers, one row per item.
        after: (n, r), the same items, transformed. Where both have names, rows are matched by name.
        k: how many neighbors, each below n; a row is no neighbor of itself.
        measure: see `pyalign.similarity`; the largest are the nearest.
        engine: ``"exact"``: the kernels of pyalign. ``"faiss"``: faiss's flat search. ``"auto"``: the first. All find
            the same, by similarities in float64; of equal ones the lower row is nearer. See `pyalign.neighbors`.

    Returns:
        The mean over the rows, a fraction, for each k.
    """
    _checks.one_of(engine, tuple(ENGINES), "engine")
    original, mapped = as_embeddings(before, "before"), as_embeddings(after, "after")
    if original.names is not None and mapped.names is not None:
        mapped, _ = mapped.named(original.names)
    old, new = _checks.as_rows(original.values, "before"), _checks.as_rows(mapped.values, "after")
    n = len(old)
    if len(new) != n:
        raise InputError(f"after must have the {n} rows of before; got {len(new)}")
    numbers = _checks.sequence(k, "k", "whole numbers")
    if not numbers or any(not isinstance(number, int | np.integer) or not 1 <= number < n for number in numbers):
        raise InputError(f"k must be whole numbers from 1 to {n - 1}, below the number of rows; got {k!r}")
    for rows, name in ((old, "before"), (new, "after")):
        _checks.require_finite(~np.isfinite(rows).all(axis=1), name)
    first, second = (
        neighbors(
            rows, k=int(max(k)), measure=measure, backend=cast("SearchName", ENGINES[engine]), index="flat"
        ).indices
        for rows in (old, new)
    )
    return {int(m): _in_common(first[:, :m], second[:, :m]) / (n * int(m)) for m in k}


def _in_common(a: np.ndarray, b: np.ndarray) -> int:
    """How many numbers the rows of a (n, k) share with those of b, in sum; none stands twice in a row."""
    both = np.sort(np.concatenate([a, b], axis=1), axis=1)
    return int((both[:, 1:] == both[:, :-1]).sum())


SAMPLE = 200  # queries that are searched exactly as well
TARGET = 0.95  # recall at which an index is not widened further
WIDEST = 10  # times that the width of a search is doubled
FACTORS = {True: 8, False: 2}  # candidates for each that is asked for: of codes, which order roughly; of whole rows
BACKENDS = ("auto", "native", "faiss", *TENSOR_BACKENDS)


@_checks.checked
def neighbors(
    embeddings: EmbeddingsLike, queries: EmbeddingsLike | Sequence[str] | None = None, k: int = 10, *,
    measure: MeasureLike = "cosine", backend: SearchName = "auto", index: Any = "auto", include_self: bool = False,
    nan_policy: Policy = "raise", memory: float | None = None, progress: Progress | None = None,
) -> Neighbors:
    """Find the k rows that are most similar to each query, most similar first.

    With ``index="flat"`` these are the k largest of all similarities. They are computed and compared in float64
    (distances by their squares), so the result does not depend on the dtype of the rows, the backend or the number of
    threads. A float32 search proposes candidates, and a bound on its rounding error decides for which queries more
    candidates, or all rows, have to be compared. Of equally similar rows the lower one comes first.

    Args:
        embeddings: (n, d) real numbers, one row per item. Names come from `Embeddings` or the index of a DataFrame.
        queries: None for all rows; names of rows, each of which must belong to exactly one row; or (q, d) vectors with
            the same features.
        k: the number of neighbors of each query, from 1 to n, or to n - 1 if queries are rows of the embeddings.
        measure: see `pyalign.similarity`; larger is nearer. Zero rows (for cosine) and constant rows (for pearson)
            have similarity 0 to everything.
        backend: ``"native"``: pyalign's own kernels. ``"faiss"``: `faiss.knn`. ``"auto"``: native for the exact search,
            which finds the same neighbors and is faster here, and faiss for other indexes. Rows on a device are
            searched exactly on that device, by faiss if it has GPU support, or else by ``"cuda"``, ``"triton"`` or
            ``"torch"``, each of which you can also request.
        index: ``"flat"``: the exact search. ``"hnsw"``, ``"ivf"`` or a factory string of faiss: an approximate search,
            whose recall is measured. ``"auto"`` or None: see `pyalign.nearest.index.choose_index`. Or an index of
            `build_index` or `load_index`, or a path to one (`pathlib.Path`), of the same rows and measure.
        include_self: whether a query that is a row of the embeddings counts as its own neighbor.
        nan_policy: ``"raise"``, or ``"omit"`` to leave out rows with NaN or infinity, as neighbors and as queries.
        memory: the number of bytes that an index may take, for ``"auto"``.
        progress: a callback that gets "neighbors", the number of queries done and their total.

    Returns:
        A `Neighbors`, with `indices` (q, k) int64, `similarities` (q, k) float64, names, and the recall of an
        approximate index.

    Raises:
        InputError: rows, queries, k, measure, backend or index that are not valid; a name that belongs to no row or to
            several; NaN; an index of other rows.
        MissingExtraError: faiss is not installed, for its backend or an approximate index.

    Example:
        >>> animals = Embeddings(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), ("cat", "dog", "car"))
        >>> nearest = neighbors(animals, "cat", k=2)
        >>> nearest.indices.tolist(), [row["neighbor"] for row in nearest.to_records()]
        ([[1, 2]], ['dog', 'car'])
    """
    progress = reporter(progress)
    chosen = get_measure(measure)
    _checks.one_of(backend, BACKENDS, "backend")
    rows = as_embeddings(embeddings)
    there = search_there(rows.values, backend, index)
    values = bring(rows.values, "embeddings", backend) if there else on_host(rows.values, "embeddings")
    wanted = find_queries(queries, rows, values)
    kept = _usable(values, "embeddings", nan_policy, rows.names)
    served = kept[wanted.rows] if wanted.rows is not None else _usable(wanted.values, "queries", nan_policy, None)
    own = None if include_self or wanted.rows is None else _renumbered(wanted.rows[served], kept)
    k = _number(k, int(kept.sum()), own is not None)
    saved = None if there else _saved(index, values, chosen, bool(kept.all()))
    factory = (
        saved.index if saved else "flat" if there else factory_of(index, *_sizes(values), len(wanted.values), memory)
    )
    if backend not in ("auto", "faiss") and factory != "flat":
        raise InputError(f"backend {backend!r} can only search the flat index; got index {factory!r}")
    if saved and backend in TENSOR_BACKENDS:
        raise InputError(f"backend {backend!r} takes no index that was made; got one of {saved.n:,} rows")
    vectors = _some(wanted.values, served)
    chosen = get_measure(saved.measure) if saved and chosen.sigma is None else chosen
    space_inputs = _some(values, kept), None if wanted.everything else vectors, chosen

    def report(done: int) -> None:
        progress("neighbors", done, len(vectors))

    if factory == "flat":
        space, scan, engine = space_and_scan(*space_inputs, backend)
        search = Search(space, scan)
        nearest_rows = NearestRows(*search.nearest(vectors, k, own, report), None, None)
    else:
        space, engine = make_space(*space_inputs), "faiss"
        made = saved or index_of(space, factory, rows)
        nearest_rows = approximately(space, made.faiss_index, factory, vectors, k, own, report)
    return _result(rows, wanted, space, nearest_rows, (kept, served), factory, engine)


def prepared_index(x: Embeddings, queries: Any, measure: MeasureLike, index: str) -> NeighborIndex:
    """The index that `neighbors` would build for these queries, to pass to it and to save."""
    values = on_host(x.values, "embeddings")
    count = len(values) if queries is None else len(queries)
    return build_index(x, measure=measure, index=factory_of(index, *_sizes(values), count))


def _sizes(rows: Any) -> tuple[int, int]:
    return len(rows), int(rows.shape[1])


def _usable(rows: np.ndarray, name: str, nan_policy: Policy, names: Sequence[str] | None) -> np.ndarray:
    """A mask of the rows without NaN and infinity; raises for other rows unless they may be omitted."""
    kept = np.concatenate([_finite(rows[part]) for part in parts(*rows.shape)])
    if nan_policy == "raise":
        with _checks.may_omit_rows(names):
            _checks.require_finite(~kept, name)
    return kept


def _finite(rows: Any) -> np.ndarray:
    """(m,) bool, whether a row has neither NaN nor infinity, for arrays and tensors."""
    if not isinstance(rows, np.ndarray):
        return np.asarray(rows.isfinite().all(dim=1).cpu().numpy())
    return np.asarray(np.isfinite(rows).all(axis=1))


def _some(rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
    return rows if kept.all() else rows[kept]


def _renumbered(rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The places of rows among those that are kept."""
    return (np.cumsum(kept) - 1)[rows]


def _number(k: object, n: int, own: bool) -> int:
    """`k` as an int that n rows allow."""
    most = n - own
    if most < 1:
        raise InputError(
            f"embeddings must have rows that can be neighbors of each query; got {n} without NaN or infinity"
        )
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or not 1 <= k <= most:
        why = f"{n:,} rows, and none is its own neighbor" if own else f"{n:,} rows"
        raise InputError(f"k must be a whole number from 1 to {most:,} ({why}); got {k!r}")
    return int(k)


def _saved(index: Any, values: np.ndarray, measure: Measure, whole: bool) -> NeighborIndex | None:
    """The index that the caller passed, if there is one; raises unless it is of these rows."""
    chosen = load_index(index) if isinstance(index, PathLike) else index
    if not isinstance(chosen, NeighborIndex):
        return None
    if not whole:
        raise InputError(
            f"embeddings must be finite where an index is given; {Remedy('nan_policy', 'omit')} leaves out rows it has"
        )
    chosen.require(values, measure)
    return chosen


def _result(
    rows: Embeddings, wanted: Queries, space: Space, nearest_rows: NearestRows, usable: tuple[np.ndarray, np.ndarray],
    factory: str, engine: str,
) -> Neighbors:
    """The result, with the row numbers of the original embeddings and queries, of which masks say what is usable."""
    kept, served = usable
    place, shape = np.flatnonzero(kept), (len(served), nearest_rows.indices.shape[1])
    indices, similarities = np.full(shape, -1, np.int64), np.full(shape, np.nan)
    here = nearest_rows.indices >= 0
    indices[served] = np.where(here, place[nearest_rows.indices], -1)
    values = space.similarities_of(np.where(here, nearest_rows.values, 0.0))
    similarities[served] = np.where(here, values, np.nan)
    measure, exact = space.measure, nearest_rows.recall is None
    return Neighbors(
        embeddings=rows.source, n=len(kept), d=space.values.shape[1], k=shape[1], n_queries=len(served),
        measure=str(measure), kind="negated distance" if measure.name.startswith("neg_") else "similarity",
        units=measure.units, backend=engine, index=factory, exact=exact, recall=nearest_rows.recall,
        recall_queries=nearest_rows.sample, n_omitted=int((~kept).sum()), indices=indices, similarities=similarities,
        names=rows.names, queries=wanted.names, query_rows=wanted.rows,
        notes=(*_notes(rows, nearest_rows, kept, served, engine), *_notes_on_zeros(space)),
        provenance=Provenance.now(
            {"embeddings": rows, "queries": None if wanted.rows is not None else wanted.embeddings},
            {"k": shape[1], "measure": str(measure), "index": factory}, engine,
        ),
    )


def _notes(
    rows: Embeddings, nearest_rows: NearestRows, kept: np.ndarray, served: np.ndarray, engine: str
) -> tuple[str, ...]:
    notes = [*rows.notes, *notes_on_values(rows, "embeddings")]
    if not kept.all():
        notes.append(f"{int((~kept).sum()):,} of {len(kept):,} rows hold NaN or infinity and are no neighbors")
    if not served.all():
        notes.append(f"{int((~served).sum()):,} of {len(served):,} queries hold NaN or infinity and have no neighbors")
    short = int((nearest_rows.indices < 0).any(axis=1).sum())
    if short:
        notes.append(f"the index found fewer than {nearest_rows.indices.shape[1]:,} neighbors for {short:,} queries")
    if nearest_rows.recall is not None and nearest_rows.recall < TARGET:
        all_of_them = f"{Remedy('index', 'flat')} finds all"
        notes.append(f"the index finds {100 * nearest_rows.recall:.1f}% of the true neighbors; {all_of_them}")
    several = note_of_packages() if engine == "faiss" else None
    return (*notes, several) if several else tuple(notes)


def _notes_on_zeros(space: Space) -> list[str]:
    """Notes on rows without a direction, such as that of a missing image."""
    count = int((space.inverse == 0).sum()) if space.angular else 0
    what = "constant" if space.measure.name == "pearson" else "zero"
    if count == 0:
        return []
    rows, its = ("1 row of embeddings is", "its") if count == 1 else (f"{count:,} rows of embeddings are", "their")
    return [f"{rows} {what} throughout: {its} similarities are 0, {its} neighbors the first rows"]


class NearestRows(NamedTuple):
    """Rows and values (q, k) of a search, and for an approximate one its recall and the number of queries for that."""

    indices: np.ndarray
    values: np.ndarray
    recall: float | None
    sample: int | None


def approximately(
    space: Space, index: Any, factory: str, queries: np.ndarray, k: int, own: np.ndarray | None,
    report: Report | None = None,
) -> NearestRows:
    """The neighbors that an index of faiss proposes, ordered exactly.

    The search is the narrowest one with a recall of 0.95 on the sample, or the widest possible one.
    """
    search = Search(space, index_scan(space, index, FACTORS["PQ" in factory or "SQ" in factory]), exact=False)
    some = np.unique(np.linspace(0, len(queries) - 1, min(SAMPLE, len(queries))).astype(np.int64))
    mine = None if own is None else own[some]
    true, _ = Search(space, native_scan(space)).nearest(queries[some], k, mine)
    recall, times = 0.0, 0
    while recall < TARGET and times <= WIDEST and (give_more(index, times) or times == 0):
        recall = recall_of(search.nearest(queries[some], k, mine)[0], true)
        times += 1
    return NearestRows(*search.nearest(queries, k, own, report), recall, len(some))


def recall_of(proposed: np.ndarray, true: np.ndarray) -> float:
    """The mean proportion of the numbers in a row of `true` (q, k) that are also in that row of `proposed` (q, k).

    Example:
        >>> recall_of(np.array([[1, 2], [3, -1]]), np.array([[2, 5], [3, 4]]))
        0.5
    """
    return float(np.mean([np.isin(true_row, row).mean() for row, true_row in zip(proposed, true, strict=True)]))


def search_there(values: Any, backend: SearchName, index: Any) -> bool:
    """Whether the search runs on a device: because the rows are there, or because such a backend was requested."""
    if not (index is None or (isinstance(index, str) and index.lower() in ("auto", "flat"))):
        return False
    if backend in TENSOR_BACKENDS or device_of(values) == "cpu":
        return backend in TENSOR_BACKENDS
    place = Place(device_of(values), "float32")
    if backend == "native" or get_backend("torch").why_not(place) is not None:
        return False
    from pyalign.nearest._tensor_space import faiss_gpus  # loads torch

    return backend == "auto" or faiss_gpus() > 0


def bring(values: Any, name: str, backend: SearchName) -> Any:
    """Rows as tensors on their device, or for rows of the host on the device of the backend."""
    from pyalign.nearest._tensor_space import tensor_rows  # loads torch

    return tensor_rows(values, name, backend if backend in TENSOR_BACKENDS else "torch")


def space_and_scan(x: Any, queries: Any, measure: Measure, backend: SearchName) -> tuple[Space, Scan, str]:
    """The space of the rows, the scan that searches it exactly, and the name of the engine."""
    if isinstance(x, np.ndarray):
        space = make_space(x, queries, measure)
        if backend == "faiss":
            return space, flat_scan(space), "faiss"
        return space, native_scan(space), get_host_backend(backend).name
    from pyalign.nearest import _tensor_space  # loads torch

    there, engine = _tensor_space.device_space(x, queries, measure), _tensor_space.engine_of(x.device, backend)
    faiss = engine == "faiss"
    return there, _tensor_space.faiss_scan(there) if faiss else _tensor_space.operations_scan(there, engine), engine
