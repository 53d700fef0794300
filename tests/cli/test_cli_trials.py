"""--where and --empty: every command that reads triplets takes them, and so do descriptions and studies."""

from __future__ import annotations

import json
import os
from pathlib import Path

import experiment_files
import numpy as np
import pytest
from answer_corpus import WORDS
from support import reals

import pyalign

KEPT = ("--where", "phase=test", "--empty", "omit")


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A file of jsPsych, embeddings of the objects on its images, and a copy that holds nothing but the answers."""
    monkeypatch.chdir(tmp_path)
    drawn = experiment_files.draw(3, "jspsych.json", 300)
    Path("data.json").write_text(drawn.text)
    rows = [row for row in json.loads(drawn.text) if row.get("phase") == "test"]
    plain = [{**dict(zip(("image1", "image2", "image3"), row["stimuli"], strict=True)), "choice": row["response"],
              "subject": row["subject"]} for row in rows]
    Path("plain.csv").write_text(experiment_files.plain_csv(plain))
    pyalign.write_embeddings("x.csv", pyalign.Embeddings(reals(1, len(WORDS), 5), tuple(sorted(WORDS))))
    return tmp_path


def document(command, *words):
    ran = command(*words, "--json", "-")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    return found["results"][0] if "results" in found else found


def test_the_score_of_an_experiment_is_that_of_its_answers_and_says_what_was_left_out(command, lab):
    found = document(command, "score", "x.csv", "-t", "data.json", *KEPT)
    plain = document(command, "score", "x.csv", "-t", "plain.csv")
    assert found["accuracy"] == plain["accuracy"] and found["n_triplets"] == plain["n_triplets"] == 300
    assert "data.json: 300 of 603 rows are kept: where 'phase=test'" in found["notes"]
    found = document(command, "score", "x.csv", "-t", "data.json", "--empty", "omit")
    said = "data.json: 303 of 603 rows are left out: 302 without items, 1 without an answer"
    assert found["accuracy"] == plain["accuracy"] and said in found["notes"]


def test_without_the_options_it_is_one_line_that_names_them_and_nothing_is_written(command, lab):
    before = sorted(os.listdir())
    ran = command("score", "x.csv", "-t", "data.json", "--json", "out.json", "--choices", "c.npy")
    told = "303 of 603 rows hold no answer, 302 without items, 1 without an answer; --empty omit leaves such rows out"
    assert ran.code == 1 and ran.err == f"pyalign score: error: data.json: {told}\n"
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--where", "fase=test"), "there is no column 'fase'"),
        (("--where", "phase=main"), "no row has 'main' in 'phase'"),
        (("--where", "phase"), "argument --where: expected COLUMN=VALUE; got 'phase'"),
        (("--empty", "drop"), "argument --empty: invalid choice: 'drop'"),
    ],
)
def test_a_mistake_is_one_line(command, lab, words, said):
    ran = command("ceiling", "-t", "data.json", *words)
    assert ran.code == 1 + (said.startswith("argument")) and said in ran.err and "Traceback" not in ran.err


def test_a_repeated_option_keeps_rows_with_each_value_of_a_column(command, lab):
    one, both = (
        document(command, "score", "x.csv", "-t", "data.json", "--where", "phase=test", *words)["n_triplets"]
        for words in (("--where", "subject=p0"), ("--where", "subject=p0", "--where", "subject=p1"))
    )
    people = [row.get("subject") for row in json.loads(Path("data.json").read_text()) if row.get("phase") == "test"]
    assert (one, both) == (people.count("p0"), people.count("p0") + people.count("p1"))


def test_a_description_carries_both_and_options_come_before_it(command, lab):
    ran = command("describe", "data.json", *KEPT, "--out", "mine.toml")
    assert ran.code == 0, ran.err
    text = Path("mine.toml").read_text()
    assert 'where = ["phase=test"]  # the rows that are kept' in text and 'empty = "omit"  # ' in text
    plain = document(command, "score", "x.csv", "-t", "plain.csv")
    found = document(command, "score", "x.csv", "-t", "mine.toml")
    assert found["accuracy"] == plain["accuracy"]
    assert "data.json: 300 of 603 rows are kept: where 'phase=test'" in found["notes"]
    assert len(pyalign.load_triplets("mine.toml")) == len(pyalign.load_dataset("mine.toml").triplets()) == 300
    ran = command("score", "x.csv", "-t", "mine.toml", "--where", "subject=p0")
    assert "mine.toml: --where subject=p0 is used, not its where 'phase=test'" in ran.err
    assert "75 triplets" in ran.out
    assert command("score", "x.csv", "-t", "mine.toml", "--where", "subject=p0", "--empty", "raise").code == 1


@pytest.mark.parametrize("where", ["3", "[]", '""', '["=x"]', '["phase"]', "true", "[1]"])
def test_a_description_with_a_wrong_condition_is_one_line(command, lab, where):
    Path("mine.toml").write_text(f'[triplets]\nfile = "data.json"\nwhere = {where}\n')
    ran = command("ceiling", "-t", "mine.toml")
    assert ran.code == 1 and "triplets.where must be COLUMN=VALUE, or a list of these; got" in ran.err


def test_the_command_that_describe_names_reads_the_file(command, lab):
    listed = document(command, "describe", "data.json", *KEPT)["arrays"][0]["command"]
    assert listed.endswith("--where phase=test --empty omit")


def test_weights_in_the_same_file_belong_to_the_rows_that_are_kept(command, lab):
    rows = json.loads(Path("data.json").read_text())
    weights = [float(k % 5 + 1) for k in range(len(rows))]
    rows = [row | {"weight": weight} for row, weight in zip(rows, weights, strict=True)]
    Path("data.json").write_text(json.dumps(rows))
    kept = [row["weight"] for row in rows if row.get("phase") == "test"]
    np.save("w.npy", kept)
    found = document(command, "score", "x.csv", "-t", "data.json", *KEPT, "--weights", "data.json::weight")
    plain = document(command, "score", "x.csv", "-t", "plain.csv", "--weights", "w.npy")
    assert found["accuracy"] == plain["accuracy"] != document(command, "score", "x.csv", "-t", "plain.csv")["accuracy"]
    found = pyalign.load_triplets("data.json", where="phase=test", weight_column="weight")
    assert found.weights.values.tolist() == kept


def test_a_study_takes_both_and_computes_again_where_one_of_them_changes(command, lab):
    study = '[models]\nx = "x.csv"\n[triplets]\nfile = "data.json"\nempty = "omit"\nwhere = {}\n[steps.score]\n'
    counts = []
    for where in ('"phase=test"', '["phase=test", "subject=p0"]', '["phase=test", "subject=p0"]'):
        Path("study.toml").write_text(study.format(where))
        ran = command("study", "run", "study.toml", "--out", "done")
        assert ran.code == 0, ran.err
        score = Path("done", "steps", "score.json")
        counts.append((json.loads(score.read_text())["results"][0]["n_triplets"], score.stat().st_mtime_ns))
    assert counts[0][0] == 300 > counts[1][0] and counts[1] == counts[2]


def test_a_run_is_not_resumed_with_other_rows(command, lab, monkeypatch):
    pytest.importorskip("scipy")
    from pyalign.report.progress import ProgressLine

    words = ("probe", "x.csv", "-t", "data.json", "--folds", "2", "--repeats", "1", "--split", "triplets",
             "--penalty", "0.05", "--out", "out.npz", "--empty", "omit", "--where")

    def stop(self, stage, done, total):
        if stage.startswith("fold 2/2"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ProgressLine, "progress", stop)
        assert command(*words, "phase=test").code == 130
    for other in ("subject=p0", "trial_type=html-button-response"):  # the second keeps the same answers
        ran = command(*words, other, "--resume")
        assert ran.code == 1 and "left by a run with other data, other options" in ran.err, ran.err
    assert command(*words, "phase=test", "--resume").code == 0
