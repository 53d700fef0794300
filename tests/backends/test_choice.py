"""Which backend runs, and why one can't."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, reals, run_python, whole

import pyalign
from pyalign import backends
from pyalign.backends import BACKENDS, HOST_BACKENDS, backend_reasons, get_backend, native


@pytest.mark.compiled
def test_the_compiled_module_is_there():
    """Without it every other test of the native backend would be one of nothing."""
    reasons = backend_reasons()
    assert list(reasons) == list(BACKENDS)
    assert [reasons[name] for name in HOST_BACKENDS] == [None, None]
    assert get_backend("auto").name == "native"
    assert get_backend().why_not() is None


@pytest.mark.parametrize("name", BACKENDS)
def test_a_name_insists(name, message_of):
    if backend_reasons()[name] is not None:
        reason = f"no backend can take this input: {name}: {backend_reasons()[name]}"
        assert message_of(pyalign.score, np.eye(3), [[0, 1, 2]], backend=name) == reason
        return
    assert get_backend(name).name == name
    assert pyalign.score(np.eye(3), [[0, 1, 2]], backend=name).backend == name


@pytest.mark.parametrize(("name", "near"), [("gpu", ""), ("", ""), ("Native", "native"), ("nunpy", "numpy"), (None, ""),
                                           (3, ""), (["numpy"], "")])
def test_refuses_an_unknown_name(name, near, message_of):
    known = "native, numpy, cuda, triton, torch"
    expected = f"backend must be 'auto' or one of {known}; got {name!r}"
    assert message_of(get_backend, name) == expected + (f"; did you mean {near!r}?" if near else "")


def test_auto_goes_on_to_the_next_and_a_name_says_why_not(monkeypatch, message_of):
    monkeypatch.setattr(native.NativeBackend, "why_not", lambda self, place=None: "the library is missing")
    monkeypatch.setattr(backends, "_warned", False)
    with pytest.warns(pyalign.SlowWarning, match="many times slower than the compiled kernels: the library is missing"):
        assert get_backend("auto").name == "numpy"
    assert message_of(get_backend, "native") == "no backend can take this input: native: the library is missing"
    assert backend_reasons()["native"] == "the library is missing"


def test_auto_chooses_no_backend_but_these_two_on_the_host(monkeypatch, message_of):
    for one in (native.NativeBackend, type(get_backend("numpy"))):
        monkeypatch.setattr(one, "why_not", lambda self, place: "no")
    assert message_of(get_backend) == "no backend can take this input: native: no; numpy: no"


def test_the_reference_is_there_in_these_tests_only():
    done = run_python("""
import importlib.util, pyalign
print(importlib.util.find_spec("pyalign.backends.reference"))
try:
    pyalign.score([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], [[0, 1, 2]], backend="reference")
except pyalign.InputError as error:
    print(error)
""")
    known = "native, numpy, cuda, triton, torch"
    assert get_backend("reference").name == "reference" and "reference" not in backend_reasons()
    assert done.stdout.splitlines() == ["None", f"backend must be 'auto' or one of {known}; got 'reference'"]


# Without the compiled module

NOT_COMPILED = "sys.modules['pyalign.backends._native'] = None"  # as where it is not there
NOT_LOADED = """
class Damaged:
    def find_spec(self, name, path=None, target=None):
        if name == "pyalign.backends._native":
            raise ImportError("libgomp.so.1: cannot open shared object file")
sys.meta_path.insert(0, Damaged())
"""
REASONS = {
    NOT_COMPILED: "the kernels are not compiled; install a C++ compiler (Debian: apt-get install g++), then pyalign "
    "once more",
    NOT_LOADED: "the compiled kernels cannot be loaded (libgomp.so.1: cannot open shared object file)",
}
SLOW = "numpy computes, many times slower than the compiled kernels: "


@pytest.fixture(params=REASONS, ids=["not compiled", "not loaded"])
def without_kernels(request):
    """``without_kernels(code)``: what it prints where the compiled module isn't there, what it warns of, the reason."""

    def run(code, *arguments):
        done = run_python(f"import sys\n{request.param}\n{code}", arguments=arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines(), done.stderr, REASONS[request.param]

    return run


def test_numpy_computes_without_the_compiled_module_and_one_warning_says_so(without_kernels):
    out, err, reason = without_kernels("""
import pyalign
from pyalign.backends import backend_reasons, native
for _ in range(3):
    print(pyalign.score([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], [[0, 1, 2]]).backend)
print(pyalign.odd_one_out([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], [[0, 1, 2]]))
print(backend_reasons()["native"])
print(native.instruction_sets(), native.instruction_set(), native.num_threads())
""")
    assert out == ["numpy"] * 3 + ["[2]", reason, "{} None 1"]
    assert err.count("SlowWarning") == 1 and f"SlowWarning: {SLOW}{reason}" in err


def test_who_asks_for_the_kernels_is_refused(without_kernels):
    out, _, reason = without_kernels("""
import pyalign
x, t = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], [[0, 1, 2]]
for call in (lambda: pyalign.score(x, t, backend="native"), lambda: pyalign.neighbors(x, k=1, backend="native")):
    try:
        call()
    except pyalign.InputError as error:
        print(error)
""")
    assert out == [f"no backend can take this input: native: {reason}"] * 2


def test_a_search_by_numpy_says_so(without_kernels):
    out, _, _ = without_kernels("""
import pyalign
x = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]
print(pyalign.neighbors(x, k=1).backend, pyalign.neighborhoods(x, before=x, k=1)[0].kept)
""")
    assert out == ["numpy 1.0"]


def test_commands_that_compute_say_it_in_one_note(without_kernels, tmp_path):
    np.save(tmp_path / "x.npy", reals(1, 20, 3))
    np.save(tmp_path / "t.npy", draw_triplets(1, 20, 200))
    code = """
from pyalign.cli import main
sys.exit(main(sys.argv[1:]))
"""
    words = "score", tmp_path / "x.npy", "-t", tmp_path / "t.npy"
    out, err, reason = without_kernels(code, *map(str, words))
    (note,) = [line for line in err.splitlines() if "slow" in line.lower()]
    assert note == f"note: {SLOW}{reason}"
    assert "backend numpy" in " ".join(out)
    assert "slow" not in without_kernels(code, *map(str, words), "--quiet")[1]
    assert without_kernels(code, "datasets", "fetch", "sample", "--folder", str(tmp_path / "demo"))[1] == ""
    after = code.replace("sys.exit(", f"main(['score', *{[*map(str, words[1:])]}])\nsys.exit(")  # in the same process
    assert without_kernels(after, "describe", str(tmp_path / "x.npy"))[1].count(SLOW) == 1
    out, err, _ = without_kernels(code, "info")
    assert f"backend native     cannot run: {reason}" in out and "backend numpy      ready" in out
    assert out[-1].split(None, 1) == ["note", f"{SLOW}{reason}"] and err == ""


@pytest.mark.parametrize(
    ("spoil", "why"),
    [("del triton.jit", ""), ("triton.__version__ = '3.5.1'", "Triton 3.6 or later is needed; got 3.5.1)")],
)
def test_a_package_that_raises_anything_takes_no_other_backend_with_it(spoil, why):
    """As a release of Triton does that lacks what the kernels use, or is too old."""
    pytest.importorskip("torch")
    pytest.importorskip("triton")
    code = f"""
import triton
{spoil}
from pyalign import score
from pyalign.backends import backend_reasons
print(backend_reasons()["triton"])
print(score([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], [[0, 1, 2]], backend="torch").backend)
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    reason, backend = done.stdout.splitlines()
    assert reason.startswith(f"it cannot be loaded ({why}") and backend == "torch"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transforms_agree(host_backend, dtype):
    """Squares, centering and shifts of whole numbers are exact."""
    engine, reference = get_backend(host_backend), get_backend("reference")
    for d in (1, 2, 31, 33, 129, 300):
        x = whole(d, 40, d, dtype=dtype)
        x[7], x[8] = 3, 0
        np.testing.assert_array_equal(engine.row_squares(x), reference.row_squares(x))
        np.testing.assert_array_equal(engine.center_rows(x), reference.center_rows(x))
        np.testing.assert_array_equal(engine.shift_rows(x, x[3]), reference.shift_rows(x, x[3]))
        assert (engine.center_rows(x)[7:9] == 0).all()


def test_squares_are_summed_in_float64(host_backend):
    x = np.full((2, 3), np.float32(1e30))
    np.testing.assert_allclose(get_backend(host_backend).row_squares(x), 3e60, rtol=1e-6)
    x[1, 2] = np.nan
    assert np.isnan(get_backend(host_backend).row_squares(x)[1])


def test_centering_a_row_with_nan_does_not_make_it_constant(host_backend):
    x = np.array([[np.nan, 1, 1], [1, np.nan, 1], [1, 1, np.inf]], np.float32)
    with np.errstate(invalid="ignore"):
        assert np.isnan(get_backend(host_backend).center_rows(x)).any(axis=1).all()


def test_constant_rows_far_from_zero_are_centered_to_zero(host_backend):
    """Where d * x - sum(x) would leave rounding errors."""
    x = np.repeat(reals(1, 50, 1, dtype=np.float64) * 1e6, 33, axis=1)
    assert (get_backend(host_backend).center_rows(x) == 0).all()


@pytest.mark.parametrize(
    ("dtype", "t"),
    [*(("int32", t) for t in (1, 4095, 4096, 4097, 9000)), ("int16", 4097), ("uint16", 4097), ("int64", 4097)],
)
def test_checks_of_triplets_agree(host_backend, dtype, t):
    engine, reference = get_backend(host_backend), get_backend("reference")
    triplets = draw_triplets(t, 50, t, dtype)
    rng = np.random.default_rng(t)
    cases = [(triplets, 50), (triplets + 1, 50), (triplets, int(triplets.max()))]
    for _ in range(3):
        broken = triplets.copy()
        broken[rng.integers(0, t), rng.integers(0, 3)] = 50 if dtype == "uint16" else -1
        row = rng.integers(0, t)
        broken[row, 0] = broken[row, 2]
        cases += [(broken, 50), (broken[:, ::-1], 50), (np.asfortranarray(broken), 50)]
    for some, n in cases:
        assert engine.check_triplets(some, n) == reference.check_triplets(some, n)
