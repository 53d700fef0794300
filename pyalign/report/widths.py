"""How wide a text is on a terminal, and as much of it as fits."""

from __future__ import annotations

import unicodedata


def shown_width(text: str) -> int:
    """The columns of a terminal that a text takes: two for wide characters, none for combining ones.

    Example:
        >>> shown_width("name"), shown_width("日本語"), shown_width("e\\u0301")
        (4, 6, 1)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def ending(text: str, width: int) -> str:
    """The end of a text, with "…" before it where it is longer."""
    if shown_width(text) <= width:
        return text
    start = max(0, len(text) - width + 1)
    while shown_width(text[start:]) > width - 1:
        start += 1
    return "…" + text[start:]


def beginning(text: str, width: int) -> str:
    """The beginning of a text, with "…" behind it where it is longer."""
    if shown_width(text) <= width:
        return text
    end = width - 1
    while shown_width(text[:end]) > width - 1:
        end -= 1
    return text[:end] + "…"
