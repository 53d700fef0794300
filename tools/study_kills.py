"""Studies that are killed at random moments end in the bytes of one that was not.

    python tools/study_kills.py [--kills 20] [--kind KIND ...] [--write]

SIGKILL hits a step, a merge of an extraction's parts, `study finish` and `study run --jobs 2`: the first three at a
random change of the disk (a file that is moved, removed or flushed, a folder that is made), the last at a random
moment. `flock` works, or fails everywhere, or gives everybody the lock. After every few kills the same command runs to
its end, and then all bytes but those of the records are compared. `--write` puts the counts into tools/study_kills.csv,
in place of those of the same kinds.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import csv_rows
import numpy as np

TABLE = Path(__file__).with_name("study_kills.csv")
KINDS, LOCKS = ("step", "merge", "finish", "jobs"), ("works", "fails", "everybody has it")
GROUP = 7  # kills of one folder
# Loaded by every process before anything else; the moment of death is that of the first process only.
CUSTOMIZE = """
import os, signal
left = int(os.environ.pop("STUDY_KILLS_AT", "-1"))
counts = os.environ.pop("STUDY_KILLS_COUNT", "")
flock = os.environ.get("STUDY_KILLS_FLOCK", "works")
if flock != "works":
    import errno, fcntl
    def replaced(*_):
        if flock == "fails":
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    fcntl.flock = replaced
if left >= 0:
    state = [0]
    def counted(real):
        def call(*arguments, **options):
            state[0] += 1
            if counts:
                open(counts, "w").write(str(state[0]))
            elif state[0] > left:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)
        return call
    for name in ("replace", "unlink", "fsync", "link", "mkdir", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))
"""
STUDY = """
names = "names.txt"
images = "photos"
[models]
a = "a.npy"
b = { extract = "pixels:2", batch_size = 2, shards = 3 }
[triplets]
file = "t.npy"
[steps.score]
ceiling = 0.9
[steps.probe]
folds = 2
penalties = 0.05
max_iterations = 3
"""
PARTS = tuple(f"extract-b.{number}of3" for number in (1, 2, 3))
UNITS = {"step": "probe-a", "merge": "extract-b"}
# What is there before the first kill.
BEFORE = {"step": (), "merge": PARTS, "finish": (*PARTS, "extract-b", "score", "probe-a", "probe-b"), "jobs": ()}


@dataclass(frozen=True)
class Row:
    """What came of the kills of one kind with one kind of locks.

    Attributes:
        kind: what was killed.
        flock: whether locks work.
        runs: that were begun to be killed.
        killed: that had not ended before.
        folders: in which the same command then ran to its end.
        same: of these with the bytes of a run that nobody killed.
    """

    kind: str
    flock: str
    runs: int
    killed: int
    folders: int
    same: int


class Kills:
    """A study in a folder of its own, with what a run of it writes that nobody kills."""

    def __init__(self, place: Path, seed: int = 0) -> None:
        self.place, self.rng = place, random.Random(seed)
        (place / "custom").mkdir(parents=True)
        (place / "custom" / "sitecustomize.py").write_text(CUSTOMIZE)
        write_study(place)
        self.changes: dict[str, int] = {}
        began = time.monotonic()
        self.run("run", "whole", "--jobs", "2")
        self.seconds = time.monotonic() - began
        self.whole = contents(place / "whole")

    def start(self, command: str, out: str, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """Begins `pyalign study COMMAND`."""
        path = os.pathsep.join([str(self.place / "custom"), *filter(None, [os.environ.get("PYTHONPATH")])])
        known = {**os.environ, "PYTHONPATH": path, "SOURCE_DATE_EPOCH": "1700000000", **environment}
        line = [sys.executable, "-m", "pyalign", "study", command, "s.toml", "--out", out, "--quiet", *words]
        return subprocess.Popen(line, cwd=self.place, env=known, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def run(self, command: str, out: str, *words: str, **environment: str) -> None:
        """Runs `pyalign study COMMAND` to its end."""
        process = self.start(command, out, *words, **environment)
        _, error = process.communicate(timeout=600)
        if process.returncode:
            raise RuntimeError(f"study {command} {' '.join(words)}: {error.decode()}")

    def folder(self, kind: str, flock: str, kills: int) -> Row:  # noqa: C901
        """Kills a command so many times in one folder; then it runs to its end."""
        out = f"{kind}-{flock.split()[0]}-{self.rng.random()}"
        words = {"jobs": ("run", out, "--jobs", "2"), "finish": ("finish", out)}.get(kind)
        words = words or ("step", out, UNITS[kind])
        if BEFORE[kind]:
            self.run("step", out, *BEFORE[kind])
        if kind != "jobs" and kind not in self.changes:
            self.changes[kind] = self._count(words, out)
        killed = runs = 0
        while killed < kills and runs < 3 * kills:
            share, runs = self.rng.random() / (1 + killed), runs + 1  # less is left to do each time
            environment = {"STUDY_KILLS_FLOCK": flock}
            if kind != "jobs":
                environment["STUDY_KILLS_AT"] = str(int(share * self.changes[kind]))
            process = self.start(*words, **environment)
            if kind == "jobs":
                try:
                    process.wait(self.rng.random() * self.seconds)
                except subprocess.TimeoutExpired:
                    process.kill()
            process.communicate(timeout=600)
            killed += process.returncode == -signal.SIGKILL
            if process.returncode == 0 and kind in UNITS:  # it was faster: it is made again, of what it needs
                (self.place / out / "records" / f"{UNITS[kind]}.json").unlink()
                if BEFORE[kind]:
                    self.run("step", out, *BEFORE[kind])
        self.run(*words, STUDY_KILLS_FLOCK=flock)
        if kind not in ("jobs", "finish"):
            self.run("run", out, STUDY_KILLS_FLOCK=flock)
        same = contents(self.place / out) == self.whole
        if same:
            shutil.rmtree(self.place / out)
        return Row(kind, flock, runs, killed, 1, int(same))

    def _count(self, words: tuple[str, ...], out: str) -> int:
        """How often a command changes the disk."""
        counts, copy = self.place / "count", f"{out}-count"
        if (self.place / out).exists():
            shutil.copytree(self.place / out, self.place / copy)
        self.run(words[0], copy, *words[2:], STUDY_KILLS_AT="0", STUDY_KILLS_COUNT=str(counts))
        shutil.rmtree(self.place / copy)
        return int(counts.read_text())


def write_study(place: Path) -> None:
    """A study of a model in a file and one that is extracted from 13 pictures of noise."""
    from PIL import Image

    rng = np.random.default_rng(0)
    (place / "photos").mkdir()
    for k in range(13):
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(place / "photos" / f"o{k:02d}.png")
    np.save(place / "a.npy", rng.normal(size=(13, 4)))
    np.save(place / "t.npy", np.stack([rng.permutation(13)[:3] for _ in range(90)]))
    (place / "names.txt").write_text("".join(f"o{k:02d}.png\n" for k in range(13)))
    (place / "s.toml").write_text(STUDY)


def contents(out: Path) -> dict[str, bytes]:
    """All bytes of a study but those of its records, by path."""
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {str(path.relative_to(out)): path.read_bytes() for path in files if "records" not in path.parts}


def kill_all(kills: Kills, count: int, kinds: Sequence[str]) -> list[Row]:
    """So many kills of each kind, in folders of a few, with each kind of locks in turn."""
    rows: dict[tuple[str, str], Row] = {}
    for kind in kinds:
        for number in range(-(-count // GROUP)):
            row = kills.folder(kind, LOCKS[number % len(LOCKS)], min(GROUP, count - number * GROUP))
            old = rows.get((row.kind, row.flock), Row(row.kind, row.flock, 0, 0, 0, 0))
            sums = (getattr(old, name) + getattr(row, name) for name in ("runs", "killed", "folders", "same"))
            rows[row.kind, row.flock] = Row(row.kind, row.flock, *sums)
            print(rows[row.kind, row.flock], flush=True)
    return list(rows.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="of each kind")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only these kinds")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = kill_all(Kills(Path(folder, "kills")), options.kills, options.kind or KINDS)
    if options.write:
        csv_rows.put(TABLE, [*map(vars, rows)], "kind", lambda row: KINDS.index(row["kind"]))
    if any(row.same != row.folders for row in rows):
        sys.exit("some folders have other bytes")


if __name__ == "__main__":
    main()
