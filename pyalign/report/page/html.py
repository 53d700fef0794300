"""What the writers of the parts of a page share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any

from pyalign.report.words import one_line


@dataclass
class Page:
    """What writers of parts share.

    Attributes:
        data: what scripts read, by name, embedded once as JSON at the end of the page.
        sprites: pictures of objects, `Sprites`; None: names stand in their place.
        drawn: whether there is a chart, and the library is needed.
        writer: `pyalign.report.page.whole.written`, for parts that hold others.
    """

    data: dict[str, Any] = field(default_factory=dict)
    sprites: Any = None
    drawn: bool = False
    writer: Callable[[Any, Page], str] | None = None

    def written(self, part: Any) -> str:
        """The HTML of a part that another holds."""
        assert self.writer is not None
        return self.writer(part, self)

    def keep(self, name: str, value: Any) -> None:
        """Puts a value among the data of the page, under a name of its own."""
        if name in self.data:
            raise ValueError(f"two parts of a page are called {name!r}")
        self.data[name] = value

    def picture(self, name: str, label: str = "") -> str:
        """The HTML of an object's picture, of its name where it has none."""
        if self.sprites is not None:
            found: str = self.sprites.html(name, label)
            return found
        return f'<span class="picture none">{shown(label or name)}</span>'


def shown(text: Any) -> str:
    """A text as HTML, whatever it holds: on one line, and its direction of writing ends with it.

    Example:
        >>> shown("<b>"), shown("two\\nlines")
        ('<bdi>&lt;b&gt;</bdi>', '<bdi>two\\\\nlines</bdi>')
    """
    return f"<bdi>{escape(one_line(str(text)))}</bdi>"


def json_script(name: str, value: Any) -> str:
    """A value as JSON in the page; what looks like the end of the element is none."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f'<script type="application/json" data-name="{escape(name)}">{text}</script>'
