"""The lowest releases that pyproject.toml allows, tried in environments of their own.

    python tools/lowest_versions.py versions [--write]     # hostile folders of models, with those of the extras
    python tools/lowest_versions.py triton [--write]       # the kernels with the lowest Triton: 3 minutes of CPU time

An environment takes some GB and minutes once: it lies in the user's cache, under a name that its releases make. With
those of the extras the tests with the fixture `hostile` are run; with the lowest Triton the whole table is compiled
(tools/triton_table.py), which fails on a kernel that spills, and tests/triton run in Triton's interpreter. ``--write``
puts what came of them into lowest_versions.csv and lowest_triton.csv.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("extract", "models")
BESIDE = ("array-api-compat", "hypothesis", "lazy_loader", "packaging", "pytest")
OLD_NUMPY, NUMPY_OF_TORCH = "numpy<2", "numpy<2.3"  # onnxruntime 1.17 is built for numpy 1
SHOWN = r"import importlib.metadata as m, sys; print(*(m.version(name) for name in sys.argv[1:]))"
ARCHES = ("80", "90", "100", "120")
Rows = list[tuple[str, str, str]]


def lowest() -> dict[str, str]:
    """The lowest release of each package of the extras that has one, by name."""
    try:
        import tomllib
    except ModuleNotFoundError:
        import tomli as tomllib
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found = (re.match(r"([\w.-]+)>=([\w.]+)$", one) for extra in EXTRAS for one in extras[extra])
    return {one[1]: one[2] for one in found if one}


def lowest_triton() -> str:
    """The release of Triton, such as 3.6.0."""
    found = re.search(r'"triton>=([\d.]+);', (ROOT / "pyproject.toml").read_text())
    assert found, "pyproject.toml names the lowest Triton"
    return found[1] + ".0" * (2 - found[1].count("."))


def environment(*asked: tuple[str, ...]) -> Path:
    """The interpreter of an environment for which pip is asked for these, one after the other; makes it if need be."""
    key = hashlib.sha256(repr((sys.version_info[:2], asked)).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pyalign" / f"lowest-{key}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        print("installing", *asked, f"into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        for packages in asked:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        (folder / "complete").touch()
    return python


def run(python: Path, *command: str | Path, **variables: str) -> str:
    """What a run says; anything but success ends this one."""
    known = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run([python, *command], cwd=ROOT, env=known, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}\nfailed: {' '.join(map(str, command))}")
    return done.stdout


def versions() -> tuple[Rows, bool]:
    """The release of each package, then how many tests of each file passed, of how many; whether any did not."""
    releases = lowest()
    python = environment((*(f"{name}=={version}" for name, version in releases.items()), OLD_NUMPY, *BESIDE))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [python, "-m", "pytest", "-q", "-m", "hostile", f"--junitxml={report}", ROOT / "tests" / "extraction"]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        cases = [*ElementTree.parse(report).iter("testcase")]
    file_of = [one.attrib["classname"].rpartition(".")[2] for one in cases]
    passed = Counter(file for file, one in zip(file_of, cases, strict=True) if not len(one))
    shown = zip(releases, run(python, "-c", SHOWN, *releases).split(), strict=True)
    counts = sorted(Counter(file_of).items())
    rows = [*(("release", *one) for one in shown),
            *(("passed", file, f"{passed[file]} of {count}") for file, count in counts)]
    return rows, any(passed[file] != count for file, count in counts)


def triton() -> tuple[Rows, bool]:
    """The kernels that were compiled for each architecture, and how many tests passed."""
    release = lowest_triton()
    # torch asks for another Triton: this one comes after it.
    python = environment((NUMPY_OF_TORCH, *BESIDE, "torch"), ("--no-deps", f"triton=={release}"))
    rows = [("release", "triton", release)]
    for arch in ARCHES:
        last = run(python, "tools/triton_table.py", "--arch", arch).splitlines()[-1]
        rows.append(("compiled", f"sm_{arch}", last))
    tests = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/triton", TRITON_INTERPRET="1")
    return [*rows, ("passed", "tests/triton", tests.splitlines()[-1].partition(" passed")[0])], False


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what not in ("versions", "triton"):
        sys.exit(__doc__)
    rows, failed = versions() if what == "versions" else triton()
    for row in rows:
        print(*row)
    if "--write" in sys.argv:
        with Path(__file__).with_name(f"lowest_{what}.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("kind", "name", "value"), *rows])
    sys.exit(failed)


if __name__ == "__main__":
    main()
