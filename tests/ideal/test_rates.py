"""No corrected test calls models different that are equal in the world, in more draws of objects than it says.

The ideal observer is equal to itself in other words, to the ceiling of people's answers, and two models that see the
truth through noise of the same kind are equal to each other.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from ideal.worlds import answered, log_softmax, similarities, sparse_rows
from scipy.stats import binom

import pyalign

N, SETS, EACH, LEVEL = 40, 300, 4, 0.05


def drawn(seed):
    """(rows of people, models that are equal, answers) of new objects."""
    rng = np.random.default_rng([5, seed])
    x = sparse_rows(rng, N)
    models = {name: x + rng.normal(scale=0.4, size=x.shape) for name in "abc"}
    sets = np.repeat([rng.permutation(N)[:3] for _ in range(SETS)], EACH, axis=0)
    rows = answered(rng, sets, np.exp(log_softmax(similarities(x, sets))))
    return x, models | {"a in other words": models["a"][:, ::-1]}, rows


def smallest(rows, *names):
    values = [getattr(row, name) for row in rows for name in names or ("p_adjusted",)]
    return min((value for value in values if value is not None), default=1.0)


def against_ceiling(x, models, rows):
    """0 where the interval of the ideal observer's fraction of the ceiling is without 1."""
    ci = pyalign.score(x, rows, measure="dot", ceiling=pyalign.noise_ceiling(rows)).only.fraction_of_ceiling.ci
    return float(ci.low <= 1.0 <= ci.high)


TESTS = {
    "score": against_ceiling,
    "permutation": lambda x, models, rows: pyalign.permutation_test(
        x[np.random.default_rng(int(rows.sum())).permutation(N)], rows, measure="dot", n_permutations=99).p_value,
    "compare": lambda x, models, rows: smallest(pyalign.compare(models, rows, measure="dot").pairs),
    "compare, max-t": lambda x, models, rows: smallest(pyalign.compare(models, rows, measure="dot").pairs, "p_max_t"),
    "concepts": lambda x, models, rows: smallest(
        pyalign.score_concepts(models, rows, x[:, :2], measure="dot").differences),
    "consistency": lambda x, models, rows: smallest(pyalign.error_consistency(
        {"ideal": x, "one": sparse_rows(np.random.default_rng(int(rows.sum())), N)}, rows, measure="dot").pairs),
    "predict": lambda x, models, rows: smallest(pyalign.predict_dimensions(models, x).differences),
    "rsa": lambda x, models, rows: smallest(pyalign.rsa(models, x @ x.T, kind="similarity", measure="dot").pairs),
    "cka": lambda x, models, rows: smallest(
        [row for row in pyalign.cka(models | {"ideal": x}, n_permutations=0)[0].differences if row.model == "ideal"]),
    "neighborhoods": lambda x, models, rows: smallest(
        pyalign.neighborhoods(models, x, k=5, n_permutations=0).differences),
}
DRAWS = 80


@pytest.mark.slow
@pytest.mark.parametrize("test", [*TESTS])
def test_equal_models_are_called_different_no_more_often_than_the_test_says(test):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        called = sum(TESTS[test](*drawn(seed)) < LEVEL for seed in range(DRAWS))
    assert called <= binom.ppf(0.999, DRAWS, LEVEL)
