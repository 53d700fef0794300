"""Pictures as files: HTML that needs no network, SVG, PNG, PDF, by vl-convert."""

from __future__ import annotations

import json
import os
import re
from html import escape
from typing import Any

from pyalign import _checks
from pyalign.errors import InputError
from pyalign.io.paths import PathLike, checked_path
from pyalign.report.charts.marks import Spec, alt, module_for

SUFFIXES = (".html", ".svg", ".png", ".pdf")
SCREEN = 4 / 3  # pixels of a page for a point
_drawn_by: int | None = None  # the process that has drawn last
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

    Raises:
        MissingExtraError: vl-convert is not installed.
    """
    ppi = _checks.whole_number(ppi, "ppi", 36, 1200)
    convert, spec = vl_convert(), chart.to_dict()
    _require_own_process()
    version = vl_version(convert)
    if suffix == ".html":
        return _page(convert, spec, version).encode()
    options: dict[str, object] = {"vl_version": version, "allowed_base_urls": []}
    if suffix == ".svg":
        return _svg(convert.vegalite_to_svg(spec, **options), spec).encode()
    if suffix == ".png":
        return bytes(convert.vegalite_to_png(spec, ppi=ppi, **options))
    return bytes(convert.vegalite_to_pdf(spec, **options))


def _require_own_process() -> None:
    """Raises in a fork of a process that has drawn: the threads of vl-convert are gone, and it would wait for them."""
    global _drawn_by
    if _drawn_by not in (None, os.getpid()):
        raise InputError(
            "a process that was forked from one that has drawn pictures can draw none; start it by 'spawn'"
        )
    _drawn_by = os.getpid()


def require_drawing() -> None:
    """Raises MissingExtraError where altair or vl-convert is not installed."""
    _ = alt.SCHEMA_VERSION, vl_convert()


def vl_version(convert: Any) -> str | None:
    """The release of Vega-Lite that altair writes, where vl-convert has it."""
    release = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    return release if release in convert.get_vegalite_versions() else None


def vl_convert() -> Any:
    """The module, or the error that says what to install."""
    return module_for("a file of a picture", "vl_convert", "vl-convert-python")


def _page(convert: Any, spec: Spec, version: str | None) -> str:
    """A page with the library in it; a name that looks like the end of the script is none."""
    text = json.dumps(spec, sort_keys=True).replace("<", "\\u003c")
    title, description = _title_and_description(spec)
    library = convert.javascript_bundle(vl_version=version)
    return PAGE.format(
        title=escape(title), description=escape(description), library=library, spec=text,
        background=spec.get("config", {}).get("background", "#ffffff"), screen=SCREEN,
    )  # fmt: skip


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
