"""Correlations of models' similarity matrices with those of people, beside their noise ceiling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyalign.report.blocks import Column, Fold, Section, Table, Text
from pyalign.report.cells import counted
from pyalign.report.charts import chart
from pyalign.report.charts.document import called
from pyalign.report.page.sections._drawn import column, figure, numbered, over, relabelled
from pyalign.report.page.sources import Sources

Document = Mapping[str, Any]
CEILING = (
    "The noise ceiling belongs to the mean over people of the correlation with each. Its lower bound is each person "
    "with the mean of the others, its upper bound each person with the mean of all, that person included."
)


def rsa(given: Sources) -> Section | None:
    """A figure and a table for each document of `pyalign rsa`; differences of models, where there are intervals."""
    found = given.of("rsa")
    if not found:
        return None
    parts: list[Any] = []
    for k, one in enumerate(found):
        document = relabelled(one, given)
        caption = _caption(document)
        parts += [figure(numbered("rsa-figure", k), caption, chart(document, "rsa"), _summary(document)),
                  _table(document, numbered("rsa-table", k), caption)]  # fmt: skip
        if any(row.get("ceiling") for row in document["results"]):
            parts.append(Text((CEILING,)))
        if document.get("pairs"):
            parts.append(Fold("Differences of models", (_pairs(document, given, numbered("rsa-differences", k)),)))
        parts += [Text((_weighted(row, given),)) for row in document.get("weighted") or ()]
    lead = (
        "Do models and people find the same pairs of objects alike? Correlations of similarity matrices over all pairs."
    )
    return Section("rsa", "Representational similarity", lead, tuple(parts))


def _caption(document: Document) -> str:
    first, n = document["results"][0], document.get("n_people")
    who = "one human matrix" if n is None else counted(n, "person", "people")
    intervals = "no intervals"
    if document.get("ci_by") is not None:
        intervals = f"{100 * document['confidence']:g} % intervals over {over(document['ci_by'])}"
    missing = f", {first['n_missing']:,} pairs left out that nobody judged" if first["n_missing"] else ""
    return (
        f"Correlations over {counted(first['n_pairs'], 'pair')} of {counted(first['n_objects'], 'object')}{missing}, "
        f"{who}; {intervals}."
    )


def _names(document: Document) -> list[str]:
    return called([(row["embeddings"], row.get("label")) for row in document["results"]])


def _summary(document: Document) -> str:
    rows, names = document["results"], _names(document)
    best = max(range(len(rows)), key=lambda k: rows[k]["value"])
    row = rows[best]
    ci = row.get("ci")
    told = f"{names[best]} correlates most: {row['value']:.3f}"
    told += f" ({ci[0]:.3f} to {ci[1]:.3f})" if ci and None not in ci else ""
    told += f", {row['correlation']}."
    if row.get("per_person") and row.get("ceiling"):
        told += (
            f" With each person {row['per_person']['mean']:.3f} on average, where the noise ceiling is from "
            f"{row['ceiling']['lower']:.3f} to {row['ceiling']['upper']:.3f}."
        )
    return told


def _table(document: Document, name: str, caption: str) -> Table:
    rows = [
        {**row, **_nested(row, "per_person", mean="person", ci="person_ci"),
         **_nested(row, "ceiling", lower="lower", upper="upper", pooling="pooling")}
        for row in document["results"]
    ]  # fmt: skip
    people = document.get("n_people") is not None
    columns = [
        Column("model", tuple(_names(document))),
        column("measure", rows, "measure", "text", filter=True),
        column("correlation", rows, "correlation", "text", filter=True),
        column("with the mean matrix" if people else "with the human matrix", rows, "value", ci="ci", places=3),
    ]
    if document.get("permutations") is not None:
        columns.append(column("p", rows, "p_value", "p", note="By relabelling the objects, one-sided."))
    if people:
        columns += [
            column("mean of those with each person", rows, "person", ci="person_ci", places=3),
            column("ceiling, lower", rows, "lower", places=3, note="Each person with the mean of the others."),
            column("ceiling, upper", rows, "upper", places=3, note="Each person with the mean of all."),
            column("pooled", rows, "pooling", "text", note="What was averaged over people for the ceiling."),
        ]
    if any(row.get("partial") for row in rows):
        partial = [row.get("partial") or {} for row in rows]
        columns.append(column("partial", partial, "value", ci="ci", places=3))
    columns.append(column("pairs", rows, "n_pairs", "count"))
    return Table(tuple(columns), name=name, caption=caption, sort=(columns[3].header, True))


def _nested(row: Mapping[str, Any], key: str, **names: str) -> dict[str, Any]:
    """What a part of a row holds, under names of its own."""
    held = row.get(key) or {}
    return {new: held.get(old) for old, new in names.items()}


def _pairs(document: Document, given: Sources, name: str) -> Table:
    rows = [
        {**row, "a": given.label(row["a"]), "b": given.label(row["b"])} for row in document["pairs"]
    ]  # fmt: skip
    columns = (
        column("model", rows, "a", "text", filter=True), column("measure", rows, "a_measure", "text"),
        column("less", rows, "b", "text", filter=True), column("its measure", rows, "b_measure", "text"),
        column("correlation", rows, "correlation", "text", filter=True),
        column("difference", rows, "difference", ci="ci", places=3),
        column("p", rows, "p_value", "p"), column("p, corrected", rows, "p_adjusted", "p"),
    )  # fmt: skip
    caption = f"Differences of correlations under the same resamples; p corrected by {document['correction']}."
    return Table(columns, name=name, caption=caption)


def _weighted(row: Mapping[str, Any], given: Sources) -> str:
    """The weighted sum in a sentence; keys are names, or names with a measure behind."""
    weights = ", ".join(f"{given.label(name)} {weight:.3f}" for name, weight in row["weights"].items())
    return (
        f"A weighted sum of the models' matrices correlates at {row['value']:.3f} ({row['correlation']}), mean of "
        f"{counted(len(row['folds']), 'fold')} of objects that no weight was fitted to. Weights: {weights}."
    )
