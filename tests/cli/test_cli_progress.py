"""Every long command says where it is, also in a log: one line a minute, in these tests at each call."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from support import reals

from pyalign.datasets.simulate import simulate
from pyalign.report.progress import ProgressLine

BOOTSTRAP = ("-t", "t.npy", "--ci", "objects", "--resamples", 64)
LONG = {
    "score": ("score", "x.npy", *BOOTSTRAP),
    "compare": ("compare", "x.npy", "near.npy", *BOOTSTRAP),
    "recover": ("recover", "x.npy", "near.npy", "-t", "t.npy", "--simulations", 2, "--count", 50),
    "probe": ("probe", "x.npy", "-t", "t.npy", "--penalty", 0.01),
    "rsa": ("rsa", "x.npy", "--human", "rdm.npy", "--kind", "dissimilarity", "--permutations", 9),
    "cka": ("cka", "x.npy", "near.npy", "--permutations", 9),
    "neighbors search": ("neighbors", "search", "x.npy", "-k", 2),
    "extract": ("extract", "--images", "images.h5::images", "--model", "pixels:2", "--out", "e"),
}


@pytest.fixture
def inputs(folder, x):
    """Embeddings x.npy and near.npy, answers t.npy that are like x, judgments rdm.npy, pictures images.h5."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    pytest.importorskip("PIL", reason="pillow is not installed")
    np.save("near.npy", x + 0.1 * reals(5, *x.shape))
    np.save("t.npy", simulate(x, 600, temperature=0.3, seed=3).triplets)
    np.save("rdm.npy", 1 - np.corrcoef(x + reals(6, *x.shape)))
    with h5py.File("images.h5", "w") as file:
        file["images"] = np.zeros((3, 4, 4, 3), np.uint8)


@pytest.mark.parametrize("name", LONG)
def test_a_long_command_tells_a_log_where_it_is(command, inputs, name, monkeypatch):
    monkeypatch.setattr("pyalign.report.progress.ProgressLine", partial(ProgressLine, interval=0))
    ran = command(*LONG[name])
    assert ran.code == 0, ran.err
    assert any(line.startswith("progress after 0 min: ") for line in ran.err.splitlines())


@pytest.mark.parametrize("name", ["score", "recover"])
def test_a_short_run_leaves_no_line_in_a_log(command, inputs, name):
    assert "progress after" not in command(*LONG[name]).err
