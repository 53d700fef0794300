"""`pyalign dimensions predict`: what it prints and writes is what `predict_dimensions` returns."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import reals

import pyalign

LABELS = ("food-related", "animals", "tools and a very long name of what may be a machine, or was one once")


@pytest.fixture
def human(folder, x):
    """d.npy with three dimensions, labels in l.txt, another model in y.npy."""
    dimensions = np.abs(x[:, :3].astype(np.float64) + reals(5, 30, 3, dtype=np.float64))
    np.save("d.npy", dimensions)
    np.save("y.npy", reals(8, 30, 4))
    (folder / "l.txt").write_text("\n".join(LABELS) + "\n")
    return dimensions


@pytest.fixture
def predict(command, human):
    def run(*args):
        return command("dimensions", "predict", *args, "-t", "t.npy", "--dimensions", "d.npy")

    return run


def results(document):
    """What does not tell of files."""
    text = json.dumps([document["results"], document["human_accuracy"], document.get("differences")])
    return json.loads(text.replace("x.npy", "x").replace("y.npy", "y"))


def test_as_json_is_what_the_function_returns(predict, human, x, triplets):
    ran = predict("x.npy", "y.npy", "--dimension-labels", "l.txt", "--json", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    models = {"x": x, "y": np.load("y.npy")}
    expected = pyalign.predict_dimensions(models, human, labels=LABELS, triplets=triplets)
    assert results(found) == results(expected.to_dict())
    assert (found["command"], found["human"], found["triplets"]) == ("predict", "d.npy", "t.npy")


def test_every_option_reaches_the_function(predict, human, x, triplets):
    options = (
        "--folds", "3", "--penalty", "0.5", "50", "--standardize", "features", "--seed", "4", "--confidence", "0.8")
    ran = predict("x.npy", *options, "--ci", "objects", "--labels", "mine", "--json", "--quiet")
    found = json.loads(ran.out)
    plan = pyalign.Resampling("objects", confidence_level=0.8, seed=4)
    expected = pyalign.predict_dimensions(
        {"x": x}, human, triplets=triplets, folds=3, penalties=[0.5, 50], standardize="features", seed=4, ci=plan
    ).to_dict()
    assert found["results"][0].pop("label") == "mine"
    assert results(found) == results(expected)
    assert (found["folds"], found["penalties"], found["standardize"]) == (3, [0.5, 50.0], True)


def test_the_table_fits_and_notes_say_what_was_assumed(predict):
    ran = predict("x.npy", "y.npy", "--dimension-labels", "l.txt")
    assert ran.code == 0 and max(map(len, ran.out.splitlines())) <= 80
    assert "mean R^2" in ran.out and "animals" in ran.out and "differences: x - y" in ran.out
    assert "note: the human dimensions were made from triplets" in ran.err


def test_predictions_and_rows_are_written(predict, human, x, tmp_path):
    ran = predict("x.npy", "--out", "p", "--figures", "none", "--csv", "rows.csv", "--json", "r.json")
    assert ran.code == 0
    predictions = np.load("p/predictions.npy")
    assert predict("y.npy", "x.npy", "--out", "both", "--figures", "none").code == 0
    np.testing.assert_array_equal(np.load("both/predictions.npy")[1], predictions)
    np.testing.assert_array_equal(predictions, pyalign.predict_dimensions(x, human)[0].predictions)
    assert predictions.dtype == np.float64
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 4
    assert pyalign.load_result("r.json").command == "predict"


WRONG = {
    "penalties must be positive and finite; got -1.0": ("x.npy", "--dimensions", "d.npy", "--penalty=-1"),
    "--confidence 0.9 applies only to intervals, and --ci none omits them": (
        "x.npy", "--dimensions", "d.npy", "--ci", "none", "--confidence", "0.9"
    ),
    "folds must be at most as many as objects (30); got 31": ("x.npy", "--dimensions", "d.npy", "--folds", "31"),
    "labels must be one for each of 3 dimensions; got 1": (
        "x.npy", "--dimensions", "d.npy", "--dimension-labels", "one.txt"
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_bad_options_are_one_line_and_write_nothing(command, human, folder, message):
    (folder / "one.txt").write_text("only\n")
    before = sorted(folder.iterdir())
    ran = command("dimensions", "predict", *WRONG[message], "-t", "t.npy", "--csv", "rows.csv")
    assert ran.code == 1 and ran.out == ""
    assert ran.err.count("\n") == 1 and message in ran.err
    assert sorted(folder.iterdir()) == before


def test_a_file_with_nan_is_named(predict, x, folder):
    broken = x.copy()
    broken[4, 0] = np.nan
    np.save("broken.npy", broken)
    ran = predict("broken.npy")
    assert ran.code == 1 and "broken.npy must be finite; 1 of 30 rows holds NaN or infinity, first row 4" in ran.err
    assert predict("broken.npy", "--nan", "omit").code == 0


def test_a_file_that_also_says_who_answered_is_read(command, human, folder, triplets):
    """The column is no item, and that is all that it is here."""
    np.save("wide.npy", np.c_[triplets, np.arange(len(triplets)) % 7])
    words = ("dimensions", "predict", "x.npy", "--dimensions", "d.npy", "--json", "--quiet")
    ran = command(*words, "-t", "wide.npy", "--subject-column", "3")
    assert ran.code == 0
    assert results(json.loads(ran.out)) == results(json.loads(command(*words, "-t", "t.npy").out))
    ran = command(*words[:-1], "-t", "wide.npy", "--subject-column", "3")
    assert "note: who answered plays no part here: intervals are over objects" in ran.err
    ran = command(*words, "--subject-column", "3")
    assert "--subject-column 3 applies only to triplets: add --triplets" in ran.err


def test_without_dimensions_nothing_can_be_predicted(command, folder):
    ran = command("dimensions", "predict", "x.npy")
    assert ran.code == 2 and "the following arguments are required: --dimensions" in ran.err
