"""Approximate indexes of faiss: building them, tuning them to a recall, writing them to a file and reading them.

The choice of index follows faiss's guidelines (github.com/facebookresearch/faiss/wiki).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign._process import free_memory
from pyalign._version import __version__
from pyalign.data import Embeddings, as_embeddings
from pyalign.data.provenance import fingerprint
from pyalign.errors import InputError, shorten
from pyalign.io.paths import PathLike, bad, require_file
from pyalign.io.write import Files
from pyalign.measures import Measure, get_measure
from pyalign.nearest.scan import load_faiss, on_host, threads_of
from pyalign.nearest.space import Space, make_space
from pyalign.typing import EmbeddingsLike, MeasureLike

MARK = b"pyalign neighbors index 1\n"
LONGEST_MANIFEST = 1 << 20  # bytes
PARAMETERS = {"efSearch": (64, 4096), "nprobe": (8, 4096)}  # what a search may be given more of: from, to
NEEDED = ("measure", "index", "rows_sha256", "n", "d", "bytes")
FEW_QUERIES = 1000  # up to which no index pays for its making
FLAT_WORK = 1e14  # multiplications and additions of an exact search: a quarter of an hour on two cores
LINKS = 32  # of each row in a graph
TRAINING = 39  # rows for each cell, below which faiss warns
CELLS = ((1_000_000, None), (10_000_000, 1 << 16), (100_000_000, 1 << 18), (math.inf, 1 << 20))


@dataclass(frozen=True, eq=False)
class NeighborIndex:
    """An index over the rows of embeddings."""

    index: str  # "flat", for the rows themselves, or the factory string of faiss.
    measure: str  # the similarity measure; for rbf with its sigma.
    n: int  # the number of rows.
    d: int  # the number of features.
    rows_sha256: str  # the SHA-256 of the rows, see `pyalign.data.fingerprint`.
    manifest: Mapping[str, Any]  # the other metadata of its file: versions, names, source, recall.
    faiss_index: Any = None  # the index object of faiss; None for "flat".
    path: str | None = None  # the file that it was read from, or None.

    def require(self, values: np.ndarray, measure: Measure) -> None:
        """Raises unless the index was built from these rows and this measure."""
        subject = f"index {self.path}" if self.path else "index"
        if measure.name != self.measure.partition(":")[0]:
            raise InputError(f"{subject} was made for measure {self.measure}; got {measure}")
        if values.shape != (self.n, self.d):
            raise InputError(f"{subject} was made of {self.n:,} rows of {self.d:,} features; got shape {values.shape}")
        digest = fingerprint(values)
        if digest != self.rows_sha256:
            raise InputError(f"{subject} was made of other rows (sha256 {self.rows_sha256[:12]}; got {digest[:12]})")

    def content(self, recall: float | None = None) -> list[bytes]:
        """The parts of its file: a mark, the hash of the rest, a line of JSON, and the index as faiss writes it."""
        data = np.empty(0, np.uint8)
        if self.faiss_index is not None:
            data = load_faiss("an index").serialize_index(self.faiss_index)
        head = {
            "measure": self.measure, "index": self.index, "rows_sha256": self.rows_sha256, "n": self.n, "d": self.d,
            **self.manifest, "recall": recall, "bytes": data.nbytes,
        }
        line = json.dumps(head).encode() + b"\n"
        digest = hashlib.sha256(line)
        digest.update(data.data)
        return [MARK, digest.hexdigest().encode() + b"\n", line, data.data]  # type: ignore[list-item]

    def save(self, path: PathLike, recall: float | None = None) -> None:
        """Writes the index to a file, by way of a temporary file, so that the file is either complete or absent."""
        with Files() as pending:
            pending.add(path, self.content(recall))
            pending.commit()


def build_index(
    embeddings: EmbeddingsLike, *, measure: MeasureLike = "cosine", index: str = "hnsw", memory: float | None = None
) -> NeighborIndex:
    """Build an index over rows, to save it or to pass it to `pyalign.neighbors`.

    Args:
        embeddings: (n, d) real numbers, finite.
        measure: see `pyalign.similarity`.
        index: ``"flat"``, ``"hnsw"``, ``"ivf"``, a factory string of faiss, or ``"auto"`` for the best choice if every
            row is a query.
        memory: the number of bytes that the index may take; see `pyalign.nearest.index.choose_index`.

    Returns:
        A `NeighborIndex`.

    Raises:
        InputError: as `pyalign.similarity`; a factory string that faiss does not accept.
        MissingExtraError: faiss is not installed; ``"flat"`` does not need it.

    Example:
        >>> build_index(np.eye(3), index="flat").n
        3
    """
    rows = as_embeddings(embeddings)
    values = on_host(rows.values, "embeddings")
    _checks.require_finite(~np.isfinite(values).all(axis=1))
    factory = factory_of(index, len(values), values.shape[1], len(values), memory)
    return index_of(make_space(values, None, get_measure(measure)), factory, rows)


def index_of(space: Space, factory: str, rows: Embeddings | None = None) -> NeighborIndex:
    """The index of a space."""
    made: dict[str, Any] = {"version": __version__}
    index = None
    if factory != "flat":
        faiss = load_faiss(f"index {factory!r}")
        made["faiss"] = faiss.__version__
        index = _trained(faiss, space, factory)
    if rows is not None:
        names = None if rows.names is None else hashlib.sha256("\n".join(rows.names).encode()).hexdigest()
        made |= {"source": rows.source, "names_sha256": names}
    n, d = space.values.shape
    return NeighborIndex(factory, str(space.measure), n, d, fingerprint(space.values), made, index)


LONGEST_FACTORY = 200  # letters: a stack overflows in faiss where they are very many


def _trained(faiss: Any, space: Space, factory: str) -> Any:
    if not factory.isascii() or len(factory) > LONGEST_FACTORY:
        raise InputError(f"index must be a factory string of faiss; got {shorten(factory)}")
    rows = np.ascontiguousarray(space.search[:, :-1]) if space.distance else space.search
    metric = faiss.METRIC_L2 if space.distance else faiss.METRIC_INNER_PRODUCT
    try:
        index = faiss.index_factory(rows.shape[1], factory, metric)
        with threads_of(faiss):
            index.train(rows)
            index.add(rows)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].rpartition("failed: ")[2].rpartition("Error: ")[2]
        reason = re.sub(r"^Error in .*\.(cpp|h):\d+: ", "", reason)  # where in faiss
        raise InputError(
            f"index must be a factory string of faiss that suits the embeddings; got {factory!r} ({reason})"
        ) from error
    return index


def load_index(path: PathLike) -> NeighborIndex:
    """Load an index that `NeighborIndex.save` or ``pyalign neighbors search --out`` has written.

    The file is first compared with the hash in its header, because faiss trusts what it reads and a damaged file
    could end the process. This detects damage, not malice: only load index files from people whose code you would run.

    Raises:
        InputError: another file, or a damaged one.
        MissingExtraError: faiss is not installed; "flat" needs none.
    """
    require_file(path)
    with open(path, "rb") as file:
        if file.read(len(MARK)) != MARK:
            raise bad(path, "is no index that pyalign has written")
        stated, line = file.readline(65).strip(), file.readline(LONGEST_MANIFEST)
        head = _manifest(path, line)
        data = file.read(min(head["bytes"], os.path.getsize(path)) + 1)
    digest = hashlib.sha256(line)
    digest.update(data)
    if len(data) != head["bytes"] or digest.hexdigest().encode() != stated:
        raise bad(path, "is damaged: the index in it is not the one that was written")
    index = None
    if head["index"] != "flat":
        faiss = load_faiss(f"{path}: an index")
        try:
            index = faiss.deserialize_index(np.frombuffer(data, np.uint8))
        except RuntimeError as error:
            raise bad(path, f"faiss {faiss.__version__} can't read it (written by {head.get('faiss')})") from error
        if (index.ntotal, index.d) != (head["n"], head["d"]):
            raise bad(path, f"holds {index.ntotal:,} rows of {index.d}, in place of {head['n']:,} of {head['d']}")
    rest = {name: value for name, value in head.items() if name not in NEEDED}
    return NeighborIndex(
        head["index"], head["measure"], head["n"], head["d"], head["rows_sha256"], rest, index, str(path)
    )


def _manifest(path: PathLike, line: bytes) -> dict[str, Any]:
    try:
        head = json.loads(line)
        kinds = (str, str, str, int, int, int)
        sound = isinstance(head, dict) and all(
            isinstance(head.get(name), kind) for name, kind in zip(NEEDED, kinds, strict=True)
        )
    except (ValueError, RecursionError):
        sound = False
    if not sound or min(head["n"], head["d"], head["bytes"] + 1) < 1 or head["bytes"] > 1 << 50:
        raise bad(path, "is damaged: its first lines are no manifest of an index")
    return head


def give_more(index: Any, times: int) -> bool:
    """Sets how widely an index searches: 2^times of the least; False where it can't search more widely."""
    faiss = load_faiss("an index")
    changed = False
    for name, (least, most) in PARAMETERS.items():
        value = least << times
        if value <= most:
            try:
                faiss.ParameterSpace().set_index_parameter(index, name, value)
            except RuntimeError:  # it has no such parameter
                continue
            changed = True
    return changed


def choose_index(n: int, d: int, queries: int, memory: float | None = None) -> str:
    """Choose the index for `queries` searches of n rows with d features: "flat", or a factory string of faiss.

    The choice is flat, which is exact, for up to 1,000 queries, or if 2 n d queries is at most 1e14. Otherwise it is a
    graph, ``HNSW32``, if its 4 d + 264 bytes per row fit into `memory`, and else cells with product quantization, which
    takes m / 2 bytes per row: ``OPQ{m}_{4m},IVF{K},PQ{m}x4fs``. The last step of the guidelines, ``RFlat``, compares
    candidates with a copy of the rows. pyalign does this with the original rows, in float64, and needs no copy.

    Args:
        n: the number of rows.
        d: the number of features.
        queries: the number of searches.
        memory: the number of bytes that an index may take; None: half of the free memory.
    """
    if queries <= FEW_QUERIES or 2.0 * n * d * queries <= FLAT_WORK:
        return "flat"
    if n * (4.0 * d + 8 * LINKS + 8) <= (free_memory() / 2 if memory is None else memory):
        return f"HNSW{LINKS}"
    return cells_index(n, d)


def cells_index(n: int, d: int) -> str:
    """The factory string of cells: their number by n, a code of half a byte for four features, at most 64 of them."""
    cells = next(cells for most, cells in CELLS if n < most)
    wanted = min(cells or 8 * math.sqrt(n), n / TRAINING)
    codes = max(1, min(64, 1 << int(math.log2(max(1, d // 4)))))
    return f"OPQ{codes}_{min(d, 4 * codes)},IVF{max(1, 1 << int(math.log2(max(1.0, wanted))))},PQ{codes}x4fs"


def factory_of(index: str | None, n: int, d: int, queries: int, memory: float | None = None) -> str:
    """The factory string of what was asked for: "auto", "flat", "hnsw", "ivf", or itself.

    Example:
        >>> factory_of("hnsw", 100, 8, 100), factory_of("Flat", 100, 8, 100), factory_of("IVF16,Flat", 100, 8, 100)
        ('HNSW32', 'flat', 'IVF16,Flat')
    """
    if index is not None and not isinstance(index, str):
        what = "auto, flat, hnsw, ivf, a factory string of faiss or an index that was loaded"
        raise InputError(f"index must be {what}; got {type(index).__name__}")
    if index is None or index == "auto":
        return choose_index(n, d, queries, memory)
    named = {"flat": "flat", "hnsw": f"HNSW{LINKS}", "ivf": cells_index(n, d)}
    return named.get(index.lower(), index)
