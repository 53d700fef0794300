"""Small blocks as HTML: text, folds, facts, text to copy, rows of pictures."""

from __future__ import annotations

from html import escape

from pyalign.report.blocks import Code, Facts, Fold, Text, Tile, Tiles
from pyalign.report.page.html import Page, shown
from pyalign.report.words import one_line


def text_html(block: Text, page: Page) -> str:
    """Paragraphs; a note is quiet, a warning stands out."""
    kind = block.kind if block.kind in ("note", "warning") else "text"
    return f'<div class="{kind}">{"".join(f"<p>{shown(one)}</p>" for one in block.paragraphs)}</div>'


def fold_html(block: Fold, page: Page) -> str:
    """What opens when its title is chosen; a printed page shows it."""
    inside = "\n".join(page.written(one) for one in block.parts)
    return f"""<details class="fold"{" open" if block.open else ""}><summary>{shown(block.title)}</summary>
<div class="folded">{inside}</div></details>"""


def facts_html(block: Facts, page: Page) -> str:
    """As a list of terms with their values."""
    rows = "".join(
        f"<div><dt>{shown(one.name)}</dt><dd><strong>{shown(one.value)}</strong>"
        f"{f'<small>{shown(one.more)}</small>' if one.more else ''}</dd></div>"
        for one in block.facts
    )
    return f'<dl class="facts">{rows}</dl>'


def code_html(block: Code, page: Page) -> str:
    """Preformatted, under its caption, with a button that copies it."""
    lines = "\n".join(map(one_line, block.text.split("\n")))
    label = escape(f"Copy: {block.caption}")
    return f"""<figure class="code"><figcaption>{shown(block.caption)}
<button type="button" class="copy needs-script" aria-label="{label}">Copy</button></figcaption>
<pre tabindex="0"><code>{escape(lines)}</code></pre></figure>"""


def tiles_html(block: Tiles, page: Page) -> str:
    """Rows of pictures under their headings."""
    rows = "".join(
        f"<div><dt>{shown(heading)}</dt><dd><ul>{''.join(_tile(one, page) for one in row)}</ul></dd></div>"
        for heading, row in block.rows
    )
    return f"""<figure class="tiles" id="{escape(block.name)}"><figcaption>{shown(block.caption)}</figcaption>
<dl>{rows}</dl></figure>"""


def _tile(one: Tile, page: Page) -> str:
    mark = f' class="{escape(one.mark)}"' if one.mark else ""
    named = f'<span class="named">{shown(one.name)}</span>'  # hidden where it stands in place of the picture
    caption = f"<small>{shown(one.caption)}</small>" if one.caption else ""
    return f"<li{mark}>{page.picture(one.name)}{named}{caption}</li>"
