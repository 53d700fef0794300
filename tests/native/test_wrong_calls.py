"""Every function of pyalign.h, with each of its parameters and fields wrong once: a status and its text, never a crash.

`wrong_calls.py` makes the calls from the header. What is not refused, and rightly so, is listed here.
"""

from __future__ import annotations

import json
import sys

import pytest
from native_builds import ROOT, build, run
from wrong_calls import HUGE, WRONG, declarations

HEADER = ROOT / "csrc" / "include" / "pyalign.h"
RETURNED = {name: returned for name, (returned, _) in declarations(HEADER)[1].items()}
REFUSED = 3  # PA_BAD_ARGUMENT
WANTED = {"want.choices", "want.probabilities", "want.similarities", "want.sums"}
TAKEN = {  # what is not refused: NULL for what is not wanted; values that have a meaning, or are not looked at
    "pa_similarity": {"y", "y.pair"},
    "pa_topk": {"own"},
    "pa_check_triplets": {"n"},
    **dict.fromkeys(("pa_triplets_from_matrix", "pa_triplets_from_rows", "pa_triplets_in_buckets"), WANTED),
    "pa_outcomes": {"verdicts", "cross_entropy", "entropy"},
    "pa_temperature_sums": {"targets", "weights", "confidences"},
    "pa_triplet_gradient": {"loss.targets"},
    "pa_planned_gradient": {"loss.targets"},
    "pa_ranks": {"order", "ranks"},
    "pa_inversions": {"weights"},
    "pa_assign": {"product"},
}


def is_any(path, value):
    """Whether a number is taken whatever it is: a factor; a stride of rows that are read, which may go backwards."""
    backwards = path.endswith("stride") and not path.startswith("out") and value == -1
    return backwards or path.endswith((".scale", ".gamma"))


@pytest.fixture(scope="module")
def library():
    folder = build("native-plain").parent
    return next(path for name in ("libpyalign.so", "libpyalign.dylib") if (path := folder / name).exists())


def calls(library, function):
    """(path, value, status, text, whether anything was written) of each call; the first is the one that fits."""
    done = run([sys.executable, ROOT / "tests" / "wrong_calls.py", library, HEADER, function])
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{function} ended the process ({done.returncode}): {lines[-1:]} {done.stderr[-900:]}"
    return [(*asked, *given) for asked, given in zip(lines[::2], lines[1::2], strict=True)]


@pytest.mark.parametrize("function", RETURNED)
def test_a_wrong_argument_is_refused_and_no_crash(library, function):
    (_, _, status, *_), *others = calls(library, function)
    if RETURNED[function] != "pa_status" or function == "pa_set_isa":
        return
    assert status == 0, "the call that should fit is refused: wrong_calls.py needs a row for one of its sizes"
    taken = {path for path, value, status, *_ in others if status != REFUSED and not is_any(path, value)}
    assert taken == TAKEN.get(function, set())


@pytest.mark.parametrize("function", [name for name, returned in RETURNED.items() if returned == "pa_status"])
def test_a_refusal_names_the_argument_and_writes_nothing(library, function):
    for path, value, status, text, written in calls(library, function):
        if status == REFUSED:
            assert not written, (path, value)
            assert any(name in text for name in path.split(".")) and len(text) < 120, (path, value, text)


def test_every_kind_of_fault_is_tried(library):
    paths = {path: set() for path, *_ in calls(library, "pa_triplets_from_rows")}
    for path, value, *_ in calls(library, "pa_triplets_from_rows"):
        paths[path].add(value)
    assert {*HUGE} < paths["x.values.n"] and {*HUGE} < paths["triplets.row_stride"]
    assert {None, "not aligned"} == paths["x.terms"] == paths["triplets.data"]
    assert paths["x.values.type"] == paths["x.pair"] == {-1, 99} and {-1} < paths["want.temperature"]
    assert set(WRONG["int64_t"]) == paths["x.values.d"]
