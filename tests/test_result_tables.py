"""Tables of results: records, CSV, data frames, HTML of notebooks and LaTeX, as their text has them."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from result_variants import MAKERS, TRIPLETS, N, X

import pyalign
from pyalign.data import Embeddings
from pyalign.errors import InputError


@pytest.fixture(params=MAKERS)
def result(request):
    return MAKERS[request.param]()


def test_rows_are_flat_with_intervals_in_two_columns():
    found = MAKERS["scores"]()
    records = found.to_records()
    assert len(records) == 4
    first = records[0]
    assert (first["embeddings"], first["measure"], first["accuracy"]) == ("a", "cosine", found[0].accuracy)
    assert (first["ci_low"], first["ci_high"]) == tuple(found[0].ci)
    assert not any(isinstance(value, list | dict) for record in records for value in record.values())


def test_csv_holds_the_same_rows(result):
    rows = list(csv.DictReader(io.StringIO(result.to_csv())))
    records = result.to_records()
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        assert {k: v for k, v in row.items() if k in record} == {
            k: "" if v is None else str(v) for k, v in record.items()
        }


def test_csv_keeps_names_with_commas_and_line_breaks():
    assert "a\\udcff," in pyalign.score({"a\udcff": X}, TRIPLETS).to_csv()  # of a file whose name is no text
    for name in ('a,"b"\nc', "a\rb"):
        found = pyalign.score({name: X}, TRIPLETS)
        assert next(csv.DictReader(io.StringIO(found.to_csv(), newline="")))["embeddings"] == name


FORMULA = "=+-@\t\r"  # how a cell begins that a spreadsheet may run


@pytest.mark.parametrize("first", FORMULA)
def test_csv_puts_an_apostrophe_before_names_that_a_spreadsheet_would_run_where_that_is_asked_for(first):
    named = pyalign.Embeddings(X, [f"{first}item {k}" for k in range(N)])
    found = pyalign.find_failures({f"{first}a": named, "b": -X}, TRIPLETS)
    scored = pyalign.score({f"{first}a": X, "b = c": X}, TRIPLETS)
    neighbors = pyalign.neighborhoods({f"{first}a": named}, X, n_permutations=0, ci=None)
    for table in (found.to_csv, scored.to_csv, neighbors.objects_csv):
        plain, escaped = (list(csv.reader(io.StringIO(table(**asked), newline=""))) for asked in ({}, {"escape": True}))
        begins = [cell for row in plain for cell in row if cell.startswith(first) and not is_number(cell)]
        assert begins and not any(cell.startswith("'") for row in plain for cell in row)
        runs = [cell for row in escaped for cell in row if cell[:1] in set(FORMULA) and not is_number(cell)]
        assert not runs
        assert [[cell.removeprefix("'") for cell in row] for row in escaped] == plain
    assert any(cell.startswith("-") for row in list(csv.reader(io.StringIO(found.to_csv(escape=True)))) for cell in row)


def is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_a_frame_holds_the_same_rows(result):
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = result.to_frame()
    records = result.to_records()
    assert len(frame) == len(records)
    assert list(frame.columns) == list(dict.fromkeys(name for record in records for name in record))
    key = "accuracy"
    if key in frame and records[0][key] is not None:
        assert frame[key].tolist() == [record[key] for record in records]


def test_another_table_of_a_result_is_a_frame_too():
    pytest.importorskip("pandas", reason="pandas is not installed")
    found = pyalign.compare({"a": X, "b": X[:, :2], "c": X[:, 1:]}, TRIPLETS)
    frame = found.to_frame("pairs")
    assert frame[["a", "b"]].values.tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert frame["difference"].tolist() == [pair.difference for pair in found.pairs]
    assert frame["ci_high"].tolist() == [pair.ci.high for pair in found.pairs]
    assert {"p_value", "p_adjusted", "simultaneous_ci_low"} <= {*frame.columns}
    assert found.to_frame("models").equals(found.to_frame())
    for other in ("par", "notes", "covariance", 3):
        with pytest.raises(InputError, match=r"^rows must be one of models, pairs; got "):
            found.to_frame(other)


def test_a_frame_without_pandas_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(pyalign.MissingExtraError, match=r"needs pandas, .*: pip install pandas$"):
        pyalign.score(X, TRIPLETS).to_frame()


def test_results_are_frozen_and_print_their_table(result):
    with pytest.raises(AttributeError):
        result.notes = ()
    assert str(result) == "\n".join([result.table(), *(f"note: {note}" for note in result.notes)])
    assert result.table().strip()


def test_html_escapes_names_and_notes():
    bad = "<script>alert('x')<script> & co"  # text tables show what stands behind the last slash
    found = pyalign.score({bad: Embeddings(X, notes=(f"note {bad}",))}, TRIPLETS)
    page = found._repr_html_()
    assert "<script>" not in page
    escaped = "&lt;script&gt;alert(&#x27;x&#x27;)&lt;script&gt; &amp; co"
    assert f'<th scope="row">{escaped}</th>' in page
    assert f"<p>note: note {escaped}</p>" in page
    assert page.startswith("<table><caption>pyalign score</caption><thead>")


def test_html_has_a_note_for_each_note(result):
    page = result._repr_html_()
    assert page.count("<p>note: ") == len(result.notes)
    assert page.count("<table>") == page.count("<caption>") >= 1


class Tables(HTMLParser):
    """The cells of all tables, row by row, and the paragraphs."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.texts, self.open = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.open = tag
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
            assert tag == "td" or dict(attrs)["scope"] in ("col", "row")
        if tag in ("p", "caption"):
            self.texts.append("")

    def handle_data(self, data):
        if self.open in ("th", "td"):
            self.rows[-1][-1] += data
        if self.open in ("p", "caption"):
            self.texts[-1] += data


def test_html_and_latex_are_the_table_of_the_text_with_all_its_columns_and_figures(result):
    """Word by word: what the text says in a wide terminal stands in both, and nothing else but captions and notes."""
    page, wide = Tables(result._repr_html_()), result.table(100_000)
    if isinstance(result, pyalign.results.PermutationTest):  # which has no view of its own
        assert [": ".join(row) for row in page.rows[1:]] == wide.splitlines()
        return
    for row in page.rows:
        cells = [cell.replace("\N{NO-BREAK SPACE}", " ").strip() for cell in row]
        assert any(re.sub(" {2,}", " ", line).strip() == " ".join(filter(None, cells)) for line in plain_lines(wide)), (
            row
        )
    said = " ".join(cell for row in page.rows for cell in row) + " " + " ".join(page.texts)
    words = {word.rstrip(":") for word in wide.split()}
    assert words <= {word.rstrip(":") for word in said.replace("\N{NO-BREAK SPACE}", " ").split()}
    latex = result.to_latex()
    assert latex.count(r"\toprule") == latex.count(r"\bottomrule") == result._repr_html_().count("<table>")
    numbers = re.findall(r"(?<![\w.-])\d+\.\d{3,}", wide)
    assert all(number in latex for number in numbers)


def plain_lines(text):
    return [re.sub(" {2,}", " ", line).strip() for line in text.splitlines()]
