"""The Markdown table of a CSV file: every peer beside pyalign, with the target where there is one."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.cases import CASES
from benchmarks.operations import TARGETS
from benchmarks.results import Row
from benchmarks.results import markdown as table
from benchmarks.results import significant
from benchmarks.timing import SUBJECT, Way

HEAD = ("Operation", "Case", SUBJECT, "Peer", "Peer's", "Ratio", "Target", "Met")


def markdown(rows: Iterable[Row], with_target: bool = False) -> str:
    """A line for each peer of each operation and case, in the order of the rows; or of those with a target alone."""
    rows = list(rows)
    subjects = {(row.op, row.case): row for row in rows if row.backend == SUBJECT}
    lines = [
        _line(subjects[row.op, row.case], row, TARGETS.get((row.op, row.case, row.backend)))
        for row in rows
        if row.backend != SUBJECT and (not with_target or (row.op, row.case, row.backend) in TARGETS)
    ]
    return table(HEAD, lines)


def missed(rows: Iterable[Row]) -> list[str]:
    """The targets that the rows do not meet."""
    found = {(row.op, row.case, row.backend): row for row in rows}
    lines = []
    for key, target in TARGETS.items():
        row = found.get(key)
        if row is not None and not is_met(target, row):
            lines.append(f"{', '.join(key)}: {ratio_text(target, row)}, target {target_text(target)}")
    return lines


def is_met(target: Way, row: Row) -> bool:
    """Is the peer's ratio within the bound?"""
    if target.at_least is not None:
        return row.ratio >= target.at_least
    assert target.at_most is not None
    return 1 / row.ratio <= target.at_most


def ratio_text(target: Way | None, row: Row) -> str:
    """peer / pyalign; pyalign / peer where the target is a largest ratio."""
    inverse = target is not None and target.at_most is not None
    return f"{significant(1 / row.ratio if inverse else row.ratio)}x"


def target_text(target: Way) -> str:
    """As in `>= 12x`."""
    return f"≥ {target.at_least:,}x" if target.at_least is not None else f"≤ {target.at_most:,}x"


def _line(ours: Row, peer: Row, target: Way | None) -> list[str]:
    return [
        f"`{ours.op}`", CASES[ours.case].label, f"{significant(ours.median)} {ours.unit}", peer.backend,
        f"{significant(peer.median)} {peer.unit}", ratio_text(target, peer), target_text(target) if target else "",
        ("yes" if is_met(target, peer) else "**no**") if target else "",
    ]
