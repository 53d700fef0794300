"""Pictures of RDMs: the matrices of a result in one order and on one scale, and the objects by MDS of each."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import pyalign
from pyalign._result import read_result
from pyalign.pairwise.rdms import MOST, Rdm, Rdms, percentiles, rdms_of_rows
from pyalign.report.blocks import Figure
from pyalign.report.charts import chart, charts_of
from pyalign.report.charts.rdm import mds_chart, rdm_chart, scaled
from pyalign.report.charts.theme import rows_of
from pyalign.report.page.sections.comparisons import rsa
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.plot import figures

from .test_model_charts import spoken

pytest.importorskip("altair", reason="altair is not installed")
pytest.importorskip("scipy", reason="scipy is not installed")

N = 12
NAMES = tuple(f"object {k}" for k in range(N))
KINDS = [("plant", "animal", "animal")[k % 3] for k in range(N)]


@pytest.fixture(scope="module")
def matrices():
    """(3, N, N) of people, which place the objects on a line, the last two objects first."""
    at = np.roll(np.arange(N, dtype=float), 2)
    noise = np.random.default_rng(0).random((3, N, N)) / 10
    whole = np.abs(at[:, None] - at) + noise + noise.swapaxes(1, 2)
    whole[:, range(N), range(N)] = 0
    return whole


@pytest.fixture(scope="module")
def compared(matrices):
    models = {f"zoo/{name}.npy": pyalign.Embeddings(np.random.default_rng(k).normal(size=(N, 6)), NAMES)
              for k, name in enumerate(("clip", "vgg"))}
    human = pyalign.RDMs(matrices, "dissimilarity", NAMES)
    return pyalign.rsa(models, human, ci=None, rdms=True)


@pytest.fixture(scope="module")
def drawn(compared):
    return rdm_chart(compared)


def order(drawn):
    """The rows of the matrices, from the top."""
    spec = drawn.to_dict(validate=False)
    first = spec["layer"][0]
    names = first["transform"][2]["from"]["data"]["name"]
    columns = [row["column"] for row in spec["datasets"][names]]
    assert [row["row"] for row in spec["datasets"][first["data"]["name"]]] == columns[1:]
    return columns


def test_a_result_keeps_the_mean_matrix_of_people_and_those_of_models(compared, matrices):
    people, clip, _ = compared.rdms.matrices
    upper = np.triu_indices(N, 1)
    np.testing.assert_allclose(people.values, matrices.mean(axis=0)[upper])
    rows = np.random.default_rng(0).normal(size=(N, 6))
    np.testing.assert_allclose(clip.values, 1 - np.corrcoef(rows)[upper], atol=1e-6)
    assert compared.rdms.objects == NAMES and compared.rdms.kind == "dissimilarity"
    read = read_result(json.loads(compared.to_json()), "rsa.json")
    assert read.rdms == compared.rdms


def test_only_objects_that_count_are_kept_and_of_many_a_sample(matrices):
    human = matrices[0].copy()
    human[3] = human[:, 3] = np.nan
    rows = np.random.default_rng(5).normal(size=(N, 4))
    found = pyalign.rsa({"x": rows}, human, kind="dissimilarity", ci=None, rdms=True)
    assert found.rdms.objects == tuple(str(k) for k in range(N) if k != 3)
    many = np.random.default_rng(6).random((MOST + 40, 3))
    people = np.linalg.norm(many[:, None] - many, axis=2)
    found = pyalign.rsa({"x": many}, people, kind="dissimilarity", ci=None, rdms=True)
    kept = [int(name) for name in found.rdms.objects]
    assert len(kept) == MOST and (kept[0], kept[-1]) == (0, MOST + 39)
    np.testing.assert_allclose(found.rdms.matrices[0].square()[3, 9], people[kept[3], kept[9]])
    assert f"rdms are of {MOST} of {MOST + 40} objects, evenly spread" in found.notes


def test_percentiles_have_no_unit_and_no_order_of_the_pairs():
    values = np.random.default_rng(1).random(50)
    expected = [(values < value).mean() + (values == value).mean() / 2 for value in values]
    np.testing.assert_allclose(percentiles(values), expected)
    np.testing.assert_allclose(percentiles(7 * values + 2), percentiles(values))


def test_a_picture_of_rdms_has_every_pair_of_every_matrix_once(compared, drawn):
    rows = rows_of(drawn)
    assert {row["matrix"] for row in rows} == {"people, mean of 3", "clip", "vgg"}
    assert len(rows) == 3 * N * (N - 1) // 2
    place = {name: k for k, name in enumerate(NAMES)}
    for name, matrix in zip(("people, mean of 3", "clip", "vgg"), compared.rdms.matrices, strict=True):
        whole = matrix.square()
        for row in (row for row in rows if row["matrix"] == name):
            assert row["value"] == whole[place[row["row"]], place[row["column"]]]


def test_all_matrices_have_one_order_and_one_scale(compared, drawn):
    line = [NAMES[k] for k in np.argsort(np.roll(np.arange(N), 2))]
    assert order(drawn) in (line, line[::-1])  # the clustering of the people's matrix
    scales = [layer["encoding"]["color"]["scale"]["domain"] for layer in drawn.to_dict(validate=False)["layer"][:6]]
    assert scales == [[0.0, 1.0]] * 6
    assert "percentile" in spoken(drawn) and "hierarchical clustering" in spoken(drawn)
    values = rdm_chart(compared, by="values")
    everything = [value for matrix in compared.rdms.matrices for value in matrix.values]
    assert values.to_dict(validate=False)["layer"][0]["encoding"]["color"]["scale"]["domain"] == [
        min(everything),
        max(everything),
    ]


def test_categories_stand_together_the_largest_first_with_lines_between(compared):
    drawn = rdm_chart(compared, categories=KINDS)
    animals = [name for name, kind in zip(NAMES, KINDS, strict=True) if kind == "animal"]
    assert order(drawn) == [*animals, *(name for name in NAMES if name not in animals)]
    assert "lines separate categories" in spoken(drawn)
    assert order(rdm_chart(compared, sort="name", limit=5))[:2] == sorted(NAMES)[:4:3]
    assert order(rdm_chart(compared, sort="document")) == list(NAMES)


def test_where_objects_have_no_room_for_names_their_categories_stand_left_of_them():
    places = np.random.default_rng(3).normal(size=(90, 2))
    distances = np.linalg.norm(places[:, None] - places, axis=2)[np.triu_indices(90, 1)]
    rdms = Rdms(tuple(map(str, range(90))), "dissimilarity", (Rdm("a", None, tuple(distances)),))
    held = rdm_chart(rdms, categories=["plant"] * 60 + ["animal"] * 30).to_dict(validate=False)["datasets"].values()
    assert [row["name"] for rows in held for row in rows if row.keys() == {"name", "x", "y"}] == ["plant", "animal"]


def test_images_stand_at_both_sides_of_a_matrix(compared, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for k, name in enumerate(NAMES):
        image.new("RGB", (8, 8), (8 * k, 0, 255)).save(tmp_path / f"{name}.png")
    drawn = chart(compared, "rdm", images=tmp_path, width="single")
    tiles = [row for rows in drawn.to_dict(validate=False)["datasets"].values() for row in rows if "uri" in row]
    assert {row["name"] for row in tiles} == set(order(drawn)) and all(row["uri"] for row in tiles)
    assert len(tiles) == (3 + 2) * len(order(drawn))  # below each of three matrices, left of those that begin a row


def test_mds_of_distances_on_a_plane_are_these_positions():
    places = np.random.default_rng(2).normal(size=(9, 2))
    distances = np.linalg.norm(places[:, None] - places, axis=2)
    found = scaled(distances)
    np.testing.assert_allclose(np.linalg.norm(found[:, None] - found, axis=2), distances, atol=1e-12)
    drawn = mds_chart(Rdms(NAMES[:9], "dissimilarity", (Rdm("x", None, tuple(distances[np.triu_indices(9, 1)])),)))
    assert "x 1.00" in spoken(drawn)


def test_similarities_become_distances_and_maps_are_turned_to_the_first():
    places = np.random.default_rng(3).normal(size=(7, 2))
    distances = np.linalg.norm(places[:, None] - places, axis=2)[np.triu_indices(7, 1)]
    turned = (places @ [[0, 1], [-1, 0]])[:, ::-1]
    other = np.linalg.norm(turned[:, None] - turned, axis=2)[np.triu_indices(7, 1)]
    rdms = Rdms(NAMES[:7], "similarity", tuple(Rdm(name, None, tuple(-d)) for name, d in
                                                zip("ab", (distances, 2 * other), strict=True)))
    rows = rows_of(mds_chart(rdms, categories=KINDS[:7]))
    at = {(row["matrix"], row["name"]): (row["x"], row["y"]) for row in rows}
    assert len(at) == 14
    for name in NAMES[:7]:
        np.testing.assert_allclose(at["a", name], at["b", name], atol=8)  # largest similarities are distance 0


def test_pictures_of_embeddings_need_no_people(matrices, tmp_path):
    x = np.random.default_rng(4).normal(size=(150, 5))
    drawn = pyalign.plot(chart="rdm", embeddings=x, csv=tmp_path / "rdm.csv")
    assert len(order(drawn)) == 100 and "RDM: the embeddings" in str(drawn.to_dict()["title"])
    assert len(rdms_of_rows(x, [str(k) for k in range(150)], "x", 40).objects) == 40
    assert (tmp_path / "rdm.csv").read_text().startswith("matrix,row,column,value,percentile\n")
    assert "MDS: the embeddings" in str(pyalign.plot(chart="mds", embeddings=x[:20]).to_dict()["title"])


def test_results_with_matrices_have_all_their_pictures(compared):
    assert list(figures(compared)) == ["rsa", "rdm", "mds"]
    assert charts_of(compared) == ("rsa", "rdm", "mds", "scores")


def test_what_has_no_picture_of_an_rdm_is_one_line(compared, matrices, message_of):
    bare = pyalign.rsa({"x": np.eye(N)}, matrices, kind="dissimilarity", ci=None)
    assert charts_of(bare) == ("rsa", "scores")
    assert message_of(chart, bare, "rdm").endswith("there are of rsa, scores; rsa(..., rdms=True) keeps what it needs")
    assert "sort must be one of" in message_of(rdm_chart, compared, sort="value")
    assert "by must be one of percentiles, values" in message_of(rdm_chart, compared, by="ranks")
    assert "sort 'category' needs categories" in message_of(rdm_chart, compared, sort="category")
    other = pyalign.Categories.of(["a"], names=["elsewhere"])
    assert "categories must have some of the objects" in message_of(rdm_chart, compared, categories=other)
    assert "rdms must be" in message_of(pyalign.rsa, {"x": np.eye(N)}, matrices, kind="dissimilarity", rdms="yes")
    hole = Rdms(NAMES[:3], "dissimilarity", (Rdm("x", None, (1.0, np.nan, 2.0)),))
    assert "a value for each of their pairs" in message_of(mds_chart, hole)
    assert len(rows_of(rdm_chart(hole))) == 2
    assert "must have 3 values" in message_of(Rdms, NAMES[:3], "dissimilarity", (Rdm("x", None, (1.0,)),))
    assert "a result or embeddings" in message_of(pyalign.plot, chart="rdm")


def test_a_page_shows_the_matrices_with_their_pairs_and_words(compared):
    section = rsa(Sources((Loaded("rsa.json", compared),)))
    figures_of = {part.name: part for part in section.parts if isinstance(part, Figure)}
    assert list(figures_of) == ["rsa-figure", "rdm-figure", "mds-figure"]
    rdm = figures_of["rdm-figure"]
    headers = [column.header for column in rdm.data.columns]
    assert headers == ["object", "other object", "people, mean of 3", "clip", "vgg"]
    for column, matrix in zip(rdm.data.columns[2:], compared.rdms.matrices, strict=True):
        assert column.values == matrix.values
    people = compared.rdms.matrices[0].square()
    a, b = np.unravel_index(np.nanargmin(people), people.shape)
    lowest = [f"Lowest: people, mean of 3, {NAMES[k]}, {NAMES[m]}: {people[a, b]:.3f}." for k, m in ((a, b), (b, a))]
    assert rdm.summary.endswith(tuple(lowest))
    hole = (*compared.rdms.matrices[0].values[:-1], float("nan"))
    some = Rdms(NAMES, "dissimilarity", (Rdm(None, None, hole),))
    section = rsa(Sources((Loaded("rsa.json", replace(compared, rdms=some)),)))
    assert [part.name for part in section.parts if isinstance(part, Figure)] == ["rsa-figure", "rdm-figure"]
