"""Recognizes models that are layers of one, puts them in order, and finds the best layer of each.

The most accurate of several models, and its accuracy on objects that have not chosen it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pyalign.analysis.comparison.comparison_result import BestModel, ModelLayer
from pyalign.analysis.comparison.paired_outcomes import OutcomeTable
from pyalign.analysis.outcomes import CREDIT_UNIT, mean_interval
from pyalign.errors import InputError
from pyalign.stats.clustered import Dependence
from pyalign.stats.intervals import FRACTION
from pyalign.stats.resampling import Resampling
from pyalign.stats.splits import within

MARK = "::"  # between a model and its layer


def layers_of(models: Mapping[str, Any]) -> dict[str, ModelLayer]:
    """The layers among models that are named, or come from, MODEL::LAYER, at least two of a model.

    Their places are those in the manifest of an extraction where all layers of a model are from one, else in which they
    are given.

    Example:
        >>> layers = layers_of({"net::first": None, "other": None, "net::last": None})
        >>> [(name, layer.of, layer.name, layer.place) for name, layer in layers.items()]
        [('net::first', 'net', 'first', 0), ('net::last', 'net', 'last', 1)]
    """
    parts = dict[str, tuple[str, str]]()
    for name, x in models.items():
        spec = name if MARK in name else str(getattr(x, "source", None) or "")
        if MARK in spec:
            of, _, layer = spec.rpartition(MARK)
            parts[name] = of, layer
    counts = Counter(of for of, _ in parts.values())
    layers = dict[str, ModelLayer]()
    for model in (of for of, count in counts.items() if count > 1):
        names = [name for name, (of, _) in parts.items() if of == model]
        places: list[Any] = [getattr(models[name], "layer_place", None) for name in names]
        known = None not in places and len(set(places)) == len(places)
        ordered = [name for _, name in sorted(zip(places, names, strict=True))] if known else names
        for place, name in enumerate(ordered):
            layers[name] = ModelLayer(model, parts[name][1], place, known)
    return {name: layers[name] for name in models if name in layers}


def best_layers(
    layers: Mapping[str, ModelLayer], outcomes: OutcomeTable, index: np.ndarray, n: int, dependence: Dependence,
    plan: Resampling,
) -> tuple[BestModel, ...]:
    """The best layer of each model, as it does on objects that have not chosen it; see `best_model`."""
    models = dict.fromkeys(layer.of for layer in layers.values())
    columns = [[k for k, name in enumerate(outcomes.names) if name in layers and layers[name].of == model]
               for model in models]
    return tuple(best_model(outcomes.part(some), index, n, dependence, plan) for some in columns)


SPLITS = 50  # of the objects into halves
SOFTNESS = 0.5  # how soft a choice is for its influence, in units of how much the leaders' difference varies
LOGISTIC = math.sqrt(3.0) / math.pi  # the scale of a logistic distribution with standard deviation 1


def best_model(
    outcomes: OutcomeTable, index: np.ndarray, n: int, dependence: Dependence, plan: Resampling
) -> BestModel:
    """The most accurate of the models of an outcome table, as it does on objects that have not chosen it.

    The objects are split at random into halves, again and again. The most accurate model on the triplets within one
    half is scored on those within the other; the figure is the mean over both ways and all splits.

    A triplet enters this mean twice: where it is scored, with the model that was chosen in the other half, and where it
    takes part in a choice. The first is a weighted mean, whose error is that of `pyalign.stats.clustered`. The second
    is added to each triplet's value as the infinitesimal jackknife has it: how much the figure would change if the
    triplet counted a little more in the choice. A hard choice has no such derivative, so that of a softmax over the
    models' accuracies is taken, half as soft as the difference of the two leaders varies between halves.
    `docs/small-samples.md` shows how often the intervals hold.

    Args:
        outcomes: of two models or more.
        index: (t, 3) integers in [0, n), the objects of the triplets of the outcomes.
        dependence: of these triplets.
        plan: of the interval; its seed is that of the splits.

    Source: the infinitesimal jackknife of a bagged choice, Efron, "Estimation and accuracy after model selection",
    JASA 2014.
    """
    names = outcomes.names
    halves = _halves(n, plan.seed)
    chosen_by, scored_by = _accuracies(outcomes, index, halves)
    if not len(chosen_by):
        raise InputError("choose_best needs triplets within both halves of the objects; no split has left some")
    accuracies = outcomes.estimates[0]
    softness = _softness(chosen_by, accuracies)
    table = np.zeros((len(outcomes.credits), 2))  # how much each triplet counts, and what it adds to the figure
    for (choosing, scoring), means, others in zip(_parts(index, halves), chosen_by, scored_by, strict=True):
        credits = outcomes.credits[scoring, 1 + int(means.argmax())] / CREDIT_UNIT
        shares = _shares(outcomes.weights, scoring)
        table[scoring] += np.stack([np.ones(len(scoring)), credits], axis=1) * shares
        gradient = _gradient(means, others, softness)
        if gradient.any():
            residuals = outcomes.credits[choosing, 1:] / CREDIT_UNIT - means
            table[choosing, 1] += residuals @ gradient * _shares(outcomes.weights, choosing)[:, 0]
    choices = chosen_by.argmax(axis=1)
    accuracy = float(np.take_along_axis(scored_by, choices[:, None], axis=1).mean())
    shares = np.bincount(choices, minlength=len(names)) / len(choices)
    top = int(accuracies.argmax())
    return BestModel(
        model=names[top],
        in_sample_accuracy=float(accuracies[top]),
        accuracy=accuracy,
        ci=mean_interval(accuracy, dependence.errors(table), 0, plan, FRACTION),
        chosen={name: float(share) for name, share in zip(names, shares, strict=True) if share},
        n_choices=len(choices),
        seed=plan.seed,
    )


def _halves(n: int, seed: int) -> np.ndarray:
    """(splits, n) masks of half of the objects."""
    rng = np.random.Generator(np.random.Philox(seed))
    return np.stack([rng.permutation(n) < n // 2 for _ in range(SPLITS)])


def _parts(index: np.ndarray, halves: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The triplets that choose and those that are scored, both ways of each split that leaves some of both."""
    for half in halves:
        first, second = within(index, half), within(index, ~half)
        if len(first) and len(second):
            yield first, second
            yield second, first


def _accuracies(outcomes: OutcomeTable, index: np.ndarray, halves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(c, m) each: accuracies of the models on the triplets that choose, and on those that are scored."""
    chosen_by, scored_by = [], []
    for number, (choosing, scoring) in enumerate(_parts(index, halves)):
        if number % 2 == 0:  # the way back has the same parts
            means = [outcomes.credit_means(part) for part in (choosing, scoring)]
            chosen_by += means
            scored_by += means[::-1]
    return np.array(chosen_by), np.array(scored_by)


def _shares(weights: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    """(k, 1): how much each of k triplets counts in the mean over them."""
    if weights is None:
        return np.full((len(rows), 1), 1.0 / len(rows))
    shares: np.ndarray = weights[rows, None] / weights[rows].sum()
    return shares


def _softness(chosen_by: np.ndarray, accuracies: np.ndarray) -> float:
    """The temperature of a softmax over accuracies (c, m): from the difference of the two leaders on all triplets."""
    second, first = np.argsort(accuracies, kind="stable")[-2:]
    return SOFTNESS * LOGISTIC * float((chosen_by[:, first] - chosen_by[:, second]).std())


def _gradient(chosen_by: np.ndarray, scored_by: np.ndarray, softness: float) -> np.ndarray:
    """(m,) how the figure of a softmax choice changes with the accuracies that choose; 0 where choices never vary."""
    if softness == 0.0:
        return np.zeros(len(chosen_by))
    p = np.exp((chosen_by - chosen_by.max()) / softness)
    p /= p.sum()
    gradient: np.ndarray = p * (scored_by - p @ scored_by) / softness
    return gradient
