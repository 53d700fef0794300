"""HTML of a page: a writer for each kind of part, and what they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# The class of a part -> module and function of this package that write it: (part, page) -> HTML.
WRITERS: dict[str, str] = {}


@dataclass
class Page:
    """What writers of parts share. `data`: what scripts read, by name, embedded once as JSON at the end of the page."""

    data: dict[str, Any] = field(default_factory=dict)

    def keep(self, name: str, value: Any) -> None:
        """Puts a value among the data of the page, under a name of its own."""
        if name in self.data:
            raise ValueError(f"two parts of a page are called {name!r}")
        self.data[name] = value

    def picture(self, name: str, label: str = "") -> str:
        """The HTML of an object's picture, of its name where it has none."""
        raise NotImplementedError
