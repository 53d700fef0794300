"""Studies of many units: `python -m benchmarks.study_units FOLDER`, an empty folder; the machine should be idle.

A run of one unit after the other and one with two processes take turns, and the ratio is the median of such pairs.
Where other programs keep the cores busy, all seconds grow; how busy they are before each pair is a row too.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import pyalign
from benchmarks.probe_grid import run
from pyalign.study.export import export_study
from pyalign.study.records import Record, read_record, write_record

UNITS, SECONDS, MANY, REPEATS, PAIRS = 20, 2.0, 10_000, 5, 3
SHORT, GROUPED = 0.2, 1000  # seconds of a unit; how many of them are grouped
ROWS, FEATURES = 300, 32


def measure(folder: Path) -> Iterator[tuple[str, float, str]]:
    """What, figure and unit, as soon as each is there."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        np.save(folder / f"{name}.npy", rng.normal(size=(ROWS, FEATURES)))
    head = 'models.a = "a.npy"\nmodels.b = "b.npy"\n'
    permutations = _permutations(folder)
    steps = "".join(f"[steps.u{k}]\nfunction='cka'\nn_permutations={permutations}\nseed={k}\n" for k in range(UNITS))
    (folder / "equal.toml").write_text(head + steps)
    serial, jobs, load = [], [], []
    for pair in range(PAIRS):
        load.append(os.getloadavg()[0])
        serial.append(_clock(folder, "run", "equal.toml", "--out", f"serial{pair}"))
        jobs.append(_clock(folder, "run", "equal.toml", "--out", f"jobs{pair}", "--jobs", "2"))
    ratios = [two / one for one, two in zip(serial, jobs, strict=True)]
    yield f"study run: {UNITS} units of one thread, {SECONDS:g} s each", statistics.median(serial), "s"
    yield "study run --jobs 2: the same", statistics.median(jobs), "s"
    yield f"study run --jobs 2: times as long, median of {PAIRS} pairs", statistics.median(ratios), "x"
    yield "study run --jobs 2: times as long, least of the pairs", min(ratios), "x"
    yield "load average of the machine before a pair, at most", max(load), ""

    (folder / "one.toml").write_text(head + "[steps.neighborhoods]\nk = 3\n")
    _clock(folder, "step", "one.toml", "--out", "one", "neighborhoods")
    starts = [_cpu(folder, "step", "one.toml", "--out", "one", "neighborhoods") for _ in range(REPEATS)]
    yield "study step of a unit that is as it was: CPU seconds", statistics.median(starts), "s"
    yield "study step of a unit that is as it was: CPU seconds, least", min(starts), "s"
    yield f"study export --engine slurm: array tasks of {GROUPED:,} units of {SHORT:g} s", _grouped(folder, head), ""

    models = "".join(f'm{k} = "a.npy"\n' for k in range(MANY))
    (folder / "models.toml").write_text(f"[models]\n{models}[steps.neighbors]\n")
    yield f"study units: {MANY:,} models, one step: CPU seconds", _plan(folder / "models.toml"), "s"
    many = "".join(f"[steps.u{k}]\nfunction='cka'\nseed={k}\n" for k in range(MANY))
    (folder / "steps.toml").write_text(head + many)
    yield f"study units: two models, {MANY:,} steps: CPU seconds", _plan(folder / "steps.toml"), "s"

    (folder / "many" / "records").mkdir(parents=True)
    for count in (10, MANY):
        for number in range(count):
            (folder / "many" / "records" / f"u{number}.json").touch()
        yield f"a record next to {count:,} others: CPU milliseconds", 1000 * _record(folder / "many"), "ms"


def _grouped(folder: Path, head: str) -> int:
    """How many tasks an export has whose units take so long as a record of one says."""
    text = "".join(f"[steps.u{k}]\nfunction='cka'\nseed={k}\nn_permutations=0\n" for k in range(GROUPED + 1))
    (folder / "grouped.toml").write_text(head + text)
    _command(folder, "step", "grouped.toml", "--out", "grouped", "u0")
    record = read_record(folder / "grouped", "u0")
    assert record is not None
    write_record(folder / "grouped", replace(record, seconds=SHORT))
    return export_study(folder / "grouped.toml", folder / "grouped", "slurm").tasks


def _permutations(folder: Path) -> int:
    """As many as take one unit's seconds."""
    models = {name: np.load(folder / f"{name}.npy") for name in ("a", "b")}
    pyalign.cka(models, n_permutations=10)
    began = time.process_time()
    pyalign.cka(models, n_permutations=200)
    return max(1, round(200 * SECONDS / (time.process_time() - began)))


def _command(folder: Path, *words: str) -> None:
    environment = {**os.environ, "PYALIGN_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pyalign", "study", *words, "--quiet"]
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


def _clock(folder: Path, *words: str) -> float:
    began = time.perf_counter()
    _command(folder, *words)
    return time.perf_counter() - began


def _cpu(folder: Path, *words: str) -> float:
    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    _command(folder, *words)
    return spent() - before


def _plan(path: Path) -> float:
    began = time.process_time()
    units = pyalign.study_units(path)
    assert len(units) == MANY
    return time.process_time() - began


def _record(folder: Path) -> float:
    """CPU seconds of a record."""
    began = time.process_time()
    for number in range(50):
        write_record(folder, Record(f"u{number}", "key", "asked", {"steps/u.json": "0" * 64}, 1.0, "host"))
    return (time.process_time() - began) / 50


if __name__ == "__main__":
    run("study", __doc__ or "", measure)
