"""A root of data sets of its own for each test, and names of 1,854 objects with every trap of the real ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pyalign.datasets.registry import DATASETS, Remote, Row

sys.path.append(str(Path(__file__).parent))  # archives.py, file_server.py
from file_server import BODY, SHA, serving

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


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def impatient(monkeypatch):
    """Nothing is waited for, and no proxy is asked."""
    monkeypatch.setattr("pyalign.datasets.download.TIMEOUT", 0.4)
    monkeypatch.setattr("pyalign.datasets.download.WAIT", 0.0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def row(server, root, monkeypatch):
    """``row(hash, unpack)``: a data set "mine" of one file on the server, which is registered while the test runs."""

    def register(hash=f"sha256:{SHA}", file="x.bin", body=BODY, unpack=False):
        server.files[f"/{file}"] = body
        known = Row("mine", "a test", "_sample", {"names": ()}, "nowhere", "none", "none", (("x.bin", "bytes"),),
                    files=(Remote(file, f"{server.address}/{file}", hash, unpack),))
        monkeypatch.setitem(DATASETS, "mine", known)
        return root / "mine"

    return register
