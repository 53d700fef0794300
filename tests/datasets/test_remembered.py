"""Folders that data sets were said to lie in: checked first, remembered in the configuration, forgotten when asked."""

from __future__ import annotations

import json
import subprocess
import sys
from threading import Thread

import pytest

import pyalign
from pyalign.datasets import DATASETS, forget_dataset, load_dataset, remember_dataset
from pyalign.datasets.dataset import list_datasets
from pyalign.datasets.places import remember, remembered


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folders of the user's configuration and cache, without PYALIGN_DATA."""
    monkeypatch.delenv("PYALIGN_DATA", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def levels(tmp_path):
    """A folder that holds the one file of `dataset:levels`."""
    folder = tmp_path / "levels"
    folder.mkdir()
    (folder / "levels.npz").write_bytes(b"PK")
    return folder


def test_a_folder_is_remembered_in_the_configuration_and_forgotten(home, levels, monkeypatch):
    monkeypatch.chdir(home)
    assert remember_dataset("levels", "levels").folder == levels  # as an absolute path
    assert json.loads((home / "config/pyalign/folders.json").read_text()) == {"levels": str(levels)}
    assert not (home / "cache").exists()
    assert load_dataset("levels").folder == levels
    assert forget_dataset("levels") == levels
    assert remembered() == {} and forget_dataset("levels") is None


@pytest.mark.parametrize("text", [
    "", "[]", '{"levels": 3}', '{"levels": ""}', '{"levels": "data/levels"}', "[" * 100_000, '{"a": ', "\0",
    '{"levels": "/' + "x" * 1_100_000 + '"}',
])
def test_a_damaged_list_says_which_file_to_mend_or_remove(root, levels, text, message_of):
    path = root / "folders.json"
    root.mkdir()
    path.write_text(text)
    for call in (lambda: forget_dataset("levels"), lambda: remember_dataset("levels", levels), list_datasets):
        told = message_of(call)
        assert told.startswith(f"{path}: ") and told.endswith("; mend this list of folders by hand, or remove it")
    assert path.read_text() == text


def test_the_configuration_lies_at_home_where_nothing_says_otherwise(home, levels, monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(home))
    remember_dataset("levels", levels)
    assert (home / ".config/pyalign/folders.json").exists()


def test_pyalign_data_is_for_the_list_too(root, levels):
    remember_dataset("levels", levels)
    assert json.loads((root / "folders.json").read_text()) == {"levels": str(levels)}


@pytest.mark.parametrize(("make", "told"), [
    (lambda folder: None, "wrong does not exist"),
    (lambda folder: folder.write_text("x"), "is no folder"),
    (lambda folder: folder.mkdir(), "lacks levels.npz; it holds nothing"),
    (lambda folder: (folder.mkdir(), (folder / "other.txt").write_text("x")), "lacks levels.npz; it holds other.txt"),
    (lambda folder: (folder.mkdir(), (folder / "levels.npz").touch()), "levels.npz is empty"),
])
def test_a_wrong_folder_is_one_line_and_is_not_remembered(root, tmp_path, message_of, make, told):
    folder = tmp_path / "wrong"
    make(folder)
    message = message_of(remember_dataset, "levels", folder)
    assert message.startswith("dataset:levels: ") and told in message
    assert remembered() == {}


def test_a_name_that_nothing_could_find_again_is_refused(root, levels, message_of):
    told = message_of(remember_dataset, "./levels", levels)
    assert told == "name must be one without '/', which a path has; got './levels'"
    assert message_of(remember_dataset, "sample", levels).endswith("is read from no other folder")
    assert remembered() == {}


@pytest.mark.parametrize("name", ["a::b", "..", ".", "", " ", " a", "a\n", "a\nb", "a\x1b[1m", "a.toml"])
def test_a_name_that_a_path_cannot_hold_is_refused(root, tmp_path, message_of, name):
    (tmp_path / "dataset.toml").write_text('names = "names.txt"\n')
    (tmp_path / "names.txt").write_text("a\n")
    told = message_of(remember_dataset, name, tmp_path)
    rule = "printable, without '::', '.toml' or a blank at its ends, and other than '.' and '..'"
    assert told == f"name must be {rule}; got {name!r}"
    assert remembered() == {}


@pytest.mark.parametrize("table", ['triplets = "../t.npy"', '[triplets]\nfile = "t.npy"\nsubjects = "../t.npy::who"'])
def test_a_description_that_leads_out_of_its_folder_is_refused(root, tmp_path, message_of, table):
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in (tmp_path / "t.npy", folder / "t.npy"):
        path.write_bytes(b"x")
    (folder / "dataset.toml").write_text(table)
    told = message_of(remember_dataset, "mine", folder)
    assert told == f"dataset:mine: '../t.npy' must be a path in {folder}, that leads out of it nowhere"
    assert remembered() == {}


def test_a_list_with_a_renamed_file_that_has_gone_is_a_list(root, levels):
    (levels / "levels.npz").rename(levels / "l.npz")
    (levels / "dataset.toml").write_text('dataset = "levels"\nfiles = {"levels.npz" = "l.npz"}\n')
    remember_dataset("mine", levels)
    (levels / "l.npz").unlink()
    assert [one.is_here for one in list_datasets().datasets if one.name == "mine"] == [False]


def test_everything_that_is_missing_is_named(root, tmp_path, message_of):
    told = message_of(remember_dataset, "spose66", tmp_path)
    assert "lacks unique_id.txt or things_concepts.tsv, and spose_embedding_66d_sorted.txt; it holds" in told


def test_a_file_that_may_not_be_read_is_named(root, levels, message_of):
    (levels / "levels.npz").chmod(0)
    try:
        open(levels / "levels.npz").close()
        pytest.skip("this user may read every file")
    except PermissionError:
        assert f"{levels / 'levels.npz'}: Permission denied" in message_of(remember_dataset, "levels", levels)


def test_a_published_checksum_is_compared(root, tmp_path, message_of, data):
    published = (data / "things/unique_id.txt").read_bytes()
    (tmp_path / "train_90.npy").write_bytes(b"x")
    (tmp_path / "unique_id.txt").write_bytes(published[:-1] + b"?")
    told = message_of(remember_dataset, "things", tmp_path)
    assert f"{tmp_path / 'unique_id.txt'} has another checksum than was published, sha256:e2e59d02" in told
    assert remembered() == {}
    (tmp_path / "unique_id.txt").write_bytes(published)
    assert remember_dataset("things", tmp_path).folder == tmp_path


def test_the_folder_of_things_may_hold_only_what_lies_there_with_it(root, data):
    assert remember_dataset("things", data / "things").folder == data / "things"
    here = {one.name: one.is_here for one in list_datasets().datasets}
    assert here["spose66"] and here["vice42"] and here["things-concepts"]
    assert not here["things"]  # its answers are not there


def test_a_folder_of_ones_own_needs_the_files_that_it_describes(root, tmp_path, message_of):
    (tmp_path / "dataset.toml").write_text('names = "names.txt"\ntriplets = "t.npy"\n')
    told = message_of(remember_dataset, "mine", tmp_path)
    assert "lacks t.npy, and names.txt; it holds dataset.toml" in told
    for name in ("names.txt", "t.npy"):
        (tmp_path / name).write_bytes(b"x")
    assert remember_dataset("mine", tmp_path).name == "mine"
    assert [one.is_here for one in list_datasets().datasets if one.name == "mine"] == [True]
    (tmp_path / "t.npy").unlink()
    assert [one.is_here for one in list_datasets().datasets if one.name == "mine"] == [False]


def test_a_folder_with_other_files_is_not_here(root):
    (root / "levels").mkdir(parents=True)
    (root / "levels/notes.txt").write_text("x")
    assert not next(one for one in list_datasets().datasets if one.name == "levels").is_here
    assert not pyalign.datasets.dataset.dataset_info("levels").is_here


def test_a_folder_that_has_gone_is_one_line_that_says_how_to_forget_it(root, levels, message_of):
    remember_dataset("levels", levels)
    (levels / "levels.npz").unlink()
    levels.rmdir()
    assert message_of(load_dataset, "levels") == (
        f"dataset:levels: was stored in {levels}, which is no folder any more; "
        'remember_dataset("levels", folder) says where it is stored now, forget_dataset("levels") forgets it'
    )
    forget_dataset("levels")
    assert "get it from https://" in message_of(load_dataset, "levels")


def test_the_name_to_forget_is_that_of_the_folder_in_which_it_lies(root, tmp_path, message_of):
    remember("things", tmp_path / "gone")
    assert 'forget_dataset("things")' in message_of(load_dataset, "spose66")
    remember("mine", tmp_path / "mine")
    assert 'forget_dataset("mine")' in message_of(load_dataset, "mine")


def test_writers_at_once_lose_nothing(root):
    script = (
        "import sys; from pyalign.datasets.places import remember\n"
        "for k in range(10): remember(f'{sys.argv[1]}{k}', '/data')"
    )
    others = [subprocess.Popen([sys.executable, "-c", script, name]) for name in "ab"]
    threads = [Thread(target=lambda name=name: [remember(f"{name}{k}", "/data") for k in range(10)]) for name in "cd"]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [one.wait() for one in others] == [0, 0]
    assert sorted(remembered()) == sorted(f"{name}{k}" for name in "abcd" for k in range(10))


def test_what_is_needed_is_what_the_layout_names():
    for row in DATASETS.values():
        layout = " ".join(name for name, _ in row.layout)
        assert row.name == "sample" or row.needs
        for group in row.needs:
            assert any(name.rsplit("/", 1)[-1] in layout or name.split("/")[0] in layout for name in group), row.name
