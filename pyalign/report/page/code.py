"""Text that is copied as it is: a command line, a reference."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from pyalign.report.page.html import Page, shown
from pyalign.report.tables import one_line


@dataclass(frozen=True)
class Code:
    """A text with a button that copies it. `caption`: what it is."""

    caption: str
    text: str


def code_html(part: Code, page: Page) -> str:
    """Preformatted, under its caption."""
    lines = "\n".join(map(one_line, part.text.split("\n")))
    label = escape(f"Copy: {part.caption}")
    return f"""<figure class="code"><figcaption>{shown(part.caption)}
<button type="button" class="copy needs-script" aria-label="{label}">Copy</button></figcaption>
<pre tabindex="0"><code>{escape(lines)}</code></pre></figure>"""
