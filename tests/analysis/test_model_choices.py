"""Models known by their choices only: the figures of each analysis are those of the embeddings that chose so."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, read_back, reals, strict_json

import pyalign
from pyalign import (
    Embeddings, Resampling, Triplets, agreement, calibrate, compare, find_failures, score, score_concepts,
)
from pyalign.errors import InputError

N, T = 40, 900
ROWS = {"a": reals(1, N, 6), "b": reals(1, N, 6) + reals(2, N, 6)}
TRIPLETS = draw_triplets(3, N, T, np.int32)
PEOPLE = np.random.default_rng(4).integers(0, 12, T)
CATEGORIES = np.array(["food", "tools", "plants"])[np.arange(N) % 3]
PLACES = np.array([[0, 2, 1], [1, 2, 0], [0, 1, 2]], np.int8)
ASKED = Triplets(TRIPLETS, positions=PLACES[np.random.default_rng(5).integers(0, 3, T)])  # odd one anywhere in the file
NATS = ("cross_entropy", "cross_entropy_ci", "cross_entropy_difference", "cross_entropy_components")


def kept(name, triplets=ASKED, rows=ROWS):
    """Choices and probabilities of each model, by the positions in the file."""
    return {model: getattr(score(x, triplets, keep=name), name) for model, x in rows.items()}


POSITIONS, PROBABILITIES = kept("choices"), kept("probabilities")


def without(row, *names):
    """The fields of a part of a result, but for these."""
    return {name: value for name, value in vars(row).items() if name not in names}


def close(found, expected):
    """Figures of probabilities, which a file holds in single precision; None or intervals too."""
    if expected is None or found is None:
        assert found is expected
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)
    else:
        assert tuple(found) == pytest.approx(tuple(expected), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize(
    "ci", ["objects", "objects+subjects", "triplets", None, Resampling("objects", "bootstrap", 50)]
)
def test_a_comparison_of_choices_is_that_of_their_embeddings(ci):
    people = PEOPLE if ci == "objects+subjects" else None
    expected = compare(ROWS, ASKED, ci=ci, subjects=people)
    found = compare(None, ASKED, model_choices=POSITIONS, ci=ci, subjects=people)
    for one, other in zip(found.models, expected.models, strict=True):
        assert without(one, "measure", "model_choices", *NATS) == without(other, "measure", "model_choices", *NATS)
        assert (one.measure, one.model_choices, one.cross_entropy, one.cross_entropy_ci) == (
            None, "positions", None, None,
        )
    assert without(found.pairs[0], *NATS) == without(expected.pairs[0], *NATS)
    assert found.pairs[0].cross_entropy_difference is None and found.pairs[0].cross_entropy_ci is None
    assert (found.covariance, found.cross_entropy_covariance) == (expected.covariance, None)
    assert (found.measure, found.temperature, found.n_objects) == (None, None, expected.n_objects)
    assert "choices without probabilities have no cross-entropy: a, b" in found.notes


def test_probabilities_have_cross_entropies_and_their_differences():
    expected, found = compare(ROWS, ASKED), compare(None, ASKED, model_choices=PROBABILITIES)
    for name in ("cross_entropy", "cross_entropy_ci"):
        for one, other in zip(found.models, expected.models, strict=True):
            close(getattr(one, name), getattr(other, name))
    for name in ("cross_entropy_difference", "cross_entropy_ci"):
        close(getattr(found.pairs[0], name), getattr(expected.pairs[0], name))
    assert found.pairs[0].p_value == expected.pairs[0].p_value


def test_an_embedding_and_choices_are_compared_on_the_triplets_that_both_answer():
    x = ROWS["a"].copy()
    x[3] = np.nan
    choices = POSITIONS["b"].astype(float)
    choices[:50] = np.nan
    there = ~(TRIPLETS == 3).any(axis=1) & (np.arange(T) >= 50)
    found = compare({"a": x}, ASKED, model_choices={"b": choices}, nan_policy="omit", subjects=PEOPLE)
    again = compare(ROWS, ASKED[there], subjects=PEOPLE[there])
    assert (found.n_triplets, found.n_dropped) == (there.sum(), T - there.sum())
    assert without(found.pairs[0], *NATS) == without(again.pairs[0], *NATS)
    assert found.models[0].cross_entropy == again.models[0].cross_entropy
    assert (found.measure, found.temperature, found.n_subjects) == ("cosine", 1.0, again.n_subjects)


def test_choices_of_items_without_a_row_are_left_out_with_them():
    names = [f"item{k:02d}" for k in range(N)]
    asked = Triplets(TRIPLETS, names=tuple(names))
    x = Embeddings(ROWS["a"][:30], names[:30])
    there = (TRIPLETS < 30).all(axis=1)
    choices = {"b": kept("choices", TRIPLETS)["b"]}
    found = compare({"a": x}, asked, model_choices=choices, missing="omit", ci=None)
    again = compare(ROWS, TRIPLETS[there], ci=None)
    assert (found.n_triplets, found.coverage.n_triplets) == (there.sum(), there.sum())
    assert [one.accuracy for one in found.models] == [one.accuracy for one in again.models]


def test_the_best_of_choices_is_chosen_on_other_objects():
    best = compare(None, ASKED, model_choices=POSITIONS, choose_best=True).best
    assert best == compare(ROWS, ASKED, choose_best=True).best


@pytest.mark.parametrize("ci", ["objects", None, Resampling("objects", "bootstrap", 50)])
def test_concepts_of_choices_are_those_of_their_embeddings(ci):
    dimensions = np.abs(reals(7, N, 4))
    options = {"categories": CATEGORIES, "dimensions": dimensions, "ci": ci, "min_triplets": 10}
    expected, found = (
        score_concepts(ROWS, ASKED, **options), score_concepts(None, ASKED, model_choices=POSITIONS, **options))
    assert (found.measure, found.temperature) == (None, None)
    for one, other in zip(found.results, expected.results, strict=True):
        assert without(one, "concepts", "unassigned", *NATS) == without(other, "concepts", "unassigned", *NATS)
        assert one.cross_entropy is None
        for row, same in zip(one.concepts, other.concepts, strict=True):
            assert without(row, *NATS) == without(same, *NATS)
            assert row.cross_entropy is None
    for row, same in zip(found.differences, expected.differences, strict=True):
        assert without(row, *NATS) == without(same, *NATS)
    mixed = score_concepts({"a": ROWS["a"]}, ASKED, model_choices={"b": PROBABILITIES["b"]}, **options)
    for row, same in zip(mixed.differences, expected.differences, strict=True):
        assert without(row, *NATS) == without(same, *NATS)
        close(row.cross_entropy_difference, same.cross_entropy_difference)


def test_failures_of_choices_are_those_of_their_embeddings():
    expected = find_failures(ROWS, ASKED, families=["one", "two"])
    found = find_failures(None, ASKED, model_choices=POSITIONS, families=["one", "two"])
    assert (found.models, found.n_wrong, found.measure, found.temperature) == (("a", "b"), expected.n_wrong, None, None)
    for group, same in zip(found.groups, expected.groups, strict=True):
        order, others = np.argsort(group.rows), np.argsort(same.rows)
        assert group.n == same.n
        for name in ("rows", "items", "choices", "n_answers"):
            np.testing.assert_array_equal(getattr(group, name)[order], getattr(same, name)[others])
        assert np.isnan(group.margins).all() and np.isnan(group.probabilities).all()
    assert "choices without probabilities have no margin: a, b" in found.notes
    record = found.to_dict()["groups"][0]["triplets"][0]
    assert (record["margins"], record["probabilities"]["a"]) == ({"a": None, "b": None}, [None] * 3)


def test_failures_have_the_probabilities_that_were_given_and_margins_of_them():
    expected, found = find_failures(ROWS, ASKED), find_failures(None, ASKED, model_choices=PROBABILITIES)
    group, same = found.groups[0], expected.groups[0]
    order, others = np.argsort(group.rows), np.argsort(same.rows)
    np.testing.assert_array_equal(group.rows[order], same.rows[others])
    np.testing.assert_allclose(group.probabilities[order], same.probabilities[others], atol=1e-6)
    p = group.probabilities
    np.testing.assert_allclose(group.margins, p[:, :, 2] - p[:, :, :2].max(axis=2), atol=1e-6)
    assert (np.diff((group.margins / group.margins.std(axis=0)).min(axis=1)) >= 0).any()


def test_without_margins_the_others_decide_the_order():
    expected = find_failures({"a": ROWS["a"]}, ASKED, min_models=1)
    found = find_failures({"a": ROWS["a"]}, ASKED, model_choices={"b": POSITIONS["a"]})
    np.testing.assert_array_equal(found.groups[0].rows, expected.groups[0].rows)
    np.testing.assert_array_equal(found.groups[0].margins[:, 0], expected.groups[0].margins[:, 0])
    assert found.dtype == expected.dtype


def test_failures_of_counts_ask_for_the_item_of_the_majority():
    counts = np.random.default_rng(6).integers(0, 4, (T, 3)) + np.eye(3, dtype=int)[np.arange(T) % 3]
    counted = ASKED.with_answers(counts)
    expected, found = find_failures(ROWS, counted), find_failures(None, counted, model_choices=POSITIONS)
    assert (found.n_wrong, found.n_undecided) == (expected.n_wrong, expected.n_undecided)
    assert found.n_undecided > 0
    assert sorted(found.groups[0].rows) == sorted(expected.groups[0].rows)


@pytest.mark.parametrize("counted", [True, False])
def test_agreement_of_choices_is_that_of_their_embeddings(counted):
    asked = plain = Triplets(np.concatenate([TRIPLETS, TRIPLETS[:, [2, 0, 1]], TRIPLETS[:100]]))
    if counted:
        asked = plain.with_answers(np.random.default_rng(8).integers(1, 6, (len(asked), 3)))
    expected = agreement(ROWS, asked)
    hard = agreement(None, asked, model_choices=kept("choices", plain))
    soft = agreement(None, asked, model_choices=kept("probabilities", plain))
    for one, other, same in zip(hard, soft, expected, strict=True):
        for name in ("n_distinct", "n_answers", "human_entropy", "majority_share"):
            assert getattr(one, name) == getattr(other, name) == getattr(same, name)
        for name in ("accuracy", "majority_accuracy"):
            assert getattr(one, name) == pytest.approx(getattr(same, name), abs=1e-12)
        for name in ("share_pearson", "entropy_pearson", "model_entropy", "kl", "js_distance"):
            assert getattr(one, name) is None or np.isnan(getattr(one, name))
            close(getattr(other, name), getattr(same, name))
        for low, part in zip(one.bins, same.bins, strict=True):
            assert (low.accuracy, low.majority_accuracy) == pytest.approx((part.accuracy, part.majority_accuracy))
            assert low.majority_probability is None
        assert (one.measure, one.temperature, one.model_choices) == (None, None, "positions")
    assert "choices without probabilities have no correlations, entropies or divergences: a" in hard.notes


def test_agreement_takes_the_mean_of_the_choices_of_one_triplet():
    asked, choices = [[0, 1, 2], [0, 1, 2], [1, 0, 2]], {"gpt": [2, 2, 1]}  # twice 2, then the item 0
    (found,) = agreement(None, asked, model_choices=choices)
    assert (found.n_distinct, found.accuracy) == (1, pytest.approx(2 / 3))
    (found,) = agreement(None, asked, model_choices={"gpt": [2, np.nan, 1]}, nan_policy="omit")
    assert found.accuracy == pytest.approx(1 / 2)


def test_a_probability_of_0_of_somebodys_answer_leaves_no_finite_divergence():
    p = [[0.5, 0.5, 0.0]] * 2 + [[0.2, 0.2, 0.6]]
    (found,) = agreement(None, [[0, 1, 2], [0, 1, 2], [3, 4, 5]], model_choices={"gpt": p}, min_answers=1)
    assert found.kl is None and found.js_distance > 0
    assert "gpt: the probability of somebody's answer is 0: there is no finite KL" in found.notes


@pytest.mark.parametrize("split", ["objects", "triplets", None])
def test_a_temperature_of_probabilities_is_that_of_the_similarities_over_their_own(split):
    people = np.take_along_axis(TRIPLETS, PLACES[score(ROWS["a"], TRIPLETS, keep="choices").choices], axis=1)
    people[::3] = TRIPLETS[::3]
    given = {"a": score(ROWS["a"], people, measure="dot", temperature=2.0, keep="probabilities").probabilities}
    expected = calibrate(ROWS["a"], people, measure="dot", split=split, subjects=PEOPLE)
    (found,) = calibrate(None, people, model_choices=given, split=split, subjects=PEOPLE)
    assert found.temperature * 2.0 == pytest.approx(expected.temperature, rel=1e-4)
    assert found.temperature.ci.by == expected.temperature.ci.by
    assert (found.fit.n_triplets, found.test.n_triplets) == (expected.fit.n_triplets, expected.test.n_triplets)
    close(found.test.cross_entropy, expected.test.cross_entropy)
    assert found.test.accuracy == expected.test.accuracy
    assert (found.measure, found.model_choices, found.embeddings) == (None, "probabilities", "a")


def test_calibration_leaves_out_what_has_no_answer():
    people = np.take_along_axis(TRIPLETS, PLACES[score(ROWS["a"], TRIPLETS, keep="choices").choices], axis=1)
    people[::3] = TRIPLETS[::3]
    p = np.array(kept("probabilities", people)["a"])
    p[:100] = np.nan
    (found,) = calibrate(None, people, model_choices={"a": p}, split=None, nan_policy="omit")
    (again,) = calibrate(None, people[100:], model_choices={"a": p[100:]}, split=None)
    assert (found.n_dropped, found.temperature) == (100, again.temperature)


def test_what_has_no_temperature_is_refused(message_of):
    told = message_of(calibrate, None, TRIPLETS, model_choices={"gpt": POSITIONS["a"]})
    assert told == (
        "gpt: choices must be probabilities for a temperature, which divides their logarithms; got positions, of which "
        "it changes nothing"
    )
    p = np.array(PROBABILITIES["a"])
    p[7] = [0.0, 0.5, 0.5]
    told = message_of(calibrate, None, TRIPLETS, model_choices={"gpt": p})
    assert told == (
        "gpt: choices must be probabilities above 0 for a temperature, which divides their logarithms; row 7 holds 0"
    )


@pytest.mark.parametrize("order", ["first", "last"])
def test_options_of_an_anchor(order):
    places = np.array([0, 1, 2] if order == "first" else [2, 0, 1], np.int8)
    asked = Triplets(TRIPLETS, positions=places, task="anchored")
    choices = kept("choices", asked)
    expected, found = compare(ROWS, asked), compare(None, asked, model_choices=choices)
    assert without(found.pairs[0], *NATS) == without(expected.pairs[0], *NATS)
    expected, found = find_failures(ROWS, asked), find_failures(None, asked, model_choices=kept("probabilities", asked))
    order, others = np.argsort(found.groups[0].rows), np.argsort(expected.groups[0].rows)
    for name in ("rows", "choices"):
        one, same = getattr(found.groups[0], name)[order], getattr(expected.groups[0], name)[others]
        np.testing.assert_array_equal(one, same)
    np.testing.assert_allclose(
        found.groups[0].probabilities[order], expected.groups[0].probabilities[others], atol=1e-6
    )
    (one,) = calibrate(None, asked, model_choices={"a": kept("probabilities", asked)["a"]}, split=None)
    assert one.fit.accuracy == pytest.approx(score(ROWS["a"], asked).accuracy)


def test_a_tie_in_a_file_of_positions_is_one_of_all_alternatives():
    """An embedding that ties two pairs has 1/2 or nothing; -1 in the file says neither which nor how many: 1/3."""
    x = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [2.0, 2.0]])
    triplets = [[0, 4, 2], [0, 2, 4], [0, 1, 2], [0, 2, 1]]  # dot products: 2 and 2 of 3 pairs; 0, 2, 2; right; wrong
    own = score(x, triplets, measure="dot", keep="choices")
    assert own.choices.tolist() == [-1, -1, 2, 1]
    for ties, of_rows, of_file in (("wrong", 1.0, 1.0), ("fractional", 1.5, 1.0 + 2 / 3)):
        found = compare({"x": x}, triplets, model_choices={"file": own.choices}, measure="dot", ties=ties, ci=None)
        assert [4 * one.accuracy for one in found.models] == pytest.approx([of_rows, of_file])
        assert [one.n_ties for one in found.models] == [2, 2]


def test_positions_count_as_their_range_says(message_of):
    triplets = [[0, 1, 2], [2, 3, 0], [0, 2, 3]]
    for choices, right, noted in ([[0, 1, 2], 1, False], [[1, 2, 3], 1, True], [[1, 2, 2], 2, False]):
        found = pyalign.score_choices(choices, triplets)
        assert found.accuracy == pytest.approx(right / 3)
        assert ("choices are taken to count from 1: 3 is among them and 0 is not" in found.notes) == noted
    two = compare(None, triplets, model_choices={"from 0": [0, 1, 2], "from 1": [1, 2, 3]}, ci=None)
    assert two.pairs[0].difference == 0 and two.models[0].accuracy == pytest.approx(1 / 3)
    assert message_of(pyalign.score_choices, [0, 1, 3], triplets) == (
        "choices must be 0, 1 or 2, or -1 for none of them; row 2 is 3"
    )
    assert pyalign.score_choices([1, 2, 2], triplets, choice_base=1).accuracy == 0.0


@pytest.mark.parametrize("function", [compare, find_failures, score_concepts, agreement, calibrate])
def test_what_fits_no_model_is_refused_by_each(function, message_of):
    options = {"categories": CATEGORIES} if function is score_concepts else {}
    choices = {"a": POSITIONS["a"], "b": POSITIONS["b"]}

    def told(x=None, triplets=TRIPLETS, **more):
        return message_of(function, x, triplets, **{"model_choices": choices, **options, **more})

    assert told(ROWS) == "model_choices must not have the name of a model; got 'a'"
    assert told(choice_base=2) == "choice_base must be 0 or 1; got 2"
    assert told(unreadable="keep") == "unreadable must be one of raise, omit; got 'keep'"
    assert told(ties="human_alignment").startswith("ties of choices must be one of fractional, wrong")
    assert told(model_choices={"c": [0, 1], "d": [0, 1]}).startswith("c: choices must have one entry per triplet")
    assert told(model_choices=[0]) == "model_choices must map names to choices, as a dict does; got list"
    with pytest.raises(InputError):
        function(None, TRIPLETS, **options)


def test_documents_and_tables_of_choices_are_whole(tmp_path):
    counts = Triplets(TRIPLETS).with_answers(np.random.default_rng(8).integers(1, 6, (T, 3)))
    p = {"a": kept("probabilities", TRIPLETS)["a"]}
    found = [
        compare(None, ASKED, model_choices=POSITIONS), compare({"x": ROWS["a"]}, ASKED, model_choices=POSITIONS),
        score_concepts(None, ASKED, model_choices=POSITIONS, categories=CATEGORIES),
        find_failures({"x": ROWS["a"]}, ASKED, model_choices=POSITIONS, limit=3),
        agreement({"x": ROWS["a"]}, counts, model_choices=kept("choices", TRIPLETS)),
        calibrate(None, counts, model_choices=p, split=None),
    ]
    for result in found:
        assert max(map(len, result.table(80).splitlines())) <= 80
        assert "None" not in str(result) and "nan" not in str(result).lower()
        assert result.to_csv() and result.to_latex()
        strict_json(result.to_json())
        assert read_back(result, tmp_path).to_json() == result.to_json()
