"""`pyalign report`: one page of the documents of all commands.

`pyalign plot`: pictures of results, dimensions and embeddings.
`pyalign tour`: a study of the built-in sample, and a few lines about it.
"""

from __future__ import annotations

import argparse
from typing import Any

from pyalign._dataclass import dataclass
from pyalign._process import Progress
from pyalign.cli import _inputs, _options, _shared_options
from pyalign.cli._command import Command, Outcome, Output, option, refuse_unused
from pyalign.cli.study import fault_of
from pyalign.concept.concepts_result import BY
from pyalign.documents import csv_of
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.report.charts import CHARTS
from pyalign.report.charts.entropy import LINES
from pyalign.report.charts.matrix import ERRORS
from pyalign.report.charts.rdm import COLORED
from pyalign.report.charts.save import rendered, suffix_of_picture
from pyalign.report.charts.scatter import BINS
from pyalign.report.charts.theme import notes_of, rows_of
from pyalign.study import units
from pyalign.study.maker import FINISHED, Study
from pyalign.study.run import Steps
from pyalign.study.tour import DATA, FILE, RESULTS, take_tour


@dataclass(frozen=True)
class ReportOptions(_options.Document):
    """The options of `pyalign report`."""

    results: tuple[Spec, ...] = option(
        "JSON documents, or folders that contain them, as written by --json, --out and `pyalign extract`",
        required=True, nargs="+", metavar="RESULT", role="input", positional=True,
    )
    out: str = option(
        "page to write, .html; it works without a network", required=True, kind=_options.ending(".html"), metavar="FILE"
    )
    images: Spec | None = option(
        "images of the objects, in files named after them: a folder, or any source that `pyalign extract` accepts"
    )
    metadata: Spec | None = option(
        "table with a row for each model: model, family, objective, training data, parameters or any other column"
    )


def run_report(options: ReportOptions, progress: Progress) -> Outcome:
    """Reads, puts together."""
    from pyalign.report.page.write import make_report

    made = make_report(
        options.results, options.out, images=options.images, metadata=options.metadata, progress=progress,
    )
    assert made.html is not None
    return Outcome(made, {options.out: made.html})


REPORT = Command(ReportOptions, run_report, "pyalign report score.json compare.json cka.json --out report.html")


OBJECTS = "objects"


def picture_file(text: str) -> str:
    """A file to write as a picture, under a name that says as which."""
    try:
        suffix_of_picture(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


@dataclass(frozen=True)
class PlotOptions(_options.Quiet):
    """The options of `pyalign plot`."""

    result: tuple[Spec, ...] | None = option(
        "JSON document of a command; several for accuracy (one may be of `pyalign ceiling`), "
        "before-after, reliability, RSA, and a gallery (another search with the same queries)",
        nargs="+", metavar="RESULT", role="input", positional=True,
    )
    out: str = option(
        "file of the figure: .html, .svg, .png or .pdf; needs no network", required=True, kind=picture_file,
        metavar="FILE",
    )
    csv: str | None = option("write the numbers in the figure as .csv, a row for each mark", kind=_options.csv_file)
    chart: str | None = option(
        f"{', '.join(CHARTS)} (default: by the kind of result)", choices=tuple(CHARTS), metavar="CHART"
    )
    images: Spec | None = option(
        "folder or other source of images that `pyalign extract` accepts, in files named after the objects",
        group=OBJECTS,
    )
    embeddings: Spec | None = option(
        "for a map, an rdm or its mds: file of (n, d) embeddings; FILE::KEY picks an array", group=OBJECTS
    )
    dimensions: Spec | None = option(
        "for cards: file of (n, k) human dimensions; FILE::KEY picks an array", group=OBJECTS
    )
    dimension_labels: Spec | None = option("labels of the dimensions, one per line", group=OBJECTS)
    triplets: Spec | None = option(
        "for cards: file of (t, 3) triplets with the odd item last, to show the proportion of choices that each "
        "dimension explains", "-t", "--triplets", group=OBJECTS,
    )
    names: Spec | None = option(
        "names of the rows of embeddings, dimensions or categories, one per line", group=OBJECTS
    )
    categories: Spec | None = option(
        "categories of the objects: colors of a map, frames of a gallery, the order of an rdm", group=OBJECTS
    )
    queries: tuple[str, ...] | None = option(
        "for a gallery: queries to show", "--query", nargs="+", metavar="NAME", group=OBJECTS
    )
    seed: int | None = option("random seed of a map (default: 0)", group=OBJECTS)
    by: str | None = option(
        "what to show, if the result has several: dimensions, categories, levels or entropy (concepts); groups"
        " (accuracy); equal-mass or equal-width bins (reliability); a measure (cka); families or models (entropy); "
        "a column (metadata); percentiles or values (rdm); kappa or same-choice (consistency)",
        metavar="BY", words=(*BY, "groups", *BINS, *COLORED, *ERRORS, *LINES), group=OBJECTS,
    )
    limit: int | None = option("show at most K rows, models, queries, cards, images or names")


def run_plot(options: PlotOptions, progress: Progress) -> Outcome:
    """Reads, draws."""
    from pyalign.report.plot import plot

    suffix = suffix_of_picture(options.out)
    if options.dimensions is None:
        refuse_unused(options, ("dimension_labels",), "cards: add --dimensions")
    if options.embeddings is None:
        refuse_unused(options, ("seed",), "a map: add --embeddings")
    arguments = {name: value for name, value in _read(options).items() if value is not None}
    result = None if options.result is None else list(options.result)
    picture = plot(result, options.chart, **arguments)
    content = rendered(picture, suffix)
    files: dict[str, Output] = {options.out: content}
    if options.csv is not None:
        files[options.csv] = csv_of(rows_of(picture))
    return Outcome(files=files, text=f"wrote {', '.join(files)}", notes=notes_of(picture))


def _read(options: PlotOptions) -> dict[str, Any]:
    """The arguments of `plot`."""
    from pyalign.io.triplets import load_triplets

    names = None if options.names is None else _inputs.names_of(options.names)
    dimensions = _shared_options.read_dimensions(options.dimensions, options.dimension_labels, options.names)
    arguments: dict[str, Any] = {
        "dimensions": dimensions, "names": names, "images": options.images, "queries": options.queries,
        "by": options.by, "limit": options.limit, "seed": options.seed,
    }
    if options.embeddings is not None:
        arguments["embeddings"] = _inputs.read_embeddings(options.embeddings, options.names)
    if options.categories is not None:
        arguments["categories"] = _shared_options.read_categories(options.categories)
    if options.triplets is not None:
        triplets = load_triplets(options.triplets.path, key=options.triplets.key)
        arguments["triplets"] = triplets
        if dimensions is not None:
            arguments["dimensions"] = _inputs.as_described(dimensions, options.triplets, triplets)
    return arguments


PLOT = Command(PlotOptions, run_plot, "pyalign plot concepts.json --out concepts.pdf", about=("result",))


DONE = "Done: a study of 411 objects and 28,770 triplets of categories (no human judgments)."
NEXT = """
Next, with data of your own:
  pyalign study init FOLDER             writes such a study file for embeddings in a folder
  pyalign study run STUDY.toml          runs it
  pyalign extract --images DIR --out E  makes embeddings of images, with the model of this tour
Each step is a command too: pyalign --help lists them."""


@dataclass(frozen=True)
class TourOptions(_options.Threads, _options.Quiet):
    """The options of `pyalign tour`."""

    out: str = option(
        "folder to write to: new, empty, or written by an earlier tour (default: pyalign-tour)", default="pyalign-tour",
        role="folder",
    )


def run_tour(options: TourOptions, progress: Progress) -> Outcome:
    """Runs the tour, and says what there is to see."""
    with Steps(not options.quiet) as steps:
        study, notes = take_tour(options.out, steps)
    page = next(step for step in study.steps if step.name == units.REPORT)
    others = tuple(step for step in study.failed if step.name != units.REPORT)
    if page.status != FINISHED and not others:
        notes = (*notes, f"no page: {page.reason}")
    fault = fault_of(study.failed) if others else ""
    return Outcome(None, text=_summary(options.out, study), notes=notes, fault=fault)


def _summary(out: str, study: Study) -> str:
    models = 4 if "logits" in _models_of(study) else 3
    places = {
        DATA: f"what was read: embeddings of {models} models, triplets, names, categories, pictures",
        FILE: f"what was asked for; change it, then: pyalign study run {out}/{FILE} --out {out}/{RESULTS}",
        f"{RESULTS}/steps": "what was found: a JSON document for each step",
    }
    if study.report is not None:
        places[f"{RESULTS}/{study.report}"] = "the page: open it in a browser"
    width = max(map(len, places))
    return "\n".join([DONE, *(f"  {out}/{place:<{width}}  {what}" for place, what in places.items()), NEXT])


def _models_of(study: Study) -> str:
    from pyalign._result import load_result

    return " ".join(str(score.embeddings) for score in load_result(f"{study.folder}/steps/score.json"))


TOUR = Command(TourOptions, run_tour, "pyalign tour --out demo")
