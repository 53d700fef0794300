"""Models of torchvision against torchvision itself: each family's ends, preprocessing and weights."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

for package in ("torch", "torchvision", "PIL"):
    pytest.importorskip(package, reason=f"{package} is not installed")

import torch  # noqa: E402
import torchvision  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from pyalign.extraction.encoder import Request  # noqa: E402
from pyalign.extraction.sources import load_encoder, module_of  # noqa: E402

# A model of each family, the layer that answers, and a side that it takes.
FAMILIES = {
    "resnet18": ("fc", 64), "densenet121": ("classifier", 64), "googlenet": ("fc", 64), "inception_v3": ("fc", 75),
    "mobilenet_v2": ("classifier.1", 64), "mobilenet_v3_small": ("classifier.3", 64),
    "mnasnet0_5": ("classifier.1", 64), "shufflenet_v2_x0_5": ("fc", 64), "squeezenet1_1": ("classifier.1", 64),
    "efficientnet_b0": ("classifier.1", 64), "regnet_y_400mf": ("fc", 64), "resnext50_32x4d": ("fc", 64),
    "wide_resnet50_2": ("fc", 64), "vgg11": ("classifier.6", 64), "alexnet": ("classifier.6", 64),
    "efficientnet_v2_s": ("classifier.1", 64), "regnet_x_400mf": ("fc", 64), "convnext_tiny": ("classifier.2", 64),
    "swin_t": ("head", 64), "swin_v2_t": ("head", 64), "vit_b_32": ("heads.head", 224),
    "maxvit_t": ("classifier.5", 224),
}
FAST = {
    "resnet18", "mobilenet_v2", "mobilenet_v3_small", "mnasnet0_5", "shufflenet_v2_x0_5", "squeezenet1_1",
    "regnet_y_400mf",
}


def image(seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (300, 260, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def near(found, expected, tolerance=1e-5):
    """Equal, in units of the largest number."""
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def test_each_family_of_torchvision_is_in_the_table():
    def families(names):
        return {name.split("_")[0].rstrip("0123456789") for name in names if "/" not in name}

    assert families(module_of("torchvision").names()) == families(FAMILIES)


@pytest.mark.parametrize("name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in FAMILIES])
def test_penultimate_is_the_model_with_identity_for_its_classifier(name):
    layer, side = FAMILIES[name]
    encoder = load_encoder(f"torchvision:{name}", Request(seed=0))
    bare = copy.deepcopy(encoder.module)
    for module in bare.modules():
        module._forward_pre_hooks.clear()
    batch = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits = bare(batch)
        parent, _, last = layer.rpartition(".")
        setattr(bare.get_submodule(parent), last, torch.nn.Identity())
        pooled = bare(batch)
    found = encoder.run(batch, encoder.resolve(["logits", "penultimate"]))
    near(found[0], logits)
    near(found[1], pooled)
    assert found[1].std() > 0
    assert layer in encoder.meanings["penultimate"]


WITH_HEADS_BESIDE = [pytest.param(name, marks=pytest.mark.slow) for name in ("googlenet", "inception_v3")]


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v3_small", *WITH_HEADS_BESIDE])
def test_weights_in_the_cache_give_what_torchvision_gives(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    weights = torchvision.models.get_model_weights(name).DEFAULT
    torch.manual_seed(3)
    with_heads = {"aux_logits": True, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    saved = torchvision.models.get_model(name, weights=None, **with_heads).state_dict()
    torch.save(saved, folder / weights.url.rpartition("/")[2])
    plain = torchvision.models.get_model(name, weights=weights).eval()
    encoder = load_encoder(f"torchvision:{name}")
    prepared = encoder.prepare(image())
    expected = weights.transforms()(image())
    assert torch.equal(prepared, expected)
    with torch.inference_mode():
        near(encoder.run([prepared], encoder.resolve(["logits"]))[0], plain(expected[None]))
    assert encoder.spec == f"torchvision:{name}/{weights.name}"
    assert encoder.weights.origin == weights.url
    assert "has not the hash that its name says" in encoder.notes[0]
    json.dumps(encoder.preprocessing)


def test_a_checkpoint_of_other_classes_fits(tmp_path, message_of):
    torch.manual_seed(4)
    plain = torchvision.models.mobilenet_v3_small(num_classes=10).eval()
    save_file(plain.state_dict(), tmp_path / "w.safetensors")
    spec = "torchvision:mobilenet_v3_small/IMAGENET1K_V1"
    encoder = load_encoder(spec, Request(checkpoint=str(tmp_path / "w.safetensors")))
    prepared = encoder.prepare(image())
    with torch.inference_mode():
        near(encoder.run([prepared], encoder.resolve(["logits"]))[0], plain(prepared[None]))
    assert encoder.meanings["logits"] == "output of the classifier, 10 classes"
    assert not encoder.notes
    message = message_of(load_encoder, "torchvision:squeezenet1_1", Request(checkpoint=str(tmp_path / "w.safetensors")))
    assert "does not fit" in message
    assert "\n" not in message


def test_weights_choose_the_preprocessing():
    old, new = (load_encoder(f"torchvision:mobilenet_v2/IMAGENET1K_V{k}", Request(seed=0)) for k in (1, 2))
    table = torchvision.models.MobileNet_V2_Weights
    assert torch.equal(old.prepare(image()), table.IMAGENET1K_V1.transforms()(image()))
    assert torch.equal(new.prepare(image()), table.IMAGENET1K_V2.transforms()(image()))
    assert old.preprocessing["resize_size"] == [256]
    assert new.preprocessing["resize_size"] == [232]


def test_names_that_torchvision_has_not_are_one_line(message_of):
    assert message_of(load_encoder, "torchvision:resnet-50").startswith(
        f"torchvision:resnet-50: torchvision {torchvision.__version__} has no such classifier; did you mean 'resnet50'"
    )
    message = message_of(load_encoder, "torchvision:resnet50/V3")
    assert message == "torchvision:resnet50/V3: weights must be one of IMAGENET1K_V1, IMAGENET1K_V2; got 'V3'"


@pytest.mark.slow
def test_tokens_of_a_vit_and_maps_of_a_swin_are_pooled():
    encoder = load_encoder("torchvision:vit_b_32", Request(seed=0))
    batch = torch.randn(2, 3, 224, 224)
    kept = []
    hook = encoder.module.encoder.ln.register_forward_hook(lambda *given: kept.append(given[2]))
    (cls,) = encoder.run(batch, encoder.resolve(["encoder.ln"]))
    (mean,) = encoder.run(batch, encoder.resolve(["encoder.ln"], "mean"))
    hook.remove()
    near(cls, kept[-1][:, 0])
    near(mean, kept[-1][:, 1:].mean(1))
    encoder = load_encoder("torchvision:swin_t", Request(seed=0))
    layers = encoder.resolve(["features.3", "norm", "penultimate"])
    assert "map 192 x 28 x 28, from channels last" in layers[0].what
    _, norm, pooled = encoder.run(batch, layers)
    near(norm, pooled, 1e-5)


def test_all_that_is_listed_can_be_asked_for():
    encoder = load_encoder("torchvision:squeezenet1_1", Request(seed=0))
    names = [name for name, _, _ in encoder.listed()]
    assert names[:2] == ["penultimate", "logits"]
    assert len(encoder.run(torch.zeros(2, 3, 224, 224), encoder.resolve(names))) == len(names)


@pytest.mark.parametrize("file", ["w.pth", "w.bin", "w.tar"])
def test_a_pickle_in_place_of_weights_is_not_run(file, tmp_path, hostile, message_of):
    for held in (hostile, {"state_dict": hostile}, {"classifier.1.weight": hostile}):
        torch.save(held, tmp_path / file)
        request = Request(checkpoint=str(tmp_path / file))
        message = message_of(load_encoder, "torchvision:squeezenet1_1", request)
        assert message.endswith("does not fit: it does not hold only tensors")
        (tmp_path / file).write_bytes(pickle.dumps(held))
        assert "does not fit" in message_of(load_encoder, "torchvision:squeezenet1_1", request)


def test_a_pickle_in_the_cache_is_not_run(tmp_path, hostile, message_of, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(hostile, tmp_path / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth")
    assert "it does not hold only tensors" in message_of(load_encoder, "torchvision:squeezenet1_1")
