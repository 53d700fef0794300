"""Rows of pictures as HTML."""

from __future__ import annotations

from html import escape

from pyalign.report.page.html import Page, shown
from pyalign.report.page.parts import Tile, Tiles


def tiles(part: Tiles, page: Page) -> str:
    """Rows of pictures under their headings."""
    rows = "".join(_row(heading, row, page) for heading, row in part.rows)
    return f"""<figure class="tiles" id="{escape(part.name)}"><figcaption>{shown(part.caption)}</figcaption>
<dl>{rows}</dl></figure>"""


def _row(heading: str, row: tuple[Tile, ...], page: Page) -> str:
    held = "".join(_tile(one, page) for one in row)
    return f"<div><dt>{shown(heading)}</dt><dd><ul>{held}</ul></dd></div>"


def _tile(one: Tile, page: Page) -> str:
    mark = f' class="{escape(one.mark)}"' if one.mark else ""
    named = f'<span class="named">{shown(one.name)}</span>'  # hidden where it stands in place of the picture
    caption = f"<small>{shown(one.caption)}</small>" if one.caption else ""
    return f"<li{mark}>{page.picture(one.name)}{named}{caption}</li>"
