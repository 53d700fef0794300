"""Calibrations, lapse rates, agreement with many people and ceilings, where people choose by a softmax.

True values are those of one draw of so many objects that each is in one triplet; of held-out figures those at the
temperature that was fitted. A model sees some of what people see, so its errors look like guesses, or hide them: true
lapse rates and temperatures are those that fit best for endless objects, not those that people were given. The lower
ceiling depends on how many other answers predict one: its true value is that of as many answers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from statistics import NormalDist
from typing import Any
from zlib import crc32

import numpy as np

import pyalign
from pyalign.analysis.calibration.calibration_result import equal_width_edges
from pyalign.datasets.simulate import random_triplets

from .harness import NAN, Case, Found
from .worlds import APART, ATTENTION, OF_MODEL, SOFTNESS, UNSEEN, apart, counted, drawn, endless, rows, shares

BETAS = np.geomspace(0.02, 4.0, 25)  # at which true values are known; between them by a straight line
DOT, MAJORITY, NATS = {"measure": "dot"}, "majority_accuracy", {"cross-entropy": "cross_entropy"}
FIGURES = {
    "r shares": "share_pearson", "r entropy": "entropy_pearson", "rho entropy": "entropy_spearman", "KL": "kl",
    "JS distance": "js_distance", "accuracy": "accuracy", "accuracy, of majority": MAJORITY,
    "majority share": "majority_share", "entropy of people": "human_entropy", "entropy": "model_entropy",
}
OF_BINS = {"accuracy": "accuracy", "accuracy, of majority": MAJORITY, "p(majority)": "majority_probability"}


# Calibrations
def fitted(rng: np.random.Generator, n: int, t: int, people: int = 0, guesses: float = 0.0, **options: Any) -> Any:
    """A calibration on new objects (and people)."""
    triplets = random_triplets(n, t, rng)
    who = rng.integers(0, people, (t, 1)) if people else None
    x, odd = drawn(triplets, rng, 1, who, guesses)
    over = {"ci": "objects+subjects", "subjects": who.ravel()} if people else {"ci": "objects"}
    return pyalign.calibrate(x, rows(triplets, odd), **DOT, **over, **options).only


@cache
def true_temperature(people: bool) -> float:
    x, odd = endless(1, 1, people, 4 * APART)
    return pyalign.calibrate(x, rows(apart(4 * APART), odd), split=None, ci=None, **DOT).temperature


@cache
def true_figures(answers: int, people: bool) -> list[dict[str, float]]:
    """The true values at each of `BETAS`; of one answer to each triplet, or of so many that are counted."""
    x, odd = endless(2, answers, people)
    triplets, options = (apart(), {"answers": counted(odd)}) if answers > 1 else (rows(apart(), odd), {})
    figures, s = [], similarities(x, triplets)
    for beta in BETAS:  # at T = 1 of rows that are scaled by the root
        one = pyalign.calibrate(x * math.sqrt(beta), triplets, split=None, ci=None, **DOT, **options).only
        sure = 1.0 / np.exp(beta * (s - s.max(axis=1, keepdims=True))).sum(axis=1)
        figures.append({
            "cross-entropy": one.test.cross_entropy_before, "accuracy": one.test.accuracy,
            "Brier score": float(((sure - (s.argmax(axis=1) == 0)) ** 2).mean()),
        })
        if options:
            table = pyalign.agreement(x, triplets, temperature=1.0 / beta, ci=None, **DOT, **options)
            figures[-1] |= {"KL": table.kl or NAN, "JS distance": table.js_distance}
    return figures


@cache
def _apart(people: bool) -> np.ndarray:
    x, odd = endless(1, 1, people, 4 * APART)
    return similarities(x, rows(apart(4 * APART), odd))


def true_ece(temperature: float, people: bool) -> float:
    """In ten bins of equal width. It has an edge where it is least, so that no line between two values does."""
    s = _apart(people)
    best = s.max(axis=1, keepdims=True)
    sure = 1.0 / np.exp((s - best) / temperature).sum(axis=1)
    gaps = np.bincount(np.searchsorted(equal_width_edges(10), sure), sure - (s[:, 0] == best[:, 0]))
    return float(np.abs(gaps).sum() / len(s))


def at(name: str, temperature: float, answers: int = 1, people: bool = False) -> float:
    """A true value at a temperature."""
    known = [one[name] for one in true_figures(answers, people)]
    return float(np.interp(math.log(1.0 / temperature), np.log(BETAS), known))


def of(found: Any, truth: Any, **names: str) -> Iterator[Found]:
    """Figures of a result with their intervals, by the names that rows give them."""
    for told, name in names.items():
        yield Found.of(told, getattr(found, name), getattr(found, f"{name}_ci"), truth(told))


def calibrated(rng: np.random.Generator, n: int, t: int, people: int = 0) -> Iterator[Found]:
    """The temperature, and held-out figures."""
    found, who = fitted(rng, n, t, people), bool(people)

    def truth(told: str) -> float:
        return at(told, found.temperature, people=who)

    yield from of(found, lambda told: true_temperature(who), T="temperature")
    yield from of(found.test, truth, **NATS, accuracy="accuracy")
    yield from of(found.equal_width, lambda told: true_ece(found.temperature, who), ECE="ece_debiased")
    yield from of(found.equal_mass.brier, truth, **{"Brier score": "score"})


def counts(rng: np.random.Generator, n: int, t: int, answers: int) -> Iterator[Found]:
    """Divergences of a calibration on counts of answers to held-out objects."""
    triplets = random_triplets(n, t, rng)
    x, odd = drawn(triplets, rng, answers)
    found = pyalign.calibrate(x, triplets, answers=counted(odd), **DOT).only

    def truth(told: str) -> float:
        return at(told, found.temperature, answers)

    yield from of(found.test, truth, **NATS)
    yield from of(found.divergences, truth, **{"KL": "kl", "JS distance": "js_distance"})


def similarities(x: np.ndarray, triplets: np.ndarray) -> np.ndarray:
    """(t, 3) of pairs, the chosen one first."""
    a, b, c = (x[column] for column in triplets.T)
    return np.stack([(a * b).sum(axis=1), (a * c).sum(axis=1), (b * c).sum(axis=1)], axis=1)


# Lapses
@cache
def true_fit(lapses: float, people: bool) -> Any:
    """The lapse rate and the temperature of all objects (and people)."""
    x, odd = endless(6, 1, people, 20 * APART, lapses)
    return pyalign.calibrate(x, rows(apart(20 * APART), odd), split=None, ci=None, lapses=True, **DOT).only.lapses


@cache
def _lapsing(lapses: float) -> np.ndarray:
    x, odd = endless(6, 1, False, 20 * APART, lapses)
    return similarities(x, rows(apart(20 * APART), odd)[:APART])


def true_loss(lapses: float, temperature: float, rate: float) -> float:
    """Nats per answer of all objects, at a temperature and a lapse rate."""
    s = _lapsing(lapses) / temperature
    p = np.exp(s - s.max(axis=1, keepdims=True))
    return -float(np.log((1.0 - rate) * p[:, 0] / p.sum(axis=1) + rate / 3.0).mean())


def lapse_rates(rng: np.random.Generator, n: int, t: int, lapses: float, people: int = 0) -> Iterator[Found]:
    """The rate, and the temperature with it and without."""
    found = fitted(rng, n, t, people, lapses, split=None, lapses=True)
    true, known = true_fit(lapses, bool(people)), found.lapses
    yield Found.of("lapse rate", (known or true).rate, known and known.rate.ci, true.rate)
    yield Found.of("T", (known or true).temperature, known and known.temperature.ci, true.temperature)
    yield Found.of("T without lapses", found.temperature, found.temperature.ci, true.temperature)


def gains(rng: np.random.Generator, n: int, t: int, lapses: float) -> Iterator[Found]:
    """What lapses bring on held-out objects, at the rate and the temperatures that were fitted."""
    found = fitted(rng, n, t, 0, lapses, lapses=True)
    true = true_loss(lapses, found.lapses.temperature, found.lapses.rate)
    yield from of(found.lapses, lambda told: true, **{"cross-entropy with lapses": "cross_entropy"})
    yield from of(found.lapses, lambda told: true_loss(lapses, found.temperature, 0.0) - true, gain="gain")


# Agreement with many people, and ceilings of repeated answers
def repeated(rng: np.random.Generator, n: int, t: int, answers: int, people: int) -> tuple[np.ndarray, Any, Any]:
    """Rows, answered triplets, of which none twice, and who answered: people who answer each of them once."""
    triplets = np.unique(np.sort(random_triplets(n, t, rng), axis=1), axis=0)
    who = np.argsort(rng.random((len(triplets), people)), axis=1)[:, :answers] if people else None
    x, odd = drawn(triplets, rng, answers, who)
    over = {"subjects": who.ravel(), "ci": "objects+subjects"} if people else {"ci": "objects"}
    return x, rows(triplets, odd), over


@cache
def true_agreement(seed: int, answers: int, people: bool) -> Any:
    """Of all objects (and people), with so many answers to each triplet."""
    x, odd = endless(seed, answers, people)
    return pyalign.agreement(x, apart(), answers=counted(odd), temperature=SOFTNESS, ci=None, **DOT).only


def agreed(rng: np.random.Generator, n: int, t: int, answers: int, people: int = 0, bins: bool = False
           ) -> Iterator[Found]:
    """Agreement with many people, or with so many, each of whom answers as many triplets; or by the majority share."""
    x, triplets, over = repeated(rng, n, t, answers, people)
    found = pyalign.agreement(x, triplets, temperature=SOFTNESS, **DOT, **over).only
    truth = true_agreement(7 if bins else 3, answers, bool(people))
    if not bins:
        names = {told: name for told, name in FIGURES.items() if told != "entropy" or not people}  # no matter to it
        yield from of(found, lambda told: getattr(truth, FIGURES[told]), **names)
        return
    for part, true in zip(found.bins[2::2], truth.bins[2::2], strict=True):  # of 50 to 60, 70 to 80, 90 to 100 %
        names = {f"{told}, majority {part.low:.0%} to {part.high:.0%}": name for told, name in OF_BINS.items()}
        yield from of(part, lambda told, names=names, true=true: getattr(true, names[told]), **names)


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


def ceilings(rng: np.random.Generator, n: int, t: int, answers: int, people: int = 0, upper: bool = False
             ) -> Iterator[Found]:
    """Ceilings of the same answers, and how far the model has come to each; the upper one is their majority share."""
    x, triplets, over = repeated(rng, n, t, answers, people)
    if upper:
        of_all = true_agreement(3, answers, bool(people))
        truths = {"upper": of_all.majority_share, "accuracy": of_all.accuracy}
    else:
        truths = true_ceilings(answers, bool(people))
    found = pyalign.noise_ceiling(triplets, subjects=over.get("subjects"))
    for name in list(truths)[:-1]:
        one = getattr(found.ceilings, name)
        yield Found.of(f"{name} ceiling", one.value, one.ci, truths[name])
        score = pyalign.score(x, triplets, ceiling=(name, found), **DOT, **over).only
        truth = (truths["accuracy"] - 1 / 3) / (truths[name] - 1 / 3)
        yield Found.of(f"fraction of {name}", score.fraction_of_ceiling or 0.0, score.fraction_of_ceiling.ci, truth)


def case(kind: str, name: str, share: float, draw: Any, *args: Any, most: float = 0.97, asked: Any = (), **more: Any
         ) -> Case:
    """With intervals that hold at least 92 % of the time, and at most so often, but for quantities that `asked` has."""
    people = re.search(r"(\d+) people", name)
    more |= {"people": int(people[1])} if people else {}
    told = f"calibration, {name}" if kind == "calibration" else name  # names of other kinds are their own
    return Case(kind, told, "objects and people" if people else "objects", lambda rng: draw(rng, *args, **more),
                asked={"": (0.92, most)} | dict(asked), share=share, number=crc32(name.encode()),
                seeds=lambda seed, number, k: [*([seed] if seed else []), number, k // 100, k % 100])


def cases() -> Iterator[Case]:
    for n, t, told, share in ((60, 600, "", 1.0), (60, 2_000, "", 1.0), (60, 20_000, "", 1.0), (100, 6_000, "", 0.5),
                              (100, 6_000, ", 20 people", 0.5)):
        yield case("calibration", f"{n} objects, {t:,} triplets{told}", share, calibrated, n, t, most=1.0)
    yield case("calibration", "100 objects, 2,000 triplets with 10 answers", 0.5, counts, 100, 2_000, 10)
    for n, t, told, share in ((60, 2_000, "", 1.0), (100, 6_000, "", 1.0), (300, 12_000, ", 40 people", 0.5)):
        for lapses in (0.0, 0.05, 0.15):  # near 0 the interval of a rate is cut
            yield case("lapses", f"{n} objects, {t:,} triplets{told}, {lapses:.0%} lapses", share, lapse_rates, n, t,
                       lapses=lapses, most=1.0, asked={"T without lapses": (NAN, NAN)})
    yield case("lapses", "200 objects, 40,000 triplets, held out, 15% lapses", 0.5, gains, 200, 40_000, 0.15)
    split = {f"{figure}, majority 50% to 60%": (0.92, 1.0) for figure in OF_BINS}
    for told, share in (("", 0.5), (" of 20 people", 0.3)):
        few, many = (f"100 objects, {t} triplets with 10 answers{told}" for t in (400, 800))
        yield case("agreement", few, share, agreed, 100, 400, 10)
        yield case("bins", f"{many}, by agreement", share, agreed, 100, 800, 10, bins=True, asked=split if told else ())
        yield case("fraction", few.replace("10 ", "5 "), 0.3, ceilings, 100, 400, 5, upper=True)
        yield case("ceilings", f"{few}, ceilings", share, ceilings, 100, 400, 10)
    for n, t, k, told in ((9, 80, 20, ""), (30, 200, 20, ""), (30, 200, 4, " of 5 people"), (1_854, 1_000, 5, "")):
        name = f"{n:,} objects, {t:,} triplets with {k} answers{told}, ceilings"
        five = {"fraction of lower": (NAN, NAN)} if told else ()  # s.e. too small: the page says so
        yield case("ceilings", name, 0.3, ceilings, n, t, k, most=1.0, asked=five)


CASES = list(cases())
