"""What a study shows while it runs: lines on a terminal, notes elsewhere."""

from __future__ import annotations

from io import StringIO

from pyalign.study.run import Steps


class Terminal(StringIO):
    def isatty(self):
        return True


def told(stream):
    with Steps(stream=stream) as steps:
        for name in ("score", "cka", "report"):
            steps(name, "to do", "")
        steps("score", "running", "")
        steps("score", "made", "0.4 s")
        steps("cka", "as it was", "")
        steps("report", "failed", "no\x1b[2J package")
    return stream.getvalue()


def test_a_terminal_shows_every_step_and_is_left_clean():
    shown = told(Terminal())
    frames = shown.split("\x1b[3A\x1b[J")
    assert frames[-1] == ""  # what stood there is taken away, and the table comes
    assert frames[-2].splitlines() == [
        "+ score   made      0.4 s", "= cka     as it was", "! report  failed    no\\x1b[2J package",
    ]
    assert "> score   running" in shown


def test_elsewhere_nothing_is_said_of_steps_that_the_table_at_the_end_has():
    assert told(StringIO()) == ""


def test_elsewhere_there_is_a_line_a_minute():
    log, now = StringIO(), [0.0]
    with Steps(stream=log, clock=lambda: now[0]) as steps:
        for second in range(0, 130, 10):
            now[0] = second
            steps("score", "running", f"resamples {second}/130")
        now[0] = 200
        steps("cka", "to do", "")
        steps("report", "failed", "no\x1b[2J package")
    assert log.getvalue().splitlines() == [
        "progress after 1 min: score: running, resamples 60/130",
        "progress after 2 min: score: running, resamples 120/130",
        "progress after 3 min: report: failed, no\\x1b[2J package",
    ]


def test_shows_as_many_as_fit_with_the_one_that_runs(monkeypatch):
    monkeypatch.setenv("LINES", "8")
    stream = Terminal()
    with Steps(stream=stream) as steps:
        for k in range(30):
            steps(f"step {k}", "to do", "")
        for k in range(20):
            steps(f"step {k}", "made", "")
        steps("step 20", "running", "rows 3/9")
    last = stream.getvalue().split("\x1b[J")[-2].splitlines()[:-1]
    assert len(last) == 6
    assert any("step 20" in line and "rows 3/9" in line for line in last)


def test_quiet_shows_nothing():
    stream = Terminal()
    with Steps(show=False, stream=stream) as steps:
        steps("score", "made", "")
    assert stream.getvalue() == ""
