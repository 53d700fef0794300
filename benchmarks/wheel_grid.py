"""A wheel next to a local build: `python -m benchmarks.wheel_grid DIST`, the folder of `make wheels`.

The wheel is installed into an environment of its own. CPU seconds of one thread; ratios are medians over pairs that are
measured in turn.
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

from benchmarks.probe_grid import run

PAIRS = 15
KERNELS = """
import json, sys, time
import numpy as np, pyalign
from pyalign.backends import native
draw = np.random.default_rng(0)
x, few = draw.normal(size=(1854, 256)).astype(np.float32), draw.normal(size=(400, 64)).astype(np.float32)
t = np.argsort(draw.random((1000, 1854)), 1)[:, :60].reshape(-1, 3)
t = np.concatenate([t] * 20)
s = pyalign.similarity(x)
calls = {
    "similarity": lambda: pyalign.similarity(x, measure="cosine"),
    "odd_one_out": lambda: pyalign.odd_one_out(x, t),
    "choice_probabilities": lambda: pyalign.choice_probabilities(x, t),
    "triplet_gradient": lambda: pyalign.triplet_gradient(s, t),
    "choice_similarity": lambda: pyalign.choice_similarity(few),
    "score with an interval": lambda: pyalign.score(x, t),
}
for call in calls.values():
    call()
for line in sys.stdin:
    began = time.process_time()
    calls[line.strip()]()
    print(json.dumps(time.process_time() - began), flush=True)
"""
NAMES = ("similarity", "odd_one_out", "choice_probabilities", "triplet_gradient", "choice_similarity",
         "score with an interval")  # fmt: skip


def measure(dist: Path) -> Iterator[tuple[str, float, str]]:
    """Size; the import next to numpy's; each kernel next to that of this environment."""
    (wheel,) = dist.glob("*.whl")
    yield "size of the wheel", wheel.stat().st_size / 1e6, "MB"
    with tempfile.TemporaryDirectory() as folder:
        python = _environment(Path(folder), wheel)
        ratios = []
        for _ in range(PAIRS):
            ours, numpy = (_import_seconds(python, name) for name in ("pyalign", "numpy"))
            ratios.append(ours / numpy)
        yield "import of the wheel / import of numpy", median(ratios), ""
        variables = {**os.environ, "PYALIGN_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        both = [
            subprocess.Popen([program, "-c", KERNELS], stdin=-1, stdout=-1, text=True, cwd=folder, env=variables)
            for program in (str(python), sys.executable)
        ]
        for name in NAMES:
            ratios = []
            for _ in range(PAIRS):
                ours, local = (_asked(process, name) for process in both)
                ratios.append(ours / local)
            yield f"{name}: wheel / local build", median(ratios), ""
        for process in both:
            process.communicate()


def _environment(folder: Path, wheel: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "venv"), "platbase": str(folder / "venv")}))
    (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "-q",
        "--no-deps",
        "--ignore-installed",
        wheel,
    ]
    subprocess.run([str(word) for word in install], check=True)
    return python


def _import_seconds(python: Path, module: str) -> float:
    code = f"import time; b = time.process_time(); import {module}; print(time.process_time() - b)"
    return float(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, cwd="/").stdout)


def _asked(process: subprocess.Popen[str], name: str) -> float:
    assert process.stdin is not None and process.stdout is not None
    print(name, file=process.stdin, flush=True)
    return json.loads(process.stdout.readline())


if __name__ == "__main__":
    run("wheel", __doc__.splitlines()[0], measure)
