"""Rows that were fitted to answers of people, such as human dimensions, are never called zero-shot."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import draw_triplets

import pyalign
from pyalign.data import Embeddings, TrainedOn, Transform
from pyalign.io.embeddings import embedding_files
from pyalign.io.write import write_files
from pyalign.report.page.sections.accuracy import leaderboard, probes
from pyalign.report.page.sources import Sources, read_documents

N = 30
NAMES = tuple(f"object {k}" for k in range(N))
ROWS = np.abs(np.random.default_rng(0).normal(size=(N, 4)))
TRIPLETS = pyalign.Triplets(draw_triplets(1, N, 400), NAMES)
RECORD = TrainedOn.of(ROWS, TRIPLETS.values, measure="dot", temperature=1.0, names=NAMES)
OTHER = Embeddings(np.random.default_rng(2).normal(size=(N, 4)), NAMES)


def of_record(tmp_path):
    """As `pyalign embed --out` and `pyalign score --transform --out` write it."""
    write_files(embedding_files(tmp_path / "embedding.npz", Embeddings(ROWS, NAMES), RECORD))
    return pyalign.load_embeddings(tmp_path / "embedding.npz")


def of_a_fit(tmp_path):
    return pyalign.fit_embedding(TRIPLETS, shrinkage=0.002, n_dimensions=3, tolerance=1e-3).embedding


def of_a_probe(tmp_path):
    return Transform(np.eye(4), None, 0.0, 1.0, RECORD).apply(OTHER)


def of_a_published_map(tmp_path):
    """Which has no record, as gLocal publishes its maps."""
    np.savez(tmp_path / "map.npz", weights=np.eye(4), mean=0.0, std=1.0)
    return pyalign.load_transform(tmp_path / "map.npz").apply(OTHER)


def of_images(tmp_path):
    """Fitted rows of several images of an object, then a mean for each."""
    names = [f"{name}/{k}.png" for name in NAMES for k in "ab"]
    return Embeddings(ROWS.repeat(2, axis=0), names, fitted=True).per_object("mean")[0]


ORIGINS = [of_record, of_a_fit, of_a_probe, of_a_published_map, of_images]


def page_of(section):
    return json.dumps(section, default=vars)


@pytest.mark.parametrize("origin", ORIGINS, ids=lambda origin: origin.__name__)
@pytest.mark.parametrize("function", [pyalign.score, pyalign.compare])
def test_the_leaderboard_says_fitted_and_the_tile_shows_what_is_zero_shot(origin, function, tmp_path):
    result = function({"human": origin(tmp_path), "net": OTHER}, TRIPLETS)
    for given in (result, json.loads(json.dumps(result.to_dict()))):
        section = leaderboard(Sources(read_documents(given)[0]))
        facts, _, table, *_ = section.parts
        how = dict(zip(*(column.values for column in table.columns if column.header in ("Model", "How")), strict=True))
        assert how == {"human": "fitted to such answers", "net": "zero-shot"}
        assert [fact.more for fact in facts.facts if fact.name == "Best zero-shot"] == ["net"]


def test_without_other_models_there_is_no_tile_and_ranks_stay(tmp_path):
    rows = Embeddings(ROWS, NAMES, fitted=True)
    alone = leaderboard(Sources(read_documents(pyalign.score(rows, TRIPLETS))[0]))
    assert [fact.name for fact in alone.parts[0].facts] == ["Models", "Chance"]
    both = pyalign.compare({"human": rows, "net": OTHER}, TRIPLETS)
    (table,) = leaderboard(Sources(read_documents(both)[0])).parts[2:]
    assert {1.0, 2.0} == {*next(column.values for column in table.columns if column.header == "Rank")}


def test_a_probe_of_fitted_rows_has_no_accuracy_that_is_zero_shot():
    found = {
        fitted: pyalign.cross_validate_probe(
            Embeddings(ROWS, NAMES, fitted=fitted), TRIPLETS, penalties=0.1, folds=3, repeats=1, ci=None
        )
        for fitted in (False, True)
    }
    words = {}
    for fitted, result in found.items():
        sources = Sources(read_documents(result)[0])
        parts = leaderboard(sources).parts
        shown = [str(result), json.dumps(pyalign.plot(result).to_dict()), page_of(probes(sources)), page_of(parts[0])]
        words[fitted] = ["zero-shot" in text.lower() for text in shown]
        assert ("Best probed" in page_of(parts[0])) is not fitted
    assert words == {False: [True, True, True, False], True: [False] * 4}


@pytest.mark.parametrize("of", ["spose49", "spose66", "vice42"])
def test_published_dimensions_are_fitted(of, data):
    assert pyalign.load_dataset(of, data / "things").embeddings().fitted


def test_a_model_of_a_study_whose_file_is_human_dimensions_is_fitted(tmp_path):
    np.save(tmp_path / "human.npy", ROWS)
    np.save(tmp_path / "net.npy", np.asarray(OTHER))
    np.save(tmp_path / "triplets.npy", TRIPLETS.values)
    (tmp_path / "study.toml").write_text(
        '[models]\nhuman = "human.npy"\nnet = "net.npy"\n[triplets]\nfile = "triplets.npy"\n'
        '[dimensions]\nfile = "human.npy"\n[steps.score]\n'
    )
    pyalign.run_study(tmp_path / "study.toml", tmp_path / "out")
    assert "fitted to such answers" in (tmp_path / "out" / "report.html").read_text()
    rows = pyalign.load_result(tmp_path / "out" / "steps" / "score.json").results
    assert [row.provenance.inputs[0].fitted for row in rows] == [True, False]
