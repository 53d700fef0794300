"""What a result says, as blocks, and these as plain text that fits the terminal.

The tables of results in HTML and LaTeX: the same columns, order, rounding and notes as in text, at any width.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from pyalign._dataclass import dataclass, replace
from pyalign._registry import load
from pyalign._result import kinds
from pyalign.errors import InputError
from pyalign.report.blocks import PAGE, Block, Column, Fact, Facts, Lines, Paragraph, Table, Value
from pyalign.report.words import WIDTH, noted, number, one_line, p_text, percent, shorten_left, shortened, shown_width


def blocks_of(result: Any, verbose: bool = False) -> list[Block]:
    """What a result says: by its view, or its values; at last which of its judgments were left out."""
    kind = kinds().get(result.command)
    blocks: list[Block]
    if kind is not None and kind.view:
        blocks = [one for one in load(kind.view)(result, verbose) if not (isinstance(one, Table) and one.only == PAGE)]
    else:
        values = (pair for record in result.to_records() for pair in record.items())
        blocks = [Facts(tuple(Fact(name, str(value)) for name, value in values))]
    left_out = "" if result.coverage is None else result.coverage.left_out
    return [*blocks, Lines((left_out,))] if left_out else blocks


def table_of(result: Any, width: int | None = None, verbose: bool = False) -> str:
    """A result as text of at most so many columns; verbose: all of it, at any width."""
    return text_of(blocks_of(result, verbose), width, verbose)


def text_of(blocks: Sequence[Block], width: int | None = None, verbose: bool = False) -> str:
    """Blocks under each other; a table that others stand before comes after a blank line."""
    limit = width or WIDTH
    parts: list[str] = []
    said: list[str] = []  # of columns, for the note below
    for block in blocks:
        if isinstance(block, Table):
            table, more = table_text(block, width, verbose)
            said += more
            title = block.title if verbose else _fitting(block.title, limit)
            parts += [""] * bool(parts) + [title] * bool(title) + [table]
        elif isinstance(block, Lines):
            parts += block.lines
        elif isinstance(block, Paragraph):
            room = 10_000 if verbose else max(limit, 2 * block.indent)
            parts += textwrap.wrap(block.text, room, subsequent_indent=" " * block.indent, break_long_words=False,
                                   break_on_hyphens=False)
        elif isinstance(block, Facts):
            parts += [f"{fact.name}: {one_line(fact.value)}" for fact in block.facts]
        else:
            of_columns = [] if block.plain else list(dict.fromkeys(said))
            text = noted([*block.notes, *of_columns], width, verbose)
            parts += [""] * (block.apart and bool(parts and text)) + [text] * bool(text)
            said = said if block.plain else []
    return "\n".join(parts)


def table_text(table: Table, width: int | None = None, verbose: bool = False) -> tuple[str, list[str]]:
    """A table within `width` characters, and what it leaves to the note below.

    Columns that are the same in every row and have words for it are said there; then columns are left out, those first
    that are kept least; then the names in the first are shortened. `verbose`: everything, at any width. The note also
    has the foot of each column that is shown.
    """
    shown, notes = shown_columns(table, verbose)
    limit = width or WIDTH
    if not verbose:
        if table.room > limit:
            return table.or_else, []
        while _width(shown) > limit and any(column.keep < 9 for column in shown):
            shown.remove(min(shown, key=lambda column: column.keep))
        over = _width(shown) - limit
        if over > 0:
            place = next((k for k, column in enumerate(shown) if column.fit is not None), 0)
            long, room = shown[place], max(12, _width([shown[place]]) - over)
            cells = shortened(cells_of(long), room) if long.fit is None else long.fit(room)
            shown[place] = replace(long, values=tuple(cells))
    notes += dict.fromkeys(column.foot for column in shown if column.foot)
    return _aligned(shown), notes


def shown_columns(table: Table, verbose: bool = False) -> tuple[list[Column], list[str]]:
    """The columns of a table as text, and what is said of those that are the same in all rows; verbose: none."""
    columns = [written for column in table.columns if column.only != PAGE for written in _written(column)]
    if verbose:
        return columns, []
    same = [column for column in columns if column.keep and column.same and len(set(column.values)) == 1]
    shown = [column for column in columns if column.keep and column not in same]
    return shown, [column.same.format(column.values[0]) for column in same]


def _written(column: Column) -> Iterator[Column]:
    """A column of texts, and that of its intervals; where a cell is empty, so is its interval."""
    yield replace(column, values=tuple(cell(value, column) for value in column.values), low=(), high=(), ends="")
    if column.ends:
        unknown = (None,) * len(column.values)
        rows = zip(column.values, column.low or unknown, column.high or unknown, strict=True)
        ends = ("" if value == "" else _ends(low, high, column) for value, low, high in rows)
        yield Column(column.ends, tuple(ends), keep=column.keep_ends)


def cells_of(column: Column) -> list[str]:
    """The cells of a column of texts."""
    return [str(value) for value in column.values]


def cell(value: Value, column: Column) -> str:
    """A value as text."""
    if value is None or value != value:
        return "-"
    if column.write is not None:
        return column.write(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column.form == "text" or isinstance(value, str):
        return one_line(str(value))
    if column.form in ("percent", "bar"):
        return percent(value, column.places)
    if column.form == "p":
        return p_text(value)
    if column.form == "count":
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    if column.form == "digits":
        return f"{value:.{column.places}g}"
    return number(value, column.places)


def _ends(low: float | None, high: float | None, column: Column) -> str:
    """An interval: its ends, the unit once; only the lower one where it has no upper bound."""
    if high == math.inf:
        return f"above {cell(low, column)}"
    return " to ".join((cell(low, column).removesuffix("%"), cell(high, column))) if low is not None else "-"


def _aligned(columns: Sequence[Column]) -> str:
    """Rows under a header, the first column to the left and the others to the right, but for those that say so."""
    padded = []
    for k, column in enumerate(columns):
        width = _width([column])
        cells = [(cell, " " * (width - shown_width(cell))) for cell in (column.header, *cells_of(column))]
        padded.append([cell + fill if k == 0 or column.left else fill + cell for cell, fill in cells])
    return "\n".join("  ".join(row).rstrip() for row in zip(*padded, strict=True))


def _fitting(title: str, width: int) -> str:
    """A title of words that may be wider, but for one that alone takes more than a line, such as a path."""
    longest = max(title.split(" "), key=shown_width)
    room = max(12, shown_width(longest) - max(0, shown_width(title) - width))
    return title if shown_width(longest) <= width else title.replace(longest, shorten_left(longest, room), 1)


def _width(columns: Sequence[Column]) -> int:
    """Columns of the terminal that these take, two spaces apart."""
    return sum(2 + max(map(shown_width, (column.header, *cells_of(column)))) for column in columns) - 2


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
}
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
            cells = tuple(zip(*map(cells_of, columns), strict=True))
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
    """A table environment for the package booktabs, with what says how to read it below."""
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
    r"""One line of text as LaTeX sets it; spaces before it become an indent."""
    plain = one_line(text)
    indent = r"\quad " if plain.startswith("  ") else ""
    plain = MINUS.sub("\u2212", plain.strip()).replace("--", "-\0-").replace("--", "-\0-")
    return indent + "".join(SIGNS.get(letter, letter) for letter in plain).replace("\0", "{}")
