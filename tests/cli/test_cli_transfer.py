"""`pyalign transfer`: maps on every set at hand, with what is missing as a line."""

from __future__ import annotations

import numpy as np
import pytest
from support import reals, strict_json

import pyalign

NAMES = [f"item {k}" for k in range(30)]


@pytest.fixture
def files(folder, x):
    """x.npz of 30 named items, w.npz, people.npz with a matrix of these, kinds.txt, and t.npy of the fixture."""
    np.savez("x.npz", x=x, names=NAMES)
    pyalign.write_transform("w.npz", pyalign.Transform(np.diag([2.0, 1, 1, 1, 0.5, 0.1]), None, 0.0, 1.0))
    np.savez("people.npz", rdm=1 - np.corrcoef(reals(5, 30, 9)), names=NAMES)
    with open("kinds.txt", "w") as file:
        file.writelines(f"kind {k % 3}\n" for k in range(30))
    return folder


def test_as_json_is_what_the_function_returns(command, files):
    ran = command("transfer", "x.npz", "--transform", "w.npz", "--on", "t.npy", "people.npz", "--kind", "dissimilarity",
                  "--categories", "kinds.txt", "-k", "4", "--json", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    document = strict_json(ran.out)
    people = pyalign.load_rdms("people.npz", kind="dissimilarity")
    found = pyalign.transfer(
        pyalign.load_embeddings("x.npz"), {"w.npz": pyalign.load_transform("w.npz")},
        {"t.npy": pyalign.load_triplets("t.npy"), "people.npz": people},
        categories=[f"kind {k % 3}" for k in range(30)], k=4,
    )
    assert document["figures"] == strict_json(found.to_json())["figures"] and document["embeddings"] == "x.npz"
    assert {(row["on"], row["figure"], row["within"]) for row in document["figures"]} == {
        ("t.npy", "accuracy", None), ("t.npy", "accuracy", "categories"), ("people.npz", "rsa", None),
        ("people.npz", "rsa", "categories"), ("", "neighbors kept", None), ("", "k-NN accuracy", None),
    }


def test_the_table_and_what_is_missing(command, files, monkeypatch):
    monkeypatch.setenv("PYALIGN_DATA", str(files / "data"))
    ran = command("transfer", "x.npz", "--transform", "w.npz", "--on", "t.npy", "dataset:kriegeskorte92")
    assert ran.code == 0 and "neighbors kept" in ran.out
    assert "note: kriegeskorte92: everything is left out: dataset:kriegeskorte92: is not here" in ran.err
    assert "note: t.npy: accuracy within categories is left out: there are no categories of its objects" in ran.err
    ran = command("transfer", "x.npz", "--transform", "w.npz", "--quiet")
    assert ran.code == 0 and ran.out.splitlines()[1].split()[:2] == ["neighbors", "kept,"]


def test_several_maps_stand_in_one_table_and_on_a_page(command, files):
    pyalign.write_transform("v.npz", pyalign.Transform(np.eye(6), None, 0.0, 1.0))
    words = ("transfer", "x.npz", "--transform", "w.npz", "v.npz", "--on", "t.npy", "--categories", "kinds.txt")
    ran = command(*words, "--json", "transfer.json")
    assert ran.code == 0 and "v.npz" in ran.out and "w.npz" in ran.out
    assert command("report", "transfer.json", "--out", "page.html").code == 0
    with open("page.html") as file:
        page = file.read()
    assert "Before and after a map" in page and "transfer-categories" in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--transform", "none.npz"), "none.npz: No such file or directory"),
        (("--transform", "w.npz", "w.npz"), "--transform must differ; got w.npz twice"),
        (("--transform", "w.npz", "--on", "t.npy", "t.npy"), "--on must differ; got t.npy twice"),
        (("--transform", "w.npz", "--on", "blank.npy"), "blank.npy: --kind dissimilarity or --kind similarity"),
        (("--transform", "w.npz", "--on", "none.npy"), "none.npy: No such file or directory"),
        (("--transform", "five.npz"), "five.npz: embeddings must have the 5 features of the transform"),
        (("--transform", "w.npz", "-k", "30"), "k must be a whole number from 1 to 29"),
        (("--transform", "glocal:efficientnet"), "glocal:efficientnet: gLocal has published no map of it"),
    ],
)
def test_what_is_wrong_is_one_line(command, files, words, message):
    pyalign.write_transform("five.npz", pyalign.Transform(np.eye(5), None, 0.0, 1.0))
    np.save("blank.npy", np.where(np.eye(30) == 1, np.nan, 2.0 + np.add.outer(range(30), range(30))))
    ran = command("transfer", "x.npz", *words)
    assert ran.code == 1 and message in ran.err and len(ran.err.strip().splitlines()) == 1


def test_a_probe_that_writes_its_map_names_the_command(command, files):
    words = ("probe", "x.npz", "-t", "t.npy", "--penalty", "1", "--split", "none")
    ran = command(*words, "--out", "map file.npz")
    assert ran.code == 0 and "pyalign transfer x.npz --transform 'map file.npz' --on SETS" in ran.err
    assert "pyalign transfer" not in command(*words).err
