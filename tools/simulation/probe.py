"""Cases about probes: what another seed changes, whom figures are of, and intervals.

Penalties are given, but where a case says that they are chosen: choosing takes twenty times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import pyalign
from pyalign.datasets.simulate import random_triplets
from pyalign.stats.splits import TripletKFold

from .harness import NOMINAL, Case, Found
from .worlds import UNLIKE, People, answered, model, objects, sizes

PENALTY = 0.02
FIGURES = ("accuracy", "gain", "zero-shot", "cross-entropy")
MAPS = 150  # whose accuracy on new objects, by new people, is the truth
ASKED = dict.fromkeys(FIGURES, NOMINAL)


def study(n: int, t: int, people: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Rows of n new objects, t answers, and who of so many unlike people gave them; 0: nobody knows."""
    x, shown = objects(n, rng), random_triplets(n, t, rng)
    if not people:
        return model(x), answered(x, shown, rng), None
    who = np.arange(t) % people
    return model(x), answered(x, shown, rng, People.draw(people, rng, UNLIKE), who), who


def figures_of(found: pyalign.probing.ProbeCrossValidation) -> Iterator[Found]:
    """Of a cross-validation: means over its folds, with their intervals."""
    values = found.accuracy, found.difference, found.zero_shot_accuracy, found.cross_entropy
    stems = "accuracy", "difference", "zero_shot", "cross_entropy"
    intervals = (getattr(found, f"{stem}_interval") for stem in stems)
    for name, value, interval in zip(FIGURES, values, intervals, strict=True):
        yield Found.of(name, value, interval)


def probed(
    n: int, t: int, people: int = 0, figures: Sequence[str] = FIGURES, reseeded: bool = True, **options: Any
) -> Callable[..., Iterator[Found]]:
    """These figures of cross-validations of studies that are drawn anew; with another seed each, or the default."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x, answers, who = study(n, t, people, rng)
        seed = {"seed": int(rng.integers(2**31))} if reseeded else {}
        found = pyalign.cross_validate_probe(x, answers, subjects=who, **seed, **options)
        yield from (one for one in figures_of(found) if one.quantity in figures)

    return draw


def reseeded(n: int, t: int, repeats: int) -> Callable[..., Iterator[Found]]:
    """One study again and again: only the seed is another."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x, answers, _ = study(n, t, 0, np.random.default_rng(3))
        found = pyalign.cross_validate_probe(x, answers, seed=int(rng.integers(2**31)), repeats=repeats)
        yield from list(figures_of(found))[:2]

    return draw


def for_new_people(n: int, t: int, people: int, split: str, folds: int) -> Callable[..., dict[str, float]]:
    """How the maps of such folds do on new objects, by new people."""

    def truth(rng: np.random.Generator) -> dict[str, float]:
        accuracies = []
        for _ in range(MAPS):
            x, answers, who = study(n, t, people, rng)
            fold = next(TripletKFold(split, folds).folds(answers, who))
            fit = pyalign.fit_probe(x, answers[fold.train], penalty=PENALTY)
            new, given, _ = study(300, 2_000, 200, rng)
            accuracies.append(pyalign.score(new, given, transform=fit.transform, ci=None).accuracy)
        return {"accuracy": float(np.mean(accuracies))}

    return truth


def cases() -> Iterator[Case]:
    for repeats in (1, 4):
        yield Case(
            "probe", f"one study, other seeds, {repeats} x 3 folds", "objects", f"{sizes(60, 3_000)}, penalties chosen",
            reseeded(60, 3_000, repeats), share=0.03, centered=True,
        )
    yield Case(
        "probe", "4 x 3 folds n=90", "objects", sizes(90, 9_000), probed(90, 9_000, penalties=PENALTY), asked=ASKED,
        centered=True,
    )
    people = f"{sizes(60, 3_000)}, 5 unlike people"
    for split, over in (("objects", "objects"), ("objects+subjects", "objects and people")):
        draw = probed(60, 3_000, 5, ("accuracy",), split=split, folds=2, penalties=PENALTY)
        asked = {"accuracy": (0.92, 1.0)} if "subjects" in split else {}
        yield Case(
            "probe", f"4 x 2 folds over {over}, for new people", over, people, draw,
            for_new_people(60, 3_000, 5, split, 2), asked, share=0.5,
        )


CASES = list(cases())
