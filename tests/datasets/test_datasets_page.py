"""docs/datasets.md has the table that the registry makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import load_from_tools

from pyalign.datasets import DATASETS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script():
    return load_from_tools("datasets_table")


def test_the_page_is_what_the_registry_says(script):
    page = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert page == script.with_table(page), "python tools/datasets_table.py --write"
    for row in DATASETS.values():
        assert f"| `{row.name}` | " in page and row.license in page and row.citation in page


@pytest.mark.plants
def test_a_page_that_has_fallen_behind_is_seen(script, monkeypatch):
    page = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    monkeypatch.delitem(DATASETS, "sample")
    assert page != script.with_table(page)
