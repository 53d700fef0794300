"""Errors at the size of THINGS: resamples for one model and for four, the closed form, a hundred models."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import (
    CONSISTENCY,
    ERRORS,
    HUNDRED_MODELS,
    INTERVALS,
    MODELS,
    RESAMPLES,
    Comparison,
    contenders_of,
    label_of,
)

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(
    ("comparison", "backend"), contenders_of(RESAMPLES, MODELS, ERRORS, INTERVALS, HUNDRED_MODELS, CONSISTENCY),
    ids=label_of,
)
def test_resample(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
