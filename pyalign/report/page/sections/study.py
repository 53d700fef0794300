"""What of a study is missing on its page."""

from __future__ import annotations

from typing import Any

from pyalign.report.blocks import Column, Section, Table
from pyalign.report.page.sources import Sources


def study(given: Sources) -> Section | None:
    """The steps of a study, where some of them could not be done, or were not asked for."""
    steps: list[dict[str, Any]] = [dict(one) for loaded in given.of("study") for one in loaded.document["steps"]]
    missing = [one for one in steps if one["status"] != "finished"]
    if not missing:
        return None
    names = ", ".join(str(one["name"]) for one in missing)
    told = f"{len(missing)} of {len(steps)} steps of the study are missing on this page: {names}."
    columns = (
        Column("step", tuple(str(one["name"]) for one in missing)),
        Column("function", tuple(str(one["function"]) for one in missing)),
        Column("status", tuple(str(one["status"]) for one in missing), filter=True),
        Column("reason", tuple(one.get("reason") for one in missing)),
    )
    table = Table(columns, name="study-missing", caption="Steps that are missing, and why")
    return Section("study", "What is missing", told, (table,))
