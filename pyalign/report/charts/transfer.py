"""Before and after a map: a row for each figure of each set, and the difference in a column of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyalign.map_transfer.transfer_result import Transfer
from pyalign.report.charts.labels import first_of
from pyalign.report.charts.ranked import Panel, order_of, ranked, row_of
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.neighborhoods import among, figure_called, overall
from pyalign.report.words import bars_text, one_line

MOST_ROWS = 60  # unless somebody asks for more
NAMES = "before", "after"


def transfer_chart(
    result: Transfer, *, style: str = "light", width: str = "double", sort: str = "value", limit: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> Any:
    """What is won, and what is lost. `sort` "value" keeps the order of the result. `limit`: default 60."""
    look, points = style_of(style), width_of(width)
    figures = overall(result)
    several = len(result.maps) > 1
    items = []
    for row in figures:
        on = "" if not row.on else f"{one_line(row.on)}: "
        items.append(f"{on}{figure_called(row)}{f', {one_line(row.map)}' if several else ''}")
    before = [
        row_of(item, NAMES[0], row.before, row.before_ci, row.n) for item, row in zip(items, figures, strict=True)
    ]
    after = [row_of(item, NAMES[1], row.after, row.after_ci, row.n) for item, row in zip(items, figures, strict=True)]
    gains = [row_of(item, "after - before", row.difference, row.ci) for item, row in zip(items, figures, strict=True)]
    order = order_of([*after, *before], "document" if sort == "value" else sort, gains)
    shown = order[: limit or MOST_ROWS]
    panels = [
        Panel([*after, *before], "accuracy, correlation or proportion", ".2f", {}, item="figure", unit="objects",
              linked=True, counted=False),
        Panel(gains, "difference", "+.2f", {"0": 0.0}, item="figure", counted=False),
    ]
    chart = ranked(panels, shown, NAMES, look, points, stacked=width == "single")
    sentences = [
        f"{result.n_objects:,} objects. {bars_text(row.ci for row in figures)}".strip(),
        f"Neighbours{among(result)}." if among(result) else "",
        "Differences are paired: over the same triplets, pairs or objects.",
        "Within categories: only triplets and pairs of objects of one category.",
        first_of(len(shown), len(order), "figures"),
    ]
    of = "" if result.embeddings is None else f": {(labels or {}).get(result.embeddings, one_line(result.embeddings))}"
    title = f"What the {'maps win and lose' if several else 'map wins and loses'}{of}"
    return finished(chart, look, points, title, sentences)
