"""Embeddings learned from triplets: dimensions, folds, other embeddings on the same answers, stability."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pyalign.embedding.result import Dimension, EmbeddingFit
from pyalign.embedding.stability import Stability
from pyalign.embedding.validated import EmbeddingCrossValidation
from pyalign.report.blocks import TEXT, Block, Column, Foot, Rows, Table, Value, foot, table
from pyalign.report.words import (
    chance_note,
    counted,
    interval_header,
    nats_note,
    one_line,
    over,
    percent,
    percent_interval,
)

FoldRow = tuple[int | str, Mapping[str, Value]]  # the number of the fold or what else it is of, and the figures
SHOWN = 12  # dimensions in a text that is not verbose
TOP = 3  # objects in the row of a dimension
OVER = {"seeds": "other starts", "halves": "halves of the answers", "resamples": "resampled answers"}


def embedding_view(result: EmbeddingCrossValidation, verbose: bool = False) -> list[Block]:
    """Held-out figures of each fold and of other embeddings, the stability, and the dimensions."""
    held = "sets of three objects" if result.split == "triplets" else "participants"
    interval, first = result.accuracy_interval, f"accuracy on the answers of held-out {held}, which chose nothing"
    if interval is not None:
        header = interval_header(interval.confidence)
        first += f"; {header} of its mean: {percent_interval(interval)}, over {over(interval.by)}"
    edge = [str(number) for number, fold in enumerate(result.folds, start=1) if fold.at_edge]
    early = [str(number) for number, fold in enumerate(result.folds, start=1) if not fold.converged]
    early += ["all"] * (not result.fit.converged)
    blocks: list[Block] = [folds_table(result), Foot((first,), plain=True), foot(chance_note(result.task))]
    if early:
        blocks.append(foot(f"not at a stationary point: {', '.join(early)}; raise the penalties or max_iterations"))
    if edge:
        blocks.append(foot(f"the best penalty was the largest or smallest that was tried, in fold {', '.join(edge)}"))
    if result.against:
        blocks.append(against_table(result))
    if result.stability:
        blocks.append(stability_table(result.stability))
    return [*blocks, *dimension_blocks(result.fit, result.stability, verbose)]


def embedding_fit_view(fit: EmbeddingFit, verbose: bool = False) -> list[Block]:
    """The dimensions of one fit, and how to read its figures."""
    return [
        *dimension_blocks(fit, (), verbose),
        foot(
            f"accuracy {percent(fit.accuracy)}, cross-entropy {fit.cross_entropy:.5f}: of the {fit.n_triplets:,} "
            "triplets of the fit, which flatters",
            "" if fit.converged else "not at a stationary point: raise the penalties",
            f"{chance_note('odd-one-out')}; {nats_note('odd-one-out')}",
        ),
    ]


def folds_table(result: EmbeddingCrossValidation) -> Table:
    """A row for each fold, for their mean and for the fit to all answers."""
    fit = result.fit
    of_all = {name: getattr(fit, name) for name in ("n_dimensions", "shrinkage", "sparsity", "n_passes", "seconds")}
    rows: list[FoldRow] = [
        *((number, vars(fold)) for number, fold in enumerate(result.folds, start=1)),
        ("mean", {"accuracy": result.accuracy, "cross_entropy": result.cross_entropy}),
        ("all", {**of_all, "n_train": fit.n_triplets}),
    ]

    def of(name: str) -> Callable[[FoldRow], Value]:
        return lambda row: row[1].get(name)

    column = Rows(rows).column
    return table(
        column("fold", lambda row: str(row[0])),
        column("accuracy", of("accuracy"), "percent"),
        column("cross-entropy", of("cross_entropy"), "number", 5, keep=7, foot=nats_note(result.task)),
        column("dimensions", of("n_dimensions"), "count"),
        column("shrinkage", of("shrinkage"), "digits", 3, keep=6),
        column("sparsity", of("sparsity"), "digits", 3, keep=6),
        column("train", of("n_train"), "count", keep=5, note="Triplets that it was fitted to."),
        column("test", of("n_test"), "count", keep=4, note="Held-out triplets."),
        column("passes", of("n_passes"), "count", keep=2, only=TEXT),
        column("s", of("seconds"), "number", 1, keep=1, only=TEXT),
    )


def against_table(result: EmbeddingCrossValidation) -> Table:
    """Other embeddings on the held-out answers, and how much better the learned one is."""
    interval = result.accuracy_interval
    column = Rows(result.against, interval_header(interval.confidence if interval else None)).column
    return table(
        column("against", lambda row: one_line(row.embeddings)),
        column("accuracy", lambda row: row.accuracy, "percent", ci=lambda row: row.accuracy_interval, ends=""),
        column("cross-entropy", lambda row: row.cross_entropy, "number", 5, keep=7,
               ci=lambda row: row.cross_entropy_interval, ends=""),
        column("difference", lambda row: row.difference, "percent", ci=lambda row: row.difference_interval,
               note="Accuracy of the learned embedding less that of the other one, paired over the answers."),
        column("nats", lambda row: row.cross_entropy_difference, "number", 4, keep=5,
               ci=lambda row: row.cross_entropy_difference_interval, keep_ends=4,
               foot="nats: cross-entropy of the learned embedding less that of the other one"),
        column("dimensions", lambda row: row.n_dimensions, "count", keep=6),
        column("matched", lambda row: row.matched, "number", 2, keep=6,
               foot="matched: mean correlation of dimensions that belong together"),
    )  # fmt: skip


def stability_table(stability: Sequence[Stability]) -> Table:
    """How well the embedding comes back, a row for each way to repeat it."""
    column = Rows(stability).column
    return table(
        column("stability over", lambda row: OVER[row.over]),
        column("fits", lambda row: row.n_fits, "count"),
        column("matched", lambda row: row.n_matched, "count",
               foot="matched: dimensions with a match in another fit; above .8, .9: of these"),
        column("above .8", lambda row: row.above_8, "percent"),
        column("above .9", lambda row: row.above_9, "percent"),
        column("as in VICE", lambda row: row.vice_above_8, "percent", keep=5,
               note="Dimensions above .8 by the definition of VICE: the best match on 80% of objects, on the others."),
        column("similarities", lambda row: row.similarity, "number", 3,
               foot="similarities: correlation of the inner products of all pairs of objects"),
    )  # fmt: skip


def dimension_blocks(fit: EmbeddingFit, stability: Sequence[Stability], verbose: bool) -> list[Block]:
    """The dimensions by mass, and what they are of."""
    shown = fit.dimensions if verbose else fit.dimensions[:SHOWN]
    left = len(fit.dimensions) - len(shown)
    gap = f"gap {fit.gap:.1e} nats" if fit.gap is not None else f"KKT residual {fit.residual:.1e}"
    return [
        dimensions_table(shown, stability),
        foot(
            f"{counted(fit.n_dimensions, 'dimension')} of {fit.n_objects:,} objects, {percent(fit.zeros)} of entries 0",
            f"{left} more with --verbose" if left else "",
            f"shrinkage {fit.shrinkage:.3g}, sparsity {fit.sparsity:.3g}, {gap}",
            "share: of the similarity of the pairs that people chose",
        ),
    ]


def dimensions_table(dimensions: Sequence[Dimension], stability: Sequence[Stability] = ()) -> Table:
    """A row for each dimension, with how well it comes back."""
    column = Rows(dimensions).column
    return table(
        column("dimension", lambda row: row.dimension, "count"),
        column("mass", lambda row: row.mass, "digits", 5, keep=6),
        column("objects", lambda row: row.n_objects, "count", keep=6, note="Objects with an entry that is not 0."),
        column("share", lambda row: row.share, "percent"),
        *(_stability_column(one, dimensions) for one in stability),
        column("top objects", lambda row: ", ".join(map(one_line, row.top_objects[:TOP])), left=True),
    )  # fmt: skip


def _stability_column(stability: Stability, dimensions: Sequence[Dimension]) -> Column:
    """The correlation of each dimension with those that match it."""
    rows = [stability.dimensions[one.dimension - 1] for one in dimensions]
    note = f"Correlation with the dimension that matches it, over {OVER[stability.over]}."
    return Rows(rows).column(
        stability.over, lambda row: row.correlation, "number", 2, keep=7, ci=lambda row: (row.low, row.high), ends="",
        note=note,
    )  # fmt: skip
