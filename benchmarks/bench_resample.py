"""A thousand resamples of the objects at the size of THINGS, for one model and for four."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import INTERVALS, MODELS, RESAMPLES, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(RESAMPLES, MODELS, INTERVALS), ids=label_of)
def test_resample(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
