"""`pyalign plan triplets`: the design of `pyalign.plan_triplets` as a table, and what it saves."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import pyalign

PLAN = ("plan", "triplets", "x.npy", "y.npy", "-n", 300, "--out", "design.csv")
NAMES = [f"object {k}" for k in range(30)]


@pytest.fixture
def models(folder, x):
    """Another model in y.npy, and names."""
    y = x[:, ::-1] + 0.5 * x
    np.save("y.npy", y)
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in NAMES))
    return x, y


def rows():
    with open("design.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_writes_the_design_of_the_function(command, models):
    ran = command(*PLAN, "--measure", "dot", "cosine", "--seed", 5, "--difference", 0.1)
    assert (ran.code, ran.err) == (0, "")
    found = pyalign.plan_triplets(*models, 300, measure=("dot", "cosine"), seed=5, difference=0.1)
    assert [[int(row[f"item{k}"]) for k in (1, 2, 3)] for row in rows()] == found.triplets.tolist()
    assert [float(row["weight"]) for row in rows()] == pytest.approx(found.weights.values.tolist(), rel=1e-8)
    assert [float(row["probability"]) for row in rows()] == pytest.approx(found.probabilities.tolist(), rel=1e-8)
    assert {row["covered"] for row in rows()} == {"1.0"}
    text = " ".join(ran.out.split())
    assert f"design.csv: 300 triplets of 30 objects, {found.fewest} to {found.most} of each" in text
    assert f"{found.n_random:,} answers to random triplets, and with {found.n_needed:,} to triplets" in text


def test_names_of_rows_are_the_items(command, models):
    assert command(*PLAN, "--names", "names.txt").code == 0
    plain = pyalign.plan_triplets(*models, 300)
    assert [[row[f"item{k}"] for k in (1, 2, 3)] for row in rows()] == np.array(NAMES)[plain.triplets].tolist()


def test_the_document_is_that_of_the_function(command, models, tmp_path):
    assert command(*PLAN, "--json", "plan.json").code == 0
    found = pyalign.load_result("plan.json", pyalign.results.ChosenTriplets)
    assert found.n_needed == pyalign.plan_triplets(*models, 300).n_needed
    assert list(found.outputs) == ["design.csv"]


def test_answers_are_collected_in_the_table_and_scored_with_its_weights(command, models):
    """People see what the first model sees. The design holds only triplets on which the models differ."""
    x, y = (pyalign.Embeddings(model, NAMES) for model in models)
    Path("design.csv").write_text(pyalign.plan_triplets(x, y, 300, share=1.0).design())
    table, place = rows(), {name: k for k, name in enumerate(NAMES)}
    triplets = np.array([[place[row[f"item{k}"]] for k in (1, 2, 3)] for row in table])
    choices = pyalign.odd_one_out(models[0], triplets)
    with open("answers.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*table[0], "choice"])
        writer.writerows([*row.values(), choice] for row, choice in zip(table, choices.tolist(), strict=True))
    ran = command(
        "compare", "x.npy", "y.npy", "-t", "answers.csv", "--columns", "item1,item2,item3", "--choice-column", "choice",
        "--choice-base", 0, "--weights", "answers.csv", "--names", "names.txt",
    )
    assert ran.code == 0, ran.err
    assert "weighted answers: effective number of answers" in " ".join(ran.out.split())
    assert "note: the weights are of a design that presents only triplets on which two models differ" in ran.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("x.npy", "-n", 9), "--embeddings must be two models; got 1"),
        (("x.npy", "y.npy", "x.npy", "-n", 9), "--embeddings must be two models; got 3"),
        (("x.npy", "x.npy", "-n", 9), "--embeddings must differ"),
        (("x.npy", "same.npy", "-n", 9), "must choose different items in some triplet"),
        (("x.npy", "few.npy", "-n", 9), "must be about the same objects; got 30 and 29 rows"),
        (("x.npy", "y.npy", "-n", 5000), "n_triplets must be at most 4,060, the triplets of 30 objects; got 5,000"),
        (
            ("x.npy", "y.npy", "-n", 9, "--measure", "dot", "dot", "dot"),
            "--measure must be one, or one for each of two",
        ),
    ],
)
def test_bad_input_is_one_line(refused, models, x, arguments, told):
    np.save("same.npy", 2 * x)
    np.save("few.npy", x[:-1])
    assert told in refused("plan", "triplets", *arguments, "--out", "design.csv")


def test_the_design_is_a_table(command, models):
    ran = command("plan", "triplets", "x.npy", "y.npy", "-n", 9, "--out", "design.npy")
    assert ran.code == 2
    assert "ends in .csv" in ran.err
