"""Words that pyalign does not use: in help, messages and notes, docstrings of public names, and the documentation.

`CONTRIBUTING.md` says what to write instead. A line of a list is a regular expression and what to write in its place.
"""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from pathlib import Path

import pytest

import pyalign
import pyalign.errors
import pyalign.measures
from pyalign.cli import COMMANDS, load
from pyalign.cli._command import declared
from pyalign.cli._vocabulary import VOCABULARY
from pyalign.kinds import entries

ROOT = Path(__file__).resolve().parents[1]

EVERYWHERE = {
    r"\botherwise than\b": "differ from",
    r"\bto be had\b": "available, found",
    r"\bdrawn anew\b": "a resample, sampled again",
    r"\bof strangers\b|\bstranger's\b": "untrusted",
    r"\bledgers?\b": "per-triplet credits",
    r"\b(?:people|objects) are not counted\b": "treated as fixed",
    r"\btriplets of triplets\b": "triplets",
    r"\bis not to be\b|\bare not to be\b": "must not, can't",
    r"\btold by\b": "recognized by, given by",
}
SHOWN = EVERYWHERE | {  # of what the program itself says
    r"\bbesides?\b": "next to, in addition to",
    r"\balone\b": "only",
    r"\bserves? (?!\()": "applies only to",
    r"\b(?:lies|lie) (?!(?:in|between|above|below|within)\b)": "is, is stored",
    r"\bpersons?\b": "participant",
    r"\banew\b": "again",
    r"\bstrengths?\b": "penalty",
    r"\bwhat computes\b": "the backend",
    r"\bone a line\b|\ba line each\b": "one per line",
    r"\bmust be told\b|\bis told\b|\bare told\b": "is given, is listed",
    r"\bstands? (?:in place|alone|last|first)\b": "replaces, is",
    r"\b(?:left|leaves?) over\b": "remain",
    r"\bdoors?\b": "dispatch",
}
HELP = SHOWN | {
    r"\bprocessors?\b": "CPU",
    r"\b(?:drawn|draws)\b": "sampled",
    r"^of (?:the|what|a|their|p-values|confidence)\b": "a phrase that says what the value is",
    r"\bcalled after\b": "named after",
    r"\bgo(?:es)? through first\b": "is applied first",
    r"\blarger numbers mean\b|\bwhich no file says\b": "larger values mean",
    r"\bthreads that compute\b": "number of threads",
}
# Of pages and of docstrings of public names, where these words also occur in their usual sense.
USUAL = (r"\balone\b", r"\bserves? (?!\()", r"\bstrengths?\b", r"\b(?:left|leaves?) over\b", r"\banew\b")
DOCS = {rule: instead for rule, instead in SHOWN.items() if rule not in USUAL} | {
    r"\balone[.,;:)]": "only",
    r"\bcertificates?\b": "duality gap",
    r"\ba \d+(?:st|nd|rd|th) of\b": "times as fast",
    r"\d\.\d{2,} %": "33.3%",
    r"\d %": "33%, without a blank",
}
PAGES = DOCS | {  # of pages only
    r"\b\w*(?:olour|eighbour|ehaviour|icence|udgement|labell|odell(?:ed|ing)|entre[ds]?\b)\w*|\bgrey\b": "US spelling",
    r"\b\w*(?:al|im|ar|ter|er|n|t)is(?:e[ds]?|ing|ations?)\b(?<!wise)(?<!noise)(?<!promise)": "-ize",
    r"\b(?:many|new|of|by) people\b|\bpeople's\b|\b(?:raters?|respondents?|observers?)\b": "participants",
    r"\bpictures? of (?:results?|a result|a command)\b|\btold apart\b|\bto know first\b|\bmaps? wins?\b": "chart, gain",
}
PLAIN = {  # of all strings and docstrings, those of private code too
    r"\btold\b": "recognized, given",
    r"\bapart\b(?! from| by)(?<!bytes apart)(?<!elements apart)": "distinguished, separate",
    r"\baside\b|\bdesks?\b": "separate, CPU",
    r"\bcertificat\w+|\bcertif(?:y|ies|ied)\b": "duality gap",
    r"\bto know first\b|\bmaps? wins?\b": "gain",
}
# Names that say nothing of what they hold. Kernels, whose sources are hashed, keep theirs.
PRIVATE = re.compile(
    r"^found$|(?<![a-z])(?:told|apart(?!_from)|aside|desk|placed|certificates?|certified)(?![a-z])", re.IGNORECASE
)
NOT_NAMED = ("backends", "ops", "report")
STYLE_PAGE = "### Words"  # of CONTRIBUTING.md, which names the words that are to be avoided

# A file and a part of the sentence in which a word is meant as it stands.
ALLOWED = (
    ("pyalign/data/answer_columns.py", "participants participation person"),  # as a table may call its column of them
    ("pyalign/cli/_vocabulary.py", "lambda strength"),  # what others call an option
    ("pyalign/datasets/_pair_judgments.py", "person {}"),  # as that data set names its participants
)


@cache
def any_of(rules):
    """One expression for all of these, since most texts hold none."""
    return re.compile("|".join(f"(?:{rule})" for rule in rules), re.IGNORECASE)


def broken(text, words):
    """The expressions of `words` that a text holds, each with what to write instead."""
    flat = " ".join(text.split())
    if not any_of(frozenset(words)).search(flat):
        return []
    return [f"{said.group()!r} -> {words[rule]}" for rule in words if (said := re.search(rule, flat, re.IGNORECASE))]


def literal(node):
    """The text of a literal, with {} for what an f-string fills in; None for other expressions."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def sentences(path):
    """(line, text) of the literals of a module that are phrases: with a blank, no docstring, no code or markup."""
    tree = ast.parse(path.read_text())
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            skipped.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            skipped.update(map(id, node.values))
    for node in ast.walk(tree):
        text = None if id(node) in skipped else literal(node)
        if text and " " in text and "<div" not in text:
            yield node.lineno, text


def prose(path, tables=True):
    """(line, text) of the paragraphs of a Markdown page, without blocks and spans of code."""
    text, fenced, start, paragraph = path.read_text().partition(f"\n{STYLE_PAGE}\n")[0], False, 0, []
    lines = text.splitlines()
    for number, line in enumerate([*lines, ""], start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and line.strip() and not line.startswith("    ") and (tables or not line.startswith("|")):
            start = number if not paragraph else start
            paragraph.append(line)
            continue
        if paragraph:
            yield start, re.sub(r"`[^`]*`", "", " ".join(paragraph))
            paragraph = []


def test_help_is_in_the_words_of_the_field():
    wrong = {}
    for command in map(load, COMMANDS):
        texts = [text for _, option in declared(command.options) for text in (option.help, option.group, option.idle)]
        wrong |= {text: found for text in [*texts, command.epilog] if (found := broken(text or "", HELP))}
    assert not wrong


def test_meanings_of_options_and_of_commands_are_in_the_words_of_the_field():
    texts = [*(row.meaning for row in VOCABULARY.values()), *(entry.what for entry in entries())]
    assert not {text: found for text in texts if (found := broken(text, HELP))}


def test_messages_and_notes_are_in_the_words_of_the_field():
    wrong = []
    for path in sorted((ROOT / "pyalign").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for line, text in sentences(path):
            if not any(name == file and part in text for file, part in ALLOWED):
                wrong += [f"{name}:{line}: {found}" for found in broken(text, SHOWN)]
    assert not wrong, "\n".join(wrong)


def test_pages_are_in_the_words_of_the_field():
    pages = sorted(page for folder in (".", "docs", "benchmarks", "tools") for page in (ROOT / folder).glob("*.md"))
    wrong = []
    for words, tables in ((EVERYWHERE, True), (PAGES, False)):  # rows of tables also come from scripts
        for page in pages:
            name = page.relative_to(ROOT)
            wrong += [f"{name}:{line}: {word}" for line, text in prose(page, tables) for word in broken(text, words)]
    assert not wrong, "\n".join(wrong)


def docstrings():
    """(name, docstring) of public functions and classes, and of what these classes define."""
    for module in (pyalign, pyalign.results, pyalign.errors, pyalign.measures):
        for name in getattr(module, "__all__", vars(module)):
            value = getattr(module, name)
            if name.startswith("_") or not getattr(value, "__module__", "").startswith("pyalign"):
                continue
            yield name, inspect.getdoc(value)
            members = vars(value).items() if inspect.isclass(value) else ()
            yield from ((f"{name}.{key}", inspect.getdoc(member)) for key, member in members if key[0] != "_")


def test_docstrings_of_public_names_are_in_the_words_of_the_field():
    wrong = []
    for name, text in docstrings():
        lines = (line for line in (text or "").splitlines() if not line.lstrip().startswith((">>>", "...")))
        wrong += [f"{name}: {word}" for word in broken(re.sub(r"`+[^`]*`+", "", "\n".join(lines)), DOCS)]
    assert not wrong, "\n".join(dict.fromkeys(wrong))


def names_of(path):
    """(line, name) of the names in a module's code, those in f-strings too."""
    for node in ast.walk(ast.parse(path.read_text())):
        for field in ("id", "arg", "attr", "name"):
            if isinstance(name := getattr(node, field, None), str):
                yield getattr(node, "lineno", 0), name


def test_names_strings_and_docstrings_of_all_code_are_in_plain_words():
    wrong = []
    for path in sorted((ROOT / "pyalign").rglob("*.py")):
        file = path.relative_to(ROOT)
        if file.parts[1] not in NOT_NAMED:
            wrong += [f"{file}:{line}: {name}" for line, name in names_of(path) if PRIVATE.search(name)]
        texts = ((node.lineno, literal(node)) for node in ast.walk(ast.parse(path.read_text())) if literal(node))
        if file.parts[1] != "report":
            wrong += [f"{file}:{line}: {word}" for line, text in texts for word in broken(text, PLAIN)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("it serves embeddings alone", SHOWN, 2),
        ("weights lie beside the file", SHOWN, 2),
        ("triplets must lie in [0, 5)", SHOWN, 0),
        ("of the intervals (default: 0.95)", HELP, 1),
        ("objects are drawn\nanew", EVERYWHERE, 1),
        ("intervals are over objects; participants are treated as fixed", HELP, 0),
        ("a 71st of the grid; 33.333 % by chance", DOCS, 3),
        ("those of the host alone.", DOCS, 1),
        ("colours of neighbouring points, normalised, by many people", PAGES, 3),
        ("by chance alone it is 3, otherwise people promise colors", PAGES, 0),
    ],
)
def test_the_lists_find_what_they_name(text, words, found):
    assert len(broken(text, words)) == found


def test_prose_is_what_is_outside_of_code_and_tables_and_before_the_style_page(tmp_path):
    page = tmp_path / "page.md"
    blocks = "```sh\ndrawn anew\n```\n    a door"
    page.write_text(f"A ledger\nhere, `a ledger` there.\n\n{blocks}\n\nEnd\n\n| a |\n\n### Words\n\nsay")
    assert [*prose(page)] == [(1, "A ledger here,  there."), (9, "End"), (11, "| a |")]
    assert [*prose(page, tables=False)] == [(1, "A ledger here,  there."), (9, "End")]
