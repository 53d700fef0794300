"""A study for engines: an extraction in three parts, its merge, steps of each model; and what is compared."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from small_study import write_inputs

PROGRAM = Path(sys.executable).with_name("pyalign")  # as jobs call it, and not the sources that a clone has here
EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}  # the time in documents
# What engines and records leave in the folder of a study, which is no part of it.
LEFT = (".slurm", ".done", ".snakemake", ".parts", "records", "slurm.sh", "Snakefile", "commands.json", ".lock")


def by_request(test):
    """A long test that `make engines` runs, and `make test-rest` only where PYALIGN_ENGINES is set."""
    import pytest

    reason = "starts dozens of processes: make engines runs it"
    return pytest.mark.slow(pytest.mark.skipif("PYALIGN_ENGINES" not in os.environ, reason=reason)(test))


def skip(reason):
    """Skips a test whose engine is not there, or fails it where PYALIGN_REQUIRE_ENGINES says that engines are."""
    import pytest

    (pytest.fail if os.environ.get("PYALIGN_REQUIRE_ENGINES") else pytest.skip)(reason)


def write_study(folder, count=16):
    """Writes a study of so many models and an extracted one, with its inputs; gives its path. 16 make 42 units."""
    from PIL import Image

    write_inputs(folder)
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for k in range(24):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / "photos" / f"object-{k}.bmp")
    x = np.load(folder / "a.npy")
    models = ['p = { extract = "pixels:2", images = "photos", shards = 3, n_threads = 1, device = "cpu" }']
    for k in range(count):
        np.save(folder / f"m{k}.npy", x + rng.normal(size=x.shape))
        models.append(f'm{k} = "m{k}.npy"')
    steps = '[steps.neighbors]\n[steps.near]\nfunction = "neighbors"\nk = 3\n'
    steps += '[steps.ceiling]\n[steps.score]\nceiling = "step:ceiling"\n[steps.compare]\n[steps.failures]\nlimit = 5\n'
    steps += (
        '[steps.long]\nfunction = "probe"\nmodels = ["p", "m0"]\nfolds = 2\npenalties = 0.001\nmax_iterations = 300\n'
    )
    top = 'title = "Engines"\nnames = "names.txt"\n[triplets]\nfile = "t.csv"\nsubject_column = "subject"\n'
    path = folder / "engines.toml"
    path.write_text(top + "[models]\n" + "\n".join(models) + "\n" + steps)
    return path


def run_serially(study, out):
    """The study by `study run`."""
    command = [PROGRAM, "study", "run", study, "--out", out, "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **EPOCH})


def contents(out):
    """The bytes of what belongs to a study, by path."""
    found = {}
    for place, folders, files in os.walk(out):
        if Path(place) == Path(out):
            folders[:] = [name for name in folders if name not in LEFT]
            files = [name for name in files if name not in LEFT]
        found.update(
            {os.path.relpath(os.path.join(place, name), out): Path(place, name).read_bytes() for name in files}
        )
    return found


def difference(one, other):
    """The paths at which two folders of a study differ."""
    first, second = contents(one), contents(other)
    return sorted(path for path in first.keys() | second.keys() if first.get(path) != second.get(path))
