"""The leaderboard: each model's agreement with people, with intervals, between chance and what people allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyalign.report.blocks import Column, Fact, Facts, Figure, Fold, Section, Table, Text, present
from pyalign.report.page.metadata import metadata_columns
from pyalign.report.page.sections._rows import (
    confidence,
    filled,
    nested,
    notes_of,
    numbered,
    plain,
    where,
)  # fmt: skip
from pyalign.report.page.sections._scored import ZERO_SHOT, Scored, scored
from pyalign.report.page.sections._triplets import TripletSets, triplet_sets
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.tables import percent

LEAD = (
    "How often each model chooses the odd one out that people chose. Intervals say how far a figure could be off with "
    "other objects, and other people where they are known."
)
Ceiling = tuple[float, str]  # a fraction, and which it is
FROM = ("score", "compare", "probe", "calibrate", "ceiling")


def leaderboard(given: Sources) -> Section | None:
    """A table for each set of triplets, as figures of different triplets are not to be compared."""
    sets = triplet_sets(given)
    rows = scored(given, sets)
    if not rows:
        return None
    parts: list[Any] = []
    for number, one in enumerate(dict.fromkeys(row.triplets for row in rows)):
        held = [row for row in rows if row.triplets == one]
        parts += [*_of_set(given, sets, held, number)]
    notes = notes_of(given, given.of("score", "probe"))
    return Section("leaderboard", "Leaderboard", LEAD, present([*parts, Text(notes, "note") if notes else None]))


def _of_set(given: Sources, sets: TripletSets, rows: Sequence[Scored], number: int) -> list[Any]:
    shared = shared_ceiling(given, sets, rows)
    seen = [row for row in rows if row.in_sample]
    fair = [row for row in rows if not row.in_sample] or rows
    name = numbered("accuracy-table", number)
    label = sets.label(rows[0].triplets)
    figure = _figure(given, sets, fair, number, label)
    parts: list[Any] = [_facts(fair, shared), figure, _table(given, sets, fair, shared, name, label)]
    if 0 < len(seen) < len(rows):
        table = _table(given, sets, seen, shared, f"{name}-seen", label)
        parts.append(Fold("In-sample: on objects that the map was fitted to, so too high", (table,)))
    return parts


def shared_ceiling(given: Sources, sets: TripletSets, rows: Sequence[Scored]) -> Ceiling | None:
    """What people allow on these triplets: what all scores that say one were held against, else the estimate."""
    own = {one for one in map(_own_ceiling, rows) if one is not None}
    if len(own) == 1:
        return own.pop()
    found = _ceilings(given, sets, rows)
    return (float(found[0]["ceilings"]["estimate"]["value"]), "estimate") if found else None


def _own_ceiling(row: Scored) -> Ceiling | None:
    held = plain(row.row.get("ceiling"))
    return None if held is None else (float(held), str(row.row.get("ceiling_name") or "given"))


def _ceilings(given: Sources, sets: TripletSets, rows: Sequence[Scored]) -> list[dict[str, Any]]:
    """The documents of ceilings of the same triplets."""
    return [dict(one.document) for one in given.of("ceiling") if sets.of(one) == rows[0].triplets]


def place(accuracy: float | None, low: float, high: float | None) -> float | None:
    """Where an accuracy is between chance, 0, and the ceiling, 1.

    Example:
        >>> place(0.5, 0.25, 0.75), place(0.5, 0.25, None)
        (0.5, None)
    """
    return None if accuracy is None or high is None or high <= low else (accuracy - low) / (high - low)


def _facts(rows: Sequence[Scored], ceiling: Ceiling | None) -> Facts:
    held = [row for row in rows if row.row.get("accuracy") is not None]
    most = max((row.n for row in rows if row.n is not None), default=None)
    on = "" if most is None else f"{most:,} triplets"
    facts = [Fact("Models", f"{len({row.label for row in rows}):,}", on)]
    for name, of in (("Best zero-shot", [row for row in held if row.how == ZERO_SHOT]),
                     ("Best probed", [row for row in held if row.probed])):  # fmt: skip
        if of:
            best = max(of, key=lambda row: row.row["accuracy"])
            more = f"{best.label}, {best.how.partition(', ')[2]}" if best.probed else best.label
            facts.append(Fact(name, _percent(best.row["accuracy"]), more))
    if ceiling is not None:
        facts.append(Fact("Noise ceiling", _percent(ceiling[0]), ceiling[1]))
    facts.append(Fact("Chance", _percent(rows[0].chance)))
    return Facts(tuple(facts))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _table(
    given: Sources, sets: TripletSets, rows: Sequence[Scored], ceiling: Ceiling | None, name: str, label: str
) -> Table:
    ceilings = [_own_ceiling(row) or ceiling for row in rows]
    columns = [
        Column("Model", tuple(row.label for row in rows)),
        Column("Accuracy", _values(rows, "accuracy"), "percent", *_ends(rows)),
        Column("Chance to ceiling",
               tuple(place(row.row.get("accuracy"), row.chance, held and held[0])
                     for row, held in zip(rows, ceilings, strict=True)),
               "bar", places=0, note="0 % is chance, 100 % the noise ceiling; how far that could be off is not in it"),
        _ranks(given, sets, rows),
        Column("How", tuple(row.how for row in rows), filter=len({row.how for row in rows}) > 1,
               note="zero-shot: as it came; probed: after a linear map that was fitted to other objects, triplets or "
               "people, mean over folds"),
        *_metadata(given, [row.name for row in rows]),
        Column("Measure", tuple(row.measure for row in rows), filter=len({row.measure for row in rows}) > 1),
        Column("Cross-entropy", _values(rows, "cross_entropy"), "number", *_ends(rows, True), places=4,
               note="nats per answer, at the temperature of the row; less is better"),
        Column("Temperature", _values(rows, "temperature"), "number", places=3),
        *_calibrated(given, sets, rows),
        Column("Ties", _values(rows, "n_ties"), "count"),
        Column("Triplets", tuple(row.n for row in rows), "count"),
        Column("From", tuple(where(row.source) for row in rows), filter=len({where(row.source) for row in rows}) > 1),
    ]  # fmt: skip
    return Table(
        filled(columns), name=name, caption=_caption(rows, ceilings, label), sort=("Accuracy", True), numbered=True
    )


def _values(rows: Sequence[Scored], key: str) -> tuple[Any, ...]:
    return tuple(plain(row.row.get(key)) for row in rows)


def _ends(rows: Sequence[Scored], entropy: bool = False) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    from pyalign.report.charts.document import ends

    pairs = [ends(row.row, row.entropy_interval if entropy else row.interval) for row in rows]
    if all(low is None for low, _ in pairs):
        return (), ()
    return tuple(low for low, _ in pairs), tuple(high for _, high in pairs)


def _ranks(given: Sources, sets: TripletSets, rows: Sequence[Scored]) -> Column | None:
    """Ranks among the models that were compared, whose intervals hold for all of them together."""
    found: dict[Any, Any] = {}
    for one in given.of("compare"):
        for model in one.document["models"]:
            key = (given.label(str(model["model"])), ZERO_SHOT, model.get("measure") or one.document.get("measure"),
                   sets.of(one), plain(model.get("accuracy")))  # fmt: skip
            found.setdefault(key, model)
    if not found:
        return None
    held = [found.get((*row.key[:4], plain(row.row.get("accuracy"))), {}) for row in rows]
    from pyalign.report.charts.document import ends

    low, high = zip(*(ends(row, "rank_ci") for row in held), strict=True)
    return Column("Rank", tuple(plain(row.get("rank")) for row in held), "count", low, high,
                  note="among the models that were compared with each other")  # fmt: skip


def _calibrated(given: Sources, sets: TripletSets, rows: Sequence[Scored]) -> list[Column]:
    """The temperature that fits people best, and the cross-entropy there, on held-out triplets."""
    found: dict[Any, Any] = {}
    for one in given.of("calibrate"):
        for row in one.document["results"]:
            key = (given.label(str(row.get("embeddings"))), ZERO_SHOT, row.get("measure"), sets.of(one))
            found.setdefault(key, row)
    if not found:
        return []
    from pyalign.report.charts.document import ends

    held = [found.get(row.key[:4], {}) for row in rows]
    low, high = zip(*(ends(row, "temperature_ci") for row in held), strict=True)
    entropy = tuple(plain(nested(row, "test").get("cross_entropy")) for row in held)
    return [
        Column("Fitted temperature", tuple(plain(row.get("temperature")) for row in held), "number", low, high,
               places=3, note="at which the probabilities fit people's answers best"),
        Column("Cross-entropy there", entropy, "number", places=4, note="nats per answer, on held-out triplets"),
    ]  # fmt: skip


def _metadata(given: Sources, names: Sequence[str]) -> Sequence[Column]:
    """What is known of the models besides: a column each."""
    return () if given.metadata is None else metadata_columns(given, names)


def _caption(rows: Sequence[Scored], ceilings: Sequence[Ceiling | None], label: str) -> str:
    counts = sorted({row.n for row in rows if row.n is not None})
    many = f"{counts[0]:,} " if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,} " if counts else ""
    told = [f"Accuracy on {many}{rows[0].task} triplets of {label}"]
    bars = list(dict.fromkeys(filter(None, (confidence([row.row], row.interval) for row in rows))))
    told.append(
        f"{', or '.join(bars)}; a row without one has none in its document" if bars else "no intervals in the documents"
    )
    told.append(f"chance {percent(rows[0].chance)}")
    held = list(dict.fromkeys(one for one in ceilings if one is not None))
    each = " and ".join(f"{percent(value)} ({name})" for value, name in held)
    several = f"noise ceilings {each}, of each row that of its document" if len(held) > 1 else f"noise ceiling {each}"
    told.append(several if held else "no noise ceiling in the documents")
    if any(row.probed for row in rows):
        told.append("a probed figure is of those triplets that a fold holds out, the others of all")
    if any(row.in_sample for row in rows):
        told.append("in-sample figures are of objects that the map was fitted to, and too high")
    return "; ".join(told) + "."


def _figure(given: Sources, sets: TripletSets, rows: Sequence[Scored], number: int, label: str) -> Figure | None:
    from pyalign.report.charts import KINDS, drawing

    documents = _documents(given, sets, rows)
    if "accuracy" not in KINDS or not any(one["command"] != "ceiling" for one in documents):
        return None
    held = [row for row in rows if row.source.command != "probe" and row.row.get("accuracy") is not None]
    if not held:
        return None
    chart = drawing("accuracy")(documents)
    order = sorted(held, key=lambda row: -row.row["accuracy"])
    best, worst = order[0], order[-1]
    summary = f"{best.label} ({best.how}) agrees with people most, {_percent(best.row['accuracy'])}"
    if worst is not best:
        summary += f"; {worst.label} ({worst.how}) least, {_percent(worst.row['accuracy'])}"
    return Figure(
        numbered("accuracy-chart", number), f"Accuracy of each model on {label}.", chart,
        f"{summary}; chance is {_percent(rows[0].chance)}. The table below has all figures.",
    )  # fmt: skip


def _documents(given: Sources, sets: TripletSets, rows: Sequence[Scored]) -> list[dict[str, Any]]:
    """The documents that these rows are from, with the labels of the page, each accuracy once; and their ceiling."""
    found: list[dict[str, Any]] = []
    for source in dict.fromkeys(id(row.source) for row in rows):
        held = [row for row in rows if id(row.source) == source]
        one: Loaded = held[0].source
        if one.command not in ("score", "compare"):
            continue
        key = "results" if one.command == "score" else "models"
        document = {**one.document, key: [{**row.row, "label": row.label} for row in held]}
        found.append(document)
    return [*found, *_ceilings(given, sets, rows)]
