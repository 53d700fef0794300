"""pyalign.score: rules for ties and NaN, cross-entropy and entropy, what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from reference import decide, decide_as_human_alignment
from scipy.special import log_softmax
from support import FLOATS, MEASURES, definition, draw_triplets, pairs_of, reals, whole

from pyalign import score as score_of
from pyalign import similarity
from pyalign.analysis.accuracy import TIES, ChoiceModel, score_triplets
from pyalign.documents import from_document
from pyalign.ops.triplets import ready_inputs
from pyalign.results import Score

TEMPERATURES = (1e-4, 1e-2, 0.07, 1.0, 30.0, 1e4)
# float32: an exponent (s - max) / T carries two roundings, a series one or two more. float64: the same, and the order
# of 1e4 additions.
RELATIVE = {np.float32: 2e-6, np.float64: 1e-12}


# Ties


@pytest.fixture(scope="module")
def binary():
    """Random binary features of 4 dimensions, and random answers: half of the triplets tie or more."""
    rng = np.random.default_rng(1)
    return rng.integers(0, 2, (1854, 4)).astype(np.float32), draw_triplets(2, 1854, 200_000, np.int32)


def test_fractional_credit_of_a_random_model_is_a_third(backend, binary):
    """Within four standard errors; a triplet's credit lies in [0, 1] with mean 1/3: its variance is at most 2/9."""
    accuracy = score_of(*binary, backend=backend).accuracy
    assert abs(accuracy - 1 / 3) < 4 * math.sqrt(2 / 9 / 200_000)


def test_rules_for_ties_differ_by_many_points_on_binary_features(backend, binary):
    """Pearson's r of four bits takes few values: two triplets in five tie."""
    by_rule = {ties: score_of(*binary, measure="pearson", ties=ties, backend=backend) for ties in TIES}
    assert by_rule["human_alignment"].accuracy - by_rule["wrong"].accuracy == pytest.approx(0.18, abs=0.02)
    assert by_rule["wrong"].accuracy < by_rule["fractional"].accuracy < by_rule["human_alignment"].accuracy
    assert {s.n_ties for s in by_rule.values()} == {by_rule["wrong"].n_ties}
    assert 70_000 < by_rule["wrong"].n_ties < 90_000


@pytest.mark.parametrize("measure", ["cosine", "dot", "neg_euclidean"])
def test_human_alignment_rule_equals_that_code_triplet_by_triplet(backend, binary, measure):
    x, triplets = binary[0], binary[1][:20_000]
    s = pairs_of(definition(x, x, measure).astype(np.float32), triplets).T.tolist()
    right = sum(decide_as_human_alignment(*three) == 2 for three in s)
    plain = sum(decide(*three) == 2 for three in s)
    assert score_of(x, triplets, measure=measure, ties="human_alignment", backend=backend).accuracy == right / 20_000
    assert score_of(x, triplets, measure=measure, ties="wrong", backend=backend).accuracy == plain / 20_000


@pytest.mark.parametrize(
    "s01,s02,s12,fractional,wrong,human_alignment,ties",
    [
        (3, 1, 2, 1, 1, 1, 0),
        (1, 3, 2, 0, 0, 0, 0),
        (1, 2, 3, 0, 0, 0, 0),
        (3, 3, 1, 1 / 2, 0, 1, 1),
        (3, 1, 3, 1 / 2, 0, 1, 1),
        (1, 3, 3, 0, 0, 0, 1),
        (2, 2, 2, 1 / 3, 0, 0, 1),
        (3, 1, 1, 1, 1, 1, 0),  # a tie that is not for the most similar pair is none
    ],
)
def test_credit_of_one_triplet(backend, route, s01, s02, s12, fractional, wrong, human_alignment, ties):
    """Rows with those inner products."""
    x = np.array([[1, 0, 0], [s01, 1, 0], [s02, s12 - s01 * s02, 1]], np.float64)
    for rule, credit in (("fractional", fractional), ("wrong", wrong), ("human_alignment", human_alignment)):
        score = score_of(x, [[0, 1, 2]] * 3, measure="dot", ties=rule, backend=backend)
        assert score.accuracy == credit and score.n_ties == 3 * ties


@pytest.mark.parametrize("measure", [*MEASURES, "rbf:1"])
@pytest.mark.parametrize("row", [[0.0] * 5, [0.3] * 5, [0.1, -2.0, 3.3, 0.7, 1e-3]], ids=["zero", "constant", "any"])
def test_a_collapsed_model_gets_a_third_or_nothing(backend, route, measure, row):
    x, triplets = np.array([row] * 20, np.float32), draw_triplets(3, 20, 1000)
    expected = {"fractional": 1 / 3, "wrong": 0, "human_alignment": 0}
    for rule, accuracy in expected.items():
        score = score_of(x, triplets, measure=measure, ties=rule, backend=backend)
        assert score.accuracy == pytest.approx(accuracy, abs=1e-15)
        assert score.n_ties == 1000
        assert score.cross_entropy == pytest.approx(math.log(3), rel=1e-6)
        assert score.mean_entropy == pytest.approx(math.log(3), rel=1e-6)


def test_zero_rows_are_similar_to_nothing(backend, route):
    x = np.array([[0, 0], [1, 0], [1, 1], [-1, 0], [0, 1]], np.float32)
    # 0 against two that agree: it is odd. Against two opposites: 0, 0 beat -1, a tie. Against right angles: all tie.
    triplets = np.array([[1, 2, 0], [0, 1, 3], [0, 1, 4]])
    score = score_of(x, triplets, backend=backend)
    assert score.accuracy == pytest.approx((1 + 1 / 2 + 1 / 3) / 3) and score.n_ties == 2


# Cross-entropy and entropy


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("measure", ["cosine", "dot"])
def test_cross_entropy_and_entropy_are_those_of_scipy(backend, route, measure, dtype, temperature):
    x, triplets = whole(4, 60, 9, dtype=dtype), draw_triplets(5, 60, 20_000)
    s = pairs_of(definition(x, x, measure).astype(dtype), triplets).astype(np.float64)
    check_against_scipy(x, triplets, s, temperature, measure=measure, backend=backend)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.3, 2.0, 4.0])
@pytest.mark.parametrize("dtype", FLOATS)
def test_nats_of_a_model_that_is_right_and_sure_keep_their_digits(backend, route, dtype, temperature):
    """The human's pair leads by 24 or more: what is left of the cross-entropy is log(1 + tiny)."""
    x = np.array([[5, 0, 1], [5, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 3]], dtype)
    triplets = np.array([[0, 1, 2], [1, 0, 3], [0, 1, 4]])
    s = pairs_of(definition(x, x, "dot"), triplets)
    check_against_scipy(x, triplets, s, temperature, measure="dot", backend=backend)


@pytest.mark.parametrize("temperature", [1e-4, 1e-2, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("dtype", FLOATS)
def test_nats_of_a_model_that_is_wrong_and_sure_keep_their_digits(backend, route, dtype, temperature):
    x, triplets = np.array([[5, 0, 1], [5, 0, 0], [0, 1, 0]], dtype), np.array([[0, 2, 1]])
    s = pairs_of(definition(x, x, "dot"), triplets)
    check_against_scipy(x, triplets, s, temperature, measure="dot", backend=backend)


def check_against_scipy(x, triplets, s, temperature, **options):
    """Both are sums of exp(a) and a: a relative error of eps in a is one of |a| eps in exp(a). The absolute margin is
    for float64, in which scipy itself takes log(1 + tiny).
    """
    log_p = log_softmax(s / temperature, axis=0)
    score = score_of(x, triplets, temperature=temperature, **options)
    spread = min(100, float((s.max(axis=0) - s.min(axis=0)).max()) / temperature)
    relative = RELATIVE[x.dtype.type] * max(1, spread / 8)
    assert score.cross_entropy == pytest.approx(-log_p[0].mean(), rel=relative, abs=1e-15)
    entropy = -(np.exp(log_p) * log_p).sum(axis=0).mean()
    assert score.mean_entropy == pytest.approx(entropy, rel=relative, abs=1e-15)
    assert 0 <= score.mean_entropy <= math.log(3) * (1 + relative)


@pytest.mark.parametrize("dtype", FLOATS)
def test_nothing_overflows_for_inner_products_100_99_98(backend, route, dtype):
    x = np.array([[10, 0, 0], [10, 1, 0], [9.9, -1, 1]], dtype)
    s = np.array([100.0, 99.0, 98.0])
    for triplet, human in (([0, 1, 2], 0), ([0, 2, 1], 1), ([1, 2, 0], 2)):
        score = score_of(x, [triplet], measure="dot", backend=backend)
        assert score.cross_entropy == pytest.approx(-log_softmax(s)[human], rel=1e-5)
        huge = score_of(x * dtype(1e6), [triplet], measure="dot", backend=backend)
        assert math.isfinite(huge.cross_entropy) and math.isfinite(huge.mean_entropy)


def test_entropy_of_equal_similarities_is_log_3_and_of_sure_ones_zero(backend, route):
    assert score_of(np.eye(3), [[0, 1, 2]], backend=backend).mean_entropy == pytest.approx(math.log(3), rel=1e-15)
    sure = score_of(np.array([[9.0, 0], [9, 0], [0, 9]]), [[0, 1, 2]], temperature=0.01, measure="dot", backend=backend)
    assert (sure.mean_entropy, sure.cross_entropy, sure.accuracy) == pytest.approx((0, 0, 1), abs=1e-300)


def test_temperature_concerns_the_nats_alone(backend):
    x, triplets = reals(6, 30, 5), draw_triplets(7, 30, 1000)
    scores = [score_of(x, triplets, temperature=t, backend=backend) for t in TEMPERATURES]
    assert len({(s.accuracy, s.n_ties) for s in scores}) == 1
    assert len({s.cross_entropy for s in scores}) == len(TEMPERATURES)
    entropies = [s.mean_entropy for s in scores]
    assert entropies == sorted(entropies)


def test_a_temperature_that_makes_the_cross_entropy_infinite_is_refused(backend, message_of):
    x = whole(8, 10, 4, dtype=np.float64) * 1e150
    triplets = draw_triplets(9, 10, 100)
    message = message_of(score_of, x, triplets, measure="dot", temperature=1e-30, backend=backend)
    assert message.startswith("temperature must be large enough for a finite cross-entropy")


# NaN


def with_bad_rows(x):
    bad = x.copy()
    bad[3, 1], bad[7, 0], bad[8] = np.nan, np.inf, -np.inf
    return bad, ~np.isin(np.arange(len(x)), [3, 7, 8])


def test_nan_raises_with_the_count_and_the_first_row(backend, message_of):
    bad, _ = with_bad_rows(reals(10, 20, 5))
    for options in ({}, {"nan_policy": "raise"}):
        message = message_of(score_of, bad, [[0, 1, 2]], backend=backend, **options)
        assert (
            message
            == 'embeddings must be finite; 3 of 20 rows hold NaN or infinity, first row 3; nan_policy="omit" leaves '
            "them out"
        )


@pytest.mark.parametrize("measure", [*MEASURES, "rbf", "rbf:2"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_omit_equals_the_score_of_the_rows_that_are_left(backend, route, measure, dtype):
    x, triplets = reals(11, 20, 5, dtype=dtype), draw_triplets(12, 20, 2000)
    bad, good = with_bad_rows(x)
    kept = good[triplets].all(axis=1)
    renumbered = (np.cumsum(good) - 1)[triplets[kept]]
    expected = score_of(x[good], renumbered, measure=measure, backend=backend)
    ours = score_of(bad, triplets, measure=measure, nan_policy="omit", backend=backend)
    assert (ours.accuracy, ours.n_triplets, ours.n_ties) == (expected.accuracy, kept.sum(), expected.n_ties)
    assert ours.n_dropped == 2000 - kept.sum() > 0
    assert ours.cross_entropy == pytest.approx(expected.cross_entropy, rel=1e-5)
    assert ours.mean_entropy == pytest.approx(expected.mean_entropy, rel=1e-5)


def test_omit_of_nothing_is_the_plain_score(backend):
    x, triplets = reals(13, 20, 5), draw_triplets(14, 20, 2000)
    omitting = score_of(x, triplets, nan_policy="omit", backend=backend).only
    assert omitting == replace(score_of(x, triplets, backend=backend).only, nan="omit")


def test_omit_leaves_choices_and_probabilities_in_their_places(backend):
    x, triplets = reals(15, 20, 5), draw_triplets(16, 20, 500)
    bad, good = with_bad_rows(x)
    kept = good[triplets].all(axis=1)
    both = {"choices": True, "probabilities": True}
    plain, _ = score_triplets(x, triplets, ChoiceModel(), backend, **both)
    ours, dropped = score_triplets(bad, triplets, ChoiceModel(nan_policy="omit"), backend, **both)
    assert dropped == (~kept).sum() and ours.choices.shape == (500,) and ours.probabilities.shape == (500, 3)
    np.testing.assert_array_equal(ours.choices, np.where(kept, plain.choices, -2))
    np.testing.assert_allclose(ours.probabilities[kept], plain.probabilities[kept], rtol=1e-6)
    assert np.isnan(ours.probabilities[~kept]).all()


@pytest.mark.parametrize("nan", ["raise", "omit"])
def test_rows_and_triplets_are_checked_once_for_all_measures(monkeypatch, nan):
    checked = []

    def recorded(*arguments):
        checked.append(arguments)
        return ready_inputs(*arguments)

    monkeypatch.setattr("pyalign.analysis.score.ready_inputs", recorded)
    monkeypatch.setattr("pyalign.ops.triplets.ready_inputs", lambda *arguments: pytest.fail("they lie ready"))
    models = {"a": reals(17, 20, 5), "b": reals(18, 20, 3)}
    found = score_of(models, draw_triplets(19, 20, 300), measure=["cosine", "dot", "pearson"], nan_policy=nan)
    assert len(found) == 6 and len(checked) == 2


def test_omit_of_everything_is_refused(backend, message_of):
    x = np.full((4, 3), np.nan)
    message = message_of(score_of, x, [[0, 1, 2], [1, 2, 3]], nan_policy="omit", backend=backend)
    assert message == "embeddings must be finite in the rows of at least one triplet; all 2 touch NaN or infinity"


@pytest.mark.parametrize("nan", ["raise", "omit"])
def test_triplets_that_are_wrong_are_refused_and_stay_as_they_are(backend, message_of, nan):
    triplets = np.array([[0, 1, 2], [3, 20, 1]])
    message = message_of(score_of, reals(20, 20, 5), triplets, nan_policy=nan, backend=backend)
    assert message == "triplets must lie in [0, 20); row 1 is [3, 20, 1]"
    assert triplets.tolist() == [[0, 1, 2], [3, 20, 1]]


def test_omit_does_not_excuse_triplets_that_are_wrong(backend, message_of):
    bad, _ = with_bad_rows(reals(17, 20, 5))
    message = message_of(score_of, bad, [[0, 1, 2], [3, 20, 1]], nan_policy="omit", backend=backend)
    assert message == "triplets must lie in [0, 20); row 1 is [3, 20, 1]"


# The result


def test_agrees_with_the_reference(backend, route):
    x, triplets = whole(18, 30, 7), draw_triplets(19, 30, 300)
    for measure in (*MEASURES, "rbf:4"):
        ours = score_of(x, triplets, measure=measure, temperature=0.7, backend=backend)
        reference = score_of(x, triplets, measure=measure, temperature=0.7, backend="reference")
        assert (ours.accuracy, ours.n_ties, ours.n_triplets) == (reference.accuracy, reference.n_ties, 300)
        assert ours.cross_entropy == pytest.approx(reference.cross_entropy, rel=2e-6)
        assert ours.mean_entropy == pytest.approx(reference.mean_entropy, rel=2e-6)


def test_last_column_is_the_odd_item(backend):
    """And moves with the order of the items."""
    x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    assert score_of(x, [[0, 1, 2]], backend=backend).accuracy == 1
    assert score_of(x, [[0, 2, 1], [2, 1, 0]], backend=backend).accuracy == 0


def test_does_not_depend_on_the_number_of_threads_or_the_call(isa, route, set_threads):
    x, triplets = reals(20, 200, 33), draw_triplets(21, 200, 70_000)
    scores = set()
    for threads in (1, 2, 3, 5, 8, 8, 1):
        set_threads(threads)
        scores.add(score_of(x, triplets, temperature=0.1))
    assert len(scores) == 1


def test_score_is_frozen_readable_and_fit_for_json(backend):
    x, triplets = reals(22, 10, 3), draw_triplets(23, 10, 1234)
    score = score_of(x, triplets, measure="rbf:0.5", ties="wrong", backend=backend, ci=None)
    assert isinstance(score.only, Score)
    with pytest.raises(AttributeError):
        score.accuracy = 1.0
    document = json.loads(score.only.to_json())
    assert from_document(Score, document) == score.only
    assert list(document) == [
        "command", "schema", "version", "accuracy", "n_triplets", "n_ties", "n_dropped", "cross_entropy",
        "mean_entropy", "measure", "temperature", "ties", "nan", "backend", "seconds", "task", "weighting", "chance",
        "triplets_per_second", *(["notes"] if score.notes else []), "provenance",
    ]
    assert document["measure"] == "rbf:0.5" and document["backend"] == backend and document["ties"] == "wrong"
    assert repr(score).startswith(f"Score(accuracy={score.accuracy:.3%} of 1,234 triplets, 0 ties (wrong)")


def test_names_the_bandwidth_that_it_used(backend):
    measure = score_of(reals(24, 10, 3), [[0, 1, 2]], measure="rbf:0.123456789", backend=backend).measure
    x = reals(25, 5, 3, dtype=np.float64)
    np.testing.assert_array_equal(similarity(x, measure=measure), similarity(x, measure="rbf:0.123456789"))


@pytest.mark.parametrize(
    "options,message",
    [
        ({"ties": "rong"}, "ties must be one of fractional, wrong, human_alignment; got 'rong'; did you mean 'wrong'?"),
        ({"measure": "cosin"}, "measure must be one of "),
        ({"backend": "gpu"}, "backend must be 'auto' or one of native, numpy, cuda, triton, torch; got 'gpu'"),
        ({"temperature": 0}, "temperature must be a positive number (1e-30 to 1e30); got 0"),
    ],
)
def test_refuses_unknown_rules(options, message, message_of):
    assert message_of(score_of, np.eye(3), [[0, 1, 2]], **options).startswith(message)
