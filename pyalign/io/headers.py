"""Whether the first row of a text table is a header: judged by the rows below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from pyalign.data.answer_words import is_header
from pyalign.io.lines import is_number, is_text

Cells: TypeAlias = "tuple[str, ...]"
HeaderRule: TypeAlias = "Callable[[Cells, Sequence[Cells]], bool]"

INDEX_HEADERS = {"", "index", "unnamed: 0"}  # as pandas writes its index
# A first column under one of these headers holds names, even when they look like numbers.
NAME_HEADERS = INDEX_HEADERS | {
    "name", "names", "id", "ids", "item", "object", "concept", "image", "word", "label", "file",
    "filename", "file_name", "object_name", "item_name", "image_name", "unique_id", "uniqueid",
}  # fmt: skip


def always(first: Cells, rest: Sequence[Cells]) -> bool:
    """The caller chose columns by name, so there is a header."""
    return True


def embedding_header(first: Cells, rest: Sequence[Cells]) -> bool:
    """Words above a column of numbers, or 0, 1, 2, ... above rows that are not plain whole numbers."""
    if not rest:
        return False
    if any(map(is_number, first)):
        return _is_count(first, rest)
    return any(is_text(cell) and _numeric(rest, c) for c, cell in enumerate(first))


def _is_count(first: Cells, rest: Sequence[Cells]) -> bool:
    """Columns called 0, 1, 2, ... next to one of names, as pandas calls them, or alone."""
    labels = [c for c, cell in enumerate(first) if is_number(cell)]
    others = [first[c] for c in range(len(first)) if c not in labels]
    start = next((s for s in (0, 1) if [first[c] for c in labels] == list(map(str, range(s, len(labels) + s)))), None)
    if start is None or len(labels) + bool(others) < 2 or len(others) > 1:
        return False
    named = any(cell.lower() in NAME_HEADERS for cell in others)
    if named and (others != [""] or (start == 0 and all(row[0] for row in rest))):
        return True
    counting = [c for c in labels if c] or labels
    return not any(row[c].isdecimal() for row in rest for c in counting if c < len(row))


def _numeric(rows: Sequence[Cells], column: int) -> bool:
    """Numbers throughout, but for missing ones."""
    cells = [row[column] for row in rows if column < len(row)]
    return any(map(is_number, cells)) and not any(map(is_text, cells))


def triplet_header(first: Cells, rest: Sequence[Cells]) -> bool:
    """Words above numbers; above names only what reads like a header, since names are words too."""
    if any(map(is_number, first)):
        return False
    numeric = [_numeric(rest, c) for c in range(len(first))]
    return all(numeric) or (len(first) > 3 and any(numeric)) or is_header(first, rest)
