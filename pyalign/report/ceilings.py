"""Noise ceilings as tables."""

from __future__ import annotations

import math

from pyalign.analysis.ceiling import NoiseCeiling
from pyalign.report.tables import Column, fitted_table, noted, one_line, percent, percent_interval
from pyalign.results import Interval

Row = tuple[str, str, str, str]


def ceiling_table(people: NoiseCeiling, width: int | None = None, verbose: bool = False) -> str:
    """A row for each ceiling, and a line that says of what answers."""
    rows = [
        _share("majority share", people.ceiling, people.ci),
        ("  of pure guessing", percent(people.guessing), "", ""),
        _share("leave one person out", people.leave_one_out, people.leave_one_out_ci),
        ("best accuracy of any model", percent(people.best_accuracy), "", ""),
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
        "chance 33.333 %",
    ]
    return f"{table}\n{noted(notes, None if verbose else width)}"


def _share(name: str, share: float, interval: Interval) -> Row:
    if interval.error is None or math.isnan(interval.error):  # of a single triplet
        return name, percent(share), "-", "-"
    return name, percent(share), percent(interval.error), percent_interval(interval)
