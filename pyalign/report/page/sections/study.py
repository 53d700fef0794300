"""What of a study is missing on its page."""

from __future__ import annotations

from pyalign.report.blocks import Rows, Section, Table
from pyalign.report.page.sources import Sources


def study(sources: Sources) -> Section | None:
    """The steps of a study, where some of them could not be done, or were not asked for."""
    steps = [step for one in sources.of("study") for step in one.result.steps]
    missing = [step for step in steps if step.status != "finished"]
    if not missing:
        return None
    names = ", ".join(step.name for step in missing)
    lead = f"{len(missing)} of {len(steps)} steps of the study are missing on this page: {names}."
    column = Rows(missing).column
    columns = (
        column("step", lambda step: step.name),
        column("function", lambda step: step.function),
        column("status", lambda step: step.status, filter=True),
        column("reason", lambda step: step.reason),
    )
    table = Table(columns, name="study-missing", caption="Steps that are missing, and why")
    return Section("study", "What is missing", lead, (table,))
