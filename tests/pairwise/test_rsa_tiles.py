"""RSA of many objects, whose matrices are read in tiles: what whole matrices give, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pyalign import RDMs, rsa
from pyalign.pairwise import rsa as streamed

from .test_rsa import study


def in_tiles(monkeypatch):
    """From now on matrices of ten objects are many, and a tile has a hundred pairs."""
    monkeypatch.setattr("pyalign.pairwise.rsa.FROM", 10)
    monkeypatch.setattr(streamed, "TILE", 100)


@pytest.mark.parametrize("correlation", streamed.CORRELATIONS)
@pytest.mark.parametrize("measure", ["pearson", "rbf", "neg_euclidean"])
@pytest.mark.parametrize("condensed", [False, True])
def test_tiles_give_what_whole_matrices_give(monkeypatch, correlation, measure, condensed):
    x, people = study(n=40)
    people[3, 7] = people[7, 3] = np.nan
    human = people[np.triu_indices(40, 1)] if condensed else people
    other = np.abs(np.random.default_rng(5).normal(size=780))
    other[44] = np.nan
    options = {"kind": "dissimilarity", "correlation": correlation, "measure": measure, "ci": None,
               "matrix": {"m": other}}
    whole = rsa(x, human, **options)
    in_tiles(monkeypatch)
    tiled = rsa(x, human, **options)
    for one, other in zip(whole.results, tiled.results, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-9)
        assert (one.n_pairs, one.n_missing) == (other.n_pairs, other.n_missing) == (778, 2)
    assert whole.notes == tiled.notes


@pytest.mark.parametrize("correlation", ["pearson", "spearman"])
@pytest.mark.parametrize("value", [0.1, 1 / 3])
def test_a_constant_matrix_in_tiles_has_no_correlation(monkeypatch, correlation, value):
    """Whose mean, in floating point, may be another number."""
    in_tiles(monkeypatch)
    found = rsa(study(n=60)[0], np.full(1770, value), kind="dissimilarity", correlation=correlation, ci=None)
    assert math.isnan(found[0].value) and "is not defined" in found.notes[-1]


def test_infinity_in_tiles_is_told_of_its_matrix(monkeypatch, message_of):
    monkeypatch.setattr("pyalign.pairwise.rsa.FROM", 10)
    x, people = study(n=20)
    infinite = {"cats": np.full(190, np.inf)}
    told = message_of(rsa, x, people, kind="dissimilarity", ci=None, matrix=infinite)
    assert told == "cats must be finite, or NaN where a pair was not judged; got infinity"


@pytest.mark.parametrize("correlation", streamed.CORRELATIONS)
@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e60, 1e300])
@pytest.mark.filterwarnings("error")
def test_the_scale_of_judgments_changes_nothing_in_tiles_either(monkeypatch, correlation, scale):
    x, people = study(n=40)
    options = {"kind": "dissimilarity", "correlation": correlation, "ci": None}
    whole = rsa(x, people, **options)[0].value
    in_tiles(monkeypatch)
    assert rsa(x, people * scale, **options)[0].value == pytest.approx(whole, abs=1e-9)


@pytest.mark.parametrize("objects", [10, 6000])
def test_a_model_that_a_measure_does_not_take_is_named(monkeypatch, message_of, objects):
    x, people = study(n=40)
    monkeypatch.setattr("pyalign.pairwise.rsa.FROM", objects)
    told = message_of(rsa, {"a": x, "b": x * 1e200}, people, kind="dissimilarity", measure="dot", ci=None)
    assert told.startswith("b: embeddings must be scaled down for measure 'dot'")


@pytest.mark.parametrize("correlation", ["spearman", "pearson"])
@pytest.mark.parametrize("condensed", [False, True])
def test_pairs_that_the_matrix_of_a_model_lacks_are_left_out_of_many_objects_too(monkeypatch, correlation, condensed):
    x, people = study(n=40)
    other = np.abs(np.random.default_rng(5).normal(size=780))
    other[3] = np.nan
    rdm = other if condensed else RDMs(other, "dissimilarity").matrices()
    options = {"kind": "dissimilarity", "correlation": correlation, "ci": None, "matrix": {"m": rdm}}
    whole = rsa(x, people, **options)
    in_tiles(monkeypatch)
    found = rsa(x, people, **options)
    for one, other in zip(whole.results, found.results, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-12)
        assert (one.n_pairs, one.n_missing) == (other.n_pairs, other.n_missing) == (779, 1)
    assert "1 of 780 pairs is left out: not judged, or a row or a model's matrix has NaN" in found.notes[-1]
