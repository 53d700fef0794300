"""The table of models that comes along: its rows, which of them a name means, and that one's own table goes before."""

from __future__ import annotations

import csv
import re

import pytest
from support import load_from_tools

import pyalign
from pyalign.data.metadata import Metadata
from pyalign.extraction.spelling import plain
from pyalign.io.item_names import ABOUT, COLUMNS, PLACE, metadata_of_models, model_rows, row_of

SIZES, ACCURACIES, TRAINING = ABOUT[3:6], ABOUT[6:], ABOUT[1:3]


def test_each_figure_says_where_it_was_read_and_what_was_not_read_is_empty():
    with PLACE.open(newline="") as file:
        assert next(csv.reader(file)) == list(COLUMNS)
    for row in model_rows():
        for figures, source in ((SIZES, "size_source"), (ACCURACIES, "accuracy_source"), (TRAINING, "training_source")):
            assert any(row[name] for name in figures) == bool(row[source]), (row["model"], source)
        assert all(re.fullmatch(r"0\.\d+|", row[name]) for name in ACCURACIES), row["model"]
        assert len({bool(row[name]) for name in SIZES}) == 1, row["model"]
    built = [row for row in model_rows() if row["size_source"].startswith("built with ")]
    assert len(built) > 200 and {row["model"].partition(":")[0] for row in built} >= {
        "torchvision", "timm", "open_clip", "transformers"
    }


def test_names_are_of_one_model_each_and_take_it_back_whatever_their_case_and_signs():
    names = [(row["model"], name) for row in model_rows() for name in (row["model"], *row["names"].split())]
    assert len({name for _, name in names}) == len(names)
    for model, name in names:
        assert row_of(name)["model"] == model
    assert row_of("clip_vit_b32")["model"] == row_of("features/CLIP-ViT-B-32.npy")["model"] == row_of(
        "clip_ViT-B/32")["model"] == "open_clip:ViT-B-32/openai"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("resnet50", "torchvision:resnet50/IMAGENET1K_V2"),
        ("resnet50.npy", "torchvision:resnet50/IMAGENET1K_V2"),
        ("timm:resnet50", "timm:resnet50.a1_in1k"),
        ("out/vgg16::penultimate", "torchvision:vgg16/IMAGENET1K_V1"),
        ("models.npz::vgg16", "torchvision:vgg16/IMAGENET1K_V1"),
        ("efficientnet_lite0_logits.npy", "efficientnet-lite:0"),
        ("r50-simclr", "thingsvision:simclr-rn50"),
        ("OpenCLIP_ViT-L-14_laion2b_s32b_b82k", "open_clip:ViT-L-14/laion2b_s32b_b82k"),
        ("dinov2-vit-base-p14", "timm:vit_base_patch14_dinov2.lvd142m"),
        ("vit_b_16", "torchvision:vit_b_16/IMAGENET1K_V1"),
    ],
)
def test_models_are_found_by_what_papers_libraries_and_files_call_them(name, model):
    assert row_of(name)["model"] == model


@pytest.mark.parametrize("name", ["resnet", "ViT-B-16", "my_resnet50", "", "resnet50_2", "things::0"])
def test_a_name_that_could_mean_another_model_is_none(name):
    assert row_of(name) is None


def test_the_paper_and_torchvision_agree_where_both_have_an_accuracy():
    assert float(row_of("resnet50")["imagenet_accuracy"]) == pytest.approx(0.8086, abs=1e-4)  # as networks.csv has it
    assert float(row_of("alexnet")["imagenet_accuracy"]) == 0.56522
    assert row_of("clip_RN50")["imagenet_accuracy"] == "0.733"


def test_the_table_is_metadata_by_its_name():
    table = pyalign.load_metadata("builtin")
    assert len(table.models) == len(model_rows()) and table.source == "builtin"
    assert set(table.numbers) == {*SIZES, *ACCURACIES} and table.percent == {*ACCURACIES}
    assert "names" not in table.columns and "size_source" not in table.columns


def test_models_are_looked_up_and_a_note_says_which_row_each_has():
    table = metadata_of_models(["clip_vit_b32", "mine", "x"], labels={"x": "vgg16"})
    assert table.models == ("clip_vit_b32", "x") and table.columns["family"] == ("CLIP", "VGG")
    assert table.notes == (
        "the metadata of clip_vit_b32 (open_clip:ViT-B-32/openai), x (torchvision:vgg16/IMAGENET1K_V1) come from the "
        "table of models of pyalign (pyalign models list --metadata)",
    )
    assert metadata_of_models(["mine"]) is None


def test_rows_of_ones_own_stand_and_others_get_the_columns_of_that_table():
    own = Metadata.of([{"model": "resnet50", "family": "mine", "parameters": "26M", "site": "a"}], "models.csv")
    table = metadata_of_models(["resnet50", "vgg16"], own)
    assert table.models == ("resnet50", "vgg16") and table.source == "models.csv"
    assert table.columns == {"family": ("mine", "VGG"), "parameters": (26e6, 138357544.0), "site": ("a", None)}
    assert metadata_of_models(["resnet50"], own) is own


@pytest.mark.parametrize(("column", "value"), [("imagenet_accuracy", "80.9"), ("parameters", "26"), ("width", "wide")])
def test_a_column_in_another_unit_is_not_filled(column, value):
    own = Metadata.of([{"model": "resnet50", column: value}])
    table = metadata_of_models(["resnet50", "vgg16"], own)
    assert table.columns[column][1] is None
    assert f"column {column!r} is not filled from the table of models" in table.notes[-1] and value in table.notes[-1]


@pytest.mark.slow
def test_figures_are_those_of_the_models_that_the_libraries_build():
    for package in ("torchvision", "timm", "open_clip"):
        pytest.importorskip(package)
    script = load_from_tools("model_table")
    for model in ("torchvision:regnet_y_400mf/IMAGENET1K_V2", "timm:vit_small_patch16_224.dino",
                  "timm:mobilenetv3_large_100.ra_in1k", "open_clip:RN50/openai"):
        row = row_of(model)
        assert script.figures(model) == tuple(int(row[name]) for name in SIZES), model


def test_what_is_listed_by_hand_is_in_the_table():
    script = load_from_tools("model_table")
    with script.LIST.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        made = row_of(row["model"])
        assert [made[name] for name in ("family", "objective", "data", "training_source", "accuracy_source")] == [
            row[name] for name in ("family", "objective", "data", "training_source", "accuracy_source")
        ]
        assert made["imagenet_accuracy"] == script.fraction(row["accuracy"])
        assert made["imagenet_zero_shot"] == script.fraction(row["zero_shot"])
        assert {*row["names"].split()} <= {*made["names"].split()}
    assert plain("ViT-B/32") == "vitb32"
