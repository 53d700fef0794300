"""RSA at the size of THINGS and of the 92 objects: one correlation, its errors, and the memory of 20,000 objects."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import RSA, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(*RSA), ids=label_of)
def test_rsa(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
