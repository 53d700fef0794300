"""Probes: the folds of a cross-validation, and one fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite

from pyalign.probing.fit import ProbeFit
from pyalign.probing.validated import ProbeCrossValidation
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Foot, Rows, Table, Value, foot, table
from pyalign.report.scored import unprobed
from pyalign.report.words import chance_note, interval_header, nats_note, over, percent, percent_interval

# A row of a table of folds: the label of the model, the number of the fold or what else it is of, and the figures.
FoldRow = tuple[str, int | str, Mapping[str, Value]]


def probe_view(result: ProbeCrossValidation, verbose: bool = False) -> list[Block]:
    """A row for each fold, one for the mean and one for the fit to everything, and lines that say how to read them."""
    fit, interval = result.fit, result.accuracy_interval
    means = {name: getattr(result, name) for name in ("accuracy", "zero_shot_accuracy", "cross_entropy")}
    of_all = {name: getattr(fit, name) for name in ("strength", "rank", "gap", "n_passes", "seconds")}
    of_all["n_train"] = fit.n_triplets
    rows = [*fold_rows("", result), ("", "mean", means), ("", "all", of_all)]
    held = f"triplets of held-out {result.split}"
    if result.split == "triplets":
        held = "answers to held-out sets of three objects"
    first = f"accuracy on {held}, which chose nothing"
    if interval is not None:
        header = interval_header(interval.confidence)
        first += f"; {header} of its mean: {percent_interval(interval)}, over {over(interval.by)}"
    folds_of_all = folds_table(rows, result.task, unprobed([result]))
    blocks: list[Block] = [folds_of_all, Foot((first,), plain=True), foot(chance_note(result.task))]
    folds = [(str(number), fold) for number, fold in enumerate(result.folds, start=1)]
    early = [number for number, fold in folds if not fold.converged] + ["all"] * (not fit.converged)
    edge = [number for number, fold in folds if fold.at_edge]
    if early:
        blocks.append(foot(f"not at the optimum: {', '.join(early)}; raise the penalty, tolerance or max_iterations"))
    if edge:
        folds_at_edge = f"in fold {', '.join(edge)}"
        blocks.append(foot(f"the best penalty was the largest or smallest that was tried, {folds_at_edge}"))
    if (local := result.local) is not None:
        kept = f"the map keeps {percent(local.overlap)}"
        blocks.append(foot(f"of the {local.neighbors} nearest neighbors of other embeddings {kept}: in-sample"))
    return blocks


def fold_rows(model: str, result: ProbeCrossValidation) -> list[FoldRow]:
    """The rows of a table of the folds of a probe."""
    return [(model, number, vars(fold)) for number, fold in enumerate(result.folds, start=1)]


def folds_table(rows: Sequence[FoldRow], task: str, before: str) -> Table:
    """A row for each fold; of the mean and of the fit to everything what there is; before: see `unprobed`."""

    def of(name: str) -> Callable[[FoldRow], Value]:
        return lambda row: row[2].get(name, "")

    column = Rows(rows).column
    return table(
        column("model", lambda row: row[0], filter=True, only=PAGE),
        column("fold", lambda row: row[1], "count"),
        column("strength", of("strength"), "digits", 4, keep=8,
               note="Of the penalty, chosen within the training triplets."),
        column("accuracy", of("accuracy"), "percent", note="Probed."),
        column("s.e.", of("accuracy_error"), "percent", 2, only=PAGE, note="Standard error of the probed accuracy."),
        column(before, of("zero_shot_accuracy"), "percent", foot=f"{before}: the embeddings as they came, by cosine"),
        column("cross-entropy", of("cross_entropy"), "number", 5, keep=7, foot=nats_note(task)),
        column("train", of("n_train"), "count", keep=5, note="Triplets that it was fitted to."),
        column("test", of("n_test"), "count", keep=4, note="Held-out triplets."),
        column("rank", of("rank"), "count", keep=6),
        column("gap", of("gap"), "digits", 2, keep=3, only=TEXT,
               foot="gap: nats to the optimum, at most"),
        column("passes", of("n_passes"), "count", keep=2, only=TEXT),
        column("s", of("seconds"), "number", 1, keep=1, only=TEXT),
    )  # fmt: skip


def fit_view(fit: ProbeFit, verbose: bool = False) -> list[Block]:
    """What one map does to the triplets of its fit and to other embeddings, and how to read it."""
    rows = {
        "strength": f"{fit.strength:.4g}",
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
    }  # fmt: skip
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
