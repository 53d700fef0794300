"""Every option that reads a file, as `pyalign commands --json` tells of them, in a command that is otherwise sound.

A new option enters by itself: of the sound files of `World` it gets the first with which its command ends well. One of
which a command needs more words than the names of required files has them in `WORDS`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

sys.path.append(str(Path(__file__).parent.parent))
from small_study import write_inputs

import pyalign
import pyalign.cli

SLOWEST = 120  # seconds of a command, also on a busy machine
# The names of sound files by the argument that they are for; those of other arguments are tried, in this order.
FILES = {
    "embeddings": "a.npy b.npy", "triplets": "t.npy", "names": "names.txt", "item_names": "names.txt",
    "categories": "kinds.txt", "dimensions": "dimensions.npy", "dimension_labels": "labels.txt", "human": "rdm.npy",
    "transform": "w.npz", "maps": "w.npz v.npz", "answers": "answers.npy", "weights": "weights.txt",
    "subjects": "people.txt", "groups": "people.txt", "model_choices": "probabilities.npy", "ceiling": "ceiling.json",
    "temperature": "temperatures.json::model/module", "matrix": "rdm.npy",
    "on": "t.npy",
    "levels": "kinds.txt coarse.txt", "queries": "a.npy", "against": "a.npy", "other_embeddings": "a.npy",
    "pilot": "compare.json", "result": "compare.json", "results": "compare.json", "metadata": "models.csv",
    "images": "photos.tar", "text": "names.txt", "checkpoint": "w.pth", "file": "study.toml", "files": "a.npy",
    "index": "found/neighbors.index", "lists": "asked.csv", "merge": "part1 part2", "": "u.npz",
}
# What commands, and options of some, take beside the files that are required; after "-" instead of these too. The
# option's files stand at {}, or at the end.
WORDS = {
    "score --matrix": "--kind dissimilarity", "score --temperature": "--measure dot",
    "compare --matrix": "--kind dissimilarity", "compare --temperature": "--measure dot",
    "calibrate --temperature": "--measure dot", "failures --temperature": "--measure dot",
    "calibrate --answers": "- a.npy -t t.npy", "recover": "--simulations 2 --count 50",
    "plan experiment --subjects": "- a.npy b.npy -t t.npy --difference 0.03",
    "plan experiment --triplets": "- a.npy b.npy --difference 0.03",
    "plan experiment": "- a.npy b.npy -t t.npy --subjects people.txt --difference 0.03",
    "plan experiment --embeddings": "- -t t.npy --subjects people.txt --difference 0.03",
    "plan experiment --pilot": "- --difference 0.03", "metadata RESULT": "--metadata models.csv",
    "concepts": "--categories kinds.txt", "concepts --categories": "", "concepts --levels": "",
    "concepts --dimensions": "", "concepts --dimension-labels": "--dimensions dimensions.npy",
    "concepts --temperature": "--categories kinds.txt --measure dot",
    "concepts --images": "--dimensions dimensions.npy --out o --figures svg",
    "dimensions predict --item-names": "-t t.npy", "dimensions predict --subjects": "-t t.npy",
    "embed": "--n-dimensions 2 --penalty 0.001 --folds 2",
    "neighbors search --images": "--names names.txt --query object-0 --out o --figures svg",
    "neighbors objects --dimension-labels": "--dimensions dimensions.npy",
    "consistency --dimension-labels": "--dimensions dimensions.npy",
    "rsa": "a.npy --kind dissimilarity", "rsa --embeddings": "--kind dissimilarity",
    "rsa --categories": "a.npy --kind dissimilarity --out o --figures none",
    "rsa --images": "a.npy --kind dissimilarity --out o --figures svg",
    "transfer --item-names": "--on t.npy",
    "probe": "--folds 2 --penalty 0.1", "export": "--out o.csv", "report": "--out o.html",
    "extract": "--model pixels:4 --images photos.tar --out o", "extract --images": "--model pixels:4 --out o",
    "extract --text": "--model module:mine.py:letters --out o", "extract --merge": "--out o",
    "extract --checkpoint": "--model module:mine.py:net --images photos.tar --out o",
    "models layers": "module:mine.py:net", "describe": "- t.npy --out mine.toml", "describe FILES": "",
    "describe --dimension-labels": "- a.npy --out mine.toml",
    "triplets draw": "a.npy --count 9 --out o.npy", "triplets draw --embeddings": "--count 9 --out o.npy",
    "triplets draw --matrix": "--kind dissimilarity --count 9 --out o.npy",
    "plan triplets": "-n 9 --out o.csv", "triplets simulate": "f --count 50 --n-objects 9",
    "triplets collect": "--out o.csv", "triplets collect --lists": "- asked.csv --out o.csv",
    "study run": "--out o", "study step": "{} ceiling --out o", "study finish": "--out done",
    "study export": "--engine json --out o",
    "plot": "--chart map --embeddings a.npy --out o.html", "plot --embeddings": "--chart map --out o.html",
    "plot RESULT": "--out o.html", "plot --dimensions": "--chart cards --out o.html",
    **dict.fromkeys(("plot --dimension-labels", "plot --triplets", "plot --images"),
                    "--chart cards --dimensions dimensions.npy --out o.html"),
}
# Packages, by the names of options and commands.
NEEDED = {
    "checkpoint": "torch",
    "text": "torch",
    "index": "faiss",
    "images": "altair",
    "plot": "altair",
    "report": "altair",
}
MINE = """
import numpy as np

def letters():
    from pyalign.extraction._pixels import Pixels
    from pyalign.extraction.encoder import Weights

    class Letters(Pixels):
        def prepare(self, text):
            return np.full((1, 1, 3), len(text), np.uint8)
    return Letters("letters", Weights("none", None), {}, {}, modality="texts", side=1)

def net():
    import torch
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 4), torch.nn.Linear(4, 2))
    return net, lambda image: torch.from_numpy(np.array(image.resize((4, 4)), np.float32).transpose(2, 0, 1))
"""


class Ran(NamedTuple):
    """What a command left: exit code, stdout, stderr, and what of the folder it changed."""

    code: int
    out: str
    err: str
    changed: tuple[str, ...]


def called(*words):
    """Exit code, stdout and stderr of a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = pyalign.cli.main(words)
        except SystemExit as stop:
            code = stop.code
    return code, out.getvalue(), err.getvalue()


def inputs():
    """(command, option) of role "input", as the command describes itself, by names such as "score --triplets"."""
    code, out, err = called("commands", "--json")
    assert (code, err) == (0, "")
    pairs = [(one, told) for one in json.loads(out)["commands"] for told in one["options"] if told["role"] == "input"]
    return {name_of(one, told): (one, told) for one, told in pairs}


def name_of(command, option):
    return f"{command['name']} {option['flags'][-1] if option['flags'] else option['name'].upper()}"


class World:
    """A folder with a sound file for every option, in which commands are run. folder: an empty one."""

    def __init__(self, folder):
        self.inputs, self._words, self._kept = inputs(), {}, f"{folder}-kept"
        os.chdir(folder)
        write_inputs(Path())
        write_more()
        shutil.copytree(".", self._kept)
        self.accept()

    def names(self):
        """The options of what is installed."""
        missing = {name for name, package in NEEDED.items() if not find_spec(package)}
        return [name for name, (one, told) in self.inputs.items() if missing.isdisjoint({one["name"], told["name"]})]

    def accept(self):
        """What stands in the folder now is what stands there before each command."""
        self._before = listed()

    def run(self, *words):
        """What comes of the command; afterwards the folder is as it was."""
        signal.setitimer(signal.ITIMER_REAL, SLOWEST)
        try:
            code, out, err = called(*words)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        after = listed()
        changed = [name for name in {**after, **self._before} if after.get(name) != self._before.get(name)]
        for name in changed:
            self._restore(Path(name))
        self._before = listed() if changed else after
        return Ran(code, out, err, tuple(changed))

    def _restore(self, path):
        kept = Path(self._kept, path)
        for there, remove in ((path.is_dir(), shutil.rmtree), (os.path.isfile(path), os.unlink)):
            if there:
                remove(path)
        if kept.exists():
            (shutil.copytree if kept.is_dir() else shutil.copy)(kept, path)

    def words(self, name, *files):
        """A sound command, which ends well with sound files for the option, that takes these instead.

        Raises AssertionError where there is no such command.
        """
        if name not in self._words:
            self._words[name] = next(self._sound(name), None)
        assert self._words[name], f"no command of tests/fuzz/input_options.py ends well with {name}: {self._said(name)}"
        before, usual, after = self._words[name]
        return (*before, *(files or usual), *after)

    def usual(self, name):
        """The sound files that the option takes in its sound command."""
        self.words(name)
        return self._words[name][1]

    def _sound(self, name):
        before, after = self._around(name)
        for files in candidates(self.inputs[name][1]):
            if self.run(*before, *files, *after).code == 0:
                yield before, files, after

    def _said(self, name):
        before, after = self._around(name)
        words = (*before, *next(candidates(self.inputs[name][1])), *after)
        return f"pyalign {' '.join(words)}\n{self.run(*words).err}"

    def _around(self, name):
        """The words before the files of an option, and those behind."""
        command, option = self.inputs[name]
        words, required = WORDS.get(name, WORDS.get(command["name"], "")), []
        if not words.startswith("- "):
            for told in command["options"]:
                if told["required"] and told["role"] == "input" and told is not option:
                    required += [*told["flags"][-1:], *next(candidates(told))]
        before, _, after = words.removeprefix("- ").partition("{}")
        return (*command["name"].split(), *required, *before.split(), *option["flags"][-1:]), tuple(after.split())


def listed():
    """The times of what the folder holds, but for what Python itself keeps of a user's module."""
    entries = [entry for entry in os.scandir() if entry.name != "__pycache__"]
    return {entry.name: entry.stat(follow_symlinks=False).st_mtime_ns for entry in entries}


def candidates(option):
    """Names of sound files for an option, the likely ones first; one of several likewise."""
    for files in dict.fromkeys((FILES.get(option["name"], ""), *FILES.values())):
        for count in range(len(files.split()) if option["many"] else 1, 0, -1):
            yield files.split()[:count]


def write_more():
    """What `write_inputs` has not written."""
    x = np.load("a.npy")
    y = x + np.random.default_rng(1).normal(size=x.shape) / 9
    t = np.loadtxt("t.csv", int, delimiter=",", skiprows=1, usecols=(0, 1, 2))
    n, rng = len(x), np.random.default_rng(0)
    arrays = {"t": t, "answers": rng.integers(1, 5, t.shape), "dimensions": np.abs(x),
              "probabilities": rng.dirichlet((1, 1, 4), len(t)),
              "b": y, "rdm": 1 - np.corrcoef(x), "rdms": 1 - np.corrcoef(y)}
    for name, array in arrays.items():
        np.save(f"{name}.npy", array)
    lines = {"labels": "abcde", "weights": ["1.5"] * len(t), "people": [f"p{k % 5}" for k in range(len(t))],
             "coarse": ["uuv"[k % 3] for k in range(n)]}
    for name, held in lines.items():
        Path(f"{name}.txt").write_text("".join(f"{line}\n" for line in held))
    Path("asked.csv").write_text("subject,trial,item1,item2,item3,odd\nann,1,cat,dog,car,car\n")
    Path("models.csv").write_text("model,family,parameters\na.npy,x,10\nb.npy,y,20\n")
    Path("study.toml").write_text(Path("small.toml").read_text().partition("[steps")[0] + "[steps.ceiling]\n")
    Path("mine.py").write_text(MINE)
    for name, d in (("w", 5), ("v", 5), ("u", 48)):
        pyalign.write_transform(f"{name}.npz", pyalign.Transform(np.eye(d), None, 0.0, 1.0))
    Path("temperatures.json").write_text('{"model": {"module": {"temperature": 2.0}}}')
    with tarfile.open("photos.tar", "w") as archive:
        for k in range(n):
            file = io.BytesIO()
            Image.new("RGB", (4, 4), (9 * k, 0, 0)).save(file, "png")
            told = tarfile.TarInfo(f"object-{k}.png")
            told.size = len(file.getvalue())
            archive.addfile(told, io.BytesIO(file.getvalue()))
    people = ("-t", "t.npy", "--subjects", "people.txt", "--quiet")
    made = [called("compare", "a.npy", "b.npy", *people, "--json", "compare.json"),
            called("ceiling", *people, "--json", "ceiling.json"),
            called("study", "run", "study.toml", "--out", "done", "--quiet")]
    pixels = ("extract", "--model", "pixels:2", "--images", "photos.tar")
    made += [called(*pixels, "--shards", f"{k}/2", "--out", f"part{k}") for k in (1, 2)]
    if find_spec("faiss"):
        made.append(called("neighbors", "search", "a.npy", "--index", "flat", "--out", "found"))
    if find_spec("torch"):
        import torch

        shapes = {"1.weight": (4, 48), "1.bias": (4,), "2.weight": (2, 4), "2.bias": (2,)}
        torch.save({name: torch.ones(shape) for name, shape in shapes.items()}, "w.pth")
    assert all(code == 0 for code, *_ in made), made
