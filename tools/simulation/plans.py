"""Designs chosen by a pilot, the cheapest of many by its assurance, or by its power alone.

What is counted is how often the power of that design is below .70, where .80 was asked for, in the worlds of
`plan_experiments`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from itertools import product

import numpy as np
from plan_experiments import ACCURACY, FIGURES, PILOTS, components_of, drawn, even, read_pilots, usable

import pyalign
from pyalign import Components
from pyalign.stats.components import Design, Outlook

from .harness import NAN, Case, Found

DIFFERENCE = 0.07
DESIGNS = {"n_objects": [100, 200, 400], "n_subjects": [10], "answers_per_subject": [50, 200], "prices": (2, 3, 0.05)}


@cache
def true_components(world: str, figure: str) -> Components:
    """The mean components of the pilots of tools/plan_pilots.csv."""
    pilots = [row for row in read_pilots(PILOTS) if (row["world"], row["figure"]) == (world, figure)]
    return usable(components_of(pilots))[0]


def chosen(rng: np.random.Generator, world: str, by_assurance: bool) -> Iterator[Found]:
    """The power of the design that a pilot of 60 objects, 12 people and 1,200 answers chooses."""
    errors = drawn(world, even(60, 12, 100), rng).errors[ACCURACY]
    for figure, pilot in zip(FIGURES, (errors.components(0, 1), errors.components(0)), strict=True):
        known = pilot if by_assurance else replace(pilot, objects_ci=None, subjects_ci=None)
        one = pyalign.plan_experiment(known, difference=DIFFERENCE, **DESIGNS).chosen
        if one is not None:
            n, p = one.n_objects, one.n_subjects
            design = Design(n, p, one.answers_per_subject, float(n), float(p))
            power = Outlook(true_components(world, figure), design).power(DIFFERENCE, 0.95)
            yield Found(figure, power, NAN, rejected=power < 0.7)


CASES = [
    Case("plan", f"chosen by {'assurance' if by_assurance else 'power'}, {world}", "pilots",
         partial(chosen, world=world, by_assurance=by_assurance),
         asked=dict.fromkeys(FIGURES, (0.0, 0.15)) if by_assurance else {}, rejects=True, centered=True)
    for world, by_assurance in product(("like THINGS", "people differ more"), (False, True))
]
