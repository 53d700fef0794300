"""Resamples: sums that are exact on every backend, draws that follow their law, however they are made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, run_python, seeds

from pyalign.backends import InvalidTripletsError, get_host_backend
from pyalign.backends.numpy import POISSON_AT_LEAST, poisson_weights
from pyalign.ops.resample import OBJECTS, multiplicities, object_sums, subject_sums, triplet_sums

REFERENCE = get_host_backend("reference")


def int16(seed, *shape):
    return np.random.default_rng(seed).integers(-32768, 32768, shape, dtype=np.int16)


@given(seeds, st.integers(3, 40), st.integers(1, 30), st.integers(0, 5))
def test_equal_the_reference(host_backend, seed, n, t, v):
    triplets, values = draw_triplets(seed, n, t, np.int32), int16(seed, v, t)
    table = np.random.default_rng(seed).integers(0, 32, (n, 64), dtype=np.uint8)
    keys = np.random.default_rng(seed).integers(0, 2**32, (1, 64), dtype=np.uint32)
    host, sums, expected = get_host_backend(host_backend), *(np.empty((1 + v, 64), np.int64) for _ in range(2))
    REFERENCE.resample_items(triplets, table, values, expected)
    host.resample_items(triplets, table, values, sums)
    np.testing.assert_array_equal(sums, expected)
    REFERENCE.resample_rows(keys, values, expected)
    host.resample_rows(keys, values, sums)
    np.testing.assert_array_equal(sums, expected)


@pytest.mark.parametrize("t", [1, 511, 513, 16385])
def test_equal_on_every_backend(backend, t):
    triplets, values = draw_triplets(t, 50, t, np.int16), int16(t, 3, t)
    expected = object_sums(triplets, 50, values, n_resamples=65, seed=1, backend="numpy")
    np.testing.assert_array_equal(object_sums(triplets, 50, values, n_resamples=65, seed=1, backend=backend), expected)
    by_rows = triplet_sums(values, n_resamples=65, seed=1, backend="numpy")
    np.testing.assert_array_equal(triplet_sums(values, n_resamples=65, seed=1, backend=backend), by_rows)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_do_not_depend_on_the_number_of_threads(set_threads, threads):
    triplets, values = draw_triplets(1, 50, 40_000), int16(1, 2, 40_000)
    set_threads(1)
    alone = object_sums(triplets, 50, values, n_resamples=64), triplet_sums(values, n_resamples=64)
    set_threads(threads)
    np.testing.assert_array_equal(object_sums(triplets, 50, values, n_resamples=64), alone[0])
    np.testing.assert_array_equal(triplet_sums(values, n_resamples=64), alone[1])


@pytest.mark.parametrize("index", [np.int16, np.uint16, np.int32, np.int64])
def test_take_triplets_as_they_come(backend, index):
    plain, values = draw_triplets(2, 30, 700), int16(2, 1, 700)
    expected = object_sums(plain, 30, values, n_resamples=3)
    wide = np.zeros((700, 7), index)
    wide[:, 1:7:2] = plain
    for triplets in (plain.astype(index), np.asfortranarray(plain.astype(index)), wide[:, 1:7:2]):
        np.testing.assert_array_equal(object_sums(triplets, 30, values, n_resamples=3, backend=backend), expected)


def test_fewer_resamples_are_the_first_of_more():
    triplets, values, subjects = draw_triplets(3, 2000, 300), int16(3, 2, 300), np.arange(300) % 11
    for some, more in ((1, 64), (70, 700)):
        few, many = (object_sums(triplets, 2000, values, n_resamples=b) for b in (some, more))
        np.testing.assert_array_equal(few, many[:some])
        few, many = (triplet_sums(values, n_resamples=b) for b in (some, more))
        np.testing.assert_array_equal(few, many[:some])
        few, many = (subject_sums(subjects, values, people=11, n_resamples=b) for b in (some, more))
        np.testing.assert_array_equal(few, many[:some])


def test_seeds_and_schemes_have_streams_of_their_own():
    draws = [multiplicities(50, 0, 64, seed=seed, stream=stream) for seed in (0, 1) for stream in (1, 3)]
    for k, one in enumerate(draws):
        for other in draws[k + 1 :]:
            assert (one != other).mean() > 0.4


def test_the_draws_are_those_of_this_version_for_ever():
    """A user who gives a seed gets the same interval with the next numpy."""
    assert multiplicities(6, 0, 64, seed=0, stream=OBJECTS)[:, :3].T.tolist() == FIRST_DRAWS
    assert triplet_sums(np.zeros((0, 9), np.int16), n_resamples=4, seed=0)[:, 0].tolist() == FIRST_WEIGHTS


FIRST_DRAWS = [[0, 1, 2, 3, 0, 0], [4, 0, 1, 0, 1, 0], [2, 1, 0, 0, 1, 2]]
FIRST_WEIGHTS = [10, 8, 7, 10]


def test_multiplicities_are_multinomial():
    """Means 1, variances 1 - 1/n, covariances -1/n, over 50 items and 20,032 resamples."""
    table = multiplicities(50, 0, 20_032, seed=5, stream=OBJECTS).astype(np.float64)
    assert (table.sum(axis=0) == 50).all()
    assert np.abs(table.mean(axis=1) - 1).max() < 5 / np.sqrt(20_032)
    covariance = np.cov(table)
    expected = np.eye(50) - 1 / 50
    assert np.abs(covariance - expected)[np.eye(50) == 1].max() < 5 * np.sqrt(3 / 20_032)  # fourth moment 4, less 1
    assert np.abs(covariance - expected)[np.eye(50) == 0].max() < 5 / np.sqrt(20_032)


def test_weights_of_rows_are_poisson_and_independent():
    assert sum(POISSON_AT_LEAST) == 1 << 16
    keys = np.random.default_rng(6).integers(0, 2**32, (1, 64), dtype=np.uint32)
    weights = poisson_weights(np.arange(40_000, dtype=np.uint32), keys)
    shares = np.bincount(weights.ravel(), minlength=9) / weights.size
    law = np.exp(-1) / np.array([1, 1, 2, 6, 24, 120, 720, 5040, 40320])
    assert np.abs(shares - law).max() < 5 * 0.5 / np.sqrt(weights.size)
    between_lanes = np.corrcoef(weights.T) - np.eye(64)
    between_rows = [np.corrcoef(weights[k:, lane], weights[:-k, lane])[0, 1] for k in (1, 2, 3) for lane in range(64)]
    assert np.abs(between_lanes).max() < 5 / np.sqrt(40_000)
    assert np.abs(between_rows).max() < 5 / np.sqrt(40_000)


def test_resamples_of_people_weigh_all_that_a_person_said():
    subjects, values = np.array([0, 2, 2, 1, 0]), np.array([[6, 3, 0, 2, 6]], np.int16)
    table = multiplicities(3, 0, 64, seed=9, stream=3)
    sums = subject_sums(subjects, values, people=3, n_resamples=64, seed=9)
    np.testing.assert_array_equal(sums[:, 0], table[subjects].sum(axis=0))
    np.testing.assert_array_equal(sums[:, 1], (table[subjects] * values.T.astype(np.int64)).sum(axis=0))


def test_invalid_triplets_are_explained(backend, message_of):
    values = np.zeros((1, 3), np.int16)
    message = message_of(object_sums, [[0, 1, 2], [0, 5, 1], [0, 1, 2]], 5, values, n_resamples=2, backend=backend)
    assert message == "triplets must lie in [0, 5); row 1 is [0, 5, 1]; is it 1-based?"[: len(message)]


@pytest.mark.compiled
def test_kernels_refuse_what_would_overflow():
    triplets, sums = draw_triplets(0, 5, 9), np.empty((1, 64), np.int64)
    with pytest.raises(ValueError):
        get_host_backend("native").resample_items(
            triplets, np.full((5, 64), 32, np.uint8), np.zeros((0, 9), np.int16), sums
        )
    with pytest.raises(InvalidTripletsError):
        get_host_backend("native").resample_items(
            triplets + 5, np.ones((5, 64), np.uint8), np.zeros((0, 9), np.int16), sums
        )


def test_progress_counts_up_to_the_end():
    seen = []

    def tell(*at):
        seen.append(at)

    object_sums([[0, 1, 2]], 10_000, np.zeros((1, 1), np.int16), n_resamples=150, progress=tell)
    assert seen == [("resamples", 64, 150), ("resamples", 128, 150), ("resamples", 150, 150)]
    seen.clear()
    triplet_sums(np.zeros((1, 4), np.int16), n_resamples=700, progress=tell)
    assert seen[-1][1] == 700 and seen == sorted(seen)


def test_a_forked_child_resamples_alone():
    code = """
import os, numpy as np
from pyalign.ops.resample import object_sums
t = np.arange(60000, dtype=np.int32).reshape(-1, 3) % 600
before = object_sums(t, 600, np.ones((1, len(t)), np.int16), n_resamples=64)
pid = os.fork()
if pid == 0:
    os._exit(0 if (object_sums(t, 600, np.ones((1, len(t)), np.int16), n_resamples=64) == before).all() else 3)
print(os.waitpid(pid, 0)[1])
"""
    assert run_python(code).stdout.strip() == "0"
