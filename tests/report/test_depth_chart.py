"""Accuracy over the layers of models: which models are layers, in which order, and the best of each."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, read_back, write_folder

import pyalign
from pyalign.analysis.comparison.comparison_result import layers_of
from pyalign.io.embeddings import load_embeddings
from pyalign.report.blocks import Figure, Table
from pyalign.report.charts import chart, charts_of
from pyalign.report.charts.models import CHOSEN
from pyalign.report.charts.theme import rows_of
from pyalign.report.page.sections.comparisons import differences
from pyalign.report.page.sources import Loaded, Sources

from .test_model_charts import spoken

pytest.importorskip("altair", reason="altair is not installed")

N = 30
NOISE = {"stem": 1.5, "middle": 0.4, "last": 0.9}


@pytest.fixture(scope="module")
def models(answered):
    """Two networks, of three and of two layers, and a model without layers."""
    human, rng = answered[0], np.random.default_rng(3)
    layers = {f"zoo/net::{name}": human + noise * rng.normal(size=human.shape) for name, noise in NOISE.items()}
    others = {f"other::{name}": human + rng.normal(size=human.shape) for name in ("first", "second")}
    return {**layers, **others, "lone::layer": human, "bare": human}


@pytest.fixture(scope="module")
def found(models, answered):
    return pyalign.compare(models, answered[1], choose_best=True)


def test_only_models_of_several_layers_have_a_depth(found, tmp_path):
    held = [(model.layer.of, model.layer.name, model.layer.place) for model in found.models if model.layer]
    assert held == [("zoo/net", "stem", 0), ("zoo/net", "middle", 1), ("zoo/net", "last", 2),
                    ("other", "first", 0), ("other", "second", 1)]
    assert not any(model.layer.known for model in found.layers)
    assert read_back(found, tmp_path) == found


def test_layers_of_an_extraction_are_in_the_order_of_its_manifest(tmp_path):
    names = [f"object {k}" for k in range(4)]
    write_folder(tmp_path / "E", {name: np.eye(4) for name in NOISE}, names)
    specs = [f"E::{name}" for name in ("last", "stem", "middle")]
    models = {spec: load_embeddings(tmp_path / "E", key=spec.partition("::")[2]) for spec in specs}
    layers = layers_of(models)
    assert [layers[spec].place for spec in specs] == [2, 0, 1] and all(one.known for one in layers.values())
    called = layers_of(dict(zip("abc", models.values(), strict=True)))  # labels of the command line
    assert [called[name].name for name in "abc"] == ["last", "stem", "middle"]
    mixed = layers_of({**models, "E::own": np.eye(4)})
    assert [mixed[name].place for name in mixed] == [0, 1, 2, 3] and not any(one.known for one in mixed.values())


def test_the_best_layer_of_a_model_is_that_of_its_layers_only(found, models, answered):
    assert [best.model for best in found.best_layers] == ["zoo/net::middle", max(
        found.models[3:5], key=lambda model: model.accuracy).model]
    only = {name: x for name, x in models.items() if "net" in name}
    alone = pyalign.compare(only, answered[1], choose_best=True).best
    best = found.best_layers[0]
    assert (best.accuracy, best.ci, best.chosen) == (alone.accuracy, alone.ci, alone.chosen)
    assert "best layer" in str(found)
    assert pyalign.compare(only, answered[1]).best_layers is None


def test_a_line_for_each_model_with_intervals_and_the_best_layer(found):
    drawn = chart(found, "depth")
    rows = rows_of(drawn)
    places = [("zoo/net", 0.0), ("zoo/net", 0.5), ("zoo/net", 1.0), ("other", 0.0), ("other", 1.0)]
    layers = [row for row in rows if row["layer"] != CHOSEN]
    for row, model, (_, depth) in zip(layers, found.layers, places, strict=True):
        assert (row["value"], row["low"], row["high"]) == (model.accuracy, *model.ci)
        assert (row["layer"], row["depth"]) == (model.layer.name, depth)
    chosen = [(row["value"], row["low"]) for row in rows if row["layer"] == CHOSEN]
    assert sorted(chosen) == sorted((best.accuracy, best.ci.low) for best in found.best_layers)
    assert "Order of layers: as given." in spoken(drawn) and "Diamond" in spoken(drawn)
    one = chart(pyalign.compare({k: v for k, v in zip(("n::it's", "n::b"), np.random.default_rng(0).normal(
        size=(2, N, 3)), strict=True)}, draw_triplets(1, N, 90)), "depth", width="single")
    assert r"'it\'s','b'" in str(one.to_dict(validate=False)["layer"][0]["encoding"]["x"]["axis"]["labelExpr"])


def test_a_page_shows_depth_and_a_comparison_without_layers_has_no_such_picture(found, models, answered, message_of):
    section = differences(Sources((Loaded("compare.json", found),)))
    (figure,) = [part for part in section.parts if isinstance(part, Figure)]
    best = max(found.layers, key=lambda layer: layer.accuracy)
    highest = f"Highest: zoo/net, {best.layer.name}: {100 * best.accuracy:.1f}%, interval "
    assert figure.name == "depth-figure" and highest in figure.summary
    layers = next(part for part in section.parts if isinstance(part, Table) and part.name == "best-layers")
    assert layers.columns[2].values == tuple(best.accuracy for best in found.best_layers)
    plain = pyalign.compare({"a": models["bare"], "b": models["bare"][:, :2]}, answered[1])
    assert charts_of(plain) == ("differences", "accuracy", "scores")
    assert message_of(chart, plain, "depth").endswith(
        "there are of differences, accuracy, scores; it needs models named MODEL::LAYER, at least two layers of a model"
    )
