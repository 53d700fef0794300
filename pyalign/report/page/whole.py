"""HTML of a whole page: its parts, and what stands around them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files

from pyalign._version import __version__
from pyalign.report.blocks import Section
from pyalign.report.page.failures_html import failures
from pyalign.report.page.figures_html import colours, figure_html, library, packed, variables
from pyalign.report.page.html import Page, json_script, shown, written
from pyalign.report.page.tables_html import table
from pyalign.report.words import one_line

THEMES = ("system", "light", "dark")
written.register(table)  # by the class of its first argument
written.register(figure_html)
written.register(failures)


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
