"""Accuracies of models: the leaderboard, between chance and what people allow, and what a probe adds.

The failures browser: triplets on which models fail, what each of them chooses, and how likely.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.analysis.accuracy import Scores
from pyalign.analysis.calibration.calibration_result import Calibration
from pyalign.analysis.comparison.comparison_result import ModelResult
from pyalign.analysis.failures.failures import Failures
from pyalign.analysis.failures.groups import FailureGroup, shortest
from pyalign.data import ANCHORED
from pyalign.probing.cross_validate import ProbeCrossValidation
from pyalign.report.blocks import Column, Fact, Facts, Fold, Rows, Section, Table, Text, ends_of, filled
from pyalign.report.charts.models import accuracy_chart, before_after_chart, probe_names
from pyalign.report.charts.theme import known
from pyalign.report.comparison import failures_view
from pyalign.report.fits import probes_blocks
from pyalign.report.page.parts_html import RIGHT, TIE, UNKNOWN, WIDTH, WRONG, Browser, Verdict
from pyalign.report.page.sections._shared import (
    Part, TripletSets, figure, file_label, notes_part, parts_of_view, section_of, triplet_sets, triplets_text, where,
)
from pyalign.report.page.sections.comparisons import metadata_columns
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.scored import Scored, measure_of, scored_of, unprobed
from pyalign.report.words import counted, intervals_over, labels_of, over_words, percent, spread

ZERO_SHOT, CHOICES, FITTED = "zero-shot", "its own choices", "fitted to such answers"
Ceiling = tuple[float, str]  # a fraction, and which it is
LEAD = (
    "How often each model chooses the odd one out that people chose. Intervals say how far a figure could be off with "
    "other objects, and other participants where they are known."
)


@dataclass(frozen=True)
class Entry:
    """An accuracy on a page."""

    label: str  # what the model is called there; called: with its other names, where it has this figure under several.
    called: str
    how: str  # "zero-shot", "fitted to such answers", or after which map, and whether that had seen these triplets.
    triplets: int  # the number of their set; see `TripletSets`.
    row: Scored  # the accuracy and what is known of it.
    source: Loaded  # the result.

    @property
    def key(self) -> tuple[object, ...]:
        """What makes two of them the same figure."""
        return *self.asked, self.row.task

    @property
    def asked(self) -> tuple[object, ...]:
        """What a rank or a temperature of it was computed for: rows as they came are the same, fitted or not."""
        return self.label, ZERO_SHOT if self.how == FITTED else self.how, self.row.measure, self.triplets

    @property
    def own_ceiling(self) -> Ceiling | None:
        """What its document holds it against."""
        return None if self.row.ceiling is None else (self.row.ceiling, self.row.ceiling_name or "given")


def entries_of(sources: Sources, sets: TripletSets) -> list[Entry]:
    """All of them: of scores, then of comparisons where no score has the same, then of probes."""
    kept: dict[tuple[object, ...], Entry] = {}
    names: dict[tuple[object, ...], dict[str, None]] = {}
    for source in (one for command in ("score", "compare", "probe") for one in sources.of(command)):
        for row in scored_of(source.result):
            own = sources.labels.get(row.name) or row.label or row.name
            first = sources.labels.get(sources.first_of(row.name)) or own
            entry = Entry(first, own, _how(row), sets.of(source), row, source)
            key = entry.key
            if key in kept and kept[key].row.accuracy != row.accuracy:
                key = (*key, source.path, id(source))  # the same question with another answer: both are shown
            kept.setdefault(key, entry)
            names.setdefault(key, {})[own] = None
    return [replace(entry, called=" and ".join(names[key])) for key, entry in kept.items()]


def _how(row: Scored) -> str:
    if row.held_out is not None:
        return f"probed, held-out {over_words(row.held_out)}{f'; before it {FITTED}' if row.fitted else ''}"
    if row.model_choices:
        return CHOICES
    if row.transform is not None:
        return f"after {file_label(row.transform)}{', in-sample' if row.in_sample else ''}"
    return FITTED if row.fitted else ZERO_SHOT


def leaderboard(sources: Sources) -> Section | None:
    """A table for each set of triplets, as figures of different triplets must not be compared."""
    sets = triplet_sets(sources)
    entries = entries_of(sources, sets)
    if not entries:
        return None
    of_sets = [[one for one in entries if one.triplets == k] for k in dict.fromkeys(one.triplets for one in entries)]
    results = [*sources.results(Scores), *sources.results(ProbeCrossValidation)]
    parts = [part for of_set in of_sets for part in _of_set(of_set, sources, sets)]
    return section_of("leaderboard", "Leaderboard", LEAD, [*parts, notes_part(sources, results)])


def _of_set(entries: Sequence[Entry], sources: Sources, sets: TripletSets) -> Iterator[Part]:
    label = sets.label(entries[0].triplets)
    estimates = [one.result for one in sources.of("ceiling") if sets.of(one) == entries[0].triplets]
    estimates = [one for one in estimates if {one.weighting} == {entry.row.weighting for entry in entries}]
    own = {entry.own_ceiling for entry in entries if entry.own_ceiling is not None}
    of_people = (estimates[0].ceilings.estimate.value, "estimate") if estimates else None
    ceiling = own.pop() if len(own) == 1 else of_people  # what all scores that say one were held against
    seen = [entry for entry in entries if entry.row.in_sample]
    fair = [entry for entry in entries if not entry.row.in_sample] or entries
    yield _facts(fair, ceiling)
    if drawn := [entry for entry in fair if entry.row.held_out is None and entry.row.accuracy is not None]:
        rows = [replace(entry.row, label=entry.label) for entry in drawn]
        draw = partial(accuracy_chart, [*rows, *estimates], labels=sources.labels)
        yield figure("accuracy-chart", draw, label, None)
    yield _table(sources, sets, fair, ceiling, "accuracy-table", label)
    if 0 < len(seen) < len(entries):
        table = _table(sources, sets, seen, ceiling, "accuracy-table-seen", label)
        yield Fold("In-sample: on objects that the map was fitted to, so too high", (table,))


def _facts(entries: Sequence[Entry], ceiling: Ceiling | None) -> Facts:
    most = max((entry.row.n for entry in entries if entry.row.n is not None), default=None)
    on = "" if most is None else f"{most:,} triplets"
    facts = [Fact("Models", f"{len({entry.label for entry in entries}):,}", on)]
    zero_shot = [entry for entry in entries if entry.how == ZERO_SHOT]
    probed = [entry for entry in entries if entry.row.held_out is not None and not entry.row.fitted]
    for name, of_kind in (("Best zero-shot", zero_shot), ("Best probed", probed)):
        if known := [entry for entry in of_kind if entry.row.accuracy is not None]:
            best = max(known, key=lambda entry: entry.row.accuracy or 0.0)
            split = best.how.partition(", ")[2]
            facts.append(Fact(name, percent(best.row.accuracy), f"{best.label}, {split}" if split else best.label))
    if ceiling is not None:
        facts.append(Fact("Noise ceiling", percent(ceiling[0]), ceiling[1]))
    return Facts((*facts, Fact("Chance", percent(entries[0].row.chance))))


def _table(
    sources: Sources, sets: TripletSets, entries: Sequence[Entry], ceiling: Ceiling | None, name: str, label: str
) -> Table:
    ceilings = [entry.own_ceiling or ceiling for entry in entries]
    places = (place(e.row.accuracy, e.row.chance, top and top[0]) for e, top in zip(entries, ceilings, strict=True))
    low, high = ends_of([entry.row.fraction_ci for entry in entries])
    ranked, fitted = _ranked(sources, sets), _fitted(sources, sets)
    seen = f"{FITTED}: human dimensions, rows after a map; " if any(entry.how == FITTED for entry in entries) else ""
    column = Rows(entries).column
    rank = Rows([ranked.get((*entry.asked, entry.row.accuracy)) for entry in entries]).column
    calibrated = Rows([fitted.get(entry.asked) for entry in entries]).column
    columns = [
        column("Model", "called"),
        column("Accuracy", "row.accuracy", "percent", ci="row.ci"),
        Column("Chance to ceiling", tuple(places), "bar", low, high, places=0,
               note="0% is chance, 100% the noise ceiling; an interval is that of the row's document"),
        rank("Rank", "rank", "count", ci="rank_ci",
             note="among the models of the largest comparison of these triplets"),
        column("How", "how", filter=len({entry.how for entry in entries}) > 1,
               note=f"zero-shot: as it came; {seen}probed: after a linear map that was fitted to other objects, "
               "triplets or people, mean over folds"),
        *metadata_columns(sources, [entry.row.name for entry in entries]),
        column("Measure", "row.measure", filter=len({entry.row.measure for entry in entries}) > 1),
        column("Cross-entropy", "row.cross_entropy", "number", 4, ci="row.cross_entropy_ci",
               note="nats per answer, at the temperature of the row; less is better"),
        column("Temperature", "row.temperature", "digits", 4),
        calibrated("Fitted temperature", "temperature", "digits", 4, ci="temperature.ci",
                   note="at which the probabilities fit people's answers best"),
        calibrated("Cross-entropy there", "test.cross_entropy", "number", 4, ci="test.cross_entropy.ci",
                   note="nats per answer, on held-out triplets"),
        column("Ties", "row.n_ties", "count"),
        column("Triplets", "row.n", "count"),
        column("From", lambda e: where(e.source), filter=len({where(entry.source) for entry in entries}) > 1),
    ]
    caption = _caption(entries, ceilings, label)
    return Table(filled(columns), name=name, caption=caption, sort=("Accuracy", True), numbered=True)


def place(accuracy: float | None, low: float, high: float | None) -> float | None:
    """Where an accuracy is between chance, 0, and the ceiling, 1.

    Example:
        >>> place(0.5, 0.25, 0.75), place(0.5, 0.25, None)
        (0.5, None)
    """
    return None if accuracy is None or high is None or high <= low else (accuracy - low) / (high - low)


def _ranked(sources: Sources, sets: TripletSets) -> dict[tuple[object, ...], ModelResult]:
    """The rank of a model in the largest comparison on the same triplets; those of several can't share a column."""
    ranked: dict[tuple[object, ...], ModelResult] = {}
    largest: dict[int, Loaded] = {}
    for one in sources.of("compare"):
        other = largest.setdefault(sets.of(one), one)
        if len(one.result.models) > len(other.result.models):
            largest[sets.of(one)] = one
    for one in largest.values():
        for model in one.result.models:
            label, measure = sources.label(sources.first_of(model.model)), measure_of(model, one.result)
            ranked.setdefault((label, ZERO_SHOT, measure, sets.of(one), model.accuracy), model)
    return ranked


def _fitted(sources: Sources, sets: TripletSets) -> dict[tuple[object, ...], Calibration]:
    """The temperature that fits people best, with what is known of it."""
    fitted: dict[tuple[object, ...], Calibration] = {}
    for one in sources.of("calibrate"):
        for row in one.result.results:
            label = sources.label(sources.first_of(str(row.embeddings)))
            fitted.setdefault((label, ZERO_SHOT, row.measure, sets.of(one)), row)
    return fitted


def _caption(entries: Sequence[Entry], ceilings: Sequence[Ceiling | None], label: str) -> str:
    counts = [entry.row.n for entry in entries if entry.row.n is not None]
    on = triplets_text(spread(counts) if counts else "", entries[0].row.task, label)
    bars = ", or ".join(dict.fromkeys(filter(None, (intervals_over([entry.row.ci]) for entry in entries))))
    sentences = [
        f"Accuracy on {on}",
        f"{bars}; a row without one has none in its document" if bars else "no intervals in the documents",
        f"chance {percent(entries[0].row.chance)}",
    ]
    known = list(dict.fromkeys(ceiling for ceiling in ceilings if ceiling is not None))
    each = " and ".join(f"{percent(value)} ({name})" for value, name in known)
    several = f"noise ceilings {each}, of each row that of its document" if len(known) > 1 else f"noise ceiling {each}"
    sentences.append(several if known else "no noise ceiling in the documents")
    if any(entry.row.held_out is not None for entry in entries):
        sentences.append("a probed figure is of those triplets that a fold holds out, the others of all")
    if any(entry.row.in_sample for entry in entries):
        sentences.append("in-sample figures are of objects that the map was fitted to, and too high")
    return "; ".join(sentences) + "."


# Zero-shot against probed accuracy, both on triplets that the probe has not seen

PROBES = (
    "How much better the odd one out is predicted when a linear map of the embeddings is learned from human choices: "
    "both accuracies are on held-out triplets, which chose nothing."
)


def probes(sources: Sources) -> Section | None:
    """For each set of triplets a figure and a row for each cross-validated probe, and their folds."""
    parts = list[Part]()
    for results, triplets in triplet_sets(sources).results(sources.of("probe")):
        draw = partial(before_after_chart, results, labels=sources.labels)
        parts.append(figure("probes-figure", draw, triplets))
        parts += parts_of_view(probes_blocks(results, probe_names(results, sources.labels)))
    title = f"{unprobed(sources.results(ProbeCrossValidation)).capitalize()} and probed"
    return section_of("probes", title, PROBES, parts)


MOST = 1000  # failures of a page
LETTERS = 510_000  # that the verdicts of a page may take
LEAD_OF_FAILURES = (
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
    parts = [part for each in zip(results, shown, firsts, strict=True) for part in _failures(each, sources)]
    return section_of("failures", "Failures", LEAD_OF_FAILURES, parts)


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
    yield from parts_of_view(failures_view(result, True, sources.labels)[:1])
    shown, listed = len(places), sum(len(group.rows) for group in result.groups)
    subject = "the model was" if len(result.models) == 1 else f"all {len(result.models)} models were"
    option, choose = ("option that people choose", "choose it")
    if result.task != ANCHORED:
        option, choose = ("item that people call odd", "call it odd")
    caption = "; ".join((
        f"{counted(shown, 'failure')} among {result.n_triplets:,} triplets that {subject} asked",
        *[f"the document lists {listed:,}, of which these are the clearest"] * (shown < listed),
    ))
    caption += f". Framed: the {option}; below each: how many models {choose}"
    if result.temperature is not None:
        by = f"softmax of the similarities ({result.measure}) at temperature {result.temperature:g}"
        caption += f". Probabilities: {by}"
    every = "every model" if result.at_least is None else f"at least {counted(result.at_least, 'model')}"
    groups = tuple(
        f"wrong for {every}" if group.wrong is None else f"right for {group.right}, wrong for {group.wrong}"
        for group in result.groups
    )
    at = [(group, place) for group, place, _ in places]
    verdicts = tuple(_verdicts(group, k) for group, k in at)
    yield Browser(
        "failures", f"{caption}.", tuple(labels[model] for model in result.models), groups,
        rows=tuple(int(group.rows[k]) for group, k in at),
        items=tuple(tuple(f"item {item}" if result.names is None else result.names[item]
                          for item in group.items[k].tolist()) for group, k in at),
        verdicts=verdicts,
        groups_of=tuple(of_each for *_, of_each in places),
        shares=tuple(known(float(group.human_shares[k])) for group, k in at),
        answers=tuple(int(group.n_answers[k]) for group, k in at),
        subjects=tuple(None if group.subjects is None else str(group.subjects[k]) for group, k in at),
        first=first, task=result.task, ties_are_wrong=result.ties == "wrong",
    )
    if all(verdict.chosen is None for each in verdicts for verdict in each):
        yield Text((UNCHOSEN,), "note")


def _verdicts(group: FailureGroup, place: int) -> tuple[Verdict, ...]:
    """What each model makes of a triplet; by its margins where its choices are not known."""
    if group.choices is None or group.probabilities is None:
        signs = {0.0: TIE, 1.0: RIGHT, -1.0: WRONG}
        return tuple(Verdict(signs.get(sign, UNKNOWN)) for sign in np.sign(group.margins[place]).tolist())
    probabilities = shortest(group.probabilities[place])
    return tuple(
        Verdict(TIE, None, of_model[2]) if choice < 0 else Verdict(str(choice), of_model[choice], of_model[2])
        for choice, of_model in zip(group.choices[place].tolist(), probabilities, strict=True)
    )
