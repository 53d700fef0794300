"""Results of probes: documents that parse strictly, come back equal, and tell where the result is from."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign import Embeddings, Triplets, cross_validate_probe, fit_probe, load_result
from pyalign.data import Subjects
from pyalign.datasets.simulate import simulate
from pyalign.documents import as_document, from_document
from pyalign.probing.cross_validate import FoldResult
from pyalign.probing.fit import Asked, Choice, choose_penalty
from pyalign.probing.parameters import ProbeOptions


@pytest.fixture(scope="module")
def world():
    x = reals(1, 60, 6)
    return x, simulate(x[:, :3], 6000, measure="dot", seed=2).triplets


def strictly(text):
    def refuse(word):
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


CASES = {
    "fit": lambda x, t: fit_probe(x, t, penalty=0.02),
    "fit of zero": lambda x, t: fit_probe(x, t, penalty=1e3),
    "fit without a certificate": lambda x, t: fit_probe(x, t, penalty=0.02, norm="nuclear"),
    "fit with others": lambda x, t: fit_probe(
        x, t, penalty=0.02, norm="identity", other_embeddings=reals(7, 20, 6), n_batches=1
    ),
    "cross-validation": lambda x, t: cross_validate_probe(x, t, repeats=2, penalties=[1.0, 0.1, 0.01]),
    "cross-validation with others": lambda x, t: cross_validate_probe(
        x, t, repeats=1, penalties=0.1, norm="identity", other_embeddings=reals(7, 20, 6)
    ),
    "counts": lambda x, t: cross_validate_probe(
        x, t, repeats=1, penalties=0.1, answers=np.tile([1, 2, 3], (len(t), 1))
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_result_comes_back_from_its_document(world, tmp_path, case):
    result = CASES[case](*world)
    path = tmp_path / "result.json"
    path.write_text(result.to_json())
    document = strictly(path.read_text())
    again = load_result(path)
    assert again == result and type(again) is type(result)
    assert strictly(again.to_json()) == document
    assert again.table() == result.table() and str(again) == str(result)
    assert str(result).startswith(result.table()) and str(result).endswith("\nnote: " + result.notes[-1])
    assert document["command"] == {"f": "fit", "c": "probe"}[case[0]]


def test_parts_come_back_as_well(world):
    choice = choose_penalty(Asked(*world), ProbeOptions(), penalties=[0.1, 0.01])
    fold = cross_validate_probe(*world, repeats=1, penalties=0.1).folds[0]
    for part, kind in ((choice, Choice), (fold, FoldResult)):
        assert from_document(kind, strictly(json.dumps(as_document(part)))) == part
        assert as_document(part)["penalty"] == part.penalty


def test_of_a_map_that_is_zero_no_gradient_is_told(world):
    """It was the infinity of a search that had no step to make."""
    fit = fit_probe(*world, penalty=1e3)
    assert fit.gradient_norm is None and not fit.transform.weights.any() and fit.converged
    assert strictly(fit.to_json())["gradient_norm"] is None


def test_rows_are_the_folds(world):
    result = cross_validate_probe(*world, repeats=1, penalties=0.1)
    assert [row["accuracy"] for row in result.to_records()] == [fold.accuracy for fold in result.folds]
    assert result.accuracy_interval.by == "objects" and result.accuracy_interval.error > 0


# Data that know their items


@pytest.fixture
def named(world):
    """The same rows and triplets by names, in another order of rows."""
    x, triplets = world
    names = tuple(f"item{k}" for k in range(len(x)))
    order = np.random.default_rng(0).permutation(len(x))
    return Embeddings(x[order], tuple(names[k] for k in order), "x.npy"), Triplets(triplets, names, numbered=True)


def test_rows_are_matched_by_name(world, named):
    expected, found = (fit_probe(*given, penalty=0.02, tolerance=1e-6) for given in (world, named))
    assert found.objective == pytest.approx(expected.objective, abs=1e-6)
    trained = found.transform.trained
    assert set(trained.names) == set(named[0].names) and len(trained.names) == 60
    texts = np.array(named[1].names)[world[1]].tolist()
    by_text = fit_probe(named[0], texts, penalty=0.02, tolerance=1e-6)
    assert by_text.objective == pytest.approx(expected.objective, abs=1e-6)


def test_what_was_assumed_is_noted(named):
    x, triplets = named
    for result in (
        fit_probe(x, triplets.values, penalty=0.1), cross_validate_probe(x, triplets.values, repeats=1, penalties=0.1),
    ):
        assert result.notes[0].startswith("item numbers are taken as row numbers of x.npy")
    assert fit_probe(x, triplets, penalty=0.1).notes == ()


def test_people_of_the_triplets_are_those_of_folds_over_people(world):
    x, triplets = world
    codes = np.arange(len(triplets)) % 12
    people = Triplets(triplets, subjects=Subjects(codes.astype(np.int32), tuple(map(str, range(12)))))
    options = {"split": "subjects", "penalties": 0.1, "repeats": 1}
    expected, found = (
        cross_validate_probe(x, given, subjects=subjects, **options)
        for given, subjects in ((triplets, codes), (people, None))
    )
    assert [fold.accuracy for fold in expected.folds] == [fold.accuracy for fold in found.folds]


def test_every_map_records_what_it_was_fitted_to(world):
    x, triplets = world
    probe = pyalign.TripletProbe(penalty=0.1).fit(x, triplets)
    maps = {
        "fit": fit_probe(x, triplets, penalty=0.1, measure="cosine", norm="identity", temperature=0.5).transform,
        "path": pyalign.probe_path(x, triplets, penalties=[0.1])[0].transform,
        "estimator": probe.transform_,
        "cross-validation": cross_validate_probe(x, triplets, repeats=1, penalties=0.1).fit.transform,
    }
    for name, transform in maps.items():
        trained = transform.trained
        assert trained.n_triplets == len(triplets) and trained.x_sha256 == pyalign.data.fingerprint(x)
        assert trained.triplets_sha256 == pyalign.data.fingerprint(triplets)
        assert (trained.held_out is None) == (name != "cross-validation")
        assert trained.provenance.options["penalty"] in (0.1, 1e-3)
        measure, temperature = ("cosine", 0.5) if name == "fit" else ("dot", 1.0)
        assert (trained.measure, trained.temperature) == (measure, temperature)
        scored = pyalign.score(x, triplets, transform=transform)
        assert scored.measure == measure and scored.in_sample.triplets == 1.0
    assert maps["cross-validation"].trained.held_out["over"] == "objects"
