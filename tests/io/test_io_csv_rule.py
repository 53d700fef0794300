"""One rule for comments, quotes and separators of text tables, whichever parser reads them."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyalign.errors import InputError
from pyalign.io import load_embeddings, load_triplets, text
from pyalign.io.arrays import EMBEDDINGS
from pyalign.io.text import text_table


def write(path, content):
    path.write_text(content)
    return path


@pytest.mark.parametrize("end", ["", "# the end\n"])
@pytest.mark.parametrize("before", ["", "a,1,2\n", "a,1,2\n" * 30])
def test_a_line_that_is_a_comment_or_a_row_is_refused(tmp_path, refused, before, end):
    path = write(tmp_path / "x.csv", f"name,f0,f1\n{before}#b,3,4\nc,5,6\n{end}")
    line = before.count("\n") + 2
    said = f"line {line} starts with # and could be a comment or a row; write '# ' for a comment, quotes around a name"
    assert refused(load_embeddings, path) == said


@pytest.mark.parametrize("comment", ["# b,3,4", "#", "#b", "#b,3", "#b,3,x", "# name,f0,f1"])
@pytest.mark.parametrize("place", [0, 1, 2, 30])
def test_a_line_that_is_no_row_is_a_comment_wherever_it_stands(tmp_path, comment, place):
    rows = ["name,f0,f1", *(f"n{k},{k},2" for k in range(40))]
    path = write(tmp_path / "x.csv", "\n".join([*rows[:place], comment, *rows[place:]]) + "\n")
    found = load_embeddings(path)
    assert found.names == tuple(f"n{k}" for k in range(40)) and found.values[:, 0].tolist() == list(range(40))


@pytest.mark.parametrize("end", ["", "# the end\n"])
def test_quotes_make_a_name_of_what_starts_with_a_comment_mark(tmp_path, end):
    found = load_embeddings(write(tmp_path / "x.csv", f'a,1,2\n"#b",3,4\n{end}'))
    assert found.names == ("a", "#b")


def test_above_numbers_a_comment_is_one(tmp_path):
    assert load_embeddings(write(tmp_path / "x.csv", "#1,2\n3,4\n#5,6\n7,8\n")).values.tolist() == [[3, 4], [7, 8]]


@pytest.mark.parametrize("end", ["", "# the end\n"])
@pytest.mark.parametrize(
    "row", ['"a\nb",1', '"a"b,1', 'a"b,1', '5" disk,1', '"a,1', '"a" "b",1', '"a\n#b",1', '1,"2\n"', '"a\n\nb",1']
)
@pytest.mark.parametrize("place", [0, 1, 30])
def test_a_quote_that_does_not_stand_around_a_cell_is_refused(tmp_path, refused, row, place, end):
    rows = [f"n{k},{k}" for k in range(31)]
    path = write(tmp_path / "x.csv", "\n".join([*rows[:place], row, *rows[place:]]) + "\n" + end)
    line = place + 1
    assert f"line {line} has a quote within a cell, or one that does not end on its line" in refused(
        load_embeddings, path
    )


def test_quotes_around_cells_with_separators_quotes_and_blanks(tmp_path):
    content = '"a, b",1,2\n "c ""d""" , "3",4\nplain,"5","6"\n'
    found = load_embeddings(write(tmp_path / "x.csv", content))
    assert found.names == ("a, b", 'c "d"', "plain") and found.values.tolist() == [[1, 2], [3, 4], [5, 6]]
    found = load_embeddings(write(tmp_path / "x.txt", '"a b" 1 2\n"c" 3 "4"\n'))
    assert found.names == ("a b", "c") and found.values.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "content",
    ["dog;1,5\ncat;2,5\n", "name;f0\ndog;1,5\n", "dog\t1,5\t2\n", "1,5;2,5\n", "dog 1,5\ncat 2,5\n", "a;1;2,5e3\n"],
)
def test_numbers_with_a_decimal_comma_are_refused(tmp_path, refused, content):
    path = write(tmp_path / "x.csv", content)
    assert "could hold numbers with a decimal comma" in refused(load_embeddings, path)


def test_whole_numbers_that_would_be_rounded_are_refused(tmp_path, refused):
    path = write(tmp_path / "x.csv", "a,1\nb,9007199254740993\n")
    assert "line 2, column 2: '9007199254740993' is more than float64 holds exactly" in refused(load_embeddings, path)
    path = write(tmp_path / "t.csv", "0,1,2\n0,1,-9007199254740993\n")
    assert "more than float64 holds exactly" in refused(load_triplets, path)
    found = load_embeddings(write(tmp_path / "x.csv", "a,1e300\nb,9007199254740992\nc,36028797018963968.0\n"))
    assert found.values[:, 0].tolist() == [1e300, 2.0**53, 2.0**55]


NAME = st.sampled_from(
    ["a", "#b", '"#c"', '"a, b"', "b c", ' "q" ', '"d""e"', 'x"y', "# z", "", '""', "1", "nan", "é", '"', "#"]
)
NUMBER = st.sampled_from(
    ["1", " 2", "3 ", "-4.5e1", "nan", "inf", '"5"', "", "x", "1_0", "0x1", "#7", "1,5", "٣", '" 6 "', "1e999"]
)
ROW = st.tuples(NAME, st.lists(NUMBER, min_size=1, max_size=3))
EXTRA = st.sampled_from(["", "# c", "#c", "#a,1,2", "   ", "\t", "#", ",", " # x,1"])


def outcome(read):
    try:
        values, texts = read()
    except InputError as error:
        return str(error)
    return values.tobytes(), values.shape, [column.cells() for column in texts]


@settings(max_examples=400)
@given(
    rows=st.lists(ROW, min_size=1, max_size=4), width=st.integers(1, 3), extra=EXTRA, place=st.integers(0, 5),
    delimiter=st.sampled_from([",", ";", "\t", " "]), kept=st.booleans(),
)
@example([("a", ["1"]), ("#b", ["3"])], 1, "# c", 2, ",", True)
@example([('"a"', ["1"]), (' "q" ', ["3"])], 1, "", 2, ",", True)
def test_the_fast_and_the_slow_parser_agree(tmp_path_factory, rows, width, extra, place, delimiter, kept):
    lines = [delimiter.join([name, *(numbers * 3)[:width]]) for name, numbers in rows]
    lines = ["name" + "".join(f"{delimiter}f{k}" for k in range(width)), "first" + f"{delimiter}1" * width, *lines]
    lines.insert(place, extra)
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        table = text_table(path, EMBEDDINGS)
    except InputError:
        return
    layout = table.read.args[1]
    numbers = tuple(range(1, layout.width)) if kept else (layout.width - 1,)
    texts = (0,) if kept else ()
    fast = outcome(lambda: text.read_columns(path, layout, numbers, texts))
    slow = outcome(lambda: text._slow(path, layout, numbers, texts))
    assert fast == slow
