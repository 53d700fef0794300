"""HTML of a whole page: a writer for each kind of part, what stands around them, and the data that a page holds."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape, unescape
from importlib.resources import files
from typing import Any

from pyalign._registry import load
from pyalign._version import __version__
from pyalign.report.blocks import Section
from pyalign.report.page.columns import unpacked
from pyalign.report.page.failures_html import verdicts_of
from pyalign.report.page.figures_html import colours, library, packed, variables
from pyalign.report.page.html import Page, json_script, shown
from pyalign.report.words import one_line

# The class of a part -> what writes it: (part, page) -> HTML.
WRITERS: dict[str, str] = {
    "Text": "pyalign.report.page.blocks_html:text_html",
    "Fold": "pyalign.report.page.blocks_html:fold_html",
    "Facts": "pyalign.report.page.blocks_html:facts_html",
    "Code": "pyalign.report.page.blocks_html:code_html",
    "Table": "pyalign.report.page.tables_html:table",
    "Figure": "pyalign.report.page.figures_html:figure",
    "Tiles": "pyalign.report.page.blocks_html:tiles_html",
    "Panels": "pyalign.report.page.panels_html:panels",
    "Browser": "pyalign.report.page.failures_html:failures",
}
THEMES = ("system", "light", "dark")


def written(part: Any, page: Page) -> str:
    """The HTML of a part."""
    page.writer = written
    for kind in type(part).__mro__:
        if kind.__name__ in WRITERS:
            found: str = load(WRITERS[kind.__name__])(part, page)
            return found
    raise TypeError(f"no part of a page: {type(part).__name__}")


@cache
def assets(suffix: str) -> str:
    """All style sheets or scripts of this package, the core first, then in alphabetical order."""
    folder = files("pyalign.report.page").joinpath("assets")
    held = sorted(
        (one for one in folder.iterdir() if one.name.endswith(suffix)),
        key=lambda one: (not one.name.startswith("core."), one.name),
    )
    return "\n".join(one.read_text(encoding="utf-8") for one in held)


def body_of(sections: Sequence[Section], page: Page) -> str:
    """The sections as HTML; what scripts read of them is kept in the page."""
    return "\n".join(_section(one, page) for one in sections)


def render(
    title: str, about: Sequence[str], warnings: Sequence[str], sections: Sequence[Section], body: str, page: Page
) -> str:
    """The whole page.

    Args:
        title: its heading.
        about: what it is of, short phrases below the title.
        warnings: what a reader must know before reading, such as files left out, a line each.
        sections: in their order; body: what `body_of` made of them.
        page: what parts put there; its data are embedded.
    """
    script, later = assets(".js"), ""
    allowed = [script]
    if page.drawn:
        page.keep("chart-colours", colours())
        allowed.append(library())
        later = packed()
    data = "\n".join(json_script(name, value) for name, value in page.data.items())
    style = f"{assets('.css')}\n{variables() if page.drawn else ''}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(allowed)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="pyalign {escape(__version__)}">
<title>{escape(one_line(title))}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
{_head(title, about)}
<div class="layout">
{_contents(sections)}
<main id="main" tabindex="-1">
{_warnings(warnings)}
{body}
</main>
</div>
<footer><p>Made by pyalign {escape(__version__)}. The page holds all of its data and needs no network.</p></footer>
<div id="live" class="unseen" role="status" aria-live="polite"></div>
{data}
{later}
<script>{script}</script>
</body>
</html>
"""


def _policy(scripts: Sequence[str]) -> str:
    """Nothing from elsewhere, and of scripts these alone, by their hashes: not what a name might bring in."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"


def _head(title: str, about: Sequence[str]) -> str:
    told = "".join(f"<li>{shown(one)}</li>" for one in about)
    choices = "".join(
        f'<label><input type="radio" name="theme" value="{one}"{" checked" if one == "system" else ""}>'
        f"<span>{one.capitalize()}</span></label>"
        for one in THEMES
    )
    return f"""<header class="top">
<div><h1>{shown(title)}</h1>
<ul class="about">{told}</ul></div>
<div class="tools needs-script"><fieldset class="switch"><legend class="unseen">Colours</legend>{choices}</fieldset>
<button type="button" id="print">Print</button></div>
</header>"""


def _contents(sections: Sequence[Section]) -> str:
    links = "".join(f'<li><a href="#{escape(one.name)}">{shown(one.title)}</a></li>' for one in sections)
    return f"""<nav class="contents" aria-label="Contents"><details open><summary>Contents</summary>
<ol>{links}</ol></details></nav>"""


def _warnings(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    told = "".join(f"<li>{shown(line)}</li>" for line in lines)
    return f"""<section class="warning" id="left-out" aria-labelledby="left-out-title">
<h2 id="left-out-title">To know first</h2><ul>{told}</ul></section>"""


def _section(section: Section, page: Page) -> str:
    name = escape(section.name)
    parts = "\n".join(written(part, page) for part in section.parts)
    lead = f'<p class="lead">{shown(section.lead)}</p>' if section.lead else ""
    return f"""<section id="{name}" aria-labelledby="{name}-title">
<h2 id="{name}-title">{shown(section.title)}</h2>
{lead}
{parts}
</section>"""


def data_of(html: str) -> Mapping[str, Any]:
    """The data that a page holds, by name, as they were before they were made short for its scripts.

    Columns have their values, a browser of failures `verdicts`: of each failure and model what it calls odd, and the
    probabilities of that and of people's answer in thousandths (see `failures_html`).

    Example:
        >>> data_of(json_script("a", {"b": ["</script>", 0.1]}))
        {'a': {'b': ['</script>', 0.1]}}
        >>> data_of(json_script("t", {"columns": [{"header": "x", "values": [1, 0, 1], "words": ["a", None]}]}))
        {'t': {'columns': [{'header': 'x', 'values': [None, 'a', None]}]}}
    """
    found: dict[str, Any] = {}
    mark = '<script type="application/json" data-name="'
    for piece in html.split(mark)[1:]:
        name, _, rest = piece.partition('">')
        found[unescape(name)] = _unpacked(json.loads(rest.partition("</script>")[0]))
    return found


def _unpacked(value: Any) -> Any:
    """What `tables_html.data` and `failures_html.data` were given."""
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("codes"), list) and "letters" in value:
        return {**value, "verdicts": verdicts_of(value)}
    columns = value.get("columns")
    if not isinstance(columns, list):
        return value
    return {**value, "columns": [unpacked(one) if isinstance(one, dict) else one for one in columns]}
