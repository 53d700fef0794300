"""Options of triplets and rows: each command that reads triplets takes them all, and says where one has no effect."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from pyalign.cli import COMMANDS, load
from pyalign.cli._command import declared
from pyalign.cli._options import SomeTriplets
from pyalign.cli.info import all_commands

EVERYWHERE = {
    "--subjects", "--subject-column", "--nan", "--missing", "--names", "--name-column", "--per-object", "--columns",
    "--categories", "--item-names", "--choice-column", "--choice-base", "--one-based",
}
READ_TRIPLETS = [  # describe writes down how a file is laid out
    name for name in COMMANDS if issubclass(load(name).options, SomeTriplets) and name != "describe"
]
GIVEN = {
    "categories": ("--categories", "kinds.txt"), "subjects": ("--subjects", "who.txt"),
    "subject_column": ("--subject-column", "3"), "nan_policy": ("--nan", "omit"), "missing": ("--missing", "omit"),
    "names": ("--names", "names.txt"), "name_column": ("--name-column", "1"), "per_object": ("--per-object", "mean"),
}
RUNS = {
    "compare": ("x.npy", "y.npy"),
    "calibrate": ("x.npy", "--split", "none"),
    "ceiling": (),
    "recover": ("x.npy", "y.npy", "--simulations", 2, "--count", 50),
    "failures": ("x.npy",),
    "probe": ("x.npy", "--split", "none", "--penalty", 0.1),
    "dimensions predict": ("x.npy", "--dimensions", "d.npy"),
    "embed": ("--split", "none", "--penalty", 0.01, "--sparsity", 0),
}


def without_seconds(text):
    return re.sub(r"(?m)^s +[\d.]+$", "", text)


def idle(name):
    """The options of a command that have no effect in it, by their names, with the reasons."""
    return {one.name: told.idle for one, told in declared(load(name).options) if told.idle}


def test_the_commands_that_read_triplets_are_these():
    assert READ_TRIPLETS == [
        "score", "compare", "calibrate", "ceiling", "concepts", "dimensions predict", "embed", "failures",
        "consistency", "probe", "recover", "plan experiment",
    ]


@pytest.mark.parametrize("name", READ_TRIPLETS)
def test_each_command_that_reads_triplets_takes_every_option_of_them(name):
    (listed,) = [one for one in all_commands() if one["name"] == name]
    flags = {flag for option in listed["options"] for flag in option["flags"]}
    assert sorted(EVERYWHERE - flags) == []


@pytest.fixture
def files(folder, x, triplets):
    """Answers of a model that is like x, with repeats, so that every command has something to say."""
    rng = np.random.default_rng(5)
    similar = np.einsum("td,td->t", x[triplets[:, 0]], x[triplets[:, 1]])
    rest = np.einsum("td,td->t", x[triplets[:, 0]], x[triplets[:, 2]])
    people = np.where((similar + rng.normal(size=len(rest)) >= rest)[:, None], triplets, triplets[:, [0, 2, 1]])
    people = np.concatenate([people, people[:100, [1, 0, 2]]])
    np.save("t.npy", np.column_stack([people, np.arange(len(people)) % 7]))
    np.save("y.npy", x + rng.normal(size=x.shape))
    np.save("d.npy", np.abs(x))
    (folder / "kinds.txt").write_text("".join(f"{'abc'[k % 3]}\n" for k in range(30)))
    (folder / "who.txt").write_text("".join(f"p{k % 7}\n" for k in range(len(people))))
    (folder / "names.txt").write_text("".join(f"item {k}\n" for k in range(30)))
    return folder


@pytest.mark.parametrize(("name", "option"), [(name, option) for name in RUNS for option in idle(name)])
def test_an_option_without_effect_is_noted_and_changes_nothing(command, files, name, option):
    words = (*name.split(), *RUNS[name], "-t", "t.npy", "--columns", "0,1,2")
    expected, ran = command(*words), command(*words, *GIVEN[option])
    assert (expected.code, ran.code) == (0, 0), ran.err
    assert f"note: {' '.join(GIVEN[option])} has no effect here: {idle(name)[option]}\n" in ran.err
    assert without_seconds(ran.out) == without_seconds(expected.out)


def test_people_that_no_interval_counts_are_noted(command, files):
    words = ("x.npy", "-t", "t.npy", "--columns", "0,1,2")
    for options, hint in (
        (("--ci", "none"), "--ci objects+subjects"),
        (("--ci", "objects"), "--ci objects+subjects"),
        (("--resamples", 20), "--ci subjects"),
    ):
        for people in (("--subjects", "who.txt"), ("--subject-column", "3")):
            expected, ran = command("score", *words, *options), command("score", *words, *options, *people)
            told = f"note: {' '.join(people)} has no effect here: only intervals over people count people ({hint})\n"
            assert told in ran.err and ran.code == 0
            assert ran.out == expected.out
    ran = command("compare", "y.npy", *words, "--ci", "none", "--subjects", "who.txt")
    assert ran.code == 0 and "--subjects who.txt has no effect here" in ran.err


def test_people_that_no_fold_and_no_interval_counts_are_noted(command, files):
    words = ("probe", "x.npy", "-t", "t.npy", "--columns", "0,1,2", "--folds", 2, "--penalty", 0.1, "--json")
    words += ("--ci", "objects")
    expected, ran = (json.loads(command(*words, *more).out) for more in ((), ("--subject-column", 3)))
    assert all(ran[name] == expected[name] for name in ("accuracy", "accuracy_interval", "cross_entropy"))
    told = command(*words, "--subject-column", 3).err
    assert (
        "note: --subject-column 3 has no effect here: only folds over people and intervals over people count people "
        "(--split subjects, --split objects+subjects)\n"
    ) in told


def test_rows_that_choices_do_not_have_are_noted(command, files):
    np.save("c.npy", np.arange(500) % 3)
    np.save("e.npy", (np.arange(500) + 1) % 3)
    for name in ("score", "compare", "failures", "calibrate", "consistency", "concepts"):
        words = (name, "--model-choices", "c.npy", "e.npy", "-t", "t.npy", "--columns", "0,1,2")
        words += ("--minimum", 1) if name == "calibrate" else ()
        words += ("--categories", "kinds.txt") if name == "concepts" else ()
        expected = command(*words)
        for option in ("missing", "name_column", "per_object"):
            ran = command(*words, *GIVEN[option])
            assert ran.code == 0, ran.err
            assert f"note: {' '.join(GIVEN[option])} has no effect here: choices have no rows\n" in ran.err
            assert ran.out == expected.out


def test_names_of_rows_name_the_items_that_choices_name(command, files):
    triplets = np.load("t.npy")
    (files / "gpt.txt").write_text("".join(f"Item {k}.\n" for k in triplets[:, 2]))
    words = ("--model-choices", "gpt.txt", "-t", "t.npy", "--columns", "0,1,2", "--names", "names.txt")
    ran = command("score", *words, "--json", "--quiet")
    assert (ran.code, json.loads(ran.out)["results"][0]["accuracy"]) == (0, 1.0)
