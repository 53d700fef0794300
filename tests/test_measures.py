"""pyalign.measures: names, parameters, the shift, the median distance."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from support import reals, whole

from pyalign import similarity
from pyalign.measures import MEASURES, MEDIAN_ROWS, PAIR_KERNELS, column_shift, get_measure, median_distance, with_sigma
from pyalign.typing import MeasureName

ROOT = Path(__file__).resolve().parents[1]


def test_the_table_holds_what_the_documentation_names():
    page = (ROOT / "docs" / "numbers.md").read_text(encoding="utf-8")
    table = page.partition("| measure |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)", table, re.MULTILINE) == list(MEASURES) == [*get_args(MeasureName)]
    for name, row in MEASURES.items():
        assert row.name == name and row.pair in PAIR_KERNELS and row.transform in ("none", "center", "shift")
        assert get_measure(name) is row and get_measure(row) is row and str(row) == name


def test_pair_kernels_stand_in_the_order_of_their_terms():
    """So that Triton's kernels tell a distance by its number."""
    kinds = ["", "inverse norms", "squares"]
    places = [kinds.index(kernel.terms) for kernel in PAIR_KERNELS.values()]
    assert places == sorted(places) and list(PAIR_KERNELS) == [kernel.name for kernel in PAIR_KERNELS.values()]


@pytest.mark.parametrize("kernel", [one for one in PAIR_KERNELS.values() if one.distance], ids=lambda one: one.name)
def test_slopes_are_those_of_finite_differences(kernel):
    s, gamma, step = np.array([0.25, 1.0, 7.0]), 0.3, 1e-6
    found = [kernel.from_squares(s + side, gamma, np) for side in (-step, 0.0, step)]
    expected = -2.0 * 1.5 * (found[2] - found[0]) / (2.0 * step)
    np.testing.assert_allclose(kernel.slope(1.5, found[1], gamma, np) * np.ones(3), expected, rtol=1e-7)
    nothing = kernel.slope(1.5, kernel.from_squares(np.zeros(1), gamma, np), gamma, np)
    assert np.isfinite(nothing).all()


def test_measures_whose_largest_similarity_is_1_are_bounded():
    x = 10.0 * reals(3, 20, 4)
    for name, measure in MEASURES.items():
        of_itself = np.diagonal(similarity(x, measure="rbf:5" if name == "rbf" else name))
        assert measure.kernel.bounded == np.allclose(of_itself, 1.0), name


def test_gamma_follows_from_sigma_or_from_the_median_which_is_asked_for_then():
    def never():
        raise AssertionError

    assert get_measure("cosine").gamma(never) == 0.0 and not get_measure("cosine").needs_sigma
    assert get_measure("rbf:2").gamma(never) == 0.125 and not get_measure("rbf:2").needs_sigma
    assert get_measure("rbf").gamma(lambda: 0.5) == 2.0 and get_measure("rbf").needs_sigma


@pytest.mark.parametrize("name", ["rbf:2.5", "rbf:1e-3", "rbf:0.123456789"])
def test_a_measure_with_sigma_survives_its_own_name(name):
    measure = get_measure(name)
    assert measure.sigma == float(name[4:])
    assert get_measure(str(measure)) == measure


@pytest.mark.parametrize(
    "name,hint",
    [
        ("cosin", "'cosine'"),
        ("Cosine", "'cosine'"),
        ("euclidean", "'neg_euclidean'"),
        ("neg-euclidean", "'neg_euclidean'"),
        ("person", "'pearson'"),
        ("neg_sqeuclidian", "'neg_sqeuclidean'"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name, hint, message_of):
    message = message_of(get_measure, name)
    assert message.startswith(f"measure must be one of {', '.join(MEASURES)}; got {name!r}")
    assert message.endswith(f"; did you mean {hint}?")


def test_a_name_near_to_nothing_gets_no_hint(message_of):
    assert message_of(get_measure, "xyzzy") == f"measure must be one of {', '.join(MEASURES)}; got 'xyzzy'"


def test_only_rbf_takes_a_parameter(message_of):
    assert message_of(get_measure, "cosine:2") == "measure 'cosine' takes no parameter; got 'cosine:2'"


@pytest.mark.parametrize("sigma", ["", "0", "-1", "nan", "inf", "1e999", "two", 0, -0.5, float("nan"), None])
def test_sigma_must_be_a_positive_number(sigma, message_of):
    expected = f"sigma of rbf must be a positive number; got {sigma!r}"
    assert message_of(with_sigma, MEASURES["rbf"], sigma) == expected
    if isinstance(sigma, str):
        assert message_of(get_measure, f"rbf:{sigma}") == expected


@pytest.mark.parametrize("n", [1, 2, 62, 63, 64, 65, 1000, 5000])
def test_the_shift_lies_amid_the_rows(n):
    """It is the median of at least 31 rows (or all): within four of its standard errors, 1.25 / sqrt(31)."""
    x = reals(1, n, 7) + 100
    shift = column_shift(x)
    assert shift.dtype == np.float32 and shift.shape == (7,)
    assert abs(shift - 100).max() < 4 * 1.2533 / np.sqrt(min(max(n - 1, 1), 31)) + 1e-5


def test_an_outlying_row_does_not_move_the_shift():
    x = reals(1, 40, 7)
    x[0] = 1e6
    assert abs(column_shift(x)).max() < 2


def test_the_shift_of_whole_numbers_is_whole():
    shift = column_shift(whole(2, 999, 7) + 50)
    np.testing.assert_array_equal(shift, np.rint(shift))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_median_distance_is_that_of_scipy(dtype):
    from scipy.spatial.distance import cdist, pdist

    for n in (2, 3, 4, 40):  # 1, 3, 6, 780 pairs: an even number has two in the middle
        x, y = reals(3, n, 5, dtype=dtype), reals(4, 5, 5, dtype=dtype)
        assert median_distance(x) == pytest.approx(np.median(pdist(x.astype(np.float64))), rel=1e-12)
        assert median_distance(x, y) == pytest.approx(np.median(cdist(x.astype(float), y.astype(float))), rel=1e-12)


def test_the_median_distance_far_from_zero_keeps_its_digits():
    from scipy.spatial.distance import pdist

    x = reals(5, 41, 5, dtype=np.float64) + 1e6
    assert median_distance(x) == pytest.approx(np.median(pdist(x)), rel=1e-8)


def test_many_rows_are_thinned_evenly():
    x = reals(6, 2 * MEDIAN_ROWS, 3)
    chosen = np.linspace(0, len(x) - 1, MEDIAN_ROWS).astype(int)
    assert median_distance(x) == median_distance(x[chosen])
    assert median_distance(x[:MEDIAN_ROWS]) != median_distance(x)


@pytest.mark.parametrize("row", [[0.0, 0.0, 0.0], [0.1, 1 / 3, -1e3]])
def test_rows_that_are_mostly_equal_have_no_median_distance(row, message_of):
    x = np.array([row] * 50)
    x[:5] = reals(7, 5, 3)
    for some in (x, x[5:], x[:1]):
        message = message_of(median_distance, some)
        assert message == "rbf needs a positive median distance between rows; got 0: give sigma, as in 'rbf:1.0'"
