"""Commands that compare rows with answers, and describe, tell of an order of rows that the answers contradict."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pyalign
from pyalign.analysis import notes
from pyalign.datasets import things_rows

N = notes.THINGS


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Rows in the raw order of THINGS, and answers that number the objects by their names."""
    monkeypatch.chdir(tmp_path)
    rng, standing = np.random.default_rng(0), notes._standing("raw")
    x = rng.normal(size=(N, 4)).astype(np.float32)
    moved = rng.choice(np.flatnonzero(standing != np.arange(N)), 900)
    others = np.stack([rng.integers(1200, 1500, 900), rng.integers(1500, N, 900)], axis=1)  # which stay in place
    triplets = np.column_stack([moved, others]).astype(np.int32)
    odd = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[pyalign.odd_one_out(x, triplets)]
    np.save("t.npy", np.repeat(np.take_along_axis(triplets, odd, axis=1), 2, axis=0))
    np.save("x.npy", x[standing])
    np.save("y.npy", rng.normal(size=x.shape))
    (tmp_path / "kinds.txt").write_text("a\nb\nc\n" * (N // 3))
    return tmp_path


def test_describe_tells_which_order_answers_support(data, command, tmp_path, monkeypatch):
    names = (data / "things/unique_id.txt").read_text().split()
    x = np.load(data / "things/vice_42d.npy")
    monkeypatch.chdir(tmp_path)
    np.save("t.npy", np.load(data / "things/human_triplets_127304.npy")[:, :3])
    (tmp_path / "ids.txt").write_text("\n".join(names))
    for rows, verdict in ((x[things_rows("sorted", "raw", names)], "contradict"), (x, "support")):
        np.save("x.npy", rows)
        ran = command("describe", "t.npy", "ids.txt", "x.npy", "--out", f"{verdict}.toml")
        assert ran.code == 0 and f"note: the answers {verdict} the order in which rows of" in ran.err


def test_describe_takes_items_that_have_no_row(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("t.npy", np.array([rng.permutation(2000)[:3] for _ in range(4000)]))
    np.save("x.npy", rng.normal(size=(N, 4)))
    assert command("describe", "t.npy", "x.npy", "--out", "mine.toml").code == 0


CALLS = {
    "score": ("x.npy",),
    "compare": ("x.npy", "y.npy"),
    "calibrate": ("x.npy", "--split", "none"),
    "failures": ("x.npy", "y.npy"),
    "concepts": ("x.npy", "--categories", "kinds.txt"),
    "consistency": ("x.npy", "y.npy"),
    "probe": ("x.npy", "--split", "none", "--penalty", "10"),
    "calibrate, agreement": ("x.npy", "--temperature", 1),
    "plan experiment": ("x.npy", "--difference", "0.05"),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_command_that_compares_rows_with_answers_tells(files, command, name):
    if name in ("calibrate", "probe"):
        pytest.importorskip("scipy", reason="scipy is not installed")
    ran = command(*name.partition(",")[0].split(), *CALLS[name], "-t", "t.npy", "--quiet", "--json")
    assert ran.code == 0 and ran.err == ""
    found = json.dumps(json.loads(ran.out))
    assert "the answers contradict the order in which rows of x.npy are read" in found
