"""Mistakes that people make with files: the message names the cause, and what helps, in the words of a shell."""

from __future__ import annotations

import numpy as np
import pytest
from support import reals


@pytest.mark.parametrize("words", [("score",), ("calibrate",), ("compare", "x.npy")], ids=lambda words: words[0])
def test_swapped_files_get_the_question(refused, folder, words):
    said = refused(*words, "t.npy", "-t", "x.npy")
    assert said == "x.npy: holds 6 columns of numbers that are not whole, and no triplets: are the files swapped?"
    np.save("three.npy", np.load("x.npy")[:, :3])
    assert "are the files swapped?" in refused(*words, "t.npy", "-t", "three.npy")
    np.savetxt("x.csv", np.load("x.npy"), delimiter=",")
    assert refused(*words, "t.npy", "-t", "x.csv").startswith(
        "x.csv: holds 6 columns of numbers that are not whole, and no triplets: are"
    )


def test_triplets_behind_embeddings_without_a_flag_get_a_hint(command, folder):
    ran = command("score", "x.npy", "t.npy")
    assert ran.code == 2
    assert "the following arguments are required: -t/--triplets" in ran.err


def test_transposed_embeddings_get_the_question(refused, folder):
    np.save("turned.npy", reals(3, 10, 30))
    said = refused("score", "turned.npy", "-t", "t.npy")
    assert said.startswith("turned.npy with t.npy: triplets must lie in [0, 10); row 0 is ")
    assert said.endswith("; there are 10 rows of 30 numbers: are the embeddings transposed?")


@pytest.mark.parametrize(
    "words",
    [("score", "holes.npy"), ("compare", "x.npy", "holes.npy"), ("calibrate", "holes.npy"),
     ("failures", "x.npy", "holes.npy")],
    ids=lambda words: words[0],
)
def test_rows_with_nan_are_counted_named_and_the_flag_is_named(refused, folder, x, words):
    x[[3, 7, 9]] = np.nan
    np.save("holes.npy", x)
    (folder / "names.txt").write_text("".join(f"obj{k}\n" for k in range(30)))
    rule = "embeddings must be finite; 3 of 30 rows hold NaN or infinity, first row 3"
    assert refused(*words, "-t", "t.npy").endswith(f"{rule}; --nan omit leaves them out")
    said = refused(*words, "-t", "t.npy", "--names", "names.txt")
    assert said.endswith(f"{rule}: 'obj3', 'obj7', 'obj9'; --nan omit leaves them out")


def test_compare_of_one_model_says_that_it_needs_two(refused, folder):
    assert refused("compare", "x.npy", "-t", "t.npy") == "compare needs at least two models; got 1: 'x.npy'"
    assert refused("consistency", "x.npy", "-t", "t.npy") == "consistency needs at least two models; got 1: 'x.npy'"


def test_choices_are_not_asked_about_the_order_of_rows(command, folder):
    np.save("c.npy", np.arange(400) % 3)
    ran = command("score", "--model-choices", "c.npy", "-t", "t.npy", "--ci", "none")
    assert "note: c.npy: the accuracy is not above chance (33.3%)\n" in ran.err
    assert "order of rows" not in ran.err
