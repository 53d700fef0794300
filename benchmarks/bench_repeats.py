"""Repeated triplets brought together."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import REPEATS, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(REPEATS), ids=label_of)
def test_repeats(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
