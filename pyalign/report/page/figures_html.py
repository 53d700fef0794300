"""Charts as HTML: the specification, which the page draws when it comes into view, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from html import escape
from typing import Any

from pyalign.report.blocks import Figure, Fold
from pyalign.report.charts.marks import Spec
from pyalign.report.charts.save import javascript
from pyalign.report.page.html import Page, shown, written, zipped

BESIDES = 60.0  # of axis and title
CELLS = ("cells", "more_percentile")
LARGER = 1.25  # than the specification says; see `.drawing .marks` in core.css


def figure_html(part: Figure, page: Page) -> str:
    """The place of a chart, its caption, its text alternative, and its data."""
    name = escape(part.name)
    spec = part.chart.to_dict(validate=False)
    page.keep(part.name, _packed_spec(spec), packed=True)
    if part.narrow is not None:
        page.keep(f"{part.name}-narrow", _packed_spec(part.narrow.to_dict(validate=False)), packed=True)
    page.drawn = True
    data = "" if part.data is None else written(Fold("Data", (part.data,)), page)
    return f"""<figure class="chart" id="{name}">
<div class="drawing" data-chart="{name}" role="img" aria-label="{escape(part.summary)}" tabindex="0"
style="--least:{least_height(spec)}px">
<noscript>The chart needs JavaScript; its data are below.</noscript></div>
<div class="captioned"><figcaption><p>{shown(part.caption)}</p><p class="summary">{shown(part.summary)}</p></figcaption>
<div class="chart-tools needs-script"></div></div>
{data}</figure>"""


def _packed_spec(spec: Spec) -> Spec:
    """The specification with columns in place of rows of data that have the same keys, and without the cells of RDMs:
    `figures.js` makes rows of columns, and takes the cells from the table of pairs."""
    left_out = CELLS if "order" in spec.get("usermeta", {}).get("pyalign", {}) else ()
    tables: dict[str, Any] = {**spec.get("datasets", {})}
    for name, rows in tables.items():
        keys = {tuple(row) if isinstance(row, dict) else () for row in rows}
        if len(keys) == 1 and all(keys):
            tables[name] = {key: [row[key] for row in rows] for key in rows[0] if key not in left_out}
    return {**spec, "datasets": tables} if tables else spec


@cache
def packed() -> str:
    """The library as it stands in the page, less than half as long: unpacked when the first chart is drawn."""
    return f'<script type="text/plain" data-library="gzip">{zipped(javascript())}</script>'


def colours() -> dict[str, str]:
    """Colours of charts made for light pages -> the variable that has them, light or dark."""
    return {light: f"var(--{name})" for light, (name, _) in _variables().items()}


def variables() -> str:
    """The style sheet that gives each variable its colour on light and on dark pages."""
    declarations = "".join(f"--{name}:light-dark({light},{dark});" for light, (name, dark) in _variables().items())
    return f":root{{{declarations}}}"


def _variables() -> dict[str, tuple[str, str]]:
    """Colour of a light page -> the name of its variable, and the colour of a dark page."""
    from pyalign.report.charts.theme import STYLES

    light, dark = STYLES["light"], STYLES["dark"]
    by_colour: dict[str, tuple[str, str]] = {}
    for name in ("background", "text", "muted", "grid", "tile"):
        by_colour.setdefault(getattr(light, name), (f"chart-{name}", getattr(dark, name)))
    for k, (light_colour, dark_colour) in enumerate(zip(light.palette, dark.palette, strict=True)):
        by_colour.setdefault(light_colour, (f"chart-{k}", dark_colour))
    return by_colour


def least_height(spec: Spec) -> int:
    """CSS pixels that the chart of a specification takes at least, in a page of any width; 0: not known.

    Example:
        >>> least_height({"height": 190})
        312
    """
    inside = _inside(spec, spec.get("datasets", {}))
    return int(LARGER * (inside + BESIDES)) if inside else 0


def _inside(spec: Spec, datasets: Mapping[str, Sequence[object]]) -> float:
    """The height without axes: the sum of charts below each other, and the highest of charts side by side."""
    if "vconcat" in spec:
        return sum(_inside(chart, datasets) for chart in spec["vconcat"])
    if "hconcat" in spec:
        return max((_inside(chart, datasets) for chart in spec["hconcat"]), default=0.0)
    height = spec.get("height", 0.0)
    if isinstance(height, int | float):
        return float(height)
    if isinstance(height, str) or "step" not in height:
        return 0.0
    layers = [*_layers(spec)]  # a row for each value of the fields along y
    along = [layer["encoding"]["y"] for layer in layers if "y" in layer.get("encoding", {})]
    fields = {y["field"] for y in along if y.get("type") in ("nominal", "ordinal") and "field" in y}
    tables = [*datasets.values(), *(layer["data"]["values"] for layer in layers if "values" in layer.get("data", {}))]
    return height["step"] * max((_count(rows, field) for rows in tables for field in fields), default=0)


def _layers(spec: Spec) -> Iterator[Spec]:
    """A specification, and all that is drawn over it."""
    yield spec
    for layer in spec.get("layer", ()):
        yield from _layers(layer)


def _count(rows: Sequence[object], field: str) -> int:
    return len({str(row[field]) for row in rows if isinstance(row, Mapping) and field in row})
