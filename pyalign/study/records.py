"""The records of a study: one file for each unit that is done, with what it was made of and the hashes of its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pyalign._dataclass import asdict, dataclass, field, fields
from pyalign.errors import InputError
from pyalign.io.own_files import READ, open_own
from pyalign.io.write import Files
from pyalign.keys import digest_of

RECORDS = "records"
FORMAT = 1


@dataclass(frozen=True)
class Record:
    """What is known of a unit that is done."""

    unit: str  # its id.
    key: str  # SHA-256 of its inputs, options, function and version; see `pyalign.keys`.
    asked: str  # SHA-256 of what the study file asks for, without what is in the inputs.
    files: Mapping[str, str]  # SHA-256 of its files, by path in the folder.
    seconds: float  # that it took.
    host: str  # where it was made.
    # size in bytes and time of the last change of the files that it reads, by path.
    inputs: Mapping[str, list[int]] = field(default_factory=dict)


def record_path(folder: Path, unit: str) -> Path:
    """Where the record of the unit of that id is."""
    return folder / RECORDS / f"{unit}.json"


def write_record(folder: Path, record: Record) -> None:
    """Writes a record: whole or not at all. What it costs does not depend on how many there are."""
    document = {"pyalign_record": FORMAT, **asdict(record)}
    with Files(follow_links=False, sweep=False) as pending:
        text = json.dumps({**document, "sha256": digest_of(document)}, indent=1) + "\n"
        pending.add(record_path(folder, record.unit), text)
        pending.commit()


def read_record(folder: Path, unit: str) -> Record | None:
    """The record of the unit of that id; None where there is none, or one that was edited or damaged."""
    document = read_own_json(record_path(folder, unit))
    if document.get("pyalign_record") != FORMAT or document.pop("sha256", None) != digest_of(document):
        return None
    known: dict[str, Any] = {entry.name: document.get(entry.name) for entry in fields(Record)}
    texts = (known["key"], known["asked"], known["host"])
    tables = isinstance(known["files"], dict) and isinstance(known["inputs"], dict)
    sound = tables and isinstance(known["seconds"], float | int) and all(isinstance(text, str) for text in texts)
    return Record(**known) if sound and known["unit"] == unit else None


def read_own_json(path: Path) -> dict[str, Any]:
    """The table in a file that a study keeps for itself; an empty one where there is none."""
    with suppress(InputError, OSError, ValueError, RecursionError), open_own(path, READ) as file:
        document = json.loads(file.read())
        return document if isinstance(document, dict) else {}
    return {}
