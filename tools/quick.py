"""Lint, and the tests that a change needs: what `make quick` runs.

A change is what differs from a commit (by default the last one, or the one before it where nothing differs). Tests of a
module are those that import it, those in the folder that mirrors its own that use a public name of it or are called
after it, and its doctests; with them go the imports, the names, the golden figures and what
the site must have. Tests marked `slow` are left to `make test`.

    python tools/quick.py [--base COMMIT] [--list] [pytest options]
"""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALWAYS = ("tests/test_imports.py", "tests/test_names.py", "tests/test_golden.py", "tests/test_site.py")
OF_KERNELS = ("tests/backends", "tests/ops")  # what a change of csrc/ is seen by, once it is built
LINT = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports",))


def main() -> int:
    """Runs lint, then the tests; the first that fails ends it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", help="commit to compare with")
    parser.add_argument("--list", action="store_true", help="print the tests and run nothing")
    options, rest = parser.parse_known_args()
    chosen = tests_of(changed(options.base))
    if options.list:
        print("\n".join(chosen))
        return 0
    beside = Path(sys.executable).parent
    for command in LINT:
        done = subprocess.run([beside / command[0], *command[1:]], cwd=ROOT, check=False)
        if done.returncode:
            return done.returncode
    # Two processes of two threads each would wait for one another; tests of threads ask for theirs.
    alone = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    words = ["-q", "-n", "2", "--dist", "worksteal", "-m", "not slow and not gpu", "-p", "no:cacheprovider", *rest]
    return subprocess.run(
        [beside / "pytest", *words, *chosen], cwd=ROOT, env={**alone, **os.environ}, check=False
    ).returncode


def changed(base: str | None) -> list[str]:
    """The files that differ from a commit, untracked ones among them."""
    untracked = _git("ls-files", "--others", "--exclude-standard")
    differing = _git("diff", "--name-only", base or "HEAD")
    if not base and not differing and not untracked:
        differing = _git("diff", "--name-only", "HEAD~1")
    return sorted({*differing, *untracked})


def tests_of(files: Iterable[str]) -> list[str]:
    """The test files, modules with doctests and pages that the changed files need."""
    chosen = dict.fromkeys(name for name in ALWAYS if (ROOT / name).exists())
    for name in files:
        path = Path(name)
        if not (ROOT / path).exists():
            continue
        if path.parts[0] == "csrc":
            chosen.update(dict.fromkeys(OF_KERNELS))
        elif name == "README.md" or (path.parts[0], path.suffix) == ("docs", ".md") or _is_test(path):
            chosen[name] = None
        elif path.parts[0] == "pyalign" and path.suffix == ".py":
            chosen.update(dict.fromkeys([name, *_of_module(path)]))
    return list(chosen)


def _is_test(path: Path) -> bool:
    return path.parts[0] == "tests" and path.name.startswith("test_")


def _of_module(path: Path) -> list[str]:
    """Tests that import the module, and those beside it that use a public name of it or are called after it."""
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    names = {name for name, home in public_names().items() if home == module}
    folder, stem = "/".join(("tests", *path.parts[1:-1])), path.stem.lstrip("_")
    found = []
    for test, (modules, used) in imports_of_tests().items():
        beside = test.startswith((folder, "tests/cli"))
        if module in modules or (beside and (names & used or stem in Path(test).stem.split("_"))):
            found.append(test)
    return found


@lru_cache(maxsize=1)
def imports_of_tests() -> dict[str, tuple[set[str], set[str]]]:
    """For each test file the modules that it imports from, and the names of pyalign that it uses."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        modules, names = set(), set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
                names |= {alias.name for alias in node.names} if node.module == "pyalign" else set()
            elif isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pyalign":
                names.add(node.attr)
        found[str(path.relative_to(ROOT))] = modules, names
    return found


@lru_cache(maxsize=1)
def public_names() -> dict[str, str]:
    """The module behind each name of `pyalign`."""
    tree = ast.parse((ROOT / "pyalign" / "__init__.pyi").read_text(encoding="utf-8"))
    nodes = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: f"pyalign.{node.module}" for node in nodes for alias in node.names}


def _git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main())
