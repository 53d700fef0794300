"""Specifications of models, as the registry of the Re-Align challenge has them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyalign.errors import InputError
from pyalign.io import ModelSpec, read_model_spec, write_model_spec

CONTRACT = {  # the example of the challenge's evaluation contract
    "model_name": "resnet50", "source": "torchvision", "weights": "IMAGENET1K_V2", "layer": "fc",
    "embedding": "flatten", "input_size": [224, 224],
    "preprocess": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "resize": 256, "crop": 224},
    "output_dim": 2048,
}
SHORT = {  # as entries of the registry have been shown, with a key that is not of the contract
    "model_name": "resnet101.a1_in1k", "source": "timm", "weights": "imagenet", "layer": "global_pool",
    "embedding": "flatten", "preprocess": {"resize": 256}, "notes": "an entry",
}
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


@pytest.mark.parametrize("told", [CONTRACT, SHORT], ids=["contract", "short"])
def test_an_entry_comes_back_as_it_was_with_unknown_keys(tmp_path, told):
    path = tmp_path / "model.json"
    path.write_text(json.dumps(told))
    spec = read_model_spec(path)
    write_model_spec(path, spec)
    assert json.loads(path.read_text()) == told
    assert read_model_spec(path) == spec


def test_three_numbers_of_the_input_size_are_kept():
    assert ModelSpec.from_dict({**CONTRACT, "input_size": [3, 224, 224]}).to_dict()["input_size"] == [3, 224, 224]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"model_name": ""}, "model_name must be text; got ''"),
        ({"source": None}, "source must be text; got None"),
        ({"weights": 3}, "weights must be text or null; got 3"),
        ({"input_size": 224}, "input_size must be [height, width]; got 224"),
        ({"input_size": [224]}, "input_size must be [height, width]; got [224]"),
        ({"input_size": [224, -1]}, "input_size must be [height, width]"),
        ({"input_size": [True, 2]}, "input_size must be [height, width]"),
        ({"preprocess": []}, "preprocess must be an object; got []"),
        ({"output_dim": 0}, "output_dim must be a positive whole number; got 0"),
    ],
    ids=str,
)
def test_values_of_another_type_are_refused(tmp_path, refused, keys, said):
    path = tmp_path / "model.json"
    path.write_text(json.dumps({**CONTRACT, **keys}))
    assert refused(read_model_spec, path).startswith(said)


def test_what_is_missing_is_named(tmp_path, refused):
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"model_name": "x", "source": "timm", "layer": "fc"}))
    assert refused(read_model_spec, path) == (
        "a specification must have embedding, weights; it has ['model_name', 'source', 'layer']"
    )
    path.write_text(json.dumps([CONTRACT]))
    assert refused(read_model_spec, path).startswith("a specification must be one object; got [")
    assert refused(write_model_spec, tmp_path / "x.txt", spec=ModelSpec.from_dict(CONTRACT)) == (
        "a specification is written as .json"
    )


@given(st.dictionaries(st.sampled_from([*CONTRACT, "more", "x"]), JSON, max_size=9) | JSON)
def test_any_document_is_read_or_one_line(tmp_path, document):
    path = tmp_path / "model.json"
    told = {**CONTRACT, **document} if isinstance(document, dict) else document
    path.write_text(json.dumps(told))
    try:
        spec = read_model_spec(path)
    except InputError as error:
        assert str(error).startswith(f"{path}: ") and len(str(error).splitlines()) == 1
    else:
        assert {key: value for key, value in spec.to_dict().items() if value is not None} == {
            key: value for key, value in told.items() if value is not None
        }


def test_what_json_does_not_have_is_refused(message_of):
    spec = ModelSpec("x", "timm", None, "fc", "flatten", preprocess={"mean": float("nan")})
    assert message_of(spec.to_json).startswith("a specification must hold what JSON has: ")
    assert message_of(ModelSpec, "x", "timm", None, "fc", "flatten", more={"layer": 1}).startswith("more must have")


# Of a manifest


def test_a_manifest_becomes_a_specification():
    assert ModelSpec.from_manifest(MANIFEST, "penultimate").to_dict() == {
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
    assert ModelSpec.from_manifest({**MANIFEST, **keys}, "cls").weights == weights


def test_the_way_of_pooling_is_that_of_the_layer_where_the_registry_has_a_word_for_it():
    assert ModelSpec.from_manifest(MANIFEST, "cls").embedding == "cls"
    conv = ModelSpec.from_manifest(MANIFEST, "conv")
    assert (conv.embedding, conv.output_dim) == ("flatten", 8 * 7 * 7)


def test_a_model_without_a_source_is_custom_and_what_is_not_known_is_left_out():
    spec = ModelSpec.from_manifest({"model": "mine", "layers": [{"name": "fc"}]})
    assert spec.to_dict() == {
        "model_name": "mine", "source": "custom", "weights": None, "layer": "fc", "embedding": "flatten"
    }


def test_the_layer_is_one_of_those_there(message_of):
    told = "layer must be one of penultimate, conv, cls; "
    assert message_of(ModelSpec.from_manifest, MANIFEST) == f"{told}none was chosen"
    assert message_of(ModelSpec.from_manifest, MANIFEST, "fc") == f"{told}got 'fc'"


@given(st.dictionaries(st.sampled_from(list(MANIFEST)), JSON, max_size=5))
def test_any_manifest_is_read_or_one_line(keys):
    try:
        ModelSpec.from_manifest({**MANIFEST, **keys}, "cls").to_json()
    except InputError as error:
        assert len(str(error).splitlines()) == 1
