"""Runs commands in which one file is damaged, or what no option may take, until the time is over.

python input_options.py SECONDS SEED     ends with 1 at the first fault, and tells the file
"""

from __future__ import annotations

import base64
import io
import pickle
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parent))
from hostile_files import write_hostile
from option_world import SLOWEST, World

from pyalign.errors import LONGEST

UNREAD = ("has no effect here", "is left out")  # of files, such as those of other data sets: a note says why
DESCRIBES = "describe FILES"  # ends well with a file that can't be read: it says so, in a table of what it could


def start(folder):
    """A `World` in a new folder, and what to say in place of a sound file that no option may take."""
    folder.mkdir()
    world = World(folder)
    refused = write_hostile(Path("h"))
    world.accept()
    return world, refused


def late(*_):
    raise AssertionError(f"not done within {SLOWEST} seconds")


def fault(ran, name, words, must_be_refused=True):
    """What is wrong with how a command has ended; None where it has refused the file as it should, or may take it."""
    if ran.code == 0 and (not must_be_refused or name == DESCRIBES or any(word in ran.err for word in UNREAD)):
        return None
    lines = ran.err.splitlines()
    usage = ran.code == 2 and len(lines) == 2 and lines[1].startswith("try 'pyalign ")
    problem = (
        f"exit code {ran.code}" if ran.code not in (1, 2)
        else f"{len(lines)} lines" if len(lines) != 1 and not usage
        else f"{len(ran.err)} letters" if len(ran.err) > LONGEST + 200
        else "signs that are not printable" if not "".join(lines).isprintable()
        else "no name of the command" if not ran.err.startswith("pyalign ") or ": error: " not in ran.err
        else f"files are written: {', '.join(ran.changed)}" if ran.changed and not name.startswith("study ")
        else "standard output" if ran.out and not name.startswith("study ")
        else None
    )
    return problem and f"{name}, {problem}: {' '.join(words)[:300]!r}\n{ran.err[:500]}"


# --- damage of what is sound


def variants(path):
    """The bytes of a sound file, and of files of other formats with the same content, by suffix."""
    found, array = {path.suffix: path.read_bytes()}, None
    if path.suffix == ".txt":
        array, text = np.array(path.read_text().split()), path.read_bytes()
    elif path.suffix == ".npy":
        array, file = np.load(path), io.StringIO()
        np.savetxt(file, array, "%.17g", delimiter=",")
        text = file.getvalue().encode()
    if array is None:
        return found
    found |= {".csv": text, ".csv.gz": text}
    with tempfile.TemporaryDirectory() as folder:
        for suffix, (package, write) in WRITERS.items():
            if find_spec(package) and (array.dtype.kind != "U" or suffix in FOR_TEXT):
                write(f"{folder}/x{suffix}", array)
                found[suffix] = Path(folder, f"x{suffix}").read_bytes()
    return found


def write_hdf5(path, array):
    with import_module("h5py").File(path, "w") as file:
        file["x"] = array


def write_safetensors(path, array):
    import_module("safetensors.numpy").save_file({"x": array}, path)


def write_parquet(path, array):
    table = import_module("pyarrow").table({f"f{k}": column for k, column in enumerate(np.atleast_2d(array.T))})
    import_module("pyarrow.parquet").write_table(table, path)


FOR_TEXT = (".npz", ".pkl", ".mat")
WRITERS = {
    ".npz": ("numpy", lambda path, array: np.savez(path, x=array)),
    ".pkl": ("numpy", lambda path, array: Path(path).write_bytes(pickle.dumps({"a": {"b": {"x": array}}}))),
    ".mat": ("scipy", lambda path, array: import_module("scipy.io").savemat(path, {"x": array})),
    ".h5": ("h5py", write_hdf5),
    ".safetensors": ("safetensors", write_safetensors),
    ".pt": ("torch", lambda path, array: import_module("torch").save(import_module("torch").from_numpy(array), path)),
    ".parquet": ("pyarrow", write_parquet),
}


def damaged(world, name, rng):
    """The words of a command with a damaged file for an option, and the file; None where that takes a folder."""
    from attempt import mutant

    *others, last = world.usual(name)
    path, mark, key = last.partition("::")
    if Path(path).is_dir():
        return None
    suffix, raw = rng.choice([*variants(Path(path)).items()])
    file = Path("h", f"x{suffix}")
    words = world.words(name, *others, f"{file}{mark}{key}")
    file.write_bytes(mutant(suffix, [raw], rng) or b"\n")
    world.accept()
    return words, file


def main():
    seconds, seed = float(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGALRM, late)
    rng, counts = random.Random(seed), Counter()
    with tempfile.TemporaryDirectory() as above:
        world, refused = start(Path(above, "w"))
        names, end = world.names(), time.monotonic() + seconds
        while time.monotonic() < end:
            name = rng.choice(names)
            made = damaged(world, name, rng) if rng.random() < 0.7 else None
            words, file = made or (world.words(name, *world.usual(name)[:-1], rng.choice(refused)), None)
            try:
                ran = world.run(*words)
                problem = fault(ran, name, words, must_be_refused=file is None)
                assert problem is None, problem
            except BaseException:
                content = base64.b85encode(file.read_bytes()).decode() if file else ""
                print(f"seed {seed}, {name}: {words} {content}", file=sys.stderr)
                raise
            counts[ran.code] += 1
        print(counts.total(), "commands,", counts[0], "ended well")


if __name__ == "__main__":
    main()
