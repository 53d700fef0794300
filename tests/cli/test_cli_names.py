"""Rows and items are matched by name on the command line, with the real triplets of THINGS."""

from __future__ import annotations

import json

import numpy as np
import pytest

CHANCE = "the accuracy is not above chance (33.3%): is the order of rows right?"


@pytest.fixture(scope="module")
def files(data, tmp_path_factory):
    """A folder with CLIP in its own order (npy), in another with names (csv and npz), and item names; these names."""
    folder, source = tmp_path_factory.mktemp("things"), data / "things"
    clip = np.load(source / "clip_vit_b32.npy")
    names = (source / "unique_id.txt").read_text().split()
    order = np.random.default_rng(0).permutation(len(names))
    turned = [names[k] for k in order]
    np.save(folder / "clip.npy", clip)
    np.savez(folder / "named.npz", features=clip[order], names=np.array(turned))
    with open(folder / "named.csv", "w") as file:
        for name, row in zip(turned, clip[order].tolist(), strict=True):
            file.write(name + "," + ",".join(map(repr, row)) + "\n")
    np.savez(folder / "files.npz", features=clip[order], names=np.array([f"{name}/{name}_01b.jpg" for name in turned]))
    np.save(folder / "t.npy", np.load(source / "human_triplets_127304.npy")[:, :3])
    (folder / "ids.txt").write_text("\n".join(names) + "\n")
    return folder, turned


@pytest.fixture
def things(files, tmp_path, monkeypatch):
    """The working folder, with links to these files; the names in the order of their rows."""
    folder, names = files
    for path in folder.iterdir():
        (tmp_path / path.name).unlink(missing_ok=True)  # one of the folder of other tests
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return names


@pytest.fixture
def scored(command, things):
    """``scored(file, ...)``: accuracies in percent, and the notes."""

    def run(*args):
        ran = command("score", *args, "-t", "t.npy", "--json", "--quiet")
        assert (ran.code, ran.err) == (0, "")
        document = json.loads(ran.out)
        return [round(100 * row["accuracy"], 3) for row in document["results"]], document.get("notes", [])

    return run


@pytest.mark.parametrize("file", ["named.csv", "named.npz"])
def test_rows_in_another_order_are_chance_and_said_to_be_an_assumption(scored, things, file):
    (accuracy,), notes = scored(file)
    assert 32.9 < accuracy < 33.7
    assert notes == [
        f"item numbers are taken as row numbers of {file} ({', '.join(things[:3])}, ...), since nothing "
        "says which items they stand for: load_triplets(..., item_names=names)",
        f"{file}: {CHANCE}",
    ]


@pytest.mark.parametrize("file", ["named.csv", "named.npz"])
def test_names_put_rows_in_order_and_that_is_said(scored, file):
    accuracies, notes = scored(file, "--names", "ids.txt")
    assert accuracies == [50.469]
    assert f"{file}: rows are put in the order of the names that were given" in notes
    assert not [note for note in notes if CHANCE in note]


@pytest.mark.parametrize("file", ["named.csv", "named.npz", "clip.npy"])
def test_item_names_find_the_rows(scored, file):
    accuracies, notes = scored(file, "--item-names", "ids.txt")
    assert accuracies == [50.469]
    assumed = "rows of clip.npy have no names: they are taken to be in the order of the named items"
    assert notes == ([assumed] if file == "clip.npy" else [])


def test_item_names_find_rows_that_are_called_after_files(scored, things):
    accuracies, notes = scored("files.npz", "--item-names", "ids.txt")
    assert accuracies == [50.469]
    assert notes == ["items are found by the stems of the rows' names: 'aardvark' is 'aardvark/aardvark_01b.jpg'"]


def test_several_embeddings_are_aligned_by_name(scored):
    accuracies, notes = scored("named.csv", "clip.npy", "files.npz", "--item-names", "ids.txt")
    assert accuracies == [50.469] * 3
    assert len(notes) == 2


def test_other_names_are_one_line_with_the_first_difference(command, things, tmp_path):
    names = (tmp_path / "ids.txt").read_text().split()
    names[7] = "unicorn"
    (tmp_path / "other.txt").write_text("\n".join(names) + "\n")
    ran = command("score", "named.npz", "-t", "t.npy", "--names", "other.txt")
    first = next(k for k, (a, b) in enumerate(zip(things, names, strict=True)) if a != b)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        f"pyalign score: error: named.npz: names must be those that the rows have; row {first} is {things[first]!r}, "
        f"not {names[first]!r}, and no row is named 'unicorn'\n"
    )


def test_compare_of_the_same_rows_in_two_orders_finds_no_difference(command, things):
    args = ("compare", "named.csv", "clip.npy", "-t", "t.npy", "--item-names", "ids.txt")
    ran = command(*args, "--json", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    document = json.loads(ran.out)
    assert [round(100 * model["accuracy"], 3) for model in document["models"]] == [50.469, 50.469]
    (pair,) = document["pairs"]
    assert (pair["difference"], pair["ci"]) == (0, [0, 0])


def test_notes_are_on_stderr_unless_quiet(command, things):
    ran = command("score", "named.npz", "-t", "t.npy")
    lines = ran.err.splitlines()
    assert (ran.code, len(lines)) == (0, 2)
    assert all(line.startswith("note: ") for line in lines)
    assert command("score", "named.npz", "-t", "t.npy", "--quiet").err == ""
    assert "note" not in ran.out


def test_an_error_about_names_starts_with_the_file_that_is_wrong(refused, things, tmp_path):
    (tmp_path / "few.txt").write_text("ant\nbee\n")
    on = ("-t", "t.npy", "--ci", "none")
    assert refused("score", "clip.npy", *on, "--names", "few.txt").startswith("clip.npy: names must be one for each of")
    x = np.load("named.npz")
    np.savez("twice.npz", features=x["features"][[0, *range(1854)]], names=x["names"][[0, *range(1854)]])
    message = refused("score", "twice.npz", *on, "--item-names", "ids.txt")
    assert message.startswith(f"twice.npz: row names must differ; {things[0]!r} occurs") and "--per-object" in message
    np.savez("capitals.npz", features=x["features"], names=np.char.upper(x["names"]))
    message = refused("score", "capitals.npz", *on, "--item-names", "ids.txt")
    assert message.startswith("capitals.npz: no row is named") and "'aardvark' may be 'AARDVARK'" in message
    assert "--missing" not in message
