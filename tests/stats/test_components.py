"""Variance components of answers, against sums over all pairs of answers and against effects that were drawn."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, seeds

import pyalign
from pyalign.stats.clustered import Dependence
from pyalign.stats.components import LEAST_PAIRS, Components, Group
from pyalign.stats.degrees import EffectiveNumber
from pyalign.stats.resampling import Clusters, Resampling

BOTH = "objects+subjects"


def errors_of(values, triplets, people, by=BOTH, weights=None):
    """Errors of the weighted means of values (k, t)."""
    weights = np.ones(len(triplets)) if weights is None else weights
    return Dependence.of(Clusters.of(triplets, people), Resampling(by)).errors(
        np.stack([weights, *(weights * values)], 1)
    )


def kind_of(s, u, triplets, people, by):
    """The name of what answers s and u share; None for nothing."""
    common = len(set(triplets[s]) & set(triplets[u])) if "objects" in by else 0
    same = "subjects" in by and people[s] == people[u]
    if s == u:
        return "answer"
    if same:
        return {0: "subject", 1: "subject one"}.get(common, "subject more")
    return {0: None, 1: "one", 2: "two", 3: "three"}[common]


@pytest.mark.parametrize("by", ["objects", "subjects", BOTH])
@given(seeds, st.integers(9, 14), st.integers(12, 40), st.booleans())
def test_covariances_are_means_over_pairs_of_answers(by, seed, n, t, weighted):
    """Around the mean, of pairs of each kind, plus what residuals of these pairs hold less than errors do."""
    rng = np.random.default_rng(seed)
    triplets, people = draw_triplets(seed, n, t), rng.permutation(np.arange(t) % 6)
    values, weights = rng.normal(size=(1, t)), rng.integers(1, 4, t) if weighted else np.ones(t)
    found = errors_of(values, triplets, people, by, weights).covariances
    residuals = weights * (values[0] - np.average(values[0], weights=weights))
    sums, sizes = defaultdict(float), defaultdict(float)
    for s in range(t):
        for u in range(t):
            kind = kind_of(s, u, triplets, people, by)
            sums[kind] += residuals[s] * residuals[u]
            sizes[kind] += weights[s] * weights[u]
    if not sizes[None]:
        assert found is None
        return
    of = {"one": ["objects"], "two": ["objects"], "three": ["objects"], "subject": ["subjects"]}
    factors = {name: 1.0 / (1.0 - 2.0 * group.excess) for name, group in found.groups.items()}
    names = {"objects": "one", "subjects": "subject"}
    base = -sums[None] / sizes[None]
    # The variance of the mean: pairs without anything in common lack what the others have too much.
    more, lost = 0.0, 1.0
    for name, group in found.groups.items():
        if sizes[names[name]]:
            share = (factors[name] - 1.0) * (group.sizes**2).sum() * weights.sum() ** 2 / sizes[None]
            more, lost = more + share * sums[names[name]] / sizes[names[name]], lost - share
    variance = (base + more) / lost
    for name in ("answer", "one", "two", "three", "subject"):
        if sizes[name]:
            expected = sums[name] / sizes[name] + variance
            for group in of.get(name, []):
                first = names[group]
                if sizes[first]:
                    expected += (sums[first] / sizes[first] + variance) * (factors[group] - 1.0)
            assert found.values[name][0, 0] == pytest.approx(expected, rel=1e-8, abs=1e-9), name
            assert found.pairs[name] * (weights**2).sum() ** 2 / weights.sum() ** 2 == pytest.approx(sizes[name]), name


EFFECTS = {"objects": 0.05, "subjects": 0.06, "both": 0.02, "pairs": 0.04, "triplets": 0.15, "answers": 0.3}
N, PEOPLE = 40, 30


def by_rank(rng, t):
    """Triplets of which some objects are in many."""
    keys = -np.log(np.arange(1, N + 1)) * 0.7 + rng.gumbel(size=(t, N))
    return np.argsort(keys, axis=1)[:, -3:]


DESIGNS = {
    "even": lambda rng, t: (draw_triplets(rng.integers(1 << 30), N, t), rng.integers(0, PEOPLE, t)),
    "some objects often": lambda rng, t: (by_rank(rng, t), rng.integers(0, PEOPLE, t)),
    "some people often": lambda rng, t: (
        draw_triplets(rng.integers(1 << 30), N, t), np.where(rng.random(t) < 0.3, 0, rng.integers(1, PEOPLE, t))),
}


def drawn(rng, triplets, people):
    """(t,) values with effects of these variances."""
    keys = np.sort(triplets, axis=1)
    sd = {name: np.sqrt(one) for name, one in EFFECTS.items()}
    objects, subjects = sd["objects"] * rng.normal(size=N), sd["subjects"] * rng.normal(size=PEOPLE)
    both, pairs = sd["both"] * rng.normal(size=(N, PEOPLE)), sd["pairs"] * rng.normal(size=(N, N))
    sets, of_set = np.unique(keys, axis=0, return_inverse=True)
    values = objects[triplets].sum(axis=1) + subjects[people] + both[triplets, people[:, None]].sum(axis=1)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        values += pairs[keys[:, a], keys[:, b]]
    values += sd["triplets"] * rng.normal(size=len(sets))[of_set.ravel()]
    return values + sd["answers"] * rng.normal(size=len(triplets))


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_estimates_are_those_of_the_effects_on_average(design):
    """Triplets are answered three times each. Where some objects or people count more, within a few hundredths."""
    found = []
    for k in range(150):
        rng = np.random.default_rng([7, k])
        triplets, people = DESIGNS[design](rng, 1200)
        triplets = np.tile(triplets[:400], (3, 1))
        found.append(errors_of(drawn(rng, triplets, people)[None], triplets, people).components(0))
    for name, truth in EFFECTS.items():
        values = np.array([getattr(one, name) for one in found])
        error = values.std() / np.sqrt(len(values))
        assert abs(values.mean() - truth) < 3.5 * error + (0.0 if design == "even" else 0.08) * truth, name
    held = [one.objects_ci.low <= EFFECTS["objects"] <= one.objects_ci.high for one in found]
    held_people = [one.subjects_ci.low <= EFFECTS["subjects"] <= one.subjects_ci.high for one in found]
    assert np.mean(held) > 0.85
    assert np.mean(held_people) > 0.85


def test_without_the_correction_for_large_groups_estimates_would_be_too_small():
    """The excess is 0 where all have the same size, and grows with the largest."""

    def excess(sizes):
        return Group(EffectiveNumber.of_sizes("subjects", sizes), sizes).excess

    assert excess(np.full(10, 0.1)) == pytest.approx(0.0, abs=1e-12)
    assert excess(np.full(10, 0.3)) == pytest.approx(0.0, abs=1e-12)  # of three objects each
    assert 0.1 < excess(np.array([0.5, *[0.05] * 10])) < excess(np.array([0.6, *[0.04] * 10]))


def test_few_pairs_of_answers_give_no_component():
    triplets, people = draw_triplets(0, 200, 300), np.arange(300) % 10
    found = errors_of(np.random.default_rng(0).normal(size=(1, 300)), triplets, people)
    assert found.covariances.pairs["two"] < 2 * LEAST_PAIRS
    components = found.components(0)
    assert (components.pairs, components.triplets, components.both) == (None, None, None)
    assert components.objects is not None
    assert components.subjects is not None


def test_few_people_give_a_range_in_place_of_a_component():
    triplets, people = draw_triplets(0, 60, 3000), np.arange(3000) % 3
    components = errors_of(np.random.default_rng(0).normal(size=(1, 3000)), triplets, people).components(0)
    assert components.subjects is None
    assert 0.0 <= components.subjects_ci.low < components.subjects_ci.high
    assert components.objects is not None


def test_all_that_an_answer_consists_of_adds_up():
    triplets, people = draw_triplets(1, 40, 2000), np.arange(2000) % 20
    errors = errors_of(np.random.default_rng(0).normal(2.0, 3.0, size=(2, 2000)), triplets, people)
    found = errors.components(1)
    assert found.variance == pytest.approx(9.0, rel=0.1)
    assert errors.in_units(np.array([1.0, 0.5])).components(1).variance == pytest.approx(found.variance / 4.0)
    assert errors.components(0, 1).variance == pytest.approx(18.0, rel=0.1)
    assert errors.of([1]).components(0) == found


def test_two_equal_models_have_no_component():
    triplets = draw_triplets(1, 40, 500)
    values = np.tile(np.random.default_rng(0).integers(0, 2, 500), (2, 1))
    found = errors_of(values, triplets, None, "objects").components(0, 1)
    assert (found.variance, found.objects, found.object_share) == (0.0, 0.0, None)


# In results


@pytest.fixture(scope="module")
def study():
    """Two models, triplets of 30 objects, and who answered."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4))
    models = {"good": x + 0.3 * rng.normal(size=x.shape), "bad": x + rng.normal(size=x.shape)}
    triplets = draw_triplets(3, 30, 800)
    odd, rows = pyalign.odd_one_out(x, triplets), np.arange(800)
    triplets[rows, odd], triplets[rows, 2] = triplets[rows, 2], triplets[rows, odd]
    return models, triplets, rows % 16


def test_scores_and_pairs_hold_them(study):
    models, triplets, people = study
    score = pyalign.score(models["good"], triplets, subjects=people).only
    assert score.components.variance == pytest.approx(score.accuracy * (1 - score.accuracy), rel=0.05)
    assert score.cross_entropy_components.variance > 0.0
    compared = pyalign.compare(models, triplets, subjects=people)
    (pair,) = compared.pairs
    assert pair.components.object_share is not None
    assert pair.components.subject_share is not None
    assert pair.cross_entropy_components.variance != pair.components.variance


@pytest.mark.parametrize("ci", [None, pyalign.Resampling("objects", n_resamples=20)])
def test_without_intervals_in_closed_form_there_are_none(study, ci):
    models, triplets, _ = study
    assert pyalign.score(models["good"], triplets, ci=ci).only.components is None
    assert pyalign.compare(models, triplets, ci=ci).pairs[0].components is None
    assert "components" not in pyalign.score(models["good"], triplets, ci=ci).only.to_dict()


def test_documents_hold_them(study, tmp_path):
    models, triplets, people = study
    for one in (pyalign.score(models, triplets, subjects=people), pyalign.compare(models, triplets, subjects=people)):
        path = tmp_path / "result.json"
        path.write_text(one.to_json())
        assert pyalign.load_result(path) == one


def test_choices_have_none_of_a_cross_entropy(study):
    _, triplets, people = study
    found = pyalign.score_choices(np.full(len(triplets), 2), triplets, subjects=people, choice_base=0).only
    assert found.components is not None
    assert found.cross_entropy_components is None


def test_what_is_not_counted_is_part_of_the_answers(study):
    models, triplets, people = study
    by = {one: pyalign.score(models["bad"], triplets, subjects=people, ci=one).only.components for one in
          ("objects", "subjects", BOTH, "triplets")}
    assert (by["objects"].subjects, by["subjects"].objects, by["triplets"].objects) == (None, None, None)
    assert by["triplets"].answers == by["triplets"].variance
    for one in by.values():
        assert one.variance == pytest.approx(by[BOTH].variance, rel=0.01)
    assert Components(answers=1.0).variance == 1.0
