"""`pyalign glocal`: the fit of `pyalign.fit_glocal`, in files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign.analysis import probing


@pytest.fixture
def glocal(command, folder, x):
    np.save("i.npy", reals(7, 40, x.shape[1]))

    def run(*options):
        return command(
            "glocal", "--embeddings", "x.npy", "--triplets", "t.npy", "--images", "i.npy", "--out", "w.npz", *options
        )

    return run


OPTIONS = ("--alpha", "0.5", "--tau", "0.2", "--l2", "0.02", "--penalty", "squared", "--bias", "--batch-size", "15")


def test_writes_the_map_of_the_function_and_its_figures(glocal, x, triplets):
    ran = glocal(*OPTIONS, "--batches", "2", "--seed", "3", "--json")
    assert (ran.code, ran.err) == (0, "")
    fit = pyalign.fit_glocal(
        x, triplets, np.load("i.npy"), alpha=0.5, tau=0.2, l2=0.02, penalty="squared", bias=True, batch_size=15,
        batches=2, seed=3,
    )  # fmt: skip
    written = pyalign.read_transform("w.npz")
    assert np.array_equal(written.weights, fit.transform.weights.astype(np.float32))
    assert np.array_equal(written.bias, fit.transform.bias.astype(np.float32))
    document, expected = json.loads(ran.out), fit.to_dict()
    assert document.pop("seconds") > 0
    del expected["seconds"]
    assert {name: document[name] for name in expected} == expected
    assert (document["images"], document["n_batches"]) == ("i.npy", 2)


def test_the_table_says_what_the_figures_are_of(glocal):
    ran = glocal("--json", "w.json")
    assert ran.code == 0
    document = json.loads(Path("w.json").read_text())
    assert f"{100 * document['neighbors_kept']['10']:.3f} %" in ran.out
    assert "which flatters" in ran.out


def test_the_backend_reaches_the_fit(glocal):
    pytest.importorskip("torch")
    ours, expected = (json.loads(glocal("--json", "--backend", name).out) for name in ("torch", "native"))
    assert (ours["backend"], expected["backend"]) == ("torch", "native")
    assert ours["objective"] == pytest.approx(expected["objective"], abs=1e-5)


def test_score_takes_the_map(glocal, command):
    document = json.loads(glocal("--json").out)
    ran = command(
        "score", "--embeddings", "x.npy", "--triplets", "t.npy", "--transform", "w.npz", "--measure", "dot", "--json"
    )
    assert json.loads(ran.out)["results"][0]["accuracy"] == pytest.approx(document["accuracy"], abs=0.01)


def test_ctrl_c_writes_the_best_map_so_far(glocal, monkeypatch):
    real = probing.fit_glocal

    def cut(*args, report, **options):
        def stop(passes, objective):
            if passes == 4:
                raise KeyboardInterrupt

        return real(*args, report=stop, **options)

    monkeypatch.setattr(probing, "fit_glocal", cut)
    ran = glocal("--json", "w.json")
    assert (ran.code, ran.out) == (130, "")
    assert ran.err.startswith("pyalign glocal: interrupted; the best map so far, after ")
    assert pyalign.read_transform("w.npz").weights.shape == (6, 6)
    assert json.loads(Path("w.json").read_text())["interrupted"] is True


@pytest.mark.parametrize(
    "options, words",
    [
        (("--alpha", "1"), "alpha must be"),
        (("--tau", "0"), "tau must be"),
        (("--l2", "-1"), "l2 must be"),
        (("--seed", "-1"), "--seed"),
        (("--out", "w.npy"), "--out must end in .npz"),
        (("--json", "w.npz"), "same file"),
        (("--images", "t.npy"), "6 features"),
        (("--batch-size", "2"), "batch_size"),
        (("--odd-column", "none"), "glocal needs the people's answers"),
    ],
)
def test_bad_input_is_one_line_and_no_file(refused, folder, x, options, words):
    np.save("i.npy", reals(7, 40, x.shape[1]))
    args = ("--embeddings", "x.npy", "--triplets", "t.npy", "--images", "i.npy", "--out", "w.npz")
    assert words in refused("glocal", *args, *options)
