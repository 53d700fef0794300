"""RSA: golden figures, rsatoolbox, names, missing pairs, kinds, and everything that is refused."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from support import strict_json

from pyalign import Embeddings, InputError, RDMs, Resampling, load_rdms, load_result, rsa, similarity
from pyalign.ops.resample import permutation
from pyalign.pairwise import bootstrap
from pyalign.pairwise.all_pairs import upper_p
from pyalign.pairwise.bootstrap import Correlated, permuted_values
from pyalign.pairwise.correlations import CORRELATIONS, correlate, get_correlation
from pyalign.pairwise.study import model_pairs, study_of


def draws(count, over="auto"):
    """Intervals by so many resamples."""
    return Resampling(over, n_resamples=count)


def study(seed=0, n=12, d=6, p=None, noise=0.3):
    """Rows, and matrices of dissimilarity of people who look at them through noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    people = []
    for _ in range(p or 1):
        y = x + noise * rng.normal(size=x.shape)
        people.append(1 - similarity(y, measure="pearson"))
    return x, np.stack(people) if p else people[0]


@pytest.fixture(scope="module")
def objects92(data):
    features = np.load(data / "objects92" / "alexnet_fc_92.npz")
    human = load_rdms(data / "objects92" / "kriegeskorte92_images_and_behaviour.npz", kind="dissimilarity")
    return {name: features[name] for name in ("fc6", "fc7", "fc8")}, human


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("measure", ["pearson", "cosine"])
def test_correlations_that_are_1_or_minus_1_but_for_rounding_tie(dtype, measure, host_backend):
    columns = 2 if measure == "pearson" else 1
    x = np.random.default_rng(1).normal(size=(40, columns)).astype(dtype)
    pairs = model_pairs(x, measure, "similarity", host_backend)
    assert {*pairs.tolist()} == {1.0, -1.0}
    people = np.random.default_rng(2).normal(size=(40, 5))
    signs = np.sign(x[:, :1] - x[:, 1:].sum(axis=1, keepdims=True))
    judged, ours = 1 - similarity(people), 1 - signs * signs.T
    upper = np.triu_indices(40, 1)
    found = rsa(x, judged, kind="dissimilarity", measure=measure, correlation="spearman", ci=None, backend=host_backend)
    assert found[0].value == pytest.approx(correlate(judged[upper], ours[upper], "spearman"), abs=1e-12)


def test_pairs_are_computed_in_double_precision_and_rounded_once(host_backend):
    x = np.random.default_rng(1).normal(size=(40, 300)).astype(np.float32)
    ours, wide = (model_pairs(rows, "cosine", "similarity", host_backend) for rows in (x, x.astype(np.float64)))
    assert ours.dtype == np.float32 and ours.tolist() == wide.astype(np.float32).tolist()


def test_figures_of_the_92_objects(objects92):
    expected = {
        "spearman": (0.35611, 0.37017, 0.52261),
        "rho-a": (0.35611, 0.37017, 0.52261),
        "pearson": (0.52486, 0.52930, 0.57180),
        "tau-a": (0.24410, 0.25476, 0.36924),
    }
    found = rsa(*objects92, correlation=list(expected), ci=None)
    for row in found.results:
        place = ("fc6", "fc7", "fc8").index(row.embeddings)
        assert row.value == pytest.approx(expected[row.correlation][place], abs=5e-6)
        assert (row.n_objects, row.n_pairs, row.n_missing) == (92, 4186, 0)


def test_the_mean_over_people_and_its_ceiling_are_another_quantity(objects92):
    found = rsa(*objects92, correlation="rho-a", ci=None)
    for row, expected in zip(found.results, (0.25620, 0.26416, 0.33840), strict=True):
        assert row.per_person.mean == pytest.approx(expected, abs=5e-6)
        assert row.per_person.mean == pytest.approx(np.mean(row.per_person.values))
        assert (row.ceiling.lower, row.ceiling.upper) == pytest.approx((0.47701, 0.57669), abs=5e-6)
        assert row.ceiling.pooling == "ranks"
    raw = rsa(*objects92, correlation="rho-a", ci=None, pooling="raw")[0].ceiling
    assert (raw.lower, raw.upper) == pytest.approx((0.47760, 0.57512), abs=5e-6) and raw.pooling == "raw"


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("rho-a", "rho-a"), ("spearman", "spearman"), ("pearson", "corr"), ("cosine", "cosine"), ("tau-a", "tau-a")],
)
@pytest.mark.filterwarnings("ignore:Noise ceiling")
def test_people_and_ceilings_equal_those_of_rsatoolbox(name, theirs):
    pytest.importorskip("rsatoolbox")
    from rsatoolbox.inference import boot_noise_ceiling
    from rsatoolbox.rdm import RDMs, compare

    x, people = study(4, 14, p=5)
    row = rsa(x, people, kind="dissimilarity", correlation=name, ci=None)[0]
    human = RDMs(people)
    model = RDMs(1 - similarity(x, measure="pearson")[None])
    assert row.per_person.values == pytest.approx(compare(model, human, theirs)[0], abs=1e-9)
    assert (row.ceiling.lower, row.ceiling.upper) == pytest.approx(boot_noise_ceiling(human, theirs), abs=1e-9)


def test_the_dual_bootstrap_is_that_of_loops_over_the_same_draws():
    """Pairs written out, people's matrices averaged anew, and the formula of rsatoolbox, on the draws that we take."""
    from pyalign.ops.resample import OBJECTS, SUBJECTS, multiplicities

    n, p, count = 20, 8, 200
    x, people = study(6, n, p=p, noise=1.0)
    drawn = [multiplicities(size, 0, 256, seed=0, stream=stream)[:, :count] for size, stream in
             ((n, OBJECTS), (p, SUBJECTS))]
    upper = np.triu_indices(n, 1)
    model, humans = (1 - similarity(x, measure="pearson"))[upper], people[:, upper[0], upper[1]]
    found = {name: [] for name in ("objects", "subjects", "both")}
    for of_objects, of_people in zip(drawn[0].T.astype(int), drawn[1].T.astype(int), strict=True):
        times = of_objects[upper[0]] * of_objects[upper[1]]
        mean = np.repeat(humans, of_people, axis=0).mean(axis=0)
        found["objects"].append(correlate(np.repeat(model, times), np.repeat(humans.mean(axis=0), times)))
        found["subjects"].append(correlate(model, mean))
        found["both"].append(correlate(np.repeat(model, times), np.repeat(mean, times)))
    objects, subjects, both = (np.var(values, ddof=1) for values in found.values())
    variance = n / (n - 1) * objects + p / (p - 1) * subjects
    variance -= n * p / ((n - 1) * (p - 1)) * (both - objects - subjects)
    assert max(n / (n - 1) * objects, p / (p - 1) * subjects) < variance < both  # no bound stands in for the formula
    row = rsa(x, people, kind="dissimilarity", ci=draws(count))[0]
    assert row.standard_error == pytest.approx(math.sqrt(variance), rel=1e-9)


@pytest.mark.slow
def test_errors_over_both_are_near_those_of_rsatoolbox():
    """Their draws are others: standard deviations of 2,000 differ by 2% or so, and the formula adds three of them."""
    pytest.importorskip("rsatoolbox")
    from rsatoolbox.inference import eval_dual_bootstrap
    from rsatoolbox.model import ModelFixed
    from rsatoolbox.rdm import RDMs

    x, people = study(6, 16, p=6, noise=1.0)
    model = RDMs(1 - similarity(x, measure="pearson")[None])
    np.random.seed(0)
    theirs = eval_dual_bootstrap(ModelFixed("m", model), RDMs(people), method="corr", N=2000, use_correction=False)
    ours = rsa(x, people, kind="dissimilarity", correlation="pearson", ci=draws(2000))[0].per_person
    assert ours.standard_error == pytest.approx(math.sqrt(theirs.get_model_var()[0]), rel=0.08)


def test_people_drawn_anew_have_the_error_of_their_mean():
    x, people = study(6, 16, p=6, noise=1.0)
    options = {"kind": "dissimilarity", "correlation": "pearson", "ci": draws(4000, "subjects")}
    found = rsa(x, people, **options)[0].per_person
    assert found.standard_error == pytest.approx(np.std(found.values, ddof=1) / math.sqrt(6), rel=0.05)


def test_kind_changes_the_sign_of_the_human_side_alone():
    x, people = study()
    similar = rsa(x, 1 - people, kind="similarity", ci=None)[0].value
    apart = rsa(x, people, kind="dissimilarity", ci=None)[0].value
    assert similar == pytest.approx(apart) and apart > 0.8
    condensed = people[np.triu_indices(len(people), 1)]  # whose diagonal contradicts nothing
    assert rsa(x, condensed, kind="similarity", ci=None)[0].value == pytest.approx(-apart)


@pytest.mark.parametrize("kind, other, extreme", [
    ("dissimilarity", "similarity", "smallest"), ("similarity", "dissimilarity", "largest"),
])
def test_a_diagonal_shows_the_kind_and_contradicts_another(kind, other, extreme, message_of):
    """A model correlated by -1 with its own RDM that was called similarities, without a note."""
    x, people = study()
    whole = people if kind == "dissimilarity" else 1 - people
    expected = rsa(x, whole, kind=kind, ci=None)
    for human in (whole, np.stack([whole, whole])):
        shown = rsa(x, human, ci=None)
        assert shown[0].value == pytest.approx(expected[0].value) and shown.provenance.options["kind"] == kind
        assert f"human is taken for {kind[:-1]}ies, as its diagonal shows" in shown.notes
        told = f'human must be of kind="{kind}", since its diagonal has the {extreme} number of every row'
        for given in ({"human": human, "kind": other}, {"human": RDMs(human, other)}):
            assert message_of(rsa, x, **given) == f"{told} (NaN there says nothing); got {other!r}"
    blank = whole.copy()
    np.fill_diagonal(blank, np.nan)
    assert rsa(x, blank, kind=other, ci=None)[0].value == pytest.approx(-expected[0].value)
    assert "kind must say what human holds" in message_of(rsa, x, blank)


def test_a_model_that_is_no_rdm_is_refused(message_of):
    x, people = study()
    told = message_of(rsa, x, people, kind="dissimilarity", matrix={"m": 1 - people})
    assert told.startswith('m must be of kind="similarity", since its diagonal has the largest number of every row')


@pytest.mark.parametrize("kind", ["dissimilarity", "similarity"])
def test_matrices_are_dissimilarities_by_name(kind):
    x, people = study()
    human = people if kind == "dissimilarity" else 1 - people
    found = rsa({}, human, kind=kind, matrix={"own": people, "rows": 1 - similarity(x, measure="pearson")}, ci=None)
    assert [row.measure for row in found.results] == [None, None]
    assert found[0].value == pytest.approx(1.0)
    assert found[1].value == pytest.approx(rsa(x, human, kind=kind, ci=None)[0].value)


def test_rows_are_matched_by_name_whatever_their_order():
    x, people = study()
    names = tuple(f"object {k}" for k in range(12))
    human = RDMs(people, "dissimilarity", names)
    order = np.random.default_rng(1).permutation(12)
    expected = rsa(x, people, kind="dissimilarity", ci=None)[0].value
    shuffled = Embeddings(x[order], tuple(names[k] for k in order))
    assert rsa(shuffled, human, ci=None)[0].value == pytest.approx(expected)
    more = Embeddings(np.concatenate([np.zeros((1, 6)), x[order]]), ("another", *(names[k] for k in order)))
    found = rsa(more, human, ci=None)
    assert found[0].value == pytest.approx(expected)
    assert any("1 rows of embeddings are of objects that were not judged" in note for note in found.notes)
    turned = RDMs(people[np.ix_(order, order)], "dissimilarity", tuple(names[k] for k in order))
    assert rsa({}, human, matrix={"same": turned}, ci=None)[0].value == pytest.approx(1.0)


def test_what_has_no_names_is_said():
    x, people = study()
    assert "row i is taken for object i" in rsa(x, people, kind="dissimilarity", ci=None).notes[0]


def test_missing_pairs_are_left_out_by_position_and_counted():
    x, people = study()
    holes = people.copy()
    holes[0, 3] = holes[3, 0] = holes[5, 6] = holes[6, 5] = np.nan
    upper = np.triu_indices(12, 1)
    there = ~np.isnan(holes[upper])
    model = 1 - similarity(x, measure="pearson")
    for name in CORRELATIONS:
        row = rsa(x, holes, kind="dissimilarity", correlation=name, ci=None)[0]
        assert (row.n_pairs, row.n_missing) == (64, 2)
        assert row.value == pytest.approx(correlate(model[upper][there], holes[upper][there], name))


def test_people_may_miss_pairs_of_their_own():
    x, people = study(p=3)
    people[1, 0, 1] = people[1, 1, 0] = np.nan
    people[:, 2, 3] = people[:, 3, 2] = np.nan
    row = rsa(x, people, kind="dissimilarity", ci=draws(100))[0]
    assert (row.n_pairs, row.n_missing) == (65, 1)
    upper = np.triu_indices(12, 1)
    own, model = people[1][upper], (1 - similarity(x, measure="pearson"))[upper]
    there = ~np.isnan(own)
    assert row.per_person.values[1] == pytest.approx(correlate(own[there], model[there]))
    assert row.standard_error > 0 and row.per_person.standard_error > 0


@pytest.mark.parametrize("measure", ["pearson", "rbf"])  # whose bandwidth is of the rows that are there
def test_rows_with_nan_are_an_error_or_left_out(measure):
    x, people = study()
    x[2, 0] = np.nan
    with pytest.raises(InputError, match="embeddings must be finite; 1 of 12 rows holds NaN or infinity, first row 2"):
        rsa(x, people, kind="dissimilarity")
    options = {"kind": "dissimilarity", "measure": measure, "correlation": "pearson", "ci": draws(70),
               "n_permutations": 70}
    row = rsa(x, people, nan_policy="omit", **options)[0]
    rest = np.delete(np.arange(12), 2)
    expected = rsa(x[rest], people[np.ix_(rest, rest)], **options)[0]
    assert row.value == pytest.approx(expected.value)
    assert (row.n_objects, row.n_pairs, row.n_missing) == (11, 55, 11)
    assert (row.standard_error, row.p_value) == (expected.standard_error, expected.p_value), "of eleven objects"


@pytest.mark.parametrize("correlation", sorted(CORRELATIONS))
def test_a_permutation_brings_in_what_a_model_says_of_pairs_that_nobody_judged(correlation):
    """Against plain indexing; a matrix of a model with holes of its own has no say in those."""
    x, people = study(n=10)
    holes = people.copy()
    holes[:4, :4] = np.nan
    own = 1 - similarity(study(seed=3, n=10)[0], measure="pearson")
    own[8, 9] = own[9, 8] = np.nan
    found = Correlated(study_of({"x": x}, {"own": RDMs(own, "dissimilarity")}, RDMs(holes, "dissimilarity"),
                                ["pearson"], "raise", "auto"), get_correlation(correlation))
    nulls = permuted_values(found, 40, 5)
    there = ~np.isnan(holes) & ~np.isnan(own) & np.triu(np.ones((10, 10), bool), 1)
    for row, null in enumerate(nulls):
        order = permutation(10, row, seed=5)
        for k, model in enumerate((1 - similarity(x, measure="pearson"), own)):
            moved = model[np.ix_(order, order)]
            both = there & ~np.isnan(moved)
            assert null[k] == pytest.approx(correlate(people[both], moved[both], correlation), abs=1e-12)


def test_a_null_value_that_is_not_defined_speaks_against_a_relation():
    assert upper_p(np.array([0.1, np.nan, 0.2]), 0.5) == 0.5


def test_what_is_wrong_with_a_matrix_of_a_model_is_told_of_that_model(message_of):
    x, people = study()
    uneven, infinite = np.ones((12, 12)), np.full((12, 12), np.inf)
    uneven[0, 1] = 5
    for matrix, told in ((uneven, "cats must be symmetric; [0, 1] is 5"), (infinite, "cats must be finite, or NaN")):
        wrong = {"cats": matrix}
        assert message_of(lambda m=wrong: rsa(x, people, kind="dissimilarity", matrix=m)).startswith(told)


@pytest.mark.parametrize("correlation", sorted(CORRELATIONS))
def test_does_not_depend_on_the_number_of_threads(set_threads, correlation):
    x, people = study(p=4)
    seen = set()
    for threads in (1, 2, 5):
        set_threads(threads)
        found = rsa({"a": x, "b": x[:, :2]}, people, kind="dissimilarity", correlation=correlation, ci=draws(70),
                    n_permutations=70, weighted=True)
        document = found.to_dict()
        del document["provenance"]
        seen.add(json.dumps(document))
    assert len(seen) == 1


@pytest.mark.parametrize("over", ["objects", "subjects", "objects+subjects"])
def test_identical_models_do_not_differ(over):
    x, people = study(p=4)
    pair = rsa({"a": x, "b": 2 * x}, people, kind="dissimilarity", ci=draws(60, over)).pairs[0]
    assert pair.difference == 0.0 and pair.standard_error == 0.0 and pair.p_value == 1.0


def test_a_model_that_is_people_s_own_matrix_has_no_spread():
    _, people = study()
    row = rsa({}, people, kind="dissimilarity", matrix={"own": people}, ci=draws(60))[0]
    assert row.value == 1.0 and tuple(row.ci) == pytest.approx((1.0, 1.0))


def test_p_values_count_the_permutations_that_are_at_least_as_large():
    x, people = study(n=30)
    row = rsa(x, people, kind="dissimilarity", ci=None, n_permutations=99)[0]
    assert row.p_value == 0.01
    other = np.random.default_rng(9).normal(size=(30, 4))
    assert 0.01 < rsa(other, people, kind="dissimilarity", ci=None, n_permutations=99)[0].p_value <= 1.0


@pytest.mark.parametrize("correlation", sorted(CORRELATIONS))
def test_permutations_by_inner_products_are_those_that_are_prepared_anew(correlation):
    x, people = study(n=11)
    found = Correlated(study_of({"x": x}, {}, RDMs(people, "dissimilarity"), ["cosine"], "raise", "auto"),
                       get_correlation(correlation))
    fast = permuted_values(found, 130, 5)
    slow = bootstrap._one_by_one(found, 130, 5, lambda *_: None)
    np.testing.assert_allclose(fast, slow, atol=1e-12)


def test_partial_correlations_are_those_of_residuals():
    x, people = study(n=15, noise=1.0)
    models = {"a": x[:, :3], "b": x[:, 2:]}
    found = rsa(models, people, kind="dissimilarity", correlation="pearson", partial=True, ci=draws(60))
    upper = np.triu_indices(15, 1)
    a, b, human = (v[upper] for v in (1 - similarity(x[:, :3], measure="pearson"),
                                      1 - similarity(x[:, 2:], measure="pearson"), people))
    design = np.stack([np.ones_like(b), b], axis=1)
    left, right = (v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (a, human))
    assert found[0].partial.value == pytest.approx(correlate(left, right, "pearson"))
    assert found[0].partial.standard_error > 0


def test_partial_correlations_of_models_that_are_the_same_do_not_exist():
    x, people = study()
    found = rsa({"a": x, "b": 2 * x}, people, kind="dissimilarity", partial=True, ci=None)
    assert math.isnan(found[0].partial.value)
    assert strict_json(found.to_json())["results"][0]["partial"]["value"] is None


def test_constant_and_degenerate_inputs_have_a_sentence_never_a_silent_nan():
    x, people = study()
    found = rsa(np.ones((12, 4)), people, kind="dissimilarity", ci=draws(30), n_permutations=9)
    assert math.isnan(found[0].value) and found[0].p_value is None and found[0].ci is None
    assert "is not defined" in found.notes[-1]
    assert strict_json(found.to_json())["results"][0]["value"] is None
    zero = rsa(x * 0, people, kind="dissimilarity", ci=None)
    assert "is not defined" in zero.notes[-1]
    doubled = np.concatenate([x[:6], x[:6]])
    assert np.isfinite(rsa(doubled, people, kind="dissimilarity", ci=draws(30))[0].value)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e307])
@pytest.mark.filterwarnings("error")
def test_the_scale_of_judgments_changes_nothing_however_extreme(scale):
    x, people = study(p=4)
    options = {"kind": "dissimilarity", "correlation": list(CORRELATIONS), "ci": draws(30), "n_permutations": 9}
    plain = rsa(x, people, matrix={"m": people[0]}, **options)
    found = rsa(x, people * scale, matrix={"m": people[0] * scale}, **options)
    for one, other in zip(plain, found, strict=True):
        assert (one.value, one.standard_error, one.p_value) == pytest.approx(
            (other.value, other.standard_error, other.p_value)
        )
        assert one.per_person.values == pytest.approx(other.per_person.values)
        assert (one.ceiling.lower, one.ceiling.upper) == pytest.approx((other.ceiling.lower, other.ceiling.upper))


@pytest.mark.parametrize("value", [np.nan, 1.0])
def test_people_whose_judgments_say_nothing_are_left_out_of_the_mean_over_people_with_a_sentence(value):
    x, people = study(p=5)
    people[2] = value
    found = rsa({"a": x, "b": x[:, :3]}, people, kind="dissimilarity", ci=draws(30))
    assert [math.isnan(one) for one in found[0].per_person.values] == [False, False, True, False, False]
    assert found[0].per_person.mean == pytest.approx(np.nanmean(found[0].per_person.values))
    (told,) = [note for note in found.notes if "spearman with 1 of 5 participants is not defined (number 2, fr" in note]
    assert told.endswith("the mean over participants omits them")


def test_a_ceiling_that_does_not_exist_has_a_sentence():
    x, people = study(p=2)
    people[0, :6] = people[0, :, :6] = people[1, 6:] = people[1, :, 6:] = np.nan  # they share no pair
    found = rsa(x, people, kind="dissimilarity", ci=None)
    assert math.isnan(found[0].ceiling.lower)
    assert sum(note.startswith("the lower noise ceiling of spearman is not defined") for note in found.notes) == 1


def test_no_table_leaves_out_which_correlation_and_measure_a_row_is_of():
    x, people = study(p=3)
    models = {"a model with a long name that has to be shortened": x, "b": x[:, :3]}
    options = {"measure": ["cosine", "neg_sqeuclidean"], "correlation": ["spearman", "kendall"], "ci": draws(20)}
    found = rsa(models, people, kind="dissimilarity", n_permutations=9, partial=False, **options)
    for block in found.table().split("\n\n"):
        assert all(len(line) <= 80 for line in block.splitlines())
        assert block.count("spearman") == block.count("kendall") >= 3
    assert found.table().count("neg_sqeuclidean") > 8
    blocks = found.table().split("\n\n")
    differences = next(one for one in blocks if one.startswith("differences of corr")).splitlines()[2:-1]
    assert len(set(differences)) == len(found.pairs) and all(" - " in line for line in differences)


def test_one_is_singular():
    x, people = study(p=1)
    assert "66 pairs; 1 participant;" in str(rsa(x, people, kind="dissimilarity", ci=draws(20)))


def test_partial_correlations_that_do_not_exist_have_a_sentence():
    x, people = study()
    found = rsa({"flat": np.ones((12, 4)), "x": x}, people, kind="dissimilarity", ci=None, partial=True)
    assert math.isnan(found[1].partial.value) and not math.isnan(found[1].value)
    assert any(note.startswith("partial spearman with x by pearson is not defined") for note in found.notes)
    few, judged = study(n=4)
    found = rsa({"x": few, "y": few[:, :3]}, judged, kind="dissimilarity", ci=draws(50), partial=True)
    without = [one.embeddings for one in found if one.partial.ci is None]
    told = [f"partial spearman with {name} by pearson" in " ".join(found.notes) for name in without]
    assert without and all(told)


def test_the_table_counts_the_p_values_that_were_corrected():
    x, people = study()
    models = {"flat": np.ones((12, 4)), "x": x, "y": x[:, :2]}
    found = rsa(models, people, kind="dissimilarity", ci=draws(30))
    assert len(found.pairs) == 3 and "corrected for 1 pair;" in " ".join(str(found).split())
    assert "corrected" not in str(rsa(dict(list(models.items())[:2]), people, kind="dissimilarity", ci=draws(30)))


def test_models_may_be_numbered():
    x, people = study()
    assert rsa({1: x}, people, kind="dissimilarity", ci=None)[0].embeddings == "1"


def test_three_objects_have_a_value_and_two_are_refused():
    x, people = study(n=3)
    found = rsa(x, people, kind="dissimilarity", ci=draws(50))
    assert np.isfinite(found[0].value)
    assert found[0].ci is None and "has no interval" in found.notes[-1]
    with pytest.raises(InputError, match="human must be about at least 3 objects; got 2"):
        rsa(x[:2], people[:2, :2], kind="dissimilarity")


def test_results_travel_as_json_and_come_back(tmp_path):
    x, people = study(p=3)
    found = rsa({"a": x, "b": x[:, :3]}, people, kind="dissimilarity", ci=draws(30), n_permutations=9, partial=True,
                weighted=True)
    path = tmp_path / "r.json"
    path.write_text(found.to_json())
    back = load_result(path)
    assert back.to_dict()["results"] == found.to_dict()["results"] and str(back) == str(found)
    row = found.to_dict()["results"][0]
    assert {"embeddings", "measure", "correlation", "value", "ci", "standard_error", "p_value", "per_person", "ceiling",
            "n_objects", "n_pairs", "n_missing"} <= row.keys()
    assert row["per_person"]["standard_error"] > 0
    assert row["ceiling"].keys() == {"lower", "upper", "pooling", "reliability"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"kind": None, "human": np.arange(66.0)}, "kind must say what human holds"),
        ({"kind": "distance"}, "kind must be one of"),
        ({"correlation": "spearmann"}, "correlation must be one of"),
        ({"correlation": []}, "measure and correlation must be at least one each"),
        ({"measure": "euclid"}, "measure must be one of"),
        ({"ci": "triplets"}, "ci must be auto, objects, .* or none here; got 'triplets'"),
        ({"ci": "subjects"}, "ci subjects needs the matrices of at least two participants; human holds one"),
        ({"pooling": "mean"}, "pooling must be one of"),
        ({"partial": True}, "partial needs at least two models; got one"),
        ({"partial": True, "correlation": "kendall"}, "partial correlations are of spearman and pearson; got kendall"),
        ({"matrix": {"embeddings": np.zeros((12, 12))}},
        "names in matrix must differ from those of embeddings; got 'embeddings'"),
        ({"matrix": {"m": np.zeros((11, 11))}}, "m must be about the 12 judged objects; got 11"),
        ({"matrix": {"m": np.zeros((11, 4))}}, "^m must be a square matrix, or condensed"),
        ({"matrix": {"m": np.triu(np.ones((12, 12)))}}, "^m must be symmetric"),
        ({"matrix": {"m": np.full((12, 12), np.nan)}}, "^m must have a value for at least one pair; got only NaN"),
        ({"matrix": np.zeros((12, 12))}, "^matrix must map names to matrices, as a dict does; got ndarray"),
        ({"correlation": None}, "^correlation must be one of .*; got None"),
        ({"correlation": {}}, "^correlation must be one of .*; got {}"),
        ({"n_permutations": ()}, r"^n_permutations must be a whole number from 1 to .*; got \(\)"),
        ({"n_permutations": 0}, "^n_permutations must be a whole number from 1 to .*; got 0"),
        ({"measure": ["rbf:2", "rbf:2.0"]}, "^measure must differ; got 'rbf:2.0' twice"),
        ({"correlation": ["rho-a", "rho-a"]}, "^correlation must differ; got 'rho-a' twice"),
        ({"kind": "similarity", "correlation": "cosine", "matrix": {"m": np.ones(66)}, "human": np.arange(66.0)},
         "correlation co"),
    ],
)
def test_refuses_what_does_not_fit(options, told, message_of):
    x, people = study()
    assert re.search(told, message_of(rsa, x, **{"human": people, "kind": "dissimilarity", **options}))


def test_refuses_other_numbers_of_objects(message_of):
    x, people = study()
    told = message_of(rsa, x[:5], people, kind="dissimilarity")
    assert "embeddings must have a row for each of 12 judged objects" in told
    assert "models must hold at least one model" in message_of(rsa, {}, people, kind="dissimilarity")
    small, few = study(n=6)
    told = message_of(rsa, small, few, kind="dissimilarity", weighted=True, ci=None)
    assert "weighted needs at least 9 objects" in told
    holes = np.full((12, 12), np.nan)
    assert "human must have a pair that was judged" in message_of(rsa, x, holes, kind="dissimilarity")
    twice = RDMs(people, "dissimilarity", tuple("abcdefghijka"))
    told = message_of(rsa, Embeddings(x, tuple("abcdefghijkl")), twice)
    assert told == "human names must differ; 'a' occurs more than once"
    named = RDMs(people, "dissimilarity", tuple("abcdefghijkl"))
    assert "no row is named 'l'" in message_of(rsa, Embeddings(x[:11], tuple("abcdefghijk")), named)


def test_progress_is_told():
    x, people = study(p=2)
    told = []
    rsa(x, people, kind="dissimilarity", ci=draws(130), n_permutations=70, progress=lambda *a: told.append(a))
    assert ("resamples", 130, 130) in told and ("permutations", 70, 70) in told


def test_a_frame_of_judgments_in_another_order_of_numbers_is_put_in_order():
    pandas = pytest.importorskip("pandas")
    x, human = study()
    order = np.random.default_rng(1).permutation(len(x))
    frame = pandas.DataFrame(human).iloc[order, order]
    found, expected = (rsa(x, one, kind="dissimilarity", ci=None)[0].value for one in (frame, human))
    assert found == expected


# Objects without a row


def test_too_few_objects_with_a_row_are_an_error_that_says_how_many_have_none(message_of):
    x, people = study()
    names = tuple(f"object {k}" for k in range(12))
    human = RDMs(people, "dissimilarity", names)
    for ci in ("auto", None):
        message = message_of(rsa, {"b": Embeddings(x[:2], names[:2])}, human, ci=ci, missing="omit")
        assert message == (
            "human must hold pairs of at least 3 objects that have a row; got 2: "
            "10 of 12 objects have no row ('object 2', 'object 3', 'object 4' and 7 more)"
        )


def test_rows_of_judged_objects_that_another_model_lacks_are_not_called_rows_of_others():
    x, people = study()
    names = tuple(f"object {k}" for k in range(12))
    human = RDMs(people, "dissimilarity", names)
    more = Embeddings(np.concatenate([x, x[:1]]), (*names, "another"))
    models = {"a": Embeddings(x, names), "b": Embeddings(x[:9], names[:9]), "c": more}
    notes = rsa(models, human, ci=None, missing="omit").notes
    told = [note for note in notes if "were not judged" in note]
    assert told == ["1 rows of c are of objects that were not judged"]
    assert "1 rows of c are of objects that were not judged" in rsa({"c": more}, human, ci=None).notes
