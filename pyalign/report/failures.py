"""Failures as tables: the models, the groups, and the clearest triplets of each."""

from __future__ import annotations

from typing import Any

from pyalign.analysis.failures.failures import Failures
from pyalign.analysis.failures.groups import FailureGroup
from pyalign.data import ANCHORED
from pyalign.report.tables import Column, fitted_table, noted, one_line, percent, short_labels

SHOWN = 3  # of each group
LONGEST = 16  # characters of an item's name, and of a family


def failures_table(found: Failures, width: int | None = None, verbose: bool = False) -> str:
    """How often each model is wrong, how many triplets each group has, and the clearest of them."""
    labels = {name: one_line(name) for name in found.models} if verbose else short_labels(found.models)
    notes = [f"triplets: {one_line(found.triplets)}"] if found.triplets else []
    notes += [f"{found.n_triplets:,} triplets", f"measure {found.measure}", f"ties {found.ties}"]
    notes += [f"{found.n_dropped:,} dropped (NaN)"] * bool(found.n_dropped)
    notes += [f"{found.n_undecided:,} without a majority left out"] * bool(found.n_undecided)
    tables = [
        fitted_table(_models(found, labels), width, verbose)[0],
        fitted_table(_groups(found, verbose), width, verbose)[0],
        noted(notes, None if verbose else width),
    ]
    tables += [_examples(found, group, labels, width, verbose) for group in found.groups if len(group.rows)]
    return "\n\n".join(tables)


def _models(found: Failures, labels: dict[str, str]) -> list[Column]:
    columns = [Column("model", tuple(labels[model] for model in found.models))]
    if found.families is not None:
        columns.append(Column("family", tuple(map(one_line, found.families)), 7))
    return [
        *columns,
        Column("wrong", tuple(f"{wrong:,}" for wrong in found.n_wrong)),
        Column("share", tuple(percent(wrong / found.n_triplets) for wrong in found.n_wrong)),
    ]


def _groups(found: Failures, verbose: bool) -> list[Column]:
    return [
        Column("wrong", tuple(_clipped(found.who_fails(group), verbose) for group in found.groups)),
        Column("right", tuple(_clipped(group.right or "-", verbose) for group in found.groups)),
        Column("triplets", tuple(f"{group.n:,}" for group in found.groups)),
        Column("share", tuple(percent(group.n / found.n_triplets) for group in found.groups)),
    ]


def _examples(
    found: Failures, group: FailureGroup, labels: dict[str, str], width: int | None, verbose: bool
) -> str:  # fmt: skip
    records = _first(found, group)
    columns = [
        Column(
            "anchor, chosen | other" if found.task == ANCHORED else "pair | odd one of people",
            tuple(_items(record, verbose) for record in records),
        ),
        Column("row", tuple(str(record["row"]) for record in records), 7),
    ]
    if any(record["human_share"] is not None for record in records):
        columns.append(Column("people", tuple(_share(record["human_share"]) for record in records), 8))
    margins = zip(*(record["margins"].values() for record in records), strict=True)
    columns += [
        Column(
            f"margin {labels[model] if verbose else k + 1}", tuple(f"{margin:.4g}" for margin in told), max(1, 6 - k)
        )
        for k, (model, told) in enumerate(zip(found.models, margins, strict=True))
    ]
    right = f", right for {one_line(group.right)}" if group.right else ""
    head = f"wrong for {one_line(found.who_fails(group))}{right}, the clearest:"
    return f"{head}\n{fitted_table(columns, width, verbose)[0]}"


def _first(found: Failures, group: FailureGroup) -> list[dict[str, Any]]:
    """The first triplets of a group, each answer once."""
    records, seen = [], set()
    for record in found.records(group):
        answer = frozenset(record["items"]), record["items"][2]
        if answer not in seen:
            seen.add(answer)
            records.append(record)
        if len(records) == SHOWN:
            break
    return records


def _items(record: dict[str, Any], verbose: bool) -> str:
    first, second, odd = (_clipped(str(item), verbose) for item in record["names"] or record["items"])
    return f"{first}, {second} | {odd}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _clipped(text: str, verbose: bool) -> str:
    """The beginning of a name that is long."""
    line = one_line(text)
    return line if verbose or len(line) <= LONGEST else line[: LONGEST - 1] + "…"
