"""Embeddings from text tables."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pyalign.io import load_embeddings, text

DELIMITERS = {"comma.csv": ",", "tab.tsv": "\t", "semicolon.csv": ";", "space.txt": " ", "wide.txt": "   "}
VALUES = np.array([[0.5, -1.25, 3.0], [1e-3, 2.0, 5.0]])


def write(path, lines, end="\n"):
    data = (end.join(lines) + end).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def lines_of(values, delimiter, names=None, header=None):
    rows = [delimiter.join(map(repr, row)) for row in values.tolist()]
    if names:
        rows = [f"{name}{delimiter}{row}" for name, row in zip(names, rows, strict=True)]
    return [delimiter.join(header), *rows] if header else rows


@pytest.mark.parametrize("file", DELIMITERS)
@pytest.mark.parametrize("names", [None, ("dog", "file2.jpg")])
@pytest.mark.parametrize("header", [None, ("f0", "f1", "f2")])
@pytest.mark.parametrize("packed", [False, True])
def test_finds_delimiter_header_and_names(tmp_path, file, names, header, packed):
    header = ("item", *header) if header and names else header
    path = tmp_path / (f"{file}.gz" if packed else file)
    found = load_embeddings(write(path, lines_of(VALUES, DELIMITERS[file], names, header)))
    np.testing.assert_array_equal(found.values, VALUES)
    assert found.values.dtype == np.float64
    assert found.names == names


@given(
    values=hnp.arrays(
        "float64", hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(allow_nan=False)
    ),
    delimiter=st.sampled_from([",", "\t", ";", " "]),
)
@settings(max_examples=80)
def test_every_float_comes_back_bit_for_bit(tmp_path_factory, values, delimiter):
    path = write(tmp_path_factory.mktemp("text") / "x.csv", lines_of(values + 0.0, delimiter))
    np.testing.assert_array_equal(load_embeddings(path), values)


@pytest.mark.parametrize(
    ("lines", "names", "values"),
    [
        (["1.5", "2"], None, [[1.5], [2]]),
        (["x", "1.5"], None, [[1.5]]),
        (["1,2,3.0"], None, [[1, 2, 3]]),
        (["dog,2,3"], ("dog",), [[2, 3]]),
        (["1.0, 2.0, 3.0", "4.0, 5.0, 6.0"], None, [[1, 2, 3], [4, 5, 6]]),
        (["ice cream,1,2", "a dog,3,4"], ("ice cream", "a dog"), [[1, 2], [3, 4]]),
        (['"dog, hot",1,2', "cat,3,4"], ("dog, hot", "cat"), [[1, 2], [3, 4]]),
        (["dog,hot 1 2", "cat,wet 3 4"], ("dog,hot", "cat,wet"), [[1, 2], [3, 4]]),
        (["0,1,2,3,4", "5,6,7,8,9"], None, [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]),
        (["nan,inf", "1,-inf"], None, [[np.nan, np.inf], [1, -np.inf]]),
    ],
)
def test_small_tables(tmp_path, lines, names, values):
    found = load_embeddings(write(tmp_path / "x.csv", lines))
    np.testing.assert_array_equal(found.values, values)
    assert found.names == names


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ([",0,1", "0,0.5,1.5", "1,2.5,3.5"], ("0", "1")),  # pandas, with its index
        (["0,1", "0.5,1.5", "2.5,3.5"], None),  # pandas, without
        (["name,0,1", "dog,0.5,1.5", "cat,2.5,3.5"], ("dog", "cat")),
        (["id,f0,f1", "7,0.5,1.5", "8,2.5,3.5"], ("7", "8")),
        (["V1 V2", "1 0.5 1.5", "2 2.5 3.5"], ("1", "2")),  # R, with row names
    ],
)
def test_headers_and_indices_of_other_programs_are_no_data(tmp_path, lines, names):
    found = load_embeddings(write(tmp_path / "x.csv", lines))
    np.testing.assert_array_equal(found.values, [[0.5, 1.5], [2.5, 3.5]])
    assert found.names == names


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("file", ["x.csv", "x.csv.gz"])
def test_line_ends_comments_blank_lines_and_a_byte_order_mark(tmp_path, end, file):
    lines = ["\ufeff# made by hand", "", "a,1,2", "", "  ", "# more", "b,3,4", ""]
    path = write(tmp_path / file, lines, end)
    found = load_embeddings(path)
    np.testing.assert_array_equal(found.values, [[1, 2], [3, 4]])
    assert found.names == ("a", "b")


def test_a_comment_far_below_is_skipped_too(tmp_path):
    rows = [f"n{row},{row},1" for row in range(60)]
    found = load_embeddings(write(tmp_path / "x.csv", [*rows[:50], "# pause", *rows[50:]]))
    np.testing.assert_array_equal(found.values[:, 0], np.arange(60))
    assert found.names == tuple(f"n{row}" for row in range(60))


def test_large_clean_tables_never_meet_the_slow_reader(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "_slow", lambda *_: pytest.fail("slow reader used"))
    values = np.random.default_rng(0).normal(size=(300, 7))
    names = tuple(f"n{row}" for row in range(300))
    for kind in (None, names):
        path = write(tmp_path / "x.csv.gz", lines_of(values, ",", kind, None))
        np.testing.assert_array_equal(load_embeddings(path), values)


GOOD = [f"n{row},{row},1" for row in range(40)]


@pytest.mark.parametrize("row", [1, 5, 35])
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x,1", "has 2 columns; the first row has 3"),
        ("x,1,2,3", "has 4 columns; the first row has 3"),
        ("x,1,two", "column 3: 'two' is not a number"),
        ("x,1,", "column 3: '' is not a number"),
        ("x,1_0,2", "column 2: '1_0' is not a number"),
        ("x,1#2,2", "column 2: '1#2' is not a number"),
        ("x,1\0,2", "holds a NUL byte"),
        ("x\0,1,2", "holds a NUL byte"),
    ],
)
def test_the_line_of_a_bad_row_is_named(tmp_path, refused, row, line, said):
    path = write(tmp_path / "x.csv", [*GOOD[:row], line, *GOOD[row:]])
    message = refused(load_embeddings, path)
    assert message.startswith(f"line {row + 1}")
    assert said in message


def test_one_bad_cell_does_not_make_a_column_of_names_or_a_header(tmp_path, refused):
    assert "line 2, column 1: 'x'" in refused(load_embeddings, write(tmp_path / "a.csv", ["1,2", "x,2", "3,4"]))
    assert "line 1, column 3: 'x'" in refused(load_embeddings, write(tmp_path / "b.csv", ["1,2,x", "1,2,3"]))
    assert "line 1, column 1: 'NA'" in refused(load_embeddings, write(tmp_path / "n.csv", ["NA,1", "NA,2"]))
    assert "line 1, column 2: 'NA'" in refused(load_embeddings, write(tmp_path / "c.csv", ["a,NA", "b,2"]))
    assert "line 1: a header of 4 columns" in refused(load_embeddings, write(tmp_path / "d.csv", ["a,b,c,d", "1,2"]))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\n\n# nothing\n", "is empty (no rows)"),
        ("é,1,2\n".encode("latin1"), "is not UTF-8 text (byte 0xe9)"),
        (b"a,1,2\n" * 5000 + b"\xe9,1,2\n", "is not UTF-8 text (byte 0xe9)"),
        ("a,1,2\n".encode("utf-16"), "is not UTF-8 text (byte 0xff)"),
        ("a,1,2\n".encode("utf-16-le"), "NUL"),
        (b'a,"' + b"1" * 4_000_000 + b'",2\n', "line 1 is longer than 3145728 letters"),
    ],
)
def test_bytes_that_are_no_table(tmp_path, refused, raw, said):
    (tmp_path / "x.csv").write_bytes(raw)
    assert said in refused(load_embeddings, tmp_path / "x.csv")
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(raw))
    assert said in refused(load_embeddings, tmp_path / "x.csv.gz")


def test_a_damaged_gzip_is_refused(tmp_path, refused):
    path = tmp_path / "x.csv.gz"
    whole = gzip.compress(b"".join(b"%d,%d\n" % (row, row * row) for row in range(20000)))
    path.write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refused(load_embeddings, path)
    path.write_bytes(whole[:1000] + bytes(100) + whole[1100:])
    assert "gzip" in refused(load_embeddings, path)
    path.write_bytes(whole[:-8] + bytes(8))
    assert "not a sound gzip file" in refused(load_embeddings, path)
    path.write_bytes(b"1,2\n3,4\n")
    assert "not a sound gzip file" in refused(load_embeddings, path)


def test_the_human_dimensions_of_things(data):
    path = data / "things/spose_embedding_49d_sorted.txt"
    table = load_embeddings(path)
    assert table.shape == (1854, 49)
    np.testing.assert_array_equal(table, [list(map(float, line.split())) for line in path.open()])
    assert load_embeddings(data / "things/spose_embedding_66d_sorted.txt").shape == (1854, 66)
    categories = load_embeddings(data / "things/category27.tsv")
    assert categories.values.shape == (1854, 27)
    assert categories.names is None
    assert categories.values.any(axis=1).sum() == 1295
