"""The command `pyalign score`, a fit beside a busy process, the start of every command, imports: in fresh processes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.operations import COMMAND, FITS, IMPORT, STARTS, Comparison, contenders_of, label_of

Run = Callable[[Comparison, str], None]


@pytest.mark.parametrize(("comparison", "backend"), contenders_of(COMMAND, FITS, STARTS, IMPORT), ids=label_of)
def test_process(comparison: Comparison, backend: str, run: Run) -> None:
    run(comparison, backend)
