"""Human dimensions as representations predict them: R² on objects that the map has not seen."""

from __future__ import annotations

from typing import Any

from pyalign.report.blocks import Column, Figure, Fold, Section, Table
from pyalign.report.charts import chart
from pyalign.report.charts.document import ends
from pyalign.report.charts.heatmap import heatmap
from pyalign.report.page.sections._grids import FEW, MOST_ROWS, grid, long, summary, wide
from pyalign.report.page.sections._pooled import pooled
from pyalign.report.page.sections._rows import Row, column, confidence, filled, numbered
from pyalign.report.page.sources import Sources


def dimensions(given: Sources) -> Section | None:
    """Parts for each document."""
    parts: list[Any] = []
    for number, document in enumerate(pooled(given, "predict")):
        parts += [_models(document, number), _figure(document, number), _differences(document, given, number)]
    if not parts:
        return None
    lead = (
        "How much of each human dimension a linear map of a representation explains, on objects that the map has not "
        "seen. 0: no more than the mean of the dimension says."
    )
    return Section("dimensions", "Human dimensions", lead, tuple(part for part in parts if part is not None))


def _over(document: Row) -> str:
    n, folds = document.get("n_objects"), document.get("folds")
    told = "each object" if n is None else f"{n:,} objects, each"
    return f"{told} predicted by a map that has not seen it{f' ({folds} folds)' if isinstance(folds, int) else ''}"


def _models(document: Row, number: int) -> Table:
    rows = document["results"]
    level = confidence(rows)
    caption = f"R² in mean over all dimensions, {_over(document)}{f'; {level}' if level else ''}."
    columns = filled([
        Column("model", tuple(row["label"] for row in rows)),
        column("mean R²", rows, "mean_r2", "number", "ci", places=3),
        column("odd-one-out accuracy of predicted dimensions", rows, "accuracy", "percent", "accuracy_ci",
               note="each object by the map that has not seen it"),
        column("within folds", rows, "accuracy_within_folds", "percent", note="triplets of three objects of one fold"),
        column("of the embeddings themselves", rows, "own_accuracy", "percent"),
    ])  # fmt: skip
    return Table(columns, name=numbered("dimensions-models", number), caption=caption, sort=("mean R²", True))


def _figure(document: Row, number: int) -> Figure:
    results = document["results"]
    found = grid(
        results,
        [one["label"] for one in results],
        "dimensions",
        "dimension",
        "r2",
        "mean_r2",
        "R²",
        "dimension",
        "number",
        3,
    )
    level = confidence([row for of_model in found.rows for row in of_model])
    told = f"R² of each dimension, held out: {_over(document)}{f'; {level}' if level else ''}."
    name, data = numbered("dimensions-chart", number), numbered("dimensions-table", number)
    if len(found.models) <= FEW:
        return Figure(name, told, chart(document, "dimensions"), summary(found), wide(found, data, told))
    drawn = heatmap(
        found.models, found.concepts, found.values, title="R² per dimension", what="R², held out", form=".2f",
        told=[f"{_over(document)}.", "Models by their mean R², the best on top."],
    )  # fmt: skip
    return Figure(name, told, drawn, summary(found), long(found, data, f"{told} Choose a model or a dimension."))


def _differences(document: Row, given: Sources, number: int) -> Fold | None:
    rows = list(document.get("differences") or ())
    if len(rows) > MOST_ROWS:
        rows = [row for row in rows if row.get("dimension") is None]
        if len(rows) > MOST_ROWS:
            return None
    if not rows:
        return None
    both = [ends(row) for row in rows]
    level = confidence(rows)
    caption = (
        f"R² of one model less that of the other, on the same objects and folds{f'; {level}' if level else ''}; "
        f"p-values corrected over all pairs and dimensions ({document.get('correction')}), of means over pairs alone."
    )
    table = Table((
        Column("dimension", tuple(row["dimension"] or "mean over all" for row in rows), filter=True),
        Column("model", tuple(given.label(row["embeddings"]) for row in rows), filter=True),
        Column("less", tuple(given.label(row["other"]) for row in rows), filter=True),
        Column("difference", tuple(row["difference"] for row in rows), "number",
               tuple(low for low, _ in both), tuple(high for _, high in both), 3),
        Column("p", tuple(row.get("p_value") for row in rows), "p"),
        Column("p, corrected", tuple(row.get("p_adjusted") for row in rows), "p"),
    ), name=numbered("dimensions-differences", number), caption=caption, sort=("difference", True))  # fmt: skip
    return Fold("Differences between models", (table,))
