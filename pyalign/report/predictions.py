"""Predicted human dimensions: the models, the dimensions of each, and where models differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyalign.concept.predicted import (
    DimensionDifference,
    DimensionPredictions,
    PredictedDimension,
    PredictedDimensions,
)  # fmt: skip
from pyalign.documents import Interval
from pyalign.report.blocks import PAGE, TEXT, Block, Foot, Rows, Table
from pyalign.report.cells import CORRECTED, counted, interval_header, model_labels, number
from pyalign.report.words import ELSEWHERE, one_line, over_text, percent, shortened

MOST_DIMENSIONS = 20  # of each model in the table: half of them the best, half the worst
MOST_DIFFERENCES = 20


def predictions_view(result: DimensionPredictions, verbose: bool = False) -> list[Block]:
    """A row for each model; then for each the dimensions, best first; then the differences of models."""
    labels = labels_of(result, verbose)
    blocks: list[Block] = [models_table(result, labels), Foot(_notes(result))]
    for one in result.results:
        title = labels[one.embeddings] if len(result) > 1 else ""
        blocks += _dimensions(one, result, title, verbose)
    return [*blocks, *_differences(result, labels, verbose)] if result.differences else blocks


def labels_of(
    result: DimensionPredictions, verbose: bool = False, labels: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What each model is called in tables and charts; `labels`: those of a page."""
    return model_labels([(one.embeddings, one.label) for one in result.results], verbose, labels)


def _notes(result: DimensionPredictions) -> tuple[str, ...]:
    notes = [f"human: {one_line(result.human)}"] if result.human else []
    notes.append(f"{result.n_objects:,} objects, {counted(len(result[0].dimensions), 'dimension')}")
    notes += [f"{result.n_dropped:,} dropped (NaN)"] if result.n_dropped else []
    drawn = "as given" if result.seed is None else f"seed {result.seed}"
    notes.append(f"{result.folds} folds of objects ({drawn}), R^2 on those held out")
    notes += ["features standardized"] if result.standardize else []
    notes += [f"triplets: {one_line(result.triplets)}"] if result.triplets else []
    if result.n_triplets is not None:
        notes += [f"{result.n_triplets:,} triplets", f"predicted and human dimensions by {result.measure}",
                  "as it is: the embeddings by cosine",
                  f"accuracy of the human dimensions {percent(result.human_accuracy)}"]  # fmt: skip
    if result.ci_by is not None:
        notes.append(over_text(result.ci_by, result.ci_method, None, None))
    return tuple(notes)


def models_table(result: DimensionPredictions, labels: Mapping[str, str]) -> Table:
    """A row for each model."""
    column, intervals = Rows(result.results).column, result.ci_by is not None
    columns = [
        column("model", lambda r: labels[r.embeddings]),
        column("mean R^2", lambda r: r.mean_r2, "number", 3, ci=lambda r: r.ci,
               ends=interval_header(result.confidence) if intervals else ""),
    ]  # fmt: skip
    if intervals:
        columns.append(column("s.e.", lambda r: r.standard_error, "number", 3, keep=3, only=TEXT))
    if result.n_triplets is not None:
        columns += [
            column("accuracy", lambda r: r.accuracy, "percent", ci=lambda r: r.accuracy_ci, ends="interval",
                   keep_ends=4,
                   note="odd-one-out, of predicted dimensions, each object by the map that has not seen it"),
            column("within folds", lambda r: r.accuracy_within_folds, "percent", keep=2,
                   note="triplets of three objects of one fold"),
            column("as it is", lambda r: r.own_accuracy, "percent", keep=8, note="of the embeddings themselves"),
        ]  # fmt: skip
    return Table(tuple(columns))


def _dimensions(one: PredictedDimensions, result: DimensionPredictions, title: str, verbose: bool) -> list[Block]:
    """The dimensions of a model, best first, and what is said of those that are not shown."""
    order = sorted(one.dimensions, key=lambda dimension: -_last_without(dimension.r2))
    half, notes = MOST_DIMENSIONS // 2, list[str]()
    shown = order
    if not verbose and len(order) > MOST_DIMENSIONS:
        shown = [*order[:half], *order[-half:]]
        notes.append(f"the {half} best and the {half} worst of {len(order):,} dimensions: {ELSEWHERE}")
    column, intervals = Rows(shown).column, result.ci_by is not None
    columns = [
        column("dimension", lambda d: d.dimension),
        column("R^2", lambda d: d.r2, "number", 3, ci=lambda d: d.ci,
               ends=interval_header(result.confidence) if intervals else ""),
    ]  # fmt: skip
    columns += [column("s.e.", lambda d: d.standard_error, "number", 3, keep=6)] if intervals else []
    columns += [column("r", lambda d: d.correlation, "number", 3, keep=7), column("penalties", _penalties, keep=5)]
    return [Table(tuple(columns), title=title), Foot(tuple(notes))]


def _last_without(r2: float | None) -> float:
    return float("-inf") if r2 is None else r2


def _penalties(one: PredictedDimension) -> str:
    """Those of the folds, from the smallest to the largest.

    Example:
        >>> _penalties(PredictedDimension("", 0.0, None, None, (10.0, 0.1, 0.1)))
        '0.1 to 10'
    """
    low, high = min(one.penalties), max(one.penalties)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _differences(result: DimensionPredictions, labels: Mapping[str, str], verbose: bool) -> list[Block]:
    """The means, then the dimensions that differ most surely."""
    means = [one for one in result.differences or () if one.dimension is None]
    rest = [one for one in result.differences or () if one.dimension is not None]
    rest.sort(key=lambda one: -abs(one.difference) / (one.standard_error or 1.0))
    shown = rest if verbose else rest[:MOST_DIFFERENCES]
    corrected = f"p ({CORRECTED[result.correction]})"
    notes = [f"{corrected} corrected for {counted(len(rest), 'difference')} of dimensions"]
    notes += [f"means for {len(means):,}"] if len(means) > 1 else []
    if len(shown) < len(rest):
        notes.append(f"the {len(shown)} surest of {len(rest):,} differences of dimensions: {ELSEWHERE}")
    return [differences_table(result, labels, [*means, *shown]), Foot(tuple(notes))]


def differences_table(
    result: DimensionPredictions, labels: Mapping[str, str], differences: Sequence[DimensionDifference]
) -> Table:
    """A row for each of these differences."""
    names = list(dict.fromkeys(name for one in differences for name in (one.embeddings, one.other)))
    short = dict(zip(names, shortened([labels[name] for name in names], 14), strict=True))
    called = labels if len(result) == 2 else short  # of two models it is said below
    interval = interval_header(result.confidence)
    column = Rows(differences).column
    columns = (
        column("dimension", lambda d: "mean" if d.dimension is None else d.dimension, filter=True),
        column("less", lambda d: f"{called[d.embeddings]} - {called[d.other]}", same="differences: {}", only=TEXT),
        column("model", lambda d: labels[d.embeddings], filter=True, only=PAGE),
        column("less", lambda d: labels[d.other], filter=True, only=PAGE),
        column("R^2", lambda d: d.difference, "number", 3, ci=lambda d: d.ci, write=lambda value: f"{value:+.3f}"),
        column(interval, lambda d: _without_sign(d.ci), keep=8, only=TEXT),
        column("s.e.", lambda d: d.standard_error, "number", 3, keep=3, only=TEXT),
        column("p", lambda d: d.p_value, "p", keep=4),
        column(f"p ({CORRECTED[result.correction]})", lambda d: d.p_adjusted, "p"),
    )
    return Table(columns)


def _without_sign(interval: Interval | None) -> str | None:
    """An interval of a difference, whose ends have no plus before them."""
    return None if interval is None else " to ".join(number(end, 3) for end in interval)
