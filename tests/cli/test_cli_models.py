"""`pyalign models list` and `pyalign models layers`."""

from __future__ import annotations

import json

import pytest
from support import strict_json

import pyalign
from pyalign.extraction.spelling import Known


@pytest.fixture(autouse=True)
def sources(monkeypatch, tmp_path):
    """The names of three sources, one of which lacks a package; nothing is loaded, and nothing kept at home."""
    held = {"timm": ("resnet50.a2_in1k", "resnet50.a1_in1k", "vit_b"), "pixels": ("64",)}

    def known_names(name):
        if name == "onnx":
            raise pyalign.MissingExtraError("model source onnx", "onnxruntime", "models")
        return Known(held.get(name, ()))

    def require_packages(name):
        if name == "onnx":
            known_names(name)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("pyalign.extraction.sources.known_names", known_names)
    monkeypatch.setattr("pyalign.extraction.models.require_packages", require_packages)


def test_without_a_pattern_sources_and_how_many_models_each_has(command):
    ran = command("models", "list", "--quiet")
    assert ran.code == 0
    assert [" ".join(line.split()) for line in ran.out.splitlines()] == [
        "timm 3 models", "pixels 1 model",
        "part of a name lists those that have it, --verbose all: pyalign models list resnet50",
    ]
    assert len(strict_json(command("models", "list", "--json", "--quiet").out)["models"]) == 4


def test_names_one_a_line_in_order(command):
    ran = command("models", "list", "--verbose")
    assert ran.code == 0
    assert ran.out.splitlines() == ["timm:resnet50.a1_in1k", "timm:resnet50.a2_in1k", "timm:vit_b", "pixels:64"]
    assert "note: onnx: is left out: model source onnx needs onnxruntime, which is not installed" in ran.err
    assert "random:SEED:SOURCE:NAME" in ran.err
    assert "random:SEED" not in command("models", "list", "--quiet").err


def test_a_pattern_chooses_from_all_sources_or_from_one(command, refused):
    assert command("models", "list", "ReSnet").out.split() == ["timm:resnet50.a1_in1k", "timm:resnet50.a2_in1k"]
    assert command("models", "list", "timm:*a2*").out.split() == ["timm:resnet50.a2_in1k"]
    assert command("models", "list", "pixels:").out.split() == ["pixels:64"]
    assert refused("models", "list", "tim:").startswith("pattern must be part of a model's name; got 'tim:'")


def test_a_pattern_that_nothing_fits_proposes(refused, folder):
    assert (
        refused("models", "list", "ViT-B")
        == "pattern must be part of a model's name; got 'ViT-B'; did you mean 'timm:vit_b'?"
    )
    assert refused("models", "list", "xyzzy") == "pattern must be part of a model's name; got 'xyzzy'"
    assert "needs onnxruntime" in refused("models", "list", "onnx:")
    message = "PATTERN must be one, unless --metadata is given; got resnet vit"
    assert refused("models", "list", "resnet", "vit") == message


def test_a_list_is_a_document_that_is_read_back(command, tmp_path):
    ran = command("models", "list", "resnet", "--json", tmp_path / "models.json", "--csv", tmp_path / "models.csv")
    assert ran.code == 0
    found = pyalign.load_result(tmp_path / "models.json")
    assert [one.name for one in found.models] == ["timm:resnet50.a1_in1k", "timm:resnet50.a2_in1k"]
    assert (found.pattern, found.source) == ("resnet", None)
    assert (tmp_path / "models.csv").read_text().splitlines()[:2] == ["name,source", "timm:resnet50.a1_in1k,timm"]
    assert strict_json(command("models", "list", "--json").out)["command"] == "models list"


def test_layers_have_names_shapes_and_what_they_are(command, tmp_path):
    pytest.importorskip("PIL", reason="pillow is not installed")
    ran = command("models", "layers", "pixels:8")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == ["layer        shape  what", "penultimate  192    RGB of 8 x 8 pixels, from 0 to 1"]
    document = strict_json(command("models", "layers", "pixels:8", "--json").out)
    assert document["layers"] == [{"name": "penultimate", "what": "RGB of 8 x 8 pixels, from 0 to 1", "shape": "192"}]
    assert command("models", "layers", "pixels:8", "--json", tmp_path / "layers.json").code == 0
    assert pyalign.load_result(tmp_path / "layers.json").to_dict() == document


def test_layers_of_a_model_need_no_weights_and_say_so(command):
    pytest.importorskip("timm", reason="timm is not installed")
    ran = command("models", "layers", "timm:resnet10t.c3_in1k")
    assert ran.code == 0
    assert "note: the model was made with random weights" in ran.err
    rows = [line.split() for line in ran.out.splitlines()]
    assert [row[:2] for row in rows[1:3]] == [["penultimate", "512"], ["logits", "1000"]]
    assert ["layer4", "512"] in [row[:2] for row in rows]


def test_a_checkpoint_is_loaded(command, refused, folder):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    timm = pytest.importorskip("timm", reason="timm is not installed")
    torch.manual_seed(7)
    model = timm.create_model("resnet10t", num_classes=1000)
    torch.save(model.state_dict(), "w.pth")
    ran = command("models", "layers", "timm:resnet10t.c3_in1k", "--checkpoint", "w.pth", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["weights"]["origin"] == "w.pth"
    assert "no-such.pth" in refused("models", "layers", "timm:resnet10t.c3_in1k", "--checkpoint", "no-such.pth")


def test_layers_of_no_model_are_one_line(refused, command, folder):
    assert "did you mean 'timm:resnet50'" in refused("models", "layers", "resnet50")
    assert command("models", "layers").code == 2
    assert "'models' needs a second word: models list, models layers" in command("models").err


def test_the_table_gives_models_by_any_of_their_names(command, tmp_path):
    ran = command("models", "list", "clip_ViT-B/32", "resnet50", "--metadata", "--csv", tmp_path / "m.csv", "--json")
    assert ran.code == 0
    rows = strict_json(ran.out)["models"]
    assert [row["model"] for row in rows] == ["open_clip:ViT-B-32/openai", "torchvision:resnet50/IMAGENET1K_V2"]
    assert (rows[1]["parameters"], rows[1]["width"], rows[1]["imagenet_accuracy"]) == (25557032, 2048, 0.80858)
    assert rows[0]["imagenet_zero_shot"] == 0.6332 and "openclip_results.csv" in rows[0]["accuracy_source"]
    table = pyalign.load_metadata(tmp_path / "m.csv")
    assert table.models == tuple(row["model"] for row in rows) and table.columns["family"] == ("CLIP", "ResNet")


def test_the_whole_table_and_parts_of_names(command):
    assert len(strict_json(command("models", "list", "--metadata", "--json").out)["models"]) > 250
    lines = command("models", "list", "DINOv2", "--metadata", "--quiet").out.splitlines()
    assert len(lines) > 5 and all("DINOv2" in line for line in lines[1:])
    assert "zero-shot" in command("models", "list", "resnet50", "--metadata", "--verbose").out


def test_cells_of_ones_own_come_before_those_of_the_table(command, tmp_path):
    (tmp_path / "own.csv").write_text("model,family,parameters\nresnet50,mine,\nmine,mine,5M\n")
    ran = command("models", "list", "resnet50", "mine", "--metadata", tmp_path / "own.csv", "--json")
    first, second = strict_json(ran.out)["models"]
    assert (first["family"], first["parameters"], first["training_source"]) == (
        "mine", 25557032, str(tmp_path / "own.csv"))
    assert (second["model"], second["parameters"], second["data"]) == ("mine", 5_000_000, None)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["resnet51"], "names must be of models in the table, or parts of such; got 'resnet51'; did you mean 'resnet"),
        (["xyzzy"], "names must be of models in the table, or parts of such; got 'xyzzy'"),
        (
            ["resnet50", "resnet50"],
            "names must be of different models; 'resnet50' and 'resnet50' are both torchvision:",
        ),
        (
            ["clip_RN50", "open_clip:RN50/openai"],
            "'clip_RN50' and 'open_clip:RN50/openai' are both open_clip:RN50/openai",
        ),
    ],
)
def test_models_that_are_not_there_or_there_twice_are_refused(refused, models, message):
    assert message in refused("models", "list", *models, "--metadata")


def test_a_cell_of_ones_own_that_is_no_number_is_refused(refused, tmp_path):
    (tmp_path / "own.csv").write_text("model,width\nresnet50,wide\n")
    message = refused("models", "list", "--metadata", tmp_path / "own.csv")
    assert message == "width of torchvision:resnet50/IMAGENET1K_V2 must be a number; got 'wide'"
