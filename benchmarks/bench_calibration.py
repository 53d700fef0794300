"""The temperature of choices and its report, at the size of THINGS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import CALIBRATION, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(CALIBRATION), ids=label_of)
def test_calibration(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
