"""`pyalign cka`: what it prints and writes is what the function returns."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import reals, strict_json

import pyalign


@pytest.fixture
def models(folder, x):
    """x.npy, y.npy and z.npy of the same 30 items."""
    y = np.tanh(x @ reals(8, x.shape[1], 9)) + reals(9, 30, 9) / 4
    np.save("y.npy", y)
    np.save("z.npy", reals(10, 30, 4))
    return {"x.npy": x, "y.npy": y, "z.npy": np.load("z.npy")}


def test_as_json_is_what_the_function_returns(command, models):
    asked = ("--measure", "linear-cka", "rbf-cka:0.5", "--permutations", 39, "--confidence", 0.9, "--seed", 3)
    ran = command("cka", "--embeddings", *models, *asked, "--json", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    document = strict_json(ran.out)
    found = pyalign.cka(models, measure=["linear-cka", "rbf-cka:0.5"], n_permutations=39, confidence_level=0.9, seed=3,
                        ci=pyalign.Resampling("auto", confidence_level=0.9))
    assert document["command"] == "cka" and document["n_objects"] == 30
    assert document["results"] == json.loads(found.to_json())["results"]
    assert document["results"][0]["models"] == ["x.npy", "y.npy", "z.npy"]
    assert document["results"][1]["measure"] == "rbf-cka:0.5"


def test_by_default_it_is_debiased_and_calibrated(command, models):
    ran = command("cka", *models)
    assert ran.code == 0
    assert (
        "measure debiased-cka" in ran.out
        and "calibrated" in ran.out
        and "200 permutations" in " ".join(ran.out.split())
    )
    assert ran.err == "note: rows have no names: row i is taken for the same item in all embeddings\n"


def test_labels_are_the_names_of_the_models(command, models):
    ran = command("cka", *models, "--labels", "one", "two", "three", "--json", "--quiet", "--permutations", 0)
    (found,) = strict_json(ran.out)["results"]
    assert found["models"] == ["one", "two", "three"] and "p_value" not in found


def test_rows_are_matched_by_their_names(command, models):
    order = np.random.default_rng(0).permutation(30)
    names = np.array([f"item {k:02}" for k in range(30)])
    np.savez("named.npz", embeddings=models["x.npy"], names=names)
    np.savez("moved.npz", embeddings=models["y.npy"][order], names=names[order])
    args = ("--json", "--quiet", "--permutations", 19)
    plain, named = (strict_json(command("cka", *files, *args).out)["results"][0]
                    for files in (("x.npy", "y.npy"), ("named.npz", "moved.npz")))
    assert np.allclose(plain["matrix"], named["matrix"], rtol=0, atol=1e-6)


def test_the_table_goes_to_a_csv(command, models):
    assert command("cka", *models, "--permutations", 19, "--csv", "t.csv").code == 0
    with open("t.csv") as file:
        lines = file.read().splitlines()
    null, interval = "null_threshold,calibrated,p_value,p_adjusted", "ci_low,ci_high,standard_error"
    assert lines[0] == f"measure,first,second,similarity,{null},{interval}" and len(lines) == 4


def test_a_document_is_written_and_read(command, models):
    assert command("cka", *models, "--json", "d.json").code == 0
    found = pyalign.load_result("d.json")
    assert found == pyalign.cka(models)
    assert found.provenance.options["command_line"]["embeddings"] == list(models)
    assert len(found.provenance.inputs) == 3


@pytest.mark.parametrize(("args", "told"), [
    (("x.npy",), "cka compares models with each other: give at least two --embeddings; got 1"),
    (("x.npy", "x.npy"), "--embeddings must differ; got x.npy 2 times"),
    (("x.npy", "y.npy", "--measure", "ckaa"), "measure must be one of linear-cka, "),
    (("x.npy", "y.npy", "--measure", "svcca:2.5"), "dimensions of svcca must be a whole number, or a share"),
    (("x.npy", "y.npy", "--confidence", "2"), "confidence_level must lie between 0 and 1; got 2.0"),
    (("x.npy", "y.npy", "--permutations", "0", "--seed", "1"),
    "--seed 1 applies only to permutations and half-samples, and there are none"),
    (("x.npy", "none.npy"), "none.npy: No such file or directory"),
    (("x.npy", "t.npy"), "t.npy: whole numbers in 3 or 4 columns are triplets"),
    (("x.npy", "short.npy"), "models must have the same number of items; got x.npy: 30, short.npy: 20"),
    (("x.npy", "flat.npy"), "flat.npy: debiased-cka is not defined: all rows are equally similar to each other"),
])
def test_what_is_wrong_is_one_line(refused, models, args, told):
    np.save("flat.npy", np.ones((30, 2), np.float32))
    np.save("short.npy", np.load("x.npy")[:20])
    assert told in refused("cka", *args)


def test_options_of_intervals_are_those_of_the_function(command, models):
    asked = ("--resamples", 30, "--confidence", 0.9, "--correction", "benjamini-hochberg")
    ran = command("cka", *models, *asked, "--permutations", 19, "--seed", 2, "--json", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    plan = pyalign.Resampling("auto", "half-samples", 30, 0.9, 2)
    options = {"confidence_level": 0.9, "seed": 2, "ci": plan, "correction": "benjamini-hochberg"}
    found = pyalign.cka(models, n_permutations=19, **options)
    document = strict_json(ran.out)
    assert document["results"] == json.loads(found.to_json())["results"]
    assert (document["resamples"], document["confidence"], document["correction"]) == (30, 0.9, "benjamini-hochberg")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--ci", "none", "--resamples", 30), "--resamples 30 applies only to intervals, and --ci none omits them"),
        (("--ci", "none", "--permutations", 0, "--confidence", 0.9),
         "--confidence 0.9 applies only to intervals and p-values, and --ci none and --permutations 0 omit them"),
        (("--ci", "none", "--permutations", 0, "--correction", "benjamini-hochberg"),
         "--correction benjamini-hochberg applies only to intervals and p-values, and --ci none and --permutations 0 "
         "omit them"),
    ],
)
def test_options_of_intervals_that_do_not_fit_are_refused(command, models, asked, told):
    ran = command("cka", *models, *asked)
    assert ran.code == 1 and ran.out == "" and told in ran.err and ran.err.count("\n") == 1
