"""Triplet files of every format and layout give the score of the plain (t, 3) array."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from support import NAMELESS

NAMES = [f"item {chr(97 + k % 26)}{k}" for k in range(30)]  # with a space, and not in sorted order
NAMES[4], NAMES[5] = "Ätherwölkchen, süß", "日本"


def write_text(name, rows, header=None, delimiter=","):
    text = "".join(delimiter.join(map(str, row)) + "\n" for row in ([header] if header else []) + list(rows))
    opened = gzip.open if name.endswith(".gz") else open
    with opened(name, "wt", encoding="utf-8") as file:
        file.write(text)


def quoted(triplets):
    return [[f'"{NAMES[item]}"' for item in row] for row in triplets]


@pytest.fixture
def expected(results):
    """Accuracy of t.npy."""
    return results()[0]["accuracy"]


def accuracy(rows):
    (row,) = rows
    return row["accuracy"]


# Formats


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "int64", "uint64", ">i4", "float32", "float64"])
def test_npy_of_every_type_of_whole_numbers(results, expected, triplets, dtype):
    np.save("other.npy", triplets.astype(dtype))
    assert accuracy(results(on="other.npy")) == expected


def test_fortran_order(results, expected, triplets):
    np.save("other.npy", np.asfortranarray(triplets))
    assert accuracy(results(on="other.npy")) == expected


@pytest.mark.parametrize(
    "name,delimiter",
    [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t"), ("a.txt", " "), ("a.csv.gz", ","), ("a.txt.gz", " ")],
)
@pytest.mark.parametrize("form", ["{}", "{}.0", "{:.18e}"])
@pytest.mark.parametrize("header", [None, ["a", "b", "odd"]], ids=["bare", "header"])
def test_text_of_whole_numbers_and_of_whole_floats(results, expected, triplets, name, delimiter, form, header):
    write_text(name, [[form.format(item) for item in row] for row in triplets.tolist()], header, delimiter)
    assert accuracy(results(on=name)) == expected


def test_npz_with_one_array_and_with_a_key(results, expected, triplets):
    np.savez("one.npz", triplets)
    np.savez("two.npz", test=triplets[:5], train=triplets)
    assert accuracy(results(on="one.npz")) == expected
    assert accuracy(results(on="two.npz::train")) == expected
    assert results(on="two.npz::test")[0]["n_triplets"] == 5


@pytest.mark.parametrize("with_names", [False, True], ids=["numbers", "names"])
def test_parquet(results, expected, folder, triplets, with_names):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    cells = [[NAMES[item] for item in column] if with_names else column for column in triplets.T.tolist()]
    parquet.write_table(pyarrow.table(dict(zip("abc", cells, strict=True))), "t.parquet")
    (folder / "names.txt").write_text("\n".join(NAMES), encoding="utf-8")
    options = ("--names", "names.txt") if with_names else ()
    assert accuracy(results(*options, on="t.parquet")) == expected


# Layouts


@pytest.mark.parametrize("name", ["t1.npy", "t1.csv"])
def test_one_based(results, expected, triplets, name):
    np.save(name, triplets + 1) if name.endswith("npy") else write_text(name, (triplets + 1).tolist())
    assert accuracy(results("--one-based", on=name)) == expected


def test_odd_column_first(results, expected, triplets):
    np.save("first.npy", triplets[:, [2, 0, 1]])
    assert accuracy(results("--columns", "1,2,0", on="first.npy")) == expected
    assert accuracy(results(on="first.npy")) != expected


@pytest.mark.parametrize("columns", ["1,3,4", " 1, 3, 4", "one,two,odd"])
def test_columns_by_number_and_by_header(results, expected, triplets, columns):
    rows = np.insert(triplets, [0, 1], 99, axis=1)  # 99, a, 99, b, odd
    write_text("wide.csv", rows.tolist(), ["subject", "one", "trial", "two", "odd"])
    assert accuracy(results("--columns", columns, on="wide.csv")) == expected


def test_columns_may_come_in_any_order(results, expected, triplets):
    np.save("first.npy", np.c_[triplets[:, ::-1], triplets[:, :1]])
    assert accuracy(results("--columns", "2,1,0", on="first.npy")) == expected


@pytest.fixture
def shuffled(triplets):
    """The items of each row in another order, and the place (0, 1, 2) where the odd one went."""
    order = np.argsort(np.random.default_rng(6).random(triplets.shape), axis=1)
    return np.take_along_axis(triplets, order, axis=1), np.argmax(order == 2, axis=1)


def test_things_csv_counts_from_one_with_a_choice_from_1_to_3(results, expected, shuffled):
    items, place = shuffled
    rows = np.c_[items + 1, place + 1, np.arange(len(items))].tolist()
    write_text("things.csv", rows, ["image1", "image2", "image3", "choice", "subject"])
    write_text("bare.csv", [row[:4] for row in rows])
    by_name = ("--columns", "image1,image2,image3", "--choice-column", "choice")
    assert accuracy(results("--one-based", *by_name, on="things.csv")) == expected
    assert accuracy(results("--one-based", "--choice-column", "3", on="bare.csv")) == expected


@pytest.mark.parametrize("base", [0, 1])
def test_choice_base_says_how_a_choice_of_few_values_counts(results, refused, triplets, base):
    """Choices 1 and 2 alone fit both ways of counting."""
    np.save("few.npy", np.c_[triplets, np.arange(len(triplets)) % 2 + 1])
    options = ("--columns", "0,1,2", "--choice-column", "3")
    order = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[np.arange(len(triplets)) % 2 + 1 - base]
    np.save("same.npy", np.take_along_axis(triplets, order, axis=1))
    told = results(*options, "--choice-base", base, on="few.npy")
    assert accuracy(told) == accuracy(results(on="same.npy"))
    message = refused("score", "--embeddings", "x.npy", "--triplets", "few.npy", *options)
    assert "--choice-base 0 or --choice-base 1" in message


@pytest.mark.parametrize("layout", ["choice", "columns"])
def test_choices_and_probabilities_are_by_the_positions_of_the_file(score, truth, x, triplets, shuffled, layout):
    items, place = shuffled
    if layout == "choice":
        options = ("--choice-column", "3")
        np.save("file.npy", np.c_[items, place])
    else:
        items, options = triplets[:, [1, 2, 0]], ("--columns", "2,3,1")
        np.save("file.npy", np.c_[place, triplets])
    assert score(*options, "--choices", "c.npy", "--probabilities", "p.npy", on="file.npy").code == 0
    expected = truth(x, items)
    np.testing.assert_array_equal(np.load("c.npy"), expected.choices)
    np.testing.assert_allclose(np.load("p.npy"), expected.probabilities, atol=1e-6)


def test_a_tie_stays_minus_one_where_the_odd_one_is_first(score, truth, triplets):
    x = np.random.default_rng(3).integers(0, 2, (30, 3)).astype(np.float32)
    np.save("bits.npy", x)
    np.save("file.npy", np.insert(triplets[:, [2, 0, 1]], 3, np.arange(len(triplets)) == 0, axis=1))
    options = ("--choice-column", "3", "--choices", "c.npy", "--measure", "dot")
    assert score(*options, embeddings=["bits.npy"], on="file.npy").code == 0
    expected = truth(x, triplets[:, [2, 0, 1]], "dot").choices
    assert -1 in expected
    np.testing.assert_array_equal(np.load("c.npy"), expected)


# Names


@pytest.fixture
def named(folder, triplets):
    """named.csv holds t.npy as names."""
    write_text("named.csv", quoted(triplets))
    return "named.csv"


@pytest.mark.parametrize("names", ["names.txt", "names.csv", "names.npy", "names.txt.gz"])
def test_shuffled_rows_with_their_names_give_the_same_accuracy(results, expected, folder, x, named, names):
    order = np.random.default_rng(8).permutation(30)
    np.save("shuffled.npy", x[order])
    rows = [NAMES[k] for k in order]
    if names == "names.npy":
        np.save(names, np.array(rows))
    elif names == "names.csv":
        write_text(names, [[f'"{name}"'] for name in rows], ["name"])
    else:
        write_text(names, [[name] for name in rows])
    assert accuracy(results("--names", names, embeddings=["shuffled.npy"], on=named)) == expected


def test_names_in_the_embedding_file_need_no_names_file(results, expected, x, named):
    order = np.random.default_rng(8).permutation(30)
    cells = [[f'"{NAMES[k]}"', *x[k].tolist()] for k in order]
    write_text("x.csv", cells, ["name", *"abcdef"])
    assert accuracy(results(embeddings=["x.csv"], on=named)) == expected


def test_two_embedding_files_match_the_names_each_in_its_own_order(results, expected, x, named):
    for name, order in (("one.csv", range(30)), ("two.csv", range(29, -1, -1))):
        write_text(name, [[f'"{NAMES[k]}"', *x[k].tolist()] for k in order], ["name", *"abcdef"])
    rows = results(embeddings=["one.csv", "two.csv"], on=named)
    assert [row["accuracy"] for row in rows] == [expected, expected]


def test_more_names_than_the_triplets_use_are_fine(results, x, triplets):
    some = triplets[(triplets < 10).all(axis=1)]
    write_text("some.csv", quoted(some))
    write_text("names.txt", [[name] for name in NAMES])
    np.save("some.npy", some)
    assert accuracy(results("--names", "names.txt", on="some.csv")) == accuracy(results(on="some.npy"))


@pytest.mark.parametrize(
    "change,pieces",
    [
        ({3: "else"}, [repr(NAMES[3]), "1 of 30"]),
        ({3: "else", 20: "other"}, [repr(NAMES[3]), repr(NAMES[20]), "2 of 30"]),
        ({3: NAMES[7]}, [repr(NAMES[7]), "more than once"]),
        ({3: None}, ["29", "30"]),
    ],
    ids=["missing", "two missing", "doubled", "too few"],
)
def test_missing_and_doubled_names_are_listed(refused, folder, named, change, pieces):
    rows = [change.get(k, name) for k, name in enumerate(NAMES)]
    (folder / "names.txt").write_text("\n".join(name for name in rows if name), encoding="utf-8")
    message = refused("score", "--embeddings", "x.npy", "--triplets", named, "--names", "names.txt")
    assert all(piece in message for piece in pieces)


def test_names_in_the_triplets_ask_for_the_rows_names(refused, named):
    assert "--names FILE" in refused("score", "--embeddings", "x.npy", "--triplets", named)


def test_names_of_rows_say_what_numbers_stand_for_too(score, folder):
    (folder / "names.txt").write_text("\n".join(NAMES), encoding="utf-8")
    ran, plain = score("--names", "names.txt"), score()
    assert (ran.out, NAMELESS + ran.err) == (plain.out, plain.err)


def test_a_things_file_of_names_with_a_choice_column(results, expected, folder, shuffled):
    items, place = shuffled
    rows = [[*row, p + 1] for row, p in zip(quoted(items), place.tolist(), strict=True)]
    write_text("named.csv", rows, ["image1", "image2", "image3", "choice"])
    (folder / "names.txt").write_text("\n".join(NAMES), encoding="utf-8")
    options = ("--choice-column", "choice", "--names", "names.txt")
    assert accuracy(results(*options, on="named.csv")) == expected


def test_json_names_the_file_and_its_key(score, triplets):
    np.savez("two.npz", test=triplets[:5], train=triplets)
    assert json.loads(score("--json", on="two.npz::train").out)["triplets"] == "two.npz::train"
