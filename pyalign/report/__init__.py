"""How results are shown to people: plain tables, and progress on a terminal."""

from pyalign.report.progress import progress
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
    "columns_table",
    "group_table",
    "one_line",
    "percent",
    "percent_interval",
    "progress",
    "score_table",
    "terminal_width",
]
