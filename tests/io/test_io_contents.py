"""Files that are opened without knowing what they hold."""

from __future__ import annotations

import numpy as np
import pytest

from pyalign.io.contents import contents


def only(path, key=None):
    (found,) = contents(path, key)
    return found


def test_a_table_comes_in_columns_of_numbers_and_of_text(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("i\twho\tRT\tnote\n1\tann lee\t0.5\t\n2\tbob\t\t\n3\tann lee\tNA\tx\n")
    found = only(path)
    assert found.header == ("i", "who", "RT", "note")
    assert found.numbers == (0, 2)
    np.testing.assert_array_equal(found.values, [[1, 0.5], [2, np.nan], [3, np.nan]])
    assert found.texts[1].cells() == ("ann lee", "bob", "ann lee")
    assert found.texts[3].cells() == ("", "", "x")


def test_a_word_far_below_makes_a_column_of_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("".join(f"{k},{k}\n" for k in range(50)) + "50,late\n")
    found = only(path)
    assert found.numbers == (0,) and found.texts[1].cells()[-2:] == ("49", "late")


def test_a_column_of_parquet_that_can_not_be_read_is_said(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"a": [1, 2], "b": [0.5, None], "c": ["x", "y"], "d": [[1], [2, 3]]}), path)
    found = only(path)
    assert (found.numbers, list(found.texts), found.values.tolist()) == ((0,), [2], [[1], [2]])
    assert found.fault.startswith("column 'b' has 1 missing values; ") and "\n" not in found.fault


def test_arrays_are_read_one_after_another(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.eye(2), b=np.array([None]), names=np.array(["x", "y"]))
    first, second, third = contents(tmp_path / "x.npz")
    assert (first.key, first.names) == ("a", ("x", "y"))
    assert "Python objects" in second.fault
    assert third.values.tolist() == ["x", "y"]
    assert only(tmp_path / "x.npz", "a").key == "a"


def test_keys_that_are_not_there_and_keys_of_tables_are_refused(tmp_path, refused):
    np.savez(tmp_path / "x.npz", a=np.eye(2))
    message = refused(lambda path: list(contents(path, "b")), tmp_path / "x.npz")
    assert message == "has no array 'b'; it holds a (2, 2) float64"
    (tmp_path / "x.csv").write_text("1,2\n")
    assert "the key 'b' has no meaning" in refused(lambda path: list(contents(path, "b")), tmp_path / "x.csv")
