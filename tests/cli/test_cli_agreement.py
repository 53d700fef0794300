"""`pyalign calibrate --temperature`: what it prints and writes is what the function returns."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign

WHO = np.arange(400) % 7  # who gave each answer
APART = {"command", "schema", "version", "notes", "provenance", "embeddings", "label"}


def at(*words):
    """Options with a temperature, so that none is fitted."""
    return words if {"--temperature", "--minimum"} & {*words} else (*words, "--temperature", 1)


@pytest.fixture
def answered(folder):
    """200 answers to few triplets in t3.npy; counts for 12 triplets in c.npz."""
    triplets = draw_triplets(4, 9, 400)
    np.save("t3.npy", triplets)
    sets = np.unique(np.sort(triplets, axis=1), axis=0)[:12]
    np.savez("c.npz", triplets=sets, counts=np.random.default_rng(5).integers(1, 30, sets.shape))
    return triplets


@pytest.fixture
def rows(command, answered):
    """The ``results`` of the JSON document."""

    def run(*args):
        ran = command("calibrate", *at(*args), "--json", "--quiet")
        assert (ran.code, ran.err) == (0, "")
        return json.loads(ran.out)["results"]

    return run


def plain(row):
    """The figures of a result or of a row of a document."""
    document = row if isinstance(row, dict) else json.loads(getattr(row, "only", row).to_json())
    return {name: value for name, value in document.items() if name not in APART}


def test_as_json_is_what_the_function_returns(rows, answered, x):
    np.save("y.npy", reals(9, 30, 3))
    args = ("--triplets", "t3.npy", "--measure", "dot", "cosine", "--temperature", 0.5, "--minimum", 3)
    found = rows("--embeddings", "x.npy", "y.npy", *args)
    assert [(row["embeddings"], row["measure"]) for row in found] == [
        ("x.npy", "dot"), ("x.npy", "cosine"), ("y.npy", "dot"), ("y.npy", "cosine"),
    ]
    expected = pyalign.agreement(x, answered, measure="cosine", temperature=0.5, min_answers=3)
    assert plain(found[1]) == plain(expected)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ((), {}),
        (("--ci", "none"), {"ci": None}),
        (("--ci", "triplets", "--confidence", 0.9), {"ci": pyalign.Resampling("triplets", confidence_level=0.9)}),
        (("--ci", "objects+subjects", "--subjects", "who.txt"), {"ci": "objects+subjects", "subjects": WHO}),
        (("--subject-column", 3, "--columns", "0,1,2"), {"subjects": WHO}),
    ],
    ids=str,
)
def test_options_of_intervals_are_those_of_the_function(rows, answered, x, options, arguments):
    np.save("t.npy", np.column_stack([answered, WHO]) if "--columns" in options else answered)
    np.savetxt("who.txt", WHO, "%d")
    (row,) = rows("x.npy", "-t", "t.npy", *options)
    expected = pyalign.agreement(x, answered, **arguments)
    assert plain(row) == plain(expected)
    assert ("accuracy_ci" in row) == (arguments.get("ci", "auto") is not None and expected.accuracy.ci is not None)


def test_participants_who_do_not_count_are_said(command, answered, x):
    np.savetxt("who.txt", WHO, "%d")
    ran = command("calibrate", *at("x.npy", "-t", "t3.npy"), "--subjects", "who.txt", "--ci", "objects")
    assert ran.code == 0 and "--subjects who.txt has no effect here" in ran.err
    ran = command("calibrate", *at("x.npy", "-t", "t3.npy"), "--ci", "none", "--confidence", 0.9)
    assert ran.code != 0 and "--ci none omits them" in ran.err


def test_as_a_table_with_a_table_of_bins(command, answered, x, folder):
    args = ("-t", "c.npz::triplets", "--answers", "c.npz::counts", "--json", "out.json", "--csv", "out.csv")
    ran = command("calibrate", "x.npy", *at(*args))
    assert ran.code == 0
    file = np.load("c.npz")
    expected = pyalign.agreement(x, file["triplets"], answers=file["counts"])
    assert f"{expected.share_pearson:.4f}" in ran.out
    assert f"{expected.kl:.5f}" in ran.out
    assert "x, cosine, by how far people agree:" in ran.out
    assert "33 to 40%" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    again = pyalign.load_result("out.json")
    assert plain(again[0]) == plain(expected) and ran.out == again.table() + "\n"
    assert (folder / "out.csv").read_text() == again.to_csv()
    assert ran.err == "".join(f"note: {note}\n" for note in again.notes) != ""


def test_of_triplets_of_names_and_of_a_constant_model(command, rows, answered, folder):
    (folder / "names.csv").write_text("\n".join(f"n{a},n{b},n{c}" for a, b, c in answered) + "\n")
    (folder / "names.txt").write_text("".join(f"n{k}\n" for k in range(9)))
    x = reals(3, 9, 4)
    np.save("nine.npy", x), np.save("constant.npy", np.ones((9, 2)))
    args = ("--embeddings", "nine.npy", "constant.npy", "--triplets", "names.csv", "--names", "names.txt")
    found = rows(*args)
    assert found[0]["accuracy"] == pytest.approx(pyalign.agreement(x, answered).accuracy, rel=1e-12)
    assert found[1]["share_pearson"] is None
    assert ["constant.npy", "cosine", "-", "-", "-"] in [
        line.split()[:5] for line in command("calibrate", *at(*args), "--verbose").out.splitlines()
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--minimum", "500"), "x.npy with t3.npy: triplets must hold some with at least 500 answers"),
        (("--measure", "dott"), "did you mean 'dot'?"),
        (("--choice-column", "none"),
         "agreement needs human choices, which --choice-column none says are not recorded: give --answers"),
        (("--answers", "shares.npy"), "answers must be counts (whole numbers) here; got shares"),
        (("--answers", "c.npz::counts"), "c.npz::counts: answers must have shape (400, 3), a row for each triplet"),
    ],
)
def test_refuses_in_one_line(refused, answered, options, said):
    np.save("shares.npy", np.full((400, 3), 1 / 3))
    assert said in refused("calibrate", *at("--embeddings", "x.npy", "--triplets", "t3.npy", *options))


@pytest.mark.parametrize("option", [("--split", "none"), ("--human", "x.npy"), ("--weights", "x.npy")])
def test_what_serves_a_fit_is_refused_where_none_is_made(refused, answered, option):
    message = refused("calibrate", *at("x.npy", "-t", "t3.npy"), *option)
    assert message == f"{' '.join(option)} applies only to a fit, and --temperature or --minimum omits it"


@pytest.mark.parametrize("temperature", ["0", "-1", "nan"])
def test_a_temperature_of_zero_is_no_missing_temperature(refused, answered, temperature):
    message = refused("calibrate", "x.npy", "-t", "t3.npy", f"--temperature={temperature}")
    assert message.endswith(f"temperature must be a positive number (1e-30 to 1e30); got {float(temperature)!r}")


def test_the_published_correlation_of_the_real_files(rows, data):
    things = data / "things"
    hard = things / "hard_440_choice_counts.npz"
    args = ("--triplets", f"{hard}::triplets_sorted0", "--answers", f"{hard}::odd_counts", "--measure", "dot")
    (row,) = rows("--embeddings", things / "spose_embedding_66d_sorted.txt", *args)
    assert round(row["share_pearson"], 2) == 0.68
