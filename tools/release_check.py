"""Checks a release before anybody sees it: `make release-check`, with TAG=v0.1.0 for the one that a tag makes.

What is only text comes first: versions that agree, addresses of one owner, workflows whose actions are pinned. Then the
sdist, the wheel with kernels and the pure wheel are built, their metadata and contents are checked, and each Python of
this machine installs a wheel in a fresh environment and runs README's first lines there. Every fault is one line.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEWEST_GLIBC = (2, 28)
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.14t")
ADDRESS = r"github\.com/([\w.-]+)/pyalign\b(?!-)|([\w-]+)\.github\.io/pyalign\b"
SCHEMAS = {
    "vendor.github-workflows": ".github/workflows/*.yml",
    "vendor.github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "vendor.github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "vendor.citation-file-format": "CITATION.cff",
    "vendor.readthedocs": ".readthedocs.yaml",
}


def version(root: Path) -> str:
    text = (root / "pyalign" / "_version.py").read_text(encoding="utf-8")
    return re.search(r'__version__ = "([^"]+)"', text)[1]


def version_faults(root: Path, tag: str | None = None) -> Iterator[str]:
    """Where another version stands, or the change log has none; a tag needs a date there, too."""
    ours = version(root)
    heading = re.search(r"^## (\S+)(?: \((.*)\))?$", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    if not heading or heading[1] != ours:
        yield f"CHANGELOG.md: the newest version must be {ours}; got {heading[1] if heading else 'none'}"
    for name in ("CITATION.cff", "conda/recipe.yaml"):
        said = re.search(r"^ *version: *\"?([^\s\"]+)", (root / name).read_text(encoding="utf-8"), re.M)
        if not said or said[1] != ours:
            yield f"{name}: version must be {ours}; got {said[1] if said else 'none'}"
    if tag and tag != f"v{ours}":
        yield f"TAG must be v{ours}, the version of pyalign/_version.py; got {tag}"
    if tag and heading and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", heading[2] or ""):
        yield f"CHANGELOG.md: a release needs its date, such as 2026-12-31; got {heading[2] or 'none'}"


def owner(root: Path) -> str:
    """Whose repository it is, said in pyproject.toml alone."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return re.search(r'^Source = "https://github.com/([^/"]+)/pyalign"', text, re.M)[1]


def addressed(root: Path) -> Iterator[Path]:
    """Files that may name an address of the project."""
    for pattern in ("*.md", "*.cff", "*.toml", ".*.y*ml", ".github/**/*.y*ml", "docs/*.md", "docs/conf.py", "conda/*"):
        yield from sorted(root.glob(pattern))


def address_faults(root: Path) -> Iterator[str]:
    ours = owner(root)
    for path in addressed(root):
        for found in re.finditer(ADDRESS, path.read_text(encoding="utf-8")):
            if (found[1] or found[2]) != ours:
                yield f"{path.relative_to(root)}: the owner must be {ours}, as in pyproject.toml; got {found[0]}"


def move(root: Path, new: str) -> None:
    """Another owner, in all addresses."""
    old = owner(root)
    for path in addressed(root):
        text = path.read_text(encoding="utf-8")
        for address in ("github.com/{}/pyalign", "{}.github.io/pyalign"):
            text = text.replace(address.format(old), address.format(new))
        path.write_text(text, encoding="utf-8")


def workflow_faults(root: Path) -> Iterator[str]:
    """Actions that are not pinned to a commit, and workflows with permissions for all jobs."""
    for path in sorted((root / ".github" / "workflows").glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        for action in re.findall(r"uses: *(\S+)", text):
            if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action):
                yield f"{path.relative_to(root)}: an action must be pinned to a commit of 40 digits; got {action}"
        if not re.search(r"^permissions: \{\}$", text, re.M):
            yield f"{path.relative_to(root)}: permissions must be {{}}, and said job by job"


def checked(command: list[object], **options: object) -> Iterator[str]:
    """A fault where a command fails: its name and the last lines that it wrote."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode:
        said = " / ".join((done.stdout + done.stderr).strip().splitlines()[-4:])
        yield f"{' '.join(str(word) for word in command[:4])} ... ended with {done.returncode}: {said}"


def schema_faults(root: Path) -> Iterator[str]:
    """By the schemas that come with check-jsonschema, and by zizmor; neither asks the network."""
    for schema, pattern in SCHEMAS.items():
        yield from checked(["check-jsonschema", "-q", "--builtin-schema", schema, *sorted(root.glob(pattern))])
    yield from checked(["zizmor", "--offline", "-q", root / ".github" / "workflows"])


def wheel_faults(wheel: Path) -> Iterator[str]:
    """Tags of Linux ask for a C library that systems of 2018 have."""
    for major, minor in re.findall(r"manylinux_(\d+)_(\d+)_", wheel.name):
        if (int(major), int(minor)) > NEWEST_GLIBC:
            yield f"{wheel.name}: asks for glibc {major}.{minor}; at most {NEWEST_GLIBC[0]}.{NEWEST_GLIBC[1]}"
    with zipfile.ZipFile(wheel) as archive:
        libraries = [name for name in archive.namelist() if name.endswith((".so", ".pyd", ".dylib"))]
    if "-linux_" in wheel.name:
        yield f"{wheel.name}: no index takes a wheel of this machine alone; tools/build_wheel.py makes one for all"
    if wheel.name.endswith("-none-any.whl") and libraries:
        yield f"{wheel.name}: the pure wheel holds {libraries[0]}"


def built(out: Path) -> Iterator[str]:
    """The sdist, the wheel with kernels where this machine can build it, and the pure wheel from the sdist."""
    shutil.rmtree(out, ignore_errors=True)
    yield from checked([sys.executable, ROOT / "tools" / "build_wheel.py", "--out", out, "--no-cuda"])
    for sdist in out.glob("*.tar.gz"):
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-cache-dir", "-w", out, sdist]
        yield from checked(command, env={**os.environ, "PYALIGN_PURE": "1"})


def interpreters() -> dict[str, str]:
    """By version the Pythons of this machine, each of which says itself what it is."""
    named: dict[str, str] = {}
    for python in PYTHONS:
        path = shutil.which(f"python{python}")
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            named[python] = path
    return named


def installed(python: str, dist: Path) -> Iterator[str]:
    """A wheel in a fresh environment of that Python, and the first lines of README in an empty folder."""
    with tempfile.TemporaryDirectory(prefix="pyalign-release-") as folder:
        run = Path(folder, "run")
        run.mkdir()
        faults = [*checked([python, "-m", "venv", Path(folder, "venv")])]
        scripts = Path(folder, "venv", "bin")
        faults = faults or [*checked([scripts / "pip", "install", "-q", "--find-links", dist, "pyalign-kit"])]
        for line in ("info", "datasets fetch sample --folder demo", "score demo/embeddings.npy -t demo/triplets.npy"):
            faults = faults or [*checked([scripts / "pyalign", *line.split()], cwd=run)]
        yield from faults


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tag", help="the tag of a release, which must be v and the version")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the files")
    parser.add_argument("--text", action="store_true", help="check what is only text, and build nothing")
    parser.add_argument("--owner", help="write this owner into all addresses, and check nothing")
    options = parser.parse_args(words)
    if options.owner:
        move(ROOT, options.owner)
        return 0
    faults: list[str] = []

    def step(name: str, found: Iterator[str]) -> None:
        lines = list(found)
        print(f"{name}: {'well' if not lines else f'{len(lines)} faults'}", flush=True)
        faults.extend(lines)

    step("versions", version_faults(ROOT, options.tag))
    step("addresses", address_faults(ROOT))
    step("workflows", workflow_faults(ROOT))
    step("schemas and zizmor", schema_faults(ROOT))
    if not options.text and not faults:
        step("sdist and wheels", built(options.out))
        made = sorted(options.out.iterdir())
        wheels = [path for path in made if path.suffix == ".whl"]
        step("metadata", checked(["twine", "check", "--strict", *made]))
        step("contents", checked(["check-wheel-contents", *wheels]))
        step("tags", (fault for wheel in wheels for fault in wheel_faults(wheel)))
        here = interpreters()
        for python, path in here.items():
            step(f"Python {python}", installed(path, options.out))
        print(f"not on this machine: Python {', '.join(one for one in PYTHONS if one not in here) or 'none'}")
    print(*faults, sep="\n", file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
