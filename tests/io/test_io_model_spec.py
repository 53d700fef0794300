"""Specifications of models, as the registry of the Re-Align challenge has them."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyalign.errors import InputError
from pyalign.io import model_spec

MANIFEST = {
    "command": "extract", "schema": 1, "model": "timm:resnet50", "names": "names.txt", "n_rows": 92,
    "layers": [{"name": "penultimate", "file": "penultimate.npy", "shape": [92, 2048], "dtype": "float32"},
               {"name": "conv", "file": "conv.npy", "shape": [92, 8, 7, 7], "dtype": "float32", "pooling": "none"},
               {"name": "cls", "file": "cls.npy", "shape": [92, 768], "dtype": "float32", "pooling": "cls"}],
    "weights": {"origin": "a1_in1k", "sha256": "ab"},
    "preprocessing": {"size": [3, 224, 288], "mean": [0.5], "std": [0.5], "interpolation": "bicubic"},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=4), inside, max_size=3),
    max_leaves=6,
)


def entry(manifest, layer=None):
    return json.loads(model_spec(manifest, layer))


def test_a_manifest_becomes_a_specification():
    assert entry(MANIFEST, "penultimate") == {
        "model_name": "resnet50", "source": "timm", "weights": "a1_in1k", "layer": "penultimate",
        "embedding": "flatten", "input_size": [224, 288],
        "preprocess": {"mean": [0.5], "std": [0.5], "interpolation": "bicubic"}, "output_dim": 2048,
    }


@pytest.mark.parametrize(
    ("keys", "weights"),
    [
        ({"weights": "IMAGENET1K_V2"}, "IMAGENET1K_V2"),
        ({"weights": {"sha256": "ab"}}, "sha256:ab"),
        ({"weights": {"sha256": "cd"}}, "sha256:cd"),
        ({"weights": None}, None),
    ],
)
def test_weights_go_by_their_name_or_their_hash(keys, weights):
    assert entry({**MANIFEST, **keys}, "cls")["weights"] == weights


def test_the_way_of_pooling_is_that_of_the_layer_where_the_registry_has_a_word_for_it():
    assert entry(MANIFEST, "cls")["embedding"] == "cls"
    conv = entry(MANIFEST, "conv")
    assert (conv["embedding"], conv["output_dim"]) == ("flatten", 8 * 7 * 7)


def test_a_model_without_a_source_is_custom_and_what_is_not_known_is_left_out():
    assert entry({"model": "mine", "layers": [{"name": "fc"}]}) == {
        "model_name": "mine", "source": "custom", "weights": None, "layer": "fc", "embedding": "flatten"
    }


def test_the_layer_is_one_of_those_there(message_of):
    told = "layer must be one of penultimate, conv, cls; "
    assert message_of(model_spec, MANIFEST) == f"{told}none was chosen"
    assert message_of(model_spec, MANIFEST, "fc") == f"{told}got 'fc'"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"model": ""}, "model must be text; got ''"), ({"model": 3}, "model must be text; got 3"),
        ({"layers": [{"shape": [3]}]}, "layer must be text; got None"),
        ({"preprocessing": {"mean": math.nan}}, "a specification must hold what JSON has: "),
    ],
)
def test_what_no_entry_can_hold_is_one_line(message_of, keys, said):
    assert message_of(model_spec, {"layers": MANIFEST["layers"][:1], "model": "x", **keys}).startswith(said)


@pytest.mark.parametrize("size", [224, [224], [224, -1], [True, 2], "224", None])
def test_a_size_of_images_that_is_none_is_left_out(size):
    assert "input_size" not in entry({**MANIFEST, "preprocessing": {"size": size}}, "cls")


@given(st.dictionaries(st.sampled_from(list(MANIFEST)), JSON, max_size=5))
def test_any_manifest_is_read_or_one_line(keys):
    try:
        entry({**MANIFEST, **keys}, "cls")
    except InputError as error:
        assert len(str(error).splitlines()) == 1
