"""Which index a search takes, after faiss's guidelines to choose an index (github.com/facebookresearch/faiss/wiki)."""

from __future__ import annotations

import math

from pyalign._process import free_memory
from pyalign.errors import InputError

FEW_QUERIES = 1000  # up to which no index pays for its making
FLAT_WORK = 1e14  # multiplications and additions of an exact search: a quarter of an hour on two cores
LINKS = 32  # of each row in a graph
TRAINING = 39  # rows for each cell, below which faiss warns
CELLS = ((1_000_000, None), (10_000_000, 1 << 16), (100_000_000, 1 << 18), (math.inf, 1 << 20))


def choose_index(n: int, d: int, queries: int, memory: float | None = None) -> str:
    """The index for `queries` searches of n rows of d features: "flat", or a factory string of faiss.

    Flat, which is exact, up to 1,000 queries, or while 2 n d queries is at most 1e14. Else a graph, ``HNSW32``, where
    its 4 d + 264 bytes a row fit into `memory`. Else cells and product quantisation, of m / 2 bytes a row:
    ``OPQ{m}_{4m},IVF{K},PQ{m}x4fs``. The guideline's last step, ``RFlat``, compares candidates with a copy of the rows;
    pyalign does that with the rows that it has, in float64, so the copy is left out.

    Args:
        n, d: rows that are searched, and their features.
        queries: how many searches.
        memory: bytes that an index may take; None: half of what the system has free.

    Example:
        >>> choose_index(100_000, 512, 100_000), choose_index(5_000_000, 512, 100)
        ('flat', 'flat')
        >>> choose_index(5_000_000, 512, 5_000_000, memory=64e9)
        'HNSW32'
        >>> choose_index(5_000_000, 512, 5_000_000, memory=4e9)
        'OPQ64_256,IVF65536,PQ64x4fs'
    """
    if queries <= FEW_QUERIES or 2.0 * n * d * queries <= FLAT_WORK:
        return "flat"
    if n * (4.0 * d + 8 * LINKS + 8) <= (free_memory() / 2 if memory is None else memory):
        return f"HNSW{LINKS}"
    return cells_index(n, d)


def cells_index(n: int, d: int) -> str:
    """The factory string of cells: their number by n, a code of half a byte for four features, at most 64 of them.

    Example:
        >>> cells_index(500_000, 128), cells_index(5000, 8)
        ('OPQ32_128,IVF4096,PQ32x4fs', 'OPQ2_8,IVF128,PQ2x4fs')
    """
    cells = next(cells for most, cells in CELLS if n < most)
    wanted = min(cells or 8 * math.sqrt(n), n / TRAINING)
    codes = max(1, min(64, 1 << int(math.log2(max(1, d // 4)))))
    return f"OPQ{codes}_{min(d, 4 * codes)},IVF{max(1, 1 << int(math.log2(max(1.0, wanted))))},PQ{codes}x4fs"


def factory_of(index: str | None, n: int, d: int, queries: int, memory: float | None = None) -> str:
    """The factory string of what was asked for: "auto", "flat", "hnsw", "ivf", or itself.

    Raises:
        InputError: it is no text.

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
