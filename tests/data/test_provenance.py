"""Where a result comes from."""

from __future__ import annotations

import gc
import json
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, reals

import pyalign
from pyalign.data import Embeddings, Input, Provenance, Triplets, fingerprint, hashing


@given(st.integers(0, 5), st.integers(1, 4), st.sampled_from(["f4", "f8", "i2", "u1", "U3"]))
def test_a_hash_is_of_values_shape_and_dtype_alone(n, d, dtype):
    a = np.arange(n * d).reshape(n, d).astype(dtype)
    same = (np.asfortranarray(a), np.repeat(a, 2, axis=0)[::2], a.astype(a.dtype.newbyteorder(">")))
    assert {fingerprint(one) for one in same} == {fingerprint(a)}
    assert fingerprint(a.reshape(-1)) != fingerprint(a)
    if n:
        other = a.copy()
        other[-1, -1] = 77
        assert fingerprint(other) != fingerprint(a)


def test_a_hash_does_not_depend_on_how_much_is_hashed_at_once(monkeypatch):
    a = reals(0, 100, 3)
    whole = fingerprint(a)
    for chunk in (1, 13, 100, 10**6):
        monkeypatch.setattr("pyalign.data.provenance.CHUNK", chunk)
        assert fingerprint(a) == whole
        assert fingerprint(np.asfortranarray(a)) == whole


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "float16"])
def test_a_tensor_has_the_hash_of_its_array(dtype):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    a = np.arange(12).reshape(4, 3).astype(dtype)
    assert fingerprint(torch.from_numpy(a)) == fingerprint(a)


def test_python_objects_have_no_hash(message_of):
    expected = "array must hold numbers or text to have a hash; got dtype object"
    assert message_of(fingerprint, np.array([object()])) == expected
    with hashing():
        assert Input.of("x", np.array([object()])).sha256 is None


def test_an_input_is_hashed_when_somebody_asks(monkeypatch):
    asked = []
    monkeypatch.setattr("pyalign.data.provenance.fingerprint", lambda a: asked.append(1) or fingerprint(a))
    x = reals(0, 4, 3)
    one = Input.of("x", x)
    assert asked == []
    assert one.sha256 == one.sha256 == fingerprint(x)
    assert asked == [1]


def test_an_input_keeps_no_array_alive():
    x = reals(0, 4, 3)
    one, other = Input.of("x", x), Input.of("x", x)
    told = one.sha256
    del x
    gc.collect()
    assert one.sha256 == told
    assert other.sha256 is None


def test_hashing_hashes_at_once_and_each_array_once(monkeypatch):
    asked = []
    monkeypatch.setattr("pyalign.data.provenance.fingerprint", lambda a: asked.append(1) or fingerprint(a))
    x = reals(0, 4, 3)
    told = fingerprint(x)
    with hashing():
        inputs = [Input.of("x", x) for _ in range(3)]
        assert asked == [1]
    del x
    gc.collect()
    assert [one.sha256 for one in inputs] == [told] * 3


def test_an_array_that_was_changed_has_another_hash_the_next_time():
    x = reals(0, 4, 3)
    with hashing():
        before = Input.of("x", x).sha256
    x[0] = 0
    with hashing():
        after = Input.of("x", x).sha256
    assert (before != after, after) == (True, fingerprint(x))


def test_another_array_at_the_same_place_in_memory_is_not_taken_for_the_first():
    with hashing():
        for k in range(50):
            x = np.full((2, 2), float(k))
            assert Input.of("x", x).sha256 == fingerprint(x)
            del x


def test_inputs_tell_their_source_shape_and_dtype():
    x = Embeddings(reals(0, 4, 3), source="clip.npy")
    found = Provenance.now(
        {"x": x, "y": None, "triplets": Triplets(draw_triplets(0, 4, 2))}, {"ties": "wrong"}, "numpy", 3
    )
    assert [(one.name, one.source, one.shape, one.dtype) for one in found.inputs] == [
        ("x", "clip.npy", (4, 3), "float32"),
        ("triplets", None, (2, 3), "int64"),
    ]
    assert found.inputs[0].sha256 == fingerprint(x.values)
    assert (found.version, found.options, found.backend, found.seed) == (
        pyalign.__version__, {"ties": "wrong"}, "numpy", 3,
    )
    age = datetime.now(timezone.utc) - datetime.fromisoformat(found.time)
    assert timedelta(0) <= age < timedelta(minutes=1)


def test_a_frame_of_names_is_an_input_like_any_other():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    names = pandas.DataFrame([["a", "b", "c"]])
    assert Input.of("triplets", names).shape == (1, 3)


def test_it_comes_back_from_json():
    x = reals(0, 4, 3)
    found = Provenance.now({"x": x}, {"ties": "wrong", "ci": {"by": "objects"}}, "numpy", 3)
    back = Provenance.from_dict(json.loads(json.dumps(found.to_dict())))
    assert back == found
    assert back.inputs[0].sha256 == fingerprint(x)


# In results


X, T = reals(1, 9, 4), draw_triplets(2, 9, 40)


@pytest.mark.parametrize(
    "call",
    [
        lambda: pyalign.score(X, T),
        lambda: pyalign.score({"x": X}, T),
        lambda: pyalign.score({"x": X}, T)[0],
        lambda: pyalign.compare({"x": X, "y": X}, T, ci=pyalign.Resampling("triplets", "bootstrap", 64)),
        lambda: pyalign.permutation_test(X, T, n_permutations=2),
    ],
    ids=["score", "scores", "one of scores", "compare", "permutation"],
)
def test_results_know_their_inputs(call):
    backend_that_runs = pyalign.score(X, T).backend
    told = call().provenance
    hashes = {one.name: one.sha256 for one in told.inputs}
    assert (hashes[told.inputs[0].name], hashes["triplets"]) == (fingerprint(X), fingerprint(T))
    assert told.backend == backend_that_runs


@pytest.mark.parametrize(
    ("options", "seed"),
    [
        ({}, None),
        ({"ci": pyalign.Resampling("triplets", "bootstrap", 64, seed=7)}, 7),
        ({"ci": pyalign.Resampling("triplets", seed=7)}, None),
        ({"n_permutations": 2, "seed": 5}, 5),
    ],
)
def test_the_seed_is_that_of_what_was_drawn(options, seed):
    found = pyalign.score({"x": X}, T, **options)
    assert (found.provenance.seed, found[0].provenance.seed) == (seed, seed)


def test_a_permutation_test_names_what_it_was_given_and_not_what_was_left_of_it():
    x = X.copy()
    x[0] = np.nan
    found = pyalign.permutation_test(x, T, n_permutations=2, nan_policy="omit")
    assert [one.shape for one in found.provenance.inputs] == [(9, 4), (40, 3)]


def test_models_keep_their_inputs_whatever_they_are_called():
    models = {"triplets": X, "b": X}
    for found in (
        pyalign.score(models, T), pyalign.compare(models, T, ci=pyalign.Resampling("triplets", "bootstrap", 64))):
        assert [one.name for one in found.provenance.inputs] == ["triplets", "b", "triplets"]
        assert [one.shape for one in found.provenance.inputs] == [(9, 4), (9, 4), (40, 3)]
