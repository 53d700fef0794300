"""Study files that are drafted from a folder: each file is looked into, and what was guessed is said."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

import pyalign
from pyalign.errors import InputError
from pyalign.study.file import read_study
from pyalign.study.preset import draft_study


def test_a_draft_runs_as_it_stands(folder):
    draft = draft_study(".")
    Path("study.toml").write_text(draft.text)
    study = pyalign.run_study("study.toml", "out")
    assert not study.failed
    assert [step.name for step in study.steps][:4] == ["score", "compare", "ceiling", "calibrate"]
    assert draft.models == {"a": {"file": "a.npy"}, "b": {"file": "b.npy"}}
    told = {"file": "t.csv", "columns": ["one", "two", "odd"], "subject_column": "subject"}
    assert draft.sets["triplets"] == {"": [told]}
    assert draft.sets["categories"] == {"": [{"file": "kinds.txt"}]}
    assert draft.names == "names.txt" and not draft.unknown


def test_weights_of_a_design_are_drafted_and_steps_without_a_use_for_them_are_not(folder):
    answers = pyalign.load_triplets("t.csv", columns=("one", "two", "odd"), subject_column="subject").values
    rows = [f"{i},{j},{k},{1 + i % 2},1.0" for i, j, k in answers.tolist()]
    Path("t.csv").write_text("\n".join(["item1,item2,odd,weight,covered", *rows]))
    draft = draft_study(".")
    assert draft.sets["triplets"][""][0]["weight_column"] == "weight"
    Path("study.toml").write_text(draft.text)
    study = pyalign.run_study("study.toml", "out")
    assert not study.failed and {"score", "compare"} <= {step.name for step in study.steps}
    assert pyalign.load_result("out/steps/score.json").results[0].effective_answers < len(answers)


def test_finds_what_belongs_together_by_its_size(folder):
    np.save("spose_6d.npy", np.random.default_rng(0).random((24, 6)))
    Path("six.txt").write_text("".join(f"dim-{k}\n" for k in range(6)))
    np.save("few.npy", np.random.default_rng(2).normal(size=(9, 2)))
    rdm = np.random.default_rng(1).random((24, 24))
    np.save("rdm.npy", (rdm + rdm.T) * (1 - np.eye(24)))
    np.save("other.npy", (rdm + rdm.T)[:9, :9] * (1 - np.eye(9)))
    Path("models.csv").write_text("model,family\na,one\nb,two\n")
    draft = draft_study(".")
    assert draft.sets["dimensions"] == {"": [{"file": "spose_6d.npy", "labels": "six.txt"}]}
    assert draft.sets["human"] == {"": [{"file": "rdm.npy", "kind": "dissimilarity"}]}
    assert draft.metadata == "models.csv"
    assert [one.partition(":")[0] for one in draft.unknown] == ["few.npy", "other.npy"]
    Path("study.toml").write_text(draft.text)
    assert "rsa" in {step.analysis.name for step in read_study("study.toml").steps}


def test_the_richer_of_several_triplets_comes_first_and_others_stand_beside_it(folder):
    np.save("many.npy", np.stack([np.random.default_rng(k).permutation(24)[:3] for k in range(900)]))
    draft = draft_study(".")
    assert [one["file"] for one in draft.sets["triplets"][""]] == ["t.csv", "many.npy"]
    assert '# or: file = "many.npy"' in draft.text


def test_steps_follow_what_there_is(folder):
    """Without who answered no ceiling, without triplets only what needs none; with images alone a model to extract."""
    def steps():
        Path("study.toml").write_text(draft_study(".").text)
        return [step.name for step in read_study("study.toml").steps]

    assert steps() == ["score", "compare", "ceiling", "calibrate", "concepts", "consistency", "failures", "cka"]
    np.save("t.npy", pyalign.load_triplets("t.csv", columns=("one", "two", "odd")).values)
    Path("t.csv").unlink()
    assert steps() == ["score", "compare", "calibrate", "concepts", "consistency", "failures", "cka"]
    Path("kinds.txt").unlink()
    assert steps() == ["score", "compare", "calibrate", "consistency", "failures", "cka"]
    Path("b.npy").unlink()
    assert steps() == ["score", "calibrate", "failures"]
    image = pytest.importorskip("PIL.Image")
    Path("photos").mkdir()
    for k in range(3):
        image.new("RGB", (4, 4), (70 * k, 9, 33 * k)).save(f"photos/{k}.png")
    Path("a.npy").unlink()
    assert steps() == ["score", "calibrate", "failures"]
    assert [model.extract for model in read_study("study.toml").models.values()] == ["efficientnet-lite:0"]


def test_of_several_files_of_categories_the_first_is_taken_and_the_others_are_said(folder):
    Path("later.txt").write_text("p\nq\n" * 12)
    for preset in (None, "human-alignment"):
        draft = draft_study(".", preset=preset)
        assert "later.txt: categories are taken from kinds.txt" in draft.unknown
        assert '# or: file = "later.txt"' in draft.text


def test_paths_start_at_the_study_file(folder, tmp_path):
    (tmp_path / "deep").mkdir()
    draft = draft_study(".", "deep")
    assert draft.models["a"] == {"file": "../a.npy"} and draft.names == "../names.txt"


def test_folders_of_images_and_of_extractions_are_one_thing(folder):
    image = pytest.importorskip("PIL.Image")
    for k, name in enumerate(("dog", "cat", "cow", "ant")):
        Path("photos", name).mkdir(parents=True)
        image.new("RGB", (4, 4), (70 * k, 9, 33 * k)).save(f"photos/{name}/1.png")
    pyalign.extract("pixels:1", "photos", out="rows")
    draft = draft_study(".")
    assert draft.images == "photos"
    with tarfile.open("archive.tar", "w") as archive:
        archive.add("photos/dog/1.png")
    assert draft_study(".").images == "archive.tar"
    assert any(one.startswith("rows: embeddings for 4 objects, where most embeddings have 24") for one in draft.unknown)


@pytest.mark.parametrize("name", ["a b.npy", 'q"uote.npy', "\u05d0.npy", "<script>.npy", "a=[b].npy"])
def test_names_of_files_come_back_as_they_are(folder, name):
    Path("a.npy").rename(name)
    Path("study.toml").write_text(draft_study(".").text, encoding="utf-8")
    study = read_study("study.toml")
    assert name in [model.file for model in study.models.values()]


@pytest.mark.parametrize("name", ["a\nb.npy", "a\x7f.npy", "c::d.npy", "bad\udcff.npy", "z\u200b.npy"])
@pytest.mark.parametrize("preset", [None, "human-alignment"])
def test_names_of_files_that_a_study_cannot_hold_are_refused_at_once(folder, name, preset):
    Path("a.npy").rename(name)
    with pytest.raises(InputError) as caught:
        draft_study(".", preset=preset)
    message = str(caught.value)
    assert message == (f".: {name!r}: a file that a study reads must have a printable name without '::'; rename it")


@pytest.mark.parametrize("name", ["notes\n.npy", "c::d.bin"])
def test_names_of_files_that_a_study_does_not_read_do_not_matter(folder, name):
    Path(name).write_bytes(b"junk")
    assert {*draft_study(".").models} == {"a", "b"}


def test_a_folder_without_embeddings_is_one_line(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: holds no embeddings and no images that a study could take"):
        draft_study("empty")


def test_a_pipe_and_folders_that_link_to_one_another_hold_no_draft_up(folder):
    os.mkfifo("pipe.csv")
    for one in ("x", "y"):
        Path(one).mkdir()
        for k in range(40):
            os.symlink(Path("..", "x" if k % 2 else "y"), Path(one, f"z{k}"))
    np.save("x/c.npy", np.load("a.npy"))
    draft = draft_study(".")
    assert {name: entry["file"] for name, entry in draft.models.items()} == {"a": "a.npy", "b": "b.npy", "c": "x/c.npy"}
    assert "pipe.csv: is not a regular file" in [one.partition(" (")[0] for one in draft.unknown]
