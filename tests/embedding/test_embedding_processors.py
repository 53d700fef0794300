"""Fits take the same steps by every backend, instruction set and BLAS, and end where their figures are settled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from planted_dimensions import planted
from support import run_python

import pyalign
from pyalign.embedding.solve import rounded, rounded_slope

pytest.importorskip("scipy")
FITS = ({}, {"seed": 3}, {"signed": True}, {"n_dimensions": 6})


@pytest.fixture(scope="module")
def answers():
    """2,000 answers about 40 objects: at weak penalties their embeddings have many optima of nearly the same value."""
    return planted(40, 5, 2_000, seed=1)[1]


def fitted(answers, backend, options):
    return pyalign.fit_embedding(answers, shrinkage=3e-4, backend=backend, **options).embedding.values


@pytest.fixture(scope="module")
def by_numpy(answers):
    return [fitted(answers, "numpy", options) for options in FITS]


@pytest.mark.parametrize("k", range(len(FITS)), ids=[str(options) for options in FITS])
def test_ends_at_the_same_bits_by_every_backend_and_instruction_set(answers, by_numpy, backend, k):
    np.testing.assert_array_equal(fitted(answers, backend, FITS[k]), by_numpy[k])


def test_folds_and_stability_are_the_same_with_every_blas(answers, tmp_path):
    np.save(tmp_path / "answers.npy", answers)
    code = """
import hashlib, sys
import numpy as np
import pyalign
result = pyalign.cross_validate_embedding(np.load(sys.argv[1]), folds=2, n_seeds=1, halves=True, n_resamples=2)
folds = [(f.n_dimensions, f.n_passes, f.accuracy, round(f.cross_entropy, 12)) for f in result.folds]
stable = [[round(d.correlation or 0.0, 12) for d in level.dimensions] for level in result.stability]
print(hashlib.sha256(result.fit.embedding.values.tobytes()).hexdigest(), folds, stable)
"""
    settings = [
        {},
        {"OPENBLAS_CORETYPE": "Nehalem", "PYALIGN_ISA": "base"},
        {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "2"},
        {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": "AVX2,FMA3,AVX512F,AVX512_SKX"},
    ]
    runs = [run_python(code, arguments=[str(tmp_path / "answers.npy")], **each) for each in settings]
    assert all(run.returncode == 0 for run in runs), [run.stderr for run in runs]
    assert len({run.stdout for run in runs}) == 1, "\n".join(run.stdout for run in runs)


@pytest.mark.parametrize("shrinkage", [2e-4, 1e-3])
def test_a_finer_tolerance_changes_no_figure_that_is_printed(answers, shrinkage):
    usual, fine = (
        pyalign.fit_embedding(answers, shrinkage=shrinkage, **options) for options in ({}, {"tolerance": 1e-7})
    )
    assert usual.n_passes < fine.n_passes and usual.n_dimensions == fine.n_dimensions
    assert usual.cross_entropy == pytest.approx(fine.cross_entropy, abs=1e-5)
    assert usual.accuracy == pytest.approx(fine.accuracy, abs=5e-4)
    for one, other in zip(usual.dimensions, fine.dimensions, strict=True):
        assert (one.mass, one.share) == (pytest.approx(other.mass, abs=0.02), pytest.approx(other.share, abs=5e-5))


def test_the_order_of_objects_and_answers_changes_no_bit(answers):
    """At a penalty at which there are many optima, so that any difference in rounding would show."""
    rng = np.random.default_rng(0)
    names, order = tuple(f"object {k}" for k in range(40)), rng.permutation(40)
    stated = pyalign.fit_embedding(answers, shrinkage=2e-4, names=names).embedding.values
    turned = np.argsort(order)[answers][rng.permutation(len(answers))][:, [1, 0, 2]]
    again = pyalign.fit_embedding(turned, shrinkage=2e-4, names=[names[k] for k in order]).embedding
    np.testing.assert_array_equal(again.values, stated[order])


@given(arrays(np.float64, (4, 3), elements=st.floats(-1e3, 1e3)), st.floats(1e-12, 1e-9))
@example(np.full((4, 3), 5e-324), 1e-9)
def test_rounding_leaves_sixteen_digits_and_hides_the_last_bits(values, noise):
    once = rounded(values)
    assert np.abs(once - values).max() <= 2.0**-16 * np.abs(values).max()
    np.testing.assert_array_equal(rounded(once), once)
    np.testing.assert_array_equal(rounded(once * (1 + 1e-3 * noise), np.abs(once).max()), once)


def test_a_slope_keeps_what_a_step_follows_and_no_more_than_the_tolerance_needs():
    slope = np.array([[1e-4, 1.0], [-3e-5, 2.0]])  # the second column stays at zero
    assert np.abs(rounded_slope(slope, 2e-4, 1e-9) - slope)[:, 0].max() <= 2.0**-16 * 1e-4
    assert np.abs(rounded_slope(slope, 1e-9, 1e-3) - slope)[:, 0].max() > 2.0**-12 * 1e-4
