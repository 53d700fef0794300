"""The cross-entropy of triplets and its gradient, forward and backward, and a step of a probe."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import LOSSES, PROBE, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(*LOSSES, PROBE), ids=label_of)
def test_loss(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
