"""A root of data sets of its own for each test, and names of 1,854 objects with every trap of the real ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # archives.py, file_server.py

TRAPS = ["camera_lens", "camera1", "camera2", "hot_chocolate", "hot_tub", "hot-air_balloon", "air_mattress", "airbag"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The folder that PYALIGN_DATA names."""
    folder = tmp_path / "root"
    monkeypatch.setenv("PYALIGN_DATA", str(folder))
    return folder


@pytest.fixture
def objects():
    """1,854 names, in an order that is none of plain text."""
    return (*TRAPS, *(f"thing_{k:04}" for k in range(1854 - len(TRAPS))))


@pytest.fixture
def things(root, objects):
    """The folder of `dataset:things`, with its names."""
    folder = root / "things"
    folder.mkdir(parents=True)
    (folder / "unique_id.txt").write_text("".join(f"{name}\n" for name in objects))
    return folder
