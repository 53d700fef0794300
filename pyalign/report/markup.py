"""The tables of results in HTML and LaTeX: the same columns, order, rounding and notes as in text.

The view of a result runs as it does for a terminal, wide enough for all columns, while tables are kept in place of
being drawn; what stands before a table is its title, what stands behind it says how to read it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from pyalign.errors import InputError
from pyalign.report.latex_text import holds_rare_letters, latex_text
from pyalign.report.tables import drawn_by, one_line
from pyalign.report.views import has_view, table_of

WIDE = 100_000  # characters: no column is left out for lack of room
MOST_ROWS = 100  # of a table in a notebook
MARK = re.compile("\0([0-9]+)\0")  # where a table stands; `one_line` lets no name hold it
END = r"\end{tabular}"
LABEL = re.compile(r"[A-Za-z0-9:._-]+")


@dataclass(frozen=True)
class Grid:
    """A table. `title`: what stands before it, or ""; `header`, `rows`: cells as text."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def blocks_of(result: Any) -> list[Grid | str]:
    """The tables of a result, and the lines between them."""
    if not has_view(result):
        records = result.to_records()
        cells = tuple((name, one_line(str(value))) for record in records for name, value in record.items())
        return [Grid("", ("field", "value"), cells)]
    kept: list[tuple[Sequence[str], Sequence[Sequence[str]]]] = []

    def keep(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        kept.append((header, rows))
        return f"\0{len(kept) - 1}\0"

    with drawn_by(keep):
        text = table_of(result, WIDE, False)
    blocks: list[Grid | str] = []
    title = ""
    for place, piece in enumerate(MARK.split(text)):
        lines = [line.strip() for line in piece.splitlines() if line.strip()]
        if place % 2:
            header, rows = kept[int(piece)]
            blocks.append(Grid(title, tuple(header), tuple(map(tuple, rows))))
            title = ""
        else:
            before_table = place < 2 * len(MARK.findall(text))
            title = lines.pop().removesuffix(":") if lines and before_table and _is_title(lines, blocks) else ""
            blocks += lines
    return blocks


def _is_title(lines: Sequence[str], blocks: Sequence[Grid | str]) -> bool:
    """Whether the last line before a table belongs to it: notes of the table before come first."""
    return not blocks or len(lines) > 1


def html_of(result: Any) -> str:
    """Tables with captions and headers that are said to be such, everything escaped, at most 100 rows of each."""
    parts = []
    name = f"pyalign {result.command}" if result.command else type(result).__name__
    for block in blocks_of(result):
        if isinstance(block, str):
            parts.append(f"<p>{escape(block)}</p>")
            continue
        caption = block.title or (f"{name}: {block.header[0]}" if block.header[0] and len(parts) else name)
        parts.append(_html_table(block, caption))
        if len(block.rows) > MOST_ROWS:
            parts.append(f"<p>the first {MOST_ROWS} of {len(block.rows):,} rows</p>")
    notes = "".join(f"<p>note: {escape(one_line(note))}</p>" for note in result.notes)
    return "".join(parts) + notes


def _html_table(grid: Grid, caption: str) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in grid.header)
    rows = (
        f'<tr><th scope="row">{_indented(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in grid.rows[:MOST_ROWS]
    )
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _indented(cell: str) -> str:
    """Spaces before a cell say that it belongs to the row above."""
    plain = cell.lstrip(" ")
    return "&nbsp;" * (len(cell) - len(plain)) + escape(plain)


def latex_of(result: Any, caption: str | None = None, label: str | None = None) -> str:
    """A table environment for the package booktabs, with what says how to read it below.

    Raises:
        InputError: a label of other letters than LaTeX takes; what is no text.
    """
    if caption is not None and not isinstance(caption, str):
        raise InputError(f"caption must be text; got {caption!r:.60}")
    if label is not None and not isinstance(label, str):
        raise InputError(f"label must be text; got {label!r:.60}")
    if label is not None and not LABEL.fullmatch(label):
        raise InputError(f"label must be of letters, digits and :._-; got {label!r:.60}")
    body = []
    for block in blocks_of(result):
        if isinstance(block, str):
            body.append(f"\\par\\smallskip{{\\footnotesize {latex_text(block)}\\par}}")
        else:
            body += [rf"\par\smallskip {latex_text(block.title)}\par"] if block.title else []
            body += [r"\par\medskip"] if body and body[-1] == END else []
            body += _tabular(block)
    text = [f"% note: {one_line(note)}" for note in result.notes]
    head = [rf"\caption{{{latex_text(caption)}}}"] if caption is not None else []
    head += [rf"\label{{{label}}}"] if label is not None else []
    lines = [r"\begin{table}", r"\centering", *head, *body, r"\end{table}"]
    rare = ["% letters that pdflatex does not know: use lualatex or xelatex"] if holds_rare_letters(lines) else []
    return "\n".join([r"% \usepackage{booktabs}", *rare, *text, *lines]) + "\n"


def _tabular(grid: Grid) -> list[str]:
    """The first column to the left, the others to the right."""
    rows = [r" & ".join(map(latex_text, cells)) + r" \\" for cells in (grid.header, *grid.rows)]
    layout = "l" + "r" * (len(grid.header) - 1)
    return [rf"\begin{{tabular}}{{{layout}}}", r"\toprule", rows[0], r"\midrule", *rows[1:], r"\bottomrule",
            END]  # fmt: skip
