"""Who answered, as a file of its own or a column of the triplets."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from pyalign.io import load_triplets, read_subjects

ITEMS = np.array([[3, 7, 11], [0, 2, 1], [9, 8, 5], [3, 11, 7]])


def text(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("values", "codes", "labels"),
    [
        (np.array([7, 3, 7, 10], np.int16), [1, 0, 1, 2], ("3", "7", "10")),
        (np.array([7.0, 3.5, 7.0, 10.0]), [1, 0, 1, 2], ("3.5", "7", "10")),
        (np.array(["b", "a", "b", "é"]), [1, 0, 1, 2], ("a", "b", "é")),
        (np.array([b"b", b"a"]), [1, 0], ("a", "b")),
    ],
)
def test_an_array_of_numbers_or_strings(tmp_path, values, codes, labels):
    np.save(tmp_path / "s.npy", values)
    np.savez(tmp_path / "s.npz", persons=values, triplets=ITEMS)
    for found in (read_subjects(tmp_path / "s.npy"), read_subjects(tmp_path / "s.npz", key="persons")):
        assert (found.codes.tolist(), found.labels) == (codes, labels)
        assert found.codes.dtype == np.int32


@pytest.mark.parametrize(
    ("name", "lines", "labels"),
    [
        ("s.txt", ["10", "9", "10"], ("9", "10")),
        ("s.txt", ["1.000e+01", "9.000e+00", "1.000e+01"], ("9", "10")),
        ("s.txt", ["ann lee", "bob, jr", "ann lee"], ("ann lee", "bob, jr")),
        ("s.txt", ["A10", "9", "A10", ""], ("9", "A10")),
        ("s.csv", ["who", "10", "9", "10"], ("9", "10")),
        ("s.csv", ["subject_id", "b", "a", "b"], ("a", "b")),
        ("s.tsv", ["Participant", "b", "a", "b"], ("a", "b")),
        ("s.txt", ["person 0", "person 1", "person 0"], ("person 0", "person 1")),
        ("s.txt", ["10000000000000000000001", "10000000000000000000000", "10000000000000000000001"],
         ("10000000000000000000000", "10000000000000000000001")),
    ],
)
def test_a_line_for_each_answer(tmp_path, name, lines, labels):
    path = text(tmp_path / name, lines)
    found = read_subjects(path)
    assert found.labels == labels
    first, second, third = found.codes.tolist()
    assert first == third != second
    zipped = tmp_path / f"{name}.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert read_subjects(zipped).codes.tolist() == found.codes.tolist()


@pytest.mark.parametrize(
    ("name", "lines", "said"),
    [
        ("s.txt", ["1", "", "2"], "line 2 has no subject"),
        ("s.txt", ["subject"], "holds no subjects"),
        ("s.csv", ["1,2", "3,4"], "subjects must be one column; of a triplet file choose one with load_triplets(..."),
        ("s.txt", ["1", "nan"], "row 1 (from 0) has no subject: nan"),
    ],
)
def test_text_without_a_subject_is_refused(tmp_path, refused, name, lines, said):
    assert said in refused(read_subjects, text(tmp_path / name, lines))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a", "", "b"], "line 2 has no group"),
        (["1,2", "3,4"], "groups must be one column"),
        (["1", "nan"], "no group: nan"),
    ],
)
def test_messages_call_other_labels_by_their_name(tmp_path, refused, lines, said):
    message = refused(read_subjects, text(tmp_path / ("g.csv" if "," in lines[0] else "g.txt"), lines), noun="group")
    assert said in message
    assert "subject" not in message


@pytest.mark.parametrize("values", [np.zeros((2, 1)), np.array([]), np.array([True]), np.array([1j])])
def test_arrays_of_anything_else_are_refused(tmp_path, refused, values):
    np.save(tmp_path / "s.npy", values)
    assert "must be a filled 1-d array of numbers or strings; got shape" in refused(read_subjects, tmp_path / "s.npy")


def test_other_formats_and_needless_keys_are_refused(tmp_path, refused):
    assert "unknown extension '.xls'; subjects are read from .npy" in refused(
        read_subjects, text(tmp_path / "s.xls", ["1"])
    )
    assert "has no meaning" in refused(read_subjects, text(tmp_path / "s.txt", ["1"]), key="a")


# A column of the triplets


@pytest.fixture(params=["npy", "npz", "csv", "names.csv", "parquet"])
def table(request, tmp_path):
    """``table(subjects)``: a file of the triplets with that column fourth, and a header where there can be one."""

    def write(subjects):
        kind, items = request.param, ITEMS
        path = tmp_path / f"t.{kind}"
        if kind in ("npy", "npz"):
            rows = np.column_stack([items, subjects])
            np.save(path, rows) if kind == "npy" else np.savez(path, t=rows)
            return path
        if kind == "parquet":
            pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
            columns = {f"image{k + 1}": items[:, k] for k in range(3)}
            parquet.write_table(pa.table({**columns, "who": list(subjects)}), path)
            return path
        cells = [[f"item{k:02d}" if kind == "names.csv" else str(k) for k in row] for row in items.tolist()]
        lines = [",".join([*row, str(who)]) for row, who in zip(cells, subjects, strict=True)]
        return text(path, ["image1,image2,image3,who", *lines])

    return write


def test_numbers_in_a_column(table):
    path = table(np.array([30, 4, 30, 100]))
    for column in (3, "who") if path.suffix in (".csv", ".parquet") else (3,):
        found = load_triplets(path, subject_column=column)
        assert found.subjects.codes.tolist() == [1, 0, 1, 2]
        assert found.subjects.labels == ("4", "30", "100")
        expected = np.searchsorted(np.unique(ITEMS), ITEMS) if found.names else ITEMS
        np.testing.assert_array_equal(found.values, expected)


def test_strings_in_a_column(table):
    found = load_triplets(table(["bob", "ann", "bob", "4"]), subject_column=3)
    assert found.subjects.codes.tolist() == [2, 1, 2, 0]
    assert found.subjects.labels == ("4", "ann", "bob")


def test_a_string_below_many_numbers_and_long_numbers_that_floats_confuse(tmp_path):
    rows = [f"{k},{k + 1},{k + 2},{k % 7}" for k in range(100)]
    found = load_triplets(text(tmp_path / "t.csv", [*rows, "1,2,3,anna"]), subject_column=3)
    assert found.subjects.labels == (*map(str, range(7)), "anna")
    long = ["1,2,3,9007199254740993", "1,2,4,9007199254740992", "1,2,5,9007199254740993"]
    assert load_triplets(text(tmp_path / "t.csv", long), subject_column=3).subjects.codes.tolist() == [1, 0, 1]


def test_beside_a_choice_column_and_others(tmp_path):
    lines = ["image1,image2,image3,choice,subject_id,RT", "8,3,5,1,a,0.5", "2,9,4,3,b,0.7"]
    found = load_triplets(
        text(tmp_path / "t.csv", lines), columns=("image1", "image2", "image3"), choice_column="choice",
        one_based=True, subject_column="subject_id",
    )
    assert found.values.tolist() == [[2, 4, 7], [1, 8, 3]]
    assert (found.subjects.codes.tolist(), found.subjects.labels) == ([0, 1], ("a", "b"))


def test_without_the_option_a_plain_file_is_mapped_and_has_no_subjects(tmp_path):
    np.save(tmp_path / "t.npy", ITEMS)
    found = load_triplets(tmp_path / "t.npy")
    assert isinstance(found.values, np.memmap)
    assert found.subjects is None


@pytest.mark.parametrize(
    ("width", "options", "said"),
    [
        (3, {"subject_column": 2}, "has 3 columns, three in addition to the subject column 2 are needed"),
        (5, {"subject_column": 3}, "has 5 columns, three in addition to the subject column 3 are needed"),
        (5, {"subject_column": 3, "choice_column": 3}, "got 0, 1, 2, 4 and choice column 3 and subject column 3"),
        (4, {"subject_column": 0, "columns": (0, 1, 2)}, "columns must be different ones; got 0, 1, 2 and subject"),
        (4, {"subject_column": 4}, "has columns 0 to 3; got column 4"),
        (4, {"subject_column": "who"}, "column 'who' is not there; it has no header"),
    ],
)
def test_columns_that_do_not_fit_are_refused(tmp_path, refused, width, options, said):
    np.save(tmp_path / "t.npy", np.arange(2 * width).reshape(2, width))
    assert said in refused(load_triplets, tmp_path / "t.npy", **options)


def test_an_empty_cell_is_refused(tmp_path, refused):
    path = text(tmp_path / "t.csv", ["1,2,3,a", "4,5,6,", "7,8,9,b"])
    told = 'line 2, column 4: an empty cell in a column of text; empty="omit" leaves such rows out'
    assert refused(load_triplets, path, subject_column=3) == told
    kept = load_triplets(path, subject_column=3, empty="omit")
    assert kept.values.tolist() == [[1, 2, 3], [7, 8, 9]] and kept.subjects.labels == ("a", "b")


def test_the_real_file_has_264_persons(data):
    found = load_triplets(data / "things" / "human_triplets_127304.npy", subject_column=3)
    assert found.values.shape == (127_304, 3)
    assert found.subjects.labels == tuple(map(str, range(264)))
