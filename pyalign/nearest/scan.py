"""The installed distribution of faiss: three of them install the same folder, and the last one wins.

What is searched for: rows of x, by name or all of them, or other vectors.
The float32 searches that give candidates: our kernels in blocks, faiss's flat search, or an index of faiss.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends.native import num_threads
from pyalign.data import Embeddings, as_embeddings
from pyalign.errors import InputError, MissingExtraError
from pyalign.nearest.exact import Scan
from pyalign.nearest.space import Sought, Space
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
    """Queries of what was given: None, names, or (q, d) vectors.

    Raises:
        InputError: a name that no row has, or several; another number of features than x has.
    """
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
            f"queries by name need names of the rows, which have none: give names=names; got {str(names[0])!r}"
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
    """A scan by `faiss.knn`, which takes the rows where they are.

    Raises:
        MissingExtraError: faiss is not installed.
    """
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
    """The module faiss, from whichever distribution.

    Raises:
        MissingExtraError: none is installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError(what, "faiss-cpu", "neighbors") from error
    return faiss
