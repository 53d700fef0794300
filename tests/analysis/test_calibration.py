"""Calibration as a whole: what is fitted on what, what is reported, on which data."""

from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from support import definition, draw_triplets, pairs_of, reals, seeds, whole

from pyalign import calibrate, choice_probabilities, score
from pyalign.datasets.simulate import random_embeddings, simulate
from pyalign.stats.divergences import entropy, js_distance, kl


@pytest.fixture(scope="module")
def people():
    """Rows and 60,000 answers of people with T = 0.3."""
    x = random_embeddings(120, 16, seed=1)
    return x, simulate(x, 60_000, temperature=0.3, seed=1).triplets


def by_scipy(s, q=None, weights=None):
    """(T, least cross-entropy) from similarities (3, t) of pairs 01, 02, 12 and shares q (3, t) of these pairs."""
    target = s[0] if q is None else (q * s).sum(axis=0)

    def loss(log_beta):
        beta = np.exp(log_beta)
        return np.average(logsumexp(beta * s, axis=0) - beta * target, weights=weights)

    found = minimize_scalar(loss, bounds=(-7, 7), method="bounded", options={"xatol": 1e-10})
    return float(np.exp(-found.x)), float(found.fun)


@given(seeds)
def test_a_known_temperature_comes_back_within_a_few_standard_errors(seed):
    x = random_embeddings(100, 8, seed=seed)
    triplets = simulate(x, 30_000, temperature=0.25, seed=seed).triplets
    found = calibrate(x, triplets)
    assert abs(found.temperature - 0.25) < 4.5 * found.standard_error
    assert found.temperature.ci[0] < found.temperature < found.temperature.ci[1]
    assert found.standard_error < 0.03


@pytest.mark.parametrize("measure", ["cosine", "dot", "neg_euclidean"])
def test_the_temperature_is_fitted_to_all_answers(people, measure):
    x, triplets = people
    found = calibrate(x, triplets, measure=measure)
    temperature, least = by_scipy(pairs_of(definition(x, x, measure), triplets))
    assert found.temperature == pytest.approx(temperature, rel=1e-5)
    assert found.fit.cross_entropy == pytest.approx(least, rel=1e-6)
    assert found.temperature.ci == calibrate(x, triplets, measure=measure, split=None).temperature.ci
    after, before = (
        score(x, triplets, measure=measure, temperature=found.temperature), score(x, triplets, measure=measure))
    for part in (found.fit, found.test):
        assert (part.n_triplets, part.n_answers, part.accuracy) == (60_000, 60_000, pytest.approx(after.accuracy))
        assert part.cross_entropy == pytest.approx(after.cross_entropy, rel=3e-3)
        assert part.cross_entropy_before == pytest.approx(before.cross_entropy, rel=1e-6)
    assert found.test.cross_entropy > found.fit.cross_entropy
    assert sum(found.equal_width.count) == sum(found.equal_mass.count) == 60_000


def test_confidence_and_accuracy_are_those_of_the_probabilities(people):
    x, triplets = people
    found = calibrate(x, triplets, split=None, bins=7)
    for temperature, ece in ((1.0, found.ece_equal_width_before), (found.temperature, found.equal_width.ece)):
        p = choice_probabilities(x.astype(np.float64), triplets, temperature=temperature)
        place = np.ceil(p.max(axis=1) * 7) - 1
        gaps = [(p.max(axis=1) - (p.argmax(axis=1) == 2))[place == b].sum() for b in range(7)]
        assert ece == pytest.approx(np.abs(gaps).sum() / len(triplets), abs=2e-5)
    assert found.equal_width.ece < 0.02 < found.ece_equal_width_before


def test_without_a_split_answers_are_reported_at_the_temperature_that_is_fitted_to_them(people):
    x, triplets = people
    found = calibrate(x, triplets, split=None)
    assert found.fit == found.test
    assert (found.fit.n_triplets, found.n_unused) == (60_000, 0)
    assert found.split is None


def test_backends_instruction_sets_and_threads_agree(backend, people, set_threads):
    x, triplets = people
    expected = calibrate(x, triplets, backend="numpy")
    results = []
    for threads in (1, 3):
        set_threads(threads)
        results.append(calibrate(x, triplets, backend=backend))
    assert results[0] == results[1]
    found = results[0]
    assert found.backend == backend
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-6)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=1e-6)
    assert found.test.cross_entropy == pytest.approx(expected.test.cross_entropy, rel=1e-6)
    assert found.equal_width.ece == pytest.approx(expected.equal_width.ece, abs=1e-4)


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_tensors_give_the_result_of_their_arrays(people):
    import torch

    x, triplets = people
    shares = choice_probabilities(x[::-1].copy() + x, triplets)
    found = calibrate(torch.tensor(x), torch.tensor(triplets), answers=torch.tensor(shares), backend="torch")
    expected = calibrate(x, triplets, answers=shares, backend="numpy")
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-5)
    assert found.fit.n_triplets == expected.fit.n_triplets
    assert found.divergences.js_distance == pytest.approx(expected.divergences.js_distance, rel=1e-5)


# Counts and shares


@given(seeds)
def test_counts_are_so_many_answers(seed):
    """(3, 1, 0) for a triplet is the triplet with its first item odd, three times, and with its second, once."""
    x, triplets = reals(seed, 20, 4), draw_triplets(seed, 20, 300)
    counts = simulated_counts(x, triplets, seed)
    repeated = np.repeat(np.repeat(triplets, 3, axis=0), counts.ravel(), axis=0)
    odd = np.repeat(np.tile([0, 1, 2], 300), counts.ravel())
    answers = np.take_along_axis(repeated, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
    soft = calibrate(x, triplets, answers=counts, split=None, measure="dot")
    hard = calibrate(x, answers, split=None, measure="dot")
    assert soft.temperature == pytest.approx(hard.temperature, rel=1e-9)
    assert soft.fit.n_answers == hard.fit.n_answers == hard.fit.n_triplets
    for name in ("accuracy", "cross_entropy", "cross_entropy_before"):
        assert getattr(soft.fit, name) == pytest.approx(getattr(hard.fit, name), rel=1e-9)
    assert soft.equal_width.count == hard.equal_width.count
    assert soft.equal_width.ece == pytest.approx(hard.equal_width.ece, rel=1e-6)


def simulated_counts(x, triplets, seed):
    p = choice_probabilities(x, triplets, measure="dot", temperature=2.0).astype(np.float64)
    p /= p.sum(axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    return rng.multinomial(rng.integers(1, 6, len(p)), p)


@pytest.mark.parametrize("ties", ["fractional", "wrong", "human_alignment"])
def test_shares_that_are_sure_of_the_last_item_are_choices(ties):
    x, triplets = whole(3, 30, 3), draw_triplets(4, 30, 4000)
    sure = np.tile([0.0, 0.0, 1.0], (4000, 1))
    x[:, 0] += 0.5 * np.arange(30) / 30  # few ties, not none
    chosen = triplets[choice_probabilities(x, triplets)[:, 2] > 0.3]
    soft = calibrate(x, chosen, answers=sure[: len(chosen)], ties=ties)
    hard = calibrate(x, chosen, ties=ties)
    assert soft.temperature == pytest.approx(hard.temperature, rel=1e-9)
    assert soft.test.accuracy == pytest.approx(hard.test.accuracy, rel=1e-12)
    assert soft.test.accuracy == pytest.approx(score(x, chosen, ties=ties).accuracy)
    assert soft.divergences.kl == pytest.approx(hard.test.cross_entropy, rel=1e-9)


def test_the_model_itself_as_answers_gives_its_temperature_and_no_divergence(people):
    x, triplets = people
    p = choice_probabilities(x.astype(np.float64), triplets, temperature=0.7)
    found = calibrate(x.astype(np.float64), triplets, answers=p)
    assert found.temperature == pytest.approx(0.7, rel=1e-9)
    assert found.divergences.kl == pytest.approx(0, abs=1e-12)
    assert found.divergences.js_distance == pytest.approx(0, abs=1e-7)
    assert found.standard_error < 1e-8
    assert found.equal_width.ece < 1e-9


def test_kl_is_what_is_left_of_the_cross_entropy_of_held_out_answers_without_their_entropy(people):
    x, triplets = people
    x = x.astype(np.float64)
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], len(triplets))
    shares = (shares + choice_probabilities(x, triplets, temperature=0.2)) / 2
    found = calibrate(x, triplets, answers=shares)
    for suffix, temperature in (("_before", 1.0), ("", found.temperature)):
        p, near = choice_probabilities(x, triplets, temperature=temperature), 3e-3 if suffix == "" else 1e-9
        assert getattr(found.divergences, f"kl{suffix}") == pytest.approx(kl(shares, p).mean(), rel=near)
        expected = js_distance(shares, p).mean()
        assert getattr(found.divergences, f"js_distance{suffix}") == pytest.approx(expected, rel=near)
        left = getattr(found.test, f"cross_entropy{suffix}") - found.divergences.target_entropy
        assert getattr(found.divergences, f"kl{suffix}") == pytest.approx(left, rel=1e-9)
    assert found.divergences.target_entropy == pytest.approx(entropy(shares).mean(), rel=1e-9)


# What is refused

GOOD = np.full((400, 3), 1 / 3)


def changed(row, value, base=GOOD):
    answers = base.copy()
    answers[row] = value
    return answers


NEITHER = "answers must be counts (whole numbers) or shares that sum to 1 in each row; row 7 sums to 1.5 (weights say"


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (changed(7, [0.5, 0.5, 0.5]), f"{NEITHER} how much a triplet counts)"),
        (changed(7, [0.5, 1.0, -0.5]), "answers must not be negative; row 7 is [0.5, 1.0, -0.5]"),
        (changed(7, np.nan), "answers must be finite; row 7 is [nan, nan, nan]"),
        (GOOD[:399], "answers must have shape (400, 3), a row for each triplet; got (399, 3)"),
        (GOOD[:, :2], "answers must have shape (400, 3), a row for each triplet; got (400, 2)"),
        (GOOD.ravel(), "answers must have shape (400, 3), a row for each triplet; got (1200,)"),
        (
            changed(9, 0, np.ones((400, 3), int)),
            "answers must hold at least one answer in each row; row 9 is [0, 0, 0]",
        ),
        (changed(9, 0, np.ones((400, 3))), "answers must hold at least one answer in each row; row 9 is [0, 0, 0]"),
        (changed(9, [-1, 2, 3], np.ones((400, 3), int)), "answers must not be negative; row 9 is [-1, 2, 3]"),
        (np.full((400, 3), "a"), "answers must hold real numbers; got dtype <U1"),
        (np.full((400, 3), 1j), "answers must hold real numbers; got dtype complex128"),
    ],
)
def test_bad_answers_are_named_with_the_rule_and_the_row(message_of, answers, message):
    assert message_of(calibrate, reals(1, 30, 4), draw_triplets(1, 30, 400), answers=answers) == message


@pytest.mark.parametrize(
    "options",
    [{"bins": 0}, {"bins": 2.5}, {"bins": True}, {"ties": "half"}, {"nan_policy": "skip"}, {"measure": "cosin"},
     {"split": "items"}],
    ids=str,
)
def test_bad_options_are_named(message_of, options):
    ((name, value),) = options.items()
    message = message_of(calibrate, reals(1, 30, 4), draw_triplets(1, 30, 400), **options)
    assert name in message and str(value) in message


def test_no_temperature_fits_a_constant_a_contrary_or_a_perfect_model(message_of, people):
    x, triplets = people
    assert "better than chance" in message_of(calibrate, np.ones((120, 4)), triplets)
    p = choice_probabilities(x, triplets, temperature=0.1)[:, 2]
    assert "better than chance" in message_of(calibrate, x, triplets[p < 0.1])
    perfect = message_of(calibrate, x, triplets[p > 0.5])
    assert "the best pair is the chosen one in all" in perfect and "as the temperature goes to 0" in perfect


@pytest.mark.parametrize("split", ["objects", "triplets", None])
def test_triplets_that_touch_nan_are_left_out_before_anything_is_held_out(people, split):
    """As if nobody had asked about the objects without values, however many these are."""
    x, triplets = people[0].copy(), people[1][:6000]
    empty = np.arange(0, 120, 2)
    x[empty] = np.nan
    there = ~np.isin(triplets, empty).any(axis=1)
    found = calibrate(x, triplets, nan_policy="omit", split=split)
    assert (found.n_dropped, found.test.n_triplets) == ((~there).sum(), there.sum())
    rest = calibrate(people[0], triplets[there], split=split)
    for name in ("temperature", "fit", "test", "equal_mass", "equal_width", "n_unused"):
        assert repr(getattr(found, name)) == repr(getattr(rest, name))  # with intervals


def test_nan_is_an_error_without_omit(message_of, people):
    x, triplets = people
    x = x.copy()
    x[4] = np.nan
    assert "first row 4" in message_of(calibrate, x, triplets)
    assert "[0, 120)" in message_of(calibrate, people[0], np.r_[triplets, [[0, 1, 120]]])


def test_triplets_that_all_touch_nan_are_refused(message_of, people):
    x, triplets = people
    message = message_of(calibrate, np.full_like(x, np.nan), triplets, nan_policy="omit")
    assert message == "embeddings must be finite in the rows of at least one triplet; all 60000 touch NaN or infinity"


def test_to_dict_is_what_json_can_write(people):
    found = calibrate(*people, answers=np.full((60_000, 3), 1 / 3) * [0.9, 0.9, 1.2])
    document = json.loads(json.dumps(found.only.to_dict()))
    assert document["test"]["n_triplets"] == found.test.n_triplets
    assert document["equal_width"]["edges"][0] == 0
    assert document["divergences"]["kl"] == found.divergences.kl
    assert f"{found.temperature:.5g}" in repr(found)


# Real data. Temperatures and cross-entropies are also those of scipy's bounded minimizer.


def test_figures_of_clip_on_human_triplets(data):
    x, triplets = (np.load(data / "things" / name) for name in ("clip_vit_b32.npy", "human_triplets_375429.npy"))
    found = calibrate(x, triplets, split=None)
    temperature, least = by_scipy(pairs_of(definition(x, x, "cosine"), triplets))
    assert found.temperature == pytest.approx(temperature, rel=1e-5)
    assert found.test.cross_entropy == pytest.approx(least, rel=1e-6)
    assert found.temperature == pytest.approx(0.121751, abs=1e-6)
    assert found.test.cross_entropy == pytest.approx(1.001216, abs=1e-6)
    assert found.test.cross_entropy_before == pytest.approx(1.075645, abs=1e-6)
    split = calibrate(x, triplets)
    assert (split.fit.n_triplets, split.test.n_triplets, split.n_unused) == (375_429, 375_429, 0)
    assert (split.temperature, split.temperature.ci) == (found.temperature, found.temperature.ci)
    assert split.test.cross_entropy == pytest.approx(1.001295, abs=1e-6)
    assert split.ece_equal_width_before == pytest.approx(0.1501, abs=1e-4)
    assert split.equal_width.ece == pytest.approx(0.0025, abs=1e-4)


def test_figures_of_spose_on_hard_triplets_with_counts(data):
    hard = np.load(data / "things" / "hard_440_choice_counts.npz")
    x = np.loadtxt(data / "things" / "spose_embedding_66d_sorted.txt")
    triplets, counts = hard["triplets_sorted0"], hard["odd_counts"]
    found = calibrate(x, triplets, answers=counts, measure="dot", split=None)
    weights = counts.sum(axis=1)
    q = (counts / weights[:, None])[:, ::-1].T
    temperature, least = by_scipy(pairs_of(definition(x, x, "dot"), triplets), q, weights)
    assert found.temperature == pytest.approx(temperature, rel=1e-6)
    assert found.test.cross_entropy == pytest.approx(least, rel=1e-9)
    assert (found.fit.n_triplets, found.fit.n_answers) == (440, counts.sum())
    assert found.temperature == pytest.approx(1.7849, abs=1e-4)
    assert found.test.cross_entropy == pytest.approx(1.004448, abs=1e-6)
    assert found.divergences.js_distance_before == pytest.approx(0.14995, abs=1e-5)
    assert found.divergences.js_distance == pytest.approx(0.13951, abs=1e-5)
    assert found.divergences.kl == pytest.approx(0.10874, abs=1e-5)


def test_vice_as_answers_to_clip(data):
    x, triplets, vice = (
        np.load(data / "things" / name) for name in ("clip_vit_b32.npy", "human_triplets_127304.npy", "vice_42d.npy")
    )
    triplets = triplets[:, :3]
    found = calibrate(x, triplets, answers=choice_probabilities(vice, triplets, measure="dot"))
    assert (found.answers, found.targets) == ("shares", "probabilities")
    assert found.divergences.js_distance < found.divergences.js_distance_before
    assert found.test.cross_entropy - found.divergences.target_entropy == pytest.approx(found.divergences.kl, rel=1e-9)
    assert found.temperature == pytest.approx(0.13, abs=0.01)
