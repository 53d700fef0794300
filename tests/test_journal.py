"""Journals of runs that can be interrupted: what they keep, for whom, and what they leave."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import numpy as np
import pytest

from pyalign._result import Result
from pyalign.journal import OTHER, Journal, sibling_path
from pyalign.parts import seal_of


@pytest.fixture
def place(tmp_path):
    """``place(resume=True)``: a journal in the folder, of the run "mine" unless it says otherwise."""

    def at(of="mine", **options):
        path, best = tmp_path / "w.journal.json", tmp_path / "w.partial.txt"
        return Journal.open(path, best_path=best, as_bytes=str.encode, **options).begin("fit", {"of": of})

    at.folder = tmp_path
    return at


def interrupted(journal):
    """The message that Ctrl-C has within."""
    with pytest.raises(KeyboardInterrupt) as caught, journal.kept():
        raise KeyboardInterrupt
    return str(caught.value)


def test_in_memory_it_holds_steps_and_the_best_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal = Journal()
    journal.finish("one", {"a": np.float32(0.5), "b": (1, None)})
    assert journal.record("one") == {"a": 0.5, "b": [1, None]} and journal.record("two") is None
    assert journal.best is None
    assert interrupted(journal) == "finished: one; nothing was written"
    journal.close()
    assert not os.listdir()


def test_the_best_is_that_of_the_least_merit_and_is_made_once_when_asked_for():
    made, journal = [], Journal()
    for stage, merit in (("a", (2, 0.5)), ("b", (1, 9.0)), ("c", (1, 9.5)), ("d", (1, 8.0)), ("e", (3, 0.0))):
        journal.offer(stage, merit, lambda stage=stage: made.append(stage) or stage)
    assert not made
    assert (journal.best.stage, journal.best.merit, journal.best.value) == ("d", (1, 8.0), "d")
    assert journal.best is journal.best and made == ["d"]


def test_an_interrupted_run_leaves_steps_and_best_and_the_next_one_goes_on(place):
    journal = place()
    journal.finish("one", [1.5])
    journal.offer("two", (1, 0.25), lambda: "the best")
    assert interrupted(journal) == (
        f"finished: one; the best so far, of two, is in {place.folder / 'w.partial.txt'}; go on with resume=True"
    )
    assert (place.folder / "w.partial.txt").read_text() == "the best"
    again = place(resume=True)
    assert again.record("one") == [1.5] and again.best is None
    again.close()
    assert not os.listdir(place.folder)


def test_a_better_one_of_an_earlier_run_stays(place):
    first = place()
    first.offer("fold 1", (1, 0.5), lambda: "good")
    interrupted(first)
    for resume in (True, False):
        worse = place(resume=resume)
        worse.offer("fold 2", (2, 0.1), lambda: "cut off")
        assert interrupted(worse) == f"the best so far, of fold 1, is in {place.folder / 'w.partial.txt'}"
        assert (place.folder / "w.partial.txt").read_text() == "good"
    better = place(resume=True)
    better.offer("fold 2", (1, 0.4), lambda: "better")
    assert "of fold 2," in interrupted(better)
    assert (place.folder / "w.partial.txt").read_text() == "better"


def test_a_run_that_begins_again_does_not_read_steps_and_does_not_lose_them(place):
    place().finish("one", 1)
    fresh = place()
    assert fresh.record("one") is None
    fresh.finish("two", 2)
    assert place(resume=True).steps == {"one": 1, "two": 2}


def test_of_a_run_with_other_data_nothing_is_kept(place):
    first = place()
    first.finish("one", 1)
    first.offer("one", (0,), lambda: "mine")
    first.flush()
    other = place(of="yours")
    other.finish("two", 2)
    assert place(of="yours", resume=True).steps == {"two": 2}
    other.close()
    assert not os.listdir(place.folder)


def test_without_a_finished_step_or_a_best_nothing_is_written(place):
    assert interrupted(place()) == "nothing was written"
    assert not os.listdir(place.folder)


def test_a_file_that_no_run_has_put_beside_is_left_alone(place):
    (place.folder / "w.partial.txt").write_text("somebody's")
    journal = place()
    journal.finish("one", 1)
    journal.close()
    assert (place.folder / "w.partial.txt").read_text() == "somebody's"


def test_what_can_not_be_resumed_is_refused(place, message_of):
    path = place.folder / "w.journal.json"
    assert message_of(place, resume=True) == (
        f"nothing to resume: there is no {path}: no run was interrupted, or it has finished"
    )
    assert message_of(Journal.open, None, resume=True) == "resume needs the path of a journal; got None"
    place().finish("one", 1)
    assert message_of(place, of="yours", resume=True) == f"{path}: left by {OTHER}; delete it, or run as before"
    for text in ("{}", "[1]", '{"pyalign_journal": 3, "of": 3, "steps": {}, "best": null}'):
        path.write_text(text)
        assert message_of(place, resume=True) == f"{path}: is no journal of an interrupted run"
        assert place().steps == {}
    head = '{"pyalign_journal": 3, "of": "mine", "best": null, "sha256": "", "steps": {"one": '
    for depth in range(800, 1000, 10):  # about as deep as can be read, and not be written
        path.write_text(head + "[" * depth + "]" * depth + "}}")
        assert message_of(place, resume=True).startswith(f"{path}: ")
        assert place().steps == {}
    path.write_text("{")
    assert "is not JSON" in message_of(place, resume=True)


EDITS = {
    "a figure": lambda document: document["steps"]["one"].update(loss=9.0),
    "a step more": lambda document: document["steps"].update(two={}),
    "steps that are a list": lambda document: document.update(steps=[]),
    "of nothing": lambda document: document.update(of=None),
    "a best of one word": lambda document: document.update(best="one"),
    "a merit that is a word": lambda document: document["best"].update(merit="x"),
    "a merit that is a truth": lambda document: document["best"].update(merit=[True]),
    "no merit": lambda document: document["best"].update(merit=[]),
    "a stage that is a number": lambda document: document["best"].update(stage=3),
    "a key more": lambda document: document.update(more=1),
    "a version that is a truth": lambda document: document.update(pyalign_journal=True),
    "NaN": lambda document: document["steps"]["one"].update(loss=float("nan")),
    "no end": lambda document: document["best"].update(merit=[float("inf")]),
}


@pytest.mark.parametrize("sealed", [False, True], ids=["edited", "edited with its hash"])
@pytest.mark.parametrize("edit", EDITS)
def test_a_journal_that_was_edited_is_refused_in_one_line_and_never_taken(place, message_of, edit, sealed):
    path, first = place.folder / "w.journal.json", place()
    first.offer("one", (1.0,), lambda: "mine")
    first.finish("one", {"loss": 2.0})
    document = json.loads(path.read_text())
    EDITS[edit](document)
    if sealed:
        document.pop("sha256")
        document["sha256"] = seal_of(document)
    path.write_text(json.dumps(document))
    if sealed and edit in ("a figure", "a step more"):
        assert place(resume=True).steps == document["steps"]  # sound, and as if a run had left it
        return
    message = message_of(place, resume=True)
    assert message.startswith(f"{path}: ")
    assert any(reason in message for reason in ("no journal", "not sound", "not a sound", "edited or damaged"))
    fresh = place()
    assert fresh.steps == {}
    fresh.offer("one", (9.0,), lambda: "of the new run")
    fresh.finish("one", {"loss": 3.0})
    assert (place.folder / "w.partial.txt").read_text() == "of the new run"
    assert place(resume=True).record("one") == {"loss": 3.0}


@pytest.mark.parametrize(
    "record, reason",
    [
        ({"low": 1.0}, "'high' is missing"),
        ({"low": "x", "high": 2.0}, "'low' holds 'x', which does not fit"),
        ({"low": 1.0, "high": 2.0, "more": 1}, "it does not read back as it is"),
        (3, "'Range' holds 3, which does not fit"),
        ([1], "'Range' holds [1], which does not fit"),
    ],
)
def test_a_record_that_is_no_result_of_its_kind_is_refused_with_the_path(place, message_of, record, reason):
    @dataclass(frozen=True)
    class Range(Result):
        low: float
        high: float

    journal = place()
    journal.finish("one", Range(1.0, 2.0))
    assert journal.result("one", Range) == Range(1.0, 2.0) and journal.result("two", Range) is None
    journal.finish("one", record)
    message = message_of(journal.result, "one", Range)
    assert message == f"{journal.path}: the record of 'one' is not sound: {reason}"


def test_a_journal_is_whole_or_not_there(place, monkeypatch):
    """A crash while it is written leaves the one before."""
    journal = place()
    journal.finish("one", 1)

    def crash(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(OSError, match="No space"):
        journal.finish("two", 2)
    monkeypatch.undo()
    assert json.loads((place.folder / "w.journal.json").read_text())["steps"] == {"one": 1}
    assert os.listdir(place.folder) == ["w.journal.json"]


def test_names_beside_an_output():
    assert str(sibling_path("a/W.npz", "partial")) == os.path.join("a", "W.partial.npz")
    assert str(sibling_path("W", "journal")) == "W.journal"
