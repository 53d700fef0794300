"""Matrices: similarities of models and layers, error consistency, concepts of many models."""

from __future__ import annotations

import numpy as np
import pytest

import pyalign
from pyalign._result import read_result
from pyalign.report.charts import chart, default_chart
from pyalign.report.charts.matrix import clustered, sampled
from pyalign.report.charts.theme import rows_of
from pyalign.report.plot import figures

from .test_model_charts import spoken

pytest.importorskip("altair", reason="altair is not installed")
pytest.importorskip("scipy", reason="scipy is not installed")


@pytest.fixture(scope="module")
def pictures(human):
    rng = np.random.default_rng(4)
    return {name: human + rng.normal(size=human.shape) * k for k, name in enumerate(("a", "b", "c", "<d>"))}


@pytest.fixture(scope="module")
def alike(pictures):
    return pyalign.cka(pictures, measure=["debiased-cka", "mutual-knn"], n_permutations=20)


def order(drawn, axis="y"):
    return drawn.to_dict()["layer"][0]["encoding"][axis]["sort"]


def cells(drawn, *names):
    return {(row["row"], row["column"]): tuple(row[name] for name in names) for row in rows_of(drawn)}


def test_a_matrix_of_models_shows_the_numbers_of_the_document(alike):
    for one in alike.to_dict()["results"]:
        m, names = range(4), one["models"]
        beside = ("matrix", "calibrated", "p_value")
        expected = {(names[i], names[j]): tuple(one[key][i][j] for key in beside) for i in m for j in m}
        drawn = chart(alike, by=one["measure"])
        assert cells(drawn, "value", "calibrated", "p_value") == expected
        assert sorted(order(drawn)) == sorted(names) and order(drawn) == order(drawn, "x")
        assert f"{alike.n_objects} objects that all models have" in spoken(drawn) and "20 permutations" in spoken(drawn)


def test_each_cell_is_read_out_with_its_numbers(alike):
    from pyalign.report.charts.save import rendered

    pytest.importorskip("vl_convert", reason="vl-convert is not installed")
    svg = rendered(chart(alike), ".svg").decode()
    one = alike.to_dict()["results"][0]
    i, j = one["models"].index("a"), one["models"].index("b")
    assert f"a, b: {one['measure']} {one['matrix'][i][j]:.3f}, calibrated {one['calibrated'][i][j]:.3f}" in svg
    assert "&lt;d&gt;" in svg and "<d>" not in svg


def test_models_that_are_alike_stand_next_to_each_other():
    blocks = np.full((6, 6), 0.1)
    for group in ([0, 3, 5], [1, 2, 4]):
        blocks[np.ix_(group, group)] = 0.9
    np.fill_diagonal(blocks, 1.0)
    found = clustered(blocks)
    assert {frozenset(found[:3]), frozenset(found[3:])} == {frozenset({0, 3, 5}), frozenset({1, 2, 4})}
    assert sorted(found) == list(range(6))


def test_the_order_is_that_of_least_steps_among_those_that_the_tree_allows():
    """Points on a line: the tree's leaves in the optimal order are the line, from either end."""
    at = np.array([0.0, 1.0, 3.0, 6.0, 10.0, 15.0])
    for seed in range(6):
        shuffled = np.random.default_rng(seed).permutation(6)
        similarity = -np.abs(at[shuffled][:, None] - at[shuffled])
        line = [int(np.flatnonzero(shuffled == k)[0]) for k in range(6)]
        assert clustered(similarity) == (line if line.index(0) < 3 else line[::-1])


def test_a_matrix_with_nothing_known_has_an_order():
    assert sorted(clustered(np.full((4, 4), np.nan))) == [0, 1, 2, 3]
    assert clustered(np.eye(2)) == [0, 1] and clustered(np.eye(1)) == [0]


def test_other_orders(alike):
    assert order(chart(alike, sort="document")) == ["a", "b", "c", "<d>"]
    assert order(chart(alike, sort="name")) == ["<d>", "a", "b", "c"]
    assert "Order: by name." in spoken(chart(alike, sort="name"))


def test_of_many_models_some_are_shown_evenly_spread_over_the_order(alike):
    found = chart(alike, limit=2)
    assert order(found) == [order(chart(alike))[k] for k in (0, 3)] and len(cells(found)) == 4
    assert "2 of 4 models, evenly spread over it." in spoken(found)
    assert sampled(list(range(100)), 5) == [0, 25, 50, 74, 99]


def test_layers_stay_in_their_order(pictures):
    layers = {name: pictures[name] for name in ("c", "a")}
    found = pyalign.layer_similarity(layers, {"b": pictures["b"], "<d>": pictures["<d>"]}, n_permutations=20)
    drawn = chart(found)
    assert order(drawn) == ["c", "a"] and order(drawn, "x") == ["b", "<d>"]
    expected = {
        (row, column): (found.matrix[i][j],)
        for i, row in enumerate(found.first) for j, column in enumerate(found.second)
    }
    assert cells(drawn, "value") == expected
    assert f"calibrated {found.calibrated:.3f}" in spoken(drawn)


def test_kappa_with_its_interval_and_what_the_accuracies_allow(pictures, triplets):
    found = pyalign.error_consistency(pictures, triplets, ci="objects")
    expected = {}
    for pair in found.to_dict()["pairs"]:
        figures = (pair["kappa"], *pair["ci"], pair["kappa_min"], pair["kappa_max"])
        expected[pair["a"], pair["b"]] = expected[pair["b"], pair["a"]] = figures
    drawn = chart(found)
    assert cells(drawn, "value", "low", "high", "kappa_min", "kappa_max") == expected
    assert f"2,000 triplets, of which all models miss {found.n_missed:,}" in spoken(drawn)
    assert "over objects" in spoken(drawn)


def test_concepts_of_many_models_are_a_map(two_models):
    document = {**two_models.to_dict(), "differences": []}
    first = document["results"]
    document |= {"results": [{**first[k % 2], "embeddings": f"m{k}"} for k in range(12)], "differences": []}
    assert default_chart(read_result(document, "many")) == "concepts-map" and default_chart(two_models) == "concepts"
    drawn = chart(document)
    expected = {
        (row["concept"], one["embeddings"]): (row["accuracy"], *(row["ci"] or (None, None)))
        for one in document["results"] for row in one["concepts"] if row["accuracy"] is not None
    }
    assert cells(drawn, "value", "low", "high") == expected
    assert list(figures(document)) == ["concepts"]
    best = max(first, key=lambda one: one["accuracy"])
    assert order(drawn, "x")[:6] == [f"m{k}" for k in range(12) if first[k % 2] is best]
    assert "12 of 12 models, the best to the left" in spoken(drawn)
    assert drawn.to_dict()["height"] <= 11.5 * len({concept for concept, _ in expected})  # lines of text, no squares


def test_a_hundred_models_and_sixty_six_concepts_take_little_room(two_models):
    document = {**two_models.to_dict(), "differences": []}
    row = document["results"][0]["concepts"][0]
    document["results"] = [
        {**document["results"][0], "embeddings": f"m{k}", "concepts": [
            {**row, "concept": f"concept {c}", "accuracy": (k * 66 + c) / 6600} for c in range(66)]}
        for k in range(100)
    ]
    drawn = chart(document)
    assert len(cells(drawn)) == 6600 and len(str(drawn.to_dict())) < 250_000
    assert cells(drawn, "value")["concept 3", "m7"] == ((7 * 66 + 3) / 6600,)


def test_what_a_matrix_cannot_be_made_of_is_one_line(alike, message_of):
    assert f"by must be one of {alike[0].measure}" in message_of(chart, alike, by="rsa")
    document = alike.to_dict()
    document["results"][0]["matrix"] = [[1.0]]
    assert "'matrix' must hold 4 values, one for each of 'models'; got 1" in message_of(chart, document)
    assert "shows one result; got 2" in message_of(chart, [alike, alike])


def test_equal_choices_are_a_matrix_next_to_kappa(pictures, triplets, message_of):
    from dataclasses import replace

    from pyalign.report.page.sections.comparisons import consistency
    from pyalign.report.page.sources import Loaded, Sources

    found = pyalign.error_consistency(pictures, triplets, ci=None)
    odd = {name: pyalign.odd_one_out(x, triplets) for name, x in pictures.items()}
    for pair in found.pairs:
        assert pair.same_choice == (odd[pair.a] == odd[pair.b]).mean()
    drawn = chart(found, by="same-choice")
    place = {pair: one for one in found.pairs for pair in ((one.a, one.b), (one.b, one.a))}
    shown = cells(drawn, "value", "kappa")
    assert len(shown) == 12
    assert all(shown[pair] == (one.same_choice, one.kappa) for pair, one in place.items())
    assert order(drawn) != [] and "right or wrong" in spoken(drawn)
    section = consistency(Sources((Loaded("c.json", found),)))
    assert [part.name for part in section.parts[:3]] == ["consistency-figure", "choices-figure", "consistency-table"]
    assert "same choice" in [column.header for column in section.parts[2].columns]
    before = replace(found, pairs=tuple(replace(pair, same_choice=None) for pair in found.pairs))
    assert "computed again" in message_of(chart, before, by="same-choice")
    assert "by must be one of kappa, same-choice" in message_of(chart, found, by="share")


def test_recorded_choices_are_equal_where_they_name_the_same_item(human, triplets):
    odd = pyalign.odd_one_out(human, triplets)
    other = np.where(np.arange(len(odd)) % 4 == 0, (odd + 1) % 3, odd)
    found = pyalign.error_consistency({"x": human}, triplets, model_choices={"recorded": other}, ci=None)
    assert found.pairs[0].same_choice == (odd == other).mean()


@pytest.mark.parametrize("ci", ["objects", pyalign.Resampling("objects", method="bootstrap", n_resamples=200)])
def test_equal_choices_have_the_interval_of_an_accuracy_over_the_same_triplets(pictures, triplets, ci):
    a, b = list(pictures)[:2]
    odd = [pyalign.odd_one_out(pictures[name], triplets) for name in (a, b)]
    (pair,) = pyalign.error_consistency({name: pictures[name] for name in (a, b)}, triplets, ci=ci).pairs
    # The accuracy of `a` on triplets whose odd item is the one that `b` calls odd is the share of equal choices.
    by_b = np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd[1]], axis=1)
    score = pyalign.score(pictures[a], by_b, ci=ci)
    assert score.accuracy == pair.same_choice == (odd[0] == odd[1]).mean()
    assert tuple(pair.same_choice.ci) == pytest.approx(tuple(score.ci), abs=1e-9 if ci == "objects" else 0.01)
    drawn = chart(pyalign.error_consistency(pictures, triplets), by="same-choice")
    assert all(low < value < high for value, low, high in cells(drawn, "value", "low", "high").values())
    assert "95% intervals over objects" in spoken(drawn)
