"""Plans of experiments: what designs are expected to give, and how many participants are enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyalign.report.blocks import Block, Column, Lines, Paragraph, Rows, Table, foot, table
from pyalign.report.words import counted, labels_of, one_line, over_words

if TYPE_CHECKING:
    from pyalign.analysis.experiment import ExperimentPlan, PlannedDesign


def plan_view(plan: ExperimentPlan, verbose: bool = False) -> list[Block]:
    """Every design, the fewest participants that are enough, the chosen design in words, and how to read them."""
    labels = labels_of(plan, verbose)
    difference = f"{100 * plan.difference:.3g}"
    prices = {"object": plan.price_object, "participant": plan.price_subject, "answer": plan.price_answer}
    given = [f"{name} {price:g}" for name, price in prices.items() if price is not None]
    return [
        designs_table(plan.designs),
        *([needed_table(plan.needed)] if plan.needed else []),
        foot(
            f"{plan.figure}{': ' * bool(labels)}{' less '.join(map(one_line, labels.values()))}",
            f"power to find {difference} points, in a two-sided test at {100 * (1 - plan.confidence):.3g}%",
            f"participants for {'an assurance' if plan.power_range else 'a power'} of {100 * plan.target_power:g}%",
            f"intervals over {over_words(plan.ci_by)}",
            "components stated"
            if plan.n_pilot is None
            else f"components of a pilot, {counted(plan.n_pilot, 'answer')}",
            f"prices: {', '.join(given)}" if given else "",
            apart=True,
        ),
        *((Lines(("",)), Paragraph(plan.paragraph)) if plan.chosen is not None else ()),
    ]


def designs_table(designs: Sequence[PlannedDesign], title: str = "") -> Table:
    """A row for each design."""
    return table(*_columns(designs), title=title)


def needed_table(designs: Sequence[PlannedDesign]) -> Table:
    """A row for each number of objects, and of answers, with the participants that are enough."""
    return designs_table(designs, "fewest participants that are enough:")


def _columns(designs: Sequence[PlannedDesign]) -> tuple[Column | None, ...]:
    column = Rows(designs).column
    return (
        column("objects", lambda design: design.n_objects, "count"),
        column("participants", lambda design: design.n_subjects, "count"),
        column("answers each", lambda design: design.answers_per_subject, "count", keep=8),
        column("answers", lambda design: design.n_answers, "count", keep=7),
        column("s.e.", lambda design: design.standard_error, "percent", 2, keep=6),
        column("width", lambda design: design.width, "percent", keep=5, note="Mean width of the interval."),
        column("power", lambda design: design.power, "percent"),
        column("assurance", lambda design: design.assurance, "percent",
               note="Mean power over what the components may be, given the pilot.")
        if any(design.assurance != design.power for design in designs) else None,
        column("cost", lambda design: design.cost, "number", 0)
        if any(design.cost is not None for design in designs) else None,
    )
