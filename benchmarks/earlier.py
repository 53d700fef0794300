"""CPU time of commands as many times as in an earlier checkout: `python benchmarks/earlier.py CHECKOUT`.

Both compute in processes of their own, in turns; a ratio is the median over the rounds. `PYALIGN_DATA` names the folder
with the answers of THINGS.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

ROUNDS = {"1,000": 61, "3,000": 61, "127,304": 15}  # by answers


def work(command: str, size: str) -> None:
    """A call for each line that is read; prints the CPU seconds of each."""
    import pyalign

    if size == "127,304":
        folder = Path(os.environ["PYALIGN_DATA"], "things")
        models = {name: np.load(folder / f"{name}.npy").astype(np.float32) for name in ("clip_vit_b32", "word2vec")}
        *triplets, who = np.load(folder / "human_triplets_127304.npy").astype(np.int32).T
        answers, dimensions = np.stack(triplets, axis=1), np.loadtxt(folder / "spose_embedding_66d_sorted.txt")
    else:
        t, rng = int(size.replace(",", "")), np.random.default_rng(0)
        x, sets = rng.normal(size=(60, 16)), np.stack([rng.permutation(60)[:3] for _ in range(t)])
        near = np.stack([(x[sets[:, k - 2]] * x[sets[:, k - 1]]).sum(axis=1) for k in range(3)], axis=1)
        odd = (near + 4.0 * rng.gumbel(size=near.shape)).argmax(axis=1)
        answers = np.stack([np.roll(row, 2 - k) for row, k in zip(sets, odd, strict=True)])
        models, who, dimensions = {"a": x[:, :10].copy(), "b": x[:, 4:].copy()}, np.arange(t) % 20, np.abs(x[:, :8])
    given = {"score_concepts": (models, answers, dimensions), "compare": (models, answers)}
    call = getattr(pyalign, command)
    for _ in sys.stdin:
        began = time.process_time()
        call(*given.get(command, (next(iter(models.values())), answers)), subjects=who)
        print(time.process_time() - began, flush=True)


def main() -> None:
    """Prints the rows."""
    here, pipe = Path(__file__).resolve().parents[1], subprocess.PIPE
    for size, rounds in ROUNDS.items():
        for command in ("score", "compare", "score_concepts", "calibrate"):
            processes = [subprocess.Popen(
                [sys.executable, __file__, command, size], stdin=pipe, stdout=pipe, text=True, cwd=place,
                env={**os.environ, "PYTHONPATH": str(place)},
            ) for place in (Path(sys.argv[1]).resolve(), here)]
            found = []
            for _ in range(2 * (1 + rounds)):
                process = processes[len(found) % 2]
                print(file=process.stdin, flush=True)
                found.append(float(process.stdout.readline()))
            for process in processes:
                process.communicate()
            before, now = found[2::2], found[3::2]  # without the first, which loads
            for what, figure in (("before", median(before)), ("now", median(now)),
                                 ("times as long", median(b / a for a, b in zip(before, now, strict=True)))):
                unit = "x" if what == "times as long" else "s"
                print(f'"{command}, {size} answers: CPU time, {what}",{figure:.4g},{unit}', flush=True)


if __name__ == "__main__":
    main() if len(sys.argv) == 2 else work(*sys.argv[1:])
