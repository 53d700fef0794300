"""Scores, wrong objects, probes, concepts and error consistency where people see twelve features, and orders of rows.

A model with wrong objects is as people are but for a few: in many studies there is none. Half of the answers about
orders are about objects of THINGS that the order "raw" moves, half about those of "folders".
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from re import search
from typing import Any

import numpy as np

import pyalign
from pyalign.analysis import notes as order
from pyalign.data import align
from pyalign.datasets.simulate import random_triplets
from pyalign.stats.intervals import quantile
from pyalign.stats.splits import TripletKFold

from . import worlds
from .harness import IDEAL, NAN, Case, Draw, Found, Rng
from .worlds import FEATURES, LAST, STAYS, UNLIKE, People, answered, drawn_triplets, fresh, model, objects, shifted

BOTH = {"accuracy": "accuracy ci", "cross-entropy": "cross_entropy"}


def scored(rng: Rng, n: int, t: int, ci: Any = "objects", how: str = "corrected", each: int = 1,
           people: int = 0, same: bool = False, ways: bool = False) -> Draw:
    """Scores on objects that are drawn anew or stay the same; by people."""
    x = objects(n, np.random.default_rng(STAYS) if same else rng)
    asked, who = drawn_triplets(n, t, rng, each), np.repeat(np.arange(people), t // people) if people else None
    answers = answered(x, asked, rng, *((People.draw(people, rng), who) if people else ()))
    yield from Found.each(pyalign.score(model(x), answers, ci=pyalign.Resampling(ci, how), subjects=who), BOTH)
    if ways:
        yield from others(pyalign.odd_one_out(model(x), answers) == 2, answers, who)


def true_scores(rng: Rng, people: bool = False) -> dict[str, float]:
    """Over all objects (and people)."""
    found = [_of_all(x, triplets) for x, triplets in fresh(rng, people)]
    return {name: float(np.mean([one[name] for one in found])) for name in BOTH}


def _of_all(x: np.ndarray, triplets: np.ndarray) -> dict[str, float]:
    return {one.quantity: one.estimate for one in Found.each(pyalign.score(model(x), triplets, ci=None), BOTH)}


def true_scores_of_same(rng: Rng, n: int, people: bool = False) -> dict[str, float]:
    """Over all triplets (and people) of the same n objects."""
    x, t = objects(n, np.random.default_rng(STAYS)), worlds.TRUTH // 4
    several = People.draw(t, rng) if people else None
    return _of_all(x, answered(x, random_triplets(n, t, rng), rng, several, np.arange(t)))


# Wrong objects, and people who guess in a share of their answers
def of_wrong(triplets: np.ndarray, rng: Rng, wrong: float, lapses: float) -> tuple[Any, np.ndarray]:
    """Rows of new objects as two models have them, and triplets (t, 3) with the odd one last."""
    x = rng.normal(size=(int(triplets.max()) + 1, FEATURES)).astype(np.float32)
    a, b, c = ((x / np.linalg.norm(x, axis=1, keepdims=True))[column] for column in triplets.T)
    odd = np.stack([(b * c).sum(axis=1), (a * c).sum(axis=1), (a * b).sum(axis=1)], axis=1).argmax(axis=1)
    odd = np.where(rng.random(len(odd)) < lapses, rng.integers(0, 3, len(odd)), odd)
    rows = {}
    for name in "ab":
        seen = rng.random(len(x)) < wrong
        rows[name] = np.where(seen[:, None], rng.normal(size=x.shape).astype(np.float32), x)
    return rows, np.take_along_axis(triplets, LAST[odd], axis=1)


def of_errors(rows: Any, triplets: np.ndarray, figure: str, ci: Any) -> Draw:
    """The accuracy of the first model, or the kappa of both."""
    if figure == "accuracy":
        return Found.each(pyalign.score(rows["a"], triplets, ci=ci), {figure: "accuracy ci"})
    return Found.each(pyalign.error_consistency(rows, triplets, ci=ci).pairs[0], {figure: "kappa ci"})


def with_wrong(rng: Rng, n: int, t: int, figure: str, wrong: float, lapses: float = 0.0, ways: bool = False) -> Draw:
    rows, triplets = of_wrong(random_triplets(n, t, rng), rng, wrong, lapses)
    yield from of_errors(rows, triplets, figure, "objects")
    if ways:
        yield from others(pyalign.odd_one_out(rows["a"], triplets) == 2, triplets, None)


@cache
def true_with_wrong(figure: str, wrong: float, lapses: float = 0.0) -> dict[str, float]:
    """Over all objects."""
    rows, triplets = of_wrong(worlds.apart(400_000), np.random.default_rng(1), wrong, lapses)
    each = [{"a": rows["a"]}, {"a": rows["b"]}] if figure == "accuracy" else [rows]
    return {figure: float(np.mean([one.estimate for some in each for one in of_errors(some, triplets, figure, None)]))}


# Probes: what another seed changes, whom figures are of, and intervals
PENALTY, MAPS = 0.02, 150  # maps whose accuracy on new objects, by new people, is the truth
OF_PROBES = {"accuracy": "accuracy accuracy_interval", "gain": "difference difference_interval",
             "zero-shot": "zero_shot_accuracy zero_shot_interval",
             "cross-entropy": "cross_entropy cross_entropy_interval"}


def study(n: int, t: int, people: int, rng: Rng) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Rows of n new objects, t answers, and who of so many unlike people gave them; 0: nobody knows."""
    x, shown, who = objects(n, rng), random_triplets(n, t, rng), np.arange(t) % people if people else None
    return model(x), answered(x, shown, rng, *((People.draw(people, rng, UNLIKE), who) if people else ())), who


def probed(rng: Rng, n: int, t: int, people: int = 0, figures: Any = tuple(OF_PROBES),
           reseeded: bool = True, same: bool = False, **options: Any) -> Draw:
    """Of cross-validations of studies that are drawn anew, or of the same; with another seed each, or the default."""
    x, answers, who = study(n, t, people, np.random.default_rng(3) if same else rng)
    seed = {"seed": int(rng.integers(2**31))} if reseeded else {}
    found = pyalign.cross_validate_probe(x, answers, subjects=who, **seed, **options)
    yield from Found.each(found, {name: OF_PROBES[name] for name in OF_PROBES if name in figures})


def for_new_people(rng: Rng, n: int, t: int, people: int, split: str, folds: int) -> dict[str, float]:
    """How the maps of such folds do on new objects, by new people."""
    accuracies = []
    for _ in range(MAPS):
        x, answers, who = study(n, t, people, rng)
        fold = next(TripletKFold(split, folds).folds(answers, who))
        fit = pyalign.fit_probe(x, answers[fold.train], penalty=PENALTY)
        new, given, _ = study(300, 2_000, 200, rng)
        accuracies.append(pyalign.score(new, given, transform=fit.transform, ci=None).accuracy)
    return {"accuracy": float(np.mean(accuracies))}


# Concepts, of which each is a category that holds all objects, and error consistency
def eight_or_all(x: np.ndarray) -> dict[str, np.ndarray]:
    """Two that know eight features of twelve and are as good as each other, and one that knows all."""
    return {"eight": model(x), "other eight": model(x, shifted(1)), "all": x}


def concept(rng: Rng, n: int, t: int) -> Draw:
    x = objects(n, rng)
    triplets = answered(x, drawn_triplets(n, t, rng), rng)
    found = pyalign.score_concepts(eight_or_all(x), triplets, categories=["all"] * n, ci="objects", min_triplets=t)
    yield from Found.each(found.results[0].concepts[0], {"accuracy": "accuracy ci"})
    yield from Found.each(found.results[2].concepts[0], {"accuracy of the better": "accuracy ci"})
    (equal,) = [one for one in found.differences if {one.embeddings, one.other} == {"eight", "other eight"}]
    yield from Found.each(equal, {"difference": "difference ci"})


def consistent(rng: Rng, n: int, t: int, ci: Any = "objects", how: str = "corrected") -> Draw:
    """Kappa of the two models that know other features."""
    x = objects(n, rng)
    triplets = answered(x, drawn_triplets(n, t, rng), rng)
    yield from of_errors(dict(list(eight_or_all(x).items())[:2]), triplets, "kappa", pyalign.Resampling(ci, how))


@cache
def true_rates() -> dict[str, float]:
    """Over all objects: accuracies of the first and the third of `eight_or_all`, and kappa of the first two."""
    found = []
    for x, triplets in fresh(np.random.default_rng(3), False):
        right = [pyalign.odd_one_out(seen, triplets) == 2 for seen in eight_or_all(x).values()]
        found.append([*(one.mean() for one in right), (right[0] & right[1]).mean()])
    a, b, better, ab = np.mean(found, axis=0).tolist()
    kappa = 2 * (ab - a * b) / (a + b - 2 * a * b)
    return {"accuracy": a, "accuracy of the better": better, "difference": 0.0, "kappa": kappa}


# Orders of rows: people guess, or are of another space, or moved objects have random rows; or rows that predict 56 % as
# they should be are in the order "raw"
def noted(rng: Rng, world: str, t: int) -> Draw:
    """Whether answers, of which each is about an object that one of the orders moves, contradict the order."""
    n = order.THINGS
    moved = [np.flatnonzero(order._standing(name) != np.arange(n)) for name in order.MOVED]
    people, first = rng.normal(size=(n, 8)), np.concatenate([rng.choice(one, t // len(moved)) for one in moved])
    rest = np.stack([(first + rng.integers(1, n // 2, len(first)) * k) % n for k in (1, -1)], axis=1)
    triplets, x = np.column_stack([first, rest]).astype(np.int32), people + rng.normal(size=people.shape)
    if world == "elsewhere":
        x = rng.normal(size=people.shape)
    elif world == "moved":
        every = np.unique(np.concatenate(moved))
        x[every] = rng.normal(size=(len(every), 8))
    answers = np.take_along_axis(triplets, LAST[pyalign.odd_one_out(people, triplets)], axis=1)
    answers = rng.permuted(triplets, axis=1) if world == "guess" else answers
    x = x[order._standing("raw")] if world == "raw" else x
    yield Found("noted", NAN, rejected=bool(order.notes_on_order(align(x, answers), "x")))


# A second opinion on the variance of an accuracy. Both sum what is left of credits over all rows that have a label in
# common: an object, a pair of objects, all three; and people with these. Jackknives leave out each label (MacKinnon et
# al. 2024): their sum, with signs of inclusion and exclusion, is no less than that over sets, or over people, alone.
# Multipliers (Chiang et al. 2023) are normal: those of a mean add up to a normal, so that none is drawn.
OF_WAYS = "accuracy", "jackknife", "multiplier"
KINDS = "score", "people", "wrong objects", "small score", "small few"


def labels(triplets: np.ndarray, who: np.ndarray | None) -> Any:
    """What rows have in common, the sign of each, and the labels (t, k) themselves."""
    one, n = np.sort(triplets, axis=1).astype(np.int64), int(triplets.max()) + 1
    pair = np.stack([one[:, i] * n + one[:, j] for i, j in ((0, 1), (0, 2), (1, 2))], axis=1)
    every = {"object": (1, one), "pair": (-1, pair), "set": (1, (pair[:, :1] * n + one[:, 2:]))}
    for told, (sign, of) in every.items():
        yield told, sign, of
        if who is not None:
            yield f"person and {told}", -sign, of * (int(who.max()) + 1) + who[:, None]
    if who is not None:
        yield "person", 1, who[:, None].astype(np.int64)


def others(right: np.ndarray, triplets: np.ndarray, who: np.ndarray | None) -> Draw:
    """The accuracy with either interval."""
    t, residual = len(right), right - right.mean()
    jackknives, multipliers, least = {}, 0.0, t
    for told, sign, of in labels(triplets, who):
        codes = np.unique(of, return_inverse=True)[1].reshape(of.shape)
        counts, sums = (sum(np.bincount(column, weights, codes.max() + 1) for column in codes.T)
                        for weights in (None, residual))
        n = len(counts)
        jackknives[told] = sign * (n - 1) / n * float(((sums / (t - counts)) ** 2).sum())
        if told in ("object", "person"):
            multipliers, least = multipliers + float((sums**2).sum()) / t**2, min(least, n)
    variance = max(sum(jackknives.values()), jackknives["set"], jackknives.get("person", 0.0))
    for name, value, reach in (("jackknife", variance, quantile(0.95, least - 1)), ("multiplier", multipliers, IDEAL)):
        error, mean = value**0.5, float(right.mean())
        yield Found(name, mean, error, mean - reach * error, mean + reach * error)


def beside(case: Case) -> Case | None:
    """The same draws with a second opinion; None where they are of other figures, or of no new objects."""
    if case.kind not in KINDS or search("bootstrap|pigeonhole|blind|same|only|kappa|500000", case.name):
        return None
    return replace(case, kind="variance", name=f"variance, {case.name}", share=0.2, asked={},
                   draw=lambda rng: (one for one in case.draw(rng, ways=True) if one.quantity in OF_WAYS),
                   truth=lambda rng: dict.fromkeys(OF_WAYS, case.truth(rng)["accuracy"]))
