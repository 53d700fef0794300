from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("torch")
pytest.importorskip("timm")


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder `p` of 11 pictures of several formats and sizes, one of them deeper; the working folder."""
    from PIL import Image

    rng = np.random.default_rng(0)
    (tmp_path / "p" / "deep").mkdir(parents=True)
    for k in range(11):
        height, width = rng.integers(20, 200, 2)
        blocks = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        image = Image.fromarray(blocks).resize((int(width), int(height)), Image.Resampling.BICUBIC)
        image.save(tmp_path / "p" / ("deep" if k == 3 else "") / f"{k:02}.{('jpg', 'png', 'webp')[k % 3]}")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "p"
