"""pyalign.describe: what the command says of files, and of a DataFrame: sentences, triplets, a description."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import pyalign
from pyalign import describe
from pyalign.cli import main

NAMES = "ant bee cat dog elk fox gnu hen".split()
T = 60


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(numbers=False):
    """Answers as structured rows, which a DataFrame and a file are made of."""
    rng = np.random.default_rng(0)
    items = np.array([rng.permutation(len(NAMES))[:3] for _ in range(T)])
    shown = items if numbers else np.array(NAMES)[items]
    who = np.array([f"p{k % 4}" for k in range(T)])
    columns = {"participant": who, **{f"image{k + 1}": shown[:, k] for k in range(3)}, "choice": np.arange(T) % 3 + 1}
    rows = np.empty(T, [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        rows[name] = values
    return rows


def written(rows, path="answers.csv"):
    lines = [rows.dtype.names, *rows.tolist()]
    Path(path).write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    return path


def frame_of(rows):
    return pytest.importorskip("pandas", reason="pandas is not installed").DataFrame(rows)


SENTENCES = (
    "60 answers to which of three items is odd", "'image1', 'image2', 'image3' hold 8 items by name",
    "'choice' holds its place, counted from 1, in all 60 rows", "'participant' holds 4 participants",
)


def same(a, b):
    assert (a.names, a.task, a.subjects.labels, a.answered) == (b.names, b.task, b.subjects.labels, b.answered)
    assert np.array_equal(a.values, b.values) and np.array_equal(a.positions, b.positions)
    assert np.array_equal(a.subjects.codes, b.subjects.codes)


@pytest.mark.parametrize("make", [written, frame_of, lambda rows: rows], ids=["file", "frame", "rows"])
@pytest.mark.parametrize("numbers", [False, True])
def test_a_table_of_answers_gives_four_sentences_its_triplets_and_its_description(make, numbers):
    rows = table(numbers)
    given, expected = make(rows), pyalign.load_triplets(written(rows))
    found = describe(given)
    label = given if isinstance(given, str) else type(given).__name__
    assert found.sentences == tuple(x.replace("by name", "by number, from 0") if numbers else x for x in SENTENCES)
    assert repr(found).splitlines() == [label, *(f"  {sentence}" for sentence in found.sentences)]
    same(found.triplets(), expected)
    Path("mine.toml").write_text(found.toml())
    same(pyalign.load_dataset("mine.toml").triplets(), expected)
    assert ('frame.to_csv("answers.csv", index=False) writes it' in found.toml()) == (make is not written)


def test_the_sentences_are_those_that_the_command_prints(capsys):
    found = describe(written(table()))
    assert main(["describe", "answers.csv"]) == 0
    out = capsys.readouterr().out
    assert all(f"note: {sentence}\n" in out for sentence in found.sentences) and len(found.sentences) == 4
    assert out == f"{found.files[0]}\n"
    assert main(["describe", "answers.csv", "--out", "mine.toml"]) == 0
    assert Path("mine.toml").read_text() == found.toml()


def test_several_files_are_one_data_set():
    np.save("t.npy", np.array([[0, 1, 2], [3, 1, 0], [7, 2, 4]]))
    np.save("x.npy", np.random.default_rng(0).normal(size=(8, 3)))
    Path("names.txt").write_text("\n".join(NAMES))
    Path("who.txt").write_text("ann\nbob\nann\n")
    found = describe("t.npy", "x.npy", "names.txt", subjects="who.txt", one_based=False)
    triplets, whole = found.triplets(), Path("t.npy").resolve()
    assert triplets.names == tuple(NAMES) and triplets.subjects.labels == ("ann", "bob")
    assert triplets.source == "t.npy" and describe(whole).triplets().source == str(whole)
    assert all(line in found.toml() for line in ('subjects = "who.txt"', 'names = "names.txt"', "[embeddings]"))
    assert "seems           embeddings" in repr(found) and found.sentences == ()
    assert describe("x.npy").toml("deep/../x.toml").startswith("# What the files of a data set are")


def test_what_is_stated_is_what_the_triplets_are_read_by():
    rows = table()
    rows.dtype.names = ("participant", "image1", "image2", "image3", "who knows")
    found = describe(rows, choice_column="who knows")
    same(found.triplets(), pyalign.load_triplets(written(table())))
    unsure = describe(rows)
    assert unsure.sentences == () and "'who knows' may say which item is odd" in repr(unsure)


@pytest.mark.parametrize("cell", [list, tuple, np.array], ids=lambda kind: kind.__name__)
def test_trials_in_a_frame_are_kept_and_left_out_as_in_a_file_whatever_their_items_are_called(cell):
    names = ["O'Neil", 'a "quoted" one', "both, 'a' and \"b\"", "back\\slash", "día", "plain"]
    kept = {"where": "phase=test", "empty": "omit"}
    rng = np.random.default_rng(0)
    trials = [{"stimuli": [names[j] for j in rng.permutation(6)[:3]], "response": None if k % 9 == 0 else k % 3,
               "phase": "practice" if k < 5 else "test", "subject": f"p{k % 4}"} for k in range(T)]
    trials[7] |= {"stimuli": None}
    Path("trials.json").write_text(json.dumps(trials))
    expected = pyalign.load_triplets("trials.json", **kept)
    assert (len(expected), set(expected.names)) == (T - 12, set(names))
    frame = pytest.importorskip("pandas", reason="pandas is not installed").DataFrame(trials)
    frame["stimuli"] = [items and cell(items) for items in frame["stimuli"]]
    found = describe(frame, **kept)
    same(found.triplets(), expected)
    same(pyalign.load_triplets(frame, **kept), expected)
    assert [note.split(": ", 1)[1] for note in found.triplets().notes] == [
        "55 of 60 rows are kept: where 'phase=test'", "7 of 55 rows are left out: 1 without items, 6 without an answer"]
    if cell is list:  # which pandas writes as Python does
        frame.to_csv("answers.csv", index=False)
        Path("mine.toml").write_text(found.toml())
        same(pyalign.load_triplets("mine.toml"), expected)


def test_numbered_columns_of_a_frame_are_named_by_number():
    frame = frame_of(table()).set_axis(range(5), axis=1)[[1, 2, 3]].set_axis(range(3), axis=1)
    found = describe(frame, odd_column="first")
    Path("mine.toml").write_text(found.toml())
    frame.to_csv("answers.csv", index=False, header=False)
    of_file = pyalign.load_dataset("mine.toml").triplets()
    assert "index=False, header=False" in found.toml()
    assert np.array_equal(found.triplets().values, of_file.values) and found.triplets().names == of_file.names


def test_a_frame_of_embeddings_is_described_as_such():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    x = pandas.DataFrame(np.random.default_rng(0).normal(size=(8, 3)), index=NAMES)
    (found,) = describe(x).files[0].arrays
    assert (found.kind, found.shape, found.names) == ("embeddings", (8, 3), ("ant", "bee", "cat"))
    (found,) = describe(pandas.DataFrame({"a": ["x", "y"], "b": ["z", "q"], "c": [1, 2]})).files[0].arrays
    assert found.kind == "other" and "column 'a' does not" in found.remarks[0]


def test_what_cannot_be_described_is_one_line(message_of):
    rows = table()
    Path("names.txt").write_text("\n".join(NAMES))
    rule = "files must be paths, or one DataFrame; got"
    assert message_of(describe) == f"{rule} 0 and 0"
    assert message_of(describe, rows, "names.txt") == f"{rule} 1 and 1"
    assert message_of(describe, rows[:0]) == "ndarray: holds no rows of answers; got shape (0, 5)"
    told = message_of(describe, rows, choise_column="choice")
    assert told.startswith("an argument of describe must be one of ") and "did you mean 'choice_column'?" in told
    assert message_of(describe("names.txt").triplets) == "described files must hold triplets; they hold names"
    unsure = describe(rows[["image1", "image2", "image3", "participant"]])
    for call in (unsure.triplets, unsure.toml):
        assert message_of(call).startswith("ndarray: no column is known to say which item is odd")
    assert message_of(describe, 5) == "spec must be text or an os.PathLike of text; got 5"
    with pytest.raises(FileNotFoundError):
        describe("nothing.csv")
