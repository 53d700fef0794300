"""What a page is made of: every sound document, and one line for everything else."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

import pyalign
from pyalign.errors import InputError
from pyalign.extraction.encoder import Weights
from pyalign.extraction.extraction_result import ExtractedLayer, Extraction
from pyalign.report.page.sources import read_documents
from pyalign.report.page.write import make_report, write_report


def commands(found):
    return [one.command for one in found]


def test_results_documents_and_files_are_taken_together(results, held, documents):
    found, faults = read_documents([results["score"], held["cka"], documents / "compare.json"])
    assert (commands(found), faults) == (["score", "cka", "compare"], ())
    assert found[0].result is results["score"] and found[1].result.to_dict() == held["cka"]
    assert [one.path for one in found] == ["", "", str(documents / "compare.json")]


def test_a_folder_is_each_of_its_documents_by_name(results, documents):
    found, faults = read_documents(documents)
    assert (commands(found), faults) == (sorted(results), ())


def test_the_manifest_of_an_extraction_is_read_and_shown(tmp_path):
    layer = ExtractedLayer("logits", "the last layer", "model", (3, 8), "float32", "logits.npy", "ab" * 32)
    made = Extraction(
        "timm:test_vit", (layer,), 3, 3, "images", "photos", "by name", "names.txt", (), Weights("timm", "cd" * 32),
        {"size": [3, 32, 32]}, "pillow", None, "fp32", "cpu", 32, {"torch": "2.6.0"}, 1.5, 2.0, "ef" * 32, "12" * 32,
    )
    (tmp_path / "manifest.json").write_text(made.to_json())
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    found, faults = read_documents(tmp_path)
    assert (commands(found), faults) == (["extract"], ())
    html = make_report(tmp_path, "report.html").html
    for spoken in ("ab" * 32, "cd" * 32, "ef" * 32, "12" * 32, "2.6.0", "timm:test_vit"):
        assert spoken in html


def test_a_result_of_one_model_is_one_of_several(results):
    one = results["score"][0]
    found, _ = read_documents(pyalign.score([[1.0, 0], [0, 1], [1, 1]], [[0, 2, 1]]))
    assert found[0].result.results[0].embeddings is None and one.accuracy


FAULTY = {
    "half.json": ('{"command": "score", "schema": 1, "resu', "is not JSON"),
    "empty.json": ("", "is not JSON"),
    "nan.json": ('{"command": "score", "schema": 1, "results": [NaN]}', "NaN"),
    "list.json": ("[1, 2]", "says no command"),
    "other.json": ('{"name": "x"}', "says no command"),
    "newer.json": ('{"command": "score", "schema": 2, "version": "0.9"}', "with schema 2"),
    "unknown.json": ('{"command": "dance", "schema": 1, "version": "0.1"}', "'dance'"),
    "damaged.json": ('{"command": "score", "schema": 1, "results": [{"accuracy": "high"}]}', "damaged"),
    "deep.json": ("[" * 100_000, "is not a sound JSON file"),
    "binary.json": (b"\xff\xfe\x00", "UTF-8"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_file_that_is_no_sound_result_is_a_line_and_the_others_are_there(name, documents):
    content, reason = FAULTY[name]
    path = documents / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found, faults = read_documents(documents)
    assert len(found) == 7 and len(faults) == 1
    assert faults[0].startswith(f"{path}: ") and reason in faults[0] and "\n" not in faults[0]


def test_a_document_that_is_there_twice_counts_once(documents):
    (documents / "again.json").write_bytes((documents / "score.json").read_bytes())
    found, faults = read_documents(documents)
    assert commands(found).count("score") == 1
    assert faults == (f"{documents / 'score.json'}: is the same document as {documents / 'again.json'}",)


def test_a_missing_file_and_a_folder_without_documents_are_lines(documents, tmp_path):
    os.mkdir(tmp_path / "none")
    found, faults = read_documents([documents / "cka.json", tmp_path / "gone.json", tmp_path / "none"])
    assert commands(found) == ["cka"]
    assert faults[0] == f"{tmp_path / 'gone.json'}: No such file or directory"
    assert faults[1] == f"{tmp_path / 'none'}: is a folder without .json files"


def test_names_of_files_break_no_line(documents):
    path = documents / "two\nlines.json"
    path.write_text("[]")
    _, faults = read_documents(documents)
    assert len(faults) == 1 and "\n" not in faults[0] and "two\\nlines.json" in faults[0]


@pytest.mark.parametrize("given", [[], 3, [None]])
def test_nothing_sound_is_an_error_in_one_line(given):
    with pytest.raises(InputError, match="at least one sound result"):
        read_documents(given)


def test_the_error_names_the_first_files_and_how_many_there_are(tmp_path):
    for k in range(9):
        (tmp_path / f"{k}.json").write_text(json.dumps({"k": k}))
    with pytest.raises(InputError) as caught:
        read_documents(tmp_path)
    assert "0.json" in str(caught.value) and "and 6 more" in str(caught.value) and "8.json" not in str(caught.value)


def test_a_document_with_half_a_letter_takes_no_other_down(results, held, documents):
    """A lone surrogate, which UTF-8 has no bytes for: in a value, in a key that no result has, in a result at hand."""
    spoiled = {"a": {**held["score"], "notes": ["\ud800"]}, "b": {**held["cka"], "later": {"\udce9": 1}}}
    for name, document in spoiled.items():
        (documents / f"{name}.json").write_text(json.dumps(document))
    at_hand = replace(results["score"], notes=("\ud800",))
    made = write_report([*sorted(documents.glob("*.json")), at_hand], documents / "report.html")
    assert "leaderboard" in made.sections and made.n_documents == len(results)
    spoken = "text must be Unicode; got half of a surrogate pair in "
    assert [spoken in note for note in made.notes] == [True] * 3
    assert made.notes[0].startswith(str(documents / "a.json"))


def test_a_pipe_is_refused_and_not_waited_for(documents, message_of):
    os.mkfifo(documents / "pipe.json")
    spoken = f"{documents / 'pipe.json'}: is not a regular file"
    assert message_of(pyalign.load_result, documents / "pipe.json") == spoken
    _, faults = read_documents([documents / "pipe.json", *sorted(documents.glob("[a-o]*.json"))])
    assert faults == (spoken,)
