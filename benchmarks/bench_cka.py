"""CKA at the size of THINGS: a permutation of its null, and all pairs of twenty models."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import CKA, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(*CKA), ids=label_of)
def test_cka(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
