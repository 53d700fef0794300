"""How often each public call waits for a device, what it allocates there, and how many kernels it queues: a table.

More is a decision that somebody makes: change the table with it, and docs/gpu.md where a wait is added.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import run_python

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.slow,  # it compiles the kernels
    pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed"),
    pytest.mark.skipif(sys.platform != "linux", reason="the emulator needs GNU ld"),
]

# Waits; tensors in new memory, temporaries of torch among them; operations of `Kernels`.
COUNTS = {
    "similarity cosine": (1, 3, 2),
    "similarity dot": (1, 2, 2),
    "similarity pearson": (1, 4, 2),
    "similarity neg_euclidean": (1, 19, 2),
    "similarity rbf:2": (1, 19, 2),
    "similarity rbf": (2, 21, 2),
    "similarity cosine of x and y": (1, 4, 3),
    "similarity cosine, odd d": (1, 4, 2),
    "similarity pearson, odd d": (1, 4, 2),
    "odd_one_out, matrix": (1, 5, 3),
    "choice_probabilities, matrix": (1, 5, 3),
    "score, matrix": (1, 14, 3),
    "odd_one_out, rows": (1, 4, 2),
    "choice_probabilities, rows": (1, 4, 2),
    "score, rows": (1, 13, 2),
    "odd_one_out rbf": (2, 23, 3),
    "odd_one_out_from": (1, 3, 2),
    "choice_probabilities_from": (1, 3, 2),
    "triplet_gradient": (1, 3, 2),
    "triplet_gradient with answers": (3, 5, 2),
    "choice_similarity": (1, 4, 3),
    "choice_similarity_from": (1, 10, 2),
    "topk": (1, 2, 2),
    "resamples of objects": (2, 2, 1),
}


@pytest.fixture(scope="module")
def counted(load_emulated):
    tests = str(ROOT / "tests")
    done = run_python(f"{load_emulated}\nsys.path.insert(0, {tests!r})\nimport device_calls\ndevice_calls.main('cuda')")
    assert done.returncode == 0, done.stderr
    return {call: tuple(counts) for call, counts in json.loads(done.stdout).items()}


def test_every_operation_is_queued_by_a_call(counted):
    header = (ROOT / "csrc" / "include" / "pyalign_cuda_operations.h").read_text()
    queued = {name for *_, names in counted.values() for name in names}
    assert queued == set(re.findall(r"  OPERATION\((\w+), ", header))


def test_every_call_is_in_the_table(counted):
    assert counted.keys() == COUNTS.keys()


@pytest.mark.parametrize("call", COUNTS)
def test_a_call_waits_allocates_and_queues_no_more_than_the_table_says(counted, call):
    assert counted[call][:3] == COUNTS[call]


def test_a_call_waits_once_but_where_a_number_must_be_known_early_or_much_goes_to_the_host(counted):
    more = {call for call, (waits, *_) in counted.items() if waits > 1}
    assert more == {"odd_one_out rbf", "resamples of objects", "similarity rbf", "triplet_gradient with answers"}
