"""The failures browser: triplets on which models fail, what each of them chooses, and how likely."""

from __future__ import annotations

from collections.abc import Iterator

from pyalign.analysis.failures.failures import Failures
from pyalign.analysis.failures.groups import FailureGroup, shortest
from pyalign.data import ANCHORED
from pyalign.report.blocks import Section, Text
from pyalign.report.comparison import wrong_table
from pyalign.report.page.parts_html import RIGHT, TIE, UNKNOWN, WIDTH, WRONG, Browser, Failure, Verdict
from pyalign.report.page.sections._shared import Part, parts_of_each, section_of
from pyalign.report.page.sources import Sources
from pyalign.report.words import counted, labels_of

MOST = 1000  # failures of a page
LETTERS = 510_000  # that the verdicts of a page may take
LEAD = (
    "Triplets that models get wrong, the clearest first. Filter them by model, object or people's agreement; open "
    "one to see what each model chooses, and with what probability."
)
UNCHOSEN = "The document does not say what models choose: it was made before documents did."


def failures(sources: Sources) -> Section | None:
    """A browser for each result of failures."""
    results = [result for result in sources.results(Failures) if any(len(group.rows) for group in result.groups)]
    most = [most_of(len(result.models), len(results)) for result in results]
    shown = [_first_of(result.groups, count) for result, count in zip(results, most, strict=True)]
    firsts = [1 + sum(map(len, shown[:k])) for k in range(len(shown))]
    parts = parts_of_each(zip(results, shown, firsts, strict=True), _failures, sources)
    return section_of("failures", "Failures", LEAD, parts)


def most_of(models: int, results: int) -> int:
    """How many failures of each result a page holds."""
    return max(1, min(MOST, LETTERS // (WIDTH * models + 60)) // results)


Place = tuple[FailureGroup, int, tuple[int, ...]]  # of a triplet: a group, its place there, and all its groups


def _first_of(groups: tuple[FailureGroup, ...], most: int) -> list[Place]:
    """The triplets that the page has room for: first what is the clearest of its group."""
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


def _failures(of: tuple[Failures, list[Place], int], sources: Sources) -> Iterator[Part]:
    result, places, first = of
    labels = labels_of(result, labels=sources.labels)
    anchored = result.task == ANCHORED
    kind = "anchored triplets" if anchored else "triplets"
    by = "" if result.measure is None else f", by {result.measure}"
    caption = f"Triplets that each model gets wrong, of {result.n_triplets:,} {kind}{by}."
    yield wrong_table(result, labels).on_page("wrong", caption, "share", ascending=True, whole=True)
    shown, listed = len(places), sum(len(group.rows) for group in result.groups)
    subject = "the model was" if len(result.models) == 1 else f"all {len(result.models)} models were"
    caption = f"{counted(shown, 'failure')} among {result.n_triplets:,} triplets that {subject} asked"
    if shown < listed:
        caption += f"; the document lists {listed:,}, of which these are the clearest"
    caption += (
        ". Framed: the option that people choose; below each: how many models choose it"
        if anchored
        else ". Framed: the item that people call odd; below each: how many models call it odd"
    )
    if result.temperature is not None:
        caption += (
            f". Probabilities: softmax of the similarities ({result.measure}) at temperature {result.temperature:g}"
        )
    every = "wrong for every model"
    if result.at_least is not None:
        every = f"wrong for at least {counted(result.at_least, 'model')}"
    groups = tuple(
        every if group.wrong is None else f"right for {group.right}, wrong for {group.wrong}" for group in result.groups
    )
    shown_failures = tuple(_failure(result, *place) for place in places)
    models = tuple(labels[model] for model in result.models)
    yield Browser("failures", f"{caption}.", models, groups, shown_failures, first, result.task, result.ties == "wrong")
    if all(verdict.chosen is None for failure in shown_failures for verdict in failure.verdicts):
        yield Text((UNCHOSEN,), "note")


def _failure(result: Failures, group: FailureGroup, place: int, groups: tuple[int, ...]) -> Failure:
    first, second, third = (
        f"item {item}" if result.names is None else result.names[item] for item in group.items[place].tolist()
    )
    share = float(group.human_shares[place])
    subject = None if group.subjects is None else str(group.subjects[place])
    return Failure(
        int(group.rows[place]), (first, second, third), _verdicts(group, place), groups,
        None if share != share else share, int(group.n_answers[place]), subject,
    )


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
