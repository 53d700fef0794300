"""The table of `pyalign probe`."""

from __future__ import annotations

from typing import Any

from pyalign.report.tables import columns_table

HEADER = ("fold", "l2", "accuracy", "zero-shot", "cross-entropy", "train", "test", "rank", "gap", "passes", "s")


def probe_table(result: dict[str, Any]) -> str:
    """A `ProbeCrossValidation.to_dict()` as a table, with a line for the mean and one that says how to read it."""
    rows = [_fold(str(number + 1), fold) for number, fold in enumerate(result["folds"])]
    mean = ("mean", "", _percent(result["accuracy"]), _percent(result["zero_shot_accuracy"]))
    rows.append((*mean, f"{result['cross_entropy']:.5f}", *[""] * 6))
    fit = result["fit"]
    if fit is not None:
        share = ("all", f"{fit['l2']:.4g}", *[""] * 3, f"{fit['n_triplets']:,}", "")
        rows.append((*share, str(fit["rank"]), _gap(fit["gap"]), f"{fit['n_passes']:,}", f"{fit['seconds']:.1f}"))
    low, high = result["accuracy_interval"]
    notes = [
        f"accuracy on triplets of held-out {result['split']}, which chose nothing; 95 % of its mean: "
        f"{_percent(low)} to {_percent(high)}",
        "chance 33.333 %; nats (log 3 = 1.09861); gap: nats to the optimum, at most",
    ]
    early = [str(number + 1) for number, fold in enumerate(result["folds"]) if not fold["converged"]]
    early += ["all"] * (fit is not None and not fit["converged"] and not fit["interrupted"])
    if early:
        which = ", ".join(early)
        notes.append(f"not at the optimum: {which}; raise --l2, --tolerance or --max-iterations")
    edge = [str(number + 1) for number, fold in enumerate(result["folds"]) if fold["at_edge"]]
    if edge:
        notes.append(f"the best l2 was the strongest or the weakest that was tried, in fold {', '.join(edge)}")
    if "local" in result:
        kept = _percent(result["local"]["overlap"])
        notes.append(f"of the {result['local']['neighbours']} nearest neighbours of other images the map keeps {kept}")
    return "\n".join((columns_table(HEADER, rows), *notes))


def recipe_table(folds: list[dict[str, Any]]) -> str:
    """Folds of `cross_validate_recipe` as a table: the best epoch, and the last, which is what the recipe keeps."""
    header = ("fold", "l2", "epochs", "best at", "accuracy", "cross-entropy", "last accuracy", "last", "s")
    rows = []
    for number, fold in enumerate(folds):
        curve = fold["curve"]
        best = min(range(len(curve)), key=lambda k: curve[k]["cross_entropy"])
        figures = [(_percent(curve[k]["accuracy"]), f"{curve[k]['cross_entropy']:.5f}") for k in (best, -1)]
        ends = (str(len(curve)), str(best + 1), *figures[0], *figures[1], f"{fold['seconds']:.1f}")
        rows.append((str(number + 1), f"{fold['l2']:.4g}", *ends))
    return f"{columns_table(header, rows)}\nby the triplets that ended the training, as published: a little too good"


def _fold(name: str, fold: dict[str, Any]) -> tuple[str, ...]:
    return (
        name,
        f"{fold['l2']:.4g}",
        _percent(fold["accuracy"]),
        _percent(fold["zero_shot_accuracy"]),
        f"{fold['cross_entropy']:.5f}",
        f"{fold['n_train']:,}",
        f"{fold['n_test']:,}",
        str(fold["rank"]),
        _gap(fold["gap"]),
        f"{fold['n_passes']:,}",
        f"{fold['seconds']:.1f}",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3f} %"


def _gap(gap: float | None) -> str:
    return "-" if gap is None else f"{gap:.1e}"
