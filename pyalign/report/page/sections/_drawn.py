"""What sections of results share: documents with the labels of the page, and figures with their data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.report.blocks import Column, Figure, Table, Value
from pyalign.report.charts.data import rows_of
from pyalign.report.page.sources import Loaded, Sources


def relabelled(loaded: Loaded, given: Sources) -> dict[str, Any]:
    """The document with the page's labels for its models, where pictures look for them."""
    document = dict(loaded.document)
    if isinstance(document.get("embeddings"), str):
        document["label"] = given.label(document["embeddings"])
    for name, key in (("results", "embeddings"), ("models", "model")):
        rows = document.get(name)
        if isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows):
            document[name] = [_labelled(dict(row), key, given) for row in rows]
    return document


def _labelled(row: dict[str, Any], key: str, given: Sources) -> dict[str, Any]:
    if isinstance(row.get(key), str):
        row["label"] = given.label(row[key])
    if isinstance(row.get("models"), Sequence):
        row["labels"] = [given.label(str(name)) for name in row["models"]]
    return row


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


def column(
    header: str, rows: Sequence[Mapping[str, Any]], key: str, form: str = "number", *, ci: str = "", places: int = 1,
    filter: bool = False, note: str = "",
) -> Column:  # fmt: skip
    """A column of the values under a key, None where there is none; `ci`: under which key their intervals are."""
    low, high = (tuple(_end(row.get(ci), k) for row in rows) for k in (0, 1)) if ci else ((), ())
    return Column(header, tuple(row.get(key) for row in rows), form, low, high, places, filter=filter, note=note)


def _end(interval: Any, k: int) -> float | None:
    return interval[k] if isinstance(interval, Sequence) and len(interval) == 2 else None


def numbered(name: str, k: int) -> str:
    """The name of the k-th part of a kind: the first has no number."""
    return name if k == 0 else f"{name}-{k + 1}"


def percent(value: float | None) -> str:
    """A fraction in a sentence."""
    return "none" if value is None else f"{100 * value:.1f} %"


def over(by: Any) -> str:
    """What intervals are over, in a sentence."""
    return str(by).replace("subjects", "people").replace("+", " and ")
