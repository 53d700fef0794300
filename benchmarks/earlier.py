"""CPU time of commands, as many times as in an earlier checkout, in one run: `python -m benchmarks.earlier CHECKOUT`.

Either checkout computes in a process of its own, in turns; a ratio is the median over the rounds. `PYALIGN_DATA` names
the folder with the answers of THINGS.
"""

from __future__ import annotations

import csv
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.results import machine

ROUNDS = {"small": 41, "large": 15}
COMMANDS = ("score", "compare", "concepts", "calibrate")
WHAT = {"small": "60 objects, 3,000 answers of 20 participants", "large": "127,304 answers of THINGS"}


def data(size: str) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Rows of two models, triplets, who answered, and dimensions of the objects."""
    if size == "small":
        rng = np.random.default_rng(0)
        x = rng.normal(size=(60, 16))
        sets = np.array([rng.permutation(60)[:3] for _ in range(3_000)])
        near = np.stack([(x[sets[:, (k + 1) % 3]] * x[sets[:, (k + 2) % 3]]).sum(axis=1) for k in range(3)], axis=1)
        odd = (near + 4.0 * rng.gumbel(size=near.shape)).argmax(axis=1)
        triplets = np.stack([np.roll(row, 2 - k) for row, k in zip(sets, odd, strict=True)])
        models = {"a": x[:, :10].copy(), "b": x[:, 4:].copy()}
        return models, triplets, np.arange(3_000) % 20, np.abs(x[:, :8])
    folder = Path(os.environ["PYALIGN_DATA"], "things")
    answers = np.load(folder / "human_triplets_127304.npy").astype(np.int32)
    models = {"clip": np.load(folder / "clip_vit_b32.npy"), "word2vec": np.load(folder / "word2vec.npy")}
    models = {name: x.astype(np.float32) for name, x in models.items()}
    dimensions = np.loadtxt(folder / "spose_embedding_66d_sorted.txt")
    return models, np.ascontiguousarray(answers[:, :3]), answers[:, 3], dimensions


def work(command: str, size: str) -> None:
    """A call for each line that is read; prints the CPU seconds of each."""
    import pyalign

    models, triplets, who, dimensions = data(size)
    first = next(iter(models.values()))
    call = {
        "score": lambda: pyalign.score(first, triplets, subjects=who),
        "compare": lambda: pyalign.compare(models, triplets, subjects=who),
        "concepts": lambda: pyalign.score_concepts(models, triplets, dimensions, subjects=who),
        "calibrate": lambda: pyalign.calibrate(first, triplets, subjects=who),
    }[command]
    call()
    for _ in sys.stdin:
        began = time.process_time()
        call()
        print(time.process_time() - began, flush=True)


def paired(command: str, size: str, earlier: Path) -> tuple[float, float, float]:
    """CPU seconds, earlier and now, and the ratio; medians."""
    here, pipe = Path(__file__).parents[1], subprocess.PIPE
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", f"from benchmarks.earlier import work; work({command!r}, {size!r})"], stdin=pipe,
            stdout=pipe, text=True, cwd=checkout, env={**os.environ, "PYTHONPATH": f"{checkout}{os.pathsep}{here}"},
        ) for checkout in (earlier, here)
    ]
    found = []
    for _ in range(ROUNDS[size]):
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
            found.append(float(process.stdout.readline()))
    for process in processes:
        process.communicate()
    before, now = found[::2], found[1::2]
    ratio = statistics.median(b / a for a, b in zip(before, now, strict=True))
    return statistics.median(before), statistics.median(now), ratio


def main() -> None:
    """Prints the rows."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True)
    told = machine(), commit.stdout.strip(), time.strftime("%Y-%m-%d")
    out = csv.writer(sys.stdout)
    out.writerow(["what", "figure", "unit", "machine", "commit", "date"])
    for size in ROUNDS:
        for command in COMMANDS:
            before, now, ratio = paired(command, size, Path(sys.argv[1]).resolve())
            for how, figure, unit in (("before", before, "s"), ("now", now, "s"), ("times as long", ratio, "x")):
                out.writerow([f"{command}, {WHAT[size]}: CPU time, {how}", f"{figure:.4g}", unit, *told])
            sys.stdout.flush()


if __name__ == "__main__":
    main()
