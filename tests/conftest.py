"""Fixtures: backends, instruction sets, threads, routes, real data."""

from __future__ import annotations

import os
import re
import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from pyalign import backends
from pyalign.backends import native
from pyalign.errors import InputError, SlowWarning

sys.path.append(str(Path(__file__).parent))  # support.py, reference.py; last, so that no folder here hides a module
pytest_plugins = ["suites"]
backends._of_tests["reference"] = import_module("reference").REFERENCE

# Fixtures choose a backend or an instruction set once for all examples of a test, which is what is meant. How long
# examples take, and how long it takes to draw them, says how busy the machine is.
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]  # that are none here
settings.register_profile("pyalign", deadline=None, max_examples=15, suppress_health_check=CHECKS)
settings.load_profile("pyalign")

if os.environ.get("PYALIGN_PURE") == "1":  # the warning that each process gives once comes now, and in no test
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SlowWarning)
        backends.get_backend()

ONE_BY_ONE = ("tests/fuzz/", "tests/test_docs_commands.py")  # long tests, so that both processes have some


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With --dist loadfile a file goes to one process; pages and fuzzed formats go one by one."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return nodeid if nodeid.startswith(ONE_BY_ONE) else super()._split_scope(nodeid)

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """A test file that cannot be imported is an error: --doctest-ignore-import-errors would skip it with all tests."""
    report = yield
    if report.outcome == "skipped" and "unable to import module" in str(report.longrepr):
        report.outcome = "failed"
    return report


def pytest_runtest_setup():
    """Altair checks a chart when it is written, and not each of its parts as they are made besides."""
    if altair := sys.modules.get("altair"):
        altair.utils.schemapi.disable_debug_mode()


ISAS = [name for name, runs in native.instruction_sets().items() if runs] or ["not built"]


@pytest.fixture(params=ISAS)
def isa(request):
    """Each instruction set that this processor runs, in use."""
    before = native.instruction_set()
    native.set_instruction_set(request.param)
    yield request.param
    native.set_instruction_set(before)


FAST = ["numpy", *(f"native-{name}" for name in ISAS)]
TORCH = ["torch"] if find_spec("torch") else []


@pytest.fixture(params=[*FAST, *TORCH])
def backend(request):
    """The name of each fast backend; native once per instruction set."""
    yield from in_use(request.param)


@pytest.fixture(params=FAST)
def host_backend(request):
    """The name of each fast backend that works on numpy arrays."""
    yield from in_use(request.param)


def in_use(param):
    """The backend's name, with the instruction set that stands behind it in use."""
    name, _, instructions = param.partition("-")
    before = native.instruction_set()
    if instructions:
        native.set_instruction_set(instructions)
    yield name
    if instructions:
        native.set_instruction_set(before)


@pytest.fixture
def set_threads():
    """`native.set_num_threads`, undone afterwards."""
    yield native.set_num_threads
    native.set_num_threads(0)


@pytest.fixture(params=["matrix", "rows"])
def route(request, monkeypatch):
    """Both ways from rows to triplets, forced."""
    monkeypatch.setattr("pyalign.ops.triplets.use_matrix", lambda n, t, itemsize: request.param == "matrix")
    return request.param


@pytest.fixture
def device(monkeypatch):
    """Tensors of torch count as lying on a device "cpu:0", which only the torch backend serves."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from pyalign.ops import _place

    real = _place.device_of

    def device_of(value):
        return "cpu:0" if isinstance(value, torch.Tensor) else real(value)

    monkeypatch.setattr(_place, "device_of", device_of)
    return "cpu:0"


@pytest.fixture(scope="session")
def message_of():
    """``message_of(function, *args, **options)``: what it refuses with: an InputError of one line, without flags."""

    def call(function, *args, **options):
        with pytest.raises(InputError) as caught:
            function(*args, **options)
        message = str(caught.value)
        assert len(message.splitlines()) == 1
        assert not re.search(r"(?<![\w-])--[a-z]", message), message
        return message

    return call


@pytest.fixture(scope="session")
def data():
    """The folder of real data, which is never part of the repository."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("PYALIGN_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no real data: PYALIGN_TEST_DATA is not set and ../shared/data is not there")
    return folder
