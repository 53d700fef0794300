"""Lapse rates: against a general minimizer of the plain likelihood, known rates, and where answers say none."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import optimize
from support import draw_triplets, seeds

import pyalign
from pyalign import calibrate
from pyalign.analysis.calibration import held_out
from pyalign.analysis.calibration.held_out import fit_lapses
from pyalign.analysis.calibration.temperature import AnsweredSimilarities, minimize
from pyalign.backends import get_host_backend
from pyalign.data import as_answers
from pyalign.datasets.simulate import random_embeddings, simulate
from pyalign.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
HOST = get_host_backend()


def drawn(seed, t, strength, rate, answers=1, k=3):
    """Similarities (t, 3) and counts (t, k) by odd position of answers that are guesses at this rate."""
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(t, 3))
    p = np.exp(strength * s[:, :k])
    p = (1 - rate) * p / p.sum(axis=1, keepdims=True) + rate / k
    by_pair = rng.multinomial(answers, p)
    return s, by_pair[:, ::-1] if k == 3 else by_pair


def nats(s, by_pair, beta, rate):
    """The mean loss of answers, from the formula; by_pair: (t, k), how much each pair counts."""
    k = by_pair.shape[1]
    p = np.exp(beta * (s[:, :k] - s[:, :k].max(axis=1, keepdims=True)))
    p /= p.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        logs = np.log((1 - rate) * p + rate / k)
    return -np.where(by_pair > 0, by_pair * logs, 0.0).sum() / by_pair.sum()


def by_scipy(s, by_pair, beta):
    """The least loss for any temperature and rate, from several starts."""

    def loss(at):
        return nats(s, by_pair, math.exp(min(at[0], 50.0)), 1 / (1 + math.exp(-np.clip(at[1], -500, 500))))

    starts = [(math.log(beta * times), logit) for times in (1.0, 3.0, 20.0) for logit in (-6.0, -1.0, 1.0)]
    exact = {"method": "Nelder-Mead", "options": {"xatol": 1e-9, "fatol": 1e-13}}
    found = [optimize.minimize(loss, start, **exact) for start in starts]
    return min(one.fun for one in found)


def fitted(s, answers=None, k=3, weights=None):
    """What was fitted to, the best inverse temperature without lapses, and the fit with them."""
    fit = AnsweredSimilarities(HOST, s, answers, "fractional", None, None, k, weights)
    beta = minimize(fit.sums).beta
    return fit, beta, fit_lapses(fit, beta)


@pytest.mark.slow
@given(
    seed=seeds, t=st.integers(300, 900), strength=st.floats(1.0, 5.0), rate=st.sampled_from([0.0, 0.02, 0.1, 0.4]),
    kind=st.sampled_from(["counts", "shares", "weights"]), k=st.sampled_from([2, 3]),
)
def test_the_rate_and_the_temperature_are_those_of_a_general_minimizer(seed, t, strength, rate, kind, k):
    s, counts = drawn(seed, t, strength, rate, 4, k)
    weights = np.random.default_rng(seed).uniform(0.5, 2.0, t) if kind == "weights" else None
    given = counts / 4 if kind == "shares" else counts
    try:
        _, beta, found = fitted(s, as_answers(given, t, alternatives=k), k, weights)
    except InputError:
        assume(False)
    assume(not isinstance(found, str))
    by_pair = (given[:, ::-1] if k == 3 else given) * (1.0 if weights is None else weights[:, None])
    ours = nats(s, by_pair, found.beta, found.rate)
    assert ours <= by_scipy(s, by_pair, beta) + 1e-10
    assert ours <= nats(s, by_pair, beta, 0.0)
    assert (found.rate > 0.0) or found.beta == beta


def test_no_point_of_a_fine_grid_is_better_than_the_fit():
    """Single answers, one of them nearly impossible without lapses."""
    s, counts = drawn(4, 400, 4.0, 0.05)
    rows = np.take_along_axis(s, np.array([[2, 0, 1], [1, 0, 2], [0, 1, 2]])[counts.argmax(axis=1)], axis=1)
    rows[0] = [-3.0, 3.0, 0.0]
    _, _, found = fitted(rows)
    single = np.tile([1.0, 0.0, 0.0], (400, 1))
    grid = [nats(rows, single, beta, rate) for beta in np.linspace(1, 9, 81) for rate in np.linspace(0, 0.3, 61)]
    assert nats(rows, single, found.beta, found.rate) < min(grid) < nats(rows, single, found.beta, 0.0)


@settings(max_examples=8)
@given(seeds)
def test_counts_and_the_same_answers_as_rows_have_one_fit(seed):
    s, counts = drawn(seed, 300, 3.0, 0.1, 3)
    _, _, of_counts = fitted(s, as_answers(counts, 300))
    odd = np.repeat(np.tile([0, 1, 2], 300), counts.ravel())
    pairs = np.array([[2, 0, 1], [1, 0, 2], [0, 1, 2]])[odd]
    _, _, of_rows = fitted(np.take_along_axis(np.repeat(s, 3, axis=0), pairs, axis=1))
    assert of_counts == pytest.approx(of_rows, rel=1e-6, abs=1e-8)


def guessed(triplets, rate, seed=0):
    """Triplets of which this share has any item last."""
    rng = np.random.default_rng(seed)
    guesses, triplets = rng.random(len(triplets)) < rate, triplets.copy()
    triplets[guesses] = rng.permuted(triplets[guesses], axis=1)
    return triplets


@pytest.fixture(scope="module")
def people():
    """Rows, and answers at T = 0.25."""
    x = random_embeddings(120, 12, seed=3)
    return x, simulate(x, 40_000, temperature=0.25, seed=3).triplets


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.3])
def test_a_known_rate_and_temperature_come_back_within_their_intervals(people, rate):
    x, triplets = people
    found = calibrate(x, guessed(triplets, rate), split=None, lapses=True).only
    low, high = found.lapses.rate.ci
    assert low <= rate <= high < rate + 0.03 and (low > 0.0) == (rate > 0.0)
    assert found.lapses.temperature.ci.low < 0.25 < found.lapses.temperature.ci.high
    if rate:
        assert found.temperature > 0.27 > found.lapses.temperature and found.lapses.gain.ci.low > 0.0


def test_without_lapses_all_other_figures_stay_as_they_are(people):
    x, triplets = people
    plain, found = (calibrate(x, triplets, lapses=lapses).only for lapses in (False, True))
    assert plain.lapses is None and found.lapses is not None
    for name in ("temperature", "fit", "test", "equal_mass"):
        assert repr(getattr(plain, name)) == repr(getattr(found, name))  # with intervals


@pytest.mark.parametrize(("lapses", "few"), [(0.2, 100), (0.0, 100), (0.2, 0)])
def test_what_lapses_bring_is_reported_of_held_out_answers(people, monkeypatch, lapses, few):
    """Each at the rate and the temperature of those that share no object with it, about: against fits to these."""
    monkeypatch.setattr(held_out, "FEW", few)
    rng = np.random.default_rng(4)
    x = people[0][:60]
    triplets = guessed(simulate(x, 3000, temperature=0.25, seed=4).triplets, lapses)
    found = calibrate(x, triplets, lapses=True).only
    whole = calibrate(x, triplets, split=None, lapses=True).only
    for name in ("rate", "temperature"):
        assert repr(getattr(found.lapses, name)) == repr(getattr(whole.lapses, name))  # with intervals
    optimism = []
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    for row in rng.choice(len(triplets), 150, replace=False):
        rest = triplets[~np.isin(triplets, triplets[row]).any(axis=1)]
        fit = calibrate(x, rest, split=None, ci=None, lapses=True).only.lapses
        s = np.array([[unit[triplets[row, a]] @ unit[triplets[row, b]] for a, b in ((0, 1), (0, 2), (1, 2))]], float)
        single = np.array([[1.0, 0.0, 0.0]])
        optimism.append(nats(s, single, 1 / fit.temperature, fit.rate)
                        - nats(s, single, 1 / whole.lapses.temperature, whole.lapses.rate))
    noise = np.std(optimism) / math.sqrt(len(optimism))
    assert found.lapses.cross_entropy - whole.lapses.cross_entropy == pytest.approx(np.mean(optimism), abs=4 * noise)
    assert found.lapses.cross_entropy > whole.lapses.cross_entropy
    assert found.lapses.gain == pytest.approx(found.test.cross_entropy - found.lapses.cross_entropy, rel=1e-9)
    assert found.lapses.cross_entropy.ci.by == found.lapses.gain.ci.by == "objects"


@settings(max_examples=8)
@given(seeds, st.sampled_from([0.0, 0.15]))
@example(40000, 0.0)
def test_the_errors_are_those_of_the_sandwich_for_triplets_that_share_nothing(seed, rate):
    """By numerical derivatives of the plain likelihood; with objects of their own triplets are independent."""
    s, counts = drawn(seed, 1500, 3.0, rate)
    rows = np.take_along_axis(s, np.array([[2, 0, 1], [1, 0, 2], [0, 1, 2]])[counts.argmax(axis=1)], axis=1)
    x, triplets = with_dot_products(rows)
    found = calibrate(x, triplets, measure="dot", split=None, lapses=True).only
    beta, rate = 1 / found.lapses.temperature, found.lapses.rate
    steps = np.diag([1e-4, 2e-5])  # the rate changes small probabilities by much

    def each(at):
        p = np.exp(at[0] * rows)
        p = p[:, 0] / p.sum(axis=1)
        return -np.log((1 - at[1]) * p + at[1] / 3)

    def slopes(at):
        return np.stack([(each(at + step) - each(at - step)) / (2 * step.sum()) for step in steps])

    at = np.array([beta, rate])
    curvature = np.stack([(slopes(at + step) - slopes(at - step)).mean(axis=1) / (2 * step.sum()) for step in steps])
    scores = slopes(at) - slopes(at).mean(axis=1, keepdims=True)
    inverse = np.linalg.inv(curvature)
    sandwich = inverse @ (scores @ scores.T) @ inverse / (1500 * 1499)
    assert found.lapses.rate.ci.error == pytest.approx(math.sqrt(sandwich[1, 1]), rel=2e-3)
    assert found.lapses.temperature.ci.error == pytest.approx(math.sqrt(sandwich[0, 0]) / beta**2, rel=2e-3)


def with_dot_products(s):
    """Rows (3 t, 6), and triplets of rows that have these dot products (t, 3) of the pairs 01, 02, 12."""
    a, b, c = np.zeros((3, len(s), 3))
    a[:, 0] = a[:, 1] = b[:, 0] = c[:, 1] = 1.0
    b[:, 0], c[:, 1] = s[:, 0], s[:, 1]
    b[:, 2], c[:, 2] = 1.0, s[:, 2]
    return np.stack([a, b, c], axis=1).reshape(-1, 3), np.arange(3 * len(s)).reshape(-1, 3)


@settings(max_examples=12)
@given(seeds)
def test_intervals_stay_within_0_and_1_and_begin_at_0_where_the_rate_is_0(seed):
    s, counts = drawn(seed, 1500, 3.0, 0.1 * (seed % 3))
    rows = np.take_along_axis(s, np.array([[2, 0, 1], [1, 0, 2], [0, 1, 2]])[counts.argmax(axis=1)], axis=1)
    lapses = calibrate(*with_dot_products(rows), measure="dot", split=None, lapses=True).only.lapses
    low, high = lapses.rate.ci
    assert 0.0 <= low <= lapses.rate < high <= 1.0
    assert lapses.temperature.ci.low < lapses.temperature < lapses.temperature.ci.high
    if lapses.rate == 0.0:
        assert low == 0.0 == lapses.gain


def test_answers_near_chance_say_no_rate_and_a_note_says_why(people):
    x, triplets = people
    found = calibrate(x, guessed(triplets[:1500], 0.9, seed=1), split=None, lapses=True).only
    assert found.lapses is None and math.isfinite(found.temperature)
    (note,) = [note for note in found.notes if "lapse" in note]
    assert note.startswith("no lapse rate is reported: the answers are too few, or too near chance: rates of 0% to ")
    assert found.to_dict()["lapses"] is None
    named = calibrate({"clip": x}, guessed(triplets[:1500], 0.9, seed=1), split=None, lapses=True)
    assert any(one == f"clip: {note}" for one in named.notes)


def test_answers_that_do_not_depend_on_margins_say_no_rate():
    """The best pair is chosen in 70% of the answers, however much better it is: as at a temperature of 0."""
    s = np.sort(np.random.default_rng(0).exponential(size=(3000, 3)), axis=1)[:, ::-1] * [[1.0, 0.1, 0.0]]
    rows = np.where(np.random.default_rng(1).random((3000, 1)) < 0.7, s, s[:, [1, 0, 2]])
    _, _, found = fitted(np.ascontiguousarray(rows))
    assert found == "answers don't depend on how much similarities differ: with lapses the best temperature is 0"


def test_of_two_alternatives_a_guess_is_right_half_of_the_time(people):
    x, rng = people[0], np.random.default_rng(2)
    triplets = draw_triplets(5, 120, 30_000)
    s = pyalign.similarity(x)
    margin = (s[triplets[:, 0], triplets[:, 1]] - s[triplets[:, 0], triplets[:, 2]]) / 0.25
    p = 0.8 / (1 + np.exp(-margin)) + 0.2 / 2
    chosen = np.where((rng.random(30_000) < p)[:, None], triplets, triplets[:, [0, 2, 1]])
    lapses = calibrate(x, pyalign.Triplets(chosen, task="anchored"), split=None, lapses=True).only.lapses
    assert lapses.rate.ci.low < 0.2 < lapses.rate.ci.high < 0.25
    assert lapses.temperature.ci.low < 0.25 < lapses.temperature.ci.high


def test_probabilities_of_a_model_have_the_lapse_rate_of_the_similarities_that_they_are_of(people):
    x, triplets = people[0], guessed(people[1], 0.2)
    p = pyalign.choice_probabilities(x, triplets, temperature=0.25)
    chosen = calibrate(None, triplets, model_choices={"p": p}, split=None, lapses=True).only
    direct = calibrate(x, triplets, split=None, lapses=True).only
    assert chosen.lapses.rate == pytest.approx(direct.lapses.rate, abs=1e-4)
    assert chosen.lapses.temperature * 0.25 == pytest.approx(direct.lapses.temperature, rel=1e-3)


def test_without_intervals_and_of_too_few_objects_there_is_a_rate_only(people):
    x, triplets = people
    assert calibrate(x, guessed(triplets, 0.2), ci=None, lapses=True).only.lapses.rate.ci is None
    few = simulate(x[:7], 2000, temperature=0.25).triplets
    lapses = calibrate(x[:7], guessed(few, 0.3), split=None, lapses=True).only.lapses
    assert lapses.rate > 0.1 and math.isnan(lapses.rate.ci.low) and lapses.gain.ci is None


def test_the_table_shows_the_rate_and_its_document_is_read_again(tmp_path, people):
    x, triplets = people
    path = tmp_path / "T.json"
    result = calibrate(x, guessed(triplets, 0.2), lapses=True)
    path.write_text(result.to_json())
    shown = result.table()
    document = json.loads(path.read_text())["results"][0]
    rate, (low, high) = document["lapses"]["rate"], document["lapses"]["rate_ci"]
    (line,) = [line for line in shown.splitlines() if line.startswith("lapse rate")]
    assert line.split() == ["lapse", "rate", f"{rate:.5f}", f"{low:.5f}", "to", f"{high:.5f}"]
    again = pyalign.load_result(path).only
    assert again.lapses.rate == rate and again.lapses.gain.ci.high == document["lapses"]["gain_ci"][1]
    del document["lapses"]  # as documents of earlier versions
    path.write_text(json.dumps(json.loads(path.read_text()) | {"results": [document]}))
    assert pyalign.load_result(path).only.lapses is None


def test_rates_of_things_are_known_well_by_human_dimensions_and_hardly_by_clip(data):
    """With all answers: 3% by SPoSE's dimensions, 6% by CLIP, whose own errors look like lapses too."""
    answers, subjects = np.split(np.load(data / "things" / "human_triplets_127304.npy"), [3], axis=1)
    spose = np.loadtxt(data / "things" / "spose_embedding_66d_sorted.txt")
    clip = np.load(data / "things" / "clip_vit_b32.npy")
    options = {"subjects": subjects[:, 0], "split": None, "lapses": True}
    found = calibrate(spose, answers, measure="dot", **options).only
    assert found.temperature == pytest.approx(0.97224, abs=1e-5)
    assert (found.lapses.rate, found.lapses.temperature) == pytest.approx((0.029389, 0.917012), abs=1e-6)
    assert found.lapses.gain == pytest.approx(0.000285, abs=1e-6)
    assert found.lapses.rate.ci.low > 0.015 and found.lapses.rate.ci.by == "objects+subjects"
    lapses = calibrate(clip, answers, **options).only.lapses
    assert (lapses.rate, lapses.temperature) == pytest.approx((0.056735, 0.113001), abs=1e-6)
    assert lapses.rate.ci.error == pytest.approx(0.027444, abs=1e-5)
    page = " ".join((ROOT / "docs" / "calibration.md").read_text(encoding="utf-8").split())
    for one in (found.lapses, lapses):
        low, high = one.rate.ci
        assert f"{100 * one.rate:.1f}% ({100 * low:.1f} to {100 * high:.1f}%) by" in page
