"""Failures as tables: the models, the groups, and the clearest triplets of each."""

from __future__ import annotations

from collections.abc import Mapping

from pyalign.analysis.failures.failures import Failures
from pyalign.analysis.failures.groups import FailureGroup, shortest
from pyalign.data import ANCHORED
from pyalign.report.blocks import Block, Column, Foot, Rows, Table
from pyalign.report.cells import model_labels
from pyalign.report.words import one_line

SHOWN = 3  # of each group
LONGEST = 16  # characters of an item's name, and of a family


def failures_view(result: Failures, verbose: bool = False) -> list[Block]:
    """How often each model is wrong, how many triplets each group has, and the clearest of them."""
    labels = labels_of(result, verbose)
    notes = [f"triplets: {one_line(result.triplets)}"] if result.triplets else []
    notes += [f"{result.n_triplets:,} triplets", f"measure {result.measure}", f"ties {result.ties}"]
    notes += [f"{result.n_dropped:,} dropped (NaN)"] * bool(result.n_dropped)
    notes += [f"{result.n_undecided:,} without a majority left out"] * bool(result.n_undecided)
    return [
        models_table(result, labels), _groups_table(result, verbose), Foot(tuple(notes), apart=True),
        *(_examples_table(result, group, labels, verbose) for group in result.groups if len(group.rows)),
    ]  # fmt: skip


def labels_of(result: Failures, verbose: bool = False, labels: Mapping[str, str] | None = None) -> dict[str, str]:
    """What each model is called; `labels`: those of a page."""
    return model_labels([(model, None) for model in result.models], verbose, labels)


def models_table(result: Failures, labels: Mapping[str, str]) -> Table:
    """How many of all triplets each model gets wrong."""
    columns = [Column("model", tuple(labels[model] for model in result.models))]
    if result.families is not None:
        columns.append(Column("family", result.families, keep=7, filter=True))
    shares = tuple(wrong / result.n_triplets for wrong in result.n_wrong)
    columns += [
        Column("wrong", result.n_wrong, "count"),
        Column("share", shares, "percent", note="of all triplets; a tie is neither right nor wrong"),
    ]
    return Table(tuple(columns))


def _groups_table(result: Failures, verbose: bool) -> Table:
    column = Rows(result.groups).column
    columns = (
        column("wrong", lambda group: _clipped(result.who_fails(group), verbose)),
        column("right", lambda group: _clipped(group.right or "-", verbose)),
        column("triplets", lambda group: group.n, "count"),
        column("share", lambda group: group.n / result.n_triplets, "percent"),
    )
    return Table(columns)


def _examples_table(result: Failures, group: FailureGroup, labels: Mapping[str, str], verbose: bool) -> Table:
    places = _first(group)
    shares = tuple(group.human_shares[places].tolist())
    columns = [
        Column("anchor, chosen | other" if result.task == ANCHORED else "pair | odd one of people",
               tuple(_items(group.items[place].tolist(), result.names, verbose) for place in places)),
        Column("row", tuple(group.rows[places].tolist()), keep=7),
    ]  # fmt: skip
    if any(share == share for share in shares):
        columns.append(Column("people", shares, "percent", keep=8, write=lambda share: f"{100 * share:.1f} %"))
    margins = zip(*shortest(group.margins[places]), strict=True)
    columns += [
        Column(f"margin {labels[model] if verbose else k + 1}", of_model, "number", keep=max(1, 6 - k),
               write="{:.4g}".format)
        for k, (model, of_model) in enumerate(zip(result.models, margins, strict=True))
    ]  # fmt: skip
    right = f", right for {one_line(group.right)}" if group.right else ""
    return Table(tuple(columns), title=f"wrong for {one_line(result.who_fails(group))}{right}, the clearest:")


def _first(group: FailureGroup) -> list[int]:
    """The places of the first triplets of a group, each answer once."""
    places: list[int] = []
    seen: set[tuple[frozenset[int], int]] = set()
    for place, items in enumerate(group.items):
        answer = frozenset(items.tolist()), int(items[2])
        if answer not in seen:
            seen.add(answer)
            places.append(place)
        if len(places) == SHOWN:
            break
    return places


def _items(items: list[int], names: Mapping[int, str] | None, verbose: bool) -> str:
    first, second, odd = (_clipped(str(item) if names is None else names[item], verbose) for item in items)
    return f"{first}, {second} | {odd}"


def _clipped(text: str, verbose: bool) -> str:
    """The beginning of a name that is long."""
    line = one_line(text)
    return line if verbose or len(line) <= LONGEST else line[: LONGEST - 1] + "…"
