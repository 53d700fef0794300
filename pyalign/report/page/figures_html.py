"""Charts as HTML: the specification, which the page draws when it comes into view, and what is said of it."""

from __future__ import annotations

import base64
import gzip
from functools import cache
from html import escape

from pyalign.report.page.heights import least_height
from pyalign.report.page.html import Page, shown
from pyalign.report.page.parts import Figure, Fold

SNIPPET = "window.vegaEmbed = vegaEmbed"


def figure(part: Figure, page: Page) -> str:
    """The place of a chart, its caption, its text alternative, and its data."""
    name = escape(part.name)
    spec = part.chart.to_dict()
    page.keep(part.name, spec)
    page.drawn = True
    data = "" if part.data is None else page.written(Fold("Data", (part.data,)))
    return f"""<figure class="chart" id="{name}">
<div class="drawing" data-chart="{name}" role="img" aria-label="{escape(part.summary)}" tabindex="0"
style="--least:{least_height(spec)}px">
<noscript>The chart needs JavaScript; its data stand below.</noscript></div>
<div class="told"><figcaption><p>{shown(part.caption)}</p><p class="summary">{shown(part.summary)}</p></figcaption>
<div class="chart-tools needs-script"></div></div>
{data}</figure>"""


@cache
def library() -> str:
    """Vega and Vega-Lite, of the release that made the specifications."""
    from pyalign.report.charts.save import vl_convert, vl_version

    convert = vl_convert()
    text: str = convert.javascript_bundle(SNIPPET, vl_version=vl_version(convert))
    return text


@cache
def packed() -> str:
    """The same as it stands in the page, less than half as long: unpacked when the first chart is drawn."""
    text = base64.b64encode(gzip.compress(library().encode(), 9, mtime=0)).decode()
    return f'<script type="text/plain" data-library="gzip">{text}</script>'


def colours() -> dict[str, str]:
    """Colours of charts made for light pages -> the variable that has them, light or dark."""
    return {light: f"var(--{name})" for name, light, _ in _named()}


def variables() -> str:
    """Their style sheet."""
    held = "".join(f"--{name}:light-dark({light},{dark});" for name, light, dark in _named())
    return f":root{{{held}}}"


def _named() -> list[tuple[str, str, str]]:
    from pyalign.report.charts.theme import STYLES

    light, dark = STYLES["light"], STYLES["dark"]
    found: dict[str, tuple[str, str, str]] = {}
    for name in ("background", "text", "muted", "grid", "tile"):
        one = getattr(light, name)
        found.setdefault(one, (f"chart-{name}", one, getattr(dark, name)))
    for k, one in enumerate(light.palette):
        found.setdefault(one, (f"chart-{k}", one, dark.palette[k]))
    return list(found.values())
