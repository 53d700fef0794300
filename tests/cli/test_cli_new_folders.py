"""The folders of outputs are made where they are missing: when something is written, and by no run that fails."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest
from small_study import write_inputs
from support import reals

import pyalign
from pyalign.cli import COMMANDS, load, main
from pyalign.cli._command import declared, flag_of
from pyalign.io.write import Files

RUNS = (  # commands that write, their arguments without outputs, and the outputs that these arguments go with
    ("score", "x.npy -t t.npy", "choices probabilities json csv latex"),
    ("compare", "x.npy y.npy -t t.npy", "json csv latex"),
    ("ceiling", "-t t.npy --answers counts.npy", "json csv latex"),
    ("calibrate", "x.npy -t t.npy", "json csv latex"),
    ("failures", "x.npy y.npy -t t.npy", "out json csv latex"),
    ("consistency", "x.npy y.npy -t t.npy", "json csv latex"),
    ("concepts", "x.npy -t t.npy --dimensions human.npy --figures none --ci none", "out json csv latex"),
    ("dimensions predict", "x.npy --dimensions human.npy --figures none", "out json csv latex"),
    ("rsa", "x.npy --human rdm.npy --kind similarity --figures none", "out json csv latex"),
    ("cka", "x.npy y.npy --permutations 5", "json csv latex"),
    ("neighbors search", "x.npy --query y.npy --index flat --figures none", "out json csv latex"),
    ("neighbors objects", "x.npy y.npy --human y.npy --permutations 0", "out json csv latex"),
    ("probe", "x.npy -t t.npy --penalty 1 --folds 2", "out json csv latex"),
    ("embed", "-t t.npy --penalty 0.001 --folds 2 --figures none", "out json csv latex"),
    ("recover", "x.npy y.npy -t t.npy --simulations 2", "json csv latex"),
    ("transfer", "x.npy --transform map.npz --on t.npy -k 3 --ci none", "json csv latex"),
    ("metadata", "compare.json --metadata models.csv", "json csv latex"),
    ("plot", "compare.json", "out csv"),
    ("report", "compare.json", "out json"),
    ("study init", "study", "out"),
    ("study run", "study/small.toml --only score", "out"),
    ("study export", "study/small.toml --engine json", "out"),
    ("export", "E", "out"),
    ("triplets draw", "x.npy --count 50 --temperature 1", "out probabilities json csv latex"),
    ("triplets collect", "answers.csv --lists answers.csv", "out"),
    ("plan experiment", "--pilot compare.json --difference 0.1", "json csv latex"),
    ("plan triplets", "x.npy y.npy -n 50", "out json"),
    ("describe", "t.npy", "json csv latex"),
    ("extract", "--images images --model pixels:4", "out"),
    ("models list", "", "json csv latex"),
    ("models layers", "pixels:4", "json csv latex"),
    ("commands", "", "json"),
    ("info", "", "json"),
    ("datasets list", "things", "json csv latex"),
    ("datasets fetch", "sample --folder demo", "json csv latex"),
    ("triplets simulate", "--n-objects 20 --count 50", "folder"),
)
# the longest; whose folder is that of `study run`, tested in tests/study
ELSEWHERE = ("tour", "study units", "study step", "study finish")
SUFFIXES = {"json": ".json", "csv": ".csv", "latex": ".tex", "choices": ".npy", "probabilities": ".npy"}
OUT = {
    "failures": ".csv", "neighbors objects": ".csv", "probe": ".npz", "plot": ".svg",
    "report": ".html", "study init": ".toml", "export": ".npz", "triplets draw": ".npy",
    "plan triplets": ".csv", "triplets collect": ".csv",
}


WRITTEN = ("output", "folder")


def outputs_of(name):
    """The flag of each output of a command, by the name of its option; none of what stands by itself."""
    if name == "triplets simulate":
        return {"folder": ""}
    return {one.name: flag_of(one, told) for one, told in declared(load(name).options) if told.role in WRITTEN}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a file for each argument of `RUNS`."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    pytest.importorskip("vl_convert", reason="vl-convert is not installed")
    folder = tmp_path_factory.mktemp("inputs")
    x = reals(1, 30, 6)
    triplets = pyalign.sample_triplets(x, 400, temperature=0.3, seed=0)
    np.save(folder / "x.npy", x)
    np.save(folder / "t.npy", triplets)
    np.save(folder / "y.npy", x + reals(3, 30, 6))
    np.save(folder / "human.npy", np.abs(reals(4, 30, 3)))
    np.save(folder / "rdm.npy", np.corrcoef(reals(5, 30, 6)))
    np.save(folder / "counts.npy", np.random.default_rng(6).integers(1, 6, (len(triplets), 3)))
    (folder / "categories.txt").write_text("animal\nfood\ntool\n" * 10)
    pyalign.write_transform(folder / "map.npz", pyalign.Transform(np.eye(6), np.zeros(6), 0.0, 1.0))
    models = [str(folder / "x.npy"), str(folder / "y.npy")]
    assert main(["compare", *models, "-t", str(folder / "t.npy"), "--json", str(folder / "compare.json")]) == 0
    (folder / "models.csv").write_text("model,parameters\nx,1\ny,2\n")
    (folder / "answers.csv").write_text("subject,trial,item1,item2,item3,odd\nann,1,cat,dog,car,car\n")
    (folder / "study").mkdir()
    write_inputs(folder / "study")
    (folder / "images").mkdir()
    for name in ("red", "green"):
        image.new("RGB", (8, 8), name).save(folder / "images" / f"{name}.png")
    pyalign.extract("pixels:4", folder / "images", out=folder / "E")
    return folder


def run(command, folder, name, arguments, outputs):
    """The command, with its outputs below `folder`, each in folders of its own."""
    suffixes, flags = {**SUFFIXES, "out": OUT.get(name, "")}, outputs_of(name)
    targets = {option: folder / option / "deep" / f"file{suffixes.get(option, '')}" for option in outputs.split()}
    given = [word for option, target in targets.items() for word in (flags[option], target) if word]
    return command(*name.split(), *arguments.split(), *given), targets.values()


@pytest.mark.parametrize(("name", "arguments", "outputs"), RUNS, ids=[f"{run[0]}: {run[2]}" for run in RUNS])
def test_the_folders_of_outputs_are_made(command, inputs, monkeypatch, tmp_path, name, arguments, outputs):
    monkeypatch.chdir(inputs)
    ran, targets = run(command, tmp_path, name, arguments, outputs)
    assert ran.code == 0, ran.err
    assert all(target.exists() for target in targets)


def test_no_output_of_a_command_is_forgotten():
    tried = {(name, option) for name, _, outputs in RUNS for option in outputs.split()}
    every = {(name, option) for name in COMMANDS if name not in ELSEWHERE for option in outputs_of(name)}
    assert tried == every - {("describe", "out")}  # which stands in the folder of the files that it names


READING = [run for run in RUNS if re.search(r"\.[a-z]", run[1]) or run[0] in ("study init", "export", "extract")]


@pytest.mark.parametrize(("name", "arguments", "outputs"), READING, ids=[f"{run[0]}: {run[2]}" for run in READING])
def test_a_run_without_its_inputs_leaves_no_folder(command, monkeypatch, tmp_path, name, arguments, outputs):
    monkeypatch.chdir(tmp_path)
    ran, _ = run(command, tmp_path, name, arguments, outputs)
    assert (ran.code, ran.out) == (1, "")
    assert os.listdir(tmp_path) == []


def test_an_input_that_changes_meanwhile_leaves_no_folder(command, folder, monkeypatch):
    """The outputs lie in their new folder already when that is seen."""
    add = Files.add

    def changed(self, path, content, hashed=False):
        np.save("x.npy", np.zeros((3, 2)))
        return add(self, path, content, hashed)

    monkeypatch.setattr(Files, "add", changed)
    ran = command("score", "x.npy", "-t", "t.npy", "--json", "new/deep/score.json")
    assert ran.code == 1 and "x.npy" in ran.err
    assert sorted(os.listdir(folder)) == ["t.npy", "x.npy"]


def test_a_place_below_a_file_is_refused_before_the_work(refused, folder):
    (folder / "file").write_text("")
    for place in ("file/s.json", "file/new/deep/s.json"):
        assert refused("score", "none.npy", "-t", "t.npy", "--json", place) == f"{place}: Not a directory"
