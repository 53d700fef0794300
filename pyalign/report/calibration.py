"""Calibrations: the fitted temperatures with what they bring, and the reliability of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyalign.analysis.calibration.result import Calibration, Calibrations, Divergences, Reliability
from pyalign.report.blocks import PAGE, TEXT, Block, Column, Foot, Rows, Table
from pyalign.report.words import nats_note, one_line, over, short_labels


def calibration_view(result: Calibration | Calibrations, verbose: bool = False) -> list[Block]:
    """A row for each calibration, and a line that says how to read them; of one also its reliability."""
    results = result if isinstance(result, Calibrations) else Calibrations((result,))
    blocks: list[Block] = [calibrations_table(results, _text_labels(results, verbose)), Foot(_notes(results))]
    if len(results) > 1:
        return blocks
    only = results[0]
    divergences = [] if only.divergences is None else [Foot((_divergences_text(only.divergences),))]
    return [*blocks, *divergences, _reliability_table(only.equal_mass)]


def _text_labels(results: Calibrations, verbose: bool) -> list[str]:
    names = [row.embeddings or "x" for row in results]
    shown = {name: one_line(name) for name in names} if verbose else short_labels(names)
    return [row.label or shown[name] for row, name in zip(results, names, strict=True)]


def calibrations_table(results: Calibrations, labels: Sequence[str]) -> Table:
    """A row for each calibration."""
    column = Rows(results.results).column
    several = len(results) > 1
    columns = (
        Column("embeddings", tuple(labels), only=TEXT),
        Column("model", tuple(labels), only=PAGE),
        column("measure", lambda r: r.measure, keep=8, same="measure {}" if several else "", filter=True),
        column("T", lambda r: r.temperature, "number", 4, ci=lambda r: r.temperature_ci, write="{:.5g}".format,
               note="p = softmax(similarity / T), fitted on the other part."),
        column("+-", lambda r: r.standard_error, "number", keep=7, write="{:.2g}".format, only=TEXT),
        column("CE, T = 1", lambda r: r.test.cross_entropy_before, "number", 5, keep=6, note="Cross-entropy, nats."),
        column("CE", lambda r: r.test.cross_entropy, "number", 5, note="Cross-entropy at the fitted T, nats."),
        column("ECE, T = 1", lambda r: r.ece_equal_width_before, "number", 4, keep=4, note="Bins of equal width."),
        column("ECE", lambda r: r.equal_width.ece, "number", 4, note="At the fitted T, bins of equal width."),
        column("ECE, equal mass", lambda r: r.equal_mass.ece, "number", 4, only=PAGE),
        column("accuracy", lambda r: r.test.accuracy, "percent", keep=5),
        column("triplets", lambda r: r.test.n_triplets, "count", keep=3, same="{} triplets", only=TEXT),
        column("answers", lambda r: r.test.n_answers, "count", only=PAGE),
        column("held out", lambda r: r.split or "nothing", filter=True, only=PAGE),
    )  # fmt: skip
    return Table(columns)


@dataclass(frozen=True)
class Bin:
    """The answers with a confidence above `low`, up to `high`: how many, the mean of it, their accuracy."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def bins_of(reliability: Reliability) -> list[Bin]:
    """The bins that are not empty.

    Example:
        >>> bins_of(Reliability((0, 0.5, 1), (0, 4), (None, 0.7), (None, 0.75), 0.05))
        [Bin(low=0.5, high=1, n=4, confidence=0.7, accuracy=0.75)]
    """
    edges = reliability.edges
    columns = zip(
        edges, edges[1:], reliability.count, reliability.confidence, reliability.accuracy, strict=False
    )  # of each bin
    return [
        Bin(low, high, n, confidence, accuracy)
        for low, high, n, confidence, accuracy in columns if n and confidence is not None and accuracy is not None
    ]  # fmt: skip


def _reliability_table(reliability: Reliability) -> Table:
    """A row for each bin that is not empty."""
    bins = bins_of(reliability)
    column, ranges = Rows(bins).column, tuple(f"{one.low:.4f} to {one.high:.4f}" for one in bins)
    columns = (
        Column("confidence", ranges, fit=lambda room: ranges),  # without its beginning a range says nothing
        column("mean", lambda one: one.confidence, "number", 4),
        column("accuracy", lambda one: one.accuracy, "number", 4),
        column("answers", lambda one: one.n, "count"),
    )
    return Table(columns)


def _notes(results: Calibrations) -> tuple[str, ...]:
    first = results[0]
    notes = [f"triplets: {one_line(results.triplets)}"] if results.triplets else []
    if first.split is None:
        notes.append("fitted and reported on the same triplets")
    else:
        share = f"{100 * (first.held_out or 0):g} % of {first.split}"
        notes.append(f"fitted on {first.fit.n_triplets:,} others, reported on held-out {share}")
    if first.answers != "choices":
        notes.append(f"answers: {first.answers}")
    dropped = max(row.n_dropped for row in results)
    if dropped:
        notes.append(f"up to {dropped:,} dropped (NaN)")
    notes.append(f"ties {first.ties}")
    notes += [f"+- over {over(by)}" for by in sorted({row.temperature_ci.by or "" for row in results})]
    return (*notes, f"CE in {nats_note(first.task)}", "ECE of equal widths", f"backend {first.backend}")


def _divergences_text(one: Divergences) -> str:
    return (
        f"to the answers: Jensen-Shannon distance {one.js_distance_before:.5f} -> {one.js_distance:.5f}, "
        f"KL {one.kl_before:.5f} -> {one.kl:.5f} nats, their entropy {one.target_entropy:.5f} nats"
    )
