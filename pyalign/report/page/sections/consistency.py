"""Whether models err on the same triplets, and what these are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyalign.concept.consistency_result import ErrorConsistency
from pyalign.report.blocks import Section, Table
from pyalign.report.cells import SINGULAR, counted, over_words
from pyalign.report.charts.matrix import consistency_chart
from pyalign.report.consistency import labels_of, missed_table, pairs_table
from pyalign.report.page.sections._shared import figure, numbered, percent
from pyalign.report.page.sources import Sources

MOST_PAIRS = 1000  # in a table; the figure and the document have the others
LEAD = "Do models err on the same triplets, beyond what their accuracies alone would bring? Kappa: 0 no, 1 always."


def consistency(sources: Sources) -> Section | None:
    """Of each result a matrix of kappa, its pairs, and the concepts that all models miss."""
    parts: list[Any] = []
    for k, found in enumerate(sources.results(ErrorConsistency)):
        labels = labels_of(found, labels=sources.labels)
        if found.pairs:
            chart = consistency_chart(found, labels=labels)
            parts.append(figure(numbered("consistency-figure", k), _caption(found), chart, _summary(found, labels)))
            parts.append(_pairs(found, labels, numbered("consistency-table", k)))
        for by in dict.fromkeys(row.by for row in found.missed or ()):
            parts.append(_missed(found, by, numbered(f"missed-{by}", k)))
    return Section("consistency", "Error consistency", LEAD, tuple(parts)) if parts else None


def _caption(found: ErrorConsistency) -> str:
    intervals = "no intervals"
    if found.ci_by is not None:
        level = "" if found.confidence is None else f"{100 * found.confidence:g} % "
        intervals = f"{level}intervals over {over_words(found.ci_by)}"
    return (
        f"Kappa of right and wrong on {counted(found.n_triplets, 'triplet')}, of which all models miss "
        f"{found.n_missed:,} ({percent(found.n_missed / found.n_triplets)}); {intervals}."
    )


def _summary(found: ErrorConsistency, labels: Mapping[str, str]) -> str:
    known = [(pair.kappa, pair) for pair in found.pairs if pair.kappa is not None]
    if not known:
        return "No pair of models has a kappa: a model is always right or always wrong."
    told = []
    for pick, word in ((max, "most"), (min, "least")):
        kappa, pair = pick(known, key=lambda one: one[0])
        interval = "" if pair.ci is None else f" ({pair.ci.low:.3f} to {pair.ci.high:.3f})"
        told.append(f"{word} alike are the errors of {labels[pair.a]} and {labels[pair.b]}: {kappa:.3f}{interval}")
    text = "; ".join(told[: len(known)]) + "."
    return text[0].upper() + text[1:]


def _pairs(found: ErrorConsistency, labels: Mapping[str, str], name: str) -> Table:
    pairs = sorted(found.pairs, key=lambda pair: 2.0 if pair.kappa is None else -pair.kappa)[:MOST_PAIRS]
    left_out = len(pairs) < len(found.pairs)
    more = f" The {len(pairs):,} largest of {len(found.pairs):,} pairs." if left_out else ""
    table = pairs_table(found, labels, pairs)
    return replace(table, name=name, caption=_caption(found) + more, sort=("kappa", True))


def _missed(found: ErrorConsistency, by: str, name: str) -> Table:
    rows = [row for row in found.missed or () if row.by == by]
    concept = SINGULAR.get(by, by)
    caption = (
        f"What the {found.n_missed:,} triplets are about that all {len(found.models)} models get wrong, by "
        f"{concept}; of all triplets it is {percent(rows[0].expected)}."
    )
    if found.min_triplets:
        caption += f" With fewer than {found.min_triplets:,} triplets there is no interval."
    return replace(missed_table(found, by, rows), name=name, caption=caption, sort=("explained", True))
