"""Maps of embeddings: positions are those of the method, the same for the same seed, and drawn in their proportions."""

from __future__ import annotations

import numpy as np
import pytest

from pyalign.report.charts.map import main_categories, map_chart, members_of, positions

from .conftest import NAMES, N

pytest.importorskip("altair", reason="altair is not installed")


@pytest.mark.parametrize("method", ["pca", "tsne", pytest.param("umap", marks=pytest.mark.slow)])  # numba compiles
def test_a_map_is_the_same_for_the_same_seed(models, method):
    pytest.importorskip({"pca": "numpy", "tsne": "sklearn", "umap": "umap"}[method])
    once, again = (positions(models["clip"], method, seed=3)[0] for _ in range(2))
    assert once.shape == (N, 2)
    np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize(("n", "perplexity"), [(4, "1"), (31, "10"), (94, "30")])
def test_the_perplexity_of_tsne_is_a_third_of_the_other_rows_and_30_at_most(n, perplexity):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    x = np.random.default_rng(n).normal(size=(n, 5))
    assert positions(x, "tsne")[2].startswith(f"Perplexity {perplexity}, ")


def test_pca_is_that_of_scikit_learn_but_for_the_sign(models):
    decomposition = pytest.importorskip("sklearn.decomposition", reason="scikit-learn is not installed")
    pca = decomposition.PCA(2).fit(models["clip"])
    found, axes, _ = positions(models["clip"])
    np.testing.assert_allclose(np.abs(found), np.abs(pca.transform(models["clip"])), rtol=1e-9, atol=1e-12)
    assert axes == [f"component {k + 1} ({100 * pca.explained_variance_ratio_[k]:.1f}% of variance)" for k in (0, 1)]


def test_a_map_keeps_the_proportions_of_positions(models, rows_of):
    places = positions(models["clip"])[0]
    rows = rows_of(map_chart(models["clip"], NAMES), "category", "spoken")
    drawn = {row["name"]: (row["x"], -row["y"]) for row in rows}
    at = np.array([drawn[name] for name in NAMES])
    scale = np.ptp(at[:, 0]) / np.ptp(places[:, 0])
    np.testing.assert_allclose(at - at.mean(0), scale * (places - places.mean(0)), atol=0.02)


def test_a_map_does_not_depend_on_the_last_bits_of_positions(models):
    x = models["clip"].astype(np.float64)
    drawn = [map_chart(x * (1 + bits * 2.0**-50), NAMES).to_dict() for bits in range(4)]
    assert drawn[1:] == drawn[:1] * 3


@pytest.mark.parametrize("x", [np.zeros((5, 3)), np.ones((3, 2)), np.eye(60)])
def test_a_map_of_equal_rows_or_more_columns_than_rows_is_drawn(x):
    names = [str(k) for k in range(len(x))]
    assert map_chart(x, names).to_dict()["height"] > 0


def test_what_has_no_map_is_one_line(message_of):
    assert "at least 3 rows" in message_of(positions, np.eye(2))
    assert "NaN" in message_of(positions, np.full((4, 4), np.nan))
    assert "method must be one of" in message_of(positions, np.eye(4), "isomap")
    assert "names must have one for each of 4 rows; got 1" in message_of(map_chart, np.eye(4), ["a"])


def test_the_largest_categories_have_colors_of_their_own(rows_of):
    labels = np.repeat([f"c{k}" for k in range(10)], range(1, 11))
    names = [f"o{k}" for k in range(len(labels))]
    words, legend = main_categories(members_of(labels, names, names), names, 7)
    assert legend == [*(f"c{k}" for k in range(9, 2, -1)), "other or none"]
    assert words == [label if label >= "c3" else "other or none" for label in labels.tolist()]
