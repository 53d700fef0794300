"""A wheel next to a local build: `python -m benchmarks.wheel_grid DIST`, the folder of `make wheels`.

The wheel is installed into an environment of its own. CPU seconds of one thread; ratios are medians over pairs that are
measured in turn, in several processes: where the arrays of a process lie in memory makes a difference of up to 8 %. The
calls of each kernel are those of tests/backends/test_side_by_side.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.probe_grid import run

ROOT = Path(__file__).resolve().parents[1]
PAIRS = 5  # in each of the processes
PROCESSES = 7
LEAST = 0.02  # CPU seconds of a measurement
# Answers each line, a name and how often it is called, with CPU seconds. First the names.
CALLS = """
import json, sys, time
import numpy as np, pyalign
sys.path[:0] = sys.argv[1:]
from test_side_by_side import KERNELS, Inputs
draw, inputs = np.random.default_rng(0), Inputs()
x, few = draw.normal(size=(1854, 256)).astype(np.float32), draw.normal(size=(400, 64)).astype(np.float32)
t = np.argsort(draw.random((1000, 1854)), 1)[:, :60].reshape(-1, 3)
t = np.concatenate([t] * 20)
s = pyalign.similarity(x)
calls = {
    "pyalign.similarity": lambda: pyalign.similarity(x, measure="cosine"),
    "pyalign.odd_one_out": lambda: pyalign.odd_one_out(x, t),
    "pyalign.choice_probabilities": lambda: pyalign.choice_probabilities(x, t),
    "pyalign.triplet_gradient": lambda: pyalign.triplet_gradient(s, t),
    "pyalign.choice_similarity": lambda: pyalign.choice_similarity(few),
    "pyalign.score, with an interval": lambda: pyalign.score(x, t),
    **{name: lambda kernel=kernel: kernel(inputs, 0) for name, kernel in KERNELS.items()},
}
print(json.dumps([*calls]), flush=True)
for line in sys.stdin:
    name, times = json.loads(line)
    began = time.process_time()
    for _ in range(times):
        calls[name]()
    print(json.dumps(time.process_time() - began), flush=True)
"""


def measure(dist: Path) -> Iterator[tuple[str, float, str]]:
    """Size; the import next to numpy's; each kernel next to that of this environment."""
    (wheel,) = dist.glob("*.whl")
    yield "size of the wheel", wheel.stat().st_size / 1e6, "MB"
    with tempfile.TemporaryDirectory() as folder:
        python = _environment(Path(folder), wheel)
        ratios = []
        for _ in range(15):
            ours, numpy = (_import_seconds(python, name) for name in ("pyalign", "numpy"))
            ratios.append(ours / numpy)
        yield "import of the wheel / import of numpy", median(ratios), ""
        measured: dict[str, list[float]] = {}
        for _ in range(PROCESSES):
            for name, ratios in _kernel_ratios(python, folder):
                measured.setdefault(name, []).extend(ratios)
        for name, ratios in measured.items():
            yield f"{name}: wheel / local build", median(ratios), ""


def _kernel_ratios(python: Path, folder: str) -> Iterator[tuple[str, list[float]]]:
    """The names of CALLS, and the seconds of the wheel in parts of those of the local build."""
    variables = {**os.environ, "PYALIGN_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    words = ["-c", CALLS, str(ROOT / "tests"), str(ROOT / "tests" / "backends")]
    both = [
        subprocess.Popen([program, *words], stdin=-1, stdout=-1, text=True, cwd=folder, env=variables)
        for program in (str(python), sys.executable)
    ]
    names, _ = (_answer(process) for process in both)
    for name in names:
        times = 1
        while min(_asked(process, name, times) for process in both) < LEAST:
            times *= 2
        pairs = [[_asked(process, name, times) for process in both] for _ in range(PAIRS)]
        yield name, [ours / local for ours, local in pairs]
    for process in both:
        process.communicate()


def _environment(folder: Path, wheel: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "venv"), "platbase": str(folder / "venv")}))
    (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [
        sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--ignore-installed", wheel,
    ]
    subprocess.run([str(word) for word in install], check=True)
    return python


def _import_seconds(python: Path, module: str) -> float:
    code = f"import time; b = time.process_time(); import {module}; print(time.process_time() - b)"
    return float(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, cwd="/").stdout)


def _asked(process: subprocess.Popen[str], name: str, times: int) -> float:
    assert process.stdin is not None
    print(json.dumps([name, times]), file=process.stdin, flush=True)
    return float(_answer(process))


def _answer(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


if __name__ == "__main__":
    run("wheel", __doc__.splitlines()[0], measure)
