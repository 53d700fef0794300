"""How far people agree with each other, and how models compare with many people on the same triplets."""

from __future__ import annotations

from typing import Any

from pyalign.report.blocks import Column, Fold, Section, Table, present
from pyalign.report.charts.document import ends
from pyalign.report.page.sections._rows import column as field
from pyalign.report.page.sections._rows import confidence, file_label, filled, numbered
from pyalign.report.page.sources import Loaded, Sources

LEAD = (
    "No model can predict people better than people allow. The noise ceiling says how far that is; where many people "
    "answered the same triplets, a model's probabilities are held against the shares of their answers."
)
CEILINGS = {
    "upper": ("Majority share", "too high on average: the majority is found in the same answers"),
    "estimate": ("Likely choices", "right on average from about five answers on"),
    "lower": ("Leave one person out", "too low on average: a few others are a poor guide"),
}


def agreement(given: Sources) -> Section | None:
    """Ceilings, then models."""
    parts: list[Any] = [_ceilings(one, number) for number, one in enumerate(given.of("ceiling"))]
    for number, one in enumerate(given.of("agreement")):
        parts += [_models(given, one, number), _by_agreement(given, one, number)]
    return Section("agreement", "Agreement among people", LEAD, present(parts)) if parts else None


def _ceilings(one: Loaded, number: int) -> Table:
    whole = one.document
    held = [(name, whole["ceilings"][name]) for name in CEILINGS]
    values = [row["value"] for _, row in held] + [whole.get("guessing"), whole.get("best_accuracy")]
    pairs = [ends(row) for _, row in held] + [(None, None)] * 2
    columns = (
        Column("Ceiling", (*(CEILINGS[name][0] for name, _ in held), "Majority share of pure guessing",
                           "Best of any model, in-sample")),
        Column("Accuracy", tuple(values), "percent", tuple(low for low, _ in pairs), tuple(high for _, high in pairs)),
        Column("On average", (*(CEILINGS[name][1] for name, _ in held), "what the first would be if everybody guessed",
                              "above what any model can have on other answers")),
    )  # fmt: skip
    people = "people not known" if whole.get("n_persons") is None else f"{whole['n_persons']:,} people"
    caption = (
        f"How well people predict people on {file_label(whole.get('triplets'))}: {whole['n_distinct']:,} triplets "
        f"answered at least twice, {whole['n_answers']:,} answers, {people}; "
        f"{confidence([row for _, row in held]) or 'no intervals'}; least cross-entropy of any model on these answers "
        f"{whole['least_cross_entropy']:.4f} nats."
    )
    return Table(columns, name=numbered("ceilings-table", number), caption=caption)


def _models(given: Sources, one: Loaded, number: int) -> Table:
    rows = one.document["results"]
    first = rows[0]
    columns = [
        Column("Model", tuple(given.label(str(row.get("embeddings") or "embeddings")) for row in rows)),
        field("Measure", rows, "measure", "text", filter=len({row.get("measure") for row in rows}) > 1),
        field("r of shares", rows, "share_pearson", places=3, note="Pearson, of probabilities with shares of answers"),
        field("r of entropies", rows, "entropy_pearson", places=3),
        field("rho of entropies", rows, "entropy_spearman", places=3, note="Spearman"),
        field("Entropy", rows, "model_entropy", places=4, note="nats, mean over triplets"),
        field(
            "KL", rows, "kl", places=4, note="nats, of people's shares from the model's probabilities; less is better"
        ),
        field("JS distance", rows, "js_distance", places=4, note="root of nats; less is better"),
        field("Accuracy", rows, "accuracy", "percent", note="on all answers"),
        field("Of majority", rows, "majority_accuracy", "percent", note="of choosing what most people chose"),
        field("Temperature", rows, "temperature", places=3),
    ]
    caption = (
        f"Models against many people on {file_label(one.document.get('triplets'))}: {first['n_distinct']:,} triplets, "
        f"{first['n_answers']:,} answers; people's mean entropy {first['human_entropy']:.4f} nats, mean majority share "
        f"{100 * first['majority_share']:.1f} %. These figures have no intervals."
    )
    return Table(filled(columns), name=numbered("agreement-table", number), caption=caption, sort=("r of shares", True))


def _by_agreement(given: Sources, one: Loaded, number: int) -> Fold:
    """The same by how far people agree: a row for each model and range."""
    rows = [(result, part) for result in one.document["results"] for part in result["bins"]]
    names = tuple(given.label(str(result.get("embeddings") or "embeddings")) for result, _ in rows)
    parts = [part for _, part in rows]
    columns = [
        Column("Model", names, filter=len(set(names)) > 1),
        Column("Measure", tuple(result.get("measure") for result, _ in rows)),
        field("From", parts, "low", "percent", places=0, note="share of the majority"),
        field("To", parts, "high", "percent", places=0),
        field("Triplets", parts, "n_distinct", "count"),
        field("Majority share", parts, "majority_share", "percent", note="mean"),
        field("Accuracy", parts, "accuracy", "percent"),
        field("Of majority", parts, "majority_accuracy", "percent"),
        field("p of majority", parts, "majority_probability", "percent", note="the model's, of what most people chose"),
    ]
    caption = "By the share of the majority: figures on triplets on which so many people agree."
    return Fold(
        "By how far people agree", (Table(filled(columns), name=numbered("agreement-bins", number), caption=caption),)
    )
