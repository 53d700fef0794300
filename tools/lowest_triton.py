"""The Triton kernels with the lowest release of Triton that pyproject.toml allows, in an environment of their own.

    python tools/lowest_triton.py [--write]

Compiles the whole table (tools/triton_table.py), which fails on a kernel that spills, and runs tests/triton in Triton's
interpreter. Takes 3 minutes of CPU time. ``--write`` puts what came of it into lowest_triton.csv.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).with_suffix(".csv")
BESIDE = ("numpy<2.3", "array-api-compat", "hypothesis", "lazy_loader", "packaging", "pytest", "torch")  # numpy: of 3.6
ARCHES = ("80", "90", "100", "120")


def lowest() -> str:
    """The release, such as 3.6.0."""
    found = re.search(r'"triton>=([\d.]+);', (ROOT / "pyproject.toml").read_text())
    assert found, "pyproject.toml names the lowest Triton"
    return found[1] + ".0" * (2 - found[1].count("."))


def environment(folder: Path, release: str) -> Path:
    """The interpreter of a new environment. torch asks for another Triton: this one comes after it."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    for packages in (BESIDE, ("--no-deps", f"triton=={release}")):
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def last_line(python: Path, *command: str | Path, **more: str) -> str:
    """What a run says last; anything but success ends this one."""
    done = subprocess.run(
        [python, *command], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **more}, stdout=subprocess.PIPE,
        text=True, check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\nfailed: {' '.join(map(str, command))}")
    return done.stdout.splitlines()[-1]


def main() -> None:
    release = lowest()
    rows = [("release", "triton", release)]
    with tempfile.TemporaryDirectory() as folder:
        python = environment(Path(folder), release)
        for arch in ARCHES:
            rows.append(("compiled", f"sm_{arch}", last_line(python, "tools/triton_table.py", "--arch", arch)))
        tests = last_line(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/triton", TRITON_INTERPRET="1")
        rows.append(("passed", "tests/triton", tests.partition(" passed")[0]))
    for row in rows:
        print(*row)
    if "--write" in sys.argv:
        with open(TABLE, "w", newline="") as handle:
            csv.writer(handle, lineterminator="\n").writerows([("kind", "name", "value"), *rows])


if __name__ == "__main__":
    main()
