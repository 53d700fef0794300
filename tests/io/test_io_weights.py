"""Weights of answers, as a file of its own or a column of the triplets."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from pyalign.errors import InputError
from pyalign.io import load_triplets, read_weights

WEIGHTS = [0.5, 2.0, 1.25]
DESIGN = "item1,item2,item3,probability,weight,covered\n3,7,11,0.2,0.5,{0}\n0,2,1,0.05,2,{0}\n9,8,5,0.08,1.25,{0}\n"


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("w.txt", "0.5\n2\n1.25\n"),
        ("w.csv", "weight\n0.5\n2\n1.25\n"),
        ("w.csv", "w\n0.5\n2\n1.25\n"),
        ("w.tsv", "who\tweight\na\t0.5\nb\t2\na\t1.25\n"),
        ("w.csv", DESIGN.format(1)),
    ],
)
def test_a_number_for_each_answer(tmp_path, name, text):
    path = write(tmp_path / name, text)
    assert (read_weights(path).values.tolist(), read_weights(path).covered) == (WEIGHTS, 1.0)
    zipped = tmp_path / f"{name}.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert read_weights(zipped).values.tolist() == WEIGHTS


def test_arrays(tmp_path):
    np.save(tmp_path / "w.npy", np.array(WEIGHTS, np.float32))
    np.savez(tmp_path / "w.npz", weights=WEIGHTS, triplets=np.zeros((3, 3), int))
    assert read_weights(tmp_path / "w.npy").values.tolist() == WEIGHTS
    assert read_weights(tmp_path / "w.npz").values.tolist() == WEIGHTS
    assert read_weights(tmp_path / "w.npz", key="weights").values.dtype == np.float64


def test_a_design_says_which_triplets_it_could_present(tmp_path):
    path = write(tmp_path / "design.csv", DESIGN.format(0.42))
    assert read_weights(path).covered == 0.42
    found = load_triplets(path, columns=("item1", "item2", "item3"), weight_column="weight")
    assert (found.weights.values.tolist(), found.weights.covered) == (WEIGHTS, 0.42)
    assert "42.0% of all" in found.notes[0]


def test_a_column_of_the_triplets(tmp_path):
    lines = "a,b,c,choice,who,weight\nant,bee,cat,0,x,0.5\nbee,cat,dog,2,y,2\nant,cat,dog,1,x,1.25\n"
    path = write(tmp_path / "t.csv", lines)
    for column in ("weight", 5):
        found = load_triplets(path, columns=("a", "b", "c"), choice_column="choice", subject_column="who",
                              weight_column=column)
        assert found.weights.values.tolist() == WEIGHTS
        assert found.subjects.labels == ("x", "y")
        assert np.array(found.names)[found.values][:, 2].tolist() == ["ant", "dog", "cat"]
    left = load_triplets(write(tmp_path / "n.csv", "1,2,3,0.5\n4,5,6,2\n1,5,6,1.25\n"), weight_column=3)
    assert (left.values.tolist(), left.weights.values.tolist()) == ([[1, 2, 3], [4, 5, 6], [1, 5, 6]], WEIGHTS)
    np.save(tmp_path / "t.npy", np.array([[1, 2, 3, 7], [4, 5, 6, 1]], np.int16))
    assert load_triplets(tmp_path / "t.npy", weight_column=3).weights.values.tolist() == [7.0, 1.0]


def test_a_description_may_name_the_column(tmp_path):
    write(tmp_path / "t.csv", "1,2,0,0.5\n0,1,2,2\n2,1,0,1.25\n")
    path = write(tmp_path / "mine.toml", '[triplets]\nfile = "t.csv"\nweight_column = 3\n')
    assert load_triplets(path).weights.values.tolist() == WEIGHTS
    assert load_triplets(path, weights=[1, 1, 4]).weights.values.tolist() == [1.0, 1.0, 4.0]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("w.csv", "a,b\n1,2\n3,4\n", "weights must be one column, or a table with a column 'weight'; got 2 columns"),
        ("w.csv", "weight\nx\ny\n", "holds 'weight', not weights"),
        ("w.txt", "1\n\nx\n", "line 3, column 1: 'x' is not a number"),
        ("w.csv", DESIGN.format(0), "column 'covered' must hold one fraction, the same in all rows; got 0"),
        ("w.csv", "weight,covered\n1,0.5\n1,0.6\n", "column 'covered' must hold one fraction, the same in all rows"),
    ],
)
def test_other_files_are_refused(tmp_path, name, text, told):
    path = write(tmp_path / name, text)
    with pytest.raises(InputError, match="^" + str(path)) as caught:
        read_weights(path)
    assert told in str(caught.value)


def test_arrays_of_another_shape_and_columns_that_are_no_weights_are_refused(tmp_path):
    np.save(tmp_path / "w.npy", np.ones((3, 2)))
    with pytest.raises(InputError, match=r"weights must be a 1-d array of numbers; got shape \(3, 2\)"):
        read_weights(tmp_path / "w.npy")
    path = write(tmp_path / "t.csv", "a,b,c,weight\n1,2,3,0.5\n4,5,6,0\n")
    with pytest.raises(InputError, match=f"{path}: weights must be positive; row 1 is 0"):
        load_triplets(path, columns=("a", "b", "c"), weight_column="weight")
    with pytest.raises(InputError, match=r"weights must have one entry per triplet, shape \(2,\); got \(3,\)"):
        load_triplets(path, columns=("a", "b", "c"), weights=WEIGHTS)
    with pytest.raises(InputError, match="weights and weight_column both say how much answers count"):
        load_triplets(path, columns=("a", "b", "c"), weights=WEIGHTS, weight_column="weight")
    with pytest.raises(InputError, match="columns must be different ones"):
        load_triplets(path, columns=("a", "b", "c"), weight_column="c")
