"""What is measured in processes of their own: the command line, imports and peak memory.

`python -m benchmarks.processes score large-20k` prints the megabytes by which the peak of one call exceeds its inputs.
Linux only: the peak of the resident size is read from, and reset in, /proc/self.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

import pyalign
from benchmarks import cases
from benchmarks.cases import CASES, MB, Case, embeddings, similarities, triplets
from benchmarks.timing import MANY, ONCE, SOME, SUBJECT, Call, Comparison, Way, bound
from pyalign.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
BARE = "import sys, numpy as np; x, t = np.load(sys.argv[1]), np.load(sys.argv[2]); x @ x.T"
TIMED_IMPORT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


@lru_cache(maxsize=1)
def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes when this process ends; children run in it, and so see the installed pyalign alone."""
    return tempfile.TemporaryDirectory(prefix="pyalign-benchmarks-")


def run(*command: str | Path, folder: str | Path | None = None, **variables: str) -> str:
    """Standard output of a command, which must succeed; variables are added to its environment."""
    arguments, environment = [str(part) for part in command], {**os.environ, **variables}
    # Peers come with the bytecode that pip wrote; pyalign's, installed in place, is written by the first child.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    folder = folder or scratch().name
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout


@lru_cache(maxsize=1)
def files(case: Case) -> tuple[Path, Path]:
    """Embeddings and triplets as .npy files, in the scratch folder."""
    folder = Path(scratch().name)
    paths = folder / f"{case.name}-embeddings.npy", folder / f"{case.name}-triplets.npy"
    np.save(paths[0], embeddings(case))
    np.save(paths[1], triplets(case))
    return paths


@lru_cache(maxsize=1)
def require_same_install() -> None:
    """Children import the installed pyalign, which must be the one that this process has."""
    theirs = run(sys.executable, "-c", "import pyalign; print(pyalign.__file__)").strip()
    if not Path(theirs).samefile(pyalign.__file__):
        raise RuntimeError("the installed pyalign is not the one in this folder; run `pip install -e .` first")


@lru_cache(maxsize=1)
def accuracy(case: Case) -> float:
    return float(pyalign.score(embeddings(case), triplets(case), ci=None).accuracy)


def command_score(case: Case) -> None:
    """`pyalign score` on files of that case, which must find what the function finds."""
    require_same_install()
    program = Path(sysconfig.get_path("scripts")) / "pyalign"
    paths = files(case)
    document = run(program, "score", "--embeddings", paths[0], "--triplets", paths[1], "--ci", "none", "--json")
    result = json.loads(document)["results"][0]
    assert result["backend"] == "native" and abs(result["accuracy"] - accuracy(case)) < 2e-5


def command_help(*words: str) -> None:
    """`pyalign WORDS --help`: what a command takes to start."""
    require_same_install()
    run(Path(sysconfig.get_path("scripts")) / "pyalign", *words, "--help")


def bare_numpy(case: Case) -> None:
    """Load both files and multiply."""
    run(sys.executable, "-c", BARE, *files(case))


def import_seconds(package: str) -> float:
    """Seconds that `import package` takes in a fresh process."""
    require_same_install()
    return float(run(sys.executable, "-c", TIMED_IMPORT.format(package)))


FIT = """
import sys, time
{first}
import numpy as np, pyalign
x, t = np.load(sys.argv[1]), np.load(sys.argv[2])
start = time.process_time()
pyalign.fit_probe(x, t, penalty=0.3)
print(time.process_time() - start)
"""
BUSY = "while True: pass"


def fit_seconds(case: Case, first: str = "", **variables: str) -> float:
    """Processor seconds of a probe's fit in a fresh process, after the statement `first`, beside a busy process."""
    require_same_install()
    paths = files(case)
    busy = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        return float(run(sys.executable, "-c", FIT.format(first=first), *paths, **variables))
    finally:
        busy.kill()
        busy.wait()


def memory_growth(operation: str, case: Case) -> float:
    """Megabytes by which the peak of one call exceeds its inputs."""
    command = (sys.executable, "-m", "benchmarks.processes", operation, case.name)
    # A fixed threshold: else glibc keeps what was freed while the inputs were made, and the call would grow into that.
    return float(run(*command, folder=ROOT, MALLOC_MMAP_THRESHOLD_="65536"))


# ---------------------------------------------------------------- peaks of memory


def resident(field: str) -> int:
    """Bytes now (`VmRSS`) or at most since the last reset (`VmHWM`)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def growth_of(call: Callable[[], object]) -> int:
    """Bytes by which the peak during the call exceeds what was resident before it."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # 5: peak = now
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def _score(case: Case) -> Callable[[], object]:
    x, t = embeddings(case), triplets(case)
    return lambda: pyalign.score(x, t, ci=None)


def _odd_one_out_from(case: Case) -> Callable[[], object]:
    s, t = similarities(case), triplets(case)
    return lambda: pyalign.odd_one_out(kind="similarity", matrix=s, triplets=t)


def _triplet_loss(case: Case) -> Callable[[], object]:
    x, t = embeddings(case), triplets(case)
    from benchmarks.step_peers import our_loss

    our_loss(x[:3], np.array([[0, 1, 2]]))()  # torch starts its threads
    return our_loss(x, t)


def _rsa(correlation: str, case: Case) -> Callable[[], object]:
    """The human matrix is an input, (n, n) float32, made of other rows in pieces."""
    x = embeddings(case)
    human = np.empty((case.n, case.n), np.float32)
    unit = np.random.default_rng(1).normal(size=(case.n, 32)).astype(np.float32)
    np.matmul(unit, unit.T, out=human)
    for first in range(0, case.n, 1000):
        part = slice(first, first + 1000)
        human[part, first:] = human[first:, part].T
    return lambda: pyalign.rsa(x, human, kind="similarity", correlation=correlation, ci=None)


def _neighbors(case: Case) -> Callable[[], object]:
    x = embeddings(case)
    return lambda: pyalign.neighbors(x, k=20, index="flat")


CALLS = {
    "neighbors": _neighbors,
    "rsa pearson": partial(_rsa, "pearson"),
    "rsa spearman": partial(_rsa, "spearman"),
    "score": _score,
    "odd_one_out_from": _odd_one_out_from,
    "triplet_loss": _triplet_loss,
}


def memory(operation: str, case: Case, limit: float) -> Comparison:
    """By how many megabytes the peak of a call exceeds its inputs, beside a limit."""
    ways = {SUBJECT: Way(lambda case: lambda: memory_growth(operation, case), reports=True), "limit": bound(limit)}
    return Comparison(f"memory of {operation}", case, ways, ONCE, unit="MB")


# ---------------------------------------------------------------- the comparisons


def _of_case(call: Callable[[Case], object], **more: float) -> Way:
    """Timed from outside."""
    return Way(lambda case: lambda: call(case), **more)


def _fixed(call: Call, **more: float) -> Way:
    """Of no case, timed from outside."""
    return Way(lambda case: call, **more)


def _figure(call: Callable[[Case], float], **more: float) -> Way:
    return Way(lambda case: lambda: call(case), reports=True, **more)


FITS = Comparison("fit_probe beside a busy process", cases.FIT, {
    SUBJECT: _figure(lambda case: fit_seconds(case, "import torch")),
    "without torch": _figure(fit_seconds, at_most=1.2),
    "threads that spin": _figure(lambda case: fit_seconds(case, "import torch", GOMP_SPINCOUNT="300000")),
}, SOME)
COMMAND = Comparison("command pyalign score", cases.THINGS, {
    SUBJECT: _of_case(command_score), "numpy": _of_case(bare_numpy, at_most=2),
}, MANY)
STARTS = Comparison("start of pyalign score", cases.START, {
    SUBJECT: _fixed(lambda: command_help("score")),
    "python": _fixed(lambda: run(sys.executable, "-c", "pass")),
    "numpy": _fixed(lambda: run(sys.executable, "-c", "import numpy"), at_most=1.5),
    "pyalign --help": _fixed(command_help),
    **{f"pyalign {name}": _fixed(partial(command_help, *name.split())) for name in COMMANDS if name != "score"},
}, SOME)
IMPORT = Comparison("import", cases.START, {
    SUBJECT: _figure(lambda case: import_seconds("pyalign")),
    "numpy": _figure(lambda case: import_seconds("numpy"), at_most=1.3),
}, MANY)

if __name__ == "__main__":
    print(growth_of(CALLS[sys.argv[1]](CASES[sys.argv[2]])) / MB)
