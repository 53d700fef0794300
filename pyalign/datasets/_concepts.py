"""The objects of THINGS and their categories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyalign.data import Categories
from pyalign.datasets import _things
from pyalign.datasets._published import column
from pyalign.datasets.places import Place
from pyalign.io.arrays import names_array
from pyalign.io.metadata import load_categories

COLUMNS = {
    "manual": "Top-down Category (manual selection)",
    "wordnet": "Top-down Category (WordNet)",
    "raters": "Bottom-up Category (Human Raters)",
}
names = _things.names


def categories(place: Place, key: str | None = None) -> Categories:
    """Memberships (1854, c): of the 27 categories, or by a column of ``things_concepts.tsv``, whose cells may list
    several, separated by commas."""
    objects = names(place)
    if key in (None, "27"):
        memberships = load_categories(place.file("category27.tsv", "category27_manual.tsv", "category_mat_manual.tsv"))
        if len(memberships.members) != len(objects):
            raise place.bad(f"categories must have {len(objects):,} rows; got {len(memberships.members):,}")
        return replace(memberships, names=objects)
    path = place.file("things_concepts.tsv")
    cells = dict(zip(column(path, "uniqueID"), column(path, COLUMNS[str(key)]), strict=True))
    if set(cells) != set(objects):
        raise place.bad(f"{path.name} must name the objects of unique_id.txt; others are there")
    lists = [[label.strip() for label in cells[name].split(",") if label.strip()] for name in objects]
    labels = tuple(sorted({label for several in lists for label in several}))
    members = np.array([[label in several for label in labels] for several in lists])
    return Categories.of(members, labels, tuple(names_array(objects)))
