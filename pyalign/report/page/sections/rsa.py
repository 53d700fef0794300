"""Correlations of models' similarity matrices with those of people, beside their noise ceiling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyalign.pairwise.rsa_result import Rsa, WeightedRsa
from pyalign.report.blocks import Fold, Section, Table, Text
from pyalign.report.cells import counted, over_words
from pyalign.report.charts.models import rsa_chart
from pyalign.report.page.sections._shared import figure, numbered
from pyalign.report.page.sources import Sources
from pyalign.report.rsa import labels_of, pairs_table, results_table, weights_text

LEAD = "Do models and people find the same pairs of objects alike? Correlations of similarity matrices over all pairs."
CEILING = (
    "The noise ceiling belongs to the mean over people of the correlation with each. Its lower bound is each person "
    "with the mean of the others, its upper bound each person with the mean of all, that person included."
)


def rsa(sources: Sources) -> Section | None:
    """A figure and a table for each result of RSA; differences of models, where there are intervals."""
    parts: list[Any] = []
    for k, result in enumerate(sources.results(Rsa)):
        labels, caption = labels_of(result, labels=sources.labels), _caption(result)
        chart = rsa_chart(result, labels=sources.labels)
        parts.append(figure(numbered("rsa-figure", k), caption, chart, _summary(result, labels)))
        table = results_table(result, labels)
        parts.append(replace(table, name=numbered("rsa-table", k), caption=caption, sort=("correlation", True)))
        if any(row.ceiling is not None for row in result.results):
            parts.append(Text((CEILING,)))
        if result.pairs:
            parts.append(Fold("Differences of models", (_pairs(result, labels, numbered("rsa-differences", k)),)))
        parts += [Text((_weighted(one, result, labels),)) for one in result.weighted or ()]
    return Section("rsa", "Representational similarity", LEAD, tuple(parts)) if parts else None


def _caption(result: Rsa) -> str:
    first = result.results[0]
    who = "one human matrix" if result.n_people is None else counted(result.n_people, "person", "people")
    intervals = "no intervals"
    if result.ci_by is not None:
        intervals = f"{100 * result.confidence:g} % intervals over {over_words(result.ci_by)}"
    missing = f", {first.n_missing:,} pairs left out that nobody judged" if first.n_missing else ""
    return (
        f"Correlations over {counted(first.n_pairs, 'pair')} of {counted(first.n_objects, 'object')}{missing}, "
        f"{who}; {intervals}."
    )


def _summary(result: Rsa, labels: Mapping[str, str]) -> str:
    known = [row for row in result.results if row.value == row.value]
    if not known:
        return f"None of the {len(result.results)} correlations is defined."
    row = max(known, key=lambda one: one.value)
    interval = "" if row.ci is None else f" ({row.ci.low:.3f} to {row.ci.high:.3f})"
    text = f"{labels[row.embeddings]} correlates most: {row.value:.3f}{interval}, {row.correlation}."
    if row.per_person is not None and row.ceiling is not None:
        text += (
            f" With each person {row.per_person.mean:.3f} on average, where the noise ceiling is from "
            f"{row.ceiling.lower:.3f} to {row.ceiling.upper:.3f}."
        )
    return text


def _pairs(result: Rsa, labels: Mapping[str, str], name: str) -> Table:
    caption = f"Differences of correlations under the same resamples; p corrected by {result.correction}."
    return replace(pairs_table(result, labels, result.pairs), name=name, caption=caption)


def _weighted(one: WeightedRsa, result: Rsa, labels: Mapping[str, str]) -> str:
    """The weighted sum in a sentence."""
    return (
        f"A weighted sum of the models' matrices correlates at {one.value:.3f} ({one.correlation}), mean of "
        f"{counted(len(one.folds), 'fold')} of objects that no weight was fitted to. Weights: "
        f"{weights_text(one, result, labels)}."
    )
