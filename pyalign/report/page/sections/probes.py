"""Zero-shot against probed accuracy, both on triplets that the probe has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pyalign.probing.validated import ProbeCrossValidation
from pyalign.report.blocks import Fold, Rows, Section, Table
from pyalign.report.cells import counted, intervals_over, over_words
from pyalign.report.charts.models import before_after_chart, probe_names
from pyalign.report.page.sections._shared import figure, numbered, percent
from pyalign.report.page.sections._triplets import triplet_sets
from pyalign.report.page.sources import Sources
from pyalign.report.probe import fold_rows, folds_table

Probes = Sequence[ProbeCrossValidation]
LEAD = (
    "How much better the odd one out is told when a linear map of the embeddings is learned from people's answers: "
    "both accuracies are on held-out triplets, which chose nothing."
)


def probes(sources: Sources) -> Section | None:
    """For each set of triplets a row for each cross-validated probe, a figure of all, and their folds."""
    sets = triplet_sets(sources)
    loaded = sources.loaded(ProbeCrossValidation)
    parts: list[Any] = []
    for k, number in enumerate(dict.fromkeys(map(sets.of, loaded))):
        results: Probes = [one.result for one in loaded if sets.of(one) == number]
        names = probe_names(results, sources.labels)
        words = _over(results, sets.label(number))
        parts += [
            figure(
                numbered("probes-figure", k),
                f"Accuracy before and after a probe, on {words}",
                before_after_chart(results, labels=sources.labels),
                _summary(results, names),
            ),
            _table(results, names, numbered("probes-table", k), f"The same figures, on {words}"),
            Fold("Folds", (_folds(results, names, numbered("probes-folds", k)),)),
        ]
    return Section("probes", "Zero-shot and probed", LEAD, tuple(parts)) if parts else None


def _n_test(result: ProbeCrossValidation) -> int:
    return sum(fold.n_test for fold in result.folds)


def _over(results: Probes, triplets: str) -> str:
    tests = sorted(map(_n_test, results))
    n = counted(tests[0], "triplet") if tests[0] == tests[-1] else f"{tests[0]:,} to {tests[-1]:,} triplets"
    splits = " or ".join(sorted({over_words(one.split) for one in results}))
    intervals = intervals_over(one.accuracy_interval for one in results) or "no intervals"
    return f"{n} of {triplets} of held-out {splits}, mean over the folds; {intervals}."


def _summary(results: Probes, names: Sequence[str]) -> str:
    best = max(range(len(results)), key=lambda k: results[k].accuracy)
    most = max(range(len(results)), key=lambda k: results[k].difference)
    text = (
        f"Probed, {names[best]} is the most accurate: {percent(results[best].accuracy)}, "
        f"{percent(results[best].zero_shot_accuracy)} without a probe. "
        f"The largest gain is that of {names[most]}: {100 * results[most].difference:+.1f} points"
    )
    interval = results[most].difference_interval
    if interval is None:
        return f"{text}, without interval."
    return f"{text} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})."


def _table(results: Probes, names: Sequence[str], name: str, caption: str) -> Table:
    column = Rows(list(zip(names, results, strict=True))).column
    columns = (
        column("model", lambda row: row[0]),
        column("zero-shot", lambda row: row[1].zero_shot_accuracy, "percent", ci=lambda row: row[1].zero_shot_interval,
               note="By cosines of the rows as they came, on the same triplets."),
        column("probed", lambda row: row[1].accuracy, "percent", ci=lambda row: row[1].accuracy_interval),
        column("gain", lambda row: row[1].difference, "percent", ci=lambda row: row[1].difference_interval,
               note="Probed less zero-shot, paired over the same triplets."),
        column("cross-entropy", lambda row: row[1].cross_entropy, "number", 4,
               ci=lambda row: row[1].cross_entropy_interval, note="Nats, probed."),
        column("held out", lambda row: row[1].split, filter=True),
        column("folds", lambda row: len(row[1].folds), "count"),
        column("triplets", lambda row: _n_test(row[1]), "count"),
        column("chance", lambda row: row[1].chance, "percent"),
    )  # fmt: skip
    return Table(columns, name=name, caption=caption, sort=("probed", True))


def _folds(results: Probes, names: Sequence[str], name: str) -> Table:
    rows = [row for model, one in zip(names, results, strict=True) for row in fold_rows(model, one)]
    caption = "Each fold's figures are of its own held-out triplets."
    return replace(folds_table(rows, results[0].task), name=name, caption=caption)
