"""Whether models err on the same triplets, and what these are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyalign.report.cells import counted
from pyalign.report.charts import chart
from pyalign.report.charts.document import called, different
from pyalign.report.page.given import Given
from pyalign.report.page.parts import Section, Table
from pyalign.report.page.sections._drawn import column, figure, numbered, over, percent, relabelled

MOST_PAIRS = 1000  # in a table; the figure and the document have the others
SINGULAR = {"dimensions": "dimension", "categories": "category"}
Document = Mapping[str, Any]


def consistency(given: Given) -> Section | None:
    """Of each document a matrix of kappa, its pairs, and the concepts that all models miss."""
    found = given.of("consistency")
    if not found:
        return None
    parts: list[Any] = []
    for k, loaded in enumerate(found):
        document = relabelled(loaded, given)
        names = dict(zip((one["model"] for one in document["models"]), _names(document), strict=True))
        caption = _caption(document)
        if document["pairs"]:
            drawn = chart(document, "consistency")
            parts.append(figure(numbered("consistency-figure", k), caption, drawn, _summary(document, names)))
            parts.append(_pairs(document, names, numbered("consistency-table", k), caption))
        for by in dict.fromkeys(row["by"] for row in document.get("missed") or ()):
            parts.append(_missed(document, by, numbered(f"missed-{by}", k)))
    lead = "Do models err on the same triplets, beyond what their accuracies alone would bring? Kappa: 0 no, 1 always."
    return Section("consistency", "Error consistency", lead, tuple(parts)) if parts else None


def _names(document: Document) -> list[str]:
    return different(called([(one["model"], one.get("label")) for one in document["models"]]))


def _caption(document: Document) -> str:
    intervals = "no intervals"
    if document.get("ci_by") is not None:
        level = document.get("confidence")
        intervals = f"{'' if level is None else f'{100 * level:g} % '}intervals over {over(document['ci_by'])}"
    return (
        f"Kappa of right and wrong on {counted(document['n_triplets'], 'triplet')}, of which all models miss "
        f"{document['n_missed']:,} ({percent(document['n_missed'] / document['n_triplets'])}); {intervals}."
    )


def _summary(document: Document, names: Mapping[str, str]) -> str:
    known = [pair for pair in document["pairs"] if pair["kappa"] is not None]
    if not known:
        return "No pair of models has a kappa: a model is always right or always wrong."
    told = []
    for pick, word in ((max, "most"), (min, "least")):
        pair = pick(known, key=lambda one: one["kappa"])
        ci = pair.get("ci")
        interval = f" ({ci[0]:.3f} to {ci[1]:.3f})" if ci and None not in ci else ""
        told.append(
            f"{word} alike are the errors of {names[pair['a']]} and {names[pair['b']]}: {pair['kappa']:.3f}{interval}"
        )
    text = "; ".join(told[: len(known)]) + "."
    return text[0].upper() + text[1:]


def _pairs(document: Document, names: Mapping[str, str], name: str, caption: str) -> Table:
    pairs = sorted(document["pairs"], key=lambda one: -2.0 if one["kappa"] is None else -one["kappa"])
    shown = pairs[:MOST_PAIRS]
    rows = [
        {**one, "a": names[one["a"]], "b": names[one["b"]], "copied": names.get(one["copied"], one["copied"])}
        for one in shown
    ]
    columns = (
        column("model", rows, "a", "text", filter=True), column("and", rows, "b", "text", filter=True),
        column("kappa", rows, "kappa", ci="ci", places=3),
        column("least", rows, "kappa_min", places=3, note="What the two accuracies allow at least."),
        column("most", rows, "kappa_max", places=3, note="What the two accuracies allow at most."),
        column("unbiased kappa", rows, "unbiased_kappa", places=3, note="Without the bias of few triplets."),
        column("copied", rows, "copied", "text", note="The more accurate model, which the other is held to copy."),
        column("copy probability", rows, "copy_probability", "percent", ci="copy_ci"),
        column("p", rows, "p_value", "p", note="Of independent errors: kappa 0."),
        column("p, corrected", rows, "p_adjusted", "p", note=f"Over all pairs, by {document['correction']}."),
    )  # fmt: skip
    if len(shown) < len(pairs):
        caption += f" The {len(shown):,} largest of {len(pairs):,} pairs."
    return Table(name, caption, columns, sort=("kappa", True))


def _missed(document: Document, by: str, name: str) -> Table:
    rows = [row for row in document["missed"] if row["by"] == by]
    one = SINGULAR.get(by, by)
    columns = (
        column(one, rows, "concept", "text"),
        column("triplets", rows, "n_triplets", "count"),
        column("missed", rows, "n_missed", "count", note="By all models."),
        column("all miss", rows, "missed", "percent", note="Share of its triplets that all models get wrong."),
        column("ratio", rows, "ratio", places=2, note="To that share among all triplets."),
        column("excess", rows, "excess", "percent", ci="ci", note="That share less the one among all triplets."),
        column("p", rows, "p_value", "p"), column("p, corrected", rows, "p_adjusted", "p"),
        column("of misses", rows, "share", "percent", note="Of all triplets that all miss, how many are about it."),
        column("explained", rows, "explained", "percent",
               note="How many of them are more than its share would bring."),
    )  # fmt: skip
    expected = next((row["expected"] for row in rows), None)
    least = document.get("min_triplets")
    caption = (
        f"What the {document['n_missed']:,} triplets are about that all {len(document['models'])} models get wrong, by "
        f"{one}; of all triplets it is {percent(expected)}."
    )
    caption += f" With fewer than {least:,} triplets there is no interval." if least else ""
    return Table(name, caption, columns, sort=("explained", True))
