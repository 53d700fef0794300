"""What sections share: columns out of rows of documents, and words about what figures are over."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.data.tasks import chance_of
from pyalign.report.blocks import Column, Value
from pyalign.report.charts.document import OVER, ends
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.tables import one_line, says_file, short_labels

Row = Mapping[str, Any]


def column(
    header: str, rows: Sequence[Row], key: str, form: str = "number", interval: str = "", **options: Any
) -> Column:
    """A field of rows; `interval`: the field that has the ends of its intervals."""
    found = [ends(row, interval) for row in rows] if interval else []
    there = any(low is not None for low, _ in found)
    low, high = (tuple(pair[k] for pair in found) if there else () for k in (0, 1))
    return Column(header, tuple(plain(row.get(key)) for row in rows), form, low, high, **options)


def plain(value: Any) -> Value:
    """A value that a table can show; None for any other."""
    return value if isinstance(value, str | int | float | bool) else None


def filled(columns: Sequence[Column | None]) -> tuple[Column, ...]:
    """Those columns of which at least one row has a value; the first always."""
    return tuple(
        one for k, one in enumerate(columns) if one is not None and (k == 0 or any(v is not None for v in one.values))
    )


def nested(row: Row, key: str) -> Row:
    """The mapping under a key; an empty one where there is none."""
    held = row.get(key)
    return held if isinstance(held, Mapping) else {}


def chance(row: Row) -> float:
    """The accuracy of a model that knows nothing: as the document says it, or as follows from its task."""
    held = row.get("chance")
    return float(held) if isinstance(held, int | float) else chance_of(str(row.get("task") or "odd-one-out"))


def confidence(rows: Sequence[Row], key: str = "ci") -> str:
    """What intervals are, such as "95 % intervals over objects and people"; "" where there is none."""
    told: list[str] = []
    for row in rows:
        if ends(row, key)[0] is None:
            continue
        about = nested(nested(row, "intervals"), key)
        by, share = about.get("by"), about.get("confidence")
        level = "intervals" if share is None else f"{100 * share:g} % intervals"
        told.append(f"{level} over {OVER.get(by, by)}" if by else level)
    return " or ".join(dict.fromkeys(told))


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


def task_noun(row: Row) -> str:
    """What the triplets are, such as "odd-one-out triplets"."""
    return f"{row.get('task') or 'odd-one-out'} triplets"


def notes_of(given: Sources, documents: Sequence[Loaded]) -> tuple[str, ...]:
    """The notes of documents, each once, as sentences that call models what the page calls them."""
    notes = dict.fromkeys(note for one in documents for note in one.result.notes)
    return tuple(dict.fromkeys(sentence(relabelled_text(given, note)) for note in notes))


def relabelled_text(given: Sources, text: str) -> str:
    """A text in which files of models are called what the page calls them."""
    files = [name for name in given.labels if says_file(name)]
    for name in sorted(files, key=len, reverse=True):
        text = text.replace(name, given.label(name))
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
