"""The leaderboard: each model's agreement with people, with intervals, between chance and what people allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyalign.report.page.facts import Fact, Facts
from pyalign.report.page.given import Given, Loaded
from pyalign.report.page.metadata import metadata_columns
from pyalign.report.page.parts import Column, Figure, Fold, Section, Table, Text, present
from pyalign.report.page.sections._rows import (
    confidence,
    file_label,
    filled,
    nested,
    notes_of,
    numbered,
    plain,
    relabelled,
    where,
)  # fmt: skip
from pyalign.report.page.sections._scored import PROBED, ZERO_SHOT, Scored, scored
from pyalign.report.tables import percent

LEAD = (
    "How often each model chooses the odd one out that people chose. Intervals say how far a figure could be off with "
    "other objects, and other people where they are known."
)
FROM = ("score", "compare", "probe", "calibrate", "ceiling")


def leaderboard(given: Given) -> Section | None:
    """A table for each set of triplets, as figures of different triplets are not to be compared."""
    rows = scored(given)
    if not rows:
        return None
    sets = list(dict.fromkeys((row.triplets, row.task) for row in rows))
    parts: list[Any] = []
    for number, one in enumerate(sets):
        held = [row for row in rows if (row.triplets, row.task) == one]
        parts += [*_of_set(given, held, number)]
    notes = notes_of(given, given.of("score", "probe"))
    return Section("leaderboard", "Leaderboard", LEAD, present([*parts, Text(notes, "note") if notes else None]))


def _of_set(given: Given, rows: Sequence[Scored], number: int) -> list[Any]:
    ceiling = ceiling_of(given, rows)
    seen = [row for row in rows if row.in_sample]
    fair = [row for row in rows if not row.in_sample] or rows
    name = numbered("accuracy-table", number)
    parts: list[Any] = [_facts(fair, ceiling), _figure(given, fair, number), _table(given, fair, ceiling, name)]
    if 0 < len(seen) < len(rows):
        table = _table(given, seen, ceiling, f"{name}-seen")
        parts.append(Fold("In-sample: on triplets that the map was fitted to, so too high", (table,)))
    return parts


def ceiling_of(given: Given, rows: Sequence[Scored]) -> tuple[float, str] | None:
    """What people allow on these triplets: as the scores were held against it, else the estimate of a ceiling."""
    for row in rows:
        if plain(row.row.get("ceiling")) is not None:
            return float(row.row["ceiling"]), str(row.row.get("ceiling_name") or "given")
    for one in given.of("ceiling"):
        same = one.document.get("triplets") == rows[0].triplets
        if same and str(one.document.get("task") or "odd-one-out") == rows[0].task:
            return float(one.document["ceilings"]["estimate"]["value"]), "estimate"
    return None


def place(accuracy: float | None, low: float, high: float | None) -> float | None:
    """Where an accuracy is between chance, 0, and the ceiling, 1.

    Example:
        >>> place(0.5, 0.25, 0.75), place(0.5, 0.25, None)
        (0.5, None)
    """
    return None if accuracy is None or high is None or high <= low else (accuracy - low) / (high - low)


def _facts(rows: Sequence[Scored], ceiling: tuple[float, str] | None) -> Facts:
    held = [row for row in rows if row.row.get("accuracy") is not None]
    most = max((row.n for row in rows if row.n is not None), default=None)
    on = "" if most is None else f"{most:,} triplets"
    facts = [Fact("Models", f"{len({row.label for row in rows}):,}", on)]
    for how, name in ((ZERO_SHOT, "Best zero-shot"), (PROBED, "Best probed")):
        of = [row for row in held if row.how == how]
        if of:
            best = max(of, key=lambda row: row.row["accuracy"])
            more = f"{best.label}, held out" if how == PROBED else best.label
            facts.append(Fact(name, _percent(best.row["accuracy"]), more))
    if ceiling is not None:
        facts.append(Fact("Noise ceiling", _percent(ceiling[0]), ceiling[1]))
    facts.append(Fact("Chance", _percent(rows[0].chance)))
    return Facts(tuple(facts))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _table(given: Given, rows: Sequence[Scored], ceiling: tuple[float, str] | None, name: str) -> Table:
    columns = [
        Column("Model", tuple(row.label for row in rows)),
        Column("Accuracy", _values(rows, "accuracy"), "percent", *_ends(rows)),
        Column("Chance to ceiling", tuple(place(row.row.get("accuracy"), row.chance, ceiling and ceiling[0]) for row in
               rows), "bar", places=0, note="0 % is chance, 100 % the noise ceiling; how far that could be off is not "
               "in it"),
        _ranks(given, rows),
        Column("How", tuple(row.how for row in rows), filter=len({row.how for row in rows}) > 1,
               note="zero-shot: as it came; probed: after a linear map that was fitted to other objects"),
        *_metadata(given, [row.name for row in rows]),
        Column("Measure", tuple(row.measure for row in rows), filter=len({row.measure for row in rows}) > 1),
        Column("Cross-entropy", _values(rows, "cross_entropy"), "number", *_ends(rows, True), places=4,
               note="nats per answer, at the temperature of the row; less is better"),
        Column("Temperature", _values(rows, "temperature"), "number", places=3),
        *_calibrated(given, rows),
        Column("Ties", _values(rows, "n_ties"), "count"),
        Column("Triplets", tuple(row.n for row in rows), "count"),
        Column("From", tuple(where(row.source) for row in rows), filter=len({where(row.source) for row in rows}) > 1),
    ]  # fmt: skip
    return Table(name, _caption(rows, ceiling), filled(columns), ("Accuracy", True), numbered=True)


def _values(rows: Sequence[Scored], key: str) -> tuple[Any, ...]:
    return tuple(plain(row.row.get(key)) for row in rows)


def _ends(rows: Sequence[Scored], entropy: bool = False) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    from pyalign.report.charts.document import ends

    pairs = [ends(row.row, row.entropy_interval if entropy else row.interval) for row in rows]
    if all(low is None for low, _ in pairs):
        return (), ()
    return tuple(low for low, _ in pairs), tuple(high for _, high in pairs)


def _ranks(given: Given, rows: Sequence[Scored]) -> Column | None:
    """Ranks among the models that were compared, whose intervals hold for all of them together."""
    found: dict[Any, Any] = {}
    for one in given.of("compare"):
        for model in one.document["models"]:
            key = (given.label(str(model["model"])), ZERO_SHOT, one.document.get("measure"),
                   one.document.get("triplets"), str(one.document.get("task") or "odd-one-out"))  # fmt: skip
            found.setdefault(key, model)
    if not found:
        return None
    held = [found.get(row.key, {}) for row in rows]
    from pyalign.report.charts.document import ends

    low, high = zip(*(ends(row, "rank_ci") for row in held), strict=True)
    return Column("Rank", tuple(plain(row.get("rank")) for row in held), "count", low, high,
                  note="among the models that were compared with each other")  # fmt: skip


def _calibrated(given: Given, rows: Sequence[Scored]) -> list[Column]:
    """The temperature that fits people best, and the cross-entropy there, on held-out triplets."""
    found: dict[Any, Any] = {}
    for one in given.of("calibrate"):
        for row in one.document["results"]:
            key = (given.label(str(row.get("embeddings"))), ZERO_SHOT, row.get("measure"), one.document.get("triplets"))
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


def _metadata(given: Given, names: Sequence[str]) -> Sequence[Column]:
    """What is known of the models besides: a column each."""
    return () if given.metadata is None else metadata_columns(given, names)


def _caption(rows: Sequence[Scored], ceiling: tuple[float, str] | None) -> str:
    counts = sorted({row.n for row in rows if row.n is not None})
    many = f"{counts[0]:,} " if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,} " if counts else ""
    told = [f"Accuracy on {many}{rows[0].task} triplets of {file_label(rows[0].triplets)}"]
    bars = next(filter(None, (confidence([row.row], row.interval) for row in rows)), "")
    told.append(f"{bars}; a row without one has none in its document" if bars else "no intervals in the documents")
    told.append(f"chance {percent(rows[0].chance)}")
    told.append(
        f"noise ceiling {percent(ceiling[0])} ({ceiling[1]})" if ceiling else "no noise ceiling in the documents"
    )
    if any(row.in_sample for row in rows):
        told.append("in-sample figures are of triplets that the map was fitted to, and too high")
    return "; ".join(told) + "."


def _figure(given: Given, rows: Sequence[Scored], number: int) -> Figure | None:
    from pyalign.report.charts import KINDS, drawing

    documents = _documents(given, rows)
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
        numbered("accuracy-chart", number), f"Accuracy of each model on {file_label(rows[0].triplets)}.", chart,
        f"{summary}; chance is {_percent(rows[0].chance)}. The table below has all figures.",
    )  # fmt: skip


def _documents(given: Given, rows: Sequence[Scored]) -> list[dict[str, Any]]:
    """The documents that these rows are from, with the labels of the page, each accuracy once; and their ceiling."""
    found: list[dict[str, Any]] = []
    for source in dict.fromkeys(id(row.source) for row in rows):
        held = [row for row in rows if id(row.source) == source]
        one: Loaded = held[0].source
        if one.command not in ("score", "compare"):
            continue
        key, name = ("results", "embeddings") if one.command == "score" else ("models", "model")
        document = relabelled(given, one.document, key, name)
        kept = {row.label for row in held}
        document[key] = [row for row in document[key] if row["label"] in kept]
        found.append(document)
    same = [one for one in given.of("ceiling") if one.document.get("triplets") == rows[0].triplets]
    return [*found, *(dict(one.document) for one in same)]
