"""What the library says as Python spells it, the command line says by its flags, in errors and in notes."""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pyalign.analysis.notes import ANCHOR_LAST, ODD_FIRST
from pyalign.cli import COMMANDS, load, main
from pyalign.cli._command import make_parser, parse
from pyalign.cli._wording import Wording
from pyalign.errors import ITEM_NAMES, Remedy

OMIT, MEAN = Remedy("nan_policy", "omit"), 'x.per_object("mean")'


def wording(name, *words):
    command = load(name)
    return Wording(parse(make_parser(name, COMMANDS[name], command), command.options, words))


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (f"rows hold NaN; {OMIT} leaves them out", "rows hold NaN; --nan omit leaves them out"),
        (f"say {Remedy('columns', (0, 1, 2))}", "say --columns 0,1,2"),
        (f"from 1 ({Remedy('one_based', True, of='load_triplets')})?", "from 1 (--one-based)?"),
        (f"give {ITEM_NAMES}", "give --item-names FILE"),
        (f"{Remedy('choice_base', 0)} or {Remedy('choice_base', 1)}", "--choice-base 0 or --choice-base 1"),
        (f"column ({ODD_FIRST})?", "column (--columns 1,2,0)?"),
        (f"column ({ANCHOR_LAST})?", "column (--columns 2,0,1)?"),
        (f"{Remedy('ci')} leaves them out", "--ci none leaves them out"),
        (f"{Remedy('per_object', 'mean', python=MEAN)} makes one", "--per-object mean makes one"),
        (f"first ({Remedy.of_both('pyalign.calibrate', 'pyalign calibrate')})", "first (pyalign calibrate)"),
        (f"{Remedy('device', 'cpu')} is of no command", 'device="cpu" is of no command'),
        ("embeddings must be finite", "embeddings must be finite"),
        ("t.npy: 3 of the 5 rows of embeddings", "t.npy: 3 of the 5 rows of embeddings"),
    ],
)
def test_a_remedy_becomes_the_flag_of_a_command(message, said):
    assert wording("score", "e.npy", "-t", "t.npy")(message) == said


@pytest.mark.parametrize(
    "message",
    [
        "runs/nan=3/x.npy: No such file or directory",
        "a/seed=1.npy: is empty",
        "no such option: color=3",
        "x: is empty",
        "the shape is 5 x 3",
        "got 'x'; got x.npy",
        "seed=3: is empty; temperature=2 and backend=4 differ",
        "got temperature=5.npy",
        "no item is named pyalign.score",
        """no row is 'nan_policy="omit"' or "it's ci=None", 'it\\'s nan_policy="omit"' or 'cut; nan_policy="omit"...""",
    ],
)
def test_paths_and_what_is_no_option_stay_as_they_are(message):
    assert wording("score", "e.npy", "-t", "t.npy")(message) == message


def test_data_keep_their_spelling_beside_a_remedy():
    said = wording("score", 'looks like nan_policy="omit" y.npy', "-t", "of x ", "--labels", "ci=None")
    message = "{}: rows of {} and '{}' and the rows' names hold NaN; {}"
    data = ('looks like nan_policy="omit" y.npy', "of x ", "ci=None")
    assert said(message.format(*data, f"{OMIT} leaves")) == message.format(*data, "--nan omit leaves")


HOSTILE = (
    "seed=3", "temperature=5", "backend=4", "this looks like y", 'unreadable="omit"', 'missing="omit"', "measure=1",
    "embeddings must", "pyalign.score", "(pyalign.calibrate)", "of x ;", "it's", "columns=(0, 1, 2)", "ci=None",
    "one_based=True", ": ", " ",
)


@pytest.mark.parametrize("seed", range(10))
def test_names_of_files_labels_and_objects_come_unchanged(folder, capsys, x, triplets, seed):
    draw = random.Random(seed)
    models = ["".join(draw.choices(HOSTILE, k=3)).strip() + ".npy" for _ in range(2)]
    file = "".join(draw.choices(HOSTILE, k=2)) + ".csv"
    names = [f"{''.join(draw.choices(HOSTILE, k=2)).strip()}{row}" for row in range(len(x))]
    for model in models:
        np.save(model, x[1:])
    Path("names.txt").write_text("\n".join(names[1:]))
    for path, between in ((file, "|"), ("t.tsv", "\t")):
        with open(path, "w", newline="") as out:
            csv.writer(out, delimiter=between).writerows([names[item] for item in row] for row in triplets)
    label = "".join(draw.choices(HOSTILE, k=2))

    def said(*words):
        assert main(["score", *words]) == 1
        return capsys.readouterr().err

    assert f"{file}: " in said(models[0], "-t", file)
    message = said("--embeddings", *models, "-t", "t.tsv", "--names", "names.txt")
    assert message.startswith(f"pyalign score: error: {models[0]}: no row is named {names[0]!r} (")
    assert message.endswith("; --missing omit leaves them out\n")
    assert f"got {label!r} twice" in said("--embeddings", *models, "-t", "t.tsv", "--labels", label, label)
    np.save(models[0], np.full_like(x[1:], np.nan))
    message = said(models[0], "-t", "t.tsv", "--names", "names.txt", "--missing", "omit")
    assert message.startswith(f"pyalign score: error: {models[0]}")
    assert message.endswith(
        f"row 0: {names[1]!r}, {names[2]!r}, {names[3]!r} and 26 more; --nan omit leaves them out\n"
    )
    assert f"got {models[0]} 2 times" in said("--embeddings", models[0], models[0], "-t", "t.tsv")


@pytest.mark.parametrize("answer", HOSTILE[:-1])
def test_answers_and_the_names_offered_come_unchanged(folder, capsys, answer):
    Path("t.csv").write_text('first,second,odd\nmeasure=1,"unreadable=""omit""",pyalign.score\n')
    Path("a.txt").write_text(f"choice\nno {answer}\n")
    assert main(["score", "--model-choices", "a.txt", "-t", "t.csv"]) == 1
    offered = """not one of 'measure=1', 'unreadable="omit"', 'pyalign.score'; --unreadable omit leaves"""
    assert f"{f'no {answer}'.strip()!r}, {offered}" in capsys.readouterr().err


def test_objects_without_a_row_come_unchanged(folder, capsys):
    Path("t.csv").write_text('measure=1,pyalign.score,"missing=""omit"""\n')
    Path("names.txt").write_text("".join(f"item_{row}\n" for row in range(30)))
    assert main(["score", "x.npy", "-t", "t.csv", "--names", "names.txt", "--missing", "omit"]) == 1
    assert """('measure=1', 'missing="omit"', 'pyalign.score')""" in capsys.readouterr().err


def test_a_file_that_is_called_x_keeps_its_name():
    assert wording("score", "x", "-t", "t.npy")("rows of embeddings are zero") == "rows of embeddings are zero"


def test_errors_and_notes_of_a_run_name_flags(command, refused, folder, x, triplets):
    np.save("wide.npy", np.c_[np.arange(len(triplets)), triplets])
    assert "say which three hold the items, for example --columns 0,1,2" in refused("score", "x.npy", "-t", "wide.npy")
    np.save("late.npy", triplets[(triplets > 0).all(axis=1)])
    ran = command("score", "x.npy", "-t", "late.npy")
    assert "note: item 0 never occurs, every other row of x.npy does: do items count from 1 (--one-based)?\n" in ran.err


def test_notes_of_many_models_that_are_alike_are_shown_in_part_and_counted(command, folder, triplets):
    rng = np.random.default_rng(0)
    names = [f"m{k}.npy" for k in range(9)]
    for name in names:
        np.save(name, rng.normal(size=(30, 4)))
    np.save("drawn.npy", np.array([rng.permutation(30)[:3] for _ in triplets]))
    ran = command("score", *names, "-t", "drawn.npy", "--json", "all.json")
    notes = json.loads(Path("all.json").read_text())["notes"]
    shown = [line.removeprefix("note: ") for line in ran.err.splitlines()]
    kinds = Counter(note.partition(": ")[2] for note in notes if "chance" in note)
    assert kinds.total() == 9 and max(kinds.values()) > 2
    for kind, number in kinds.items():
        assert sum(line.endswith(kind) for line in shown) == min(number, 2)
    assert [line for line in shown if line.startswith("and ")] == [
        f"and {number - 2} more like these; --json has all" for number in kinds.values() if number > 2
    ]


def test_a_table_whose_header_says_nothing_is_described_by_a_command(score_refused, folder):
    (folder / "wide.csv").write_text("p,q,r,s\n1,2,3,3\n4,5,6,4\n")
    told = score_refused(on="wide.csv")
    assert told.endswith("'pyalign describe FILE' shows what they hold, --columns I,J,K says which three are items")
