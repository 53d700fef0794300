"""Predicted human dimensions as tables: the models, the dimensions of each, and where models differ."""

from __future__ import annotations

from collections.abc import Sequence

from pyalign.concept.predicted import (
    DimensionDifference,
    DimensionPredictions,
    PredictedDimension,
    PredictedDimensions,
)  # fmt: skip
from pyalign.report._old_cells import counted, number
from pyalign.report._old_cells import interval as interval_text
from pyalign.report.tables import (
    ELSEWHERE,
    Column,
    Rows,
    fitted_table,
    noted,
    one_line,
    over_text,
    p_text,
    percent,
    percent_interval,
    short_labels,
    shortened,
)  # fmt: skip

MOST_DIMENSIONS = 20  # of each model in the table: half of them the best, half the worst
MOST_DIFFERENCES = 20
SHORT = {"holm": "Holm", "benjamini-hochberg": "B.-H."}


def predictions_table(found: DimensionPredictions, width: int | None = None, verbose: bool = False) -> str:
    """A row for each model; then for each the dimensions, best first; then the differences of models."""
    names = [one.embeddings for one in found.results]
    short = {name: one_line(name) for name in names} if verbose else short_labels(names)
    labels = {**short, **{one.embeddings: one_line(one.label) for one in found.results if one.label}}
    interval = "interval" if found.confidence is None else f"{100 * found.confidence:g} % interval"
    table, same = fitted_table(_models(found, labels, interval), width, verbose)
    parts = [table, noted([*_notes(found), *same], width, verbose)]
    for one in found.results:
        shown, told = _shown(one, verbose)
        table, same = fitted_table(_dimensions(shown, found.ci_by is not None, interval), width, verbose)
        parts.append(f"\n{labels[one.embeddings]}\n{table}" if len(found) > 1 else f"\n{table}")
        parts += [noted([*told, *same], width, verbose)] if told or same else []
    if found.differences:
        parts += _different(found, labels, interval, width, verbose)
    return "\n".join(parts)


def _notes(found: DimensionPredictions) -> list[str]:
    human = [f"human: {one_line(found.human)}"] if found.human else []
    told = [*human, f"{found.n_objects:,} objects, {counted(len(found[0].dimensions), 'dimension')}"]
    told += [f"{found.n_dropped:,} dropped (NaN)"] if found.n_dropped else []
    given = "as given" if found.seed is None else f"seed {found.seed}"
    told.append(f"{found.folds} folds of objects ({given}), R^2 on those held out")
    told += ["features standardized"] if found.standardize else []
    if found.triplets:
        told.append(f"triplets: {one_line(found.triplets)}")
    if found.n_triplets is not None:
        told += [f"{found.n_triplets:,} triplets", f"predicted and human dimensions by {found.measure}",
                 "as it is: the embeddings by cosine",
                 f"accuracy of the human dimensions {percent(found.human_accuracy)}"]  # fmt: skip
    if found.ci_by is not None:
        told.append(over_text(found.ci_by, found.ci_method, None, None))
    return told


def _models(found: DimensionPredictions, labels: dict[str, str], interval: str) -> list[Column]:
    column = Rows(found.results).column
    columns = [
        column("model", lambda r: labels[r.embeddings]),
        column("mean R^2", lambda r: number(r.mean_r2, 3)),
    ]
    if found.ci_by is not None:
        columns.append(column(interval, lambda r: interval_text(r.ci, 3)))
        columns.append(column("s.e.", lambda r: number(r.standard_error, 3), 3))
    if found.n_triplets is not None:
        columns.append(column("accuracy", lambda r: percent(r.accuracy)))
        columns.append(column("interval", lambda r: percent_interval(r.accuracy_ci), 4))
        columns.append(column("within folds", lambda r: percent(r.accuracy_within_folds), 2))
        columns.append(column("as it is", lambda r: percent(r.own_accuracy), 8))
    return columns


def _shown(one: PredictedDimensions, verbose: bool) -> tuple[list[PredictedDimension], list[str]]:
    """The dimensions, best first, and what is said of those that are not shown."""
    order = sorted(one.dimensions, key=lambda dimension: -_value(dimension.r2))
    if verbose or len(order) <= MOST_DIMENSIONS:
        return order, []
    half = MOST_DIMENSIONS // 2
    told = f"the {half} best and the {half} worst of {len(order):,} dimensions: {ELSEWHERE}"
    return [*order[:half], *order[-half:]], [told]


def _value(r2: float | None) -> float:
    return float("-inf") if r2 is None else r2


def _dimensions(shown: Sequence[PredictedDimension], intervals: bool, header: str) -> list[Column]:
    column = Rows(shown).column
    columns = [column("dimension", lambda d: one_line(d.dimension)), column("R^2", lambda d: number(d.r2, 3))]
    if intervals:
        columns.append(column(header, lambda d: interval_text(d.ci, 3)))
        columns.append(column("s.e.", lambda d: number(d.standard_error, 3), 6))
    columns.append(column("r", lambda d: number(d.correlation, 3), 7))
    columns.append(column("penalties", _penalties, 5))
    return columns


def _penalties(one: PredictedDimension) -> str:
    """Those of the folds, from the smallest to the largest.

    Example:
        >>> _penalties(PredictedDimension("", 0.0, None, None, (10.0, 0.1, 0.1)))
        '0.1 to 10'
    """
    low, high = min(one.penalties), max(one.penalties)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _different(
    found: DimensionPredictions, labels: dict[str, str], interval: str, width: int | None, verbose: bool
) -> list[str]:
    """The means, then the dimensions that differ most surely."""
    assert found.differences is not None
    means = [one for one in found.differences if one.dimension is None]
    rest = [one for one in found.differences if one.dimension is not None]
    rest.sort(key=lambda one: -abs(one.difference) / (one.standard_error or 1.0))
    shown = rest if verbose else rest[:MOST_DIFFERENCES]
    told = [f"p ({SHORT[found.correction]}) corrected for {counted(len(rest), 'difference')} of dimensions"]
    told += [f"means for {len(means):,}"] if len(means) > 1 else []
    if len(shown) < len(rest):
        told.append(f"the {len(shown)} surest of {len(rest):,} differences of dimensions: {ELSEWHERE}")
    table, same = fitted_table(_difference_columns([*means, *shown], found, labels, interval), width, verbose)
    return [f"\n{table}", noted([*told, *same], width, verbose)]


def _difference_columns(
    shown: Sequence[DimensionDifference], found: DimensionPredictions, labels: dict[str, str], interval: str
) -> list[Column]:
    names = list(dict.fromkeys(name for one in shown for name in (one.embeddings, one.other)))
    short = dict(zip(names, shortened([labels[name] for name in names], 14), strict=True))
    called = labels if len(found) == 2 else short  # of two alone it is said below
    column = Rows(shown).column
    return [
        column("dimension", lambda d: "mean" if d.dimension is None else one_line(d.dimension)),
        column("less", lambda d: f"{called[d.embeddings]} - {called[d.other]}", 9, "differences: {}"),
        column("R^2", lambda d: f"{d.difference:+.3f}"),
        column(interval, lambda d: interval_text(d.ci, 3), 8),
        column("s.e.", lambda d: number(d.standard_error, 3), 3),
        column("p", lambda d: p_text(d.p_value), 4),
        column(f"p ({SHORT[found.correction]})", lambda d: p_text(d.p_adjusted)),
    ]
