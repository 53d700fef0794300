"""Rows that equal an earlier one: counted exactly, in bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets

from pyalign.analysis.describe import array as module
from pyalign.analysis.describe.array import count_repeated_rows, describe

DTYPES = ("bool", "i1", "u2", "i8", "u8", "f2", "f4", "f8", ">f4")


def repeats(a):
    """By a set of the rows."""
    return len(a) - len({tuple(0.0 if value == 0 else value for value in row) for row in a.tolist()})


@given(
    seed=st.integers(0, 2**32), n=st.integers(1, 60), d=st.integers(1, 12), dtype=st.sampled_from(DTYPES),
    held=st.sampled_from([1, 7, 1 << 23]), chunk=st.sampled_from([8, 100, 1 << 23]),
    hashes=st.sampled_from([1, 3, 2**62]),
)
def test_repeats_are_those_of_a_set_also_where_hashes_are_equal_by_chance(seed, n, d, dtype, held, chunk, hashes):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 3, (n, d)).astype(dtype)
    if a.dtype.kind == "f":
        a[rng.random(a.shape) < 0.2] = -0.0
    real = module._hashes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS_AT_ONCE", held)
        patch.setattr(module, "CHUNK_BYTES", chunk)
        patch.setattr(module, "_hashes", lambda part: real(part) % np.uint64(hashes))
        found = count_repeated_rows(a, None), count_repeated_rows(a, (float(a.min()), float(a.max())))
    assert found == (repeats(a), repeats(a))


@pytest.mark.parametrize(
    "low, high", [(0, 2**21 - 1), (0, 2**21), (-(2**20), 2**21), (2**52, 2**53), (-(2**62), 2**62)]
)
def test_numbers_far_apart_and_far_from_zero_are_told_apart(low, high):
    rng = np.random.default_rng(0)
    a = rng.choice([low, low + 1, high - 1, high], (200, 3)).astype(np.int64)
    assert count_repeated_rows(a, (float(low), float(high))) == repeats(a)


def test_rows_that_are_all_alike_are_held_once():
    a = np.broadcast_to(np.array([[1, 2, 3]], np.int16), (100_000, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS_AT_ONCE", 1000)
        assert count_repeated_rows(a, (1.0, 3.0)) == count_repeated_rows(a[:5000], None) + 95_000 == 99_999


@pytest.mark.parametrize("dtype, columns", [(np.int16, 3), (np.int16, 4), (np.float32, 3), (np.int64, 3)])
def test_many_triplets_are_described_in_little_memory(monkeypatch, tmp_path, dtype, columns):
    """A hundred times fewer than may come, a hundred times less at once."""
    a = draw_triplets(0, 300, 400_000, np.int64)
    a = np.column_stack([a, a[:, 0] % 3])[:, :columns]
    a = (a * 10**9 if dtype is np.int64 else a).astype(dtype)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 1 << 15)
    monkeypatch.setattr(module, "CHUNK_BYTES", 1 << 16)
    np.save(tmp_path / "t.npy", a)
    mapped = np.load(tmp_path / "t.npy", mmap_mode="r")
    tracemalloc.start()
    found = describe(mapped)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.kind == "triplets"
    assert found.duplicate_rows == len(a) - len(np.unique(a, axis=0))
    assert peak < 4e6
