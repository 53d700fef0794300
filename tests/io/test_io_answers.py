"""Answers of many people: counts and shares from any table, and beside the triplets."""

from __future__ import annotations

import numpy as np
import pytest

from pyalign.data import Subjects, as_answers
from pyalign.errors import InputError
from pyalign.io import load_triplets, read_answers, read_subjects

COUNTS = [[1, 2, 0], [4, 0, 9]]
SHARES = [[0.25, 0.5, 0.25], [1.0, 0.0, 0.0]]


def text(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def write(path, values):
    a = np.array(values)
    if path.suffix == ".npy":
        np.save(path, a)
    elif path.suffix == ".npz":
        np.savez(path, odd=a, other=np.zeros(3))
    elif path.suffix == ".mat":
        pytest.importorskip("scipy.io").savemat(path, {"odd": a})
    elif path.suffix == ".h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["odd"] = a
    elif path.suffix == ".parquet":
        table = pytest.importorskip("pyarrow").table({name: a[:, k] for k, name in enumerate("abc")})
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
    else:
        delimiter = {".csv": ",", ".tsv": "\t", ".txt": " "}[path.suffix]
        text(path, [delimiter.join("abc"), *(delimiter.join(map(str, row)) for row in values)])
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".tsv", ".txt", ".mat", ".h5", ".parquet"])
@pytest.mark.parametrize(("values", "kind"), [(COUNTS, "counts"), (SHARES, "shares")])
def test_counts_and_shares_come_from_every_format(tmp_path, suffix, values, kind):
    found = read_answers(write(tmp_path / f"a{suffix}", values))
    np.testing.assert_array_equal(found, values)
    assert as_answers(found, 2).kind == kind


def test_an_array_of_several_is_chosen_by_its_key(data, refused):
    path = data / "things" / "hard_440_choice_counts.npz"
    assert "choose one as FILE::KEY" in refused(read_answers, path)
    found = read_answers(path, key="odd_counts")
    assert found.dtype == np.int16 and as_answers(found, 440).totals.min() > 100


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.ones((2, 4), int), "answers must have 3 columns; got 4; columns says which"),
        (np.ones(3, int), "answers must have shape (t, 3); got (3,)"),
        (np.ones((2, 3), complex), "answers must be numbers; got dtype complex128"),
        (np.empty((0, 3)), "answers are empty"),
    ],
)
def test_what_are_no_answers_is_refused(tmp_path, refused, values, said):
    np.save(tmp_path / "c.npy", values)
    assert said in refused(read_answers, tmp_path / "c.npy")


def test_a_cell_that_is_no_number_is_named(tmp_path, refused):
    path = text(tmp_path / "c.csv", ["a,b,c", "1,2,0", "1,,2"])
    assert refused(read_answers, path) == "line 3, column 2: '' is not a number"


TABLE = ["image1,image2,image3,choice,n1,n2,n3,who", "8,3,5,1,7,2,1,ann", "2,9,4,3,0,1,9,bob"]
ITEMS = ("image1", "image2", "image3")


def test_counts_beside_the_triplets_follow_their_items(tmp_path):
    """The odd item is moved to the end, and its count with it."""
    path = text(tmp_path / "t.csv", TABLE)
    answers = read_answers(path, columns=("n1", "n2", "n3"))
    found = load_triplets(path, columns=ITEMS, choice_column="choice", one_based=True, answers=answers)
    assert found.values.tolist() == [[2, 4, 7], [1, 8, 3]]
    assert found.answers.counts.tolist() == [[2, 1, 7], [0, 1, 9]]
    by_number = read_answers(path, columns=(4, 5, 6))
    np.testing.assert_array_equal(by_number, answers)


def test_answers_say_what_no_column_does(tmp_path):
    path = text(tmp_path / "t.csv", TABLE)
    found = load_triplets(path, columns=ITEMS, odd_column="none", answers=COUNTS)
    assert found.answered and found.answers.counts.tolist() == COUNTS
    assert not load_triplets(path, columns=ITEMS, odd_column="none").answered


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (COUNTS[:1], "answers must have shape (2, 3), a row for each triplet; got (1, 3)"),
        ([[0, 0, 0], [1, 1, 1]], "answers must hold at least one answer in each row"),
        ([[0.5, 0.2, 0.2], [1, 0, 0]], "answers must be counts (whole numbers) or shares that sum to 1"),
    ],
)
def test_answers_that_do_not_fit_are_refused_with_the_file(tmp_path, refused, answers, said):
    assert said in refused(load_triplets, text(tmp_path / "t.csv", TABLE), columns=ITEMS, answers=answers)


def test_people_come_from_a_column_a_file_or_the_caller(tmp_path, refused):
    path = text(tmp_path / "t.csv", TABLE)
    column = load_triplets(path, columns=ITEMS, subject_column="who").subjects
    file = read_subjects(text(tmp_path / "s.txt", ["subject", "ann", "bob"]))
    assert isinstance(column, Subjects)
    for found in (file, ["ann", "bob"], np.array(["ann", "bob"])):
        beside = load_triplets(path, columns=ITEMS, subjects=found).subjects
        assert (
            (beside.codes.tolist(), beside.labels) == (column.codes.tolist(), column.labels) == ([0, 1], ("ann", "bob"))
        )
    said = refused(load_triplets, path, columns=ITEMS, subjects=["ann"])
    assert said == "subjects must have one entry per triplet (2); got 1"
    with pytest.raises(InputError, match=r"^subjects and subject_column both say who answered; give one of them$"):
        load_triplets(path, columns=ITEMS, subjects=file, subject_column="who")


@pytest.mark.parametrize("columns", [(0, 1), "abc"])
def test_columns_of_answers_are_three(tmp_path, columns):
    with pytest.raises(InputError, match=r"^columns must be three"):
        read_answers(text(tmp_path / "t.csv", TABLE), columns=columns)
