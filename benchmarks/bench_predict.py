"""Human dimensions predicted from 4,096 features of 1,854 objects: 66 dimensions, 5 folds, 8 penalties."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import PREDICT, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(PREDICT), ids=label_of)
def test_predict_dimensions(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
