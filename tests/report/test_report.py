"""Plain tables that fit, and a line of progress on a terminal."""

from __future__ import annotations

import errno
import io
import os
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, reals

import pyalign
from pyalign.analysis.accuracy import Score, Scores
from pyalign.report.blocks import Column, Table, concepts_column, foot
from pyalign.report.page.sections._shared import MOST_ROWS, parts_of_view
from pyalign.report.progress import ProgressLine
from pyalign.report.text import table_text
from pyalign.report.words import noted, short_labels, shorten_left, shortened, shown_width

ROW = Score(
    accuracy=0.504693, n_triplets=127304, n_ties=1234, n_dropped=0, cross_entropy=1.07558, mean_entropy=1.0970512,
    measure="cosine", temperature=1.0, ties="fractional", nan="raise", backend="native", embeddings="x.npy",
    seconds=0.01,
)
PLAN = pyalign.Resampling("objects", "bootstrap", 64)
LONG = [f"/data/features/{name}_{'very_' * 20}long/visual/penultimate.npy" for name in ("clip", "vgg", "resnet")]


def shown(*rows, verbose=False, width=None):
    return Scores(tuple(rows), "t.npy").table(width, verbose)


def cells(text):
    """The cells of the first row by their headers; columns are at least two blanks apart."""
    header, row = text.splitlines()[:2]
    return dict(
        zip(*([cell.strip() for cell in line.split("  ") if cell.strip()] for line in (header, row)), strict=True)
    )


# Tables


def fitted_table(columns, width, verbose=False):
    return table_text(Table(tuple(columns)), width, verbose)


def columns_table(header, rows):
    columns = [Column(name, cells) for name, cells in zip(header, zip(*rows, strict=True), strict=True)]
    return fitted_table(columns, 1000)[0]


def test_columns_line_up_the_first_to_the_left():
    table = columns_table(("name", "n"), [("a", "12"), ("longer name", "3")])
    assert table.splitlines() == ["name          n", "a            12", "longer name   3"]


def test_wide_and_combining_characters_count_as_a_terminal_shows_them():
    rows = [("日本語", "1"), ("e\u0301te\u0301", "22"), ("plain", "3")]
    assert columns_table(("name", "n"), rows).splitlines() == [
        "name     n", "日本語   1", "e\u0301te\u0301     22", "plain    3",
    ]
    columns = [Column("name", ("日本語" * 20, "a")), Column("n", ("1", "22"))]
    table, _ = fitted_table(columns, 40)
    assert all(shown_width(line) <= 40 for line in table.splitlines())
    assert table.splitlines()[1].startswith("…") and table.splitlines()[1].endswith("日本語   1")


def test_no_line_ends_in_blanks():
    table = columns_table(("a", "b"), [("x", ""), ("", "y")])
    assert all(line == line.rstrip() for line in table.splitlines())


texts = st.text("abc/_. ", min_size=1, max_size=120)


@given(st.lists(texts, min_size=1, max_size=4), st.integers(30, 200))
def test_a_table_is_as_wide_as_asked_where_columns_can_go(names, width):
    columns = [Column("name", tuple(names))]
    columns += [Column(f"column {k}", tuple("9" * 9 for _ in names), keep=k) for k in range(1, 9)]
    text, _ = fitted_table(columns, width)
    assert all(len(line) <= width for line in text.splitlines())
    whole, _ = fitted_table(columns, width, verbose=True)
    assert all(name.rstrip() in whole for name in names)
    assert all(f"column {k}" in whole for k in range(1, 9))


def test_the_least_needed_columns_go_first_and_those_of_9_stay():
    columns = [Column("n", ("a",)), *(Column(f"column{k}", ("1",), keep=k) for k in (3, 9, 1, 5))]
    assert fitted_table(columns, 31)[0].splitlines()[0].split() == ["n", "column3", "column9", "column5"]
    assert fitted_table(columns, 11)[0].splitlines()[0].split() == ["n", "column9"]


def test_a_column_of_0_is_for_verbose_alone():
    columns = [Column("n", ("a",)), Column("speed", ("1",), keep=0)]
    assert "speed" not in fitted_table(columns, 200)[0]
    assert "speed" in fitted_table(columns, 10, verbose=True)[0]


def test_what_is_the_same_in_all_rows_is_said_once():
    columns = [Column("n", ("a", "b")), Column("measure", ("dot", "dot"), keep=8, same="measure {}")]
    assert fitted_table(columns, 80) == ("n\na\nb", ["measure dot"])
    columns[1] = Column("measure", ("dot", "cosine"), keep=8, same="measure {}")
    text, notes = fitted_table(columns, 80)
    assert ("cosine" in text, notes) == (True, [])


@given(st.lists(texts, min_size=1, max_size=5), st.integers(3, 40))
def test_shortened_names_fit_and_what_fits_stays(names, width):
    short = shortened(names, width)
    assert all(len(name) <= width for name in short)
    assert all(a == b for a, b in zip(names, short, strict=True) if len(a) <= width)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a/clip.npy", "a/vgg.npy"], ["…lip.npy", "…vgg.npy"]),
        (["clip_features", "vgg_features"], ["clip_fe…", "vgg_fea…"]),
        (["short", "other"], ["short", "other"]),
    ],
)
def test_names_are_shortened_where_they_stay_apart(names, expected):
    assert shortened(names, 8) == expected


@given(st.lists(st.text("ab/.:", min_size=1, max_size=8), min_size=1, max_size=5, unique=True))
def test_short_labels_stay_apart(names):
    labels = short_labels(names)
    assert set(labels) == set(names)
    assert len(set(labels.values())) == len(names)


@given(st.lists(texts, min_size=1, max_size=4), st.integers(20, 100))
def test_notes_fit_and_are_whole_when_asked(notes, width):
    assert all(len(line) <= width for line in noted(notes, width).splitlines())
    assert noted(notes, width, verbose=True).split() == "; ".join(notes).split()


# Scores


def test_a_score_is_shown_in_percent_with_thousands():
    found = cells(shown(ROW, verbose=True))
    assert (found["accuracy"], found["ties"], found["triplets"]) == ("50.5%", "1,234", "127,304")
    assert (found["cross-entropy"], found["entropy"]) == ("1.07558", "1.09705")
    assert found["M triplets/s"] == "12.7"
    notes = shown(ROW).splitlines()[2:]
    facts = ("triplets: t.npy", "chance 33.3%", "T = 1", "ties fractional", "1.09861", "backend native", "127,304")
    assert all(fact in " ".join(notes) for fact in facts)
    assert "dropped" not in " ".join(notes)


def test_columns_of_the_score_table_line_up():
    other = replace(ROW, embeddings="a much longer name.npy", measure="neg_sqeuclidean", accuracy=1.0)
    assert len({len(line) for line in shown(ROW, other).splitlines()[:3]}) == 1


@pytest.mark.parametrize("key", ["accuracy", "cross_entropy"])
def test_what_is_not_known_is_a_dash(key):
    assert cells(shown(replace(ROW, **{key: None})))[key.replace("_", "-")] == "-"


def test_dropped_triplets_are_said():
    dropped = replace(ROW, n_dropped=1500)
    assert "; 1,500 dropped (NaN);" in shown(dropped).replace("\n", " ")
    assert "; up to 1,500 dropped (NaN);" in shown(ROW, dropped).replace("\n", " ")


@pytest.mark.parametrize(
    ("kind", "nan", "reason"),
    [
        ("positions", "omit", "no answer"),
        ("probabilities", "omit", "no answer"),
        ("names", "raise", "the answer names no item"),
        ("names", "omit", "no answer, or one that names no item"),
    ],
)
def test_dropped_answers_are_no_nan(kind, nan, reason):
    row = replace(ROW, n_dropped=2, model_choices=kind, measure=None, temperature=None, nan=nan)
    assert f"; 2 dropped ({reason});" in shown(row).replace("\n", " ")
    exact = replace(row, n_dropped=0, model_choices="positions")
    assert f"; up to 2 dropped ({reason});" in shown(exact, row).replace("\n", " ")


@pytest.mark.parametrize("speed", [14_200.0, 470_000.0, 12_730_400.0, 490e6])
def test_the_speed_of_a_short_run_is_not_shown_as_zero(speed):
    row = replace(ROW, seconds=ROW.n_triplets / speed)
    assert float(cells(shown(row, verbose=True))["M triplets/s"]) * 1e6 == pytest.approx(speed, rel=0.06)


@pytest.mark.parametrize("row", [replace(ROW, embeddings="two\nlines.npy"), replace(ROW, label="two\nlines")])
def test_a_line_break_in_a_name_stays_in_its_row(row):
    assert shown(row).splitlines()[1].startswith("two\\nlines")
    assert Scores((row,), "other\nlines.npy").table().splitlines()[2].startswith("triplets: other\\nlines.npy")


def test_a_label_stands_for_the_name():
    assert cells(shown(replace(ROW, label="CLIP")))["embeddings"] == "CLIP"


# What fits 80 columns


X, TRIPLETS = reals(1, 25, 4), draw_triplets(2, 25, 300)


def rich_scores():
    groups = np.array(["animal", "tool " * 30])[np.arange(300) % 2]
    return pyalign.score(
        {name: X[:, : k + 1] for k, name in enumerate(LONG)}, pyalign.Triplets(TRIPLETS, source=LONG[0] + ".csv"),
        measure=["cosine", "neg_sqeuclidean"], ci=PLAN, ceiling=0.7, n_permutations=3, groups=groups,
    )


def rich_comparison():
    triplets = pyalign.Triplets(TRIPLETS, source=LONG[0] + ".csv")
    return pyalign.compare({name: X[:, : k + 1] for k, name in enumerate(LONG)}, triplets, ci=PLAN)


def rich_comparison_in_closed_form():
    triplets = pyalign.Triplets(TRIPLETS, source=LONG[0] + ".csv", subjects=np.arange(300) % 7)
    models = {name: X[:, : k + 1] for k, name in enumerate(LONG)}
    return pyalign.compare(models, triplets, correction="benjamini-hochberg", choose_best=True)


def comparison_of_many():
    models = {f"{k}{LONG[0]}": X + k * reals(k, 25, 4) for k in range(len(LONG) * 4)}
    models |= {name: X[:, : k + 1] for k, name in enumerate(LONG)}
    return pyalign.compare(models, pyalign.Triplets(TRIPLETS, source=LONG[0] + ".csv"))


@pytest.mark.parametrize("make", [rich_scores, rich_comparison, rich_comparison_in_closed_form, comparison_of_many])
def test_tables_of_long_names_fit_80_columns_and_verbose_shows_all(make):
    found = make()
    for width in (None, 80, 100, 200):
        text = found.table(width)
        assert max(map(len, text.splitlines())) <= (width or 80)
    whole = found.table(verbose=True)
    assert all(name in whole for name in LONG)
    assert LONG[0] + ".csv" in whole
    for fact in ("s.e.", "ties", "cross-entropy"):
        assert fact in whole


def test_rows_of_long_names_stay_apart():
    names = [f"{name}_{'features_' * 10}penultimate" for name in ("clip", "vgg", "resnet")]
    found = pyalign.compare({name: X[:, : k + 1] for k, name in enumerate(names)}, TRIPLETS, ci=PLAN)
    models, pairs = (part.splitlines()[1:4] for part in found.table(80).split("\n\n"))
    assert len({line.split("  ")[0] for line in models}) == 3
    firsts = [line.split("  ")[0] for line in pairs]
    assert len(set(firsts)) == 3
    for (a, b), first in zip([("clip", "vgg"), ("clip", "resnet"), ("vgg", "resnet")], firsts, strict=True):
        assert first.startswith(a)
        assert f" - {b}" in first


def test_a_result_without_a_table_of_its_own_shows_its_values():
    found = pyalign.permutation_test(X, TRIPLETS, n_permutations=9)
    lines = dict(line.split(": ", 1) for line in str(found).splitlines())
    assert lines["permutations"] == "9"
    assert float(lines["accuracy"]) == found.accuracy
    assert float(lines["null_ci_low"]) == found.null_ci.low


# Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_progress_is_cut_to_the_terminal_since_one_line_is_cleared(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    ProgressLine(stream=terminal).progress("x" * 100, 1, 2)
    assert 30 < len(terminal.getvalue().rpartition("\x1b[K")[2]) < 40


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_quiet_shows_no_progress(stream):
    clock = Clock()
    line = ProgressLine(show=False, stream=stream, clock=clock)
    clock.now += 1000
    line.progress("resamples", 64, 1000)
    line.clear()
    assert stream.getvalue() == ""


def test_progress_needs_no_stderr(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    clock = Clock()
    line = ProgressLine(clock=clock)
    clock.now += 1000
    line.progress("resamples", 64, 1000)
    line.clear()


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (("resamples", 64, 1000), "resamples 64/1,000"),
        (("reading", 1200, None), "reading, 1,200"),
        (("reading", 0, None), "reading"),
    ],
)
def test_a_stage_says_how_much_is_done_and_of_how_much(call, expected):
    terminal = Terminal()
    line = ProgressLine(stream=terminal)
    line.progress(*call)
    assert terminal.getvalue() == f"\r\x1b[K{expected}"
    line.clear()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_line_changes_ten_times_a_second_at_most():
    terminal, clock = Terminal(), Clock()
    line = ProgressLine(stream=terminal, clock=clock)
    for k, seconds in enumerate([0.0, 0.05, 0.09, 0.11, 0.12, 0.3]):
        clock.now = seconds
        line.progress(str(k), 0, None)
    assert terminal.getvalue().replace("\r\x1b[K", "") == "035"


def test_where_there_is_no_terminal_there_is_a_line_a_minute_and_none_in_the_first():
    log, clock = io.StringIO(), Clock()
    line = ProgressLine(stream=log, clock=clock)
    for second in range(0, 200, 7):
        clock.now = 1000.0 + second
        line.progress("size 200, simulations", second, 1000)
    line.clear()
    assert log.getvalue().splitlines() == [
        "progress after 1 min: size 200, simulations 63/1,000",
        "progress after 2 min: size 200, simulations 126/1,000",
        "progress after 3 min: size 200, simulations 189/1,000",
    ]


def test_the_interval_between_lines_of_a_log_can_be_chosen():
    log, clock = io.StringIO(), Clock()
    line = ProgressLine(stream=log, clock=clock, interval=600)
    for minute in range(25):
        clock.now = 1000.0 + 60 * minute
        line.progress("resamples", minute, 25)
    assert log.getvalue().splitlines() == [
        "progress after 10 min: resamples 10/25",
        "progress after 20 min: resamples 20/25",
    ]


def test_a_name_that_came_in_from_outside_stays_on_the_line_of_a_log():
    log, clock = io.StringIO(), Clock()
    line = ProgressLine(stream=log, clock=clock)
    clock.now += 60
    line.progress("a\n\x1b[2Jb", 1, 2)
    assert log.getvalue() == "progress after 1 min: a\\n\\x1b[2Jb 1/2\n"


def test_a_log_that_takes_no_more_does_not_end_the_run():
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    clock = Clock()
    line = ProgressLine(stream=Full(), clock=clock)
    clock.now += 60
    line.progress("resamples", 1, 2)


def test_labels_of_concepts_in_wide_letters_take_no_more_columns_than_there_are():
    labels = ["日本語の単語", "ship"]
    shown = concepts_column("concept", labels).fit(7)
    assert shown == ["日本語…", "ship"] and max(map(shown_width, shown)) == 7


def test_shorten_left_keeps_the_end():
    assert shorten_left("features/clip.npy", 8) == "…lip.npy"
    assert shorten_left("clip.npy", 8) == "clip.npy"


@pytest.mark.parametrize(
    "name",
    ["CLIP ViT-B/32", "openai/clip-vit-base-patch32", "word2vec v1.5", "EfficientNet-Lite0.5", ".npy", "a / b.c"],
)
def test_names_that_people_gave_stay_whole(name):
    assert short_labels([name, "out/32.npy"]) == {name: name, "out/32.npy": "32"}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("x/clip.csv.gz", "clip"),
        ("x/v1.5.NPY", "v1.5"),
        ("folder/clip::visual", "clip::visual"),
        ("x/a.h5::b/c.d", "a::b/c.d"),
        ("/tmp/clip", "clip"),
        ("../clip/", "clip"),
        ("x/clip.npy (transformed)", "clip (transformed)"),
    ],
)
def test_files_are_called_without_folder_and_extension(name, label):
    assert short_labels([name]) == {name: label}


def _of_view(n, sort):
    columns = (
        Column("model", tuple(f"m{k}" for k in range(n))), Column("p", (None,) * n, "p"),
        Column("kappa", (*range(n - 1), None), "number", (0.0,) * n, (1.0,) * n, ends="90% interval"),
    )
    return Table(columns).on_page("errors", "errors of models", sort, ascending=True, fold="Errors")


def test_a_page_has_the_named_tables_of_a_view_with_the_first_note_below_and_other_notes_as_text():
    hidden = Table((Column("model", ("a",)),))
    blocks = [hidden, _of_view(2, "kappa"), foot("2 triplets", "intervals over objects"), foot("best: a"), hidden]
    fold, text, (again,) = (getattr(one, "parts", one) for one in parts_of_view([*blocks, _of_view(2, ""), foot("p")]))
    (table,) = fold
    assert table.fold == "Errors" and [one.header for one in table.columns] == ["model", "kappa"]
    assert (table.name, table.sort) == ("errors", ("kappa", False))
    assert table.caption == "Errors of models. 2 triplets; 90% intervals over objects."
    assert text.paragraphs == ("Best: a.",) and again.caption == "Errors of models. p; 90% intervals over objects."


@pytest.mark.parametrize("sort", ["", "kappa"])
def test_of_very_many_rows_a_page_has_the_first(sort):
    n = MOST_ROWS + 5
    ((table,),) = (part.parts for part in parts_of_view([_of_view(n, sort)]))
    assert {len(getattr(column, name)) for column in table.columns for name in ("values", "low", "high")} == {0, 1000}
    assert table.columns[1].values == tuple(range(1000)) and "the first 1,000 of 1,005 rows" in table.caption.lower()
    ((table,),) = (part.parts for part in parts_of_view([_of_view(MOST_ROWS, sort)]))
    assert len(table.columns[0].values) == MOST_ROWS and "the first" not in table.caption.lower()
