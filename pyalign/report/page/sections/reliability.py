"""Whether choice probabilities are what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.report.blocks import Column, Figure, Section, Table
from pyalign.report.cells import counted
from pyalign.report.charts import chart
from pyalign.report.charts.ranked import MOST_MODELS
from pyalign.report.charts.reliability import calibrations, names_of
from pyalign.report.page.sections._drawn import column, figure, numbered, over, relabelled
from pyalign.report.page.sections._rows import confidence
from pyalign.report.page.sections._triplets import triplet_sets
from pyalign.report.page.sources import Sources

Entry = Mapping[str, Any]


def reliability(given: Sources) -> Section | None:
    """A diagram for each document of `pyalign calibrate`, and a row for each model."""
    sets = triplet_sets(given)
    found = given.of("calibrate")
    if not found:
        return None
    parts: list[Figure | Table] = [
        _figure(relabelled(one, given), k, sets.label(sets.of(one))) for k, one in enumerate(found)
    ]
    for k, number in enumerate(dict.fromkeys(map(sets.of, found))):
        held = [relabelled(one, given) for one in found if sets.of(one) == number]
        parts.append(_table(calibrations(held), numbered("reliability-table", k), sets.label(number)))
    lead = (
        "How often a model's choice is people's, by the probability that the model gives to it, at the temperature "
        "that fits people's answers best."
    )
    return Section("reliability", "Reliability of probabilities", lead, tuple(parts))


def _caption(entries: Sequence[Entry], triplets: str) -> str:
    tests = sorted({one["test"]["n_answers"] for one in entries})
    n = f"{tests[0]:,}" if len(tests) == 1 else f"{tests[0]:,} to {tests[-1]:,}"
    where = " or ".join(
        dict.fromkeys(
            f"about held-out {over(one['split'])}" if one["split"] else "that the temperature was fitted to (in-sample)"
            for one in entries
        )
    )
    return f"Confidence and accuracy on {n} answers of {triplets} {where}"


def _figure(document: Mapping[str, Any], k: int, triplets: str) -> Figure:
    entries = calibrations([document])
    names = names_of(entries)
    caption = f"{_caption(entries, triplets)}; each point is a bin of about as many answers."
    if len(entries) > MOST_MODELS:
        caption += f" The first {MOST_MODELS} of {len(entries)} models."
    errors = [one["equal_mass"]["ece"] for one in entries]
    low, high = (errors.index(pick(errors)) for pick in (min, max))
    told = (
        f"At the fitted temperature the expected calibration error is least for {names[low]}, {errors[low]:.3f} (at "
        f"T = 1 {entries[low]['ece_equal_mass_before']:.3f})"
    )
    if len(entries) > 1:
        told += f", and largest for {names[high]}, {errors[high]:.3f}"
    return figure(numbered("reliability-figure", k), caption, chart(document, "reliability"), f"{told}.")


def _table(entries: Sequence[Entry], name: str, triplets: str) -> Table:
    rows = [
        {**one, "ece": one["equal_width"]["ece"], "ece_mass": one["equal_mass"]["ece"],
         **{f"test_{name}": value for name, value in one["test"].items()}, "split": one["split"] or "nothing"}
        for one in entries
    ]  # fmt: skip
    bars = confidence(entries, "temperature_ci")
    columns = (
        Column("model", tuple(names_of(entries))),
        column("measure", rows, "measure", "text", filter=True),
        column("temperature", rows, "temperature", ci="temperature_ci", places=4,
               note="p = softmax(similarity / temperature), fitted on the other part."),
        column("ECE at T = 1", rows, "ece_equal_width_before", places=4, note="Bins of equal width."),
        column("ECE", rows, "ece", places=4, note="At the fitted temperature, bins of equal width."),
        column("ECE, equal mass", rows, "ece_mass", places=4),
        column("cross-entropy at T = 1", rows, "test_cross_entropy_before", places=4, note="Nats."),
        column("cross-entropy", rows, "test_cross_entropy", places=4, note="Nats."),
        column("accuracy", rows, "test_accuracy", "percent"),
        column("answers", rows, "test_n_answers", "count"),
        column("held out", rows, "split", "text", filter=True),
    )  # fmt: skip
    told = f"temperatures with {bars}" if bars else "no intervals"
    caption = (
        f"Expected calibration error (ECE) of {counted(len(rows), 'model')}. {_caption(entries, triplets)}; {told}."
    )
    return Table(columns, name=name, caption=caption, sort=("ECE", False))
