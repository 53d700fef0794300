"""The failures browser: triplets on which models fail, what each of them chooses, and how likely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyalign.analysis.failures.failures import Failures
from pyalign.data import ANCHORED
from pyalign.report.blocks import Section, Table, Text
from pyalign.report.failures import labels_of, models_table
from pyalign.report.page.failures_html import RIGHT, TIE, UNKNOWN, WIDTH, WRONG, Browser, Failure, Verdict
from pyalign.report.page.sections._shared import numbered
from pyalign.report.page.sources import Sources

MOST = 1000  # failures of a page
LETTERS = 510_000  # that the verdicts of a page may take


def failures(sources: Sources) -> Section | None:
    """A browser for each result of failures."""
    results = [found for found in sources.results(Failures) if any(len(group.rows) for group in found.groups)]
    if not results:
        return None
    parts: list[Any] = []
    first = 1
    for number, found in enumerate(results):
        labels = labels_of(found, sources.labels)
        part = browser(found, labels, number, first, most_of(len(found.models), len(results)))
        first += len(part.failures)
        parts += [counts(found, labels, number), part]
        if all(verdict.chosen is None for failure in part.failures for verdict in failure.verdicts):
            parts.append(
                Text(("The document does not say what models choose: it was made before documents did.",), "note")
            )
    lead = (
        "Triplets that models get wrong, the clearest first. Filter them by model, object or people's agreement; open "
        "one to see what each model chooses, and with what probability."
    )
    return Section("failures", "Failures", lead, tuple(parts))


def most_of(models: int, documents: int) -> int:
    """How many failures of each document a page holds.

    Example:
        >>> most_of(100, 1), most_of(300, 1), most_of(4, 2)
        (1000, 404, 500)
    """
    return max(1, min(MOST, LETTERS // (WIDTH * models + 60)) // documents)


def browser(found: Failures, labels: Sequence[str], number: int, first: int, most: int) -> Browser:
    """The failures that the page has room for: of each group the clearest."""
    rows = _first_of([list(found.records(group)) for group in found.groups], most)
    shown = tuple(_failure(record, groups, found.models) for record, groups in rows)
    listed = sum(len(group.rows) for group in found.groups)
    caption = f"{len(shown):,} failures among {found.n_triplets:,} triplets that all {len(labels)} models were asked"
    if len(shown) < listed:
        caption += f"; the document lists {listed:,}, of which these are the clearest"
    caption += (
        ". Framed: the option that people choose; below each: how many models choose it"
        if found.task == ANCHORED
        else ". Framed: the item that people call odd; below each: how many models call it odd"
    )
    if found.temperature is not None:
        at = f"at temperature {found.temperature:g}"
        caption += f". Probabilities: softmax of the similarities ({found.measure}) {at}"
    return Browser(
        numbered("failures", number), f"{caption}.", tuple(labels), _groups(found), shown, first, found.task,
        found.ties == "wrong",
    )  # fmt: skip


def _first_of(groups: Sequence[Sequence[dict[str, Any]]], most: int) -> list[tuple[dict[str, Any], list[int]]]:
    """Records and their groups: first those that are the clearest of their groups, then the second ones."""
    rows: dict[int, tuple[dict[str, Any], list[int]]] = {}
    for rank in range(max(map(len, groups))):
        for k, records in enumerate(groups):
            if rank >= len(records):
                continue
            record = records[rank]
            if record["row"] in rows:
                rows[record["row"]][1].append(k)
            elif len(rows) < most:
                rows[record["row"]] = record, [k]
        if len(rows) >= most and len(groups) == 1:
            break
    return list(rows.values())


def _groups(found: Failures) -> tuple[str, ...]:
    every = "wrong for every model" if found.at_least is None else f"wrong for at least {found.at_least} models"
    return tuple(
        every if group.wrong is None else f"right for {group.right}, wrong for {group.wrong}" for group in found.groups
    )


def _failure(record: Mapping[str, Any], groups: list[int], models: Sequence[str]) -> Failure:
    first, second, third = record["names"] or [f"item {item}" for item in record["items"]]
    subject = record["subject"]
    verdicts = tuple(_verdict(record, model) for model in models)
    return Failure(
        record["row"], (str(first), str(second), str(third)), verdicts, tuple(groups), record["human_share"],
        record["n_answers"], None if subject is None else str(subject),
    )  # fmt: skip


def _verdict(record: Mapping[str, Any], model: str) -> Verdict:
    """What a model makes of a triplet; a result that was read from an older document has margins only."""
    choice = record.get("choices", {}).get(model)
    shares = record.get("probabilities", {}).get(model)
    if choice is None:
        margin = record["margins"].get(model)
        if margin is None or margin != margin:
            return Verdict(UNKNOWN)
        return Verdict(TIE if margin == 0 else RIGHT if margin > 0 else WRONG)
    if shares is None:
        return Verdict(TIE if choice < 0 else str(choice))
    return Verdict(TIE if choice < 0 else str(choice), None if choice < 0 else shares[choice], shares[2])


def counts(found: Failures, labels: Sequence[str], number: int) -> Table:
    """How many of all triplets each model gets wrong."""
    kind = "anchored triplets" if found.task == ANCHORED else "triplets"
    caption = f"Triplets that each model gets wrong, of {found.n_triplets:,} {kind}, by {found.measure}."
    return replace(models_table(found, labels), name=numbered("wrong", number), caption=caption, sort=("share", False))
