"""`pyalign recover`: the function's figures, the table, options that serve nothing, bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import NAMELESS, reals

import pyalign
from pyalign.datasets.simulate import simulate


@pytest.fixture
def models(folder, x):
    """x.npy, near.npy and far.npy, and answers t.npy of people who are like x."""
    near, far = x + 0.1 * reals(5, *x.shape), reals(6, *x.shape) + x
    np.save("near.npy", near)
    np.save("far.npy", far)
    triplets = simulate(x, 600, temperature=0.3, seed=3).triplets
    np.save("t.npy", triplets)
    return {"x.npy": x, "near.npy": near, "far.npy": far}, triplets


@pytest.fixture
def recover(command, models):
    """``recover("--seed", 1)``: the document of `pyalign recover x.npy near.npy far.npy -t t.npy`."""

    def run(*options):
        ran = command("recover", *models[0], "-t", "t.npy", "--json", "--quiet", *options)
        assert (ran.code, ran.err) == (0, "")
        return json.loads(ran.out)

    return run


def plain(document):
    kept = {name: value for name, value in document.items() if name not in ("provenance", "triplets")}
    return kept


def test_the_same_figures_as_the_api(recover, models):
    found = recover("--simulations", 15, "--count", 50, 200, "--seed", 3, "--confidence", 0.9)
    expected = pyalign.recover(*models, n_simulations=15, n_triplets=[50, 200], seed=3, confidence_level=0.9)
    assert plain(found) == plain(json.loads(expected.to_json()))
    assert found["models"] == ["x.npy", "near.npy", "far.npy"]
    assert found["triplets"] == "t.npy"
    assert [row["sha256"] is not None for row in found["provenance"]["inputs"]] == [True] * 4


def test_measures_and_temperatures_are_one_for_all_or_one_for_each(recover, models):
    options = ("--simulations", 2, "--count", 50)
    found = recover("--measure", "dot", "cosine", "pearson", "--temperature", 0.1, 0.2, 0.3, *options)
    assert [(row["measure"], row["temperature"]) for row in found["by_model"]] == [
        ("dot", 0.1), ("cosine", 0.2), ("pearson", 0.3),
    ]
    found = recover("--measure", "dot", "--temperature", 0.5, *options)
    assert {(row["measure"], row["temperature"]) for row in found["by_model"]} == {("dot", 0.5)}


def test_triplets_without_answers_do_with_a_temperature(recover):
    found = recover("--choice-column", "none", "--temperature", 0.2, "--simulations", 2, "--count", 40)
    assert found["temperatures"] == "given"


def test_labels_stand_for_the_files(recover):
    found = recover("--labels", "a", "b", "c", "--simulations", 2, "--count", 50)
    assert found["models"] == ["a", "b", "c"]


def test_the_table_says_who_was_chosen_how_the_rate_rises_and_what_is_needed(command, models):
    ran = command("recover", *models[0], "-t", "t.npy", "--simulations", 20)
    found = pyalign.recover(*models, n_simulations=20)
    assert (ran.code, ran.err) == (0, NAMELESS)
    lines = ran.out.splitlines()
    assert lines[0].split()[:3] == ["model", "T", "recovered"]
    assert max(map(len, lines)) <= 80
    told = " ".join(lines)
    assert f"95% needs about {found.n_needed:,} (between" in told
    for one in found.curve:
        assert any(line.startswith(f"{one.n_triplets:,} ") for line in lines)
    for fact in ("t.npy", "measure cosine", "temperatures fitted", "20 simulations of each model", "chance 33.3%"):
        assert fact in told


def test_the_table_says_that_the_target_is_not_reached(command, folder, models, x):
    np.save("copy.npy", x)
    ran = command("recover", "x.npy", "copy.npy", "-t", "t.npy", "--simulations", 5)
    assert "95% not reached with up to 600" in ran.out.replace("\n", " ")
    assert ran.err.startswith(f"{NAMELESS}note: models tie for the best on 10 of 10 simulated data sets")


def test_the_table_of_many_models_leaves_the_matrix_out_unless_all_is_asked_for(command, folder, models):
    names = [f"m{k}.npy" for k in range(9)]
    for k, name in enumerate(names):
        np.save(name, reals(k, 30, 6))
    options = ("-t", "t.npy", "--temperature", 0.2, "--simulations", 2, "--count", 50)
    assert "answered" not in command("recover", *names, *options).out
    assert "answered \\ chosen, %" in command("recover", *names, *options, "--verbose").out


def test_the_csv_has_a_row_for_each_model(command, folder, models):
    ran = command("recover", *models[0], "-t", "t.npy", "--simulations", 2, "--count", 50, "--csv", "r.csv")
    assert ran.code == 0
    header, *rows = (folder / "r.csv").read_text().splitlines()
    assert header.startswith("model,measure,temperature,recovery_rate,ci_low,ci_high")
    assert [row.partition(",")[0] for row in rows] == ["x.npy", "near.npy", "far.npy"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--measure", "dot", "cosine"), "--measure must be one for all, or one for each of 3 models; got 2"),
        (("--temperature", 1, 2), "--temperature must be one for all, or one for each of 3 models; got 2"),
        (("--measure", "cosin"), "measure must be one of"),
        (("--choice-column", "none"), "recover without --temperature needs human choices"),
        (("--count", 1), "n_triplets must be a whole number from 2"),
        (("--temperature", 0), "temperature must be a positive number"),
        (("--groups", "t.npy"), None),
    ],
)
def test_bad_options_are_one_line_and_write_nothing(refused, command, models, options, expected):
    words = ("recover", *models[0], "-t", "t.npy", "--json", "out.json", "--simulations", 1, *options)
    if expected is None:
        assert command(*words).code == 2
    else:
        assert expected in refused(*words)


def test_one_model_alone_is_refused(refused, models):
    said = refused("recover", "x.npy", "-t", "t.npy")
    assert said == "--embeddings must be at least two models to distinguish; got 1"


def test_a_model_at_chance_is_named(refused, folder, models):
    np.save("against.npy", models[1][:, [0, 2, 1]])
    told = refused("recover", *models[0], "-t", "against.npy")
    assert told.startswith("x.npy: similarities must agree with the answers better than chance")
    assert told.endswith("temperature must then be given")
