"""The data sets that are known by name: a row each, with what a reader should know before using it.

A module of this package reads a data set: a function for each part, ``part(place, key)``, which checks counts, names
and ranges. It is imported when it is asked for.
"""

from __future__ import annotations

from pyalign.datasets import _rows_pairs, _rows_things, _rows_triplets
from pyalign.datasets.row import COMPARED, DESCRIBED, OURS, Remote, Row

__all__ = ["COMPARED", "DATASETS", "DESCRIBED", "OURS", "Remote", "Row"]

DATASETS: dict[str, Row] = {row.name: row for row in (*_rows_things.ROWS, *_rows_pairs.ROWS, *_rows_triplets.ROWS)}
