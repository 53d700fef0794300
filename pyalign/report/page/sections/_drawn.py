"""What sections of results share: figures with their data, fractions in sentences."""

from __future__ import annotations

from typing import Any

from pyalign.report.blocks import Column, Figure, Table, Value
from pyalign.report.charts.data import rows_of


def figure(name: str, caption: str, chart: Any, summary: str) -> Figure:
    """A figure with the numbers that it shows."""
    rows = rows_of(chart)
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns = tuple(_column(key, tuple(row.get(key) for row in rows)) for key in names)
    return Figure(
        name, caption, chart, summary, Table(columns, name=f"{name}-data", caption="What the figure shows, in numbers.")
    )


def _column(name: str, values: tuple[Value, ...]) -> Column:
    held = [value for value in values if value is not None]
    form = "text"
    if held and all(isinstance(value, int | float) and not isinstance(value, bool) for value in held):
        form = "count" if all(isinstance(value, int) for value in held) else "number"
    return Column(name.replace("_", " "), values, form, places=4)


def percent(value: float | None) -> str:
    """A fraction in a sentence."""
    return "none" if value is None else f"{100 * value:.1f} %"
