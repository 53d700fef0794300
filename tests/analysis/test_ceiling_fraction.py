"""The interval of the fraction of a ceiling: its ends by Fieller, its covariance by loops over pairs of answers."""

from __future__ import annotations

import json
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from support import draw_triplets, more_for_many_rows, pairs_of, reals

import pyalign
from pyalign import load_result, noise_ceiling, score
from pyalign.analysis.ceiling.ceiling_fraction import CeilingForScores
from pyalign.documents import Interval
from pyalign.stats.clustered import Dependence
from pyalign.stats.resampling import Clusters, Resampling

LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # columns that bring the odd item to the last place
CHANCE = 1 / 3


def answers(seed, n=20, sets=40, people=5):
    """Rows, and answers by people to the same triplets, with some that only one of them saw."""
    rng = np.random.default_rng(seed)
    x, triplets = reals(seed, n, 3, dtype=np.float64), draw_triplets(seed, n, sets)
    who = np.repeat(np.arange(people), sets)
    rows = np.tile(triplets, (people, 1))
    seen = np.concatenate([np.flatnonzero(who < 2), np.flatnonzero((who >= 2) & (rng.random(len(who)) < 0.6))])
    rows, who = (
        np.concatenate([rows[seen], draw_triplets(seed + 1, n, sets)]), np.append(who[seen], np.arange(sets) % people))
    p = softmax(pairs_of(x @ x.T, rows)[::-1], axis=0)
    odd = (rng.random(len(rows)) > np.cumsum(p, axis=0)[:2]).sum(axis=0)
    return x, np.take_along_axis(rows, LAST[odd], 1), who


interval = st.tuples(st.floats(0.35, 0.95), st.floats(0.001, 0.1), st.floats(0.001, 0.1))


@given(interval, interval, st.floats(-0.9, 0.9))
def test_the_ends_are_those_ratios_that_the_two_intervals_allow(one, other, correlation):
    """Where accuracy less ratio times ceiling is as far from 0 as their reaches, put together, go."""
    (accuracy, below, above), (ceiling, spread, _) = one, other
    ci = Interval(accuracy - below, accuracy + above, 0.01, "objects", "corrected")
    held = CeilingForScores(
        "upper", ceiling, Interval(ceiling - spread, ceiling + spread, 0.02, "objects", "corrected")
    )
    found = held.interval(accuracy, ci, "odd-one-out", correlation * 0.01 * 0.02)
    whole, over = ceiling - CHANCE, accuracy - CHANCE
    if spread >= whole:
        assert found is None
        return
    for end, reach, side in ((found.low, below, 1), (found.high, above, -1)):
        apart = over - end * whole
        square = reach**2 - 2 * correlation * reach * end * spread + (end * spread) ** 2
        assert apart**2 == pytest.approx(square, rel=1e-6, abs=1e-12)
        assert side * apart >= -1e-9
    fraction = over / whole
    variance = 0.01**2 + (fraction * 0.02) ** 2 - 2 * fraction * correlation * 0.01 * 0.02
    assert found.error == pytest.approx(math.sqrt(variance) / whole)
    assert (found.by, found.method) == ("objects", "fieller")


def test_a_number_is_treated_as_known_and_a_note_says_so():
    x, triplets, _ = answers(1)
    found = score(x, triplets, measure="dot", ceiling=0.8, ci="objects").only
    for end in (0, 1):
        assert found.fraction_of_ceiling.ci[end] == pytest.approx((found.ci[end] - CHANCE) / (0.8 - CHANCE))
    assert found.fraction_of_ceiling.ci.error == pytest.approx(found.ci.error / (0.8 - CHANCE))
    assert found.fraction_of_ceiling.ci.method == found.ci.method
    note = "the interval of the fraction of the ceiling treats the ceiling as known: it has no standard error"
    assert note in found.notes
    plain = score(x, triplets, measure="dot", ceiling=0.8, ci=None).only
    assert plain.fraction_of_ceiling.ci is None and note not in plain.notes
    assert plain.fraction_of_ceiling == found.fraction_of_ceiling


def loops(a, b, triplets, people, by):
    """The covariance of two means over answers: products of residuals over all pairs that depend on each other."""
    a, b, t = a - a.mean(), b - b.mean(), len(a)
    sets = [set(row) for row in triplets.tolist()]
    depend = {"objects": lambda s, u: bool(sets[s] & sets[u]), "subjects": lambda s, u: people[s] == people[u],
              "both": lambda s, u: people[s] == people[u] and bool(sets[s] & sets[u])}
    pairs = [(s, u) for s, u in product(range(t), repeat=2) if depend[by](s, u)]
    total = sum(a[s] * b[u] for s, u in pairs)
    if by != "both":
        total += float(more_for_many_rows(np.column_stack([a, b]), np.ones(t), triplets, people, by)[0, 1])
    return total, t * t - len(pairs)


@pytest.mark.parametrize("name", ["upper", "lower", "estimate"])
@settings(max_examples=3)
@given(seed=st.integers(0, 1000))
def test_the_covariance_is_that_of_loops_over_answers(name, seed):
    x, triplets, who = answers(seed, sets=25)
    people = noise_ceiling(triplets, subjects=who)
    held = CeilingForScores.of((name, people), pyalign.Triplets(triplets), who)
    credits = (pyalign.odd_one_out(x, triplets, measure="dot") == 2).astype(float)
    of_objects, of_people = held.parts.T
    clusters = Clusters.of(triplets, who)
    found = held.covariance(credits, Dependence.of(clusters, Resampling("objects")))
    total, independent = loops(credits, of_objects, triplets, who, "objects")
    assert found == pytest.approx(total / independent, rel=1e-6, abs=1e-10)
    found = held.covariance(credits, Dependence.of(clusters, Resampling("subjects")))
    total, independent = loops(credits, of_people, triplets, who, "subjects")
    assert found == pytest.approx(total / independent, rel=1e-6, abs=1e-10)
    found = held.covariance(credits, Dependence.of(clusters, Resampling("objects+subjects")))
    totals = {by: loops(credits, of_people, triplets, who, by)[0] for by in ("objects", "subjects", "both")}
    of_each, apart = loops(credits, of_objects, triplets, who, "objects")
    either = sum(1 for s, u in product(range(len(who)), repeat=2)
                 if who[s] == who[u] or set(triplets[s]) & set(triplets[u]))
    people_only = (totals["objects"] + totals["subjects"] - totals["both"]) / (len(who) ** 2 - either)
    expected = of_each / apart + people_only - totals["objects"] / apart
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-10)


def test_what_answers_add_to_a_ceiling_is_its_error():
    """Over objects the parts have nearly the error of the ceiling, which weighs all sets alike."""
    _, triplets, _ = answers(2, n=60, sets=400)
    rows = triplets[:-400]  # those that were repeated
    people = noise_ceiling(rows)
    for name in ("upper", "lower", "estimate"):
        held = CeilingForScores.of((name, people), pyalign.Triplets(rows))
        assert held.parts.sum(axis=0) == pytest.approx([0, 0], abs=1e-9)
        dependence = Dependence.of(Clusters.of(rows), Resampling("objects"))
        error = math.sqrt(held.covariance(held.parts[:, 0], dependence))
        assert error == pytest.approx(held.ci.error, rel=0.05)


@pytest.mark.parametrize("by", ["objects", "objects+subjects", "subjects", "triplets"])
def test_the_same_answers_have_a_covariance_and_others_have_none(by):
    x, triplets, who = answers(3, sets=200)
    people = noise_ceiling(triplets, subjects=who)
    options = {"measure": "dot", "ci": by, "subjects": who}
    same = score(x, triplets, ceiling=people, **options).only
    copied = score(
        x, np.vstack([triplets[1:], triplets[:1]]), ceiling=people, **{**options, "subjects": np.roll(who, -1)}
    )
    assert copied.fraction_of_ceiling == pytest.approx(same.fraction_of_ceiling)
    assert copied.fraction_of_ceiling.ci.error == pytest.approx(
        math.hypot(same.ci.error, same.fraction_of_ceiling * people.ceilings.estimate.ci.error)
        / (same.ceiling - CHANCE)
    )
    assert same.fraction_of_ceiling.ci.error != pytest.approx(copied.fraction_of_ceiling.ci.error, rel=1e-4)
    assert same.fraction_of_ceiling.ci.by == by
    assert any("with an error of the ceiling over" in note for note in same.notes) == (by != "objects+subjects")


def test_choices_have_the_same_interval_as_the_embeddings_that_made_them():
    x, triplets, _ = answers(4, sets=200)
    people = noise_ceiling(triplets)
    chosen = pyalign.odd_one_out(x, triplets, measure="dot")
    found = pyalign.score_choices(chosen, triplets, ceiling=people)
    assert found.fraction_of_ceiling.ci == score(x, triplets, measure="dot", ceiling=people).fraction_of_ceiling.ci


def test_documents_hold_it_and_a_ceiling_that_was_read_serves_as_that_which_was_made(tmp_path):
    x, triplets, _ = answers(5, sets=200)
    people = noise_ceiling(triplets)
    (tmp_path / "c.json").write_text(people.to_json())
    found = score(x, triplets, measure="dot", ceiling=("lower", load_result(tmp_path / "c.json")))
    assert found.only == score(x, triplets, measure="dot", ceiling=("lower", people)).only
    (tmp_path / "s.json").write_text(found.to_json())
    assert load_result(tmp_path / "s.json").fraction_of_ceiling.ci == found.fraction_of_ceiling.ci
    low, high = found.fraction_of_ceiling.ci
    assert f"{low:.3f} to {high:.3f}" in found.table(verbose=True)
    document = json.loads(found.to_json())
    document["results"][0].pop("fraction_of_ceiling_ci")
    (tmp_path / "old.json").write_text(json.dumps(document))
    assert load_result(tmp_path / "old.json").only.fraction_of_ceiling.ci is None


def test_where_accuracies_have_no_interval_or_ceilings_reach_chance_there_is_none(message_of):
    x, triplets, _ = answers(6, n=6, sets=100)
    found = score(x, triplets, measure="dot", ceiling=0.8).only
    assert found.fraction_of_ceiling.ci is None and found.to_dict()["fraction_of_ceiling_ci"] is None
    wide = CeilingForScores("estimate", 0.4, Interval(0.3, 0.5, 0.05, "objects", "corrected"))
    ci = Interval(0.36, 0.44, 0.02, "objects", "corrected")
    assert wide.interval(0.4, ci, "odd-one-out") is None
    (note,) = wide.note(ci, None)
    assert note == "there is no interval of the fraction of the ceiling: that of the ceiling reaches chance"
    people = noise_ceiling(triplets)
    assert message_of(score, x, triplets, ceiling=("middle", people)) == (
        "ceiling must be one of upper, lower, estimate; got 'middle'"
    )
    said = message_of(score, x, triplets, ceiling=())
    assert said == "ceiling must be a number, a (name, number) or a NoiseCeiling; got ()"


def test_threads_and_backends_agree(backend, set_threads):
    x, triplets, who = answers(8, sets=300)
    people, found = noise_ceiling(triplets, subjects=who), []
    for threads in (1, 3):
        set_threads(threads)
        found.append(score(x, triplets, measure="dot", subjects=who, ceiling=people, backend=backend).only)
    assert found[0].fraction_of_ceiling.ci == found[1].fraction_of_ceiling.ci
    expected = score(x, triplets, measure="dot", subjects=who, ceiling=people, backend="numpy").only
    assert tuple(found[0].fraction_of_ceiling.ci) == pytest.approx(tuple(expected.fraction_of_ceiling.ci), rel=1e-6)


def test_groups_of_models_are_held_against_one_fit(monkeypatch):
    x, triplets, _ = answers(7, sets=100)
    people, made = noise_ceiling(triplets), []
    of = CeilingForScores.of
    monkeypatch.setattr(CeilingForScores, "of", lambda *given: made.append(1) or of(*given))
    found = score({"a": x, "b": x[:, :2]}, triplets, measure=["dot", "cosine"], ceiling=people)
    assert len(found) == 4 and len(made) == 1
