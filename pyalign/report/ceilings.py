"""Noise ceilings as tables."""

from __future__ import annotations

from pyalign.analysis.ceiling.result import Ceiling, NoiseCeiling
from pyalign.report.tables import (
    Column,
    chance_note,
    fitted_table,
    noted,
    one_line,
    over_text,
    percent,
    percent_interval,
)

Row = tuple[str, str, str, str]


def ceiling_table(people: NoiseCeiling, width: int | None = None, verbose: bool = False) -> str:
    """A row for each ceiling, and a line that says of what answers."""
    rows = [
        _share("upper: majority share", people.ceilings.upper),
        ("  of pure guessing", percent(people.guessing), "", ""),
        _share("estimate: likely choices", people.ceilings.estimate),
        _share("lower: leave one person out", people.ceilings.lower),
        ("best of any model, in-sample", percent(people.best_accuracy), "", ""),
        ("least cross-entropy", f"{people.least_cross_entropy:.5f} nats", "", ""),
        ("  corrected for few answers", f"{people.corrected_entropy:.5f} nats", "", ""),
    ]
    headers = (("ceiling", 9), ("value", 9), ("s.e.", 5), (f"{100 * people.confidence:g} % interval", 9))
    columns = [
        Column(header, cells, keep) for (header, keep), cells in zip(headers, zip(*rows, strict=True), strict=True)
    ]
    table, _ = fitted_table(columns, width, verbose)
    notes = [f"triplets: {one_line(people.triplets)}"] if people.triplets else []
    notes += [
        f"{people.n_distinct:,} answered at least twice, {people.n_answers:,} answers",
        "persons not known" if people.n_persons is None else f"{people.n_persons:,} persons",
        chance_note(people.task),
    ]
    if people.ci is not None:
        notes.append(over_text(people.ci.by, people.ci.method, None, None))
    return f"{table}\n{noted(notes, None if verbose else width)}"


def _share(name: str, one: Ceiling) -> Row:
    if one.ci is None or one.ci.error is None:
        return name, percent(one.value), "-", "-"
    return name, percent(one.value), percent(one.ci.error), percent_interval(one.ci)
