"""Score from embeddings at the size of THINGS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import SCORE, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(SCORE), ids=label_of)
def test_score(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
