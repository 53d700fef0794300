"""The leaderboard: each model's agreement with people, with intervals, between chance and what people allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pyalign.analysis.calibration.result import Calibrations
from pyalign.analysis.ceiling.result import NoiseCeiling
from pyalign.analysis.comparison.result import Comparison
from pyalign.analysis.score import Scores
from pyalign.probing.validated import ProbeCrossValidation
from pyalign.report.blocks import Column, Fact, Facts, Figure, Fold, Rows, Section, Table, Text, filled, present
from pyalign.report.cells import intervals_over
from pyalign.report.charts.models import accuracy_chart
from pyalign.report.page.metadata import metadata_columns
from pyalign.report.page.sections._scored import ZERO_SHOT, Entry, entries_of
from pyalign.report.page.sections._shared import notes_of, numbered, where
from pyalign.report.page.sections._triplets import TripletSets, triplet_sets
from pyalign.report.page.sources import Sources
from pyalign.report.words import percent

LEAD = (
    "How often each model chooses the odd one out that people chose. Intervals say how far a figure could be off with "
    "other objects, and other people where they are known."
)
Ceiling = tuple[float, str]  # a fraction, and which it is


def leaderboard(sources: Sources) -> Section | None:
    """A table for each set of triplets, as figures of different triplets are not to be compared."""
    sets = triplet_sets(sources)
    entries = entries_of(sources, sets)
    if not entries:
        return None
    parts: list[Any] = []
    for number, of_set in enumerate(dict.fromkeys(entry.triplets for entry in entries)):
        parts += _of_set(sources, sets, [entry for entry in entries if entry.triplets == of_set], number)
    notes = notes_of(sources, (*sources.loaded(Scores), *sources.loaded(ProbeCrossValidation)))
    return Section("leaderboard", "Leaderboard", LEAD, present([*parts, Text(notes, "note") if notes else None]))


def _of_set(sources: Sources, sets: TripletSets, entries: Sequence[Entry], number: int) -> list[Any]:
    ceiling = shared_ceiling(sources, sets, entries)
    seen = [entry for entry in entries if entry.row.in_sample]
    fair = [entry for entry in entries if not entry.row.in_sample] or entries
    name = numbered("accuracy-table", number)
    label = sets.label(entries[0].triplets)
    figure = _figure(sources, sets, fair, number, label)
    parts: list[Any] = [_facts(fair, ceiling), figure, _table(sources, sets, fair, ceiling, name, label)]
    if 0 < len(seen) < len(entries):
        table = _table(sources, sets, seen, ceiling, f"{name}-seen", label)
        parts.append(Fold("In-sample: on objects that the map was fitted to, so too high", (table,)))
    return parts


def shared_ceiling(sources: Sources, sets: TripletSets, entries: Sequence[Entry]) -> Ceiling | None:
    """What people allow on these triplets: what all scores that say one were held against, else the estimate."""
    own = {ceiling for ceiling in map(_own_ceiling, entries) if ceiling is not None}
    if len(own) == 1:
        return own.pop()
    estimates = _ceilings(sources, sets, entries)
    return (estimates[0].ceilings.estimate.value, "estimate") if estimates else None


def _own_ceiling(entry: Entry) -> Ceiling | None:
    return None if entry.row.ceiling is None else (entry.row.ceiling, entry.row.ceiling_name or "given")


def _ceilings(sources: Sources, sets: TripletSets, entries: Sequence[Entry]) -> list[NoiseCeiling]:
    """The ceilings of the same triplets."""
    return [one.result for one in sources.loaded(NoiseCeiling) if sets.of(one) == entries[0].triplets]


def place(accuracy: float | None, low: float, high: float | None) -> float | None:
    """Where an accuracy is between chance, 0, and the ceiling, 1.

    Example:
        >>> place(0.5, 0.25, 0.75), place(0.5, 0.25, None)
        (0.5, None)
    """
    return None if accuracy is None or high is None or high <= low else (accuracy - low) / (high - low)


def _facts(entries: Sequence[Entry], ceiling: Ceiling | None) -> Facts:
    known = [(entry.row.accuracy, entry) for entry in entries if entry.row.accuracy is not None]
    most = max((entry.row.n for entry in entries if entry.row.n is not None), default=None)
    on = "" if most is None else f"{most:,} triplets"
    facts = [Fact("Models", f"{len({entry.label for entry in entries}):,}", on)]
    zero_shot = [(accuracy, entry) for accuracy, entry in known if entry.how == ZERO_SHOT]
    probed = [(accuracy, entry) for accuracy, entry in known if entry.row.held_out is not None]
    for name, of_kind in (("Best zero-shot", zero_shot), ("Best probed", probed)):
        if of_kind:
            accuracy, best = max(of_kind, key=lambda pair: pair[0])
            more = f"{best.label}, {best.how.partition(', ')[2]}" if of_kind is probed else best.label
            facts.append(Fact(name, _percent(accuracy), more))
    if ceiling is not None:
        facts.append(Fact("Noise ceiling", _percent(ceiling[0]), ceiling[1]))
    facts.append(Fact("Chance", _percent(entries[0].row.chance)))
    return Facts(tuple(facts))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _table(
    sources: Sources, sets: TripletSets, entries: Sequence[Entry], ceiling: Ceiling | None, name: str, label: str
) -> Table:
    ceilings = [_own_ceiling(entry) or ceiling for entry in entries]
    column = Rows(entries).column
    places = tuple(
        place(entry.row.accuracy, entry.row.chance, top and top[0])
        for entry, top in zip(entries, ceilings, strict=True)
    )
    columns = [
        column("Model", lambda e: e.label),
        column("Accuracy", lambda e: e.row.accuracy, "percent", ci=lambda e: e.row.ci),
        Column("Chance to ceiling", places, "bar", places=0,
               note="0 % is chance, 100 % the noise ceiling; how far that could be off is not in it"),
        _ranks(sources, sets, entries),
        column("How", lambda e: e.how, filter=len({entry.how for entry in entries}) > 1,
               note="zero-shot: as it came; probed: after a linear map that was fitted to other objects, triplets or "
               "people, mean over folds"),
        *metadata_columns(sources, [entry.row.name for entry in entries]),
        column("Measure", lambda e: e.row.measure, filter=len({entry.row.measure for entry in entries}) > 1),
        column("Cross-entropy", lambda e: e.row.cross_entropy, "number", 4, ci=lambda e: e.row.cross_entropy_ci,
               note="nats per answer, at the temperature of the row; less is better"),
        column("Temperature", lambda e: e.row.temperature, "number", 3),
        *_calibrated(sources, sets, entries),
        column("Ties", lambda e: e.row.n_ties, "count"),
        column("Triplets", lambda e: e.row.n, "count"),
        column("From", lambda e: where(e.source), filter=len({where(entry.source) for entry in entries}) > 1),
    ]  # fmt: skip
    caption = _caption(entries, ceilings, label)
    return Table(filled(columns), name=name, caption=caption, sort=("Accuracy", True), numbered=True)


def _ranks(sources: Sources, sets: TripletSets, entries: Sequence[Entry]) -> Column | None:
    """Ranks among the models that were compared, whose intervals hold for all of them together."""
    compared = sources.loaded(Comparison)
    if not compared:
        return None
    ranked = {}
    for one in reversed(compared):
        for model in reversed(one.result.models):
            label, measure = sources.label(model.model), model.measure or one.result.measure
            ranked[label, ZERO_SHOT, measure, sets.of(one), model.accuracy] = model
    rows = [ranked.get((*entry.key[:4], entry.row.accuracy)) for entry in entries]
    return Rows(rows).column(
        "Rank", lambda row: row and row.rank, "count", ci=lambda row: row and row.rank_ci,
        note="among the models that were compared with each other",
    )  # fmt: skip


def _calibrated(sources: Sources, sets: TripletSets, entries: Sequence[Entry]) -> list[Column]:
    """The temperature that fits people best, and the cross-entropy there, on held-out triplets."""
    calibrated = sources.loaded(Calibrations)
    if not calibrated:
        return []
    fitted = {
        (sources.label(str(row.embeddings)), ZERO_SHOT, row.measure, sets.of(one)): row
        for one in reversed(calibrated) for row in reversed(one.result.results)
    }  # fmt: skip
    column = Rows([fitted.get(entry.key[:4]) for entry in entries]).column
    return [
        column("Fitted temperature", lambda row: row and row.temperature, "number", 3,
               ci=lambda row: row and row.temperature_ci,
               note="at which the probabilities fit people's answers best"),
        column("Cross-entropy there", lambda row: row and row.test and row.test.cross_entropy, "number", 4,
               note="nats per answer, on held-out triplets"),
    ]  # fmt: skip


def _caption(entries: Sequence[Entry], ceilings: Sequence[Ceiling | None], label: str) -> str:
    counts = sorted({entry.row.n for entry in entries if entry.row.n is not None})
    many = f"{counts[0]:,} " if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,} " if counts else ""
    told = [f"Accuracy on {many}{entries[0].row.task} triplets of {label}"]
    bars = list(dict.fromkeys(filter(None, (intervals_over([entry.row.ci]) for entry in entries))))
    told.append(
        f"{', or '.join(bars)}; a row without one has none in its document" if bars else "no intervals in the documents"
    )
    told.append(f"chance {percent(entries[0].row.chance)}")
    known = list(dict.fromkeys(ceiling for ceiling in ceilings if ceiling is not None))
    each = " and ".join(f"{percent(value)} ({name})" for value, name in known)
    several = f"noise ceilings {each}, of each row that of its document" if len(known) > 1 else f"noise ceiling {each}"
    told.append(several if known else "no noise ceiling in the documents")
    if any(entry.row.held_out is not None for entry in entries):
        told.append("a probed figure is of those triplets that a fold holds out, the others of all")
    if any(entry.row.in_sample for entry in entries):
        told.append("in-sample figures are of objects that the map was fitted to, and too high")
    return "; ".join(told) + "."


def _figure(sources: Sources, sets: TripletSets, entries: Sequence[Entry], number: int, label: str) -> Figure | None:
    drawn = [entry for entry in entries if entry.row.held_out is None and entry.row.accuracy is not None]
    if not drawn:
        return None
    chart = accuracy_chart([*_results(drawn), *_ceilings(sources, sets, entries)], labels=sources.labels)
    order = sorted(drawn, key=lambda entry: -(entry.row.accuracy or 0.0))
    best, worst = order[0], order[-1]
    summary = f"{best.label} ({best.how}) agrees with people most, {percent_of(best)}"
    if worst is not best:
        summary += f"; {worst.label} ({worst.how}) least, {percent_of(worst)}"
    return Figure(
        numbered("accuracy-chart", number), f"Accuracy of each model on {label}.", chart,
        f"{summary}; chance is {_percent(entries[0].row.chance)}. The table below has all figures.",
    )  # fmt: skip


def percent_of(entry: Entry) -> str:
    """An accuracy in a sentence."""
    return _percent(entry.row.accuracy or 0.0)


def _results(entries: Sequence[Entry]) -> list[Any]:
    """The results that these accuracies are from, each with them only."""
    results = []
    for source in dict.fromkeys(id(entry.source) for entry in entries):
        held = [entry for entry in entries if id(entry.source) == source]
        whole = held[0].source.result
        if isinstance(whole, Comparison):
            results.append(replace(whole, models=tuple(whole.models[entry.place] for entry in held)))
        else:
            rows = (replace(whole.results[entry.place], label=entry.label) for entry in held)
            results.append(replace(whole, results=tuple(rows)))
    return results
