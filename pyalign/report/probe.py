"""Probes: the folds of a cross-validation, one fit, the folds of the published recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyalign.probing.fit import ProbeFit
from pyalign.probing.recipe_results import Epoch, RecipeCrossValidation
from pyalign.probing.validated import FoldResult, ProbeCrossValidation
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Foot, Lines, Rows, Table, Value
from pyalign.report.words import chance_note, nats_note, over, percent, percent_interval


@dataclass(frozen=True)
class FoldRow:
    """A row of a table of folds: a fold, all of them as their mean, or the fit to everything. `model`: its label."""

    model: str
    fold: int | str
    of: FoldResult | ProbeCrossValidation | ProbeFit


def probe_view(result: ProbeCrossValidation, verbose: bool = False) -> list[Block]:
    """A row for each fold, one for the mean and one for the fit to everything, and lines that say how to read them."""
    rows = [*fold_rows("", result), FoldRow("", "mean", result), FoldRow("", "all", result.fit)]
    first = (
        f"accuracy on triplets of held-out {result.split}, which chose nothing; 95 % interval of its mean: "
        f"{percent_interval(result.accuracy_interval)}, over {over(result.accuracy_interval.by)}"
    )
    notes = (Foot((note,)) for note in _notes(result))
    return [folds_table(rows, result.task), Foot((first,), plain=True), Foot((chance_note(result.task),)), *notes]


def fold_rows(model: str, result: ProbeCrossValidation) -> list[FoldRow]:
    """Those of the folds of a probe."""
    return [FoldRow(model, number, fold) for number, fold in enumerate(result.folds, start=1)]


def folds_table(rows: Sequence[FoldRow], task: str) -> Table:
    """A row for each fold; of the mean and of the fit to everything what there is."""
    column = Rows(rows).column

    def each(name: str, whole: str = "", *, mean: bool = False) -> Callable[[FoldRow], Value]:
        """A field of a fold; `whole`: that of the fit to everything; `mean`: whether there is one over the folds."""

        def value(row: FoldRow) -> Value:
            if isinstance(row.of, FoldResult):
                found: Value = getattr(row.of, name)
            elif isinstance(row.of, ProbeFit):
                found = getattr(row.of, whole) if whole else ""
            else:
                found = getattr(row.of, name) if mean else ""
            return found

        return value

    columns = (
        column("model", lambda row: row.model, filter=True, only=PAGE),
        column("fold", lambda row: row.fold, "count"),
        column("strength", each("strength", "strength"), "number", 4, keep=8, write=_written("{:.4g}"),
               note="Of the penalty, chosen within the training triplets."),
        column("accuracy", each("accuracy", mean=True), "percent", note="Probed."),
        column("s.e.", each("accuracy_error"), "percent", only=PAGE, note="Standard error of the probed accuracy."),
        column("zero-shot", each("zero_shot_accuracy", mean=True), "percent"),
        column("cross-entropy", each("cross_entropy", mean=True), "number", 5, keep=7, foot=nats_note(task)),
        column("train", each("n_train", "n_triplets"), "count", keep=5, note="Triplets that it was fitted to."),
        column("test", each("n_test"), "count", keep=4, note="Held-out triplets."),
        column("rank", each("rank", "rank"), "count", keep=6),
        column("gap", each("gap", "gap"), "number", keep=3, write=_written("{:.1e}"), only=TEXT,
               foot="gap: nats to the optimum, at most"),
        column("passes", each("n_passes", "n_passes"), "count", keep=2, only=TEXT),
        column("s", each("seconds", "seconds"), "number", 1, keep=1, only=TEXT),
    )  # fmt: skip
    return Table(columns)


def _written(form: str) -> Callable[[Value], str]:
    """How text has a number; what is no number stays."""
    return lambda value: value if isinstance(value, str) else form.format(value)


def _notes(result: ProbeCrossValidation) -> list[str]:
    """What a reader should know of these folds."""
    notes = []
    early = _numbers(result.folds, [not fold.converged for fold in result.folds]) + ["all"] * (not result.fit.converged)
    if early:
        notes.append(f"not at the optimum: {', '.join(early)}; raise strength, tolerance or iterations")
    edge = _numbers(result.folds, [fold.at_edge for fold in result.folds])
    if edge:
        notes.append(f"the best strength was the greatest or the least that was tried, in fold {', '.join(edge)}")
    if result.local is not None:
        kept = percent(result.local.overlap)
        notes.append(f"of the {result.local.neighbors} nearest neighbors of other embeddings the map keeps {kept}")
    return notes


def _numbers(folds: tuple[FoldResult, ...], marked: list[bool]) -> list[str]:
    return [str(number + 1) for number, mark in enumerate(marked) if mark]


def fit_view(fit: ProbeFit, verbose: bool = False) -> list[Block]:
    """What one map does to the triplets of its fit and to other embeddings, and how to read it."""
    rows = [("strength", f"{fit.strength:.4g}"), ("accuracy", percent(fit.accuracy))]
    rows.append(("cross-entropy", f"{fit.cross_entropy:.5f}"))
    notes = [f"of {fit.n_triplets:,} triplets"]
    if fit.local is not None:
        rows += [
            ("local cross-entropy", f"{fit.local.cross_entropy:.5f}"),
            ("its least", f"{fit.local.teacher_entropy:.5f}"),
            *((f"{k} nearest kept", percent(kept)) for k, kept in fit.local.neighbors_kept.items()),
        ]
        notes[0] += f" and {fit.local.n:,} other embeddings"
    rows += [
        ("objective", f"{fit.objective:.5f}"), ("gap", "-" if fit.gap is None else f"{fit.gap:.1e}"),
        ("rank", str(fit.rank)), ("passes", f"{fit.n_passes:,}"), ("s", f"{fit.seconds:.1f}"),
    ]  # fmt: skip
    notes[0] += " that the map was fitted to, which flatters: score triplets of other objects through it"
    if not fit.converged:
        notes.append("not at the optimum: raise the strength")
    names, values = zip(*rows, strict=True)
    figures = Table((Column("map", names), Column("", values)))
    return [figures, Foot((*notes, f"{chance_note(fit.task)}; {nats_note(fit.task)}"))]


def recipe_view(result: RecipeCrossValidation, verbose: bool = False) -> list[Block]:
    """The best epoch of each fold, and the last, which is what the recipe keeps."""
    column = Rows(result.folds).column
    nats = [
        [one.loss if one.cross_entropy is None else one.cross_entropy for one in fold.curve] for fold in result.folds
    ]
    best = [curve.index(min(curve)) for curve in nats]

    def at(places: Sequence[int], header: str, nats_header: str) -> tuple[Column, Column]:
        """Accuracy and nats of an epoch of each fold."""
        accuracies = tuple(fold.curve[k].accuracy for fold, k in zip(result.folds, places, strict=True))
        entropies = tuple(curve[k] for curve, k in zip(nats, places, strict=True))
        return Column(header, accuracies, "percent"), Column(nats_header, entropies, "number", places=5)

    columns = (
        Column("fold", tuple(range(1, len(result.folds) + 1)), "count"),
        column("strength", lambda fold: fold.strength, "number", write=_written("{:.4g}")),
        Column("epochs", tuple(map(len, nats)), "count"),
        Column("best at", tuple(k + 1 for k in best), "count"),
        *at(best, "accuracy", "cross-entropy"),
        *at([-1] * len(nats), "last accuracy", "last"),
        column("s", lambda fold: fold.seconds, "number", 1),
    )
    return [Table(columns), Lines(("by the triplets that ended the training, as published: a little too good",))]


def _epoch_nats(epoch: Epoch) -> float:
    """Of what was held out, else of the training."""
    return epoch.loss if epoch.cross_entropy is None else epoch.cross_entropy
