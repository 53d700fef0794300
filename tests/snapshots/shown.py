"""Everything that is shown of a result, as texts: tables, LaTeX, CSV, the page of it, and its charts."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser

from page_data import data_of

import pyalign
from pyalign._result import read_result
from pyalign.errors import InputError
from pyalign.kinds import KINDS
from pyalign.report.charts import chart
from pyalign.report.page.write import make_report

from .files import compact, rounded

TABLES = ("to_csv", "differences_csv", "to_model_index")
WIDTHS = {"text, 50 columns": 50, "text, 80 columns": 80, "text, 200 columns": 200}
SAID = ("title", "aria-label", "aria-sort", "href", "id", "start", "style")  # attributes that say something
UNSAID = ("script", "style", "nav", "svg", "head")
LINES = (
    "p section h1 h2 h3 h4 li tr dt dd caption figcaption summary div figure pre details ul ol dl main header footer "
    "table fieldset a"
).split()
DIGITS = 12
ALIKE = ("HTML", "LaTeX", "chart", "page, methods", "page, cite", "to_model_index")


def texts_of(name, document):
    """part ("tables", "charts", "page") -> function that gives title -> text, of a document that is called so."""
    parts = {
        "tables": lambda: tables_of(read_result(document, name)),
        "charts": lambda: charts_of(document),
        "page": lambda: page_of([document]),
    }
    return {part: lambda make=make: abridged(make(), name) for part, make in parts.items()}


def abridged(texts, name):
    """Of results that are like those of other tests: of what is long and says little new, the hash."""
    if name.startswith(("every: ", "other: ")):
        return texts
    return {title: f"SHA-256 {_hash(text)}" if title.startswith(ALIKE) else text for title, text in texts.items()}


def tables_of(result):
    """title -> text: the tables of a result in all formats."""
    found = {title: result.table(width) for title, width in WIDTHS.items()}
    found["text, verbose"] = result.table(verbose=True)
    found["notes"] = str(result).removeprefix(found["text, 80 columns"])
    found["HTML"] = re.sub(r"(<(?:table|/table|tr|tbody|p)\b)", r"\n\1", result._repr_html_())
    found["LaTeX"] = result.to_latex()
    for name in TABLES:
        if hasattr(result, name):
            found[name] = _said(getattr(result, name)).replace("\r\n", "\n")
    return found


def _said(call, *arguments, **options):
    """What a call gives, or how it refuses."""
    try:
        return call(*arguments, **options)
    except InputError as error:
        return f"InputError: {error}"


# Charts


def charts_of(document):
    """title -> the specification of a chart, of every kind that a document may be drawn as."""
    return {f"chart, {kind}": drawn(document, kind) for kind in KINDS[document["command"]].charts}


def drawn(documents, kind=None, **options):
    """The specification of a chart as text."""
    found = _said(chart, documents, kind, **options)
    return found if isinstance(found, str) else specification_text(found.to_dict())


def specification_text(specification):
    """Names that Altair makes up are numbered as they are used, since a name of data is a hash of its last bits; the
    theme is said by its hash."""
    whole = {key: value for key, value in specification.items() if key not in ("$schema", "config", "datasets")}
    text = json.dumps([whole, specification.get("datasets", {})], sort_keys=True)
    for kind in ("data", "view", "param"):
        names = dict.fromkeys(re.findall(rf'"({kind}[-_][0-9a-f]+)"', text))
        for number, name in enumerate(names):
            text = text.replace(f'"{name}"', f'"{kind} {number}"')
    whole, data = rounded(json.loads(text), DIGITS)
    parts = {"theme": _hash(specification.get("config")), **_referring(whole)}
    return compact(parts | {name: _rows(data[name]) for name in sorted(data)})


def _referring(specification):
    """The specification, where what stands in several places is written once and referred to by its number."""
    count = Counter(json.dumps(one) for one in _parts(specification) if len(json.dumps(one)) > 60)
    numbers = {text: f"see {k}" for k, text in enumerate(text for text, n in count.items() if n > 1)}

    def refer(value, itself=True):
        if itself and json.dumps(value) in numbers:
            return numbers[json.dumps(value)]
        if isinstance(value, dict):
            return {key: refer(one) for key, one in value.items()}
        return [refer(one) for one in value] if isinstance(value, list) else value

    return refer(specification) | {name: refer(json.loads(text), False) for text, name in numbers.items()}


def _parts(value):
    """All objects in JSON."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(one)


def _rows(rows):
    """Rows of data as a header and the values of each, where all have the same fields."""
    if all(isinstance(row, dict) and row.keys() == rows[0].keys() for row in rows):
        return [[*rows[0]], *([*row.values()] for row in rows)]
    return rows


def _hash(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


# The page


def page_of(documents, **options):
    """title -> text: what a page of documents says, section by section, and the data that its scripts read."""
    made = make_report(documents, "report.html", **options)
    found = {"page, sections": " ".join(made.sections), "page, notes": "\n".join(made.notes)}
    section = "top"
    for line in _lines_of(made.html):
        if line.startswith("<section id="):
            section = line[12:].partition(">")[0]
        title = f"page, {section}"
        found[title] = f"{found[title]}\n{line}" if title in found else line
    for name, value in data_of(made.html).items():
        if "datasets" in value:
            found[f"page, chart {name}"] = _chart(value)
        elif text := _data(value):
            found[f"page, data of {name}"] = text
    return found


def _chart(specification):
    """A chart of a page by the hash of its specification, and the fields and number of its rows."""
    text = specification_text(specification)
    told = [f"specification {_hash(text)}"]
    for rows in specification["datasets"].values():
        fields = dict.fromkeys(field for row in rows if isinstance(row, dict) for field in row)
        told.append(f"{len(rows)} rows of {', '.join(fields)}")
    return "\n".join([told[0], *sorted(told[1:])])


def _data(value):
    """Data of a part of a page; of a table the numbers that its cells show rounded."""
    if "columns" in value:
        return "\n".join(f"{one['header']}: {_numbers(one)}" for one in value["columns"] if _is_rounded(one))
    held = {key: one for key, one in value.items() if key != "verdicts"}  # the codes say the same
    return compact(rounded(held, DIGITS))


def _numbers(column):
    return json.dumps(rounded([column[key] for key in ("values", "low", "high") if key in column], DIGITS))[1:-1]


def _is_rounded(column):
    return column["form"] not in ("text", "count")


def _lines_of(html):
    reader = Lines()
    reader.feed(html.replace(f"pyalign {pyalign.__version__}", "pyalign VERSION"))
    reader.end_line()
    return reader.lines


class Lines(HTMLParser):
    """The text of a page: a line for each block, and for each row of a table, whose cells stand between bars."""

    def __init__(self):
        super().__init__()
        self.lines, self._line, self._unsaid = [], "", 0

    def handle_starttag(self, tag, attrs):
        if tag in UNSAID:
            self._unsaid += 1
        if tag in LINES:
            self.end_line()
        if self._unsaid:
            return
        if tag in ("td", "th") and self._line:
            self._line += " | "
        said = [f"{name}={value}" for name, value in attrs if name in SAID]
        if tag in ("section", "h1", "h2", "h3", "caption", "figcaption", "summary"):
            said.insert(0, tag)
        self._line += f"<{' '.join(said)}> " if said else ""

    def handle_endtag(self, tag):
        if tag in UNSAID:
            self._unsaid -= 1
        if tag in LINES:
            self.end_line()

    def handle_data(self, data):
        if not self._unsaid:
            self._line += re.sub(r"[ \n]+", " ", data)

    def end_line(self):
        line = self._line.strip(" ")
        if line:
            self.lines.append(line)
        self._line = ""
