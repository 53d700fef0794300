"""benchmarks.compare: on small inputs every peer finds what pyalign finds, and a peer that does not is noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
IN_PROCESSES = ("command", "start of")  # what starts a program a call


@pytest.fixture
def operations(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import operations

    return operations


def small(comparison):
    """With sizes that take milliseconds."""
    case = comparison.case
    return replace(comparison, case=replace(case, n=min(case.n, 60), d=min(case.d, 24), t=min(case.t, 300)))


@pytest.mark.slow
def test_every_peer_finds_on_small_inputs_what_pyalign_finds(operations):
    from benchmarks.cases import forget_inputs
    from benchmarks.timing import SUBJECT, warm_up

    warmed, compared = set(), set()
    for comparison in map(small, operations.COMPARISONS):
        forget_inputs()
        for name, way in comparison.ways.items():
            if way.reports or comparison.op.startswith(IN_PROCESSES):
                continue
            try:
                contender = comparison.contender(name)
            except ModuleNotFoundError:
                assert name != SUBJECT
                continue
            warm_up(contender)
            warmed.add((comparison.op, name))
            compared |= {(comparison.op, name)} if contender.check else set()
            assert contender.measure() * contender.share > 0
    assert len(warmed) > 70 and len(compared) > 30


def test_a_peer_that_finds_something_else_is_noticed(operations):
    from benchmarks.timing import warm_up

    score = small(next(one for one in operations.COMPARISONS if one.op == "score"))
    way = score.ways["numpy"]
    wrong = replace(way, seen=lambda means: (means[0] + 0.01, *means[1:]))
    with pytest.raises(AssertionError):
        warm_up(replace(score, ways={**score.ways, "numpy": wrong}).contender("numpy"))
    warm_up(score.contender("numpy"))


def test_a_part_of_the_triplets_is_timed_as_that_share_of_the_case(operations):
    score = small(next(one for one in operations.COMPARISONS if one.op == "score"))
    numpy = replace(score.ways["numpy"], limit=75)
    assert replace(score, ways={**score.ways, "numpy": numpy}).contender("numpy").share == 0.25


def test_targets_are_of_peers_and_bound_one_side(operations):
    assert len(operations.TARGETS) > 60
    for (op, _, peer), way in operations.TARGETS.items():
        assert peer != "pyalign" and (way.at_least is None) != (way.at_most is None), op


def test_pytest_benchmark_has_a_case_for_each_contender(operations):
    pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is not installed")
    from benchmarks.bench_all import test_contender

    (cases,) = [mark.args[1] for mark in test_contender.pytestmark]
    assert [case.id.split(",")[0] for case in cases] == [one.op.split(",")[0] for one in operations.COMPARISONS
                                                         for _ in one.ways]
