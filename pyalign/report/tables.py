"""Plain text tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any


def one_line(text: str) -> str:
    r"""A file name as it is, but for what would break a line or cannot be shown, which is escaped.

    Example:
        >>> print(one_line("two\nlines.npy"))
        two\nlines.npy
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def columns_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under a header, the first column to the left and the others to the right.

    Example:
        >>> print(columns_table(("name", "n"), [("a", "12"), ("bcd", "3")]))
        name   n
        a     12
        bcd    3
    """
    widths = [max(len(cells[k]) for cells in (header, *rows)) for k in range(len(header))]
    lines = []
    for cells in (header, *rows):
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        lines.append("  ".join((first, *rest)).rstrip())
    return "\n".join(lines)


def terminal_width() -> int | None:
    """Columns of the terminal behind stdout, or None where there is none to fit."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError, AttributeError):
        return None


def shorten_left(text: str, width: int) -> str:
    """The end of a path, which tells files apart, in at most `width` characters.

    Example:
        >>> shorten_left("features/clip/visual.npy", 12)
        '…/visual.npy'
    """
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]


def score_table(rows: Sequence[dict[str, Any]], triplets: str, width: int | None = None) -> str:
    """The results of `pyalign score`, a row each, and a line that says how to read them.

    Paths are shortened from the left where the table would be wider than `width`.
    """
    first = rows[0]
    header = [
        "embeddings",
        "measure",
        "accuracy",
        *_if(first, "ci", f"{100 * first.get('confidence', 0):g} % interval", "s.e."),
        *_if(first, "fraction_of_ceiling", "of ceiling"),
        *_if(first, "permutation_test", "chance", "p"),
        "ties",
        "cross-entropy",
        *_if(first, "ci", "interval"),
        "entropy",
        "triplets",
        "M triplets/s",
    ]
    cells = [_score_cells(row) for row in rows]
    table = columns_table(header, cells)
    excess = max(map(len, table.splitlines())) - width if width else 0
    if excess > 0:
        room = max(12, max(len(row[0]) for row in cells) - excess)
        table = columns_table(header, [(shorten_left(row[0], room), *row[1:]) for row in cells])
    dropped = max(row["n_dropped"] for row in rows)
    notes = [
        f"triplets: {one_line(triplets)}",
        "chance 33.333 %",
        f"T = {first['temperature']:g}",
        f"ties {first['ties']}",
        "nats (log 3 = 1.09861)",
        f"backend {first['backend']}",
    ]
    if "ci" in first:
        how = f"{first['resamples']:,} resamples, seed {first['seed']}" if "seed" in first else "closed form"
        notes.insert(1, f"intervals over {first['ci_by']} ({how})")
    if "ceiling" in first:
        notes.insert(1, f"ceiling {100 * first['ceiling']:.3f} %")
    if dropped:
        notes.insert(1, f"up to {dropped:,} dropped (NaN)")
    return f"{table}\n{'; '.join(notes)}"


def _score_cells(row: dict[str, Any]) -> tuple[str, ...]:
    accuracy = "-" if row["accuracy"] is None else f"{100 * row['accuracy']:.3f} %"
    cross_entropy = "-" if row["cross_entropy"] is None else f"{row['cross_entropy']:.5f}"
    return (
        one_line(row["embeddings"]),
        row["measure"],
        accuracy,
        *_if(row, "ci", lambda: percent_interval(row["ci"]), lambda: percent(row["standard_error"])),
        *_if(row, "fraction_of_ceiling", lambda: f"{row['fraction_of_ceiling']:.3f}"),
        *_if(row, "permutation_test", *_permutation_cells(row)),
        f"{row['n_ties']:,}",
        cross_entropy,
        *_if(row, "ci", lambda: "{:.5f} to {:.5f}".format(*row["cross_entropy_ci"])),
        f"{row['mean_entropy']:.5f}",
        f"{row['n_triplets']:,}",
        _speed(row["triplets_per_second"] / 1e6),
    )


def _permutation_cells(row: dict[str, Any]) -> tuple[Callable[[], str], Callable[[], str]]:
    return (
        lambda: percent_interval(row["permutation_test"]["null_ci"]),
        lambda: f"{row['permutation_test']['p_value']:.3g}",
    )


def _if(row: dict[str, Any], name: str, *cells: str | Callable[[], str]) -> list[str]:
    """The cells where the row has that entry."""
    return [cell if isinstance(cell, str) else cell() for cell in cells] if name in row else []


def percent(share: float) -> str:
    """A fraction as people read it.

    Example:
        >>> percent(0.5), percent_interval((0.4912, 0.51))
        ('50.000 %', '49.120 to 51.000 %')
    """
    return f"{100 * share:.3f} %"


def percent_interval(interval: Sequence[float]) -> str:
    """An interval of fractions as people read it."""
    return f"{100 * interval[0]:.3f} to {100 * interval[1]:.3f} %"


def group_table(row: dict[str, Any]) -> str:
    """The groups of one result of `pyalign score`, a row each; nothing where there are none."""
    groups = row.get("groups")
    if not groups:
        return ""
    header = ("group", "accuracy", "interval", "s.e.", "cross-entropy", "triplets")
    cells = [
        (
            one_line(group["group"]),
            percent(group["accuracy"]),
            percent_interval(group["ci"]) if group["ci"] else "-",
            percent(group["standard_error"]) if group["standard_error"] is not None else "-",
            f"{group['cross_entropy']:.5f}",
            f"{group['n_triplets']:,}",
        )
        for group in groups
    ]
    return f"\n{one_line(row['embeddings'])} with {row['measure']}, by group\n{columns_table(header, cells)}\n"


def _speed(millions: float) -> str:
    return f"{millions:.1f}" if millions >= 0.95 else f"{millions:.2g}"
