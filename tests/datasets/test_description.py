"""A description under a name of its own is read as the dataset.toml of a folder; what is written is read back."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, reals

import pyalign
from pyalign.datasets import load_dataset
from pyalign.datasets.description import TABLES, TOP, checked_description, description_text
from pyalign.errors import InputError
from pyalign.io import load_categories, load_embeddings, load_rdms, load_triplets, read_names
from pyalign.io.documents import read_toml

if sys.version_info < (3, 11):
    pytest.importorskip("tomli", reason="tomli is not installed")

N = 12
NAMES = tuple(f"object {k}" for k in range(N))
TOML = """
names = "names.txt"

[triplets.main]
file = "t.csv"
columns = ["a", "b", "c"]
choice_column = "odd"
choice_base = 1
one_based = true
subject_column = "who"

[triplets.first]
file = "first.npy"
odd_column = "first"

[triplets.two]
file = "first.npy"
task = "anchored"
anchor = "last"

[judgments]
file = "rdm.npy"
kind = "similarity"

[embeddings]
file = "x.npy"
dimensions = "labels.txt"

[categories]
file = "c.txt"
"""


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """The working folder, with one description under two names."""
    monkeypatch.chdir(tmp_path)
    for name in ("dataset.toml", "mine.toml"):
        (tmp_path / name).write_text(TOML)
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    (tmp_path / "t.csv").write_text("who,a,b,c,odd\np,3,1,2,1\nq,4,5,6,3\n")
    np.save("first.npy", draw_triplets(1, N, 5))
    rdm = reals(2, N, N)
    np.save("rdm.npy", rdm + rdm.T)
    np.save("x.npy", reals(3, N, 3))
    (tmp_path / "labels.txt").write_text("big\nred\nround\n")
    (tmp_path / "c.txt").write_text("tool\nfood\n" * 6)
    return tmp_path


def plain(value):
    """What a part holds, to compare it."""
    if isinstance(value, pyalign.Triplets):
        people = None if value.subjects is None else value.subjects.labels
        return value.values.tolist(), value.names, value.numbered, value.task, people
    if isinstance(value, pyalign.Categories):
        return value.members.tolist(), value.labels, value.names
    return value if isinstance(value, tuple) else (np.asarray(value.values).tolist(), value.names)


def test_a_description_and_a_folder_give_the_same_data_set(lab):
    mine, folder = load_dataset("mine.toml"), load_dataset("./")
    assert mine.parts == folder.parts and mine.files == folder.files and mine.lacking() == ()
    assert repr(mine) == f"DataSet(mine.toml with {', '.join(mine.parts)}, in .)"
    for part, keys in mine.parts.items():
        for key in keys or (None,):
            assert plain(mine.open(part, key)) == plain(folder.open(part, key)), part


def test_readers_take_the_path_of_a_description(lab):
    assert load_triplets("mine.toml", key="main").values.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert load_triplets("mine.toml", key="main").source == "mine.toml::main"
    assert read_names("mine.toml") == load_embeddings("mine.toml").names == load_categories("mine.toml").names == NAMES
    assert load_rdms("mine.toml").kind == "similarity"
    assert load_dataset(lab / "mine.toml").dimensions() == ("big", "red", "round")
    assert load_embeddings(lab / "mine.toml").source == str(lab / "mine.toml")


def test_what_is_given_wins_and_is_noted(lab):
    found = load_triplets("mine.toml", key="main", columns=("c", "b", "a"), subjects=["x", "y"])
    assert found.values.tolist() == [[0, 2, 1], [5, 4, 3]]
    assert found.subjects.labels == ("x", "y")
    assert found.notes == (
        "mine.toml: columns=(c, b, a) is used, not its columns (a, b, c)",
        "mine.toml: the subjects that were given are used, not its own",
    )
    same = load_triplets("mine.toml", key="main", columns=["a", "b", "c"], one_based=True, subject_column="who")
    assert same.notes == ()


def test_a_default_that_is_given_wins_too(lab):
    values = np.load("first.npy")
    first, last = load_triplets("mine.toml", key="first"), load_triplets("mine.toml", key="first", odd_column="last")
    assert first.values.tolist() == values[:, [1, 2, 0]].tolist() and last.values.tolist() == values.tolist()
    assert last.notes == ("mine.toml: odd_column='last' is used, not its odd_column 'first'",)
    two = load_triplets("mine.toml", key="two", task="odd-one-out")
    assert (
        two.task == "odd-one-out" and two.notes[0] == "mine.toml: task='odd-one-out' is used, not its task 'anchored'"
    )
    one = load_triplets("mine.toml", key="two", task="anchored")
    assert one.task == "anchored" and one.notes == ()


def test_other_names_of_items_win_and_are_noted(lab):
    others = [f"thing {k}" for k in range(N)]
    found = load_triplets("mine.toml", key="first", item_names=others)
    assert found.names == tuple(others)
    assert found.notes == ("mine.toml names the items; other names were given, and are used",)
    assert load_triplets("mine.toml", key="first", item_names=NAMES).notes == ()


def test_a_published_data_set_knows_its_layout(message_of):
    assert message_of(load_triplets, "dataset:sample", columns=(0, 1, 2)).endswith("so that columns has no meaning")
    told = message_of(load_triplets, "dataset:sample", task="anchored")
    assert told == "dataset:sample: task must be that of the data set, 'odd-one-out'; got 'anchored'"
    assert load_triplets("dataset:sample", task="odd-one-out").names


def test_published_files_under_other_names_are_described(lab):
    text = 'dataset = "vice42"\n[files]\n"final_embedding.npy" = "dims.npy"\n"unique_id.txt" = "ids.txt"\n'
    (lab / "lab.toml").write_text(text)
    np.save("dims.npy", np.abs(reals(1, 1854, 42)))
    (lab / "ids.txt").write_text("\n".join(f"o{k}" for k in range(1854)))
    found = load_dataset("lab.toml")
    assert found.row.name == "vice42" and found.files == ("dims.npy", "ids.txt")
    assert found.embeddings().source == "lab.toml" and found.embeddings().shape == (1854, 42)


def test_a_description_lies_in_the_folder_of_its_files(lab, message_of):
    told = message_of(load_dataset, "mine.toml", folder=lab)
    assert told.startswith("folder must be None for a description, whose folder holds the files; got ")
    with pytest.raises(FileNotFoundError, match=r"absent\.toml"):
        load_dataset("absent.toml")


def test_a_description_of_no_regular_files_is_one_line(lab, message_of):
    os.mkfifo("pipe.npy")
    (lab / "mine.toml").write_text('triplets = "pipe.npy"\nnames = "names"\n')
    os.mkdir("names")
    assert message_of(load_triplets, "mine.toml") == "pipe.npy: is not a regular file"
    assert "names" in message_of(read_names, "mine.toml")


def test_a_description_never_reads_another_one(lab, message_of):
    for name in ("./dataset:mine", "below/../other.toml", "other.toml::main"):
        (lab / "mine.toml").write_text(f'names = "{name}"\n')
        assert "of no other description" in message_of(read_names, "mine.toml")


# What is written

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=20)
files = texts.filter(lambda text: not text.endswith(".toml") and "::" not in text and "dataset:" not in text)
columns = st.one_of(st.integers(0, 50), texts)
layouts = st.fixed_dictionaries(
    {"file": files},
    optional={
        "key": texts, "columns": st.lists(columns, min_size=3, max_size=3), "subject_column": columns,
        "odd_column": st.sampled_from(["last", "first", "none"]), "one_based": st.booleans(), "subjects": files,
        "choice_base": st.sampled_from([0, 1]), "task": st.sampled_from(["odd-one-out", "anchored"]),
    },
)
keys = texts.filter(lambda text: text.isprintable() and text.strip() and "::" not in text)
documents = st.fixed_dictionaries(
    {"triplets": st.one_of(layouts, st.dictionaries(keys, layouts, min_size=1, max_size=3))},
    optional={"names": files, "images": files, "categories": st.fixed_dictionaries({"file": files})},
)


@given(document=documents, name=texts)
def test_what_is_written_is_read_back(tmp_path, document, name):
    path = tmp_path / "mine.toml"
    path.write_text(description_text(name, document), encoding="utf-8")
    assert read_toml(path, "descriptions") == document
    assert checked_description(path, document).tables["triplets"]


values = st.recursive(
    st.one_of(
        st.integers(-(2**63), 2**63 - 1), st.floats(), st.booleans(), texts, st.just(""), st.just("::"), st.none()
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
options = st.sampled_from(sorted({option for rules in TABLES.values() for option in rules}))
anything = st.dictionaries(
    st.one_of(st.sampled_from(TOP), texts),
    st.one_of(values, st.dictionaries(options, values, max_size=4), st.dictionaries(keys, layouts, max_size=2)),
    max_size=4,
)


@given(document=anything)
def test_whatever_a_document_holds_is_taken_or_refused_in_one_line(document):
    try:
        found = checked_description("mine.toml", document)
    except InputError as error:
        assert str(error).startswith("mine.toml: ") and len(str(error).splitlines()) == 1
    else:
        assert all(isinstance(name, str) and name for name in found.files)


def test_every_rule_says_what_a_value_must_be():
    for rules in TABLES.values():
        for rule in rules.values():
            assert rule.says and not rule.holds(None) and not rule.holds(1.5) and not rule.holds({})


@pytest.mark.parametrize("where", ["its own folder", "another folder"])
def test_a_file_with_colons_in_its_name_does_not_depend_on_the_current_folder(tmp_path, monkeypatch, message_of, where):
    mine = tmp_path / "mine.toml"
    mine.write_text('embeddings = "a::b.npy"\n')
    monkeypatch.chdir(tmp_path if where == "its own folder" else "/")
    assert message_of(load_embeddings, mine) == f"{mine}: 'a' is not there, in {tmp_path}"
    np.save(tmp_path / "a::b.npy", np.eye(3))
    assert load_embeddings(mine).shape == (3, 3)
