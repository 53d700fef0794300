"""Files of ONNX: tiny graphs against numpy, what a file does wrong in one line, and what nobody may depend on."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
Image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from pyalign.extraction.encoder import Request  # noqa: E402
from pyalign.extraction.onnx_graph import read_graph  # noqa: E402
from pyalign.extraction.sources import load_encoder  # noqa: E402

SIDE, CHANNELS, CLASSES = 6, 4, 5
RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(CHANNELS, 3, 1, 1)).astype(np.float32)
MAP = RNG.normal(size=(CHANNELS, CLASSES)).astype(np.float32)
BIAS = RNG.normal(size=CLASSES).astype(np.float32)
RECIPE = {"size": SIDE, "resize": [8, 8], "interpolation": "bilinear", "scale": 1 / 255, "mean": [0.5, 0.4, 0.3],
          "std": [0.2, 0.25, 0.5], "channels": "RGB"}


def write(path, nodes, inputs, outputs, weights, **saving):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(*one) for one in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path, **saving)
    return path


def write_images(path, batch="b", last=False, end="Softmax", **saving):
    """(b, 3, 6, 6) or (b, 6, 6, 3) -> 1 x 1 convolution "/map:0" -> pooled "pooled" -> classifier, softmax "p"."""
    shape = [batch, SIDE, SIDE, 3] if last else [batch, 3, SIDE, SIDE]
    nodes = [helper.make_node("Transpose", ["x"], ["first"], perm=[0, 3, 1, 2])] if last else []
    nodes += [
        helper.make_node("Conv", ["first" if last else "x", "kernel"], ["/map:0"]),
        helper.make_node("GlobalAveragePool", ["/map:0"], ["square"]),
        helper.make_node("Flatten", ["square"], ["pooled"]),
    ]
    if end:
        nodes += [helper.make_node("MatMul", ["pooled", "map"], ["product"]),
                  helper.make_node("Add", ["product", "bias"], ["classes"]),
                  helper.make_node(end, ["classes"], ["p"])]
    output = ("p", TensorProto.FLOAT, [batch, CLASSES]) if end else ("pooled", TensorProto.FLOAT, [batch, CHANNELS])
    weights = {"kernel": KERNEL, "map": MAP, "bias": BIAS}
    return write(str(path), nodes, [("x", TensorProto.FLOAT, shape)], [output], weights, **saving)


def with_recipe(path, **changes):
    told = {key: value for key, value in {**RECIPE, **changes}.items() if value is not None}
    with open(f"{path}.json", "w") as file:
        json.dump(told, file)
    return path


def pictures(count, size=(11, 9)):
    rng = np.random.default_rng(1)
    return [Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)) for _ in range(count)]


def pixels(images):
    """(b, 6, 6, 3), as RECIPE has it."""
    levels = [np.asarray(image.resize((8, 8), Image.Resampling.BILINEAR).crop((1, 1, 7, 7))) for image in images]
    mean, std = (np.array(RECIPE[key], np.float32) for key in ("mean", "std"))
    return (np.stack(levels).astype(np.float32) / 255 - mean) / std


def truth(images):
    maps = np.einsum("bhwc,kc->bkhw", pixels(images), KERNEL[:, :, 0, 0])
    pooled = maps.mean((2, 3))
    logits = pooled @ MAP + BIAS
    p = np.exp(logits - logits.max(1, keepdims=True))
    return {"/map:0": pooled, "pooled": pooled, "penultimate": pooled, "logits": logits, "classes": logits,
            "p": p / p.sum(1, keepdims=True)}


def rows_of(encoder, items, names, pool="auto"):
    layers = encoder.resolve(names, pool)
    return dict(zip(names, encoder.run([encoder.prepare(item) for item in items], layers), strict=True))


@pytest.mark.parametrize("last", [False, True], ids=["NCHW", "NHWC"])
@pytest.mark.parametrize("batch", ["b", 1, 4])
def test_layers_of_images_are_those_of_numpy_whatever_the_layout_and_the_batch(tmp_path, batch, last):
    encoder = load_encoder(f"onnx:{with_recipe(write_images(tmp_path / 'm.onnx', batch, last))}")
    images = pictures(6)
    expected = truth(images)
    found = rows_of(encoder, images, [*expected])
    for name, rows in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], rows, rtol=1e-5, atol=1e-6, err_msg=name)
    assert encoder.preprocessing["layout"] == ("NHWC" if last else "NCHW")
    assert encoder.modality == "images"


def test_logits_are_before_the_softmax_and_say_so(tmp_path):
    encoder = load_encoder(f"onnx:{with_recipe(write_images(tmp_path / 'm.onnx'))}")
    penultimate, logits = encoder.resolve(["penultimate", "logits"])
    assert penultimate.what == "input of the last linear map, pooled"
    assert logits.what == "output of the last linear map, classes, before Softmax"


def test_a_graph_that_ends_in_no_linear_map_has_a_penultimate_and_a_note(tmp_path):
    encoder = load_encoder(f"onnx:{with_recipe(write_images(tmp_path / 'm.onnx', end=None))}")
    np.testing.assert_allclose(
        rows_of(encoder, pictures(2), ["penultimate"])["penultimate"], truth(pictures(2))["pooled"], rtol=1e-5
    )
    assert "its graph ends in Flatten and in no linear map" in encoder.notes[0]


def test_pooling_of_named_tensors(tmp_path, message_of):
    encoder = load_encoder(f"onnx:{with_recipe(write_images(tmp_path / 'm.onnx'))}")
    images = pictures(3)
    maps = np.einsum("bhwc,kc->bkhw", pixels(images), KERNEL[:, :, 0, 0])
    kept = rows_of(encoder, images, ["/map:0"], "none")["/map:0"]
    np.testing.assert_allclose(kept, maps, rtol=1e-5, atol=1e-6)
    flat = rows_of(encoder, images, ["/map:0"], "flatten")["/map:0"]
    np.testing.assert_allclose(flat, maps.reshape(3, -1), rtol=1e-5, atol=1e-6)
    assert "pool cls needs tokens" in message_of(encoder.resolve, ["/map:0"], "cls")
    assert "applies only to named tensors" in message_of(encoder.resolve, ["logits"], "mean")


def test_what_may_be_asked_for_is_listed_with_shapes(tmp_path):
    listed = load_encoder(f"onnx:{with_recipe(write_images(tmp_path / 'm.onnx', batch=2))}").listed()
    assert [row[0] for row in listed] == [
        "penultimate", "logits", "p", "/map:0", "square", "pooled", "product", "classes",
    ]
    assert dict((name, shape) for name, _, shape in listed)["/map:0"] == "4 x 6 x 6"


def test_channels_and_scale_are_as_the_recipe_says(tmp_path):
    path = write_images(tmp_path / "m.onnx")
    plain = load_encoder(f"onnx:{with_recipe(path)}").prepare(pictures(1)[0])
    turned = load_encoder(
        f"onnx:{with_recipe(path, channels='BGR', mean=RECIPE['mean'][::-1], std=RECIPE['std'][::-1])}"
    )
    np.testing.assert_allclose(turned.prepare(pictures(1)[0]), plain[::-1], rtol=1e-6)
    by_255 = load_encoder(f"onnx:{with_recipe(path, scale=1, mean=[0, 0, 0], std=[255, 255, 255])}")
    unit = load_encoder(f"onnx:{with_recipe(path, mean=[0, 0, 0], std=[1, 1, 1])}")
    np.testing.assert_allclose(by_255.prepare(pictures(1)[0]), unit.prepare(pictures(1)[0]), rtol=1e-6)


@pytest.mark.parametrize("size", [(11, 9), (9, 11), (30, 6)])
def test_a_number_resizes_the_shorter_side(tmp_path, size):
    encoder = load_encoder(f"onnx:{with_recipe(write_images(tmp_path / 'm.onnx'), resize=8)}")
    height, width = (8 * k // min(size) for k in size)
    image = pictures(1, size)[0]
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    top, left = (height - SIDE) // 2, (width - SIDE) // 2
    expected = np.asarray(resized, np.float32)[top : top + SIDE, left : left + SIDE] / 255
    mean, std = (np.array(RECIPE[key]) for key in ("mean", "std"))
    np.testing.assert_allclose(
        encoder.prepare(image), ((expected - mean) / std).transpose(2, 0, 1), rtol=1e-4, atol=1e-5
    )


def test_a_configuration_of_the_hub_says_the_same(tmp_path):
    path = write_images(tmp_path / "m.onnx")
    own = load_encoder(f"onnx:{with_recipe(path)}")
    (tmp_path / "m.onnx.json").unlink()
    told = {"do_resize": True, "size": {"height": 8, "width": 8}, "do_center_crop": True, "resample": 2,
            "crop_size": {"height": SIDE, "width": SIDE}, "rescale_factor": 1 / 255, "image_mean": RECIPE["mean"],
            "image_std": RECIPE["std"], "image_processor_type": "ViTImageProcessor"}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(told))
    image = pictures(1)[0]
    assert np.array_equal(load_encoder(f"onnx:{path}").prepare(image), own.prepare(image))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**told, "crop_pct": 0.9}))
    with pytest.raises(ValueError, match="'crop_pct' is not known here"):
        load_encoder(f"onnx:{path}")


def test_a_file_without_a_recipe_shows_one_that_works(tmp_path, message_of):
    path = write_images(tmp_path / "m.onnx")
    message = message_of(load_encoder, f"onnx:{path}")
    assert f"write {path}.json, such as " in message
    (tmp_path / "m.onnx.json").write_text(message.partition("such as ")[2])
    assert load_encoder(f"onnx:{path}").prepare(pictures(1)[0]).shape == (3, SIDE, SIDE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"means": [0, 0, 0]}, "got 'means'; did you mean 'mean'?"),
        ({"mean": None}, "must have 'mean'"),
        ({"mean": [0.5]}, "mean must be three numbers"),
        ({"std": [1, 0, 1]}, "std without 0"),
        ({"size": 7}, "size must be [6, 6], which the graph takes; got [7, 7]"),
        ({"resize": 5}, "resize must not be smaller than size [6, 6]; got 5"),
        ({"resize": "large"}, "resize must be a number of pixels or [height, width]; got 'large'"),
        ({"interpolation": "cubic"}, "interpolation must be one of nearest, "),
        ({"channels": "GRB"}, "channels must be one of RGB, BGR"),
        ({"scale": "1/255"}, "scale must be a number"),
    ],
)
def test_a_recipe_at_fault_is_one_line_with_its_path(tmp_path, message_of, changes, message):
    path = with_recipe(write_images(tmp_path / "m.onnx"), **changes)
    found = message_of(load_encoder, f"onnx:{path}")
    assert found.startswith(f"{path}.json: ")
    assert message in found


# Files


def test_the_hash_is_that_of_the_file(tmp_path):
    path = with_recipe(write_images(tmp_path / "m.onnx"))
    digest = hashlib.sha256((tmp_path / "m.onnx").read_bytes()).hexdigest()
    weights = load_encoder(f"onnx:{path}").weights
    assert (weights.sha256, weights.file_sha256, weights.origin) == (digest, digest, path)


def test_weights_in_a_file_beside_count_and_serve_inner_tensors(tmp_path):
    saving = {"save_as_external_data": True, "location": "m.data", "size_threshold": 0}
    path = with_recipe(write_images(tmp_path / "m.onnx", **saving))
    assert (tmp_path / "m.data").exists()
    encoder = load_encoder(f"onnx:{path}")
    found = rows_of(encoder, pictures(2), ["/map:0", "logits"])
    np.testing.assert_allclose(found["/map:0"], truth(pictures(2))["pooled"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["logits"], truth(pictures(2))["logits"], rtol=1e-5, atol=1e-6)
    before = read_graph("s", path).weights
    data = bytearray((tmp_path / "m.data").read_bytes())
    data[0] ^= 1
    (tmp_path / "m.data").write_bytes(data)
    after = read_graph("s", path).weights
    assert before.sha256 == encoder.weights.sha256 != after.sha256
    assert before.file_sha256 is None


@pytest.mark.parametrize("place", ["../m.data", "/etc/hostname", "a/../../m.data"])
def test_weights_outside_of_the_folder_are_not_read(tmp_path, message_of, place):
    (tmp_path / "in").mkdir()
    saving = {"save_as_external_data": True, "location": "m.data", "size_threshold": 0}
    path = write_images(tmp_path / "in" / "m.onnx", **saving)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        next(one for one in tensor.external_data if one.key == "location").value = place
    (tmp_path / "in" / "m.onnx").write_bytes(model.SerializeToString())
    assert "must have its weights next to it; got" in message_of(load_encoder, f"onnx:{with_recipe(path)}")


def test_a_damaged_file_is_one_line(tmp_path, message_of):
    whole = Path(write_images(tmp_path / "m.onnx")).read_bytes()
    with_recipe(tmp_path / "m.onnx")
    rng = np.random.default_rng(0)
    noise = bytearray(whole)
    for place in rng.integers(0, len(noise), 40):
        noise[place] ^= int(rng.integers(1, 256))
    damaged = [b"", b"\0", b"not a model", whole[: len(whole) // 2], whole[:-1], whole[7:], bytes(noise)]
    for k, content in enumerate(damaged):
        (tmp_path / "m.onnx").write_bytes(content)
        message = message_of(load_encoder, f"onnx:{tmp_path / 'm.onnx'}")
        assert message.startswith(f"onnx:{tmp_path / 'm.onnx'}"), (k, message)
    assert "No such file" in message_of(load_encoder, f"onnx:{tmp_path / 'none.onnx'}")
    assert "is a folder, not a file" in message_of(load_encoder, f"onnx:{tmp_path}")


# What is asked for


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"checkpoint": "w.pt"}, "checkpoint has no meaning for onnx"),
        ({"precision": "bf16"}, "precision and compile are those of the file"),
        ({"compile": True}, "precision and compile are those of the file"),
        ({"device": "mps"}, "device of onnx must be auto, cpu or cuda:N; got 'mps'"),
    ],
)
def test_what_has_no_meaning_is_refused(tmp_path, message_of, request_, message):
    path = with_recipe(write_images(tmp_path / "m.onnx"))
    assert message in message_of(load_encoder, f"onnx:{path}", Request(**request_))


def test_cuda_without_its_runtime_says_which_package(tmp_path, message_of):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    path = with_recipe(write_images(tmp_path / "m.onnx"))
    assert "needs the package onnxruntime-gpu" in message_of(load_encoder, f"onnx:{path}", Request(device="cuda"))


def test_a_layer_that_is_not_there_proposes_one_that_is(tmp_path, message_of):
    encoder = load_encoder(f"onnx:{with_recipe(write_images(tmp_path / 'm.onnx'))}")
    assert message_of(encoder.resolve, ["poold"]).endswith("did you mean 'pooled'?")
    assert "has no layer 'kernel'" in message_of(encoder.resolve, ["kernel"])  # weights are no layer


def two_outputs(path, first, second):
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["square"]), helper.make_node("Flatten", ["square"], [first]),
             helper.make_node("Relu", [first], [second])]
    outputs = [(name, TensorProto.FLOAT, ["b", 3]) for name in (first, second)]
    return write(str(path), nodes, [("x", TensorProto.FLOAT, ["b", 3, SIDE, SIDE])], outputs, {})


def test_of_several_outputs_names_that_exporters_give_are_known_and_others_must_be_named(tmp_path, message_of):
    encoder = load_encoder(f"onnx:{with_recipe(two_outputs(tmp_path / 'a.onnx', 'pooler_output', 'logits'))}")
    assert [layer.what for layer in encoder.resolve(["penultimate", "logits"])] == [
        "output pooler_output, as the model pools it", "output logits, output of the classifier",
    ]
    encoder = load_encoder(f"onnx:{with_recipe(two_outputs(tmp_path / 'b.onnx', 'out1', 'out2'))}")
    assert re.search(
        r"does not say which output is penultimate; .*out1, out2$", message_of(encoder.resolve, ["penultimate"])
    )
    assert rows_of(encoder, pictures(2), ["out2"])["out2"].shape == (2, 3)


def test_a_graph_of_something_else_says_what_it_takes(tmp_path, message_of):
    path = write(str(tmp_path / "m.onnx"), [helper.make_node("Relu", ["x"], ["y"])],
                 [("x", TensorProto.FLOAT, ["b", 7])], [("y", TensorProto.FLOAT, ["b", 7])], {})
    assert "its inputs: x tensor(float) (?, 7)" in message_of(load_encoder, f"onnx:{path}")


def test_a_layer_without_a_row_for_each_item_is_refused(tmp_path, message_of):
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["square"]), helper.make_node("Flatten", ["square"], ["y"]),
             helper.make_node("ReduceMean", ["y"], ["all"], axes=[0], keepdims=1)]
    outputs = [(name, TensorProto.FLOAT, [None, 3]) for name in ("y", "all")]
    path = write(str(tmp_path / "m.onnx"), nodes, [("x", TensorProto.FLOAT, ["b", 3, SIDE, SIDE])], outputs, {})
    encoder = load_encoder(f"onnx:{with_recipe(path)}")
    assert "must have a row for each item; of 2 it has shape (1, 3)" in message_of(encoder.resolve, ["all"])


def test_files_beside_a_graph_run_no_code(tmp_path, hostile, outcome_of):
    named = {"auto_map": {"AutoImageProcessor": "evil.Evil", "AutoTokenizer": ["evil.Evil", None]}}
    own = {"image_processor_type": "Evil", "tokenizer_class": "Evil", **named}
    write_images(tmp_path / "m.onnx")
    hostile.add(tmp_path, preprocessor_config=own, config=named, tokenizer_config=own, tokenizer={"type": "evil.Evil"},
                modules=[{"idx": 0, "name": "0", "path": "", "type": "evil.Evil"}])
    assert "is not known here" in outcome_of(load_encoder, f"onnx:{tmp_path}/m.onnx")
