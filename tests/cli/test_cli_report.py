"""`pyalign report`: documents in, one page out; what can't be used is said, and no input is replaced."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from page_data import data_of
from support import reals

import pyalign

pytest.importorskip("vl_convert", reason="vl-convert is not installed")


@pytest.fixture
def documents(command, folder, x):
    """score.json and compare.json of two models, made by the commands, in the folder."""
    np.save("y.npy", reals(7, *x.shape))
    for name in ("score", "compare"):
        assert command(name, "x.npy", "y.npy", "-t", "t.npy", "--json", f"{name}.json").code == 0
    return folder


def test_documents_become_one_page(command, documents):
    ran = command("report", "score.json", "compare.json", "--out", "report.html")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("wrote report.html: 2 documents, ") and "leaderboard, differences, " in ran.out
    html = (documents / "report.html").read_text(encoding="utf-8")
    (accuracy,) = [one for one in data_of(html)["accuracy-table"]["columns"] if one["header"] == "Accuracy"]
    rows = json.loads((documents / "score.json").read_text())["results"]
    assert accuracy["values"] == [row["accuracy"] for row in rows]


def test_what_is_left_out_is_a_note_each_and_the_page_is_made(command, documents):
    (documents / "half.json").write_text('{"command": "sco')
    ran = command("report", ".", "gone.json", "--out", "report.html")
    assert ran.code == 0
    notes = ran.err.splitlines()
    assert len(notes) == 2 and notes[0].startswith("note: half.json: is not JSON")
    assert notes[1] == "note: gone.json: No such file or directory"
    assert "half.json" in (documents / "report.html").read_text(encoding="utf-8")
    assert command("report", ".", "--out", "report.html", "--quiet").err == ""


def test_the_document_tells_of_the_page(command, documents):
    assert command("report", "score.json", "--out", "report.html", "--json", "report.json").code == 0
    document = json.loads((documents / "report.json").read_text())
    assert document["outputs"] == {"report.html": hashlib.sha256((documents / "report.html").read_bytes()).hexdigest()}
    assert document["sections"][0] == "leaderboard" and document["n_documents"] == 1
    assert pyalign.load_result("report.json").path == "report.html"


def test_nothing_sound_is_one_line_and_no_page(command, folder):
    (folder / "bad.json").write_text("[]")
    ran = command("report", "bad.json", "--out", "report.html")
    assert ran.code == 1 and len(ran.err.splitlines()) == 1
    assert "a report needs at least one sound result: bad.json: is no result of pyalign" in ran.err
    assert not (folder / "report.html").exists()


def test_no_input_is_replaced(command, documents):
    (documents / "score.html").write_bytes((documents / "score.json").read_bytes())
    ran = command("report", "score.html", "--out", "score.html")
    assert ran.code == 1 and "--out score.html is the same file as score.html" in ran.err
    ran = command("report", "score.json", "--out", "report.html", "--json", "score.json")
    assert ran.code == 1 and "--json score.json is the same file as score.json" in ran.err


@pytest.mark.parametrize("out", ["report", "report.json", "report.pdf"])
def test_a_page_is_called_html(command, documents, out):
    ran = command("report", "score.json", "--out", out)
    assert ran.code == 2 and "expected a name that ends in .html" in ran.err
