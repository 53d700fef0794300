"""Plain tables, and a line of progress on a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from pyalign import report

ROW = {
    "embeddings": "x.npy", "measure": "cosine", "temperature": 1.0, "ties": "fractional", "nan": "raise",
    "backend": "native", "accuracy": 0.504693, "n_triplets": 127304, "n_ties": 1234, "n_dropped": 0,
    "cross_entropy": 1.07558, "mean_entropy": 1.0970512, "seconds": 0.01, "triplets_per_second": 12_730_400.0,
}  # fmt: skip


def test_columns_line_up_the_first_to_the_left():
    table = report.columns_table(("name", "n"), [("a", "12"), ("longer name", "3")])
    assert table.splitlines() == ["name          n", "a            12", "longer name   3"]


def test_no_line_ends_in_blanks():
    table = report.columns_table(("a", "b"), [("x", ""), ("", "y")])
    assert all(line == line.rstrip() for line in table.splitlines())


def test_a_score_is_shown_in_percent_with_thousands():
    header, row, notes = report.score_table([ROW], "t.npy").splitlines()
    cells = dict(zip(header.replace("M triplets/s", "speed").split(), row.replace(" %", "%").split(), strict=True))
    assert cells["accuracy"] == "50.469%"
    assert (cells["ties"], cells["triplets"]) == ("1,234", "127,304")
    assert (cells["cross-entropy"], cells["entropy"]) == ("1.07558", "1.09705")
    assert cells["speed"] == "12.7"
    assert all(fact in notes for fact in ("t.npy", "33.333 %", "T = 1", "fractional", "1.09861", "native"))
    assert "dropped" not in notes


def test_columns_of_the_score_table_line_up():
    rows = [ROW, {**ROW, "embeddings": "a much longer name.npy", "measure": "neg_sqeuclidean", "accuracy": 1.0}]
    *lines, _ = report.score_table(rows, "t.npy").splitlines()
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize("key", ["accuracy", "cross_entropy"])
def test_what_is_not_known_is_a_dash(key):
    assert " - " in report.score_table([{**ROW, key: None}], "t.npy").splitlines()[1]


def test_dropped_triplets_are_said():
    notes = report.score_table([ROW, {**ROW, "n_dropped": 1500}], "t.npy").splitlines()[-1]
    assert "1,500 dropped (NaN)" in notes


@pytest.mark.parametrize("speed", [14_200.0, 470_000.0, 12_730_400.0, 490e6])
def test_the_speed_of_a_short_run_is_not_shown_as_zero(speed):
    shown = report.score_table([{**ROW, "triplets_per_second": speed}], "t.npy").splitlines()[1].split()[-1]
    assert float(shown) * 1e6 == pytest.approx(speed, rel=0.06)


def test_a_line_break_in_a_name_stays_in_its_row():
    table = report.score_table([{**ROW, "embeddings": "two\nlines.npy"}], "other\nlines.npy")
    assert len(table.splitlines()) == 3


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_shows_on_a_terminal_and_clears_its_line(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with report.progress("[1/2] x.npy"):
        assert terminal.getvalue().endswith("[1/2] x.npy")
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_progress_is_cut_to_the_terminal_since_one_line_is_cleared(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    with report.progress("[1/2] " + "x" * 100 + ".npy"):
        shown = terminal.getvalue().rpartition("\x1b[K")[2]
    assert 30 < len(shown) < 40


def test_progress_clears_its_line_after_an_error(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(KeyError), report.progress("[1/2] x.npy"):
        raise KeyError
    assert terminal.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize("stream,show", [(io.StringIO, True), (Terminal, False), (lambda: None, True)])
def test_progress_is_silent_elsewhere(monkeypatch, stream, show):
    stderr = stream()
    monkeypatch.setattr(sys, "stderr", stderr)
    ran = []
    with report.progress("[1/2] x.npy", show=show):
        ran.append(True)
    assert ran
    assert stderr is None or stderr.getvalue() == ""
