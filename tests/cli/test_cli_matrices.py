"""`pyalign score --matrix` and `compare --matrix`; `compare` with a measure for each model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import squareform

import pyalign
from pyalign import RDMs

N = 30
KIND = ("--kind", "similarity")


@pytest.fixture
def similarities(folder, x):
    matrix = pyalign.similarity(x.astype(np.float64))
    np.save("s.npy", matrix)
    np.save("d.npy", 1 - matrix)
    np.save("c.npy", squareform(1 - matrix, checks=False))
    np.save("xs.npy", x.astype(np.float64))
    return matrix


def rows_of(ran):
    assert ran.code == 0, ran.err
    return json.loads(ran.out)["results"]


def lines_of(path):
    return Path(path).read_text(encoding="utf-8").splitlines()


FIGURES = ("accuracy", "cross_entropy", "ci", "cross_entropy_ci", "standard_error", "n_ties", "n_triplets", "groups",
           "fraction_of_ceiling", "ceiling", "ci_by")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--ci", "triplets", "--confidence", "0.8"),
        ("--subjects", "people.txt"),
        ("--groups", "groups.txt", "--ceiling", "0.9"),
        ("--ties", "wrong", "--temperature", "0.1"),
        ("--permutations", "30", "--seed", "4"),
    ],
    ids=["plain", "triplets", "people", "groups", "ties", "permutations"],
)
def test_a_matrix_has_the_figures_of_its_embeddings(command, similarities, options):
    np.savetxt("people.txt", np.arange(400) % 7, fmt="%d")
    np.savetxt("groups.txt", np.arange(400) % 2, fmt="%d")
    rows = rows_of(command("score", "--matrix", "s.npy", *KIND, "-t", "t.npy", *options, "--json"))
    (expected,) = rows_of(command("score", "xs.npy", "-t", "t.npy", *options, "--json"))
    assert [row["measure"] for row in rows] == ["similarity matrix"]
    for name in FIGURES:
        if (isinstance(expected.get(name), list) and name.endswith("ci")) or isinstance(expected.get(name), float):
            assert rows[0][name] == pytest.approx(expected[name], rel=1e-9)
    tests = [row.get("permutation_test") for row in (rows[0], expected)]
    assert tests[0] == tests[1] or tests[0]["p_value"] == tests[1]["p_value"]


def test_several_matrices_and_embeddings_stand_in_one_table(command, similarities):
    np.save("condensed.npy", squareform(similarities, checks=False))
    np.save("stack.npy", np.stack([similarities, -similarities]))
    files = ("s.npy", "condensed.npy", "stack.npy")
    labels = ("rows", "whole", "short", "first", "second")
    ran = command("score", "xs.npy", "--matrix", *files, *KIND, "-t", "t.npy", "--measure", "cosine", "dot", "--json",
                  "--labels", *labels)
    rows = rows_of(ran)
    names = ["xs.npy", "xs.npy", "s.npy", "condensed.npy", "stack.npy[0]", "stack.npy[1]"]
    assert [row["embeddings"] for row in rows] == names
    assert [row["label"] for row in rows] == ["rows", *labels]
    assert [row["measure"] for row in rows] == ["cosine", "dot", *["similarity matrix"] * 4]
    assert len({row["accuracy"] for row in (rows[0], *rows[2:5])}) == 1
    table = command("score", "--matrix", *files, *KIND, "-t", "t.npy", "--csv", "out.csv")
    assert table.out.splitlines()[0].split()[0] == "matrices" and len(lines_of("out.csv")) == 5


def test_names_match_rows_and_columns(command, similarities, triplets):
    order = np.random.default_rng(0).permutation(N)
    names = [f"object_{k}" for k in order]
    with open("names.txt", "w") as file:
        file.write("\n".join(names))
    np.save("shuffled.npy", similarities[order][:, order])
    with open("s.csv", "w") as file:
        file.write(",".join(["name", *names]) + "\n")
        for k, name in zip(order, names, strict=True):
            file.write(",".join([name, *(f"{value:.17g}" for value in similarities[k, order])]) + "\n")
    with open("t.csv", "w") as file:
        file.writelines(",".join(f"object_{k}" for k in row) + "\n" for row in triplets)
    (expected,) = rows_of(command("score", "--matrix", "s.npy", *KIND, "-t", "t.npy", "--json"))
    for given in (("shuffled.npy", *KIND, "--names", "names.txt"), ("s.csv", *KIND)):
        (row,) = rows_of(command("score", "--matrix", *given, "-t", "t.csv", "--json"))
        assert row["accuracy"] == expected["accuracy"]


def test_names_that_a_file_lacks_are_an_option(command, similarities):
    with open("named.csv", "w") as file:
        file.write("cat,dog,car\n")
    for file, given in (("s.npy", ("--matrix", "s.npy", *KIND)), ("x.npy", ("x.npy",))):
        told = command("score", *given, "-t", "named.csv").err
        assert f"{file}: the triplets hold names; give the rows' names: --names FILE" in told


def test_choices_probabilities_page_card_and_picture_are_written(command, similarities):
    outputs = ("--choices", "c.npy", "--probabilities", "p.npy", "--json", "score.json")
    assert command("score", "--matrix", "d.npy", "--kind", "dissimilarity", "-t", "t.npy", *outputs).code == 0
    found = pyalign.score(matrix=1 - similarities, kind="dissimilarity", triplets=np.load("t.npy"), keep="choices")
    np.testing.assert_array_equal(np.load("c.npy"), found.choices)
    assert np.load("p.npy").shape == (400, 3)
    assert "dissimilarity matrix" in pyalign.load_result("score.json").to_model_index()
    both = ("--matrix", "s.npy", *KIND, "-t", "t.npy", "--json", "compare.json")
    assert command("compare", "xs.npy", *both).code == 0
    assert command("report", "score.json", "compare.json", "--out", "page.html").code == 0
    assert "dissimilarity matrix" in "".join(lines_of("page.html"))
    assert command("plot", "score.json", "--out", "score.svg").code == 0 and os.path.getsize("score.svg") > 1000
    assert command("plot", "compare.json", "--out", "compare.svg").code == 0


def test_omit_leaves_out_triplets_that_ask_about_a_missing_pair(command, similarities, triplets):
    similarities[0, 1] = similarities[1, 0] = np.nan
    np.save("sparse.npy", similarities)
    ran = command("score", "--matrix", "sparse.npy", *KIND, "-t", "t.npy")
    assert (
        ran.code == 1
        and ran.err.count("sparse.npy") == 1
        and "--nan omit" in ran.err
        and len(ran.err.splitlines()) == 1
    )
    np.save("stack.npy", np.stack([similarities, similarities]))
    assert command("score", "--matrix", "stack.npy", *KIND, "-t", "t.npy").err.count("t.npy") == 1
    (row,) = rows_of(command("score", "--matrix", "sparse.npy", *KIND, "-t", "t.npy", "--nan", "omit", "--json"))
    pairs = [{*np.delete(one, k)} for one in triplets.tolist() for k in range(3)]
    assert row["n_dropped"] == sum({0, 1} == pair for pair in pairs) > 0


def test_a_matrix_given_as_embeddings_names_the_option_that_takes_it(command, similarities):
    told = command("score", "s.npy", "-t", "t.npy").err
    assert "--matrix FILE --kind similarity" in told


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--matrix", "c.npy"), "c.npy: --kind dissimilarity or --kind similarity must say what it holds"),
        (("x.npy", *KIND), "--kind similarity applies only to matrices: add --matrix"),
        (
            ("--matrix", "s.npy", *KIND, "--measure", "dot"),
            "--measure dot applies only to embeddings, and there are none",
        ),
        (("--matrix", "s.npy", *KIND, "--per-object", "mean"), "--per-object mean applies only to embeddings, and"),
        (("--matrix", "s.npy", "s.npy", *KIND), "--matrix must differ; got s.npy 2 times"),
        (("s.npy", "--matrix", "s.npy", *KIND), "--matrix must be other files than those of embeddings; got s.npy as"),
        (("--matrix", "lower.npy", *KIND), "lower.npy must be symmetric; [0, 1] is"),
        (("--matrix", "rows.npy", *KIND), "rows.npy: judgments must be a square matrix, or condensed"),
        ((), "the following arguments are required: --embeddings"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(command, similarities, words, expected):
    np.save("lower.npy", np.triu(similarities))
    np.save("rows.npy", similarities[:, :7])
    ran = command("score", *words, "-t", "t.npy", "--json", "out.json")
    assert ran.code != 0 and expected in ran.err and "Traceback" not in ran.err and not os.path.exists("out.json")


def test_compare_takes_matrices(command, similarities, triplets, x):
    both = ("--matrix", "s.npy", "d.npy", *KIND, "-t", "t.npy")
    ran = command("compare", "xs.npy", *both, "--json", "--labels", "a", "b", "c")
    assert ran.code == 0
    document = json.loads(ran.out)
    expected = pyalign.compare(
        {"a": x.astype(np.float64), "b": RDMs(similarities, "similarity"),
         "c": RDMs(1 - similarities, "similarity")}, triplets,
    )
    assert [row["accuracy"] for row in document["models"]] == [one.accuracy for one in expected.models]
    assert [row["measure"] for row in document["models"]] == ["cosine", "similarity matrix", "similarity matrix"]
    assert command("compare", *both).code == 0


# A measure for each model


def test_compare_takes_a_measure_for_each_model(command, folder, x, triplets):
    np.save("y.npy", x + 0.5)
    words = ("compare", "x.npy", "y.npy", "-t", "t.npy", "--measure", "neg_euclidean", "pearson")
    document = json.loads(command(*words, "--json").out)
    assert [row["measure"] for row in document["models"]] == ["neg_euclidean", "pearson"]
    assert document["measure"] is None
    assert document["provenance"]["options"]["measure"] == {"x.npy": "neg_euclidean", "y.npy": "pearson"}
    alone = [rows_of(command("score", name, "-t", "t.npy", "--measure", measure, "--json"))[0]["accuracy"]
             for name, measure in (("x.npy", "neg_euclidean"), ("y.npy", "pearson"))]
    assert [row["accuracy"] for row in document["models"]] == alone
    text = command(*words).out
    assert "neg_euclidean" in text and "pearson" in text
    with_labels = json.loads(command(*words, "--labels", "one", "two", "--json").out)
    assert with_labels["models"] == [{**row, "model": name} for row, name in
                                     zip(document["models"], ("one", "two"), strict=True)]
    once = json.loads(command(*words[:-1], "--json").out)
    assert once["measure"] == "neg_euclidean" and {row["measure"] for row in once["models"]} == {"neg_euclidean"}
    assert "measure neg_euclidean" in command(*words[:-1]).out


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        (("dot", "cosine", "dot"), "--measure must be one for all embeddings, or one for each of 2; got 3"),
        (("dot", "cosin"), "measure must be one of cosine, dot,"),
    ],
)
def test_compare_refuses_another_number_of_measures_and_unknown_ones(command, folder, measures, expected):
    np.save("y.npy", np.load("x.npy") + 1)
    ran = command("compare", "x.npy", "y.npy", "-t", "t.npy", "--measure", *measures)
    assert ran.code == 1 and expected in ran.err and len(ran.err.splitlines()) == 1
