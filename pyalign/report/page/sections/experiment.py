"""Plans of experiments: power over designs, and how many participants are enough."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pyalign.analysis.experiment import ExperimentPlan
from pyalign.report.blocks import Fold, Section, Text
from pyalign.report.charts.differences import power_chart
from pyalign.report.comparison import designs_table
from pyalign.report.page.sections._shared import Part, figure, parts_of_each, section_of
from pyalign.report.page.sources import Sources

LEAD = (
    "How many objects, participants and answers a study needs. Standard errors, intervals and power follow from the "
    "variance components of a pilot: how much objects, participants and both account for."
)
CAPTION = "Standard error, mean width of the interval, and power, as they are expected."


def experiment(sources: Sources) -> Section | None:
    """For each plan its picture, the designs that are enough, all designs, and a paragraph for a preregistration."""
    return section_of("experiment", "Planned experiments", LEAD, parts_of_each(sources.results(ExperimentPlan), _plan))


def _plan(plan: ExperimentPlan) -> Iterator[Part]:
    summary = f"Power along participants, a line for each number of objects, for {len(plan.designs):,} designs."
    yield figure("power", f"Power: {plan.figure}.", partial(power_chart, plan), summary)
    if plan.needed:
        caption = f"The fewest participants for a power of {100 * plan.target_power:g}%. {CAPTION}"
        yield designs_table(plan.needed).on_page("experiment-needed", caption)
    if plan.paragraph:
        yield Text((plan.paragraph,))
    yield Fold("All designs", (designs_table(plan.designs).on_page("experiment-designs", CAPTION),))
