"""The table of a study: its steps, and what became of them."""

from __future__ import annotations

from typing import Any

from pyalign.report.tables import one_line


def study_table(study: Any, width: int | None = None, verbose: bool = False) -> str:
    """A line for each step; then where things lie."""
    rows = [(one_line(step.name), *_told(step)) for step in study.steps]
    widths = [max(len(row[k]) for row in rows) for k in (0, 1)]
    lines = [f"{name:<{widths[0]}}  {state:<{widths[1]}}  {more}".rstrip() for name, state, more in rows]
    if study.folder is not None:
        lines += ["", f"{study.folder}/{study.report or 'steps'}"]
    return "\n".join(lines)


def _told(step: Any) -> tuple[str, str]:
    """The state of a step, and what there is to say of it."""
    if step.status == "finished":
        time = "" if step.seconds is None or step.how == "as it was" else f"{step.seconds:.1f} s"
        return step.how or step.status, "  ".join(part for part in (step.document or "", time) if part)
    return step.status, one_line(step.reason or "")
