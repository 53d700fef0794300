"""What the tests of studies share: the folder of the small one."""

from __future__ import annotations

import shutil

import pytest
from small_study import write_inputs

import pyalign


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the study, which is the working folder; documents say one moment."""
    write_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    return tmp_path


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory):
    """The folder of the small study, which has been run."""
    place = tmp_path_factory.mktemp("finished")
    write_inputs(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        pyalign.run_study("small.toml")
    return place


@pytest.fixture
def finished(folder, finished_study):
    """The folder of the small study, the working folder, with what a first run has made."""
    shutil.copytree(finished_study, folder, dirs_exist_ok=True)
    return folder
