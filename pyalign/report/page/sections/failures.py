"""The failures browser: triplets on which models fail, what each of them chooses, and how likely."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyalign.data import ANCHORED, ODD_ONE_OUT
from pyalign.report.blocks import Column, Section, Table, Text
from pyalign.report.page.failures_html import RIGHT, TIE, UNKNOWN, WIDTH, WRONG, Failure, Failures, Verdict
from pyalign.report.page.sources import Sources

MOST = 1000  # failures of a page
LETTERS = 510_000  # that the verdicts of a page may take


def failures(given: Sources) -> Section | None:
    """A browser for each document of failures."""
    held = [one.document for one in given.of("failures") if any(group["triplets"] for group in one.document["groups"])]
    if not held:
        return None
    parts: list[Any] = []
    first = 1
    for number, document in enumerate(held, start=1):
        most = most_of(len(document["models"]), len(held))
        part = browser(document, given, number, first, most)
        first += len(part.failures)
        parts += [counts(document, given, number), part]
        if all(verdict.chosen is None for one in part.failures for verdict in one.verdicts):
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


def browser(document: Mapping[str, Any], given: Sources, number: int, first: int, most: int) -> Failures:
    """The failures of a document that the page has room for: of each group the clearest."""
    name = "failures" if number == 1 else f"failures-{number}"
    found = list(_first_of(document["groups"], most).values())
    models = document["models"]
    shown = tuple(_failure(record, groups, models) for record, groups in found)
    n, listed = document["n_triplets"], sum(len(group["triplets"]) for group in document["groups"])
    told = f"{len(shown):,} failures among {n:,} triplets that all {len(models)} models were asked"
    if len(shown) < listed:
        told += f"; the document lists {listed:,}, of which these are the clearest"
    told += (
        ". Framed: the option that people choose; below each: how many models choose it"
        if document.get("task") == ANCHORED
        else ". Framed: the item that people call odd; below each: how many models call it odd"
    )
    temperature = document.get("temperature")
    if temperature is not None:
        told += f". Probabilities: softmax of the similarities ({document['measure']}) at temperature {temperature:g}"
    return Failures(
        name, f"{told}.", tuple(given.label(model) for model in models), _groups(document), shown, first,
        document.get("task", ODD_ONE_OUT), document["ties"] == "wrong",
    )  # fmt: skip


def _first_of(groups: list[Any], most: int) -> dict[Any, tuple[Mapping[str, Any], list[int]]]:
    """row -> its record and its groups: first those that are the clearest of their groups, then the second ones."""
    found: dict[Any, tuple[Mapping[str, Any], list[int]]] = {}
    for rank in range(max(len(group["triplets"]) for group in groups)):
        for k, group in enumerate(groups):
            if rank >= len(group["triplets"]):
                continue
            record = group["triplets"][rank]
            if record["row"] in found:
                found[record["row"]][1].append(k)
            elif len(found) < most:
                found[record["row"]] = record, [k]
        if len(found) >= most and len(groups) == 1:
            break
    return found


def _groups(document: Mapping[str, Any]) -> tuple[str, ...]:
    least = document.get("at_least")
    every = "wrong for every model" if least is None else f"wrong for at least {least} models"
    return tuple(
        every if group["wrong"] is None else f"right for {group['right']}, wrong for {group['wrong']}"
        for group in document["groups"]
    )


def _failure(record: Mapping[str, Any], groups: list[int], models: list[str]) -> Failure:
    first, second, third = record["names"] or [f"item {item}" for item in record["items"]]
    subject = record.get("subject")
    verdicts = tuple(_verdict(record, model) for model in models)
    return Failure(
        record["row"], (str(first), str(second), str(third)), verdicts, tuple(groups), record["human_share"],
        record["n_answers"], None if subject is None else str(subject),
    )  # fmt: skip


def _verdict(record: Mapping[str, Any], model: str) -> Verdict:
    choice = record.get("choices", {}).get(model)
    shares = record.get("probabilities", {}).get(model)
    if choice is None:
        margin = record["margins"].get(model)
        if margin is None:
            return Verdict(UNKNOWN)
        return Verdict(TIE if margin == 0 else RIGHT if margin > 0 else WRONG)
    if shares is None:
        return Verdict(TIE if choice < 0 else str(choice))
    return Verdict(TIE if choice < 0 else str(choice), None if choice < 0 else shares[choice], shares[2])


def counts(document: Mapping[str, Any], given: Sources, number: int) -> Table:
    """How many of all triplets each model gets wrong."""
    models, wrong, n = document["models"], document["n_wrong"], document["n_triplets"]
    columns = [Column("model", tuple(given.label(model) for model in models))]
    if document.get("families"):
        columns.append(Column("family", tuple(document["families"]), filter=True))
    columns += [
        Column("wrong", tuple(wrong), "count"),
        Column(
            "share",
            tuple(one / n for one in wrong),
            "percent",
            note="of all triplets; a tie is neither right nor wrong",
        ),
    ]
    kind = "anchored triplets" if document.get("task") == ANCHORED else "triplets"
    caption = f"Triplets that each model gets wrong, of {n:,} {kind}, by {document['measure']}."
    return Table(
        tuple(columns), name="wrong" if number == 1 else f"wrong-{number}", caption=caption, sort=("share", False)
    )
