"""Studies know published models and published maps by their names."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pyalign

STUDY = """\
title = "Published"
names = "names.txt"
{metadata}
[models]
resnet50 = "a.npy"
vgg16 = "b.npy"
alexnet = "c.npy"

[triplets]
file = "t.csv"
subject_column = "subject"

[steps.compare]
"""


def run(folder, metadata=""):
    np.save(folder / "c.npy", np.load(folder / "a.npy") ** 3)
    (folder / "study.toml").write_text(STUDY.format(metadata=metadata))
    study = pyalign.run_study("study.toml", "out")
    assert [step.status for step in study.steps] == ["finished"] * len(study.steps)
    return (folder / "out" / "report.html").read_text()


@pytest.mark.slow
def test_a_study_without_a_table_has_what_pyalign_knows_of_its_models(folder):
    page = run(folder)
    assert "vgg16 (torchvision:vgg16/IMAGENET1K_V1)" in page and "138,357,544" in page


def test_rows_of_the_table_of_a_study_come_first(folder):
    (folder / "models.csv").write_text("model,family,parameters\nvgg16,Mine,1234567\n")
    page = run(folder, 'metadata = "models.csv"\n')
    assert "1,234,567" in page and "138,357,544" not in page and "alexnet (torchvision:alexnet/IMAGENET1K_V1)" in page


def test_a_step_takes_a_published_map(folder, monkeypatch):
    monkeypatch.setenv("PYALIGN_DATA", str(folder / "data"))
    (folder / "data" / "glocal").mkdir(parents=True)
    pyalign.write_transform(folder / "data/glocal/clip_RN50.npz", pyalign.Transform(np.eye(5)[:, ::-1], None, 0.0, 2.0))
    text = (
        STUDY.format(metadata="").partition("vgg16")[0]
        + '\n[triplets]\nfile = "t.csv"\nsubject_column = "subject"\n\n[steps.score]\n'
    )
    (folder / "study.toml").write_text(f'{text}transform = "glocal:clip_RN50"\n')
    study = pyalign.run_study("study.toml", "out")
    assert study.steps[0].status == "finished", study.steps[0].reason
    (row,) = json.loads((folder / "out" / study.steps[0].document).read_text())["results"]
    assert row["transform"] == "glocal:clip_RN50"
