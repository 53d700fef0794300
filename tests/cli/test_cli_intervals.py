"""`pyalign score` with intervals, groups, a ceiling and permutations; `pyalign compare`."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pyalign


@pytest.fixture
def people(folder, triplets):
    """Who answered: as a file of numbers, one of names, and the fourth column of the triplet file t4.npy."""
    codes = np.arange(len(triplets)) % 7
    np.save("people.npy", codes)
    (folder / "people.txt").write_text("\n".join(f"p{k}" for k in codes) + "\n")
    np.save("t4.npy", np.concatenate([triplets, codes[:, None].astype(triplets.dtype)], axis=1))
    return codes


@pytest.mark.parametrize("by", ["objects", "triplets"])
def test_score_has_the_intervals_of_the_python_function(results, x, triplets, by):
    (row,) = results("--ci", by, "--resamples", "100", "--seed", "4", "--confidence", "0.9")
    expected = pyalign.score(x, triplets, ci=pyalign.Resampling(by, resamples=100, seed=4, confidence=0.9))
    assert row["ci"] == list(expected.ci) and row["cross_entropy_ci"] == list(expected.cross_entropy_ci)
    assert (row["standard_error"], row["ci_by"], row["resamples"]) == (expected.standard_error, by, 100)


def test_score_takes_people_from_a_file_or_from_a_column(results, x, triplets, people):
    expected = pyalign.score(x, triplets, ci=pyalign.Resampling("subjects", resamples=64), subjects=people)
    for options, on in (
        (("--subjects", "people.npy"), "t.npy"),
        (("--subjects", "people.txt"), "t.npy"),
        (("--subject-column", "3"), "t4.npy"),
    ):
        (row,) = results("--ci", "subjects", "--resamples", "64", *options, on=on)
        assert row["ci"] == list(expected.ci), options


def test_score_gives_the_closed_form(results, x, triplets):
    (row,) = results("--ci", "objects", "--ci-method", "analytic")
    expected = pyalign.score(x, triplets, ci=pyalign.Resampling("objects", "analytic"))
    assert row["standard_error"] == expected.standard_error and "resamples" not in row and "seed" not in row


def test_score_gives_groups_a_ceiling_and_a_chance_level(results, folder, x, triplets):
    labels = ["animal" if a < 15 else "tool" for a, *_ in triplets.tolist()]
    (folder / "groups.txt").write_text("\n".join(labels) + "\n")
    (row,) = results("--groups", "groups.txt", "--ceiling", "0.7", "--permutations", "20", "--seed", "1")
    expected = pyalign.score(x, triplets, groups=labels, ceiling=0.7)
    assert [group["group"] for group in row["groups"]] == ["animal", "tool"]
    assert row["groups"] == [{**vars(group)} for group in expected.groups]
    assert row["fraction_of_ceiling"] == expected.fraction_of_ceiling
    assert row["permutation_test"]["p_value"] == pyalign.permutation_test(x, triplets, permutations=20, seed=1).p_value


def test_the_table_shows_what_was_asked_for(score, folder, triplets):
    plain = score().out
    assert "interval" not in plain and "chance  " not in plain
    (folder / "groups.txt").write_text("a\nb\n" * (len(triplets) // 2))
    ran = score(
        "--ci",
        "objects",
        "--resamples",
        "64",
        "--groups",
        "groups.txt",
        "--ceiling",
        "0.7",
        "--permutations",
        "9",
        "--verbose",
    )
    table, groups = ran.out.split("\n\n")
    header, _, *notes = table.splitlines()
    for word in ("95 % interval", "s.e.", "of ceiling", "chance", "cross-entropy"):
        assert word in header
    told = " ".join(notes)
    assert "intervals over objects (64 resamples, seed 0)" in told and "ceiling 70.000 %" in told
    title, _, first, second = groups.splitlines()
    assert title == "x.npy with cosine, by group" and first.startswith("a ") and second.startswith("b ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--ci", "subjects"), 'subjects must say who answered each triplet for ci="subjects"; got none'),
        (("--ci", "objects", "--confidence", "95"), "confidence must lie between 0 and 1; got 95.0"),
        (("--ci", "objects", "--seed", "9" * 12), "seed must be a whole number from 0 to 2,147,483,647; got 9999"),
        (("--ceiling", "0.2"), "ceiling must be a fraction above chance (1/3), at most 1; got 0.2"),
        (("--odd-column", "none", "--ci", "objects"), "--ci needs the people's answers"),
        (("--subjects", "few.txt"), "--subjects few.txt serves intervals over people alone: add --ci subjects"),
        (
            ("--ci", "objects", "--subject-column", "3"),
            "--subject-column 3 serves intervals over people alone: add --ci subjects",
        ),
        (("--resamples", "64"), "--resamples 64 serves intervals alone: add --ci objects, triplets or subjects"),
        (("--ci-method", "analytic"), "--ci-method analytic serves intervals alone: add --ci objects"),
        (("--groups", "few.txt"), "few.txt: groups must have one label per triplet (400); got 2"),
        (
            ("--ci", "subjects", "--subjects", "few.txt"),
            "few.txt: subjects must have one entry per triplet (400); got 2",
        ),
    ],
)
def test_bad_options_are_one_line_and_write_nothing(score_refused, folder, options, message):
    (folder / "few.txt").write_text("a\nb\n")
    assert message in score_refused(*options)


@pytest.fixture
def models(folder, x):
    np.save("y.npy", x + np.random.default_rng(3).normal(size=x.shape).astype(np.float32))
    return {"x.npy": x, "y.npy": np.load("y.npy")}


def test_compare_prints_what_the_python_function_finds(command, models, triplets):
    options = ("--triplets", "t.npy", "--resamples", "64", "--json", "--quiet")
    ran = command("compare", "--embeddings", *models, *options)
    assert (ran.code, ran.err) == (0, "")
    document = json.loads(ran.out)
    expected = pyalign.compare(models, triplets, ci=pyalign.Resampling("objects", resamples=64)).to_dict()
    assert document.pop("triplets") == "t.npy"
    hashes = [[one["sha256"] for one in found.pop("provenance")["inputs"]] for found in (document, expected)]
    assert hashes[0] == hashes[1]
    assert document == expected


def test_compare_shows_a_table_of_models_and_one_of_pairs(command, models):
    options = ("--triplets", "t.npy", "--resamples", "64", "--labels", "one", "two", "--measure", "dot")
    ran = command("compare", "--embeddings", *models, *options)
    lines = ran.out.splitlines()
    assert ran.code == 0 and lines[0].startswith("model  accuracy") and lines[1].startswith("one ")
    assert lines[5].startswith("one - two") and "over objects (64 resamples, seed 0)" in lines[6]


def test_compare_matches_rows_by_name(command, folder, models, x, triplets):
    """A second model whose rows stand in another order, with their names in the file."""
    names = [f"item{k}" for k in range(len(x))]
    order = np.random.default_rng(5).permutation(len(x))
    for path, rows, of_rows in (("a.csv", x, names), ("b.csv", x[order], [names[k] for k in order])):
        lines = [",".join([name, *map(str, row)]) for name, row in zip(of_rows, rows.tolist(), strict=True)]
        (folder / path).write_text("\n".join(["name," + ",".join("abcdef"), *lines]) + "\n")
    (folder / "named.csv").write_text("\n".join(",".join(names[k] for k in row) for row in triplets.tolist()) + "\n")
    ran = command("compare", "--embeddings", "a.csv", "b.csv", "--triplets", "named.csv", "--resamples", "64", "--json")
    (pair,) = json.loads(ran.out)["pairs"]
    assert (pair["difference"], pair["ci"], pair["error_consistency"]) == (0.0, [0.0, 0.0], 1.0)


def test_compare_matches_names_where_files_hold_other_items_too(command, folder, x, triplets):
    """More rows, fewer rows, another order: the items of the triplets are what is compared."""
    names, spare = [f"item{k}" for k in range(len(x))], np.full((1, x.shape[1]), np.nan, x.dtype)
    triplets = triplets[(triplets < 26).all(axis=1)]
    order = np.random.default_rng(5).permutation(len(x))
    files = {
        "a.csv": (x, names),
        "b.csv": (x[:28], names[:28]),
        "c.csv": (x[order], [names[k] for k in order]),
        "d.csv": (np.concatenate([spare, x]), ["extra", *names]),
    }
    for path, (rows, of_rows) in files.items():
        lines = [",".join([name, *map(str, row)]) for name, row in zip(of_rows, rows.tolist(), strict=True)]
        (folder / path).write_text("\n".join(["name," + ",".join("abcdef"), *lines]) + "\n")
    (folder / "named.csv").write_text("\n".join(",".join(names[k] for k in row) for row in triplets.tolist()) + "\n")
    for first in ("a.csv", "d.csv"):
        others = [path for path in files if path != first]
        options = ("--embeddings", first, *others, "--triplets", "named.csv", "--resamples", "64", "--json", "--quiet")
        ran = command("compare", *options)
        assert (ran.code, ran.err) == (0, "")
        found = json.loads(ran.out)
        assert {(pair["difference"], *pair["ci"]) for pair in found["pairs"]} == {(0.0, 0.0, 0.0)}
        assert found["models"][0]["accuracy"] == pytest.approx(pyalign.score(x, triplets).accuracy)


def test_compare_needs_answers(refused, models):
    message = refused("compare", "--embeddings", *models, "--triplets", "t.npy", "--odd-column", "none")
    assert message == "t.npy: compare needs the people's answers, which --odd-column none says are not recorded"


def test_compare_refuses_in_one_line(refused, models, folder, x):
    np.save("short.npy", x[:20])
    ask = ("compare", "--triplets", "t.npy", "--resamples", "64", "--json", "out.json", "--embeddings")
    assert refused(*ask, "x.npy") == "t.npy: models must be at least two; got 1"
    assert refused(*ask, "x.npy", "x.npy") == "--embeddings must differ; got x.npy 2 times"
    message = refused(*ask, "x.npy", "short.npy")
    assert message == "t.npy: models must have the same number of items; got x.npy: 30, short.npy: 20"
    assert refused(*ask, "x.npy", "y.npy", "--labels", "a") == "--labels must name each of 2 models; got 1"
    broken = x.copy()
    broken[2] = np.nan
    np.save("broken.npy", broken)
    assert "broken.npy: x must be finite; 1 of 30 rows" in refused(*ask, "x.npy", "broken.npy")
