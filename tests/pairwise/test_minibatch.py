"""CKA in batches: one batch is debiased CKA, and the mean over batches estimates the same."""

from __future__ import annotations

import numpy as np
import pytest
from support import reals

import pyalign


def pair(n, d=6, e=40):
    x = reals(1, n, d, dtype=np.float64)
    return {"x": x, "y": np.tanh(x @ reals(2, d, e, dtype=np.float64)) + reals(3, n, e, dtype=np.float64)}


@pytest.mark.parametrize("measure", ["debiased-cka", "debiased-rbf-cka:sigma=5"])
def test_one_batch_of_all_is_debiased_cka(measure):
    models = pair(200)
    whole = pyalign.cka(models, measure=measure, n_permutations=0)[0].matrix[0][1]
    found = pyalign.cka(models, batch_size=200, measure=measure)
    assert found.batches == 1 and found[0].matrix[0][1] == pytest.approx(whole, abs=1e-12)


def test_batches_have_no_bias_of_their_size():
    """Small ones are as near as large ones, where those of biased CKA would be far."""
    models = pair(4000)
    whole = pyalign.cka(models, n_permutations=0)[0].matrix[0][1]
    for batch in (8, 64, 1000):
        found = pyalign.cka(models, batch_size=batch)
        assert found.batches == 4000 // batch
        assert found[0].matrix[0][1] == pytest.approx(whole, abs=0.02), batch


def test_unrelated_models_are_at_0_in_small_batches():
    models = {"x": reals(1, 3000, 50), "y": reals(2, 3000, 60)}
    assert abs(pyalign.cka(models, batch_size=10)[0].matrix[0][1]) < 0.03
    assert pyalign.cka({k: x[:10] for k, x in models.items()}, measure="linear-cka")[0].matrix[0][1] > 0.5


def test_hsics_are_summed_before_they_are_divided():
    """By the formula: batches whose scales differ by a thousand."""
    rng = np.random.default_rng(4)
    batches = [{name: rng.normal(size=(b, d)) * 10.0 ** (k % 4) for name, d in (("x", 3), ("y", 5))}
               for k, b in enumerate((20, 31, 8, 16))]

    def hsic(a, b):
        n = len(a)
        k, low = (z @ z.T * (1 - np.eye(n)) for z in (a, b))
        across = (k @ low).sum()
        return ((k * low).sum() + k.sum() * low.sum() / ((n - 1) * (n - 2)) - 2 * across / (n - 2)) / (n * (n - 3))

    sums = [sum(len(one["x"]) * hsic(one[a], one[b]) for one in batches) for a, b in ("xy", "xx", "yy")]
    found = pyalign.cka(batches=iter(batches))
    assert found.batches == 4 and found.n_objects == 75
    assert found[0].matrix[0][1] == pytest.approx(sums[0] / np.sqrt(sums[1] * sums[2]), abs=1e-9)


@pytest.mark.parametrize("scale", [1e-200, 1e-60, 1e60, 1e200])
@pytest.mark.filterwarnings("error")
def test_the_scale_of_a_model_changes_nothing_however_extreme(scale):
    models = pair(200)
    far = {**models, "x": models["x"] * scale}
    expected = pyalign.cka(models, batch_size=50)[0].matrix[0][1]
    assert pyalign.cka(far, batch_size=50)[0].matrix[0][1] == pytest.approx(expected, abs=1e-9)


@pytest.mark.filterwarnings("error")
def test_a_batch_far_beyond_the_others_is_all_that_counts():
    near, far = pair(40), {name: x * 1e200 for name, x in pair(30).items()}
    alone = pyalign.cka(batches=[far])[0].matrix[0][1]
    assert pyalign.cka(batches=[near, far])[0].matrix[0][1] == pytest.approx(alone)


def test_mapped_files_are_read_in_batches(tmp_path, monkeypatch):
    models = {name: x.astype(np.float32) for name, x in pair(300).items()}
    for name, x in models.items():
        np.save(tmp_path / f"{name}.npy", x)
    mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in models}
    assert pyalign.cka(mapped, batch_size=50)[0] == pyalign.cka(models, batch_size=50)[0]


def test_rows_are_matched_by_name():
    models, names = pair(60), tuple(f"i{k}" for k in range(60))
    named = {"x": pyalign.Embeddings(models["x"], names), "y": pyalign.Embeddings(models["y"][::-1], names[::-1])}
    assert pyalign.cka(named, batch_size=20)[0] == pyalign.cka(models, batch_size=20)[0]


def test_what_batches_cannot_give_is_refused(message_of):
    models = pair(40)
    assert "measure must be debiased-cka or" in message_of(pyalign.cka, models, batch_size=20, measure="linear-cka")
    assert "must say its bandwidth" in message_of(pyalign.cka, models, batch_size=20, measure="debiased-rbf-cka")
    assert "batch_size must be a whole number from 4" in message_of(pyalign.cka, models, batch_size=3)
    assert message_of(pyalign.cka, batches=iter([])) == "batches must be at least one; got none"
    small = {name: x[:3] for name, x in models.items()}
    told = message_of(pyalign.cka, batches=[models, small])
    assert told == "batch 2 must have at least 4 rows; got 3"
    told = message_of(pyalign.cka, batches=[models, {"x": models["x"], "z": models["y"]}])
    assert told == "batch 2 must hold the models of the first, x, y; got x, z"
    flat = {"x": models["x"], "y": np.ones((40, 2))}
    told = message_of(pyalign.cka, batches=[models, flat])
    assert told == "batch 2: y: debiased-cka is not defined: all rows are equally similar to each other"
    assert message_of(pyalign.cka, {}, batch_size=20) == "models must be at least two; got 0"
    assert message_of(pyalign.cka, batches=5) == "batches must be mappings from names to embeddings; got int"
    assert message_of(pyalign.cka, {"x": models["x"]}, batch_size=20) == "models must be at least two; got 1"


@pytest.mark.parametrize(
    "given,said",
    [
        ({}, "one of models and batches must be given; got none"),
        ({"models": {}, "batches": ()}, "one of models and batches must be given; got both"),
        ({"batches": [], "ci": 5}, "ci applies only to models that are compared at once; got 5 for batches"),
        ({"batches": [], "batch_size": 5}, "batch_size applies only to models, which are split into batches"),
        ({"batches": [], "n_permutations": 9}, "n_permutations must be 0 in batches, which have no null; got 9"),
        ({"batches": [], "measure": ["cka"]}, "measure must be a single one for batches; got ['cka']"),
    ],
)
def test_models_and_batches_exclude_one_another(given, said, message_of):
    assert message_of(pyalign.cka, **given) == said
