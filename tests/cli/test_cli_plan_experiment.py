"""`pyalign plan experiment`: the function's figures from answers and documents; bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign.datasets.simulate import simulate

DIFFERENCE = ("--difference", 0.1)


@pytest.fixture
def pilot(folder, x):
    """x.npy, near.npy, and answers t.npy of ten participants who are like x."""
    near = x + 0.7 * reals(5, *x.shape)
    np.save("near.npy", near)
    triplets = simulate(x, 900, temperature=0.3, seed=3).triplets
    np.save("t.npy", np.column_stack([triplets, np.arange(900) % 10]))
    return {"x.npy": x, "near.npy": near}, triplets, np.arange(900) % 10


@pytest.fixture
def plan(command):
    """``plan("--difference", 0.1)``: the document of `pyalign plan experiment`."""

    def run(*options):
        ran = command("plan", "experiment", *options, "--json", "--quiet")
        assert (ran.code, ran.err) == (0, "")
        return json.loads(ran.out)

    return run


def test_answers_of_two_models_plan_their_difference(plan, pilot):
    models, triplets, people = pilot
    found = plan("x.npy", "near.npy", "-t", "t.npy", "--subject-column", 3, *DIFFERENCE)
    expected = pyalign.plan_experiment(pyalign.compare(models, triplets, subjects=people), difference=0.1).to_dict()
    for name in ("designs", "needed", "components", "models", "figure"):
        assert found[name] == expected[name], name
    assert found["pilot"] == "t.npy"


def test_answers_of_one_model_plan_its_accuracy(plan, pilot):
    found = plan("x.npy", "-t", "t.npy", "--subject-column", 3, "--labels", "X", *DIFFERENCE)
    assert (found["figure"], found["models"]) == ("accuracy", ["X"])


def test_documents_of_compare_and_score_are_pilots(command, plan, pilot):
    data = ("-t", "t.npy", "--subject-column", 3)
    for name, models in (("compare", ("x.npy", "near.npy")), ("score", ("x.npy",))):
        assert command(name, *models, *data, "--json", "pilot.json", "--quiet").code == 0
        found = plan("--pilot", "pilot.json", *DIFFERENCE)
        again = plan(*models, *data, *DIFFERENCE)
        assert found["designs"] == again["designs"]
        assert found["pilot"] == "t.npy"


def test_designs_are_those_that_are_stated(command, plan, pilot):
    assert command("score", "x.npy", "-t", "t.npy", "--json", "pilot.json", "--quiet").code == 0
    found = plan("--pilot", "pilot.json", *DIFFERENCE, "--n-objects", 60, 90, "--n-subjects", 20,
                 "--answers-per-subject", 30, "--confidence", 0.9)
    expected = pyalign.plan_experiment(
        pyalign.load_result("pilot.json"), difference=0.1, n_objects=[60, 90], n_subjects=20, answers_per_subject=30,
        confidence_level=0.9,
    ).to_dict()
    assert {**found, "provenance": 0} == {**expected, "provenance": 0}


@pytest.mark.parametrize(
    "options,expected",
    [
        (("x.npy",), "-t must be the answers of the pilot; or give --pilot"),
        (("x.npy", "near.npy", "x.npy", "-t", "t.npy"), "--embeddings must be of one model, or of two"),
        (("x.npy", "--pilot", "t.npy"), "--pilot replaces the answers of a pilot; got embeddings or -t too"),
        (("--pilot", "t.npy", "--measure", "dot"), "--measure dot applies only to the answers"),
        (("--pilot", "t.npy"), "t.npy"),
    ],
)
def test_bad_input_is_refused_in_one_line(command, pilot, options, expected):
    ran = command("plan", "experiment", *options, *DIFFERENCE)
    assert ran.code == 1
    assert expected in ran.err
    assert len(ran.err.splitlines()) == 1


def test_without_any_pilot_the_usage_says_what_there_is(command, folder):
    ran = command("plan", "experiment", *DIFFERENCE)
    assert ran.code == 2
    assert "the following arguments are required: --embeddings or --pilot" in ran.err
