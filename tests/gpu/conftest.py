"""Tests that need a CUDA device are collected everywhere and run where there is one; counts by engine are printed.

`--first-light device` makes an engine that can't run a failure; with `rehearsal` the engines run on the host: emulated
CUDA kernels, Triton's interpreter and plain torch, for tests that bring their inputs from there.
"""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec

import pytest

from pyalign.backends import TENSOR_BACKENDS, Place, get_backend
from pyalign.errors import InputError

OUTCOMES = ("passed", "failed", "error", "skipped")


def pytest_addoption(parser):
    parser.addoption("--first-light", choices=("device", "rehearsal"), help="every engine must run")


def first_light(config):
    """The value of the option, which is there only where this folder is named on the command line, else None."""
    return config.getoption("--first-light", default=None)


def no_device():
    """Why there is no device to test on, or None."""
    if find_spec("torch") is None:
        return "torch is not installed"
    import torch

    return None if torch.cuda.is_available() else "torch finds no CUDA device"


def pytest_collection_modifyitems(config, items):
    reason = None if first_light(config) else no_device()
    for item in items:
        if item.get_closest_marker("gpu") and reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(params=TENSOR_BACKENDS)
def engine(request):
    """The name of each backend that runs on the device."""
    request.node.user_properties.append(("engine", request.param))
    asked = first_light(request.config)
    try:
        return get_backend(request.param, Place("cpu" if asked == "rehearsal" else "cuda:0", "float32")).name
    except InputError as error:
        (pytest.fail if asked else pytest.skip)(str(error))


def pytest_terminal_summary(terminalreporter):
    """A line for each engine that took part: how many of its tests came to what."""
    counts = Counter(
        (value, outcome)
        for outcome in OUTCOMES
        for report in terminalreporter.stats.get(outcome, ())
        for name, value in getattr(report, "user_properties", ())
        if name == "engine"
    )
    for engine in dict.fromkeys(engine for engine, _ in counts):
        line = ", ".join(f"{counts[engine, outcome]} {outcome}" for outcome in OUTCOMES if counts[engine, outcome])
        terminalreporter.write_line(f"engine {engine}: {line}")
