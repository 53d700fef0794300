"""Triplets from text tables and Parquet."""

from __future__ import annotations

import gzip
from itertools import product

import numpy as np
import pytest

from pyalign.io import load_triplets, text

ITEMS = np.array([[3, 7, 11], [0, 2, 1], [9, 8, 5]])
NAMES = [["dog", "ant", "cow"], ["bee", "ant", "dog"]]
CODES = [[3, 0, 2], [1, 0, 3]]


def write(path, rows, delimiter=",", header=None):
    rows = [header, *rows] if header else rows
    raw = "".join(delimiter.join(map(str, row)) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


@pytest.mark.parametrize("file", ["t.csv", "t.tsv", "t.txt", "t.csv.gz"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", " "])
def test_whole_numbers_with_or_without_a_header(tmp_path, file, delimiter):
    for header, kind in product((None, ("a", "b", "c")), (int, float)):
        path = write(tmp_path / file, ITEMS.astype(kind).tolist(), delimiter, header)
        found = load_triplets(path)
        assert found.values.dtype == np.int32
        assert found.names is None
        np.testing.assert_array_equal(found.values, ITEMS)


@pytest.mark.parametrize(
    "header", [None, ("image1", "image2", "image3"), ("item_0", "item_1", "item_2"), ("i", "j", "odd")]
)
@pytest.mark.parametrize("delimiter", [",", "\t", " "])
def test_names_index_into_the_sorted_names(tmp_path, header, delimiter):
    path = write(tmp_path / "t.csv", NAMES, delimiter, header)
    found = load_triplets(path)
    assert found.names == ("ant", "bee", "cow", "dog")
    assert found.values.dtype == np.int32
    np.testing.assert_array_equal(found.values, CODES)
    assert not found.numbered


def test_a_first_row_of_names_is_no_header(tmp_path):
    rows = [["dog1", "cat2", "dog3"], ["1984", "cat2", "emu"], ["7", "dog1", "emu"]]
    found = load_triplets(write(tmp_path / "t.csv", rows))
    assert found.names == ("1984", "7", "cat2", "dog1", "dog3", "emu")
    assert len(found.values) == 3


def things(t=50):
    """A table as THINGS publishes it: 1-based, the odd item in a column of its own."""
    rng = np.random.default_rng(0)
    items = np.array([rng.choice(1854, 3, replace=False) for _ in range(t)]) + 1
    choice = rng.integers(1, 4, t)
    rows = [[*row, which, "s 1", "0.5", ""] for row, which in zip(items.tolist(), choice.tolist(), strict=True)]
    return rows, ("image1", "image2", "image3", "choice", "subject_id", "RT", "note"), items, choice


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_the_table_of_things(tmp_path, monkeypatch, delimiter):
    rows, header, items, choice = things()
    path = write(tmp_path / "t.csv", rows, delimiter, header)
    monkeypatch.setattr(text, "_slow", lambda *_: pytest.fail("slow reader used"))
    options = {"columns": ("image1", "image2", "image3"), "choice_column": "choice", "one_based": True}
    found = load_triplets(path, **options)
    for row, which, triplet in zip(items.tolist(), choice.tolist(), found.values.tolist(), strict=True):
        odd = row.pop(which - 1) - 1
        assert triplet == [row[0] - 1, row[1] - 1, odd]
    by_number = load_triplets(path, columns=(0, 1, 2), choice_column=3, one_based=True)
    np.testing.assert_array_equal(by_number.values, found.values)


def test_tabs_go_before_white_space_though_cells_hold_more_numbers_there(tmp_path):
    rows, header, items, _ = things()
    for row in rows:
        row[4] = "s 1 2 3"
    path = write(tmp_path / "t.tsv", rows, "\t", header)
    found = load_triplets(path, columns=(0, 1, 2), odd_column="last", subject_column="subject_id")
    assert found.subjects.labels == ("s 1 2 3",)
    np.testing.assert_array_equal(found.values, items)


def test_a_wider_table_is_refused_with_its_header_and_first_row(tmp_path, refused):
    rows, header, _, _ = things()
    unknown = tuple(f"{name}!" for name in "pqr") + header[3:]
    message = refused(load_triplets, write(tmp_path / "t.csv", rows, header=unknown))
    assert "has 7 columns, not 3; header: 'p!, q!, r!, choice, subject_id, RT, note'" in message
    assert f"first row: '{rows[0][0]}, " in message and "pyalign.describe shows what they hold, columns=n" in message
    path = write(tmp_path / "t.csv", [row[:4] for row in rows], header=header[:4])
    found = load_triplets(path)
    np.testing.assert_array_equal(found.values, load_triplets(path, choice_column="choice", one_based=False).values)
    assert "items are taken to count from 0 (one_based=True says otherwise)" in found.notes[-1]
    found = load_triplets(path, choice_column="choice", one_based=True)
    assert found.values.shape == (50, 3)
    rows = [[*row[:3], 7] for row in rows]
    path = write(tmp_path / "t.csv", rows, header=(*header[:3], "subject"))
    assert "no column is known to say which item is odd" in refused(load_triplets, path)


@pytest.mark.parametrize("row", [3, 40])
@pytest.mark.parametrize("cells", [["1", "2", "3", "1"], ["1", "2", "3", "1", "s", "0", "", "x"]])
def test_a_ragged_row_is_noticed_in_columns_that_are_not_read(tmp_path, refused, row, cells):
    rows, header, _, _ = things()
    path = write(tmp_path / "t.csv", [*rows[:row], cells, *rows[row:]], header=header)
    message = refused(load_triplets, path, columns=(0, 1, 2))
    assert f"line {row + 2} has {len(cells)} columns; the first row has 7" in message


def test_quoted_cells_may_hold_the_delimiter(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "_slow", lambda *_: pytest.fail("slow reader used"))
    rows = [['"a, b"', *row] for row in ITEMS.tolist()]
    np.testing.assert_array_equal(load_triplets(write(tmp_path / "t.csv", rows), columns=(1, 2, 3)), ITEMS)


def test_names_with_a_choice_column(tmp_path, refused):
    rows = [[*row, which] for row, which in zip(NAMES, [1, 3], strict=True)]
    path = write(tmp_path / "t.csv", rows, header=("left", "middle", "right", "choice"))
    found = load_triplets(path, choice_column="choice")
    np.testing.assert_array_equal(found.values, [[0, 2, 3], [1, 0, 3]])
    np.testing.assert_array_equal(found.positions, [[1, 2, 0], [0, 1, 2]])
    path = write(tmp_path / "t.csv", rows, header=("left", "middle", "right", "where"))
    found = load_triplets(path, columns=(0, 1, 2), choice_column=3)
    assert found.names == ("ant", "bee", "cow", "dog")
    path = write(tmp_path / "t.csv", [[*row, "dog"] for row in ITEMS])
    assert "row 0 (from 0) holds 'dog', which is no item of its row and no place" in refused(
        load_triplets, path, choice_column=3
    )


def test_a_choice_column_may_hold_the_odd_item_itself(tmp_path, refused):
    rows = [[*row, row[which]] for row, which in zip(NAMES, [1, 0], strict=True)]
    found = load_triplets(write(tmp_path / "t.csv", rows, header=("a", "b", "c", "odd")), choice_column="odd")
    assert [[found.names[item] for item in row] for row in found.values] == [
        ["dog", "cow", "ant"],
        ["ant", "dog", "bee"],
    ]
    np.testing.assert_array_equal(found.positions, [[0, 2, 1], [1, 2, 0]])
    numbers = [[*row, row[which]] for row, which in zip(ITEMS.tolist(), [1, 0, 2], strict=True)]
    found = load_triplets(write(tmp_path / "t.csv", numbers), choice_column=3)
    np.testing.assert_array_equal(found.values, [[3, 11, 7], [2, 1, 0], [9, 8, 5]])
    anchored = load_triplets(write(tmp_path / "t.csv", rows[1:]), choice_column=3, task="anchored", anchor="last")
    assert [anchored.names[item] for item in anchored.values[0]] == ["dog", "bee", "ant"]
    path = write(tmp_path / "t.csv", [*rows, ["dog", "ant", "cow", "bee"]])
    assert "row 2 (from 0) holds 'bee', which is no item of its row" in refused(load_triplets, path, choice_column=3)
    path = write(tmp_path / "t.csv", [*numbers, [1, 2, 3, 9]])
    assert "row 3 (from 0) holds '9', which is no item of its row" in refused(load_triplets, path, choice_column=3)


def test_a_column_that_is_not_there_is_refused(tmp_path, refused):
    rows, header, _, _ = things()
    path = write(tmp_path / "t.csv", rows, header=header)
    message = refused(load_triplets, path, columns=("image1", "image2", "image4"))
    assert "column 'image4' is not there; its columns are image1, image2, image3, choice" in message
    path = write(tmp_path / "t.csv", rows, header=("a", "a", "b", "c", "d", "e", "f"))
    assert "column 'a' is twice or more there" in refused(load_triplets, path, columns=("a", "b", "c"))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (b"\n# only this\n", "is empty (no rows)"),
        (b"i,j,odd\n", "triplets are empty (a header, no rows)"),
        (b"1 2 3\n4 5 6.5\n", "row 1 (from 0) holds 6.5, not a whole number"),
        (b"1 2 3\n4 5 nan\n", "row 1 (from 0) holds nan"),
        (b"1 2 3\n4 5\n", "line 2 has 2 columns; the first row has 3"),
        (b"1 2 3\n4 5 x\n", "line 2, column 3: 'x' is not a number"),
        (b"1 2 3\n4 5 6 7\n", "line 2 has 4 columns; the first row has 3"),
        (b"1 2 3\n" * 40 + b"4 5 x\n", "line 41, column 3: 'x' is not a number"),
        (b"1 2\n", "has 2 columns, not 3; first row: '1, 2'"),
        (b"a,b,c\nd,,f\n", "line 2, column 2: an empty cell"),
        (b"a,b,c\nd,e\n", "line 2 has 2 columns"),
        (b"a,b,c\nd,\0,f\n", "line 2 holds a NUL byte"),
        (b"a,b,c\nd,\xe9,f\n", "not UTF-8"),
        (b"image1,image2\n1,2,3\n", "a header of 2 columns over rows of 3"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_table_at_fault_is_refused(tmp_path, refused, raw, said, packed):
    if packed and not raw:
        raw, said = b"\n", "is empty (no rows)"
    path = tmp_path / ("t.txt.gz" if packed else "t.txt")
    path.write_bytes(gzip.compress(raw) if packed else raw)
    assert said in refused(load_triplets, path)


def test_a_cut_gzip_is_refused(tmp_path, refused):
    for rows in (ITEMS.tolist() * 9000, NAMES * 9000):
        path = write(tmp_path / "t.csv.gz", rows)
        path.write_bytes(path.read_bytes()[:-30])
        assert "truncated: the gzip stream ends early" in refused(load_triplets, path)


def parquet(path, **columns):
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table(columns)
    pytest.importorskip("pyarrow.parquet").write_table(table, path, row_group_size=2)
    return path


def test_parquet_of_numbers(tmp_path, refused):
    columns = dict(zip("abc", ITEMS.T.astype("int32"), strict=True))
    path = parquet(tmp_path / "t.parquet", **columns)
    assert load_triplets(path).dtype == np.int32
    np.testing.assert_array_equal(load_triplets(path), ITEMS)
    path = parquet(path, **columns, choice=[1, 3, 2], who=["x", "y", "z"])
    for found in (load_triplets(path, columns=("a", "b", "c"), choice_column="choice"), load_triplets(path)):
        np.testing.assert_array_equal(found.values, [[7, 11, 3], [0, 2, 1], [9, 5, 8]])
    path = parquet(path, a=[1.0, 2.0], b=[2.0, 3.0], c=[0.5, 1.0])
    assert "holds 0.5, not a whole number" in refused(load_triplets, path)


def test_parquet_of_names(tmp_path, refused):
    pyarrow = pytest.importorskip("pyarrow")
    columns = dict(zip("abc", zip(*NAMES, strict=True), strict=True))
    found = load_triplets(parquet(tmp_path / "t.parquet", **columns))
    assert found.names == ("ant", "bee", "cow", "dog")
    np.testing.assert_array_equal(found.values, CODES)
    coded = {name: pyarrow.array(column).dictionary_encode() for name, column in columns.items()}
    np.testing.assert_array_equal(load_triplets(parquet(tmp_path / "t.parquet", **coded)).values, CODES)
    path = parquet(tmp_path / "t.parquet", a=["x"], b=[1], c=["y"])
    assert "mix names and numbers" in refused(load_triplets, path)


def test_parquet_at_fault_is_refused(tmp_path, refused):
    path = parquet(tmp_path / "t.parquet", a=[1, None], b=[2, 3], c=[3, 4])
    assert "column 'a' has 1 missing values" in refused(load_triplets, path)
    assert "triplets are empty" in refused(load_triplets, parquet(path, a=[], b=[], c=[]))
    whole = parquet(path, a=[1], b=[2], c=[3]).read_bytes()
    for raw in (b"x", whole[:20], whole[:-3], whole[:8] + bytes(40) + whole[48:]):
        path.write_bytes(raw)
        refused(load_triplets, path)


@pytest.mark.parametrize("file", ["t.csv", "t.txt"])
def test_names_of_a_word_and_a_number_are_not_parted(tmp_path, file):
    path = tmp_path / file
    path.write_text("object 25,object 5,object 12\nobject 5,object 12,object 25\n")
    found = load_triplets(path)
    assert found.names == ("object 12", "object 25", "object 5") and found.values.tolist() == [[1, 2, 0], [2, 0, 1]]
