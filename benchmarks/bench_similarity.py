"""Cosines, distances and bare products of all pairs of 4,096 rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import COSINE, DISTANCES, PRODUCTS, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(COSINE, DISTANCES, *PRODUCTS), ids=label_of)
def test_similarity(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
