"""Agreement with many people: a row for each model, and the figures of each by how far people agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyalign.analysis.agreement import Agreement, AgreementBin, Agreements
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Foot, Rows, Table, filled
from pyalign.report.cells import called
from pyalign.report.words import one_line, percent, short_labels


def agreement_view(found: Agreement | Agreements, verbose: bool = False) -> list[Block]:
    """A row for each model, how to read them, and each model's figures by how far people agree."""
    models = found if isinstance(found, Agreements) else Agreements((found,))
    labels = labels_of(models, verbose)
    return [models_table(models, labels), Foot(_notes(models)), *(
        bins_table([(label, row, part) for part in row.bins], f"{label}, {row.measure}, by how far people agree:")
        for row, label in zip(models, labels, strict=True)
    )]  # fmt: skip


def labels_of(models: Agreements, verbose: bool = False, labels: Mapping[str, str] | None = None) -> list[str]:
    """What each model is called; `labels`: those of a page."""
    names = [row.embeddings or "x" for row in models]
    if labels is not None:
        return called([(row.embeddings or "embeddings", row.label) for row in models], labels)
    shown = {name: one_line(name) for name in names} if verbose else short_labels(names)
    return [row.label or shown[name] for row, name in zip(models, names, strict=True)]


def models_table(models: Agreements, labels: Sequence[str]) -> Table:
    """A row for each model."""
    column = Rows(models.results).column
    several = len(models) > 1
    return Table((
        Column("embeddings", tuple(labels), only=TEXT),
        Column("model", tuple(labels), only=PAGE),
        column("measure", lambda r: r.measure, keep=8, same="measure {}" if several else "",
               filter=len({row.measure for row in models}) > 1),
        column("r shares", lambda r: r.share_pearson, "number", 4,
               note="Pearson, of probabilities with shares of answers"),
        column("r entropy", lambda r: r.entropy_pearson, "number", 4, keep=5, note="Pearson, over triplets"),
        column("rho entropy", lambda r: r.entropy_spearman, "number", 4, keep=4, note="Spearman, over triplets"),
        column("entropy", lambda r: r.model_entropy, "number", 5, keep=3, note="nats, mean over triplets"),
        column("KL", lambda r: r.kl, "number", 5, write=_divergence,
               note="nats, of people's shares from the model's probabilities; less is better"),
        column("JS", lambda r: r.js_distance, "number", 5, keep=7, note="distance, root of nats; less is better"),
        column("accuracy", lambda r: r.accuracy, "percent", note="on all answers"),
        column("of majority", lambda r: r.majority_accuracy, "percent", keep=6,
               note="of choosing what most people chose"),
        column("temperature", lambda r: r.temperature, "number", 3, only=PAGE),
    ))  # fmt: skip


def bins_table(rows: Sequence[tuple[str, Agreement, AgreementBin]], title: str = "") -> Table:
    """A row for each range of agreement: the model's label, its figures, and those in the range."""
    column = Rows(rows).column
    columns = (
        column("model", lambda r: r[0], only=PAGE, filter=len({label for label, _, _ in rows}) > 1),
        column("measure", lambda r: r[1].measure, only=PAGE),
        column("majority share", lambda r: f"{100 * r[2].low:.0f} to {100 * r[2].high:.0f} %", only=TEXT),
        column("from", lambda r: r[2].low, "percent", 0, only=PAGE, note="share of the majority"),
        column("to", lambda r: r[2].high, "percent", 0, only=PAGE),
        column("triplets", lambda r: r[2].n_distinct, "count"),
        column("mean", lambda r: r[2].majority_share, "percent", note="majority share"),
        column("accuracy", lambda r: r[2].accuracy, "percent"),
        column("of majority", lambda r: r[2].majority_accuracy, "percent"),
        column("p(majority)", lambda r: r[2].majority_probability, "percent",
               note="the model's, of what most people chose"),
    )  # fmt: skip
    return Table(columns if title else filled(columns), title=title)


def _divergence(value: float) -> str:
    return f"{value:.5f}" if value < 1e5 else f"{value:.3e}"  # at very low temperatures


def _notes(models: Agreements) -> tuple[str, ...]:
    first = models[0]
    dropped = max(row.n_dropped for row in models)
    notes = [f"triplets: {one_line(models.triplets)}"] if models.triplets else []
    notes.append(f"{first.n_distinct:,} with at least {first.min_answers} answers, {first.n_answers:,} answers")
    if dropped:
        notes.append(f"up to {dropped:,} dropped (NaN)")
    return (
        *notes,
        f"people: entropy {first.human_entropy:.5f}, majority share {percent(first.majority_share)}",
        f"T = {first.temperature:g}",
        f"ties {first.ties}",
        "entropy and KL in nats, JS the root of nats",
    )
