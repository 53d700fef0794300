"""RSA: correlations of models with people, with intervals; beside those with each person their noise ceiling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.pairwise.rsa_result import Rsa, RsaResult
from pyalign.report.charts.accuracy import MOST_ROWS, ends
from pyalign.report.charts.behind import Band, Tick
from pyalign.report.charts.data import known
from pyalign.report.charts.ranked import MOST_MODELS, Panel, Row, order_of, ranked
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.words import bars_text, model_labels, one_line

MOST_PEOPLE = 2000  # values of single people in one picture
Drawn = tuple[str, str, RsaResult]  # the model, what tells its points apart, the row of the result


def rsa_chart(
    results: Rsa | Sequence[Rsa], *, style: str = "light", width: str = "double", sort: str = "value",
    limit: int | None = None, labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """Two columns: with people's mean matrix, and the mean of those with each person, before the noise ceiling.

    Several measures and correlations by colour and shape.

    Args:
        results: of `pyalign.rsa`, one or several.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal; in a single one the columns stand below each other.
        sort: "value": by the correlation with the mean matrix; "name", "document".
        limit: at most so many models, from the top; default: 60.
        labels: of models, in place of their own.

    Raises:
        MissingExtraError: altair is not installed.
    """
    results = [results] if isinstance(results, Rsa) else list(results)
    look, points = style_of(style), width_of(width)
    rows_of_all = [row for one in results for row in one.results]
    series_all = series_of(results)
    series = list(dict.fromkeys(series_all))[:MOST_MODELS]
    called = model_labels([(row.embeddings, row.label) for row in rows_of_all], labels=labels)
    drawn: list[Drawn] = [
        (called[row.embeddings], name, row) for name, row in zip(series_all, rows_of_all, strict=True) if name in series
    ]
    rows = [Row(label, name, known(row.value), *ends(row.ci), row.n_pairs) for label, name, row in drawn]
    order = order_of(rows, sort)
    kept = order[: limit or MOST_ROWS]
    rows = [row for row in rows if row.item in kept]
    people = any(one.n_people is not None for one in results)
    first = "correlation with the mean matrix of the people" if people else "correlation with the human matrix"
    panels = [Panel(rows, first, ".2f", {"0": 0.0}, {}, "model", "pairs", counted=False)]
    shown = [one for one in drawn if one[0] in kept]
    ticks = list[Tick]()
    if any(row.per_person is not None for _, _, row in shown):
        panel, ticks = _per_person(shown)
        panels.append(panel)
    lines = _lines(results, panels, ticks, len(kept), len(order))
    if len(series) == 1:
        lines.append(f"By: {', '.join(filter(None, (rows_of_all[0].correlation, rows_of_all[0].measure)))}.")
    if len(series) < len(set(series_all)):
        lines.append(f"The first {len(series)} of {len(set(series_all))} measures and correlations.")
    chart = ranked(panels, kept, series, look, points, stacked=width == "single")
    return finished(chart, look, points, "Representational similarity to people", lines)


def series_of(results: Sequence[Rsa]) -> list[str]:
    """What tells rows of one model apart: correlation, measure, the human matrix."""
    parts = [
        (row.correlation, row.measure or "as given", one_line(one.human or "people"))
        for one in results for row in one.results
    ]  # fmt: skip
    several = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    return [", ".join(part for part, many in zip(one, several, strict=True) if many) or one[0] for one in parts]


def _per_person(shown: Sequence[Drawn]) -> tuple[Panel, list[Tick]]:
    rows, ceilings, ticks = [], [], []
    for label, name, row in shown:
        if row.per_person is None:
            continue
        values = row.per_person.values
        rows.append(Row(label, name, known(row.per_person.mean), *ends(row.per_person.ci), len(values)))
        ticks += [
            Tick(label, name, value, f"{label}, {name}, person {k + 1}: {value:.3f}")
            for k, value in enumerate(values) if known(value) is not None
        ]  # fmt: skip
        bounds = (None, None) if row.ceiling is None else (known(row.ceiling.lower), known(row.ceiling.upper))
        if bounds[0] is not None and bounds[1] is not None:
            ceilings.append((label, name, bounds[0], bounds[1]))
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


def _lines(
    results: Sequence[Rsa], panels: Sequence[Panel], ticks: Sequence[Tick], shown: int, total: int
) -> list[str]:  # fmt: skip
    """What stands below the title."""
    rows = [row for one in results for row in one.results]
    objects, pairs = (sorted({getattr(row, name) for row in rows}) for name in ("n_objects", "n_pairs"))
    people = sorted({one.n_people for one in results if one.n_people is not None})
    who = "".join(f", {n:,} {'person' if n == 1 else 'people'}" for n in people)
    bars = bars_text(row.ci for row in rows)
    lines = [f"{_spread(objects)} objects, {_spread(pairs)} pairs{who}. {bars}".strip()]
    missing = max(row.n_missing for row in rows)
    if missing:
        lines.append(f"Up to {missing:,} pairs left out, which nobody judged.")
    if len(panels) > 1:
        if panels[1].bands:
            lines.append(
                "Grey: noise ceiling, each person with the mean of the others and of all; it belongs to the "
                "correlations with each person."
            )
        lines.append("Strokes: single people." if ticks else "Single people are too many to be shown.")
    if shown < total:
        lines.append(f"The first {shown} of {total:,} models.")
    return lines


def _spread(counts: Sequence[int]) -> str:
    """The smallest to the largest of sorted counts."""
    return " to ".join(f"{n:,}" for n in dict.fromkeys((counts[0], counts[-1])))
