"""Small faults put into the sources on purpose, one at a time: which tests see them?

    python tools/mutations.py record [--number 60] [--seed 0]    # which tests run which lines: as long as all tests
    python tools/mutations.py run [--number 60] [--seed 0]
    python tools/mutations.py table                              # of tools/mutations.csv

Faults are drawn over the code of `pyalign` and of csrc: another operator, comparison, constant or name, or a statement
that is gone, as many of each. Those in lines of Python that no test runs are passed over. A fault in Python is run
against the tests that run its line; one in csrc, which is compiled again, against the tests of kernels. First those of
`make test`, then, where all of them pass, the others, the cheapest first; the first failure ends it. Each verdict is
written as soon as it is known, so a run that was interrupted goes on; what no test sees is judged by hand, in the last
column of the file.

Everything happens in a copy of the checkout. Needs pytest-cov, and what `make develop` installs.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # for the rule of suites

import csv_rows  # noqa: E402
from suites import cost_of  # noqa: E402

RECORDED, RESULTS = ROOT / "build" / "mutations.coverage", ROOT / "tools" / "mutations.csv"
KINDS = ("operator", "comparison", "constant", "name", "statement")
TESTS = ("tests", "docs", "README.md", "--pyargs", "pyalign")
OF_KERNELS = ("tests/backends/", "tests/ops/")
NATIVE_EVERY = 4  # one fault in four lies in csrc
SPARE = 1.3  # so many times as many faults are drawn, since some of their lines are run by no test
HANGS = 600.0, 5.0  # seconds, and multiples of their recorded cost, after which tests count as hung: the fault is seen
OPERATORS = {"+": "-", "-": "+", "*": "+", "/": "*", "//": "/", "%": "+", "@": "*", "&": "|", "|": "&", "and": "or",
             "or": "and", "**": "*", "<<": ">>", ">>": "<<", "^": "&"}
COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "is": "is not", "is not": "is",
               "in": "not in", "not in": "in"}


@dataclass(frozen=True)
class Fault:
    """One fault: bytes `start` to `end` of a file, which hold `before`, become `after`."""

    file: str
    line: int
    kind: str
    start: int
    end: int
    before: str
    after: str

    def put_into(self, source: bytes) -> bytes:
        """The source with the fault in it."""
        assert source[self.start : self.end].decode() == self.before
        return source[: self.start] + self.after.encode() + source[self.end :]


@dataclass(frozen=True)
class Verdict:
    """What became of a fault. `seen_by`: "test", "all" or "none"; `failed`: the first test that failed."""

    file: str
    line: int
    kind: str
    before: str
    after: str
    tests: int
    seen_by: str
    failed: str
    judged: str = ""


def python_faults(file: str, source: bytes) -> Iterator[Fault]:  # noqa: C901
    """Every fault that this module knows for a file of Python; annotations and docstrings are left alone."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def span(node: ast.AST) -> tuple[int, int]:
        return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset

    def fault(node: ast.AST, kind: str, start: int, end: int, after: str) -> Fault:
        return Fault(file, source[:start].count(b"\n") + 1, kind, start, end, source[start:end].decode(), after)

    def between(left: ast.AST, right: ast.AST, known: dict[str, str], kind: str) -> Iterator[Fault]:
        first, last = span(left)[1], span(right)[0]
        words = re.search(rb"[()\s]*(is not|not in|[a-z]+|[^\w\s()]+)", source[first:last])
        word = words.group(1).decode() if words else ""
        if word in known:
            yield fault(left, kind, first + words.start(1), first + words.end(1), known[word])

    for scope, node in _nodes(ast.parse(source)):
        if isinstance(node, ast.BinOp):
            yield from between(node.left, node.right, OPERATORS, "operator")
        elif isinstance(node, ast.BoolOp):
            yield from between(node.values[0], node.values[1], OPERATORS, "operator")
        elif isinstance(node, ast.Compare):
            yield from between(node.left, node.comparators[0], COMPARISONS, "comparison")
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
            after = not node.value if isinstance(node.value, bool) else node.value + 1
            yield fault(node, "constant", *span(node), repr(after))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            others = sorted(scope - {node.id}) if node.id in scope else []
            if others:  # one each, so that long functions do not have most of them
                yield fault(node, "name", *span(node), others[node.lineno % len(others)])
        elif isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Raise) and not _is_text(node):
            yield fault(node, "statement", *span(node), "pass")


def _nodes(tree: ast.Module) -> Iterator[tuple[set[str], ast.AST]]:
    """The nodes of a module that run, each with the variables of its function."""
    waiting: list[tuple[set[str], ast.AST]] = [(set(), tree)]
    while waiting:
        scope, node = waiting.pop()
        yield scope, node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
            scope = names | {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}
            defaults = (one for one in (*node.args.defaults, *node.args.kw_defaults) if one is not None)
            waiting += [(scope, child) for child in (*node.body, *defaults)]
            continue
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        skipped = {"annotation", "returns", "type_params"}
        for name, value in ast.iter_fields(node):
            children = value if isinstance(value, list) else [value]
            if name not in skipped:
                waiting += [(scope, child) for child in children if isinstance(child, ast.AST)]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def native_faults(file: str, source: bytes) -> Iterator[Fault]:
    """Faults of a file of C++, found by its text: lines of code that are not comments, includes or declarations."""
    start = 0
    for number, line in enumerate(source.splitlines(keepends=True), 1):
        text = line.decode().split("//")[0]
        code = text.strip()
        if code and not code.startswith(("#", "*", "/*", "template", "static_assert", "using", "namespace", '"')):
            for kind, pattern, known in (
                ("operator", r"(?<= )[-+*/&|](?= )", OPERATORS),
                ("comparison", r"(?<= )(<=|>=|==|!=|<|>)(?= )", COMPARISONS),
            ):
                for one in re.finditer(pattern, text):
                    yield Fault(file, number, kind, start + one.start(), start + one.end(), one[0], known[one[0]])
            for one in re.finditer(r"(?<![\w.])\d+(?![\w.])", text):
                more = str(int(one[0]) + 1)
                yield Fault(file, number, "constant", start + one.start(), start + one.end(), one[0], more)
            names = list(re.finditer(r"(?<![\w.>:])[a-z]\w*(?=[,)\]])", text))
            for one, other in pairwise(names):
                if one[0] != other[0]:
                    yield Fault(file, number, "name", start + one.start(), start + one.end(), one[0], other[0])
            if re.fullmatch(r"[\w.\[\]>-]+( [-+*/|&]?= .*|\(.*\));", code):
                at = start + text.index(code)
                yield Fault(file, number, "statement", at, at + len(code), code, ";")
        start += len(line)


def draw(number: int, seed: int, files: Iterable[str]) -> list[Fault]:
    """`number` faults, as many of each kind as of the others; one in `NATIVE_EVERY` lies in csrc."""
    pools: dict[tuple[bool, str], list[Fault]] = defaultdict(list)
    for file in sorted(files):
        native = file.startswith("csrc")
        for fault in (native_faults if native else python_faults)(file, (ROOT / file).read_bytes()):
            pools[native, fault.kind].append(fault)
    generator, drawn = random.Random(seed), []
    for k in range(number):
        pool = pools[k % NATIVE_EVERY == NATIVE_EVERY - 1, KINDS[k // NATIVE_EVERY % len(KINDS)]]
        drawn.append(pool.pop(generator.randrange(len(pool))))
    return drawn


def sources() -> list[str]:
    """The files that faults are drawn over."""
    paths = (*(ROOT / "pyalign").rglob("*.py"), *(ROOT / "csrc" / "cpu").glob("*.*"))
    return [str(path.relative_to(ROOT)) for path in paths]


class Copy:
    """A copy of the checkout, with what is compiled, in which one fault at a time is put."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        compiled = (str(path.relative_to(ROOT)) for path in (ROOT / "pyalign").rglob("*.so"))
        for name in (*listed.decode().split("\0")[:-1], *compiled):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target, follow_symlinks=False)
        self._run_in_copy("git", "init", "-q")

    def verdict(self, fault: Fault, near: list[str], rest: list[str]) -> Verdict:
        """Runs the tests of `make test`, `near`, then the others, until one fails."""
        path, count = self.folder / fault.file, len(near) + len(rest)
        source = path.read_bytes()
        path.write_bytes(fault.put_into(source))
        try:
            if fault.file.startswith("csrc") and not self._compiled():
                return self._as_verdict(fault, 0, "compiler", "does not compile")
            for seen_by, tests in (("test", near), ("all", rest)):
                failed = self._first_failure(tests)
                if failed:
                    return self._as_verdict(fault, count, seen_by, failed)
            return self._as_verdict(fault, count, "none", "")
        finally:
            path.write_bytes(source)

    @staticmethod
    def _as_verdict(fault: Fault, tests: int, seen_by: str, failed: str) -> Verdict:
        return Verdict(fault.file, fault.line, fault.kind, fault.before, fault.after, tests, seen_by, failed)

    def _compiled(self) -> bool:
        done = self._run_in_copy(sys.executable, "setup.py", "-q", "build_ext", "--inplace", check=False)
        return done.returncode == 0

    def _first_failure(self, tests: list[str]) -> str:
        """The name of the first test that fails, or what else went wrong; "" where all pass."""
        if not tests:
            return ""
        chosen = self.folder / "chosen-tests.txt"
        chosen.write_text("\n".join(tests) + "\n", encoding="utf-8")
        words = ["-q", "-x", "-n", "2", "-p", "no:cacheprovider", "-rfE", "--no-header", f"@{chosen.name}"]
        limit = HANGS[0] + HANGS[1] * sum(map(cost_of, tests))
        try:
            done = self._run_in_copy(sys.executable, "-m", "pytest", *words, check=False, timeout=limit)
        except subprocess.TimeoutExpired:
            return "never ended"
        found = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
        if done.returncode and found is None:
            return f"pytest ended with {done.returncode}"
        return found.group(1) if found else ""

    def _run_in_copy(
        self, *words: object, check: bool = True, timeout: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        alone = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        environment = {**os.environ, **alone, "PYALIGN_NUM_THREADS": "2", "PYTHONPATH": str(self.folder),
                       "PYALIGN_CMAKE_ARGS": "-DPYALIGN_CUDA=OFF"}
        return subprocess.run(
            list(map(str, words)), cwd=self.folder, env=environment, check=check, text=True, timeout=timeout,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )


def tests_by_line() -> dict[str, dict[int, set[str]]]:
    """The tests that run each line of the files that were recorded."""
    from coverage import CoverageData

    data = CoverageData(basename=str(RECORDED))
    data.read()
    found: dict[str, dict[int, set[str]]] = {}
    for path in data.measured_files():
        name = str(Path(path).relative_to(ROOT))
        found[name] = {
            line: {context.split("|")[0] for context in contexts if context}
            for line, contexts in data.contexts_by_lineno(path).items()
        }
    return found


def record(number: int, seed: int) -> int:
    """Runs all tests but those of emulated kernels, and records which of them run which lines of the drawn files."""
    RECORDED.parent.mkdir(exist_ok=True)
    drawn = {fault.file for fault in draw(round(SPARE * number), seed, sources()) if fault.file.endswith(".py")}
    settings = RECORDED.with_suffix(".ini")
    settings.write_text("[run]\ninclude =\n" + "".join(f"    {ROOT / file}\n" for file in sorted(drawn)), "utf-8")
    words = ["-q", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "--suite", "test", "--suite", "rest",
             "--cov", f"--cov-config={settings}", "--cov-context=test", "--cov-report="]
    environment = {**os.environ, "COVERAGE_FILE": str(RECORDED)}
    return subprocess.run([sys.executable, "-m", "pytest", *words, *TESTS], cwd=ROOT, env=environment).returncode


def collected(*words: str) -> list[str]:
    """The names of the tests that pytest would run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "::" in line]


def run(number: int, seed: int) -> int:
    """Puts the faults that have no verdict yet into a copy, one after the other."""
    by_line = tests_by_line()
    everything, test = sorted(collected(*TESTS), key=cost_of), set(collected("--suite", "test", *TESTS))
    of_kernels = {name for name in everything if name.startswith(OF_KERNELS)}
    drawn = draw(round(SPARE * number), seed, sources())
    concerned = {one: of_kernels if one.file.startswith("csrc") else by_line.get(one.file, {}).get(one.line, set())
                 for one in drawn}
    faults = [fault for fault, tests in concerned.items() if tests][:number]
    done = {(one.file, one.line, one.kind, one.before, one.after) for one in csv_rows.read(RESULTS, Verdict)}
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        for k, fault in enumerate(faults, 1):
            if (fault.file, fault.line, fault.kind, fault.before, fault.after) in done:
                continue
            chosen = [name for name in everything if name in concerned[fault]]
            near, rest = [one for one in chosen if one in test], [one for one in chosen if one not in test]
            verdict = copy.verdict(fault, near, rest)
            csv_rows.append(RESULTS, [verdict])
            print(f"{k} of {number}: {fault.file}:{fault.line} {fault.before!r} -> {fault.after!r}: {verdict.seen_by}")
    return 0


def table(verdicts: list[Verdict]) -> str:
    """How many faults of each kind each suite sees, in Markdown."""
    rows = [("fault", "planted", "found by `make test`", "by any test", "by none")]
    counted = [one for one in verdicts if one.seen_by != "compiler"]
    for kind in (*KINDS, "all"):
        of_kind = [one for one in counted if kind in (one.kind, "all")]
        by_test, by_none = (sum(one.seen_by == word for one in of_kind) for word in ("test", "none"))
        rows.append((kind, len(of_kind), by_test, len(of_kind) - by_none, by_none))
    return "\n".join(csv_rows.markdown(*rows))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("record", "run", "table"))
    parser.add_argument("--number", type=int, default=60, help="of faults (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    options = parser.parse_args()
    if options.what == "record":
        return record(options.number, options.seed)
    if options.what == "run":
        return run(options.number, options.seed)
    print(table(csv_rows.read(RESULTS, Verdict)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
