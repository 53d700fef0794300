"""Scripts of examples/ that no page runs: models of vision science, with stand-ins for packages, and a measure in C."""

from __future__ import annotations

import shlex
import shutil
import sys

import numpy as np
import pytest
from native_builds import ROOT, must, require, run

import pyalign
from pyalign.cli import info, main

EXAMPLES = ROOT / "examples"
# What the packages give by their documentation: of CORnet a module in a DataParallel, of DreamSim a model with `embed`
# and a transform to batches of one, of harmonization a function of (n, height, width, channel).
PACKAGES = {
    "cornet": """
import torch
from collections import OrderedDict
from torch import nn

def cornet_s(pretrained=False, map_location=None):
    assert pretrained and map_location == "cpu"
    torch.manual_seed(0)
    parts = [("V1", nn.Conv2d(3, 2, 7, 32)), ("IT", nn.Conv2d(2, 4, 1)), ("flat", nn.Flatten())]
    return nn.DataParallel(nn.Sequential(OrderedDict(parts)))
""",
    "dreamsim": """
import torch
from torch import nn
from torchvision.transforms import functional

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.arange(3.0))

    def embed(self, x):
        return x.mean((2, 3)) * self.weight

def dreamsim(pretrained, device, dreamsim_type):
    assert pretrained and dreamsim_type == "ensemble"
    return Model(), lambda image: functional.to_tensor(functional.resize(image, (224, 224)))[None]
""",
    "harmonization/models": """
def load_ViT_B16():
    return lambda images: images.mean((1, 2))

def preprocess_input(images):
    return images / 255.0
""",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three pictures in one color each, and the packages."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    for name, text in PACKAGES.items():
        path = tmp_path / "packages" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for module in (path.stem, path.parent.name, f"{path.parent.name}.{path.stem}"):
            monkeypatch.delitem(sys.modules, module, raising=False)
    (tmp_path / "photos").mkdir()
    for k, color in enumerate([(255, 0, 0), (0, 255, 0), (0, 51, 255)]):
        Image.new("RGB", (40, 30), color).save(tmp_path / "photos" / f"{k}.png")
    return tmp_path


def extracted(name, *layers):
    spec = f"module:{EXAMPLES}/vision_science.py:{name}"
    return main(["extract", "--images", "photos", "--out", name, "--model", spec, "--layer", *layers])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("dreamsim", [[0, 0, 0], [0, 1, 0], [0, 0.2, 2]]), ("harmonized", [[1, 0, 0], [0, 1, 0], [0, 0.2, 1]])],
)
def test_a_model_of_vision_science_gives_the_rows_of_its_package(folder, name, expected):
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    assert extracted(name, "logits") == 0
    np.testing.assert_allclose(pyalign.load_embeddings(folder / name).values, expected, atol=1e-6)


def test_areas_of_cornet_are_layers(folder):
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    assert extracted("cornet", "V1", "IT") == 0
    assert pyalign.load_embeddings(folder / "cornet" / "IT.npy").shape == (3, 4)
    assert pyalign.load_embeddings(folder / "cornet" / "V1.npy").shape == (3, 2)


def test_a_package_that_is_missing_is_one_line(folder, capsys):
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    shutil.rmtree(folder / "packages" / "harmonization")
    assert extracted("harmonized", "logits") == 1 and not (folder / "harmonized").exists()
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("pyalign extract: error: ") and "No module named 'harmonization'" in said


@pytest.mark.compiled
def test_a_measure_in_c_scores_as_the_same_matrix_in_python(tmp_path):
    (cc,) = require("cc")
    own_metric, installed = tmp_path / "own_metric", info.files_of_library()
    words = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{installed['include_dir']}"]
    must([cc, *words, EXAMPLES / "c" / "own_metric.c", "-o", own_metric, *shlex.split(installed["libs"]), "-lm"])
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 3, (40, 6)).astype(np.float32)  # zeros, and ties
    triplets = np.stack([rng.permutation(40)[:3] for _ in range(2000)]).astype(np.int32)
    x.tofile(tmp_path / "x")
    triplets.tofile(tmp_path / "t")
    scale = np.abs(x[:, None]) + np.abs(x)
    s = -np.divide(np.abs(x[:, None] - x), scale, out=np.zeros_like(scale, float), where=scale > 0).sum(2)
    said = must([own_metric, tmp_path / "x", *x.shape, tmp_path / "t", len(triplets)])
    a, b, odd = triplets.T
    pairs = np.stack([s[a, b], s[a, odd], s[b, odd]])
    right = (pairs[0] == pairs.max(0)) / (pairs == pairs.max(0)).sum(0)
    assert float(said.removeprefix("accuracy ")) == pytest.approx(right.mean(), abs=1e-12)
    done = run([own_metric, tmp_path / "x", 40, 6, tmp_path / "t", 3000])
    assert done.returncode == 1 and "can't be read" in done.stderr
