"""What is shown of results stays as it is: tables, LaTeX, CSV, documents, pages and charts, of every kind of result."""

from __future__ import annotations

import copy
import difflib
import pickle
import re

import pytest

from pyalign._result import Result, read_result
from pyalign.kinds import KINDS
from pyalign.report.charts import CHARTS
from pyalign.report.page.sections import OF_ALL, names_of_sections

from .examples import documents_of, real_results, sample_results, small_results
from .files import TOGETHER, VERSION, differences, read_documents, read_shown
from .shown import tables_of, texts_of
from .together import texts_together

DOCUMENTS = {name: one for held in read_documents().values() for name, one in held.items()}
PACKAGES = {"tables": (), "charts": ("altair", "scipy"), "page": ("altair", "scipy", "vl_convert")}
PACKAGES[""] = PACKAGES["page"]
REWRITE = "`python -m tests.snapshots --write` writes snapshots anew"


def result_of(name):
    return read_result(DOCUMENTS[name], name)


def check(kind, name, part, texts):
    """Each text is that of the snapshot, and the snapshot has no others. `part`: "" for all of its parts."""
    for package in PACKAGES[part]:
        pytest.importorskip(package, reason=f"{package} is not installed")
    texts, start = texts(), f"{name} / "
    before = {
        title.removeprefix(start): text
        for title, text in read_shown()[kind].items()
        if title.startswith(start) and part in ("", part_of(title.removeprefix(start)))
    }
    assert list(texts) == list(before), REWRITE
    for title, text in texts.items():
        if text != before[title]:
            lines = difflib.unified_diff(before[title].split("\n"), text.split("\n"), "before", "now", lineterm="", n=1)
            told = [f"{start}{title}; {REWRITE}", *lines]
            pytest.fail("\n".join(line[:300] for line in told[:40]), pytrace=False)


def part_of(title):
    return "charts" if title.startswith("chart") else "page" if title.startswith("page") else "tables"


@pytest.mark.parametrize("part", ["tables", "charts", "page"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_shown_of_a_result(name, part):
    check(DOCUMENTS[name]["command"], name, part, texts_of(name, DOCUMENTS[name])[part])


@pytest.mark.parametrize("title", texts_together(DOCUMENTS))
def test_what_is_shown_of_several_results(title):
    check(TOGETHER, title, "", texts_together(DOCUMENTS)[title])


def test_one_is_not_counted_as_several():
    several = re.compile(
        r"(?<![\d,.])1 (?:odd-one-out |anchored )?"
        r"(?:models|groups|objects|triplets|answers|pairs|times|people|concepts|failures)\b.*"
    )
    assert [text for held in read_shown().values() for one in held.values() for text in several.findall(one)] == []


# Documents


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_written_as_it_was_read(name):
    assert differences(DOCUMENTS[name], result_of(name).to_dict() | {"version": VERSION}, name, within=1e-12) == []


@pytest.mark.parametrize(("change", "found"), [(1.0 + 1e-7, 0), (1.0 + 1e-5, 1), (1.0 + 1e-3, 1)])
def test_figures_are_compared_to_a_tenth_of_their_last_printed_digit(change, found):
    document = DOCUMENTS["score over objects"]  # whose cross-entropy, 1.1 nats, is printed with five digits
    (row,) = document["results"]
    other = document | {"results": [row | {"cross_entropy": row["cross_entropy"] * change}]}
    assert len(differences(document, other)) == found


def check_computed(results, folder):
    """Results have the committed documents, can be pickled and copied, and look as what is read of their documents."""
    assert results
    for name, document in documents_of(results, folder).items():
        assert differences(DOCUMENTS[name], document, name) == []
    for name, one in results.items():
        for back in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):
            assert type(back) is type(one) and back.to_json() == one.to_json() and str(back) == str(one), name
        if one.command != "study":  # whose table says more of what has just run
            assert tables_of(one) == tables_of(read_result(one.to_dict(), name)), name


@pytest.mark.suite("test")
def test_results_of_all_kinds_have_the_committed_documents(tmp_path):
    check_computed(small_results(tmp_path), tmp_path)


def test_results_of_the_sample_have_the_committed_documents(tmp_path):
    check_computed(sample_results(tmp_path), tmp_path)


def test_results_of_real_data_have_the_committed_documents(data):
    check_computed(real_results(data), data)


# Nothing is left out


def test_every_kind_of_result_has_a_snapshot():
    assert {one["command"] for one in DOCUMENTS.values()} == {*KINDS} == {*read_documents()}
    assert {*read_shown()} == {*KINDS, TOGETHER}
    assert {kind: names_shown(kind) for kind in KINDS} == {kind: {*held} for kind, held in read_documents().items()}
    assert names_shown(TOGETHER) == {*texts_together(DOCUMENTS)}


def names_shown(kind):
    return {title.partition(" / ")[0] for title in read_shown()[kind]}


def test_every_class_of_results_has_a_snapshot():
    def below(one):
        return {one}.union(*map(below, one.__subclasses__()))

    shown = {type(result_of(name)) for name in DOCUMENTS}  # reads every kind, which loads its module
    classes = {one for one in below(Result) if one.command in KINDS and one.__module__.startswith("pyalign.")}
    parts = {one.kind for one in classes if isinstance(getattr(one, "kind", None), type)}  # shown in a table of one
    assert classes - parts == shown and len(classes) > len(KINDS)


def test_every_kind_of_chart_and_every_section_of_the_page_has_a_snapshot():
    shown = {title: text for texts in read_shown().values() for title, text in texts.items()}
    of_more = {*CHARTS} - {name for kind in KINDS.values() for name in kind.charts}
    drawn = {title.partition(" / chart, ")[2] for title in shown if " / chart, " in title}
    assert drawn == {*CHARTS} - of_more and of_more == {"cards", "map"}
    sections = {one for title, text in shown.items() if title.endswith(" / page, sections") for one in text.split()}
    assert sections == {*names_of_sections()}


def test_every_kind_of_result_says_which_sections_and_charts_it_has():
    for kind, texts in read_shown().items():
        sections = {one for title, text in texts.items() if title.endswith(" / page, sections") for one in text.split()}
        drawn = {title.partition(" / chart, ")[2] for title in texts if " / chart, " in title}
        if kind != TOGETHER:  # with metadata of models, accuracies are in its section as well
            assert sections - {*OF_ALL, "metadata"} == {*KINDS[kind].sections} - {"metadata"}, kind
            assert drawn == {*KINDS[kind].charts}, kind


SHARE = re.compile(r"(?<=  )(accuracy|zero-shot|probed|gain|recovered|same choice)(?=  |$)")  # headers of columns
INTERVAL = re.compile(r"\d+% interval|interval")


def shares_in(text):
    """The cells below the headers of shares in a text's tables, whose columns end below the last letter of a header."""
    ends = []
    for line in text.splitlines():
        headers = [found.end() for found in SHARE.finditer(line)]
        if headers and not re.search(r"\d", INTERVAL.sub("", line)):
            ends = headers
            continue
        cells = [line[:end].split("  ")[-1].strip() for end in ends if len(line) >= end and line[end : end + 1] in " "]
        ends = ends if len(cells) == len(ends) and all(re.fullmatch(r"[-+\d.,%]*", cell) for cell in cells) else []
        yield from (cell for cell in cells if ends and re.search(r"\d", cell))


def test_shares_are_percent_in_every_table():
    texts = {title: text for kind in read_shown().values() for title, text in kind.items() if " / text" in title}
    cells = {title: [*shares_in(text)] for title, text in texts.items()}
    assert sum(map(len, cells.values())) > 1000
    assert not {title: wrong for title, found in cells.items() if (wrong := [one for one in found if one[-1] != "%"])}
