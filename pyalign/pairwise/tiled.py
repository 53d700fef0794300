"""RSA of matrices that are too large to be held: values alone, tile after tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyalign.data import Judgments, as_embeddings
from pyalign.errors import InputError
from pyalign.pairwise.correlations import Correlation
from pyalign.pairwise.rsa_result import RsaResult
from pyalign.pairwise.streamed import (
    Tiles,
    correlate_tiles,
    human_ranks,
    tiles_of_judgments,
    tiles_of_rows,
    without_holes_of,
)
from pyalign.pairwise.study import aligned_rows, assumed_of, finite_rows, left_out, of_rounding, rdm_in_order
from pyalign.progress import Progress


def in_tiles(
    models: Mapping[str, object], rdms: Mapping[str, Judgments], judged: Judgments, measures: Sequence[Any],
    chosen: Sequence[Correlation], backend: str, progress: Progress,
) -> tuple[tuple[RsaResult, ...], tuple[str, ...]]:  # fmt: skip
    """Values alone, of matrices that are not held whole; and what was assumed."""
    given, notes = aligned_rows({name: as_embeddings(x, name) for name, x in models.items()}, judged)
    rows, _ = finite_rows(given, judged.n, "raise")
    tiles = [(name, str(getattr(one, "name", one)), _named(name, tiles_of_rows(x, one, judged.kind, backend)))
             for name, x in rows.items() for one in measures]  # fmt: skip
    others = [(name, None, tiles_of_judgments(rdm_in_order(rdm, name, judged), name)) for name, rdm in rdms.items()]
    human = without_holes_of(tiles_of_judgments(judged, "human"), [tile for _, _, tile in others])
    sign = -1.0 if judged.kind == "similarity" else 1.0  # the matrices of models are dissimilarities
    ranked = any(one.pooling == "ranks" for one in chosen)
    ranks = human_ranks(human, judged.n, progress) if ranked else None
    results = []
    for one in chosen:
        for name, measure, tile in [*tiles, *others]:
            value, pairs = correlate_tiles(human, tile, judged.n, one.name, ranks, progress)
            value *= sign if measure is None else 1.0
            results.append(RsaResult(name, measure, one.name, value, None, None, None, None, judged.n, pairs,
                                     judged.n_pairs - pairs))  # fmt: skip
    told = (*assumed_of(rdms, judged), *left_out(judged.n_pairs - pairs, judged.n_pairs, bool(rdms)))
    return tuple(results), (*notes, *of_rounding(rows, measures), *told)


def _named(name: str, tiles: Tiles) -> Tiles:
    """The tiles, whose errors say of which model they are."""

    def tile(first: int, last: int) -> np.ndarray:
        try:
            return tiles(first, last)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error

    return tile
