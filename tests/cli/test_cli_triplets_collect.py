"""`pyalign triplets collect`: answers of participants become one table, if the lists hold every one of them."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import pyalign

NAMES = [f"object {k}" for k in range(30)]
TRIALS = 20
COLLECT = ("triplets", "collect", "one.csv", "two.csv", "--lists", "lists.csv", "--out", "answers.csv")


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def answered(x, row):
    """A row of a list with the item that a participant who sees the embeddings calls odd."""
    items = [row["item1"], row["item2"], row["item3"]]
    odd = pyalign.odd_one_out(x, [[NAMES.index(item) for item in items]])[0]
    return row | {"rt": "812.5", "odd": items[odd], "note": 'said "so", then went on' if odd else ""}


@pytest.fixture
def lists(folder, x):
    """The rows of lists.csv, of three participants; the answers of two of them in one.csv and two.csv."""
    np.save("y.npy", y := x[:, ::-1] + 0.5 * x)
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in NAMES))
    planned = {"n_subjects": 3, "answers_per_subject": TRIALS, "repeated": 0.1}
    (folder / "lists.csv").write_text(pyalign.plan_triplets(pyalign.Embeddings(x, NAMES), y, **planned).design())
    rows = read("lists.csv")
    for subject, path in (("1", "one.csv"), ("2", "two.csv")):
        write(path, [answered(x, row) for row in rows if row["subject"] == subject])
    return rows


def test_plan_writes_the_lists_of_the_function(command, lists, x):
    ran = command(
        "plan", "triplets", "x.npy", "y.npy", "--names", "names.txt", "--n-subjects", 3, "--answers-per-subject", 40,
        "--json", "plan.json", "--out", "more.csv",
    )
    assert "more.csv: 3 lists of 40 trials: 8 shared with other lists, 2 asked again\nmore.csv: 98 triplets" in ran.out
    assert ran.err == ""
    assert pyalign.load_result("plan.json").lists.n_common == 8
    design = pyalign.plan_triplets(
        pyalign.Embeddings(x, NAMES), x[:, ::-1] + 0.5 * x, n_subjects=3, answers_per_subject=40
    )
    with open("more.csv") as file:
        assert file.read() == design.design()


def test_all_answers_become_one_table_that_is_scored(command, lists, x):
    ran = command(*COLLECT)
    assert ran.out == "answers.csv: 40 answers, participants: 2; of 4 triplets asked twice 4 have the same answer\n"
    assert ran.err == "note: trials without an answer, by participant: 3 (20)\n"
    assert read("answers.csv") == read("one.csv") + read("two.csv")
    assert command("score", "x.npy", "-t", "answers.csv", "--names", "names.txt", "--json", "score.json").code == 0
    with open("score.json") as file:
        assert json.load(file)["results"][0]["accuracy"] == 1.0
    ceiling = command("ceiling", "-t", "answers.csv")
    assert "2 participants" in ceiling.out or "by 2" in ceiling.out, ceiling.out


def test_people_may_disagree_with_themselves(command, lists):
    rows = read("one.csv")
    again = next(row for row in rows if row["presentation"] == "2")
    again["odd"] = next(again[f"item{k}"] for k in (1, 2, 3) if again[f"item{k}"] != again["odd"])
    rows.remove(next(row for row in rows if row["condition"] == "single"))
    write("one.csv", rows)
    ran = command(*COLLECT)
    assert "39 answers, participants: 2; of 4 triplets asked twice 3 have the same answer" in ran.out
    assert ran.err == "note: trials without an answer, by participant: 1 (1), 3 (20)\n"


def test_numbers_of_items_and_places_of_the_odd_one_are_taken(command, lists, x):
    """Items from 0, of which none is 0 here: nothing is shifted."""
    for path in ("lists.csv", "one.csv", "two.csv"):
        rows = read(path)
        for row in rows:
            items = [row[f"item{k}"] for k in (1, 2, 3)]
            row |= {f"item{k + 1}": str(NAMES.index(item) + 1) for k, item in enumerate(items)}
            if "odd" in row:
                row["odd"] = str(items.index(row["odd"]) + 1)
        write(path, rows)
    assert "of 4 triplets asked twice 4 have the same answer" in command(*COLLECT).out
    assert read("answers.csv")[0]["item1"] == read("one.csv")[0]["item1"]


def spoil_lists(lists):
    write("lists.csv", lists + [row for row in lists if row["subject"] == "2"])


def other_design(lists):
    write("two.csv", [row | {"item1": "object 99", "odd": row["item2"]} for row in read("two.csv")])


def other_list(lists):
    """The participant of one.csv goes on with the trials of another list."""
    third = [row | {"rt": "1", "odd": row["item1"], "note": ""} for row in lists if row["subject"] == "3"]
    write("two.csv", [row | {"subject": "2"} for row in third])


def columns(lists):
    write("two.csv", [{name: row[name] for name in reversed(row)} for row in read("two.csv")])


def no_answer(lists):
    write("two.csv", [row | {"odd": "" if k == 4 else row["odd"]} for k, row in enumerate(read("two.csv"))])


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (spoil_lists, "lists.csv: holds two lists of participant 2: trial 1 is there twice"),
        (other_design, "two.csv: row 0 (from 0): object "),
        (other_design, " is in no list of lists.csv"),
        (other_list, " is not trial 1 of participant 2 of lists.csv"),
        (lambda lists: write("two.csv", read("one.csv")),
         "two.csv: row 0 (from 0): participant 1 has answered trial 1 before"),
        (columns, "two.csv: has other columns than one.csv; answers to one experiment have the same"),
        (no_answer, "two.csv: line 6, column 12: an empty cell in a column of text"),
        (lambda lists: write("lists.csv", [{"subject": 1, "item1": "a"}]),
         "lists.csv: has no column trial, item2, item3, as lists and answers to them have"),
        (lambda lists: write("one.csv", lists), "one.csv: has no column odd, as lists and answers to them have"),
        (lambda lists: write("one.csv", [row | {"subject": "9"} for row in read("one.csv")]),
         " is not trial 1 of participant 9 of lists.csv"),
    ],
)
def test_answers_that_no_list_asks_for_are_refused_in_one_line(refused, lists, spoil, told):
    spoil(lists)
    assert told in refused(*COLLECT)


def test_only_tables_of_text_are_joined(refused, lists):
    said = refused("triplets", "collect", "x.npy", "--lists", "lists.csv", "--out", "answers.csv")
    assert "x.npy: unknown extension '.npy'; trials are read from" in said


def test_the_split_of_lists_is_refused_without_lists(refused, lists):
    said = refused("plan", "triplets", "x.npy", "y.npy", "-n", 9, "--answers-per-subject", 5, "--out", "o.csv")
    assert "--answers-per-subject 5 applies only to lists of trials: add --n-subjects" in said
