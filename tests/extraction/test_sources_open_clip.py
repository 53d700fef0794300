"""Models of OpenCLIP against OpenCLIP itself: towers of each kind, weights, and their preprocessing."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

for package in ("torch", "open_clip", "PIL"):
    pytest.importorskip(package, reason=f"{package} is not installed")

import open_clip  # noqa: E402
import torch  # noqa: E402
from open_clip import pretrained  # noqa: E402
from PIL import Image  # noqa: E402

from pyalign.extraction import _open_clip, hub  # noqa: E402
from pyalign.extraction.encoder import Request  # noqa: E402
from pyalign.extraction.sources import load_encoder  # noqa: E402

TEXT = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
VIT = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16}
TIMM = {"timm_model_pretrained": False, "image_size": 160}
TOWERS = {
    "vit": VIT,
    "vit of means": VIT | {"pool_type": "avg", "final_ln_after_pool": True},
    "attention-pooled vit": VIT | {"attentional_pool": True, "attn_pooler_queries": 4, "attn_pooler_heads": 2},
    "resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 16, "patch_size": None},
    "timm, linear": TIMM | {"timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear"},
    "timm, mlp": TIMM | {"timm_model_name": "test_convnext", "timm_pool": "avg", "timm_proj": "mlp"},
    "timm, its own": TIMM | {"timm_model_name": "test_convnext", "timm_pool": "avg", "timm_proj": None},
    "timm, none": TIMM | {"timm_model_name": "test_vit", "timm_pool": "token", "timm_proj": "none"},
    "timm, attention": TIMM | {"timm_model_name": "resnet10t", "timm_pool": "abs_attn", "timm_proj": None},
}
PREPROCESS = {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.6, 0.7], "interpolation": "bilinear", "resize_mode": "squash"}


def config(tower):
    custom = "timm_model_name" in tower
    width = 64 if tower.get("timm_proj") == "none" else 16
    return {"embed_dim": width, "vision_cfg": tower, "text_cfg": TEXT, "custom_text": custom}


def saved(folder, tower, seed=0, **more):
    """A folder with a model of OpenCLIP."""
    folder.mkdir(parents=True)
    told = {"model_cfg": config(tower) | more, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(told))
    torch.manual_seed(seed)
    made = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
    for norm in (one for one in made.modules() if isinstance(one, torch.nn.BatchNorm2d)):
        torch.nn.init.ones_(norm.weight)  # OpenCLIP starts with blocks that do nothing
    torch.save(made.state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder


def picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8))


def near(found, expected, tolerance=1e-5):
    np.testing.assert_allclose(found, np.asarray(expected), rtol=0, atol=tolerance * np.abs(np.asarray(expected)).max())


def before_projection(visual, batch):
    """The feature before the projection, by OpenCLIP's own means."""
    if hasattr(visual, "attnpool"):
        projection = visual.attnpool.c_proj
        joint = visual(batch)
        return None, joint, projection
    if hasattr(visual, "trunk"):
        if visual.trunk.num_classes:
            visual.trunk.reset_classifier(0)
            return visual.trunk(batch), None, None
        pooled = visual.trunk(batch)
        return pooled.mean((2, 3)) if pooled.ndim == 4 else pooled, None, None
    visual.proj = None
    return visual(batch), None, None


@pytest.mark.parametrize("kind", TOWERS)
def test_the_ends_of_each_tower_are_those_of_open_clip(kind, tmp_path):
    folder = saved(tmp_path / "model", TOWERS[kind])
    plain, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    plain.eval()
    encoder = load_encoder(f"open_clip:local-dir:{folder}")
    prepared = encoder.prepare(picture())
    assert torch.equal(prepared, preprocess(picture()))
    batch = torch.stack([prepared, prepared.flip(2)])
    penultimate, logits = encoder.run(batch, encoder.resolve(["penultimate", "logits"]))
    near(encoder.run(batch, encoder.resolve(["logits"]))[0], logits)
    with torch.inference_mode():
        near(logits, plain.encode_image(batch))
        pooled, joint, projection = before_projection(plain.visual, batch)
    if projection is None:
        near(penultimate, pooled)
    else:  # the projection of the pool brings it to the joint space
        with torch.inference_mode():
            near(projection(torch.as_tensor(penultimate)), joint)
        assert penultimate.shape[1] == projection.in_features
    assert encoder.weights.origin == str(folder)
    json.dumps(encoder.preprocessing)


@pytest.mark.parametrize("kind", ["vit", "resnet", "timm, linear"])
def test_modules_by_name_are_seen_beside_the_ends(kind, tmp_path):
    encoder = load_encoder(f"open_clip:local-dir:{saved(tmp_path / 'model', TOWERS[kind])}")
    batch = torch.stack([encoder.prepare(picture())] * 2)
    inner = {
        "vit": "visual.transformer.resblocks.1",
        "resnet": "visual.layer3.0",
        "timm, linear": "visual.trunk.blocks.2",
    }[kind]
    visual, joint, _, block = encoder.run(batch, encoder.resolve(["visual", "logits", "penultimate", inner]))
    np.testing.assert_array_equal(visual, joint)
    kept = []
    hook = encoder.module.get_submodule(inner).register_forward_hook(lambda *given: kept.append(given[2].clone()))
    with torch.inference_mode():
        encoder.module.encode_image(batch)
    hook.remove()
    near(block, kept[0].mean((2, 3)) if kind == "resnet" else kept[0][:, 0])
    assert inner in [name for name, _, _ in encoder.listed()]


def test_a_text_module_is_not_called(tmp_path, message_of):
    encoder = load_encoder(f"open_clip:local-dir:{saved(tmp_path / 'model', VIT)}")
    assert "it is not called" in message_of(encoder.resolve, ["transformer.resblocks.0"])


# Names, tags and files


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A model that OpenCLIP knows by name, with a tag of its own preprocessing and activation; a file of weights."""
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIGS", {**open_clip.factory._MODEL_CONFIGS, "Tiny": config(VIT)})
    tags = {
        "openai": pretrained._pcfg(hf_hub="some/tiny/", quick_gelu=True),
        "squashed": pretrained._slpcfg(hf_hub="some/tiny/"),
    }
    monkeypatch.setattr(pretrained, "_PRETRAINED", {**pretrained._PRETRAINED, "Tiny": tags})
    return saved(tmp_path / "weights", VIT) / "open_clip_pytorch_model.bin"


def test_a_tag_of_openai_has_its_own_activation(tiny, tmp_path):
    (tmp_path / "bare").mkdir()
    bare = tiny.rename(tmp_path / "bare" / "w.bin")
    encoder = load_encoder("open_clip:Tiny/openai", Request(checkpoint=str(bare)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain, _, preprocess = open_clip.create_model_and_transforms(
            "Tiny", pretrained=str(bare), force_quick_gelu=True
        )
    prepared = encoder.prepare(picture())
    assert torch.equal(prepared, preprocess(picture()))
    with torch.inference_mode():
        near(encoder.run([prepared], encoder.resolve(["logits"]))[0], plain.eval().encode_image(prepared[None]))
    assert encoder.notes == (
        "open_clip:Tiny/openai was trained with QuickGELU, which is used here; in "
        "OpenCLIP the name by itself does not imply it",
    )
    other = load_encoder("open_clip:Tiny/squashed", Request(checkpoint=str(bare)))
    assert not other.notes
    found, expected = (
        other.run([prepared], other.resolve(["logits"]))[0], encoder.run([prepared], encoder.resolve(["logits"]))[0])
    assert np.abs(found - expected).max() > 1e-4


def test_the_tag_chooses_the_preprocessing_of_a_checkpoint(tiny):
    squashed = load_encoder("open_clip:Tiny/squashed", Request(checkpoint=str(tiny)))
    assert squashed.preprocessing["resize_mode"] == "squash"
    assert squashed.preprocessing["mean"] == [0.5, 0.5, 0.5]
    assert squashed.weights.origin == str(tiny)


@pytest.mark.parametrize("how", ["checkpoint", "path"])
def test_bare_weights_need_a_known_preprocessing(how, tiny, tmp_path, message_of):
    def asked(path):
        name = "open_clip:Tiny" if how == "checkpoint" else f"open_clip:Tiny/{path}"
        return name, Request(checkpoint=str(path) if how == "checkpoint" else None)

    beside = load_encoder(*asked(tiny))
    assert beside.preprocessing["resize_mode"] == "squash"  # of open_clip_config.json
    assert beside.preprocessing["mean"] == PREPROCESS["mean"]
    (tmp_path / "bare").mkdir()
    bare = tiny.rename(tmp_path / "bare" / "w.bin")
    message = message_of(load_encoder, *asked(bare))
    assert f"the preprocessing of {bare} is not known: name the tag that it was trained like" in message


def test_weights_in_the_hubs_cache_are_loaded_without_a_network(tiny, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub, "why_offline", lambda address: pytest.fail("the network was asked"))
    folder = tmp_path / "hub" / "models--some--tiny"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    snapshot = saved(folder / "snapshots" / ("0" * 40), VIT, seed=4)
    plain = open_clip.create_model(f"local-dir:{snapshot}").eval()
    batch = torch.rand(2, 3, 32, 32)
    for spec in ("open_clip:Tiny/squashed", "open_clip:hf-hub:some/tiny"):
        encoder = load_encoder(spec)
        with torch.inference_mode():
            near(encoder.run(batch, encoder.resolve(["logits"]))[0], plain.encode_image(batch))
        assert encoder.weights.origin.endswith("/some/tiny")


def test_names_that_open_clip_has_not_propose_the_nearest(message_of):
    assert "did you mean 'ViT-B-32'" in message_of(load_encoder, "open_clip:ViT-B/32")
    assert "did you mean 'ViT-B-32/openai'" in message_of(load_encoder, "open_clip:ViT-B/32/openai")
    assert message_of(load_encoder, "open_clip:ViT-B-32/openay").endswith("got 'openay'; did you mean 'openai'?")
    assert "must say which weights: ViT-B-32/TAG" in message_of(load_encoder, "open_clip:ViT-B-32")
    assert "must hold open_clip_config.json" in message_of(load_encoder, "open_clip:local-dir:/nowhere")


def test_weights_that_do_not_fit_are_one_line(tiny, tmp_path, message_of):
    other = saved(tmp_path / "other", TOWERS["resnet"]) / "open_clip_pytorch_model.bin"
    message = message_of(load_encoder, "open_clip:Tiny/openai", Request(checkpoint=str(other)))
    assert message.startswith(f"open_clip:Tiny/openai: {other} does not fit: ")
    assert "\n" not in message


def test_both_sides_are_made_for_texts_as_well(tmp_path):
    folder = saved(tmp_path / "model", VIT)
    model, preprocess, tokenizer, weights = _open_clip.create("x", f"local-dir:{folder}", Request())
    plain, _, expected = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokens = tokenizer()(["a dog"]) % 64
    assert tokens.shape == (1, 8)
    with torch.inference_mode():
        near(model.encode_text(tokens), plain.eval().encode_text(tokens))
    assert torch.equal(preprocess(picture()), expected(picture()))
    assert weights.origin == str(folder)


def test_nothing_is_printed_of_random_weights(tmp_path, capfd, caplog):
    folder = saved(tmp_path / "model", VIT)
    caplog.clear()
    capfd.readouterr()
    load_encoder(f"open_clip:local-dir:{folder}")
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


MAP = {name: "evil.Evil" for name in ("AutoConfig", "AutoModel", "AutoProcessor", "AutoImageProcessor")} | {
    "AutoTokenizer": ["evil.Evil", "evil.Evil2"]
}
NEEDS = "code of its own repository"
UNKNOWN = {"tokenizer_class": "EvilTokenizer", "auto_map": MAP}


def language(folder, **more):
    """The config of a text side of transformers, whose files lie in a folder."""
    return TEXT | {"hf_model_name": str(folder), "hf_tokenizer_name": str(folder), "hf_proj_type": "linear",
                   "hf_pooler_type": "mean_pooler", **more}


@pytest.fixture
def bert(tmp_path):
    """A folder with a tiny BERT and its tokenizer."""
    t = pytest.importorskip("transformers", reason="transformers is not installed")
    folder = tmp_path / "bert"
    small = {"vocab_size": 9, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    t.BertModel(t.BertConfig(**small, intermediate_size=16)).save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dog", "cat", "a", "b"]
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    t.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def test_a_text_side_of_a_folder_is_made(bert, tmp_path, hostile):
    saved(tmp_path / "m", VIT, text_cfg=language(bert), custom_text=True)
    for file in bert.glob("*token*"):
        (tmp_path / "m" / file.name).write_bytes(file.read_bytes())  # where OpenCLIP looks for them
    spec = f"open_clip:local-dir:{tmp_path / 'm'}"
    assert load_encoder(spec).modality == "images"
    assert load_encoder(spec, Request(modality="texts")).modality == "texts"


# Which folder's files change, how, and what comes of it for texts.
HOSTILE = {
    "a text model of an own type": ("bert", {"config": {"model_type": "own", "auto_map": MAP}}, NEEDS),
    "a text model without a type": ("bert", {"config": {"model_type": None, "auto_map": MAP}}, NEEDS),
    "a text model of a known type": ("bert", {"config": {"auto_map": MAP}}, "made"),
    "a tokenizer of an own type": ("m", {"tokenizer_config": UNKNOWN}, NEEDS),
    "a tokenizer of a known type": ("m", {"tokenizer_config": {"auto_map": MAP}}, "made"),
}


@pytest.mark.parametrize("trusts", [False, True])
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_code_of_a_folder_is_run_and_nothing_asked(kind, trusts, bert, tmp_path, hostile, outcome_of):
    saved(tmp_path / "m", VIT, text_cfg=language(bert), custom_text=True)
    for file in bert.glob("*token*"):
        (tmp_path / "m" / file.name).write_bytes(file.read_bytes())
    where, changes, expected = HOSTILE[kind]
    hostile.add(tmp_path / where, **changes)
    if trusts:
        words = {"trust_remote_code": True}
        told = {"model_cfg": config(VIT) | {"text_cfg": language(bert, tokenizer_kwargs=words), "custom_text": True}}
        hostile.add(tmp_path / "m", open_clip_config=told)
    spec = f"open_clip:local-dir:{tmp_path / 'm'}"
    found = outcome_of(load_encoder, spec, Request(modality="texts"))
    assert expected in found
    assert "trust_remote_code=True" not in found
    hostile.check()
    outcome_of(load_encoder, spec)
    outcome_of(load_encoder, f"random:0:{spec}")


def test_a_pickle_in_place_of_weights_is_not_run(tmp_path, hostile, message_of):
    saved(tmp_path / "m", VIT)
    for name in ("open_clip_pytorch_model.bin", "w.pt", "w.pth"):
        torch.save({"logit_scale": hostile}, tmp_path / "m" / name)
        request = Request(checkpoint=str(tmp_path / "m" / name))
        assert "does not fit" in message_of(load_encoder, f"open_clip:local-dir:{tmp_path / 'm'}", request)


def test_a_trunk_of_another_folder_brings_no_pickle(tmp_path, hostile, outcome_of):
    import timm

    timm.models.save_for_hf(timm.create_model("test_vit"), str(tmp_path / "trunk"), safe_serialization=True)
    (tmp_path / "trunk" / "model.safetensors").unlink()
    torch.save({"head.weight": hostile}, tmp_path / "trunk" / "pytorch_model.bin")
    trunk = {"timm_model_name": f"local-dir:{tmp_path / 'trunk'}", "timm_pool": "", "timm_proj": "linear"}
    saved(tmp_path / "m", TIMM | trunk)
    hostile.add(tmp_path / "m", open_clip_config={"model_cfg": config(TIMM | trunk | {"timm_model_pretrained": True})})
    outcome_of(load_encoder, f"open_clip:local-dir:{tmp_path / 'm'}")
    outcome_of(load_encoder, f"random:0:open_clip:local-dir:{tmp_path / 'm'}")
