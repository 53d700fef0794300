"""Failures: how often each model is wrong, how many triplets each group has, and the clearest of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.analysis.failures.failures import Failures
from pyalign.analysis.failures.groups import FailureGroup
from pyalign.data import ANCHORED
from pyalign.report.blocks import Block, Column, Foot, Rows, Table
from pyalign.report.cells import called
from pyalign.report.words import one_line, short_labels

SHOWN = 3  # of each group
LONGEST = 16  # characters of an item's name, and of a family


def failures_view(found: Failures, verbose: bool = False) -> list[Block]:
    """The models, the groups, and the first triplets of each group."""
    short = {name: one_line(name) for name in found.models} if verbose else short_labels(found.models)
    labels = [short[name] for name in found.models]
    notes = [f"triplets: {one_line(found.triplets)}"] if found.triplets else []
    notes += [f"{found.n_triplets:,} triplets", f"measure {found.measure}", f"ties {found.ties}"]
    notes += [f"{found.n_dropped:,} dropped (NaN)"] * bool(found.n_dropped)
    notes += [f"{found.n_undecided:,} without a majority left out"] * bool(found.n_undecided)
    return [
        models_table(found, labels),
        _groups(found, verbose),
        Foot(tuple(notes), apart=True),
        *(_examples(found, group, labels, verbose) for group in found.groups if len(group.rows)),
    ]


def labels_of(found: Failures, labels: Mapping[str, str]) -> list[str]:
    """What a page calls each model."""
    return called([(name, None) for name in found.models], labels)


def models_table(found: Failures, labels: Sequence[str]) -> Table:
    """How many of all triplets each model gets wrong."""
    n_wrong = Column("wrong", tuple(found.n_wrong), "count")
    shares = tuple(wrong / found.n_triplets for wrong in found.n_wrong)
    families = () if found.families is None else (Column("family", tuple(found.families), keep=7, filter=True),)
    note = "of all triplets; a tie is neither right nor wrong"
    return Table((Column("model", tuple(labels)), *families, n_wrong, Column("share", shares, "percent", note=note)))


def _groups(found: Failures, verbose: bool) -> Table:
    column = Rows(found.groups).column
    columns = (
        column("wrong", lambda group: _clipped(found.who_fails(group), verbose)),
        column("right", lambda group: _clipped(group.right or "-", verbose)),
        column("triplets", lambda group: group.n, "count"),
        column("share", lambda group: group.n / found.n_triplets, "percent"),
    )
    return Table(columns)


def _examples(found: Failures, group: FailureGroup, labels: Sequence[str], verbose: bool) -> Table:
    records = _first(found, group)
    column = Rows(records).column
    header = "anchor, chosen | other" if found.task == ANCHORED else "pair | odd one of people"
    columns = [column(header, lambda record: _items(record, verbose)), column("row", lambda r: str(r["row"]), keep=7)]
    shares = column("people", lambda r: r["human_share"], keep=8, write=lambda share: f"{100 * share:.1f} %")
    columns += [shares] if any(value is not None for value in shares.values) else []
    for k, (model, label) in enumerate(zip(found.models, labels, strict=True)):
        margins = tuple(record["margins"][model] for record in records)
        keep = max(1, 6 - k)
        header = f"margin {label if verbose else k + 1}"
        columns.append(Column(header, margins, keep=keep, write=lambda margin: f"{margin:.4g}"))
    right = f", right for {one_line(group.right)}" if group.right else ""
    return Table(tuple(columns), title=f"wrong for {one_line(found.who_fails(group))}{right}, the clearest:")


def _first(found: Failures, group: FailureGroup) -> list[dict[str, Any]]:
    """The first triplets of a group, each answer once."""
    records: list[dict[str, Any]] = []
    seen = set()
    for record in found.records(group):
        answer = frozenset(record["items"]), record["items"][2]
        if answer not in seen:
            seen.add(answer)
            records.append(record)
        if len(records) == SHOWN:
            break
    return records


def _items(record: Mapping[str, Any], verbose: bool) -> str:
    first, second, odd = (_clipped(str(item), verbose) for item in record["names"] or record["items"])
    return f"{first}, {second} | {odd}"


def _clipped(text: str, verbose: bool) -> str:
    """The beginning of a name that is long."""
    line = one_line(text)
    return line if verbose or len(line) <= LONGEST else line[: LONGEST - 1] + "…"
