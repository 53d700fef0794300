"""Accuracy per concept at the size of THINGS: the assignment of triplets, and all concepts with resamples."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import CONCEPTS, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(*CONCEPTS), ids=label_of)
def test_concepts(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
