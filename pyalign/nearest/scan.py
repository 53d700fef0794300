"""The installed distribution of faiss: three of them install the same folder, and the last one wins.

What is searched for: rows of x, by name or all of them, or other vectors.
The float32 searches that give candidates: our kernels in blocks, faiss's flat search, or an index of faiss.

The result of a search: the nearest rows of each query, nearest first.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._result import Result
from pyalign.backends.native import num_threads
from pyalign.data import Embeddings, as_embeddings
from pyalign.documents import LAST, from_fields, hidden, read_as, without_halves
from pyalign.errors import InputError, MissingExtraError, Remedy
from pyalign.nearest.space import Scan, Sought, Space
from pyalign.ops._place import device_of
from pyalign.ops.similarity import similarity
from pyalign.ops.topk import topk

EXTRAS = {"neighbors": "faiss-cpu", "neighbors-gpu": "faiss-gpu", "neighbors-cuvs": "faiss-gpu-cuvs"}
DISTRIBUTIONS = (*EXTRAS.values(), "faiss-gpu-cu11", "faiss-gpu-cu12")


def faiss_packages() -> dict[str, str]:
    """The distributions of faiss that are installed, with their versions."""
    versions = {}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def note_of_packages() -> str | None:
    """A sentence where several distributions are installed; None otherwise."""
    versions = faiss_packages()
    if len(versions) < 2:
        return None
    names = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"{names} install the same folder faiss: the last one installed is used; uninstall all, then install one"


def faiss_facts() -> dict[str, Any]:
    """What `pyalign info` says of faiss, which is imported for it: distributions, version, GPUs, instruction set.

    Returns:
        {"packages": {name: version}, "version", "gpus", "options", "note"}; version is None where there is no faiss,
        and "error" says why where it can't be imported.
    """
    facts: dict[str, Any] = {"packages": faiss_packages(), "version": None, "note": note_of_packages()}
    if "faiss" not in sys.modules and find_spec("faiss") is None:
        return facts
    try:
        import faiss
    except Exception as error:  # a library that does not load says so in many ways
        return facts | {"error": (str(error).strip().splitlines() or [type(error).__name__])[0]}
    gpus = faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0
    options = faiss.get_compile_options().strip() if hasattr(faiss, "get_compile_options") else None
    return facts | {"version": faiss.__version__, "gpus": gpus, "options": options}


CLOSE = 3  # names that are proposed


@dataclass(frozen=True)
class Queries:
    """Queries of a search."""

    values: np.ndarray  # (q, d) float32 or float64 with contiguous rows: an array, or a tensor where x is on a device.
    rows: np.ndarray | None  # (q,) int64, the rows of x that they are; None where they are other vectors.
    names: tuple[str, ...] | None  # of the queries, or None.
    everything: bool = False  # whether they are the rows of x as they stand.
    embeddings: object = None  # other vectors as they came, for the record.


def find_queries(queries: object, x: Embeddings, values: Any) -> Queries:
    """Queries of what was given: None, names, or (q, d) vectors."""
    if queries is None:
        return Queries(values, np.arange(len(values)), x.names, True)
    names: Any = [queries] if isinstance(queries, str) else queries
    if is_names(names):
        rows = rows_of(names, x)
        return Queries(values[rows], rows, tuple(map(str, names)))
    other = as_embeddings(queries, "queries")
    vectors = _with_rows(other.values, values)
    if vectors.shape[1] != values.shape[1]:
        raise InputError(
            f"queries must have the {values.shape[1]} features of the embeddings; got shape {vectors.shape}"
        )
    return Queries(vectors, None, other.names, embeddings=other)


def _with_rows(vectors: Any, values: Any) -> Any:
    """Vectors where the rows of x are."""
    if isinstance(values, np.ndarray):
        return on_host(vectors, "queries")
    from pyalign.nearest._tensor_space import tensor_rows  # loads torch

    return tensor_rows(vectors, "queries", device=values.device)


def is_names(queries: Any) -> bool:
    """Whether these are names, not vectors."""
    if isinstance(queries, np.ndarray):
        return queries.ndim == 1 and queries.dtype.kind in "UO"
    return isinstance(queries, list | tuple) and all(isinstance(element, str) for element in queries)


def rows_of(names: Sequence[str], x: Embeddings) -> np.ndarray:
    """(q,) int64, the rows of these names; close names are proposed for one that no row has.

    Example:
        >>> rows_of(["cat"], Embeddings(np.eye(2), ("dog", "cat")))
        array([1])
    """
    if not len(names):
        raise InputError("queries must hold at least one name or row; got none")
    if x.names is None:
        raise InputError(
            f"queries by name need names of the rows, which have none: give {Remedy('names', like='names')}; "
            f"got {str(names[0])!r}"
        )
    places: dict[str, list[int]] = {}
    for row, name in enumerate(x.names):
        places.setdefault(name, []).append(row)
    numbers = []
    for name in map(str, names):
        rows = places.get(name)
        if rows is None:
            raise InputError(f"queries must be names of rows; no row is named {name!r}{_close(name, x.names)}")
        if len(rows) > 1:
            some = ", ".join(map(str, rows[:4])) + (", ..." if len(rows) > 4 else "")
            raise InputError(f"queries must be names of one row each; {name!r} names rows {some}")
        numbers.append(rows[0])
    return np.array(numbers, np.int64)


def _close(name: str, names: Sequence[str]) -> str:
    import difflib  # slow to import, and needed only for an error

    lowered: dict[str, str] = {}
    for known in names:
        lowered.setdefault(known.lower(), known)
    near = difflib.get_close_matches(name.lower(), list(lowered), n=CLOSE, cutoff=0.6)
    return f"; close ones are {', '.join(repr(lowered[match]) for match in near)}" if near else ""


def on_host(values: Any, name: str) -> np.ndarray:
    """(n, d) float32 or float64 with contiguous rows, on the host."""
    if device_of(values) != "cpu" and not hasattr(values, "detach"):  # torch's come by themselves
        values = values.get() if hasattr(values, "get") else np.from_dlpack(values)
    return _checks.as_rows(values, name)


SCANNED_SCORES = 1 << 26  # float32 scores at once: 256 MB


def native_scan(space: Space) -> Scan:
    """A scan by the kernels of pyalign: inner products of some queries with all rows, then the largest of each."""
    rows = space.search
    buffers: list[np.ndarray] = []

    def scan(sought: Sought, k: int) -> tuple[np.ndarray, np.ndarray]:
        queries = sought.search
        step = min(max(1, SCANNED_SCORES // len(rows)), len(queries))
        if not buffers or len(buffers[0]) < step:
            buffers[:] = [np.empty((step, len(rows)), np.float32)]
        scores, indices = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        for start in range(0, len(queries), step):
            part = slice(start, min(start + step, len(queries)))
            block = buffers[0][: part.stop - start]
            similarity(queries[part], rows, measure="dot", out=block)
            indices[part] = topk(block, k)
            scores[part] = np.take_along_axis(block, indices[part], axis=1)
        return scores, indices

    return scan


def flat_scan(space: Space) -> Scan:
    """A scan by `faiss.knn`, which takes the rows where they are."""
    faiss = load_faiss("backend 'faiss'")

    def scan(sought: Sought, k: int) -> tuple[np.ndarray, np.ndarray]:
        with threads_of(faiss):
            scores, indices = faiss.knn(sought.search, space.search, k, metric=faiss.METRIC_INNER_PRODUCT)
        return scores, indices

    return scan


def index_scan(space: Space, index: Any, factor: int) -> Scan:
    """A scan by an index of faiss over the rows of a space, of `factor` times as many candidates as are asked for."""
    faiss = load_faiss("an index")

    def scan(sought: Sought, k: int) -> tuple[np.ndarray, np.ndarray]:
        queries = sought.search
        if space.distance:
            queries = np.ascontiguousarray(np.ldexp(queries[:, :-1], -sought.powers[:, None]))
        with threads_of(faiss):
            scores, indices = index.search(queries, min(factor * k, index.ntotal))
        return scores, indices

    return scan


@contextmanager
def threads_of(faiss: Any) -> Iterator[None]:
    """Inside, faiss has as many threads as the kernels of pyalign."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(num_threads())
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def load_faiss(what: str) -> Any:
    """The module faiss, from whichever distribution."""
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError(what, "faiss-cpu", "neighbors") from error
    return faiss


MOST_GAPS = 100  # ranks that may be asked for, for each neighbor that a document holds


@dataclass(frozen=True)
class Neighbor:
    """A neighbor of a query, as documents have it; see `Neighbors.records`."""

    query: str | int
    rank: int
    neighbor: str | int
    row: int
    similarity: float


@dataclass(frozen=True)
class WithoutNeighbors:
    """A query that was left out: its place among the queries, and what it is called."""

    place: int
    query: str | int


@dataclass(frozen=True)
class Neighbors(Result):
    """The nearest rows of each query."""

    command: ClassVar[str] = "neighbors"
    rows: ClassVar[str] = "results"

    embeddings: str | None  # the source of the rows, or None.
    n: int  # the number of rows.
    d: int  # the number of features.
    k: int  # the number of neighbors of each query.
    n_queries: int  # the number of queries.
    measure: str  # the similarity measure; see `pyalign.similarity`.
    kind: str  # "similarity", or "negated distance" for measures that are distances. Larger is nearer for both.
    units: str  # the unit of the similarities, in words.
    # the backend of the search: "native", or "numpy" if the kernels are not compiled; "faiss"; on a device "cuda",
    # "triton" or "torch".
    backend: str
    index: str  # "flat", or the factory string of faiss.
    exact: bool  # whether the search was exact.
    # for an approximate index, the proportion of the true neighbors that it found, over queries that were also
    # searched exactly; None if the search was exact.
    recall: float | None = None
    recall_queries: int | None = None  # the number of queries behind `recall`.
    n_omitted: int = 0  # the number of rows with NaN or infinity that were left out (``nan_policy="omit"``).
    transform: str | None = None  # the file of the map that was applied to the rows first, or None.
    # (q, k) int64, the rows of the neighbors, nearest first and of equally near ones the lower row first; -1 for a
    # query that was left out, or where an approximate index found fewer than k.
    indices: np.ndarray = hidden(default=None)
    similarities: np.ndarray = hidden(default=None)  # (q, k) float64, NaN where the index is -1.
    names: tuple[str, ...] | Mapping[int, str] | None = hidden(default=None)  # the names of the rows, or None.
    queries: tuple[str, ...] | None = hidden(default=None)  # the names of the queries, or None.
    # (q,) int64, the rows that the queries are; None if they are other vectors.
    query_rows: np.ndarray | None = hidden(default=None)

    def __eq__(self, other: object) -> bool:
        """Whether both have the same content; names count only if they occur among queries or neighbors."""
        return self._said() == other._said() if isinstance(other, Neighbors) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def _said(self) -> dict[str, Any]:
        return {name: value for name, value in self.to_dict().items() if name not in ("provenance", "outputs")}

    def records(self) -> Iterator[dict[str, Any]]:
        """A dict for each pair of query and neighbor, with query, rank (from 1), neighbor, row and similarity.

        Query and neighbor are names, or row numbers if there are no names.
        """
        for q in range(self.n_queries):
            pairs = zip(self.indices[q].tolist(), self.similarities[q].tolist(), strict=True)
            for rank, (row, value) in enumerate(pairs, 1):
                if row >= 0:
                    yield {"query": self.query(q), "rank": rank, "neighbor": self.name(row), "row": row,
                           "similarity": value}

    def query(self, q: int) -> str | int:
        """The name of a query, else its row, else its number."""
        if self.queries is not None:
            return self.queries[q]
        return self.name(int(self.query_rows[q])) if self.query_rows is not None else q

    def name(self, row: int) -> str | int:
        """The name of a row, or its number."""
        return row if self.names is None else self.names[row]

    def to_records(self) -> list[dict[str, Any]]:
        """The rows of `records` as a list."""
        return list(self.records())

    def to_dict(self) -> dict[str, Any]:
        """The content of the JSON document."""
        document = super().to_dict()
        tail: dict[str, Any] = {name: document.pop(name) for name in LAST if name in document}
        rows = None if self.query_rows is None else self.query_rows.tolist()
        places = np.flatnonzero((self.indices < 0).all(axis=1)).tolist()
        left_out = [{"place": place, "query": self.query(place)} for place in places]
        lists = {"left_out": left_out, "query_rows": rows, "results": list(self.records())}
        return {**document, **lists, **tail}

    def to_json(self) -> str:
        """The document as text, with one line for each neighbor, since there may be millions."""
        document = self.to_dict()
        records, rows = document.pop("results"), document.pop("query_rows")
        encode = json.JSONEncoder(allow_nan=False).encode
        head = json.dumps(document, indent=2, allow_nan=False)[:-2]
        lines = ",\n    ".join(map(encode, records))
        return without_halves(f'{head},\n  "query_rows": {encode(rows)},\n  "results": [\n    {lines}\n  ]\n}}')

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Neighbors:
        """The result from the output of `to_dict`; it has only the names that occur in the document."""
        neighbors: Neighbors = from_fields(cls, document)
        records = read_as(tuple[Neighbor, ...], document.get("results"), "results")
        left_out = read_as(tuple[WithoutNeighbors, ...], document.get("left_out") or [], "left_out")
        rows = read_as(tuple[int, ...] | None, document.get("query_rows"), "query_rows")
        firsts, q, k = sum(record.rank == 1 for record in records), neighbors.n_queries, neighbors.k
        if firsts + len(left_out) != q or (records and records[0].rank != 1):
            raise InputError(f"n_queries must be those of results and left_out, {firsts} + {len(left_out)}; got {q}")
        if not 1 <= k <= MOST_GAPS * max(1, len(records)) or not all(1 <= record.rank <= k for record in records):
            raise InputError(f"k must be 1 or more, and no less than any rank; got {k} for {len(records)} neighbors")
        if not all(record.row >= 0 and math.isfinite(record.similarity) for record in records):
            raise InputError("neighbors must have a row from 0 up and a finite similarity")
        indices, values = np.full((q, k), -1, np.int64), np.full((q, k), np.nan)
        without = {entry.place: entry.query for entry in left_out}
        called: list[Any] = [without.get(place) for place in range(q)]
        places = iter([place for place in range(q) if place not in without])
        at = -1
        for record in records:
            at = next(places) if record.rank == 1 else at
            indices[at, record.rank - 1], values[at, record.rank - 1] = record.row, record.similarity
            called[at] = record.query
        names = {one.row: one.neighbor for one in records if isinstance(one.neighbor, str)}
        named = all(isinstance(query, str) for query in called) and bool(called)
        if names and not (all(one.row in names for one in records) and (named or rows is None)):
            raise InputError("all queries and neighbors must have names, or none")
        if rows is not None and len(rows) != q:
            raise InputError(f"'query_rows' must be one for each of {q} queries; got {len(rows)}")
        return replace(
            neighbors, indices=indices, similarities=values, names=names or None,
            queries=tuple(called) if named else None, query_rows=None if rows is None else np.array(rows, np.int64),
        )


LARGEST_TABLE = 1 << 27  # entries (n, n); beyond it pairs are looked up by bisection


class NeighborRanks:
    """The ranks of k neighbors of each of n rows.

    Args:
        neighbors: (n, k) integers in [0, n), the nearest first, none twice in a row.
    """

    def __init__(self, neighbors: np.ndarray):
        self.n, self.k = neighbors.shape
        self._dtype = np.uint8 if self.k < 1 << 8 else np.uint16 if self.k < 1 << 16 else np.uint32
        ranks = np.broadcast_to(np.arange(1, self.k + 1, dtype=self._dtype), neighbors.shape)
        self._table: np.ndarray | None = None
        if self.n * self.n <= LARGEST_TABLE:
            self._table = np.zeros((self.n, self.n), self._dtype)
            np.put_along_axis(self._table, neighbors.astype(np.intp, copy=False), ranks, axis=1)
            return
        order = np.argsort(neighbors, axis=1)
        within = np.take_along_axis(neighbors, order, axis=1)
        self._keys = (np.arange(self.n, dtype=np.int64)[:, None] * self.n + within).ravel()
        self._ranks = np.take_along_axis(ranks, order, axis=1).ravel()

    def of(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The rank from 1 of each column among the neighbors of its row, 0 where it is none; arrays that broadcast."""
        if self._table is not None:
            ranks: np.ndarray = self._table.ravel().take(rows.astype(np.int64, copy=False) * self.n + columns)
            return ranks
        wanted = rows.astype(np.int64) * self.n + columns
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where(self._keys[place] == wanted, self._ranks[place], self._dtype(0))
