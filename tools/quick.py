"""Lint, and the tests that a change needs, in under a minute: what `make quick` runs.

A change is what differs from a commit (by default the last one, or the one before it where nothing differs). Tests are
those of the suite "quick" (tests/suites.py) in the files that need a changed one, by way of other modules too
(importers.py): the nearest first, as many as the budget has room for by their recorded costs. What is left out is
listed. With them go the imports, the names, the golden figures and what the site must have. Where the nearest tests are
all in another suite, that suite's are run.

    python tools/quick.py [--base COMMIT] [--budget SECONDS] [--list] [pytest options]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from importers import importers_of

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))  # last, so that nothing there hides a module
from suites import NOT_QUICK, OF_KERNELS, recorded  # noqa: E402

ALWAYS = ("tests/test_imports.py", "tests/test_names.py", "tests/test_golden.py", "tests/test_site.py")
BUDGET = 45.0  # CPU seconds of tests besides these; with them, lint and what starting takes: a minute in two processes
OF_A_FILE = 0.1  # CPU seconds to import a file of tests
ISORT = ("isort", "--check-only", "--quiet", "pyalign", "tests", "tools", "benchmarks", "docs", "examples", "setup.py")
LINT = (("ruff", "check", "."), ISORT, ("mypy",), ("lint-imports",))


@dataclass
class Selection:
    """Files to run, files that the budget has no room for, and where tests of other suites have to be run too."""

    chosen: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


def main() -> int:
    """Runs lint, then the tests; the first that fails ends it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", help="commit to compare with")
    parser.add_argument("--budget", type=float, default=BUDGET, help="CPU seconds of tests")
    parser.add_argument("--list", action="store_true", help="print the tests and run nothing")
    options, rest = parser.parse_known_args()
    files = changed(options.base)
    selection = select(files, options.budget)
    print("\n".join(said(selection, options.list)), flush=True)
    if options.list:
        return 0
    for command in LINT:
        done = subprocess.run([Path(sys.executable).parent / command[0], *command[1:]], cwd=ROOT, check=False)
        if done.returncode:
            return done.returncode
    status = run_tests(["--suite", "quick", *rest], selection.chosen)
    if status or not selection.elsewhere:
        return status
    return run_tests(["--suite", "kernels", "--suite", "rest", *rest], selection.elsewhere)


def run_tests(options: list[str], files: list[str]) -> int:
    # Two processes of two threads each would wait for one another; tests of threads ask for theirs.
    one_thread = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    words = ["-q", "-n", "2", "--dist", "worksteal", "-p", "no:cacheprovider", *options, *files]
    pytest = Path(sys.executable).parent / "pytest"
    return subprocess.run([pytest, *words], cwd=ROOT, env={**one_thread, **os.environ}, check=False).returncode


def said(selection: Selection, every: bool) -> list[str]:
    """What is run, what is not, and why."""
    lines = [*selection.chosen] if every else [f"{len(selection.chosen)} files of tests"]
    if selection.left:
        lines += [f"left to `make test`, since the budget has no room for them ({len(selection.left)}):"]
        lines += [f"  {name}" for name in selection.left]
    if selection.elsewhere:
        lines += ["the tests nearest to this change are none of the quick ones, and are run as `make test-all` does:"]
        lines += [f"  {name}" for name in selection.elsewhere]
    return lines


def changed(base: str | None) -> list[str]:
    """The files that differ from a commit, untracked ones among them."""
    untracked = _git("ls-files", "--others", "--exclude-standard")
    differing = _git("diff", "--name-only", base or "HEAD")
    if not base and not differing and not untracked:
        differing = _git("diff", "--name-only", "HEAD~1")
    return sorted({*differing, *untracked})


def select(files: list[str], budget: float = BUDGET, root: Path = ROOT) -> Selection:
    """The test files, modules with doctests and pages that the changed files need, the nearest of them first."""
    found = Selection(chosen=[name for name in ALWAYS if (root / name).exists()])
    near = {name: 0 for name in files if _has_tests(name) and (root / name).exists()}
    for name, distance in importers_of(root).distances(files).items():
        if _has_tests(name) and (distance == 0 or name.startswith("tests/")) and (root / name).exists():
            near[name] = distance
    near = {name: distance for name, distance in near.items() if name not in found.chosen}
    left = budget
    folders = {"/".join(("tests", *Path(name).parts[1:-1])) for name in files if name.startswith("pyalign/")}

    def order(name: str) -> tuple[int, bool, float, str]:
        """The nearest first; of those the ones in the folder that mirrors a changed module's, and the cheap ones."""
        return near[name], str(Path(name).parent) not in folders, cost(name), name

    for name in sorted(near, key=order):
        if not has_quick_tests(name, root):
            continue
        if cost(name) <= left:
            found.chosen.append(name)
            left -= cost(name)
        else:
            found.left.append(name)
    tests = {name: distance for name, distance in near.items() if name.startswith("tests/")}
    nearest = [name for name in tests if tests[name] == min(tests.values())]
    if nearest and not any(has_quick_tests(name, root) for name in nearest):
        found.elsewhere = sorted({_runnable(name) for name in nearest})
    return found


@cache
def cost(name: str) -> float:
    """CPU seconds of a file's quick tests, as recorded; of a file without a record what starting it takes."""
    rows = [row for test, row in recorded().items() if test.partition("::")[0] == name]
    return OF_A_FILE + sum(seconds for cases, seconds in rows if seconds / cases <= NOT_QUICK)


def has_quick_tests(name: str, root: Path = ROOT) -> bool:
    """Whether a file has a test that needs no device, is none of the kernels' own and is not marked as slow."""
    if name.startswith((*OF_KERNELS, "tests/gpu/")):
        return False
    text = (root / name).read_text(encoding="utf-8")
    marked = text.count("\n@pytest.mark.slow") + text.count("\n@pytest.mark.suite")
    return "\npytestmark = pytest.mark.slow" not in text and (name.endswith(".md") or marked < _count_tests(text))


def _count_tests(text: str) -> int:
    return text.count("\ndef test_") + text.count("\n    def test_") + text.count(">>> ")


def _has_tests(name: str) -> bool:
    path = Path(name)
    page = name == "README.md" or (path.parts[0], path.suffix) == ("docs", ".md")
    test = path.parts[0] == "tests" and path.name.startswith("test_") and path.suffix == ".py"
    return page or test or (path.parts[0] == "pyalign" and path.suffix == ".py")


def _runnable(name: str) -> str:
    """Tests in Triton's interpreter are collected by their folder's own test, not by themselves."""
    return "tests/triton" if name.startswith("tests/triton/") else name


def _git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main())
