"""RSA: correlations of models with people, with intervals; beside those with each person their noise ceiling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.report.charts.accuracy import MOST_ROWS
from pyalign.report.charts.behind import Band, Tick
from pyalign.report.charts.document import called, ends, over
from pyalign.report.charts.ranked import MOST_MODELS, Panel, Row, order_of, ranked
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.tables import one_line

MOST_PEOPLE = 2000  # values of single people in one picture
Document = Mapping[str, Any]


def rsa_chart(
    documents: Document | Sequence[Document], *, style: str = "light", width: str = "double", sort: str = "value",
    limit: int | None = None,
) -> Any:  # fmt: skip
    """Two columns: with people's mean matrix, and the mean of those with each person, before the noise ceiling.

    Several measures and correlations by colour and shape.

    Args:
        documents: of `pyalign.rsa`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal; in a single one the columns stand below each other.
        sort: "value": by the correlation with the mean matrix; "name", "document".
        limit: at most so many models, from the top; default: 60.

    Raises:
        MissingExtraError: altair is not installed.
    """
    documents = [documents] if isinstance(documents, Mapping) else list(documents)
    look, points = style_of(style), width_of(width)
    results = [dict(row) for one in documents for row in one["results"]]
    series_all = series_of(documents)
    series = list(dict.fromkeys(series_all))[:MOST_MODELS]
    labels = called([(one["embeddings"], one.get("label")) for one in results])
    held = [(label, name, one) for label, name, one in zip(labels, series_all, results, strict=True) if name in series]
    rows = [Row(label, name, one["value"], *ends(one), one["n_pairs"]) for label, name, one in held]
    order = order_of(rows, sort)
    kept = order[: limit or MOST_ROWS]
    rows = [row for row in rows if row.item in kept]
    people = any(one.get("n_people") is not None for one in documents)
    first = "correlation with the mean matrix of the people" if people else "correlation with the human matrix"
    panels = [Panel(rows, first, ".2f", {"0": 0.0}, {}, "model", "pairs", counted=False)]
    shown = [(label, name, one) for label, name, one in held if label in kept]
    ticks = list[Tick]()
    if any(one.get("per_person") for _, _, one in shown):
        panel, ticks = _per_person(shown)
        panels.append(panel)
    told = _told(documents, results, panels, ticks, len(kept), len(order))
    if len(series) == 1:
        told.append(f"By: {', '.join(filter(None, (results[0]['correlation'], results[0]['measure'])))}.")
    if len(series) < len(set(series_all)):
        told.append(f"The first {len(series)} of {len(set(series_all))} measures and correlations.")
    chart = ranked(panels, kept, series, look, points, stacked=width == "single")
    return finished(chart, look, points, "Representational similarity to people", told)


def series_of(documents: Sequence[Document]) -> list[str]:
    """What tells results of one model apart: correlation, measure, the human matrix."""
    parts = [
        (row["correlation"], row["measure"] or "as given", one_line(str(one.get("human") or "people")))
        for one in documents
        for row in one["results"]
    ]
    several = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    return [", ".join(part for part, many in zip(one, several, strict=True) if many) or one[0] for one in parts]


def _per_person(shown: Sequence[tuple[str, str, Mapping[str, Any]]]) -> tuple[Panel, list[Tick]]:
    rows, ceilings, ticks = [], [], []
    for label, name, one in shown:
        held = one.get("per_person")
        if not held:
            continue
        rows.append(Row(label, name, held["mean"], *ends(held), len(held["values"])))
        ticks += [
            Tick(label, name, value, f"{label}, {name}, person {k + 1}: {value:.3f}")
            for k, value in enumerate(held["values"])
            if value is not None
        ]
        if one.get("ceiling"):
            ceilings.append((label, name, one["ceiling"]["lower"], one["ceiling"]["upper"]))
    ticks = ticks if len(ticks) <= MOST_PEOPLE else []
    whole = {(low, high) for _, _, low, high in ceilings}
    if len(whole) == 1 and len(ceilings) == len(rows):
        bands = [Band(*whole.pop(), "noise ceiling")]
    else:
        bands = [
            Band(low, high, f"noise ceiling of {label}, {name}", label, name) for label, name, low, high in ceilings
        ]
    axis = "mean over people of the correlation with each"
    return Panel(rows, axis, ".2f", {"0": 0.0}, {}, "model", "people", bands, ticks, counted=False), ticks


def _told(
    documents: Sequence[Document], results: Sequence[Mapping[str, Any]], panels: Sequence[Panel],
    ticks: Sequence[Tick], shown: int, total: int,
) -> list[str]:  # fmt: skip
    def spread(name: str, noun: str) -> str:
        values = sorted({one[name] for one in results})
        return " to ".join(f"{n:,}" for n in dict.fromkeys((values[0], values[-1]))) + f" {noun}"

    people = sorted({one["n_people"] for one in documents if one.get("n_people") is not None})
    who = "".join(f", {n:,} {'person' if n == 1 else 'people'}" for n in people)
    told = [f"{spread('n_objects', 'objects')}, {spread('n_pairs', 'pairs')}{who}. {over(results)}".strip()]
    missing = max(one["n_missing"] for one in results)
    if missing:
        told.append(f"Up to {missing:,} pairs left out, which nobody judged.")
    if len(panels) > 1:
        bands = panels[1].bands
        if bands:
            told.append(
                "Grey: noise ceiling, each person with the mean of the others and of all; it belongs to the "
                "correlations with each person."
            )
        told.append("Strokes: single people." if ticks else "Single people are too many to be shown.")
    if shown < total:
        told.append(f"The first {shown} of {total:,} models.")
    return told
