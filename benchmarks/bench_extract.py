"""Features of photographs, and the memory that a hundred thousand images take."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import EXTRACT, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(*EXTRACT), ids=label_of)
def test_extract(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
