"""Models of transformers against transformers itself, from folders with tiny models."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

for package in ("torch", "transformers", "PIL"):
    pytest.importorskip(package, reason=f"{package} is not installed")

import torch  # noqa: E402
import transformers as t  # noqa: E402
from PIL import Image  # noqa: E402

from pyalign.extraction import hub  # noqa: E402
from pyalign.extraction.encoder import Request  # noqa: E402
from pyalign.extraction.sources import load_encoder  # noqa: E402

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48, "image_size": 32,
         "patch_size": 16}
DINO = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64, "patch_size": 16}
CONVOLUTIONS = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}
TEXT = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48, "vocab_size": 99}
CLASSES = {"id2label": {k: str(k) for k in range(7)}, "label2id": {str(k): k for k in range(7)}}
SQUARE, SHORTEST = "ViTImageProcessor", "CLIPImageProcessor"


def clip():
    return t.CLIPModel(t.CLIPConfig(vision_config=SMALL, text_config=TEXT, projection_dim=24))


def siglip():
    return t.SiglipModel(t.SiglipConfig(vision_config=SMALL, text_config=TEXT))


def classifier(kind, config, **more):
    return lambda: getattr(t, kind)(getattr(t, config)(**more, **CLASSES))


# Models with a classifier: the class, its processor, and what the classifier is given, in words of torch.
CLASSIFIERS = {
    "vit": (classifier("ViTForImageClassification", "ViTConfig", **SMALL), SQUARE),
    "deit": (classifier("DeiTForImageClassification", "DeiTConfig", **SMALL), SQUARE),
    "beit": (classifier("BeitForImageClassification", "BeitConfig", **SMALL), "BeitImageProcessor"),
    "dinov2": (classifier("Dinov2ForImageClassification", "Dinov2Config", **DINO), "BitImageProcessor"),
    "resnet": (classifier("ResNetForImageClassification", "ResNetConfig", embedding_size=8, layer_type="basic",
                          **CONVOLUTIONS), "ConvNextImageProcessor"),
    "convnext": (classifier("ConvNextForImageClassification", "ConvNextConfig", **CONVOLUTIONS),
                 "ConvNextImageProcessor"),
    "swin": (classifier("SwinForImageClassification", "SwinConfig", embed_dim=8, depths=[1, 1], num_heads=[1, 2],
                        window_size=2, image_size=32, patch_size=4), SQUARE),
}


def saved(folder, model, processor):
    """A folder with a model and a processor of images of 32 x 32."""
    model.eval().save_pretrained(folder)
    square = {"height": 32, "width": 32}
    shortest = {"size": {"shortest_edge": 32}, "crop_size": square}
    kind = getattr(t, processor)
    kind(
        **({"size": square} if processor in (SQUARE, "BeitImageProcessor", "SiglipImageProcessor") else shortest)
    ).save_pretrained(folder)
    return model


def pixels(folder, seed=0):
    """An image, and what transformers makes of it by Pillow."""
    image = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (50, 70, 3), dtype=np.uint8))
    by_pillow = {"backend": "pil"} if int(t.__version__.split(".")[0]) >= 5 else {"use_fast": False}
    return image, t.AutoImageProcessor.from_pretrained(folder, **by_pillow)(images=image, return_tensors="pt")[
        "pixel_values"
    ]


def near(found, expected, tolerance=1e-5):
    expected = np.asarray(expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def both(encoder, image):
    """The prepared image, and the ends that the model has."""
    prepared = encoder.prepare(image)
    names = list(encoder.meanings)
    return prepared, dict(zip(names, encoder.run([prepared], encoder.resolve(names)), strict=True))


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_of_a_classifier_the_ends_are_its_input_and_output(kind, tmp_path):
    torch.manual_seed(0)
    make, processor = CLASSIFIERS[kind]
    model = saved(tmp_path, make(), processor)
    image, expected = pixels(tmp_path)
    encoder = load_encoder(f"transformers:{tmp_path}")
    prepared, found = both(encoder, image)
    assert torch.equal(prepared, expected[0])
    with torch.inference_mode():
        near(found["logits"], model(pixel_values=expected).logits)
        last = [one for one in model.modules() if isinstance(one, torch.nn.Linear)][-1]
        near(last(torch.as_tensor(found["penultimate"])), found["logits"])
    assert encoder.preprocessing["backend"] == "pil"
    assert encoder.preprocessing["processor"].startswith(processor)
    json.dumps(encoder.preprocessing)
    listed = [name for name, _, _ in encoder.listed()]
    assert len(encoder.run([prepared] * 2, encoder.resolve(listed))) == len(listed)


def test_of_two_classifiers_penultimate_is_the_mean_of_their_inputs(tmp_path):
    torch.manual_seed(0)
    made = classifier("DeiTForImageClassificationWithTeacher", "DeiTConfig", **SMALL)()
    model = saved(tmp_path, made, SQUARE)
    image, expected = pixels(tmp_path)
    _, found = both(load_encoder(f"transformers:{tmp_path}"), image)
    with torch.inference_mode():
        tokens = model.deit(pixel_values=expected).last_hidden_state
        near(found["penultimate"], tokens[:, :2].mean(1))
        near(found["logits"], model(pixel_values=expected).logits)


@pytest.mark.parametrize(
    ("make", "processor"),
    [
        (lambda: t.ViTModel(t.ViTConfig(**SMALL)), SQUARE),
        (lambda: t.BeitModel(t.BeitConfig(**SMALL)), "BeitImageProcessor"),
        (lambda: t.Dinov2Model(t.Dinov2Config(**DINO)), "BitImageProcessor"),
        (lambda: t.Dinov2WithRegistersModel(t.Dinov2WithRegistersConfig(**DINO)), "BitImageProcessor"),
        (lambda: t.ResNetModel(t.ResNetConfig(embedding_size=8, **CONVOLUTIONS)), "ConvNextImageProcessor"),
        (lambda: t.CLIPVisionModel(t.CLIPVisionConfig(**SMALL)), SHORTEST),
    ],
    ids=["vit", "beit", "dinov2", "dinov2 with registers", "resnet", "vision side of clip"],
)
def test_of_a_model_without_a_classifier_penultimate_is_its_pooled_output(make, processor, tmp_path, message_of):
    torch.manual_seed(0)
    model = saved(tmp_path, make(), processor)
    image, expected = pixels(tmp_path)
    encoder = load_encoder(f"transformers:{tmp_path}")
    _, found = both(encoder, image)
    with torch.inference_mode():
        near(found["penultimate"], model(pixel_values=expected).pooler_output.flatten(1))
    assert "has no layer 'logits' of its own" in message_of(encoder.resolve, ["logits"])


def test_a_pooler_without_trained_weights_is_not_used(tmp_path):
    torch.manual_seed(0)
    model = saved(tmp_path, t.ViTModel(t.ViTConfig(**SMALL), add_pooling_layer=False), SQUARE)
    image, expected = pixels(tmp_path)
    encoder = load_encoder(f"transformers:{tmp_path}")
    _, found = both(encoder, image)
    with torch.inference_mode():
        near(found["penultimate"], model(pixel_values=expected).last_hidden_state[:, 0])
    assert encoder.meanings == {"penultimate": "class token after the last norm"}
    assert encoder.weights.sha256 == load_encoder(f"transformers:{tmp_path}").weights.sha256


def test_a_masked_autoencoder_sees_all_of_the_image_in_order(tmp_path):
    torch.manual_seed(0)
    model = saved(tmp_path, t.ViTMAEModel(t.ViTMAEConfig(**SMALL, mask_ratio=0.75)), SQUARE)
    image, expected = pixels(tmp_path)
    encoder = load_encoder(f"transformers:{tmp_path}")
    prepared, found = both(encoder, image)
    model.config.mask_ratio = model.embeddings.config.mask_ratio = 0.0
    with torch.inference_mode():
        tokens = model(pixel_values=expected, noise=torch.arange(4.0)[None]).last_hidden_state
    near(found["penultimate"], tokens[:, 0])
    near(encoder.run([prepared], encoder.resolve(["layernorm"], "none"))[0], tokens)
    assert "trained with most of each image hidden" in encoder.notes[0]


@pytest.mark.parametrize("make", [clip, siglip])
def test_of_a_joint_space_with_texts_logits_are_that_space(make, tmp_path):
    torch.manual_seed(0)
    model = saved(tmp_path, make(), SHORTEST if make is clip else "SiglipImageProcessor")
    image, expected = pixels(tmp_path)
    encoder = load_encoder(f"transformers:{tmp_path}")
    _, found = both(encoder, image)
    with torch.inference_mode():
        joint = model.get_image_features(pixel_values=expected)
        pooled = model.vision_model(pixel_values=expected).pooler_output
    near(found["logits"], joint if isinstance(joint, torch.Tensor) else joint.pooler_output)
    near(found["penultimate"], pooled)
    assert encoder.run([encoder.prepare(image)], encoder.resolve(["vision_model.encoder.layers.1"]))[0].shape == (1, 32)


def test_the_vision_side_with_its_projection_has_the_joint_space(tmp_path):
    torch.manual_seed(0)
    model = saved(tmp_path, t.CLIPVisionModelWithProjection(t.CLIPVisionConfig(**SMALL, projection_dim=24)), SHORTEST)
    image, expected = pixels(tmp_path)
    _, found = both(load_encoder(f"transformers:{tmp_path}"), image)
    with torch.inference_mode():
        near(found["logits"], model(pixel_values=expected).image_embeds)


def test_class_and_register_tokens_are_left_out_of_the_mean(tmp_path):
    torch.manual_seed(0)
    model = saved(tmp_path, t.Dinov2WithRegistersModel(t.Dinov2WithRegistersConfig(**DINO)), "BitImageProcessor")
    image, expected = pixels(tmp_path)
    encoder = load_encoder(f"transformers:{tmp_path}")
    (layer,) = encoder.resolve(["layernorm"], "mean")
    with torch.inference_mode():
        tokens = model(pixel_values=expected).last_hidden_state
    near(encoder.run([encoder.prepare(image)], [layer])[0], tokens[:, 5:].mean(1))
    assert layer.what == "output of LayerNorm, 9 tokens, the first 5 left out"


# Weights


def test_weights_of_halves_become_whole(tmp_path):
    torch.manual_seed(0)
    model = saved(tmp_path, t.ViTModel(t.ViTConfig(**SMALL)).half(), SQUARE)
    image, expected = pixels(tmp_path)
    _, found = both(load_encoder(f"transformers:{tmp_path}"), image)
    with torch.inference_mode():
        near(found["penultimate"], model.float()(pixel_values=expected).pooler_output)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_checkpoint_takes_the_place_of_the_weights(kind, tmp_path, message_of):
    torch.manual_seed(0)
    saved(tmp_path / "a", t.ViTModel(t.ViTConfig(**SMALL)), SQUARE)
    other = saved(tmp_path / "b", t.ViTModel(t.ViTConfig(**SMALL)), SQUARE)
    image, expected = pixels(tmp_path / "a")
    path = tmp_path / "b"
    if kind == "file":
        path = tmp_path / "w.pth"
        torch.save(other.state_dict(), path)
    encoder = load_encoder(f"transformers:{tmp_path}/a", Request(checkpoint=str(path)))
    _, found = both(encoder, image)
    with torch.inference_mode():
        near(found["penultimate"], other(pixel_values=expected).pooler_output)
    assert encoder.weights.origin == str(path)


def test_weights_that_are_missing_are_one_line(tmp_path, message_of):
    torch.manual_seed(0)
    model = saved(tmp_path, classifier("ViTForImageClassification", "ViTConfig", **SMALL)(), SQUARE)
    state = {name: value for name, value in model.state_dict().items() if not name.startswith("classifier")}
    torch.save(state, tmp_path / "w.pth")
    message = message_of(load_encoder, f"transformers:{tmp_path}", Request(checkpoint=str(tmp_path / "w.pth")))
    assert message.endswith("does not fit: it has no classifier.bias, of 2 missing")
    (tmp_path / "model.safetensors").unlink()
    assert "must hold model.safetensors or" in message_of(load_encoder, f"transformers:{tmp_path}")


def test_random_weights_are_drawn_from_the_seed(tmp_path):
    saved(tmp_path, t.ViTModel(t.ViTConfig(**SMALL)), SQUARE)
    one, same, other = (load_encoder(f"random:{seed}:transformers:{tmp_path}") for seed in (1, 1, 2))
    assert one.weights.sha256 == same.weights.sha256 != other.weights.sha256


def test_a_repository_in_the_cache_needs_no_network(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "why_offline", lambda address: pytest.fail("the network was asked"))
    folder = tmp_path / "models--some--model"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    torch.manual_seed(0)
    model = saved(folder / "snapshots" / ("0" * 40), t.Dinov2Model(t.Dinov2Config(**DINO)), "BitImageProcessor")
    image, expected = pixels(folder / "snapshots" / ("0" * 40))
    for name in ("some/model", f"some/model@{'0' * 40}"):
        encoder = load_encoder(f"transformers:{name}")
        _, found = both(encoder, image)
        with torch.inference_mode():
            near(found["penultimate"], model(pixel_values=expected).pooler_output)


# What is refused


def test_models_of_texts_and_code_of_repositories_are_refused(tmp_path, message_of):
    t.BertModel(
        t.BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    ).save_pretrained(tmp_path)
    spec = f"transformers:{tmp_path}"
    assert (
        message_of(load_encoder, spec)
        == f"{spec} is a bert, which is no model of images; texts go to a source of texts"
    )
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": {"AutoModel": "code.Model"}}))
    message = message_of(load_encoder, spec)
    assert message == f"{spec} needs code of its own repository, which is not run"
    (tmp_path / "config.json").write_text("{")
    assert f"{tmp_path}/config.json is no config of transformers" in message_of(load_encoder, spec)
    (tmp_path / "config.json").unlink()
    assert message_of(load_encoder, spec) == f"{spec}: {tmp_path} must hold config.json"
    assert "/no/such is neither" in message_of(load_encoder, "transformers:/no/such")


def test_a_folder_without_a_processor_is_one_line(tmp_path, message_of):
    saved(tmp_path, t.ViTModel(t.ViTConfig(**SMALL)), SQUARE)
    (tmp_path / "preprocessor_config.json").unlink()
    message = message_of(load_encoder, f"transformers:{tmp_path}")
    assert message.endswith("must hold preprocessor_config.json or processor_config.json")


def test_nothing_is_printed(tmp_path, capfd):
    saved(tmp_path, t.ViTModel(t.ViTConfig(**SMALL), add_pooling_layer=False), SQUARE)
    capfd.readouterr()
    load_encoder(f"transformers:{tmp_path}")
    assert capfd.readouterr() == ("", "")


MAP = {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil", "AutoImageProcessor": "evil.Evil",
       "AutoProcessor": "evil.Evil", "AutoFeatureExtractor": "evil.Evil", "AutoTokenizer": ["evil.Evil", "evil.Evil2"],
       "AutoModelForImageClassification": "evil.Evil"}
OWN = {"auto_map": MAP, "model_type": "own", "architectures": ["Evil"]}
UNKNOWN = {"image_processor_type": "Evil", "feature_extractor_type": None, "auto_map": MAP}
NEEDS = "code of its own repository"
# Changes of the files of a folder, and what comes of it: "made", or part of the refusal; None: either.
HOSTILE = {
    "a config of an own type": ({"config": OWN}, NEEDS),
    "a config without a type": ({"config": {"auto_map": MAP, "model_type": None}}, NEEDS),
    "a config of a known type": ({"config": {"auto_map": MAP}}, "made"),
    "a config that names another repository": ({"config": OWN | {"auto_map": {"AutoConfig": "a/b--evil.Evil"}}}, NEEDS),
    "a config that trusts": ({"config": OWN | {"trust_remote_code": True}}, NEEDS),
    "a processor of an own type": ({"preprocessor_config": UNKNOWN}, NEEDS),
    "a processor of a known type": ({"preprocessor_config": {"auto_map": MAP}}, "made"),
    "a processor without a type": (
        {"preprocessor_config": UNKNOWN | {"image_processor_type": None}, "config": {"auto_map": MAP}}, None),
    "a processor that trusts": ({"preprocessor_config": UNKNOWN | {"trust_remote_code": True}}, NEEDS),
    "a processor whose config is of an own type": ({"preprocessor_config": UNKNOWN, "config": OWN}, NEEDS),
    "a processor of all": ({"processor_config": UNKNOWN, "preprocessor_config": {"image_processor_type": None}}, None),
    "a processor class": ({"processor_config": {"processor_class": "Evil", "auto_map": MAP}}, None),
    "a tokenizer": ({"tokenizer_config": {"tokenizer_class": "Evil", "auto_map": MAP}}, "made"),
    "an attention of the hub": ({"config": {"attn_implementation": "evil/kernel"}}, NEEDS),
    "an attention of a folder": ({"config": {"attn_implementation": {"": "./evil:Evil"}}}, NEEDS),
    "an own attention": ({"config": {"_attn_implementation": "evil/kernel", "use_kernels": True}}, NEEDS),
    "an adapter": ({"adapter_config": {"base_model_name_or_path": "evil", "auto_mapping": MAP}}, None),
    "a quantizer": ({"config": {"quantization_config": {"quant_method": "evil.Evil"}}}, None),
    "a generation": ({"generation_config": {"custom_generate": "evil"}}, None),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_code_of_a_folder_is_run_and_nothing_asked(kind, tmp_path, hostile, outcome_of):
    saved(tmp_path / "m", t.ViTModel(t.ViTConfig(**SMALL)), SQUARE)
    changes, expected = HOSTILE[kind]
    spec = f"transformers:{hostile.add(tmp_path / 'm', **changes)}"
    found = outcome_of(load_encoder, spec)
    assert expected is None or expected in found
    assert "trust_remote_code=True" not in found
    hostile.check()
    outcome_of(load_encoder, f"random:0:{spec}")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pt", "pytorch_model-00001-of-00001.bin"])
def test_a_pickle_in_place_of_weights_is_not_run(name, tmp_path, hostile, message_of):
    saved(tmp_path / "m", t.ViTModel(t.ViTConfig(**SMALL)), SQUARE)
    (tmp_path / "m" / "model.safetensors").unlink()
    torch.save({"embeddings.cls_token": hostile}, tmp_path / "m" / name)
    if "-of-" in name:
        index = {"metadata": {}, "weight_map": {"embeddings.cls_token": name}}
        (tmp_path / "m" / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    request = Request(checkpoint=str(tmp_path / "m" / name)) if name == "weights.pt" else None
    message = message_of(load_encoder, f"transformers:{tmp_path / 'm'}", request)
    assert message.endswith("does not fit: it does not hold only tensors")


def test_a_joint_model_with_code_in_its_folder_runs_none(tmp_path, hostile, outcome_of):
    saved(tmp_path / "m", clip(), SHORTEST)
    hostile.add(tmp_path / "m", config={"auto_map": MAP}, preprocessor_config={"auto_map": MAP})
    assert outcome_of(load_encoder, f"transformers:{tmp_path / 'm'}") == "made"


@pytest.mark.slow
def test_the_command_refuses_code_of_a_folder_whatever_stdin_says(tmp_path, pictures, hostile):
    saved(tmp_path / "m", t.ViTModel(t.ViTConfig(**SMALL)), SQUARE)
    hostile.add(tmp_path / "m", preprocessor_config=UNKNOWN)
    ran = subprocess.run(
        [sys.executable, "-m", "pyalign", "extract", "--images", pictures, "--out", tmp_path / "out", "--model",
         f"transformers:{tmp_path / 'm'}"], input="y\n", capture_output=True, text=True, cwd=tmp_path / "m",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ran.returncode == 1 and ran.stdout == "" and NEEDS in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
