"""The numbers of a picture: those that can be drawn, and all of them read back out of its specification."""

from __future__ import annotations

import math
from typing import Any

from pyalign.documents import Interval

UNTOLD = ("told", "uri")  # what is said of a mark, and its image


def known(value: float | None) -> float | None:
    """A number that can be drawn; None for what is none.

    Example:
        >>> known(0.5), known(float("nan")), known(None)
        (0.5, None, None)
    """
    return None if value is None or not math.isfinite(value) else value


def ends_of(interval: Interval | None) -> tuple[float | None, float | None]:
    """The ends of an interval of a result; None, None where there is none."""
    low, high = (None, None) if interval is None else map(known, interval)
    return (None, None) if low is None or high is None else (low, high)


def rows_of(chart: Any) -> list[dict[str, Any]]:
    """A row for each mark that stands for data, unrounded; lines that only help to read are none.

    Such marks are those that say something to people who have the picture read to them: rows with `told`.

    Example:
        >>> import altair
        >>> values = [{"model": "clip", "value": 0.5, "told": "clip: 50.0 %"}]
        >>> rows_of(altair.Chart(altair.InlineData(values=values)).mark_point())
        [{'model': 'clip', 'value': 0.5}]
    """
    datasets = list(chart.to_dict(validate=False)["datasets"].values())
    columns = [
        [row["column"] for row in values] for values in datasets if values and {"place", "column"} == set(values[0])
    ]
    rows = list[dict[str, Any]]()
    for values in datasets:
        for row in values:
            if "cells" in row:
                rows += _unfolded(row, columns[0])
            elif "told" in row:
                rows.append({name: value for name, value in row.items() if name not in UNTOLD})
    return rows


def _unfolded(row: dict[str, Any], columns: list[str]) -> list[dict[str, Any]]:
    """The cells of a row of a matrix; those that hold nothing at all are left out."""
    lists = {"value": row["cells"], **{n.removeprefix("more_"): v for n, v in row.items() if n.startswith("more_")}}
    found = [{name: values[k] for name, values in lists.items()} for k in range(len(columns))]
    return [
        {"row": row["row"], "column": column, **cell}
        for column, cell in zip(columns, found, strict=True)
        if any(value is not None for value in cell.values())
    ]
