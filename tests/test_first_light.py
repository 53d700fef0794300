"""tools/first_light.sh without a device: programs that stand in for those of a machine with one show how it goes on."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "tools" / "first_light.sh"
CHECKS = ["check_normal", "check_low"]
SANITIZERS = [
    f"{tool}_{limits}" for limits in ("normal", "low") for tool in ("memcheck", "racecheck", "initcheck", "synccheck")
]
PYTHON = ["installed", "registers", "machine_code", "torch", "pytest", "benchmarks"]
BUILDS = ["configure_normal", "build_normal", "configure_low", "build_low"]
# Each notes its call; FAILS says which fail, by words that stand in the call.
PROGRAM = """#!/bin/bash
call="{name} $*"
echo "$call" >> "$CALLS"
echo "$call was called" >&2
for word in $FAILS; do case $call in *"$word"*) exit 3;; esac; done
for word in $HANGS; do case $call in *"$word"*) sleep 30;; esac; done
"""
CMAKE = """
if [ "$1" = --build ]; then
  mkdir -p "$2/tests/cuda"
  sed s/cmake/check/ "$0" | sed '/^if/,$d' > "$2/tests/cuda/${@: -1}"
  chmod +x "$2/tests/cuda/${@: -1}"
fi
"""
SANITIZER = 'for program; do case $program in */check_cuda_device) exec "$program";; esac; done\n'
NVIDIA_SMI = 'case $1 in --query-gpu=name) echo "NVIDIA H100 80GB HBM3";; esac\n'


def wait_for(condition):
    for _ in range(600):
        with contextlib.suppress(FileNotFoundError):
            if condition():
                return
        time.sleep(0.05)
    raise AssertionError("did not come about in half a minute")


@pytest.fixture
def machine(tmp_path):
    """Runs the script in a folder of its own, on a machine with such programs: status, lines of the summary, calls."""
    (tmp_path / "tools").mkdir()
    shutil.copy(SCRIPT, tmp_path / "tools")
    programs = tmp_path / "bin"
    programs.mkdir()

    def run(*, device=True, sanitizer=True, fails="", hangs="", seconds=60, kill_at=None):
        bodies = {"cmake": CMAKE, "nvcc": "", "python": ""}
        bodies |= {"nvidia-smi": NVIDIA_SMI} if device else {}
        bodies |= {"compute-sanitizer": SANITIZER} if sanitizer else {}
        for name, body in bodies.items():
            (programs / name).write_text(PROGRAM.format(name=name) + body)
            (programs / name).chmod(0o755)
        environment = {
            "PATH": f"{programs}:/usr/bin:/bin", "PYTHON": str(programs / "python"), "FAILS": fails, "HANGS": hangs,
            "CALLS": str(tmp_path / "calls"), "STEP_SECONDS": str(seconds), "HOME": str(tmp_path),
        }  # fmt: skip
        command = ["bash", tmp_path / "tools" / "first_light.sh", "results"]
        done = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if kill_at:
            wait_for(lambda: kill_at in (tmp_path / "calls").read_text())
            done.terminate()
        done.wait(timeout=60)
        summary = (tmp_path / "results" / "summary.txt").read_text().splitlines()
        return done.returncode, summary, (tmp_path / "calls").read_text()

    return run


def steps(summary, what):
    """Names of the steps of which the summary says so."""
    return [line.split()[0] for line in summary if re.search(what, line.partition(" ")[2])]


def test_with_a_device_every_step_runs_and_leaves_its_log(machine, tmp_path):
    status, summary, calls = machine()
    assert status == 0, summary
    everything = BUILDS + CHECKS + SANITIZERS + PYTHON
    assert steps(summary[:-1], r"passed in \d+ s") == everything
    assert (
        summary[-1]
        == f"NVIDIA H100 80GB HBM3: {len(everything)} of {len(everything)} steps passed; results are in results"
    )
    assert all((tmp_path / "results" / f"{name}.log").read_text() for name in everything)
    environment = (tmp_path / "results" / "environment.txt").read_text()
    assert "nvcc --version was called" in environment and "nvidia-smi  was called" in environment
    assert "-DPYALIGN_LOW_LIMITS=ON" in calls and "-DPYALIGN_LOW_LIMITS=OFF" in calls
    assert "python -m pytest -m gpu -ra tests" in calls
    assert "python -m benchmarks.gpu --out results/gpu.csv" in calls
    for tool in ("memcheck", "racecheck", "initcheck", "synccheck"):
        assert calls.count(f"compute-sanitizer --tool {tool} --error-exitcode 9") == 2


def test_a_step_that_fails_is_told_and_keeps_the_others_running(machine):
    status, summary, _ = machine(fails="racecheck gpu.csv")
    assert status == 1
    assert steps(summary, "FAILED with status 3") == ["racecheck_normal", "racecheck_low", "benchmarks"]
    assert len(steps(summary, r"passed in \d+ s")) == len(BUILDS + CHECKS + SANITIZERS + PYTHON) - 3
    assert "results/benchmarks.log" in summary[-2]


def test_what_needs_a_build_that_failed_is_left_out_and_the_other_build_is_used(machine):
    status, summary, _ = machine(fails="first_light/low")
    assert status == 1
    assert steps(summary, "FAILED") == ["configure_low"]
    assert steps(summary, "left out: build_low did not pass") == [
        "check_low",
        *[s for s in SANITIZERS if s.endswith("low")],
    ]
    assert set(CHECKS[:1] + PYTHON) <= set(steps(summary, "passed in"))


def test_a_torch_without_the_device_is_no_success(machine):
    """All tests would be skipped, which passes."""
    status, summary, calls = machine(fails="is_available")
    assert status == 1
    assert steps(summary, "left out: torch did not pass") == ["pytest", "benchmarks"]
    assert "pytest" not in calls


def test_a_missing_tool_is_said(machine):
    status, summary, _ = machine(sanitizer=False)
    assert status == 1
    assert steps(summary, "left out: no compute-sanitizer") == SANITIZERS
    assert set(CHECKS + PYTHON) <= set(steps(summary, "passed in"))


def test_without_a_device_the_emulator_is_checked_and_one_line_says_so(machine):
    status, summary, calls = machine(device=False)
    assert status == 2
    assert steps(summary[:-1], "passed in") == ["configure_emulated", "build_emulated", "check_emulated"]
    assert summary[-1].startswith("no CUDA device (nvidia-smi finds none)")
    assert "compute-sanitizer" not in calls and "pytest" not in calls
    assert machine(device=False, fails="check_cuda")[0] == 1, "a failure is not hidden by the missing device"


def test_a_step_that_hangs_is_stopped_and_the_next_goes_on(machine):
    status, summary, _ = machine(device=False, hangs="-DPYALIGN_CUDA=OFF", seconds=1)
    assert status == 1
    assert steps(summary, r"stopped after [12] s") == ["configure_emulated"]
    assert steps(summary, "left out") == ["build_emulated", "check_emulated"]


def test_a_run_that_is_killed_says_where_it_stopped(machine):
    status, summary, _ = machine(hangs="memcheck", kill_at="memcheck")
    assert status != 0
    assert steps(summary, "stopped here") == ["memcheck_normal"]


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="No shellcheck.")
def test_shellcheck_finds_nothing():
    scripts = [SCRIPT, ROOT / "tools" / "demo.sh", ROOT / ".ci" / "run"]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stdout
