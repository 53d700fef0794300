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


# Score


@pytest.mark.parametrize("by", ["objects", "triplets"])
def test_score_has_the_intervals_of_the_python_function(results, x, triplets, by):
    method = "bootstrap"
    options = ("--ci", by, "--resamples", "100", "--seed", "4", "--confidence", "0.9")
    (row,) = results(*options)
    expected = pyalign.score(x, triplets, ci=pyalign.Resampling(by, method, 100, seed=4, confidence_level=0.9))
    assert row["ci"] == list(expected.ci) and row["cross_entropy_ci"] == list(expected.cross_entropy.ci)
    assert (row["standard_error"], row["ci_by"], row["resamples"]) == (expected.standard_error, by, 100)
    assert (row["ci_method"], row["confidence"], row["seed"]) == (method, 0.9, 4)


def test_score_takes_people_from_a_file_or_from_a_column(results, x, triplets, people):
    for by in ("subjects", "objects+subjects"):
        expected = pyalign.score(x, triplets, ci=by, subjects=people)
        for options, on in (
            (("--subjects", "people.npy"), "t.npy"),
            (("--subjects", "people.txt"), "t.npy"),
            (("--subject-column", "3"), "t4.npy"),
        ):
            (row,) = results("--ci", by, *options, on=on)
            assert (row["ci"], row["ci_by"]) == (list(expected.ci), by), options


def test_score_gives_the_closed_form_over_objects_where_nobody_asks(results, x, triplets):
    expected = pyalign.score(x, triplets, ci="objects")
    for options in ((), ("--ci", "objects"), ("--ci", "objects", "--seed", "3")):
        (row,) = results(*options)
        assert row["standard_error"] == expected.standard_error and row["ci"] == list(expected.ci)
        assert (row["ci_by"], row["ci_method"], row["confidence"]) == ("objects", "corrected", 0.95)
        assert "resamples" not in row and "seed" not in row


def test_score_counts_people_where_they_are_known(results, score, x, triplets, people):
    """Without being asked, unless all answers are from one participant; a bootstrap draws objects alone."""
    expected = pyalign.score(x, triplets, ci="objects+subjects", subjects=people)
    (row,) = results("--subject-column", "3", on="t4.npy")
    assert (row["ci"], row["ci_by"]) == (list(expected.ci), "objects+subjects")
    told = " ".join(score("--subject-column", "3", on="t4.npy").out.split())
    assert "intervals (closed form) over objects and participants;" in told and "not counted" not in told
    np.save("one.npy", np.zeros(len(triplets), int))
    (row,) = results("--subjects", "one.npy")
    assert row["ci_by"] == "objects"


def test_score_says_that_people_are_not_counted(score, people):
    """By default, and where they are in the file but the intervals are over something else."""
    told = " ".join(score().out.split())
    assert "intervals (closed form) over objects, with participants treated as fixed;" in told
    told = " ".join(score("--ci", "triplets").out.split())
    assert "over triplets of these objects, with objects and participants treated as fixed;" in told
    told = " ".join(score("--ci", "subjects", "--subject-column", "3", on="t4.npy").out.split())
    assert "over participants, with objects treated as fixed;" in told


def test_score_leaves_intervals_out_where_that_is_asked_for(results, score, x, triplets):
    (row,) = results("--ci", "none")
    left_out = {
        "ci",
        "cross_entropy_ci",
        "standard_error",
        "ci_by",
        "ci_method",
        "confidence",
        "intervals",
        "resamples",
    }
    assert not left_out & set(row)
    assert row["accuracy"] == pyalign.score(x, triplets).accuracy
    ran = score("--ci", "none")
    assert "interval" not in ran.out and "s.e." not in ran.out and "counted" not in ran.out


def test_score_says_why_there_is_no_interval(command, folder):
    np.save("five.npy", np.random.default_rng(0).normal(size=(5, 3)))
    np.save("few.npy", np.random.default_rng(0).permuted(np.array([[0, 1, 2], [2, 3, 4]] * 9), axis=1))
    ran = command("score", "five.npy", "-t", "few.npy")
    assert ran.code == 0 and "interval" not in ran.out
    assert [line for line in ran.err.splitlines() if "there is no interval over objects: " in line]
    document = json.loads(command("score", "five.npy", "-t", "few.npy", "--json", "--quiet").out)
    (row,) = document["results"]
    assert (row["ci"], row["cross_entropy_ci"]) == (None, None) and "standard_error" not in row
    assert any("there is no interval over objects: " in note for note in row["notes"])


def test_score_gives_groups_a_ceiling_and_a_chance_level(results, folder, x, triplets):
    labels = ["animal" if a < 15 else "tool" for a, *_ in triplets.tolist()]
    (folder / "groups.txt").write_text("\n".join(labels) + "\n")
    (row,) = results("--groups", "groups.txt", "--ceiling", "0.7", "--permutations", "20", "--seed", "1")
    expected = pyalign.score(x, triplets, groups=labels, ceiling=0.7, ci="objects")
    assert [group["group"] for group in row["groups"]] == ["animal", "tool"]
    assert row["groups"] == expected.only.to_dict()["groups"]
    for group, one in zip(row["groups"], expected.groups, strict=True):
        assert group["ci"] == list(one.ci) and group["standard_error"] == one.standard_error
    assert row["fraction_of_ceiling"] == expected.fraction_of_ceiling
    assert (
        row["permutation_test"]["p_value"] == pyalign.permutation_test(x, triplets, n_permutations=20, seed=1).p_value
    )


def test_the_table_shows_what_was_asked_for(score, folder, triplets):
    plain = score().out
    assert "95% interval" in plain and "chance  " not in plain
    (folder / "groups.txt").write_text("a\nb\n" * (len(triplets) // 2))
    ran = score("--resamples", "64", "--groups", "groups.txt", "--ceiling", "0.7", "--permutations", "9", "--verbose")
    table, groups = ran.out.split("\n\n")
    header, _, *notes = table.splitlines()
    for word in ("95% interval", "s.e.", "of ceiling", "chance", "cross-entropy"):
        assert word in header
    told = " ".join(notes)
    assert "intervals (bootstrap, 64 resamples, seed 0) over objects, with participants treated as fixed;" in told
    assert "ceiling 70.0%" in told
    title, _, first, second = groups.splitlines()
    assert title == "x.npy with cosine, by group" and first.startswith("a ") and second.startswith("b ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--ci", "subjects"),
            "subjects must identify who answered each triplet for intervals over participants; got none",
        ),
        (
            ("--ci", "objects+subjects"),
            "subjects must identify who answered each triplet for intervals over participants; got none",
        ),
        (("--ci", "objects", "--confidence", "95"), "confidence_level must lie between 0 and 1; got 95.0"),
        (("--ci", "objects", "--seed", "9" * 12), "seed must be a whole number from 0 to 2,147,483,647; got 9999"),
        (("--ceiling", "0.2"), "ceiling must be a fraction above chance (1/3), at most 1; got 0.2"),
        (("--choice-column", "none", "--ci", "objects"), "--ci needs human choices"),
        (
            ("--ci", "objects+subjects", "--resamples", "64", "--subjects", "few.txt"),
            "ci objects+subjects needs the closed form, without resamples; got 'bootstrap'",
        ),
        (("--ci", "none", "--resamples", "64"), "--resamples 64 applies only to intervals, and --ci none omits them"),
        (("--groups", "few.txt"), "few.txt: groups must have one label per triplet (400); got 2"),
        (("--subjects", "few.txt"), "few.txt: subjects must have one entry per triplet (400); got 2"),
    ],
)
def test_bad_options_are_one_line_and_write_nothing(score_refused, folder, options, message):
    (folder / "few.txt").write_text("a\nb\n")
    assert message in score_refused(*options)


@pytest.fixture
def models(folder, x):
    np.save("y.npy", x + np.random.default_rng(3).normal(size=x.shape).astype(np.float32))
    return {"x.npy": x, "y.npy": np.load("y.npy")}


# Compare


def same_document(ran, expected):
    """But for the path of the triplets, and when and from which files."""
    assert (ran.code, ran.err) == (0, "")
    document, expected = json.loads(ran.out), expected.to_dict()
    assert document.pop("triplets") == "t.npy"
    hashes = [[one["sha256"] for one in found.pop("provenance")["inputs"]] for found in (document, expected)]
    assert hashes[0] == hashes[1]
    assert document == expected
    return document


@pytest.mark.parametrize(
    ("options", "plan"),
    [
        ((), pyalign.Resampling("objects")),
        (("--resamples", "64"), pyalign.Resampling("objects", "bootstrap", 64)),
        (("--resamples", "64", "--seed", "3"), pyalign.Resampling("objects", "bootstrap", 64, seed=3)),
        (("--ci", "triplets", "--confidence", "0.9"), pyalign.Resampling("triplets", confidence_level=0.9)),
    ],
    ids=str,
)
def test_compare_prints_what_the_python_function_finds(command, models, triplets, options, plan):
    ran = command("compare", "--embeddings", *models, "--triplets", "t.npy", *options, "--json", "--quiet")
    same_document(ran, pyalign.compare(models, triplets, ci=plan))


def test_compare_counts_people_corrects_and_chooses_the_best(command, models, triplets, people):
    options = ("--subjects", "people.npy", "--correction", "benjamini-hochberg", "--choose-best", "--json", "--quiet")
    ran = command("compare", "--embeddings", *models, "--triplets", "t.npy", *options)
    expected = pyalign.compare(
        models, pyalign.Triplets(triplets, subjects=people), correction="benjamini-hochberg", choose_best=True
    )
    document = same_document(ran, expected)
    assert (document["ci_by"], document["n_subjects"], document["n_objects"]) == ("objects+subjects", 7, 30)
    assert document["correction"] == "benjamini-hochberg"
    assert len(document["covariance"]) == len(document["cross_entropy_covariance"]) == len(models)
    assert document["best"]["in_sample_accuracy"] == max(model["accuracy"] for model in document["models"])
    assert sum(document["best"]["chosen"].values()) == pytest.approx(1.0)
    for pair in document["pairs"]:
        assert {"simultaneous_ci", "p_max_t", "p_adjusted", "standard_error"} <= set(pair)


def test_compare_has_exactly_the_promised_keys(command, models):
    ran = command("compare", "--embeddings", *models, "--triplets", "t.npy", "--choose-best", "--json", "--quiet")
    document = json.loads(ran.out)
    assert set(document) == {
        "command", "schema", "version", "models", "pairs", "n_triplets", "n_dropped", "seed", "measure", "temperature",
        "ties", "ci_by", "ci_method", "confidence", "correction", "n_objects", "covariance", "cross_entropy_covariance",
        "best", "triplets", "resamples", "n_subjects", "task", "chance", "notes", "provenance",
    }
    assert set(document["models"][0]) == {
        "model", "accuracy", "ci", "cross_entropy", "cross_entropy_ci", "n_ties", "rank", "rank_ci", "standard_error",
        "intervals", "measure",
    }
    assert set(document["pairs"][0]) == {
        "a", "b", "difference", "ci", "p_value", "p_adjusted", "cross_entropy_difference", "cross_entropy_ci",
        "simultaneous_ci", "p_max_t", "standard_error", "components", "cross_entropy_components", "intervals",
    }
    assert set(document["best"]) == {
        "model", "in_sample_accuracy", "accuracy", "ci", "chosen", "n_choices", "seed", "standard_error", "intervals",
    }


@pytest.mark.parametrize(
    "options", [(), ("--choose-best",), ("--subjects", "people.npy"), ("--resamples", "64")], ids=str
)
def test_what_score_and_compare_write_is_read_back_equal(command, folder, models, people, options):
    commands = [("compare", *models, *options)]
    if "--choose-best" not in options:
        commands += [("score", *models, *options), ("score", "x.npy", *options)]
    for one in commands:
        assert command(*one, "-t", "t.npy", "--json", "out.json").code == 0
        found = pyalign.load_result("out.json")
        assert json.loads((folder / "out.json").read_text()) == found.to_dict()
        (folder / "again.json").write_text(found.to_json())
        assert pyalign.load_result("again.json") == found
        assert str(pyalign.load_result("again.json")) == str(found)


def test_compare_shows_a_table_of_models_and_one_of_pairs(command, models):
    options = ("--triplets", "t.npy", "--labels", "one", "two", "--measure", "dot")
    ran = command("compare", "--embeddings", *models, *options)
    lines = ran.out.splitlines()
    assert ran.code == 0 and lines[0].startswith("model  accuracy") and lines[1].startswith("one ")
    assert lines[5].startswith("one - two")
    told = " ".join(lines[6:])
    assert "intervals (closed form) over objects, with participants treated as fixed;" in told and "30 objects;" in told
    drawn = command("compare", "--embeddings", *models, *options, "--resamples", "64")
    told = " ".join(drawn.out.splitlines()[6:])
    assert "intervals (bootstrap, 64 resamples, seed 0) over objects, with participants treated as fixed;" in told


def test_compare_names_the_best_and_what_choosing_it_did(command, models, triplets):
    text = " ".join(command("compare", *models, "-t", "t.npy", "--choose-best").out.split())
    best = pyalign.compare(models, triplets, choose_best=True).best
    assert f"best: {best.model[0]}, {100 * best.in_sample_accuracy:.1f}% on the triplets that chose it" in text
    assert f"scored on the others: {100 * best.accuracy:.1f}%, 95% interval" in text
    assert "best:" not in command("compare", *models, "-t", "t.npy").out


@pytest.mark.parametrize(("correction", "word"), [("holm", "Holm"), ("benjamini-hochberg", "B.-H.")])
def test_the_table_of_pairs_says_how_p_is_corrected(command, models, x, correction, word):
    np.save("w.npy", x[:, :3])
    ran = command("compare", *models, "w.npy", "-t", "t.npy", "--correction", correction)
    assert f"p ({word})" in ran.out and "p (max-t)" in ran.out and "corrected for 3 pairs" in " ".join(ran.out.split())


def test_tables_of_many_pairs_show_those_that_follow_each_other_by_rank(command, folder, x):
    """Of 11 models 10 of 55 pairs; all with --verbose."""
    names = [f"m{k}.npy" for k in range(11)]
    for k, name in enumerate(names):
        np.save(name, x + 0.1 * k * np.random.default_rng(k).normal(size=x.shape))
    ran = command("compare", *names, "-t", "t.npy")
    assert sum(" - " in line for line in ran.out.splitlines()) == 10
    assert "55 pairs, of which those of models next to each other by rank are shown" in " ".join(ran.out.split())
    ran = command("compare", *names, "-t", "t.npy", "--verbose")
    assert sum(" - " in line for line in ran.out.splitlines()) == 55


def test_compare_notes_resamples_that_are_too_few_for_its_pairs(command, folder, models, x):
    np.save("w.npy", x[:, :3])
    ran = command("compare", *models, "w.npy", "-t", "t.npy", "--resamples", "100")
    assert [line for line in ran.err.splitlines() if line.startswith("note: 100 resamples are too few for 3 pairs")]
    assert "too few" not in command("compare", *models, "w.npy", "-t", "t.npy").err


def test_compare_matches_rows_by_name(command, folder, models, x, triplets):
    """A second model whose rows stand in another order, with their names in the file."""
    names = [f"item{k}" for k in range(len(x))]
    order = np.random.default_rng(5).permutation(len(x))
    for path, rows, of_rows in (("a.csv", x, names), ("b.csv", x[order], [names[k] for k in order])):
        lines = [",".join([name, *map(str, row)]) for name, row in zip(of_rows, rows.tolist(), strict=True)]
        (folder / path).write_text("\n".join(["name," + ",".join("abcdef"), *lines]) + "\n")
    (folder / "named.csv").write_text("\n".join(",".join(names[k] for k in row) for row in triplets.tolist()) + "\n")
    ran = command("compare", "--embeddings", "a.csv", "b.csv", "--triplets", "named.csv", "--json")
    (pair,) = json.loads(ran.out)["pairs"]
    assert (pair["difference"], pair["ci"]) == (0.0, [0.0, 0.0])


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
        options = ("--embeddings", first, *others, "--triplets", "named.csv", "--json", "--quiet")
        ran = command("compare", *options)
        assert (ran.code, ran.err) == (0, "")
        found = json.loads(ran.out)
        assert {(pair["difference"], *pair["ci"]) for pair in found["pairs"]} == {(0.0, 0.0, 0.0)}
        assert found["models"][0]["accuracy"] == pytest.approx(pyalign.score(x, triplets).accuracy)


def test_compare_needs_answers(refused, models):
    message = refused("compare", "--embeddings", *models, "--triplets", "t.npy", "--choice-column", "none")
    assert message == "t.npy: compare needs human choices, which --choice-column none says are not recorded"


def test_compare_refuses_in_one_line(refused, models, folder, x):
    np.save("short.npy", x[:20])
    ask = ("compare", "--triplets", "t.npy", "--json", "out.json", "--embeddings")
    assert refused(*ask, "x.npy", "y.npy", "--resamples", "1") == (
        "n_resamples must be a whole number from 2 to 2,147,483,647; got 1"
    )
    assert refused(*ask, "x.npy") == "compare needs at least two models; got 1: 'x.npy'"
    assert refused(*ask, "x.npy", "x.npy") == "--embeddings must differ; got x.npy 2 times"
    message = refused(*ask, "x.npy", "short.npy")
    assert message == "t.npy: models must have the same number of items; got x.npy: 30, short.npy: 20"
    assert refused(*ask, "x.npy", "y.npy", "--labels", "a") == "--labels must name each of 2 models; got 1"
    broken = x.copy()
    broken[2] = np.nan
    np.save("broken.npy", broken)
    assert "broken.npy: embeddings must be finite; 1 of 30 rows" in refused(*ask, "x.npy", "broken.npy")


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--ci", "none", "--confidence", "0.9"), "--confidence 0.9 applies only to intervals, and --ci none omits them")],
)
def test_options_that_serve_nothing_say_what_would_take_them(score_refused, options, message):
    assert message in score_refused(*options)


def test_compare_without_intervals_has_rows_without_them(command, refused, folder):
    np.save("y.npy", np.random.default_rng(8).normal(size=(30, 6)))
    ran = command("compare", "x.npy", "y.npy", "-t", "t.npy", "--ci", "none", "--json", "c.json", "--csv", "c.csv")
    assert ran.code == 0
    assert "interval" not in ran.out and "s.e." not in ran.out
    document = json.loads((folder / "c.json").read_text())
    assert [row["ci"] for row in document["models"]] == [None, None]
    assert document["ci_by"] is None
    assert command("plot", "c.json", "--out", "c.svg").code == 0
    assert command("report", "c.json", "--out", "c.html").code == 0
    said = refused("compare", "x.npy", "y.npy", "-t", "t.npy", "--ci", "none", "--choose-best")
    assert said == "--choose-best applies only to intervals, and --ci none omits them"
    said = refused("compare", "x.npy", "y.npy", "-t", "t.npy", "--ci", "none", "--correction", "benjamini-hochberg")
    assert said == "--correction benjamini-hochberg applies only to intervals, and --ci none omits them"
