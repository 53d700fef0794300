"""Tables of models: what is a number and what is text, and which row is of which model."""

from __future__ import annotations

import numpy as np
import pytest

import pyalign
from pyalign.data.metadata import Metadata, as_metadata, number_of, stem_of


def table(**columns):
    count = len(next(iter(columns.values())))
    return Metadata.of([{"model": f"m{k}", **{n: v[k] for n, v in columns.items()}} for k in range(count)])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("88M", 88e6), ("88 M", 88e6), ("1.3e9", 1.3e9), ("1.2B", 1.2e9), ("400 million", 4e8), ("76.1 %", 0.761),
        ("76.1%", 0.761), ("1,281,167", 1281167.0), ("-3", -3.0), (".5", 0.5), ("7.61e1 %", 0.761), ("12k", 12e3),
        ("100 %", 1.0),
    ],
)
def test_numbers_with_units_are_read(text, value):
    assert number_of(text)[0] == value


OTHERS = [
    "88m",
    "ViT-B/32",
    "1,5",
    "1.2.3",
    "M",
    "%",
    "",
    "1e",
    "1e999",
    "12 apples",
    "1,23,456",
    "0x10",
    "1_000",
    "nan",
]


@pytest.mark.parametrize("text", [*OTHERS, "inf", "\u0663", ".", "1e99999"])
def test_what_could_mean_something_else_is_no_number(text):
    assert number_of(text) is None


def test_a_column_is_numbers_or_text_as_a_whole_and_a_note_says_why():
    numbers = {"a": ["1", "2"], "e": ["88M", "25000000"]}
    found = table(**numbers, b=["1", "large"], c=["76.1 %", "0.7"], d=["88M", "25"], f=["x", "y"])
    assert found.columns["a"] == (1.0, 2.0) and found.columns["e"] == (88e6, 25e6)
    assert found.numbers == ("a", "e") and found.texts == ("b", "c", "d", "f")
    assert [note.partition(" is read as text: ")[0] for note in found.notes] == [
        f"column '{name}' of the metadata" for name in "bcd"
    ]
    assert "'large' is no number" in found.notes[0] and "25 has no unit" in found.notes[2]


def test_what_is_missing_is_none_and_percentages_are_fractions():
    found = table(a=["75 %", "", "NA", None, float("nan")], b=[1, 2.5, np.float32(0.5), True, None])
    assert found.columns["a"] == (0.75, None, None, None, None) and found.percent == {"a"}
    assert found.columns["b"] == ("1", "2.5", "0.5", "yes", None)


def test_families_seeds_and_groups_are_names_whatever_they_hold():
    found = table(Family=["1", "2"], seed=[0, 1], group=["3", "4"])
    assert found.columns == {"family": ("1", "2"), "seed": ("0", "1"), "group": ("3", "4")}


def test_rows_of_one_model_that_differ_are_left_out_and_equal_ones_are_one():
    rows = [{"model": "a", "x": 1}, {"model": "a", "x": 2}, {"model": "b", "x": 3}, {"model": "b", "x": 3}]
    found = Metadata.of(rows)
    assert found.models == ("b",) and found.columns["x"] == (3.0,)
    assert found.notes == (
        "the metadata has 2 rows of a, which differ: none is read; seeds need names of their own",
        "the metadata has 2 rows of b, all the same: one is read",
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "must have a row for each model; got none"),
        ([{"name": "a"}], "row 1 has name"),
        ([{"model": ""}], "row 1 has model"),
        ([{"model": "a", "x": [1]}], "must hold text and numbers; got list in column 'x'"),
        ([{"model": "a", "x": 1}, {"model": "a", "x": 2}], "2 rows of a"),
    ],
)
def test_what_is_no_table_of_models_is_refused_in_one_line(rows, message):
    with pytest.raises(pyalign.InputError, match=message) as caught:
        Metadata.of(rows)
    assert "\n" not in str(caught.value)


def test_tables_come_as_mappings_and_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"model": ["a", "b"], "x": [1.5, None]})
    assert as_metadata(frame).columns == {"x": (1.5, None)}
    assert as_metadata({"a": {"x": 1.5}, "b": {}}).columns == {"x": (1.5, None)}
    with pytest.raises(pyalign.InputError, match="metadata must be rows"):
        as_metadata(3)


# Which row is of which model


def test_models_are_matched_by_name_then_label_then_file():
    found = Metadata.of([{"model": name} for name in ("out/a.npy", "Label", "c", "d.safetensors", "e")])
    models = ["out/a.npy", "x/b.npy", "x/c.npy", "y/d.npy", "z"]
    rows = found.matched(models, {"x/b.npy": "Label"})
    assert rows.rows == (0, 1, 2, 3, None)
    assert rows.notes == ("no row of the metadata is of z", "the metadata has e, which is none of these models")


def test_models_that_are_not_there_are_one_note():
    rows = Metadata.of([{"model": name} for name in "abcd"]).matched(["a", "x", "y"])
    assert rows.notes == (
        "no row of the metadata is of x, y", "the metadata has b, c, d, which are none of these models",
    )


def test_what_is_ambiguous_is_not_matched():
    found = Metadata.of([{"model": "clip"}, {"model": "vgg.npy"}, {"model": "vgg.pt"}])
    rows = found.matched(["a/clip.npy", "b/clip.npy", "c/vgg.h5"])
    assert rows.rows == (None, None, None)
    assert len(rows.notes) == 2 and all("can't be distinguished" in note for note in rows.notes)


def test_a_row_that_a_better_match_has_taken_is_no_other_models():
    rows = Metadata.of([{"model": "clip"}]).matched(["clip", "a/clip.npy"])
    assert rows.rows == (0, None)
    assert rows.notes == ("no row of the metadata is of a/clip.npy",)


def test_the_name_without_its_seed_is_the_model():
    rows = [("resnet_seed1", 1, None), ("resnet-2", 2, None), ("vit", 3, None), ("x", 4, "resnet")]
    found = Metadata.of([{"model": name, "seed": seed, "group": group} for name, seed, group in rows])
    assert [found.group(k, "?") for k in range(4)] == ["resnet", "resnet", "vit", "resnet"]
    assert found.group(None, "other") == "other"


def test_endings_of_files_go_and_versions_stay():
    assert [stem_of(name) for name in ("a/b.npy", "v1.5", "m.h5::k", "x.tar")] == ["b", "v1.5", "m::k", "x"]
