"""Standard errors in closed form: against sums over all rows that depend on each other, and at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pyalign import Resampling, load_rdms, rsa, similarity
from pyalign.pairwise.bootstrap import OVER, Correlated, partial_correlations
from pyalign.pairwise.ceilings import INFLUENCES, Side, influence
from pyalign.pairwise.closed_form import ClosedForm, Dyads, Parts, _partial_slopes, closed_form
from pyalign.pairwise.correlations import get_correlation
from pyalign.pairwise.study import study_of
from pyalign.stats.intervals import quantile


def study(seed=0, n=9, d=6, p=4, noise=0.5):
    """Two models, and people who look at the first through noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    people = np.stack([1 - similarity(x + noise * rng.normal(size=x.shape), measure="pearson") for _ in range(p)])
    return {"a": x, "b": x[:, :3] + rng.normal(size=(n, 3))}, people


def prepared(models, people, name="spearman"):
    from pyalign.data import as_rdms

    judged = as_rdms(people, "dissimilarity")
    return Correlated(study_of(models, {}, judged, ["pearson"], "raise", "auto"), get_correlation(name))


def shared(items):
    """(m, m): whether two pairs share an object."""
    return (items[:, None, :, None] == items[None, :, None, :]).any(axis=(2, 3))


def test_a_covariance_over_objects_is_a_sum_over_pairs_that_share_one():
    items = np.array([[i, j] for i in range(7) for j in range(i) if (i, j) != (4, 2)], np.int32)
    table = np.random.default_rng(0).normal(size=(3, len(items)))
    dependent = shared(items)
    found = Dyads(items, 7).covariance(table)
    assert found == pytest.approx(table @ dependent @ table.T / (~dependent).sum())


def correlated_scores(a, b, name):
    """The correlation of scores as they are: ranks are not taken anew."""
    if name == "cosine":
        return a @ b / math.sqrt((a @ a) * (b @ b))
    if name == "rho-a":
        return ((a - a.mean()) @ (b - b.mean())) / len(a)  # of so many pairs: divided by the square of all
    return np.corrcoef(a, b)[0, 1]


def sums_without(left, right, items, n):
    """(n,): (m - m_i) (r - r_-i), the jackknife, and for ranks the rest of the influences, less their mean."""
    name, m = left.name, len(items)
    scale = left.square if name == "rho-a" else 1.0
    r = correlated_scores(left.scores, right.scores, name) / scale
    x, y = left.scores, right.scores
    fixed = (x * y - (x * y).mean()) / math.sqrt(left.square * right.square)
    if name != "rho-a":
        fixed -= r / 2 * ((x * x / left.square - 1) + (y * y / right.square - 1))
    sums = []
    for k in range(n):
        there = ~(items == k).any(axis=1)
        first = (influence(left, right) - fixed)[~there].sum()
        sums.append((there.sum()) * (r - correlated_scores(x[there], y[there], name) / scale) + first)
    assert len(x) == m
    return np.array(sums) - np.mean(sums)


@pytest.mark.parametrize("name", INFLUENCES)
@pytest.mark.parametrize("over", OVER)
def test_the_variance_of_a_mean_over_people_has_the_terms_of_the_module(name, over):
    """V_o from sums without an object, V_s from the people's own correlations, and what both have in common."""
    found = prepared(*study(), name)
    items, n, p = found.study.items, found.study.n, len(found.study.people)
    model = Side.of(name, found.study.models[0].values, items)
    sides = [Side.of(name, one, items) for one in found.study.people]
    rows = np.stack([influence(one, model) for one in sides])
    sums = np.stack([sums_without(one, model, items, n) for one in sides])

    def over_objects(row, its_sums):
        return (its_sums @ its_sums - row @ row) / Dyads(items, n).independent

    objects = over_objects(rows.mean(axis=0), sums.mean(axis=0))
    own = found.per_person[:, 0] - found.per_person[:, 0].mean()
    people = own @ own / (p * (p - 1))
    parts = zip(rows - rows.mean(axis=0), sums - sums.mean(axis=0), strict=True)
    both = objects + people - sum(over_objects(*one) for one in parts) / (p * (p - 1))
    expected = {"objects": objects, "subjects": people, "objects+subjects": both}[over]
    variance = closed_form(found, over).per_person.candidates[0][0, 0]
    assert variance == pytest.approx(expected, rel=1e-9)


def test_sums_of_influences_without_the_jackknife_are_over_rows_that_depend_on_each_other():
    """Rows are each person's pairs: the correlation of the person, less the mean, with the pair's influence."""
    rng = np.random.default_rng(3)
    found = prepared(*study())
    items, (p, m) = found.study.items, found.study.people.shape
    rows, own = rng.normal(size=(p, m)), rng.normal(size=p)
    rows -= rows.mean(axis=1, keepdims=True)
    own -= own.mean()
    objects, person = np.tile(shared(items), (p, p)), np.kron(np.eye(p), np.ones((m, m))) > 0
    dependent, mean = objects | person, (rows + own[:, None]).ravel()
    expected = mean @ dependent @ mean / (~dependent).sum()
    dyads, count = Dyads(items, found.study.n), p * (p - 1)
    common = (sum(dyads.covariance(row[None]) for row in rows) - p * dyads.covariance(rows.mean(axis=0)[None])) / count
    both = dyads.covariance(rows.mean(axis=0)[None]) + own @ own / count - common
    assert both[0, 0] == pytest.approx(expected, rel=1e-9)


def test_an_object_with_a_large_effect_raises_the_error_and_takes_degrees_of_freedom():
    """Distances of which a few are far: the sums of squares hang on these objects."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, 2))
    far = x.copy()
    far[:2] *= 5.0
    found = []
    for rows in (x, far):
        judged = ((rows[:, None] - rows + 0.3 * rng.normal(size=(40, 2))[:, None]) ** 2).sum(axis=2)
        human = judged + judged.T
        np.fill_diagonal(human, 0.0)
        study = prepared({"a": rows}, human[None], "pearson")
        errors = closed_form(study, "objects").value
        plain = Dyads(study.study.items, 40)
        table = influence(*(Side.of("pearson", one, study.study.items) for one in
                            (study.study.mean, study.study.models[0].values)))[None]
        found.append((errors.contrast(0) / plain.covariance(table)[0, 0], errors.degrees(0)))
    (usual, many), (larger, few) = found
    assert 1.0 < usual < larger and few < many / 2 and many <= 39


def test_degrees_of_freedom_are_those_of_as_many_equal_sums_at_most():
    equal = ClosedForm((np.eye(2),), 9, np.array([[1.0, -1.0] * 5, [2.0, -2.0] + [0.0] * 8]))
    assert equal.degrees(0) == 9.0  # nothing is known of how they vary: objects less one
    assert equal.degrees(1) == pytest.approx(2 / (1 / 2 - 1 / 10))
    assert equal.degrees(0, 1) == 9.0 and equal.degrees(0, 1, 5.0) < 9.0
    assert ClosedForm((np.eye(2),), 3).degrees(0) == 3
    assert equal.degrees(1, 1) == 9.0  # sums that are all 0
    assert ClosedForm((np.eye(2),), 9, equal.sums / 100).degrees(1) == pytest.approx(equal.degrees(1))


def with_gaps(people):
    """The second has not judged a pair, and one was judged by the last alone."""
    gaps = people.copy()
    gaps[1, 0, 3] = gaps[1, 3, 0] = np.nan
    gaps[:-1, 2, 5] = gaps[:-1, 5, 2] = np.nan
    return gaps


@pytest.mark.parametrize("gaps", [False, True])
def test_what_objects_and_people_share_is_taken_from_the_correlation_with_the_mean(gaps):
    models, people = study()
    found = prepared(models, with_gaps(people) if gaps else people, "pearson")
    people, mean, x = found.study.people, found.study.mean, found.study.models[0].values
    dependent, p = shared(found.study.items), len(people)

    def over_objects(d):
        return d @ dependent @ d / (~dependent).sum()

    z, zx = ((v - v.mean()) / v.std() for v in (mean, x))
    r = (z * zx).mean()
    assert r == pytest.approx(found.values[0])
    own = z * zx - r * (z**2 + zx**2) / 2
    sums = sums_without(*(Side.of("pearson", v, found.study.items) for v in (mean, x)), found.study.items, 9)
    expected = (sums @ sums - own @ own) / (~dependent).sum()
    without = []
    for q in range(p):
        others = np.delete(people, q, 0)
        there = ~np.isnan(others).all(axis=0)
        left = np.where(there, np.nansum(others, axis=0) / np.maximum((~np.isnan(others)).sum(axis=0), 1), mean)
        without.append(np.corrcoef(left[there], x[there])[0, 1])
        moved = left - mean
        d = -(p - 1) * (zx - r * z) / mean.std() * (moved - moved.mean())
        expected -= over_objects(d - d.mean()) / (p * (p - 1))
    expected += (p - 1) / p * p * np.var(without)
    assert closed_form(found, "objects+subjects").value.candidates[0][0, 0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", INFLUENCES)
def test_pairs_that_a_person_has_not_judged_have_no_influence_there(name):
    models, people = study()
    found = prepared(models, with_gaps(people), name)
    items, model, m = found.study.items, found.study.models[0].values, len(found.study.items)
    rows, sums = np.zeros((len(people), m)), np.zeros(9)
    for row, values in zip(rows, found.study.people, strict=True):
        there = ~np.isnan(values)
        sides = [Side.of(name, one[there], items[there]) for one in (values, model)]
        row[there] = influence(*sides) * m / there.sum()
        sums += sums_without(*sides, items[there], 9) * m / there.sum() / len(people)
    mean = rows.mean(axis=0)
    expected = (sums @ sums - mean @ mean) / Dyads(items, 9).independent
    assert closed_form(found, "objects").per_person.candidates[0][0, 0] == pytest.approx(expected)


def test_the_largest_term_counts():
    small, large = np.eye(2), np.array([[3.0, 2.0], [2.0, 3.0]])
    parts = Parts(small, large, 2 * small, 4 * small, 9, 4)
    assert parts.over("objects").contrast(0) == 3.0 and parts.over("objects").contrast(0, 1) == 2.0
    assert parts.over("subjects").contrast(0, 1) == 4.0 and parts.over("subjects").degrees(0) == 3
    assert parts.over("objects+subjects").contrast(0) == 3.0 and parts.over("objects+subjects").contrast(0, 1) == 4.0


def test_people_who_agree_add_nothing_and_people_over_the_same_objects_are_a_jackknife():
    models, people = study(p=5)
    same = np.stack([people[0]] * 5)
    alone = rsa(models, same, kind="dissimilarity", ci=Resampling("objects", "corrected"))
    both = rsa(models, same, kind="dissimilarity", ci=Resampling("objects+subjects", "corrected"))
    assert both[0].standard_error == pytest.approx(alone[0].standard_error)
    assert both[0].per_person.standard_error == pytest.approx(alone[0].per_person.standard_error)
    found = rsa(models, people, kind="dissimilarity", ci=Resampling("subjects", "corrected"))
    without = [rsa(models, np.delete(people, q, 0), kind="dissimilarity", ci=None)[0].value for q in range(5)]
    assert found[0].standard_error == pytest.approx(math.sqrt(4 / 5 * np.var(without) * 5))
    assert found[0].per_person.standard_error == pytest.approx(np.std(found[0].per_person.values, ddof=1) / 5**0.5)


def test_noise_of_single_pairs_counts_once_where_a_bootstrap_counts_it_three_times():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 20))
    noise = rng.normal(size=(60, 60))
    human = np.triu(noise, 1) + np.triu(noise, 1).T  # of independent pairs
    errors = [
        rsa(x, human, kind="dissimilarity", ci=Resampling("objects", method))[0].standard_error
        for method in ("corrected", "bootstrap")
    ]
    assert errors[0] == pytest.approx(1 / math.sqrt(60 * 59 / 2), rel=0.15)
    assert errors[1] > 1.5 * errors[0]


@pytest.mark.parametrize("name", ["spearman", "pearson"])
def test_slopes_of_partial_correlations_are_their_derivatives(name):
    found = prepared({**study()[0], "c": study(1)[0]["b"]}, study()[1], name)
    between, step = found.between_models(None)[0], 1e-6
    slopes, others = _partial_slopes(found.values, between)
    for a in range(3):
        moved = step * (np.arange(3) == a)
        up, down = (partial_correlations((found.values + sign * moved)[None], between[None])[0] for sign in (1, -1))
        assert slopes[:, a] == pytest.approx((up - down) / (2 * step), abs=1e-7)
        for b in range(a):
            moved = np.zeros((3, 3))
            moved[a, b] = moved[b, a] = step
            up, down = (partial_correlations(found.values[None], (between + s * moved)[None])[0] for s in (1, -1))
            assert others[:, a, b] == pytest.approx((up - down) / (2 * step), abs=1e-7)


def test_partial_correlations_of_nobody_else_have_the_error_of_the_correlation():
    models, people = study(n=40, noise=0.8)
    found = rsa(models, people, kind="dissimilarity", partial=True, ci=Resampling("objects", "corrected"))
    drawn = rsa(models, people, kind="dissimilarity", partial=True, ci=Resampling("objects", "bootstrap"))
    for one, other in zip(found.results, drawn.results, strict=True):
        assert 0.6 < one.partial.standard_error / other.partial.standard_error < 1.1


def test_intervals_are_symmetric_on_fishers_scale_and_those_of_differences_as_they_are():
    found = rsa(*study(n=20), kind="dissimilarity", ci=Resampling("auto", "corrected"))
    for at, ci in ((found[0].value, found[0].ci), (found[0].per_person.mean, found[0].per_person.ci)):
        low, high = (math.atanh(end) - math.atanh(at) for end in ci)
        assert high == pytest.approx(quantile(0.95, 3) * ci.error / (1 - at**2))
        assert low == pytest.approx(-high) and ci.method == "corrected" and -1 < ci.low < ci.high < 1
    pair = found.pairs[0]
    assert pair.difference - pair.ci.low == pytest.approx(pair.ci.high - pair.difference)
    assert found.inference.method == "corrected" and found.inference.resamples is None


@pytest.mark.parametrize("over", OVER)
def test_identical_models_do_not_differ(over):
    models, people = study()
    pair = rsa({"a": models["a"], "b": 2 * models["a"]}, people, kind="dissimilarity", ci=Resampling(over, "corrected"))
    assert (pair.pairs[0].difference, pair.pairs[0].ci.error, pair.pairs[0].p_value) == (0.0, 0.0, 1.0)


def test_a_model_that_is_people_s_own_matrix_has_no_spread():
    people = study()[1]
    found = rsa({}, people[0], kind="dissimilarity", matrix={"own": people[0]}, ci=Resampling("auto", "corrected"))
    assert found[0].value == pytest.approx(1) and found[0].standard_error == pytest.approx(0, abs=1e-6)


def test_where_any_two_pairs_share_an_object_there_is_no_interval_and_a_sentence():
    models, people = study(n=3, p=2)
    found = rsa(models, people, kind="dissimilarity", ci=Resampling("objects", "corrected"))
    assert found[0].ci is None and found.pairs[0].ci is None
    assert any(note.endswith("has no interval: any two pairs share an object, or there is only one participant")
               for note in found.notes)


def test_a_person_whose_judgments_are_all_equal_says_nothing_of_others():
    models, people = study(p=2)
    people[1] = 0.0
    np.fill_diagonal(people[1], 0.0)
    found = rsa(models, people, kind="dissimilarity", ci=Resampling("subjects", "corrected"))
    assert found[0].ci is None and found[0].per_person.ci is None


def test_refuses_what_has_no_closed_form(message_of):
    models, people = study()
    for options, told in (
        ({"ci": Resampling("auto", "pigeonhole")}, "ci_method must be corrected or bootstrap here; got 'pigeonhole'"),
        ({"ci": Resampling("auto", "corrected"), "correlation": "tau-a"},
         "ci_method corrected is of spearman, rho-a, pearson, cosine; got tau-a"),
    ):
        assert message_of(rsa, models, people, kind="dissimilarity", **options).startswith(told)


def test_errors_of_the_92_objects(data):
    features = np.load(data / "objects92" / "alexnet_fc_92.npz")
    human = load_rdms(data / "objects92" / "kriegeskorte92_images_and_behaviour.npz", kind="dissimilarity")
    models = {name: features[name] for name in ("fc6", "fc8")}
    found = rsa(models, human, ci=Resampling("auto", "corrected"))
    errors = [(row.standard_error, row.per_person.standard_error) for row in found.results]
    assert np.array(errors) == pytest.approx(np.array([[0.05173, 0.03410], [0.06160, 0.03537]]), abs=1e-5)
    assert found.pairs[0].ci.error == pytest.approx(0.06508, abs=1e-5)


def test_it_is_the_default_where_it_exists_and_no_resamples_are_asked_for():
    models, people = study()
    told = {
        "spearman": rsa(models, people, kind="dissimilarity"),
        "kendall": rsa(models, people, kind="dissimilarity", correlation=["spearman", "kendall"], ci="objects"),
        "resamples": rsa(models, people, kind="dissimilarity", ci=Resampling("auto", n_resamples=20)),
        "none": rsa(models, people, kind="dissimilarity", ci=None),
    }
    assert {name: (found.inference.method, found.inference.resamples) for name, found in told.items()} == {
        "spearman": ("corrected", None),
        "kendall": ("bootstrap", 1000),
        "resamples": ("dual bootstrap", 20),
        "none": (None, None),
    }
