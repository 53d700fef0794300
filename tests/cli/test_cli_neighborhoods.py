"""`pyalign neighbors` in place of a search: what it prints and writes is what the functions return."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import reals, strict_json, write_folder

import pyalign


@pytest.fixture
def files(folder, x):
    """x.npy and y.npy of the same 30 items, people.npy of three dimensions, categories c.npy."""
    np.save("y.npy", np.tanh(x @ reals(8, x.shape[1], 9)))
    np.save("people.npy", np.abs(reals(9, 30, 3)))
    np.save("c.npy", np.array(["animal", "food", ""] * 10))
    with open("labels.txt", "w") as file:
        file.write("royal\nfood\ntool\n")
    weights = reals(3, 6, 4)
    np.savez("w.npz", weights=weights, mean=np.float32(0), std=np.float32(1))
    return folder


def results(command, *args):
    ran = command("neighbors", *args, "--json", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    return strict_json(ran.out)


def test_the_document_is_what_the_function_returns(command, files):
    asked = ("-k", 4, "--dimensions", "people.npy", "--dimension-labels", "labels.txt", "--permutations", 19,
             "--resamples", 10, "--seed", 3, "--correction", "benjamini-hochberg")
    document = results(command, "objects", "x.npy", "y.npy", "--human", "people.npy", *asked)
    models, people = {name: np.load(name) for name in ("x.npy", "y.npy")}, np.load("people.npy")
    found = pyalign.neighborhoods(
        models, people, before="x.npy", k=4, dimensions=people, dimension_labels=["royal", "food", "tool"],
        n_permutations=19, ci=pyalign.Resampling("auto", n_resamples=10, seed=3), seed=3,
        correction="benjamini-hochberg",
    )
    expected = json.loads(found.to_json())
    assert document["command"] == "neighborhoods" and document["human"] == "people.npy"
    assert document["results"] == expected["results"] and document["differences"] == expected["differences"]


def test_each_object_and_the_table_go_to_files(command, files):
    ran = command(
        "neighbors", "objects", "x.npy", "--human", "people.npy", "--permutations", 9, "--resamples", 5,
        "--categories", "c.npy", "--out", "o.csv", "--csv", "t.csv", "--json", "d.json",
    )
    assert ran.code == 0
    with open("o.csv") as file:
        lines = file.read().splitlines()
    assert lines[0] == "embeddings,row,object,occurrences,purity,overlap,rbo,duplicate" and len(lines) == 31
    with open("t.csv") as file:
        assert len(file.read().splitlines()) == 4  # all objects, animal, food
    found = pyalign.load_result("d.json")
    assert found.grouping == "categories" and set(found.outputs) == {"o.csv", "t.csv"}


def test_a_transform_adds_the_mapped_embeddings(command, files):
    document = results(
        command, "objects", "x.npy", "--human", "people.npy", "--transform", "w.npz", "--permutations", 0
    )
    assert [one["embeddings"] for one in document["results"]] == ["x.npy", "x.npy after w.npz"]
    x, w = np.load("x.npy"), np.load("w.npz")["weights"]
    mapped = (x.astype(np.float64) @ w).astype(np.float32)
    found = pyalign.neighborhoods(mapped, np.load("people.npy"), n_permutations=0)
    assert document["results"][1]["overlap"] == found[0].overlap
    assert len(document["differences"]) == 1
    assert document["results"][1]["kept"] == pyalign.neighborhoods(mapped, before=x)[0].kept
    assert (document["before"], document["results"][0]["kept"]) == ("x.npy", None)


@pytest.mark.parametrize(("args", "told"), [
    (("objects", "x.npy", "--categories", "c.npy", "--permutations", 9), "by categories"),
    (("objects", "x.npy"), "Robin Hood"),
    (("objects", "x.npy", "y.npy"), "only after"),
    (("objects", "x.npy", "--categories", "c.npy"), "medoid"),
    (("objects", "x.npy", "--threshold", 0.5), "cosine of at least 0.5"),
    (("objects", "x.npy", "--human", "people.npy", "--categories", "c.npy", "--permutations", 9), "by categories"),
])
def test_each_question_has_a_table_that_fits(command, files, args, told):
    ran = command("neighbors", *args, "--quiet")
    assert (ran.code, ran.err) == (0, "")
    assert told in ran.out and max(map(len, ran.out.splitlines())) <= 80


def test_a_search_is_still_a_search(command, files):
    document = results(command, "search", "x.npy", "-k", 2)
    assert document["command"] == "neighbors" and document["k"] == 2


@pytest.mark.parametrize(("args", "told"), [
    (("objects", "one.npy"), "neighbors need at least two objects; got 1"),
    (("objects", "x.npy", "--threshold", "98"), "threshold must be at most 1, the largest cosine; got 98"),
    (("objects", "x.npy", "--human", "none.npy"), "none.npy: No such file or directory"),
    (("objects", "x.npy", "--human", "people.npy", "-k", "30"), "k must be a whole number from 1 to 29"),
    (("objects", "x.npy", "--human", "people.npy", "--ci", "none", "--resamples", "9"),
     "--resamples 9 applies only to intervals, and --ci none omits them"),
    (("objects", "x.npy", "--categories", "c.npy", "--ci", "none", "--confidence", "0.9"),
     "--confidence 0.9 applies only to intervals, and --ci none omits them"),
    (("objects", "x.npy", "--human", "t.npy"), "t.npy: whole numbers in 3 or 4 columns are triplets"),
])
def test_what_is_wrong_is_one_line(refused, files, args, told):
    np.save("one.npy", np.ones((1, 6)))
    assert told in refused("neighbors", *args)


@pytest.mark.parametrize(("args", "told"), [
    (("search", "x.npy", "y.npy"), "unrecognized arguments: y.npy"),
    (("objects", "x.npy", "--query", "a"), "unrecognized arguments: --query a"),
    (("objects", "x.npy", "--categories", "c.npy", "--ci", "subjects"), "argument --ci: invalid choice: 'subjects'"),
])
def test_what_a_question_does_not_take_or_lacks_is_a_usage_error(command, files, args, told):
    ran = command("neighbors", *args)
    assert ran.code == 2 and told in ran.err


def test_a_table_of_objects_is_called_csv(command, files, folder, listing):
    before = listing(folder)
    ran = command("neighbors", "objects", "x.npy", "--human", "people.npy", "--out", "o.json")
    assert (ran.code, ran.out) == (2, "") and listing(folder) == before
    assert "argument --out: expected a name that ends in .csv; got 'o.json'" in ran.err


@pytest.mark.parametrize(
    "question", [("objects", "x.npy"), ("objects", "x.npy", "--human", "people.npy", "--permutations", 9)], ids=len
)
def test_threads_serve_every_question_and_change_nothing(command, files, question):
    one, two = (command("neighbors", *question, "--threads", k, "--quiet") for k in (1, 2))
    assert (one.code, one.err) == (0, "") and one.out == two.out


def test_duplicates_of_an_image_set_are_named_by_their_files(command, folder):
    """An extracted folder: one image twice, one nearly so."""
    x = reals(1, 6, 8)
    x[4], x[5] = x[1], x[2] * (1 + 0.01 * reals(2, 8, 1)[:, 0])
    names = [f"{kind}/{k}.jpg" for kind in ("cat", "dog") for k in range(3)]
    write_folder("images", {"penultimate": x}, names)
    groups = results(command, "objects", "images", "-k", 2, "--threshold", 0.99)["results"][0]["duplicates"]
    assert [one["names"] for one in groups] == [["cat/1.jpg", "dog/1.jpg"], ["cat/2.jpg", "dog/2.jpg"]]
    assert [one["exact"] for one in groups] == [True, False] and 0.99 <= groups[1]["least"] < 1
