"""tests/gpu without a device: an engine that can't run is skipped, but fails first light; counts by engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed")
ROOT = Path(__file__).resolve().parents[1]
FROM_THE_HOST = "test_inputs_from_the_host_come_back_to_the_host"


def run(*options):
    """Exit status and lines of the one test of tests/gpu that brings its inputs from the host, once for each engine."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rE", *options]
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [*command, ROOT / "tests" / "gpu", "-k", FROM_THE_HOST], env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout.splitlines()


def test_an_engine_that_cannot_run_fails_first_light_and_counts_are_printed():
    import torch

    if torch.cuda.is_available():
        pytest.skip("here the engines run")
    status, lines = run("--first-light", "rehearsal")
    assert status == 1
    assert {line for line in lines if line.startswith("engine ")} == {
        "engine cuda: 1 error",
        "engine triton: 1 error",
        "engine torch: 1 passed",
    }
    assert any("no backend can take this input: triton: torch finds no CUDA device" in line for line in lines)


def test_otherwise_tests_that_need_a_device_are_skipped_without_one():
    import torch

    if torch.cuda.is_available():
        pytest.skip("here there is a device")
    status, lines = run()
    assert status == 0 and "3 skipped" in lines[-1]
    assert not any(line.startswith("engine ") for line in lines)
