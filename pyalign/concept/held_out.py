"""Predictions of human dimensions for objects that the fit has not seen: folds over objects, ridge inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyalign import _checks
from pyalign.concept.ridge import Rows, chosen_penalties
from pyalign.errors import InputError
from pyalign.ops.resample import permutation
from pyalign.progress import Progress, silent

LEAST = 3  # objects to fit on: leave-one-out leaves two


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What fits to the other folds predict.

    Attributes:
        predictions: (n, k), each row by a fit that did not see it.
        means: (n, k) of the dimensions over the objects that each fit was made on: what it would say without features.
        penalties: (folds, k), chosen by leave-one-out.
        without: (n, k) twice, how much the sums of squared residuals of all others from predictions and from means
            would grow were the object in no fit, with the penalties as they are; None where nobody asked.
    """

    predictions: np.ndarray
    means: np.ndarray
    penalties: np.ndarray
    without: tuple[np.ndarray, np.ndarray] | None = None


def folds_of(n: int, folds: object, names: Sequence[str] | None = None, seed: int = 0) -> np.ndarray:
    """(n,) the fold of each object, from 0: of about equal size, drawn at random, or as given by a label of each.

    Draws are those of the names in their order, where there are names: an object's fold does not depend on its row.

    Raises:
        InputError: fewer than two folds or more than objects; a fold that leaves fewer than three objects to fit on.

    Example:
        >>> folds_of(6, 2, "fedcba").tolist() == folds_of(6, 2, "abcdef").tolist()[::-1]
        True
        >>> folds_of(5, ["x", "y", "y", "z", "x"]).tolist()
        [0, 1, 1, 2, 0]
    """
    if np.ndim(folds) == 0:  # type: ignore[arg-type]
        count = _checks.whole_number(folds, "folds", 2)
        if count > n:
            raise InputError(f"folds must be at most as many as objects ({n:,}); got {count:,}")
        order = np.arange(n) if names is None else np.argsort(np.array(list(names), object), kind="stable")
        fold = np.empty(n, np.int64)
        fold[order[permutation(n, 0, seed=seed)]] = np.arange(n) % count
    else:
        labels = _checks.as_array(folds, "folds", "(n,)")
        if labels.shape != (n,) or labels.dtype.kind not in "biuUS":
            raise InputError(f"folds must be a number, or a label for each of {n:,} objects; got shape {labels.shape} "
                             f"of {labels.dtype}")  # fmt: skip
        fold = np.unique(labels, return_inverse=True)[1].reshape(n)
    sizes = np.bincount(fold)
    if len(sizes) < 2:
        raise InputError("folds must be at least two; got one label")
    if n - int(sizes.max()) < LEAST:
        raise InputError(f"folds must leave at least {LEAST} objects to fit on; the largest leaves {n - sizes.max()}")
    return fold


def predict_held_out(
    x: np.ndarray, y: np.ndarray, fold: np.ndarray, penalties: np.ndarray, *, standardize: bool = False,
    errors: bool = False, progress: Progress = silent, stage: str = "folds",
) -> HeldOut:  # fmt: skip
    """Ridge from rows (n, d) to dimensions (n, k), each object predicted by the fit to all folds but its own.

    standardize: whether features are divided by their deviation over the objects of each fit.
    errors: whether to find out what each object has to do with the predictions of others.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(60, 4))
        >>> found = predict_held_out(x, x[:, :1] ** 3, folds_of(60, 3), np.array([0.1, 1.0]))
        >>> found.predictions.shape, found.penalties.shape
        ((60, 1), (3, 1))
    """
    count = int(fold.max()) + 1
    predictions, means, chosen = np.empty_like(y), np.empty_like(y), np.empty((count, y.shape[1]))
    of_fits, of_means = np.zeros_like(y), np.zeros_like(y)
    rows = Rows(x, float(penalties.min()))
    for f in range(count):
        progress(stage, f, count)
        fitted, out = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
        scaled = Rows(_scaled(x, fitted), float(penalties.min())) if standardize else rows
        spectrum = scaled.spectrum(fitted, out)
        chosen[f] = chosen_penalties(spectrum, y[fitted], penalties)
        predictions[out], means[out] = spectrum.predicted(y[fitted], chosen[f]), y[fitted].mean(axis=0)
        if errors:
            of_fits[fitted] += spectrum.without(y[fitted], chosen[f], y[out] - predictions[out])
            shift = (y[fitted] - means[out][0]) / (len(fitted) - 1)  # of the mean, without the object
            of_means[fitted] += 2.0 * shift * (y[out] - means[out]).sum(axis=0) + shift**2 * len(out)
    return HeldOut(predictions, means, chosen, (of_fits, of_means) if errors else None)


def _scaled(x: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """Features over their deviation on the fitted rows; one that is constant there says nothing, and is 0."""
    part = x[fitted]
    deviations = part.std(axis=0)
    varies = np.ptp(part, axis=0) > 0
    return (x - part.mean(axis=0)) * np.divide(1.0, deviations, out=np.zeros_like(deviations), where=varies)
