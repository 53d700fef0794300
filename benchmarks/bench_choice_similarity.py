"""Choice similarity of the 1,854 objects of THINGS in 49 dimensions, as SPoSE has them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import CHOICE, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(CHOICE), ids=label_of)
def test_choice_similarity(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
