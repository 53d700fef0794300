"""`pyalign probe --split none` with other embeddings: what `pyalign.fit_probe` makes of them, in files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import BEST, NAMELESS, instead, reals

import pyalign
from pyalign.probing import probe as probing


@pytest.fixture
def glocal(command, folder, x):
    np.save("i.npy", reals(7, 40, x.shape[1]))

    def run(*options):
        return command(
            "probe",
            "--embeddings",
            "x.npy",
            "--triplets",
            "t.npy",
            "--other-embeddings",
            "i.npy",
            "--split",
            "none",
            "--out",
            "w.npz",
            *options,
        )

    return run


OPTIONS = ("--penalty", "0.02")


def test_writes_the_map_of_the_function_and_its_figures(glocal, x, triplets):
    ran = glocal(*OPTIONS, "--seed", "3", "--json")
    hint = "pyalign transfer x.npy --transform w.npz --on SETS\n"
    assert ran.code == 0 and ran.err.startswith("note: a map can lower agreement") and ran.err.endswith(hint + NAMELESS)
    fit = pyalign.fit_probe(
        x, triplets, other_embeddings=np.load("i.npy"), penalty=0.02, norm="identity", seed=3, tolerance=1e-2,
    )
    written = pyalign.load_transform("w.npz")
    assert np.array_equal(written.weights, fit.transform.weights.astype(np.float32))
    assert written.trained.n_triplets == len(triplets) and written.trained.provenance.options["alpha"] == 0.25
    document, expected = json.loads(ran.out), json.loads(fit.to_json())
    for name in ("seconds", "provenance"):
        assert document.pop(name) and expected.pop(name)
    assert list(document.pop("outputs")) == ["w.npz"]
    assert document == expected
    kept = {"cross_entropy", "teacher_entropy", "neighbors_kept", "n", "n_batches"}
    assert kept <= set(document["local"]) and document["local"]["n_batches"] == 1


def test_one_fit_without_other_embeddings_needs_a_penalty(refused, folder):
    args = ("probe", "x.npy", "-t", "t.npy", "--split", "none", "--out", "w.npz")
    assert refused(*args) == "--split none fits one map: --penalty says how strongly it is penalized"


def test_the_table_says_what_the_figures_are_of(glocal):
    ran = glocal("--json", "w.json")
    assert ran.code == 0
    document = json.loads(Path("w.json").read_text())
    assert f"{100 * document['local']['neighbors_kept']['10']:.1f}%" in ran.out
    assert pyalign.load_result("w.json").table() + "\n" == ran.out
    assert "which flatters" in " ".join(ran.out.split())


def test_the_backend_reaches_the_fit(glocal):
    pytest.importorskip("torch")
    ours, expected = (json.loads(glocal("--json", "--backend", name).out) for name in ("torch", BEST))
    assert (ours["backend"], expected["backend"]) == ("torch", BEST)
    assert ours["objective"] == pytest.approx(expected["objective"], abs=1e-5)


def test_score_takes_the_map(glocal, command):
    document = json.loads(glocal("--json").out)
    ran = command(
        "score", "--embeddings", "x.npy", "--triplets", "t.npy", "--transform", "w.npz", "--measure", "dot", "--json"
    )
    assert json.loads(ran.out)["results"][0]["accuracy"] == pytest.approx(document["accuracy"], abs=0.01)


def test_ctrl_c_leaves_the_best_map_so_far_beside_the_output(glocal, monkeypatch):
    real = probing.fit_probe

    def cut(*args, progress, **options):
        def stop(stage, done, total):
            if done == 4:
                raise KeyboardInterrupt

        return real(*args, progress=stop, **options)

    monkeypatch.setattr(probing, "fit_probe", cut)
    ran = glocal("--json", "w.json")
    assert (ran.code, ran.out) == (130, "")
    assert ran.err == "pyalign probe: interrupted; the best so far, of fit, is in w.partial.npz\n"
    assert pyalign.load_transform("w.partial.npz").weights.shape == (6, 6)
    assert not Path("w.json").exists() and not Path("w.npz").exists()
    monkeypatch.setattr(probing, "fit_probe", real)
    assert glocal().code == 0
    assert sorted(path.name for path in Path().glob("w*")) == ["w.npz"]


@pytest.mark.parametrize(
    "options, words",
    [
        (("--penalty", "-1"), "--penalty must be positive"),
        (("--json", "w.json", "--names", "w.npz"), "same file"),
        (("--json", "w.journal.json"), "the journal next to --out, w.journal.json is the same file as"),
        (("--other-embeddings", "t.npy"), "t.npy: whole numbers in 3 or 4 columns are triplets"),
        (("--other-embeddings", "narrow.npy"), "6 features"),
        (("--penalty", "1", "2"), "--split none takes one --penalty; got 2"),
        (("--folds", "2"), "--folds 2 applies only to cross-validation, and --split none omits it"),
        (("--choice-column", "none"), "probe needs human choices"),
    ],
)
def test_bad_input_is_one_line_and_no_file(refused, folder, x, options, words):
    np.save("i.npy", reals(7, 40, x.shape[1]))
    np.save("narrow.npy", reals(7, 40, 3))
    args = ("--embeddings", "x.npy", "--triplets", "t.npy", "--other-embeddings", "i.npy", "--out", "w.npz")
    assert words in refused("probe", "--split", "none", *instead(args, options))


def test_without_other_embeddings_it_is_the_plain_fit(command, folder, x, triplets):
    ran = command("probe", "x.npy", "-t", "t.npy", "--split", "none", "--penalty", "0.01", "--out", "w.npz", "--json")
    fit = pyalign.fit_probe(x, triplets, penalty=0.01)
    assert json.loads(ran.out)["objective"] == fit.objective and json.loads(ran.out)["command"] == fit.command
