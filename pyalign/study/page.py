"""The report of a study: one page of all its documents."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyalign.errors import InputError, MissingExtraError
from pyalign.extraction.images import as_images
from pyalign.io.documents import read_json
from pyalign.io.paths import one_line, require_file
from pyalign.io.write import Content
from pyalign.keys import key_of
from pyalign.study.file import StudyFile
from pyalign.study.folder import FIGURES, StudyFolder
from pyalign.study.folder import REPORT as PAGE
from pyalign.study.inputs import Inputs
from pyalign.study.study_result import FAILED, FINISHED, MADE, NO_DATA, REUSED, Study, StudyStep
from pyalign.study.units import REPORT


def make_report(
    inputs: Inputs, folder: StudyFolder, done: Mapping[str, StudyStep], started: Callable[[], None]
) -> StudyStep:
    """Writes the page, unless it is there of these very documents. started: is called where it has to be made."""
    study, step = inputs.study, StudyStep(REPORT, "write_report", FAILED)
    finished = [entry for entry in done.values() if entry.status == FINISHED]
    if not finished:
        return _without(folder, step, "there is no result to report")
    try:
        shown, shown_hashes = _shown(inputs)
        hashes = {entry.document or "": folder.sha256(entry.document or "") for entry in finished}
        missing = [entry for entry in done.values() if entry.status != FINISHED]
        missing += [StudyStep(name, "", NO_DATA, reason=reason) for name, reason in study.missing.items()]
        reasons = {entry.name: entry.reason for entry in missing}
        settings = {"title": study.title, **({"figures": study.figures} if study.figures else {})}
        key = key_of("write_report", settings, {"documents": hashes, "missing": reasons, **shown_hashes})
        if folder.held(REPORT, key, PAGE):
            return StudyStep(REPORT, "write_report", FINISHED, document=PAGE, key=key, how=REUSED)
        started()
        began = time.perf_counter()
        files, undrawn = _files(study, folder, finished, missing, shown)
        if study.images is not None and inputs.hash_of_images(study.images, anew=True) != shown_hashes["images"]:
            raise InputError(f"{study.images}: images have changed while the page was made; run the study again")
        seconds = time.perf_counter() - began
        earlier = folder.files(REPORT)
        folder.keep(REPORT, "" if undrawn else key, files, seconds)  # without a key it is made again
        drawn = folder.path / FIGURES
        for name in os.listdir(drawn) if drawn.is_dir() else ():
            if f"{FIGURES}/{name}" in earlier.keys() - files.keys():  # of an earlier run, and of this one no more
                (drawn / name).unlink()
        made = StudyStep(REPORT, "write_report", FINISHED, document=PAGE, key=key, how=MADE, seconds=seconds)
        return replace(made, reason=undrawn) if undrawn else made
    except (InputError, MissingExtraError, MemoryError) as error:
        return _without(folder, step, one_line(str(error)))
    except OSError as error:
        return _without(folder, step, one_line(f"{error.filename}: {error.strerror}" if error.filename else error))


def _without(folder: StudyFolder, step: StudyStep, reason: str) -> StudyStep:
    """No report; that of an earlier run goes, since it is of other results."""
    (folder.path / PAGE).unlink(missing_ok=True)
    return replace(step, reason=reason)


def _shown(inputs: Inputs) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the page shows in addition to documents, and what says that it is the same."""
    study, shown = inputs.study, dict[str, Any]()
    hashes: dict[str, Any] = {}
    if study.images is not None:
        shown["images"] = as_images(study.place(study.images))
        hashes["images"] = inputs.hash_of_images(study.images)
    if study.metadata is not None:
        place = study.place(study.metadata)
        require_file(place)
        with open(place, "rb") as handle:
            hashes["metadata"] = handle.read()
        shown["metadata"] = place
    return shown, hashes


def _files(
    study: StudyFile, folder: StudyFolder, finished: Sequence[StudyStep], missing: Sequence[StudyStep],
    shown: Mapping[str, Any],
) -> tuple[dict[str, Content], str]:
    """The page, and its figures as files where the study asks for them; and a line on those that could not be drawn.

    The documents go in as they are here, without their paths: the page is the same wherever the folder is.
    """
    from pyalign.report.page.write import make_report as page_of
    from pyalign.report.plot import as_files

    documents: list[Any] = [read_json(folder.path / (entry.document or "")) for entry in finished]
    if missing:
        documents.append(Study(study.title, (*finished, *missing)))
    made = page_of(documents, folder.path / PAGE, title=study.title, **shown)
    assert made.html is not None
    figures, undrawn = as_files(made.charts or {}, study.figures)
    return {**{f"{FIGURES}/{name}": content for name, content in figures.items()}, PAGE: made.html}, undrawn
