"""A command is one file and one row: options give the parser, the help and the record; `main` does all around it."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import pyalign
import pyalign.cli
from pyalign import kinds
from pyalign._registry import Entry
from pyalign.cli import COMMANDS, _located, load, main
from pyalign.cli._command import declared, given_options, make_parser, parse
from pyalign.cli._wording import completion_parser
from pyalign.data import fingerprint
from pyalign.io.paths import Spec

TOY = '''
"""A command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pyalign.cli import _inputs, _options, _vocabulary
from pyalign.cli._command import Command, Outcome, option
from pyalign.data import Provenance
from pyalign.errors import InputError
from pyalign._result import Result


@dataclass(frozen=True)
class ToyOptions(_options.Model, _options.Output):
    """The options of `pyalign toy`."""

    times: int = option("how often", kind=_vocabulary.count, metavar="K", default=2, group="toys\\nwhat they are")
    loud: bool = option("louder", default=False)
    pair: tuple[str, ...] | None = option("words", nargs="+", metavar="W", choices=("a", "b"), exclusive="words")
    word: str | None = option("a word", "-w", "--word", exclusive="words")
    out: str | None = option("write", "--out", metavar="OUT.npy", role="output", kind=_options.npy_file)


@dataclass(frozen=True)
class Toy(Result):
    """How large."""

    command: ClassVar[str] = "toy"

    n_rows: int
    times: int


def run(options, progress):
    x = _inputs.read_embeddings(options.embeddings)
    for k in range(options.times):
        progress("toys", k, options.times)
    if options.word == "fail":
        raise InputError("embeddings must be better; got this")
    if options.word == "stop":
        raise KeyboardInterrupt
    if options.word == "memory":
        raise MemoryError
    files = {} if options.out is None else {options.out: np.arange(options.times)}
    notes = ("two\\nlines",) if options.loud else ()
    record = Provenance.now({"x": x}, {"times": options.times})
    return Outcome(Toy(len(x), options.times, notes=notes, provenance=record), files)


TOY = Command(ToyOptions, run, "pyalign toy x.npy --times 3", about=("embeddings",), epilog="More of it.")
'''


@pytest.fixture
def toy(folder, tmp_path_factory, monkeypatch):
    """`pyalign toy`: a file, and a row."""
    place = tmp_path_factory.mktemp("commands")
    (place / "toy.py").write_text(TOY)
    monkeypatch.setattr(pyalign.cli, "__path__", [*pyalign.cli.__path__, str(place)])
    monkeypatch.setitem(COMMANDS, "toy", "play with embeddings")
    entry = Entry("toy", "play with embeddings", kinds.DATA, "files")
    monkeypatch.setattr(kinds, "OTHER_COMMANDS", (*kinds.OTHER_COMMANDS, entry))
    yield load("toy")
    del sys.modules["pyalign.cli.toy"], pyalign.cli.toy


# What a file and a row give


def test_a_command_runs_and_prints_its_result(toy, command):
    ran = command("toy", "x.npy", "--times", "3")
    assert (ran.code, ran.out, ran.err) == (0, "n_rows: 30\ntimes: 3\n", "")


def test_it_stands_in_the_help_of_all(toy, command):
    assert "\n  toy " in command("--help").out


def test_its_help_has_its_options_in_their_groups(toy, command):
    ran = command("toy", "--help")
    assert (ran.code, ran.err) == (0, "")
    text = " ".join(ran.out.split())
    for told in (
        "Play with embeddings.",
        "--times K how often",
        "toys: what they are",
        "--pair W [W ...] words",
        "-w WORD, --word WORD a word",
        "--loud louder",
        "output:",
        "More of it.",
        "example: pyalign toy x.npy --times 3",
    ):
        assert told in text
    assert ran.out.index("--times") < ran.out.index("--json")


def test_its_options_are_read_into_its_dataclass(toy):
    parser = make_parser("toy", "play", toy)
    found = parse(parser, toy.options, ["x.npy", "--pair", "a", "b", "--loud"])
    assert (found.embeddings, found.times, found.pair, found.loud, found.word) == ("x.npy", 2, ("a", "b"), True, None)
    assert parse(parser, toy.options, ["--embeddings", "x.npy"]).embeddings == "x.npy"
    assert parse(parser, toy.options, ["--times", "4", "x.npy"]).times == 4
    assert given_options(found) == {"embeddings": "x.npy", "pair": ("a", "b"), "loud": True}


def test_its_document_records_inputs_and_the_options_that_were_given(toy, command, x):
    ran = command("toy", "x.npy", "--times", "3", "--json")
    document = json.loads(ran.out)
    assert (document["command"], document["n_rows"], document["times"]) == ("toy", 30, 3)
    assert document["provenance"]["options"] == {
        "times": 3, "command_line": {"embeddings": "x.npy", "times": 3, "json": "-"},
    }
    (one,) = document["provenance"]["inputs"]
    assert (one["source"], one["sha256"]) == ("x.npy", fingerprint(x))


def test_files_and_documents_are_written_and_the_table_is_still_printed(toy, command, folder):
    ran = command("toy", "x.npy", "--out", "o.npy", "--json", "d.json", "--csv", "t.csv")
    assert (ran.code, ran.out) == (0, "n_rows: 30\ntimes: 2\n")
    assert np.load("o.npy").tolist() == [0, 1]
    assert json.loads((folder / "d.json").read_text())["n_rows"] == 30
    assert (folder / "t.csv").read_text() == "n_rows,times\n30,2\n"


def test_notes_are_lines_on_stderr_unless_quiet(toy, command):
    assert command("toy", "x.npy", "--loud").err == "note: two\\nlines\n"
    assert command("toy", "x.npy", "--loud", "--quiet").err == ""
    ran = command("toy", "x.npy", "--loud", "--json")
    assert json.loads(ran.out)["notes"] == ["two\nlines"]


def test_its_errors_are_one_line_with_the_file_and_leave_nothing(toy, refused):
    outputs = ("--out", "o.npy", "--json", "d.json", "--csv", "t.csv")
    assert refused("toy", "x.npy", "--word", "fail", *outputs) == "x.npy: embeddings must be better; got this"
    assert refused("toy", "x.npy", "--word", "memory", *outputs) == "not enough memory"
    assert refused("toy", "none.npy", *outputs) == "none.npy: No such file or directory"


def test_it_can_be_interrupted(toy, command, folder, listing):
    before = listing(folder)
    ran = command("toy", "x.npy", "--word", "stop", "--out", "o.npy")
    assert (ran.code, ran.out, ran.err) == (130, "", "pyalign toy: interrupted; nothing was written\n")
    assert listing(folder) == before


def test_the_shell_completes_its_options_and_loads_no_other_command(toy):
    loaded = []

    def parser_of(line):
        return completion_parser(line, COMMANDS, lambda name: loaded.append(name) or load(name))

    parser = parser_of("pyalign toy x.npy --ti")
    assert loaded == ["toy"]
    assert parser.parse_args(["toy", "x.npy", "--times", "3"]).times == 3
    parser_of("pyalign s")
    parser_of("pyalign triplets")
    parser_of("pyalign triplets draw --see")
    assert loaded == ["toy", "triplets draw"]


def test_each_field_of_each_command_is_an_option_with_a_help():
    for name in ("score", "compare"):
        for one, told in declared(load(name).options):
            assert told.help, (name, one.name)
            assert told.role in ("", "input", "output")


# Mistakes in the words


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("scroe",), "argument COMMAND: 'scroe' is no command; did you mean 'score'?"),
        (("plan",), "argument COMMAND: 'plan' needs a second word: plan experiment, plan triplets"),
        (("x\ny",), "argument COMMAND: 'x\\ny' is no command"),
        (("--typo",), "the following arguments are required: COMMAND"),
    ],
)
def test_no_command_is_two_lines(command, words, expected):
    ran = command(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"pyalign: error: {expected}\ntry 'pyalign --help'\n"


def test_help_of_a_first_word_lists_its_commands_alone(command):
    ran = command("study", "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("usage: pyalign study WORD ...\n")
    assert "study init" in ran.out and "study run" in ran.out and "datasets" not in ran.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "the following arguments are required: --embeddings"),
        (("x.npy", "--typo"), "unrecognized arguments: --typo"),
        (("x.npy", "--tim", "3"), "unrecognized arguments: --tim 3; did you mean '--times'?"),
        (("x.npy", "--tiems=3"), "unrecognized arguments: --tiems=3; did you mean '--times'?"),
        (("x.npy", "two\nlines"), "unrecognized arguments: two\\nlines"),
        (("x.npy", "--times", "0"), "argument --times: expected a whole number from 1 to 274,877,906,944; got '0'"),
        (("x.npy", "--times"), "argument --times: expected one argument"),
        (("x.npy", "--out", "o.csv"), "argument --out: expected a name that ends in .npy; got 'o.csv'"),
        (("x.npy", "--embeddings", "y.npy"), "argument --embeddings: EMB stands there already: x.npy"),
        (("x.npy", "--word", "a", "--pair", "b"), "argument --pair: not allowed with argument -w/--word"),
    ],
)
def test_a_mistake_in_the_words_is_two_lines_and_code_2(toy, command, folder, listing, words, expected):
    before = listing(folder)
    ran = command("toy", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"pyalign toy: error: {expected}\ntry 'pyalign toy --help'\n"
    assert listing(folder) == before


@pytest.mark.parametrize("version", ["--version"])
def test_version_and_help_end_with_0(command, version):
    assert command(version) == (0, f"pyalign {pyalign.__version__}\n", "")
    assert command("--help").code == 0


# Documents in files


def test_a_document_is_named_json(toy, refused):
    """An input that stands behind --json is not taken for a document, nor replaced by one."""
    for path in ("x.npy", "document", "a.JSON"):
        assert refused("toy", "x.npy", "--json", path) == (
            f"--json PATH must end in .json; got {path} (an input stands before --json, or after another)"
        )
    for path in ("-", "t.txt"):
        assert refused("toy", "x.npy", "--csv", path) == (
            f"--csv PATH must end in .csv; got {path} (an input stands before --csv, or after another)"
        )


@pytest.mark.parametrize("content", ["{", "a,b\n1,2\n", "\udcff", "NaNs", "[1, 2"])
def test_a_document_never_replaces_what_is_no_json(toy, refused, folder, content):
    (folder / "d.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert (
        refused("toy", "x.npy", "--json", "d.json")
        == "--json d.json is there and holds no JSON document: it is not replaced"
    )


@pytest.mark.parametrize("content", ["{}", "[]", "", '{"command": "toy"}', "null"])
def test_a_document_replaces_a_document(toy, command, folder, content):
    (folder / "d.json").write_text(content)
    assert command("toy", "x.npy", "--json", "d.json").code == 0
    assert json.loads((folder / "d.json").read_text())["command"] == "toy"


def test_outputs_never_replace_inputs_or_each_other(toy, refused, folder):
    (folder / "link.npy").symlink_to("x.npy")
    assert refused("toy", "x.npy", "--out", "./x.npy") == "--out ./x.npy is the same file as x.npy"
    assert refused("toy", "x.npy", "--out", "link.npy") == "--out link.npy is the same file as x.npy"
    (folder / "d.json").symlink_to("t.csv")
    assert refused("toy", "x.npy", "--json", "d.json", "--csv", "t.csv").endswith("is the same file as --json d.json")


def test_a_document_of_a_command_is_the_result(command, folder):
    assert command("score", "x.npy", "-t", "t.npy", "--json", "s.json", "--quiet").code == 0
    found = pyalign.load_result("s.json")
    assert isinstance(found, pyalign.results.Scores)
    assert found.table().startswith("embeddings")
    assert found.provenance.options["command_line"] == {
        "embeddings": ["x.npy"], "triplets": "t.npy", "json": "s.json", "quiet": True,
    }


# Tables


def test_labels_stand_in_tables_and_documents(command, folder):
    np.save("y.npy", np.load("x.npy")[:, :3])
    ran = command(
        "score", "x.npy", "y.npy", "-t", "t.npy", "--labels", "one", "the other", "--measure", "cosine", "dot"
    )
    assert [line.split("  ")[0] for line in ran.out.splitlines()[1:5]] == ["one", "one", "the other", "the other"]
    ran = command("score", "x.npy", "y.npy", "-t", "t.npy", "--labels", "one", "two", "--json")
    rows = json.loads(ran.out)["results"]
    assert [(row["label"], row["embeddings"]) for row in rows] == [("one", "x.npy"), ("two", "y.npy")]
    ran = command("compare", "x.npy", "y.npy", "-t", "t.npy", "--labels", "one", "two")
    assert ran.out.splitlines()[5].startswith("one - two")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(("a",), "--labels must name each of 2 models; got 1"), (("a", "a"), "--labels must differ; got 'a' twice")],
)
def test_other_labels_are_refused(refused, folder, labels, expected):
    np.save("y.npy", np.load("x.npy"))
    for name in ("score", "compare"):
        assert refused(name, "x.npy", "y.npy", "-t", "t.npy", "--labels", *labels) == expected


def test_csv_has_a_row_per_result(command, folder):
    assert command("score", "x.npy", "-t", "t.npy", "--measure", "cosine", "dot", "--csv", "s.csv").code == 0
    header, *rows = (folder / "s.csv").read_text().splitlines()
    assert header.split(",")[:2] == ["accuracy", "ci_low"]
    assert [row.split(",")[header.split(",").index("measure")] for row in rows] == ["cosine", "dot"]


def test_verbose_shows_all_columns_at_any_width(command, folder, monkeypatch):
    monkeypatch.setattr("pyalign.report.words.terminal_width", lambda: 40)
    short, whole = (command("score", "x.npy", "-t", "t.npy", *more).out for more in ((), ("--verbose",)))
    assert max(map(len, short.splitlines())) <= 40
    for word in ("x.npy", "M triplets/s", "entropy", "cosine"):
        assert word in whole.splitlines()[0] + whole.splitlines()[1]


# The messages of main


def test_bad_triplets_are_told_with_both_files(refused, folder):
    np.save("far.npy", np.array([[0, 1, 99]]))
    expected = "x.npy with far.npy: triplets must lie in [0, 30); row 0 is [0, 1, 99]"
    assert refused("score", "x.npy", "-t", "far.npy") == expected


def test_a_file_whose_name_begins_the_message_is_named_all_the_same(toy, refused, folder):
    """`x` is a file here, and the first word of a message about embeddings."""
    (folder / "x").symlink_to("x.npy")
    message = _located(toy, toy.options(embeddings=Spec("x")), "embeddings must be better; got this")
    assert message == "x: embeddings must be better; got this"
    assert _located(toy, toy.options(embeddings=Spec("x")), "x: is empty") == "x: is empty"
    assert _located(toy, toy.options(embeddings=Spec("x::a")), "x: is empty") == "x: is empty"


def test_a_message_about_an_option_names_no_file(toy):
    assert _located(toy, toy.options(embeddings=Spec("x.npy")), "times must be less") == "times must be less"
    assert _located(toy, toy.options(embeddings=Spec("x.npy")), "--times 3 serves toys") == "--times 3 serves toys"


def test_main_takes_the_words_of_the_process(monkeypatch, capsys, folder):
    monkeypatch.setattr("sys.argv", ["pyalign", "score", "x.npy", "-t", "t.npy", "--quiet"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("embeddings")
