"""Under a limit of address space, as on clusters, pictures can't be drawn: results stay, and one line says why."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign.report.charts.save import RESERVED

pytest.importorskip("altair", reason="altair is not installed")
pytest.importorskip("vl_convert", reason="vl-convert is not installed")

ITEMS = 30
LIMITS = [64_000_000 << 10, 8 << 30]  # bytes
CAUSE = r"vl-convert, which draws, crashes: SIGTRAP; it reserves 70 GB"


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", reals(3, ITEMS, 4))
    np.save("d.npy", np.abs(np.subtract.outer(*[reals(4, ITEMS, 1)[:, 0]] * 2)))
    np.save("t.npy", np.random.default_rng(0).permuted(np.tile(np.arange(ITEMS), (200, 1)), axis=1)[:, :3])
    Path("s.json").write_text(pyalign.score(np.load("x.npy"), np.load("t.npy")).to_json())
    Path("kinds.txt").write_text("".join(f"kind {k % 2}\n" for k in range(ITEMS)))
    return tmp_path


def run(words, limit):
    """The command in a process that may take `limit` bytes of addresses."""
    return subprocess.run(
        [sys.executable, "-m", "pyalign", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )


COMMANDS = {
    "concepts": ("concepts", "x.npy", "-t", "t.npy", "--categories", "kinds.txt", "--out", "o"),
    "neighbors": ("neighbors", "search", "x.npy", "-k", "3", "--out", "o"),
    "rsa": ("rsa", "x.npy", "--human", "d.npy", "--kind", "dissimilarity", "--ci", "none", "--out", "o"),
    "embed": (
        "embed", "-t", "t.npy", "--penalty", "0.001", "--sparsity", "0", "--n-dimensions", "2", "--folds", "2",
        "--resamples", "2", "--out", "o",
    ),
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_results_are_there_without_pictures_and_a_note_names_these_and_says_why(files, words):
    limit = LIMITS[words[0] == "concepts"]
    ran = run((*words, "--figures", "svg", "png", "html"), limit)
    assert ran.returncode == 0, ran.stderr
    (note,) = [line for line in ran.stderr.splitlines() if "could not be drawn" in line]
    assert note.startswith("note: o: ") and ".svg, " in note and CAUSE in note and ".html" not in note
    found = {path.suffix for path in Path("o").iterdir()}
    assert {".json", ".html"} <= found and not found & {".svg", ".png"}
    (document,) = [path for path in Path("o").glob("*.json") if path.stem in words[0] or path.stem == words[0]]
    assert not any(name.endswith((".svg", ".png")) for name in json.loads(document.read_text())["outputs"])
    again = run(("plot", str(document), "--out", "later.html"), limit)
    assert again.returncode == 0 and Path("later.html").stat().st_size > 500_000, again.stderr


@pytest.mark.parametrize(("suffix", "limit"), zip(("svg", "png", "pdf"), (*LIMITS, LIMITS[0]), strict=True))
def test_where_the_picture_was_asked_for_one_line_says_why_and_there_is_no_file(files, suffix, limit):
    before = {path.name for path in files.iterdir()}
    ran = run(("plot", "s.json", "--out", f"a.{suffix}", "--csv", "a.csv"), limit)
    assert ran.returncode == 1 and ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    assert line.startswith("pyalign plot: error: ") and CAUSE in line
    assert {path.name for path in files.iterdir()} == before


def test_a_page_and_pictures_as_html_need_no_more(files):
    for words in (("report", "s.json", "--out", "r.html"), ("plot", "s.json", "--out", "p.html")):
        ran = run(words, LIMITS[1])
        assert ran.returncode == 0 and Path(words[-1]).exists(), ran.stderr


def test_a_study_has_its_page_and_makes_the_figures_when_it_is_run_again_without_the_limit(files):
    Path("study.toml").write_text(
        'title = "A study"\nfigures = ["svg"]\n[models]\nx = "x.npy"\n[triplets]\nfile = "t.npy"\n[steps.score]\n'
    )
    words = ("study", "run", "study.toml", "--out", "o")
    for _ in range(2):
        ran = run(words, LIMITS[0])
        assert ran.returncode == 0 and CAUSE in ran.stdout, ran.stderr
        assert Path("o/report.html").exists() and not Path("o/figures").exists()
    ran = run(words, resource.RLIM_INFINITY)
    assert ran.returncode == 0 and "could not be drawn" not in ran.stdout
    assert list(Path("o/figures").glob("*.svg"))


def test_the_need_that_messages_name_is_that_of_vl_convert(files):
    """A little more than it reserves is enough."""
    assert run(("plot", "s.json", "--out", "a.svg"), int(RESERVED)).returncode == 0
