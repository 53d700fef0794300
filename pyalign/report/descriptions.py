"""Descriptions of files."""

from __future__ import annotations

from pyalign.analysis.describe.array import Description
from pyalign.analysis.describe.file import FileDescription
from pyalign.report.tables import one_line


def description_table(found: FileDescription, width: int | None = None, verbose: bool = False) -> str:
    """The arrays of a file, one after the other, each with the command line that reads it."""
    head = [one_line(found.file), *([f"  {'model':<15} {one_line(found.model)}"] if found.model else [])]
    parts = [*head, *(_of_array(one, len(found.arrays) > 1) for one in found.arrays)]
    if found.left_out:
        parts.append(f"  and {found.left_out:,} more arrays")
    return "\n".join(parts)


def _of_array(one: Description, several: bool) -> str:
    span = "none" if one.smallest is None else f"{one.smallest:g} to {one.largest:g}"
    counts = {
        "duplicate rows": one.duplicate_rows,
        "repeated items": one.repeated_items,
        "NaN rows": one.nan_rows,
        "zero rows": one.zero_rows,
    }
    first = ", ".join(value if isinstance(value, str) else f"{value:g}" for value in one.first_row)
    facts = [
        ("seems", one.kind),
        ("shape", " x ".join(f"{size:,}" for size in one.shape)),
        ("dtype", one.dtype),
        ("range", span if one.dtype not in ("str", "unknown") else ""),
        ("base", ("unclear" if one.base is None else str(one.base)) if one.kind == "triplets" else ""),
        *((name, "" if value is None else f"{value:,}") for name, value in counts.items()),
        ("first row", first),
        ("columns", ", ".join(one.columns or ())),
        ("names", f"{', '.join(one.names)}, ..." if one.names else ""),
    ]
    head = [f"{one.key or 'array'}"] if several else []
    lines = [*head, *(f"  {name:<15} {one_line(value)}" for name, value in facts if value)]
    lines += [f"  note: {one_line(text)}" for text in one.remarks]
    lines += [f"  {'read it by':<15} {one.command}"] * bool(one.command)
    return "\n".join(lines)
