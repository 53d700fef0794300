"""--resume of commands that fit goes on with the run that was interrupted, and with no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from planted_dimensions import planted

from pyalign.report.progress import ProgressLine

pytest.importorskip("scipy")
N, T = 24, 900
COMMANDS = {
    "probe": ("probe", "x.npy", "-t", "mine.toml", "--folds", "2", "--repeats", "1", "--split", "triplets",
              "--penalty", "0.05", "--out", "out.npz"),
    "embed": ("embed", "-t", "mine.toml", "--folds", "2", "--penalty", "0.002", "--sparsity", "0.03",
              "--out", "out", "--figures", "none"),
}
OTHER = "left by a run with other data, other options or another version of pyalign; delete it, or run as before"


def describe(weight_column):
    Path("mine.toml").write_text(
        f'names = "n.txt"\n[triplets]\nfile = "t.csv"\ncolumns = [0, 1, 2]\nweight_column = {weight_column}\n'
    )


@pytest.fixture
def interrupted(folder, command, monkeypatch):
    """``interrupted("probe")``: the command is interrupted in its second fold; gives its words."""
    rows, triplets = planted(N, 3, T)
    weights = np.random.default_rng(0).integers(1, 5, (T, 2))
    np.save("x.npy", rows)
    np.savetxt("t.csv", np.c_[triplets, weights], fmt="%d", delimiter=",")
    Path("n.txt").write_text("".join(f"object {k}\n" for k in range(N)))
    describe(3)

    def run(name):
        def stop(self, stage, done, total):
            if stage.startswith("fold 2/2"):
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(ProgressLine, "progress", stop)
            ran = command(*COMMANDS[name])
        assert ran.code == 130 and "finished: fold 1/2" in ran.err, ran.err
        return COMMANDS[name]

    return run


def another_object():
    Path("n.txt").write_text(Path("n.txt").read_text().replace("object 7\n", "object 99\n"))


def another_answer():
    first, *rest = Path("t.csv").read_text().splitlines()
    a, b, c, *weights = first.split(",")
    Path("t.csv").write_text("\n".join([",".join([c, b, a, *weights]), *rest]) + "\n")


CHANGES = {
    "other weights": lambda patch: describe(4),
    "another name": lambda patch: another_object(),
    "another answer": lambda patch: another_answer(),
    "an update": lambda patch: patch.setattr("pyalign.parts.__version__", "99"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", COMMANDS)
def test_resume_refuses_other_data_and_versions_and_goes_on_with_the_same(
    interrupted, refused, command, monkeypatch, name, change
):
    words = interrupted(name)
    journal = Path("out.journal.json").read_bytes()
    with monkeypatch.context() as patch:
        there = {path: Path(path).read_bytes() for path in ("mine.toml", "n.txt", "t.csv")}
        CHANGES[change](patch)
        assert refused(*words, "--resume") == f"--resume: out.journal.json: {OTHER}"
    for path, content in there.items():
        Path(path).write_bytes(content)
    assert Path("out.journal.json").read_bytes() == journal
    ran = command(*words, "--resume")
    assert ran.code == 0, ran.err
    assert not Path("out.journal.json").exists()
