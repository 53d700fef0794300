"""Agreement of neighbours at the size of THINGS, with 999 relabellings."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import NEIGHBORHOODS, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(NEIGHBORHOODS), ids=label_of)
def test_neighborhoods(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
