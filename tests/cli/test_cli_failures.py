"""`pyalign failures`: what it prints and writes is what the function returns."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from support import NAMELESS, draw_triplets, instead, reals, strict_json

import pyalign
from pyalign import Embeddings


@pytest.fixture
def answers(folder):
    """200 answers to few triplets by five persons, in a.npy with the person fourth; counts for 12 of them."""
    triplets, persons = draw_triplets(4, 6, 200), np.random.default_rng(4).integers(0, 5, 200)
    np.save("a.npy", np.column_stack([triplets, persons]))
    np.save("t3.npy", triplets)
    sets = np.unique(np.sort(triplets, axis=1), axis=0)[:12]
    np.savez("c.npz", triplets=sets, counts=np.random.default_rng(5).integers(1, 30, sets.shape))
    return triplets, persons


def document(ran):
    assert ran.code == 0 and ran.err in ("", NAMELESS)
    return strict_json(ran.out)


def as_json(result):
    """What a document holds of a result, but for where it comes from."""
    found = strict_json(result.to_json())
    return {name: value for name, value in found.items() if name not in ("provenance", "triplets", "notes")}


@pytest.fixture
def models(folder, answers):
    values = {f"{name}.npy": reals(k, 6, 3) for k, name in enumerate("pqr")}
    for name, value in values.items():
        np.save(name, value)
    (folder / "names.txt").write_text("".join(f"thing, {k}\n" for k in range(6)))
    return values


FILES = ("failures", "--embeddings", "p.npy", "q.npy", "r.npy", "--triplets")


def test_failures_as_json_and_as_files_are_what_the_function_returns(command, models, answers, folder):
    triplets, persons = answers
    names = [f"thing, {k}" for k in range(6)]
    args = (*FILES, "a.npy", "--subject-column", 3, "--families", "one", "two", "two", "--names", "names.txt")
    named = {name: Embeddings(x, names) for name, x in models.items()}
    expected = pyalign.find_failures(named, triplets, families=["one", "two", "two"], subjects=persons.astype(str))
    found = document(command(*args, "--json", "--out", "f.csv", "--csv", "g.csv", "--quiet"))
    assert (found["version"], found.pop("triplets")) == (pyalign.__version__, "a.npy")
    told = found.pop("provenance")
    assert [one["name"] for one in told["inputs"]] == [*models, "triplets", "subjects"]
    assert "notes" not in found  # --names says what numbers stand for, which in Python nobody did
    assert list(found.pop("outputs")) == ["f.csv", "g.csv"]
    assert found == as_json(expected)
    assert (folder / "f.csv").read_text() == (folder / "g.csv").read_text() == expected.to_csv()
    rows = list(csv.DictReader((folder / "f.csv").open()))
    assert len(rows) == sum(group.n for group in expected.groups) > 0
    assert rows[0]["name_1"] == names[int(rows[0]["item_1"])]
    command(*args, "--out", "f.json")
    assert pyalign.load_result("f.json").groups == expected.groups


def test_all_triplets_go_to_out_as_arrays_and_a_thousand_to_the_document(command, models, folder):
    triplets = draw_triplets(7, 6, 20_000)
    np.save("many.npy", triplets)
    words = (*FILES, "many.npy", "--measure", "dot", "--families", "a", "b", "b")
    found = document(command(*words, "--out", "f.npz", "--json"))
    assert found["groups"] == document(command(*words, "--json"))["groups"]
    assert found["provenance"]["options"]["limit"] == len(found["groups"][0]["triplets"]) == 1000
    every = pyalign.find_failures(models, triplets, families=["a", "b", "b"], measure="dot", limit=None)
    expected = every.columns()
    with np.load("f.npz") as arrays:
        assert {*arrays} == {*expected} and all(np.array_equal(arrays[name], expected[name], equal_nan=name in
                                                ("human_share", "probabilities")) for name in expected)
        assert len(arrays["row"]) == arrays["n"].sum() == sum(group.n for group in every.groups) > 3000
    assert document(command(*words, "--out", "g.npz", "--limit", 2, "--json"))["groups"][0]["n"] == every.groups[0].n
    assert [len(np.load("g.npz")[name]) for name in ("row", "models")] == [6, 3]


def test_out_says_what_it_writes(command, models, folder):
    ran = command(*FILES, "t3.npy", "--out", "f.parquet")
    assert ran.code == 2 and "expected a name that ends in .csv or .json or .npz; got 'f.parquet'" in ran.err
    assert not (folder / "f.parquet").exists()


def test_families_that_are_not_typed_are_those_of_the_table_of_models(command, models, answers):
    for name, x in zip(("vgg16.npy", "resnet50.npy"), models.values(), strict=False):
        np.save(name, x)
    words = ("failures", "vgg16.npy", "resnet50.npy", "-t", "t3.npy", "--families")
    ran = command(*words, "--json", "f.json")
    assert ran.code == 0 and "come from the table of models of pyalign" in ran.err
    assert pyalign.load_result("f.json").families == ("VGG", "ResNet")


def test_failures_as_a_table(command, models, answers):
    ran = command(*FILES, "t3.npy", "--measure", "dot", "--names", "names.txt", "--families", "a", "b", "b")
    assert ran.code == 0
    assert "note: item numbers" not in ran.err  # --names says what they stand for
    expected = pyalign.find_failures(models, answers[0], measure="dot", families=["a", "b", "b"])
    for wrong in expected.n_wrong:
        assert f"{wrong:,}" in ran.out
    assert ["every", "model", "-", f"{expected.groups[0].n:,}"] in [line.split()[:4] for line in ran.out.splitlines()]
    assert "wrong for every model, the clearest:" in ran.out
    assert "wrong for b, right for a, the clearest:" in ran.out
    shown = [line.rpartition("|")[0] for line in ran.out.splitlines() if line.startswith("thing, ")]
    assert len(shown) > 3
    assert "row" in ran.out and "margin 3" in ran.out


def test_failures_show_an_answer_that_was_given_again_once(command, models):
    np.save("again.npy", np.tile([[0, 1, 2], [0, 2, 1], [2, 1, 0]], (5, 1)))
    ran = command("failures", "--embeddings", "p.npy", "--triplets", "again.npy")
    shown = [line.split()[:4] for line in ran.out.splitlines() if " | " in line][1:]
    assert len(shown) == len(set(map(tuple, shown))) == 2


def test_failures_of_counts_with_a_limit(command, models, answers):
    file = np.load("c.npz")
    found = document(command(*FILES, "c.npz::triplets", "--answers", "c.npz::counts", "--limit", 1, "--json"))
    expected = pyalign.find_failures(models, file["triplets"], answers=file["counts"], limit=1)
    assert found["groups"] == as_json(expected)["groups"]
    assert len(found["groups"][0]["triplets"]) == 1 < found["groups"][0]["n"]


def test_failures_match_names_whatever_the_order_of_the_rows(command, models, answers, folder):
    triplets, _ = answers
    (folder / "t.csv").write_text("\n".join(f"n{a},n{b},n{c}" for a, b, c in triplets) + "\n")
    orders = {"p": [0, 1, 2, 3, 4, 5], "q": [5, 3, 1, 0, 2, 4]}
    for name, order in orders.items():
        rows = [f"n{k}," + ",".join(repr(float(v)) for v in models[f"{name}.npy"][k]) for k in order]
        (folder / f"{name}.csv").write_text("name,f0,f1,f2\n" + "\n".join(rows) + "\n")
    found = document(command("failures", "p.csv", "q.csv", "--triplets", "t.csv", "--json"))
    expected = pyalign.find_failures({"p.csv": models["p.npy"], "q.csv": models["q.npy"]}, triplets)
    assert [record["row"] for record in found["groups"][0]["triplets"]] == expected.groups[0].rows.tolist()
    first = found["groups"][0]["triplets"][0]
    assert first["names"] == [f"n{k}" for k in triplets[first["row"]]]


def test_row_numbers_are_rows_of_the_first_file_and_others_follow_by_name(command, models, answers, folder):
    for name, order in (("p", "abcdef"), ("q", "abdcef")):
        rows = [f"{label},{','.join(map(str, models['r.npy']['abcdef'.index(label)]))}" for label in order]
        (folder / f"{name}.csv").write_text("name,f0,f1,f2\n" + "\n".join(rows) + "\n")
    ran = command("failures", "--embeddings", "p.csv", "q.csv", "--triplets", "t3.npy", "--json")
    found = strict_json(ran.out)
    assert found["n_wrong"][0] == found["n_wrong"][1] == found["groups"][0]["n"] > 0
    assert "row numbers of p.csv (a, b, c, ...)" in ran.err


def test_labels_stand_for_the_files(command, models, answers):
    found = document(command(*FILES, "t3.npy", "--labels", "one", "two", "three", "--json"))
    assert found["models"] == ["one", "two", "three"]
    assert list(found["groups"][0]["triplets"][0]["margins"]) == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--families", "a", "b"), "families must be one per model (3); got 2"),
        (("--families", "a", "a", "a"), "families must be at least two different ones; got only 'a'"),
        (("--embeddings", "p.npy", "p.npy"), "--embeddings must differ; got p.npy 2 times"),
        (("--embeddings", "p.npy", "x.npy"), "models must have the same number of items; got p.npy: 6, x.npy: 30"),
        (("--embeddings", "p.npy", "nan.npy"), "nan.npy: embeddings must be finite"),
        (("--names", "seven.txt"), "p.npy: names must be one for each of 6 rows; got 7"),
        (("--answers", "c.npz::counts"), "c.npz::counts: answers must have shape (200, 3), a row for each triplet"),
        (("--choice-column", "none"), "failures needs human choices, which --choice-column none says are not recorded"),
        (("--out", "f.json", "--json", "f.json"), "--json f.json is the same file as --out f.json"),
        (("--out", "x.npy/f.csv"), "x.npy/f.csv: Not a directory"),
    ],
)
def test_failures_refuse_in_one_line(refused, models, answers, folder, options, said):
    np.save("nan.npy", np.full((6, 3), np.nan))
    (folder / "seven.txt").write_text("".join(f"item {k}\n" for k in range(7)))
    assert said in refused(*instead((*FILES, "t3.npy"), options))


def test_failures_are_written_as_tables_or_json_alone(command, models, answers):
    ran = command(*FILES, "t3.npy", "--out", "f.txt")
    assert ran.code == 2
    assert "ends in .csv or .json" in ran.err


def test_the_table_fits_80_columns(command, models, answers):
    lines = command(*FILES, "t3.npy", "--families", "a", "b", "b", "--names", "names.txt").out.splitlines()
    assert max(map(len, lines)) <= 80
