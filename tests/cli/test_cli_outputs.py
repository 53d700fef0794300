"""What `pyalign score` writes: the JSON document, choices, probabilities; all of it or nothing."""

from __future__ import annotations

import json
import os
import re
import threading

import numpy as np
import pytest
from support import NAMELESS, reals, whole

import pyalign

ROW = {
    "accuracy": float, "ci": list, "n_triplets": int, "n_ties": int, "n_dropped": int, "cross_entropy": float,
    "cross_entropy_ci": list, "mean_entropy": float, "measure": str, "temperature": float, "ties": str, "nan": str,
    "backend": str, "embeddings": str, "seconds": float, "ci_by": str, "ci_method": str, "confidence": float,
    "components": dict, "cross_entropy_components": dict, "task": str, "weighting": str, "chance": float,
    "standard_error": float, "cross_entropy_standard_error": float, "triplets_per_second": float, "intervals": dict,
    "notes": list, "provenance": dict,
}
OF_INTERVALS = {
    "ci", "cross_entropy_ci", "standard_error", "cross_entropy_standard_error", "ci_by", "ci_method", "confidence",
    "intervals", "components", "cross_entropy_components",
}


def test_json_has_exactly_the_promised_keys_in_order_and_types(score):
    ran = score("--json", "--quiet")
    document = json.loads(ran.out)
    assert ran.err == ""
    assert list(document) == ["command", "schema", "version", "results", "triplets", "notes", "provenance"]
    assert (document["version"], document["triplets"]) == (pyalign.__version__, "t.npy")
    (row,) = document["results"]
    assert {name: type(value) for name, value in row.items()} == ROW
    assert list(row) == list(ROW)
    assert set(row["intervals"]) == {"ci", "cross_entropy_ci"}
    assert row["seconds"] > 0
    assert row["triplets_per_second"] == pytest.approx(row["n_triplets"] / row["seconds"])


@pytest.mark.parametrize(
    "words",
    [
        "score x.npy -t t.npy --choices c.npy --json s.json --csv s.csv",
        "probe x.npy -t t.npy --split none --penalty 0.1 --json p.json",
        "probe x.npy -t t.npy --folds 2 --penalty 0.1 --out w.npz --json p.json --csv p.csv",
        "embed -t t.npy --folds 2 --penalty 0.001 --out human --figures none --json e.json --csv e.csv",
        "neighbors search x.npy -k 3 --json n.json",
        "extract --model pixels:2 --images photos --device cpu --out rows",
    ],
)
def test_with_source_date_epoch_two_runs_write_the_same_bytes(command, folder, monkeypatch, words):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (folder / "photos").mkdir()
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for k in range(3):
        image.fromarray(np.full((4, 4, 3), 40 * k, np.uint8)).save(folder / "photos" / f"{k}.png")
    before, runs = {*folder.rglob("*")}, []
    for _ in range(2):
        assert command(*words.split(), "--quiet").code == 0
        made = [path for path in folder.rglob("*") if path not in before]
        runs.append({path: path.read_bytes() for path in made if path.is_file()})
        for path in sorted(made, reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    assert runs[0] == runs[1]
    (path,) = [path for path in runs[0] if path.name in DATED]
    assert json.loads(runs[0][path])["provenance"]["time"] == "2023-11-14T22:13:20+00:00"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(runs[0][path])
    assert not re.search(r"\bnan\b", str(pyalign.load_result(path)))


DATED = ("s.json", "p.json", "e.json", "n.json", "manifest.json")  # the documents of those runs


def test_without_intervals_json_has_all_keys_but_theirs(results):
    (row,) = results("--ci", "none")
    assert list(row) == [name for name in ROW if name not in OF_INTERVALS]


def test_json_keeps_the_names_as_they_were_given(results, folder, x):
    np.savez("pair.npz", first=x, second=x[::-1])
    rows = results("--measure", "rbf:2.5", embeddings=["./x.npy", "pair.npz::second"])
    assert [row["embeddings"] for row in rows] == ["./x.npy", "pair.npz::second"]
    assert rows[0]["measure"] == "rbf:2.5"


def test_json_into_a_file_is_the_same_document(score, folder):
    printed, written = score("--json"), score("--json", "out.json")
    document = json.loads((folder / "out.json").read_text())
    expected = json.loads(printed.out)
    given = [one["provenance"]["options"].pop("command_line") for one in (document, expected)]
    assert [one.pop("json") for one in given] == ["out.json", "-"]
    assert given[0] == given[1]
    for one in (document, expected):
        del one["provenance"]["time"]
        for row in one["results"]:
            del row["seconds"], row["triplets_per_second"], row["provenance"]["time"]
    assert document == expected
    assert written.code == 0
    assert written.out.startswith("embeddings ")  # and people still get their table


def test_json_holds_no_number_that_json_lacks(score, folder, x):
    """A temperature that makes p = 1 and p = 0 leaves finite entropies."""
    ran = score("--temperature", "1e-4", "--measure", "dot", "--json")

    def no_constant(name):
        raise AssertionError(name)

    (row,) = json.loads(ran.out, parse_constant=no_constant)["results"]
    assert row["mean_entropy"] < 0.01


# Choices and probabilities


@pytest.mark.parametrize("measure", ["cosine", "neg_euclidean"])
def test_choices_and_probabilities_equal_the_api_and_the_definition(score, truth, x, triplets, measure):
    ran = score("--choices", "c.npy", "--probabilities", "p.npy", "--measure", measure, "--temperature", "0.5")
    choices, probabilities = np.load("c.npy"), np.load("p.npy")
    assert ran.code == 0
    assert (choices.dtype, choices.shape) == (np.int8, (len(triplets),))
    np.testing.assert_array_equal(choices, pyalign.odd_one_out(x, triplets, measure=measure))
    np.testing.assert_array_equal(
        probabilities, pyalign.choice_probabilities(x, triplets, measure=measure, temperature=0.5)
    )
    expected = truth(x, triplets, measure, 0.5)
    np.testing.assert_array_equal(choices, expected.choices)
    np.testing.assert_allclose(probabilities, expected.probabilities, atol=1e-6)


def test_several_results_are_stacked_in_the_order_of_the_table(score, truth, folder, x, triplets):
    other = reals(4, 30, 9)
    np.save("other.npy", other)
    score("--measure", "dot", "cosine", "--choices", "c.npy", "--probabilities", "p.npy",
          embeddings=["other.npy", "x.npy"])
    expected = [truth(e, triplets, measure) for e in (other, x) for measure in ("dot", "cosine")]
    np.testing.assert_array_equal(np.load("c.npy"), [each.choices for each in expected])
    np.testing.assert_allclose(np.load("p.npy"), [each.probabilities for each in expected], atol=1e-6)


def test_a_tie_is_minus_one(score, truth, folder, triplets):
    x = whole(3, 30, 2)
    np.save("ties.npy", x)
    score("--choices", "c.npy", "--measure", "dot", embeddings=["ties.npy"])
    expected = truth(x, triplets, "dot").choices
    assert 0 < (expected == -1).sum() < len(expected)
    np.testing.assert_array_equal(np.load("c.npy"), expected)


def test_a_dropped_triplet_has_no_choice_and_no_probability(score, truth, folder, x, triplets):
    x[3] = np.nan
    np.save("holes.npy", x)
    score("--nan", "omit", "--choices", "c.npy", "--probabilities", "p.npy", embeddings=["holes.npy"])
    choices, probabilities = np.load("c.npy"), np.load("p.npy")
    kept = (triplets != 3).all(axis=1)
    expected = truth(np.nan_to_num(x), triplets[kept])
    np.testing.assert_array_equal(choices[kept], expected.choices)
    assert (choices[~kept] == -2).all()
    np.testing.assert_allclose(probabilities[kept], expected.probabilities, atol=1e-6)
    assert np.isnan(probabilities[~kept]).all()


# Where no answer is recorded


def test_without_an_odd_column_choices_alone_are_printed(score, truth, x, triplets):
    ran = score("--choice-column", "none")
    assert (ran.code, ran.err) == (0, NAMELESS)
    assert ran.out.splitlines() == [str(choice) for choice in truth(x, triplets).choices]


def test_without_an_odd_column_several_results_are_columns(score, truth, x, triplets):
    ran = score("--choice-column", "none", "--measure", "dot", "cosine")
    columns = np.array([line.split("\t") for line in ran.out.splitlines()], dtype=int).T
    np.testing.assert_array_equal(columns, [truth(x, triplets, m).choices for m in ("dot", "cosine")])


def test_without_an_odd_column_json_has_no_accuracy(results):
    (row,) = results("--choice-column", "none")
    assert set(ROW) - set(row) == OF_INTERVALS  # of what is not known
    assert (row["accuracy"], row["cross_entropy"]) == (None, None)
    assert row["mean_entropy"] > 0


def test_without_an_odd_column_choices_are_written_and_the_table_has_no_accuracy(score, truth, x, triplets):
    ran = score("--choice-column", "none", "--choices", "c.npy")
    np.testing.assert_array_equal(np.load("c.npy"), truth(x, triplets).choices)
    accuracy = ran.out.splitlines()[1].split()[2]
    assert accuracy == "-"


# All or nothing


@pytest.mark.parametrize("broken", ["--choices", "--probabilities", "--json"])
def test_one_output_that_cannot_be_written_leaves_none(refused, folder, broken):
    (folder / "file").write_text("")
    outputs = {"--choices": "c.npy", "--probabilities": "p.npy", "--json": "out.json"}
    outputs[broken] = f"file/{outputs[broken]}"
    options = [word for pair in outputs.items() for word in pair]
    message = refused("score", "--embeddings", "x.npy", "--triplets", "t.npy", *options)
    assert message.startswith(f"{outputs[broken]}: ")
    assert "Not a directory" in message


def test_an_output_that_is_a_folder_is_refused(refused, folder):
    (folder / "c.npy").mkdir()
    assert "c.npy: " in refused("score", "--embeddings", "x.npy", "--triplets", "t.npy", "--choices", "c.npy")


OUTPUTS = [
    ("score", "--embeddings", "x.npy", "--choices"),
    ("compare", "--embeddings", "x.npy", "y.npy", "--json"),
    ("ceiling", "--json"),
    ("calibrate", "--temperature", "1", "--embeddings", "x.npy", "--json"),
    ("calibrate", "--embeddings", "x.npy", "--json"),
    ("failures", "--embeddings", "x.npy", "y.npy", "--out"),
    ("failures", "--embeddings", "x.npy", "y.npy", "--json"),
    ("probe", "--embeddings", "x.npy", "--out"),
    ("probe", "--embeddings", "x.npy", "--json"),
    ("probe", "--split", "none", "--embeddings", "x.npy", "--other-embeddings", "x.npy", "--out", "w.npz", "--json"),
    ("probe", "--split", "none", "--embeddings", "x.npy", "--other-embeddings", "x.npy", "--out"),
]


@pytest.mark.parametrize("args", OUTPUTS, ids=lambda args: f"{args[0]}{args[-1]}")
def test_an_output_without_a_place_is_refused_before_the_work(refused, folder, args):
    """The triplets are missing too, which the work would find first."""
    end = {"--choices": ".npy", "--json": ".json", "--out": ".csv" if args[0] == "failures" else ".npz"}[args[-1]]
    (folder / "file").write_text("")
    (folder / f"folder{end}").mkdir()
    for path, reason in ((f"file/a{end}", "Not a directory"), (f"folder{end}", "Is a directory")):
        assert refused(*args, path, "--triplets", "none.npy") == f"{path}: {reason}"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(refused, folder):
    (folder / "closed").mkdir(mode=0o500)
    args = ("score", "--embeddings", "x.npy", "--triplets", "none.npy", "--choices", "closed/c.npy")
    assert refused(*args) == "closed/c.npy: Permission denied"


def test_simulate_refuses_a_folder_without_a_place_before_the_work(refused, folder):
    (folder / "file").write_text("")
    args = ("triplets", "simulate", "file/new", "--embeddings", "none.npy")
    assert refused(*args) == "file/new: Not a directory"


@pytest.mark.parametrize("name", ["t.npy", "x.npy", "./t.npy", "link.npy"])
def test_an_output_never_replaces_an_input(refused, folder, name):
    (folder / "link.npy").symlink_to("t.npy")
    message = refused("score", "--embeddings", "x.npy", "--triplets", "t.npy", "--choices", name)
    assert name in message


def test_two_outputs_never_share_a_file(refused):
    message = refused(
        "score", "--embeddings", "x.npy", "--triplets", "t.npy", "--choices", "a.npy", "--probabilities", "./a.npy"
    )
    assert "--choices" in message
    assert "--probabilities" in message


def test_an_existing_output_is_replaced_and_a_link_stays_a_link(score, folder):
    (folder / "real.npy").write_text("old")
    (folder / "c.npy").symlink_to("real.npy")
    assert score("--choices", "c.npy").code == 0
    assert (folder / "c.npy").is_symlink()
    assert np.load("real.npy").dtype == np.int8
    assert sorted(path.name for path in folder.iterdir()) == ["c.npy", "real.npy", "t.npy", "x.npy"]


def test_an_existing_output_survives_a_failure(refused, folder):
    (folder / "c.npy").write_text("old")
    refused("score", "--embeddings", "x.npy", "--triplets", "missing.npy", "--choices", "c.npy")
    refused("score", "--embeddings", "x.npy", "--triplets", "t.npy", "--choices", "c.npy", "--json", "c.npy/out.json")
    assert (folder / "c.npy").read_text() == "old"


def test_a_pipe_is_written_into_and_not_replaced(score, folder):
    """As root, a device such as /dev/full or /dev/stdout would be replaced by a file in the same way."""
    os.mkfifo("pipe")
    received = []
    reader = threading.Thread(target=lambda: received.append((folder / "pipe").read_text()), daemon=True)
    reader.start()
    assert score("--json", "pipe").code == 0
    assert (folder / "pipe").is_fifo()
    reader.join(60)
    assert json.loads(received[0])["triplets"] == "t.npy"
