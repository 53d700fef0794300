"""A dimension has one number, from 1, or one label, wherever it is shown: in tables, files, cards and pages."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from planted_dimensions import planted

import pyalign
from pyalign.io import load_embeddings, write_embeddings

N, K = 24, 3
NAMES = tuple(f"thing {k}" for k in range(N))
NUMBERS, LABELS = tuple(map(str, range(1, K + 1))), ("food", "tools", "round")


@pytest.fixture(scope="module")
def answers():
    return pyalign.Triplets(np.asarray(planted(N, K, 1500)[1]), NAMES)


@pytest.fixture(scope="module")
def fit(answers):
    found = pyalign.fit_embedding(answers, shrinkage=2e-3, n_dimensions=K)
    assert found.n_dimensions == K
    return found


@pytest.fixture(params=["unlabeled", "labeled"])
def written(request, fit, folder):
    """The labels that are expected, and the embedding as it is read from a file."""
    embedding = fit.embedding
    if request.param == "labeled":
        embedding = replace(embedding, dimension_labels=LABELS)
    write_embeddings("embedding.npz", embedding)
    back = load_embeddings("embedding.npz")
    assert back.dimension_labels == embedding.dimension_labels and back.names == NAMES
    return LABELS if request.param == "labeled" else NUMBERS, back


def rows_of(text, column):
    return [row[column] for row in csv.DictReader(io.StringIO(text))]


def test_the_fit_counts_from_one_in_its_table_csv_frame_and_file(fit, command, folder, answers):
    pytest.importorskip("pandas")
    assert rows_of(fit.to_csv(), "dimension") == [*NUMBERS] == [str(one) for one in fit.to_frame()["dimension"]]
    assert [line.split()[0] for line in fit.table().splitlines()[1 : K + 1]] == [*NUMBERS]
    np.save("t.npy", answers.values)
    ran = command("embed", "-t", "t.npy", "--split", "none", "--penalty", "2e-3", "--n-dimensions", str(K),
                  "--out", "human", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    assert rows_of((folder / "human" / "dimensions.csv").read_text(), "dimension") == [*NUMBERS]
    ran = command("concepts", "human/embedding.npz", "-t", "t.npy", "--dimensions", "human/embedding.npz", "--json",
                  "--quiet")
    found = json.loads(ran.out)["results"][0]["concepts"]
    share = [one.share for one in fit.dimensions]  # each is the same dimension under the same number
    assert [one["concept"] for one in found] == [*NUMBERS]
    assert np.corrcoef([one["n_triplets"] for one in found], share)[0, 1] > 0.9


def test_every_function_calls_a_dimension_the_same(written, answers):
    expected, human = written
    x = np.asarray(human) @ np.random.default_rng(0).normal(size=(K, 5))
    named = pyalign.Embeddings(x, NAMES)
    concepts = pyalign.score_concepts({"a": named, "b": human}, answers, human, limit=2)
    of_each = {
        "concepts": [row.concept for row in concepts.results[0].concepts],
        "differences": [row.concept for row in concepts.differences],
        "top objects": [row.concept for row in concepts.top_objects],
        "csv": rows_of(concepts.to_csv(), "concept")[:K],
        "predict": [row.dimension for row in pyalign.predict_dimensions(named, human, folds=3)[0].dimensions],
        "consistency": [row.concept for row in pyalign.error_consistency(
            {"a": named, "b": human}, answers, dimensions=human).missed],
        "neighbors": [row.concept for row in pyalign.neighborhoods(
            {"a": named}, human, k=3, dimensions=human, n_permutations=0, ci=None)[0].concepts],
    }
    assert of_each == {where: [*expected] for where in of_each}
    assert all(f"\n{label} " in concepts.table() for label in expected)
    given = pyalign.score_concepts(
        named, answers, human, dimension_labels=["x", "y", "x"]
    )  # which count before its own
    assert [row.concept for row in given.results[0].concepts] == ["x (1)", "y", "x (3)"]


def test_every_command_reads_the_labels_of_the_file(written, command, answers, folder):
    expected, _ = written
    np.save("t.npy", answers.values)
    for arguments, path in (
        (("concepts", "embedding.npz", "-t", "t.npy"), ("results", 0, "concepts")),
        (("neighbors", "objects", "embedding.npz", "--permutations", "0"), ("results", 0, "concepts")),
        (("dimensions", "predict", "embedding.npz", "--folds", "3"), ("results", 0, "dimensions")),
    ):
        ran = command(*arguments, "--dimensions", "embedding.npz", "--json", "--quiet")
        assert (ran.code, ran.err) == (0, "")
        rows = json.loads(ran.out)
        for key in path:
            rows = rows[key]
        assert [row.get("concept", row.get("dimension")) for row in rows] == [*expected]


def test_charts_and_pages_call_a_dimension_the_same(written, answers):
    pytest.importorskip("altair")
    from pyalign.report.charts.gallery import top_cards
    from pyalign.report.page.write import make_report

    expected, human = written
    cards = top_cards(human, NAMES)
    called = expected if expected == LABELS else [f"dimension {number}" for number in NUMBERS]
    assert {card.number: card.label for card in cards} == dict(zip(range(1, K + 1), called, strict=True))
    of_mass = np.argsort(-np.asarray(human).sum(axis=0), kind="stable") + 1
    assert [card.number for card in cards] == of_mass.tolist()
    concepts = pyalign.score_concepts(human, answers, human)
    drawn = json.dumps(pyalign.plot(dimensions=human, chart="cards").to_dict())
    assert all(f"{number}. {label}" in drawn for number, label in zip(NUMBERS, called, strict=True))
    page = make_report([concepts.to_dict()], "page.html").html
    assert all(f">{label}<" in page for label in expected)


def test_labels_stay_with_rows_and_go_with_columns():
    x = pyalign.Embeddings(np.eye(3), ("a", "b", "c"), dimension_labels=LABELS)
    assert x[:2].dimension_labels == x.select(["c", "a"]).dimension_labels == LABELS
    turned = pyalign.Transform(np.eye(3)[:, :2], None, 0.0, 1.0).apply(x)
    assert turned.shape == (3, 2) and turned.dimension_labels is None
    with pytest.raises(pyalign.InputError, match="dimension_labels must be one for each of 3 dimensions; got 2"):
        replace(x, dimension_labels=("a", "b"))
    for suffix in ("npy", "csv", "safetensors", "parquet"):
        with pytest.raises(pyalign.InputError, match=rf"x\.{suffix}: only .npz holds labels of dimensions"):
            write_embeddings(f"x.{suffix}", x)


def test_labels_of_other_columns_are_refused_when_they_are_read(folder, message_of):
    np.savez("x.npz", features=np.eye(3), names=["a", "b", "c"], dimension_labels=["food", "tools"])
    assert message_of(load_embeddings, "x.npz") == "x.npz: 'dimension_labels' holds 2 names for 3 dimensions"
