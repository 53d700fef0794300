"""Texts: names and prompts, tokens and their pooling, and rows that do not depend on the batch they are in."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pyalign.extraction.extract import as_texts, extract, fill
from pyalign.extraction.sources import load_encoder
from pyalign.extraction.tokenizing import TextTokens, load_tokenizer, nearby_pooling, padded, pool_tokens

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "photo", "of", "dog", "alarm", "clock", "##s", "cat"]
TABLE = np.random.default_rng(0).normal(size=(len(WORDS), 7)).astype(np.float32)
TEXTS = ["dog", "a photo of a dog", "alarm clocks", "cat"]
IDS = [[2, 8, 3], [2, 5, 6, 7, 5, 8, 3], [2, 9, 10, 11, 3], [2, 12, 3]]
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def write(path, inputs=INPUTS, length="k", batch="b", outputs=("last_hidden_state",), more=()):
    """ids (b, k) -> rows of TABLE (b, k, 7); and their sum, which sees what fills up, as `sum`."""
    nodes = [helper.make_node("Gather", ["table", inputs[0]], ["last_hidden_state"]),
             helper.make_node("ReduceSum", ["last_hidden_state", "axis"], ["sum"], keepdims=0), *more]
    shapes = {"last_hidden_state": [batch, length, 7]}
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(name, TensorProto.INT64, [batch, length]) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes.get(name, [batch, 7])) for name in outputs],
        [numpy_helper.from_array(TABLE, "table"), numpy_helper.from_array(np.array([1]), "axis")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return str(path)


@pytest.fixture
def folder(tmp_path):
    """With vocab.txt."""
    (tmp_path / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS))
    return tmp_path


def rows_of(encoder, texts, layer="penultimate", pool="auto"):
    return encoder.run([encoder.prepare(text) for text in texts], encoder.resolve([layer], pool))[0]


def means(rows=TABLE):
    return np.stack([rows[ids].mean(0) for ids in IDS])


# Names and prompts


def test_the_model_reads_blanks_and_rows_keep_the_names(folder):
    found = extract(f"onnx:{write(folder / 'm.onnx')}", texts=["alarm_clocks", "dog"])
    embeddings = found["penultimate"]
    assert list(embeddings.names) == ["alarm_clocks", "dog"]
    np.testing.assert_allclose(embeddings.values, means()[[2, 0]], rtol=1e-6)
    assert found.preprocessing["underscores"] == "blanks"
    assert found.preprocessing["prompt"] is None
    assert found.modality == "texts" and found.decoder is None


def test_a_prompt_is_applied_and_recorded(folder):
    found = extract(f"onnx:{write(folder / 'm.onnx')}", texts=["dog"], prompt="a photo of a {}")
    np.testing.assert_allclose(found["penultimate"].values, means()[[1]], rtol=1e-6)
    assert found.preprocessing["prompt"] == "a photo of a {}"
    assert list(found["penultimate"].names) == ["dog"]


def test_a_run_does_not_go_on_with_another_prompt(folder, message_of):
    model = f"onnx:{write(folder / 'm.onnx')}"
    extract(model, texts=TEXTS, out=folder / "out", prompt="a {}")
    assert "differs in preprocessing" in message_of(
        extract, model, texts=TEXTS, out=folder / "out", prompt="the {}", resume=True
    )


@pytest.mark.parametrize("prompt", ["a photo", "{} and {}", "a\n{}", ""])
def test_a_prompt_has_one_place(folder, message_of, prompt):
    assert "prompt must be a line with one {}" in message_of(fill, prompt, "dog")
    assert "prompt must be" in message_of(extract, f"onnx:{write(folder / 'm.onnx')}", texts=["dog"], prompt=prompt)


def test_a_prompt_is_no_format_string():
    assert fill("{0.real} {}", "{x}") == "{0.real} {x}"


def test_prompts_and_models_of_images_do_not_meet(folder, message_of):
    assert message_of(extract, "pixels:2", ["x.png"], prompt="a {}") == (
        "prompt applies only to texts; got 'a {}' with images"
    )
    assert message_of(extract, "pixels:2", texts=["dog"]) == "pixels:2 takes images; got texts"
    model = f"onnx:{write(folder / 'm.onnx')}"
    assert message_of(extract, model, ["x.png"]) == f"{model} takes texts; got images"


@pytest.mark.parametrize("given", [[], ["a", "a"], ["a", ""], ["a", 3], ["a\nb"]])
def test_texts_at_fault_are_refused(message_of, given):
    assert message_of(as_texts, given).startswith("texts must ")


# Tokens and rows


@pytest.mark.parametrize("inputs", [INPUTS, INPUTS[:2], INPUTS[:1], ("ids",), ("input_ids", "mask", "segment_ids")])
@pytest.mark.parametrize("batch", ["b", 1, 3])
def test_rows_are_means_of_the_tokens_whatever_the_inputs_and_the_batch(folder, inputs, batch):
    encoder = load_encoder(f"onnx:{write(folder / 'm.onnx', inputs, batch=batch)}")
    assert encoder.modality == "texts"
    np.testing.assert_allclose(rows_of(encoder, TEXTS), means(), rtol=1e-6)
    (layer,) = encoder.resolve(["penultimate"])
    assert (layer.what, layer.pooling) == ("mean of the tokens of output last_hidden_state", "mean")


def test_without_a_mask_texts_of_other_lengths_are_not_filled_up(folder):
    """`sum` sees the tokens that fill up: it is right only where there are none."""
    encoder = load_encoder(f"onnx:{write(folder / 'm.onnx', INPUTS[:1], outputs=('last_hidden_state', 'sum'))}")
    expected = np.stack([TABLE[ids].sum(0) for ids in IDS])
    np.testing.assert_allclose(rows_of(encoder, TEXTS, "sum"), expected, rtol=1e-5)


def test_a_fixed_number_of_tokens_cuts_and_fills_up(folder):
    encoder = load_encoder(f"onnx:{write(folder / 'm.onnx', length=5)}")
    expected = np.stack([TABLE[ids if len(ids) <= 5 else [*ids[:4], 3]].mean(0) for ids in IDS])
    np.testing.assert_allclose(rows_of(encoder, TEXTS), expected, rtol=1e-6)
    assert encoder.preprocessing["longest"] == 5
    assert not encoder.notes
    assert "it sees what fills up" in load_encoder(f"onnx:{write(folder / 'n.onnx', INPUTS[:1], length=5)}").notes[0]


def test_named_tokens_are_pooled_by_the_mask_or_the_first_is_taken(folder, message_of):
    encoder = load_encoder(f"onnx:{write(folder / 'm.onnx')}")
    np.testing.assert_allclose(rows_of(encoder, TEXTS, "last_hidden_state"), means(), rtol=1e-6)
    first = rows_of(encoder, TEXTS, "last_hidden_state", "cls")
    np.testing.assert_array_equal(first, TABLE[[2] * 4])
    message = message_of(encoder.resolve, ["last_hidden_state"], "flatten")
    assert message.endswith("must be rows, or tokens with pool mean or cls; it has shape tokens x 7, pool flatten")
    assert "does not say which output is logits" in message_of(encoder.resolve, ["logits"])


@pytest.mark.parametrize("name", ["sentence_embedding", "text_embeds"])
def test_the_models_own_embedding_goes_before_its_tokens(folder, name):
    more = [helper.make_node("Neg", ["sum"], [name])]
    path = write(folder / "m.onnx", INPUTS[:1], outputs=("last_hidden_state", name), more=more)
    encoder = load_encoder(f"onnx:{path}")
    layer = "penultimate" if name == "sentence_embedding" else "logits"
    np.testing.assert_allclose(rows_of(encoder, TEXTS, layer), -np.stack([TABLE[ids].sum(0) for ids in IDS]), rtol=1e-5)
    assert name in encoder.resolve([layer])[0].what


def test_berts_pooler_is_no_sentence_embedding(folder):
    more = [helper.make_node("Tanh", ["sum"], ["pooler_output"])]
    path = write(folder / "m.onnx", outputs=("last_hidden_state", "pooler_output"), more=more)
    np.testing.assert_allclose(rows_of(load_encoder(f"onnx:{path}"), TEXTS), means(), rtol=1e-6)


POOLED = {
    "mean": lambda rows: rows.mean(0),
    "cls": lambda rows: rows[0],
    "max": lambda rows: rows.max(0),
    "lasttoken": lambda rows: rows[-1],
}


@pytest.mark.parametrize("style", ["new", "old", "modules.json"])
@pytest.mark.parametrize("mode", POOLED)
def test_pooling_is_as_the_folder_says(folder, mode, style):
    old = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens", "lasttoken": "lasttoken"}
    told = {"pooling_mode": mode} if style == "new" else {f"pooling_mode_{old[one]}": one == mode for one in old}
    place = "2_Other" if style == "modules.json" else "1_Pooling"
    (folder / place).mkdir()
    (folder / place / "config.json").write_text(json.dumps(told))
    if style == "modules.json":
        (folder / "modules.json").write_text(
            json.dumps([{"path": place, "type": "sentence_transformers.models.Pooling"}])
        )
    encoder = load_encoder(f"onnx:{write(folder / 'm.onnx')}")
    np.testing.assert_allclose(rows_of(encoder, TEXTS), [POOLED[mode](TABLE[ids]) for ids in IDS], rtol=1e-6)
    assert encoder.preprocessing["pooling"] == mode
    assert encoder.preprocessing["pooling_file"].endswith(f"{place}/config.json")


def test_pooling_that_is_not_known_is_refused(folder, message_of):
    (folder / "1_Pooling").mkdir()
    told = {"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(told))
    assert "has mean and max" in message_of(nearby_pooling, "s", str(folder / "m.onnx"))


def test_modules_outside_of_the_folder_are_not_read(folder):
    (folder / "modules.json").write_text(json.dumps([{"path": "../..", "type": "x.Pooling"}, {"type": "Pooling"}, 3]))
    assert nearby_pooling("s", str(folder / "m.onnx")) == ("mean", None)


def test_tokenizer_json_is_taken_first_and_from_the_folder_above(folder):
    inner = tokenizers.BertWordPieceTokenizer.from_file(str(folder / "vocab.txt"))
    inner.enable_truncation(4)
    inner.enable_padding(length=9)
    (folder / "onnx").mkdir()
    inner.save(str(folder / "tokenizer.json"))
    found = load_tokenizer("s", str(folder / "onnx" / "m.onnx"))
    assert found.file == str(folder / "tokenizer.json")
    assert (found.longest, found.tokens("a photo of a dog").ids) == (4, [2, 5, 6, 3])
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 6}))
    assert load_tokenizer("s", str(folder / "onnx" / "m.onnx")).longest == 6
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 5}))
    assert load_tokenizer("s", str(folder / "onnx" / "m.onnx")).longest == 5


def test_letters_keep_their_case_where_the_folder_says_so(folder):
    path = str(folder / "m.onnx")
    assert load_tokenizer("s", path).tokens("Dog").ids == [2, 8, 3]
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    assert load_tokenizer("s", path).tokens("Dog").ids == [2, 1, 3]


def test_a_model_of_texts_without_a_tokenizer_says_what_to_put_where(tmp_path, message_of):
    path = write(tmp_path / "m.onnx")
    assert message_of(load_encoder, f"onnx:{path}") == (
        f"onnx:{path} takes texts: put tokenizer.json or vocab.txt next to {path}, which holds none"
    )
    (tmp_path / "tokenizer.json").write_text("{}")
    assert message_of(load_encoder, f"onnx:{path}").startswith(
        f"onnx:{path}: {tmp_path / 'tokenizer.json'} can't be read"
    )


@pytest.mark.parametrize("mode", POOLED)
def test_pooling_is_of_the_tokens_that_the_mask_has(mode):
    batch = padded([TextTokens(ids, [0] * len(ids)) for ids in IDS], 4)
    tokens = np.where(batch["mask"][:, :, None] > 0, TABLE[batch["ids"]], np.nan)
    found = pool_tokens(np.nan_to_num(tokens, nan=1e9), batch["mask"], mode)
    np.testing.assert_allclose(found, [POOLED[mode](TABLE[ids]) for ids in IDS], rtol=1e-6)


def test_extract_gives_the_same_rows_for_any_batch_size(folder):
    model = f"onnx:{write(folder / 'm.onnx')}"
    one, all_ = (extract(model, texts=TEXTS, batch_size=size)["penultimate"].values for size in (1, 4))
    np.testing.assert_allclose(one, all_, rtol=1e-6)


def test_layers_of_any_name_lie_in_the_folder(folder):
    more = [helper.make_node("Neg", ["sum"], ["/block/Neg:0"])]
    path = write(folder / "m.onnx", INPUTS[:1], more=more)
    found = extract(f"onnx:{path}", texts=TEXTS, layers=["/block/Neg:0"], out=folder / "out")
    assert sorted(one.name for one in (folder / "out").iterdir()) == [
        "%2Fblock%2FNeg%3A0.npy",
        "items.sha256",
        "manifest.json",
        "names.txt",
    ]
    np.testing.assert_allclose(found["/block/Neg:0"].values, -np.stack([TABLE[ids].sum(0) for ids in IDS]), rtol=1e-5)
