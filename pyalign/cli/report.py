"""`pyalign report`: one page of the documents of all commands."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from pyalign.cli import _options
from pyalign.cli._command import Command, Outcome, option
from pyalign.io.paths import Spec
from pyalign.progress import Progress


def page_file(text: str) -> str:
    """A file to write as a page, under a name that says so."""
    if not text.endswith((".html", ".htm")) and not text.startswith("/dev/"):
        raise argparse.ArgumentTypeError(f"expected a name that ends in .html; got {text!r}")
    return text


@dataclass(frozen=True)
class ReportOptions(_options.Document):
    """The options of `pyalign report`."""

    results: tuple[Spec, ...] = option(
        "JSON documents, or folders that contain them, as written by --json, --out and `pyalign extract`",
        required=True, nargs="+", metavar="RESULT", role="input", positional=True,
    )
    out: str = option(
        "page to write, .html; it works without a network", required=True, kind=page_file, metavar="FILE",
        role="output",
    )
    images: Spec | None = option(
        "images of the objects, in files named after them: a folder, or any source that `pyalign extract` accepts",
        metavar="DIR",
        role="input",
    )
    title: str | None = option(metavar="T")
    metadata: Spec | None = option(
        "table with a row for each model: model, family, objective, training data, parameters or any "
        "other column",
        metavar="FILE", role="input",
    )


def run(options: ReportOptions, progress: Progress) -> Outcome:
    """Reads, puts together."""
    from pyalign.report.page.write import make_report

    made = make_report(
        options.results, options.out, images=options.images, title=options.title, metadata=options.metadata,
        progress=progress,
    )
    assert made.html is not None
    return Outcome(made, {options.out: made.html})


COMMAND = Command(ReportOptions, run, "pyalign report score.json compare.json cka.json --out report.html")
