"""Triplets that another thread writes to while kernels read them: results may be anything, memory stays whole."""

from __future__ import annotations

import numpy as np
import pytest
from support import run_python

from pyalign.backends import InvalidTripletsError, get_host_backend
from pyalign.ops._host_dispatch import explained

# Both states are of valid triplets, and so is any mixture: they differ in the lowest byte of each item alone, so that a
# copy which is interrupted within an item leaves an item of the one or of the other, and no two in a row are the same.
SETUP = """
import sys, threading
import numpy as np
import pyalign
from pyalign.backends import get_host_backend
from pyalign.ops.plan import TripletPlan
from pyalign.ops.resample import object_sums
from pyalign.ops.plan import share_triplets
from pyalign.ops.triplets import run_triplets

name, kernel, rounds = sys.argv[1:4]
n, t = 600, 3 * 16384  # whole chunks: lists that grow too long leave their memory
rng = np.random.default_rng(0)
x = rng.normal(size=(n, 8)).astype(np.float32)
s, answers, values = pyalign.similarity(x), np.ones((t, 3)), np.ones((2, t), np.int16)
near = np.stack([rng.permutation(64)[:3] for _ in range(384)] * (t // 384))
far = 256 * rng.integers(0, 2, (t, 3))
low, high = far + near, far + 127 - near
wide = dict(choices=True, probabilities=True, sums=True, similarities=True, backend=name)
similar = dict(matrix=s, kind="similarity", backend=name)
kernels = {
    "odd_one_out_from": lambda index: pyalign.odd_one_out(triplets=index, **similar),
    "probabilities": lambda index: pyalign.choice_probabilities(triplets=index, **similar),
    "sums from a matrix": lambda index: run_triplets(x, index, **wide),
    "sums from rows": lambda index: run_triplets(x, index[:20_000], **wide),
    "gradient": lambda index: pyalign.triplet_gradient(s, index, backend=name),
    "gradient of answers": lambda index: pyalign.triplet_gradient(s, index, answers=answers, backend=name),
    "plan": lambda index: TripletPlan(index, n, sort=True),
    "resample_items": lambda index: object_sums(index, n, values, n_resamples=64, backend=name),
    "share_triplets": lambda index: share_triplets(index, n, name).products(values.T),
    "check": lambda index: get_host_backend(name).check_triplets(index, n),
}
call = kernels[kernel]

def race(dtype, states):
    index, running = states[0].astype(dtype), True
    states = [state.astype(dtype) for state in states]

    def write():
        while running:
            for state in states:
                index[...] = state

    writer = threading.Thread(target=write)
    writer.start()
    refused = 0
    try:
        for _ in range(int(rounds)):
            try:
                call(index)
            except pyalign.InputError:
                refused += 1
    finally:
        running = False
        writer.join()
    return refused
"""

KERNELS = (
    "odd_one_out_from",
    "probabilities",
    "sums from a matrix",
    "sums from rows",
    "gradient",
    "gradient of answers",
    "plan",
    "resample_items",
    "share_triplets",
    "check",
)


def finish(code, name, kernel, rounds=30):
    done = run_python(SETUP + code, arguments=(name, kernel, str(rounds)), PYALIGN_NUM_THREADS="2")
    assert done.returncode == 0 and not done.stderr, (done.returncode, done.stderr[-3000:])
    return done.stdout.split()


@pytest.mark.of_kernels
@pytest.mark.slow
@pytest.mark.parametrize("name", ["native", "numpy"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_valid_triplets_that_are_rewritten_meanwhile_are_not_refused(name, kernel):
    code = "print(*(race(dtype, (low, high)) for dtype in (np.int16, np.int64)))"
    assert finish(code, name, kernel) == ["0", "0"]


@pytest.mark.of_kernels
@pytest.mark.slow
@pytest.mark.parametrize("name", ["native", "numpy"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_invalid_triplets_that_come_meanwhile_are_refused_or_not_seen(name, kernel):
    code = """
beyond = {"int16": 30_000, "int64": 2**40}
for dtype in beyond:
    race(np.dtype(dtype), (low, np.full((t, 3), beyond[dtype]), high, -1 - low))
print("end")
"""
    assert finish(code, name, kernel) == ["end"]


def test_invalid_triplets_that_are_gone_on_a_second_look_are_refused_in_one_line(message_of):
    def call():
        with explained(get_host_backend("numpy"), np.array([[0, 1, 2]]), 3):
            raise InvalidTripletsError

    assert message_of(call) == "triplets must stay the same while they are read; invalid ones were met and are gone"
