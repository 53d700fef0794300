"""The page of a report: read, put together, written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pyalign._registry import load
from pyalign.data.names import listing
from pyalign.documents import hidden
from pyalign.errors import InputError
from pyalign.io.paths import PathLike, checked_path
from pyalign.io.write import write_files
from pyalign.progress import Progress, silent
from pyalign.report.page.given import Given, Loaded
from pyalign.report.page.html import Page
from pyalign.report.page.parts import Section
from pyalign.report.page.reading import read_documents
from pyalign.report.page.sections import SECTIONS
from pyalign.report.page.whole import body_of, render
from pyalign.results import Result

PAGES = (".html", ".htm")
TITLE = "Agreement with human similarity judgments"
# What a document of a kind that was read, and holds something that nobody thought of, makes of a section.
STRANGE = (InputError, LookupError, TypeError, ValueError)


@dataclass(frozen=True)
class ReportFile(Result):
    """A page that was made.

    Attributes:
        path: where it is written.
        title: its heading.
        bytes: its size.
        sections: their names, in their order.
        n_documents: that it is made from; what was left out is said in the notes.
        html: the page itself.
    """

    command: ClassVar[str] = "report"

    path: str
    title: str
    bytes: int
    sections: tuple[str, ...]
    n_documents: int
    html: str | None = hidden(default=None)


def write_report(
    results: Any, path: PathLike, *, images: Any = None, title: str | None = None, metadata: Any = None,
    progress: Progress = silent,
) -> ReportFile:  # fmt: skip
    """Writes a page of results: one HTML file that needs no network.

    Args:
        results: results, documents, paths of `.json` files, or of folders of them; one or several.
        path: the file to write, there whole or not at all; its folders are made where they are missing.
        images: of the objects, what `as_images` takes, such as a folder with files named after them.
        title: the heading of the page.
        metadata: of the models: a table, or the path of one.
        progress: is told of each section.

    Returns:
        What was made; its notes say what was left out.

    Raises:
        InputError: none of the results is sound; a path that is no page's, or that of a result.
        MissingExtraError: altair or vl-convert is not installed (extra `report`).
        OSError: the file can't be written.

    Example:
        >>> import pathlib, tempfile, numpy as np, pyalign
        >>> score = pyalign.score(np.eye(3), [[0, 1, 2]], measure="dot")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     made = pyalign.write_report(score, pathlib.Path(folder, "report.html"))
        ...     made.sections, made.n_documents
        (('leaderboard', 'metadata', 'methods', 'cite'), 1)
    """
    made = make_report(results, path, images=images, title=title, metadata=metadata, progress=progress)
    assert made.html is not None
    write_files([(path, made.html)])
    return made


def make_report(
    results: Any, path: PathLike, *, images: Any = None, title: str | None = None, metadata: Any = None,
    progress: Progress = silent,
) -> ReportFile:  # fmt: skip
    """The same without writing: the page is the hidden field `html`."""
    _require_page(path)
    if title is not None and not isinstance(title, str):
        raise InputError(f"title must be text; got {title!r:.80}")
    documents, faults = read_documents(results)
    for one in documents:
        if one.path and os.path.exists(path) and os.path.samefile(one.path, path):
            raise InputError(f"path must not be that of a result; got {os.fspath(path)}")
    given = Given(documents, _metadata(metadata), _images(images), faults)
    page = Page(sprites=_sprites(given))
    sections, more = sections_of(given, progress)
    faults = (*faults, *more)
    heading = title or TITLE
    body = body_of(sections, page)
    remarks = (
        *given.remarks,
        *_of_metadata(given),
        *(page.sprites.finish(page.keep, progress) if page.sprites else ()),
    )
    warnings = (*(f"Left out: {one}" for one in faults), *remarks)
    html = render(heading, _about(given), warnings, sections, body, page)
    names = tuple(one.name for one in sections)
    text = os.fspath(path)
    digest = {text: hashlib.sha256(html.encode()).hexdigest()}
    return ReportFile(
        text, heading, len(html.encode()), names, len(documents), html, notes=(*faults, *remarks), outputs=digest
    )


def _require_page(path: Any) -> None:
    """Raises where a page would lie under a name that says something else, such as that of a result."""
    text = checked_path(path)
    if not text.endswith(PAGES) and not text.startswith("/dev/"):
        raise InputError(f"path must end in {' or '.join(PAGES)}; got {text:.200}")


def sections_of(given: Given, progress: Progress = silent) -> tuple[list[Section], list[str]]:
    """The sections that there is something for, and what could not be shown, a line each."""
    found: list[Section] = []
    faults: list[str] = []
    for number, place in enumerate(SECTIONS.values()):
        progress("sections", number, len(SECTIONS))
        made, told = _attempt(load(f"pyalign.report.page.sections.{place}"), given)
        faults += told
        if made is not None:
            found.append(made)
    return found, faults


def _attempt(section: Any, given: Given) -> tuple[Section | None, list[str]]:
    """The section of all documents; where one of them is too strange for it, of the others."""
    try:
        return section(given), []
    except STRANGE as error:
        first = error
    kept: list[Loaded] = []
    told: list[str] = []
    for one in given.documents:
        try:
            section(Given((one,), given.metadata, given.images))
        except STRANGE as error:
            told.append(f"{one.path or 'a result'}: {section.__name__}: {type(error).__name__}: {error}")
        else:
            kept.append(one)
    if not told:
        return None, [f"{section.__name__}: {type(first).__name__}: {first}"]
    try:
        return section(Given(tuple(kept), given.metadata, given.images)), told
    except STRANGE as error:
        return None, [*told, f"{section.__name__}: {type(error).__name__}: {error}"]


def _about(given: Given) -> Sequence[str]:
    """What the page is of, in a few phrases."""
    models = len(set(given.labels.values()))
    count = len(given.documents)
    versions = sorted({str(one.document.get("version")) for one in given.documents})
    told = [f"{count} {'document' if count == 1 else 'documents'}"]
    if models:
        told.insert(0, f"{models} {'model' if models == 1 else 'models'}")
    times = sorted(filter(None, (_time(one) for one in given.documents)))
    if times:
        told.append(times[0] if times[0] == times[-1] else f"{times[0]} to {times[-1]}")
    return [*told, f"computed by pyalign {', '.join(versions)}"]


def _time(one: Loaded) -> str:
    provenance = one.document.get("provenance")
    time = provenance.get("time") if isinstance(provenance, dict) else None
    return time[:10] if isinstance(time, str) else ""


def _images(images: Any) -> Any:
    if images is None:
        return None
    from pyalign.extraction.images import as_images

    return as_images(images)


def _metadata(metadata: Any) -> Any:
    if metadata is None:
        return None
    from pyalign.report.page.metadata import metadata_of

    return metadata_of(metadata)


def _of_metadata(given: Given) -> tuple[str, ...]:
    """A word where the metadata are of other models altogether."""
    if given.metadata is None or not given.labels:
        return ()
    rows = given.metadata.matched(list(given.labels), given.labels).rows
    if any(row is not None for row in rows):
        return ()
    models, there = dict.fromkeys(given.labels.values()), given.metadata.models
    return (f"No row of the metadata is of a model here: rows {listing(there, 3)}; models {listing(list(models), 3)}.",)


def _sprites(given: Given) -> Any:
    if given.images is None:
        return None
    from pyalign.report.page.sprites import Sprites

    return Sprites(given.images)
