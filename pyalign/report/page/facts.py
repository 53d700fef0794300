"""A few figures that a reader should see at once."""

from __future__ import annotations

from dataclasses import dataclass

from pyalign.report.page.html import Page, shown


@dataclass(frozen=True)
class Fact:
    """A figure: what it is, its value as text, and a few words more, such as its interval."""

    name: str
    value: str
    more: str = ""


@dataclass(frozen=True)
class Facts:
    """Figures beside each other."""

    facts: tuple[Fact, ...]


def facts_html(part: Facts, page: Page) -> str:
    """As a list of terms with their values."""
    held = "".join(
        f"<div><dt>{shown(one.name)}</dt><dd><strong>{shown(one.value)}</strong>"
        f"{f'<small>{shown(one.more)}</small>' if one.more else ''}</dd></div>"
        for one in part.facts
    )
    return f'<dl class="facts">{held}</dl>'
