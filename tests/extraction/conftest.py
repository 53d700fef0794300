"""Makes pictures.py importable, and folders of pictures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))  # last, so that no name here hides a module


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder `p` of 11 pictures of several formats and sizes, one of them deeper; the working folder."""
    image_module = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    (tmp_path / "p" / "deep").mkdir(parents=True)
    for k in range(11):
        height, width = rng.integers(20, 200, 2)
        blocks = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        image = image_module.fromarray(blocks).resize((int(width), int(height)), image_module.Resampling.BICUBIC)
        image.save(tmp_path / "p" / ("deep" if k == 3 else "") / f"{k:02}.{('jpg', 'png', 'webp')[k % 3]}")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "p"


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path_factory, monkeypatch):
    """What sources know is kept in a folder of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
