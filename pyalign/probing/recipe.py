"""The published recipe for probes, for replication: minibatch Adam, to where a held-out loss stops falling.

Muttenthaler et al., ICLR 2023, section 5 and appendix: features standardized by one mean and deviation, W from
N(0, 1e-3^2), Adam with rate 1e-3 on batches of 256 triplets, gradients clipped to length 1, an un-squared norm, at
least 10 and at most 100 epochs, an end when the held-out loss has not fallen for 10. A step touches the rows of its
batch alone, instead of one-hot products over all objects, which is where its speed comes from.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from pyalign.analysis.score import score
from pyalign.data import Transform, as_triplet_data, require_odd_one_out
from pyalign.errors import InputError
from pyalign.fitting.algebra import host_rows, valid_triplets
from pyalign.fitting.objective import TripletTerm
from pyalign.journal import Journal, journal_of
from pyalign.probing.basis import standardization
from pyalign.probing.inputs import Inputs, read_inputs
from pyalign.probing.options import as_penalty
from pyalign.probing.problem import finite_rows
from pyalign.probing.recipe_results import Epoch, RecipeCrossValidation, RecipeFit, RecipeSettings
from pyalign.probing.watch import CUT, FINISHED, Watch
from pyalign.progress import Progress, silent
from pyalign.stats.splits import TripletKFold
from pyalign.typing import Policy

RECIPE = "muttenthaler2023"


def fit_recipe(
    x: object, triplets: object, *, held_out: object = None, penalty: float = 1e-3, seed: int = 0,
    settings: RecipeSettings | None = None, missing: Policy = "raise", progress: Progress = silent,
    journal: Journal | None = None,
) -> RecipeFit:  # fmt: skip
    """Trains a map by the recipe.

    Args:
        x: (n, d) real numbers, one row per item.
        triplets: (t, 3) integers in [0, n), or names, the odd item last.
        held_out: (u, 3) triplets of rows of x whose loss ends the training; without, that of the epoch's steps does.
        penalty: of the norm.
        seed: of the start and of the order of the triplets.
        settings: other numbers than the published ones.
        missing: see `pyalign.score`.
        progress: called with the stage and its figures, the epoch, and how many there may be.
        journal: gets the map of the best epoch so far, a `RecipeFit`.

    Raises:
        InputError: as `fit_probe`.

    Example:
        >>> from pyalign.datasets.simulate import random_embeddings, simulate
        >>> x = random_embeddings(20, 4)
        >>> fit = fit_recipe(x, simulate(x, 300).triplets, settings=RecipeSettings(epochs=2))
        >>> len(fit.curve), fit.transform.weights.shape
        (2, (4, 4))
    """
    given, inputs = dict(locals()), _inputs(x, triplets, missing)
    rows, index, test = (inputs.x, inputs.index, None) if held_out is None else _with_held_out(inputs, held_out)
    chosen, weight = settings or RecipeSettings(), as_penalty(penalty)
    options = _options(weight, seed, chosen)
    journal = journal_of(journal, "fit_recipe", given)
    watch = Watch(progress, journal, recorded=lambda fit: _completed(fit, inputs, options, seed))
    fit = _train(rows, index, test, weight, seed, chosen, watch)
    return _completed(fit, inputs, options, seed)


def _inputs(x: object, triplets: object, missing: Policy) -> Inputs:
    require_odd_one_out(as_triplet_data(triplets), "the recipe")
    inputs = read_inputs(x, triplets, missing=missing)
    if inputs.answers is not None:
        raise InputError("the recipe takes one answer for each triplet; got counts or shares")
    return inputs


def _with_held_out(inputs: Inputs, held_out: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows that triplets of the fit or held-out ones (u, 3) name; both as numbers of these."""
    rows = finite_rows(host_rows(inputs.on, inputs.aligned.x))
    test = valid_triplets(held_out, len(rows))
    items = np.union1d(inputs.items, test)
    return rows[items], np.searchsorted(items, inputs.items[inputs.index]), np.searchsorted(items, test)


def _train(
    rows: np.ndarray, index: np.ndarray, test: np.ndarray | None, penalty: float, seed: int,
    settings: RecipeSettings, watch: Watch,
) -> RecipeFit:  # fmt: skip
    began = time.perf_counter()
    scale = standardization(rows[np.unique(index)], "global")  # nothing that is held out enters
    standard = scale.apply(rows).astype(rows.dtype)
    adam = Adam(standard, index, penalty, settings, seed)
    curve: list[Epoch] = []

    def fit(weights: np.ndarray, epochs: int, interrupted: bool = False) -> RecipeFit:
        transform = Transform(weights, None, float(scale.mean), float(scale.std))
        return RecipeFit(transform, penalty, tuple(curve[:epochs]), time.perf_counter() - began, interrupted)

    for loss in adam.epochs():
        curve.append(_epoch(loss, standard, adam.weights, test))
        so_far = partial(fit, adam.weights.copy(), len(curve), True)
        watch.offer((CUT, _judged(curve[-1])), so_far)
        held_out = "" if curve[-1].accuracy is None else f", held-out {100 * curve[-1].accuracy:.2f}%"
        watch.progress(f"{watch.stage}: loss {loss:.5f}{held_out}", len(curve), settings.epochs)
        if _is_over(curve, settings):
            break
    return fit(adam.weights, len(curve))


def _completed(fit: RecipeFit, inputs: Inputs, options: Mapping[str, Any], seed: int) -> RecipeFit:
    provenance = inputs.provenance(options, seed)
    transform = inputs.recorded(fit.transform, "dot", 1.0, provenance)
    return replace(fit, transform=transform, coverage=inputs.coverage, notes=inputs.notes, provenance=provenance)


def _options(penalty: float, seed: int, settings: RecipeSettings) -> dict[str, Any]:
    """What the recipe trains with, by the names that a probe's options have."""
    model = {
        "penalty": "frobenius", "rank": "full", "bias": False, "measure": "dot", "temperature": 1.0,
        "standardize": "global", "smoothing": 0.0, "seed": seed, "strength": penalty,
    }  # fmt: skip
    return {**model, **asdict(settings)}


class Adam:
    """Minibatch Adam on mean cross-entropy + strength * |W|_F.

    Source: Kingma and Ba, "Adam", ICLR 2015, algorithm 1, with its published rates.
    """

    def __init__(
        self, rows: np.ndarray, triplets: np.ndarray, penalty: float, settings: RecipeSettings, seed: int
    ) -> None:
        self.rows, self.triplets, self.strength, self.settings = rows, triplets, penalty, settings
        self.rng = np.random.default_rng(seed)
        d = rows.shape[1]
        self.weights = (self.rng.normal(size=(d, d)) * settings.start_deviation).astype(rows.dtype)
        self.first, self.second = np.zeros_like(self.weights), np.zeros_like(self.weights)
        self.steps = 0

    def epochs(self) -> Iterator[float]:
        """Trains an epoch at a time; the mean loss of its steps."""
        for _ in range(self.settings.epochs):
            order = self.rng.permutation(len(self.triplets))
            starts = range(0, len(order), self.settings.batch)
            yield float(np.mean([self.step(order[start : start + self.settings.batch]) for start in starts]))

    def step(self, batch: np.ndarray) -> float:
        """One step on those triplets; its loss before the step."""
        items, local = np.unique(self.triplets[batch], return_inverse=True)
        term = TripletTerm(self.rows[items], local.reshape(-1, 3).astype(np.int32), sort=False)
        slope = term(self.weights, np.zeros(self.weights.shape[1]))
        norm = float(np.sqrt(np.einsum("ij,ij->", self.weights, self.weights, dtype=np.float64)))
        gradient = (slope.weights + self.strength / norm * self.weights).astype(self.weights.dtype)
        length = float(np.sqrt(np.einsum("ij,ij->", gradient, gradient, dtype=np.float64)))
        gradient *= min(1.0, self.settings.clip / (length + 1e-6))
        self._move(gradient)
        return slope.value + self.strength * norm

    def _move(self, gradient: np.ndarray) -> None:
        self.steps += 1
        self.first += 0.1 * (gradient - self.first)
        self.second += 0.001 * (gradient * gradient - self.second)
        first, second = 1.0 - 0.9**self.steps, 1.0 - 0.999**self.steps
        self.weights -= self.settings.rate / first * self.first / (np.sqrt(self.second / second) + 1e-8)


def _epoch(loss: float, rows: np.ndarray, weights: np.ndarray, test: np.ndarray | None) -> Epoch:
    if test is None:
        return Epoch(loss, None, None)
    result = score(rows @ weights, test, measure="dot", ci=None)
    return Epoch(loss, result.cross_entropy, result.accuracy)


def _judged(epoch: Epoch) -> float:
    """What an epoch is judged by."""
    return epoch.loss if epoch.cross_entropy is None else epoch.cross_entropy


def _is_over(curve: list[Epoch], settings: RecipeSettings) -> bool:
    values = [_judged(epoch) for epoch in curve]
    since = len(values) - 1 - int(np.argmin(values))
    return len(values) >= settings.burn_in and since >= settings.patience


def cross_validate_recipe(
    x: object, triplets: object, *, folds: int = 3, penalty: float = 1e-3, seed: int = 0,
    settings: RecipeSettings | None = None, missing: Policy = "raise", progress: Progress = silent,
    journal: Journal | None = None,
) -> RecipeCrossValidation:  # fmt: skip
    """The recipe on folds over objects, as published: the test triplets of a fold are also those that end its training.

    So its figures are a little too good; `cross_validate_probe` has those of triplets that chose nothing.

    Args:
        x, triplets, penalty, seed, settings, missing, progress: see `fit_recipe`.
        folds: how many.
        journal: where Ctrl-C comes it has the finished folds, which the same call takes from it the next time, and the
            map of the one whose held-out loss ended lowest.

    Raises:
        InputError: as `fit_probe`, and for a split that leaves a fold empty.
    """
    given, inputs, chosen = dict(locals()), _inputs(x, triplets, missing), settings or RecipeSettings()
    weight = as_penalty(penalty)
    options = _options(weight, seed, chosen)
    journal = journal_of(journal, "cross_validate_recipe", given)
    watch = Watch(progress, journal, recorded=lambda fit: _completed(fit, inputs, options, seed))
    fits: list[RecipeFit] = []
    for number, fold in enumerate(TripletKFold("objects", folds, seed).folds(inputs.index)):
        stage = f"fold {number + 1}/{folds}"
        finished = watch.journal.result(stage, RecipeFit)
        if finished is not None:
            fits.append(finished)
            continue
        train, test = inputs.index[fold.train], inputs.index[fold.test]
        fit = _train(inputs.x, train, test, weight, seed, chosen, watch.at(stage))
        fits.append(fit)
        watch.at(stage).offer((FINISHED, _judged(fit.curve[-1])), lambda fit=fit: fit)  # type: ignore[misc]
        if number < folds - 1:  # the map of the last fold is what the recipe keeps: a record does not hold it
            watch.journal.finish(stage, fit)
    fits[-1] = _completed(fits[-1], inputs, options, seed)
    return RecipeCrossValidation(
        tuple(fits), RECIPE, options, inputs.aligned.embeddings.source, inputs.aligned.triplets.source,
        coverage=inputs.coverage, notes=inputs.notes, provenance=inputs.provenance(options, seed),
    )  # fmt: skip
