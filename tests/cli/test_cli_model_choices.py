"""`--model-choices`: what `score --choices` has written has the figures of the embeddings; what these need is not."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pyalign

SAME = (
    "accuracy", "n_triplets", "n_ties", "n_dropped", "ties", "task", "chance", "ci", "standard_error", "ci_by",
    "ci_method", "confidence",
)


@pytest.fixture
def written(score):
    """c.npy and p.npy as `score` writes them, of x.npy on t.npy; the row of its document."""

    def run(*options, on="t.npy"):
        ran = score("--choices", "c.npy", "--probabilities", "p.npy", "--json", "--quiet", *options, on=on)
        assert (ran.code, ran.err) == (0, "")
        return json.loads(ran.out)["results"][0]

    return run


@pytest.fixture
def choices(command):
    """``choices("c.npy", "--ci", "none")``: the rows of the document of `pyalign score --model-choices`."""

    def run(*files_and_options, on="t.npy"):
        ran = command("score", "--model-choices", *files_and_options, "-t", on, "--json", "--quiet")
        assert (ran.code, ran.err) == (0, "")
        return json.loads(ran.out)["results"]

    return run


def same(found, expected, names=SAME):
    assert {name: found.get(name) for name in names} == {name: expected.get(name) for name in names}


@pytest.mark.parametrize(
    "options", [(), ("--ci", "objects"), ("--ci", "none"), ("--ci", "triplets", "--resamples", 64, "--seed", 3)]
)
def test_the_figures_are_those_of_the_embeddings_that_made_the_choices(written, choices, options):
    expected = written(*options)
    positions, probabilities = choices("c.npy", "p.npy", *options)
    for row, kind in ((positions, "positions"), (probabilities, "probabilities")):
        same(row, expected)
        assert row["model_choices"] == kind
        assert (row["measure"], row["temperature"]) == (None, None)
    assert (positions["cross_entropy"], positions["mean_entropy"]) == (None, None)
    assert probabilities["cross_entropy"] == pytest.approx(expected["cross_entropy"], rel=1e-6)
    assert probabilities["mean_entropy"] == pytest.approx(expected["mean_entropy"], rel=1e-6)


@pytest.mark.parametrize("column", [("--columns", "1,2,0"), ("--choice-column", "3")])
def test_positions_are_those_of_the_file(written, choices, folder, triplets, column):
    if "--choice-column" in column:
        wide = np.column_stack([triplets, np.arange(len(triplets)) % 3])
        np.save("t.npy", wide)
    expected = written(*column)
    (found,) = choices("c.npy", *column)
    same(found, expected)


def test_people_groups_and_ceilings_serve_choices_too(written, choices, folder, triplets):
    (folder / "who.txt").write_text("".join(f"p{k % 7}\n" for k in range(len(triplets))))
    (folder / "groups.txt").write_text("".join(f"g{k % 3}\n" for k in range(len(triplets))))
    options = ("--subjects", "who.txt", "--groups", "groups.txt", "--ceiling", 0.7)
    expected = written(*options)
    (found,) = choices("c.npy", *options)
    same(found, expected, (*SAME, "ceiling", "ceiling_name", "fraction_of_ceiling"))
    assert found["ci_by"] == "objects+subjects"
    assert [(g["group"], g["accuracy"], g["ci"]) for g in found["groups"]] == [
        (g["group"], g["accuracy"], g["ci"]) for g in expected["groups"]
    ]
    assert {g["cross_entropy"] for g in found["groups"]} == {None}


@pytest.mark.parametrize(("columns", "base"), [("0,1,2", 1), ("2,0,1", 1)])
def test_options_of_anchored_triplets(written, choices, columns, base):
    options = ("--task", "anchored", "--columns", columns)
    expected = written(*options)
    assert expected["chance"] == 0.5
    (positions,) = choices("c.npy", "--choice-base", base, *options)
    same(choices("c.npy", *options)[0], positions)  # the range says it
    (probabilities,) = choices("p.npy", *options)
    same(positions, expected)
    same(probabilities, expected)


def test_names_with_what_items_are_called(written, choices, folder, triplets):
    names = [f"item {k}" for k in range(30)]
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in names))
    expected = written()
    odd = np.take_along_axis(triplets, np.load("c.npy")[:, None].astype(int), 1)[:, 0]
    (folder / "gpt.txt").write_text("".join(f"{names[k]}\n" for k in odd))
    (found,) = choices("gpt.txt", "--item-names", "names.txt")
    same(found, expected)
    assert (found["model_choices"], found["embeddings"]) == ("names", "gpt.txt")


def test_a_text_that_counts_from_one_with_holes(choices, folder, triplets):
    chosen = np.random.default_rng(0).integers(0, 3, len(triplets))
    lines = [str(k + 1) for k in chosen]
    lines[:5], lines[5:8] = ["nan"] * 5, ["-1"] * 3
    (folder / "gpt.csv").write_text("choice\n" + "\n".join(lines) + "\n")
    (found,) = choices("gpt.csv", "--choice-base", 1, "--nan", "omit", "--ties", "wrong")
    same(choices("gpt.csv", "--nan", "omit", "--ties", "wrong")[0], found)
    assert (found["n_dropped"], found["n_ties"], found["n_triplets"]) == (5, 3, len(triplets) - 5)
    assert found["accuracy"] == (chosen[8:] == 2).sum() / (len(triplets) - 5)


def test_the_table_has_a_row_for_each_file_and_nothing_of_similarities(command, written, folder):
    written()
    ran = command(
        "score", "--model-choices", "c.npy", "p.npy", "--labels", "gpt", "crowd", "-t", "t.npy", "--ci", "none"
    )
    assert ran.code == 0
    header, *rows = ran.out.splitlines()
    assert header.split()[:2] == ["choices", "accuracy"]
    assert [row.split()[0] for row in rows[:2]] == ["gpt", "crowd"]
    told = " ".join(rows)
    assert "T =" not in told and "measure" not in told and "chance 33.3%" in told
    alone = command("score", "--model-choices", "c.npy", "-t", "t.npy", "--verbose").out
    assert "nats" not in alone


def test_choices_and_embeddings_stand_in_one_table(command, written, folder):
    written()
    words = ("score", "x.npy", "--model-choices", "c.npy", "--labels", "clip", "gpt", "-t", "t.npy")
    ran = command(*words, "--json", "both.json", "--choices", "o.npy")
    assert ran.code == 0, ran.err
    both = pyalign.load_result("both.json")
    assert [row.label for row in both] == ["clip", "gpt"] and np.load("o.npy").ndim == 1
    command("score", "x.npy", "-t", "t.npy", "--json", "rows.json")
    command("score", "--model-choices", "c.npy", "-t", "t.npy", "--json", "choices.json")
    apart = [pyalign.load_result(name).only for name in ("rows.json", "choices.json")]
    assert [(row.accuracy, row.ci) for row in both] == [(one.accuracy, one.ci) for one in apart]


def test_notes_count_the_answers_that_name_none(command, folder, triplets):
    np.save("c.npy", np.full(len(triplets), -1))
    ran = command("score", "--model-choices", "c.npy", "-t", "t.npy", "--ci", "none")
    assert f"note: c.npy: {len(triplets)} of {len(triplets)} choices name none (-1): each counts as a tie" in ran.err
    assert "33.3%" in ran.out.splitlines()[1]


def test_the_document_is_read_back(command, written, folder):
    written()
    assert command("score", "--model-choices", "c.npy", "-t", "t.npy", "--json", "s.json").code == 0
    found = pyalign.load_result("s.json")
    assert found[0].accuracy == pyalign.score_choices(np.load("c.npy"), np.load("t.npy")).accuracy
    assert found.to_json() + "\n" == (folder / "s.json").read_text()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--measure", "dot", "cosine"), "--measure dot cosine applies only to embeddings, not to --model-choices"),
        (("--temperature", 2), "--temperature 2.0 applies only to embeddings, not to --model-choices"),
        (("--transform", "w.npz"), "--transform w.npz applies only to embeddings, not to --model-choices"),
        (("--permutations", 10), "--permutations 10 applies only to embeddings, not to --model-choices"),
        (("--choices", "o.npy"), "--choices o.npy applies only to embeddings, not to --model-choices"),
        (("--probabilities", "o.npy"), "--probabilities o.npy applies only to embeddings, not to --model-choices"),
        (("--choice-column", "none"), "--model-choices needs human choices, which --choice-column none says are not "
                                   "recorded"),
        (("--ties", "human_alignment"), "ties must be one of fractional, wrong; got 'human_alignment'"),
        (("--ceiling", 0.2), "c.npy with t.npy: ceiling must be a fraction above chance (1/3), at most 1; got 0.2"),
        (("--choice-base", 1), "c.npy with t.npy: choices must be 1, 2 or 3, or -1 for none of them; row"),
        (("--task", "anchored"), "c.npy with t.npy: choices must be 0 or 1, or -1 for none of them; row"),
    ],
)
def test_what_serves_embeddings_alone_or_nothing_is_one_line(refused, folder, triplets, options, expected):
    np.save("c.npy", np.arange(len(triplets)) % 3)
    told = refused("score", "--model-choices", "c.npy", "-t", "t.npy", "--json", "out.json", *options)
    assert told.startswith(expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            np.zeros(5, int),
            "c.npy with t.npy: choices must have one entry per triplet, shape (400,) or (400, 3); got (5,)",
        ),
        (np.zeros((2, 400), int), "c.npy with t.npy: choices must have one entry per triplet"),
        (
            np.full(400, np.nan),
            "c.npy with t.npy: choices must answer the triplets; 400 have no answer, row 0 is the first",
        ),
        (np.ones((400, 3)), "c.npy with t.npy: choices must sum to 1 in each row; row 0 sums to 3"),
        (np.array(["dog"] * 400), "c.npy with t.npy: choices hold names, the triplets do not"),
        (np.zeros((2, 2, 2)), "c.npy: choices must be t positions or names, or probabilities (t, 3)"),
    ],
)
def test_a_file_of_something_else_is_told_by_its_name(refused, folder, values, expected):
    np.save("c.npy", values)
    assert refused("score", "--model-choices", "c.npy", "-t", "t.npy", "--json", "out.json").startswith(expected)


def test_the_same_file_twice_a_missing_one_and_a_base_without_choices(refused, folder, triplets):
    np.save("c.npy", np.zeros(len(triplets), int))
    told = refused("score", "--model-choices", "c.npy", "c.npy", "-t", "t.npy")
    assert told == "--model-choices must differ, from other models too; got c.npy 2 times"
    assert refused("score", "--model-choices", "no.npy", "-t", "t.npy") == "no.npy: No such file or directory"
    told = refused("score", "x.npy", "-t", "t.npy", "--choice-base", 1)
    assert told == "--choice-base 1 applies only to positions of choices: add --choice-column or --model-choices"
    told = refused("score", "--model-choices", "c.npy", "-t", "t.npy", "--json", "c.npy")
    assert "c.npy" in told


def test_embeddings_are_still_required_without_choices(command, folder):
    ran = command("score", "-t", "t.npy")
    assert ran.code == 2
    assert "the following arguments are required: --embeddings, --matrix or --model-choices\n" in ran.err
    ran = command("compare", "-t", "t.npy")
    assert ran.code == 2
    assert "the following arguments are required: --embeddings, --matrix or --model-choices\n" in ran.err
    for name in ("consistency", "calibrate", "failures", "concepts"):
        assert "are required: --embeddings or --model-choices\n" in command(name, "-t", "t.npy").err
    assert "are required: -t/--triplets\n" in command("concepts", "x.npy").err
    assert "are required: --embeddings\n" in command("neighbors", "search").err


@pytest.fixture
def spoken(folder, triplets):
    """Options for gpt.txt, in which a model calls item 3 of triplets "Item 3.", and does not know two of them."""
    (folder / "names.txt").write_text("".join(f"item_{k}\n" for k in range(30)))
    lines = [f"Item {k}." for k in triplets[:, 2]]
    lines[5] = lines[9] = "I don't know"
    (folder / "gpt.txt").write_text("".join(f"{line}\n" for line in lines))
    return "gpt.txt", "-t", "t.npy", "--item-names", "names.txt"


def test_answers_in_words_are_matched_and_counted(command, refused, spoken):
    told = refused("score", "--model-choices", *spoken)
    assert told.startswith(
        "gpt.txt with t.npy: choices must each name an item of its triplet; 2 do not, row 5 is the first: "
        '"I don\'t know", not one of '
    )
    assert told.endswith("; --unreadable omit leaves these triplets out")
    ran = command("score", "--model-choices", *spoken, "--unreadable", "omit", "--json")
    assert ran.code == 0
    (row,) = json.loads(ran.out)["results"]
    assert (row["accuracy"], row["n_dropped"]) == (1.0, 2)
    assert "note: gpt.txt: 398 of 400 choices are other spellings of items' names: 'Item " in ran.err
    assert '2 of 400 choices name no item of their triplet ("I don\'t know", ...) and are left out' in ran.err


def test_what_was_dropped_is_said_below_the_table(command, spoken):
    ran = command("score", "--model-choices", *spoken, "--unreadable", "omit")
    assert "2 dropped (the answer names no item)" in ran.out.replace("\n", " ")
    ran = command("consistency", "x.npy", "--model-choices", *spoken, "--unreadable", "omit")
    assert "2 dropped (NaN, or a model without an answer)" in ran.out.replace("\n", " ")


def test_unknown_answers_of_consistency_too(command, refused, spoken):
    told = refused("consistency", "x.npy", "--model-choices", *spoken)
    assert told.endswith("; --unreadable omit leaves these triplets out")
    ran = command("consistency", "x.npy", "--model-choices", *spoken, "--unreadable", "omit", "--json")
    assert json.loads(ran.out)["n_dropped"] == 2
    assert refused("consistency", "x.npy", "x.npy", "-t", "t.npy", "--unreadable", "omit") == (
        "--unreadable omit applies only to choices: add --model-choices"
    )


@pytest.mark.parametrize("option", ["--missing", "--nan"])
def test_triplets_that_were_left_out_are_left_out_again(command, written, choices, folder, x, triplets, option):
    """-2 is no tie: the accuracy is that of the triplets that were scored, and a note counts the others."""
    names, kept = np.array([letter * 3 for letter in "abcdefghijklmnopqrstuvwxyzåäöø"]), (triplets < 20).all(axis=1)
    (folder / "t.csv").write_text("".join(",".join(row) + "\n" for row in names[triplets].tolist()))
    n = 20 if option == "--missing" else 30
    x[20:] = np.nan
    np.save("x.npy", x[:n])
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in names[:n]))
    ran = command(
        "score", "x.npy", "--names", "names.txt", "-t", "t.csv", option, "omit", "--ci", "objects",
        "--choices", "c.npy", "--json", "--quiet",
    )
    assert (ran.code, ran.err) == (0, "")
    expected = json.loads(ran.out)["results"][0]
    (found,) = choices("c.npy", "--ci", "objects", on="t.csv")
    same(found, expected, [name for name in SAME if name != "n_dropped"])
    assert (found["n_triplets"], found["n_dropped"]) == (kept.sum(), (~kept).sum())
    told = f"note: c.npy: {(~kept).sum()} of {len(triplets)} triplets were left out where the choices were made (-2)"
    ran = command("score", "--model-choices", "c.npy", "-t", "t.csv")
    assert told in ran.err and f"{(~kept).sum()} dropped (no answer)" in ran.out.replace("\n", " ")


CATEGORIES = "".join(f"{'abc'[k % 3]}\n" for k in range(30))
NATS = ("cross_entropy", "cross_entropy_ci", "cross_entropy_difference")


def figures(part, *apart):
    """A part of a document without names, cross-entropies and what else only embeddings have; lists in any order."""
    left_out = {
        *NATS,
        *apart,
        "cross_entropy_components",
        "model",
        "a",
        "b",
        "embeddings",
        "other",
        "measure",
        "model_choices",
        "temperature",
    }
    if isinstance(part, dict):
        return {key: figures(value, *apart) for key, value in part.items() if key not in left_out}
    return [figures(one, *apart) for one in part] if isinstance(part, list) else part


@pytest.fixture
def documents(command, folder, x, triplets):
    """``documents("compare", ...)``: of y.npy and x.npy, and of the choices that `score --choices` wrote of both."""
    np.save("y.npy", x + np.random.default_rng(9).normal(size=x.shape).astype(x.dtype))
    (folder / "kinds.txt").write_text(CATEGORIES)
    for name in ("x", "y"):
        written = ("--choices", f"{name}-c.npy", "--probabilities", f"{name}-p.npy")
        assert command("score", f"{name}.npy", "-t", "t.npy", "--quiet", *written).code == 0

    def run(name, *options):
        given = ["x.npy", "y.npy"], ["--model-choices", "x-c.npy", "y-c.npy"], ["x.npy", "--model-choices", "y-p.npy"]
        ran = [command(name, *models, "-t", "t.npy", "--json", "--quiet", *options) for models in given]
        assert [(one.code, one.err) for one in ran] == [(0, "")] * 3
        return [json.loads(one.out) for one in ran]

    return run


def test_two_language_models_are_compared_with_paired_intervals(documents):
    expected, *others = documents("compare")
    for found in others:
        for part in ("models", "pairs"):
            assert figures(found[part]) == figures(expected[part])
    hard, mixed = others
    assert {hard[name] for name in ("measure", "temperature")} == {None}
    assert hard["pairs"][0]["p_value"] is not None and hard["pairs"][0]["standard_error"] > 0
    assert hard["pairs"][0]["cross_entropy_difference"] is None
    assert [one.get("model_choices") for one in mixed["models"]] == [None, "probabilities"]
    assert mixed["pairs"][0]["cross_entropy_ci"] is not None and mixed["measure"] == "cosine"


def test_concepts_of_choices(documents):
    expected, *others = documents("concepts", "--categories", "kinds.txt", "--minimum", 5)
    for found in others:
        for part in ("results", "differences"):
            assert figures(found[part]) == figures(expected[part])


def test_failures_of_choices(documents):
    expected, *others = documents("failures", "--families", "a", "b")
    for found in others:
        assert found["n_wrong"] == expected["n_wrong"]
        for group, same in zip(found["groups"], expected["groups"], strict=True):
            rows, of_same = (
                sorted((one["row"], *one["choices"].values()) for one in part["triplets"]) for part in (group, same)
            )
            assert rows == of_same and group["n"] == same["n"]


def test_agreement_of_choices(documents, folder, triplets):
    np.save("counts.npy", np.random.default_rng(3).integers(1, 9, triplets.shape))
    expected, *others = documents("calibrate", "--answers", "counts.npy", "--minimum", 2)
    for found in others:
        for one, same in zip(found["results"], expected["results"], strict=True):
            for name in ("accuracy", "majority_accuracy", "majority_share"):
                assert one[name] == pytest.approx(same[name])
    hard, mixed = others
    assert {hard["results"][0][name] for name in ("share_pearson", "kl", "js_distance", "model_entropy")} == {None}
    assert mixed["results"][1]["kl"] == pytest.approx(expected["results"][1]["kl"], rel=1e-4)


def test_consistency_of_choices(documents):
    expected, *others = documents("consistency")
    for found in others:
        assert [one["kappa"] for one in found["pairs"]] == [one["kappa"] for one in expected["pairs"]]


def test_calibration_of_probabilities_alone(command, documents, refused, folder, triplets):
    documents("compare")
    chosen = np.load("x-c.npy").astype(int)
    people = np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[chosen], axis=1)
    people[::3] = triplets[::3]
    np.save("people.npy", people)
    assert command("score", "x.npy", "-t", "people.npy", "--probabilities", "p.npy").code == 0
    words = ("calibrate", "x.npy", "--model-choices", "p.npy", "-t", "people.npy", "--split", "none")
    ran = command(*words, "--labels", "rows", "file", "--json")
    rows, file = json.loads(ran.out)["results"]
    assert file["temperature"] == pytest.approx(rows["temperature"], rel=1e-4)
    assert (file["measure"], file["model_choices"], file["label"]) == (None, "probabilities", "file")
    assert refused("calibrate", "--model-choices", "x-c.npy", "-t", "t.npy") == (
        "x-c.npy: choices must be probabilities for a temperature, which divides their logarithms; got positions, of "
        "which it changes nothing"
    )


def test_a_target_embedding_answers_for_the_probabilities_too(command, documents, folder, x):
    documents("compare")
    names = [f"item{k:02d}" for k in range(30)]
    np.savez("x.npz", features=x, names=names)
    np.savez("target.npz", features=x[:25], names=names[:25])
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in names))
    words = ("--human", "target.npz", "-t", "t.npy", "--item-names", "names.txt", "--missing", "omit")
    ran = command("calibrate", "x.npz", "--model-choices", "x-p.npy", *words, "--split", "none", "--json")
    assert ran.code == 0, ran.err
    rows, file = json.loads(ran.out)["results"]
    assert file["temperature"] == pytest.approx(rows["temperature"], rel=1e-4)
    assert file["fit"]["n_triplets"] == rows["fit"]["n_triplets"] < 400


def test_labels_name_choices_after_embeddings(command, documents):
    documents("compare")
    words = ("x.npy", "--model-choices", "y-c.npy", "-t", "t.npy", "--labels", "clip", "gpt", "--ci", "none")
    for name in ("compare", "concepts", "consistency"):
        more = ("--categories", "kinds.txt") if name == "concepts" else ()
        out = command(name, *words, *more).out
        assert "clip" in out and "gpt" in out and "y-c" not in out
    for name in ("failures", "calibrate"):
        out = command(name, *[word for word in words if word not in ("--ci", "none")],
                      *(("--minimum", 1) if name == "calibrate" else ())).out
        assert "clip" in out and "gpt" in out and "y-c" not in out


@pytest.mark.parametrize("name", ["compare", "failures", "concepts", "calibrate", "consistency"])
def test_what_serves_embeddings_is_refused_without_any(refused, documents, name):
    documents("compare")
    words = (name, "--model-choices", "x-p.npy", "y-p.npy", "-t", "t.npy")
    words += ("--categories", "kinds.txt") if name == "concepts" else ()
    assert refused(*words, "--measure", "dot") == "--measure dot applies only to embeddings, not to --model-choices"
    told = refused(*words[:3], "x-p.npy", *words[4:])
    assert told == "--model-choices must differ, from other models too; got x-p.npy 2 times"
    told = refused(name, "x.npy", "--model-choices", "x.npy", *words[4:])
    assert told == "--model-choices must differ, from other models too; got x.npy 2 times"
    told = refused(name, "x.npy", "y.npy", "-t", "t.npy", "--unreadable", "omit", *words[6:])
    assert told == "--unreadable omit applies only to choices: add --model-choices"


def test_the_base_speaks_of_the_column_of_the_file_and_of_the_choices(command, documents, triplets):
    documents("compare")
    wide = np.column_stack([triplets, np.full(len(triplets), 3)])
    np.save("wide.npy", wide)
    np.save("from-one.npy", np.load("x-c.npy") + 1)
    words = ("compare", "--model-choices", "from-one.npy", "x-p.npy", "-t", "wide.npy", "--choice-column", 3)
    ran = command(*words, "--choice-base", 1, "--json", "--quiet")
    assert json.loads(ran.out)["pairs"][0]["difference"] == 0
    ran = command(*words, "--json")
    assert json.loads(ran.out)["pairs"][0]["difference"] == 0
    assert "note: from-one.npy: choices are taken to count from 1: 3 is among them and 0 is not\n" in ran.err
