"""Which column of a table names the rows, which only counts them, and what an empty cell does."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest

from pyalign.io import load_embeddings, load_triplets, read_names

DELIMITERS = {"x.csv": ",", "x.tsv": "\t", "s.csv": ";"}


def write(path, rows, delimiter=","):
    path.write_text("".join(delimiter.join(map(str, row)) + "\n" for row in rows))
    return path


@pytest.fixture(params=["x.csv", "x.tsv", "s.csv", "x.txt", "x.parquet"])
def table(request, tmp_path):
    """``table(header, rows)``: a file of that table in each format that has columns."""

    def make(header, rows):
        path = tmp_path / request.param
        if path.suffix == ".txt":
            return write(path, [header, *rows], "\t")
        if path.suffix != ".parquet":
            return write(path, [header, *rows], DELIMITERS[path.name])
        pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        columns = [pyarrow.array(column) for column in zip(*rows, strict=True)]
        parquet.write_table(pyarrow.Table.from_arrays(columns, names=list(header)), path, row_group_size=2)
        return path

    return make


ROWS = [[0.5, 1.5, "ice cream"], [2.5, 3.5, "dog"], [4.5, 5.5, "cat"]]
VALUES = [[0.5, 1.5], [2.5, 3.5], [4.5, 5.5]]
NAMES = ("ice cream", "dog", "cat")


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("header", ["name", "what"])
def test_the_only_column_of_text_is_the_names_wherever_it_stands(table, at, header):
    place = [0, 1]
    place.insert(at, 2)
    found = load_embeddings(table([["f0", "f1", header][c] for c in place], [[row[c] for c in place] for row in ROWS]))
    np.testing.assert_array_equal(found.values, VALUES)
    assert (found.names, found.notes) == (NAMES, ())


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("file", DELIMITERS)
def test_names_need_no_header(tmp_path, at, file):
    place = [0, 1]
    place.insert(at, 2)
    found = load_embeddings(write(tmp_path / file, [[row[c] for c in place] for row in ROWS], DELIMITERS[file]))
    np.testing.assert_array_equal(found.values, VALUES)
    assert found.names == NAMES


def test_two_columns_of_text_ask_which_names_the_rows(table, refused):
    path = table(["kind", "f0", "name"], [["animal", 1.5, "dog"], ["tool", 2.5, "saw"]])
    assert refused(load_embeddings, path) == (
        "2 columns could be the names of the rows: column 0 ('kind'), column 2 ('name'); "
        "choose one with name_column=column"
    )
    for column in ("name", 2, "2"):
        found = load_embeddings(path, name_column=column)
        assert (found.values.tolist(), found.names) == ([[1.5], [2.5]], ("dog", "saw"))
        assert found.notes == (f"{path}: column 0 ('kind') is left out: no numbers",)
    assert load_embeddings(path, name_column="kind").names == ("animal", "tool")
    assert "column 'word' is not there; its columns are kind, f0, name" in refused(
        load_embeddings, path, name_column="word"
    )
    assert "has columns 0 to 2; got column 3" in refused(load_embeddings, path, name_column=3)


def test_numbers_may_be_chosen_as_names(table):
    path = table(["f0", "number", "f1"], [[0.5, 30, 1.5], [2.5, 4, 3.5]])
    found = load_embeddings(path, name_column="number")
    np.testing.assert_array_equal(found.values, [[0.5, 1.5], [2.5, 3.5]])
    assert found.names == ("30", "4")


def test_columns_of_an_array_are_never_names(tmp_path, refused):
    np.save(tmp_path / "x.npy", np.eye(3))
    said = "a .npy file has no columns of names, so name_column has no meaning"
    assert refused(load_embeddings, tmp_path / "x.npy", name_column=0) == said


@pytest.mark.parametrize("header", ["index", "Unnamed: 0", "", "Index"])
@pytest.mark.parametrize("start", [0, 1])
def test_an_index_beside_names_is_left_out_with_a_word(table, header, start):
    rows = [[start + k, name, value, value + 1] for k, (name, value) in enumerate(zip("cab", (9, 3, 7), strict=True))]
    path = table([header, "name", "f0", "f1"], rows)
    found = load_embeddings(path)
    assert (found.values.tolist(), found.names) == ([[9, 10], [3, 4], [7, 8]], ("c", "a", "b"))
    called = f"column 0 ({header!r})" if header else "column 0"
    assert found.notes == (f"{path}: {called} counts the rows and is left out",)


def test_an_index_that_does_not_count_could_be_names(table, refused):
    path = table(["index", "name", "f0"], [[5, "a", 0.5], [3, "b", 1.5]])
    assert "2 columns could be the names of the rows: column 0 ('index'), column 1 ('name')" in refused(
        load_embeddings, path
    )
    assert load_embeddings(path, name_column="index").names == ("5", "3")
    assert load_embeddings(path, name_column="name").values.tolist() == [[0.5], [1.5]]


@pytest.mark.parametrize("start", [0, 1])
def test_a_feature_that_counts_stays_with_a_word(table, start):
    path = table(["f0", "f1", "what"], [[start, 0.5, "a"], [start + 1, 1.5, "b"], [start + 2, 9.5, "c"]])
    found = load_embeddings(path)
    assert found.values[:, 0].tolist() == [start, start + 1, start + 2]
    few = f"{start}, {start + 1}, {start + 2}, ..."
    assert found.notes == (f"{path}: the first column looks like an index: {few}; it is read as a feature",)


def test_text_alone_is_no_embedding(table, refused):
    said = refused(load_embeddings, table(["a", "b"], [["x", "y"], ["z", "w"]]), name_column=0)
    assert "holds no column of numbers" in said


@pytest.mark.parametrize(
    ("read", "rows"),
    [
        (load_embeddings, [["dog", 1.5], ["1984", 2.5], ["cat", 3.5]]),
        (load_triplets, [["dog", "cat", "emu"], ["7", "12", "9"], ["bee", "3", "4"]]),
    ],
)
def test_a_column_of_words_and_numbers_makes_no_header(tmp_path, refused, read, rows):
    assert refused(read, write(tmp_path / "x.csv", rows)) == "line 1, column 1: 'dog' is not a number"


# Empty cells


@pytest.mark.parametrize("file", DELIMITERS)
@pytest.mark.parametrize("header", [None, ["name", "f0", "f1", "f2"]])
def test_an_empty_cell_among_numbers_is_named(tmp_path, refused, file, header):
    for row, column in product((0, 1, 2, 40), (1, 2, 3)):
        rows = [[f"hot dog {k}", k + 0.5, k * 2 + 0.25, 3.5] for k in range(50)]
        rows[row][column] = ""
        path = write(tmp_path / file, [*([header] if header else []), *rows], DELIMITERS[file])
        line = row + 1 + (header is not None)
        assert refused(load_embeddings, path) == f"line {line}, column {column + 1}: '' is not a number"


@pytest.mark.parametrize("file", DELIMITERS)
@pytest.mark.parametrize("row", [0, 1, 2, 40])
@pytest.mark.parametrize("at", [0, 1, 3])
def test_an_empty_cell_among_names_is_named(tmp_path, refused, file, row, at):
    rows = [[k + 0.5, k * 2 + 0.25, 3.5] for k in range(50)]
    for k in range(50):
        rows[k].insert(at, "" if k == row else f"hot dog {k}")
    path = write(tmp_path / file, rows, DELIMITERS[file])
    assert refused(load_embeddings, path) == f"line {row + 1}, column {at + 1}: an empty cell in a column of text"


@pytest.mark.parametrize("file", DELIMITERS)
@pytest.mark.parametrize("row", [1, 40])
def test_an_empty_cell_among_item_numbers_is_named(tmp_path, refused, file, row):
    rows = [[k, k + 1, k + 2] for k in range(50)]
    rows[row][1] = ""
    path = write(tmp_path / file, [["a", "b", "c"], *rows], DELIMITERS[file])
    told = f"50 answers; 'b': row {row} (from 0) is empty, which is no item; empty=\"omit\" leaves such rows out"
    assert refused(load_triplets, path) == told
    kept = load_triplets(path, empty="omit")
    assert len(kept) == 49 and kept.notes[0] == f"{path}: 1 of 50 rows is left out: 1 without items"


def test_a_row_of_tabs_alone_is_a_row_of_empty_cells(tmp_path, refused):
    path = write(tmp_path / "x.tsv", [["a", 1, 2], ["", "", ""], ["b", 3, 4]], "\t")
    assert refused(load_embeddings, path) == "line 2, column 1: an empty cell in a column of text"
    path = write(tmp_path / "x.tsv", [[0.5, 1, 2], ["", "", ""], [1.5, 3, 4]], "\t")
    assert refused(load_embeddings, path) == "line 2, column 1: '' is not a number"


# Parquet


def parquet(path, columns, index=None):
    pyarrow, module = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    made = pyarrow.table(columns)
    if index is not None:
        told = index if isinstance(index, str) else json.dumps({"index_columns": index, "columns": []})
        made = made.replace_schema_metadata({b"pandas": told.encode()})
    module.write_table(made, path)
    return path


def test_parquet_keeps_its_type(tmp_path):
    columns = {f"f{k}": np.array([k, k + 1], np.float32) for k in range(3)}
    found = load_embeddings(parquet(tmp_path / "x.parquet", columns))
    assert found.dtype == np.float32 and found.names is None
    np.testing.assert_array_equal(found.values, [[0, 1, 2], [1, 2, 3]])


@pytest.mark.parametrize(
    ("index", "column", "names"),
    [
        (["__index_level_0__"], {"__index_level_0__": ["dog", "cat"]}, ("dog", "cat")),
        (["who"], {"who": [7, 3]}, ("7", "3")),
        ([{"kind": "range", "name": None, "start": 0, "stop": 2, "step": 1}], {}, None),
        ([{"kind": "range", "name": None, "start": 4, "stop": 8, "step": 2}], {}, ("4", "6")),
        ([], {}, None),
    ],
)
def test_the_index_of_pandas_is_the_names(tmp_path, index, column, names):
    path = parquet(tmp_path / "x.parquet", {"f0": [0.5, 1.5], "f1": [2.5, 3.5], **column}, index)
    found = load_embeddings(path)
    assert (found.values.tolist(), found.names) == ([[0.5, 2.5], [1.5, 3.5]], names)
    if column:
        assert read_names(path) == names


def test_a_counting_index_of_pandas_beside_names_is_left_out(tmp_path):
    columns = {"name": ["b", "a"], "f0": [0.5, 1.5], "__index_level_0__": [0, 1]}
    found = load_embeddings(parquet(tmp_path / "x.parquet", columns, ["__index_level_0__"]))
    assert (found.values.tolist(), found.names) == ([[0.5], [1.5]], ("b", "a"))
    assert "counts the rows and is left out" in found.notes[0]


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("{", "a description by pandas that is not sound (JSONDecodeError"),
        ("[]", "a description by pandas that is not sound (TypeError"),
        ('{"index_columns": ["absent"]}', "a description by pandas that is not sound (ValueError"),
        ('{"index_columns": [{"kind": "range"}]}', "a description by pandas that is not sound (KeyError"),
        ('{"index_columns": [{"start": 0, "stop": 9, "step": 0}]}', "a description by pandas that is not sound"),
        ('{"index_columns": [{"start": 0, "stop": 9, "step": 1}]}', "pandas says that it has 9 rows; it has 2"),
    ],
)
def test_a_broken_description_by_pandas_is_refused(tmp_path, refused, index, said):
    assert said in refused(load_embeddings, parquet(tmp_path / "x.parquet", {"f0": [0.5, 1.5], "f1": [1, 2]}, index))


def test_parquet_at_fault_is_refused(tmp_path, refused):
    path = tmp_path / "x.parquet"
    assert "column 'f0' has 1 missing values" in refused(load_embeddings, parquet(path, {"f0": [0.5, None]}))
    said = "column 'name' has an empty cell in row 1 (from 0)"
    assert refused(load_embeddings, parquet(path, {"name": ["a", ""], "f0": [0.5, 1.5]})) == said
    assert "holds list<" in refused(load_embeddings, parquet(path, {"f0": [[1.0], [2.0]], "f1": [1, 2]}))
    assert "embeddings are empty" in refused(load_embeddings, parquet(path, {"f0": np.empty(0)}))
    whole = parquet(path, {"f0": [0.5, 1.5]}).read_bytes()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        refused(load_embeddings, path)
