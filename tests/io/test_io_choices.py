"""Files of choices: positions, names and probabilities in every format; what is wrong in one line."""

from __future__ import annotations

import numpy as np
import pytest

from pyalign.errors import InputError
from pyalign.io import read_choices

P = [[0.25, 0.5, 0.25], [1.0, 0.0, 0.0]]


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("header", ["", "choice\n", "gpt 5\n"])
@pytest.mark.parametrize("suffix", [".txt", ".csv", ".tsv"])
def test_positions_stand_one_a_line(tmp_path, suffix, header):
    found = read_choices(written(tmp_path / f"c{suffix}", f"{header}0\n2\nnan\n-1\n\n"))
    np.testing.assert_array_equal(found, [0, 2, np.nan, -1])


def test_names_stand_one_a_line_with_spaces_and_commas(tmp_path):
    found = read_choices(written(tmp_path / "c.txt", "hot dog\nnan\n-1\nLast, First\n"))
    assert found.tolist() == ["hot dog", "", "-1", "Last, First"]
    found = read_choices(written(tmp_path / "c.csv", 'answer\n"Last, First"\ncat\n'))
    assert found.tolist() == ["Last, First", "cat"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.txt", "0.25 0.5 0.25\n1 0 0\n"),
        ("p.csv", "a,b,c\n0.25,0.5,0.25\n1,0,0\n"),
        ("p.tsv", "0.25\t0.5\t0.25\n1\t0\t0\n"),
    ],
)
def test_probabilities_stand_in_columns(tmp_path, name, text):
    np.testing.assert_array_equal(read_choices(written(tmp_path / name, text)), P)


@pytest.mark.parametrize(
    "values", [np.array([0, 2, -1], np.int8), np.array([0.0, np.nan]), np.array(P, np.float32), np.array(["a", "b c"])]
)
def test_arrays_come_as_they_are(tmp_path, values):
    np.save(tmp_path / "c.npy", values)
    np.savez(tmp_path / "c.npz", gpt=values, about=np.zeros((2, 9)))
    np.testing.assert_array_equal(read_choices(tmp_path / "c.npy"), values)
    np.testing.assert_array_equal(read_choices(tmp_path / "c.npz"), values)
    np.testing.assert_array_equal(read_choices(tmp_path / "c.npz", key="gpt"), values)


@pytest.mark.parametrize("values", [[0, 2, 1], ["a", "b c", "-1"]])
def test_a_column_of_parquet(tmp_path, values):
    pa = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pa.table({"odd": values}), tmp_path / "c.parquet")
    assert read_choices(tmp_path / "c.parquet").tolist() == values


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("c.txt", "0\n\n1\n", "line 2 is empty; write nan where there is no answer"),
        ("c.txt", "", "is empty (0 bytes)"),
        ("c.csv", "choice\n", "holds no choices"),
        ("c.csv", "id,choice\na,1\nb,2\n", "choices must be one column, or only probabilities; got 2 columns"),
        ("c.npy", np.zeros((2, 2, 2)), "choices must be t positions or names, or probabilities (t, 3); got shape"),
        ("c.npy", np.zeros(0), "choices must be t positions or names, or probabilities (t, 3); got shape (0,)"),
        ("c.npy", np.zeros(3, complex), "choices must be t positions or names"),
        ("c.npy", np.array([["a", "b"]]), "choices by name must be one column; got shape (1, 2)"),
    ],
)
def test_what_is_wrong_is_said_after_the_path(tmp_path, name, content, expected):
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content)
    else:
        np.save(path, content)
    with pytest.raises(InputError) as caught:
        read_choices(path)
    assert str(caught.value).startswith(f"{path}: {expected}")
    assert "\n" not in str(caught.value)


def test_a_key_of_what_has_none_and_a_choice_among_several_arrays(tmp_path):
    with pytest.raises(InputError, match="has no meaning"):
        read_choices(written(tmp_path / "c.txt", "0\n1\n"), key="x")
    np.savez(tmp_path / "c.npz", a=np.zeros(3), b=np.zeros(3))
    with pytest.raises(InputError, match="choose one as FILE::KEY"):
        read_choices(tmp_path / "c.npz")
    with pytest.raises(InputError, match=r"c\.foo"):
        read_choices(written(tmp_path / "c.foo", "0\n"))
    with pytest.raises(FileNotFoundError):
        read_choices(tmp_path / "none.txt")


def test_names_that_look_like_a_header_are_names_where_the_next_one_does_too(tmp_path):
    assert list(read_choices(written(tmp_path / "c.txt", "answer_1\nanswer_2\nanswer_1\n"))) == [
        "answer_1", "answer_2", "answer_1",
    ]
