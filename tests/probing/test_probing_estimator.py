"""`TripletProbe`: the scikit-learn face of a probe."""

from __future__ import annotations

import re
from dataclasses import fields

import numpy as np
import pytest
from support import interrupting, reals, run_python

import pyalign
from pyalign.datasets.simulate import simulate
from pyalign.probing import fit
from pyalign.probing.parameters import ProbeOptions

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from pyalign import TripletProbe
from pyalign.probing import estimator


@pytest.fixture(scope="module")
def world():
    x = reals(1, 80, 10)
    return x, simulate(x[:, :3], 5000, measure="dot", temperature=1.0, seed=2).triplets


def test_with_no_arguments_it_finds_what_people_see(world):
    x, triplets = world
    probe = TripletProbe().fit(x, triplets)
    assert probe.score(x, triplets) > pyalign.score(x, triplets).accuracy + 0.05
    weights = probe.transform_.weights
    assert np.linalg.norm(weights[:3]) > 3 * np.linalg.norm(weights[3:])
    assert probe.penalty_ == probe.choice_.penalty and probe.fit_.gap <= probe.tolerance


def test_score_is_the_accuracy_of_the_transformed_rows(world):
    x, triplets = world
    probe = TripletProbe(penalty=0.05).fit(x, triplets)
    accuracy = probe.score(x, triplets)
    assert isinstance(accuracy, float)
    assert accuracy == pyalign.score(probe.transform(x), triplets, measure="dot").accuracy
    assert probe.choice_ is None and probe.penalty_ == 0.05 and probe.n_features_in_ == 10


def test_parameters_can_be_read_set_and_cloned():
    probe = TripletProbe(penalty=0.1, rank=3)
    copy = clone(probe.set_params(bias=True))
    assert copy.get_params() == probe.get_params() and copy.get_params()["bias"] is True
    assert "rank=3" in repr(copy)


def test_defaults_are_those_of_the_options():
    defaults = TripletProbe().get_params()
    assert ProbeOptions(**{one.name: defaults[one.name] for one in fields(ProbeOptions)}) == ProbeOptions()


def test_answers_reach_the_fit(world):
    x, triplets = world
    answers = np.tile([1, 2, 3], (len(triplets), 1))
    flat = TripletProbe(penalty=0.1).fit(x, triplets, answers=np.ones((len(triplets), 3)))
    assert not flat.transform_.weights.any()
    weights = np.arange(len(triplets)) % 2
    probe = TripletProbe().fit(x, triplets, answers, weights)
    same = TripletProbe(penalty=probe.penalty_).fit(x, triplets[1::2], answers[1::2])
    assert probe.fit_.objective == pytest.approx(same.fit_.objective, abs=1e-3)


@pytest.mark.parametrize("place", ["held_out_score", "Problem"])
def test_an_interruption_outside_of_a_fit_leaves_the_best_map(world, monkeypatch, place):
    """In the scoring of inner folds, and where the last fit is made ready."""
    module = fit if place == "held_out_score" else estimator
    monkeypatch.setattr(module, place, interrupting(getattr(module, place), at=4 if module is fit else 1))
    with pytest.warns(UserWarning, match="interrupted"):
        probe = TripletProbe().fit(*world)
    assert probe.score(*world) > 0.5


def test_an_interruption_before_any_map_is_one(world, monkeypatch):
    def cut(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(fit, "problem_of", cut)
    with pytest.raises(KeyboardInterrupt):
        TripletProbe().fit(*world)


def test_works_at_the_end_of_a_pipeline(world):
    x, triplets = world
    pipeline = make_pipeline(PCA(5), TripletProbe(penalty=0.05))
    assert pipeline.fit(x, triplets).score(x, triplets) > 1 / 3
    assert pipeline.fit_transform(x, triplets).shape[0] == len(x)
    assert pipeline.set_params(tripletprobe__rank=2).fit(x, triplets).transform(x).shape == (80, 2)


def test_is_not_fitted_before_fit(world):
    with pytest.raises(NotFittedError):
        TripletProbe().transform(world[0])


def test_float64_rows_stay_float64(world):
    x, triplets = world
    assert TripletProbe(penalty=0.1).fit(x, triplets).transform(x).dtype == np.float32
    wide = x.astype(np.float64)
    assert TripletProbe(penalty=0.1).fit(wide, triplets).transform(wide).dtype == np.float64


def test_refuses_rows_of_other_features_and_unknown_options(world, message_of):
    x, triplets = world
    probe = TripletProbe(penalty=0.1).fit(x, triplets)
    assert (
        message_of(probe.transform, x[:, :4])
        == "embeddings must have the 10 features of the transform; got shape (80, 4)"
    )
    assert message_of(TripletProbe(penalty="best").fit, x, triplets).startswith("penalty must be 'auto' or a number")
    assert message_of(TripletProbe(norm="l0").fit, x, triplets).startswith("norm must be one of")


FIT = "pyalign.fit_probe([[1., 2.], [0., 1.], [3., 1.]], [[0, 1, 2]], penalty=.1)"


@pytest.mark.parametrize(("package", "code"), [("scikit-learn", "pyalign.TripletProbe"), ("scipy", FIT)])
def test_says_which_package_is_missing(package, code):
    module = {"scikit-learn": "sklearn"}.get(package, package)
    done = run_python(f"import sys; sys.modules[{module!r}] = None\nimport pyalign\n{code}")
    assert done.returncode != 0
    assert re.search(rf"which is not installed: pip install .*\b{package}\b", done.stderr.splitlines()[-1])
