"""The manifest of a study: what made it, of what, and the SHA-256 of every file of the folder that it has written."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pyalign._result import SCHEMA
from pyalign._version import __version__
from pyalign.study.file import StudyFile


def manifest_of(study: StudyFile, time: str, files: Mapping[str, str | None]) -> str:
    """The document as text. files: SHA-256 by path in the folder."""
    document = {
        "pyalign_study": SCHEMA, "version": __version__, "title": study.title, "time": time,
        "files": dict(sorted(files.items())),
    }  # fmt: skip
    return json.dumps(document, indent=2) + "\n"
