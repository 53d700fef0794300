"""Text models of torch, tiny ones with random weights: equal to what their libraries give, whatever the batch."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from pyalign.extraction.encoder import Request, Weights
from pyalign.extraction.extract import extract

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.slow  # the libraries take seconds to load
TEXTS = ["dog", "a photo of an alarm clock", "cats and dogs!", "a"]


def rows_of(encoder, texts, layer="penultimate", pool="auto"):
    return encoder.run([encoder.prepare(text) for text in texts], encoder.resolve([layer], pool))[0]


def require_same_alone(encoder, layer):
    together = rows_of(encoder, TEXTS, layer)
    for row, text in zip(together, TEXTS, strict=True):
        np.testing.assert_allclose(rows_of(encoder, [text], layer)[0], row, atol=1e-5)


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    """``sentences(name, pooling, *modules)``: a folder with a tiny BERT, and with modules behind its pooling."""
    library = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("bert")
    letters = "abcdefghijklmnopqrstuvwxyz!"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dog", "a", *letters[1:], *(f"##{one}" for one in letters)]
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    )
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)

    def make(name, pooling, *modules):
        try:
            from sentence_transformers.sentence_transformer import modules as models
        except ImportError:  # before version 5
            from sentence_transformers import models
        first = [models.Transformer(str(folder)), models.Pooling(16, pooling_mode=pooling)]
        rest = [getattr(models, one)(*given) for one, *given in modules]
        made = library.SentenceTransformer(modules=[*first, *rest], device="cpu")
        made.save(str(folder / name))
        return str(folder / name), made

    return make


@pytest.mark.suite("test")
def test_sentence_embeddings_are_those_of_encode_before_normalization(sentences, message_of):
    path, model = sentences("normal", "mean", ("Normalize",))
    from pyalign.extraction.sources import load_encoder

    encoder = load_encoder(f"sentence-transformers:{path}")
    found = rows_of(encoder, TEXTS)
    expected = model.encode(TEXTS, show_progress_bar=False)
    np.testing.assert_allclose(found / np.linalg.norm(found, axis=1, keepdims=True), expected, atol=1e-5)
    assert not np.allclose(np.linalg.norm(found, axis=1), 1)
    assert encoder.resolve(["penultimate"])[0].what == "sentence embedding before normalization, mean"
    assert encoder.modality == "texts" and encoder.weights.file_sha256
    assert "has no layer 'logits'; it has penultimate" in message_of(encoder.resolve, ["logits"])
    require_same_alone(encoder, "penultimate")


def test_a_model_that_was_put_into_training_meanwhile_draws_no_rows(sentences):
    from pyalign.extraction.sources import load_encoder

    encoder = load_encoder(f"sentence-transformers:{sentences('trained', 'mean')[0]}")
    before = rows_of(encoder, TEXTS)
    encoder.module.train()
    np.testing.assert_array_equal(rows_of(encoder, TEXTS), before)


def test_logits_are_what_dense_layers_make_of_the_pooled_tokens(sentences):
    from pyalign.extraction.sources import load_encoder

    path, model = sentences("dense", "cls", ("Dense", 16, 5))
    encoder = load_encoder(f"sentence-transformers:{path}")
    expected = model.encode(TEXTS, show_progress_bar=False)
    np.testing.assert_allclose(rows_of(encoder, TEXTS, "logits"), expected, atol=1e-5)
    dense = model[2]
    pooled = torch.from_numpy(rows_of(encoder, TEXTS))
    again = dense({"sentence_embedding": pooled})["sentence_embedding"].detach().numpy()
    np.testing.assert_allclose(again, expected, atol=1e-5)


def test_tokens_of_modules_are_pooled_by_the_mask(sentences, message_of):
    from pyalign.extraction.sources import load_encoder

    path, _ = sentences("plain", "mean")
    encoder = load_encoder(f"sentence-transformers:{path}")
    last = next(name for name, what, _ in reversed(encoder.listed()) if what == "BertLayer")
    np.testing.assert_allclose(rows_of(encoder, TEXTS, last), rows_of(encoder, TEXTS), atol=1e-5)
    require_same_alone(encoder, last)
    assert rows_of(encoder, TEXTS, last, "cls").shape == (4, 16)
    assert "tokens with pool mean or cls" in message_of(encoder.resolve, [last], "flatten")
    assert "a step of" in message_of(encoder.resolve, ["1"])


def test_random_weights_follow_from_the_seed(sentences):
    from pyalign.extraction.sources import load_encoder

    path, _ = sentences("random", "mean", ("Dense", 16, 5))
    a, b, c = (load_encoder(f"random:{seed}:sentence-transformers:{path}") for seed in (0, 0, 1))
    assert a.weights.sha256 == b.weights.sha256 != c.weights.sha256
    assert np.array_equal(rows_of(a, TEXTS, "logits"), rows_of(b, TEXTS, "logits"))


def test_sentence_models_at_fault_are_one_line(sentences, message_of, tmp_path, monkeypatch):
    from pyalign.extraction.sources import load_encoder

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "its weights are not in the cache" in message_of(load_encoder, "sentence-transformers:no-such-model")
    assert "there is no folder /none" in message_of(load_encoder, "sentence-transformers:/none")
    spec = f"sentence-transformers:{tmp_path}"
    assert "must hold modules.json or config.json" in message_of(load_encoder, spec)
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no such type"}))
    assert message_of(load_encoder, spec).startswith(f"{spec}: {tmp_path} can't be loaded: ")
    request = Request(checkpoint="w.pt")
    assert "checkpoint of sentence-transformers:x must be a folder" in message_of(
        load_encoder, "sentence-transformers:x", request
    )
    assert "compile applies only to image models" in message_of(load_encoder, spec, Request(compile=True))


MAP = {name: "evil.Evil" for name in ("AutoConfig", "AutoModel", "AutoProcessor", "AutoImageProcessor")} | {
    "AutoTokenizer": ["evil.Evil", "evil.Evil2"]
}
OWN = {"model_type": "own", "auto_map": MAP}
TRUSTS = {name: {"trust_remote_code": True} for name in ("model_kwargs", "processor_kwargs", "config_kwargs")}
TRANSFORMER, MODULES = "sentence_transformers.models.Transformer", "modules.json names "
STEPS = {
    "a module of its own": "evil.Evil", "a module of an own package": "evil.evil.Evil", "a function": "os.system",
    "a module behind the library's": "sentence_transformers.util.importlib.import_module",
}
# Changes of the files of a folder, and what comes of it: "made", or part of the refusal; None: either.
HOSTILE = {
    "a config of an own type": ({"config": OWN}, "code of its own repository"),
    "a config of an own type that trusts": ({"config": OWN, "sentence_bert_config": TRUSTS}, "own repository"),
    "a config of a known type": (
        {"config": {"auto_map": {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil"}}}, "made"),
    "a tokenizer of an own type": (
        {"tokenizer_config": {"tokenizer_class": "EvilTokenizer", "auto_map": MAP}}, "code of its own repository"),
    "a tokenizer that trusts": (
        {"tokenizer_config": {"tokenizer_class": "EvilTokenizer", "auto_map": MAP}, "sentence_bert_config": TRUSTS},
        "code of its own repository"),
    "a processor": ({"processor_config": {"processor_class": "Evil", "auto_map": MAP}}, None),
    "a processor of images": ({"preprocessor_config": {"image_processor_type": "Evil", "auto_map": MAP}}, None),
    "a module that trusts": ({"sentence_bert_config": {**TRUSTS, "backend": "evil.Evil"}}, None),
    "an attention of the hub": (
        {"sentence_bert_config": {"model_args": {"attn_implementation": "evil/kernel"}}}, "names 'evil/kernel'"),
    **{f"an activation {name}": ({"2_Dense/config": {"activation_function": name}}, f"names {name!r}")
       for name in ("evil.Evil", "torch.hub.evil.Evil", "torch.distributed.run.main")},
}


@pytest.mark.parametrize("kind", [*HOSTILE, *STEPS])
def test_no_code_of_a_folder_is_run_and_nothing_asked(kind, sentences, tmp_path, hostile, outcome_of):
    from pyalign.extraction.sources import load_encoder

    path, _ = sentences("hostile", "mean", ("Dense", 16, 5))
    folder = shutil.copytree(path, tmp_path / "m")
    if kind in STEPS:
        steps = json.loads((folder / "modules.json").read_text())
        for where in ("", "1_Pooling"):
            hostile.add(folder / where)
        changes, expected = {"modules": [*steps, {**steps[1], "idx": 9, "name": "9", "type": STEPS[kind]}]}, STEPS[kind]
    else:
        changes, expected = HOSTILE[kind]
    spec = f"sentence-transformers:{hostile.add(folder, **changes)}"
    found = outcome_of(load_encoder, spec)
    assert expected is None or expected in found
    assert "trust_remote_code=True" not in found
    hostile.check()
    outcome_of(load_encoder, f"random:0:{spec}")


def test_words_and_pictures_in_a_folder_run_no_code(sentences, tmp_path, hostile, outcome_of):
    from pyalign.extraction.sources import load_encoder

    path, _ = sentences("words", "mean")
    for number, (kind, changes) in enumerate({
        "WordEmbeddings": {"wordembedding_config": {"tokenizer_class": "evil.Evil", "update_embeddings": False}},
        "CLIPModel": {"config": {"model_type": "clip", "auto_map": MAP}, "preprocessor_config": {"auto_map": MAP},
                      "processor_config": {"processor_class": "Evil", "auto_map": MAP}},
        "Router": {"router_config": {"types": {"document_0_Evil": "evil.Evil"}, "structure": {"document":
                   ["document_0_Evil"]}, "parameters": {}}},
    }.items()):
        folder = shutil.copytree(path, tmp_path / f"m{number}")
        step = [{"idx": 0, "name": "0", "path": "", "type": f"sentence_transformers.models.{kind}"}]
        hostile.add(folder, modules=step, **changes)
        assert outcome_of(load_encoder, f"sentence-transformers:{folder}") != "made"
        hostile.check()


@pytest.mark.parametrize("place", ["", "2_Dense"])
def test_a_pickle_in_place_of_weights_is_not_run(place, sentences, tmp_path, hostile, message_of):
    from pyalign.extraction.sources import load_encoder

    path, _ = sentences("pickled", "mean", ("Dense", 16, 5))
    folder = shutil.copytree(path, tmp_path / "m")
    (folder / place / "model.safetensors").unlink()
    torch.save({"linear.weight": hostile}, folder / place / "pytorch_model.bin")
    assert "it does not hold only tensors" in message_of(load_encoder, f"sentence-transformers:{folder}")


@pytest.mark.parametrize(
    ("package", "old", "first"), [("sentence-transformers", "5.7.0", "6.0"), ("transformers", "5.3.1", "5.4")]
)
def test_a_release_that_runs_code_of_folders_or_takes_other_pixels_is_refused(package, old, first, monkeypatch):
    from pyalign.errors import MissingExtraError
    from pyalign.extraction import sources

    pytest.importorskip(package.replace("-", "_"), reason=f"{package} is not installed")
    monkeypatch.setattr(sources, "version", lambda name: old)
    with pytest.raises(MissingExtraError, match=rf"needs {package}>={first}, .*: pip install .*'{package}>={first}'"):
        sources.load_encoder(f"{package}:anything")


@pytest.fixture(scope="module")
def clip():
    """A tiny CLIP, and its tokenizer."""
    library = pytest.importorskip("open_clip", reason="open_clip_torch is not installed")
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP

    def make(kind="CLIP", projection="none"):
        torch.manual_seed(0)
        made = {"CLIP": CLIP, "CustomTextCLIP": CustomTextCLIP}[kind](
            8, CLIPVisionCfg(layers=1, width=16, head_width=8, patch_size=8, image_size=16),
            CLIPTextCfg(width=16, heads=2, layers=2, proj_type=projection),
        )
        return made.eval()

    return make, library.get_tokenizer("ViT-B-32")


@pytest.mark.parametrize(("kind", "projection"), [("CLIP", None), ("CustomTextCLIP", "linear")])
def test_the_text_tower_of_clip_is_encode_text_and_what_stands_before_its_projection(clip, kind, projection):
    from pyalign.extraction import _open_clip

    make, tokenizer = clip
    model, whole = make(kind, projection or "linear"), make(kind, projection or "linear")
    encoder = _open_clip.encoder_of("open_clip:tiny", model, tokenizer, Weights("drawn", None), Request())
    tokens = tokenizer(TEXTS)
    with torch.no_grad():
        joint = whole.encode_text(tokens).numpy()
        tower = getattr(whole, "text", whole)
        projected = tower.text_projection
        pooled = torch.from_numpy(rows_of(encoder, TEXTS))
        again = projected(pooled) if isinstance(projected, torch.nn.Module) else pooled @ projected
    np.testing.assert_allclose(rows_of(encoder, TEXTS, "logits"), joint, atol=1e-5)
    np.testing.assert_allclose(again, joint, atol=1e-5)
    require_same_alone(encoder, "penultimate")
    require_same_alone(encoder, next(name for name, what, _ in encoder.listed() if what == "ResidualAttentionBlock"))
    assert encoder.resolve(["logits"])[0].what == "joint space with images, before normalization"
    found = extract(encoder, texts=["dog"], layers=["logits"], prompt="a photo of a {}")
    assert found.modality == "texts" and found.preprocessing["prompt"] == "a photo of a {}"


def test_the_name_of_a_model_goes_to_what_makes_both_towers(clip):
    from pyalign.extraction import _open_clip

    make, tokenizer = clip
    asked = []

    def create(spec, name, request):
        asked.append((spec, name))
        return make(), None, lambda: tokenizer, Weights("drawn", None)

    encoder = _open_clip.load_texts("ViT-B-32/openai", Request(modality="texts"), create)
    assert asked == [("open_clip:ViT-B-32/openai", "ViT-B-32/openai")]
    assert (encoder.spec, encoder.modality, encoder.weights.origin) == (asked[0][0], "texts", "drawn")


def test_open_clip_by_its_name_has_its_text_tower_run_on_texts():
    from pyalign.extraction.sources import SOURCES, load_encoder

    if "open_clip" not in SOURCES:
        pytest.skip("open_clip is no source yet")
    pytest.importorskip("open_clip", reason="open_clip_torch is not installed")
    encoder = load_encoder("open_clip:RN50/openai", Request(seed=0, modality="texts"))
    assert encoder.modality == "texts"
    assert rows_of(encoder, ["dog"], "logits").shape == (1, 1024)
