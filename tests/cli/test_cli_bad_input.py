"""Bad input: exit code 1, one line that names the file and the rule, and nothing written."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from support import reals


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def pickled(path):
    with open(path, "wb") as file:
        pickle.dump({"source": {"model": {"module": Malicious()}}}, file)


def cut(path, keep):
    np.save(path, np.ones((30, 6), np.float32))
    os.truncate(path, keep)


def torched(path):
    pytest.importorskip("torch").save({"x": Malicious()}, path)


def three_d(path):
    np.save(path, np.zeros((30, 2, 3)))


# The file that is written, how, and what the message says besides its name.
BAD_EMBEDDINGS = {
    "missing": ("e.npy", lambda p: None, ["No such file or directory"]),
    "a folder": ("e.npy", os.mkdir, ["folder"]),
    "empty npy": ("e.npy", lambda p: open(p, "w").close(), ["empty"]),
    "empty csv": ("e.csv", lambda p: open(p, "w").close(), ["empty"]),
    "blank csv": ("e.csv", lambda p: Path(p).write_text("\n\n"), ["empty"]),
    "no rows": ("e.npy", lambda p: np.save(p, np.zeros((0, 6))), ["empty", "(0, 6)"]),
    "no features": ("e.npy", lambda p: np.save(p, np.zeros((30, 0))), ["empty", "(30, 0)"]),
    "one dimension": ("e.npy", lambda p: np.save(p, np.zeros(30)), ["(n, d)", "(30,)"]),
    "three dimensions": ("e.npy", three_d, ["(n, d)", "(30, 2, 3)", "pool or flatten"]),
    "truncated npy": ("e.npy", lambda p: cut(p, 600), ["truncated", "720", "472"]),
    "truncated header": ("e.npy", lambda p: cut(p, 40), ["not a sound .npy file"]),
    "text called npy": ("e.npy", lambda p: Path(p).write_text("hello\n"), ["not a .npy file"]),
    "objects": ("e.npy", lambda p: np.save(p, np.array([[{}]], object), allow_pickle=True), ["objects", "never"]),
    "malicious pickle": ("e.pkl", pickled, ["mkdir", "only dicts of numpy arrays"]),
    "pickle called npy": ("e.npy", pickled, ["not a .npy file"]),
    "malicious pt": ("e.pt", torched, ["only tensors"]),
    "complex": ("e.npy", lambda p: np.save(p, np.zeros((30, 6), complex)), ["real numbers", "complex128"]),
    "text": ("e.npy", lambda p: np.save(p, np.full((30, 6), "a")), ["real numbers"]),
    "unknown extension": ("e.xlsx", lambda p: Path(p).write_text("x"), [".xlsx", ".npy", ".safetensors"]),
    "a word among numbers": ("e.csv", lambda p: Path(p).write_text("1,2\n3,4\n5,six\n"), ["line 3", "column 2", "six"]),
    "ragged": ("e.csv", lambda p: Path(p).write_text("1,2,3\n4,5\n"), ["line 2", "2 columns"]),
    "not utf-8": ("e.csv", lambda p: Path(p).write_bytes(b"name,1\n\xe9,2\n"), ["UTF-8", "0xe9"]),
    "triplets": ("e.npy", lambda p: np.save(p, np.array([[1, 2, 0], [2, 3, 1]])), ["-t FILE", "floats (1.0, not 1)"]),
    "triplets in text": ("e.csv", lambda p: Path(p).write_text("1,2,0\n2,3,1\n"), ["-t FILE", "floats (1.0, not 1)"]),
    "no gzip": ("e.csv.gz", lambda p: Path(p).write_text("1,2\n"), ["gzip"]),
}


@pytest.mark.parametrize("case", BAD_EMBEDDINGS)
def test_a_bad_embedding_file_is_named_with_the_rule(score_refused, folder, case):
    name, make, pieces = BAD_EMBEDDINGS[case]
    make(name)
    message = score_refused(embeddings=[name])
    assert name in message
    assert all(piece in message for piece in pieces)


def test_a_bad_file_after_a_good_one_leaves_nothing_either(score_refused):
    assert "missing.npy" in score_refused(embeddings=["x.npy", "missing.npy"])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_counted_and_the_first_row_is_named(score_refused, x, value):
    x[[5, 9, 20], [0, 3, 5]] = value
    np.save("holes.npy", x)
    message = score_refused(embeddings=["holes.npy"])
    assert "holes.npy" in message
    assert "3 of 30 rows hold NaN or infinity, first row 5" in message


def test_nan_in_every_triplet_leaves_nothing_to_score(score_refused, x):
    np.save("holes.npy", np.full_like(x, np.nan))
    assert "all 400" in score_refused("--nan", "omit", embeddings=["holes.npy"])


def with_row(row, value):
    def make(triplets):
        changed = triplets.astype(np.int64)
        changed[row] = value
        return changed

    return make


BAD_TRIPLETS = {
    "two columns": (lambda t: t[:, :2], ["2 columns", "not 3"]),
    "one dimension": (lambda t: t.ravel(), ["(t, 3)", "(1200,)"]),
    "no rows": (lambda t: t[:0], ["empty", "(0, 3)"]),
    "past the end": (with_row(17, [1, 30, 2]), ["[0, 30)", "row 17 is [1, 30, 2]"]),
    "below zero": (with_row(17, [1, -1, 2]), ["[0, 30)", "row 17 is [1, -1, 2]"]),
    "far past int32": (with_row(3, [1, 2**40, 2]), ["[0, 30)", "row 3 is [1, 1099511627776, 2]"]),
    "repeated item": (with_row(17, [4, 9, 4]), ["three different items", "row 17 is [4, 9, 4]"]),
    "fractions": (lambda t: t + 0.5, ["whole numbers", "row 0", ".5"]),
    "nan": (with_row(0, 0), ["three different items"]),
    "floats with nan": (lambda t: np.where(np.arange(400)[:, None] == 8, np.nan, t), ["whole", "row 8", "nan"]),
    "booleans": (lambda t: t > 3, ["bool"]),
    "objects": (lambda t: t.astype(object), ["objects", "never"]),
}


@pytest.mark.parametrize("case", BAD_TRIPLETS)
def test_bad_triplets_are_named_with_the_rule(score_refused, triplets, case):
    make, pieces = BAD_TRIPLETS[case]
    np.save("bad.npy", make(triplets), allow_pickle=True)
    message = score_refused(on="bad.npy")
    assert "bad.npy" in message
    assert all(piece in message for piece in pieces)


@pytest.mark.parametrize("rows", ["all", "some"])
def test_items_that_count_from_one_get_the_question(score_refused, triplets, rows):
    """Also where item 1 itself happens to be in no triplet."""
    np.save("one.npy", triplets[(triplets > 0).all(axis=1)] + 1 if rows == "some" else triplets + 1)
    assert "is it 1-based?" in score_refused(on="one.npy")


def test_items_out_of_range_both_ways_do_not_get_the_question(score_refused, triplets):
    np.save("both.npy", np.r_[triplets, triplets + 1])
    np.save("far.npy", triplets + 2)
    for name in ("both.npy", "far.npy"):
        assert "1-based" not in score_refused(on=name)


def test_one_based_is_refused_where_a_zero_occurs(score_refused):
    assert "0" in score_refused("--one-based")


@pytest.mark.parametrize("suffix", ["npy", "csv"])
def test_a_wider_file_shows_its_first_row_and_suggests_columns(score_refused, triplets, suffix):
    wide = np.c_[np.arange(400) // 20, triplets]
    np.save("wide.npy", wide)
    np.savetxt("wide.csv", wide, fmt="%d", delimiter=",")
    message = score_refused(on=f"wide.{suffix}")
    assert "4 columns" in message
    assert ", ".join(map(str, wide[0])) in message
    assert "--columns 0,1,2" in message


@pytest.mark.parametrize("option,value", [("--columns", "0,1,7"), ("--columns", "0,1,1"), ("--choice-column", "odd")])
def test_columns_that_are_not_there_are_refused(score_refused, triplets, option, value):
    np.save("wide.npy", np.c_[triplets, triplets[:, :1]])
    message = score_refused(option, value, on="wide.npy")
    assert "wide.npy" in message
    assert "None" not in message


@pytest.mark.parametrize(
    "given,nearest",
    [("cosin", "cosine"), ("Pearson", "pearson"), ("euclidean", "neg_euclidean"), ("neg-euclidean", "neg_euclidean"),
     ("RBF:2", "rbf"), ("dott", "dot")],
)
def test_an_unknown_measure_proposes_the_nearest(score_refused, given, nearest):
    message = score_refused("--measure", "cosine", given)
    assert f"did you mean '{nearest}'?" in message


@pytest.mark.parametrize("given", ["rbf:0", "rbf:-1", "rbf:nan", "rbf:x", "rbf:", "cosine:2"])
def test_a_wrong_parameter_of_a_measure_is_refused(score_refused, given):
    assert given.partition(":")[0] in score_refused("--measure", given)


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf"])
def test_a_temperature_that_is_not_positive_is_refused(score_refused, given):
    assert "temperature must be a positive number" in score_refused("--temperature", given)


def test_an_unknown_measure_or_temperature_is_said_before_any_file_is_read(score_refused):
    for options in (("--measure", "cosin"), ("--temperature", "0")):
        message = score_refused(*options, embeddings=["missing.npy"], on="missing.npy")
        assert "missing.npy" not in message


def test_a_line_break_in_a_file_name_stays_one_line(score_refused):
    assert "No such file" in score_refused(embeddings=["two\nlines.npy"])


@pytest.mark.parametrize(
    "args,pieces",
    [
        (["describe", "missing.npy"], ["missing.npy", "No such file or directory"]),
        (["describe", "."], ["folder"]),
        (["triplets", "simulate", "d", "--n-objects", "2"], ["at least three items", "2"]),
        (["triplets", "simulate", "d", "--count", "10", "--measure", "cosin"], ["'cosine'"]),
        (["triplets", "simulate", "d", "--count", "10", "--temperature", "0"], ["temperature"]),
        (["triplets", "simulate", "d", "--n-objects", str(10**11)], ["memory"]),
        (["triplets", "simulate", "t.npy", "--n-objects", "5", "--count", "10"], ["t.npy"]),
        (["datasets", "fetch", "sample", "--folder", "t.npy"], ["t.npy"]),
        (["datasets", "fetch", "sample", "--folder", "t.npy/inside"], ["t.npy"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_other_commands_refuse_in_the_same_way(refused, args, pieces):
    message = refused(*args)
    assert all(piece in message for piece in pieces)


# Commands that read several files


BAD_CONCEPTS = {
    "negative": ("--dimensions", "d.npy", lambda d: -d, "dimensions must"),
    "nan": ("--dimensions", "d.npy", lambda d: np.where(np.arange(30)[:, None] == 4, np.nan, d), "dimensions must"),
    "infinite": ("--dimensions", "d.npy", lambda d: np.where(d == d.max(), np.inf, d), "dimensions must"),
    "one dimension": ("--dimensions", "d.npy", lambda d: d[:, 0], "must have shape"),
    "no dimensions": ("--dimensions", "d.npy", lambda d: d[:, :0], "empty"),
    "few categories": ("--categories", "d.npy", lambda d: d[:9, 0] > 0.5, "categories must have a row for each of 30"),
    "numbers as categories": ("--categories", "d.npy", lambda d: d, "several columns of categories must hold 0 and 1"),
}
CONCEPT_COMMANDS = {
    "concepts": ("concepts", "x.npy", "-t", "t.npy"),
    "consistency": ("consistency", "x.npy", "y.npy", "-t", "t.npy"),
    "neighbors": ("neighbors", "objects", "x.npy", "--human", "y.npy", "--permutations", "9"),
}


@pytest.mark.parametrize("name", CONCEPT_COMMANDS)
@pytest.mark.parametrize("case", BAD_CONCEPTS)
def test_the_file_of_concepts_is_named_and_not_another(refused, folder, name, case):
    option, path, change, told = BAD_CONCEPTS[case]
    np.save("y.npy", reals(8, 30, 6))
    np.save(path, change(np.abs(reals(7, 30, 3))))
    message = refused(*CONCEPT_COMMANDS[name], option, path, "--json", "o.json", "--csv", "o.csv")
    assert message.startswith(f"{path}: ") and told in message


@pytest.mark.parametrize("name", ["concepts", "consistency", "neighbors"])
def test_another_number_of_labels_names_their_file(refused, folder, name):
    np.save("y.npy", reals(8, 30, 6))
    np.save("d.npy", np.abs(reals(7, 30, 3)))
    Path("l.txt").write_text("food\ntools\n")
    message = refused(*CONCEPT_COMMANDS[name], "--dimensions", "d.npy", "--dimension-labels", "l.txt")
    assert message == "l.txt: dimension_labels must be one for each of 3 dimensions; got 2"


@pytest.mark.parametrize("option", ["--n-objects", "--count"])
@pytest.mark.parametrize("value", ["0", "-1", "1e6", "1.5", "", str(10**20), "9" * 5000], ids=lambda value: value[:5])
def test_a_size_that_no_machine_holds_is_a_usage_error(command, folder, option, value):
    ran = command("triplets", "simulate", "d", option, value)
    assert (ran.code, ran.out) == (2, "")
    assert f"argument {option}" in ran.err.splitlines()[0]
    assert not (folder / "d").exists()


@pytest.mark.compiled
@pytest.mark.parametrize("variable,value", [("PYALIGN_ISA", "mmx"), ("PYALIGN_NUM_THREADS", "many")])
@pytest.mark.parametrize("args", [("info",), ("score", "--embeddings", "x.npy", "--triplets", "t.npy")], ids=len)
def test_a_wrong_environment_variable_is_refused(refused, monkeypatch, variable, value, args):
    monkeypatch.setenv(variable, value)
    message = refused(*args)
    assert variable in message
    assert value in message


# Without permission. Root may read everything, so it gives up its rights for the while.


@pytest.fixture
def unprivileged(command, monkeypatch, x, triplets):
    """A folder that everyone may enter, and a context in which this process isn't root."""

    @contextmanager
    def without_rights():
        user = os.geteuid()
        os.seteuid(65534 if user == 0 else user)
        try:
            yield
        finally:
            os.seteuid(user)

    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    np.save(folder / "x.npy", x)
    np.save(folder / "t.npy", triplets)
    monkeypatch.chdir(folder)
    score = ("score", "--embeddings", "x.npy", "--triplets", "t.npy")
    sample = ("datasets", "fetch", "sample", "--folder", "warm")
    for args in (score, sample, ("triplets", "simulate", "drawn", "--n-objects", "5", "--count", "5")):
        assert command(*args).code == 0  # every module is imported now
    shutil.rmtree("warm")
    shutil.rmtree("drawn")
    yield folder, without_rights
    folder.chmod(0o700)
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["x.npy", "t.npy"])
def test_a_file_without_permission_is_named(command, unprivileged, name):
    folder, without_rights = unprivileged
    (folder / name).chmod(0)
    with without_rights():
        ran = command("score", "--embeddings", "x.npy", "--triplets", "t.npy")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"pyalign score: error: {name}: Permission denied\n"


@pytest.mark.parametrize("args", [["score", "--embeddings", "x.npy", "--triplets", "t.npy", "--choices", "c.npy"],
                                  ["datasets", "fetch", "sample", "--folder", "here"],
                                  ["triplets", "simulate", "here", "--count", "5"],
                                  ["datasets", "fetch", "sample", "--folder", "."],
                                  ["triplets", "simulate", ".", "--count", "5"]],
                         ids=lambda args: " ".join(args[:2]))
def test_a_folder_without_permission_is_refused(command, unprivileged, args):
    folder, without_rights = unprivileged
    folder.chmod(0o555)
    with without_rights():
        ran = command(*args)
    assert (ran.code, ran.out) == (1, "")
    name = " ".join(args[: 1 if args[0] == "score" else 2])
    assert ran.err.startswith(f"pyalign {name}: error: ")
    assert ran.err.endswith(": Permission denied\n")
    assert len(ran.err.splitlines()) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["t.npy", "x.npy"]
