"""The published recipe for probes, for replication: minibatch Adam, to where a held-out loss stops falling.

Muttenthaler et al., ICLR 2023, section 5 and appendix: features standardized by one mean and deviation, W from
N(0, 1e-3^2), Adam with rate 1e-3 on batches of 256 triplets, gradients clipped to length 1, an un-squared norm, at
least 10 and at most 100 epochs, an end when the held-out loss has not fallen for 10. A step touches the rows of its
batch alone, instead of one-hot products over all objects, which is where its speed comes from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pyalign.analysis.score import score
from pyalign.data import Transform
from pyalign.probing.basis import standardization
from pyalign.probing.objective import TripletTerm
from pyalign.probing.options import as_strength
from pyalign.probing.problem import finite_rows, valid_triplets
from pyalign.probing.splits import folds_of

RECIPES = ("muttenthaler2023",)


@dataclass(frozen=True)
class RecipeSettings:
    """What was published: see the module."""

    start_deviation: float = 1e-3
    rate: float = 1e-3
    batch: int = 256
    clip: float = 1.0
    burn_in: int = 10
    patience: int = 10
    epochs: int = 100


@dataclass(frozen=True)
class Epoch:
    """Figures after an epoch: nats and fraction. Held-out ones are None where nothing is held out.

    loss: mean over the epoch's steps of cross-entropy plus l2 |W|_F.
    """

    loss: float
    cross_entropy: float | None
    accuracy: float | None


@dataclass(frozen=True)
class RecipeFit:
    """A probe trained by the recipe.

    Attributes:
        transform: after the last epoch, as the published code keeps it.
        l2: strength of the un-squared norm.
        curve: an `Epoch` each.
        seconds: that training took.
        interrupted: whether Ctrl-C ended it.
    """

    transform: Transform
    l2: float
    curve: tuple[Epoch, ...]
    seconds: float
    interrupted: bool

    def to_dict(self) -> dict[str, Any]:
        """The figures as a dict that json can write, without the map."""
        curve = [asdict(epoch) for epoch in self.curve]
        return {"l2": self.l2, "curve": curve, "seconds": self.seconds, "interrupted": self.interrupted}


def fit_recipe(
    x: object, triplets: object, *, held_out: object = None, l2: float = 1e-3, seed: int = 0,
    settings: RecipeSettings | None = None, on_epoch: Callable[[int, Epoch], None] | None = None,
) -> RecipeFit:  # fmt: skip
    """Trains a map by the recipe.

    Args:
        x: (n, d) real numbers, one row per item.
        triplets: (t, 3) integers in [0, n), the odd item last.
        held_out: (u, 3) triplets whose loss ends the training; without, that of the epoch's steps does.
        l2: strength of the norm.
        seed: of the start and of the order of the triplets.
        settings: other numbers than the published ones.
        on_epoch: called with (epoch, `Epoch`).

    Raises:
        InputError: as `fit_probe`.

    Example:
        >>> from pyalign.datasets.simulate import random_embeddings, simulate
        >>> x = random_embeddings(20, 4)
        >>> fit = fit_recipe(x, simulate(x, 300).triplets, settings=RecipeSettings(epochs=2))
        >>> len(fit.curve), fit.transform.weights.shape
        (2, (4, 4))
    """
    began = time.perf_counter()
    rows, chosen = finite_rows(x), settings or RecipeSettings()
    index = valid_triplets(triplets, len(rows))
    test = None if held_out is None else valid_triplets(held_out, len(rows))
    scale = standardization(rows, "global")
    standard = scale.apply(rows).astype(rows.dtype)
    adam = Adam(standard, index, as_strength(l2), chosen, seed)
    curve: list[Epoch] = []
    interrupted = False
    try:
        for loss in adam.epochs():
            curve.append(_epoch(loss, standard, adam.weights, test))
            if on_epoch is not None:
                on_epoch(len(curve), curve[-1])
            if _is_over(curve, chosen):
                break
    except KeyboardInterrupt:
        interrupted = True
    transform = Transform(adam.weights, None, float(scale.mean), float(scale.std))
    return RecipeFit(transform, adam.l2, tuple(curve), time.perf_counter() - began, interrupted)


class Adam:
    """Minibatch Adam on mean cross-entropy + l2 |W|_F.

    Source: Kingma and Ba, "Adam", ICLR 2015, algorithm 1, with its published rates.
    """

    def __init__(self, rows: np.ndarray, triplets: np.ndarray, l2: float, settings: RecipeSettings, seed: int) -> None:
        self.rows, self.triplets, self.l2, self.settings = rows, triplets, l2, settings
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
        gradient = (slope.weights + self.l2 / norm * self.weights).astype(self.weights.dtype)
        length = float(np.sqrt(np.einsum("ij,ij->", gradient, gradient, dtype=np.float64)))
        gradient *= min(1.0, self.settings.clip / (length + 1e-6))
        self._move(gradient)
        return slope.value + self.l2 * norm

    def _move(self, gradient: np.ndarray) -> None:
        self.steps += 1
        self.first += 0.1 * (gradient - self.first)
        self.second += 0.001 * (gradient * gradient - self.second)
        first, second = 1.0 - 0.9**self.steps, 1.0 - 0.999**self.steps
        self.weights -= self.settings.rate / first * self.first / (np.sqrt(self.second / second) + 1e-8)


def _epoch(loss: float, rows: np.ndarray, weights: np.ndarray, test: np.ndarray | None) -> Epoch:
    if test is None:
        return Epoch(loss, None, None)
    found = score(rows @ weights, test, measure="dot")
    return Epoch(loss, found.cross_entropy, found.accuracy)


def _is_over(curve: list[Epoch], settings: RecipeSettings) -> bool:
    values = [epoch.loss if epoch.cross_entropy is None else epoch.cross_entropy for epoch in curve]
    since = len(values) - 1 - int(np.argmin(values))
    return len(values) >= settings.burn_in and since >= settings.patience


def cross_validate_recipe(
    x: object, triplets: object, *, folds: int = 3, l2: float = 1e-3, seed: int = 0,
    settings: RecipeSettings | None = None, on_epoch: Callable[[int, int, Epoch], None] | None = None,
) -> list[RecipeFit]:  # fmt: skip
    """The recipe on folds over objects, as published: the test triplets of a fold are also those that end its training.

    So its figures are a little too good; `cross_validate_probe` has those of triplets that chose nothing.

    on_epoch: called with (fold, epoch, `Epoch`).
    """
    rows = finite_rows(x)
    index = valid_triplets(triplets, len(rows))
    fits: list[RecipeFit] = []
    for number, fold in enumerate(folds_of(index, len(rows), folds=folds, seed=seed)):

        def told(epoch: int, figures: Epoch, number: int = number) -> None:
            if on_epoch is not None:
                on_epoch(number + 1, epoch, figures)

        fits.append(
            fit_recipe(
                rows, index[fold.train], held_out=index[fold.test], l2=l2, seed=seed, settings=settings, on_epoch=told
            )
        )
        if fits[-1].interrupted:
            break
    return fits
