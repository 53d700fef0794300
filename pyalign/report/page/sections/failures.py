"""The failures browser: triplets on which models fail, what each of them chooses, and how likely."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyalign.analysis.failures.failures import Failures
from pyalign.analysis.failures.groups import FailureGroup, shortest
from pyalign.data import ANCHORED
from pyalign.report.blocks import Section, Table, Text
from pyalign.report.comparison import wrong_table as models_table
from pyalign.report.page.failures_html import RIGHT, TIE, UNKNOWN, WIDTH, WRONG, Browser, Failure, Verdict
from pyalign.report.page.sections._shared import numbered
from pyalign.report.page.sources import Sources
from pyalign.report.words import labels_of

MOST = 1000  # failures of a page
LETTERS = 510_000  # that the verdicts of a page may take
LEAD = (
    "Triplets that models get wrong, the clearest first. Filter them by model, object or people's agreement; open "
    "one to see what each model chooses, and with what probability."
)
UNCHOSEN = "The document does not say what models choose: it was made before documents did."


def failures(sources: Sources) -> Section | None:
    """A browser for each result of failures."""
    results = [one for one in sources.results(Failures) if any(len(group.rows) for group in one.groups)]
    parts: list[Any] = []
    first = 1
    for number, result in enumerate(results):
        labels = labels_of(result, labels=sources.labels)
        most = most_of(len(result.models), len(results))
        browser = _browser(result, tuple(labels[model] for model in result.models), number, first, most)
        first += len(browser.failures)
        parts += [_counts(result, labels, number), browser]
        if all(verdict.chosen is None for one in browser.failures for verdict in one.verdicts):
            parts.append(Text((UNCHOSEN,), "note"))
    return Section("failures", "Failures", LEAD, tuple(parts)) if parts else None


def most_of(models: int, results: int) -> int:
    """How many failures of each result a page holds.

    Example:
        >>> most_of(100, 1), most_of(300, 1), most_of(4, 2)
        (1000, 404, 500)
    """
    return max(1, min(MOST, LETTERS // (WIDTH * models + 60)) // results)


def _browser(result: Failures, labels: tuple[str, ...], number: int, first: int, most: int) -> Browser:
    """The failures of a result that the page has room for: of each group the clearest."""
    shown = tuple(_failure(result, *one) for one in _first_of(result.groups, most))
    listed = sum(len(group.rows) for group in result.groups)
    caption = f"{len(shown):,} failures among {result.n_triplets:,} triplets that all {len(labels)} models were asked"
    if len(shown) < listed:
        caption += f"; the document lists {listed:,}, of which these are the clearest"
    caption += (
        ". Framed: the option that people choose; below each: how many models choose it"
        if result.task == ANCHORED
        else ". Framed: the item that people call odd; below each: how many models call it odd"
    )
    if result.temperature is not None:
        caption += (
            f". Probabilities: softmax of the similarities ({result.measure}) at temperature {result.temperature:g}"
        )
    return Browser(
        numbered("failures", number), f"{caption}.", labels, _group_names(result), shown, first, result.task,
        result.ties == "wrong",
    )  # fmt: skip


def _first_of(groups: tuple[FailureGroup, ...], most: int) -> list[tuple[FailureGroup, int, tuple[int, ...]]]:
    """Of each triplet a group, its place there, and all its groups: first what is the clearest of its group."""
    where: dict[int, tuple[FailureGroup, int]] = {}
    groups_of: dict[int, list[int]] = {}
    for rank in range(max(len(group.rows) for group in groups)):
        for k, group in enumerate(groups):
            if rank >= len(group.rows):
                continue
            row = int(group.rows[rank])
            if row not in where and len(where) < most:
                where[row] = group, rank
            if row in where:
                groups_of.setdefault(row, []).append(k)
        if len(where) >= most and len(groups) == 1:
            break
    return [(*where[row], tuple(groups_of[row])) for row in where]


def _group_names(result: Failures) -> tuple[str, ...]:
    every = "wrong for every model" if result.at_least is None else f"wrong for at least {result.at_least} models"
    return tuple(
        every if group.wrong is None else f"right for {group.right}, wrong for {group.wrong}" for group in result.groups
    )


def _failure(result: Failures, group: FailureGroup, place: int, groups: tuple[int, ...]) -> Failure:
    first, second, third = (
        f"item {item}" if result.names is None else result.names[item] for item in group.items[place].tolist()
    )
    share = float(group.human_shares[place])
    subject = None if group.subjects is None else str(group.subjects[place])
    return Failure(
        int(group.rows[place]), (first, second, third), _verdicts(group, place), groups,
        None if share != share else share, int(group.n_answers[place]), subject,
    )  # fmt: skip


def _verdicts(group: FailureGroup, place: int) -> tuple[Verdict, ...]:
    """What each model makes of a triplet; by its margins where its choices are not known."""
    if group.choices is None or group.probabilities is None:
        return tuple(map(_by_margin, group.margins[place].tolist()))
    probabilities = shortest(group.probabilities[place])
    return tuple(
        Verdict(TIE, None, of_model[2]) if choice < 0 else Verdict(str(choice), of_model[choice], of_model[2])
        for choice, of_model in zip(group.choices[place].tolist(), probabilities, strict=True)
    )


def _by_margin(margin: float) -> Verdict:
    if margin != margin:
        return Verdict(UNKNOWN)
    return Verdict(TIE if margin == 0 else RIGHT if margin > 0 else WRONG)


def _counts(result: Failures, labels: dict[str, str], number: int) -> Table:
    """How many of all triplets each model gets wrong."""
    kind = "anchored triplets" if result.task == ANCHORED else "triplets"
    caption = f"Triplets that each model gets wrong, of {result.n_triplets:,} {kind}, by {result.measure}."
    return replace(models_table(result, labels), name=numbered("wrong", number), caption=caption, sort=("share", False))
