"""What the tests of pyalign.io share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyalign.errors import InputError

Refused = Callable[..., str]


@pytest.fixture(scope="session")
def refused() -> Refused:
    """``refused(read, path, **options)``: the message, which must be one line that starts with the path."""

    def check(read: Callable[..., Any], path: Path, **options: Any) -> str:
        with pytest.raises(InputError) as caught:
            read(path, **options)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert len(message.splitlines()) == 1
        assert len(message) < 900 + len(str(path))
        return message.removeprefix(f"{path}: ")

    return check


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data, which is never part of the repository."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("PYALIGN_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no real data: PYALIGN_TEST_DATA is not set and ../shared/data is not there")
    return folder
