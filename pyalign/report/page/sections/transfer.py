"""Before and after maps: a figure and a table of every set, and the categories of neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from pyalign.map_transfer.transfer_result import Transfer
from pyalign.report.blocks import Figure, Fold, Section, Text
from pyalign.report.charts.differences import transfer_chart
from pyalign.report.neighborhoods import categories_of, overall, sentence_of, transfer_table
from pyalign.report.page.sections._shared import Part, in_both_widths, parts_of_each, section_of, sentence
from pyalign.report.page.sources import Sources
from pyalign.report.words import counted, intervals_over, one_line

LEAD = (
    "A map that is fitted to one kind of judgments can win on it and lose on another. Within categories only triplets "
    "and pairs of objects of one category count."
)


def transfer(sources: Sources) -> Section | None:
    """The parts of each result."""
    return section_of("transfer", "Before and after a map", LEAD, parts_of_each(sources.results(Transfer), _transfer))


def _transfer(result: Transfer) -> Iterator[Part]:
    over = intervals_over(row.ci for row in overall(result)) or "no intervals"
    of = "" if result.embeddings is None else f"{one_line(result.embeddings)}, "
    objects = f"{of}{counted(result.n_objects, 'object')}; {over}."
    change = f"Before and after the map{'s' if len(result.maps) > 1 else ''}"
    if result.notes:
        yield Text(tuple(map(sentence, result.notes)), "note")
    charts = in_both_widths(partial(transfer_chart, result))
    yield Figure("transfer-figure", f"{change}: {objects}", summary=sentence_of(result), **charts)
    yield replace(
        transfer_table(result, overall(result)), name="transfer-table", caption=f"The same figures: {objects}"
    )
    if categories_of(result):
        caption = f"k-NN accuracy of each category, k = {result.k}: {objects}"
        inside = replace(transfer_table(result, categories_of(result)), name="transfer-categories", caption=caption)
        yield Fold("Categories", (inside,))
