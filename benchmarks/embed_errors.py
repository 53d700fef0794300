"""Standard errors of entries in worlds whose entries are known: `python -m benchmarks.embed_errors FOLDER`.

Answers are simulated; FOLDER isn't read. Each penalty is a share of the one that cross-validation chose. Errors are
those of `--resamples`, with the bias by penalties and without; Laplace's come from the second derivatives of the
objective at the entries that are not 0. Coverage is of true entries above .2, within two standard errors of the fitted
ones, after matching.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.probe_grid import run
from pyalign import cross_validate_embedding
from pyalign.datasets.simulate import simulate
from pyalign.embedding.fit import Objective, moved_by_penalties
from pyalign.embedding.inputs import read_answers
from pyalign.embedding.options import EmbeddingPenalty
from pyalign.embedding.stability import matched

OBJECTS, DIMENSIONS, ANSWERS, RESAMPLES, LARGE = 60, 4, 12_000, 100, 0.2
SHARES = (1.0, 0.5, 0.2, 0.1)
STEP = 1e-5


def world(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sparse dimensions (n, d), and answers by softmax."""
    rng = np.random.default_rng(seed)
    rows = rng.gamma(2.0, 0.6, (OBJECTS, DIMENSIONS)) * (rng.random((OBJECTS, DIMENSIONS)) < 0.4)
    return rows, simulate(rows, ANSWERS, measure="dot", temperature=1.0).triplets


def measure(_: Path) -> Iterator[tuple[str, float, str]]:
    """What, figure and unit, as soon as each is there."""
    truth, triplets = world()
    chosen = cross_validate_embedding(triplets, ci=None).fit
    objective = Objective(read_answers(triplets).loss(), EmbeddingPenalty(chosen.shrinkage, chosen.sparsity))
    yield "shrinkage that was chosen", 1e6 * chosen.shrinkage, "e-6"
    for share in SHARES:
        penalty = objective.penalty.scaled(share)
        result = cross_validate_embedding(
            triplets, folds=2, penalties=[penalty], n_resamples=RESAMPLES, n_dimensions=2 * DIMENSIONS, ci=None,
            tolerance=1e-5,
        )
        rows, errors = result.fit.embedding.values, result.standard_errors
        assert errors is not None
        pairs = matched(truth, rows)
        true, fitted = truth[:, pairs.first], rows[:, pairs.second]
        large, what = (true > LARGE) & (fitted > 0), f"{share:g} of the penalty that was chosen"
        of_laplace = laplace(rows, Objective(objective.loss, penalty))
        moved = moved_by_penalties(objective.loss, penalty, rows)
        resampled = np.sqrt(np.maximum(errors**2 - moved**2, 0.0))
        yield f"{what}: dimensions", rows.shape[1], ""
        for name, each in (
            ("errors", errors), ("errors without the bias", resampled), ("Laplace errors", np.hypot(of_laplace, moved)),
            ("Laplace errors without the bias", of_laplace),
        ):
            covered = float((np.abs(fitted - true) <= 2 * each[:, pairs.second])[true > LARGE].mean())
            yield f"{what}: {name} cover", 100 * covered, "%"
        ratio = of_laplace[:, pairs.second][large] / resampled[:, pairs.second][large]
        yield f"{what}: Laplace by resampled errors, median", float(np.median(ratio)), ""
        yield f"{what}: mean of fitted less true entries", float(np.mean((fitted - true)[true > LARGE])), ""
        yield f"{what}: mean of the bias as estimated", float(np.mean(moved[:, pairs.second][true > LARGE])), ""


def laplace(rows: np.ndarray, objective: Objective) -> np.ndarray:
    """(n, d) standard errors of the entries that are not 0: of the inverse of t times the second derivatives."""
    free = np.flatnonzero(rows)
    hessian = np.empty((len(free), len(free)))
    for k, place in enumerate(free):
        moved = np.zeros(rows.size)
        moved[place] = STEP
        change = objective(rows + moved.reshape(rows.shape))[1] - objective(rows - moved.reshape(rows.shape))[1]
        hessian[k] = change.ravel()[free] / (2 * STEP)
    hessian = (hessian + hessian.T) / 2 * objective.loss.weight
    errors = np.zeros(rows.size)
    errors[free] = np.sqrt(np.clip(np.diag(np.linalg.pinv(hessian, hermitian=True)), 0.0, None))
    return errors.reshape(rows.shape)


if __name__ == "__main__":
    run("embed-errors", __doc__.splitlines()[0], measure)
