"""A page that was made, in a line."""

from __future__ import annotations

from typing import Any

from pyalign.report.tables import one_line


def report_table(made: Any, width: int | None = None, verbose: bool = False) -> str:
    """Where it is, what it holds, how large it is."""
    documents = f"{made.n_documents:,} document{'s' * (made.n_documents != 1)}"
    return f"wrote {one_line(made.path)}: {documents}, {made.bytes / 1e6:.2f} MB\nsections: {', '.join(made.sections)}"
