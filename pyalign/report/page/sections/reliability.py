"""Whether choice probabilities are what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pyalign.analysis.calibration.result import Calibration, Calibrations
from pyalign.report.blocks import Figure, Section, Table
from pyalign.report.calibration import calibrations_table
from pyalign.report.cells import counted, intervals_over, over_words
from pyalign.report.charts.ranked import MOST_MODELS
from pyalign.report.charts.scatter import names_of, reliability_chart
from pyalign.report.page.sections._shared import figure, numbered
from pyalign.report.page.sections._triplets import triplet_sets
from pyalign.report.page.sources import Sources

LEAD = (
    "How often a model's choice is people's, by the probability that the model gives to it, at the temperature "
    "that fits people's answers best."
)


def reliability(sources: Sources) -> Section | None:
    """A diagram for each result of calibrations, and a row for each model."""
    sets = triplet_sets(sources)
    loaded = sources.loaded(Calibrations)
    parts: list[Figure | Table] = [
        _figure(one.result, k, sets.label(sets.of(one)), sources.labels) for k, one in enumerate(loaded)
    ]
    for k, number in enumerate(dict.fromkeys(map(sets.of, loaded))):
        rows = tuple(row for one in loaded if sets.of(one) == number for row in one.result)
        name = numbered("reliability-table", k)
        parts.append(_table(Calibrations(rows), name, sets.label(number), sources.labels))
    return Section("reliability", "Reliability of probabilities", LEAD, tuple(parts)) if parts else None


def _caption(rows: Sequence[Calibration], triplets: str) -> str:
    tests = sorted({row.test.n_answers for row in rows})
    n = f"{tests[0]:,}" if len(tests) == 1 else f"{tests[0]:,} to {tests[-1]:,}"
    where = " or ".join(
        dict.fromkeys(
            f"about held-out {over_words(row.split)}" if row.split else "that the temperature was fitted to (in-sample)"
            for row in rows
        )
    )
    return f"Confidence and accuracy on {n} answers of {triplets} {where}"


def _figure(results: Calibrations, k: int, triplets: str, labels: Mapping[str, str]) -> Figure:
    rows, names = results.results, names_of(results.results, labels)
    caption = f"{_caption(rows, triplets)}; each point is a bin of about as many answers."
    if len(rows) > MOST_MODELS:
        caption += f" The first {MOST_MODELS} of {len(rows)} models."
    errors = [row.equal_mass.ece for row in rows]
    low, high = (errors.index(pick(errors)) for pick in (min, max))
    summary = (
        f"At the fitted temperature the expected calibration error is least for {names[low]}, {errors[low]:.3f} (at "
        f"T = 1 {rows[low].ece_equal_mass_before:.3f})"
    )
    if len(rows) > 1:
        summary += f", and largest for {names[high]}, {errors[high]:.3f}"
    chart = reliability_chart(results, labels=labels)
    return figure(numbered("reliability-figure", k), caption, chart, f"{summary}.")


def _table(results: Calibrations, name: str, triplets: str, labels: Mapping[str, str]) -> Table:
    intervals = intervals_over(row.temperature_ci for row in results)
    temperatures = f"temperatures with {intervals}" if intervals else "no intervals"
    caption = (
        f"Expected calibration error (ECE) of {counted(len(results), 'model')}. {_caption(results.results, triplets)}; "
        f"{temperatures}."
    )
    table = calibrations_table(results, names_of(results.results, labels))
    return replace(table, name=name, caption=caption, sort=("ECE", False))
