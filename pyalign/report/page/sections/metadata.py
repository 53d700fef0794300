"""What is known of models: columns of other sections' tables, and a figure of accuracy against each, with numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

from pyalign.analysis.accuracy import Scores
from pyalign.analysis.comparison.comparison_result import Comparison
from pyalign.analysis.metadata.metadata_result import MetadataRegressions
from pyalign.analysis.metadata.model_points import LABELS
from pyalign.analysis.metadata.regress import regress_metadata
from pyalign.errors import InputError
from pyalign.report.blocks import Column, Figure, Rows, Section, Table, Text, Value, ends_of, table
from pyalign.report.charts.scatter import counts_of, metadata_chart
from pyalign.report.fits import form_of_score, metadata_tables
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
MISSING = "There is no metadata of the models (--metadata models.csv) to relate accuracies to."


def metadata_columns(sources: Sources, models: Sequence[str]) -> list[Column]:
    """A column for each of the metadata that some of the models have, a value for each model, None where it has none.

    models: as documents call them. Columns of text filter.
    """
    known = sources.metadata
    if known is None:
        return []
    rows = known.matched(models, {name: sources.label(name) for name in models}).rows
    columns = []
    for name in known.columns:
        values = tuple(known.value(row, name) for row in rows)
        if name in LABELS or all(value is None for value in values):
            continue
        form = _form_of(values, name in known.percent) if name in known.numbers else "text"
        columns.append(Column(name, values, form, filter=form == "text"))
    return columns


def _form_of(values: Sequence[Value], percent: bool) -> str:
    """How a column shows its values, the form of a `Column`."""
    known = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in known):
        return "text"
    return "percent" if percent else "count" if all(float(value).is_integer() for value in known) else "number"


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
    for place, document in enumerate(loaded, 1):
        try:
            result = document.result if ready else _regressed(document.result, sources)
        except InputError as error:
            parts.append(Text((f"{document.path or document.command}: {one_line(str(error))}",), "warning"))
            continue
        parts += _parts(result, f"metadata-{place}" if len(loaded) > 1 else "metadata")
    return Section("metadata", title, LEAD, tuple(parts))


def _regressed(result: Comparison | Scores, sources: Sources) -> MetadataRegressions:
    """Against the metadata of the page; intervals are of the level that the result has."""
    rows = result if isinstance(result, Scores) else (result,)
    level = next((row.confidence for row in rows if row.confidence is not None), 0.95)
    return regress_metadata(result, sources.metadata, confidence_level=level, labels=sources.labels)


def _parts(result: MetadataRegressions, name: str) -> Iterator[Part]:
    """The tables, and a chart with its numbers for each column."""
    if result.notes:
        yield Text(tuple(map(sentence, result.notes)), "note")
    over = f"{counted(len(result.points), 'model')}{counts_of(result)}; intervals of {100 * result.confidence:g}%."
    for kind, shown in metadata_tables(result).items():
        yield shown.on_page(f"{name}-{kind}", f"{CAPTIONS[kind]}: {over}", whole=True)
    known = dict.fromkeys([*(row.column for row in result.results), *(group.column for group in result.groups)])
    for number, column in enumerate(known, start=1):
        plain = re.sub(r"[^a-z0-9]+", "-", column.lower()).strip("-") or "column"
        charts = in_both_widths(partial(metadata_chart, result, by=column))
        title = f"{charts['chart'].usermeta['pyalign']['title']}."
        summary = charts["chart"].description.removeprefix(title).strip()
        called = f"{name}-{number}-{plain}"
        yield Figure(called, title, summary=summary, data=_data(result, column, f"{called}-data", over), **charts)


def _data(result: MetadataRegressions, column: str, name: str, over: str) -> Table:
    """The points of a figure."""
    points = [point for point in result.points if (point.values or {}).get(column) is not None]
    values = tuple((point.values or {})[column] for point in points)
    labels = short_labels([point.model for point in points])
    field, score_form, called = Rows(points).column, form_of_score(result), one_line(result.score_name)
    form = _form_of(values, column in result.percent)
    low, high = ends_of([score.ci if (score := point.score(column)) else None for point in points])
    columns = (
        field("model", lambda p: labels[p.model]),
        field(called, lambda p: p.accuracy, *score_form, ci=lambda p: p.ci),
        Column(column, values, form, low, high, 3 if form == "number" else 1),
        field("family", lambda p: p.family) if column != "family" else None,
        field("seeds", lambda p: len(p.members), "count"),
        field("lowest seed", lambda p: p.lowest, *score_form),
        field("highest seed", lambda p: p.highest, *score_form),
    )
    return table(*columns).on_page(name, f"Models and their {called}: {over}")
