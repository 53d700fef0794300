"""Scores against the answers of many people to each triplet: as of a file with a row for each of their answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, reals, seeds

import pyalign
from pyalign import Triplets, noise_ceiling, score, score_choices

ODD_LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])
OPTIONS = np.array([[0, 1, 2], [0, 2, 1]])


def answered(seed, n=12, t=40, k=3):
    """Different triplets of rows with some ties, and counts of answers to each, 1 to 9."""
    rng = np.random.default_rng(seed)
    triplets = draw_triplets(seed, n, t)
    triplets = triplets[np.unique(np.sort(triplets, axis=1), axis=0, return_index=True)[1]]
    counts = rng.integers(0, 4, (len(triplets), k))
    counts[np.arange(len(triplets)), rng.integers(0, k, len(triplets))] += 1
    return rng.integers(-2, 3, (n, 3)).astype(np.float64) + 3.0, triplets, counts


def expanded(triplets, counts):
    """A row for each answer with what was chosen where a file has it, and which triplet it is to."""
    k = counts.shape[1]
    rows = np.repeat(np.arange(len(triplets)), counts.sum(axis=1))
    chosen = np.concatenate([np.repeat(np.arange(k), row) for row in counts])
    return np.take_along_axis(triplets[rows], (ODD_LAST if k == 3 else OPTIONS)[chosen], axis=1), rows


def same(found, expected):
    """All figures; numbers of triplets are those of triplets, not of answers."""
    left_out = ("n_triplets", "n_ties", "n_dropped", "n_answers", "seconds", "provenance", "triplets_per_second")
    left, right = ({k: v for k, v in one.to_dict().items() if k not in left_out} for one in (found, expected))
    assert left == right


@pytest.mark.parametrize("task", ["odd-one-out", "anchored"])
@given(seed=seeds, ci=st.sampled_from(["objects", "triplets", None]), ties=st.sampled_from(["fractional", "wrong"]))
def test_counts_of_answers_score_as_a_file_with_a_row_for_each(task, seed, ci, ties):
    x, triplets, counts = answered(seed, k=3 if task == "odd-one-out" else 2)
    rows, of = expanded(triplets, counts)
    labels = np.arange(len(triplets)) % 3
    people = noise_ceiling(Triplets(rows, task=task))
    how = {"ci": ci, "ties": ties, "measure": "dot", "ceiling": people}
    found = score(x, Triplets(triplets, task=task), answers=counts, groups=labels, **how).only
    expected = score(x, Triplets(rows, task=task), groups=labels[of], **how).only
    same(found, expected)
    assert (found.n_triplets, found.n_answers, found.weighting) == (len(triplets), len(rows), "answers")


@pytest.mark.parametrize("task", ["odd-one-out", "anchored"])
@given(seed=seeds)
def test_the_accuracy_is_the_mean_share_of_people_who_agree_with_the_model(task, seed):
    """A tie of m alternatives agrees 1/m with each of them."""
    k = 3 if task == "odd-one-out" else 2
    x, triplets, counts = answered(seed, k=k)
    i, j, o = x[triplets].transpose(1, 0, 2)
    pairs = [(j * o).sum(1), (i * o).sum(1), (i * j).sum(1)] if k == 3 else [(i * j).sum(1), (i * o).sum(1)]
    best = np.stack(pairs, axis=1)
    best = best == best.max(axis=1, keepdims=True)
    agree = (counts * best).sum(axis=1) / best.sum(axis=1)
    given_triplets = Triplets(triplets, task=task)
    found = score(x, given_triplets, answers=counts, measure="dot").only
    assert found.accuracy == pytest.approx(agree.sum() / counts.sum())
    assert found.n_ties == (best.sum(axis=1) > 1).sum()
    each = score(x, given_triplets.with_answers(counts), measure="dot", weighting="triplets").only
    assert each.accuracy == pytest.approx((agree / counts.sum(axis=1)).mean())
    assert (each.weighting, each.n_answers) == ("triplets", counts.sum())


def test_its_interval_over_independent_triplets_is_that_of_the_mean_of_their_shares():
    rng = np.random.default_rng(0)
    x, triplets = reals(0, 300, 4, dtype=np.float64), np.arange(300).reshape(100, 3)
    counts = rng.multinomial(5, [0.5, 0.3, 0.2], 100)
    chosen = pyalign.odd_one_out(x, triplets)
    shares = counts[np.arange(100), chosen] / 5
    found = score(x, triplets, answers=counts, ci="objects").only
    assert found.accuracy == pytest.approx(shares.mean())
    assert found.standard_error == pytest.approx(shares.std() / np.sqrt(99), rel=1e-6)
    counts[::2] *= 3
    found = score(x, triplets, answers=counts, ci="objects", weighting="triplets").only
    assert found.accuracy == pytest.approx(shares.mean())
    assert found.standard_error == pytest.approx(shares.std() / np.sqrt(99), rel=1e-6)


@given(seed=seeds)
def test_choices_of_a_model_score_as_its_embeddings_do(seed):
    x, triplets, counts = answered(seed)
    x = x + reals(seed, *x.shape)  # without ties
    chosen = pyalign.odd_one_out(x, triplets)
    for weighting in ("answers", "triplets"):
        expected = score(x, triplets, answers=counts, weighting=weighting).only
        found = score_choices(chosen, triplets, answers=counts, weighting=weighting).only
        assert (found.accuracy, found.ci, found.n_triplets, found.n_answers, found.weighting) == (
            expected.accuracy, expected.ci, expected.n_triplets, expected.n_answers, weighting,
        )
    both = score({"x": x}, triplets, answers=counts, model_choices={"c": chosen})
    assert both[0].accuracy == both[1].accuracy


def test_answers_are_by_the_positions_in_the_file_and_arrays_have_a_row_for_each_triplet():
    x, triplets, counts = answered(3)
    moved = Triplets(triplets[:, [1, 2, 0]], positions=np.array([1, 2, 0], np.int8))
    plain, found = (
        score(x, one, answers=counts, measure="dot", keep=["choices", "probabilities"]).only
        for one in (triplets, moved)
    )
    assert found.accuracy == plain.accuracy
    np.testing.assert_array_equal(found.choices, pyalign.odd_one_out(x, triplets, measure="dot"))
    np.testing.assert_allclose(found.probabilities, plain.probabilities, rtol=1e-12)
    assert score(x, moved.with_answers(counts), measure="dot").only.accuracy == found.accuracy
    assert score(x, triplets, answers=counts, measure="dot").only.choices is None


def test_triplets_that_are_left_out_are_counted_once():
    x, triplets, counts = answered(4)
    x[triplets[0, 0]] = np.nan
    touched = (triplets == triplets[0, 0]).any(axis=1)
    found = score(x, triplets, answers=counts, nan_policy="omit", measure="dot").only
    assert (found.n_triplets, found.n_dropped) == ((~touched).sum(), touched.sum())
    assert found.n_answers == counts[~touched].sum()
    choices = np.where(touched, np.nan, 0)
    of_choices = score_choices(choices, triplets, answers=counts, nan_policy="omit").only
    assert (of_choices.n_triplets, of_choices.n_dropped) == (found.n_triplets, found.n_dropped)
    names = [f"item {k}" for k in range(len(x))]
    some = pyalign.Embeddings(np.delete(x, triplets[0, 0], axis=0), np.delete(names, triplets[0, 0]).tolist())
    known = Triplets(triplets, tuple(names), numbered=True)
    omitted = score(some, known, answers=counts, missing="omit", measure="dot", keep="choices").only
    assert (omitted.accuracy, omitted.n_answers) == (found.accuracy, found.n_answers)
    assert ((omitted.choices == -2) == touched).all()


@given(seed=seeds)
def test_each_distinct_triplet_counts_the_same_on_request(seed):
    """Of rows too: by the mean of each triplet's own accuracy."""
    x, triplets, counts = answered(seed)
    rows, _ = expanded(triplets, counts)
    right = score(x, triplets, answers=counts, measure="dot", weighting="triplets").only
    by_rows = score(x, rows, measure="dot", weighting="triplets").only
    assert (by_rows.accuracy, by_rows.ci) == (right.accuracy, right.ci)
    assert by_rows.n_triplets == len(rows) and by_rows.n_answers is None
    once = score(x, triplets, measure="dot").only
    same(replace(score(x, triplets, measure="dot", weighting="triplets").only, weighting="answers"), once)


@given(seed=seeds)
def test_weights_of_triplets_are_those_of_all_answers_to_them(seed):
    x, triplets, counts = answered(seed)
    rows, of = expanded(triplets, counts)
    weights = np.random.default_rng(seed).integers(1, 5, len(triplets))
    found = score(x, triplets, answers=counts, weights=weights, measure="dot").only
    same(found, score(x, rows, weights=weights[of], measure="dot").only)
    each = score(x, triplets, answers=counts, weights=weights, measure="dot", weighting="triplets").only
    share = [score(x, rows[of == k], measure="dot", ci=None).accuracy for k in range(len(triplets))]
    assert each.accuracy == pytest.approx(np.average(share, weights=weights))
    people = noise_ceiling(triplets, answers=counts + 1, weights=weights, weighting="triplets")
    majority = (counts + 1).max(axis=1) / (counts + 1).sum(axis=1)
    assert people.ceiling == pytest.approx(np.average(majority, weights=weights))


def test_a_ceiling_of_the_other_weighting_is_refused(message_of):
    x, triplets, counts = answered(5)
    over = {weighting: noise_ceiling(triplets, answers=counts, weighting=weighting)
            for weighting in ("answers", "triplets")}
    for call, model in ((score, x), (score_choices, np.zeros(len(triplets), int))):
        said = message_of(call, model, triplets, answers=counts, ceiling=over["triplets"])
        assert said == "ceiling must be over answers, as the accuracy is; got one over triplets (see weighting)"
        other = {"ceiling": ("upper", over["answers"]), "weighting": "triplets"}
        said = message_of(call, model, triplets, answers=counts, **other)
        assert said == "ceiling must be over triplets, as the accuracy is; got one over answers (see weighting)"
        found = call(model, triplets, answers=counts, ceiling=over["triplets"], weighting="triplets").only
        assert found.ceiling == over["triplets"].ceilings.estimate.value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"answers": [[1, 2]]}, "answers must have shape (2, 3), a row for each triplet; got (1, 2)"),
        ({"answers": [[1, 0, 0], [0, 0, 0]]}, "answers must hold at least one answer in each row; row 1 is [0, 0, 0]"),
        ({"answers": [[1, 0, 0]] * 2, "subjects": [1, 2]},
         "subjects and answers must not both be given: counts do not say whose answer is whose"),
        ({"answers": [[2**30, 0, 1]] * 2}, "answers must be at most 1,073,741,824 in all; got 2,147,483,650"),
        ({"answers": [[1, 0, 0]] * 2, "groups": [1]}, "groups must have one entry per triplet, shape (2,); got (1,)"),
        ({"answers": [[0.2, 0.3, 0.5]] * 2},
         "answers must be counts (whole numbers) here; got shares, which do not say of how many"),
        ({"weighting": "people"}, "weighting must be one of answers, triplets; got 'people'; did you mean 'triplets'?"),
    ],
)
def test_what_can_not_be_scored_is_refused(message_of, options, message):
    assert message_of(score, np.eye(3), [[0, 1, 2], [2, 1, 0]], **options) == message


def test_a_table_says_what_counts_the_same():
    x, triplets, counts = answered(6)
    table = " ".join(score(x, triplets, answers=counts, groups=np.arange(len(triplets)) % 2).table().split())
    assert f"{counts.sum()} answers; each answer counts the same" in table and f"{len(triplets)} triplets" in table
    each = score(x, triplets, answers=counts, weighting="triplets")
    assert "each triplet counts the same" in each.table()
    assert "counts the same" not in score(x, triplets).table()
