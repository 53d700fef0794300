"""The compiled kernels as a whole: instruction sets, threads, forks, concurrent calls, the environment."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support import MEASURES, draw_triplets, reals, run_python

from pyalign import odd_one_out, score, similarity
from pyalign.backends import Rows, Wanted, native
from pyalign.backends.native import _native
from pyalign.measures import PAIR_KERNELS

pytestmark = pytest.mark.compiled

RUNNABLE = [name for name, runs in native.instruction_sets().items() if runs]

# Large enough for several blocks, chunks and threads.
WORK = """
import numpy as np, pyalign
from pyalign.backends import native
rng = np.random.default_rng(0)
x = rng.normal(size=(600, 64)).astype(np.float32)
triplets = np.stack([rng.permutation(600)[:3] for _ in range(400)] * 200)
def work():
    return pyalign.similarity(x, measure="neg_euclidean").tobytes(), pyalign.score(x, triplets)
"""


def test_best_instruction_set_comes_first_and_is_in_use():
    names = list(native.instruction_sets())
    assert names in (["avx512", "avx2", "base"], ["neon"], ["base"])
    done = run_python("from pyalign.backends import native; print(native.instruction_set())")
    assert done.stdout.strip() == RUNNABLE[0]


def test_instruction_set_is_the_one_asked_for(isa):
    assert native.instruction_set() == isa


def test_refuses_an_instruction_set_that_is_not_there(message_of):
    assert message_of(native.set_instruction_set, "mmx") == (
        "instruction set must be one that this CPU supports; got 'mmx'"
    )
    with pytest.raises(ValueError):
        _native.set_isa("mmx")


def test_threads_are_those_asked_for(set_threads, message_of):
    default = native.num_threads()
    assert default >= 1
    set_threads(3)
    assert native.num_threads() == 3
    set_threads(0)
    assert native.num_threads() == default
    for threads in (-1, 4097):
        assert message_of(set_threads, threads) == f"threads must be a whole number from 0 to 4096; got {threads}"


@pytest.mark.parametrize("variable,wanted", [("OMP_NUM_THREADS", "100000"), ("PYALIGN_NUM_THREADS", "4096")])
def test_more_threads_than_a_few_on_each_processor_are_not_used(variable, wanted):
    code = WORK + "work(); print(native.num_threads())"
    done = run_python(code, **{"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", variable: wanted})
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) <= max(16, 4 * (os.cpu_count() or 1))


def test_every_parallel_region_names_its_threads():
    """OpenMP's own default may be any number."""
    folder = Path(__file__).resolve().parents[2] / "csrc" / "cpu"
    for path in folder.glob("*.*"):
        for line in path.read_text().splitlines():
            assert "omp parallel" not in line or "num_threads(" in line, f"{path.name}: {line}"


@pytest.mark.parametrize("name", RUNNABLE)
def test_environment_names_the_instruction_set(name):
    done = run_python(WORK + "work(); print(native.instruction_set())", PYALIGN_ISA=name)
    assert done.stdout.strip() == name, done.stderr


def test_environment_names_the_number_of_threads():
    """The kernel's threads are counted by the system, where it has /proc."""
    code = (
        WORK
        + """
import os
before = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else None
work()
print(native.num_threads(), len(os.listdir("/proc/self/task")) - before if before else 2)
"""
    )
    assert run_python(code, PYALIGN_NUM_THREADS="3").stdout.split() == ["3", "2"]
    assert run_python(code, PYALIGN_NUM_THREADS="1").stdout.split() == ["1", "0"]


@pytest.mark.parametrize(
    "variable,value,message",
    [
        ("PYALIGN_ISA", "sse9", "PYALIGN_ISA must name an instruction set of this build; got 'sse9' (known here: "),
        ("PYALIGN_ISA", "AVX2", "PYALIGN_ISA must name an instruction set of this build; got 'AVX2' (known here: "),
        *(
            ("PYALIGN_NUM_THREADS", value, f"PYALIGN_NUM_THREADS must be a whole number from 1 to 4096; got {value!r}")
            for value in ("0", "4097", "two", " 2", "9" * 30, "\u0663")
        ),
    ],
)
def test_environment_with_a_wrong_value_is_refused_in_one_line(variable, value, message):
    code = WORK + "try:\n    work()\nexcept pyalign.InputError as error:\n    print(error)"
    done = run_python(code, **{variable: value, "PYTHONUTF8": "1"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(message) and len(done.stdout.splitlines()) == 1


def test_an_empty_variable_is_none():
    done = run_python(WORK + "work(); print(native.num_threads() >= 1)", PYALIGN_ISA="", PYALIGN_NUM_THREADS="")
    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_of_fork_works_after_its_parent_has_used_threads():
    """Without care it would wait for threads that only the parent has."""
    code = (
        WORK
        + """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of a fork with threads: that is the point
native.set_num_threads(4)
expected = work()
def spawn(depth):
    child = os.fork()
    if child == 0:
        ok = work() == expected and native.num_threads() == 1
        native.set_num_threads(8)
        ok = ok and work() == expected and (depth == 0 or spawn(depth - 1))
        os._exit(0 if ok else 1)
    return os.waitpid(child, 0)[1] == 0
ok = [spawn(1) for _ in range(3)]
print(all(ok), work() == expected, native.num_threads())
"""
    )
    assert run_python(code, timeout=60).stdout.split() == ["True", "True", "4"]


def test_concurrent_calls_give_equal_results(isa, route, set_threads):
    set_threads(3)
    x, triplets = reals(1, 400, 65), draw_triplets(2, 400, 40_000)

    def work(measure):
        return similarity(x, measure=measure).tobytes(), score(x, triplets, measure=measure), measure

    expected = {measure: work(measure) for measure in MEASURES}
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(work, list(MEASURES) * 8):
            assert result == expected[result[2]]


def test_repeated_calls_give_equal_results(isa, route):
    x, triplets = reals(3, 400, 65), draw_triplets(4, 400, 40_000)
    assert len({score(x, triplets, temperature=0.1) for _ in range(20)}) == 1


def test_instruction_sets_give_the_same_decisions_where_sums_are_exact():
    before = native.instruction_set()
    x = np.random.default_rng(5).integers(-4, 5, (200, 50)).astype(np.float32)
    triplets, decisions = draw_triplets(6, 200, 20_000), set()
    for name in RUNNABLE:
        native.set_instruction_set(name)
        decisions.add(odd_one_out(x, triplets, measure="cosine").tobytes())
    native.set_instruction_set(before)
    assert len(decisions) == 1


X, T, ONES = np.ones((4, 3), np.float32), np.array([[0, 1, 2]]), np.ones(4)
ROW = np.lib.stride_tricks.as_strided(np.empty(2, np.float32), (4, 2), (0, 4))  # four times the same


def compare(x, y=None, *, y_terms=None, pair="dot", right=None, terms=None, shape=(4, 4)):
    right = None if y is None else Rows(y, y_terms, right or pair)
    _native.similarity(Rows(x, terms, pair), right, np.empty(shape, np.float32))


def decide(matrix=X[:3], **wanted):
    _native.triplets_from_matrix(matrix, T, Wanted(**wanted))


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: _native.row_squares(X.astype(np.float16)), "expected float32 or float64"),
        (lambda: _native.row_squares(X[:, ::2]), "expected contiguous rows"),
        (lambda: _native.row_squares(X[0]), "expected two dimensions"),
        (lambda: _native.center_rows(X, np.empty((4, 2), np.float32)), "output must be contiguous"),
        (lambda: _native.center_rows(X, np.empty((5, 3), np.float32)), "output has the wrong shape"),
        (lambda: _native.center_rows(X, np.empty((4, 3))), "output has the wrong dtype"),
        (lambda: _native.center_rows(X, np.empty((4, 6), np.float32)[:, :3]), "output must be contiguous"),
        (lambda: _native.product(X, X[:3, :2], ROW), "output rows must not overlap"),
        (lambda: _native.shift_rows(X, np.zeros(3), np.empty((4, 3), np.float32)), "bad shift"),
        (lambda: _native.shift_rows(X, np.zeros(2, np.float32), np.empty((4, 3), np.float32)), "bad shift"),
        (lambda: compare(X, pair="cosine"), "this pair kernel needs row terms"),
        (lambda: compare(X, X, pair="cosine", terms=ONES), "this pair kernel needs row terms"),
        (lambda: compare(X, X, right="rbf", y_terms=ONES), "x and y are for different pair kernels"),
        (lambda: compare(X, pair="cosine", terms=np.ones(3)), "expected contiguous float64, one of each row"),
        (lambda: compare(X, pair="cosine", terms=X[:, 0]), "expected contiguous float64, one of each row"),
        (lambda: compare(X, pair="cosine", terms=[1.0] * 4), "expected an array of numpy"),
        (lambda: compare(X.tolist()), "expected an array of numpy"),
        (lambda: compare(X, X[:, :2]), "x and y differ in features or dtype"),
        (lambda: compare(X, X.astype(float)), "x and y differ in features or dtype"),
        (lambda: compare(X, shape=(4, 5)), "output has the wrong shape"),
        (lambda: compare(X, pair="cosin", terms=ONES), "unknown pair kernel"),
        (lambda: compare(X, pair=1, terms=ONES), "unknown pair kernel"),
        (lambda: _native.check_triplets(T.astype(np.int8), 4), "expected int16, uint16, int32 or int64"),
        (lambda: _native.check_triplets(T.astype(float), 4), "expected int16, uint16, int32 or int64"),
        (lambda: _native.check_triplets(T[:, :2], 4), r"expected shape \(t, 3\)"),
        (lambda: decide(X), "similarities must be square"),
        (lambda: decide(choices=np.empty(2, np.int8)), "expected a contiguous int8 array"),
        (lambda: decide(choices=np.empty(1, np.int16)), "expected a contiguous int8 array"),
        (lambda: decide(probabilities=np.empty((1, 3))), "output has the wrong dtype"),
        (lambda: decide(probabilities=np.empty((2, 3), np.float32)), "output has the wrong shape"),
        (lambda: decide(similarities=np.empty((2, 3), np.float32)), "output has the wrong shape"),
        (lambda: decide(similarities=np.empty((1, 6), np.float32)[:, :3]), "outputs per triplet must be contiguous"),
        (lambda: _native.triplets_from_rows(Rows(X, None, "rbf"), T, Wanted()), "this pair kernel needs row terms"),
        (lambda: _native.triplets_from_rows(Rows(X, ONES, ""), T, Wanted()), "unknown pair kernel"),
    ],
)
def test_the_module_refuses_arrays_that_its_kernels_could_not_read(call, why):
    """A mistake in the Python layer must not become a read of wild memory."""
    with pytest.raises(ValueError, match=why):
        call()


def test_rows_without_an_attribute_are_refused():
    with pytest.raises(AttributeError, match="terms"):
        _native.triplets_from_rows(SimpleNamespace(values=X), T, Wanted())


def test_pair_kernels_have_one_order_and_the_same_row_terms_in_c_and_python():
    assert _native.pair_kernels == tuple((one.name, one.terms) for one in PAIR_KERNELS.values())


def test_a_child_forked_before_the_kernels_were_loaded_works_alone():
    """Another library may have started OpenMP's threads by then, of which a fork copies none."""
    code = """
import multiprocessing as mp
import numpy as np, pyalign
x, triplets = np.random.default_rng(0).normal(size=(600, 64)), [[0, 1, 2]] * 20000
def work(_):
    from pyalign.backends import native
    return pyalign.score(x, triplets).n_triplets, native.num_threads()
try:
    import torch
    torch.randn(500, 500) @ torch.randn(500, 500)
except ImportError:
    pass
with mp.get_context("fork").Pool(2) as pool:
    print(pool.map(work, range(2)))
"""
    done = run_python(code, timeout=60)
    assert done.stdout.strip() == "[(20000, 1), (20000, 1)]", done.stderr


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is counted by Linux")
def test_scratch_memory_that_fits_no_request_makes_room():
    code = """
import numpy as np, os
from pyalign.backends import Rows, _native
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
x = np.ones((180, 48 * 2**20 // 8 // 192))
def dots(mib):
    y = x[:, :mib * 2**20 // 8 // 192]
    _native.similarity(Rows(y[:1], None, "dot"), Rows(y, None, "dot"), np.empty((1, 180)))
dots(4)
before = resident()
dots(48)
print(resident() - before)
for _ in range(40):
    dots(20)
print(resident() - before)
"""
    kept, left = map(float, run_python(code).stdout.split())
    assert kept > 40 and left < 30
