"""How the contenders of each operation are made from a case: inputs, share of the work, check of the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np

import pyalign
from benchmarks import (
    calibration_peers,
    cases,
    checks,
    choice_peers,
    loss_peers,
    matrix_peers,
    peers,
    processes,
    repeat_peers,
    resample_peers,
)
from benchmarks.cases import Case, answers, embeddings, similarities, triplets, unit_rows
from benchmarks.timing import Contender
from pyalign.backends import native

Builder = Callable[[Case], Contender]
LOOP_RESAMPLES = 4  # resamples on which the loop over resamples is timed
ROW_SLICE = 256  # rows with which scipy's cdist is timed, and that are compared
HUNDRED = 100  # models of the largest comparison


def decisions(make: Callable[..., peers.Decisions], **options: Any) -> Builder:
    """A contender of `odd_one_out_from`."""

    def build(case: Case) -> Contender:
        s, t = similarities(case), triplets(case)
        check = checks.same_decisions(lambda: pyalign.odd_one_out(similarities=s, triplets=t))
        return Contender(make(s, t, **options), check=check)

    return build


def our_decisions(s: np.ndarray, t: np.ndarray, index: str | None = None) -> peers.Decisions:
    """With the case's own triplets, or with the same ones as integers of another type."""
    chosen = t if index is None else t.astype(index)
    return lambda: pyalign.odd_one_out(similarities=s, triplets=chosen)


def scores(make: Callable[..., peers.Scores], limit: int | None = None, **options: Any) -> Builder:
    """A contender of `score`; with a limit it is timed on that many triplets."""

    def build(case: Case) -> Contender:
        x, t = embeddings(case), triplets(case)[:limit]
        check = checks.same_means(our_score(x, t), accuracy_alone=make is peers.human_alignment_score)
        return Contender(make(x, t, **options), share=len(t) / case.t, check=check)

    return build


def our_score(x: np.ndarray, t: np.ndarray) -> peers.Scores:
    def score() -> peers.Means:
        result = pyalign.score(x, t, ci=None)
        return result.accuracy, result.cross_entropy, result.mean_entropy

    return score


def score_by_rows(x: np.ndarray, t: np.ndarray) -> peers.Scores:
    """Ours without buckets: each triplet from its three rows, as they come."""
    score = our_score(x, t)

    def run() -> peers.Means:
        with patch.object(native, "use_buckets", lambda *_: False):
            return score()

    return run


def reads_of_rows(case: Case) -> Contender:
    """What the caches and the memory take to deliver the three rows of each triplet, as they come."""
    return Contender(peers.numba_reads(embeddings(case), triplets(case)))


def matrix(
    make: Callable[..., matrix_peers.Matrix], measure: str,
    as_similarity: Callable[[np.ndarray], np.ndarray] = np.asarray, **options: Any,
) -> Builder:
    """A contender of `similarity`; with `rows` it is timed on that many rows."""

    def build(case: Case) -> Contender:
        x, rows = embeddings(case), options.get("rows", case.n)
        check = checks.same_matrix(lambda: pyalign.similarity(x[:ROW_SLICE], x, measure=measure), as_similarity)
        return Contender(make(x, **options), share=rows / case.n, check=check)

    return build


def our_matrix(measure: str) -> Callable[[np.ndarray], matrix_peers.Matrix]:
    return lambda x: lambda: pyalign.similarity(x, measure=measure)


def products(make: Callable[[np.ndarray, np.ndarray], matrix_peers.Matrix]) -> Builder:
    """A contender of `product`, of all rows with a copy of theirs."""

    def build(case: Case) -> Contender:
        x = unit_rows(embeddings(case))
        check = checks.same_matrix(lambda: pyalign.similarity(x[:ROW_SLICE], x, measure="dot"), np.asarray)
        return Contender(make(x, x.copy()), check=check)

    return build


def our_product(x: np.ndarray, y: np.ndarray) -> matrix_peers.Matrix:
    """`pyalign.similarity`, which looks at all rows first."""
    return lambda: pyalign.similarity(x, y, measure="dot")


def our_product_with_itself(x: np.ndarray, y: np.ndarray) -> matrix_peers.Matrix:
    """The same of one matrix, half of whose products are computed."""
    return lambda: pyalign.similarity(x, measure="dot")


def steps(
    make: Callable[..., loss_peers.Step], ours: Callable[..., loss_peers.Step], inputs: Callable[[Case], np.ndarray],
    limit: int | None = None, times: int = 1,
) -> Builder:
    """A contender of `triplet_loss` or `triplet_gradient`; with a limit it is timed on that many triplets.

    times: or on so many times the case's, all of them drawn anew; its figure is of one part of these.
    """

    def build(case: Case) -> Contender:
        values, t = inputs(case), triplets(replace(case, t=times * case.t))[:limit]
        return Contender(make(values, t), share=len(t) / case.t, check=checks.same_step(ours(values, t)))

    return build


def temperatures(make: Callable[..., calibration_peers.Temperature], fits: bool = True) -> Builder:
    """A contender of `calibrate`; `fits`: its result is a temperature."""

    def build(case: Case) -> Contender:
        x, t = embeddings(case), answers(case)
        check = checks.same_temperature(calibration_peers.our_temperature(x, t)) if fits else None
        return Contender(make(x, t), check=check)

    return build


def resamples(models: int = 1) -> Builder:
    """A contender of `object resamples`: pyalign, for so many models at once."""

    def build(case: Case) -> Contender:
        return Contender(resample_peers.our_sums(triplets(case), case.n, models))

    return build


def corrected_errors(backend: str = "auto") -> Builder:
    """A contender of `corrected errors`: pyalign's closed form over objects, of one model, grouping included."""

    def build(case: Case) -> Contender:
        values, t = resample_peers.values(case.t, 1), triplets(case)
        check = checks.same_errors(resample_peers.our_errors(t, values))
        return Contender(resample_peers.our_errors(t, values, backend), check=check)

    return build


def score_with_intervals(case: Case) -> Contender:
    """The score with intervals over objects, in closed form."""
    x, t = embeddings(case), triplets(case)
    return Contender(lambda: pyalign.score(x, t, ci="objects"))


def compare_many(case: Case) -> Contender:
    """A hundred models, each the same rows with noise of its own."""
    rng, x, t = np.random.default_rng(cases.SEED), embeddings(case), triplets(case)
    models = {f"model {k}": x + rng.normal(size=x.shape).astype(np.float32) for k in range(HUNDRED)}
    return Contender(lambda: pyalign.compare(models, t))


def numpy_resamples(case: Case) -> Contender:
    """Timed on a few of the resamples."""
    t = triplets(case)
    check = checks.same_first_rows(resample_peers.our_sums(t, case.n))
    share = LOOP_RESAMPLES / resample_peers.RESAMPLES
    return Contender(resample_peers.numpy_sums(t, case.n, LOOP_RESAMPLES), share=share, check=check)


def figures(call: Callable[[Case], float]) -> Builder:
    """A contender whose call reports its figure."""
    return lambda case: Contender(lambda: call(case), reports=True)


def command(call: Callable[[Case], Any], checked: bool = False) -> Builder:
    """A whole process that is timed from outside."""

    def build(case: Case) -> Contender:
        check = checks.same_accuracy(our_score(embeddings(case), triplets(case))) if checked else None
        return Contender(lambda: call(case), check=check)

    return build


def start_of(name: str) -> Builder:
    return command(lambda case: processes.command_help(*name.split()))


def repeats(make: Callable[[np.ndarray], Callable[[], repeat_peers.Groups]]) -> Builder:
    """A contender of `find_repeats`."""

    def build(case: Case) -> Contender:
        t = triplets(case)
        return Contender(make(t), check=repeat_peers.same_groups(repeat_peers.our_repeats(t)))

    return build


def choices(make: Callable[..., choice_peers.Matrix], rows: int | None = None, checked: bool = True) -> Builder:
    """A contender of `choice_similarity`; with `rows` it is timed on that many items."""

    def build(case: Case) -> Contender:
        x = embeddings(case)
        check = choice_peers.same_probabilities(choice_peers.ours(x)) if checked else None
        if rows is None:
            return Contender(make(x), check=check)
        return Contender(make(x, rows), share=choice_peers.share_of(case.n, rows), check=check)

    return build
