"""Scores, wrong objects, probes, concepts and error consistency where people see twelve features, and orders of rows.

Penalties of probes are given, but where a case says that they are chosen: choosing takes twenty times as long. A model
with wrong objects is as people are but for a few of which it saw other pictures: in many studies there is none. Half of
the answers about orders are about objects of THINGS that the order "raw" moves, half about those of "folders".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from itertools import product
from typing import Any
from zlib import crc32

import numpy as np

import pyalign
from pyalign.analysis import notes as order
from pyalign.data import align
from pyalign.datasets.simulate import random_triplets
from pyalign.stats.splits import TripletKFold

from . import worlds
from .harness import NAN, NOMINAL, Case, Found
from .variance import others
from .worlds import FEATURES, LAST, STAYS, UNLIKE, People, answered, drawn_triplets, fresh, model, objects, shifted

BOTH = {"accuracy": NOMINAL, "cross-entropy": NOMINAL}


def both(found: Any) -> Iterator[Found]:
    yield Found.of("accuracy", found.accuracy, found.ci)
    yield Found.of("cross-entropy", found.cross_entropy, found.cross_entropy.ci)


def scored(rng: np.random.Generator, n: int, t: int, ci: Any = "objects", each: int = 1, people: int = 0,
           same: bool = False, ways: bool = False) -> Iterator[Found]:
    """Scores on objects that are drawn anew or stay the same; by people."""
    x = objects(n, np.random.default_rng(STAYS) if same else rng)
    asked, who = drawn_triplets(n, t, rng, each), np.repeat(np.arange(people), t // people) if people else None
    answers = answered(x, asked, rng, *((People.draw(people, rng), who) if people else ()))
    yield from both(pyalign.score(model(x), answers, ci=ci, subjects=who))
    if ways:
        yield from others(pyalign.odd_one_out(model(x), answers) == 2, answers, who)


def true_scores(rng: np.random.Generator, people: bool = False) -> dict[str, float]:
    """Over all objects (and people)."""
    found = [pyalign.score(model(x), triplets, ci=None) for x, triplets in fresh(rng, people)]
    return {name: float(np.mean([getattr(one, name.replace("-", "_")) for one in found])) for name in BOTH}


def true_scores_of_same(rng: np.random.Generator, n: int, people: bool) -> dict[str, float]:
    """Over all triplets (and people) of the same n objects."""
    x, t = objects(n, np.random.default_rng(STAYS)), worlds.TRUTH // 4
    several = People.draw(t, rng) if people else None
    answers = answered(x, random_triplets(n, t, rng), rng, several, np.arange(t))
    return {one.quantity: one.estimate for one in both(pyalign.score(model(x), answers, ci=None))}


def score_cases() -> Iterator[Case]:
    for n, t, each, share in (
        (20, 300, 1, 2.0), (30, 1_000, 1, 2.0), (50, 500, 1, 2.0), (50, 0, 1, 1.0), (100, 1_500, 1, 2.0),
        (100, 20_000, 1, 1.0), (200, 20_000, 20, 1.0), (400, 20_000, 1, 1.0), (1_854, 20_000, 1, 1.0),
        (1_854, 20_000, 20, 1.0), (1_854, 500_000, 1, 0.3),
    ):
        name = f"score n={n} t={t or 'all'}" + (f" x{each}" if each > 1 else "")
        yield Case("score", name, "objects", partial(scored, n=n, t=t, each=each), true_scores,
                   BOTH if n > 30 else {}, share)
    for how, n, t in (("pigeonhole", 100, 1_500), ("bootstrap", 100, 1_500), ("bootstrap", 400, 20_000)):
        draw = partial(scored, n=n, t=t, ci=pyalign.Resampling("objects", how))
        yield Case("score", f"{how} n={n}", f"objects, {how}", draw, true_scores,
                   BOTH if how == "bootstrap" else {}, 0.5)
    every, same = partial(true_scores, people=True), partial(scored, n=300, t=3_000, ci="triplets", same=True)
    yield Case("score", "blind to objects", "triplets", partial(scored, n=100, t=20_000, ci="triplets"), true_scores,
               {}, 0.5)
    yield Case("score", "the same objects", "triplets", same, partial(true_scores_of_same, n=300, people=False), BOTH)
    for n, people, each in ((50, 50, 60), (200, 60, 100), (200, 200, 25), (1_854, 264, 482)):
        draw = partial(scored, n=n, t=people * each, ci="objects+subjects", people=people)
        yield Case("people", f"people n={n} p={people}", "objects and people", draw, every, BOTH,
                   0.3 if n > 1000 else 1.0)
    few = partial(scored, n=200, t=6_000, people=60)
    for over in ("objects", "subjects"):
        yield Case("people", f"only over {over}", over, partial(few, ci=over), every, {}, 0.5)
    yield Case("people", "the same objects, other people", "subjects", partial(few, ci="subjects", same=True),
               partial(true_scores_of_same, n=200, people=True), BOTH)


# Wrong objects, and people who guess in a share of their answers
def of_wrong(triplets: np.ndarray, rng: np.random.Generator, wrong: float, lapses: float) -> tuple[Any, np.ndarray]:
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


def of_errors(rows: Any, triplets: np.ndarray, figure: str, ci: Any) -> Iterator[Found]:
    """The accuracy of the first model, or the kappa of both."""
    if figure == "accuracy":
        found = pyalign.score(rows["a"], triplets, ci=ci)
        yield Found.of(figure, found.accuracy, found.ci)
    else:
        pair = pyalign.error_consistency(rows, triplets, ci=ci).pairs[0]
        yield Found.of(figure, pair.kappa, pair.ci)


def with_wrong(rng: np.random.Generator, n: int, t: int, figure: str, ways: bool = False, **world: float
               ) -> Iterator[Found]:
    rows, triplets = of_wrong(random_triplets(n, t, rng), rng, **world)
    yield from of_errors(rows, triplets, figure, "objects")
    if ways:
        yield from others(pyalign.odd_one_out(rows["a"], triplets) == 2, triplets, None)


@cache
def true_with_wrong(figure: str, wrong: float, lapses: float) -> dict[str, float]:
    """Over all objects."""
    rows, triplets = of_wrong(worlds.apart(400_000), np.random.default_rng(1), wrong, lapses)
    each = [{"a": rows["a"]}, {"a": rows["b"]}] if figure == "accuracy" else [rows]
    return {figure: float(np.mean([one.estimate for some in each for one in of_errors(some, triplets, figure, None)]))}


def wrong_cases() -> Iterator[Case]:
    for figure, n, t, wrong, lapses in (("accuracy", 30, 300, 0.03, 0.0), ("accuracy", 100, 2_000, 0.01, 0.0),
                                        ("accuracy", 60, 2_000, 0.03, 0.15), ("kappa", 100, 2_000, 0.02, 0.15)):
        world = f"{n} objects, {t:,} triplets, {wrong:.0%} wrong" + (f", {lapses:.0%} lapses" if lapses else "")
        yield Case("wrong objects", f"{figure}, {world}", "objects",
                   partial(with_wrong, n=n, t=t, figure=figure, wrong=wrong, lapses=lapses),
                   lambda rng, args=(figure, wrong, lapses): true_with_wrong(*args), {figure: (0.92, 1.0)},
                   number=crc32(f"{figure} {world}".encode()))


# Probes: what another seed changes, whom figures are of, and intervals
PENALTY, MAPS = 0.02, 150  # maps whose accuracy on new objects, by new people, is the truth
OF_PROBES = {"accuracy": ("accuracy", "accuracy"), "gain": ("difference", "difference"),
             "zero-shot": ("zero_shot_accuracy", "zero_shot"), "cross-entropy": ("cross_entropy", "cross_entropy")}


def study(n: int, t: int, people: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Rows of n new objects, t answers, and who of so many unlike people gave them; 0: nobody knows."""
    x, shown, who = objects(n, rng), random_triplets(n, t, rng), np.arange(t) % people if people else None
    return model(x), answered(x, shown, rng, *((People.draw(people, rng, UNLIKE), who) if people else ())), who


def probed(rng: np.random.Generator, n: int, t: int, people: int = 0, figures: Any = tuple(OF_PROBES),
           reseeded: bool = True, same: bool = False, **options: Any) -> Iterator[Found]:
    """Of cross-validations of studies that are drawn anew, or of the same; with another seed each, or the default."""
    x, answers, who = study(n, t, people, np.random.default_rng(3) if same else rng)
    seed = {"seed": int(rng.integers(2**31))} if reseeded else {}
    found = pyalign.cross_validate_probe(x, answers, subjects=who, **seed, **options)
    for name, (value, stem) in OF_PROBES.items():
        if name in figures:
            yield Found.of(name, getattr(found, value), getattr(found, f"{stem}_interval"))


def for_new_people(rng: np.random.Generator, n: int, t: int, people: int, split: str, folds: int) -> dict[str, float]:
    """How the maps of such folds do on new objects, by new people."""
    accuracies = []
    for _ in range(MAPS):
        x, answers, who = study(n, t, people, rng)
        fold = next(TripletKFold(split, folds).folds(answers, who))
        fit = pyalign.fit_probe(x, answers[fold.train], penalty=PENALTY)
        new, given, _ = study(300, 2_000, 200, rng)
        accuracies.append(pyalign.score(new, given, transform=fit.transform, ci=None).accuracy)
    return {"accuracy": float(np.mean(accuracies))}


def probe_cases() -> Iterator[Case]:
    few, two = {"n": 60, "t": 3_000}, {"figures": ("accuracy", "gain")}
    for repeats in (1, 4):
        yield Case("probe", f"one study, other seeds, {repeats} x 3 folds", "objects",
                   partial(probed, same=True, repeats=repeats, **few, **two), share=0.03, centered=True)
    yield Case("probe", "4 x 3 folds n=90", "objects", partial(probed, n=90, t=9_000, penalties=PENALTY),
               asked=dict.fromkeys(OF_PROBES, NOMINAL), centered=True)
    for split, over in (("objects", "objects"), ("objects+subjects", "objects and people")):
        options = few | {"people": 5, "split": split, "folds": 2}
        yield Case("probe", f"4 x 2 folds over {over}, for new people", over,
                   partial(probed, figures=("accuracy",), penalties=PENALTY, **options),
                   partial(for_new_people, **options), {"accuracy": (0.92, 1.0)} if "people" in over else {}, 0.5)
    once = partial(probed, figures=(*BOTH,), reseeded=False)  # over the folds of the default
    for n, t in ((90, 9_000), (240, 20_000)):
        yield Case("probe", f"probe n={n}", "objects", partial(once, n=n, t=t), asked=BOTH, share=0.3, centered=True)
    for over, ci in (("objects and people", "objects+subjects"), ("objects", "objects")):
        yield Case("probe", f"probe n=90 p=8 over {over}", over,
                   partial(once, n=90, t=9_000, people=8, ci=ci, penalties=PENALTY),
                   asked=BOTH if "people" in over else {}, share=0.5, centered=True)


# Concepts, of which each is a category that holds all objects, and error consistency
def eight_or_all(x: np.ndarray) -> dict[str, np.ndarray]:
    """Two that know eight features of twelve and are as good as each other, and one that knows all."""
    return {"eight": model(x), "other eight": model(x, shifted(1)), "all": x}


def concept(rng: np.random.Generator, n: int, t: int) -> Iterator[Found]:
    x = objects(n, rng)
    triplets = answered(x, drawn_triplets(n, t, rng), rng)
    found = pyalign.score_concepts(eight_or_all(x), triplets, categories=["all"] * n, ci="objects", min_triplets=t)
    for name, one in (("accuracy", found.results[0]), ("accuracy of the better", found.results[2])):
        yield Found.of(name, one.concepts[0].accuracy, one.concepts[0].ci)
    (equal,) = [one for one in found.differences if {one.embeddings, one.other} == {"eight", "other eight"}]
    yield Found.of("difference", equal.difference, equal.ci)


def consistent(rng: np.random.Generator, n: int, t: int, ci: Any) -> Iterator[Found]:
    """Kappa of the two models that know other features."""
    x = objects(n, rng)
    triplets = answered(x, drawn_triplets(n, t, rng), rng)
    yield from of_errors(dict(list(eight_or_all(x).items())[:2]), triplets, "kappa", ci)


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


def concept_cases() -> Iterator[Case]:
    for n, t in ((10, 30), (20, 30), (60, 30), (20, 60), (10, 100), (20, 100), (60, 100), (10, 300), (20, 300)):
        yield Case("concepts", f"concept n={n} t={t}", "objects", partial(concept, n=n, t=t), lambda rng: true_rates(),
                   {"difference": (0.91, 1.0)}, 0.6)
    for n, t, by, how, least in ((60, 900, "objects", "corrected", 0.91), (60, 900, "objects", "bootstrap", 0.89),
        (60, 900, "objects", "pigeonhole", None), (200, 5_000, "objects", "corrected", 0.91),
        (60, 900, "triplets", "corrected", None)):
        over = by if how == "corrected" else f"{by}, {how}"
        yield Case("consistency", f"consistency n={n} t={t}, {over}", over,
                   partial(consistent, n=n, t=t, ci=pyalign.Resampling(by, how)), lambda rng: true_rates(),
                   {"kappa": (least, 0.97)} if least else {}, 0.6)


# Orders of rows: in three worlds none is better; in a fourth, rows that predict 56 % as they should be are in "raw"
GUESSING, ELSEWHERE, MOVED, RAW = ORDERS = (
    "people who guess", "people of another space", "random rows of moved objects", "rows in the order raw")


def noted(rng: np.random.Generator, world: str, t: int) -> Iterator[Found]:
    """Whether answers, of which each is about an object that one of the orders moves, contradict the order."""
    n = order.THINGS
    moved = [np.flatnonzero(order._standing(name) != np.arange(n)) for name in order.MOVED]
    people, first = rng.normal(size=(n, 8)), np.concatenate([rng.choice(one, t // len(moved)) for one in moved])
    rest = np.stack([(first + rng.integers(1, n // 2, len(first)) * k) % n for k in (1, -1)], axis=1)
    triplets, x = np.column_stack([first, rest]).astype(np.int32), people + rng.normal(size=people.shape)
    if world == GUESSING:
        answers = rng.permuted(triplets, axis=1)
    else:
        if world == ELSEWHERE:
            x = rng.normal(size=people.shape)
        elif world == MOVED:
            every = np.unique(np.concatenate(moved))
            x[every] = rng.normal(size=(len(every), 8))
        answers = np.take_along_axis(triplets, LAST[pyalign.odd_one_out(people, triplets)], axis=1)
    x = x[order._standing("raw")] if world == RAW else x
    yield Found("noted", NAN, rejected=bool(order.notes_on_order(align(x, answers), "x")))


def order_cases() -> Iterator[Case]:
    for (number, world), t in product(enumerate(ORDERS), (500, 5_000)):
        yield Case("orders", f"{world}, {t} answers", "objects", partial(noted, world=world, t=t),
                   asked={} if world == RAW else {"noted": (0.0, 0.001)}, share=0.3, rejects=True,
                   seeds=lambda seed, _, k, w=number, t=t: [w, t, k])


CASES = [*score_cases(), *wrong_cases(), *probe_cases(), *concept_cases(), *order_cases()]
