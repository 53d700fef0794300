"""Counts what pyalign consists of, next to the limits that tests/test_size.py keeps.

    python tools/size.py            figures, limits, and the ten largest contributors of each
    python tools/size.py --write    lowers the limits in tests/size.csv to the figures

A limit is raised by hand, in one line of tests/size.csv, with the reason that allows it.
"""

from __future__ import annotations

import argparse
import ast
import csv
import io
import json
import re
import subprocess
import sys
import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))  # last, so that nothing there hides a module
import suites  # noqa: E402

LIMITS = ROOT / "tests" / "size.csv"
LONG_BODY, MANY_PARAMETERS, LARGEST = 40, 7, 10
PAGES = ("docs/*.md", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")
UNCOUNTED = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
             tokenize.ENCODING}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def counts():
    """What each figure is made of: a Counter of contributors for each name of a figure."""
    return of_package() | of_pages() | of_folders() | of_costs() | of_commands() | {"public names": public_names()}


# --- source


def of_package():
    names = ("lines", "tokens", "characters", "files", "long bodies", "functions of many parameters", "fmt: skip")
    found = {name: Counter() for name in names}
    for path in sources("pyalign"):
        name, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        found["lines"][name] = text.count("\n")
        found["characters"][name] = len(text)
        found["files"][str(Path(name).parent)] += 1
        found["tokens"][name] = tokens(text, tree)
        found["fmt: skip"][name] = text.count("# fmt: skip")
        for function in (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)):
            where = f"{name}:{function.lineno} {function.name}"
            if (lines := body(function)) > LONG_BODY:
                found["long bodies"][where] = lines
            if (parameters := len(parameters_of(function))) > MANY_PARAMETERS:
                found["functions of many parameters"][where] = parameters
    return found


def sources(folder):
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def docstring(node):
    """The docstring of a node of the tree, as a node; None where it has none."""
    first = node.body[0] if getattr(node, "body", None) else None
    held = first.value if isinstance(first, ast.Expr) else None
    return first if isinstance(held, ast.Constant) and isinstance(held.value, str) else None


def tokens(text, tree):
    """How many tokens, without comments, docstrings and ends of lines."""
    holders = (ast.Module, ast.ClassDef, *FUNCTIONS)
    strings = {(held.lineno, held.col_offset) for node in ast.walk(tree)
               if isinstance(node, holders) and (held := docstring(node))}
    read = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type not in UNCOUNTED and token.start not in strings for token in read)


def body(function):
    """Lines of a function behind its signature and docstring."""
    held = docstring(function)
    first = function.body[1] if held and len(function.body) > 1 else function.body[0]
    return function.end_lineno - first.lineno + 1


def parameters_of(function):
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, *(one for one in (given.vararg, given.kwarg) if one)]
    return [one.arg for one in every if one.arg not in ("self", "cls")]


# --- pages, tests, tools


def of_pages():
    """Words of the documentation. A table that a page includes from a .csv counts as if it stood there."""
    words = Counter()
    for path in (path for pattern in PAGES for path in ROOT.glob(pattern)):
        words[path.relative_to(ROOT).as_posix()] = len(path.read_text(encoding="utf-8").split())
    for path in (ROOT / "docs").rglob("*.csv"):
        words[path.relative_to(ROOT).as_posix()] = len(path.read_text(encoding="utf-8").replace(",", " ").split())
    return {"words of documentation": words}


def of_folders():
    groups = {"lines of tests": ("tests",), "lines of tools and benchmarks": ("tools", "benchmarks")}
    return {group: Counter({path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8").count("\n")
                            for folder in folders for path in sources(folder)})
            for group, folders in groups.items()}


def of_costs():
    """What `make test` runs of each row of tests/costs.csv. Of tests with a backend that it leaves out, all counts."""
    found = Counter()
    for test, (cases, spent) in suites.recorded().items():
        file, _, function = test.partition("::")
        marks = marks_of(file, function)
        room = cases if "suite" in marks else len(suites.spread(cases, spent / cases))
        if suites.suite_of(test, marks.get("suite"), "slow" in marks) == "test" and "of_kernels" not in marks:
            found[test] = round(spent * room / cases, 1)
    return {"CPU seconds of make test": found}


def marks_of(file, function):
    """Marks of pytest on a function, on its class and on its module, with their first argument."""
    text = (ROOT / file).read_text(encoding="utf-8") if file.startswith("tests/") else ""
    blocks = re.findall(r"^pytestmark = .*(?:\n[ \])].*)*", text, re.M)
    for name in function.split("::") if function else ():
        blocks.append(re.split(rf"^ *(?:def|class) {name}\b", text, maxsplit=1, flags=re.M)[0].rpartition("\n\n")[2])
    pattern = r"(?:^ *@|= |\[)pytest\.mark\.(\w+)(?:\(\"(\w+)\"\))?(?: *#.*)?$"
    return {mark: value for block in blocks for mark, value in re.findall(pattern, block.replace("]", ""), re.M)}


# --- what users meet


def of_commands():
    """Commands in `pyalign --help`; names of options; slots of options that are not common, one a command."""
    done = subprocess.run(
        [sys.executable, "-m", "pyalign", "commands", "--json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    commands = json.loads(done.stdout)["commands"]
    options = {one["name"]: [option for option in one["options"] if option["flags"]] for one in commands}
    names = Counter(option["flags"][-1] for held in options.values() for option in held)
    return {
        "commands": Counter(one["name"] for one in commands if not one["rare"]),
        "names of options": Counter(dict.fromkeys(names, 1)),
        "options of commands": Counter({name: sum(not o["common"] for o in held) for name, held in options.items()}),
    }


def public_names():
    import pyalign

    return Counter(dict.fromkeys(pyalign.__all__, 1))


# --- the table


def figure(name, contributors):
    """Long bodies and functions of many parameters are counted, whatever their size; of the rest the sum."""
    counted = name in ("long bodies", "functions of many parameters")
    return len(contributors) if counted else round(contributors.total())


def limits(path=LIMITS):
    """The limit of each figure: its lowest value, and what was allowed since."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    total = Counter()
    for row in rows:
        total[row["figure"]] += int(row["limit"])
    return total


def write(figures, path=LIMITS):
    """Lowers limits to the figures; of one that is lower than its limit, what was allowed is used up."""
    before = limits(path)
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept = [row for row in rows if figures[row["figure"]] >= before[row["figure"]]]
    lowered = [name for name in figures if figures[name] < before[name]]
    rows = kept + [{"figure": name, "limit": figures[name], "allowed by": ""} for name in lowered]
    text = io.StringIO()
    table = csv.DictWriter(text, ("figure", "limit", "allowed by"), lineterminator="\n")
    table.writeheader()
    table.writerows(sorted(rows, key=lambda row: list(figures).index(row["figure"])))
    Path(path).write_text(text.getvalue(), encoding="utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="lower the limits to the figures")
    given = parser.parse_args(arguments)
    found = counts()
    figures = {name: figure(name, contributors) for name, contributors in found.items()}
    if given.write:
        write(figures)
    for name, limit in limits().items():
        print(f"{name}: {figures[name]:,} of {limit:,}")
        for where, size in found[name].most_common(LARGEST):
            print(f"  {size:8,}  {where}")
    return int(any(figures[name] > limit for name, limit in limits().items()))


if __name__ == "__main__":
    sys.exit(main())
