"""Calibrations, lapse rates, agreement with many people and ceilings, where people choose by a softmax.

True values are those of one draw of so many objects that each is in one triplet; of held-out figures those at the
temperature that was fitted. A model sees some of what people see, so its errors look like guesses, or hide them: true
lapse rates and temperatures are those that fit endless objects best. The true lower ceiling is that of as many answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np

import pyalign
from pyalign.analysis.calibration.calibration_result import equal_width_edges
from pyalign.datasets.simulate import random_triplets

from .harness import NAN, Draw, Found, Rng
from .worlds import APART, ATTENTION, OF_MODEL, SOFTNESS, UNSEEN, apart, counted, drawn, endless, rows, shares

SEEDS = "number", "hundreds", "units", "seed"
BETAS = np.geomspace(0.02, 4.0, 25)  # at which true values are known; between them by a straight line
DOT, NATS = {"measure": "dot"}, {"cross-entropy": "cross_entropy"}
RIGHT = {"accuracy": "accuracy", "accuracy, of majority": "majority_accuracy"}
FIGURES = {"r shares": "share_pearson", "r entropy": "entropy_pearson", "rho entropy": "entropy_spearman", "KL": "kl",
           "JS distance": "js_distance", **RIGHT, "majority share": "majority_share",
           "entropy of people": "human_entropy", "entropy": "model_entropy"}
OF_BINS = RIGHT | {"p(majority)": "majority_probability"}


# Calibrations
def fitted(rng: Rng, n: int, t: int, people: int = 0, guesses: float = 0.0, **options: Any) -> Any:
    """A calibration on new objects (and people)."""
    triplets = random_triplets(n, t, rng)
    who = rng.integers(0, people, (t, 1)) if people else None
    x, odd = drawn(triplets, rng, 1, who, guesses)
    return pyalign.calibrate(x, rows(triplets, odd), **DOT, **over(who), **options).only


def over(who: Any) -> dict[str, Any]:
    return {"ci": "objects"} if who is None else {"ci": "objects+subjects", "subjects": who.ravel()}


@cache
def of_all(seed: int, people: bool, times: int = 4, lapses: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of endless objects, and a triplet of each three (by a person each)."""
    x, odd = endless(seed, 1, people, times * APART, lapses)
    return x, rows(apart(times * APART), odd)


@cache
def true_temperature(people: bool) -> float:
    return pyalign.calibrate(*of_all(1, people), split=None, ci=None, **DOT).temperature


@cache
def true_figures(answers: int, people: bool) -> list[dict[str, float]]:
    """The true values at each of `BETAS`; of one answer to each triplet, or of so many that are counted."""
    x, odd = endless(2, answers, people)
    triplets, options = (apart(), {"answers": counted(odd)}) if answers > 1 else (rows(apart(), odd), {})
    figures, s = [], similarities(x, triplets)
    for beta in BETAS:  # at T = 1 of rows that are scaled by the root
        one = pyalign.calibrate(x * math.sqrt(beta), triplets, split=None, ci=None, **DOT, **options).only
        brier = float(((surest(s, 1.0 / beta) - (s.argmax(axis=1) == 0)) ** 2).mean())
        figures.append({"cross-entropy": one.test.cross_entropy_before, "accuracy": one.test.accuracy,
                        "Brier score": brier})
        if options:
            table = pyalign.agreement(x, triplets, temperature=1.0 / beta, ci=None, **DOT, **options)
            figures[-1] |= {"KL": table.kl or NAN, "JS distance": table.js_distance}
    return figures


def similarities(x: np.ndarray, triplets: np.ndarray) -> np.ndarray:
    """(t, 3) of pairs, the chosen one first."""
    a, b, c = (x[column] for column in triplets.T)
    return np.stack([(a * b).sum(axis=1), (a * c).sum(axis=1), (b * c).sum(axis=1)], axis=1)


def surest(s: np.ndarray, temperature: float) -> np.ndarray:
    """The probability of the likeliest choice."""
    return 1.0 / np.exp((s - s.max(axis=1, keepdims=True)) / temperature).sum(axis=1)


def true_ece(temperature: float, people: bool) -> float:
    """In ten bins of equal width. It has an edge where it is least, so that no line between two values does."""
    s = similarities(*of_all(1, people))
    sure = surest(s, temperature)
    gaps = np.bincount(np.searchsorted(equal_width_edges(10), sure), sure - (s[:, 0] == s.max(axis=1)))
    return float(np.abs(gaps).sum() / len(s))


def at(temperature: float, answers: int = 1, people: bool = False) -> Callable[[str], float]:
    """True values at a temperature."""
    return lambda name: float(np.interp(
        math.log(1.0 / temperature), np.log(BETAS), [one[name] for one in true_figures(answers, people)]))


def calibrated(rng: Rng, n: int, t: int, people: int = 0) -> Draw:
    """The temperature, and held-out figures."""
    found, who = fitted(rng, n, t, people), bool(people)
    truth, ece = at(found.temperature, people=who), true_ece(found.temperature, who)
    yield from Found.each(found, {"T": "temperature"}, true_temperature(who))
    yield from Found.each(found.test, NATS | {"accuracy": "accuracy"}, truth)
    yield from Found.each(found.equal_width, {"ECE": "ece_debiased"}, ece)
    yield from Found.each(found.equal_mass.brier, {"Brier score": "score"}, truth)


def counts(rng: Rng, n: int, t: int, answers: int) -> Draw:
    """Divergences of a calibration on counts of answers to held-out objects."""
    triplets = random_triplets(n, t, rng)
    x, odd = drawn(triplets, rng, answers)
    found = pyalign.calibrate(x, triplets, answers=counted(odd), **DOT).only
    yield from Found.each(found.test, NATS, at(found.temperature, answers))
    yield from Found.each(found.divergences, {"KL": "kl", "JS distance": "js_distance"}, at(found.temperature, answers))


# Lapses
@cache
def true_fit(lapses: float, people: bool) -> Any:
    """The lapse rate and the temperature of all objects (and people)."""
    return pyalign.calibrate(*of_all(6, people, 20, lapses), split=None, ci=None, lapses=True, **DOT).only.lapses


@cache
def of_answers(lapses: float) -> tuple[np.ndarray, np.ndarray]:
    """(t, 3) similarities of the pairs without each item, of endless objects, and how often it is called odd."""
    x, triplets = np.random.default_rng(6).normal(size=(12 * APART, OF_MODEL + UNSEEN)), apart(4 * APART)
    p = (1.0 - lapses) * shares(x, triplets)[:, 0] + lapses / 3.0
    return similarities(x[:, :OF_MODEL], triplets)[:, ::-1], p


def true_loss(lapses: float, temperature: float, rate: float) -> float:
    """Nats per answer at a temperature and a lapse rate. From answers that are drawn, gains would be off by half."""
    s, p = of_answers(lapses)
    q = np.exp((s - s.max(axis=1, keepdims=True)) / temperature)
    return -float((p * np.log((1.0 - rate) * q / q.sum(axis=1, keepdims=True) + rate / 3.0)).sum(axis=1).mean())


def lapse_rates(rng: Rng, n: int, t: int, lapses: float, people: int = 0) -> Draw:
    """The rate, and the temperature with it and without."""
    found = fitted(rng, n, t, people, lapses, split=None, lapses=True)
    true, known = true_fit(lapses, bool(people)), found.lapses
    yield Found.of("lapse rate", (known or true).rate, known and known.rate.ci, true.rate)
    yield Found.of("T", (known or true).temperature, known and known.temperature.ci, true.temperature)
    yield Found.of("T without lapses", found.temperature, found.temperature.ci, true.temperature)


def gains(rng: Rng, n: int, t: int, lapses: float) -> Draw:
    """What lapses bring on held-out objects, at the rate and the temperatures that were fitted."""
    found = fitted(rng, n, t, 0, lapses, lapses=True)
    true = true_loss(lapses, found.lapses.temperature, found.lapses.rate)
    yield from Found.each(found.lapses, {"cross-entropy with lapses": "cross_entropy"}, true)
    yield from Found.each(found.lapses, {"gain": "gain"}, true_loss(lapses, found.temperature, 0.0) - true)


# Agreement with many people, and ceilings of repeated answers
def repeated(rng: Rng, n: int, t: int, answers: int, people: int) -> tuple[np.ndarray, Any, Any]:
    """Rows, answered triplets, of which none twice, and who answered: people who answer each of them once."""
    triplets = np.unique(np.sort(random_triplets(n, t, rng), axis=1), axis=0)
    who = np.argsort(rng.random((len(triplets), people)), axis=1)[:, :answers] if people else None
    x, odd = drawn(triplets, rng, answers, who)
    return x, rows(triplets, odd), over(who)


@cache
def true_agreement(seed: int, answers: int, people: bool) -> Any:
    """Of all objects (and people), with so many answers to each triplet."""
    x, odd = endless(seed, answers, people)
    return pyalign.agreement(x, apart(), answers=counted(odd), temperature=SOFTNESS, ci=None, **DOT).only


def agreed(rng: Rng, n: int, t: int, answers: int, people: int = 0, bins: bool = False) -> Draw:
    """Agreement with many people, or with so many, each of whom answers as many triplets; or by the majority share."""
    x, triplets, options = repeated(rng, n, t, answers, people)
    found = pyalign.agreement(x, triplets, temperature=SOFTNESS, **DOT, **options).only
    true = true_agreement(7 if bins else 3, answers, bool(people))
    parts = [("", found, true, {name: of for name, of in FIGURES.items() if name != "entropy" or not people})]
    if bins:  # of 50 to 60, 70 to 80, 90 to 100 %
        parts = [(f", majority {part.low:.0%} to {part.high:.0%}", part, of_part, OF_BINS)
                 for part, of_part in zip(found.bins[2::2], true.bins[2::2], strict=True)]
    for told, part, of_part, names in parts:
        for name, figure in names.items():
            yield from Found.each(part, {name + told: figure}, getattr(of_part, figure))


@cache
def true_ceilings(answers: int, people: bool) -> dict[str, float]:
    """The lower ceiling of so many answers, what the estimate estimates, and the accuracy of the model."""
    x, odd = endless(7, answers, people)
    lower = pyalign.noise_ceiling(apart(), answers=counted(odd)).ceilings.lower.value
    levels = [NormalDist().inv_cdf((k + 0.5) / 40) for k in range(40)] if people else [0.0]
    every = np.random.default_rng(8).normal(size=(3 * APART, OF_MODEL + UNSEEN))
    mean = sum(shares(every, apart(), np.exp(ATTENTION * level)) for level in levels) / len(levels)
    accuracy = pyalign.score(x, rows(apart(), odd), ci=None, **DOT).only.accuracy
    return {"lower": lower, "estimate": float(mean.max(axis=2).mean()), "accuracy": accuracy}


def ceilings(rng: Rng, n: int, t: int, answers: int, people: int = 0, upper: bool = False) -> Draw:
    """Ceilings of the same answers, and how far the model has come to each; the upper one is their majority share."""
    x, triplets, options = repeated(rng, n, t, answers, people)
    agreement = true_agreement(3, answers, bool(people)) if upper else None
    truths = true_ceilings(answers, bool(people)) if agreement is None else {
        "upper": agreement.majority_share, "accuracy": agreement.accuracy}
    found = pyalign.noise_ceiling(triplets, subjects=options.get("subjects"))
    for name in list(truths)[:-1]:
        yield from Found.each(getattr(found.ceilings, name), {f"{name} ceiling": "value ci"}, truths[name])
        score = pyalign.score(x, triplets, ceiling=(name, found), **DOT, **options).only
        truth = (truths["accuracy"] - 1 / 3) / (truths[name] - 1 / 3)
        yield Found.of(f"fraction of {name}", score.fraction_of_ceiling or 0.0, score.fraction_of_ceiling.ci, truth)
