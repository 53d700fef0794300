"""Score of 10,000 to 100,000 items without a matrix, and its peak memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import LARGE, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(*LARGE), ids=label_of)
def test_large(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
