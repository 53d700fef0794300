"""`pyalign ceiling`: what it prints and writes is what the function returns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import draw_triplets, strict_json

import pyalign

COUNTED = (12, 3)


@pytest.fixture
def answers(folder):
    """200 answers to few triplets by five persons, in a.npy with the person fourth; counts for 12 of them."""
    triplets, persons = draw_triplets(4, 6, 200), np.random.default_rng(4).integers(0, 5, 200)
    np.save("a.npy", np.column_stack([triplets, persons]))
    np.save("t3.npy", triplets)
    np.save("s.npy", persons)
    (folder / "s.txt").write_text("subject\n" + "".join(f"person {k}\n" for k in persons))
    sets = np.unique(np.sort(triplets, axis=1), axis=0)[:12]
    np.savez("c.npz", triplets=sets, counts=np.random.default_rng(5).integers(1, 30, sets.shape))
    return triplets, persons


def document(ran):
    assert ran.code == 0 and all(line.startswith("note: ") for line in ran.err.splitlines())
    return strict_json(ran.out)


def as_json(result):
    """What a document holds of a result, but for where it comes from."""
    found = strict_json(result.to_json())
    return {name: value for name, value in found.items() if name not in ("provenance", "triplets", "notes")}


# ceiling


def test_ceiling_as_json_is_what_the_function_returns(command, answers):
    triplets, persons = answers
    people = pyalign.noise_ceiling(triplets, subjects=persons)
    expected = as_json(people)
    for source in (
        ("a.npy", "--subject-column", 3), ("t3.npy", "--subjects", "s.npy"), ("t3.npy", "--subjects", "s.txt")):
        found = document(command("ceiling", "--triplets", *source, "--json"))
        assert found["version"] == pyalign.__version__
        assert found.pop("triplets") == source[0]
        told = found.pop("provenance")
        assert [one["name"] for one in told["inputs"]] == ["triplets", "subjects"]
        assert all(len(one["sha256"]) == 64 for one in told["inputs"])
        assert (found.pop("notes"), found) == (list(people.notes), expected)
    assert {"ceiling", "ci", "n_distinct", "n_answers"} <= set(found)


def test_answers_are_scored_and_held_against_their_ceiling_as_the_functions_do(command, answers):
    file = np.load("c.npz")
    np.save("x.npy", np.random.default_rng(1).normal(size=(6, 3)))
    source = ("--triplets", "c.npz::triplets", "--answers", "c.npz::counts")
    assert command("ceiling", *source, "--json", "ceiling.json", "--quiet").code == 0
    found = document(command("score", "x.npy", *source, "--ceiling", "ceiling.json::upper", "--json"))["results"][0]
    people = pyalign.noise_ceiling(file["triplets"], answers=file["counts"])
    expected = pyalign.score(
        np.load("x.npy"), file["triplets"], answers=file["counts"], ceiling=("upper", people)
    )
    for name in ("accuracy", "n_triplets", "n_answers", "weighting", "ceiling", "fraction_of_ceiling"):
        assert found[name] == getattr(expected.only, name), name
    by_triplet = pyalign.noise_ceiling(file["triplets"], answers=file["counts"], weighting="triplets")
    Path("ceiling.json").write_text(by_triplet.to_json())
    ran = command("score", "x.npy", *source, "--ceiling", "ceiling.json")
    said = "ceiling must be over answers, as the accuracy is; got one over triplets (see weighting)"
    assert ran.code == 1 and said in " ".join(ran.err.split())


def test_ceiling_without_persons_of_counts_and_at_another_confidence(command, answers):
    triplets, _ = answers
    plain = document(command("ceiling", "--triplets", "a.npy", "--columns", "0,1,2", "--confidence", 0.9, "--json"))
    assert plain["n_persons"] is None
    assert plain["ci"] == as_json(pyalign.noise_ceiling(triplets, confidence_level=0.9))["ci"]
    file = np.load("c.npz")
    for option in ("--answers", "--answers"):
        counted = document(command("ceiling", "--triplets", "c.npz::triplets", option, "c.npz::counts", "--json"))
        assert counted["ceiling"] == pyalign.noise_ceiling(file["triplets"], answers=file["counts"]).ceiling


def test_answers_are_by_position_in_the_file_and_the_choice_is_not_needed(command, answers):
    file = np.load("c.npz")
    expected = pyalign.noise_ceiling(file["triplets"], answers=file["counts"]).ceiling
    for layout in ((), ("--choice-column", "none")):
        args = ("--triplets", "c.npz::triplets", *layout, "--answers", "c.npz::counts")
        assert document(command("ceiling", *args, "--json"))["ceiling"] == expected


def test_ceiling_follows_the_layout_of_the_file(command, answers):
    triplets, _ = answers
    np.save("first.npy", triplets[:, [2, 0, 1]] + 1)
    found = document(command("ceiling", "--triplets", "first.npy", "--columns", "1,2,0", "--one-based", "--json"))
    assert found["ceiling"] == pyalign.noise_ceiling(triplets).ceiling


def test_ceiling_as_a_table(command, folder):
    triplets, persons = draw_triplets(4, 8, 800), np.random.default_rng(4).integers(0, 5, 800)
    np.save("a.npy", np.column_stack([triplets, persons]))
    ran = command("ceiling", "--triplets", "a.npy", "--subject-column", 3, "--json", "out.json", "--csv", "out.csv")
    people = pyalign.noise_ceiling(triplets, subjects=persons)
    back = pyalign.load_result("out.json")
    assert (back.ceiling, tuple(back.ci), back.n_persons) == (people.ceiling, tuple(people.ci), 5)
    assert back.provenance.options["command_line"]["subject_column"] == 3
    header, row = (folder / "out.csv").read_text().splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))["ceiling"] == repr(people.ceiling)
    for share in (people.ceilings.estimate.value, people.ceiling, people.guessing, people.leave_one_out):
        assert f"{100 * share:.1f}%" in ran.out
    assert f"{people.least_cross_entropy:.5f} nats" in ran.out
    assert "each answer counts the same" in " ".join(ran.out.split())
    assert "intervals (closed form) over objects and participants" in " ".join(ran.out.split())
    assert f"{people.n_answers} answers; 5 participants; chance 33.3%" in " ".join(ran.out.split())
    assert max(map(len, ran.out.splitlines())) <= 80


def test_ceiling_of_a_single_triplet_and_of_answers_that_never_agree(command, folder):
    np.save("one.npy", [[0, 1, 2], [1, 0, 2]])
    lines = command("ceiling", "--triplets", "one.npy").out.splitlines()
    assert lines[1].split() == ["upper:", "majority", "share", "100.0%", "-", "-"]
    sets = np.arange(30).reshape(10, 3)
    np.save("different.npy", np.concatenate([sets, sets[:, [0, 2, 1]]]))
    ran = command("ceiling", "--triplets", "different.npy", "--json")
    assert ran.err.startswith("note: no two of 20 answers")
    assert strict_json(ran.out)["remarks"] == strict_json(ran.out)["notes"][:1]
    assert command("ceiling", "--triplets", "different.npy", "--quiet").err == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--triplets", "unique.npy"),
         "unique.npy: triplets must hold some that are answered at least twice; all 2 are answered once"),
        (("--triplets", "t3.npy", "--subjects", "one.npy"), "one.npy: subjects must be at least two participants"),
        (("--triplets", "t3.npy", "--subjects", "short.npy"),
         "short.npy: subjects must have one entry per triplet (200); got 2"),
        (("--triplets", "t3.npy", "--subjects", "none.npy"), "none.npy: No such file"),
        (("--triplets", "a.npy"), "has 4 columns, not 3"),
        (("--triplets", "a.npy", "--subject-column", "7"), "a.npy: has columns 0 to 3; got column 7"),
        (("--triplets", "t3.npy", "--subject-column", "2"), "three in addition to the subject column 2 are needed"),
        (("--triplets", "t3.npy", "--answers", "c.npz::counts"),
         f"c.npz::counts: answers must have shape (200, 3), a row for each triplet; got {COUNTED}"),
        (("--triplets", "c.npz::triplets", "--answers", "c.npz::counts", "--subjects", "short.npy"),
         "short.npy: subjects must have one entry per triplet (12); got 2"),
        (("--triplets", "c.npz::triplets", "--answers", "c.npz::counts", "--subjects", "twelve.npy"),
         "twelve.npy: subjects and answers must not both be given"),
        (("--triplets", "t3.npy", "--answers", "shares.npy"),
         "shares.npy: answers must be counts (whole numbers) here; got shares, which do not say of how many"),
        (("--triplets", "t3.npy", "--answers", "zero.npy"), "zero.npy: "),
        (("--triplets", "t3.npy", "--choice-column", "none"),
         "ceiling needs human choices, which --choice-column none says are not recorded"),
        (("--triplets", "t3.npy", "--confidence", "1"), "confidence_level must lie between 0 and 1; got 1.0"),
        (("--triplets", "t3.npy", "--json", "s.json"),
         "--json s.json is there and holds no JSON document: it is not replaced"),
    ],
)
def test_ceiling_refuses_in_one_line(refused, answers, folder, options, said):
    np.save("unique.npy", [[0, 1, 2], [3, 4, 5]])
    np.save("one.npy", np.ones(200))
    np.save("short.npy", [1, 2])
    (folder / "s.json").write_text("1\n2\n")
    np.save("twelve.npy", np.arange(12))
    np.save("zero.npy", np.full((200, 3), 0.5))
    np.save("shares.npy", np.full((200, 3), 1 / 3))
    assert said in refused("ceiling", *options)


def test_subjects_come_from_one_place(command, answers):
    ran = command("ceiling", "--triplets", "a.npy", "--subject-column", 3, "--subjects", "s.npy")
    assert ran.code == 2
    assert "not allowed with argument" in ran.err


def test_ceiling_of_the_real_file(command, data):
    args = ("--triplets", data / "things" / "human_triplets_127304.npy", "--subject-column", 3)
    found = document(command("ceiling", *args, "--json"))
    assert (found["n_distinct"], found["n_answers"], found["n_persons"]) == (706, 2154, 92)


# The ceiling of a score


@pytest.fixture
def documents(answers, folder):
    """c.json of a ceiling, low.json of one at chance, s.json of a score; rows of the objects in x.npy."""
    triplets, _ = answers
    np.save("x.npy", np.random.default_rng(1).normal(size=(6, 4)))
    rng = np.random.default_rng(2)
    sets, agreed = np.repeat(np.arange(60).reshape(20, 3), 6, axis=0), rng.random(120) < 0.7
    people = pyalign.noise_ceiling(np.where(agreed[:, None], sets, sets[:, [1, 2, 0]]))
    (folder / "c.json").write_text(people.to_json())
    (folder / "s.json").write_text(pyalign.score(np.load("x.npy"), triplets).to_json())
    low = np.repeat(np.arange(60).reshape(20, 3), 3, axis=0)
    low[1::3], low[2::3] = low[1::3][:, [1, 2, 0]], low[2::3][:, [2, 0, 1]]
    (folder / "low.json").write_text(pyalign.noise_ceiling(low).to_json())
    return people


@pytest.mark.parametrize("name", [None, "upper", "lower", "estimate"])
def test_a_score_is_held_against_a_ceiling_of_a_document_by_name(command, documents, name):
    spec = "c.json" if name is None else f"c.json::{name}"
    found = document(command("score", "x.npy", "-t", "t3.npy", "--ceiling", spec, "--json"))["results"][0]
    name = name or "estimate"
    assert (found["ceiling_name"], found["ceiling"]) == (name, getattr(documents.ceilings, name).value)
    expected = pyalign.fraction_of_ceiling(found["accuracy"], found["ceiling"])
    assert found["fraction_of_ceiling"] == expected
    told = " ".join(command("score", "x.npy", "-t", "t3.npy", "--ceiling", spec).out.split())
    assert f"ceiling {100 * found['ceiling']:.1f}% ({name})" in told


def test_a_number_is_a_ceiling_that_was_given(command, documents):
    found = document(command("score", "x.npy", "-t", "t3.npy", "--ceiling", "0.67", "--json"))["results"][0]
    assert (found["ceiling_name"], found["ceiling"]) == ("given", 0.67)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("c.json::middle", "c.json: ceiling must be one of upper, lower, estimate; got 'middle'"),
        ("s.json", "s.json: is a result of score, not of pyalign ceiling"),
        ("none.json", "none.json: No such file"),
        ("low.json::lower", "low.json: ceiling must be a fraction above chance (1/3), at most 1; got 0.0"),
        ("0.2", "ceiling must be a fraction above chance (1/3), at most 1; got 0.2"),
    ],
)
def test_a_bad_ceiling_is_refused_in_one_line(refused, documents, spec, said):
    assert said in refused("score", "x.npy", "-t", "t3.npy", "--ceiling", spec)


def test_a_word_that_is_neither_number_nor_document_is_refused(command, documents):
    ran = command("score", "x.npy", "-t", "t3.npy", "--ceiling", "high")
    assert ran.code == 2
    assert "expected a number or FILE.json[::upper|lower|estimate]; got 'high'" in ran.err
