"""Extraction: rows equal to plain library code, whatever the batches, threads, parts and order; names go with them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pyalign
from pyalign.extraction.finished import sha256_of
from pyalign.extraction.images import as_images
from pyalign.extraction.job import batches
from pyalign.extraction.sources import load_encoder

ARCHITECTURES = ("test_vit", "test_vit4", "test_resnet", "test_efficientnet", "test_convnext", "test_byobnet")


def plainly(name, folder, seed=0):
    """Penultimate features and logits by timm alone, an image at a time."""
    import timm
    import torch
    from PIL import Image
    from timm.data import create_transform, resolve_model_data_config

    torch.manual_seed(seed)
    model = timm.create_model(name, pretrained=False).eval()
    transform = create_transform(**resolve_model_data_config(model), is_training=False)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))
    with torch.inference_mode():
        batch = [transform(Image.open(folder / one).convert("RGB"))[None] for one in names]
        ends = [(model.forward_head(model.forward_features(x), pre_logits=True), model(x)) for x in batch]
    return names, *(torch.cat(part).numpy() for part in zip(*ends, strict=True))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_rows_are_those_of_plain_timm_code_under_the_names_of_their_files(pictures, name):
    names, features, logits = plainly(name, pictures)
    found = pyalign.extract(f"random:0:timm:{name}", pictures, ("penultimate", "logits"), batch_size=4)
    assert found["penultimate"].names == tuple(names) == found["logits"].names
    assert names[-1] == "deep/03.jpg"
    np.testing.assert_allclose(found["penultimate"].values, features, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["logits"].values, logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 3, "n_jobs": 1}, {"n_jobs": 5}])
def test_rows_do_not_depend_on_batches_and_threads(pictures, options):
    usual = pyalign.extract("random:0:timm:test_vit", pictures, batch_size=11)["penultimate"]
    other = pyalign.extract("random:0:timm:test_vit", pictures, **options)["penultimate"]
    assert usual.names == other.names
    np.testing.assert_allclose(usual.values, other.values, rtol=1e-5, atol=1e-5)


def test_rows_move_with_the_order_of_the_items(pictures):
    encoder = load_encoder("random:0:timm:test_resnet")
    names = [str(path) for path in sorted(pictures.rglob("*.*"))]
    forward, backward = (pyalign.extract(encoder, order)["penultimate"] for order in (names, names[::-1]))
    assert backward.names == forward.names[::-1]
    np.testing.assert_allclose(backward.values[::-1], forward.values, rtol=1e-5, atol=1e-5)


def test_several_layers_in_one_pass_are_each_layer_alone(pictures):
    encoder = load_encoder("random:0:timm:test_vit")
    layers = ("blocks.0", "penultimate", "blocks.1.mlp.fc1", "logits")
    together = pyalign.extract(encoder, pictures, layers)
    for layer in layers:
        np.testing.assert_array_equal(
            pyalign.extract(encoder, pictures, (layer,))[layer].values, together[layer].values
        )


def test_the_folder_holds_what_is_given_back_and_says_how_it_was_made(pictures):
    found = pyalign.extract("random:0:timm:test_resnet", "p", ("penultimate", "logits"), out="e", meta={"lab": "7"})
    folder = pictures.parent / "e"
    assert sorted(path.name for path in folder.iterdir()) == [
        "items.sha256", "logits.npy", "manifest.json", "names.txt", "penultimate.npy",
    ]
    array = np.load(folder / "logits.npy")
    assert array.dtype == np.float32 and (array == found["logits"].values).all()
    assert (folder / "names.txt").read_text().splitlines() == list(found["logits"].names)
    told = json.loads((folder / "manifest.json").read_text())
    assert told["model"] == "random:0:timm:test_resnet" and told["meta"] == {"lab": "7"}
    assert told["weights"]["origin"] == "random, seed 0" and len(told["weights"]["sha256"]) == 64
    assert told["preprocessing"]["mean"] and told["preprocessing"]["interpolation"] == "bilinear"
    assert (told["decoder"], told["background"], told["precision"]) == ("pil", [255, 255, 255], "fp32")
    assert {"pyalign", "timm", "torch", "pillow"} <= told["versions"].keys()
    assert (told["n_items"], told["n_rows"], told.get("failures", [])) == (11, 11, [])
    assert [layer["shape"] for layer in told["layers"]] == [[11, 96], [11, 1000]]
    assert told["provenance"]["options"]["images"] == "p"
    again = pyalign.load_result(folder / "manifest.json")
    assert again.to_dict() == found.to_dict()


def test_the_folder_is_scored_by_the_names_of_its_items(pictures):
    pyalign.extract("random:0:timm:test_resnet", pictures, out="e")
    names = [path.stem for path in sorted(pictures.rglob("*.*"))]
    np.savetxt("t.csv", [[names[0], names[3], names[7]], [names[2], names[1], names[9]]], "%s", ",")
    score = pyalign.score(pyalign.load_embeddings("e"), pyalign.load_triplets("t.csv"))
    assert score.n_triplets == 2


# Items that can't be read


def test_an_image_that_can_not_be_read_is_an_error_that_names_it(pictures, message_of):
    (pictures / "00.jpg").write_bytes(b"no image")
    message = message_of(lambda: pyalign.extract("pixels:2", pictures, out="e"))
    assert message.startswith(f"{pictures}: 00.jpg: ") and 'unreadable="omit"' in message


def test_or_it_is_left_out_and_listed(pictures):
    usual = pyalign.extract("pixels:2", pictures, batch_size=4)["penultimate"]
    (pictures / "01.png").write_bytes(b"")
    (pictures / "deep" / "03.jpg").write_bytes((pictures / "deep" / "03.jpg").read_bytes()[:300])
    found = pyalign.extract("pixels:2", pictures, out="e", batch_size=4, unreadable="omit")
    left = [name for name in usual.names if name not in ("01.png", "deep/03.jpg")]
    assert [failure.name for failure in found.failures] == ["01.png", "deep/03.jpg"]
    assert found["penultimate"].names == tuple(left) and (found.n_items, found.n_rows) == (11, 9)
    np.testing.assert_array_equal(found["penultimate"].values, usual.select(left).values)
    assert "left out: 01.png: " in str(found)


@pytest.mark.slow
def test_thousands_of_damaged_images_have_a_row_or_are_listed(tmp_path):
    import io
    import random

    from PIL import Image

    rng, kinds = random.Random(0), ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")
    whole = []
    for kind in kinds:
        file = io.BytesIO()
        Image.effect_noise((24, 17), 50).convert("RGB").save(file, kind)
        whole.append(file.getvalue())
    for k in range(3000):
        raw = bytearray(whole[k % len(kinds)])
        for _ in range(rng.choice((1, 1, 3, 9))):
            place = rng.randrange(min(len(raw), rng.choice((40, 200, 1 << 20))))
            raw[place : place + rng.choice((1, 2, 4))] = rng.randbytes(rng.choice((0, 1, 2, 4)))
        del raw[rng.choice((len(raw), len(raw), rng.randrange(len(raw)))) :]
        (tmp_path / f"{k:04}.{kinds[k % len(kinds)].lower()}").write_bytes(raw)
    found = pyalign.extract("pixels:2", tmp_path, unreadable="omit")
    failed = {failure.name for failure in found.failures}
    assert 300 < len(failed) < 3000 and not failed & set(found["penultimate"].names)
    assert len(failed) + len(found) == found.n_items == 3000
    assert all(failure.reason and len(failure.reason.splitlines()) == 1 for failure in found.failures)


def test_rows_that_are_not_finite_are_no_rows(pictures, message_of):
    encoder = load_encoder("pixels:1")
    real = encoder.run
    encoder.run = lambda prepared, layers: [
        np.where(np.arange(len(prepared))[:, None] == 2, np.nan, real(prepared, layers)[0])
    ]
    found = pyalign.extract(encoder, pictures, unreadable="omit", batch_size=11)
    assert [failure.reason for failure in found.failures] == ["the model gives numbers that are not finite"]
    assert "02.webp: the model gives numbers that are not finite" in message_of(
        lambda: pyalign.extract(encoder, pictures)
    )


def test_where_nothing_can_be_read_there_is_no_folder_of_nothing(pictures, message_of):
    for path in pictures.rglob("*.*"):
        path.write_bytes(b"?")
    message = message_of(lambda: pyalign.extract("pixels:2", pictures, out="e", unreadable="omit"))
    assert message.startswith(f"{pictures}: none of 11 items could be read; 00.jpg: ")
    assert not (pictures.parent / "e" / "manifest.json").exists()


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shard": (3, 2)}, "shard must be part i of k, from 1; got 3/2"),
        ({"resume": True}, "resume needs out"),
        ({"background": "nocolour"}, "background must be a color such as white or #808080; got 'nocolour'"),
        ({"layers": ()}, "layers must be one or more names"),
        ({"layers": ("penultimate", "penultimate")}, "layers must differ; got 'penultimate' twice"),
        ({"layers": ("layer9",)}, "layers must be penultimate, logits or a module's name; got 'layer9'"),
        ({"layers": ("layer1_0",)}, "did you mean 'layer1.0'?"),
        ({"pool": "max"}, "pool must be one of auto, cls, mean, flatten, none; got 'max'"),
        ({"pool": "mean"}, "pool mean applies only to named modules"),
        ({"layers": ("layer1",), "pool": "cls"}, "pool cls needs a class token"),
        ({"device": "warp"}, "device must be one that torch can use; got 'warp'"),
        ({"precision": "int8"}, "precision must be one of fp32, bf16; got 'int8'"),
        ({"texts": ["a"]}, "extract needs images or texts, one of them; got both"),
        ({"compile": True, "layers": ("layer1",)}, "compile applies only to penultimate and logits"),
    ],
)
def test_an_option_that_breaks_a_rule_is_told_in_one_line(pictures, message_of, options, message):
    assert message in message_of(lambda: pyalign.extract("random:0:timm:test_resnet", pictures, **options))


def test_a_transform_maps_the_rows_and_the_manifest_tells_of_it(pictures):
    half = pyalign.Transform(np.eye(12, 5, dtype=np.float32), None, 0.25, 2.0)
    plain = pyalign.extract("pixels:2", pictures)["penultimate"].values
    found = pyalign.extract("pixels:2", pictures, transform=half, out="e")
    np.testing.assert_allclose(found["penultimate"].values, ((plain - 0.25) / 2)[:, :5], rtol=1e-6, atol=1e-6)
    assert (
        found.transform["sha256"]
        == json.loads((pictures.parent / "e/manifest.json").read_text())["transform"]["sha256"]
    )


def test_a_transform_needs_one_layer(pictures, message_of):
    given = pyalign.Transform(np.eye(96, dtype=np.float32), None, 0.0, 1.0)
    layers = ("penultimate", "logits")
    message = message_of(lambda: pyalign.extract("random:0:timm:test_resnet", pictures, layers, transform=given))
    assert message == "transform needs one layer to map; got 2"


def test_half_precision_gives_float32_rows_close_to_full(pictures):
    full, half = (pyalign.extract("random:0:timm:test_vit", pictures, precision=one) for one in ("fp32", "bf16"))
    a, b = full["penultimate"].values, half["penultimate"].values
    assert b.dtype == np.float32 and half.precision == "bf16" and not np.array_equal(a, b)
    assert ((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min() > 0.999


@pytest.mark.slow
def test_half_precision_of_a_transformer_of_real_size_keeps_a_cosine_of_9999(pictures):
    full, half = (
        pyalign.extract("random:0:timm:vit_small_patch16_224", pictures, precision=one)["penultimate"].values
        for one in ("fp32", "bf16")
    )
    cosine = (full * half).sum(1) / np.linalg.norm(full, axis=1) / np.linalg.norm(half, axis=1)
    assert cosine.min() > 0.9999 and not np.array_equal(full, half)


def test_the_other_decoder_is_named_and_gives_nearly_the_same(pictures):
    usual, other = (pyalign.extract("pixels:16", pictures, decoder=one) for one in ("pil", "torchvision"))
    assert other.decoder == "torchvision"
    assert np.abs(usual["penultimate"].values - other["penultimate"].values).max() < 6 / 255


def test_arrays_and_pictures_in_memory_are_taken_too(pictures):
    arrays = [np.full((4, 4, 3), 51 * k, np.uint8) for k in range(3)]
    found = pyalign.extract("pixels:1", as_images(arrays, names=["a", "b", "c"]))["penultimate"]
    assert found.names == ("a", "b", "c")
    np.testing.assert_allclose(found.values[:, 0], [0, 0.2, 0.4], atol=1e-6)


def test_a_module_of_ones_own_is_taken_with_its_preprocessing(pictures, message_of):
    import torch
    from torchvision.transforms import functional

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))

    def prepare(image):
        return functional.to_tensor(image.resize((2, 2)))

    found = pyalign.extract(module, pictures, ("penultimate", "logits", "1"), preprocess=prepare)
    penultimate, logits = found["penultimate"].values, found["logits"].values
    np.testing.assert_allclose(module[3](torch.tensor(penultimate)).detach(), logits, rtol=1e-5, atol=1e-5)
    assert (found["1"].values.clip(0) == penultimate).all()  # and not what the ReLU behind it made of it
    assert "a module needs preprocess" in message_of(lambda: pyalign.extract(module, pictures))
    message = message_of(lambda: pyalign.extract("pixels", pictures, preprocess=prepare))
    assert message.startswith("preprocess applies only to")
    assert message_of(lambda: pyalign.extract(3, pictures)).startswith("model must be SOURCE:NAME, an nn.Module or")


def test_progress_tells_of_the_rate_and_the_time_left(monkeypatch):
    from pyalign.cli import extract as command

    told, clock = [], iter((0.0, 10.0, 70.0))
    monkeypatch.setattr(command.time, "monotonic", lambda: next(clock))
    paced = command._paced(lambda *given: told.append(given))
    for done in (100, 150, 800):
        paced("images", done, 1500)
    assert told == [
        ("images", 100, 1500),
        ("5 images/s, 4:30 left:", 150, 1500),
        ("10 images/s, 1:10 left:", 800, 1500),
    ]


# Batches


def test_batches_are_cut_by_position_and_come_in_order():
    def prepare(text):
        if int(text) % 4 == 1:
            raise pyalign.InputError(f"odd {text}")
        return int(text)

    found = list(batches(range(1, 4), 3, 11, str, prepare, workers=4))
    assert [batch.number for batch in found] == [1, 2, 3]
    assert [batch.positions for batch in found] == [[3, 4], [6, 7, 8], [10]]
    assert [batch.failures for batch in found] == [[(5, "odd 5")], [], [(9, "odd 9")]]
    assert [batch.hashes for batch in found] == [[*map(sha256_of, texts)] for texts in ("345", "678", ["9", "10"])]


def test_few_items_are_made_ahead_of_those_that_are_used():
    made = []
    found = batches(range(100), 2, 200, str, made.append, workers=2)
    next(found)
    assert len(made) <= 2 * 4
    found.close()


def test_an_error_that_is_no_fault_of_the_item_ends_the_run():
    def prepare(text):
        raise MemoryError(f"at {text}")

    with pytest.raises(MemoryError, match="at 0"):
        list(batches(range(2), 2, 4, str, prepare, workers=2))
