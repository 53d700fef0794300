"""Neighbours of concepts as tables: agreement with people's, purity, hubs, changes, prototypes, duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyalign.concept.duplicates import NearDuplicates
from pyalign.concept.hubs import Hubs
from pyalign.concept.neighbor_agreement import NeighborAgreement
from pyalign.concept.neighbor_changes import NeighborChanges
from pyalign.concept.prototypes import Prototypes
from pyalign.concept.purity import NeighborPurity
from pyalign.report._old_cells import counted, interval, labels_of, number
from pyalign.report.tables import ELSEWHERE, Column, Rows, fitted_table, noted, one_line, p_text

MOST_CONCEPTS, MOST_PAIRS, SHOWN = 20, 20, 3


def _labels(found: Any, verbose: bool) -> dict[str, str]:
    return labels_of([one.embeddings for one in found.results], verbose)


def _limit(width: int | None, verbose: bool) -> int | None:
    return None if verbose else width


def agreement_table(found: NeighborAgreement, width: int | None = None, verbose: bool = False) -> str:
    """The models over all objects; the concepts of each; differences over all objects."""
    labels = _labels(found, verbose)
    column = Rows(found.results).column
    columns = [column("model", lambda r: labels[r.embeddings]), *_figures(found, found.results)]
    table, notes = fitted_table(columns, width, verbose)
    notes = [
        *([f"against {one_line(found.against)}"] if found.against else []),
        f"{found.k:,} nearest of {found.n_objects:,} objects",
        f"measure {found.measure}, of the reference {found.against_measure}",
        f"by chance {number(found.chance)}, rbo {number(found.rbo_chance)}",
        *notes,
    ]
    if found.resamples is not None:
        notes.append(f"intervals over objects ({found.resamples:,} half-samples, seed {found.seed})")
    if found.permutations:
        notes.append(f"p by {found.permutations:,} relabellings of the objects, one-sided")
    notes.append(f"rbo: rank-biased overlap, p = {found.rbo_p:g}")
    parts = [f"{table}\n{noted(notes, _limit(width, verbose))}"]
    parts += [_concepts(found, one, labels[one.embeddings], width, verbose) for one in found.results if one.concepts]
    overall = [one for one in found.differences if one.concept is None]
    if overall:
        parts.append(_differences(found, overall[: None if verbose else MOST_PAIRS], labels, width, verbose))
    return "\n\n".join(parts)


def _figures(found: NeighborAgreement, rows: Sequence[Any]) -> list[Column]:
    column = Rows(rows).column
    columns = [column("overlap", lambda r: number(r.overlap))]
    if found.resamples is not None:
        columns.append(column(f"{100 * (found.confidence or 0.0):g} % interval", lambda r: interval(r.ci)))
        columns.append(column("s.e.", lambda r: number(r.standard_error), 5))
    columns.append(column("rbo", lambda r: number(r.rbo), 7))
    if found.resamples is not None:
        columns.append(column("interval", lambda r: interval(r.rbo_ci), 4))
    if found.permutations:
        columns.append(column("p", lambda r: p_text(r.p_value)))
    return columns


def _concepts(found: NeighborAgreement, one: Any, label: str, width: int | None, verbose: bool) -> str:
    """Those that agree most and least, of many."""
    ranked = sorted((c for c in one.concepts if c.n_objects), key=lambda c: -(c.overlap or 0.0))
    half = MOST_CONCEPTS // 2
    rows = ranked if verbose or len(ranked) <= MOST_CONCEPTS else ranked[:half] + ranked[-half:]
    column = Rows(rows).column
    columns = [
        column("concept", lambda c: one_line(c.concept)),
        column("objects", lambda c: f"{c.n_objects:,}"),
        *_figures(found, rows),
    ]
    if found.permutations:
        columns.append(column("p (corrected)", lambda c: p_text(c.p_adjusted), 6))
    table, notes = fitted_table(columns, width, verbose)
    if len(rows) < len(ranked):
        notes.append(f"the {half} highest and {half} lowest of {len(ranked):,}: {ELSEWHERE}")
    foot = f"\n{noted(notes, _limit(width, verbose))}" if notes else ""
    return f"{label}, by {found.grouping}\n{table}{foot}"


def _differences(
    found: NeighborAgreement, rows: Sequence[Any], labels: dict[str, str], width: int | None, verbose: bool
) -> str:
    column = Rows(rows).column
    columns = [
        column("difference", lambda d: f"{labels[d.a]} - {labels[d.b]}"),
        column("overlap", lambda d: number(d.difference)),
        column(f"{100 * (found.confidence or 0.0):g} % interval", lambda d: interval(d.ci)),
        column("s.e.", lambda d: number(d.standard_error), 5),
        column("p", lambda d: p_text(d.p_value), 6),
        column("p (corrected)", lambda d: p_text(d.p_adjusted)),
    ]
    table, _ = fitted_table(columns, width, verbose)
    of_all = f"p corrected ({found.correction}) over {len(found.differences):,} differences"
    return f"{table}\n{noted([of_all], _limit(width, verbose))}"


def purity_table(found: NeighborPurity, width: int | None = None, verbose: bool = False) -> str:
    """The models over all objects with a category, then the categories of each."""
    labels = _labels(found, verbose)
    parts = []
    for one in found.results:
        ranked = sorted((c for c in one.categories if c.n_objects), key=lambda c: -(c.purity or 0.0))
        rows: list[Any] = [one, *ranked]
        columns = [
            Column(labels[one.embeddings], ("all with a category", *(one_line(c.category) for c in ranked))),
            Column("objects", (f"{found.n_with_category:,}", *(f"{c.n_objects:,}" for c in ranked))),
            Column("purity", tuple(number(r.purity) for r in rows)),
            *([Column("interval", tuple(interval(r.ci) for r in rows))] if found.resamples else []),
            Column("by chance", tuple(number(r.chance) for r in rows), 7),
            *([Column("p", tuple(p_text(r.p_value) for r in rows), 6)] if found.permutations else []),
        ]
        parts.append(fitted_table(columns, width, verbose)[0])
    notes = [f"share of the {found.k:,} nearest of {found.n_objects:,} objects", f"measure {found.measure}"]
    if found.resamples:
        notes.append(f"intervals over objects ({found.resamples:,} half-samples or the jackknife, seed {found.seed})")
    return "\n\n".join([*parts, noted(notes, _limit(width, verbose))])


def hubs_table(found: Hubs, width: int | None = None, verbose: bool = False) -> str:
    """A row for each model, with its largest hubs."""
    labels = _labels(found, verbose)
    column = Rows(found.results).column
    columns = [
        column("model", lambda r: labels[r.embeddings]),
        column("skewness", lambda r: f"{r.skewness:.3f}"),
        column("Robin Hood", lambda r: number(r.robin_hood), 8),
        column("of none", lambda r: number(r.antihubs), 7),
        column("by hubs", lambda r: number(r.hub_occurrence), 6),
        column("largest", lambda r: ", ".join(f"{_name(h)} {_count(h.count)}" for h in r.largest[:2]), 5),
    ]
    notes = [f"how often objects are among the {found.k:,} nearest of {found.n_objects:,}", f"measure {found.measure}"]
    return f"{fitted_table(columns, width, verbose)[0]}\n{noted(notes, _limit(width, verbose))}"


def _count(value: float) -> str:
    """How often, a whole number but for shares of places that several have."""
    return f"{value:,.1f}".removesuffix(".0")


def _name(one: Any) -> str:
    return one_line(str(one.row) if one.name is None else one.name)


def changes_table(found: NeighborChanges, width: int | None = None, verbose: bool = False) -> str:
    """The objects whose neighbourhoods differ most, with the nearest that one side alone has."""
    column = Rows(found.objects).column
    columns = [
        column("object", _name),
        column("overlap", lambda o: number(o.overlap)),
        column("rbo", lambda o: number(o.rbo), 7),
        column("before alone", lambda o: one_line(", ".join(o.lost[:SHOWN])), 5),
        column("after alone", lambda o: one_line(", ".join(o.gained[:SHOWN])), 6),
    ]
    notes = [f"over all {found.n_objects:,} objects overlap {number(found.overlap)}, rbo {number(found.rbo)}",
             f"{found.k:,} nearest", f"measure {found.measure}"]  # fmt: skip
    return f"{fitted_table(columns, width, verbose)[0]}\n{noted(notes, _limit(width, verbose))}"


def prototypes_table(found: Prototypes, width: int | None = None, verbose: bool = False) -> str:
    """A row for each concept."""
    column = Rows(found.concepts).column
    columns = [
        column("concept", lambda c: one_line(c.concept)),
        column("objects", lambda c: f"{c.n_objects:,}"),
        column("medoid", lambda c: "-" if c.medoid is None else _name(c.medoid)),
        column("top", lambda c: ", ".join(map(_name, c.top[:SHOWN])), 5),
    ]
    notes = [f"by {found.grouping} among {found.n_objects:,} objects", f"measure {found.measure}"]
    return f"{fitted_table(columns, width, verbose)[0]}\n{noted(notes, _limit(width, verbose))}"


def duplicates_table(found: NearDuplicates, width: int | None = None, verbose: bool = False) -> str:
    """A row for each group."""
    notes = [
        f"{counted(len(found.groups), 'group')} among {found.n_objects:,} rows",
        counted(found.n_pairs, "pair"),
    ]
    notes.append("equal rows" if found.threshold is None else f"{found.measure} of at least {found.threshold:g}")
    if not found.groups:
        return noted(notes, _limit(width, verbose))
    column = Rows(found.groups).column
    columns = [
        column("rows", lambda g: one_line(", ".join(map(str, g.names or g.rows)))),
        column("size", lambda g: f"{len(g.rows):,}"),
        column("equal", lambda g: "yes" if g.exact else "no"),
        column("least", lambda g: number(g.least), 5),
    ]
    return f"{fitted_table(columns, width, verbose)[0]}\n{noted(notes, _limit(width, verbose))}"
