"""`--help`: each command says what it does and shows an example that its own parser takes."""

from __future__ import annotations

import inspect
import math
import os
import re
import shlex
from collections import Counter
from dataclasses import is_dataclass
from pathlib import Path
from pydoc import locate

import pytest
from support import strict_json

import pyalign
from pyalign.cli import COMMANDS, load
from pyalign.cli._command import declared, flag_of, flags_of, make_parser, parse
from pyalign.cli._vocabulary import INSTEAD, OTHER_FLAGS, VOCABULARY
from pyalign.cli.info import all_commands
from pyalign.kinds import FIRST, entries
from pyalign.measures import MEASURES


def examples(text):
    joined = " ".join(text.split("example:", 1)[1].split())
    return [shlex.split(command) for command in joined.split(" && ")]


def words_of(name):
    return name.split()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_that_parses(command, name):
    ran = command(*words_of(name), "--help")
    assert (ran.code, ran.err) == (0, "")
    kind = load(name).options
    for program, *words in examples(ran.out):
        assert (program, words[: len(words_of(name))]) == ("pyalign", words_of(name))
        parsed = parse(make_parser(name, COMMANDS[name], load(name)), kind, words[len(words_of(name)) :])
        assert isinstance(parsed, kind)


def test_the_example_of_all_runs_as_it_stands(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _, *words in examples(command("--help").out):
        assert command(*words).code == 0


def test_help_lists_every_command_and_score_every_measure(command):
    brief, full = command("--help").out, command("--help-all").out
    rare = {entry.command for entry in entries() if entry.rare}
    assert rare == {"study units", "study step", "study finish", "commands"}
    assert all(re.search(rf"\n  {name}\s", full) for name in COMMANDS)
    assert {name for name in COMMANDS if not re.search(rf"\n  {name}\s", brief)} == rare
    assert "4 more commands that are rarely needed: pyalign --help-all" in brief and "rarely" not in full
    of_studies = command("study", "--help").out, command("study", "--help-all").out
    assert ["study step" in text for text in of_studies] == [False, True]
    assert all(name in command("score", "--help").out for name in MEASURES)


def test_every_option_is_explained():
    for name in COMMANDS:
        assert all(action.help for action in make_parser(name, COMMANDS[name], load(name))._actions), name
        assert declared(load(name).options), name


def test_help_fits_a_terminal_of_80_columns(command, monkeypatch):
    monkeypatch.setitem(os.environ, "COLUMNS", "80")
    for args in ([], *map(words_of, COMMANDS)):
        assert max(map(len, command(*args, "--help").out.splitlines())) <= 80, args


def shown(text):
    """The long flags, or else the only one, of the options in a help."""
    return {re.findall(r"--?[a-z][\w-]*", line)[-1] for line in re.findall(r"^  (-[^ ].*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_at_most_thirty_options_and_help_all_shows_the_rest(command, name):
    brief = re.findall(r"^  -", command(*words_of(name), "--help").out, re.MULTILINE)
    assert len(brief) <= 30
    options = declared(load(name).options)
    if any(told.rare for _, told in options):
        full = command(*words_of(name), "--help-all").out
        assert all(flag_of(one, told) in full for one, told in options if told.flags or not told.positional)
        assert len(re.findall(r"^  -", full, re.MULTILINE)) > len(brief)


def test_usage_shows_what_is_required_first(command):
    assert command("score", "--help").out.startswith("usage: pyalign score EMB [EMB ...] -t T [options]\n")
    usage = "usage: pyalign dimensions predict EMB [EMB ...] --dimensions D [options]"
    assert command("dimensions", "predict", "-h").out.startswith(usage)
    assert command("info", "--help").out.startswith("usage: pyalign info [options]\n")


def test_help_names_ten_commands_first_and_groups_the_rest(command):
    text = command("--help").out
    first = text.index("what most people need:")
    assert first < text.index("\nScore:\n") < text.index("\nExplain:\n") < text.index("\nShow:\n")
    assert len(FIRST) == 10 and {*FIRST} <= {*COMMANDS}


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("score", "x.npy", "-t", "t.npy", "--mesure", "dot"), "--measure"),
        (("scroe",), "score"),
        (("evaluate",), "score"),
        (("simulate",), "triplets simulate"),
        (("neighbours",), "neighbors"),
    ],
)
def test_a_near_word_or_one_of_the_same_meaning_is_proposed(command, words, meant):
    ran = command(*words)
    assert ran.code == 2 and f"; did you mean '{meant}'?" in ran.err


TOUR = Path(__file__).resolve().parents[2] / "docs" / "tour.md"
TASKS = re.findall(r"^\| (.+) \| `pyalign ([a-z ]+)` \|$", TOUR.read_text(encoding="utf-8"), re.MULTILINE)


def stems(text):
    """The words of a text without their ends, and without the addresses of links."""
    return {word[:6].removesuffix("s") for word in re.findall(r"[a-z]{3,}", re.sub(r"\]\(.*?\)", "", text.lower()))}


def found_by(task, listed):
    """The commands whose lines of the help share most with the task; words that few lines have count more."""
    lines = {name: stems(f"{name} {what}") for name, what in listed.items()}
    having = Counter(word for own in lines.values() for word in own)
    rare = {word: math.log(len(lines) / count) for word, count in having.items()}
    shared = {name: sum(rare[word] for word in own & stems(task)) for name, own in lines.items()}
    return [name for name in shared if shared[name] == max(shared.values())]


@pytest.mark.parametrize(("task", "name"), TASKS)
def test_a_task_of_the_tour_has_one_command_that_the_help_alone_finds(command, monkeypatch, task, name):
    monkeypatch.setitem(os.environ, "COLUMNS", "300")
    groups = command("--help").out.partition("\nScore:")[2]
    assert found_by(task, dict(re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +(.+)$", groups, re.MULTILINE))) == [name]


def test_the_tour_has_twenty_tasks_and_each_another_command():
    assert len(TASKS) == len({name for _, name in TASKS}) == 20


def usage_error(capsys, parser, name, words):
    """The line that such words are answered with."""
    with pytest.raises(SystemExit) as stop:
        parse(parser, load(name).options, words)
    line, hint = capsys.readouterr().err.splitlines()
    assert stop.value.code == 2 and hint == f"try 'pyalign {name} --help'"
    return line.removeprefix(f"pyalign {name}: error: ")


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_given_twice_or_of_another_command_is_refused(capsys, name):
    parser, options = make_parser(name, COMMANDS[name], load(name)), declared(load(name).options)
    for one, told in options:
        for flag in flags_of(one, told):
            value, shown = ([] if one.default is False else ["1"]), flag_of(one, told)
            if not told.many:
                line = usage_error(capsys, parser, name, [flag, *value, shown, *value])
                assert line == f"argument {shown}: must be given once; got it 2 times"
    for flag in sorted(VOCABULARY.keys() - {flag_of(one, told) for one, told in options})[::9]:
        line = usage_error(capsys, parser, name, [flag, "1"])
        found = line.rpartition(f"{flag} is an option of ")[2].partition(" and ")[0].split(", ")
        meant = set(OTHER_FLAGS.get(flag, ())) & set(parser.flags())
        assert "did you mean" in line if meant else all(flag in EVERY[other] for other in found)


EVERY = {name: {flag_of(one, told) for one, told in declared(load(name).options)} for name in COMMANDS}


@pytest.mark.parametrize(("old", "new"), OTHER_FLAGS.items())
def test_a_name_of_an_option_elsewhere_is_answered_with_the_one_here(capsys, old, new):
    having = [name for name in COMMANDS if old not in EVERY[name] and EVERY[name] & {*new}]
    assert having and {*new} <= VOCABULARY.keys()
    line = usage_error(capsys, make_parser(having[0], "x", load(having[0])), having[0], [old, "1"])
    meant = next(flag for flag in new if flag in EVERY[having[0]])
    assert re.fullmatch(rf"unrecognized arguments: {old}( 1)?; did you mean '{meant}'\?", line)


@pytest.mark.parametrize(("flag", "remedy"), [(f"--{word}", remedy) for word, remedy in INSTEAD.items()])
def test_an_option_that_only_python_has_is_answered_with_its_argument(capsys, flag, remedy):
    assert flag not in VOCABULARY and flag not in OTHER_FLAGS
    for name in ("score", "study step"):
        line = usage_error(capsys, make_parser(name, "x", load(name)), name, [flag, "1"])
        assert re.fullmatch(rf"unrecognized arguments: {flag}( 1)?; instead: {re.escape(remedy)}", line)
    if said := re.fullmatch(r"(pyalign[\w.]+)\((\w+)\W.* in Python", remedy):
        takes = {*inspect.signature(locate(said[1])).parameters}
        options = (pyalign.ProbeOptions, pyalign.EmbeddingOptions) if "options" in takes else ()
        assert said[2] in takes.union({"Components"}, *(inspect.signature(one).parameters for one in options))


@pytest.mark.parametrize("word", ["analyse", "test", "xyz"])
def test_far_guesses_are_not_made(command, word):
    assert "did you mean" not in command(word).err


def test_commands_are_declared_for_programs(command, tmp_path):
    assert command("commands").out.startswith("score ")
    found = {one["name"]: one for one in strict_json(command("commands", "--json").out)["commands"]}
    assert [*found] == [*COMMANDS]
    options = {one["name"]: one for one in found["score"]["options"]}
    assert options.keys() == {one.name for one, _ in declared(load("score").options)}
    triplets = options["triplets"]
    assert (triplets["flags"], triplets["type"], triplets["required"]) == (["-t", "--triplets"], "file", True)
    types = [options[one]["type"] for one in ("confidence_level", "quiet", "n_resamples")]
    assert types == ["number", "switch", "integer"]
    assert options["missing"]["choices"] == ["raise", "omit"] and options["missing"]["default"] == "raise"
    assert found["score"]["result"]["kind"] == "score" and "results" in found["score"]["result"]["fields"]
    assert found["export"]["result"] is None
    path = tmp_path / "c.json"
    assert command("commands", "--json", path).code == 0
    assert strict_json(path.read_text())["command"] == "commands"


def test_intervals_are_asked_for_by_the_same_words_in_every_command():
    words, found = ("auto", "objects", "subjects", "objects+subjects", "triplets", "none"), set()
    for name in COMMANDS:
        options = {one.name: (one, told) for one, told in declared(load(name).options)}
        if "ci" in options:
            one, told = options["ci"]
            assert (one.default, told.choices[0], told.choices[-1]) == ("auto", "auto", "none"), name
            assert [*told.choices] == [word for word in words if word in told.choices], name
            assert all(f"({word})" in told.help for word in told.choices[1:-1]), name
            found.add(name)
    assert found >= {"score", "compare", "concepts", "consistency", "rsa", "neighbors objects", "dimensions predict"}


def test_each_option_has_a_row_in_the_vocabulary_and_each_row_an_option():
    """Types agree in all commands, and some command has the default of the row."""
    types, defaults = {}, {}
    for one in all_commands():
        for flag, told in ((told["flags"][-1], told) for told in one["options"] if told["flags"]):
            types.setdefault(flag, set()).add(told["type"])
            defaults.setdefault(flag, set()).add(repr(told["default"]))
    assert types.keys() == VOCABULARY.keys()
    kinds = {"path": {"text"}, "source": {"text", "file"}, "seed": {"integer"}}
    for flag, row in VOCABULARY.items():
        allowed = set().union(*(kinds.get(word, {word}) for word in row.type.split(" or ")))
        assert types[flag] <= allowed, flag
        if row.default is not None:
            assert repr(list(row.default) if flag == "--layer" else row.default) in defaults[flag], flag
        assert row.meaning and not row.meaning.endswith("."), flag


def test_an_argument_holds_in_each_signature_what_its_option_holds():
    whole, real = "int|AtLeastTwo|NotNegative|Number|Positive", "float|Fraction|Temperature"
    words = {"integer": whole, "seed": whole, "number": real, "switch": "bool"}
    held = {row.argument: words[row.type] for row in VOCABULARY.values() if row.argument and row.type in words}
    for one in filter(inspect.isfunction, (getattr(pyalign, name) for name in pyalign.__all__)):
        for name, stated in inspect.signature(one).parameters.items():
            assert name not in held or re.search(held[name], str(stated.annotation)), f"{one.__name__}: {stated}"


# Flags that stand for arguments of several names: flag -> what else commands call it.
OTHERWISE = {
    "--choices": {"choices"}, "--probabilities": {"probabilities"}, "--penalty": {"penalties", "shrinkage"},
    "--transform": {"maps"},
    "--by": {"columns"}, "--layer": {"layer"}, "--text": {"text"}, "--shards": {"shard"},
}


def test_an_option_is_called_in_python_as_the_vocabulary_says():
    """So that a message about an argument becomes one about its flag, and who knows one knows the other."""
    functions = [getattr(module, name) for module in (pyalign, pyalign.datasets) for name in module.__all__]
    functions = [one for one in functions if inspect.isfunction(one) or is_dataclass(one)]
    arguments = {name for one in functions for name in inspect.signature(one).parameters}
    assert {row.argument for row in VOCABULARY.values()} - {""} <= arguments
    for name in COMMANDS:
        for one, told in declared(load(name).options):
            row = VOCABULARY.get(flag_of(one, told))
            if row is not None and row.argument:
                assert one.name in {row.argument, *OTHERWISE.get(row.flag, ())}, f"{name}: {row.flag}"


def test_an_option_has_one_long_name():
    flags = {flag for one in all_commands() for told in one["options"] for flag in told["flags"]}
    assert {flag for flag in flags if flag.startswith("--")} == VOCABULARY.keys() - {"-k"}


def test_an_option_without_help_of_its_own_is_explained_by_the_vocabulary(command):
    assert VOCABULARY["--quiet"].meaning in command("score", "--help").out
