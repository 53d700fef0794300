"""The table of data sets in docs/datasets.md, from the registry: ``--write`` puts it there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pyalign.datasets.registry import DATASETS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "datasets.md"
BEGIN, END = "<!-- made by tools/datasets_table.py -->", "<!-- end of what is made -->"


def table() -> str:
    """A row a data set."""
    lines = ["| `dataset:` | what | holds | layout | fetched | license | citation |", "|---|---|---|---|---|---|---|"]
    for row in DATASETS.values():
        fetched = "here" if row.name == "sample" else "yes" if row.files else "by hand"
        citation = f"[{row.citation}]({row.source})" if row.source.startswith("http") else row.citation
        cells = (f"`{row.name}`", row.what, ", ".join(row.parts), row.checked, fetched, row.license, citation)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def with_table(page: str) -> str:
    """The page with the table between its marks."""
    made = f"{BEGIN}\n{table()}\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: made, page, flags=re.DOTALL)


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    if "--write" in sys.argv:
        PAGE.write_text(with_table(page), encoding="utf-8")
    elif page != with_table(page):
        sys.exit("docs/datasets.md is not what the registry says: python tools/datasets_table.py --write")
