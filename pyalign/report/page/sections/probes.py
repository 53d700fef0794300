"""Zero-shot against probed accuracy, both on triplets that the probe has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.report.blocks import Column, Fold, Section, Table
from pyalign.report.cells import counted
from pyalign.report.charts import chart
from pyalign.report.charts.before_after import probe_names
from pyalign.report.page.sections._drawn import column, figure, numbered, over, percent, relabelled
from pyalign.report.page.sections._rows import confidence
from pyalign.report.page.sections._triplets import triplet_sets
from pyalign.report.page.sources import Sources

Document = Mapping[str, Any]


def probes(given: Sources) -> Section | None:
    """For each set of triplets a row for each cross-validated probe, a figure of all, and their folds."""
    sets = triplet_sets(given)
    found = given.of("probe")
    if not found:
        return None
    parts: list[Any] = []
    for k, one in enumerate(dict.fromkeys(sets.of(one) for one in found)):
        documents = [relabelled(probe, given) for probe in found if sets.of(probe) == one]
        names = probe_names(documents)
        told = _over(documents, sets.label(one))
        parts += [
            figure(
                numbered("probes-figure", k),
                f"Accuracy before and after a probe, on {told}",
                chart(documents, "before-after"),
                _summary(documents, names),
            ),
            _table(documents, names, numbered("probes-table", k), f"The same figures, on {told}"),
            Fold("Folds", (_folds(documents, names, numbered("probes-folds", k)),)),
        ]
    lead = (
        "How much better the odd one out is told when a linear map of the embeddings is learned from people's answers: "
        "both accuracies are on held-out triplets, which chose nothing."
    )
    return Section("probes", "Zero-shot and probed", lead, tuple(parts))


def _over(documents: Sequence[Document], triplets: str) -> str:
    tests = [sum(fold["n_test"] for fold in one["folds"]) for one in documents]
    n = counted(tests[0], "triplet") if len(set(tests)) == 1 else f"{min(tests):,} to {max(tests):,} triplets"
    splits = " or ".join(sorted({over(one["split"]) for one in documents}))
    intervals = confidence(documents, "accuracy_interval") or "no intervals"
    return f"{n} of {triplets} of held-out {splits}, mean over the folds; {intervals}."


def gain_of(document: Document) -> float:
    """What a probe adds to the accuracy, a fraction, of the same triplets."""
    return float(document["accuracy"] - document["zero_shot_accuracy"])


def _summary(documents: Sequence[Document], names: Sequence[str]) -> str:
    best = max(range(len(documents)), key=lambda k: documents[k]["accuracy"])
    gains = [gain_of(one) for one in documents]
    most = max(range(len(gains)), key=gains.__getitem__)
    told = (
        f"Probed, {names[best]} is the most accurate: {percent(documents[best]['accuracy'])}, "
        f"{percent(documents[best]['zero_shot_accuracy'])} without a probe. "
        f"The largest gain is that of {names[most]}: {100 * gains[most]:+.1f} points"
    )
    ci = documents[most].get("difference_interval")
    return told + (f" ({100 * ci[0]:+.1f} to {100 * ci[1]:+.1f})." if ci and None not in ci else ", without interval.")


def _table(documents: Sequence[Document], names: Sequence[str], name: str, caption: str) -> Table:
    rows = [
        {**one, "n_test": sum(fold["n_test"] for fold in one["folds"]), "n_folds": len(one["folds"]),
         "gain": gain_of(one)}
        for one in documents
    ]  # fmt: skip
    columns = (
        Column("model", tuple(names)),
        column("zero-shot", rows, "zero_shot_accuracy", "percent", ci="zero_shot_interval",
               note="By cosines of the rows as they came, on the same triplets."),
        column("probed", rows, "accuracy", "percent", ci="accuracy_interval"),
        column("gain", rows, "gain", "percent", ci="difference_interval",
               note="Probed less zero-shot, paired over the same triplets."),
        column("cross-entropy", rows, "cross_entropy", ci="cross_entropy_interval", places=4, note="Nats, probed."),
        column("held out", rows, "split", "text", filter=True),
        column("folds", rows, "n_folds", "count"),
        column("triplets", rows, "n_test", "count"),
        column("chance", rows, "chance", "percent"),
    )  # fmt: skip
    return Table(columns, name=name, caption=caption, sort=("probed", True))


def _folds(documents: Sequence[Document], names: Sequence[str], name: str) -> Table:
    rows = [
        {**fold, "model": model, "fold": k + 1}
        for model, one in zip(names, documents, strict=True) for k, fold in enumerate(one["folds"])
    ]  # fmt: skip
    columns = (
        column("model", rows, "model", "text", filter=True),
        column("fold", rows, "fold", "count"),
        column("zero-shot", rows, "zero_shot_accuracy", "percent"),
        column("probed", rows, "accuracy", "percent"),
        column("s.e.", rows, "accuracy_error", "percent", note="Standard error of the probed accuracy."),
        column("cross-entropy", rows, "cross_entropy", places=4),
        column("strength", rows, "strength", places=4, note="Of the penalty, chosen within the training triplets."),
        column("rank", rows, "rank", "count"),
        column("training triplets", rows, "n_train", "count"),
        column("test triplets", rows, "n_test", "count"),
    )
    return Table(columns, name=name, caption="Each fold's figures are of its own held-out triplets.")
