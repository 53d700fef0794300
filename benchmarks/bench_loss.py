"""The cross-entropy of triplets and its gradient, forward and backward: pyalign and its peers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import LOSSES, Comparison, contenders_of, label_of


@pytest.mark.parametrize("comparison,backend", contenders_of(*LOSSES), ids=label_of)
def bench_loss(run: Callable[[Comparison, str], None], comparison: Comparison, backend: str) -> None:
    """One contender."""
    run(comparison, backend)
