"""Lists of data sets, and what is known of one."""

from __future__ import annotations

import textwrap

from pyalign.datasets.fetch import Fetched
from pyalign.datasets.listing import DataSetInfo, DataSetList
from pyalign.report.tables import WIDTH, Column, fitted_table, one_line


def datasets_table(found: DataSetList, width: int | None = None, verbose: bool = False) -> str:
    """A data set a line: its name, whether it is here, what it is."""
    rows = [("data set", "here", "what")]
    rows += [(one.name, "yes" if one.is_here else "-", one.what) for one in found.datasets]
    first = max(len(row[0]) for row in rows)
    room = (width or WIDTH) - first - 8
    lines = [
        f"{one_line(name):<{first}}  {here:<4}  {_cut(one_line(what), room, verbose)}" for name, here, what in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def info_table(found: DataSetInfo, width: int | None = None, verbose: bool = False) -> str:
    """What is known, a heading a line, and the files that are expected."""
    parts = [f"{part} ({', '.join(keys)})" if keys else part for part, keys in found.parts.items()]
    lines = [*_wrapped(f"{found.name}: ", one_line(found.what), 0, width, verbose), ""]
    told = {
        "holds": ", ".join(parts), "kind": found.kind, "source": found.source, "licence": found.licence,
        "citation": found.citation, "folder": f"{found.folder}{'' if found.is_here else ' (not here)'}",
        "fetches": ", ".join(found.files) or None, "layout": found.checked,
    }  # fmt: skip
    for name, value in told.items():
        if value is not None:
            lines += _wrapped(f"{name:<10}", one_line(value), 10, width, verbose)
    for file in found.layout:
        lines += _wrapped(f"  {one_line(file.name)}: ", file.what, 6, width, verbose)
    return "\n".join(lines)


def fetched_table(found: Fetched, width: int | None = None, verbose: bool = False) -> str:
    """The files with their checksums, and where they lie."""
    columns = [
        Column("file", tuple(one_line(one.file) for one in found.files)),
        Column("fetched", tuple("now" if one.is_new else "before" for one in found.files)),
        Column("compared with", tuple(one.checked for one in found.files)),
        Column("sha256", tuple(one.sha256 if verbose else one.sha256[:12] for one in found.files)),
    ]
    table, _ = fitted_table(columns, width, verbose)
    return f"{table}\n{one_line(found.folder)}"


def _wrapped(head: str, text: str, indent: int, width: int | None, verbose: bool) -> list[str]:
    room = 10_000 if verbose else width or WIDTH
    return textwrap.wrap(
        head + text, max(room, 2 * indent), subsequent_indent=" " * indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def _cut(text: str, room: int, verbose: bool) -> str:
    return text if verbose or len(text) <= room else f"{text[: max(room, 8) - 1]}…"
