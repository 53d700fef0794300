"""What help, messages, docstrings and the documentation name exists: flags, commands, names of pyalign, arguments.

A flag behind a command, as in `pyalign describe --out`, is one of that command; in the help of a command one of its
own; anywhere else a flag of some command, of a script of this repository, or of another program that `OTHERS` lists.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from functools import cache
from pathlib import Path

import pytest
from support import PURE
from test_words import literal

import pyalign
from pyalign.cli import COMMANDS, load
from pyalign.cli._command import declared, make_parser

ROOT = Path(__file__).resolve().parents[1]
FLAG = re.compile(r"(?<![\w/-])--[a-z][\w-]*")
SPAN = re.compile(r"(?<!`)(`+)(?!`)((?:(?!\n\n|\n\|).)+?)(?<!`)\1(?!`)|(?<!\w)'(pyalign [^']*)'", re.DOTALL)
LINE = re.compile(r"(?:^|[$;&(] ?)pyalign (?=[a-z-])([^;&|#)\n]*)", re.MULTILINE)  # of a shell
NAME = re.compile(r"(?<![\w/.\"'-])pyalign((?:\.[A-Za-z_]\w*)+)(?:\(([^()]*)\))?")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]  # no history of names
PAGES += [ROOT / "tools" / "README.md", ROOT / "benchmarks" / "README.md"]
SCRIPTS = ("tools", "benchmarks", "tests")
SCRIPT_FLAG = re.compile(
    r"(?:add_argument|addoption)\(\s*(?:\"-\w\", )?\"--[\w-]+|^ *(?:--[\w-]+ ?\|? ?)+\)", re.MULTILINE
)

OTHERS = {  # flags of other programs
    "sbatch, squeue": "--array --constraint --cpus-per-task --dependency --job-name --output --parsable --partition "
    "--requeue --time",
    "snakemake": "--cores --forceall --nolock --rerun-incomplete --snakefile",
    "dask": "--resources",
    "cmake": "--build --install --prefix",
    "pip": "--find-links --no-deps",
    "pytest-benchmark": "--benchmark-only",
    "sha256sum": "--check",
    "SPoSE and VICE": "--embed_dim --latent_dim --lmbda --n_folds --rnd_seed",
    "human_alignment": "--distance",
    "CSS": "--high --least --line-at --low --share --value --width",
}
PROPOSED = {  # what people call options elsewhere, for which pyalign/cli/_command.py proposes its own
    "pyalign/cli/_command.py": "--bootstrap --distance --l2 --lambda --metric --n-bootstrap --n-jobs --output --rdm "
    "--save --similarity --strength"
}
CONTENDERS = {"by", "int32", "fp32"}  # of benchmarks, as in `pyalign fp32`
FILES = {"pyalign.h", "pyalign.pc"}


@cache
def flags():
    """The flags of each command."""
    of_all = {"--help", "--help-all", "--version"}
    return {name: {*make_parser(name, COMMANDS[name], load(name)).flags(), *of_all} for name in COMMANDS}


@cache
def known():
    """Flags of any command, and of other programs."""
    return set().union(*flags().values(), *map(str.split, OTHERS.values()))


@cache
def of_scripts():
    """Flags of scripts of the repository."""
    scripts = (path for folder in SCRIPTS for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".sh"))
    return {flag for path in scripts for found in SCRIPT_FLAG.findall(path.read_text()) for flag in FLAG.findall(found)}


def unquoted(text):
    """A text without flags in quotes, which are words for another program."""
    return re.sub(r"\"(?:\w+=)?--[^\"]*\"", "", text)


def spans(text):
    """The spans of code of a text, with blanks for line breaks."""
    return [" ".join((found[2] or found[3]).split()) for found in SPAN.finditer(text)]


def blocks(text):
    """The blocks of shell commands of a page, with the lines that go on behind a backslash."""
    return [block.replace("\\\n", " ") for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def wrong_lines(text):
    """What is wrong with the command lines of pyalign in a piece of code."""
    for line in LINE.findall(text):
        words = re.sub("[`:,.]( |$)", " ", line).split()
        name = next((" ".join(words[:k]) for k in (2, 1) if " ".join(words[:k]) in COMMANDS), None)
        groups = {*CONTENDERS, *(command.split()[0] for command in COMMANDS)}
        if name is None and words[0] not in groups and not words[0].startswith("-"):
            yield f"no command {words[0]}"
        if name is not None:
            yield from (f"{name} has no {flag}" for flag in FLAG.findall(unquoted(line)) if flag not in flags()[name])


def wrong_names(text):
    """Names of pyalign in a text that don't exist, and arguments that their functions don't take."""
    for dotted, given in NAME.findall(text):
        name = f"pyalign{dotted}"
        if (
            name in FILES
            or (PURE and re.fullmatch(r"pyalign\.backends\._(native|cuda)", name))
            or re.search(r"_[A-Z]{4,}|_$", name)
        ):  # a pattern, such as _NAME_kernels
            continue
        try:
            found = resolved(name)
        except AttributeError:
            yield f"no {name}"
            continue
        named = re.findall(r"(\w+)=", given)
        taken = signature(found) if named else None
        yield from (f"{name} has no {one}" for one in named if taken and one not in taken)


def resolved(name):
    """The object of that dotted name: a module, what a module or a class has, or a field of a dataclass."""
    found, path = pyalign, "pyalign"
    for part in name.split(".")[1:]:
        path += f".{part}"
        if part in getattr(found, "__dataclass_fields__", {}):
            return None
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(path)
            except ImportError:
                raise AttributeError(name) from None
    return found


def signature(found):
    """The arguments of a function; None of other objects, and where it takes any."""
    if not (inspect.isfunction(found) or inspect.isclass(found)):
        return None
    taken = inspect.signature(found).parameters
    return None if any(one.kind is one.VAR_KEYWORD for one in taken.values()) else taken


@cache
def literals():
    """(file, line, text) of the texts of pyalign: messages, help and docstrings."""
    rows = []
    for path in sorted((ROOT / "pyalign").rglob("*.py")):
        name, tree = path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        nodes = (node for node in ast.walk(tree) if id(node) not in inner and literal(node))
        rows += [(name, node.lineno, literal(node)) for node in nodes]
    return rows


def unknown(text, place):
    """Flags of a text that nothing has."""
    fine = {*PROPOSED.get(place, "").split(), *(of_scripts() if place.endswith(".md") else ())}
    return [flag for flag in FLAG.findall(text) if flag not in known() | fine]


def test_help_of_a_command_names_flags_that_it_has():
    wrong = []
    for name, command in zip(COMMANDS, map(load, COMMANDS), strict=True):
        texts = [text for _, option in declared(command.options) for text in (option.help, option.group, option.idle)]
        for text in [*texts, command.epilog]:
            lines = [span for span in spans(text or "") if span.startswith("pyalign ")]
            wrong += [said for span in lines for said in wrong_lines(span)]
            rest = unquoted(SPAN.sub("", text or ""))
            wrong += [f"{name}: no {flag}: {text}" for flag in FLAG.findall(rest) if flag not in flags()[name]]
    assert not wrong, "\n".join(wrong)


def test_messages_and_docstrings_name_flags_commands_and_names_that_exist():
    wrong = []
    for name, line, text in literals():
        found = [*unknown(text, name), *wrong_names(text)]
        found += [said for span in spans(text) for said in wrong_lines(span)]
        wrong += [f"{name}:{line}: {one}" for one in found]
    assert not wrong, "\n".join(wrong)


def test_pages_name_flags_commands_and_names_that_exist():
    wrong = []
    for path in PAGES:
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        code = [*blocks(text), *spans(re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))]
        found = [*unknown(text, name), *wrong_names(text), *(said for one in code for said in wrong_lines(one))]
        wrong += [f"{name}: {said}" for said in dict.fromkeys(found)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pyalign score x.npy --measure dot && pyalign scores x.npy", ["no command scores"]),
        ("pyalign describe --write PATH", ["describe has no --write"]),
        ("pyalign neighbors search x.npy --minimum 3 | sort --key 3", ["neighbors search has no --minimum"]),
        ("pyalign --version; pyalign models list --json", []),
    ],
)
def test_wrong_command_lines_are_found(text, said):
    assert [*wrong_lines(text)] == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("see `pyalign.overlap`, pyalign.h and `pyalign.results.Score.accuracy`", ["no pyalign.overlap"]),
        ("pyalign.score(matrix=x, type=1)", ["pyalign.score has no type"]),
        ("pyalign.io.split_key(text), pyalign.measures.get_measure", ["no pyalign.io.split_key"]),
    ],
)
def test_wrong_names_are_found(text, said):
    assert [*wrong_names(text)] == said
