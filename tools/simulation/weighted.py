"""Weighted sums of matrices, CKA with long rows, and designs chosen by a pilot.

Weighted sums are of two models that know eight features of twelve, four of them in common, and of people as in
`pairs`; the truth is the mean over draws of as many objects and people. Rows of models have lengths
exp(s z) with z normal. A pilot chooses the cheapest of many designs by its assurance, or by its power alone; what is
counted is how often the power of that design is below .70, where .80 was asked for, in the worlds of
`plan_experiments`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
from plan_experiments import ACCURACY, FIGURES, PILOTS, components_of, drawn, even, read_pilots, usable

import pyalign
from pyalign import Components
from pyalign.stats.components import Design, Outlook

from . import NOTHING, SEEN, Case, Found, judged, model, objects, shifted, weights
from .pairs import AS_DATA, similar

RESAMPLES = 100
DIFFERENCE = 0.07
DESIGNS = {"n_objects": [100, 200, 400], "n_subjects": [10], "answers_per_subject": [50, 200], "prices": (2, 3, 0.05)}


def weighted(n: int, people: int) -> Callable[..., Iterator[Found]]:
    """The sum of two models: correlations, means over participants, and how much better it is than the first."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, rng)
        matrices = judged(x, weights(people, rng, 0.6 if people > 1 else 0.0), AS_DATA, rng)
        plan = pyalign.Resampling("auto", n_resamples=RESAMPLES)
        found = pyalign.rsa({"a": model(x), "b": model(x, shifted(2))}, matrices, kind="dissimilarity",
                            correlation="pearson", ci=plan, weighted=True).weighted
        assert found is not None
        yield Found.of("mean matrix", found[0].value, found[0].ci)
        if found[0].per_person is not None and people > 1:
            yield Found.of("each person", found[0].per_person.mean, found[0].per_person.ci)
        yield Found.of("less the first", found[0].pairs[0].difference, found[0].pairs[0].ci)

    return draw


def of_lengths(n: int, spread: float) -> Callable[..., Iterator[Found]]:
    """Similarities of models whose rows have log-normal lengths, the same in each."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, rng)
        lengths = np.exp(spread * rng.normal(size=(n, 1)))
        three = {"a": model(x), "b": model(x, shifted(1)), "c": model(x, SEEN[:4]) + rng.normal(size=(n, 4))}
        found = similar({name: rows * lengths for name, rows in three.items()}, "debiased-cka")
        for quantity, one in (("near", found.scores[0]), ("far", found.scores[1])):
            yield Found.of(quantity, one.similarity, one.ci)
        yield Found.of("difference", found.differences[0].difference, found.differences[0].ci)

    return draw


@cache
def true_components(world: str, figure: str) -> Components:
    """The mean components of the pilots of tools/plan_pilots.csv."""
    return usable(
        components_of([row for row in read_pilots(PILOTS) if (row["world"], row["figure"]) == (world, figure)])
    )[0]


def chosen(world: str, by_assurance: bool) -> Callable[..., Iterator[Found]]:
    """The power of the design that a pilot of 60 objects, 12 people and 1,200 answers chooses."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        errors = drawn(world, even(60, 12, 100), rng).errors[ACCURACY]
        for figure, pilot in zip(FIGURES, (errors.components(0, 1), errors.components(0)), strict=True):
            known = pilot if by_assurance else replace(pilot, objects_ci=None, subjects_ci=None)
            one = pyalign.plan_experiment(known, difference=DIFFERENCE, **DESIGNS).chosen
            if one is not None:
                n, p = one.n_objects, one.n_subjects
                design = Design(n, p, one.answers_per_subject, float(n), float(p))
                power = Outlook(true_components(world, figure), design).power(DIFFERENCE, 0.95)
                yield Found(figure, power, np.nan, rejected=power < 0.7)

    return draw


def cases() -> Iterator[Case]:
    for n, people in ((24, 6), (40, 12), (40, 1)):
        over = "objects" if people == 1 else "objects and subjects"
        names = ("mean matrix", "each person", "less the first")
        yield Case("rsa weighted", f"weighted n={n} p={people}", over, f"{n} objects, {people} people",
                   weighted(n, people), asked=dict.fromkeys(names, (0.92, 0.99)), centered=True)
    for n, spread in product((50, 92), (0.5, 1.0)):
        yield Case("cka", f"cka n={n} debiased-cka, lengths of rows log-normal with {spread:g}", "objects",
                   f"{n} objects", of_lengths(n, spread),
                   asked=dict.fromkeys(("near", "far", "difference"), (0.92, 1.0)), centered=True)
    for world, by_assurance in product(("like THINGS", "people differ more"), (False, True)):
        yield Case("plan", f"chosen by {'assurance' if by_assurance else 'power'}, {world}", "pilots",
                   "60 objects, 12 people, 1,200 answers", chosen(world, by_assurance),
                   asked=dict.fromkeys(FIGURES, (0.0, 0.15)) if by_assurance else NOTHING, rejects=True,
                   centered=True)


CASES = list(cases())
