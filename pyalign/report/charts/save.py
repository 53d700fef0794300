"""Pictures as files: HTML that needs no network, SVG, PNG, PDF, by vl-convert."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from html import escape
from importlib.util import find_spec
from typing import Any

from pyalign import _checks
from pyalign.errors import InputError, MissingExtraError
from pyalign.io.isolated import made_by
from pyalign.io.paths import PathLike, checked_path
from pyalign.report.charts.theme import Spec, alt

SUFFIXES = (".html", ".svg", ".png", ".pdf")
SCREEN = 4 / 3  # pixels of a page for a point
RESERVED = 70e9  # bytes of addresses for the machine that runs JavaScript, most of which are never used
_ID = re.compile(r'\bid="([a-z]+_?\d+)"')  # of clips and gradients, numbered through the life of the process
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; \
style-src 'unsafe-inline'; img-src data: blob:">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body {{ margin: 1rem; background: {background}; }}
#figure {{ margin: 0; }}
#figure svg.marks {{ width: calc(var(--width) * 1px); height: auto; max-width: 100%; }}</style>
</head>
<body>
<figure id="figure" aria-label="{description}"></figure>
<noscript>The picture needs JavaScript.</noscript>
<script>{library}</script>
<script>
vegaEmbed("#figure", {spec}, {{"renderer": "svg", "actions": {{"export": true, "source": false, "compiled": false, \
"editor": false}}}}).then(() => {{
  const drawing = document.querySelector("#figure svg.marks");
  document.body.style.setProperty("--width", {screen} * drawing.viewBox.baseVal.width);
}});
</script>
</body>
</html>
"""


def suffix_of_picture(path: PathLike) -> str:
    """The suffix of a picture's name; raises InputError where it is another."""
    suffix = os.path.splitext(checked_path(path))[1].lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{os.fspath(path)}: a picture's name must end in {', '.join(SUFFIXES)}; got {suffix!r}")
    return suffix


def rendered(chart: Any, suffix: str, *, ppi: int = 200) -> bytes:
    """The bytes of the file, the same for the same chart; nothing is read from a network, now or when it is looked at.

    Args:
        chart: of `chart`, or any chart of Altair.
        suffix: one of `SUFFIXES`.
        ppi: pixels per inch of a PNG, 36 to 1,200.
    """
    ppi = _checks.whole_number(ppi, "ppi", 36, 1200)
    spec = chart.to_dict()
    if suffix == ".html":
        return _page(spec).encode()
    made = _made("picture", suffix[1:], spec, {"ppi": ppi} if suffix == ".png" else {})
    return _svg(made.decode(), spec).encode() if suffix == ".svg" else made


def require_drawing() -> None:
    """Raises MissingExtraError where altair or vl-convert is not installed."""
    _ = alt.SCHEMA_VERSION
    if find_spec("vl_convert") is None:
        raise MissingExtraError("a file of a picture", "vl-convert-python", "report")


@cache
def javascript() -> str:
    """Vega and Vega-Lite, of the release that altair writes: for a browser, in which it defines `vegaEmbed`."""
    return _made("library", "window.vegaEmbed = vegaEmbed").decode()


def _made(function: str, *args: object) -> bytes:
    """What vl-convert makes, in a separate process: it ends that where it does not get the memory that it wants."""
    require_drawing()
    release = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    try:
        return made_by("vl_convert", function, release, *args)
    except ChildProcessError as error:
        limited = _limited() if function == "picture" else ""
        raise ChildProcessError(f"vl-convert, which draws, {error}{limited}") from error


def _limited() -> str:
    """The likely reason for an end, where a limit is known to be too low."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if not 0 <= limit < RESERVED:
        return ""
    least, most = f"{RESERVED / 1e9:.0f} GB", f"{limit / 1e9:.3g} GB"
    return f"; it reserves {least} of addresses for svg, png and pdf, not for html, and 'ulimit -v' allows {most}"


def _page(spec: Spec) -> str:
    """A page with the library in it; a name that looks like the end of the script is none."""
    text = json.dumps(spec, sort_keys=True).replace("<", "\\u003c")
    title, description = _title_and_description(spec)
    return PAGE.format(
        title=escape(title), description=escape(description), library=javascript(), spec=text,
        background=spec.get("config", {}).get("background", "#ffffff"), screen=SCREEN,
    )


def _svg(text: str, spec: Spec) -> str:
    """The SVG with its size in points, a title, a description, and its own numbers for what it refers to."""
    for number, name in enumerate(dict.fromkeys(_ID.findall(text))):
        text = re.sub(rf'(id="|url\(#|href="#){name}(?=["\)])', rf"\g<1>part{number}", text)
    title, description = (escape(words) for words in _title_and_description(spec))
    head, rest = text.split(">", 1)
    head = re.sub(r'\b(width|height)="([\d.]+)"', r'\1="\2pt"', head)
    return f'{head} role="img"><title>{title}</title><desc>{description}</desc>{rest}'


def _title_and_description(spec: Spec) -> tuple[str, str]:
    title = spec.get("usermeta", {}).get("pyalign", {}).get("title", "pyalign")
    return title, spec.get("description", title)
