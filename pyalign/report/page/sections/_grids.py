"""A value for each model and concept: as points, colours, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyalign.report.blocks import Column, Table
from pyalign.report.charts.document import ends
from pyalign.report.page.sections._rows import Row, plain

FEW = 3  # models whose points are told apart at a glance
MOST_ROWS = 1000  # of differences, each in a row of its own


@dataclass(frozen=True)
class Grid:
    """Figures by model and concept.

    Attributes:
        models: labels, the best first.
        means: of each model over all concepts, or None.
        concepts: labels, those with the largest mean first.
        rows: of each model, a row of its document for each concept; {} where it has none.
        key: the field of the figure in a row; `interval`: that of the ends of its interval.
        noun: what a concept is; `what`: what the figure is; form: of `Column`.
        least, most: as d3 formats it in a legend, and digits after the point.
    """

    models: tuple[str, ...]
    means: tuple[float | None, ...]
    concepts: tuple[str, ...]
    rows: tuple[tuple[Row, ...], ...]
    key: str
    what: str
    noun: str
    form: str = "percent"
    places: int = 1

    @property
    def values(self) -> tuple[tuple[float | None, ...], ...]:
        """Of each model, one for each concept."""
        return tuple(tuple(row.get(self.key) for row in of_model) for of_model in self.rows)


def grid(
    results: Sequence[Row], labels: Sequence[str], rows: str, concept: str, key: str, mean: str, what: str, noun: str,
    form: str = "percent", places: int = 1,
) -> Grid:  # fmt: skip
    """The grid of results that have lists of rows.

    Args:
        results: of a document, one for each model.
        labels: of these.
        rows: the field that has the list; `concept`: of its rows, what each is of; `key`: the figure.
        mean: the field of a result that has the figure over all.
    """
    order = sorted(range(len(results)), key=lambda k: -_number(results[k].get(mean)))
    by_concept: list[dict[str, Row]] = []
    for k in order:
        by_concept.append({str(row[concept]): row for row in results[k][rows]})
    names = list(dict.fromkeys(name for one in by_concept for name in one))
    names.sort(key=lambda name: -_mean([one.get(name, {}).get(key) for one in by_concept]))
    return Grid(
        tuple(labels[k] for k in order), tuple(results[k].get(mean) for k in order), tuple(names),
        tuple(tuple(one.get(name, {}) for name in names) for one in by_concept), key, what, noun, form, places,
    )  # fmt: skip


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else -1e300


def _mean(values: Sequence[Any]) -> float:
    held = [value for value in values if isinstance(value, int | float)]
    return sum(held) / len(held) if held else -1e300


def wide(of: Grid, name: str, caption: str, more: Mapping[str, str] | None = None) -> Table:
    """A row for each concept, a column for each model; `more`: header -> field of the first model's rows, counts."""
    columns = [Column(of.noun, of.concepts)]
    for model, rows in zip(of.models, of.rows, strict=True):
        columns.append(_figures(model, rows, of))
    for header, field in (more or {}).items():
        columns.append(Column(header, tuple(plain(row.get(field)) for row in of.rows[0]), "count"))
    return Table(tuple(columns), name=name, caption=caption, sort=(of.models[0], True))


def long(of: Grid, name: str, caption: str, more: Mapping[str, str] | None = None) -> Table:
    """A row for each model and concept, to be chosen by either."""
    rows = [row for of_model in of.rows for row in of_model]
    columns = [
        Column("model", tuple(model for model in of.models for _ in of.concepts), filter=True),
        Column(of.noun, of.concepts * len(of.models), filter=True),
        _figures(of.what, rows, of),
    ]
    for header, field in (more or {}).items():
        columns.append(Column(header, tuple(plain(row.get(field)) for row in rows), "count"))
    return Table(tuple(columns), name=name, caption=caption, sort=(of.what, True))


def _figures(header: str, rows: Sequence[Row], of: Grid) -> Column:
    found = [ends(row) for row in rows]
    there = any(low is not None for low, _ in found)
    low, high = (tuple(pair[k] for pair in found) if there else () for k in (0, 1))
    return Column(header, tuple(plain(row.get(of.key)) for row in rows), of.form, low, high, places=of.places)


def summary(of: Grid) -> str:
    """Which concept is the best and which the worst, in mean over the models."""
    means = [_mean(column) for column in zip(*of.values, strict=True)]
    there = [k for k, mean in enumerate(means) if mean > -1e299]
    if not there:
        return f"There is no figure of any {of.noun}."
    best, worst = there[0], there[-1]
    over = "" if len(of.models) == 1 else f", in mean over {len(of.models)} models"
    return (
        f"Highest for {of.concepts[best]} ({_said(means[best], of)}), lowest for {of.concepts[worst]} "
        f"({_said(means[worst], of)}){over}."
    )


def _said(value: float, of: Grid) -> str:
    return f"{100 * value:.{of.places}f} %" if of.form == "percent" else f"{value:.{of.places}f}"
