"""What the tests of studies share: the folder of the small one."""

from __future__ import annotations

import pytest
from small_study import write_inputs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the study, which is the working folder; documents say one moment."""
    write_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    return tmp_path
