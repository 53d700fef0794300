"""`pyalign calibrate`, and `pyalign score --temperature FILE::MODEL/MODULE`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign
from pyalign.datasets.simulate import simulate


@pytest.fixture
def x():
    return reals(1, 30, 6)


@pytest.fixture
def triplets(x):
    return simulate(x, 4000, temperature=0.4, seed=2).triplets


@pytest.fixture
def calibrate(command, folder):
    """``calibrate("--split", "none")``: the command on x.npy and t.npy."""

    def run(*options, embeddings=("x.npy",), on="t.npy"):
        return command("calibrate", "--embeddings", *embeddings, "--triplets", on, *options)

    return run


@pytest.fixture
def rows(calibrate):
    """The ``results`` of the JSON document, without where they come from."""

    def run(*options, **files):
        ran = calibrate(*options, "--json", "--quiet", **files)
        assert (ran.code, ran.err) == (0, "")
        return [{name: row[name] for name in row if name not in APART} for row in json.loads(ran.out)["results"]]

    return run


APART = {"command", "schema", "version", "notes", "provenance", "seconds"}


def plain(calibration, **more):
    """A calibration as its JSON gives it back."""
    document = {**calibration.only.to_dict(), **more}
    return json.loads(json.dumps({name: document[name] for name in document if name not in APART}))


@pytest.mark.parametrize(
    "options,arguments",
    [
        ((), {}),
        (("--split", "none"), {"split": None}),
        (("--split", "triplets"), {"split": "triplets"}),
        (("--measure", "neg_euclidean", "--ties", "wrong"), {"measure": "neg_euclidean", "ties": "wrong"}),
        (("--backend", "numpy"), {"backend": "numpy"}),
        (("--ci", "triplets", "--confidence", 0.9), {"ci": pyalign.Resampling("triplets", confidence_level=0.9)}),
        (("--ci", "none"), {"ci": None}),
    ],
    ids=str,
)
def test_options_are_those_of_the_function(rows, x, triplets, options, arguments):
    (row,) = rows(*options)
    assert row == plain(pyalign.calibrate(x, triplets, **arguments), embeddings="x.npy")


def test_a_table_with_a_row_for_each_embedding_and_measure(calibrate, rows, x):
    np.save("y.npy", x * 2)
    options = {"embeddings": ("x.npy", "y.npy")}
    found = rows("--measure", "cosine", "dot", **options)
    assert [(row["embeddings"], row["measure"]) for row in found] == [
        ("x.npy", "cosine"), ("x.npy", "dot"), ("y.npy", "cosine"), ("y.npy", "dot")]
    assert found[3]["temperature"] == pytest.approx(4 * found[1]["temperature"], rel=1e-6)
    lines = calibrate("--measure", "cosine", "dot", "--verbose", **options).out.splitlines()
    assert len(lines) == 10
    for line, row in zip(lines[1:], found, strict=False):
        cells = line.split()
        assert cells[:2] == [row["embeddings"], row["measure"]]
        low, high = (f"{end:.5g}" for end in row["temperature_ci"])
        assert cells[2:6] == [f"{row['temperature']:.5g}", low, "to", high]
        low, high = (f"{end:.5f}" for end in row["test"]["cross_entropy_ci"])
        assert cells[8:12] == [f"{row['test']['cross_entropy']:.5f}", low, "to", high]
        low, high = (f"{100 * end:.1f}" for end in row["test"]["accuracy_ci"])
        assert " ".join(cells[-5:-1]) == f"{100 * row['test']['accuracy']:.1f}% {low} to {high}%"
    assert "T from all 4,000 answers; held out: each at the T of those that share no" in " ".join(lines[5:])


def test_one_result_shows_its_reliability(calibrate, rows):
    (row,) = rows()
    lines = calibrate().out.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("confidence"))
    assert [int(line.split()[-1]) for line in lines[start + 1 :]] == [c for c in row["equal_mass"]["count"] if c]


def test_labels_stand_in_the_table_and_beside_the_files_names(calibrate, rows, x):
    np.save("y.npy", x * 2)
    options = {"embeddings": ("x.npy", "y.npy")}
    found = rows("--labels", "small", "large", "--measure", "cosine", "dot", **options)
    assert [(row["label"], row["embeddings"]) for row in found] == [
        ("small", "x.npy"), ("small", "x.npy"), ("large", "y.npy"), ("large", "y.npy")]
    out = calibrate("--labels", "small", "large", **options).out
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["small", "large"]


def test_the_table_is_that_of_the_functions_result_and_documents_come_back(calibrate, folder):
    ran = calibrate("--json", "out.json", "--csv", "out.csv")
    found = pyalign.load_result("out.json")
    assert isinstance(found, pyalign.results.Calibrations) and ran.out == found.table() + "\n"
    assert (folder / "out.csv").read_text() == found.to_csv()
    inputs = {one.name: (one.source, one.sha256 is not None) for one in found.provenance.inputs}
    assert inputs == {"x.npy": ("x.npy", True), "triplets": ("t.npy", True)}
    assert found.provenance.options["command_line"]["embeddings"] == ["x.npy"]


# Answers of many people


@pytest.mark.parametrize("suffix", ["npy", "npz::counts", "csv"])
def test_counts_come_from_any_file(rows, x, triplets, suffix):
    counts = np.random.default_rng(0).integers([0, 0, 2], [4, 4, 6], (4000, 3))
    np.save("counts.npy", counts), np.savez("counts.npz", counts=counts)
    np.savetxt("counts.csv", counts, fmt="%d", delimiter=",")
    (row,) = rows("--answers", f"counts.{suffix}", "--choice-column", "none")
    assert row == plain(pyalign.calibrate(x, triplets, answers=counts), embeddings="x.npy")
    assert (row["answers"], row["targets"]) == ("counts", "counts")


def test_probabilities_from_text_may_be_rounded(rows, x, triplets):
    p = pyalign.choice_probabilities(x, triplets, temperature=0.3)
    np.savetxt("p.csv", p, fmt="%.4f", delimiter=",")
    (row,) = rows("--answers", "p.csv")
    assert row["targets"] == "probabilities"
    assert row["temperature"] == pytest.approx(0.3, rel=1e-3)


def test_answers_follow_the_items_where_the_odd_one_stands_elsewhere_in_the_file(rows, x, triplets):
    """Also as in Python, where the answers of the call are by the positions in the file too."""
    p = np.random.default_rng(0).dirichlet([1, 1, 3], 4000)
    first = p[:, [2, 0, 1]]
    np.save("p.npy", p), np.save("p_first.npy", first), np.save("first.npy", triplets[:, [2, 0, 1]])
    np.savetxt("choice.csv", np.column_stack([triplets[:, [2, 0, 1]], np.zeros(4000, int)]), "%d", ",")
    (row,) = rows("--answers", "p.npy")
    for options, on in (
        (("--choice-column", "none"), "first.npy"),
        (("--choice-column", 3, "--choice-base", 0, "--columns", "0,1,2"), "choice.csv"),
    ):
        (same,) = rows("--answers", "p_first.npy", *options, on=on)
        assert same["temperature"] == pytest.approx(row["temperature"])
        for name, value in row["test"].items():
            assert name == "intervals" or same["test"][name] == pytest.approx(value)
    read = pyalign.load_triplets("choice.csv", columns=(0, 1, 2), choice_column=3, choice_base=0)
    assert plain(pyalign.calibrate(x, read, answers=first), embeddings="x.npy") == same


def test_answers_come_from_one_place(calibrate):
    ran = calibrate("--answers", "p.npy", "--human", "x.npy")
    assert ran.code == 2 and "not allowed with argument" in ran.err


def test_concepts_have_the_items_that_numbers_stand_for_among_the_models(rows, x, triplets):
    """Numbers are rows of the embeddings, whose names the concepts have in another order."""
    names, order = np.array([f"item{k:02d}" for k in range(30)]), np.random.default_rng(1).permutation(30)
    concept = np.abs(reals(9, 30, 4))
    np.save("plain.npy", concept), np.savez("x.npz", features=x, names=names)
    np.savez("c.npz", features=concept[order], names=names[order])
    (row,) = rows("--human", "plain.npy")
    (same,) = rows("--human", "c.npz", embeddings=("x.npz",))
    assert same["temperature"] == pytest.approx(row["temperature"], rel=1e-6)


def test_a_concept_embedding_makes_targets(rows, x, triplets):
    concept = np.abs(reals(9, 30, 4)) / 1.5
    np.save("vice.npy", concept)
    (row,) = rows("--human", "vice.npy")
    p = pyalign.choice_probabilities(concept, triplets, measure="dot")
    assert row == plain(pyalign.calibrate(x, triplets, answers=p), embeddings="x.npy")
    assert row["divergences"]["js_distance"] > 0


def test_choice_probabilities_of_another_measure_and_temperature_are_answers_of_a_file(rows, command, x, triplets):
    concept = np.exp(x)
    np.save("vice.npy", concept)
    ask = ("score", "vice.npy", "-t", "t.npy", "--measure", "cosine", "--temperature", 0.2)
    assert command(*ask, "--probabilities", "p.npy").code == 0
    (row,) = rows("--answers", "p.npy")
    p = pyalign.choice_probabilities(concept, triplets, measure="cosine", temperature=0.2)
    assert row["temperature"] == pytest.approx(pyalign.calibrate(x, triplets, answers=p).only.temperature, rel=1e-4)


def test_names_are_matched_in_the_embeddings_and_in_the_concepts(rows, x, triplets, folder):
    names = np.array([f"item{k:02d}" for k in range(30)])
    order = np.random.default_rng(1).permutation(30)
    np.savez("x.npz", features=x[order], names=names[order])
    np.savez("c.npz", features=x, names=names)
    (folder / "t.csv").write_text("\n".join(",".join(names[row]) for row in triplets))
    (row,) = rows("--human", "c.npz", "--measure", "dot", "--split", "none", embeddings=("x.npz",), on="t.csv")
    assert row["temperature"] == pytest.approx(1.0, rel=1e-5)
    assert row["divergences"]["kl"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "options,pieces",
    [
        (("--choice-column", "none"), ["--choice-column none leaves no answers", "give --answers or --human"]),
        (("--answers", "missing.npy"), ["missing.npy", "No such file"]),
        (("--answers", "x.npy"), ["x.npy: answers must have 3 columns; got 6"]),
        (("--answers", "half.npy"), ["half.npy: answers must be counts", "row 0 sums to 0.75"]),
        (("--human", "short.npy"), ["short.npy with t.npy", "[0, 10)"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line(refused, x, options, pieces):
    np.save("half.npy", np.full((4000, 3), 0.25)), np.save("short.npy", x[:10])
    message = refused("calibrate", "--embeddings", "x.npy", "--triplets", "t.npy", *options)
    assert all(piece in message for piece in pieces)


def test_a_model_without_an_optimum_is_named_with_the_reason(refused):
    np.save("ones.npy", np.ones((30, 4)))
    message = refused("calibrate", "--embeddings", "x.npy", "ones.npy", "--triplets", "t.npy", "--json", "out.json")
    assert message.startswith("ones.npy with t.npy: ") and "better than chance" in message


# Temperatures of human_alignment


@pytest.fixture
def temperatures(folder):
    (folder / "model_dict.json").write_text('{"a/b": {"m": {"temperature": {"vice": 0.5}}}}')


def test_score_takes_a_temperature_of_human_alignment(results, temperatures):
    (row,) = results("--measure", "dot", "--temperature", "model_dict.json::a/b/m/vice")
    (same,) = results("--measure", "dot", "--temperature", "2")
    assert (row["temperature"], row["cross_entropy"]) == (2.0, same["cross_entropy"])


@pytest.mark.parametrize(
    "options,pieces",
    [
        (("--temperature", "model_dict.json::a/b/m/vice"), ["--measure dot", "cosine"]),
        (("--measure", "dot", "--temperature", "model_dict.json::a/b/m"), ["did you mean 'a/b/m/vice'?"]),
        (("--measure", "dot", "--temperature", "none.json::a"), ["none.json", "No such file"]),
        (("--measure", "dot", "--temperature", "t.npy::a"), ["t.npy"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_temperature_that_is_not_there_or_not_of_dot_is_refused(score_refused, temperatures, options, pieces):
    message = score_refused(*options)
    assert all(piece in message for piece in pieces)


def test_a_temperature_is_not_read_from_an_output(refused, temperatures):
    asked = ("--measure", "dot", "--temperature", "model_dict.json::a/b/m/vice", "--json", "model_dict.json")
    assert "--json model_dict.json is the same file" in refused("score", "x.npy", "-t", "t.npy", *asked)


def test_a_temperature_of_no_file_is_a_usage_error(score):
    ran = score("--measure", "dot", "--temperature", "::a")
    assert ran.code == 2 and "argument --temperature: ::a: write FILE::KEY" in ran.err


def test_a_temperature_that_is_no_number_is_a_usage_error(score):
    ran = score("--temperature", "warm")
    assert ran.code == 2 and "expected a number or FILE::MODEL/MODULE; got 'warm'" in ran.err


def test_choices_drawn_at_random_are_no_better_than_chance_or_have_a_wide_interval(x):
    """Either is an honest answer; a confident temperature isn't."""
    try:
        found = pyalign.calibrate(x, draw_triplets(9, 30, 4000), split=None)
    except pyalign.InputError as error:
        assert "better than chance" in str(error)
    else:
        assert found.temperature.ci[1] / found.temperature.ci[0] > 2


def test_people_make_the_error_one_over_objects_and_people(rows, x, triplets):
    people = np.random.default_rng(0).integers(0, 9, len(triplets))
    np.save("s.npy", people)
    np.save("four.npy", np.column_stack([triplets, people]))
    expected = plain(pyalign.calibrate(x, triplets, subjects=people), embeddings="x.npy")
    for options, on in ((("--subjects", "s.npy"), "t.npy"), (("--subject-column", 3), "four.npy")):
        (row,) = rows(*options, on=on)
        assert row == expected
        assert row["intervals"]["temperature_ci"]["by"] == "objects+subjects"
