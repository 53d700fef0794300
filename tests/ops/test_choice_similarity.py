"""pyalign.choice_similarity: the definition, at every size, dtype and range; and what follows from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import FLOATS, MEASURES, NATIVE, definition, floats, reals, seeds, whole

import pyalign
from pyalign import choice_similarity

# Around vectors, register tiles, and blocks of 16 to 64 items.
SIZES = (3, 4, 5, 15, 16, 17, 31, 33, 63, 64, 65, 97, 129)
sizes = st.sampled_from(SIZES)
temperatures = st.sampled_from([0.01, 0.3, 1.0, 40.0])
# float32 does not tell probabilities below 1e-36 from 0, of which normal numbers are made.
NOTHING = 3e-36
CLOSE = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-13}


def by_definition(s, temperature=1.0):
    """(n, n) float64, from similarities s: the largest of three exponents is 0, whatever their range."""
    n, s = len(s), np.asarray(s, np.float64)
    kept, with_i, with_j = s[:, :, None], s[:, None, :], s[None, :, :]
    top = np.maximum(np.maximum(kept, with_i), with_j)
    with np.errstate(over="ignore"):
        e = [np.exp((one - top) / temperature) for one in (kept, with_i, with_j)]
    p = e[0] / (e[0] + e[1] + e[2])
    here = np.arange(n)
    p[here, :, here] = p[:, here, here] = 0
    mean = p.sum(axis=2) / (n - 2)
    np.fill_diagonal(mean, 1.0)
    return mean


def symmetric(seed, n, dtype=np.float64, scale=1.0):
    s = reals(seed, n, n, dtype=np.float64) * scale
    return (s + s.T).astype(dtype)


def close(ours, expected, rtol=None):
    assert (ours == ours.T).all() and (ours.diagonal() == 1).all() and ours.max() <= 1 and ours.min() >= 0
    np.testing.assert_allclose(ours, expected, rtol=CLOSE[ours.dtype] if rtol is None else rtol, atol=NOTHING)


@given(n=sizes, dtype=floats, temperature=temperatures, seed=seeds)
@example(n=129, dtype=np.float32, temperature=1.0, seed=0)
@example(n=129, dtype=np.float64, temperature=0.01, seed=0)
@example(n=15, dtype=np.float64, temperature=0.01, seed=1099505)
def test_equals_the_definition(backend, n, dtype, temperature, seed):
    """Temperatures of 0.01 spread the exponents over hundreds, which no float32 exponential holds."""
    s = symmetric(seed, n, dtype)
    rounded = 4 * 2.0**-53 * float(np.abs(s).max()) / temperature  # of exponents, which is what exp makes of it
    ours = choice_similarity(kind="similarity", matrix=s, temperature=temperature, backend=backend)
    close(ours, by_definition(s, temperature), CLOSE[ours.dtype] + rounded)


@given(n=st.integers(3, 7), dtype=floats, temperature=temperatures, seed=seeds)
def test_the_reference_equals_the_definition(n, dtype, temperature, seed):
    s = symmetric(seed, n, dtype)
    ours = choice_similarity(kind="similarity", matrix=s, temperature=temperature, backend="reference")
    close(ours, by_definition(s, temperature))


@pytest.mark.parametrize("measure", MEASURES)
@given(n=sizes, dtype=floats, seed=seeds)
def test_of_rows_is_that_of_their_similarities(backend, measure, n, dtype, seed):
    x = whole(seed, n, 6, dtype=dtype)
    s = definition(x, x, measure).astype(dtype)
    close(choice_similarity(x, measure=measure, backend=backend), by_definition(s), 8 * CLOSE[np.dtype(dtype)])


def test_takes_inner_products_at_temperature_1_unless_told_otherwise(backend):
    x = reals(1, 20, 4, dtype=np.float64)
    np.testing.assert_array_equal(
        choice_similarity(x, backend=backend), choice_similarity(x, measure="dot", temperature=1, backend=backend)
    )


def test_of_three_items_is_their_softmax(backend):
    """One third item for each pair."""
    s = np.array([[9.0, np.log(2), np.log(3)], [np.log(2), 9, np.log(5)], [np.log(3), np.log(5), 9]])
    expected = np.array([[10, 2, 3], [2, 10, 5], [3, 5, 10]]) / 10
    close(choice_similarity(kind="similarity", matrix=s, backend=backend), expected, 1e-15)


@pytest.mark.parametrize("n", [2, 1])
def test_fewer_than_three_items_are_one_clear_line(backend, n, message_of):
    x = np.ones((n, 2))
    told = f"must have at least 3 rows, for a third item; got {n}"
    assert message_of(choice_similarity, x, backend=backend) == f"embeddings {told}"
    assert message_of(choice_similarity, kind="similarity", matrix=x[:, :n], backend=backend) == f"matrix {told}"


@given(n=sizes, dtype=floats, temperature=temperatures, seed=seeds)
def test_pairs_are_kept_together_a_third_of_the_time(backend, n, dtype, temperature, seed):
    """Of each set of three items one pair is kept, so the mean over all pairs is 1/3 whatever the similarities."""
    s = choice_similarity(kind="similarity", matrix=symmetric(seed, n, dtype), temperature=temperature, backend=backend)
    assert s[np.triu_indices(n, 1)].mean(dtype=np.float64) == pytest.approx(1 / 3, rel=CLOSE[np.dtype(dtype)])


@pytest.mark.parametrize("dtype", FLOATS)
def test_equal_rows_leave_everything_to_chance(backend, dtype):
    ours = choice_similarity(np.full((70, 3), 2, dtype), backend=backend)
    close(ours, np.where(np.eye(70) > 0, 1, 1 / 3))


@given(n=sizes, dtype=floats, seed=seeds)
def test_what_all_similarities_share_changes_nothing(backend, n, dtype, seed):
    """Whole numbers, so that the sum is exact; e to the power of 4,000 is not."""
    s = whole(seed, n, n, dtype=dtype)
    s = s + s.T
    expected = choice_similarity(kind="similarity", matrix=s, backend=backend)
    close(choice_similarity(kind="similarity", matrix=s + dtype(4000), backend=backend), expected)
    close(choice_similarity(kind="similarity", matrix=s * dtype(8), temperature=8, backend=backend), expected)


@given(n=sizes, dtype=floats, seed=seeds)
def test_items_in_another_order_give_the_same(backend, n, dtype, seed):
    s, order = symmetric(seed, n, dtype), np.random.default_rng(seed).permutation(n)
    ours = choice_similarity(kind="similarity", matrix=s[np.ix_(order, order)], backend=backend)
    close(ours, choice_similarity(kind="similarity", matrix=s, backend=backend)[np.ix_(order, order)])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("temperature", [1.0, 0.01, 1e-30])
def test_large_inner_products_at_low_temperatures_do_not_overflow(backend, dtype, temperature):
    """Inner products of 10,000 at temperature 0.01: exponents of a million. What is left is who is the most alike."""
    x = whole(3, 40, 3, dtype=dtype) * dtype(50)
    s = definition(x, x, "dot")
    assert s.max() > 10_000
    ours = choice_similarity(x, temperature=temperature, backend=backend)
    assert np.isfinite(ours).all()
    close(ours, by_definition(s, temperature))


@pytest.mark.parametrize("dtype", FLOATS)
def test_similarities_at_the_ends_of_their_type_do_not_overflow(backend, dtype):
    big = np.finfo(dtype).max / 2
    s = np.where(symmetric(4, 20) > 0, big, -big).astype(dtype)
    for temperature in (1.0, 1e-30, 1e30):
        ours = choice_similarity(kind="similarity", matrix=s, temperature=temperature, backend=backend)
        close(ours, by_definition(s, temperature))


@pytest.mark.parametrize("dtype", FLOATS)
def test_is_accurate_for_any_range_of_similarities(backend, dtype):
    """Exponentials are taken once for each pair where the type holds all of them, else for each set of three."""
    one = symmetric(5, 40)
    for spread in (1, 30, 60, 68, 70, 80, 100, 500, 600, 720, 3000):
        s = (one * (spread / np.ptp(one[np.triu_indices(40, 1)]))).astype(dtype)
        ours = choice_similarity(kind="similarity", matrix=s, backend=backend)
        close(ours, by_definition(s), 4 * CLOSE[np.dtype(dtype)])


def test_the_diagonal_is_not_looked_at(backend):
    s = symmetric(6, 33)
    expected = choice_similarity(kind="similarity", matrix=s, backend=backend)
    np.fill_diagonal(s, 1e300)
    np.testing.assert_array_equal(choice_similarity(kind="similarity", matrix=s, backend=backend), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scale", [1, 60, 1000])
def test_does_not_depend_on_the_number_of_threads(isa, dtype, scale, set_threads):
    s, seen = symmetric(7, 300, dtype, scale), set()
    for threads in (1, 2, 3, 8, 1):
        set_threads(threads)
        seen.add(choice_similarity(kind="similarity", matrix=s, backend="native").tobytes())
    assert len(seen) == 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8", "uint16"])
def test_narrow_types_are_computed_in_float32(backend, dtype):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    x = np.abs(whole(8, 33, 5)).astype(dtype)
    ours = choice_similarity(x, backend=backend)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, choice_similarity(x.astype(np.float32), backend=backend))


@pytest.mark.parametrize(
    "arrange",
    [np.asfortranarray, lambda s: np.repeat(s, 2, 1)[:, ::2], lambda s: np.repeat(s, 2, 0)[::2], lambda s: s.tolist(),
     lambda s: s.astype(s.dtype.newbyteorder()), lambda s: s[::-1, ::-1].copy()[::-1, ::-1]],
    ids=["fortran", "strided", "far rows", "lists", "byte-swapped", "upside-down"],
)
def test_does_not_depend_on_how_the_matrix_lies_in_memory(backend, arrange):
    s = symmetric(9, 49)
    expected = choice_similarity(kind="similarity", matrix=s, backend=backend)
    np.testing.assert_array_equal(choice_similarity(kind="similarity", matrix=arrange(s), backend=backend), expected)


@pytest.mark.parametrize("chosen", [NATIVE, "numpy", "reference"])
def test_fills_out_and_may_overwrite_its_input(chosen):
    s = symmetric(10, 12)
    expected = choice_similarity(kind="similarity", matrix=s, backend=chosen)
    wide = np.full((14, 20), 7.0)
    for out in (np.empty((12, 12)), wide[1:13, 3:15], wide[12:0:-1, 3:15]):
        assert choice_similarity(kind="similarity", matrix=s, out=out, backend=chosen) is out
        np.testing.assert_array_equal(out, expected)
    assert (wide[[0, 13]] == 7).all() and (wide[:, :3] == 7).all() and (wide[:, 15:] == 7).all()
    copy = s.copy()
    np.testing.assert_array_equal(choice_similarity(kind="similarity", matrix=copy, out=copy, backend=chosen), expected)
    x = s.copy()
    expected = choice_similarity(s, backend=chosen)
    np.testing.assert_array_equal(choice_similarity(x, out=x, backend=chosen), expected)


def test_refuses_what_it_cannot_fill_or_read(backend, message_of):
    s = symmetric(11, 5)
    message = message_of(choice_similarity, kind="similarity", matrix=s, out=np.empty((5, 4)), backend=backend)
    assert message == "out must be an array of shape (5, 5) and dtype float64; got (5, 4) float64"
    message = message_of(choice_similarity, kind="similarity", matrix=s[:4], backend=backend)
    assert message.startswith("matrix must have shape (n, n)")
    for wrong in (0, -1, np.nan, "hot"):
        message = message_of(choice_similarity, s, temperature=wrong, backend=backend)
        assert message.startswith("temperature must be a positive number")
    s[0, 1] += 0.01
    message = message_of(choice_similarity, kind="similarity", matrix=s, backend=backend)
    assert message == "matrix must be symmetric; it differs from its transpose by 0.01"
    s[0, 1] = np.nan
    message = message_of(choice_similarity, kind="similarity", matrix=s, backend=backend)
    assert message.startswith("matrix must be finite; 1 of 5 rows")


def test_a_matrix_that_rounding_has_left_askew_gives_a_symmetric_result(backend):
    s = symmetric(12, 40)
    askew = np.triu(s) + np.tril(np.nextafter(s, 9), -1)
    close(choice_similarity(kind="similarity", matrix=askew, backend=backend), by_definition(s))


def test_takes_embeddings_with_names():
    x = reals(13, 6, 3, dtype=np.float64)
    named = pyalign.Embeddings(x, tuple("abcdef"))
    np.testing.assert_array_equal(choice_similarity(named), choice_similarity(x))
