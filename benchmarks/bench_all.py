"""The comparisons as pytest-benchmark tests: a group for each, a test for each contender, warm and checked before."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.compare import require_native
from benchmarks.operations import COMPARISONS
from benchmarks.timing import Comparison, no_collection, warm_up

ROUNDS = 5


@pytest.mark.parametrize(("comparison", "backend"), [
    pytest.param(comparison, backend, id=f"{comparison.op}, {comparison.case.name}-{backend}")
    for comparison in COMPARISONS for backend in comparison.ways
])
def test_contender(comparison: Comparison, backend: str, benchmark: BenchmarkFixture) -> None:
    require_native()
    try:
        contender = comparison.contender(backend)
    except ModuleNotFoundError as error:
        pytest.skip(str(error))
    warm_up(contender)
    benchmark.group = f"{comparison.op}: {comparison.case.label}"
    benchmark.name = backend if contender.share == 1 else f"{backend}, 1/{1 / contender.share:.0f} of the work"
    with no_collection():
        result = benchmark.pedantic(contender.call, rounds=min(ROUNDS, comparison.rounds))
    if contender.reports:
        benchmark.extra_info[comparison.unit] = result
