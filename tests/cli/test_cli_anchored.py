"""`--task anchored` on the command line: files as they come, figures of plain loops, one line where it is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import pyalign
from pyalign.cli import main

ANCHORED = ("--task", "anchored")


@pytest.fixture
def expected(x, triplets):
    """Accuracy and cross-entropy of t.npy by cosines, in plain loops; and how many the second option wins."""
    unit = x.astype(float) / np.linalg.norm(x.astype(float), axis=1, keepdims=True)
    right = nats = 0.0
    for anchor, chosen, other in triplets.tolist():
        difference = float(unit[anchor] @ unit[other] - unit[anchor] @ unit[chosen])
        right += difference < 0
        nats += math.log1p(math.exp(difference))
    return right / len(triplets), nats / len(triplets)


@pytest.fixture
def scored(command, folder):
    """``scored("t.csv", ...)``: the row of the document of `pyalign score --task anchored`."""

    def run(on, *options):
        ran = command("score", "x.npy", "-t", on, *ANCHORED, *options, "--json", "--quiet")
        assert (ran.code, ran.err) == (0, "")
        (row,) = json.loads(ran.out)["results"]
        return row

    return run


def write(name, rows, header=None):
    lines = ([header] if header else []) + list(rows)
    with open(name, "w", encoding="utf-8") as file:
        file.write("".join(",".join(map(str, line)) + "\n" for line in lines))


def test_three_columns_anchor_first(scored, expected):
    row = scored("t.npy")
    assert (row["accuracy"], row["task"], row["chance"]) == (expected[0], "anchored", 0.5)
    assert row["cross_entropy"] == pytest.approx(expected[1], rel=1e-5)


def test_a_table_with_the_reference_last_and_a_choice_from_one(scored, expected, triplets):
    """As BAPPS and NIGHTS have it: left, right, reference, and which of the two people took."""
    rows = []
    for k, (anchor, chosen, other) in enumerate(triplets.tolist()):
        rows.append([chosen, other, anchor, 1] if k % 3 else [other, chosen, anchor, 2])
    write("t.csv", rows, ["left", "right", "ref", "vote"])
    told = ("--columns", "ref,left,right", "--choice-column", "vote")
    assert scored("t.csv", *told)["accuracy"] == expected[0]
    again = ("--columns", "ref,left,right", "--choice-column", "vote", "--choice-base", "1")
    assert scored("t.csv", *again)["accuracy"] == expected[0]


def test_a_table_counts_items_from_one(scored, expected, triplets):
    write("t.csv", (triplets + 1).tolist())
    assert scored("t.csv", "--one-based")["accuracy"] == expected[0]


def test_choices_and_probabilities_are_by_the_file(scored, triplets, x):
    write("t.csv", triplets[:, [1, 2, 0]].tolist())
    scored("t.csv", "--columns", "2,0,1", "--choices", "c.npy", "--probabilities", "p.npy")
    choices, p = np.load("c.npy"), np.load("p.npy")
    assert (choices.dtype, set(choices.tolist()), p.shape) == (np.int8, {1, 2}, (len(triplets), 2))
    np.testing.assert_array_equal(choices - 1, p.argmax(axis=1))
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


def test_the_table_says_what_chance_is(score):
    told = score(*ANCHORED).out.replace("\n", " ")
    assert "chance 50.0%" in told and "nats (log 2 = 0.69315)" in told
    assert "33.333" not in told and "log 3" not in told


def test_an_accuracy_at_chance_is_noted_by_the_task(command, folder):
    np.save("flat.npy", np.ones((30, 3), np.float32))
    told = command("score", "flat.npy", "-t", "t.npy", *ANCHORED)
    assert "the accuracy is not above chance (50.0%)" in told.err + told.out


def test_several_anchors_of_one_set_are_noted(command, folder):
    write("t.csv", [[0, 1, 2], [1, 2, 0], [3, 4, 5]])
    told = command("score", "x.npy", "-t", "t.csv", *ANCHORED)
    assert "1 set of three items is presented with more than one anchor" in told.err + told.out


def test_every_command_that_takes_triplets_takes_these(command, folder, x, triplets):
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    rows = np.concatenate([triplets, triplets[:200, [0, 2, 1]], triplets[:200]])
    worse = (unit[rows[:, 0]] * (unit[rows[:, 1]] - unit[rows[:, 2]])).sum(axis=1) < 0
    swap = worse & (np.arange(len(rows)) % 4 > 0)
    rows[swap] = rows[swap][:, [0, 2, 1]]
    np.save("rows.npy", rows)
    np.save("y.npy", x[:, :3])
    for name, *more in (
        ("calibrate", "x.npy", "--split", "none"),
        ("ceiling",),
        ("compare", "x.npy", "y.npy"),
        ("failures", "x.npy", "y.npy"),
        ("score", "x.npy", "--permutations", "20", "--ceiling", "0.9"),
    ):
        ran = command(name, *more, "-t", "rows.npy", *ANCHORED, "--json", "--quiet")
        assert (ran.code, ran.err) == (0, ""), ran.err
        document = json.loads(ran.out)
        document = document["results"][0] if "results" in document else document
        assert (document["task"], document["chance"]) == ("anchored", 0.5)
        assert command(name, *more, "-t", "rows.npy", *ANCHORED).code == 0


def test_counts_are_two_columns(command, folder, triplets):
    distinct = np.unique(np.sort(triplets, axis=1), axis=0)
    counts = np.random.default_rng(0).integers(1, 9, (len(distinct), 2))
    np.save("d.npy", distinct)
    np.save("n.npy", counts)
    ran = command("ceiling", "-t", "d.npy", *ANCHORED, "--answers", "n.npy", "--json", "--quiet")
    found = json.loads(ran.out)
    assert found["n_answers"] == counts.sum()
    assert found["ceiling"] == counts.max(axis=1).sum() / counts.sum()


def test_a_concept_embedding_can_stand_for_the_answers(command, folder):
    """At its own temperature a model that is calibrated against itself is right."""
    told = ("--human", "x.npy", "--split", "none")
    ran = command("calibrate", "x.npy", "-t", "t.npy", *ANCHORED, *told, "--measure", "dot", "--json", "--quiet")
    (row,) = json.loads(ran.out)["results"]
    assert row["temperature"] == pytest.approx(1.0, rel=1e-5) and row["targets"] == "probabilities"
    assert row["divergences"]["kl"] == pytest.approx(0, abs=1e-9)


BAD = {
    "no choices": ((*ANCHORED, "--choice-column", "none"), "--choice-column none applies only to --task odd-one-out"),
    "a choice of three": (
        (*ANCHORED, "--choice-column", "3"),
        "four.csv: 2 answers; column 3 is one of column 1, column 2 in 1 row; row 1 (from 0) holds '2', which is no "
        "item of its row and no place counted from 0",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_one_line(refused, folder, name):
    options, message = BAD[name]
    write("four.csv", [[0, 1, 2, 0], [3, 4, 5, 2]])
    assert refused("score", "x.npy", "-t", "four.csv", *options) == message


def test_counts_of_three_are_one_line(refused, folder, triplets):
    np.save("n.npy", np.ones((len(triplets), 3), int))
    message = "n.npy: answers must have 2 columns; got 3; columns says which"
    assert refused("ceiling", "-t", "t.npy", *ANCHORED, "--answers", "n.npy") == message


def test_what_is_about_the_odd_one_is_one_line(refused, folder, triplets):
    np.save("n.npy", np.ones((len(triplets), 2), int))
    told = "takes only odd-one-out triplets; got task 'anchored'"
    words = ("x.npy", "-t", "t.npy", *ANCHORED, "--answers", "n.npy", "--minimum", 1)
    assert refused("calibrate", *words) == f"t.npy: agreement {told}"


def test_a_ceiling_is_of_the_same_task(command, refused, folder):
    write("r.csv", [[0, 1, 2], [0, 1, 2], [0, 2, 1], [3, 4, 5], [3, 4, 5], [6, 7, 8], [6, 7, 8]])
    assert command("ceiling", "-t", "r.csv", *ANCHORED, "--json", "two.json").code == 0
    assert command("ceiling", "-t", "r.csv", "--json", "three.json").code == 0
    assert command("score", "x.npy", "-t", "t.npy", *ANCHORED, "--ceiling", "two.json::upper").code == 0
    told = "is the ceiling of {} triplets; those that are scored are {} (--task)"
    message = f"three.json: {told.format('odd-one-out', 'anchored')}"
    assert refused("score", "x.npy", "-t", "t.npy", *ANCHORED, "--ceiling", "three.json") == message
    message = f"two.json: {told.format('anchored', 'odd-one-out')}"
    assert refused("score", "x.npy", "-t", "t.npy", "--ceiling", "two.json::lower") == message


def test_an_unknown_task_is_refused_by_the_parser(command, folder):
    ran = command("score", "x.npy", "-t", "t.npy", "--task", "triplet")
    assert ran.code == 2 and "--task" in ran.err


def test_python_and_the_command_line_agree(folder, capsys):
    assert main(["score", "x.npy", "-t", "t.npy", *ANCHORED, "--json", "--quiet"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["results"]
    found = pyalign.score(np.load("x.npy"), pyalign.load_triplets("t.npy", task="anchored"))
    assert row["accuracy"] == found.accuracy and row["cross_entropy"] == found.cross_entropy
