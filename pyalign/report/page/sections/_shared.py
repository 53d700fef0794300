"""What sections share: figures with their data, names of parts and files, notes as sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pyalign.report.blocks import Column, Figure, Table, Value
from pyalign.report.charts.data import rows_of
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.words import one_line, says_file, short_labels


def figure(name: str, caption: str, chart: Any, summary: str) -> Figure:
    """A figure with the numbers that it shows."""
    rows = rows_of(chart)
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns = tuple(_column(key, tuple(row.get(key) for row in rows)) for key in names)
    return Figure(
        name, caption, chart, summary, Table(columns, name=f"{name}-data", caption="What the figure shows, in numbers.")
    )


def _column(name: str, values: tuple[Value, ...]) -> Column:
    held = [value for value in values if value is not None]
    form = "text"
    if held and all(isinstance(value, int | float) and not isinstance(value, bool) for value in held):
        form = "count" if all(isinstance(value, int) for value in held) else "number"
    return Column(name.replace("_", " "), values, form, places=4)


def percent(value: float | None) -> str:
    """A fraction in a sentence."""
    return "none" if value is None else f"{100 * value:.1f} %"


def file_label(path: Any) -> str:
    """A file as people call it: without folders and extension.

    Example:
        >>> file_label("data/triplets.npy"), file_label(None)
        ('triplets', 'triplets')
    """
    return short_labels([path])[path] if isinstance(path, str) and path else "triplets"


def where(one: Loaded) -> str:
    """Where a document came from, for people."""
    return one_line(one.path.replace("\\", "/").rpartition("/")[2]) if one.path else "this session"


def numbered(name: str, number: int) -> str:
    """Names of parts of one kind: the first has the plain one.

    Example:
        >>> numbered("ranks", 0), numbered("ranks", 1)
        ('ranks', 'ranks-2')
    """
    return name if number == 0 else f"{name}-{number + 1}"


def notes_of(sources: Sources, documents: Sequence[Loaded]) -> tuple[str, ...]:
    """The notes of documents, each once, as sentences that call models what the page calls them."""
    notes = dict.fromkeys(note for one in documents for note in one.result.notes)
    return tuple(dict.fromkeys(sentence(relabelled_text(sources, note)) for note in notes))


def relabelled_text(sources: Sources, text: str) -> str:
    """A text in which files of models are called what the page calls them."""
    files = [name for name in sources.labels if says_file(name)]
    for name in sorted(files, key=len, reverse=True):
        text = text.replace(name, sources.label(name))
    return text


def sentence(text: str) -> str:
    """A note with a capital and a full stop, but for names at its beginning.

    Example:
        >>> sentence("in-sample: seen"), sentence("1 row is 0")
        ('In-sample: seen.', '1 row is 0.')
    """
    first = re.match(r"[a-z]{2,}(?![^ ,:-])", text)
    text = text[0].upper() + text[1:] if first else text
    return text if text.endswith((".", "!", "?")) else f"{text}."
