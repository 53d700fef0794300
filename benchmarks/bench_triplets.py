"""Decisions from a ready matrix, with int32, int16 and int64 triplets, and that triplets are not copied."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import TRIPLETS, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(*TRIPLETS), ids=label_of)
def test_triplets(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
