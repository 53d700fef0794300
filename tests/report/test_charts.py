"""What pictures show is what documents hold: the data are read back out of the specifications."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import pyalign
from pyalign.errors import InputError
from pyalign.report.charts import CHARTS, chart, default_chart
from pyalign.report.charts.gallery import top_cards
from pyalign.report.charts.ranked import MOST_MODELS
from pyalign.report.charts.theme import STYLES, WIDTHS, alt, chart_of, finished, style_of, wrapped

from .conftest import LABELS, NAMES, N, neighbors

pytest.importorskip("altair", reason="altair is not installed")


def points(rows):
    """(item, model) -> value, low, high, n."""
    return {(row["item"], row["model"]): (row["value"], row["low"], row["high"], row["n"]) for row in rows}


def expected(result, name, value, n=None):
    """The same of a document."""
    found = {}
    for one in result["results"]:
        for row in one["concepts" if "concepts" in one else "dimensions"]:
            low, high = row["ci"] or (None, None)
            found[row[name], one["embeddings"]] = (row[value], low, high, row.get(n))
    return found


def texts(chart):
    """The title and what stands below it."""
    title = chart.to_dict()["title"]
    return " ".join([*title["text"], *title["subtitle"]])


# Concepts


def test_concepts_show_the_numbers_of_the_document(one_model, rows_of):
    found = points(rows_of(chart(one_model), "item", "low"))
    assert found == expected(one_model.to_dict(), "concept", "accuracy", "n_triplets")


def test_two_models_show_both_and_their_differences(two_models, rows_of):
    document = two_models.to_dict()
    found = points(rows_of(chart(two_models), "item", "low"))
    differences = {key: value for key, value in found.items() if key[1] == "clip - vgg"}
    assert {key: found[key] for key in found.keys() - differences.keys()} == expected(
        document, "concept", "accuracy", "n_triplets"
    )
    assert differences == {
        (row["concept"], "clip - vgg"): (row["difference"], *(row["ci"] or (None, None)), row["n_triplets"])
        for row in document["differences"]
    }


def test_before_and_after_a_transform_are_two_models(models, triplets, human, rows_of):
    turn = pyalign.Transform(np.diag([1.0, 2.0, 1.0, 1.0]), None, 0.0, 1.0)
    found = pyalign.score_concepts({"clip": models["clip"]}, triplets, human, dimension_labels=LABELS, transform=turn)
    shown = points(rows_of(chart(found), "item", "low"))
    assert {model for _, model in shown} == {"clip", "clip (transformed)", "clip (transformed) - clip"}


def test_a_result_its_document_and_its_file_give_the_same_picture(one_model, tmp_path):
    path = tmp_path / "concepts.json"
    path.write_text(one_model.to_json())
    of_result = chart(one_model).to_dict()
    assert chart(json.loads(one_model.to_json())).to_dict() == of_result
    assert chart(path).to_dict() == chart(str(path)).to_dict() == of_result


@pytest.mark.parametrize("sort", ["value", "name", "document", "difference"])
def test_rows_are_sorted_as_asked(two_models, sort):
    drawn = chart(two_models, sort=sort).to_dict()
    order = drawn["hconcat"][0]["layer"][-1]["encoding"]["y"]["sort"]
    first = two_models.to_dict()["results"][0]["concepts"]
    by = {row["concept"]: row["accuracy"] for row in first}
    if sort == "difference":
        by = {row["concept"]: row["difference"] for row in two_models.to_dict()["differences"]}
    if sort in ("value", "difference"):
        known = [item for item in order if by[item] is not None]
        assert [by[item] for item in known] == sorted((v for v in by.values() if v is not None), reverse=True)
        assert order[: len(known)] == known  # those without a value come last
    else:
        assert order == (sorted(by) if sort == "name" else list(by))


def test_a_concept_of_few_triplets_is_hollow_and_the_picture_says_so(one_model, rows_of):
    few = [row for row in rows_of(chart(one_model), "item", "low") if row["low"] is None]
    assert [row["item"] for row in few] == [LABELS[3]] and 0 < few[0]["n"] < 30 and few[0]["value"] is not None
    assert "fewer than 30 triplets, so no interval (1 concept)" in texts(chart(one_model))
    marks = [layer["mark"] for layer in chart(one_model).to_dict()["layer"] if layer["mark"]["type"] == "point"]
    assert [mark["filled"] for mark in marks] == [True, False]


def test_chance_and_the_whole_are_lines(one_model, rows_of):
    lines = {row["name"]: row["value"] for row in rows_of(chart(one_model), "name", "value")}
    whole = one_model.results[0].accuracy
    assert lines == {"chance 33.3%": pytest.approx(1 / 3), f"all: {100 * whole:.1f}%": whole}


def test_the_title_says_what_the_figures_are_over(one_model):
    spoken = texts(chart(one_model))
    assert "2,000 triplets under concepts; all 4 concepts" in spoken
    assert "95% intervals over objects" in spoken
    assert spoken.replace(": clip", ": clip.", 1) == chart(one_model).to_dict()["description"]


def test_each_way_of_grouping_is_a_picture_of_its_own(models, triplets, human, rows_of, message_of):
    labels = np.array(["animal", "tool"])[np.arange(N) % 2]
    found = pyalign.score_concepts(models["clip"], triplets, human, categories=labels)
    assert {row["item"] for row in rows_of(chart(found), "item", "low")} == {"1", "2", "3", "4"}
    assert {row["item"] for row in rows_of(chart(found, by="categories"), "item", "low")} == {"animal", "tool"}
    none = found.results[1].unassigned.n_triplets
    spoken = texts(chart(found, by="categories"))
    assert none and f"2,000 triplets, {none:,} of them of no concept; all 2 concepts" in spoken
    assert "by must be one of dimensions, categories" in message_of(chart, found, by="levels")


def test_two_concepts_of_one_label_are_two_rows(one_model, rows_of):
    document = one_model.to_dict()
    document["results"][0]["concepts"][1]["concept"] = "food"
    assert {row["item"] for row in rows_of(chart(document), "item", "low")} == {"food", "food (2)", *LABELS[2:]}


def test_limit_keeps_the_first_rows(one_model, rows_of):
    shown = rows_of(chart(one_model, limit=2), "item", "low")
    best = sorted(one_model.results[0].concepts, key=lambda row: -row.accuracy)[:2]
    assert {row["item"] for row in shown} == {row.concept for row in best}
    assert "2 of 4 concepts" in texts(chart(one_model, limit=2))


# Dimensions


def test_dimensions_show_the_numbers_of_the_document(predicted, rows_of):
    document = predicted.to_dict()
    found = points(rows_of(chart(predicted), "item", "low"))
    assert found == expected(document, "dimension", "r2")
    lines = [row["value"] for row in rows_of(chart(predicted), "name", "value")]
    assert lines == [0.0, *(one["mean_r2"] for one in document["results"])]
    assert f"{N} objects, each predicted by a map that has not seen it; all 3 dimensions" in texts(chart(predicted))


# Galleries


def test_a_gallery_shows_queries_and_neighbors_with_their_similarity(rows_of):
    found = neighbors()
    tiles = rows_of(chart(found), "uri", "below")
    shown = [(row["name"], row["below"]) for row in tiles if row["frame"] != "query"]
    assert shown == [(row["neighbor"], f"{row['similarity']:.3f}") for row in found.records()]
    assert [row["name"] for row in tiles if row["frame"] == "query"] == ["object_0", NAMES[-1]]
    assert len({(row["x"], row["y"]) for row in tiles}) == len(tiles)


def test_a_gallery_of_a_search_has_its_names_and_numbers(models, rows_of):
    found = pyalign.neighbors(pyalign.Embeddings(models["clip"], NAMES), ["object_3", NAMES[-1]], k=4)
    tiles = [row for row in rows_of(chart(found), "uri", "below") if row["frame"] != "query"]
    expected = [(row["neighbor"], f"{row['similarity']:.3f}") for row in found.to_dict()["results"]]
    assert [(row["name"], row["below"]) for row in tiles] == expected and len(expected) == 8
    assert f"The 4 nearest of {N} rows to each query" in texts(chart(found))
    assert chart(found, queries=["object_3"]).to_dict()["height"] < chart(found).to_dict()["height"]


def test_frames_say_who_shares_a_category_with_the_query(rows_of):
    labels = np.array(["animal", "tool"])[np.arange(N) % 2]
    labels[15] = ""
    categories = pyalign.Categories.of(labels, names=NAMES)
    tiles = rows_of(chart(neighbors(("object_0",)), categories=categories), "uri", "below")
    assert [row["frame"] for row in tiles] == ["query", "shares none", "shares a category with the query", ""]


def test_a_query_that_was_not_asked_for_is_an_error(message_of):
    assert "queries must be among those of the result; got 'pear'" in message_of(chart, neighbors(), queries=["pear"])


def test_two_searches_stand_side_by_side_and_frames_say_what_they_share(models, rows_of):
    first, second = (
        pyalign.neighbors(pyalign.Embeddings(models["clip"], NAMES), ["object_3", NAMES[-1]], k=6, measure=measure)
        for measure in ("cosine", "neg_euclidean")
    )
    drawn = pyalign.plot([first, second])
    tiles = [row for row in rows_of(drawn, "uri", "below") if row["frame"] != "query"]
    near = [{name: [row for row in found.to_dict()["results"] if row["query"] == name and row["rank"] <= 4]
             for name in ("object_3", NAMES[-1])} for found in (first, second)]
    expected = [row for name in near[0] for one in near for row in one[name]]
    assert [(row["name"], row["below"]) for row in tiles] == [
        (row["neighbor"], f"{row['similarity']:.3f}") for row in expected
    ]
    shared = [
        {row["neighbor"] for row in near[0][name]} & {row["neighbor"] for row in near[1][name]} for name in near[0]
    ]
    assert [row["frame"] == "near by both" for row in tiles] == [
        row["name"] in shared[k // 8] for k, row in enumerate(tiles)
    ]
    assert any(shared) and not all(row["frame"] for row in tiles)
    assert len({(row["x"], row["y"]) for row in tiles}) == 16
    assert [row["y"] for row in rows_of(drawn, "head")] == [0, 0] and min(row["y"] for row in tiles) > 9
    assert "similarity (a cosine, from -1 to 1) or negated distance" in texts(drawn)


def test_what_can_not_stand_beside_a_gallery_is_one_line(one_model, human, message_of):
    assert "queries must be among" in message_of(pyalign.plot, [neighbors(), neighbors(("object_1",))])
    assert "no picture of kind 'gallery' in a result of" in message_of(pyalign.plot, [neighbors(), one_model])
    assert "shows one search, or two; got 3" in message_of(pyalign.plot, [neighbors()] * 3)


# Cards


def test_cards_have_the_objects_with_most_of_each_dimension(human):
    cards = top_cards(human, NAMES, LABELS)
    assert [card.number for card in cards] == (1 + np.argsort(-human.sum(axis=0))).tolist()
    for card in cards:
        column = human[:, card.number - 1]
        best = sorted(range(N), key=lambda row: (-column[row], NAMES[row].partition("_")[0], row))[:8]
        assert card.objects == tuple(NAMES[row] for row in best)
        assert card.weights == tuple(column[best].tolist())


def test_shares_of_cards_are_those_of_the_triplets_and_of_a_result(one_model, human, triplets, rows_of):
    given = {"dimensions": human, "dimension_labels": LABELS, "names": NAMES}
    of_triplets = rows_of(pyalign.plot(triplets=triplets, **given), "share")
    of_result = rows_of(pyalign.plot(one_model, "cards", **given), "share")
    counts = {row.concept: row.n_triplets for row in one_model.results[0].concepts}
    assert {row["label"].partition(". ")[2]: row["share"] for row in of_triplets} == {
        label: counts[label] / 2000 for label in LABELS
    }
    assert of_triplets == of_result


def test_shares_of_cards_are_of_dimensions_wherever_they_stand_in_a_result(
    models, triplets, human, rows_of, message_of
):
    labels = np.array(["animal", "tool"])[np.arange(N) % 2]
    both = pyalign.score_concepts(models["clip"], triplets, human, categories=labels, ci=None).to_dict()
    given = {"dimensions": human, "names": NAMES}
    in_order = rows_of(pyalign.plot(both, "cards", **given), "share")
    assert rows_of(pyalign.plot({**both, "results": both["results"][::-1]}, "cards", **given), "share") == in_order
    alone = pyalign.score_concepts(models["clip"], triplets, categories=labels, ci=None)
    assert "shares of a result of dimensions" in message_of(pyalign.plot, alone, "cards", **given)


# Looks, and what is refused


def parts(color):
    """Red, green and blue from 0 to 255."""
    return np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)])


def contrast(*colors):
    """Of two colors, as WCAG defines it."""
    shares = [parts(color) / 255 for color in colors]
    linear = [np.where(one <= 0.04045, one / 12.92, ((one + 0.055) / 1.055) ** 2.4) for one in shares]
    low, high = sorted(one @ (0.2126, 0.7152, 0.0722) for one in linear)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("style", STYLES)
def test_text_stands_out_from_the_background(style):
    look = style_of(style)
    assert contrast(look.text, look.background) > 7 and contrast(look.muted, look.background) > 4.5  # of WCAG
    assert min(contrast(color, look.background) for color in look.palette) > 1.8
    assert len(set(look.palette)) == MOST_MODELS


@pytest.mark.parametrize("style", STYLES)
def test_values_go_from_the_tile_to_the_first_color_and_their_numbers_are_of_the_color_that_is_read_better(style):
    look = style_of(style)
    ends = parts(look.tile), parts(look.palette[0])

    def between(share):
        return "#" + "".join(f"{round(value):02x}" for value in ends[0] + share * (ends[1] - ends[0]))

    assert look.ramp == tuple(between(k / 4) for k in range(5))
    better = [contrast(between(k / 20), look.background) > contrast(between(k / 20), look.text) for k in range(21)]
    assert better == [k / 20 >= look.turn for k in range(21)]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_letters_are_smaller_than_seven_points(two_models, style, width):
    spec = chart(two_models, style=style, width=width).to_dict()
    assert spec["config"]["background"] == STYLES[style].background
    sizes = [float(size) for size in _under(spec, "fontSize", "labelFontSize", "titleFontSize", "subtitleFontSize")]
    assert sizes and min(sizes) >= 7


def _under(value, *keys):
    """All values under such keys, at any depth."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        if key in keys:
            yield one
        yield from _under(one, *keys)


def test_control_characters_in_names_do_not_break_lines():
    assert wrapped("a\nb\x1b[31m", 1000) == ["a\\nb\\x1b[31m"]
    assert finished(_chart(), style_of("light"), "a\nb", []).to_dict()["title"]["text"] == ["a\\nb"]


def _chart():
    import altair

    return altair.Chart(altair.Data(values=[{"x": 1}])).mark_point()


def test_what_has_no_picture_is_one_line(one_model, models, triplets, message_of, tmp_path):
    assert "no picture of kind 'gallery' in a result of 'concepts'" in message_of(chart, one_model, "gallery")
    assert "there are none" in message_of(chart, pyalign.find_failures(models, triplets))
    assert "it says no command" in message_of(chart, {"results": []})
    assert "is a damaged result of 'concepts'" in message_of(chart, {"command": "concepts", "results": []})
    (tmp_path / "x.json").write_text("[1]")
    assert "x.json: is no result of pyalign" in message_of(chart, tmp_path / "x.json")
    with pytest.raises(OSError):
        chart(tmp_path / "none.json")


def _places(value, at=()):
    """The ways into a document, of each list the first one."""
    items = value.items() if isinstance(value, dict) else list(enumerate(value))[:1] if isinstance(value, list) else ()
    for key, one in items:
        yield (*at, key)
        yield from _places(one, (*at, key))


def _changed(document, place, value):
    found = json.loads(json.dumps(document))
    held = found
    for key in place[:-1]:
        held = held[key]
    held[place[-1]] = value
    return found


@pytest.mark.parametrize("value", ["x", None, [1], {}, 10**400], ids=lambda value: repr(value)[:4])
@pytest.mark.parametrize("kind", ["concepts", "dimensions", "gallery"])
def test_a_damaged_document_is_a_picture_or_one_line(two_models, predicted, kind, value, monkeypatch):
    for name in ("ranked", "finished"):  # what is drawn of sound rows is tested above, and takes most of the time
        monkeypatch.setattr(f"pyalign.report.charts.concepts.{name}", lambda *_: None)
    found = {"concepts": two_models, "dimensions": predicted, "gallery": neighbors()}[kind]
    document = json.loads(found.to_json())
    refused = 0
    for place in _places(document):
        if place[0] in ("provenance", "outputs"):
            continue
        try:
            chart(_changed(document, place, value))
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused


def test_a_damaged_number_is_named(two_models, message_of):
    document = json.loads(two_models.to_json())
    damaged = _changed(document, ("results", 1, "concepts", 2, "accuracy"), "high")
    damage = "the result: is a damaged result of 'concepts': "
    assert message_of(chart, damaged) == f"{damage}'accuracy' holds 'high', which does not fit"
    assert message_of(chart, _changed(document, ("differences",), [1])).startswith(damage)
    del document["results"][0]["concepts"][1]["concept"]
    assert message_of(chart, document) == f"{damage}'concept' is missing"


def test_an_option_of_another_kind_is_refused(one_model, models, triplets, human, message_of):
    plot = pyalign.plot
    assert "categories applies only to figures of kind 'rdm' or 'mds' or 'gallery' or 'map'" in message_of(
        plot, one_model, categories=["a"]
    )
    assert "sort applies only to" in message_of(plot, embeddings=human, sort="name")
    assert "method applies only to figures of kind 'map'" in message_of(plot, one_model, method="tsne")
    assert "result applies only to" in message_of(plot, one_model, embeddings=human)
    assert "kind 'map' needs embeddings; got none" in message_of(plot, one_model, "map")
    assert "needs a result, dimensions or embeddings" in message_of(plot)
    assert "there is no picture of a result of 'failures'" in message_of(plot, pyalign.find_failures(models, triplets))
    assert "style must be one of" in message_of(plot, one_model, style="blue")
    assert "width must be one of" in message_of(plot, one_model, width="wide")
    assert "sort must be one of" in message_of(chart, one_model, sort="size")
    assert "needs the differences of two models" in message_of(chart, one_model, sort="difference")


def test_more_models_than_can_be_told_apart_are_refused(one_model, message_of):
    document = one_model.to_dict()
    document["results"] = [{**document["results"][0], "embeddings": str(k)} for k in range(MOST_MODELS + 1)]
    spoken = message_of(chart, document, "concepts")
    assert f"at most {MOST_MODELS} models apart; got {MOST_MODELS + 1}" in spoken


def test_every_kind_of_a_command_is_found(one_model, predicted):
    assert default_chart(one_model) == "concepts" and default_chart(predicted) == "dimensions"
    assert set(CHARTS) == {
        "accuracy", "ceiling", "before-after", "transfer", "reliability", "rsa", "cka", "consistency",
        "concepts", "concepts-map", "scores",
        "dimensions", "power", "gallery", "metadata", "cards", "map", "penalty-path", "depth", "entropy", "differences",
        "mds", "rdm", "dimension-stability",
    }
    with pytest.raises(InputError, match="kind must be one of"):
        chart(one_model, "pie")


# What altair takes long for


def test_channels_are_objects_of_their_classes():
    """Altair compares the hashes of its whole schema for each that is a word."""
    for path in Path(pyalign.report.charts.__file__).parent.glob("*.py"):
        words = re.findall(r'\b\w+="\w+:[NQO]"|"\w+": "\w+:[NQO]"|\balt\.value\(', path.read_text(encoding="utf-8"))
        assert words == [], path.name


def test_rows_are_never_copied_and_a_chart_can_be():
    rows = [{"x": 1.0}, {"x": None}]
    marks = chart_of(rows).mark_point().encode(x=alt.X("x:Q"))
    layers = alt.layer(marks, chart_of(rows[:1]).mark_rule())
    assert layers.layer[0].data is marks.data and layers.layer[0] is not marks
    for other in (copy.deepcopy(layers), pickle.loads(pickle.dumps(layers)), layers.copy()):
        assert other.to_dict() == layers.to_dict() and rows in layers.to_dict()["datasets"].values()


def test_figures_of_real_data_are_those_of_the_table(data, rows_of):
    things = data / "things"
    human = np.loadtxt(things / "spose_embedding_66d_sorted.txt")
    labels = [line.strip() for line in (things / "spose_66d_labels.txt").read_text().splitlines() if line.strip()]
    triplets = np.load(things / "human_triplets_127304.npy")[:, :3]
    clip = np.load(things / "clip_vit_b32.npy")
    found = pyalign.score_concepts({"clip": clip}, triplets, human, dimension_labels=labels)
    rows = rows_of(pyalign.plot(found), "item", "low")
    assert sum(row["n"] for row in rows) == 127304
    assert sum(row["n"] * row["value"] for row in rows) / 127304 == pytest.approx(0.50469, abs=5e-6)
