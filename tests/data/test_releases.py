"""A document of an earlier release is read by each later one: 1.x by 1.y. `releases/VERSION` holds one of each kind.

A release adds a folder and leaves those before it as they are.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pyalign
from pyalign.errors import InputError
from pyalign.kinds import KINDS

RELEASES = Path(__file__).with_name("releases")
VERSIONS = sorted(path.name for path in RELEASES.iterdir())


def faults(folder):
    """What a release wrote and this version reads as something else, or not at all: one line each."""
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        try:
            again = json.loads(pyalign.load_result(path).to_json())
        except InputError as error:
            yield str(error)
            continue
        changed = [key for key in document if key != "version" and again.get(key, ...) != document[key]]
        yield from (f"{path.name}: {key} is read as something else" for key in changed)


@pytest.mark.parametrize("version", VERSIONS)
def test_documents_of_a_release_are_read_and_say_the_same(version):
    assert [*faults(RELEASES / version)] == []
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in (RELEASES / version).glob("*.json")]
    assert {one["version"] for one in documents} == {version}
    assert len({one["command"] for one in documents} & {*KINDS}) == len(documents) > 30


@pytest.mark.plants
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"task":', '"another":', "results is read as something else"), ('"schema":', '"schema":9,"x":', "schema 9"),
        ('"command":"score"', '"command":"scores"', "scores"),
    ],
)
def test_a_document_that_is_no_longer_read_is_named(tmp_path, old, new, said):
    text = (RELEASES / "0.1.0" / "score.json").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "score.json").write_text(text.replace(old, new, 1), encoding="utf-8")
    (line,) = faults(tmp_path)
    assert "score.json" in line and said in line and "\n" not in line
