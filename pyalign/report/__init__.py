"""How results are shown to people: plain tables, and progress on a terminal."""

from pyalign.report.probes import probe_table, recipe_table
from pyalign.report.progress import ProgressLine, progress
from pyalign.report.tables import (
    columns_table,
    group_table,
    one_line,
    percent,
    percent_interval,
    score_table,
    terminal_width,
)

__all__ = [
    "ProgressLine",
    "columns_table",
    "group_table",
    "one_line",
    "percent",
    "percent_interval",
    "probe_table",
    "progress",
    "recipe_table",
    "score_table",
    "terminal_width",
]
