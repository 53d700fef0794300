"""The tables of results in HTML and LaTeX: the same columns, order, rounding and notes as in text, at any width."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from pyalign.errors import InputError
from pyalign.report.blocks import Facts, Lines, Paragraph, Table
from pyalign.report.text import blocks_of, shown_columns
from pyalign.report.words import one_line

MOST_ROWS = 100  # of a table in a notebook
END = r"\end{tabular}"
LABEL = re.compile(r"[A-Za-z0-9:._-]+")
LETTERS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi . pi rho . sigma tau upsilon phi chi psi "
    "omega"
).split()
SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "`": r"\textasciigrave{}", '"': "''",
    "[": "{[}", "]": "{]}", "*": "{*}",  # behind the end of a row, [ and * would be its option
    "\u00a0": "~", "\u2009": r"\,", "\u202f": r"\,", "\u2026": r"\ldots{}", "\u2013": "--", "\u2014": "---",
    "\u2212": "$-$", "\u00b1": r"$\pm$", "\u00d7": r"$\times$", "\u00b7": r"$\cdot$", "\u00f7": r"$\div$",
    "\u2264": r"$\leq$", "\u2265": r"$\geq$", "\u2260": r"$\neq$", "\u2248": r"$\approx$", "\u221e": r"$\infty$",
    "\u2192": r"$\to$", "\u2190": r"$\leftarrow$", "\u221a": r"$\surd$", "\u00b0": r"\textdegree{}",
    "\u00b5": r"$\mu$", "\u00b9": r"\textsuperscript{1}", "\u00b2": r"\textsuperscript{2}",
    "\u00b3": r"\textsuperscript{3}",
}  # fmt: skip
SIGNS |= {chr(0x3B1 + k): rf"$\{name}$" for k, name in enumerate(LETTERS) if name != "."}
MINUS = re.compile(r"(?<![\w.)\]-])-(?=\.?\d)")  # before a number, not within a name
KNOWN = 0x24F  # letters up to here are in the fonts of LaTeX


@dataclass(frozen=True)
class Grid:
    """A table as text. `title`: what stands before it, or ""; `header`, `rows`: its cells."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def grids_of(result: Any) -> list[Grid | str]:
    """The tables of a result with all columns that text may have, and the lines between them."""
    pieces: list[Grid | str] = []
    said: list[str] = []  # of columns, for the note below
    for block in blocks_of(result):
        if isinstance(block, Table):
            columns, same = shown_columns(block)
            cells = tuple(zip(*(column.cells for column in columns), strict=True))
            pieces.append(Grid(block.title.removesuffix(":"), tuple(column.header for column in columns), cells))
            said += [*same, *(column.foot for column in columns if column.foot)]
        elif isinstance(block, Lines):
            pieces += [line.strip() for line in block.lines if line.strip()]
        elif isinstance(block, Paragraph):
            pieces.append(block.text.strip())
        elif isinstance(block, Facts):
            pieces.append(
                Grid("", ("field", "value"), tuple((fact.name, one_line(fact.value)) for fact in block.facts))
            )
        elif block.plain:
            pieces.append("; ".join(block.notes))
        elif block.notes or said:
            pieces.append("; ".join([*block.notes, *dict.fromkeys(said)]))
            said = []
    return pieces


def html_of(result: Any) -> str:
    """Tables with captions and headers that are said to be such, everything escaped, at most 100 rows of each."""
    parts: list[str] = []
    name = f"pyalign {result.command}" if result.command else type(result).__name__
    for block in grids_of(result):
        if isinstance(block, str):
            parts.append(f"<p>{escape(block)}</p>")
            continue
        caption = block.title or (f"{name}: {block.header[0]}" if block.header[0] and parts else name)
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in block.header)
        rows = "".join(map(_html_row, block.rows[:MOST_ROWS]))
        parts.append(f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>")
        parts.append(f"<tbody>{rows}</tbody></table>")
        if len(block.rows) > MOST_ROWS:
            parts.append(f"<p>the first {MOST_ROWS} of {len(block.rows):,} rows</p>")
    return "".join([*parts, *(f"<p>note: {escape(one_line(note))}</p>" for note in result.notes)])


def _html_row(cells: Sequence[str]) -> str:
    """A row of a table; spaces before its first cell say that it belongs to the row above."""
    first, *rest = cells
    plain = first.lstrip(" ")
    head = "&nbsp;" * (len(first) - len(plain)) + escape(plain)
    return f'<tr><th scope="row">{head}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>'


def latex_of(result: Any, caption: str | None = None, label: str | None = None) -> str:
    """A table environment for the package booktabs, with what says how to read it below.

    Raises:
        InputError: a label of other letters than LaTeX takes; what is no text.
    """
    for name, text in (("caption", caption), ("label", label)):
        if text is not None and not isinstance(text, str):
            raise InputError(f"{name} must be text; got {text!r:.60}")
    if label is not None and not LABEL.fullmatch(label):
        raise InputError(f"label must be of letters, digits and :._-; got {label!r:.60}")
    body: list[str] = []
    for block in grids_of(result):
        if isinstance(block, str):
            body.append(f"\\par\\smallskip{{\\footnotesize {latex_text(block)}\\par}}")
            continue
        body += [rf"\par\smallskip {latex_text(block.title)}\par"] if block.title else []
        body += [r"\par\medskip"] if body and body[-1] == END else []
        head, *rows = (r" & ".join(map(latex_text, cells)) + r" \\" for cells in (block.header, *block.rows))
        layout = "l" + "r" * (len(block.header) - 1)  # the first column to the left, the others to the right
        body += [rf"\begin{{tabular}}{{{layout}}}", r"\toprule", head, r"\midrule", *rows, r"\bottomrule", END]
    named = [rf"\caption{{{latex_text(caption)}}}"] if caption is not None else []
    named += [rf"\label{{{label}}}"] if label is not None else []
    lines = [r"\begin{table}", r"\centering", *named, *body, r"\end{table}"]
    is_rare = any(ord(letter) > KNOWN for line in lines for letter in line)
    rare = ["% letters that pdflatex does not know: use lualatex or xelatex"] if is_rare else []
    notes = [f"% note: {one_line(note)}" for note in result.notes]
    return "\n".join([r"% \usepackage{booktabs}", *rare, *notes, *lines]) + "\n"


def latex_text(text: str) -> str:
    r"""One line of text as LaTeX sets it; spaces before it become an indent.

    Example:
        >>> print(latex_text("R\u00b2 of vit_b32 & co: 50%, -0.2"))
        R\textsuperscript{2} of vit\_b32 \& co: 50\%, $-$0.2
    """
    plain = one_line(text)
    indent = r"\quad " if plain.startswith("  ") else ""
    plain = MINUS.sub("\u2212", plain.strip()).replace("--", "-\0-").replace("--", "-\0-")
    return indent + "".join(SIGNS.get(letter, letter) for letter in plain).replace("\0", "{}")
