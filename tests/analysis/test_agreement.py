"""Agreement with many people: against loops over triplets, in cases worked out by hand, and on real data."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy
from scipy.stats import pearsonr, spearmanr
from support import definition, draw_triplets, reals, seeds, whole

from pyalign import agreement, score
from pyalign.stats.regression import pearson, spearman


@given(seeds, st.integers(2, 50))
def test_correlations_are_those_of_scipy(seed, m):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 5, m), rng.normal(size=m)
    if np.ptp(a):
        assert pearson(a, b) == pytest.approx(pearsonr(a, b)[0], rel=1e-9, abs=1e-12)
        assert spearman(a, b) == pytest.approx(spearmanr(a, b)[0], rel=1e-9, abs=1e-12)


def test_correlations_with_a_constant_do_not_exist_and_scale_does_not_matter():
    b = np.array([1.0, 5.0, 2.0])
    assert math.isnan(pearson(np.full(3, 1 / 3), b)) and math.isnan(spearman(b, np.zeros(3)))
    assert math.isnan(pearson(b[:1], b[:1]))
    assert pearson(1e-200 * b, 1e200 * b) == 1 and pearson(b, -b) == -1


def by_loop(x, triplets, counts, measure, temperature):
    """The definitions, triplet by triplet; counts (t, 3), no set twice."""
    s = definition(x, x, measure)
    rows = []
    for (a, b, c), called in zip(triplets.tolist(), counts.tolist(), strict=True):
        z = np.array([s[b, c], s[a, c], s[a, b]])
        p = np.exp((z - z.max()) / temperature)
        p /= np.sort(p).sum()
        q = np.array(called) / sum(called)
        credit = (z == z.max()) / (z == z.max()).sum()
        majority = (q == q.max()) / (q == q.max()).sum()
        rows.append((p, q, q @ credit, majority @ credit, majority @ p))
    p, q, accuracy, of_majority, p_majority = (np.array(column) for column in zip(*rows, strict=True))
    model, people = scipy_entropy(np.sort(p), axis=1), scipy_entropy(np.sort(q), axis=1)
    assert len(np.unique(people.round(12))) == len(np.unique(people))  # ranks: equal shares are equal to the last bit
    return {
        "share_pearson": pearsonr(p.ravel(), q.ravel())[0],
        "entropy_pearson": pearsonr(model, people)[0], "entropy_spearman": spearmanr(model, people)[0],
        "model_entropy": model.mean(), "human_entropy": people.mean(),
        "kl": scipy_entropy(q, p, axis=1).mean(), "js_distance": jensenshannon(q, p, axis=1).mean(),
        "accuracy": accuracy.mean(), "majority_accuracy": of_majority.mean(), "majority_share": q.max(axis=1).mean(),
    }, (q.max(axis=1), accuracy, of_majority, p_majority)


@pytest.fixture(scope="module")
def case():
    """Whole numbers, so that models tie; counts with ties, zeros and few answers."""
    x = whole(1, 12, 3, dtype=np.float64)
    triplets = np.unique(np.sort(draw_triplets(2, 12, 150), axis=1), axis=0)
    rng = np.random.default_rng(3)
    triplets = rng.permuted(triplets, axis=1)
    return x, triplets, rng.integers(0, 5, triplets.shape) + np.eye(3, dtype=int)[rng.integers(0, 3, len(triplets))] * 2


@pytest.mark.parametrize("temperature", [0.5, 3.0])
@pytest.mark.parametrize("measure", ["dot", "neg_sqeuclidean"])
def test_equals_a_loop_over_triplets(case, backend, measure, temperature):
    x, triplets, counts = case
    found = agreement(x, triplets, answers=counts, measure=measure, temperature=temperature, backend=backend)
    expected, columns = by_loop(x, triplets, counts, measure, temperature)
    assert {name: getattr(found, name) for name in expected} == pytest.approx(expected, rel=1e-9)
    assert (found.n_distinct, found.n_answers) == (len(triplets), counts.sum())
    total = 0
    for k, b in enumerate(found.bins):
        last = k == len(found.bins) - 1
        inside = (columns[0] > b.low - 1e-9) & ((columns[0] < b.high - 1e-9) | last)
        assert b.n_distinct == inside.sum()
        total += b.n_distinct
        means = (b.majority_share, b.accuracy, b.majority_accuracy, b.majority_probability)
        if inside.any():
            assert means == pytest.approx([column[inside].mean() for column in columns], rel=1e-9)
        else:
            assert means == (None,) * 4
    assert total == len(triplets)


def test_single_answers_count_as_their_sums_and_the_order_of_items_does_not_matter(case):
    x, triplets, counts = case
    orders = np.array([[1, 2, 0], [2, 0, 1], [0, 1, 2]])
    single = np.concatenate([np.repeat(triplets[:, orders[k]], counts[:, k], axis=0) for k in range(3)])
    single = np.random.default_rng(4).permutation(single)
    assert agreement(x, single, measure="dot") == agreement(x, triplets, answers=counts, measure="dot")


def test_accuracy_is_that_of_score_on_the_same_answers_when_all_have_as_many():
    x, triplets = reals(5, 10, 4), np.repeat(draw_triplets(6, 10, 40), 2, axis=0)
    _, first = np.unique(np.sort(triplets, axis=1), axis=0, return_index=True)
    triplets = np.concatenate([triplets[first], triplets[first][:, [0, 2, 1]]])
    assert agreement(x, triplets).accuracy == pytest.approx(score(x, triplets).accuracy, rel=1e-12)


def test_a_model_that_gives_the_shares_themselves_has_no_divergence():
    """Similarities log(share of the item outside the pair), as dot products of one-hot rows with a table."""
    counts = np.array([[5, 3, 2]])
    s = np.zeros((3, 3))
    s[1, 2], s[0, 2], s[0, 1] = np.log(counts[0] / 10)
    s += s.T + 10 * np.eye(3)
    x = np.linalg.cholesky(s)
    found = agreement(x, [[0, 1, 2]], answers=counts, measure="dot")
    assert (found.kl, found.js_distance) == (pytest.approx(0, abs=1e-12), pytest.approx(0, abs=1e-7))
    assert (found.accuracy, found.majority_accuracy) == (0.5, 1)
    assert found.model_entropy == pytest.approx(found.human_entropy)


def test_a_constant_model_has_no_correlations_and_chance_accuracy():
    triplets, counts = draw_triplets(1, 9, 30), np.random.default_rng(0).integers(1, 9, (30, 3))
    found = agreement(np.ones((9, 4), np.float32), triplets, answers=counts)
    assert all(math.isnan(r) for r in (found.share_pearson, found.entropy_pearson, found.entropy_spearman))
    assert found.accuracy == pytest.approx(1 / 3) and found.majority_accuracy == pytest.approx(1 / 3)
    assert found.model_entropy == pytest.approx(math.log(3))
    assert found.only.to_dict()["share_pearson"] is None


def test_ties_follow_their_rule():
    x, triplets = np.array([[1.0], [1.0], [1.0], [5.0]]), [[0, 1, 2], [0, 1, 3]]
    counts = [[1, 1, 2], [0, 0, 4]]
    options = {"answers": counts, "measure": "neg_euclidean"}
    assert agreement(x, triplets, ties="fractional", **options).accuracy == pytest.approx((1 / 3 + 1) / 2)
    assert agreement(x, triplets, ties="wrong", **options).accuracy == 0.5


def test_rows_with_nan_are_left_out_or_refused(message_of):
    x, triplets = reals(1, 9, 3), draw_triplets(1, 9, 60)
    x[4] = np.nan
    counts = np.random.default_rng(0).integers(1, 9, (60, 3))
    assert "embeddings must be finite" in message_of(agreement, x, triplets, answers=counts)
    found = agreement(x, triplets, answers=counts, nan_policy="omit").only
    kept = (triplets != 4).all(axis=1)
    alone = agreement(np.nan_to_num(x), triplets[kept], answers=counts[kept]).only
    dropped = len({frozenset(row) for row in triplets[~kept].tolist()})
    assert found.n_dropped == dropped
    assert replace(found, n_dropped=0, notes=()) == replace(alone, notes=())


def test_low_temperatures_keep_divergences_finite(case):
    x, triplets, counts = case
    found = agreement(x, triplets, answers=counts, measure="dot", temperature=0.01)
    assert math.isfinite(found.kl) and found.kl > 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "triplets must hold some with at least 2 answers; got at most 1 for any"),
        ({"answers": [[1, 2, 3]], "min_answers": 7},
         "triplets must hold some with at least 7 answers; got at most 6 for any"),
        ({"min_answers": 0}, "min_answers must be a whole number from 1 to 2,147,483,647; got 0"),
        ({"edges": ["a", 1]}, "edges must be two or more numbers that ascend; got ['a', 1]"),
        ({"answers": [[1, 2]]}, "answers must have shape (1, 3), a row for each triplet; got (1, 2)"),
        ({"answers": [[0.2, 0.3, 0.5]]},
         "answers must be counts (whole numbers) here; got shares, which do not say of how many"),
        ({"answers": [[0.0, 0.0, 0.0]]}, "answers must hold at least one answer in each row; row 0 is [0, 0, 0]"),
        ({"edges": [0.5]}, "edges must be two or more numbers that ascend; got [0.5]"),
        ({"edges": [0.5, 1]}, "edges must span all majority shares, 1/3 to 1; got 0.5 to 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(message_of, options, message):
    assert message_of(agreement, np.eye(3), [[0, 1, 2]], **options) == message


# Real data


def test_the_published_correlation_on_the_440_hard_triplets(data):
    """.68: Pearson over all three choices of every triplet, SPoSE with 66 dimensions, dot products, T = 1."""
    hard = np.load(data / "things" / "hard_440_choice_counts.npz")
    x = np.loadtxt(data / "things" / "spose_embedding_66d_sorted.txt")
    found = agreement(x, hard["triplets_sorted0"], answers=hard["odd_counts"], measure="dot")
    assert round(found.share_pearson, 2) == 0.68
    expected, _ = by_loop(x, hard["triplets_sorted0"], hard["odd_counts"], "dot", 1.0)
    assert {name: getattr(found, name) for name in expected} == pytest.approx(expected, rel=1e-9)
    accuracies = [b.accuracy for b in found.bins]
    assert accuracies == sorted(accuracies)  # the more people agree, the better it does
