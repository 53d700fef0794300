"""Probabilities of models and of people: fitted temperatures with what they bring, and agreement with many people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from pyalign.report.blocks import PAGE, TEXT, Block, Column, Rows, Table, foot, table
from pyalign.report.words import (
    Labels, called, different, dropped_note, intervals_over, nats_note, one_line, over, over_text, percent, source_note,
    spread, weighted_text,
)
from pyalign.stats.resampling import Inference

if TYPE_CHECKING:
    from pyalign.analysis.agreement import Agreement, Agreements
    from pyalign.analysis.agreement_figures import AgreementBin
    from pyalign.analysis.calibration.calibration_result import Calibration, Calibrations, Reliability

OF_LAPSES = {"lapse rate": "rate", "temperature": "temperature", "cross-entropy, nats": "cross_entropy",
             "gain of cross-entropy, nats": "gain"}
OF_AGREEMENT = {
    "r shares": "share_pearson", "r entropy": "entropy_pearson", "rho entropy": "entropy_spearman",
    "entropy": "model_entropy", "entropy of people": "human_entropy", "KL": "kl", "JS": "js_distance",
    "accuracy": "accuracy", "accuracy, of majority": "majority_accuracy", "majority share": "majority_share",
}


def calibration_view(
    result: Calibration | Calibrations, verbose: bool = False, labels: Labels | None = None
) -> list[Block]:
    """A row for each calibration, and a line that says how to read them; of one also its reliability."""
    from pyalign.analysis.calibration.calibration_result import Calibrations

    results = result if isinstance(result, Calibrations) else Calibrations((result,))
    first, dropped = results[0], max(row.n_dropped for row in results)
    intervals = [one for row in results for one in (row.temperature.ci, row.test.cross_entropy.ci) if one is not None]
    blocks: list[Block] = [
        _calibrations_table(
            results, _models(results.results, verbose=verbose) if labels is None else names_of(results.results, labels)
        ),
        foot(
            source_note("triplets", results.triplets),
            _how(results),
            "" if first.answers == "choices" else f"answers: {first.answers}",
            f"up to {dropped_note(dropped)}" if dropped else "",
            f"ties {first.ties}",
            *([f"intervals over {over(by)}" for by in sorted({one.by for one in intervals if one.by is not None})]
              if labels is None else [intervals_over(intervals)]),
            f"CE in {nats_note(first.task)}",
            "ECE of equal widths",
            ""
            if first.equal_width.ece_floor is None
            else "floor: its mean if the probabilities were right; debiased: root of ECE^2 - floor^2",
            weighted_text(first.effective_answers),
            f"backend {first.backend}",
        ),
    ]
    if len(results) > 1:
        return blocks
    blocks.append(_figures_table(first))
    if first.lapses is not None:
        blocks.append(_figures_of(first.lapses, OF_LAPSES, "with lapses", "fitted"))
    if (brier := first.equal_mass.brier) is not None:
        blocks.append(foot(
            f"Brier score of confidence {brier.score:.5f} = reliability {brier.reliability:.5f} - resolution "
            f"{brier.resolution:.5f} + uncertainty {brier.uncertainty:.5f} + variance within bins "
            f"{brier.within_bin_variance:.5f} - covariance within bins {brier.within_bin_covariance:.5f}, by bin:"
        ))
    return [*blocks, _reliability_table(first.equal_mass)]


def _how(results: Calibrations) -> str:
    """Which answers temperatures are from, and those of which they are reported."""
    held_out = "held out: each at the T of those "
    reported = {None: "reported on the same", "triplets": f"{held_out}to other triplets"}
    each = dict.fromkeys(reported.get(row.split, f"{held_out}that share no object with it") for row in results)
    return f"T from all {spread(row.fit.n_answers for row in results)} answers; {' or '.join(each)}"


def _reliability_table(reliability: Reliability) -> Table:
    bins = bins_of(reliability)
    column, ranges = Rows(bins).column, tuple(f"{100 * binned.low:.1f} to {100 * binned.high:.1f}%" for binned in bins)
    return table(
        Column("confidence", ranges, fit=lambda room: ranges),  # without its beginning a range says nothing
        column("mean", "confidence", "percent"),
        column("accuracy", "accuracy", "percent"),
        column("answers", "n", "count"),
    )


def _figures_table(calibration: Calibration) -> Table:
    """Each figure of the reported part, a row each, with its interval."""
    test, distances, brier = calibration.test, calibration.divergences, calibration.equal_mass.brier
    debiased = ((f"ECE debiased, equal {name}", None, reliability.ece_debiased) for name, reliability in (
        ("widths", calibration.equal_width), ("mass", calibration.equal_mass)) if reliability.ece_debiased is not None)
    rows = [
        ("temperature", None, calibration.temperature),
        ("cross-entropy, nats", test.cross_entropy_before, test.cross_entropy),
        ("accuracy", None, test.accuracy),
        ("ECE, equal widths", calibration.ece_equal_width_before, calibration.equal_width.ece),
        ("ECE, equal mass", calibration.ece_equal_mass_before, calibration.equal_mass.ece),
        *debiased,
        *([] if distances is None else [
            ("entropy of answers, nats", None, distances.target_entropy),
            ("KL, nats", distances.kl_before, distances.kl),
            ("Jensen-Shannon distance", distances.js_distance_before, distances.js_distance),
        ]),
        *([] if brier is None else [("Brier score", None, brier.score)]),
    ]
    column = Rows(rows).column
    return table(
        column("figure", "0"),
        column("T = 1", "1", "number", 5, ends=""),
        column("fitted T", "2", "number", 5),
    )


def _measure_column(rows: Sequence[Calibration | Agreement], filter: bool) -> Column:
    """The column of the embeddings' measure, which choices have none of."""
    return Rows(rows).column("measure", "measure", keep=8, same="measure {}" * (len(rows) > 1),
                             filter=filter, optional=True)


def names_of(rows: Sequence[Calibration | Agreement], labels: Labels | None = None) -> list[str]:
    """What rows are called: the model, and the measure where there are several; `labels`: those of a page."""
    names = _models(rows, labels)
    if len({row.measure for row in rows}) > 1:
        names = [
            f"{name}, {one_line(row.measure)}" if row.measure else name for name, row in zip(names, rows, strict=True)
        ]
    return different(names)


def _models(rows: Sequence[Calibration | Agreement], labels: Labels | None = None, verbose: bool = False) -> list[str]:
    return called([(row.embeddings or "embeddings", row.label) for row in rows], labels, verbose)


def _calibrations_table(results: Calibrations, labels: Sequence[str]) -> Table:
    """A row for each calibration."""
    column = Rows(results.results, "" if all(row.temperature.ci is None for row in results) else "interval").column
    plain = partial(column, ends="", optional=True)
    of_few = (
        plain("lapse rate", "lapses.rate", "percent", keep=6, keep_ends=1,
              note="Share of answers that are guesses, fitted with a temperature."),
        plain("T, lapses", "lapses.temperature", "digits", 5, only=PAGE,
              note="The temperature of the answers that are no guesses."),
        plain("CE, lapses", "lapses.cross_entropy", "number", 5, only=PAGE, note="Cross-entropy with lapses, nats."),
        plain("gain", "lapses.gain", "number", 5, only=PAGE, note="By how many nats lapses lower the cross-entropy."),
        plain("Brier score", "equal_mass.brier.score", "number", 4, only=PAGE,
              note="Mean square of confidence less the credit of the answer."),
        plain("KL", "divergences.kl", "number", 4, only=PAGE,
              note="Nats, of people's shares from the model's probabilities."),
        plain("JS", "divergences.js_distance", "number", 4, only=PAGE, note="Jensen-Shannon distance, root of nats."),
    )
    return table(
        Column("embeddings", tuple(labels), only=TEXT),
        Column("model", tuple(labels), only=PAGE),
        _measure_column(results.results, filter=True),
        column("T", "temperature", "digits", 5, keep_ends=1,
               note="p = softmax(similarity / T), fitted to all answers."),
        None if all(row.temperature.ci is None for row in results)
        else column("+-", "standard_error", "digits", 2, keep=7, only=TEXT),
        column("CE, T = 1", "test.cross_entropy_before", "number", 5, keep=6, ends="", note="Cross-entropy, nats."),
        column("CE", "test.cross_entropy", "number", 5, keep_ends=2,
               note="Cross-entropy of held-out answers at the fitted T, nats."),
        column("ECE, T = 1", "ece_equal_width_before", "number", 4, keep=4, note="Bins of equal width."),
        column("ECE", "equal_width.ece", "number", 4, note="At the fitted T, bins of equal width."),
        column("floor", "equal_width.ece_floor", "number", 4, keep=8,
               note="What ECE would be on average if the probabilities were right."),
        column("debiased", "equal_width.ece_debiased", "number", 4, keep=7, keep_ends=1,
               note="Root of ECE^2 - floor^2; below 0 where ECE is below the floor."),
        column("ECE, equal mass", "equal_mass.ece", "number", 4, only=PAGE),
        *of_few,
        column("accuracy", "test.accuracy", "percent", keep=5, keep_ends=1),
        column("triplets", "test.n_triplets", "count", keep=3, same="{} triplets", only=TEXT),
        column("answers", "test.n_answers", "count", only=PAGE),
        column("held out", lambda r: r.split or "nothing", filter=True, only=PAGE),
    ).on_page("reliability-table", "expected calibration error (ECE) of each model", "ECE", ascending=True)


class Bin(NamedTuple):
    """The answers with a confidence above `low`, up to `high`: how many, the mean of it, their accuracy."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def bins_of(reliability: Reliability) -> list[Bin]:
    """The bins that are not empty.

    Example:
        >>> from pyalign.analysis.calibration.calibration_result import Reliability
        >>> bins_of(Reliability((0, 0.5, 1), (0, 4), (None, 0.7), (None, 0.75), 0.05))
        [Bin(low=0.5, high=1, n=4, confidence=0.7, accuracy=0.75)]
    """
    of, edges = reliability, reliability.edges
    rows: list[Any] = [*zip(edges, edges[1:], of.count, of.confidence, of.accuracy, strict=False)]
    return [Bin(*row) for row in rows if row[2] and None not in row]


# Agreement with many people


def agreement_view(
    agreement: Agreement | Agreements, verbose: bool = False, labels: Labels | None = None
) -> list[Block]:
    """A row for each model, how to read them, and each model's figures by how far people agree."""
    from pyalign.analysis.agreement import Agreements

    models = agreement if isinstance(agreement, Agreements) else Agreements((agreement,))
    names = _models(models.results, labels, verbose)
    first, dropped = models[0], max(row.n_dropped for row in models)
    temperatures = [row.temperature for row in models if row.temperature is not None]
    by = next(filter(None, (row.accuracy.ci for row in models)), None)
    every = [(name, row, part) for row, name in zip(models, names, strict=True) for part in row.bins]
    return [
        _models_table(models, names),
        _bins_table(every, "by the share of the majority: triplets on which so many people agree").on_page(
            "agreement-bins", fold="By how far people agree", only=PAGE
        ),
        foot(
            source_note("triplets", models.triplets),
            f"{first.n_distinct:,} with at least {first.min_answers} answers, {first.n_answers:,} answers",
            f"up to {dropped_note(dropped)}" if dropped else "",
            f"people: entropy {first.human_entropy:.5f}, majority share {percent(first.majority_share)}",
            f"T = {temperatures[0]:g}" if temperatures else "",
            f"ties {first.ties}",
            "" if by is None else over_text(Inference(by.by, by.method)),
            "entropy and KL in nats, JS the root of nats",
        ),
        *([_figures_of(first, OF_AGREEMENT)] if len(models) == 1 else []),
        *(_bins_table([(name, row, part) for part in row.bins],
                      f"{', '.join(filter(None, (name, row.measure)))}, by how far people agree:")
          for row, name in zip(models, names, strict=True)),
    ]


def _figures_of(row: Any, figures: Mapping[str, str], first: str = "figure", second: str = "value") -> Table:
    """Each of these figures, a row each, with its interval; `figures`: what it is called, and its field."""
    column = Rows([(name, getattr(row, field)) for name, field in figures.items()]).column
    return table(column(first, "0"), column(second, "1", "number", 5))


def _models_table(models: Agreements, labels: Sequence[str]) -> Table:
    """A row for each model."""
    column = Rows(models.results).column
    return table(
        Column("embeddings", tuple(labels), only=TEXT),
        Column("model", tuple(labels), only=PAGE),
        _measure_column(models.results, filter=len({row.measure for row in models}) > 1),
        column("r shares", "share_pearson", "number", 4, keep_ends=2,
               note="Pearson, of probabilities with shares of answers"),
        column("r entropy", "entropy_pearson", "number", 4, keep=5, keep_ends=1, note="Pearson, over triplets"),
        column("rho entropy", "entropy_spearman", "number", 4, keep=4, keep_ends=1, note="Spearman, over triplets"),
        column("entropy", "model_entropy", "number", 5, keep=3, keep_ends=1, note="nats, mean over triplets"),
        column("KL", "kl", "number", 5, keep_ends=1,
               write=lambda kl: f"{kl:.5f}" if kl < 1e5 else f"{kl:.3e}",  # at very low temperatures
               note="nats, of people's shares from the model's probabilities; less is better"),
        column("JS", "js_distance", "number", 5, keep=7, keep_ends=1, note="distance, root of nats; less is better"),
        column("accuracy", "accuracy", "percent", keep_ends=3, note="on all answers"),
        column("of majority", "majority_accuracy", "percent", keep=6, keep_ends=1,
               note="of choosing what most people chose"),
        column("temperature", "temperature", "digits", 4, only=PAGE),
    ).on_page("agreement-table", "models against many people", "r shares")


def _bins_table(rows: Sequence[tuple[str, Agreement, AgreementBin]], title: str = "") -> Table:
    """A row for each range of agreement: the model's label, its figures, and those in the range."""
    column = Rows(rows).column
    return table(
        column("model", "0", only=PAGE, filter=len({label for label, _, _ in rows}) > 1),
        column("measure", "1.measure", only=PAGE),
        column("majority share", lambda r: f"{100 * r[2].low:.0f} to {100 * r[2].high:.0f}%", only=TEXT),
        column("from", "2.low", "percent", 0, only=PAGE, note="share of the majority"),
        column("to", "2.high", "percent", 0, only=PAGE),
        column("triplets", "2.n_distinct", "count"),
        column("mean", "2.majority_share", "percent", keep_ends=1, note="majority share"),
        column("accuracy", "2.accuracy", "percent", keep_ends=3),
        column("of majority", "2.majority_accuracy", "percent", keep_ends=1),
        column("p(majority)", "2.majority_probability", "percent", keep_ends=1,
               note="the model's, of what most people chose"),
        title=title,
    )
