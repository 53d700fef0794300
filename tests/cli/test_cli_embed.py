"""`pyalign embed`: what it prints and writes is what the functions return, and what it can't do is one line."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from planted_dimensions import planted

import pyalign

pytest.importorskip("scipy")
NAMES = tuple(f"object {k}" for k in range(30))
PENALTY = ("--penalty", "0.002", "--sparsity", "0.03")


@pytest.fixture(scope="module")
def answers():
    return planted(30, 3, 2000)


@pytest.fixture
def embed(folder, command, answers):
    """The command on a.npy with names, and truth.npy."""
    np.save("a.npy", answers[1])
    np.save("truth.npy", answers[0])
    with open("names.txt", "w") as file:
        file.write("\n".join(NAMES) + "\n")

    def run(*args):
        return command("embed", "-t", "a.npy", "--item-names", "names.txt", *args)

    return run


def figures(document):
    """What does not tell of files and time."""
    return {key: document[key] for key in ("accuracy", "cross_entropy", "stability")}


def test_as_json_is_what_the_function_returns(embed, answers):
    ran = embed(*PENALTY, "--folds", "2", "--seed", "3", "--resamples", "2", "--json", "--quiet", "--baseline",
                "truth.npy", "--n-dimensions", "5")
    assert (ran.code, ran.err) == (0, "")
    expected = pyalign.cross_validate_embedding(
        pyalign.Triplets(answers[1], NAMES, numbered=True), penalties=[(0.002, 0.03)], folds=2, seed=3,
        n_resamples=2, against={"truth.npy": answers[0]}, n_dimensions=5,
    )
    found = json.loads(ran.out)
    assert figures(found) == figures(expected.to_dict())
    assert found["against"] == expected.to_dict()["against"]
    assert (found["command"], found["triplets"]) == ("embed", "a.npy")


def test_shows_folds_dimensions_and_how_they_come_back(embed):
    ran = embed(*PENALTY, "--folds", "2", "--resamples", "2", "--baseline", "truth.npy")
    assert ran.code == 0
    for words in ("accuracy on the answers of held-out sets of three objects", "resampled", "truth.npy",
                  "share", "object ", "KKT residual"):
        assert words in ran.out
    assert "certif" not in ran.out


def test_out_holds_the_embedding_its_dimensions_and_the_document(embed, answers):
    ran = embed(*PENALTY, "--folds", "2", "--resamples", "2", "--out", "human", "--figures", "none")
    assert ran.code == 0
    embedding = pyalign.load_embeddings("human/embedding.npz")
    fit = pyalign.fit_embedding(answers[1], shrinkage=0.002, sparsity=0.03)
    np.testing.assert_array_equal(embedding.values, fit.embedding.values)
    assert embedding.names == NAMES
    errors = pyalign.load_embeddings("human/standard_errors.npz")
    assert errors.shape == embedding.shape and errors.names == NAMES
    with open("human/dimensions.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["share"]) for row in rows] == pytest.approx([one.share for one in fit.dimensions])
    document = pyalign.load_result("human/embed.json")
    assert document.fit.dimensions[0].top_objects[0].startswith("object ")
    assert set(document.outputs) == {"embedding.npz", "standard_errors.npz", "dimensions.csv"}


def test_the_embedding_is_read_wherever_dimensions_are(embed, command):
    assert embed(*PENALTY, "--folds", "2", "--out", "human", "--figures", "none").code == 0
    scored = command("score", "human/embedding.npz", "-t", "a.npy", "--item-names", "names.txt", "--measure", "dot")
    assert scored.code == 0 and "chance" in scored.out
    seen = "come from a fit to 2,000 triplets for measure dot: figures on what it has seen are in-sample; on held-out"
    assert seen in scored.err
    concepts = command("concepts", "truth.npy", "-t", "a.npy", "--dimensions", "human/embedding.npz", "--names",
                       "names.txt")
    assert concepts.code == 0, concepts.err


def test_one_fit_needs_no_folds(embed):
    ran = embed(*PENALTY, "--split", "none", "--out", "human", "--quiet")
    assert ran.code == 0, ran.err
    assert pyalign.load_result("human/embedding.json").n_dimensions == 3


@pytest.mark.slow
def test_draws_the_choice_of_penalties(embed):
    pytest.importorskip("altair")
    ran = embed("--penalty", "0.001", "0.002", "0.004", "--folds", "2", "--out", "human", "--figures", "html")
    assert ran.code == 0, ran.err
    with open("human/penalty-path.html") as file:
        assert "Choice of the penalties" in file.read()


def test_goes_on_where_an_interrupted_run_was(embed, monkeypatch):
    whole = embed(*PENALTY, "--folds", "2", "--resamples", "2", "--out", "whole", "--figures", "none")
    assert whole.code == 0
    from pyalign.embedding import cross_validate

    refit = cross_validate._Run.refit

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cross_validate._Run, "refit", stop)
    options = (*PENALTY, "--folds", "2", "--resamples", "2", "--out", "human", "--figures", "none")
    stopped = embed(*options)
    assert stopped.code == 130 and "fold 1/2, fold 2/2" in stopped.err and "human.partial.npz" in stopped.err
    assert pyalign.load_embeddings("human.partial.npz").names == NAMES
    monkeypatch.setattr(cross_validate._Run, "refit", refit)
    assert embed(*options, "--resume").code == 0
    with open("human/embedding.npz", "rb") as mine, open("whole/embedding.npz", "rb") as other:
        assert mine.read() == other.read()
    assert embed(*options, "--resume").code == 1  # nothing is left to resume


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--split", "objects"), "argument --split: invalid choice: 'objects'"),
        (("--split", "subjects"), "subjects must identify who answered"),
        (("--sparsity", "-1"), "--sparsity must be a number of at least 0; got -1"),
        (("--penalty", "nan"), "--penalty must be a number of at least 0; got nan"),
        (("--n-dimensions", "31", *PENALTY), "must be at most the number of objects (30); got 31"),
        (("--n-dimensions", "0"), "expected a whole number"),
        (("--penalty", "9"), "the penalties leave nothing of the embedding"),
        (("--penalty", "0.001", "--sparsity", "10", "99", "--out", "human"), "the penalties leave nothing of the"),
        (("--split", "none"), "--split none fits one embedding: --penalty or --sparsity"),
        (("--split", "none", "--penalty", "1", "2"), "--split none takes one --penalty and one --sparsity"),
        (("--split", "none", "--penalty", "1", "--resamples", "2"), "--resamples 2"),
        (("--split", "none", "--penalty", "1", "--ci", "triplets"), "--ci triplets needs held-out figures"),
        (("--split", "none", "--penalty", "1", "--folds", "2"), "--folds"),
        (("--resume",), "--resume needs --out"),
        (("--ci", "objects"), "argument --ci: invalid choice: 'objects'"),
        (("--baseline", "nothing.npy"), "nothing.npy"),
        (("--choice-column", "none"), "embed needs human choices"),
        (("--task", "anchored"), "an embedding needs triplets of task 'odd-one-out'"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_no_file(embed, folder, options, message):
    before = set(folder.iterdir())
    ran = embed(*options, "--json", "out.json")
    assert ran.code in (1, 2) and message in ran.err and "Traceback" not in ran.err
    assert len(ran.err.strip().splitlines()) <= 2
    assert not {path.name for path in set(folder.iterdir()) - before} & {"out.json", "human"}


def test_an_object_in_no_triplet_is_named_with_the_flag_that_helps(embed):
    with open("names.txt", "a") as file:
        file.write("unicorn\n")
    ran = embed(*PENALTY)
    assert ran.code in (1, 2) and "'unicorn' is in none" in ran.err and "--missing zero" in ran.err
    left = embed(*PENALTY, "--folds", "2", "--missing", "zero", "--quiet", "--json")
    assert left.code == 0 and json.loads(left.out)["fit"]["n_objects"] == 31


def test_participants_are_held_out_with_split_subjects(embed):
    with open("who.txt", "w") as file:
        file.write("\n".join(str(k % 8) for k in range(2000)))
    ran = embed(*PENALTY, "--folds", "2", "--split", "subjects", "--subjects", "who.txt", "--json", "--quiet")
    assert json.loads(ran.out)["split"] == "subjects"
