"""A folder with a dataset.toml is read as it says, and says what is wrong with it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign
from pyalign.datasets import load_dataset, things_order, things_rows
from pyalign.datasets.places import remember
from pyalign.errors import MissingExtraError
from pyalign.io import load_categories, load_embeddings, load_rdms, load_triplets, read_names

if sys.version_info < (3, 11):
    pytest.importorskip("tomli", reason="tomli is not installed")

NAMES = tuple(f"object {k}" for k in range(12))
TOML = """
name = "mine"
citation = "nobody"
names = "names.txt"
images = "pictures"

[triplets.own]
file = "t.csv"
columns = ["a", "b", "c"]
choice_column = "odd"
choice_base = 1
one_based = true
subject_column = "who"

[triplets.two]
file = "two.npy"
task = "anchored"
anchor = "last"
answers = "counts.npz::n"

[judgments.people]
file = "rdm.npz"
key = "rdms"
kind = "similarity"

[embeddings]
file = "x.npy"
dimensions = "labels.txt"

[categories]
file = "c.txt"
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mine"
    (folder / "pictures").mkdir(parents=True)
    (folder / "dataset.toml").write_text(TOML)
    (folder / "names.txt").write_text("\n".join(NAMES))
    (folder / "t.csv").write_text("who,a,b,c,odd\np,3,1,2,1\nq,4,5,6,3\n")
    np.save(folder / "two.npy", draw_triplets(1, 12, 5))
    np.savez(folder / "counts.npz", n=np.tile([3, 1], (5, 1)))
    rdms = reals(2, 4, 12, 12)
    np.savez(folder / "rdm.npz", rdms=rdms + rdms.transpose(0, 2, 1), other=np.eye(12))
    np.save(folder / "x.npy", reals(3, 12, 3))
    (folder / "labels.txt").write_text("big\nred\nround\n")
    (folder / "c.txt").write_text("tool\nfood\n" * 6)
    return folder


def test_every_part_is_read_by_the_path_of_the_folder(folder):
    path = f"dataset:{folder}"
    found = load_triplets(path, key="own")
    assert found.values.tolist() == [[0, 1, 2], [3, 4, 5]] and found.names == NAMES and found.numbered
    assert found.subjects.labels == ("p", "q")
    two = load_triplets(path, key="two")
    assert two.task == "anchored" and two.answers.counts.shape == (5, 2)
    judged = load_rdms(path)
    assert (judged.kind, judged.n_people, judged.names) == ("similarity", 4, NAMES)
    assert load_embeddings(path).names == read_names(path) == load_categories(path).names == NAMES
    assert load_dataset(str(folder)).dimensions() == load_dataset(folder).dimensions() == ("big", "red", "round")


def test_images_are_those_of_the_folder(folder):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    for name in ("b.png", "a.png"):
        image.new("RGB", (4, 4)).save(folder / "pictures" / name)
    assert pyalign.as_images(f"dataset:{folder}").names == ("a.png", "b.png")


def test_a_folder_can_be_given_a_name(folder, root):
    remember("mine", folder)
    assert load_rdms("dataset:mine").n == 12
    assert load_triplets("dataset:mine", key="own").source == "dataset:mine::own"


def test_several_parts_are_chosen_by_key(folder, message_of):
    told = message_of(load_triplets, f"dataset:{folder}")
    assert told == "dataset:mine: holds several triplets, choose one as dataset:mine::KEY: own, two"
    assert "did you mean 'own'" in message_of(load_triplets, f"dataset:{folder}", key="owm")
    assert load_rdms(f"dataset:{folder}").shape == load_rdms(f"dataset:{folder}", key="people").shape


def test_published_files_under_other_names_are_that_data_set(tmp_path, objects):
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "ids.txt").write_text("\n".join(objects))
    np.save(folder / "dims.npy", np.abs(reals(1, 1854, 42)))
    files = '"final_embedding.npy" = "dims.npy"\n"unique_id.txt" = "ids.txt"\n'
    (folder / "dataset.toml").write_text(f'dataset = "vice42"\n[files]\n{files}')
    assert load_embeddings(f"dataset:{folder}").names == objects


def test_rows_of_things_in_another_order_are_told_by_its_name(tmp_path, objects):
    (tmp_path / "unique_id.txt").write_text("\n".join(objects))
    x = reals(1, 1854, 2)
    np.save(tmp_path / "raw.npy", x[things_rows("sorted", "raw", objects)])
    np.save(tmp_path / "t.npy", np.array([[0, 1, 2]]))
    (tmp_path / "dataset.toml").write_text(
        'names = "unique_id.txt"\n[embeddings]\nfile = "raw.npy"\norder = "raw"\n'
        '[triplets]\nfile = "t.npy"\norder = "folders"\n'
    )
    found = load_embeddings(f"dataset:{tmp_path}")
    np.testing.assert_array_equal(found.select(objects).values, x)
    assert load_triplets(f"dataset:{tmp_path}").names == things_order("folders", objects)


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("", "is empty"),
        ("# nothing", "says of nothing what it is"),
        ("names = ", "is not TOML"),
        ("triplet = 'x'", "has a key 'triplet'; known are .* did you mean 'triplets'"),
        ("triplets = 3", "triplets must be the name of a file, or a table; got 3"),
        ("[triplets]\ncolums = [1]", "has a key 'colums'; .* did you mean 'columns'"),
        ("[triplets]\nfile = 'x'\none_based = 1", "triplets.one_based must be true or false; got 1"),
        ("[triplets.a]\nkey = 'x'", "triplets.a must have a file"),
        ("[judgments]\nfile = 'x'", "judgments must have a kind"),
        ("dataset = 'no'", "dataset must be one of things"),
        ("names = 'n'\n[files]\na = 'b'", "dataset must say which"),
        ("[files]\na = 1", "files must be a table"),
        ("names = 'no.txt'", "'no.txt' is not there"),
        ("names = '../out.txt'", "leads out of it nowhere"),
        ("names = '/etc/passwd'", "leads out of it nowhere"),
        ("names = 'link.txt'", "leads out of it nowhere"),
        ("names = 'dataset:sample'", "names.file must be a path in the folder .* no other description; got 'dataset:"),
        (
            "names = 'dataset.toml'",
            "names.file must be a path in the folder .* no other description; got 'dataset.toml'",
        ),
        ("names = ''", "names.file must be a path"),
        ("names = 'a::'", "names.file must be a path"),
        ("[triplets]\nfile = ['x']", r"triplets.file must be a path .*; got \['x'\]"),
        ("[triplets]\nfile = 'x'\nanswers = 3", "triplets.answers must be a path .*; got 3"),
        ("[triplets]\nfile = 'x'\ncolumns = [0, 1]", r"columns must be a list of three columns.*; got \[0, 1\]"),
        ("[triplets]\nfile = 'x'\ncolumns = [0, 1, true]", "triplets.columns must be a list of three columns"),
        ("[triplets]\nfile = 'x'\nsubject_column = 1.5", "triplets.subject_column must be a column.*; got 1.5"),
        ("[triplets]\nfile = 'x'\nodd_column = 'third'", 'odd_column must be one of "last", "first", "none"; got'),
        ("[triplets]\nfile = 'x'\nchoice_base = true", "triplets.choice_base must be one of 0, 1; got True"),
        ("[triplets]\nfile = 'x'\ntask = 'guess'", 'task must be one of "odd-one-out", "anchored"; got'),
        ("[triplets]\nfile = 'x'\nanchor = 2", 'anchor must be one of "first", "last"; got 2'),
        ("[judgments]\nfile = 'x'\nkind = 'distance'", 'kind must be one of "dissimilarity", "similarity"; got'),
        ("[names]\nfile = 'x'\norder = 'abc'", 'order must be one of "sorted", "raw", "folders"; got'),
        ('[triplets."a::b"]\nfile = "x"', "triplets must have keys that are printable and without '::'"),
        ('[triplets.""]\nfile = "x"', "triplets must have keys that are printable"),
        ("dataset = ['things']", r"dataset must be text; got \['things'\]"),
        ('names = "a\\u0000b"', "text must not hold NUL"),
        ("names = 'x'\ncode = '__import__(\"os\").system(\"touch pwned\")'", "has a key 'code'"),
    ],
)
def test_what_is_wrong_with_it_is_one_line(tmp_path, toml, told, message_of):
    folder = tmp_path / "mine"
    folder.mkdir()
    (tmp_path / "out.txt").write_text("secret\n")
    os.symlink(tmp_path / "out.txt", folder / "link.txt")
    (folder / "dataset.toml").write_text(toml)
    for path in (f"dataset:{folder}", str(folder / "dataset.toml")):
        assert re.search(told, message_of(read_names, path))
    assert sorted(os.listdir(folder)) == ["dataset.toml", "link.txt"]


def test_names_of_another_number_are_refused(folder, message_of):
    (folder / "names.txt").write_text("a\nb\n")
    assert "is of 12 objects, and there are 2 names" in message_of(load_embeddings, f"dataset:{folder}")
    assert "has no dataset.toml" in message_of(load_embeddings, f"dataset:{folder}/pictures")


def test_the_example_of_the_page_is_read(tmp_path):
    page = (Path(__file__).resolve().parents[2] / "docs/datasets.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        (tmp_path / "dataset.toml").write_text(example)
        assert load_dataset(str(tmp_path)).parts
    (tmp_path / "dataset.toml").write_text(examples[0])
    assert load_dataset(str(tmp_path)).parts["triplets"] == ("main", "pairs")


def test_python_3_10_reads_toml_by_a_package_and_says_what_to_install(folder, monkeypatch):
    pytest.importorskip("tomli", reason="tomli is not installed")
    monkeypatch.setitem(sys.modules, "tomllib", None)
    assert load_rdms(f"dataset:{folder}").n == 12
    monkeypatch.setitem(sys.modules, "tomli", None)
    with pytest.raises(MissingExtraError, match=r": pip install .*\btomli\b"):
        load_rdms(f"dataset:{folder}")
