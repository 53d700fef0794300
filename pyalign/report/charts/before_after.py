"""Zero-shot against probed, held out; or accuracy before and after a transform: two points of each model, joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyalign.errors import InputError
from pyalign.report.charts._old_scored import Scored, reference, scored
from pyalign.report.charts.accuracy import MOST_ROWS
from pyalign.report.charts.document import called, different, ends, over
from pyalign.report.charts.ranked import Panel, Row, order_of, ranked
from pyalign.report.charts.theme import finished, style_of, width_of
from pyalign.report.tables import one_line

PROBE, SCORE = ("zero-shot", "probed, held out"), ("as they came", "transformed")
MEAN = "mean of the folds"
Document = Mapping[str, Any]
Value = tuple[float | None, float | None, float | None]  # and the ends of its interval


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
    documents: Document | Sequence[Document], *, style: str = "light", width: str = "double", sort: str = "value",
    limit: int | None = None,
) -> Any:  # fmt: skip
    """A row for each model, of one probe for each fold too; what is gained in a column of its own.

    Args:
        documents: of `pyalign probe`; or of `pyalign.score`, which hold models with and without a transform.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        sort: "value": by the accuracy afterwards; "difference", "name", "document".
        limit: at most so many models, from the top; default: 60.

    Raises:
        InputError: documents of both commands, or scores that hold no model with and without a transform.
        MissingExtraError: altair is not installed.
    """
    documents = [documents] if isinstance(documents, Mapping) else list(documents)
    look, points = style_of(style), width_of(width)
    commands = {one["command"] for one in documents}
    if len(commands) > 1:
        raise InputError("a picture of before and after shows results of one command; got probe and score")
    probes = commands == {"probe"}
    pairs = _of_probes(documents) if probes else _of_scores(documents)
    names = PROBE if probes else SCORE
    rows = [Row(one.item, names[1], *one.after, one.n) for one in pairs]
    rows += [Row(one.item, names[0], *one.before, one.n) for one in pairs]
    gains = [Row(one.item, f"{names[1]} - {names[0]}", *one.difference, one.n) for one in pairs]
    order = order_of(rows, "document" if probes and len(documents) == 1 and sort == "value" else sort, gains)
    kept = order[: limit or MOST_ROWS]
    chance = _chance_lines(documents)
    panels = [Panel(_of(rows, kept), "accuracy", ".0%", chance, {}, "model", "triplets", linked=True, counted=False)]
    known = any(row.low is not None for row in gains)
    if known:
        panels.append(Panel(_of(gains, kept), "gain", "+.0%", {"0": 0.0}, {}, "model", "triplets", counted=False))
    chart = ranked(panels, kept, names, look, points, stacked=width == "single")
    title = "Zero-shot and probed accuracy" if probes else "Accuracy before and after the transform"
    return finished(chart, look, points, title, _told(documents, pairs, probes, known, len(kept), len(order)))


def _chance_lines(documents: Sequence[Document]) -> dict[str, float]:
    if documents[0]["command"] == "score":
        return reference(scored(documents), ())[0]
    return {f"chance {100 * one['chance']:.1f} %": one["chance"] for one in documents if one.get("chance") is not None}


def _of(rows: Sequence[Row], kept: Sequence[str]) -> list[Row]:
    return [row for row in rows if row.item in kept]


def probe_names(documents: Sequence[Document]) -> list[str]:
    """What the embeddings of probes are called, all different."""
    names = [(str(one.get("embeddings") or "the embeddings"), one.get("label")) for one in documents]
    return different(called(names))


def _of_probes(documents: Sequence[Document]) -> list[Pair]:
    """A pair each; of one probe the mean, and each of its folds."""
    names = [MEAN] if len(documents) == 1 else probe_names(documents)
    pairs = [
        Pair(name, (one["zero_shot_accuracy"], *ends(one, "zero_shot_interval")),
             (one["accuracy"], *ends(one, "accuracy_interval")), _gain(one, "difference_interval"), None)
        for name, one in zip(names, documents, strict=True)
    ]  # fmt: skip
    if len(documents) > 1:
        return pairs
    none = (None, None)
    return pairs + [
        Pair(f"fold {k + 1}", (fold["zero_shot_accuracy"], *none), (fold["accuracy"], *none),
             (fold["accuracy"] - fold["zero_shot_accuracy"], *none), fold["n_test"])
        for k, fold in enumerate(documents[0]["folds"])
    ]  # fmt: skip


def _gain(one: Mapping[str, Any], name: str) -> Value:
    return (one["accuracy"] - one["zero_shot_accuracy"], *ends(one, name))


def _of_scores(documents: Sequence[Document]) -> list[Pair]:
    """Each model that was scored with a transform and without, by the same measure on the same triplets."""
    entries = [one for one in scored(documents) if one.row.get("accuracy") is not None]
    plain = {_key(one): one for one in entries if not one.after}
    after = [one for one in entries if one.after and (one.name, one.source) in {key[:2] for key in plain}]
    pairs = []
    names = called([(one.name, one.label) for one in after])
    measured = len({one.measure for one in after}) > 1
    names = different(
        [f"{name}, {one_line(str(one.measure))}" if measured else name for name, one in zip(names, after, strict=True)]
    )
    for name, one in zip(names, after, strict=True):
        other = plain.get(_key(one)) or next(plain[key] for key in plain if key[:2] == (one.name, one.source))
        a, b = float(other.row["accuracy"]), float(one.row["accuracy"])
        pairs.append(Pair(name, (a, *ends(other.row)), (b, *ends(one.row)), (b - a, None, None), one.n))
    if not pairs:
        raise InputError(
            "a picture of before and after needs a model that was scored with a transform and without on the same "
            "triplets; got none"
        )
    return pairs


def _key(one: Scored) -> tuple[str, str | None, str | None]:
    return one.name, one.source, one.measure


def _told(
    documents: Sequence[Document], pairs: Sequence[Pair], probes: bool, known: bool, shown: int, total: int
) -> list[str]:
    if not probes:
        counts = sorted({one.n for one in pairs if one.n is not None})
        many = " to ".join(f"{n:,}" for n in dict.fromkeys((counts[0], counts[-1]))) if counts else "The same"
        rows = [one.row for one in scored(documents)]
        told = [f"{many} triplets. {over(rows)}".strip()]
        if any((row.get("in_sample") or {}).get("objects") for row in rows):
            told.append("In-sample, so too high: the transform was fitted to some of these objects.")
        told.append("The gain has no interval here: `pyalign compare` gives one.")
    else:
        first = documents[0]
        tests = [sum(fold["n_test"] for fold in one["folds"]) for one in documents]
        many = " to ".join(f"{n:,}" for n in dict.fromkeys((min(tests), max(tests))))
        folds = " or ".join(str(n) for n in sorted({len(one["folds"]) for one in documents}))
        splits = " or ".join(sorted({str(one["split"]) for one in documents}))
        told = [f"{many} triplets of held-out {splits}, in {folds} folds; none chose anything.",
                over([first], "accuracy_interval")]  # fmt: skip
        told.append("Zero-shot: by cosines of the rows as they came, on the same triplets.")
        if known:
            told.append("Gain: paired over the same triplets.")
        if any(one.before[1] is None for one in pairs):
            told.append("Hollow: the result has no interval of it.")
    if shown < total:
        told.append(f"The first {shown} of {total:,} models.")
    return [one for one in told if one]
