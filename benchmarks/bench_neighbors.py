"""The nearest neighbours of all of 100,000 rows, exactly: beside faiss called by hand and a blocked search in numpy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import NEIGHBORS, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(*NEIGHBORS), ids=label_of)
def test_neighbors(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
