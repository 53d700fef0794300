"""Models of timm against timm itself: its ends in many families, maps inside, weights from files."""

from __future__ import annotations

import json

import numpy as np
import pytest

for package in ("torch", "timm", "PIL"):
    pytest.importorskip(package, reason=f"{package} is not installed")

import timm  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from pyalign.extraction.encoder import Request  # noqa: E402
from pyalign.extraction.sources import load_encoder  # noqa: E402

SMALL = [
    "test_vit", "test_vit2", "test_vit3", "test_vit4", "test_convnext", "test_efficientnet", "test_byobnet",
    "test_resnet", "test_mambaout", "test_nfnet", "lcnet_035", "mobilenetv3_small_050",
]
MORE = [
    "ghostnet_050", "levit_128s", "edgenext_xx_small", "deit_tiny_distilled_patch16_224", "efficientvit_b0",
    "fasternet_t0", "vit_tiny_r_s16_p8_224", "cait_xxs24_224", "xcit_nano_12_p16_224", "swin_tiny_patch4_window7_224",
    "mvitv2_tiny", "davit_tiny", "gmixer_12_224", "mixer_s32_224", "tresnet_m", "hgnetv2_b0",
    "vit_wee_patch16_reg1_gap_256", "eva02_tiny_patch14_224", "convit_tiny", "poolformer_s12",
    "pit_ti_distilled_224", "twins_svt_small", "crossvit_tiny_240", "repvit_m0_9",
    "lamhalobotnet50ts_256", "maxvit_tiny_tf_224", "mobileone_s0", "volo_d1_224", "resmlp_12_224", "pvt_v2_b0",
    "tiny_vit_5m_224", "nextvit_small", "efficientformerv2_s0", "mobilevit_xxs", "coat_tiny", "hiera_tiny_224",
]
FAMILIES = [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE)]


def blank(encoder, items=2):
    return torch.randn(items, *encoder.size, generator=torch.Generator().manual_seed(7))


def near(found, expected, tolerance=1e-5):
    """Equal, in units of the largest number."""
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * max(1e-30, np.abs(expected).max())


def without_classifier(name, made):
    """timm's own model without a classifier, with the same weights."""
    bare = timm.create_model(name, num_classes=0).eval()
    told = bare.load_state_dict(made.state_dict(), strict=False)
    assert not told.missing_keys
    return bare


@pytest.mark.parametrize("name", FAMILIES)
def test_the_ends_are_those_of_timm(name):
    encoder = load_encoder(f"timm:{name}", Request(seed=0))
    made, batch = encoder.module, blank(encoder)
    with torch.inference_mode():
        logits, pooled = made(batch), without_classifier(name, made)(batch)
    found = dict(zip(encoder.meanings, encoder.run(batch, encoder.resolve(list(encoder.meanings))), strict=True))
    near(found.get("logits", np.asarray(logits)), logits)
    near(found["penultimate"], pooled)
    assert found["penultimate"].std() > 0
    if not encoder.parts():
        return
    last = f"intermediates.{encoder.parts() - 1}"
    one_pass = encoder.run(batch, encoder.resolve([last, "penultimate", "intermediates.0"], "mean"))
    near(one_pass[1], pooled)
    alone = encoder.run(batch, encoder.resolve(["intermediates.0", last], "mean"))
    near(alone[0], one_pass[2])
    near(alone[1], one_pass[0])


def test_maps_inside_are_those_of_timm_and_their_prefix_is_apart():
    encoder = load_encoder("timm:test_vit", Request(seed=0))
    batch = blank(encoder)
    with torch.inference_mode():
        (pair,) = encoder.module.forward_intermediates(
            batch, indices=[3], intermediates_only=True, return_prefix_tokens=True
        )
    maps, prefix = pair
    layer = "intermediates.3"
    for pool, expected in {
        "none": maps, "mean": maps.mean((2, 3)), "flatten": maps.flatten(1), "cls": prefix[:, 0], "auto": prefix[:, 0],
    }.items():
        near(encoder.run(batch, encoder.resolve([layer], pool))[0], expected)
    (chosen,) = encoder.resolve([layer], "mean")
    assert chosen.what == "map 64 x 10 x 10 inside the model"


def test_maps_inside_of_a_network_without_tokens_are_pooled_by_their_mean(message_of):
    encoder = load_encoder("timm:test_resnet", Request(seed=0))
    batch = blank(encoder)
    with torch.inference_mode():
        expected = encoder.module.forward_intermediates(batch, indices=[1], intermediates_only=True)[0]
    near(encoder.run(batch, encoder.resolve(["intermediates.1"]))[0], expected.mean((2, 3)))
    assert "needs a class token" in message_of(encoder.resolve, ["intermediates.1"], "cls")
    message = message_of(encoder.resolve, ["intermediates.9"])
    assert message == "layers intermediates.K of timm:test_resnet take K from 0 to 4; got 'intermediates.9'"


def test_a_block_by_name_is_the_same_map_with_its_tokens():
    encoder = load_encoder("timm:test_vit", Request(seed=0))
    batch = blank(encoder)
    block, part = encoder.run(batch, encoder.resolve(["blocks.3", "intermediates.3"], "mean"))
    near(block, part)
    block, part = encoder.run(batch, encoder.resolve(["blocks.3", "intermediates.3"], "cls"))
    near(block, part)


@pytest.mark.parametrize("name", ["test_vit2", pytest.param("deit_tiny_distilled_patch16_224", marks=pytest.mark.slow)])
def test_register_and_distillation_tokens_are_left_out_of_the_mean(name):
    encoder = load_encoder(f"timm:{name}", Request(seed=0))
    batch, prefix = blank(encoder), encoder.module.num_prefix_tokens
    with torch.inference_mode():
        tokens = encoder.module.forward_features(batch)
    (layer,) = encoder.resolve(["norm"], "mean")
    assert prefix > 0
    assert f"the first {prefix} left out" in layer.what
    near(encoder.run(batch, [layer])[0], tokens[:, prefix:].mean(1))


# Weights and preprocessing


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(11)
    return timm.create_model("test_vit").eval()


@pytest.mark.parametrize("kind", ["safetensors", "pth", "training script"])
def test_a_file_of_weights_gives_the_model_that_was_saved(kind, trained, tmp_path):
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pth")
    if kind == "safetensors":
        save_file(trained.state_dict(), path)
    else:
        state = trained.state_dict()
        wrapped = {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}
        torch.save(state if kind == "pth" else wrapped, path)
    encoder = load_encoder("timm:test_vit", Request(checkpoint=str(path)))
    image = Image.effect_noise((200, 170), 80).convert("RGB")
    config = timm.data.resolve_model_data_config(trained)
    expected = timm.data.create_transform(**config, is_training=False)(image)
    prepared = encoder.prepare(image)
    assert torch.equal(prepared, expected)
    with torch.inference_mode():
        near(encoder.run([prepared], encoder.resolve(["logits"]))[0], trained(expected[None]))
    assert encoder.weights.origin == str(path)
    json.dumps(encoder.preprocessing)


def test_the_hash_of_weights_is_the_same_in_whatever_file(trained, tmp_path):
    save_file(trained.state_dict(), tmp_path / "a.safetensors")
    torch.save(trained.state_dict(), tmp_path / "a.pth")
    one, two = (
        load_encoder("timm:test_vit", Request(checkpoint=str(tmp_path / f"a.{k}"))) for k in ("safetensors", "pth")
    )
    assert one.weights.sha256 == two.weights.sha256
    assert one.weights.file_sha256 != two.weights.file_sha256


def test_weights_of_jax_are_read(tmp_path):
    encoder = load_encoder("timm:vit_tiny_patch16_224", Request(seed=0))
    flat = {"embedding/kernel": (16, 16, 3, 192), "embedding/bias": (192,), "cls": (1, 1, 192), "head/bias": (1000,)}
    flat |= {"Transformer/posembed_input/pos_embedding": (1, 197, 192), "head/kernel": (192, 1000)}
    flat |= {f"Transformer/encoder_norm/{one}": (192,) for one in ("scale", "bias")}
    for k in range(12):
        block = f"Transformer/encoderblock_{k}/"
        attention = f"{block}MultiHeadDotProductAttention_1/"
        flat |= {f"{block}LayerNorm_{n}/{one}": (192,) for n in (0, 2) for one in ("scale", "bias")}
        flat |= {f"{attention}{one}/kernel": (192, 3, 64) for one in ("query", "key", "value")}
        flat |= {f"{attention}{one}/bias": (3, 64) for one in ("query", "key", "value")}
        flat |= {f"{attention}out/kernel": (3, 64, 192), f"{attention}out/bias": (192,)}
        flat |= {f"{block}MlpBlock_3/Dense_{n}/kernel": (192, 768)[:: 1 - 2 * n] for n in (0, 1)}
        flat |= {f"{block}MlpBlock_3/Dense_{n}/bias": ((768, 192)[n],) for n in (0, 1)}
    draw = np.random.default_rng(0)
    arrays = {name: draw.normal(size=shape).astype(np.float32) * 0.05 for name, shape in flat.items()}
    np.savez(tmp_path / "w.npz", **arrays)
    encoder = load_encoder("timm:vit_tiny_patch16_224", Request(checkpoint=str(tmp_path / "w.npz")))
    plain = timm.create_model("vit_tiny_patch16_224").eval()
    plain.load_pretrained(str(tmp_path / "w.npz"))
    batch = blank(encoder, 1)
    with torch.inference_mode():
        near(encoder.run(batch, encoder.resolve(["logits"]))[0], plain(batch))


def test_a_folder_with_its_config_is_a_model(trained, tmp_path, message_of):
    timm.models.save_for_hf(trained, str(tmp_path / "model"), safe_serialization=True)
    encoder = load_encoder(f"timm:local-dir:{tmp_path}/model")
    batch = blank(encoder)
    with torch.inference_mode():
        near(encoder.run(batch, encoder.resolve(["logits"]))[0], trained(batch))
    torch.manual_seed(12)
    other = timm.create_model("test_vit").eval()
    torch.save(other.state_dict(), tmp_path / "other.pth")
    encoder = load_encoder(f"timm:local-dir:{tmp_path}/model", Request(checkpoint=str(tmp_path / "other.pth")))
    with torch.inference_mode():
        near(encoder.run(batch, encoder.resolve(["logits"]))[0], other(batch))
    assert "must hold config.json" in message_of(load_encoder, f"timm:local-dir:{tmp_path}")


def test_weights_that_do_not_fit_are_one_line(trained, tmp_path, message_of):
    path = tmp_path / "w.pth"
    torch.save(trained.state_dict(), path)
    for name in ("test_convnext", "test_vit2", "test_resnet"):
        message = message_of(load_encoder, f"timm:{name}", Request(checkpoint=str(path)))
        assert message.startswith(f"timm:{name}: {path} does not fit: ")
        assert "\n" not in message
    path.write_bytes(b"no weights")
    assert "does not fit" in message_of(load_encoder, "timm:test_vit", Request(checkpoint=str(path)))
    torch.save([1, 2], path)
    assert "must be tensors by name" in message_of(load_encoder, "timm:test_vit", Request(checkpoint=str(path)))
    missing = message_of(load_encoder, "timm:test_vit", Request(checkpoint=str(tmp_path / "none.pth")))
    assert missing.endswith("none.pth: No such file or directory")


def test_a_file_of_weights_runs_no_code(tmp_path, message_of, hostile):
    path = tmp_path / "w.pth"
    torch.save({"head.weight": hostile}, path)
    for spec in ("timm:test_vit", "torchvision:squeezenet1_1"):
        assert "does not fit" in message_of(load_encoder, spec, Request(checkpoint=str(path)))


# What a folder's config.json says besides, and whether the model is made all the same.
HOSTILE = {
    "an architecture of its own": {"architecture": "evil.Evil", "auto_map": {"AutoModel": "evil.Evil"}},
    "an architecture of another folder": {"architecture": "local-dir:evil"},
    "layers of its own": {"model_args": {"act_layer": "evil.Evil", "norm_layer": "evil.Evil", "block_fn": "evil.Evil"}},
    "weights by an argument": {"model_args": {"checkpoint_path": "evil.pth", "pretrained": True}},
    "weights by another argument": {"model_args": {"pretrained_cfg_overlay": {"file": "evil.pth"}}},
    "weights of the config": {"pretrained_cfg": {"file": "evil.pth", "url": "file:evil.pth", "custom_load": True}},
    "weights of a library": {"pretrained_cfg": {"custom_load": "hf", "hf_hub_id": "evil", "source": "local-dir"}},
}


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_code_of_a_folder_is_run(kind, weights, trained, tmp_path, hostile, outcome_of, monkeypatch):
    timm.models.save_for_hf(trained, str(tmp_path / "m"), safe_serialization=True)
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    changes = HOSTILE[kind]
    if "pretrained_cfg" in changes:
        changes = {"pretrained_cfg": config["pretrained_cfg"] | changes["pretrained_cfg"]}
    hostile.add(tmp_path / "m", config=changes)
    for name in ("evil.pth", "pytorch_model.bin"):
        torch.save({"head.weight": hostile}, tmp_path / "m" / name)
    if weights == "pytorch_model.bin":
        (tmp_path / "m" / "model.safetensors").unlink()
    monkeypatch.chdir(tmp_path / "m")
    found = outcome_of(load_encoder, f"timm:local-dir:{tmp_path / 'm'}")
    assert weights == "model.safetensors" or found != "made"
    outcome_of(load_encoder, f"random:0:timm:local-dir:{tmp_path / 'm'}")


@pytest.mark.slow
def test_of_a_bare_clip_name_a_note_says_that_its_default_is_a_classifier():
    encoder = load_encoder("timm:vit_base_patch32_clip_224", Request(seed=0))
    (note,) = encoder.notes
    assert "laion2b_ft_in12k_in1k, fine-tuned to 1,000 classes" in note
    assert load_encoder("timm:vit_base_patch32_clip_224.openai", Request(seed=0)).meanings == {
        "penultimate": "pooled feature before the projection", "logits": "joint space with text",
    }


def test_misspelled_names_propose_the_nearest(message_of):
    assert "did you mean 'resnet50.a1_in1k'" in message_of(load_encoder, "timm:resnet50.a1in1k")
