"""Agreement of right and wrong: kappa, its bounds, its bias, and the probability of copying."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyalign.stats.joint import kappa_of, of_counts, unbiased

bits = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)

# Answers of three subjects to nine pictures in three conditions: brain-score's test of its metric (error_consistency).
TRUTH = ("dog", "cat", "chair") * 3
ANSWERS = {
    "A": ("dog", "cat", "chair", "cat", "dog", "dog", "dog", "dog", "chair"),
    "B": ("cat", "cat", "chair", "cat", "dog", "cat", "chair", "cat", "cat"),
    "C": TRUTH,
}


def agreement_of(a, b):
    """The agreement of two arrays of right (True) and wrong."""
    return of_counts(len(a), int(a.sum()), int(b.sum()), int((a & b).sum()))


def test_the_toy_case_of_brain_score_is_a_fifth():
    """A against each subject in each condition; where expected agreement is whole a condition counts for nothing."""
    right = {name: np.array(answers) == np.array(TRUTH) for name, answers in ANSWERS.items()}
    of_subjects = []
    for other in ANSWERS:
        found = [agreement_of(right["A"][three : three + 3], right[other][three : three + 3]) for three in (0, 3, 6)]
        kappas = [(one.observed - one.expected) / (1 - one.expected) for one in found if one.expected < 1]
        of_subjects.append(np.mean(kappas))
    assert of_subjects == pytest.approx([1.0, -0.4, 0.0])
    assert np.mean(of_subjects) == pytest.approx(0.2)


@given(bits)
def test_kappa_is_that_of_its_definition(answers):
    a, b = np.array(answers).T
    found = agreement_of(a, b)
    assert found.observed == pytest.approx(np.mean(a == b))
    assert found.expected == pytest.approx(a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean()))
    if a.all() or b.all() or not a.any() or not b.any():
        assert (found.kappa, found.kappa_min, found.kappa_max, found.copy_probability) == (None,) * 4
        return
    assert found.kappa == pytest.approx((found.observed - found.expected) / (1 - found.expected), abs=1e-12)
    assert found.kappa_min - 1e-12 <= found.kappa <= found.kappa_max + 1e-12
    assert agreement_of(b, a).kappa == found.kappa
    assert agreement_of(a, a).kappa == agreement_of(a, a).unbiased_kappa == 1.0
    assert agreement_of(a, ~a).kappa == -1.0 if a.mean() == 0.5 else True


@given(st.integers(2, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n - 1), st.integers(1, n - 1))))
def test_the_bounds_are_met_by_some_answers_and_passed_by_none(counts):
    n, right_a, right_b = counts
    possible = [
        kappa_of(n, right_a, right_b, both) for both in range(max(0, right_a + right_b - n), min(right_a, right_b) + 1)
    ]
    found = of_counts(n, right_a, right_b, min(right_a, right_b))
    assert (found.kappa_min, found.kappa_max) == (min(possible), max(possible))
    assert -1 <= found.kappa_min <= 0 <= found.kappa_max <= 1


def test_unbiased_kappa_is_a_ratio_of_unbiased_estimates():
    """The mean over all answers to three questions, each as likely as it is, of both sides of the fraction."""
    cells = {(1, 1): 0.4, (1, 0): 0.3, (0, 1): 0.1, (0, 0): 0.2}
    covariance, below = 0.4 - 0.7 * 0.5, 0.7 + 0.5 - 2 * 0.7 * 0.5
    above = beneath = 0.0
    for drawn in product(cells, repeat=3):
        a, b = np.array(drawn).T
        weight = np.prod([cells[one] for one in drawn])
        c = np.mean(a * b) - a.mean() * b.mean()
        d = a.mean() + b.mean() - 2 * a.mean() * b.mean()
        above, beneath = above + weight * 2 * c * 3 / 2, beneath + weight * (d + 2 * c / 2)
        if d > 0:
            assert unbiased(2 * c / d, 3) == pytest.approx((2 * c * 3 / 2) / (d + 2 * c / 2))
    assert (above, beneath) == pytest.approx((2 * covariance, below))


@pytest.mark.parametrize("copied", [0.0, 0.3, 1.0, -0.4])
def test_answers_of_the_copy_model_give_its_probability_back(copied):
    """A is right in 70%; B does as A, or as the opposite, in this share, and is else right in 40%."""
    source, own = 0.7, 0.4
    taken, alone = abs(copied), 1 - abs(copied)
    after_right = taken * (copied > 0) + alone * own
    after_wrong = taken * (copied < 0) + alone * own
    n = 10_000
    both, right_b = source * after_right * n, (source * after_right + (1 - source) * after_wrong) * n
    found = of_counts(n, 7000, round(right_b), round(both))
    assert found.copy_probability == pytest.approx(copied, abs=1e-9)


def test_of_equal_accuracies_the_copy_probability_is_kappa():
    found = of_counts(100, 60, 60, 45)
    assert found.copy_probability == pytest.approx(found.kappa) == pytest.approx(0.375)
