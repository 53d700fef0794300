"""Probes: the folds of a cross-validation, and one fit.

Embeddings learned from triplets: dimensions, folds, other embeddings on the same answers, stability.

Accuracy against metadata as tables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from pyalign.analysis.metadata.metadata_result import MetadataRegression, MetadataRegressions
from pyalign.documents import Interval
from pyalign.embedding.embedding_result import Dimension, EmbeddingCrossValidation, EmbeddingFit
from pyalign.embedding.stability import Stability, coming_back
from pyalign.probing.cross_validate import ProbeCrossValidation
from pyalign.probing.fit import ProbeFit
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Foot, Rows, Table, Value, foot, table
from pyalign.report.scored import unprobed
from pyalign.report.words import (
    Labels, called, chance_note, counted, interval_header, intervals_over, nats_note, one_line, over, over_words,
    percent, percent_interval, source_note, spread,
)

FoldRow = tuple[str, int | str, Mapping[str, Value]]  # of a model, by its label: what it is of, and the figures


def probe_view(result: ProbeCrossValidation, verbose: bool = False) -> list[Block]:
    """Means over folds with intervals and what they are of, the map, where verbose each fold, and what went wrong."""
    fit, interval, before = result.fit, result.accuracy_interval, unprobed([result])
    rows = Rows([result], "" if interval is None else interval_header(interval.confidence))
    generalize = "" if interval is None else f"; intervals over {over(interval.by)}"
    ends = f" ({nats.low:.5f} to {nats.high:.5f})" if (nats := result.cross_entropy_interval) is not None else ""
    spread_of_splits = ": unknown, from one repeat" if (sd := result.split_sd) is None else (
        f", of means over {result.repeats} repeats: {before} {100 * sd.zero_shot:.2f}, probed {100 * sd.accuracy:.2f}, "
        f"gain {100 * sd.difference:.2f} points")
    of_map = f"penalty {fit.penalty:.4g}, rank {fit.rank}{'' if fit.gap is None else f', gap {fit.gap:.1e}'}"
    blocks: list[Block] = [
        table(rows.column("folds", lambda row: len(row.folds), "count"), *before_and_after(rows, before)),
        foot(f"accuracy on triplets of {held_out(result)}, which chose nothing{generalize}", chance_note(result.task)),
        foot(f"sd over splits{spread_of_splits}"),
        foot(f"cross-entropy {result.cross_entropy:.5f}{ends}, {nats_note(result.task)}"),
        foot(f"the map of all {fit.n_triplets:,} triplets: {of_map}"),
    ]
    if verbose:
        blocks += [folds_table(fold_rows("", result), result.task, before), foot("test: of each fold")]
    blocks += _warnings(result, "the optimum", "raise the penalty, tolerance or max_iterations")
    if (local := result.local) is not None:
        kept = f"the map keeps {percent(local.overlap)}"
        blocks.append(foot(f"of the {local.neighbors} nearest neighbors of other embeddings {kept}: in-sample"))
    return blocks


def _warnings(result: ProbeCrossValidation | EmbeddingCrossValidation, where: str, remedy: str) -> list[Block]:
    """Which folds did not come to their end, and which chose a penalty at the edge of those that were tried."""
    folds: list[tuple[str, Any]] = [(str(number), fold) for number, fold in enumerate(result.folds, start=1)]
    early = [number for number, fold in folds if not fold.converged] + ["all"] * (not result.fit.converged)
    edge = ", ".join(number for number, fold in folds if fold.at_edge)
    at_edge = f"the best penalty was the largest or smallest that was tried, in fold {edge}"
    return [*([foot(f"not at {where}: {', '.join(early)}; {remedy}")] if early else []),
            *([foot(at_edge)] if edge else [])]


def held_out(result: ProbeCrossValidation) -> str:
    """What test triplets are of that a fit has not seen, in a sentence."""
    what = "sets of three objects" if result.split == "triplets" else over_words(result.split)
    same = ", of these participants" if result.n_subjects and "subjects" not in result.split else ""
    return f"held-out {what}{same}"


def before_and_after(rows: Rows[ProbeCrossValidation], before: str) -> tuple[Column, ...]:
    """Accuracies without and with a probe, and what it gains, with their intervals; before: see `unprobed`."""
    column = rows.column
    return (
        column(before, "zero_shot_accuracy", "percent", ci="zero_shot_interval",
               foot=f"{before}: the embeddings as they came, by cosine",
               note="By cosines of the rows as they came, on the same triplets."),
        column("probed", "accuracy", "percent", ci="accuracy_interval"),
        column("gain", "difference", "percent", ci="difference_interval",
               note=f"Probed less {before}, paired over the same triplets."),
    )


def probes_blocks(results: Sequence[ProbeCrossValidation], names: Sequence[str]) -> list[Block]:
    """A row for each of several probes, and their folds, for a page."""
    rows, before = Rows(results), unprobed(results)
    tests = spread(one.n_test for one in results)
    over = f"{tests} triplets of {' or '.join(sorted(set(map(held_out, results))))}, mean over the folds"
    folds = [row for name, one in zip(names, results, strict=True) for row in fold_rows(name, one)]
    return [
        table(
            Column("model", tuple(names)),
            *before_and_after(rows, before),
            rows.column("cross-entropy", "cross_entropy", "number", 4, ci="cross_entropy_interval",
                        note="Nats, probed."),
            rows.column("held out", "split", filter=True),
            rows.column("folds", lambda r: len(r.folds), "count"),
            rows.column("triplets", "n_test", "count"),
            rows.column("chance", "chance", "percent"),
        ).on_page("probes-table", "accuracy before and after a probe", "probed"),
        foot(over, intervals_over(one.accuracy_interval for one in results) or "no intervals"),
        folds_table(folds, results[0].task, before).on_page(
            "probes-folds", "each fold on its own held-out triplets", fold="Folds"
        ),
    ]


def fold_rows(model: str, result: ProbeCrossValidation | EmbeddingCrossValidation) -> list[FoldRow]:
    """The rows of a table of folds."""
    return [(model, number, vars(fold)) for number, fold in enumerate(result.folds, start=1)]


def folds_table(rows: Sequence[FoldRow], task: str, before: str) -> Table:
    """A row for each fold; before: see `unprobed`."""
    column = Rows(rows).column
    return table(
        column("model", "0", filter=True, only=PAGE),
        column("fold", "1", "count"),
        column("penalty", "2.penalty", "digits", 4, keep=8, note="Chosen within the training triplets."),
        column("accuracy", "2.accuracy", "percent", note="Probed."),
        column("s.e.", "2.accuracy_error", "percent", 2, only=PAGE, note="Standard error of the probed accuracy."),
        column(before, "2.zero_shot_accuracy", "percent"),
        column("cross-entropy", "2.cross_entropy", "number", 5, keep=7, foot=nats_note(task)),
        column("train", "2.n_train", "count", keep=5, note="Triplets that it was fitted to."),
        column("test", "2.n_test", "count", keep=4, note="Held-out triplets."),
        column("rank", "2.rank", "count", keep=6),
        column("gap", "2.gap", "digits", 2, keep=3, only=TEXT, foot="gap: nats to the optimum, at most"),
        column("passes", "2.n_passes", "count", keep=2, only=TEXT),
        column("s", "2.seconds", "number", 1, keep=1, only=TEXT),
    )


def fit_view(fit: ProbeFit, verbose: bool = False) -> list[Block]:
    """What one map does to the triplets of its fit and to other embeddings, and how to read it."""
    rows = {
        "penalty": f"{fit.penalty:.4g}",
        "accuracy": percent(fit.accuracy),
        "cross-entropy": f"{fit.cross_entropy:.5f}",
    }
    of = f"of {fit.n_triplets:,} triplets"
    if fit.local is not None:
        rows |= {
            "local cross-entropy": f"{fit.local.cross_entropy:.5f}",
            "its least": f"{fit.local.teacher_entropy:.5f}",
            **{f"{k} nearest kept": percent(kept) for k, kept in fit.local.neighbors_kept.items()},
        }
        of += f" and {fit.local.n:,} other embeddings"
    rows |= {
        "objective": f"{fit.objective:.5f}", "gap": "-" if fit.gap is None else f"{fit.gap:.1e}",
        "rank": str(fit.rank), "passes": f"{fit.n_passes:,}",
    }
    if isfinite(fit.seconds):  # documents of studies have no durations
        rows["s"] = f"{fit.seconds:.1f}"
    return [
        table(Column("map", tuple(rows)), Column("", tuple(rows.values()))),
        foot(
            f"{of} that the map was fitted to, which flatters: score triplets of other objects through it",
            "" if fit.converged else "not at the optimum: raise the penalty",
            f"{chance_note(fit.task)}; {nats_note(fit.task)}",
        ),
    ]


SHOWN = 12  # dimensions in a text that is not verbose
TOP = 3  # objects in the row of a dimension
OVER = {"seeds": "other starts", "halves": "halves of the answers", "resamples": "resampled answers"}


def embedding_view(
    result: EmbeddingCrossValidation, verbose: bool = False, labels: Labels | None = None
) -> list[Block]:
    """Held-out figures of each fold and of other embeddings, the stability, and the dimensions."""
    held = "sets of three objects" if result.split == "triplets" else "participants"
    interval, first = result.accuracy_interval, f"accuracy on the answers of held-out {held}, which chose nothing"
    if interval is not None:
        header = interval_header(interval.confidence)
        first += f"; {header} of its mean: {percent_interval(interval)}, over {over(interval.by)}"
    return [
        _embedding_folds_table(result),
        Foot((first,), plain=True),
        foot(chance_note(result.task)),
        *_warnings(result, "a stationary point", "raise the penalties or max_iterations"),
        *([_against_table(result)] if result.against else []),
        *([_stability_table(result.stability)] if result.stability else []),
        *dimension_blocks(result.fit, result.stability, verbose),
    ]


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


def _embedding_folds_table(result: EmbeddingCrossValidation) -> Table:
    """A row for each fold, for their mean and for the fit to all answers."""
    fit = result.fit
    of_all = {name: getattr(fit, name) for name in ("n_dimensions", "shrinkage", "sparsity", "n_passes", "seconds")}
    rows = [
        *fold_rows("", result),
        ("", "mean", {"accuracy": result.accuracy, "cross_entropy": result.cross_entropy}),
        ("", "all", {**of_all, "n_train": fit.n_triplets}),
    ]
    column = Rows(rows).column
    return table(
        column("fold", lambda row: str(row[1])),
        column("accuracy", "2.accuracy", "percent"),
        column("cross-entropy", "2.cross_entropy", "number", 5, keep=7, foot=nats_note(result.task)),
        column("dimensions", "2.n_dimensions", "count"),
        column("shrinkage", "2.shrinkage", "digits", 3, keep=6),
        column("sparsity", "2.sparsity", "digits", 3, keep=6),
        column("train", "2.n_train", "count", keep=5, note="Triplets that it was fitted to."),
        column("test", "2.n_test", "count", keep=4, note="Held-out triplets."),
        column("passes", "2.n_passes", "count", keep=2, only=TEXT),
        column("s", "2.seconds", "number", 1, keep=1, only=TEXT),
    ).on_page("embedding-folds", "held-out answers")


def _against_table(result: EmbeddingCrossValidation) -> Table:
    """Other embeddings on the held-out answers, and how much better the learned one is."""
    interval = result.accuracy_interval
    column = Rows(result.against, interval_header(interval.confidence if interval else None)).column
    return table(
        column("against", "embeddings"),
        column("accuracy", "accuracy", "percent", ci="accuracy_interval", ends=""),
        column("cross-entropy", "cross_entropy", "number", 5, keep=7, ci="cross_entropy_interval", ends=""),
        column("difference", "difference", "percent", ci="difference_interval",
               note="Accuracy of the learned embedding less that of the other one, paired over the answers."),
        column("nats", "cross_entropy_difference", "number", 4, keep=5, ci="cross_entropy_difference_interval",
               keep_ends=4, foot="nats: cross-entropy of the learned embedding less that of the other one"),
        column("dimensions", "n_dimensions", "count", keep=6),
        column("matched", "matched", "number", 2, keep=6,
               foot="matched: mean correlation of dimensions that belong together"),
    ).on_page("embedding-against", "other embeddings on the same held-out answers")


def _stability_table(stability: Sequence[Stability]) -> Table:
    """How well the embedding comes back, a row for each way to repeat it."""
    column = Rows(stability).column
    return table(
        column("stability over", lambda row: OVER[row.over]),
        column("fits", "n_fits", "count"),
        column("matched", "n_matched", "count",
               foot="matched: dimensions with a match in another fit; above .8, .9: of these"),
        column("above .8", "above_8", "percent"),
        column("above .9", "above_9", "percent"),
        column("as in VICE", "vice_above_8", "percent", keep=5,
               note="Dimensions above .8 by the definition of VICE: the best match on 80% of objects, on the others."),
        column("similarities", "similarity", "number", 3,
               foot="similarities: correlation of the inner products of all pairs of objects"),
    ).on_page("embedding-stability", "how well the embedding comes back")


def dimension_blocks(fit: EmbeddingFit, stability: Sequence[Stability], verbose: bool) -> list[Block]:
    """The dimensions by mass, and what they are of."""
    shown = fit.dimensions if verbose else fit.dimensions[:SHOWN]
    left = len(fit.dimensions) - len(shown)
    reported = coming_back(stability)
    gap = f"gap {fit.gap:.1e} nats" if fit.gap is not None else f"KKT residual {fit.residual:.1e}"
    return [
        _dimensions_table(shown, stability),
        foot(
            "" if reported is None else f"{len(reported)} of {counted(fit.n_dimensions, 'dimension')} come back "
            f"(report): above .8 over {' and '.join(OVER[one.over] for one in stability)}",
            f"{counted(fit.n_dimensions, 'dimension')} of {fit.n_objects:,} objects, {percent(fit.zeros)} of entries 0",
            f"{left} more with --verbose" if left else "",
            f"shrinkage {fit.shrinkage:.3g}, sparsity {fit.sparsity:.3g}, {gap}",
            "share: of the similarity of the pairs that people chose",
        ),
    ]


def _dimensions_table(dimensions: Sequence[Dimension], stability: Sequence[Stability] = ()) -> Table:
    """A row for each dimension, with how well it comes back."""
    column, reported = Rows(dimensions).column, coming_back(stability)
    note = "Whether it comes back: its correlation is above .8 over everything that was repeated."
    report = column("report", lambda row: None if reported is None else "yes" if row.dimension in reported else "no",
                    keep=8, optional=True, note=note)
    return table(
        column("dimension", "dimension", "count"),
        report,
        column("mass", "mass", "digits", 5, keep=6),
        column("objects", "n_objects", "count", keep=6, note="Objects with an entry that is not 0."),
        column("share", "share", "percent"),
        *(Rows([one.dimensions[row.dimension - 1] for row in dimensions]).column(
            one.over, "correlation", "number", 2, keep=7, ci=lambda row: (row.low, row.high), ends="",
            note=f"Correlation with the dimension that matches it, over {OVER[one.over]}.") for one in stability),
        column("top objects", lambda row: ", ".join(map(one_line, row.top_objects[:TOP])), left=True),
    ).on_page("embedding-dimensions", "dimensions by mass")


CAPTIONS = {
    "slopes": "slopes", "ranks": "Spearman's rank correlations", "groups": "means of models with the same value",
    "seeds": "models of several seeds, each a point",
}
UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"))


def metadata_view(result: MetadataRegressions, verbose: bool = False, labels: Labels | None = None) -> list[Block]:
    """The tables, and how to read them."""
    objects, models = over_words(result.inference.over or "objects"), result.models_by
    seeds = sum(len(point.members) > 1 for point in result.points)
    means = f", {seeds} of them means over seeds" if seeds else ""
    counts = ((result.n_triplets, "triplets"), (result.n_objects, "objects"), (result.n_subjects, "participants"))
    how = f"closed form; rank correlation by {result.draws:,} draws, seed {result.inference.seed}"
    tables = {name: of for name, of in _metadata_tables(result).items() if of.columns[0].values}
    return [*(of.on_page(f"metadata-{name}", CAPTIONS[name]) for name, of in tables.items()), foot(
        source_note("triplets", result.triplets),
        f"{counted(len(result.points), 'model')}{means}",
        *(f"{count:,} {what}" for count, what in counts if count is not None),
        f"slopes in {'percentage points' if result.is_share else 'units'} of {one_line(result.score_name)}",
        "" if result.inference.over is None else f"over {objects}: these very models on other {objects}, {how}",
        f"over {models}: other {models} like these, on these objects",
        apart=True,
    )]


def _metadata_tables(result: MetadataRegressions) -> dict[str, Table]:
    """Slopes and rank correlations for columns of numbers, groups by values of text, models of several seeds."""
    over = over_words(result.inference.over or "objects").replace(" and ", ", ")
    header = f"{interval_header(result.inference.level).removesuffix(' interval')} over {over}"
    seeds = [point for point in result.points if len(point.members) > 1]
    of_seed, of_group, form = Rows(seeds).column, Rows(result.groups, header).column, form_of_score(result)
    return {
        "slopes": _slopes(result, header),
        "ranks": _ranks(result, header),
        "groups": table(
            of_group("column", "column"),
            of_group("value", "value"),
            of_group("models", "n_models", "count"),
            of_group(f"mean {one_line(result.score_name)}", "accuracy", *form, ci="ci", keep_ends=7),
            of_group("lowest", "lowest", *form, keep=6),
            of_group("highest", "highest", *form, keep=6),
            of_group("s.d. of models", "deviation", *form, keep=5),
        ),
        "seeds": table(
            Column("several seeds", tuple(called([(point.model, None) for point in seeds]))),
            of_seed("seeds", lambda p: len(p.members), "count"),
            of_seed("mean", "accuracy", *form),
            of_seed("lowest", "lowest", *form),
            of_seed("highest", "highest", *form),
            of_seed("s.d. of seeds", "deviation", *form),
        ),
    }


def _slopes(result: MetadataRegressions, header: str) -> Table:
    """The slope for each column of numbers, and scale, with its intervals, as people read it."""
    column, models, unit = Rows(result.results).column, result.models_by, 100 if result.is_share else 1
    steps = {(row.column, row.scale): _step_of(row, result.percent) for row in result.results}

    def scaled(row: MetadataRegression, value: float) -> str:
        """Percentage points of accuracy, or units of another score, per step."""
        return f"{unit * value * steps[row.column, row.scale][0]:+.3f}"

    def ends(row: MetadataRegression, interval: Interval | None) -> str:
        return "-" if interval is None else " to ".join(scaled(row, end) for end in interval)

    return table(
        column(f"{one_line(result.score_name)} against", "column"),
        column("models", "n_models", "count", keep=6),
        column("slope", lambda r: scaled(r, r.slope)),
        column("per", lambda r: steps[r.column, r.scale][1]),
        column(header, lambda r: ends(r, r.ci), keep=8, note="Of the slope."),
        column(f"over {models}", lambda r: ends(r, r.models_ci), keep=7, note="Of the slope."),
        column(f"over {models}, all rows together",
               lambda r: ends(r, None if r.simultaneous is None else r.simultaneous.models_ci), keep=5,
               note="Of the slope, as a row that was chosen among several needs it.")
        if any(row.simultaneous for row in result.results) else None,
    )


def _step_of(row: MetadataRegression, shares: Sequence[str]) -> tuple[float, str]:
    """A step of the column in which its slope can be read, also in words: ten to some power, or one per cent."""
    if row.scale == "log10":
        return 1.0, "tenfold"
    if row.column in shares:
        return 0.01, "1%"
    reach = row.line.x[-1] - row.line.x[0]
    step = float(10.0 ** math.floor(math.log10(reach))) if reach > 0.0 else 1.0
    return step, next((f"{step / size:.4g}{unit}" for size, unit in UNITS if step >= size), f"{step:,.6g}")


def _ranks(result: MetadataRegressions, header: str) -> Table:
    """The rank correlation with each column of numbers, the same on both scales."""
    column, models = Rows([row for row in result.results if row.scale == "linear"]).column, result.models_by
    return table(
        column("rank correlation with", "column"),
        column("models", "n_models", "count"),
        column("families", lambda r: r.n_families or 0, "count", keep=6) if models == "families" else None,
        column("Spearman", "rank_correlation", "number", 3, ci="rank_ci", ends=header, keep_ends=8),
        column(f"over {models}", lambda r: rank_text(r.rank_models_ci), keep=7),
    )


def rank_text(interval: Interval | None) -> str:
    """The interval of a rank correlation."""
    return "-" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}"


def form_of_score(result: MetadataRegressions) -> tuple[str, int]:
    """The form of a column of what is set against the metadata, and its places."""
    return ("percent", 1) if result.is_share else ("number", 3)
