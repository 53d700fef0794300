"""What is known of models: columns of other sections' tables, and a figure of accuracy against each, with numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

from pyalign.analysis.accuracy import Scores
from pyalign.analysis.comparison.comparison_result import Comparison
from pyalign.analysis.metadata.metadata_result import MetadataGroup, MetadataRegression, MetadataRegressions, ModelPoint
from pyalign.analysis.metadata.regress import LEAST_RANKED, regress_metadata
from pyalign.errors import InputError
from pyalign.report import metadata as texts
from pyalign.report.blocks import Column, Figure, Rows, Section, Table, Text, Value
from pyalign.report.blocks import ends_of as block_ends
from pyalign.report.charts.scatter import capital, metadata_chart, score_text
from pyalign.report.page.sections._shared import Part, in_both_widths, sentence
from pyalign.report.page.sources import Sources
from pyalign.report.words import counted, one_line, percent_interval, short_labels

LEAD = (
    "How accuracy goes with what is known of the models. Two intervals answer two questions: what these very models "
    "would do on other objects, and what other models like these would do on these objects. Models of one family are "
    "not independent of each other, so that a family is drawn as a whole. None of it says what causes what."
)
HIDDEN = ("group", "seed")  # columns that say which rows are one model
MISSING = "There is no metadata of the models (--metadata models.csv) to relate accuracies to."


def metadata_columns(sources: Sources, models: Sequence[str]) -> list[Column]:
    """A column for each of the metadata that some of the models have, a value for each model, None where it has none.

    models: as documents call them. Columns of text filter.
    """
    table = sources.metadata
    if table is None:
        return []
    rows = table.matched(list(models), {name: sources.label(name) for name in models}).rows
    columns = []
    for name in table.columns:
        values = tuple(table.value(row, name) for row in rows)
        if name in HIDDEN or all(value is None for value in values):
            continue
        if name in table.numbers:
            columns.append(Column(name, values, "percent" if name in table.percent else form_of(values)))
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
    if result.notes:
        yield Text(tuple(map(sentence, result.notes)), "note")
    if result.results:
        columns = (*texts.slope_columns(result), *texts.rank_columns(result, result.results))
        caption = f"Slopes and Spearman's rank correlations: {over_text(result)}."
        yield Table(columns, name=f"metadata{which}-slopes", caption=caption)
    known = dict.fromkeys([*(row.column for row in result.results), *(group.column for group in result.groups)])
    for number, column in enumerate(known, start=1):
        plain = re.sub(r"[^a-z0-9]+", "-", column.lower()).strip("-") or "column"
        name = f"metadata{which}-{number}-{plain}"
        rows = [row for row in result.results if row.column == column]
        groups = [group for group in result.groups if group.column == column]
        summary = " ".join(sentence_of(row, result) for row in rows) if rows else sentence_of_groups(groups, result)
        yield Figure(
            name,
            f"{capital(result.score_name)} {'against' if rows else 'by'} {one_line(column)}: {over_text(result)}.",
            summary=summary, data=_data(result, column, f"{name}-data"),
            **in_both_widths(partial(metadata_chart, result, by=column)),
        )


def over_text(regressions: MetadataRegressions) -> str:
    """What the accuracies are over.

    Example:
        >>> of_call = {"n_triplets": 6000, "n_objects": 9}
        >>> over_text(MetadataRegressions((), (), (), "objects", "families", 0.95, 4000, 0, **of_call))
        '0 models on 6,000 triplets of 9 objects; intervals of 95%'
    """
    on = "" if regressions.n_triplets is None else f" on {regressions.n_triplets:,} triplets"
    on += "" if regressions.n_objects is None else f" of {regressions.n_objects:,} objects"
    on += "" if regressions.n_subjects is None else f", answered by {regressions.n_subjects:,} people"
    return f"{counted(len(regressions.points), 'model')}{on}; intervals of {100 * regressions.confidence:g}%"


def sentence_of(row: MetadataRegression, regressions: MetadataRegressions) -> str:
    """What a line says, in words and numbers."""
    objects, models = texts.over_names(regressions)
    rises = "rises" if row.slope > 0 else "falls" if row.slope < 0 else "stays"
    here = texts.scaled_text(row.ci, row, regressions) if row.ci else "not known"
    there = texts.scaled_text(row.models_ci, row, regressions) if row.models_ci else f"too few {models}"
    slope = texts.slope_text(row, regressions).lstrip("+-")
    points = " percentage points" if regressions.is_share else ""
    step = f"{texts.per_text(row, regressions.percent)} of {one_line(row.column)}"
    text = (
        f"Over {row.n_models:,} models {one_line(regressions.score_name)} {rises} by {slope}{points} per {step} "
        f"(over {objects} {here}; over {models} {there})."
    )
    if row.rank_correlation is None or row.scale != "linear":
        return text
    here = texts.rank_text(row.rank_ci) if row.rank_ci else "not known"
    there = texts.rank_text(row.rank_models_ci) if row.rank_models_ci else texts.no_rank_text(row, models)
    if row.n_models < LEAST_RANKED:
        here = there = f"not for fewer than {LEAST_RANKED} models"
    return f"{text} Rank correlation {row.rank_correlation:.3f} (over {objects} {here}; over {models} {there})."


def sentence_of_groups(groups: Sequence[MetadataGroup], regressions: MetadataRegressions) -> str:
    """The best and the worst group, with their intervals."""
    objects, _ = texts.over_names(regressions)
    phrases = []
    for group in dict.fromkeys((groups[0], groups[-1])):
        interval = f", over {objects} {percent_interval(group.ci)}" if group.ci else ", no interval known"
        phrases.append(
            f"{one_line(group.value)} {score_text(group.accuracy, regressions.is_share)} "
            f"(mean of {counted(group.n_models, 'model')}{interval})"
        )
    return f"{'; '.join(phrases)}; {counted(len(groups), 'group')}."


def _data(result: MetadataRegressions, column: str, name: str) -> Table:
    """The points of a figure."""
    pairs = [
        (point, point.values[column])
        for point in result.points
        if point.values and point.values.get(column) is not None
    ]
    points, values = [point for point, _ in pairs], tuple(value for _, value in pairs)
    labels = short_labels([point.model for point in points])
    field, form = Rows(points).column, texts.form_of_score(result)
    columns = [
        field("model", lambda p: labels[p.model]),
        field(one_line(result.score_name), lambda p: p.accuracy, *form, ci=lambda p: p.ci),
        _own_column(result, column, points, values, "percent" if column in result.percent else form_of(values)),
    ]
    if column != "family":
        columns.append(field("family", lambda p: p.family))
    if any(len(point.members) > 1 for point in points):
        columns += [
            field("seeds", lambda p: len(p.members), "count"),
            field("lowest seed", lambda p: p.lowest, *form),
            field("highest seed", lambda p: p.highest, *form),
        ]
    return Table(
        tuple(columns), name=name, caption=f"Models and their {one_line(result.score_name)}: {over_text(result)}."
    )


def _own_column(
    result: MetadataRegressions, column: str, points: Sequence[ModelPoint], values: tuple[Value, ...], form: str
) -> Column:
    """The values of a column, with their intervals where it is a score in another result."""
    places = 3 if form == "number" else 1
    if result.other(column) is None:
        return Column(column, values, form, places=places)
    scores = [point.score(column) for point in points]
    low, high = block_ends([None if score is None else score.ci for score in scores])
    return Column(column, values, form, low, high, places)
