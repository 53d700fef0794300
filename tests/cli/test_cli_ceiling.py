"""`pyalign ceiling` and `failures`: what they print and write is what the functions return."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign
from pyalign.io import read_triplets


@pytest.fixture
def answers(folder):
    """200 answers to few triplets by five persons, in a.npy with the person fourth; counts for 12 of them."""
    triplets, persons = draw_triplets(4, 6, 200), np.random.default_rng(4).integers(0, 5, 200)
    np.save("a.npy", np.column_stack([triplets, persons]))
    np.save("t3.npy", triplets)
    np.save("s.npy", persons)
    (folder / "s.txt").write_text("subject\n" + "".join(f"person {k}\n" for k in persons))
    sets = np.unique(np.sort(triplets, axis=1), axis=0)[:12]
    np.savez("c.npz", triplets=sets, counts=np.random.default_rng(5).integers(1, 30, sets.shape))
    return triplets, persons


def document(ran):
    assert (ran.code, ran.err) == (0, "")
    return json.loads(ran.out)


def as_json(result):
    return json.loads(json.dumps(result.to_dict()))


# ceiling


def test_ceiling_as_json_is_what_the_function_returns(command, answers):
    triplets, persons = answers
    expected = as_json(pyalign.noise_ceiling(triplets, subjects=persons))
    for source in (
        ("a.npy", "--subject-column", 3),
        ("t3.npy", "--subjects", "s.npy"),
        ("t3.npy", "--subjects", "s.txt"),
    ):
        found = document(command("ceiling", "--triplets", *source, "--json"))
        assert found.pop("version") == pyalign.__version__
        assert found.pop("triplets") == source[0]
        assert found == expected
    assert {"ceiling", "standard_error", "ci", "n_distinct", "n_answers"} <= set(found)


def test_ceiling_without_persons_of_counts_and_at_another_confidence(command, answers):
    triplets, _ = answers
    plain = document(command("ceiling", "--triplets", "a.npy", "--columns", "0,1,2", "--confidence", 0.9, "--json"))
    assert plain["n_persons"] is None
    assert plain["ci"] == as_json(pyalign.noise_ceiling(triplets, confidence=0.9))["ci"]
    file = np.load("c.npz")
    counted = document(command("ceiling", "--triplets", "c.npz::triplets", "--counts", "c.npz::counts", "--json"))
    assert counted["ceiling"] == pyalign.noise_ceiling(file["triplets"], counts=file["counts"]).ceiling


def test_ceiling_follows_the_layout_of_the_file(command, answers):
    triplets, _ = answers
    np.save("first.npy", triplets[:, [2, 0, 1]] + 1)
    found = document(command("ceiling", "--triplets", "first.npy", "--odd-column", "first", "--one-based", "--json"))
    assert found["ceiling"] == pyalign.noise_ceiling(triplets).ceiling


def test_ceiling_as_a_table(command, answers, folder):
    triplets, persons = answers
    ran = command("ceiling", "--triplets", "a.npy", "--subject-column", 3, "--json", "out.json")
    people = pyalign.noise_ceiling(triplets, subjects=persons)
    assert json.loads((folder / "out.json").read_text())["ceiling"] == people.ceiling
    for share in (people.ceiling, people.guessing, people.leave_one_out, people.best_accuracy):
        assert f"{100 * share:.3f} %" in ran.out
    assert f"{people.least_cross_entropy:.5f} nats" in ran.out
    assert "200 answers; 5 persons; chance 33.333 %" in ran.out


def test_ceiling_of_a_single_triplet_and_of_answers_that_never_agree(command, folder):
    np.save("one.npy", [[0, 1, 2], [1, 0, 2]])
    lines = command("ceiling", "--triplets", "one.npy").out.splitlines()
    assert lines[1].split() == ["majority", "share", "100.000", "%", "-", "-"]
    sets = np.arange(30).reshape(10, 3)
    np.save("different.npy", np.concatenate([sets, sets[:, [0, 2, 1]]]))
    assert "\nnote: no two of 20 answers" in command("ceiling", "--triplets", "different.npy").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--triplets", "unique.npy"),
         "unique.npy: triplets must hold some that are answered at least twice; all 2 are answered once"),
        (("--triplets", "t3.npy", "--subjects", "one.npy"), "t3.npy: subjects must be at least two persons"),
        (("--triplets", "t3.npy", "--subjects", "short.npy"),
         "short.npy: subjects must have one entry per triplet (200); got 2"),
        (("--triplets", "t3.npy", "--subjects", "none.npy"), "none.npy: No such file"),
        (("--triplets", "a.npy"), "has 4 columns, not 3"),
        (("--triplets", "a.npy", "--subject-column", "7"), "a.npy: has columns 0 to 3; got column 7"),
        (("--triplets", "t3.npy", "--subject-column", "2"), "three besides the subject column 2 are needed"),
        (("--triplets", "t3.npy", "--counts", "c.npz::counts"), "t3.npy: counts must have shape (t, 3), here (200, 3)"),
        (("--triplets", "c.npz::triplets", "--counts", "c.npz::counts", "--subjects", "short.npy"),
         "short.npy: subjects must have one entry per triplet (12); got 2"),
        (("--triplets", "unique.npy", "--counts", "c.npz::counts", "--subjects", "short.npy"),
         "subjects and counts must not both be given"),
        (("--triplets", "t3.npy", "--counts", "zero.npy"), "zero.npy: counts must be whole numbers; row 0 (from 0)"),
        (("--triplets", "t3.npy", "--counts", "c.npz::counts", "--odd-column", "first"),
         "--counts says how often each position was odd: leave --odd-column and --choice-column out"),
        (("--triplets", "t3.npy", "--odd-column", "none"),
         "--odd-column none says that no answer is recorded: give --counts"),
        (("--triplets", "t3.npy", "--confidence", "1"), "confidence must lie between 0 and 1; got 1.0"),
        (("--triplets", "t3.npy", "--json", "t3.npy"), "--json t3.npy is the same file as t3.npy"),
    ],
)  # fmt: skip
def test_ceiling_refuses_in_one_line(refused, answers, options, said):
    np.save("unique.npy", [[0, 1, 2], [3, 4, 5]])
    np.save("one.npy", np.ones(200))
    np.save("short.npy", [1, 2])
    np.save("zero.npy", np.full((200, 3), 0.5))
    assert said in refused("ceiling", *options)


def test_subjects_come_from_one_place(command, answers):
    ran = command("ceiling", "--triplets", "a.npy", "--subject-column", 3, "--subjects", "s.npy")
    assert ran.code == 2
    assert "not allowed with argument" in ran.err


# failures


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
    expected = pyalign.failures(
        models, triplets, families=["one", "two", "two"], names=names, subjects=persons.astype(str)
    )
    found = document(command(*args, "--json", "--out", "f.csv"))
    assert (found.pop("version"), found.pop("triplets")) == (pyalign.__version__, "a.npy")
    assert found == as_json(expected)
    assert (folder / "f.csv").read_text() == expected.to_csv()
    rows = list(csv.DictReader((folder / "f.csv").open()))
    assert len(rows) == sum(group.n for group in expected.groups) > 0
    assert rows[0]["name_1"] == names[int(rows[0]["item_1"])]
    command(*args, "--out", "f.json")
    assert json.loads((folder / "f.json").read_text())["groups"] == found["groups"]


def test_failures_as_a_table(command, models, answers):
    ran = command(*FILES, "t3.npy", "--measure", "dot", "--names", "names.txt", "--families", "a", "b", "b")
    assert (ran.code, ran.err) == (0, "")
    expected = pyalign.failures(models, answers[0], measure="dot", families=["a", "b", "b"])
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
    found = document(command(*FILES, "c.npz::triplets", "--counts", "c.npz::counts", "--limit", 1, "--json"))
    expected = pyalign.failures(models, file["triplets"], counts=file["counts"], limit=1)
    assert found["groups"] == as_json(expected)["groups"]
    assert len(found["groups"][0]["triplets"]) == 1 < found["groups"][0]["n"]


def test_failures_match_names_whatever_the_order_of_the_rows(command, models, answers, folder):
    triplets, _ = answers
    (folder / "t.csv").write_text("\n".join(f"n{a},n{b},n{c}" for a, b, c in triplets) + "\n")
    orders = {"p": [0, 1, 2, 3, 4, 5], "q": [5, 3, 1, 0, 2, 4]}
    for name, order in orders.items():
        rows = [f"n{k}," + ",".join(repr(float(v)) for v in models[f"{name}.npy"][k]) for k in order]
        (folder / f"{name}.csv").write_text("name,f0,f1,f2\n" + "\n".join(rows) + "\n")
    found = document(command("failures", "--embeddings", "p.csv", "q.csv", "--triplets", "t.csv", "--json"))
    expected = pyalign.failures({"p.csv": models["p.npy"], "q.csv": models["q.npy"]}, triplets)
    assert [record["row"] for record in found["groups"][0]["triplets"]] == expected.groups[0].rows.tolist()
    first = found["groups"][0]["triplets"][0]
    assert first["names"] == [f"n{k}" for k in triplets[first["row"]]]


def test_failures_refuse_row_numbers_that_mean_other_items(refused, models, answers, folder):
    for name, order in (("p", "abcdef"), ("q", "abdcef")):
        rows = [f"{label},{k},1.5" for k, label in enumerate(order)]
        (folder / f"{name}.csv").write_text("name,f0,f1\n" + "\n".join(rows) + "\n")
    said = refused("failures", "--embeddings", "p.csv", "q.csv", "--triplets", "t3.npy")
    assert said == "q.csv: row 2 is 'd', in p.csv 'c'; row numbers must mean the same items"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--families", "a", "b"), "families must be one per model (3); got 2"),
        (("--families", "a", "a", "a"), "families must be at least two different ones; got 'a' alone"),
        (("--embeddings", "p.npy", "p.npy"), "--embeddings must differ; got p.npy 2 times"),
        (("--embeddings", "p.npy", "x.npy"), "x.npy: has 30 rows, p.npy has 6: not the same items"),
        (("--embeddings", "p.npy", "nan.npy"), "nan.npy with t3.npy: x must be finite"),
        (("--names", "s.txt"), "--names must have a name for each of 6 rows; got 201"),
        (("--counts", "c.npz::counts"), "t3.npy: counts must have shape (t, 3), here (200, 3)"),
        (("--out", "p.npy.csv", "--json", "p.npy.csv"), "--json p.npy.csv is the same file as --out p.npy.csv"),
        (("--out", "missing/f.csv"), "missing/f.csv: No such file or directory"),
    ],
)
def test_failures_refuse_in_one_line(refused, models, answers, options, said):
    np.save("nan.npy", np.full((6, 3), np.nan))
    assert said in refused(*FILES, "t3.npy", *options)


def test_failures_are_written_as_tables_or_json_alone(command, models, answers):
    ran = command(*FILES, "t3.npy", "--out", "f.txt")
    assert ran.code == 2
    assert "ends in .csv or .json" in ran.err


def test_the_real_files_through_the_commands(command, data, folder):
    things = data / "things"
    found = document(
        command("ceiling", "--triplets", things / "human_triplets_127304.npy", "--subject-column", 3, "--json")
    )
    assert (found["n_distinct"], found["n_answers"], found["n_persons"]) == (732, 2392, 92)
    assert len(read_triplets(things / "human_triplets_127304.npy", subject_column=3).subject_labels) == 264
