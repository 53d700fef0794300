"""Error consistency of models, and the concepts of what all of them miss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import cohen_kappa_score
from support import draw_triplets, reals, seeds, whole

import pyalign
from pyalign import Resampling, error_consistency
from pyalign.errors import InputError
from pyalign.results import ErrorConsistency
from pyalign.stats.joint import of_counts

N, T = 40, 500
TRIPLETS = draw_triplets(3, N, T)
X = {"a": reals(1, N, 5), "b": reals(1, N, 5) + reals(2, N, 5), "tied": whole(4, N, 2)}


def right_of(x, triplets, measure="dot"):
    """By the public choices: the odd one is the last, and no tie."""
    return pyalign.odd_one_out(x, triplets, measure=measure) == 2


@given(seeds)
def test_pairs_are_those_of_their_choices(seed):
    triplets = draw_triplets(seed, N, T)
    found = error_consistency(X, triplets, measure="dot", ci=None)
    for pair in found.pairs:
        a, b = (right_of(X[name], triplets).astype(bool) for name in (pair.a, pair.b))
        plain = of_counts(len(a), int(a.sum()), int(b.sum()), int((a & b).sum()))
        assert (pair.kappa, pair.kappa_min, pair.kappa_max) == (plain.kappa, plain.kappa_min, plain.kappa_max)
        assert (pair.unbiased_kappa, pair.copy_probability) == (plain.unbiased_kappa, plain.copy_probability)
        assert (pair.observed, pair.accuracy_a) == (plain.observed, plain.accuracy_a)
        assert pair.copied == (pair.a if pair.accuracy_a >= pair.accuracy_b else pair.b)


def test_shared_errors_are_those_of_their_choices():
    found = error_consistency(X, TRIPLETS, measure="dot")
    for pair in found.pairs:
        a, b = (right_of(X[name], TRIPLETS).astype(bool) for name in (pair.a, pair.b))
        assert pair.both_wrong == pytest.approx((~a & ~b).mean(), rel=1e-12)
        assert pair.both_wrong_expected == pytest.approx((~a).mean() * (~b).mean(), rel=1e-12)
        assert pair.kappa == pytest.approx(cohen_kappa_score(a, b), rel=1e-9)
    assert found.to_dict()["pairs"][0]["both_wrong"] == found.pairs[0].both_wrong


def test_choices_serve_besides_embeddings_and_in_their_place():
    chosen = {name: pyalign.odd_one_out(x, TRIPLETS, measure="dot") for name, x in X.items()}
    whole_of = error_consistency(X, TRIPLETS, measure="dot")
    alone = error_consistency(None, TRIPLETS, model_choices=chosen)
    mixed = error_consistency(
        {"a": X["a"]}, TRIPLETS, model_choices={k: chosen[k] for k in ("b", "tied")}, measure="dot"
    )
    assert whole_of.pairs == alone.pairs == mixed.pairs
    assert (alone.measure, mixed.measure) == (None, "dot")


def test_a_choice_of_minus_two_leaves_its_triplet_out():
    chosen = {name: pyalign.odd_one_out(x, TRIPLETS, measure="dot") for name, x in X.items()}
    left = np.arange(T) % 5 == 0
    found = error_consistency(None, TRIPLETS, model_choices={**chosen, "a": np.where(left, -2, chosen["a"])}, ci=None)
    part = error_consistency(None, TRIPLETS[~left], model_choices={k: one[~left] for k, one in chosen.items()}, ci=None)
    assert (found.pairs, found.n_triplets, found.n_dropped) == (part.pairs, T - left.sum(), left.sum())
    assert f"a: {left.sum()} of {T} triplets were left out where the choices were made (-2)" in found.notes


def test_a_model_with_itself_has_kappa_one_and_one_that_is_always_right_has_none():
    x = X["a"]
    perfect = np.full(T, 2)
    found = error_consistency({"a": x, "again": x}, TRIPLETS, model_choices={"perfect": perfect}, measure="dot")
    same, *others = found.pairs
    assert (same.kappa, same.unbiased_kappa, same.ci.error, same.p_value) == (1.0, 1.0, 0.0, 0.0)
    assert 0.0 < same.ci.low < same.ci.high == 1.0  # for objects that one of them would have wrong
    assert [(one.kappa, one.ci, one.copied, one.p_value, one.p_adjusted) for one in others] == [(None,) * 5] * 2
    assert "perfect is always right: kappa with it is not defined" in found.notes
    assert np.isnan(found.matrix()[2]).all() and found.matrix()[0, 1] == 1.0
    assert found.matrix("observed")[2, 2] == 1.0


@pytest.mark.parametrize("plan", ["objects", "triplets", "subjects", "objects+subjects"])
@pytest.mark.parametrize("method", ["corrected", "bootstrap", "pigeonhole"])
def test_intervals_of_every_kind_hold_the_estimate(plan, method):
    if (method == "pigeonhole" and plan != "objects") or (method == "bootstrap" and "+" in plan):
        return
    people = np.random.default_rng(0).integers(0, 12, T)
    resampling = Resampling(plan, method, None if method == "corrected" else 100)
    found = error_consistency(X, TRIPLETS, measure="dot", ci=resampling, subjects=people)
    for pair in found.pairs:
        assert pair.ci.low <= pair.kappa <= pair.ci.high and pair.standard_error > 0
        assert pair.copy_probability.low <= pair.copy_probability <= pair.copy_probability.high
        if method == "corrected":
            assert np.tanh(np.arctanh(tuple(pair.ci)).sum() / 2) == pytest.approx(pair.kappa)
            assert sum(pair.copy_probability.ci) / 2 == pytest.approx(pair.copy_probability)
        assert 0 <= pair.p_value <= pair.p_adjusted <= 1
    assert (found.inference.over, found.inference.method) == (plan, method)


def test_bootstrap_and_closed_form_agree_on_the_error():
    closed = error_consistency(X, TRIPLETS, measure="dot", ci="triplets")
    drawn = error_consistency(X, TRIPLETS, measure="dot", ci=Resampling("triplets", "bootstrap", 1000))
    for one, other in zip(closed.pairs, drawn.pairs, strict=True):
        assert one.standard_error == pytest.approx(other.standard_error, rel=0.15)
        assert one.copy_probability.error == pytest.approx(other.copy_probability.error, rel=0.15)


def test_concepts_of_what_all_miss_are_counted_one_by_one():
    dimensions = np.abs(reals(7, N, 4))
    found = error_consistency(
        X, TRIPLETS, dimensions=dimensions, dimension_labels=list("wxyz"), measure="dot", min_triplets=40
    )
    missed = ~np.logical_or.reduce([right_of(x, TRIPLETS) for x in X.values()])
    of = (dimensions[TRIPLETS[:, 0]] + dimensions[TRIPLETS[:, 1]]).argmax(axis=1)
    assert found.n_missed == missed.sum()
    for k, row in enumerate(found.missed):
        members = of == k
        assert (row.concept, row.n_triplets, row.n_missed) == ("wxyz"[k], members.sum(), missed[members].sum())
        assert row.missed == pytest.approx(missed[members].mean())
        assert row.ratio == pytest.approx(missed[members].mean() / missed.mean())
        assert row.excess == pytest.approx(missed[members].mean() - missed.mean())
        assert row.ci.low < row.excess < row.ci.high
    assert sum(row.share for row in found.missed) == pytest.approx(1.0)
    assert sum(row.explained for row in found.missed) == pytest.approx(0.0, abs=1e-12)


def test_a_planted_concept_explains_the_misses():
    """All models know nothing of the objects of one category, and are right elsewhere."""
    rng = np.random.default_rng(1)
    category = np.repeat(["known", "odd"], N // 2)
    choices = {}
    strange = (category[TRIPLETS[:, :2]] == "odd").all(axis=1)
    for name in "ab":
        right = np.where(strange, rng.random(T) < 0.2, rng.random(T) < 0.8)
        choices[name] = np.where(right, 2, 0)
    found = error_consistency(None, TRIPLETS, model_choices=choices, categories=category)
    rows = {row.concept: row for row in found.missed}
    assert rows["odd"].ratio > 2 and rows["odd"].p_adjusted < 0.001 and rows["odd"].explained > 0.2
    assert rows["known"].excess < 0
    assert rows["odd"].ci.low > 0


def test_small_and_empty_concepts_have_no_interval():
    dimensions = np.zeros((N, 3))
    dimensions[:, 0], dimensions[TRIPLETS[0, 0], 1] = 1.0, 5.0
    found = error_consistency(X, TRIPLETS, dimensions=dimensions, measure="dot", min_triplets=T)
    assert [row.ci for row in found.missed] == [None] * 3
    empty = found.missed[2]
    assert (empty.n_triplets, empty.missed, empty.ratio, empty.excess, empty.explained) == (0, None, None, None, 0.0)


def test_rows_without_numbers_and_missing_choices_are_left_out_together():
    x = X["a"].copy()
    x[5] = np.nan
    answers = np.where(np.arange(T) < 50, np.nan, 2.0 * (np.arange(T) % 3 == 0))
    kept = ~(TRIPLETS == 5).any(axis=1) & (np.arange(T) >= 50)
    options = {"measure": "dot", "nan_policy": "omit"}
    found = error_consistency({"a": x, "b": X["b"]}, TRIPLETS, model_choices={"c": answers}, **options)
    again = error_consistency({"a": X["a"], "b": X["b"]}, TRIPLETS[kept], model_choices={"c": answers[kept]}, **options)
    assert (found.n_triplets, found.n_dropped) == (kept.sum(), T - kept.sum())
    assert found.pairs == again.pairs


def test_a_document_is_read_back_and_a_table_fits_80_columns(tmp_path):
    dimensions = np.abs(reals(7, N, 30))
    found = error_consistency(X, TRIPLETS, dimensions=dimensions, measure="dot")
    path = tmp_path / "found.json"
    path.write_text(found.to_json())
    assert pyalign.load_result(path) == found
    assert isinstance(found, ErrorConsistency)
    assert max(map(len, found.table(80).splitlines())) <= 80
    assert len(found.to_records()) == len(found.pairs) == 3


@pytest.mark.parametrize("change, told", [
    ({"models": {"a": X["a"]}}, "models must be at least two, with model_choices; got 1"),
    ({"model_choices": {"a": np.zeros(T)}}, "model_choices must not have the name of a model; got 'a'"),
    ({"model_choices": {"c": np.zeros(3)}},
     f"c: choices must have one entry per triplet, shape ({T},) or ({T}, 3); got (3,)"),
    ({"model_choices": {"c": np.full(T, np.nan)}, "nan_policy": "omit"},
     f"c: choices must answer the triplets; {T} have no answer, row 0 is the first"),
    ({"choice_base": 2}, "choice_base must be 0 or 1; got 2"),
])
def test_bad_input_is_one_line(change, told):
    with pytest.raises(InputError) as error:
        error_consistency(**{"models": X, "triplets": TRIPLETS, "measure": "dot", **change})
    assert str(error.value) == told


def test_an_unknown_matrix_is_refused():
    with pytest.raises(InputError, match="what must be one of kappa"):
        error_consistency(X, TRIPLETS, measure="dot", ci=None).matrix("accuracy")


@pytest.mark.parametrize("models", [9, 12])
def test_many_models_are_compared_as_few_are(models):
    """Tables of more than eight columns are multiplied by the kernel, which wants their rows one after another."""
    many = {f"model {k}": reals(k, N, 5) for k in range(models)}
    found = {(pair.a, pair.b): pair for pair in error_consistency(many, TRIPLETS, measure="dot").pairs}
    (two,) = error_consistency({name: many[name] for name in ("model 0", "model 1")}, TRIPLETS, measure="dot").pairs
    assert len(found) == models * (models - 1) // 2
    assert found["model 0", "model 1"].kappa == two.kappa and found["model 0", "model 1"].ci == two.ci
