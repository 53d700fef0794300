"""`pyalign consistency`: whether models err together."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import draw_triplets, reals

from pyalign import error_consistency, odd_one_out


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    triplets, x = draw_triplets(3, 30, 300), {"a": reals(1, 30, 5), "b": reals(1, 30, 5) + reals(2, 30, 5)}
    for name, rows in x.items():
        np.save(f"{name}.npy", rows)
    np.save("t.npy", triplets)
    np.save("c.npy", odd_one_out(-x["a"], triplets, measure="neg_euclidean"))
    np.save("d.npy", np.abs(reals(7, 30, 4)))
    return x, triplets


def test_the_command_prints_what_the_function_finds(command, files):
    x, triplets = files
    document = json.loads(
        command("consistency", "a.npy", "b.npy", "--model-choices", "c.npy", "-t", "t.npy", "--dimensions", "d.npy",
                "--labels", "A", "B", "C", "--json").out
    )
    found = error_consistency(x, triplets, model_choices={"c": np.load("c.npy")}, dimensions=np.load("d.npy")).to_dict()
    assert [one["kappa"] for one in document["pairs"]] == [one["kappa"] for one in found["pairs"]]
    assert document["missed"] == found["missed"]
    assert [one["label"] for one in document["models"]] == ["A", "B", "C"]


def test_the_table_fits_80_columns_and_has_a_matrix(command, files):
    out = command(
        "consistency", "a.npy", "b.npy", "--model-choices", "c.npy", "-t", "t.npy", "--dimensions", "d.npy"
    ).out
    assert max(map(len, out.splitlines())) <= 80
    assert out.startswith("models") and "\nkappa\nmodel" in out and "\ndimension " in out


@pytest.mark.parametrize("words, told", [
    (["a.npy"], "consistency needs at least two models; got 1: 'a.npy'"),
    (["a.npy", "a.npy"], "models must differ; got a.npy 2 times"),
    (["a.npy", "b.npy", "--dimension-labels", "l.txt"],
     "--dimension-labels l.txt applies only to human dimensions: add --dimensions"),
    (["a.npy", "b.npy", "--minimum", "5"], "--minimum 5 applies only to concepts: add --dimensions or --categories"),
    (["a.npy", "b.npy", "--choice-base", "1"],
     "--choice-base 1 applies only to positions of choices: add --choice-column or --model-choices"),
    (["--model-choices", "c.npy", "d.npy", "--measure", "dot"],
     "--measure dot applies only to embeddings, not to --model-choices"),
    (["a.npy", "b.npy", "--choice-column", "none"],
     "consistency needs human choices, which --choice-column none says are not recorded"),
])
def test_what_does_not_fit_together_is_one_line(command, files, words, told):
    ran = command("consistency", *words, "-t", "t.npy")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err in (f"pyalign consistency: error: {told}\n", f"pyalign consistency: error: t.npy: {told}\n")
