"""What is known of models: columns of other sections' tables, and a figure of accuracy against each, with numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

from pyalign.analysis.accuracy import Scores
from pyalign.analysis.comparison.comparison_result import Comparison
from pyalign.analysis.metadata.metadata_result import MetadataRegressions
from pyalign.analysis.metadata.regress import regress_metadata
from pyalign.errors import InputError
from pyalign.report.blocks import Column, Figure, Rows, Section, Table, Text, Value, ends_of, table
from pyalign.report.charts.scatter import counts_of, metadata_chart
from pyalign.report.metadata import form_of_score, metadata_tables
from pyalign.report.page.sections._shared import Part, in_both_widths, sentence
from pyalign.report.page.sources import Sources
from pyalign.report.words import counted, one_line, short_labels

LEAD = (
    "How accuracy goes with what is known of the models. Two intervals answer two questions: what these very models "
    "would do on other objects, and what other models like these would do on these objects. Models of one family are "
    "not independent of each other, so that a family is drawn as a whole. None of it says what causes what."
)
CAPTIONS = {
    "slopes": "Slopes", "ranks": "Spearman's rank correlations", "groups": "Means of models with the same value",
    "seeds": "Models of several seeds, each a point",
}
HIDDEN = ("group", "seed")  # columns that say which rows are one model
MISSING = "There is no metadata of the models (--metadata models.csv) to relate accuracies to."


def metadata_columns(sources: Sources, models: Sequence[str]) -> list[Column]:
    """A column for each of the metadata that some of the models have, a value for each model, None where it has none.

    models: as documents call them. Columns of text filter.
    """
    known = sources.metadata
    if known is None:
        return []
    rows = known.matched(list(models), {name: sources.label(name) for name in models}).rows
    columns = []
    for name in known.columns:
        values = tuple(known.value(row, name) for row in rows)
        if name in HIDDEN or all(value is None for value in values):
            continue
        if name in known.numbers:
            columns.append(Column(name, values, "percent" if name in known.percent else form_of(values)))
        else:
            columns.append(Column(name, values, filter=True))
    return columns


def form_of(values: Sequence[Value]) -> str:
    """How a column shows its values, the form of a `Column`.

    Example:
        >>> form_of([64.0, 1280.0, None]), form_of([0.5, 1280.0]), form_of(["vit"])
        ('count', 'number', 'text')
    """
    known = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in known):
        return "text"
    return "count" if all(float(value).is_integer() for value in known) else "number"


def metadata(sources: Sources) -> Section | None:
    """The section of results of `pyalign metadata`; else of comparisons, or scores, with the metadata of the page."""
    ready = sources.loaded(MetadataRegressions)
    loaded = ready or sources.loaded(Comparison) or sources.loaded(Scores)
    if not loaded:
        return None
    title = "Accuracy and what is known of the models"
    if not ready and sources.metadata is None:
        return Section("metadata", title, "", (Text((MISSING,), "note"),))
    parts: list[Part] = []
    for place, document in enumerate(loaded):
        try:
            result = document.result if ready else _regressed(document.result, sources)
        except InputError as error:
            parts.append(Text((f"{document.path or document.command}: {one_line(str(error))}",), "warning"))
            continue
        parts += _parts(result, f"-{place + 1}" if len(loaded) > 1 else "")
    return Section("metadata", title, LEAD, tuple(parts))


def _regressed(result: Comparison | Scores, sources: Sources) -> MetadataRegressions:
    """Against the metadata of the page; intervals are of the level that the result has."""
    rows = result if isinstance(result, Scores) else (result,)
    level = next((row.confidence for row in rows if row.confidence is not None), 0.95)
    return regress_metadata(result, sources.metadata, confidence_level=level, labels=sources.labels)


def _parts(result: MetadataRegressions, which: str) -> Iterator[Part]:
    """The tables, and a chart with its numbers for each column."""
    if result.notes:
        yield Text(tuple(map(sentence, result.notes)), "note")
    over = f"{counted(len(result.points), 'model')}{counts_of(result)}; intervals of {100 * result.confidence:g}%."
    for name, shown in metadata_tables(result).items():
        yield shown.on_page(f"metadata{which}-{name}", f"{CAPTIONS[name]}: {over}", whole=True)
    known = dict.fromkeys([*(row.column for row in result.results), *(group.column for group in result.groups)])
    for number, column in enumerate(known, start=1):
        plain = re.sub(r"[^a-z0-9]+", "-", column.lower()).strip("-") or "column"
        name = f"metadata{which}-{number}-{plain}"
        charts = in_both_widths(partial(metadata_chart, result, by=column))
        title = f"{charts['chart'].usermeta['pyalign']['title']}."
        summary = charts["chart"].description.removeprefix(title).strip()
        yield Figure(name, title, summary=summary, data=_data(result, column, f"{name}-data", over), **charts)


def _data(result: MetadataRegressions, column: str, name: str, over: str) -> Table:
    """The points of a figure."""
    points = [point for point in result.points if (point.values or {}).get(column) is not None]
    values = tuple((point.values or {})[column] for point in points)
    labels = short_labels([point.model for point in points])
    field, score_form = Rows(points).column, form_of_score(result)
    form = "percent" if column in result.percent else form_of(values)
    low, high = ends_of([score.ci if (score := point.score(column)) else None for point in points])
    columns = (
        field("model", lambda p: labels[p.model]),
        field(one_line(result.score_name), lambda p: p.accuracy, *score_form, ci=lambda p: p.ci),
        Column(column, values, form, low, high, 3 if form == "number" else 1),
        field("family", lambda p: p.family) if column != "family" else None,
        field("seeds", lambda p: len(p.members), "count"),
        field("lowest seed", lambda p: p.lowest, *score_form),
        field("highest seed", lambda p: p.highest, *score_form),
    )
    return table(*columns).on_page(name, f"Models and their {one_line(result.score_name)}: {over}")
