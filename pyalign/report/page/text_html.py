"""Text and folds as HTML."""

from __future__ import annotations

from pyalign.report.page.html import Page, shown
from pyalign.report.page.parts import Fold, Text


def text(part: Text, page: Page) -> str:
    """Paragraphs; a note is quiet, a warning stands out."""
    kind = part.kind if part.kind in ("note", "warning") else "text"
    return f'<div class="{kind}">{"".join(f"<p>{shown(one)}</p>" for one in part.paragraphs)}</div>'


def fold(part: Fold, page: Page) -> str:
    """What opens when its title is chosen; a printed page shows it."""
    inside = "\n".join(page.written(one) for one in part.parts)
    return f"""<details class="fold"{" open" if part.open else ""}><summary>{shown(part.title)}</summary>
<div class="folded">{inside}</div></details>"""
