"""What tests of extractions share: the bytes of a folder, another processor, a picture that changes under its name."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

OTHER = "ATEN_CPU_CAPABILITY=other"


def files(folder):
    """The bytes of a finished folder; of the manifest all but times and the name of the folder."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    document = json.loads(found.pop("manifest.json"))
    for key in ("seconds", "items_per_second"):
        document.pop(key)
    document["provenance"].pop("time")
    assert os.path.basename(document["provenance"]["options"].pop("out")) == folder.name
    return found, document


def repaint(folder, k, seed):
    """Another picture under the name of one, of the same size and the same time of change."""
    path = folder / f"{k:02}.bmp"
    before = path.stat() if path.exists() else None
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    pytest.importorskip("PIL.Image").fromarray(pixels).save(path)
    if before is not None:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size
