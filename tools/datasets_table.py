"""The table of data sets in docs/datasets.md, from the registry: ``--write`` puts it there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pyalign.datasets.listing import HOW
from pyalign.datasets.registry import DATASETS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "datasets.md"
BEGIN, END = "<!-- made by tools/datasets_table.py -->", "<!-- end of what is made -->"
SHORT = {"compared": "compared with published files", "described": "as public code describes it", "ours": "ours"}


def table() -> str:
    """A row a data set, then a section for each with its files."""
    lines = ["| `dataset:` | what | holds | layout | fetched |", "|---|---|---|---|---|"]
    for row in DATASETS.values():
        holds = ", ".join(row.parts)
        cells = (f"`{row.name}`", row.what, holds, SHORT[row.checked], "yes" if row.files else "by hand")
        lines.append(f"| {' | '.join(cells[:-1] if row.name == 'sample' else cells)} |")
        if row.name == "sample":
            lines[-1] += " it is here |"
    for row in DATASETS.values():
        lines += ["", f"### {row.name}", "", *_section(row)]
    return "\n".join(lines)


def _section(row) -> list[str]:
    told = {"Source": row.source, "Licence": row.licence, "Citation": row.citation, "Kind": row.kind}
    told["Keys"] = "; ".join(f"{part} {', '.join(keys)}" for part, keys in row.parts.items() if keys) or None
    lines = [f"{name}: {value}.  " for name, value in told.items() if value is not None]
    lines += [f"Layout ({HOW[row.checked]}):", ""]
    lines += [f"- `{name}`: {what}" for name, what in row.layout]
    return lines if not row.note else [*lines, "", f"{row.note[0].upper()}{row.note[1:]}."]


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
