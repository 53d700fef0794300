"""Makes pictures.py importable, folders of pictures, and folders of models with code in them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pyalign.errors import InputError

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


@pytest.fixture
def damaged(pictures):
    (pictures / "04.png").unlink()
    (pictures / "04.jpg").write_bytes(b"junk")
    return pictures


@pytest.fixture
def bitmaps(tmp_path, monkeypatch):
    """A folder `p` of 6 uncompressed pictures: others have the same sizes."""
    from extracted import repaint

    (tmp_path / "p").mkdir()
    monkeypatch.chdir(tmp_path)
    for k in range(6):
        repaint(tmp_path / "p", k, k)
    return tmp_path / "p"


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path_factory, monkeypatch):
    """What sources know is kept in a folder of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def pytest_collection_modifyitems(items):
    """Tests of hostile folders are found by a marker."""
    for item in items:
        if "hostile" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.hostile)


class Hostile:
    """Makes a model's folder hostile: ``evil.py`` and `pickle` leave a mark where they are run.

    mark: the file that is there once anything has run. answers: the "y" on stdin, for whoever asks.
    """

    def __init__(self, mark, answers, found):
        self.mark, self.answers, self._found = mark, answers, found
        self.code = f"from pathlib import Path\nPath({str(mark)!r}).write_text('evil')\n"

    def __reduce__(self):
        return Path.write_text, (self.mark, "a pickle")

    def add(self, folder, **files):
        """``evil.py``, and changes of JSON files by name: ``config={"auto_map": ...}``; None takes a key away."""
        self._found(folder)
        (folder / "evil.py").write_text(self.code + "class Evil: pass\nclass Evil2(Evil): pass\n")
        for name, changes in files.items():
            path = folder / f"{name}.json"
            held = json.loads(path.read_text()) if path.exists() else {}
            if isinstance(changes, dict):
                changes = {key: value for key, value in {**held, **changes}.items() if value is not None}
            path.write_text(json.dumps(changes))
        return folder

    def check(self):
        """Nothing has run, and nobody has asked."""
        assert not self.mark.exists(), f"{self.mark.read_text()} was run"
        assert self.answers.tell() == 0, "a question was asked on stdin"


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """A `Hostile`, checked at the end. Its folders are found by an import, as the working folder is."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    answers = io.StringIO("y\n" * 99)
    monkeypatch.setattr(sys, "stdin", answers)
    made = Hostile(tmp_path / "mark", answers, monkeypatch.syspath_prepend)
    yield made
    made.check()
    sys.modules.pop("evil", None)


@pytest.fixture
def outcome_of():
    """``outcome_of(function, *args)``: "made", or the one line that it refuses with."""

    def call(function, *given):
        try:
            function(*given)
        except InputError as error:
            assert len(str(error).splitlines()) == 1
            return str(error)
        return "made"

    return call
