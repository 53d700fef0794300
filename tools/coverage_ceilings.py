"""Cells of tools/coverage_probabilities.py about Brier scores, bins of agreement, and ceilings of repeated answers.

The lower ceiling depends on how many other answers predict one: its true value is that of as many answers. The estimate
is held against what it estimates, the mean largest probability of all people's choices.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from statistics import NormalDist

import numpy as np
from coverage_worlds import (
    ATTENTION,
    PACKAGE,
    SEEN,
    TEMPERATURE,
    TRUTH,
    UNSEEN,
    Cell,
    Measured,
    apart,
    chances,
    counted,
    drawn,
    people_apart,
    rows,
)

import pyalign
from pyalign.analysis.agreement import Agreement
from pyalign.datasets.simulate import random_triplets

BINS = (2, 4, 6)  # of agreement: of the majority share, 50 to 60, 70 to 80 and 90 to 100 %
OF_BINS = {
    "accuracy": "accuracy", "accuracy, of majority": "majority_accuracy", "p(majority)": "majority_probability",
}  # fmt: skip
CEILINGS = ("lower", "estimate")


@cache
def endless(answers: int, people: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and answers (t, answers), of triplets of objects (and by people) that occur once."""
    return drawn(apart(), np.random.default_rng(7), answers, people_apart(TRUTH, answers) if people else None)


# Brier scores


@cache
def _confidences() -> tuple[np.ndarray, np.ndarray]:
    """(t, 3) similarities of pairs, the best one first, and whether it was chosen, of objects that occur once."""
    x, odd = endless(1, False)
    triplets = rows(apart(), odd)
    s = np.stack([(x[triplets[:, a]] * x[triplets[:, b]]).sum(axis=1) for a, b in ((0, 1), (0, 2), (1, 2))], axis=1)
    return s - s.max(axis=1, keepdims=True), s.argmax(axis=1) == 0


def true_brier(temperature: float) -> float:
    """The Brier score of all objects at a temperature."""
    below, right = _confidences()
    return float(((1.0 / np.exp(below / temperature).sum(axis=1) - right) ** 2).mean())


def brier(n: int, t: int) -> Callable[[np.random.Generator], Measured]:
    """The Brier score of held-out objects, at the temperature that was fitted."""

    def draw(rng: np.random.Generator) -> Measured:
        triplets = random_triplets(n, t, rng)
        x, odd = drawn(triplets, rng)
        found = pyalign.calibrate(
            x, rows(triplets, odd), measure="dot", ci="objects"
        ).only  # fmt: skip
        score = found.equal_mass.brier
        assert score is not None
        yield "Brier score", PACKAGE, score.score_ci, score.score, true_brier(found.temperature)

    return draw


# Bins of agreement


@cache
def true_bins(answers: int, people: bool) -> Agreement:
    """Of all objects (and people), with so many answers to each triplet."""
    x, odd = endless(answers, people)
    return pyalign.agreement(
        x, apart(), answers=counted(odd), measure="dot", temperature=TEMPERATURE, ci=None
    ).only  # fmt: skip


def repeated(n: int, t: int, answers: int, people: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Rows, answered triplets, and who answered; of no triplet twice, and by people who each answer it once."""
    triplets = np.unique(np.sort(random_triplets(n, t, rng), axis=1), axis=0)
    who = np.argsort(rng.random((len(triplets), people)), axis=1)[:, :answers] if people else None
    x, odd = drawn(triplets, rng, answers, who)
    return (x, rows(triplets, odd)) if who is None else (x, rows(triplets, odd), who.ravel())


def binned(n: int, t: int, answers: int, people: int = 0) -> Callable[[np.random.Generator], Measured]:
    """Agreement by how far people agree."""

    def draw(rng: np.random.Generator) -> Measured:
        x, triplets, *subjects = repeated(n, t, answers, people, rng)
        options = {"subjects": subjects[0], "ci": "objects+subjects"} if people else {"ci": "objects"}
        found = pyalign.agreement(x, triplets, measure="dot", temperature=TEMPERATURE, **options).only
        for place in BINS:
            part, truth = found.bins[place], true_bins(answers, bool(people)).bins[place]
            for figure, name in OF_BINS.items():
                quantity = f"{figure}, majority {part.low:.0%} to {part.high:.0%}"
                yield quantity, PACKAGE, getattr(part, f"{name}_ci"), getattr(part, name), getattr(truth, name)

    return draw


# Ceilings


@cache
def true_ceilings(answers: int, people: bool) -> dict[str, float]:
    """The lower ceiling of so many answers, what the estimate estimates, and the accuracy of the model."""
    x, odd = endless(answers, people)
    lower = pyalign.noise_ceiling(apart(), answers=counted(odd)).ceilings.lower.value
    levels = [NormalDist().inv_cdf((k + 0.5) / 40) for k in range(40)] if people else [0.0]
    every = np.random.default_rng(8).normal(size=(3 * TRUTH, SEEN + UNSEEN))
    mean = sum(chances(every, apart(), np.exp(ATTENTION * level)) for level in levels) / len(levels)
    accuracy = pyalign.score(x, rows(apart(), odd), measure="dot", ci=None).only.accuracy
    return {"lower": lower, "estimate": float(mean.max(axis=2).mean()), "accuracy": accuracy}


def ceilings(n: int, t: int, answers: int, people: int = 0) -> Callable[[np.random.Generator], Measured]:
    """The lower ceiling and the estimate, and how far the model has come to each."""

    def draw(rng: np.random.Generator) -> Measured:
        x, triplets, *subjects = repeated(n, t, answers, people, rng)
        who = subjects[0] if people else None
        ceiling, truths = pyalign.noise_ceiling(triplets, subjects=who), true_ceilings(answers, bool(people))
        for name in CEILINGS:
            one = getattr(ceiling.ceilings, name)
            yield f"{name} ceiling", PACKAGE, one.ci, one.value, truths[name]
            score = pyalign.score(
                x, triplets, measure="dot", ceiling=(name, ceiling), subjects=who,
                ci="objects+subjects" if people else "objects",
            ).only  # fmt: skip
            truth = (truths["accuracy"] - 1 / 3) / (truths[name] - 1 / 3)
            yield f"fraction of {name}", PACKAGE, score.fraction_of_ceiling_ci, score.fraction_of_ceiling or 0.0, truth

    return draw


FEW, MANY = "100 objects, 400 triplets with 10 answers", "100 objects, 800 triplets with 10 answers"
CELLS = (
    Cell("brier", "60 objects, 3,000 triplets, Brier score", brier(60, 3_000)),
    Cell("brier", "100 objects, 8,000 triplets, Brier score", brier(100, 8_000)),
    Cell("bins", f"{MANY}, by agreement", binned(100, 800, 10), 0.5),
    Cell("bins", f"{MANY} of 20 people, by agreement", binned(100, 800, 10, 20), 0.3),
    Cell("ceilings", f"{FEW}, ceilings", ceilings(100, 400, 10), 0.5),
    Cell("ceilings", f"{FEW} of 20 people, ceilings", ceilings(100, 400, 10, 20), 0.3),
)
