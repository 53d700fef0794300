"""Anchored triplets, which of two options is more like an anchor: against plain loops in float64."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import FLOATS, draw_triplets, floats, read_back, reals, seeds, whole

import pyalign
from pyalign import Triplets
from pyalign.analysis.accuracy import TIES
from pyalign.analysis.answers import find_repeats
from pyalign.analysis.ceiling.noise_ceiling import guessing_share
from pyalign.data.transform import triplet_hashes
from pyalign.ops.resample import permutation

CREDIT = {"fractional": 0.5, "wrong": 0.0, "human_alignment": 1.0}  # of a tie


def anchored(rows, **more):
    return Triplets(np.asarray(rows), task="anchored", **more)


def dot(x, i, j):
    return float(sum(float(a) * float(b) for a, b in zip(x[i], x[j], strict=True)))


def by_definition(x, triplets, temperature, ties):
    """Accuracy, ties, cross-entropy and entropy, choices (0: tie) and probabilities of dot products; nothing of
    pyalign."""
    right = tied = nats = entropy = 0.0
    choices, probabilities = [], []
    for anchor, chosen, other in triplets:
        a, b = dot(x, anchor, chosen) / temperature, dot(x, anchor, other) / temperature
        p = 1.0 / (1.0 + math.exp(min(b - a, 700))), 1.0 / (1.0 + math.exp(min(a - b, 700)))
        right += 1.0 if a > b else CREDIT[ties] if a == b else 0.0
        tied += a == b
        nats += math.log1p(math.exp(-abs(a - b))) + max(b - a, 0.0)
        entropy -= sum(q * math.log(q) for q in p if q > 0)
        choices.append(-1 if a == b else 1 if a > b else 2)
        probabilities.append(p)
    t = len(triplets)
    return right / t, tied, nats / t, entropy / t, choices, probabilities


@given(seed=seeds, dtype=floats, ties=st.sampled_from(TIES), temperature=st.sampled_from((1.0, 5.0)))
def test_score_is_that_of_the_definition(backend, seed, dtype, ties, temperature):
    x, rows = whole(seed, 12, 3, dtype=dtype), draw_triplets(seed, 12, 90)
    found = pyalign.score(
        x, anchored(rows), measure="dot", temperature=temperature, ties=ties, backend=backend,
        keep=("choices", "probabilities"),
    )
    accuracy, tied, nats, entropy, choices, probabilities = by_definition(x, rows, temperature, ties)
    assert (found.accuracy, found.n_ties) == (pytest.approx(accuracy, rel=1e-14), tied)
    assert found.cross_entropy == pytest.approx(nats, rel=1e-5)
    assert found.mean_entropy == pytest.approx(entropy, rel=1e-5)
    assert (found.task, found.chance) == ("anchored", 0.5)
    np.testing.assert_array_equal(found.choices, choices)
    np.testing.assert_allclose(found.probabilities, probabilities, atol=1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_model_that_knows_nothing_has_half_of_them_right_at_log_2(backend, dtype):
    found = pyalign.score(np.ones((9, 4), dtype), anchored(draw_triplets(1, 9, 50)), backend=backend)
    assert (found.accuracy, found.n_ties) == (0.5, 50)
    assert found.cross_entropy == found.mean_entropy == pytest.approx(0.69315, abs=1e-5)
    assert found.notes[-1].startswith("the accuracy is not above chance (50.0%)")


def test_rows_and_matrix_give_the_same(monkeypatch):
    x, triplets = reals(2, 40, 8), anchored(draw_triplets(2, 40, 3000))
    scores = []
    for use in (True, False):
        monkeypatch.setattr("pyalign.ops.triplets.use_matrix", lambda *_, use=use: use)
        scores.append(pyalign.score(x, triplets, temperature=0.1))
    assert scores[0].accuracy == scores[1].accuracy
    assert scores[0].cross_entropy == pytest.approx(scores[1].cross_entropy, rel=1e-6)


def test_choices_and_probabilities_are_by_position_in_the_file():
    x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    # The file says option, option, anchor: 2, 1, 0 with the second option chosen, then 1, 2, 0 with the first.
    positions = np.array([[2, 1, 0], [2, 0, 1]], np.int8)
    found = pyalign.score(
        x, anchored([[0, 1, 2], [0, 1, 2]], positions=positions), measure="dot", keep=("choices", "probabilities")
    )
    assert found.choices.tolist() == [1, 0]
    assert (found.probabilities[0] == found.probabilities[1][::-1]).all()
    assert found.probabilities[0][1] == pytest.approx(1 / (1 + math.exp(-0.9)))


def test_left_out_triplets_keep_their_place(backend):
    x, rows = reals(3, 12, 3), draw_triplets(3, 12, 60)
    x[4] = np.nan
    found = pyalign.score(x, anchored(rows), nan_policy="omit", backend=backend, keep=("choices", "probabilities"))
    kept = (rows != 4).all(axis=1)
    alone = pyalign.score(np.nan_to_num(x), anchored(rows[kept]), backend=backend, keep="choices")
    assert (found.n_dropped, found.accuracy) == (int((~kept).sum()), alone.accuracy)
    np.testing.assert_array_equal(found.choices[kept], alone.choices)
    assert (found.choices[~kept] == -2).all() and np.isnan(found.probabilities[~kept]).all()


def test_intervals_groups_and_ceiling_are_of_two_options():
    x, rows = reals(4, 30, 5), draw_triplets(4, 30, 600)
    labels = np.arange(600) % 3
    found = pyalign.score(x, anchored(rows), ci="triplets", groups=labels, ceiling=0.9)
    assert found.standard_error == pytest.approx(0.5 / math.sqrt(600), rel=0.05)
    assert sum(group.accuracy * group.n_triplets for group in found.groups) / 600 == pytest.approx(found.accuracy)
    alone = pyalign.score(x, anchored(rows[labels == 1]))
    assert found.groups[1].accuracy == pytest.approx(alone.accuracy)
    assert found.fraction_of_ceiling == pytest.approx((found.accuracy - 0.5) / 0.4)


def test_fraction_of_ceiling_starts_at_the_chance_of_the_task(message_of):
    assert pyalign.fraction_of_ceiling(0.5, 0.9, "anchored") == 0.0
    assert pyalign.fraction_of_ceiling(0.9, 0.9, task="anchored") == 1.0
    message = "ceiling must be a fraction above chance (1/2), at most 1; got 0.45"
    assert message_of(pyalign.fraction_of_ceiling, 0.4, 0.45, "anchored") == message
    assert message_of(pyalign.fraction_of_ceiling, 0.4, 0.45, "anchor").startswith("task must be one of odd-one-out,")


def test_permutations_move_the_rows_below_the_same_questions(backend):
    x, rows = whole(5, 10, 3), draw_triplets(5, 10, 80)
    found = pyalign.permutation_test(x, anchored(rows), measure="dot", n_permutations=20, seed=3, backend=backend)
    null = [by_definition(x[permutation(10, k, seed=3)], rows, 1.0, "fractional")[0] for k in range(20)]
    assert found.null_mean == pytest.approx(np.mean(null), rel=1e-12)
    assert (found.accuracy, found.chance) == (by_definition(x, rows, 1.0, "fractional")[0], 0.5)
    inside = pyalign.score(x, anchored(rows), measure="dot", n_permutations=20, seed=3, backend=backend)
    assert inside.permutation_test.null_mean == found.null_mean


@pytest.mark.parametrize("k", [9, 40])
def test_permutations_take_rows_and_matrix_alike(monkeypatch, k):
    x, triplets, found = whole(6, k, 3), anchored(draw_triplets(6, k, 100)), []
    for use in (True, False):
        monkeypatch.setattr("pyalign.analysis.permutation.use_matrix", lambda *_, use=use: use)
        found.append(pyalign.permutation_test(x, triplets, measure="dot", n_permutations=5).null_mean)
    assert found[0] == found[1]


def test_compare_is_of_the_same_outcomes():
    rows = draw_triplets(7, 20, 300)
    models = {"a": reals(7, 20, 4), "b": reals(8, 20, 4)}
    found = pyalign.compare(models, anchored(rows), ci="triplets")
    for model in found.models:
        assert model.accuracy == pyalign.score(models[model.model], anchored(rows)).accuracy
    assert (found.task, found.chance) == ("anchored", 0.5)
    assert "chance 50.0%" in str(found).replace("\n", " ")


# Repeats and ceilings


def plain_repeats(rows):
    """(anchor, smaller, larger) -> answers: which option was chosen."""
    sets = defaultdict(list)
    for anchor, chosen, other in rows:
        sets[int(anchor), int(min(chosen, other)), int(max(chosen, other))].append(int(chosen > other))
    return dict(sorted(sets.items()))


@given(seed=seeds, n=st.sampled_from((3, 4, 2**21)))
def test_repeats_are_the_same_anchor_with_the_same_two_options(seed, n):
    rows = draw_triplets(seed, min(n, 4), 60) + (n - 4 if n > 4 else 0)
    expected = plain_repeats(rows)
    found = find_repeats(rows, task="anchored")
    assert list(map(tuple, found.triplets.tolist())) == list(expected)
    assert found.counts.tolist() == [[answers.count(0), answers.count(1)] for answers in expected.values()]
    np.testing.assert_array_equal(found.triplets[found.inverse][:, 0], rows[:, 0])
    chosen = found.triplets[found.inverse, 1 + found.odd]
    np.testing.assert_array_equal(chosen, rows[:, 1])


def predicted(own, others):
    top = max(others.count(0), others.count(1))
    tied = [option for option in (0, 1) if others.count(option) == top]
    return (own in tied) / len(tied)


@given(seed=seeds)
def test_the_ceiling_is_that_of_plain_loops(seed):
    rows = draw_triplets(seed, 4, 80)
    sets = [answers for answers in plain_repeats(rows).values() if len(answers) > 1]
    found = pyalign.noise_ceiling(anchored(rows))
    others = [predicted(a, answers[:k] + answers[k + 1 :]) for answers in sets for k, a in enumerate(answers)]
    majority = sum(max(Counter(answers).values()) for answers in sets)
    assert (found.n_distinct, found.n_answers) == (len(sets), sum(map(len, sets)))
    assert found.leave_one_out == pytest.approx(np.mean(others))
    assert found.ceiling == pytest.approx(majority / found.n_answers)
    numbers = [len(answers) for answers in sets]
    assert found.guessing == pytest.approx(np.average([plain_guessing(n) for n in numbers], weights=numbers))
    assert (found.task, found.chance) == ("anchored", 0.5)


def plain_guessing(n):
    return sum(math.comb(n, k) * max(k, n - k) for k in range(n + 1)) / 2**n / n


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 10, 300])
def test_guesses_between_two_options_have_a_majority_by_chance(n):
    assert guessing_share(n, 2) == pytest.approx(plain_guessing(n), rel=1e-12)


def test_the_approximation_for_many_guesses_joins_the_exact_one():
    assert guessing_share(301, 2) == pytest.approx(plain_guessing(301), rel=1e-4)
    assert guessing_share(10**6, 2) == pytest.approx(0.5004, abs=1e-5)


@given(seed=seeds)
def test_counts_are_as_many_single_answers(seed):
    rng = np.random.default_rng(seed)
    rows = np.unique(np.sort(draw_triplets(seed, 9, 30), axis=1), axis=0)
    rows = rng.permuted(rows, axis=1)
    counts = 1 + rng.integers(0, 4, (len(rows), 2))
    single = [[a, b, c] for (a, b, c), (n, _) in zip(rows, counts, strict=True) for _ in range(n)]
    single += [[a, c, b] for (a, b, c), (_, n) in zip(rows, counts, strict=True) for _ in range(n)]
    together, apart = pyalign.noise_ceiling(anchored(rows), answers=counts), pyalign.noise_ceiling(anchored(single))
    for name in ("ceiling", "leave_one_out", "guessing", "least_cross_entropy", "n_answers"):
        assert getattr(together, name) == pytest.approx(getattr(apart, name)), name


def test_persons_do_not_predict_themselves():
    rows = [[0, 1, 2], [0, 2, 1], [0, 1, 2]]
    found = pyalign.noise_ceiling(anchored(rows), subjects=["a", "b", "a"])
    assert (found.leave_one_out, found.n_persons) == (0.0, 2)


def test_another_anchor_is_another_question(message_of):
    message = "triplets must hold some that are answered at least twice; all 3 are answered once"
    assert message_of(pyalign.noise_ceiling, anchored([[0, 1, 2], [1, 0, 2], [2, 1, 0]])) == message
    rows = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [3, 4, 5]]
    assert (
        pyalign.noise_ceiling(anchored(rows)).notes[-1] == "1 set of three items is presented with more than one anchor"
    )
    assert (
        "1 set of three items is presented with more than one anchor" in pyalign.score(np.eye(6), anchored(rows)).notes
    )


# Calibration


def plain_loss(x, rows, counts, temperature):
    """Mean cross-entropy of counted answers, and how many there are."""
    total = 0.0
    for (anchor, chosen, other), (n, m) in zip(rows, counts, strict=True):
        a, b = dot(x, anchor, chosen) / temperature, dot(x, anchor, other) / temperature
        total += n * math.log1p(math.exp(b - a)) + m * math.log1p(math.exp(a - b))
    return total / np.sum(counts)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("counted", [False, True])
def test_the_temperature_is_where_the_loss_is_least(host_backend, dtype, counted):
    rng = np.random.default_rng(9)
    x, rows = reals(9, 25, 3, dtype=dtype), draw_triplets(9, 25, 400)
    s = x.astype(float) @ x.astype(float).T
    p = 1 / (1 + np.exp((s[rows[:, 0], rows[:, 2]] - s[rows[:, 0], rows[:, 1]]) / 1.5))
    counts = np.stack([first := rng.binomial(5, p), 5 - first], axis=1) if counted else np.tile([1, 0], (400, 1))
    if not counted:
        rows = np.where((rng.random(400) < p)[:, None], rows, rows[:, [0, 2, 1]])
    found = pyalign.calibrate(
        x, anchored(rows), answers=counts if counted else None, measure="dot", split=None, backend=host_backend
    )
    t, steps = found.temperature, (0.99, 1.0, 1.01)
    losses = [plain_loss(x, rows, counts, t * step) for step in steps]
    assert losses[1] < min(losses[0], losses[2])
    assert found.test.cross_entropy == pytest.approx(losses[1], rel=1e-5)
    assert found.test.cross_entropy_before == pytest.approx(plain_loss(x, rows, counts, 1.0), rel=1e-5)
    assert found.test.n_answers == counts.sum()
    assert t == pytest.approx(1.5, rel=0.3)
    assert (found.task, found.chance) == ("anchored", 0.5)
    assert "CE in nats (log 2 = 0.69315)" in str(found).replace("\n", " ")
    if counted:
        again = pyalign.score(x, anchored(rows), measure="dot", temperature=t, keep="probabilities").probabilities
        shares = counts / 5
        divergence = np.where(shares > 0, shares * np.log(np.maximum(shares, 1e-300) / again), 0).sum(axis=1).mean()
        assert found.divergences.kl == pytest.approx(divergence, rel=1e-4)


def test_calibration_on_held_out_objects():
    x, rows = reals(10, 60, 4), draw_triplets(10, 60, 5000)
    s = x @ x.T
    swap = s[rows[:, 0], rows[:, 1]] + np.random.default_rng(1).logistic(size=5000) < s[rows[:, 0], rows[:, 2]]
    rows[swap] = rows[swap][:, [0, 2, 1]]
    found = pyalign.calibrate(x, anchored(rows), measure="dot")
    assert found.temperature == pytest.approx(1.0, rel=0.3) and found.test.accuracy > 0.6


# Failures


def test_failures_list_anchor_chosen_and_other():
    line = np.array([[0.0], [1.0], [5.0], [7.0]])
    names = ["ant", "bee", "cat", "dog"]
    found = pyalign.find_failures(
        {"line": pyalign.Embeddings(line, names)}, anchored([[0, 1, 2], [2, 0, 3], [3, 2, 1]]),
        measure="neg_euclidean",
    )
    (group,) = found.groups
    assert (group.rows.tolist(), group.items.tolist(), found.n_wrong) == ([1], [[2, 0, 3]], (1,))
    assert group.margins.tolist() == [[-3.0]]
    assert found.to_csv().splitlines()[0].startswith("right,wrong,row,anchor,chosen,other,anchor_name,chosen_name,")
    assert "anchor, chosen | other" in str(found)
    assert "anchored" in found.to_json()


def test_failures_of_counts_take_the_option_of_the_majority():
    line = np.array([[0.0], [1.0], [5.0], [7.0]])
    rows = [[3, 2, 0], [0, 2, 1], [1, 3, 0]]
    counts = [[1, 4], [1, 6], [2, 2]]  # of 3: item 0, of 0: item 1, of 1: nobody knows
    found = pyalign.find_failures({"line": line}, anchored(rows), answers=counts, measure="neg_euclidean")
    (group,) = found.groups
    assert (group.items.tolist(), group.human_shares.tolist(), found.n_undecided) == ([[3, 0, 2]], [0.8], 1)


# What can't be asked of two options, and documents


def test_what_is_about_the_odd_one_refuses_them(message_of):
    x, triplets = reals(11, 9, 3), anchored(draw_triplets(11, 9, 40))
    similar = {"matrix": x @ x.T, "kind": "similarity"}
    told = "takes only odd-one-out triplets; got task 'anchored'"
    for name, call in {
        "odd_one_out": lambda: pyalign.odd_one_out(x, triplets),
        "choice_probabilities": lambda: pyalign.choice_probabilities(x, triplets),
        "odd_one_out_from": lambda: pyalign.odd_one_out(None, triplets, **similar),
        "choice_probabilities_from": lambda: pyalign.choice_probabilities(None, triplets, **similar),
        "agreement": lambda: pyalign.agreement(x, triplets, answers=np.ones((40, 2), int)),
        "triplet_gradient": lambda: pyalign.triplet_gradient(x @ x.T, triplets),
    }.items():
        assert message_of(call).startswith(f"{name.removesuffix('_from')} {told}")
    here = "triplets must be odd-one-out ones here; got task 'anchored'"
    assert message_of(pyalign.TripletPlan, triplets, 9) == here


def test_answers_are_two_for_each(message_of):
    triplets = anchored([[0, 1, 2]])
    message = "answers must have shape (1, 2), a row for each triplet; got (1, 3)"
    assert message_of(pyalign.noise_ceiling, triplets, answers=[[1, 2, 3]]) == message
    assert message_of(pyalign.score, np.eye(3), triplets, answers=[[1, 2, 3]]) == message
    counted = triplets.with_answers([[1, 2]])
    assert message_of(pyalign.compare, {"a": np.eye(3), "b": np.eye(3)}, counted).startswith("compare needs one answer")


@pytest.mark.parametrize("make", [
    lambda x, t: pyalign.score(x, t),
    lambda x, t: pyalign.permutation_test(x, t, n_permutations=3),
    lambda x, t: pyalign.calibrate(x, t, split=None),
    lambda x, t: pyalign.compare({"a": x, "b": x[::-1]}, t, ci="triplets"),
    lambda x, t: pyalign.find_failures({"a": x}, t),
    lambda x, t: pyalign.noise_ceiling(t),
])
def test_documents_say_the_task_and_its_chance(make, tmp_path):
    x, rows = reals(12, 9, 3), draw_triplets(12, 9, 400)
    s = pyalign.similarity(x)
    worse = s[rows[:, 0], rows[:, 1]] < s[rows[:, 0], rows[:, 2]]
    swap = worse & (np.arange(400) % 4 > 0)
    rows[swap] = rows[swap][:, [0, 2, 1]]
    found = make(x, anchored(rows))
    document = getattr(found, "only", found).to_dict()
    assert (document["task"], document["chance"]) == ("anchored", 0.5)
    back = read_back(found, tmp_path)
    assert (back[0] if hasattr(back, "results") else back).task == "anchored"


def test_the_record_of_a_fit_tells_tasks_and_anchors_apart():
    rows = np.array([[1, 2, 3], [2, 1, 3], [1, 3, 2]])
    hashes = [*triplet_hashes(rows, "anchored"), *triplet_hashes(rows)]
    assert len(set(map(int, hashes))) == 5  # as the odd one out, (1, 2) and (2, 1) are one pair


def test_a_ceiling_of_the_other_task_is_refused(message_of):
    x, rows = np.eye(6), np.array([[0, 1, 2], [0, 1, 2], [0, 2, 1], [3, 4, 5], [3, 4, 5]])
    told = "ceiling must be one of {} triplets, as those scored; got task {!r}"
    of_two, of_three = pyalign.noise_ceiling(anchored(rows)), pyalign.noise_ceiling(rows)
    assert message_of(pyalign.score, x, anchored(rows), ceiling=of_three) == told.format("anchored", "odd-one-out")
    assert message_of(pyalign.score, x, rows, ceiling=of_two) == told.format("odd-one-out", "anchored")
    found = pyalign.score(x, anchored(rows), ceiling=of_two)
    assert found.fraction_of_ceiling == pytest.approx((found.accuracy - 0.5) / (found.ceiling - 0.5))


def test_the_error_of_a_temperature_is_that_of_two_options():
    """By the definition: the spread of the derivatives of independent answers over the curvature."""
    rng = np.random.default_rng(11)
    x, rows = reals(11, 9000, 3, dtype=np.float64), np.arange(9000).reshape(-1, 3)  # no object twice
    s = np.einsum("ij,ikj->ik", x[rows[:, 0]], x[rows[:, 1:]])
    swap = s[:, 0] - s[:, 1] + rng.logistic(size=3000) < 0
    rows[swap], s[swap] = rows[swap][:, [0, 2, 1]], s[swap][:, ::-1]
    found = pyalign.calibrate(x, anchored(rows), measure="dot", split=None)
    t, difference = found.temperature, s[:, 0] - s[:, 1]
    p = 1 / (1 + np.exp(-difference / t))
    first, second = (1 - p) * difference, p * (1 - p) * difference**2
    assert found.standard_error == pytest.approx(t**2 * math.sqrt((first**2).sum()) / second.sum(), rel=0.01)
