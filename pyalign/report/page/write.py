"""The page of a report: its results are read, its sections put together, and the whole written."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from html import escape
from string import Template
from typing import Any, ClassVar

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter, silent
from pyalign._registry import load
from pyalign._result import Result
from pyalign._version import __version__
from pyalign.data.metadata import Metadata
from pyalign.documents import hidden
from pyalign.errors import InputError
from pyalign.io.item_names import metadata_of_models
from pyalign.io.paths import PathLike, checked_path
from pyalign.io.write import write_files
from pyalign.report.blocks import Figure, Fold, Section
from pyalign.report.charts.save import javascript
from pyalign.report.charts.theme import Drawn
from pyalign.report.page.html import Page, assets, shown, written
from pyalign.report.page.parts_html import colors, failures, figure_html, packed, table, variables
from pyalign.report.page.sections import module_of, names_of_sections
from pyalign.report.page.sources import Sources, metadata_of, read_documents
from pyalign.report.words import one_line

PAGES = (".html", ".htm")
TITLE = "Agreement with human similarity judgments"
FEWEST_KNOWN = 3  # models of a page that pyalign's own table knows, below which the page has no metadata from it
written.register(table)  # by the class of its first argument
written.register(figure_html)
written.register(failures)


@dataclass(frozen=True)
class ReportFile(Result):
    """A page that was made."""

    command: ClassVar[str] = "report"

    path: str  # where it is written.
    title: str  # its heading.
    bytes: int  # its size.
    sections: tuple[str, ...]  # their names, in their order.
    n_documents: int  # that it is made from; what was left out is said in the notes.
    html: str | None = hidden(default=None)  # the page itself.
    # its figures as charts of Altair, as wide as a page, by name.
    charts: Mapping[str, Drawn] | None = hidden(default=None, compare=False)


def write_report(
    results: Any, path: PathLike, *, images: Any = None, title: str | None = None, metadata: Any = None,
    progress: Progress | None = None,
) -> ReportFile:
    """Writes a page of results: one HTML file that needs no network.

    Args:
        results: results, documents, paths of `.json` files, or of folders of them; one or several.
        path: the file to write, there whole or not at all; its folders are made where they are missing.
        images: of the objects, what `as_images` takes, such as a folder with files named after them.
        title: the heading of the page.
        metadata: of the models: a table, or the path of one. Models that it has no row of, or all without it, have the
            rows of pyalign's own table of models, if that knows at least three of the page.
        progress: a callback, called for each section.

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
    progress = reporter(progress)
    made = make_report(results, path, images=images, title=title, metadata=metadata, progress=progress)
    assert made.html is not None
    write_files([(path, made.html)])
    return made


def make_report(
    results: Any, path: PathLike, *, images: Any = None, title: str | None = None, metadata: Any = None,
    progress: Progress = silent,
) -> ReportFile:
    """The report of `write_report`, which is not written: the page is the hidden field `html`."""
    target = checked_path(path)
    if not target.endswith(PAGES) and not target.startswith("/dev/"):
        raise InputError(f"path must end in {' or '.join(PAGES)}; got {target:.200}")
    if title is not None and not isinstance(title, str):
        raise InputError(f"title must be text; got {title!r:.80}")
    documents, faults = read_documents(results)
    for document in documents:
        if document.path and os.path.exists(path) and os.path.samefile(document.path, path):
            raise InputError(f"path must not be that of a result; got {target}")
    sources = Sources(documents)
    sources = replace(sources, metadata=_metadata(sources.labels, metadata_of(metadata)))
    page = Page(sprites=None if images is None else load("pyalign.report.page.html:Sprites")(images))
    sections, more = sections_of(sources, progress)
    faults = (*faults, *more)
    heading = title or TITLE
    body = body_of(sections, page)
    remarks = (*sources.remarks, *(page.sprites.finish(page.keep, progress) if page.sprites else ()))
    warnings = (*(f"Left out: {fault}" for fault in faults), *remarks)
    html = render(heading, _about(sources), warnings, sections, body, page)
    content, names = html.encode(), tuple(section.name for section in sections)
    return ReportFile(
        target, heading, len(content), names, len(documents), html, charts_in(sections), notes=(*faults, *remarks),
        outputs={target: hashlib.sha256(content).hexdigest()},
    )


def _metadata(labels: Mapping[str, str], own: Metadata | None) -> Metadata | None:
    """What is known of the models of a page; without a table of one's own only where that is of a few models."""
    known = metadata_of_models([*labels], own, labels)
    return None if own is None and known is not None and len(known.models) < FEWEST_KNOWN else known


def sections_of(sources: Sources, progress: Progress = silent) -> tuple[list[Section], list[str]]:
    """The sections that there is something for, and what could not be shown, one per line."""
    made: list[Section] = []
    faults: list[str] = []
    names = names_of_sections()
    for number, name in enumerate(names):
        progress("sections", number, len(names))
        section, refused = _attempt(load(f"pyalign.report.page.sections.{module_of(name)}:{name}"), sources)
        faults += refused
        if section is not None:
            made.append(section)
    return made, faults


def charts_in(sections: Sequence[Section]) -> dict[str, Drawn]:
    """The charts of all figures by the names of these; also of figures that are folded away."""
    charts: dict[str, Drawn] = {}
    left = [part for section in sections for part in section.parts]
    while left:
        part = left.pop(0)
        if isinstance(part, Fold):
            left = [*part.parts, *left]
        elif isinstance(part, Figure) and part.chart is not None:
            charts[part.name] = part.chart
    return charts


def _attempt(section: Callable[[Sources], Section | None], sources: Sources) -> tuple[Section | None, list[str]]:
    """The section of all results, or of those that it does not refuse; any error but an `InputError` is a defect."""
    with suppress(InputError):
        return section(sources), []
    kept, refused = [], []
    for document in sources.documents:
        try:
            section(replace(sources, documents=(document,)))
            kept.append(document)
        except InputError as error:
            refused.append(f"{document.path or 'a result'}: {section.__name__}: {error}")
    try:
        return section(replace(sources, documents=tuple(kept))), refused
    except InputError as error:
        return None, [*refused, f"{section.__name__}: {error}"]


def _about(sources: Sources) -> Sequence[str]:
    """What the page is of, in a few phrases."""
    models = len({sources.label(sources.first_of(name)) for name in sources.labels})
    count = len(sources.documents)
    versions = sorted({document.version for document in sources.documents})
    phrases = [f"{count} {'document' if count == 1 else 'documents'}"]
    if models:
        phrases.insert(0, f"{models} {'model' if models == 1 else 'models'}")
    provenances = (document.result.provenance for document in sources.documents)
    times = sorted(
        str(provenance.time)[:10] for provenance in provenances if provenance is not None and provenance.time
    )
    if times:
        phrases.append(times[0] if times[0] == times[-1] else f"{times[0]} to {times[-1]}")
    return [*phrases, f"computed by pyalign {', '.join(versions)}"]


# The whole in HTML


def body_of(sections: Sequence[Section], page: Page) -> str:
    """The sections as HTML; what scripts read of them is kept in the page."""
    elements = []
    for section in sections:
        name, parts = escape(section.name), "\n".join(written(part, page) for part in section.parts)
        lead = f'<p class="lead">{shown(section.lead)}</p>' if section.lead else ""
        elements.append(f"""<section id="{name}" aria-labelledby="{name}-title">
<h2 id="{name}-title">{shown(section.title)}</h2>
{lead}
{parts}
</section>""")
    return "\n".join(elements)


def render(
    title: str, about: Sequence[str], warnings: Sequence[str], sections: Sequence[Section], body: str, page: Page
) -> str:
    """The whole page, in the frame of `assets/page.html`.

    Args:
        title, about: its heading, and short phrases below it.
        warnings: what a reader must know before reading, such as files left out, one per line.
        sections, body: in their order, and what `body_of` made of them; page: whose data are embedded.
    """
    script = assets(".js")
    if page.drawn:
        page.keep("chart-colors", colors())
    links = (f'<li><a href="#{escape(section.name)}">{shown(section.title)}</a></li>' for section in sections)
    first = f"""<section class="warning" id="left-out" aria-labelledby="left-out-title">
<h2 id="left-out-title">Warnings</h2><ul>{_items(warnings)}</ul></section>"""
    return Template(assets(".html")).substitute(
        version=escape(__version__),
        policy=_policy([script, javascript()] if page.drawn else [script]),
        title=escape(one_line(title)),
        style=f"{assets('.css')}\n{variables() if page.drawn else ''}",
        heading=shown(title),
        about=_items(about),
        contents="".join(links),
        warnings=first if warnings else "",
        body=body,
        data=page.scripts(),
        later=packed() if page.drawn else "",
        script=script,
    )


def _items(lines: Iterable[str]) -> str:
    return "".join(f"<li>{shown(line)}</li>" for line in lines)


def _policy(scripts: Sequence[str]) -> str:
    """Nothing from elsewhere, and of scripts these alone, by their hashes: not what a name might bring in."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
