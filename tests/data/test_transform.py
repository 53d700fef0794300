"""A linear map, applied to whatever holds embeddings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, reals, seeds

import pyalign
from pyalign.data import Embeddings, TrainedOn, Transform

X = reals(0, 7, 4, dtype=np.float64)


def random_map(seed=0, bias=True):
    rng = np.random.default_rng(seed)
    return Transform(rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=3) if bias else None, 0.5, 2.0)


dtypes = st.sampled_from([np.float16, np.float32, np.float64, np.int16])


@given(seeds, dtypes, st.booleans(), st.sampled_from([1, 9, 10**6]))
def test_it_is_its_formula_in_float64_in_blocks_of_any_size(seed, dtype, bias, elements):
    w, x = random_map(seed, bias), (4 * reals(seed, 9, 4)).astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pyalign.data.transform.CHUNK_ELEMENTS", elements)
        found = w.apply(x)
    expected = ((x.astype(np.float64) - 0.5) / 2.0) @ w.weights.astype(np.float64) + (0 if w.bias is None else w.bias)
    assert found.dtype == (np.float64 if dtype == np.float64 else np.float32)
    np.testing.assert_allclose(found, expected.astype(found.dtype), rtol=1e-6, atol=1e-6)


def test_embeddings_keep_their_names_and_where_they_came_from():
    given_ = Embeddings(X, tuple("abcdefg"), "x.npy", ("note",))
    found = random_map().apply(given_)
    assert (found.names, found.source, found.notes) == (given_.names, "x.npy", ("note",))
    assert np.array_equal(found.values, random_map().apply(X))


def test_lists_and_frames_are_taken():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    expected = random_map().apply(X)
    assert np.array_equal(random_map().apply(X.tolist()), expected)
    assert np.array_equal(random_map().apply(pandas.DataFrame(X, index=list("abcdefg"))), expected)


def test_a_tensor_is_taken_without_its_graph():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    found = random_map().apply(torch.from_numpy(X).requires_grad_())
    np.testing.assert_allclose(np.asarray(found), random_map().apply(X), rtol=1e-12)


def test_other_features_are_refused(message_of):
    for x in (X[:, :3], X[0]):
        assert message_of(random_map().apply, x) == (
            f"embeddings must have the 4 features of the transform; got shape {x.shape}"
        )


def test_scores_through_a_map_of_tensors_are_those_of_arrays(device):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    x, triplets = reals(1, 20, 4), draw_triplets(2, 20, 100)
    w = Transform(np.eye(4, 3), None, 0.0, 1.0, TrainedOn.of(x, triplets, measure="dot", temperature=2.0))
    one, other = (pyalign.score(each, triplets, transform=w) for each in (torch.from_numpy(x), x))
    assert one.in_sample == other.in_sample is not None
    assert (one.accuracy, one.measure) == (other.accuracy, "dot")
