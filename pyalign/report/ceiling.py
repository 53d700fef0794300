"""Noise ceilings: a row for each, and of what answers they are."""

from __future__ import annotations

from pyalign.analysis.ceiling.result import Ceiling, NoiseCeiling
from pyalign.report.blocks import Block, Foot, Rows, Table, Value
from pyalign.report.cells import interval_header
from pyalign.report.words import chance_note, one_line, over_text, percent_interval


def ceiling_view(people: NoiseCeiling, verbose: bool = False) -> list[Block]:
    """A row for each ceiling, and a note that says of what answers."""
    rows: list[tuple[str, Value, Value, str]] = [
        _share("upper: majority share", people.ceilings.upper),
        ("  of pure guessing", people.guessing, "", ""),
        _share("estimate: likely choices", people.ceilings.estimate),
        _share("lower: leave one person out", people.ceilings.lower),
        ("best of any model, in-sample", people.best_accuracy, "", ""),
        ("least cross-entropy", f"{people.least_cross_entropy:.5f} nats", "", ""),
        ("  corrected for few answers", f"{people.corrected_entropy:.5f} nats", "", ""),
    ]
    column = Rows(rows).column
    columns = (
        column("ceiling", lambda row: row[0]),
        column("value", lambda row: row[1], "percent"),
        column("s.e.", lambda row: row[2], "percent", keep=5),
        column(interval_header(people.confidence), lambda row: row[3]),
    )
    notes = [f"triplets: {one_line(people.triplets)}"] if people.triplets else []
    notes += [
        f"{people.n_distinct:,} answered at least twice, {people.n_answers:,} answers",
        "persons not known" if people.n_persons is None else f"{people.n_persons:,} persons",
        chance_note(people.task),
    ]
    if people.ci is not None:
        notes.append(over_text(people.ci.by, people.ci.method, None, None))
    return [Table(columns), Foot(tuple(notes))]


def _share(name: str, ceiling: Ceiling) -> tuple[str, Value, Value, str]:
    if ceiling.standard_error is None:
        return name, ceiling.value, None, "-"
    return name, ceiling.value, ceiling.standard_error, percent_interval(ceiling.ci)
