"""pyalign.similarity: equal to the definition on whole numbers, within rounding on reals, right at the extremes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import FLOATS, MEASURES, NATIVE, definition, features, floats, reals, rows, seeds, whole

from pyalign import InputError
from pyalign import measures as public_measures
from pyalign import similarity

EXACT = MEASURES[:2] + MEASURES[3:]  # pearson is exact for small d alone


@pytest.mark.parametrize("measure", EXACT)
@given(rows, rows, features, floats, seeds)
@example(193, 193, 257, np.float32, 0)
@example(49, 191, 129, np.float64, 0)
def test_equals_the_definition_on_whole_numbers(backend, measure, n, m, d, dtype, seed):
    x, y = whole(seed, n, d, dtype=dtype), whole(seed + 1, m, d, dtype=dtype)
    rtol = root_error(backend, measure, dtype)
    for others in (y, None):
        ours = similarity(x, others, measure=measure, backend=backend)
        exact = rounded(x, x if others is None else others, measure)
        np.testing.assert_allclose(ours, exact, rtol=rtol, atol=0)


def root_error(backend, measure, dtype):
    """torch's float64 square root may be off by one unit in the last place, on the CPU; all else is exact."""
    return np.finfo(dtype).eps if (backend, measure, dtype) == ("torch", "neg_euclidean", np.float64) else 0


@given(rows, rows, st.integers(1, 40), floats, seeds)
def test_pearson_equals_the_definition_on_whole_numbers(backend, n, m, d, dtype, seed):
    """Up to 40 features d x - sum(x) stays below 320 and its inner products below 40 * 320^2 < 2^24: exact."""
    x, y = whole(seed, n, d, dtype=dtype), whole(seed + 1, m, d, dtype=dtype)
    np.testing.assert_array_equal(similarity(x, y, measure="pearson", backend=backend), rounded(x, y, "pearson"))


def rounded(x, y, measure):
    return definition(x, y, measure).astype(x.dtype)


@pytest.mark.parametrize("measure", [*MEASURES, "rbf:1.5"])
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 9), floats, seeds)
def test_equals_the_reference_on_whole_numbers(backend, measure, n, m, d, dtype, seed):
    x, y = whole(seed, n, d, dtype=dtype), whole(seed + 1, m, d, dtype=dtype)
    for others in (y, None):
        ours = similarity(x, others, measure=measure, backend=backend)
        reference = similarity(x, others, measure=measure, backend="reference")
        # exp is a series in one and the C library's in the other: one unit in the last place or two.
        rtol = 4 * np.finfo(dtype).eps if measure.startswith("rbf") else root_error(backend, measure, dtype)
        np.testing.assert_allclose(ours, reference, rtol=rtol, atol=0)


@pytest.mark.parametrize("measure", MEASURES)
@given(rows, rows, features, floats, seeds)
@example(193, 192, 257, np.float32, 0)
def test_is_within_rounding_of_the_definition_on_reals(backend, measure, n, m, d, dtype, seed):
    x, y = reals(seed, n, d, dtype=dtype), reals(seed + 1, m, d, dtype=dtype)
    ours, exact = similarity(x, y, measure=measure, backend=backend).astype(np.float64), definition(x, y, measure)
    if measure == "neg_euclidean":
        ours, exact = ours**2, exact**2
    # The error of a sum of d products grows like sqrt(d) eps |x| |y|; squared distances carry (|x| + |y|)^2, the
    # lengths being those of rows from which a mean row was taken.
    a, b = (np.sqrt((z.astype(np.float64) ** 2).sum(axis=1)) for z in (x, y))
    scale = {"dot": np.outer(a, b), "cosine": 1.0, "pearson": 1.0}.get(measure, 4 * (a.max() + b.max()) ** 2)
    assert (abs(ours - exact) <= 64 * np.finfo(dtype).eps * scale).all()


@pytest.mark.parametrize("measure", [*MEASURES, "rbf"])
@given(rows.filter(lambda n: n > 1), features, floats, seeds)
def test_of_rows_with_themselves_is_symmetric_bit_for_bit(backend, measure, n, d, dtype, seed):
    s = similarity(reals(seed, n, d, dtype=dtype), measure=measure, backend=backend)
    np.testing.assert_array_equal(s, s.T)


@pytest.mark.parametrize("measure", [*MEASURES, "rbf:4"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_is_the_same_whether_rows_meet_themselves_or_a_copy(isa, measure, dtype):
    x = reals(5, 193, 129, dtype=dtype)
    np.testing.assert_array_equal(similarity(x, measure=measure), similarity(x, x.copy(), measure=measure))


@pytest.mark.parametrize(
    "arrange",
    [
        np.asfortranarray,
        lambda x: np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3],
        lambda x: np.concatenate([x, x], axis=1)[:, : x.shape[1]],
        lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
        lambda x: x[::-1].copy()[::-1],
        lambda x: np.frombuffer(b"0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape),
        lambda x: x.astype(x.dtype.newbyteorder()),
        lambda x: x.tolist() if x.dtype == np.float64 else [list(row) for row in x],
    ],
    ids=["fortran", "strided", "wider", "reversed", "upside-down", "unaligned", "byte-swapped", "lists"],
)
@pytest.mark.parametrize("dtype", FLOATS)
def test_does_not_depend_on_how_the_rows_lie_in_memory(backend, dtype, arrange):
    x = reals(1, 49, 33, dtype=dtype)
    given_array = arrange(x)
    if isinstance(given_array, np.ndarray):
        given_array.flags.writeable = False
        np.testing.assert_array_equal(given_array, x)
    np.testing.assert_array_equal(similarity(given_array, backend=backend), similarity(x, backend=backend))
    np.testing.assert_array_equal(similarity(x, given_array, backend=backend), similarity(x, x.copy(), backend=backend))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8", "uint8", "int16", "uint16", "bool"])
def test_narrow_types_are_computed_in_float32(backend, dtype):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    x = whole(2, 33, 17).astype(dtype)
    ours = similarity(x, backend=backend)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, similarity(x.astype(np.float32), backend=backend))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "uint64"])
def test_wide_integers_are_computed_in_float64(backend, dtype):
    x = np.array([[2**30 + 1, 1], [2**30, 1]], dtype)
    ours = similarity(x, measure="neg_euclidean", backend=backend)
    assert ours.dtype == np.float64
    np.testing.assert_array_equal(ours, [[0, -1], [-1, 0]])  # float32 could not tell 2^30 + 1 from 2^30


def test_float64_on_one_side_is_float64_on_both(backend):
    x, y = reals(1, 5, 4), reals(2, 3, 4, dtype=np.float64)
    ours = similarity(x, y, backend=backend)
    assert ours.dtype == np.float64
    np.testing.assert_array_equal(ours, similarity(x.astype(np.float64), y, backend=backend))


@pytest.mark.parametrize("dtype", FLOATS)
def test_zero_rows_and_constant_rows_have_similarity_zero(backend, dtype):
    x = reals(3, 49, 33, dtype=dtype)
    x[[0, 48]] = 0
    x[7] = 0.1
    assert (similarity(x, backend=backend)[[0, 48]] == 0).all()
    assert (similarity(x, measure="pearson", backend=backend)[[0, 7, 48]] == 0).all()


@pytest.mark.parametrize("measure", ["neg_sqeuclidean", "neg_euclidean", "rbf:1"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_equal_rows_are_at_distance_zero(backend, measure, dtype):
    x = reals(4, 193, 129, dtype=dtype) + 3
    x[100] = x[3]
    x[192] = x[191]
    s = similarity(x, measure=measure, backend=backend)
    most = 1.0 if measure == "rbf:1" else 0.0
    assert (s.diagonal() == most).all()
    assert s[3, 100] == s[100, 3] == s[191, 192] == s[192, 191] == most
    assert (similarity(x, x[[3]], measure=measure, backend=backend)[[3, 100]] == most).all()


@pytest.mark.parametrize("spread", [1e-1, 1e-2, 1e-3])
def test_distances_between_close_rows_far_from_zero_are_accurate(backend, spread):
    """|x|^2 + |y|^2 - 2 x.y would lose every digit: the squares are 1e6 times d, the squared distances 1e-6 times d."""
    x = (1000 + spread * reals(5, 60, 96, dtype=np.float64)).astype(np.float32)
    exact = definition(x, x, "neg_euclidean")
    np.testing.assert_allclose(similarity(x, measure="neg_euclidean", backend=backend), exact, rtol=1e-3, atol=0)


def test_distances_within_clusters_far_apart_are_accurate(backend):
    centers = 100 * reals(6, 4, 96)
    x = np.repeat(centers, 20, axis=0) + 0.01 * reals(7, 80, 96)
    exact = definition(x, x, "neg_euclidean")
    np.testing.assert_allclose(similarity(x, measure="neg_euclidean", backend=backend), exact, rtol=1e-3, atol=0)


@pytest.mark.parametrize("chosen", [NATIVE, "numpy", "reference"])
def test_one_outlying_row_leaves_the_distances_of_the_others_accurate(chosen):
    x = reals(8, 40, 3)
    x[17] = 1e6
    exact = definition(x, x, "neg_euclidean")
    np.testing.assert_allclose(similarity(x, measure="neg_euclidean", backend=chosen), exact, rtol=1e-3, atol=0)


@pytest.mark.parametrize("chosen", [NATIVE, "numpy", "reference"])
def test_a_cluster_near_zero_keeps_its_distances_beside_a_larger_one_far_away(chosen):
    """Whatever is subtracted from all rows must not round away what distinguishes some."""
    x = reals(8, 40, 3)
    x[:25] += 1e6
    ours = similarity(x, measure="neg_euclidean", backend=chosen)
    np.testing.assert_allclose(ours[25:, 25:], definition(x[25:], x[25:], "neg_euclidean"), rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    "dtype,scales",
    [
        (np.float32, (1e-30, 1e30)),
        (np.float32, (1e-37, 1e37)),  # d times such a row, and its sum, overflow
        (np.float64, (1e-200, 1e200)),
        (np.float64, (1e-300, 1e307)),
    ],
)
@pytest.mark.parametrize("measure", ["cosine", "pearson"])
def test_rows_of_extreme_length_keep_their_angles(backend, measure, dtype, scales):
    x = reals(9, 50, 33, dtype=dtype)
    factors = np.ones(50, dtype)
    factors[3], factors[4] = scales
    factors[40:45] = scales[0]
    exact = definition(x, x, measure)
    ours = similarity(x * factors[:, None], measure=measure, backend=backend)
    # Scaling by a power of ten rounds each number once more.
    np.testing.assert_allclose(ours, exact, rtol=0, atol=64 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype,scale", [(np.float32, 1e-25), (np.float64, 1e-180)])
@pytest.mark.parametrize("measure", ["neg_euclidean", "rbf"])
@pytest.mark.parametrize("chosen", [NATIVE, "numpy", "reference"])
def test_distances_of_tiny_rows_are_right_or_refused(chosen, measure, dtype, scale):
    """Their squares underflow, the distances do not."""
    x = reals(10, 20, 33, dtype=dtype)
    expected = similarity(x, measure=measure, backend=chosen)
    try:
        ours = similarity(x * dtype(scale), measure=measure, backend=chosen)
    except InputError as error:
        assert "embeddings must be scaled up" in str(error)
        return
    np.testing.assert_allclose(ours / dtype(1 if measure == "rbf" else scale), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype,scale", [(np.float32, 1e-25), (np.float64, 1e-180)])
@pytest.mark.parametrize("measure", ["dot", "neg_sqeuclidean"])
def test_rows_whose_products_underflow_are_refused(backend, measure, dtype, scale, message_of):
    """Instead of a tie in every triplet."""
    x = reals(10, 20, 33, dtype=dtype) * dtype(scale)
    message = message_of(similarity, x, measure=measure, backend=backend)
    assert message.startswith(f"embeddings must be scaled up for measure {measure!r}")


@pytest.mark.parametrize("measure", ["dot", "neg_sqeuclidean", "neg_euclidean", "rbf:1"])
def test_tiny_rows_beside_longer_ones_are_no_error(backend, measure):
    x, y = np.array([[0], [0], [1e-25]], np.float32), np.array([[1]], np.float32)
    for a, b in ((x, y), (y, x)):
        exact = definition(a, b, measure.partition(":")[0])
        np.testing.assert_allclose(similarity(a, b, measure=measure, backend=backend), exact, rtol=1e-6, atol=0)


@pytest.mark.parametrize("measure", ["dot", "neg_sqeuclidean", "neg_euclidean", "rbf:1"])
def test_rows_whose_squares_overflow_are_refused(backend, measure, message_of):
    x = reals(11, 5, 4)
    x[3] *= 1e30
    message = message_of(similarity, x, measure=measure, backend=backend)
    assert message.startswith(
        f"embeddings must be scaled down for measure {measure.partition(':')[0]!r} or pass float64; row 3"
    )
    assert "overflows float32" in message
    assert np.isfinite(similarity(x.astype(np.float64), measure=measure, backend=backend)).all()
    message = message_of(similarity, x[:3], x * np.float64(1e200), measure=measure, backend=backend)
    assert message.startswith("others must be") and "overflows float64" in message


@pytest.mark.parametrize("measure", ["dot", "neg_sqeuclidean", "neg_euclidean", "cosine"])
def test_rows_just_short_enough_do_not_overflow(backend, measure):
    x = np.array([[1, 1], [-1, -1], [1, -1]], np.float32) * np.float32(2.0**62)  # |x|^2 = 2^125
    s = similarity(x, measure=measure, backend=backend).astype(np.float64)
    assert np.isfinite(s).all()
    np.testing.assert_array_equal(s, rounded(x, x, measure))


@pytest.mark.parametrize("dtype", FLOATS)
def test_rbf_takes_the_median_distance_or_a_given_sigma(backend, dtype):
    x, y = reals(12, 40, 7, dtype=dtype), reals(13, 21, 7, dtype=dtype)
    pairs = -definition(x, x, "neg_euclidean")[np.triu_indices(40, 1)]
    rtol = 1000 * np.finfo(dtype).eps  # exponents up to 10, each from a canceling sum of magnitude 40
    for others, sigma in ((None, np.median(pairs)), (y, np.median(-definition(x, y, "neg_euclidean")))):
        exact = definition(x, x if others is None else y, "rbf", sigma)
        np.testing.assert_allclose(similarity(x, others, measure="rbf", backend=backend), exact, rtol=rtol)
        given_sigma = similarity(x, others, measure=f"rbf:{float(sigma)!r}", backend=backend)
        np.testing.assert_allclose(given_sigma, exact, rtol=rtol)
    np.testing.assert_allclose(
        similarity(x, y, measure="rbf:0.7", backend=backend), definition(x, y, "rbf", 0.7), rtol=rtol, atol=1e-37
    )


def test_rbf_far_beyond_sigma_is_zero_or_close_to_it(backend):
    x = np.array([[0.0], [1.0], [1000.0]])
    s = similarity(x, measure="rbf:1", backend=backend)
    assert 0 <= s[0, 2] < 1e-300 and s[0, 1] == pytest.approx(np.exp(-0.5), rel=1e-15)


@pytest.mark.parametrize("chosen", [NATIVE, "numpy", "reference"])
def test_fills_out_and_returns_it(chosen):
    x, y = reals(14, 33, 9), reals(15, 20, 9)
    expected = similarity(x, y, backend=chosen)
    whole_array = np.full((40, 30), np.float32(7))
    for out in (np.empty((33, 20), np.float32), whole_array[3:36, 5:25], whole_array[35:2:-1, 5:25]):
        assert similarity(x, y, out=out, backend=chosen) is out
        np.testing.assert_array_equal(out, expected)
    assert (whole_array[:, :5] == 7).all() and (whole_array[:, 25:] == 7).all()
    assert (whole_array[:3] == 7).all() and (whole_array[36:] == 7).all()


@pytest.mark.parametrize("measure", ["cosine", "dot", "pearson", "neg_euclidean"])
@pytest.mark.parametrize("chosen", [NATIVE, "numpy", "reference"])
def test_may_overwrite_its_own_input(chosen, measure):
    x = reals(16, 8, 8)
    expected = similarity(x, measure=measure, backend=chosen)
    np.testing.assert_array_equal(similarity(x, measure=measure, backend=chosen, out=x), expected)


@pytest.mark.parametrize("measure", ["dot", "pearson", "rbf:20"])
@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (0, 7), (40, 3)])
def test_an_out_that_overlaps_its_inputs_is_filled_as_any_other(backend, measure, shift):
    """Large enough for rows to be read after others were written."""
    n, (down, right) = 400, shift
    for which in ("x", "y", "x alone", "both"):
        memory = reals(18, n + down, n + right)
        view, other, out = memory[:n, :n], reals(19, n, n), memory[down:, right:]
        inputs = {"x": (view, other), "y": (other, view), "x alone": (view, None), "both": (view, view)}[which]
        expected = similarity(
            *(None if one is None else one.copy() for one in inputs), measure=measure, backend=backend
        )
        assert similarity(*inputs, measure=measure, backend=backend, out=out) is out
        np.testing.assert_array_equal(out, expected)


def test_refuses_an_out_whose_rows_overlap(backend, message_of):
    x, memory = reals(20, 5, 3), np.zeros(40, np.float32)
    for stride in (0, 1, 4, -4):
        start = memory[20:]
        out = np.lib.stride_tricks.as_strided(start, (5, 5), (4 * stride, 4))
        message = f"out must have rows that begin 5 elements apart or more; got {stride}"
        assert message_of(similarity, x, out=out, backend=backend) == message
    assert (memory == 0).all()
    one = np.lib.stride_tricks.as_strided(memory, (1, 5), (0, 4))  # a single row overlaps nothing
    np.testing.assert_array_equal(similarity(x[:1], x, out=one, backend=backend), similarity(x[:1], x, backend=backend))


def test_refuses_an_out_that_it_could_not_fill(backend, message_of):
    x = reals(17, 4, 3)
    read_only = np.empty((4, 4), np.float32)
    read_only.flags.writeable = False
    for out in (np.empty((4, 5), np.float32), np.empty((4, 4)), np.empty((4, 4), ">f4"), [[0.0] * 4] * 4):
        message = message_of(similarity, x, out=out, backend=backend)
        assert message.startswith("out must be an array of shape (4, 4) and dtype float32; got ")
    for out in (read_only, np.empty((4, 4), np.float32).T, np.empty((4, 8), np.float32)[:, ::2]):
        assert message_of(similarity, x, out=out, backend=backend) == "out must be writeable, with contiguous rows"


def test_refuses_features_that_differ(backend, message_of):
    message = message_of(similarity, reals(1, 4, 3), reals(1, 4, 2), backend=backend)
    assert message == "others must have the 3 features of the embeddings; got shape (4, 2)"


def test_refuses_nan_and_says_in_which_argument(backend, message_of):
    x, y = reals(1, 4, 3), reals(2, 5, 3)
    y[1:3, 2] = np.nan, np.inf
    message = message_of(similarity, x, y, backend=backend)
    assert message == "others must be finite; 2 of 5 rows hold NaN or infinity, first row 1"
    y = np.where(np.arange(5)[:, None] == 4, np.inf, x[:1])
    message = message_of(similarity, y, backend=backend)
    assert message == "embeddings must be finite; 1 of 5 rows holds NaN or infinity, first row 4"


@pytest.mark.parametrize("measure", [*MEASURES, "rbf"])
def test_does_not_depend_on_the_number_of_threads(isa, measure, set_threads):
    x, y = reals(18, 500, 130), reals(19, 300, 130)
    results = []
    for threads in (1, 2, 3, 5, 8, 1):
        set_threads(threads)
        results.append((similarity(x, measure=measure), similarity(x, y, measure=measure)))
    for square, oblong in results[1:]:
        np.testing.assert_array_equal(square, results[0][0])
        np.testing.assert_array_equal(oblong, results[0][1])


def test_offsets_of_rows_and_of_the_result_pass_two_to_the_31(isa, tmp_path):
    """Three rows 2^31 + 5 elements apart, in files with holes."""
    stride, x = 2**31 + 5, whole(20, 3, 9)
    far = np.memmap(tmp_path / "x", np.float32, "w+", shape=(3, stride))
    out = np.memmap(tmp_path / "out", np.float32, "w+", shape=(3, stride))
    far[:, :9] = x
    np.testing.assert_array_equal(similarity(far[:, :9], measure="dot", backend="native"), rounded(x, x, "dot"))
    similarity(x, measure="dot", backend="native", out=np.asarray(out[:, :3]))
    np.testing.assert_array_equal(out[:, :3], rounded(x, x, "dot"))


def test_every_measure_runs_and_larger_is_more_alike(backend):
    """Row 1 is row 0 moved a little, row 2 is its opposite."""
    x = np.array([[1.0, 2.0, 3.5], [1.1, 2.0, 3.4], [-1.0, -2.0, -3.5]])
    for name in public_measures.MEASURES:
        s = similarity(x, measure=name, backend=backend)
        assert s[0, 1] > s[0, 2], name
