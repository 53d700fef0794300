"""Means over people held against the noise ceiling and each other: plain references, rsatoolbox, golden figures."""

from __future__ import annotations

import json
import math
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from pyalign import Resampling, load_rdms, load_result, rsa, similarity
from pyalign.data import as_rdms
from pyalign.pairwise.ceilings import INFLUENCES, POOLINGS, among_people, noise_ceiling_of
from pyalign.pairwise.closed_form import Dyads
from pyalign.pairwise.correlations import correlate, get_correlation
from pyalign.stats.intervals import fieller, quantile, two_sided_p
from pyalign.stats.multiple import CORRECTIONS

OVERS = ("objects", "subjects", "objects+subjects")


def study(seed=0, n=12, p=5, noise=0.6):
    """Three models, and people who look at the first through noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    people = np.stack([1 - similarity(x + noise * rng.normal(size=x.shape), measure="pearson") for _ in range(p)])
    return {"a": x, "b": x[:, :4], "c": rng.normal(size=(n, 5))}, people


def pairs_of(people):
    first, second = np.triu_indices(people.shape[-1], 1)
    return people[:, first, second], np.stack([first, second], axis=1).astype(np.int32)


def ceiling(people, name, pooling=None):
    """Lower and upper ceiling and reliability by loops."""
    scale = POOLINGS[pooling or get_correlation(name).pooling]
    scaled = np.stack([scale(one) for one in people])
    lower = [correlate(scaled[s], np.delete(scaled, s, 0).mean(axis=0), name) for s in range(len(people))]
    upper = [correlate(one, scaled.mean(axis=0), name) for one in scaled]
    between = [correlate(a, b, name) for a, b in combinations(people, 2)]
    return np.array([np.mean(lower), np.mean(upper), np.mean(between)])


def with_holes(people):
    """The second has not judged two pairs, and one was judged by the last only."""
    holes = people.copy()
    for who, (i, j) in ((1, (0, 3)), (1, (4, 5)), (slice(0, -1), (2, 6))):
        holes[who, i, j] = holes[who, j, i] = np.nan
    return holes


@pytest.mark.parametrize("name", INFLUENCES)
@pytest.mark.parametrize("pooling", [None, "raw"])
def test_over_people_the_errors_of_the_ceiling_are_those_of_a_jackknife(name, pooling):
    models, people = study()
    values, _ = pairs_of(people)
    found = rsa(models, people, kind="dissimilarity", correlation=name, ci="subjects", pooling=pooling)[0].ceiling
    assert (found.lower, found.upper, found.reliability) == pytest.approx(ceiling(values, name, pooling))
    p = len(people)
    without = np.stack([ceiling(np.delete(values, q, 0), name, pooling) for q in range(p)])
    errors = np.sqrt((p - 1) / p * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    assert [one.error for one in (found.lower_ci, found.upper_ci, found.reliability_ci)] == pytest.approx(errors)


@pytest.mark.parametrize("name", INFLUENCES)
def test_over_objects_the_errors_of_the_ceiling_are_near_those_of_a_jackknife_over_objects(name):
    models, people = study(n=40, p=4, noise=0.3)
    found = rsa(models, people, kind="dissimilarity", correlation=name, ci="objects")[0].ceiling
    rest = [np.delete(np.delete(people, k, 1), k, 2) for k in range(40)]
    without = np.stack([ceiling(pairs_of(one)[0], name) for one in rest])
    errors = np.sqrt(39 / 40 * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    ours = [one.error for one in (found.lower_ci, found.upper_ci, found.reliability_ci)]
    assert ours == pytest.approx(errors, rel=0.12)  # without single pairs, which a jackknife counts twice


@pytest.mark.parametrize("name", INFLUENCES)
def test_influences_of_the_ceiling_have_a_mean_of_0_and_pairs_of_people_are_in_the_rows_of_both(name):
    _, people = study(p=6, noise=0.05)
    values, items = pairs_of(people)
    found = among_people(values, items, 12, name, get_correlation(name).pooling, "objects+subjects")
    centered = found.rows[:, :, : len(items)].mean(axis=2)
    assert np.abs(centered).max() < 1e-9  # the sums themselves are in `jackknife`
    assert found.pairs[:, : len(items)].mean(axis=1) == pytest.approx(np.zeros(3), abs=1e-9)
    assert found.rows[2].mean(axis=0) == pytest.approx(2.0 * found.pairs[2])


@pytest.mark.parametrize("figure", [0, 1])
def test_a_person_enters_the_ceiling_as_one_who_is_predicted_and_as_one_who_predicts(figure):
    """Pearson's correlation, with its influences and its slopes written out; sums at all pairs are the jackknife's."""
    _, people = study(p=5)
    values, items = pairs_of(people)
    found = among_people(values, items, 12, "pearson", "standardized", "objects+subjects")
    z = np.stack([POOLINGS["standardized"](one) for one in values])

    def pooled(*without):
        return np.delete(z, without, axis=0).mean(axis=0)

    expected, moved_by = np.zeros_like(z), np.zeros(5)
    for s in range(5):
        own, mean = z[s], pooled(s) if figure == 0 else pooled()
        y = (mean - mean.mean()) / mean.std()
        r = (own * y).mean()
        expected[s] += own * y - r * (own**2 + y**2) / 2.0
        for q in set(range(5)) - {s}:
            lost = (pooled(s, q) if figure == 0 else pooled(q)) - mean
            at_pairs = -(own - r * y) / mean.std() * (lost - lost.mean())
            expected[q] += at_pairs - at_pairs.mean()
            moved_by[q] += at_pairs.mean()
    assert found.rows[figure][:, : len(items)] == pytest.approx(expected)
    own = found.values[:, figure] - found.values[:, figure].mean()
    linear = own + moved_by - moved_by.mean()
    assert np.corrcoef(linear, found.jackknife[:, figure])[0, 1] > 0.98  # which is not linear in what is left out


def test_over_both_what_people_and_objects_share_is_taken_back():
    """V_o + V_s - sum_q V_o(d_q) / (p (p - 1)), with the terms written out."""
    models, people = study()
    values, items = pairs_of(people)
    p = len(values)
    among = among_people(values, items, 12, "spearman", "ranks", "objects+subjects")
    dyads = Dyads(items, 12)

    def over_objects(row):
        return float(dyads.covariance(row[None])[0, 0])

    found = rsa(models, people, kind="dissimilarity", ci="objects+subjects")[0].ceiling
    for figure, interval in enumerate((found.lower_ci, found.upper_ci, found.reliability_ci)):
        objects = over_objects(among.pairs[figure])
        of_people = (among.jackknife[:, figure] ** 2).sum() / (p * (p - 1))
        d = among.rows[figure] - among.rows[figure].mean(axis=0)
        both = objects + of_people - sum(map(over_objects, d)) / (p * (p - 1))
        assert interval.error**2 == pytest.approx(max(both, objects, of_people))


@pytest.mark.parametrize("name", INFLUENCES)
def test_over_people_the_difference_of_means_has_the_paired_t_test(name):
    models, people = study(p=7)
    found = rsa(models, people, kind="dissimilarity", correlation=name, ci="subjects")
    values = {row.embeddings: row.per_person.values for row in found.results}
    for pair in found.pairs:
        expected = ttest_rel(values[pair.a], values[pair.b])
        each = pair.per_person
        assert each.difference == pytest.approx(np.mean(values[pair.a]) - np.mean(values[pair.b]))
        assert each.p_value == pytest.approx(expected.pvalue, rel=1e-6)
        low, high = expected.confidence_interval(0.95)
        assert tuple(each.ci) == pytest.approx((low, high))


def test_tests_over_people_equal_those_of_rsatoolbox():
    pytest.importorskip("rsatoolbox")
    from rsatoolbox.inference import eval_fixed
    from rsatoolbox.model import ModelFixed
    from rsatoolbox.rdm import RDMs

    models, people = study(3, p=6)
    theirs = eval_fixed(
        [ModelFixed(name, RDMs(1 - similarity(x, measure="pearson")[None])) for name, x in models.items()],
        RDMs(people), method="rho-a",
    )
    found = rsa(models, people, kind="dissimilarity", correlation="rho-a", ci="subjects")
    pairwise = theirs.test_pairwise()
    names = list(models)
    for pair in found.pairs:
        i, j = names.index(pair.a), names.index(pair.b)
        assert pair.per_person.p_value == pytest.approx(pairwise[i, j], abs=1e-6)
    for row, p in zip(found.results, theirs.test_noise(), strict=True):  # their ceiling has no error of its own
        t = row.per_person.against_lower.difference / row.per_person.standard_error
        assert two_sided_p(t, 5) == pytest.approx(p, abs=1e-6)


@pytest.mark.parametrize("over", OVERS)
def test_fractions_of_the_ceiling_have_the_interval_of_fieller(over):
    """With the covariance that follows from the variances of the two figures and of their difference."""
    found = rsa(*study(n=20, p=8), kind="dissimilarity", ci=Resampling(over, confidence_level=0.9))
    row = found[0]
    mean, lower, both = row.per_person.ci, row.ceiling.lower_ci, row.per_person.against_lower.ci
    between = (mean.error**2 + lower.error**2 - both.error**2) / 2.0
    table = np.array([[mean.error**2, between], [between, lower.error**2]])
    ratio = row.per_person.of_lower
    assert ratio.value == pytest.approx(row.per_person.mean / row.ceiling.lower)
    if over == "subjects":  # one covariance, seven degrees of freedom
        assert tuple(ratio.ci) == pytest.approx(
            fieller(row.per_person.mean, row.ceiling.lower, table, quantile(0.9, 7))
        )
    assert ratio.ci.low < ratio.value < ratio.ci.high and ratio.ci.confidence == 0.9
    assert row.per_person.of_upper.value == pytest.approx(row.per_person.mean / row.ceiling.upper)


def test_without_the_noise_of_single_people_a_model_correlates_as_with_the_mean_of_many():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(30, 6))
    truth = 1 - similarity(x, measure="pearson")
    first, second = np.triu_indices(30, 1)
    noise = rng.normal(size=(40, len(first)))
    values = truth[first, second] + 0.6 * noise
    model = x[:, :3]
    few = rsa(model, values[:6], kind="dissimilarity", correlation="pearson", ci=None)[0]
    true = rsa(model, truth, kind="dissimilarity", correlation="pearson", ci=None)[0].value
    assert few.per_person.disattenuated.value == pytest.approx(true, abs=0.05) and few.per_person.mean < 0.7 * true
    assert few.per_person.disattenuated.ci is None
    reliable = rsa(model, values, kind="dissimilarity", correlation="pearson", ci="subjects")[0]
    assert reliable.per_person.disattenuated.ci.low < true < reliable.per_person.disattenuated.ci.high


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_p_values_are_corrected_over_pairs_and_over_models(correction):
    found = rsa(*study(), kind="dissimilarity", correction=correction, correlation=["spearman", "pearson"])
    tests = [[pair.per_person for pair in found.pairs], [row.per_person.against_lower for row in found.results]]
    for several in tests:
        expected = CORRECTIONS[correction]([one.p_value for one in several])
        assert [one.p_adjusted for one in several] == pytest.approx(expected)


@pytest.mark.parametrize("over", OVERS)
def test_gaps_in_the_judgments_of_some_people_change_little(over):
    models, people = study(n=20, p=6)
    whole = rsa(models, people, kind="dissimilarity", ci=over)[0]
    holes = rsa(models, with_holes(people), kind="dissimilarity", ci=over)[0]
    for name in ("lower_ci", "upper_ci", "reliability_ci"):
        assert getattr(holes.ceiling, name).error == pytest.approx(getattr(whole.ceiling, name).error, rel=0.25)
    assert holes.ceiling.reliability == pytest.approx(whole.ceiling.reliability, abs=0.02)


def test_two_people_have_a_ceiling_without_an_interval_over_people():
    models, people = study(p=2)
    for over in ("subjects", "objects+subjects"):
        found = rsa(models, people, kind="dissimilarity", ci=over)
        row = found[0]
        assert row.ceiling.lower_ci is None and row.ceiling.upper_ci is None and row.ceiling.reliability_ci is None
        assert row.per_person.against_lower.p_value is None and row.per_person.of_lower.ci is None
        assert any("the noise ceiling has no interval: it takes at least three participants" in n for n in found.notes)
    over_objects = rsa(models, people, kind="dissimilarity", ci="objects")[0]
    assert over_objects.ceiling.lower_ci.error > 0


@pytest.mark.parametrize("over", OVERS)
@pytest.mark.filterwarnings("error")
def test_a_person_who_says_nothing_or_shares_no_pair_leaves_the_ceiling_without_an_interval(over):
    models, people = study(p=4)
    equal = people.copy()
    equal[1] = 1.0 - np.eye(12)
    found = rsa(models, equal, kind="dissimilarity", ci=over)
    assert found[0].ceiling.lower_ci is None and found[0].per_person.ci is not None
    told = "the noise ceiling has no interval: the judgments of a participant are all equal, or missing"
    assert told in found.notes
    apart = people[:3].copy()
    apart[0, :6] = apart[0, :, :6] = apart[1:, 6:] = apart[1:, :, 6:] = np.nan  # the first shares no pair with others
    found = rsa(models, apart, kind="dissimilarity", ci=over)
    assert found[0].per_person.ci is not None and math.isfinite(found[0].ceiling.lower)
    assert found[0].ceiling.lower_ci is None


def test_people_who_do_not_agree_have_no_fraction_of_a_ceiling():
    models, people = study(p=2)
    people[1] = 2.0 - people[0]
    np.fill_diagonal(people[1], 0.0)
    row = rsa(models, people, kind="dissimilarity", ci="objects")[0]
    assert row.ceiling.lower < 0 and row.ceiling.reliability < 0
    assert math.isnan(row.per_person.of_lower.value) and math.isnan(row.per_person.disattenuated.value)
    assert row.per_person.of_lower.ci is None


def test_a_single_matrix_has_neither_a_ceiling_nor_means_over_people():
    models, people = study()
    found = rsa(models, people[0], kind="dissimilarity")
    assert found[0].per_person is None and all(pair.per_person is None for pair in found.pairs)
    one = rsa(models, people[:1], kind="dissimilarity", ci="objects")
    assert one[0].ceiling is None and one[0].per_person.against_lower is None


def test_a_bootstrap_has_differences_of_means_and_no_interval_of_the_ceiling():
    found = rsa(*study(), kind="dissimilarity", correlation="kendall", ci=Resampling("auto", n_resamples=40))
    assert found.pairs[0].per_person.ci.method == "dual bootstrap" and found.pairs[0].per_person.p_adjusted is not None
    assert found[0].ceiling.lower_ci is None and found[0].per_person.of_lower.value > 0
    assert any("the noise ceiling has no interval: only the closed form has one" in note for note in found.notes)


def test_documents_hold_it_all_and_those_without_it_load(tmp_path):
    found = rsa(*study(), kind="dissimilarity")
    path = tmp_path / "rsa.json"
    path.write_text(found.to_json())
    assert load_result(path) == found
    document = json.loads(path.read_text())
    row = document["results"][0]
    assert row["ceiling"]["lower_ci"] == list(found[0].ceiling.lower_ci) and row["ceiling"]["reliability"] > 0
    assert row["per_person"]["against_lower"]["p_adjusted"] == found[0].per_person.against_lower.p_adjusted
    record = found.to_records()[0]
    assert record["per_person.of_lower.ci_low"] == found[0].per_person.of_lower.ci.low
    assert record["ceiling.upper_ci_high"] == found[0].ceiling.upper_ci.high
    for row in document["results"]:
        for name in ("against_lower", "of_lower", "of_upper", "disattenuated"):
            del row["per_person"][name]
        for name in ("lower_ci", "upper_ci", "reliability", "reliability_ci", "intervals"):
            del row["ceiling"][name]
    for pair in document["pairs"]:
        del pair["per_person"]
    path.write_text(json.dumps(document))
    old = load_result(path)
    assert old[0].ceiling.reliability is None and old.pairs[0].per_person is None
    assert "against the noise ceiling" not in str(old)


def test_figures_of_the_92_objects(data):
    features = np.load(data / "objects92" / "alexnet_fc_92.npz")
    human = load_rdms(data / "objects92" / "kriegeskorte92_images_and_behaviour.npz", kind="dissimilarity")
    found = rsa({name: features[name] for name in ("fc6", "fc8")}, human)
    row, each = found[0], found[0].per_person
    assert tuple(row.ceiling.lower_ci) == pytest.approx((0.35036, 0.58653), abs=2e-5)
    assert tuple(row.ceiling.upper_ci) == pytest.approx((0.48759, 0.65390), abs=2e-5)
    assert row.ceiling.reliability == pytest.approx(0.34379, abs=1e-5)
    assert each.against_lower.difference == pytest.approx(-0.22081, abs=1e-5)
    assert each.against_lower.p_value == pytest.approx(0.00049, abs=1e-5)
    assert (each.of_lower.value, each.of_upper.value) == pytest.approx((0.53709, 0.44426), abs=1e-5)
    assert tuple(each.of_lower.ci) == pytest.approx((0.39910, 0.70827), abs=2e-5)
    assert each.disattenuated.value == pytest.approx(0.43695, abs=1e-5)
    pair = found.pairs[0].per_person
    assert pair.difference == pytest.approx(-0.08220, abs=1e-5) and pair.p_value == pytest.approx(0.01788, abs=1e-4)


def test_the_order_of_people_and_the_scale_of_their_judgments_change_nothing():
    models, people = study()
    plain = rsa(models, people, kind="dissimilarity", correlation="pearson")[0]
    turned = rsa(models, 3.0 * people[::-1], kind="dissimilarity", correlation="pearson")[0]
    assert tuple(turned.ceiling.lower_ci) == pytest.approx(tuple(plain.ceiling.lower_ci))
    assert tuple(turned.per_person.disattenuated.ci) == pytest.approx(tuple(plain.per_person.disattenuated.ci))


def test_the_figures_of_judgments_as_they_are_read_are_those_of_the_ceiling():
    _, people = study()
    judged = as_rdms(people, "dissimilarity").pairs()
    _, items = pairs_of(people)
    found = noise_ceiling_of(judged, items, get_correlation("pearson"), "standardized")
    assert (found.lower, found.upper, found.reliability) == pytest.approx(ceiling(judged, "pearson"))
