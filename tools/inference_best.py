"""The best of several models, for tools/inference.py: does the interval of its accuracy hold, free of the choice?

What is estimated is the accuracy, on new objects, of a model that was chosen on half of as many objects: a mean over
the models' true accuracies, weighted by how often each is chosen there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from unittest.mock import patch

import numpy as np
from inference_worlds import World

import pyalign
from pyalign.analysis.comparison import choose_best
from pyalign.documents import Interval
from pyalign.stats.splits import within

CHOICES = 4_000  # draws of objects from which the truth is known


@cache
def truth_of(world: World) -> float:
    """The mean accuracy of models that are chosen on half of the objects."""
    if len(set(world.truths)) == 1:
        return world.truths[0]
    truths, chosen = np.array(world.truths), []
    for k in range(CHOICES):
        rng = np.random.default_rng([1, k])
        triplets, people = world.design(rng)
        n = int(triplets.max()) + 1
        part = within(triplets, np.arange(n) < n // 2)
        chosen.append(int(world.credits(triplets, people, rng)[:, part].sum(axis=1).argmax()))
    return float(truths[chosen].mean())


def of_best(world: World, rng: np.random.Generator) -> Iterator[tuple[str, float, Interval | None, float]]:
    """The quantities of one draw: name, estimate, interval and truth."""
    triplets, people = world.design(rng)
    models = enumerate(world.credits(triplets, people, rng))
    choices = {f"model {k}": np.where(right, 2, 0).astype(np.int8) for k, right in models}
    asked = {"model_choices": choices, "ci": world.over, "subjects": people, "choose_best": True}
    for name, softness in (("the best", choose_best.SOFTNESS), ("the best, its choice taken as given", math.inf)):
        with patch.object(choose_best, "SOFTNESS", softness):
            best = pyalign.compare(None, triplets, **asked).best
        yield name, best.accuracy, best.ci, truth_of(world)
