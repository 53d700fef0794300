"""A small study whose steps take milliseconds: two models, triplets of known people, categories, a metadata table."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

ITEMS, TRIPLETS = 24, 300
TEXT = """\
title = "Small"
names = "names.txt"

[models]
a = "a.npy"
b = { file = "b.npy" }

[triplets]
file = "t.csv"
subject_column = "subject"

[categories]
file = "kinds.txt"

[steps.score]
ceiling = "step:ceiling"
[steps.ceiling]
[steps.compare]
[steps.concepts]
[steps.cka]
n_permutations = 5
[steps.probe]
folds = 2
penalties = 0.05
max_iterations = 4
[steps.failures]
limit = 5
"""


def write_inputs(folder):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ITEMS, 5))
    np.save(folder / "a.npy", x + rng.normal(size=x.shape) * 0.3)
    np.save(folder / "b.npy", x[:, :4] + rng.normal(size=(ITEMS, 4)))
    triplets = np.stack([rng.permutation(ITEMS)[:3] for _ in range(TRIPLETS // 3)])
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    alike = np.stack([(unit[triplets[:, p]] * unit[triplets[:, q]]).sum(axis=1) for p, q in ((1, 2), (0, 2), (0, 1))])
    odd = alike.argmax(axis=0)
    triplets = np.stack([np.roll(row, 2 - k) for row, k in zip(triplets, odd, strict=True)])
    triplets = np.repeat(triplets, 3, axis=0)  # three people each, some of whom disagree
    wrong = rng.random(TRIPLETS) < 0.2
    triplets[wrong] = triplets[wrong][:, [2, 0, 1]]
    lines = ["one,two,odd,subject", *(f"{i},{j},{k},p{n % 5}" for n, (i, j, k) in enumerate(triplets))]
    Path(folder, "t.csv").write_text("\n".join(lines) + "\n")
    Path(folder, "names.txt").write_text("".join(f"object-{k}\n" for k in range(ITEMS)))
    Path(folder, "kinds.txt").write_text("".join(f"{'xyz'[k % 3]}\n" for k in range(ITEMS)))
    Path(folder, "small.toml").write_text(TEXT)


def documents(out):
    """All that a study has written but its records, which say how long each step took: bytes by path."""
    found = {}
    for place, folders, files in os.walk(out):
        if "records" in folders:
            folders.remove("records")
        for name in files:
            path = os.path.relpath(os.path.join(place, name), out)
            found[path] = Path(place, name).read_bytes()
    return found


def how(study):
    """What became of each step, by name."""
    return {step.name: step.how or step.status for step in study.steps}
