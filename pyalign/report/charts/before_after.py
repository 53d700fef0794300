"""Zero-shot against probed, held out; or accuracy before and after a transform: two points of each model, joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyalign.analysis.accuracy import Score
from pyalign.analysis.score import Scores
from pyalign.errors import InputError
from pyalign.probing.validated import ProbeCrossValidation
from pyalign.report.charts.accuracy import MOST_ROWS, ends, reference
from pyalign.report.charts.data import known
from pyalign.report.charts.ranked import Panel, Row, order_of, ranked
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.scored import Scored, scored_of
from pyalign.report.words import bars_text, called, different, one_line

PROBE, SCORE = ("zero-shot", "probed, held out"), ("as they came", "transformed")
MEAN = "mean of the folds"
Value = tuple[float | None, float | None, float | None]  # and the ends of its interval
Probes = Sequence[ProbeCrossValidation]


@dataclass(frozen=True)
class Pair:
    """Two accuracies of one model on the same triplets, and their difference.

    Attributes:
        item: what it is called.
        before, after, difference: value and ends of its interval, None where there is none.
        n: triplets, or None.
    """

    item: str
    before: Value
    after: Value
    difference: Value
    n: int | None


def before_after_chart(
    results: ProbeCrossValidation | Scores | Score | Sequence[ProbeCrossValidation | Scores | Score], *,
    style: str = "light", width: str = "double", sort: str = "value", limit: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """A row for each model, of one probe for each fold too; what is gained in a column of its own.

    Args:
        results: of `pyalign.cross_validate_probe`; or of `pyalign.score`, which hold models with and without a
            transform; one or several.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: "value": by the accuracy afterwards; "difference", "name", "document".
        limit: at most so many models, from the top; default: 60.
        labels: of models, in place of their own.

    Raises:
        InputError: results of both kinds, or scores that hold no model with and without a transform.
        MissingExtraError: altair is not installed.
    """
    results = [results] if isinstance(results, ProbeCrossValidation | Scores | Score) else list(results)
    look, points = style_of(style), width_of(width)
    probes = [one for one in results if isinstance(one, ProbeCrossValidation)]
    if probes and len(probes) < len(results):
        raise InputError("a picture of before and after shows results of one command; got probe and score")
    entries = [] if probes else [entry for one in results for entry in scored_of(one)]
    pairs = _of_probes(probes, labels) if probes else _of_scores(entries, labels)
    names = PROBE if probes else SCORE
    rows = [Row(one.item, names[1], *one.after, one.n) for one in pairs]
    rows += [Row(one.item, names[0], *one.before, one.n) for one in pairs]
    gains = [Row(one.item, f"{names[1]} - {names[0]}", *one.difference, one.n) for one in pairs]
    order = order_of(rows, "document" if len(probes) == 1 and sort == "value" else sort, gains)
    kept = order[: limit or MOST_ROWS]
    chance = {f"chance {100 * one.chance:.1f} %": one.chance for one in probes} or reference(entries)[0]
    panels = [Panel(_of(rows, kept), "accuracy", ".0%", chance, {}, "model", "triplets", linked=True, counted=False)]
    has_intervals = any(row.low is not None for row in gains)
    if has_intervals:
        panels.append(Panel(_of(gains, kept), "gain", "+.0%", {"0": 0.0}, {}, "model", "triplets", counted=False))
    chart = ranked(panels, kept, names, look, points, stacked=width == "single")
    title = "Zero-shot and probed accuracy" if probes else "Accuracy before and after the transform"
    lines = _probe_lines(probes, pairs, has_intervals) if probes else _score_lines(entries, pairs)
    if len(kept) < len(order):
        lines.append(f"The first {len(kept)} of {len(order):,} models.")
    return finished(chart, look, points, title, [line for line in lines if line])


def _of(rows: Sequence[Row], kept: Sequence[str]) -> list[Row]:
    return [row for row in rows if row.item in kept]


def probe_names(results: Probes, labels: Mapping[str, str] | None = None) -> list[str]:
    """What the embeddings of probes are called, all different; `labels`: those of a page."""
    return different(called([(one.embeddings or "the embeddings", None) for one in results], labels))


def _of_probes(results: Probes, labels: Mapping[str, str] | None) -> list[Pair]:
    """A pair each; of one probe the mean, and each of its folds."""
    names = [MEAN] if len(results) == 1 else probe_names(results, labels)
    pairs = [
        Pair(name, (known(one.zero_shot_accuracy), *ends(one.zero_shot_interval)),
             (known(one.accuracy), *ends(one.accuracy_interval)),
             (known(one.difference), *ends(one.difference_interval)), None)
        for name, one in zip(names, results, strict=True)
    ]  # fmt: skip
    if len(results) > 1:
        return pairs
    none = (None, None)
    return pairs + [
        Pair(f"fold {k + 1}", (known(fold.zero_shot_accuracy), *none), (known(fold.accuracy), *none),
             (known(fold.accuracy - fold.zero_shot_accuracy), *none), fold.n_test)
        for k, fold in enumerate(results[0].folds)
    ]  # fmt: skip


def _of_scores(entries: Sequence[Scored], labels: Mapping[str, str] | None) -> list[Pair]:
    """Each model that was scored with a transform and without, by the same measure on the same triplets."""
    accuracies = [(one, one.accuracy) for one in entries if one.accuracy is not None]
    plain = {(one.name, one.triplets, one.measure): (one, a) for one, a in accuracies if one.transform is None}
    before_of = {key[:2]: pair for key, pair in reversed(plain.items())}  # the first, by whichever measure
    after = [(one, b) for one, b in accuracies if one.transform is not None and (one.name, one.triplets) in before_of]
    names = called([(one.name, one.label) for one, _ in after], labels)
    if len({one.measure for one, _ in after}) > 1:
        names = [f"{name}, {one_line(str(one.measure))}" for name, (one, _) in zip(names, after, strict=True)]
    pairs = []
    for name, (one, b) in zip(different(names), after, strict=True):
        key = one.name, one.triplets
        other, a = plain.get((*key, one.measure)) or before_of[key]
        pairs.append(Pair(name, (a, *ends(other.ci)), (b, *ends(one.ci)), (b - a, None, None), one.n))
    if not pairs:
        raise InputError(
            "a picture of before and after needs a model that was scored with a transform and without on the same "
            "triplets; got none"
        )
    return pairs


def _score_lines(entries: Sequence[Scored], pairs: Sequence[Pair]) -> list[str]:
    counts = [one.n for one in pairs if one.n is not None]
    many = _spread(counts) if counts else "The same"
    lines = [f"{many} triplets. {bars_text(one.ci for one in entries)}".strip()]
    if any(one.in_sample for one in entries):
        lines.append("In-sample, so too high: the transform was fitted to some of these objects.")
    return [*lines, "The gain has no interval here: `pyalign compare` gives one."]


def _probe_lines(results: Probes, pairs: Sequence[Pair], has_intervals: bool) -> list[str]:
    folds = " or ".join(str(n) for n in sorted({len(one.folds) for one in results}))
    splits = " or ".join(sorted({one.split for one in results}))
    lines = [
        f"{_spread([sum(fold.n_test for fold in one.folds) for one in results])} triplets of held-out {splits}, in "
        f"{folds} folds; none chose anything.",
        bars_text([results[0].accuracy_interval]),
        "Zero-shot: by cosines of the rows as they came, on the same triplets.",
    ]
    if has_intervals:
        lines.append("Gain: paired over the same triplets.")
    if any(one.before[1] is None for one in pairs):
        lines.append("Hollow: the result has no interval of it.")
    return lines


def _spread(counts: Sequence[int]) -> str:
    """The least to the largest."""
    return " to ".join(f"{n:,}" for n in dict.fromkeys((min(counts), max(counts))))
