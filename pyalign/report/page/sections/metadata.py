"""Accuracy against what is known of the models: a figure for each column, and what it says in numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyalign.analysis.comparison.result import Comparison
from pyalign.analysis.metadata.regress import LEAST_RANKED, regress_metadata
from pyalign.analysis.metadata.result import MetadataGroup, MetadataRegression, MetadataRegressions
from pyalign.analysis.score import Scores
from pyalign.documents import from_document
from pyalign.errors import InputError
from pyalign.report.blocks import Column, Figure, Section, Table, Text
from pyalign.report.charts import chart
from pyalign.report.metadata import over_names, per_text, rank_text, scaled_text, slope_text
from pyalign.report.page.sections._rows import sentence
from pyalign.report.page.sources import Sources
from pyalign.report.tables import one_line, percent_interval, short_labels

LEAD = (
    "How accuracy goes with what is known of the models. Two intervals answer two questions: what these very models "
    "would do on other objects, and what other models like these would do on these objects. Models of one family are "
    "not independent of each other, so that a family is drawn as a whole. None of it says what causes what."
)
MISSING = "No metadata of the models were given (--metadata models.csv), so that nothing can be set against them."


def metadata(given: Sources) -> Section | None:
    """Of documents of `pyalign metadata`; else of comparisons, or scores, with the metadata of the page."""
    ready = given.of("metadata")
    sources = ready or given.of("compare") or given.of("score")
    if not sources:
        return None
    title = "Accuracy and what is known of the models"
    if not ready and given.metadata is None:
        return Section("metadata", title, "", (Text((MISSING,), "note"),))
    parts: list[Any] = []
    for place, source in enumerate(sources):
        try:
            found = _found(source.document, given)
        except (InputError, LookupError, TypeError, ValueError, AttributeError) as error:
            parts.append(Text((f"{source.path or source.command}: {one_line(str(error))}",), "warning"))
            continue
        parts += _parts(found, f"-{place + 1}" if len(sources) > 1 else "")
    return Section("metadata", title, LEAD, tuple(parts))


def _found(document: Mapping[str, Any], given: Sources) -> MetadataRegressions:
    if document["command"] == "metadata":
        return from_document(MetadataRegressions, document)
    kind: Any = Comparison if document["command"] == "compare" else Scores
    result: Any = from_document(kind, document)
    return regress_metadata(result, given.metadata, confidence=_level(document), labels=given.labels)


def _level(document: Mapping[str, Any]) -> float:
    """Of the intervals of a document, which those of the section share."""
    rows = [document, *(document.get("results") or ())]
    return next((float(row["confidence"]) for row in rows if row.get("confidence") is not None), 0.95)


def _parts(found: MetadataRegressions, which: str) -> Iterator[Any]:
    if found.notes:
        yield Text(tuple(map(sentence, found.notes)), "note")
    if found.results:
        yield _table(found, which)
    document = found.to_dict()
    columns = list(dict.fromkeys([*(r.column for r in found.results), *(g.column for g in found.groups)]))
    for number, column in enumerate(columns):
        plain = re.sub(r"[^a-z0-9]+", "-", column.lower()).strip("-") or "column"
        name = f"metadata{which}-{number + 1}-{plain}"
        rows = [row for row in found.results if row.column == column]
        groups = [group for group in found.groups if group.column == column]
        summary = " ".join(sentence_of(row, found) for row in rows) if rows else sentence_of_groups(groups, found)
        yield Figure(
            name, f"Accuracy {'against' if rows else 'by'} {one_line(column)}: {over_text(found)}.",
            chart(document, "metadata", by=column), summary, _data(found, column, f"{name}-data"),
        )  # fmt: skip


def over_text(found: MetadataRegressions) -> str:
    """Over what the accuracies are.

    Example:
        >>> found = MetadataRegressions((), (), (), "objects", "families", 0.95, 4000, 0, n_triplets=6000, n_objects=9)
        >>> over_text(found)
        '0 models on 6,000 triplets of 9 objects; intervals of 95 %'
    """
    on = "" if found.n_triplets is None else f" on {found.n_triplets:,} triplets"
    on += "" if found.n_objects is None else f" of {found.n_objects:,} objects"
    on += "" if found.n_subjects is None else f", answered by {found.n_subjects:,} people"
    return f"{len(found.points):,} models{on}; intervals of {100 * found.confidence:g} %"


def sentence_of(row: MetadataRegression, found: MetadataRegressions) -> str:
    """What a line says, in words and numbers."""
    objects, models = over_names(found)
    rises = "rises" if row.slope > 0 else "falls" if row.slope < 0 else "stays"
    here = scaled_text(row.ci, row, found.percent) if row.ci else "not known"
    there = scaled_text(row.models_ci, row, found.percent) if row.models_ci else f"too few {models}"
    slope = slope_text(row, found.percent).lstrip("+-")
    text = (
        f"Over {row.n_models:,} models accuracy {rises} by {slope} percentage points per "
        f"{per_text(row, found.percent)} of {one_line(row.column)} (over {objects} {here}; over {models} {there})."
    )
    if row.rank_correlation is None or row.scale != "linear":
        return text
    here = rank_text(row.rank_ci) if row.rank_ci else "not known"
    there = rank_text(row.rank_models_ci) if row.rank_models_ci else f"too few {models}"
    if row.n_models < LEAST_RANKED:
        here = there = f"not for fewer than {LEAST_RANKED} models"
    return f"{text} Rank correlation {row.rank_correlation:.3f} (over {objects} {here}; over {models} {there})."


def sentence_of_groups(groups: Sequence[MetadataGroup], found: MetadataRegressions) -> str:
    """The best and the worst group, with their intervals."""
    objects, _ = over_names(found)
    told = []
    for group in dict.fromkeys((groups[0], groups[-1])):
        interval = f", over {objects} {percent_interval(group.ci)}" if group.ci else ", no interval known"
        many = f"{group.n_models:,} model{'s' if group.n_models > 1 else ''}"
        told.append(f"{one_line(group.value)} {100 * group.accuracy:.1f} % (mean of {many}{interval})")
    return f"{'; '.join(told)}; {len(groups)} groups."


def _table(found: MetadataRegressions, which: str) -> Table:
    """Slopes as people read them, and rank correlations with both intervals."""
    rows = found.results
    objects, models = over_names(found)
    slopes = tuple(f"{slope_text(row, found.percent)} per {per_text(row, found.percent)}" for row in rows)
    ranks = tuple(row.rank_correlation for row in rows)
    columns = [
        Column("column", tuple(row.column for row in rows)),
        Column("scale", tuple(row.scale for row in rows)),
        Column("models", tuple(row.n_models for row in rows), "count"),
        Column("families", tuple(row.n_families for row in rows), "count"),
        Column("slope, percentage points", slopes),
        Column(f"slope, over {objects}", tuple(scaled_text(row.ci, row, found.percent) for row in rows)),
        Column(f"slope, over {models}", tuple(scaled_text(row.models_ci, row, found.percent) for row in rows)),
        Column(f"rank correlation, over {objects}", ranks, "number", *_ends([row.rank_ci for row in rows]), places=3),
        Column(f"rank correlation, over {models}", ranks, "number", *_ends([row.rank_models_ci for row in rows]),
               places=3),
    ]  # fmt: skip
    return Table(
        tuple(columns),
        name=f"metadata{which}-slopes",
        caption=f"Slopes and Spearman's rank correlations: {over_text(found)}.",
    )


def _ends(intervals: Sequence[Any]) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    return (tuple(None if one is None else one.low for one in intervals),
            tuple(None if one is None else one.high for one in intervals))  # fmt: skip


def _data(found: MetadataRegressions, column: str, name: str) -> Table:
    """The points of a figure."""
    points = [point for point in found.points if (point.values or {}).get(column) is not None]
    labels = short_labels([point.model for point in points])
    values = tuple((point.values or {})[column] for point in points)
    share = column in found.percent
    numbers = any(isinstance(value, float) for value in values)
    low, high = _ends([point.ci for point in points])
    columns = [
        Column("model", tuple(labels[point.model] for point in points)),
        Column("accuracy", tuple(point.accuracy for point in points), "percent", low, high),
        Column(column, values, "percent" if share else "number" if numbers else "text", places=3 if numbers else 1),
        Column("family", tuple(point.family for point in points)),
        Column("seeds", tuple(len(point.members) for point in points), "count"),
        Column("lowest seed", tuple(point.lowest for point in points), "percent"),
        Column("highest seed", tuple(point.highest for point in points), "percent"),
    ]
    if column == "family":
        del columns[3]
    if all(len(point.members) == 1 for point in points):
        del columns[-3:]
    return Table(tuple(columns), name=name, caption=f"Models and their accuracy: {over_text(found)}.")
