"""Recognizes models that are layers of one, puts them in order, and finds the best layer of each.

The most accurate of several models, and its accuracy on objects that have not chosen it.

What `pyalign.compare` finds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from pyalign._dataclass import dataclass
from pyalign._result import OfTask, Result, picked
from pyalign.analysis.comparison.paired_outcomes import OutcomeTable
from pyalign.analysis.outcomes import CREDIT_UNIT, mean_interval
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval, WithError
from pyalign.errors import InputError
from pyalign.stats.clustered import Dependence
from pyalign.stats.components import Components
from pyalign.stats.intervals import FRACTION
from pyalign.stats.resampling import KEYS, Inference, Resampling, inferred
from pyalign.stats.splits import within
from pyalign.typing import Correction

MARK = "::"  # between a model and its layer


def layers_of(models: Mapping[str, Any]) -> dict[str, ModelLayer]:
    """The layers among models that are named, or come from, MODEL::LAYER, at least two of a model.

    Their places are those in the manifest of an extraction where all layers of a model are from one, else in which they
    are given.
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


Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class ModelLayer:
    """The model and the layer that a representation comes from."""

    of: str  # the model.
    name: str  # of the layer.
    place: int  # in the order of the model's layers here, from 0.
    known: bool  # whether the order is that of the manifest of an extraction; else it is that in which they were given.


@dataclass(frozen=True)
class ModelResult(WithError):
    """One model among several."""

    model: str  # its name.
    accuracy: float  # fraction, of the triplets that all models could be scored on.
    # interval of the accuracy; None where none was asked for, or no two triplets are independent; so are the others.
    ci: Interval | None
    # nats; None of choices without probabilities, or where that of some human's choice is 0.
    cross_entropy: float | None
    cross_entropy_ci: Interval | None  # interval, nats.
    n_ties: int  # tied triplets, or answers that name none.
    rank: float  # by accuracy, 1 is best; equal accuracies share the mean of their ranks.
    # interval of the rank, that holds for all models together: one more than the models that are better, and one for
    # each that is not worse, by the simultaneous intervals of differences. By a bootstrap it is that of the resamples,
    # for each model by itself.
    rank_ci: Interval | None
    # its similarity measure; "similarity matrix" or "dissimilarity matrix" where one was given in place of embeddings.
    # None of choices, and in documents of earlier versions, where all models had that of the comparison.
    measure: str | None = None
    # how a model's own choices were given: "positions", "names" or "probabilities"; None where similarities decided.
    model_choices: str | None = None
    # which layer of which model it is; None where it is not one of several layers of a model.
    layer: ModelLayer | None = None


@dataclass(frozen=True)
class PairResult(WithError):
    """Two models, a and b, on the same triplets. Whether they err on the same ones says `pyalign.error_consistency`."""

    # a, b: their names.
    a: str
    b: str
    difference: float  # accuracy of a less that of b, a fraction.
    ci: Interval | None  # its interval, by itself; None where no two triplets are independent.
    p_value: float | None  # two-sided, of no difference.
    p_adjusted: float | None  # the same, corrected over all pairs by the rule of the comparison.
    cross_entropy_difference: float | None  # nats, a less b; None where one of them has none.
    cross_entropy_ci: Interval | None  # its interval.
    # interval of the difference that holds for all pairs together (max-t); None by a bootstrap.
    simultaneous_ci: Interval | None = None
    # the p-value that belongs to it: that of the largest of all pairs' t under no difference anywhere.
    p_max_t: float | None = None
    # of a difference of at least the margin of the comparison either way: small where the two are equivalent within it;
    # None without a margin.
    p_equivalence: float | None = None
    p_equivalence_adjusted: float | None = None  # the same, corrected as `p_adjusted` is.
    # variance components of the difference of the credits of an answer, square fractions: how much objects,
    # participants and both account for. None without intervals in closed form.
    components: Components | None = None
    cross_entropy_components: Components | None = None  # the same of the difference of cross-entropies, square nats.


@dataclass(frozen=True)
class BestModel(WithError):
    """The best of the models, with a figure that is free of the choice."""

    model: str  # the most accurate on all triplets.
    in_sample_accuracy: float  # its accuracy there, which the choice has pushed up.
    # fraction: chosen on the triplets of one half of the objects, scored on those of the other, mean over the splits.
    accuracy: float
    ci: Interval | None  # its interval.
    chosen: Mapping[str, float]  # how often each model was chosen, a fraction of the choices.
    n_choices: int  # how many there were: two for each split that left triplets on both sides.
    seed: int  # of the splits.


@dataclass(frozen=True)
class Comparison(OfTask, Result):
    """What `compare` found."""

    command: ClassVar[str] = "compare"
    rows: ClassVar[str] = "models"
    filled: ClassVar = ("models",)
    derived: ClassVar[tuple[str, ...]] = ("chance",)
    along: ClassVar = {"covariance": ("models", "models"), "cross_entropy_covariance": ("models", "models")}
    among: ClassVar = {"models.model": ("pairs.a", "pairs.b", "baseline", "best.model", "best_layers.model")}

    models: tuple[ModelResult, ...]  # in the order in which they were given.
    pairs: tuple[PairResult, ...]  # every two of them, or each with the baseline.
    n_triplets: int  # triplets that all models were scored on.
    # triplets left out because they touch a row with NaN or infinity, or of a matrix a pair that is NaN, or have no
    # answer, in any of them.
    n_dropped: int
    measure: str | None  # of all embeddings; None where they have different ones, or there are none.
    # temperature, ties: the options; no temperature of choices only.
    temperature: float | None
    ties: str
    correction: Correction  # how `p_adjusted` is corrected over all pairs: "holm" or "benjamini-hochberg".
    n_objects: int  # objects in them.
    n_subjects: int | None  # people who answered them; None where intervals do not count people.
    # of the accuracies (m, m), in the order of the models, positive semi-definite; None by a bootstrap, or without
    # intervals.
    covariance: Matrix | None = None
    # the same of the cross-entropies, square nats; None also where a model has none.
    cross_entropy_covariance: Matrix | None = None
    inference: Inference = inferred(*KEYS)  # how intervals were found.
    baseline: str | None = None  # the model that all others are compared with; None: every two are.
    # within which models are held to be equivalent, a fraction; None where that is not tested.
    margin: float | None = None
    best: BestModel | None = None  # the best of the models, where it was asked for.
    triplets: str | None = None  # where the triplets came from, or None.
    task: str = ODD_ONE_OUT  # the task of the triplets; `chance` follows from it.
    # of weighted answers, how many of equal weight would say as much; None where all count the same.
    effective_answers: float | None = None
    # the best layer of each model of which there are several, where it was asked for.
    best_layers: tuple[BestModel, ...] | None = None

    def __getitem__(self, k: int | str) -> ModelResult:
        """A model by its name or number."""
        return picked(self.models, k)

    @property
    def between_neighbors(self) -> tuple[PairResult, ...]:
        """The pairs of models that stand next to each other by rank."""
        ranked = sorted(self.models, key=lambda model: model.rank)
        neighbors = {frozenset((a.model, b.model)) for a, b in pairwise(ranked)}
        return tuple(pair for pair in self.pairs if frozenset((pair.a, pair.b)) in neighbors)

    @property
    def layers(self) -> tuple[ModelResult, ...] | None:
        """The models that are layers, model by model, in their order; None where there are none."""
        of = list(dict.fromkeys(model.layer.of for model in self.models if model.layer is not None))
        ordered = [(of.index(model.layer.of), model.layer.place, model) for model in self.models if model.layer]
        return tuple(model for _, _, model in sorted(ordered, key=lambda one: one[:2])) or None
