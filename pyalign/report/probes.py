"""The tables of `pyalign probe` and `pyalign glocal`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyalign.report.tables import (
    Column,
    chance_note,
    columns_table,
    fitted_table,
    nats_note,
    noted,
    over,
    percent,
    percent_interval,
)

if TYPE_CHECKING:
    from pyalign.probing.fit import ProbeFit
    from pyalign.probing.recipe_results import RecipeCrossValidation
    from pyalign.probing.validated import FoldResult, ProbeCrossValidation


def probe_table(result: ProbeCrossValidation, width: int | None = None, verbose: bool = False) -> str:
    """A row for each fold, one for the mean and one for the fit to everything, and lines that say how to read them."""
    fit = result.fit
    names = (*(str(number + 1) for number in range(len(result.folds))), "mean", "all")

    def column(
        header: str, folds: list[str], mean: str = "", whole: str = "", keep: int = 9, foot: str = ""
    ) -> Column:  # fmt: skip
        return Column(header, (*folds, mean, whole), keep, foot=foot)

    def of(write: str, name: str) -> list[str]:
        return [write.format(getattr(fold, name)) for fold in result.folds]

    columns = [
        Column("fold", names),
        column("strength", of("{:.4g}", "strength"), whole=f"{fit.strength:.4g}", keep=8),
        column("accuracy", [percent(fold.accuracy) for fold in result.folds], percent(result.accuracy)),
        column("zero-shot", [percent(f.zero_shot_accuracy) for f in result.folds], percent(result.zero_shot_accuracy)),
        column(
            "cross-entropy",
            of("{:.5f}", "cross_entropy"),
            f"{result.cross_entropy:.5f}",
            keep=7,
            foot=nats_note(result.task),
        ),
        column("train", of("{:,}", "n_train"), whole=f"{fit.n_triplets:,}", keep=5),
        column("test", of("{:,}", "n_test"), keep=4),
        column("rank", of("{}", "rank"), whole=str(fit.rank), keep=6),
        column(
            "gap",
            [_gap(fold.gap) for fold in result.folds],
            whole=_gap(fit.gap),
            keep=3,
            foot="gap: nats to the optimum, at most",
        ),
        column("passes", of("{:,}", "n_passes"), whole=f"{fit.n_passes:,}", keep=2),
        column("s", of("{:.1f}", "seconds"), whole=f"{fit.seconds:.1f}", keep=1),
    ]
    table, of_columns = fitted_table(columns, width, verbose)
    return "\n".join((table, *(noted([note], width) for note in _notes(result, of_columns))))


def _notes(result: ProbeCrossValidation, of_columns: list[str]) -> list[str]:
    notes = [
        f"accuracy on triplets of held-out {result.split}, which chose nothing; 95 % interval of its mean: "
        f"{percent_interval(result.accuracy_interval)}, over {over(result.accuracy_interval.by)}",
        "; ".join([chance_note(result.task), *of_columns]),
    ]
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


def _scale(task: str) -> str:
    return f"{chance_note(task)}; {nats_note(task)}"


def _numbers(folds: tuple[FoldResult, ...], marked: list[bool]) -> list[str]:
    return [str(number + 1) for number, mark in enumerate(marked) if mark]


def fit_table(fit: ProbeFit, width: int | None = None, verbose: bool = False) -> str:
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
        ("objective", f"{fit.objective:.5f}"), ("gap", _gap(fit.gap)), ("rank", str(fit.rank)),
        ("passes", f"{fit.n_passes:,}"), ("s", f"{fit.seconds:.1f}"),
    ]  # fmt: skip
    notes[0] += " that the map was fitted to, which flatters: score triplets of other objects through it"
    if not fit.converged:
        notes.append("not at the optimum: raise the strength")
    return f"{columns_table(('map', ''), rows)}\n{noted([*notes, _scale(fit.task)], width)}"


def recipe_table(result: RecipeCrossValidation, width: int | None = None, verbose: bool = False) -> str:
    """The best epoch of each fold, and the last, which is what the recipe keeps."""
    header = ("fold", "strength", "epochs", "best at", "accuracy", "cross-entropy", "last accuracy", "last", "s")
    rows = []
    for number, fold in enumerate(result.folds):
        nats = [epoch.cross_entropy if epoch.cross_entropy is not None else epoch.loss for epoch in fold.curve]
        best = nats.index(min(nats))
        figures = [(percent(fold.curve[k].accuracy), f"{nats[k]:.5f}") for k in (best, -1)]
        ends = (str(len(nats)), str(best + 1), *figures[0], *figures[1], f"{fold.seconds:.1f}")
        rows.append((str(number + 1), f"{fold.strength:.4g}", *ends))
    told = "by the triplets that ended the training, as published: a little too good"
    return f"{columns_table(header, rows)}\n{told}"


def _gap(gap: float | None) -> str:
    return "-" if gap is None else f"{gap:.1e}"
