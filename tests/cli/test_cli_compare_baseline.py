"""`pyalign compare` with a baseline and a margin."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign

NAMES = ["a.npy", "b.npy", "c.npy"]


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """Three models of 40 objects, and triplets."""
    monkeypatch.chdir(tmp_path)
    for k, name in enumerate(NAMES):
        np.save(name, reals(k, 40, 5))
    np.save("t.npy", draw_triplets(1, 40, 900))


def compared(command, *options):
    return json.loads(command("compare", *NAMES, "-t", "t.npy", "--json", *options).out)


@pytest.mark.parametrize("labels", [[], ["--labels", "x", "y", "z"]])
def test_the_baseline_is_named_by_label_or_as_its_file(command, labels):
    found = compared(command, "--baseline", "b.npy", *labels)
    names = [model["model"] for model in found["models"]]
    assert [(pair["a"], pair["b"]) for pair in found["pairs"]] == [(names[0], names[1]), (names[2], names[1])]
    assert found["baseline"] == names[1] and "margin" not in found
    if labels:
        assert compared(command, "--baseline", "y", *labels)["pairs"] == found["pairs"]


def test_a_margin_adds_a_column_and_p_values(command):
    found = compared(command, "--difference", "0.02")
    assert found["margin"] == 0.02 and all(0 <= pair["p_equivalence_adjusted"] <= 1 for pair in found["pairs"])
    text = " ".join(command("compare", *NAMES, "-t", "t.npy", "--difference", "0.02").out.split())
    assert "p (margin)" in text and "of a difference of 2% or more, Holm" in text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--baseline", "d"], "--baseline must be one of the models; got 'd'"),
        (["--difference", "2"], "difference must lie between 0 and 1; got 2.0"),
        (["--difference", "0.01", "--ci", "none"], "--difference"),
    ],
)
def test_bad_options_are_one_clear_line(command, options, expected):
    ran = command("compare", *NAMES, "-t", "t.npy", *options)
    assert ran.code == 1 and len(ran.err.strip().splitlines()) == 1 and expected in ran.err


def test_the_differences_are_a_second_table_next_to_the_first(command, tmp_path):
    ran = command("compare", *NAMES, "-t", "t.npy", "--csv", "c.csv", "--json", "c.json")
    found = pyalign.load_result("c.json")
    assert (tmp_path / "c.csv").read_text() == found.to_csv()
    assert (tmp_path / "c-pairs.csv").read_text() == found.to_csv(rows="pairs")
    assert {*found.outputs} == {"c.csv", "c-pairs.csv"} and "note: the differences are in c-pairs.csv" in ran.err
    rows = list(csv.DictReader((tmp_path / "c-pairs.csv").read_text().splitlines()))
    assert [(row["a"], row["b"], float(row["difference"]), float(row["ci_low"]), float(row["p_adjusted"]))
            for row in rows] == [(p.a, p.b, p.difference, p.ci.low, p.p_adjusted) for p in found.pairs]


def test_the_second_table_replaces_no_input_and_no_other_output(command, tmp_path):
    (tmp_path / "t-pairs.csv").write_text("0,1,2\n")
    ran = command("compare", *NAMES, "-t", "t-pairs.csv", "--csv", "t.csv")
    assert ran.code == 1 and ran.err == "pyalign compare: error: --csv t-pairs.csv is the same file as t-pairs.csv\n"
    ran = command("compare", *NAMES, "-t", "t.npy", "--csv", "/dev/stdout", "--quiet")
    assert ran.code == 0 and not (tmp_path / "stdout-pairs.csv").exists()


@pytest.mark.parametrize("name", ["compare", "consistency"])
def test_one_model_and_a_map_are_told_how_to_compare_before_and_after(command, name):
    np.savez("map.npz", weights=np.eye(5), mean=np.zeros(1), std=np.ones(1))
    ran = command(name, "a.npy", "-t", "t.npy", "--transform", "map.npz")
    line = ran.err.removeprefix(f"pyalign {name}: error: ").strip()
    assert line == (
        f"{name} needs at least two models; got 1: 'a.npy'; 'pyalign export a.npy --transform map.npz --out "
        "after.npy' writes it after the map"
    )
    assert command(*line.split("'")[3].split()[1:]).code == 0
    assert command(name, "a.npy", "after.npy", "-t", "t.npy").code == 0
