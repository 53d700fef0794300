"""Hostile folders of models with the lowest releases that pyproject.toml allows, in an environment of their own.

    python tools/lowest_versions.py [--write]

The environment takes some GB and minutes once: it lies in the user's cache, under a name that its releases make. The
tests are those with the fixture `hostile`. ``--write`` puts what came of them into lowest_versions.csv.
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
TABLE = Path(__file__).with_suffix(".csv")
EXTRAS = ("extract", "models")
BESIDE = ("numpy<2", "array-api-compat", "lazy_loader", "hypothesis", "pytest")  # onnxruntime 1.17 is built for numpy 1
SHOWN = r"import importlib.metadata as m, sys; print(*(m.version(name) for name in sys.argv[1:]))"


def lowest() -> dict[str, str]:
    """The lowest release of each package of the extras that has one, by name."""
    try:
        import tomllib
    except ModuleNotFoundError:
        import tomli as tomllib
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found = (re.match(r"([\w.-]+)>=([\w.]+)$", one) for extra in EXTRAS for one in extras[extra])
    return {one[1]: one[2] for one in found if one}


def environment() -> Path:
    """The interpreter of the environment; makes it where it is not there."""
    asked = [*(f"{name}=={version}" for name, version in lowest().items()), *BESIDE]
    key = hashlib.sha256(repr((sys.version_info[:2], asked)).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "pyalign" / f"lowest-{key}"
    if not (folder / "complete").exists():
        print("installing", *asked, f"into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *asked], check=True)
        (folder / "complete").touch()
    return folder / "bin" / "python"


def tried(python: Path) -> list[tuple[str, str, str]]:
    """Rows: the release of each package, then how many tests of each file passed, of how many."""
    names = [*lowest()]
    shown = subprocess.run([python, "-c", SHOWN, *names], check=True, capture_output=True, text=True).stdout.split()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [python, "-m", "pytest", "-q", "-m", "hostile", f"--junitxml={report}", ROOT / "tests" / "extraction"]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        cases = [*ElementTree.parse(report).iter("testcase")]
    file_of = [one.attrib["classname"].rpartition(".")[2] for one in cases]
    passed = Counter(file for file, one in zip(file_of, cases, strict=True) if not len(one))
    rows = [("release", name, version) for name, version in zip(names, shown, strict=True)]
    return [
        *rows, *(("passed", file, f"{passed[file]} of {count}") for file, count in sorted(Counter(file_of).items())),
    ]


def main() -> None:
    rows = tried(environment())
    for row in rows:
        print(*row)
    if "--write" in sys.argv:
        with open(TABLE, "w", newline="") as handle:
            csv.writer(handle, lineterminator="\n").writerows([("kind", "name", "value"), *rows])
    sys.exit(any(kind == "passed" and len({*value.split(" of ")}) > 1 for kind, _, value in rows))


if __name__ == "__main__":
    main()
