"""What the library says as Python spells it, the command line says by its flags, in errors and in notes."""

from __future__ import annotations

import numpy as np
import pytest

from pyalign.cli import COMMANDS, load
from pyalign.cli._command import make_parser, parse
from pyalign.cli._wording import Wording


def wording(name, *words):
    command = load(name)
    return Wording(parse(make_parser(name, COMMANDS[name], command), command.options, words), COMMANDS)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ('rows hold NaN; nan="omit" leaves them out', "rows hold NaN; --nan omit leaves them out"),
        ("say columns=(0, 1, 2)", "say --columns 0,1,2"),
        ("from 1 (load_triplets(..., one_based=True))?", "from 1 (--one-based)?"),
        ("give load_triplets(..., item_names=names)", "give --item-names FILE"),
        ("choice_base=0 or choice_base=1", "--choice-base 0 or --choice-base 1"),
        ("ci=None leaves them out", "--ci none leaves them out"),
        ('x.per_object("mean") makes one', "--per-object mean makes one"),
        ("from 1 (score_choices(..., choice_base=1))?", "from 1 (--model-choice-base 1)?"),
        ("fit it first (pyalign.calibrate)", "fit it first (pyalign calibrate)"),
        ("x must be finite", "embeddings must be finite"),
        ("t.npy: 3 of the 5 rows of x", "t.npy: 3 of the 5 rows of embeddings"),
    ],
)
def test_a_remedy_of_python_becomes_a_flag(message, said):
    assert wording("score", "e.npy", "-t", "t.npy")(message) == said


@pytest.mark.parametrize(
    "message",
    [
        "runs/nan=3/x.npy: No such file or directory",
        "a/seed=1.npy: is empty",
        "no such option: colour=3",
        "x: is empty",
        "the shape is 5 x 3",
        "got 'x'; got x.npy",
    ],
)
def test_paths_and_what_is_no_option_stay_as_they_are(message):
    assert wording("score", "e.npy", "-t", "t.npy")(message) == message


def test_a_file_that_is_called_x_keeps_its_name():
    assert wording("score", "x", "-t", "t.npy")("rows of x are zero") == "rows of x are zero"


def test_errors_and_notes_of_a_run_name_flags(command, refused, folder, x, triplets):
    np.save("wide.npy", np.c_[triplets, np.arange(len(triplets))])
    assert "say which three hold the items, for example --columns 0,1,2" in refused("score", "x.npy", "-t", "wide.npy")
    np.save("late.npy", triplets[(triplets > 0).all(axis=1)])
    ran = command("score", "x.npy", "-t", "late.npy")
    assert "note: item 0 never occurs, every other row of x.npy does: do items count from 1 (--one-based)?\n" in ran.err
