"""The figures of the part that a calibration reports on, with intervals in closed form.

All are means over answers at a temperature that is treated as fixed: of cross-entropies, credits, Brier scores, and of
divergences where answers are shares. Over objects and people they depend on each other as `pyalign.stats.clustered`
says; an answer counts the same whether it is a row of its own or one of many in a row of counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from pyalign.analysis.calibration.calibration_result import (
    Confidences,
    Divergences,
    Part,
    Reliability,
    equal_mass_edges,
    equal_width_edges,
)
from pyalign.analysis.calibration.ece_interval import ece_interval
from pyalign.analysis.calibration.temperature import AnsweredSimilarities, by_pair, credits_by_pair, with_single_answers
from pyalign.analysis.outcomes import mean_interval
from pyalign.backends import LossSums
from pyalign.documents import Interval
from pyalign.stats.clustered import Dependence
from pyalign.stats.degrees import notes_on_few, without_interval
from pyalign.stats.divergences import entropy, js_distance, kl_of_logs, log_choice_probabilities
from pyalign.stats.intervals import FRACTION, POSITIVE
from pyalign.stats.resampling import Resampling

BLOCK = 1 << 16  # triplets whose values are multiplied at a time
FURTHEST = (0.0, math.sqrt(math.log(2.0)))  # where Jensen-Shannon distances are


class Mean(NamedTuple):
    """What is averaged over answers. values: float64 (t,), of each triplet. within: where its mean is.

    by_pair: float64 (t, k), of an answer that is each pair; None where it is the same for all answers to a triplet.
    """

    values: np.ndarray
    within: tuple[float, float]
    by_pair: np.ndarray | None = None


@dataclass(frozen=True)
class HeldOut:
    """What is reported of a part; fields as in `Calibration`, whose `test` is the part."""

    test: Part
    divergences: Divergences | None
    ece_equal_width_before: float
    ece_equal_mass_before: float
    equal_width: Reliability
    equal_mass: Reliability
    notes: tuple[str, ...] = ()


def part_of(n: int, before: LossSums, after: LossSums, chosen: Confidences) -> Part:
    """The figures of n triplets at T = 1 and at the fitted temperature."""
    return Part(
        n_triplets=n,
        n_answers=round(after.weight),
        accuracy=float(np.average(chosen.accuracy, weights=chosen.weights)),
        cross_entropy_before=before.loss / before.weight,
        cross_entropy=after.loss / after.weight,
    )


def held_out(
    test: AnsweredSimilarities, betas: np.ndarray, bins: int, plan: Resampling | None, dependence: Dependence | None
) -> HeldOut:
    """The figures at inverse temperatures (t,), and their intervals under a plan; without one there are none."""
    at_fit = replace(test, similarities=test.similarities * betas[:, None])  # where they are 1
    before, unsure = test.with_confidences(1.0)
    after, sure = at_fit.with_confidences(1.0)
    chosen = test.chosen(sure)
    was = replace(chosen, confidence=unsure)
    whole = test.answers is None or test.answers.totals is not None
    widths, floor = equal_width_edges(bins), whole and test.own_weights is None
    distances = None if test.answers is None else _divergences(test, at_fit)
    figures = HeldOut(
        part_of(len(sure), before, after, chosen),
        None if distances is None else _averages(distances, test.weights),
        was.ece(widths),
        was.ece(equal_mass_edges(unsure, test.weights, bins)),
        chosen.reliability(widths, floor=floor),
        chosen.reliability(equal_mass_edges(sure, test.weights, bins), floor=floor),
    )
    if plan is None or dependence is None:
        return figures
    means = {**_means(test, at_fit, unsure, chosen), **(distances or {})}
    intervals, notes = intervals_of_means(test, means, _estimates(figures), plan, dependence)
    if intervals and floor:
        members = _members(test, plan.by, dependence)
        for kind, table in (("equal_width", figures.equal_width), ("equal_mass", figures.equal_mass)):
            intervals[kind] = ece_interval(chosen, np.array(table.edges), members, dependence.degrees, plan)
    return _with_intervals(replace(figures, notes=notes), intervals)


def _members(test: AnsweredSimilarities, by: str, dependence: Dependence) -> list[np.ndarray]:
    """The groups that triplets are in: their objects, then participants with other numbers; or sets of three."""
    assert test.objects is not None
    objects = list(test.objects.T.astype(np.int64)) if "objects" in by else []
    people = [] if dependence.people is None else [dependence.people + int(test.objects.max()) + 1]
    return [*objects, *people] if dependence.sets is None else [dependence.sets]


def _means(
    test: AnsweredSimilarities, at_fit: AnsweredSimilarities, unsure: np.ndarray, chosen: Confidences
) -> dict[str, Mean]:
    """The means that can be computed for every kind of answers."""
    pairs: dict[str, np.ndarray | None] = dict.fromkeys(("before", "after", "credit", "brier"))
    if test.totals is not None:
        credit, sure = credits_by_pair(test.choosable, test.ties), chosen.confidence[:, None]
        before, after = (one.max(axis=1, keepdims=True) - one for one in (test.choosable, at_fit.choosable))
        pairs = {"before": before - np.log(unsure)[:, None], "after": after - np.log(sure), "credit": credit,
                 "brier": (sure - credit) ** 2}
    return {
        "cross_entropy_before": Mean(test.losses(1.0, unsure), POSITIVE, pairs["before"]),
        "cross_entropy": Mean(at_fit.losses(1.0, chosen.confidence), POSITIVE, pairs["after"]),
        "accuracy": Mean(chosen.accuracy, FRACTION, pairs["credit"]),
        "score": Mean(chosen.scores, POSITIVE, pairs["brier"]),
    }


def _divergences(test: AnsweredSimilarities, at_fit: AnsweredSimilarities) -> dict[str, Mean]:
    """The means of `Divergences`, in the order of its fields, from the proportions of the answers."""
    assert test.answers is not None
    p = by_pair(test.answers.shares)[:, ::-1]  # in the order of the probabilities
    logs = [log_choice_probabilities(one.choosable, 1.0) for one in (test, at_fit)]
    kl, distance = [kl_of_logs(p, one) for one in logs], [js_distance(p, np.exp(one)) for one in logs]
    return {
        "target_entropy": Mean(entropy(p), POSITIVE),
        "kl_before": Mean(kl[0], POSITIVE), "kl": Mean(kl[-1], POSITIVE),
        "js_distance_before": Mean(distance[0], FURTHEST), "js_distance": Mean(distance[-1], FURTHEST),
    }


def _averages(distances: Mapping[str, Mean], weights: np.ndarray | None) -> Divergences:
    averages: dict[str, Any] = {name: float(np.average(one.values, weights=weights)) for name, one in distances.items()}
    return Divergences(**averages)


def _estimates(figures: HeldOut) -> dict[str, float]:
    brier = figures.equal_mass.brier
    assert brier is not None
    return {
        **vars(figures.test),
        **({} if figures.divergences is None else vars(figures.divergences)),
        "score": brier.score,
    }


def intervals_of_means(
    test: AnsweredSimilarities, means: Mapping[str, Mean], estimates: Mapping[str, float], plan: Resampling,
    dependence: Dependence,
) -> tuple[dict[str, Interval | None], tuple[str, ...]]:
    """The interval of each figure by its name, and notes on them."""
    weights = np.ones(len(test.similarities)) if test.weights is None else test.weights
    table = np.stack([weights, *(weights * one.values for one in means.values())], axis=1)
    errors = dependence.errors(table)
    if test.totals is not None:
        errors = with_single_answers(dependence, errors, _products(test, list(means.values())))
    if not errors.known:
        return {}, (f"held-out figures have no intervals: {without_interval(plan.by, errors.numbers)}",)
    intervals = {name: mean_interval(estimates[name], errors, k, plan, one.within)
             for k, (name, one) in enumerate(means.items())}
    return intervals, notes_on_few(errors.numbers)


def _products(test: AnsweredSimilarities, means: list[Mean]) -> np.ndarray:
    """(1 + k, 1 + k): sums over single answers of the products of 1 and their k values, two by two."""
    assert test.answers is not None and test.totals is not None
    counts = by_pair(test.answers.values)
    if test.own_weights is not None and test.weights is not None:  # an answer's weight is in both factors of a product
        counts = counts * (test.weights / test.totals)[:, None] ** 2
    products = np.zeros((1 + len(means), 1 + len(means)))
    for start in range(0, len(counts), BLOCK):
        rows = slice(start, start + BLOCK)
        for pair, times in enumerate(counts[rows].T):
            columns = (one.values[rows] if one.by_pair is None else one.by_pair[rows, pair] for one in means)
            values = np.stack([np.ones(len(times)), *columns])
            products += np.einsum("t,at,bt->ab", times, values, values)  # not by BLAS, whose sums depend on its threads
    return products


def _with_intervals(figures: HeldOut, intervals: Mapping[str, Interval | None]) -> HeldOut:
    def of(*names: str) -> dict[str, Any]:
        return {f"{name}_ci": intervals.get(name) for name in names}

    def scored(table: Reliability, kind: str) -> Reliability:
        brier = None if table.brier is None else replace(table.brier, **of("score"))
        return replace(table, brier=brier, ece_debiased_ci=intervals.get(kind))

    distances = figures.divergences
    if distances is not None:
        distances = replace(distances, **of("target_entropy", "kl_before", "kl", "js_distance_before", "js_distance"))
    return replace(
        figures,
        test=replace(figures.test, **of("accuracy", "cross_entropy_before", "cross_entropy")),
        divergences=distances,
        equal_width=scored(figures.equal_width, "equal_width"),
        equal_mass=scored(figures.equal_mass, "equal_mass"),
    )
