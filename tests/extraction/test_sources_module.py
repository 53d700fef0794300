"""Models of one's own: from a file, from a package, and from Python."""

from __future__ import annotations

import json

import numpy as np
import pytest

for package in ("torch", "PIL"):
    pytest.importorskip(package, reason=f"{package} is not installed")

import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torch import nn  # noqa: E402

from pyalign.extraction._module import encoder_of  # noqa: E402
from pyalign.extraction.encoder import Request  # noqa: E402
from pyalign.extraction.extract import extract  # noqa: E402
from pyalign.extraction.sources import load_encoder  # noqa: E402

FILE = """
import numpy as np, torch
from torch import nn

def prepare(image):
    return torch.from_numpy(np.asarray(image.resize((8, 8)), dtype=np.float32).transpose(2, 0, 1) / 255)

def module():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.ReLU(inplace=True), nn.Linear(6, 4))

def pair():
    return module(), prepare

def alone():
    return module()

def attached():
    found = module()
    found.preprocess = prepare
    return found

def encoder():
    from pyalign.extraction.sources import load_encoder
    return load_encoder("pixels:4")

def number():
    return 3

def broken():
    raise RuntimeError("no\\nweights")
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


def picture(seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8))


@pytest.mark.parametrize("function", ["pair", "attached"])
def test_a_file_gives_a_module_and_its_transform(function, file):
    encoder = load_encoder(f"module:{file}:{function}")
    plain = encoder.module
    prepared = [encoder.prepare(picture(k)) for k in range(3)]
    with torch.inference_mode():
        before = torch.relu(plain[1](torch.stack(prepared).flatten(1)))
        expected = plain[3](before)
    penultimate, logits = encoder.run(prepared, encoder.resolve(["penultimate", "logits"]))
    np.testing.assert_allclose(penultimate, before, atol=1e-5)
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    assert encoder.size == (3, 8, 8)
    assert encoder.meanings["penultimate"] == "what 3, the last layer, is given"
    assert encoder.preprocessing["text"].endswith(".prepare")
    assert "0x" not in json.dumps(encoder.preprocessing["text"])


def test_random_weights_are_drawn_from_the_seed(file):
    one, same, other = (load_encoder(f"random:{seed}:module:{file}:pair") for seed in (1, 1, 2))
    assert one.weights.sha256 == same.weights.sha256 != other.weights.sha256
    assert one.weights.origin == "random, seed 1"


def test_a_checkpoint_is_loaded_into_the_module(file, tmp_path, message_of):
    torch.manual_seed(8)
    trained = nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.ReLU(), nn.Linear(6, 4))
    torch.save(trained.state_dict(), tmp_path / "w.pth")
    encoder = load_encoder(f"module:{file}:pair", Request(checkpoint=str(tmp_path / "w.pth")))
    prepared = encoder.prepare(picture())
    with torch.inference_mode():
        found = encoder.run([prepared], encoder.resolve(["logits"]))[0]
        np.testing.assert_allclose(found, trained(prepared[None]), atol=1e-5)
    torch.save({"1.weight": torch.zeros(2)}, tmp_path / "w.pth")
    message = message_of(load_encoder, f"module:{file}:pair", Request(checkpoint=str(tmp_path / "w.pth")))
    assert "does not fit" in message
    assert "\n" not in message


def test_a_function_may_give_an_encoder(file):
    assert load_encoder(f"module:{file}:encoder").spec == "pixels:4"


def test_a_package_is_found_beside_the_user(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert load_encoder("module:mine:pair").size == (3, 8, 8)


def test_a_package_is_found_in_the_folder_that_stands_before_it_and_never_stands_in_for_another(tmp_path, message_of):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "net_of_a_folder.py").write_text(FILE)
    assert load_encoder(f"module:{tmp_path}/one/net_of_a_folder:pair").size == (3, 8, 8)
    assert (
        load_encoder("module:net_of_a_folder:pair", folder=str(tmp_path / "one")).spec == "module:net_of_a_folder:pair"
    )
    message = message_of(load_encoder, f"module:{tmp_path}/two/net_of_a_folder:pair")
    assert f"net_of_a_folder was imported before, from {tmp_path}/one/net_of_a_folder.py" in message


def test_what_a_function_must_give_is_said(file, message_of):
    spec = f"module:{file}"
    assert message_of(load_encoder, f"{spec}:alone") == (
        f"{spec}:alone: alone() must return (module, transform), where transform makes (c, h, w) floats of an RGB "
        "image of Pillow; got no transform: return module, torchvision.models.ResNet50_Weights.DEFAULT.transforms()"
    )
    assert message_of(load_encoder, f"{spec}:number").endswith("must return (module, transform) or an Encoder; got int")
    assert message_of(load_encoder, f"{spec}:broken") == f"{spec}:broken: broken() has failed: no weights"
    with open(file, "a") as code:
        code.write("\ndef script():\n    raise SystemExit(0)\n")
    told = f"{spec}:script: script() has failed: it ends the program (sys.exit(0))"
    assert message_of(load_encoder, f"{spec}:script") == told
    assert "must have a function paire; did you mean 'pair'?" in message_of(load_encoder, f"{spec}:paire")
    assert message_of(load_encoder, "module:no.such.package:f").endswith("No module named 'no'")
    assert message_of(load_encoder, "module:none.py:f").endswith("weights none.py: No such file or directory")
    assert "must be PACKAGE.MODULE:FUNCTION" in message_of(load_encoder, "module:mine")


# From Python


def convert(image):
    return torch.from_numpy(np.asarray(image, dtype=np.float32).transpose(2, 0, 1))


def test_a_module_of_python_stays_as_it_is():
    module = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(3 * 256 * 256, 2)).train()
    encoder = encoder_of(module, convert, name="mine", request=Request())
    assert encoder.spec == "module:mine"
    assert encoder.size == (3, 256, 256)
    assert module.training
    assert all(one.requires_grad for one in module.parameters())
    assert not [one for part in module.modules() for one in part._forward_pre_hooks]
    encoder.module[2].weight.zero_()
    assert module[2].weight.abs().max() > 0


def test_a_model_that_was_put_into_training_meanwhile_draws_no_rows():
    """torch.onnx.export does so to the modules inside of what it exports."""
    module = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(3 * 16 * 16, 64), nn.ReLU(), nn.Linear(64, 2))
    encoder = encoder_of(module, lambda image: convert(image)[:, :16, :16], name="mine", request=Request())
    images = [Image.new("RGB", (16, 16), (k, 90, 200 - k)) for k in range(5)]
    before = extract(encoder, images)["penultimate"].values
    encoder.module.train()
    np.testing.assert_array_equal(extract(encoder, images)["penultimate"].values, before)


def test_a_module_needs_a_preprocessing(message_of):
    module = nn.Flatten()
    message = message_of(lambda: encoder_of(module, None, name="mine", request=Request()))
    assert message.startswith("a module needs preprocess, such as preprocess=torchvision.models.ResNet50_Weights.")
    flat = message_of(lambda: encoder_of(module, lambda image: torch.zeros(3), name="mine", request=Request()))
    assert flat == "module:mine: the transform must give (c, h, w); got (3,)"


class Heads(nn.Module):
    """A model that ends in another way than with one linear layer."""

    def __init__(self, end):
        super().__init__()
        self.a, self.b, self.end = nn.Linear(12, 4), nn.Linear(12, 4), end

    def forward(self, x):
        x = x.flatten(1)
        if self.end == "mean":
            return (self.a(x) + self.b(x)) / 2
        if self.end == "softmax":
            return self.a(x).softmax(1)
        if self.end == "twice":
            return self.a(torch.cat([self.a(x)] * 3, 1))
        return (self.b(x), self.a(x))[1]


@pytest.mark.parametrize("end", ["mean", "softmax", "twice"])
def test_without_one_last_layer_there_is_no_penultimate(end, message_of):
    encoder = encoder_of(Heads(end), convert, name="mine", request=Request(), size=(3, 2, 2))
    assert list(encoder.meanings) == ["logits"]
    assert "has no layer 'penultimate' of its own; it has logits" in message_of(encoder.resolve, ["penultimate"])


def test_the_last_layer_is_the_one_whose_output_is_the_models():
    encoder = encoder_of(Heads("one"), convert, name="mine", request=Request(), size=(3, 2, 2))
    assert encoder.meanings["penultimate"] == "what a, the last layer, is given"
