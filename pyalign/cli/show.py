"""`pyalign report`: one page of the documents of all commands.

`pyalign plot`: pictures of results, dimensions and embeddings.
`pyalign tour`: a study of the built-in sample, and a few lines about it.

`pyalign info`: version, instruction set, threads, what can run here, and which faiss.
"""

from __future__ import annotations

import argparse
import platform
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

import numpy as np

import pyalign
from pyalign import _registry
from pyalign._process import Progress
from pyalign._version import __version__
from pyalign.backends import backend_reasons, native, slow_because
from pyalign.cli import _inputs, _options, _shared_options
from pyalign.cli._command import Command, Outcome, Output, declared, flags_of, option, refuse_unused
from pyalign.cli._outputs import described
from pyalign.cli.study import fault_of
from pyalign.concept.concepts_result import BY
from pyalign.documents import csv_of
from pyalign.errors import InputError, note_of_namesake, pip_install
from pyalign.io.paths import Spec
from pyalign.kinds import KINDS, entries
from pyalign.nearest.scan import EXTRAS, faiss_facts
from pyalign.report.charts import CHARTS
from pyalign.report.charts.entropy import LINES
from pyalign.report.charts.map import METHODS
from pyalign.report.charts.matrix import ERRORS, ORDERS
from pyalign.report.charts.ranked import SORTS
from pyalign.report.charts.rdm import COLOURED
from pyalign.report.charts.save import rendered, suffix_of_picture
from pyalign.report.charts.scatter import BINS
from pyalign.report.charts.theme import STYLES, WIDTHS, notes_of, rows_of
from pyalign.study import units
from pyalign.study.maker import FINISHED, Study
from pyalign.study.run import Steps
from pyalign.study.tour import DATA, FILE, RESULTS, take_tour


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


def run_report(options: ReportOptions, progress: Progress) -> Outcome:
    """Reads, puts together."""
    from pyalign.report.page.write import make_report

    made = make_report(
        options.results, options.out, images=options.images, title=options.title, metadata=options.metadata,
        progress=progress,
    )
    assert made.html is not None
    return Outcome(made, {options.out: made.html})


REPORT = Command(ReportOptions, run_report, "pyalign report score.json compare.json cka.json --out report.html")


OBJECTS, LOOKS = "objects", "appearance"


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
        metavar="FILE", role="output",
    )
    csv: str | None = option(
        "write the numbers in the figure as .csv, a row for each mark", kind=_options.csv_file, metavar="PATH",
        role="output",
    )
    chart: str | None = option(
        f"{', '.join(CHARTS)} (default: by the kind of result)", choices=tuple(CHARTS), metavar="CHART"
    )
    images: Spec | None = option(
        "folder or other source of images that `pyalign extract` accepts, in files named after the objects",
        metavar="DIR",
        role="input",
        group=OBJECTS,
    )
    embeddings: Spec | None = option(
        "for a map, an rdm or its mds: file of (n, d) embeddings; FILE::KEY picks an array",
        metavar="EMB",
        role="input",
        group=OBJECTS,
    )
    dimensions: Spec | None = option(
        "for cards: file of (n, k) human dimensions; FILE::KEY picks an array", metavar="D", role="input", group=OBJECTS
    )
    dimension_labels: Spec | None = option(
        "labels of the dimensions, one per line", metavar="FILE", role="input", group=OBJECTS
    )
    triplets: Spec | None = option(
        "for cards: file of (t, 3) triplets with the odd item last, to show the proportion of choices"
        " that each dimension explains",
        "-t", "--triplets", metavar="T", role="input", group=OBJECTS,
    )
    names: Spec | None = option(
        "names of the rows of embeddings, dimensions or categories, one per line", metavar="FILE", role="input",
        group=OBJECTS,
    )
    categories: Spec | None = option(
        "categories of the objects: colours of a map, frames of a gallery, the order of an rdm",
        metavar="FILE",
        role="input",
        group=OBJECTS,
    )
    queries: tuple[str, ...] | None = option(
        "for a gallery: queries to show", "--query", nargs="+", metavar="NAME", group=OBJECTS
    )
    method: str | None = option(
        f"projection for a map: {', '.join(METHODS)} (default: pca)", choices=tuple(METHODS), metavar="M", group=OBJECTS
    )
    seed: int | None = option("random seed of a map (default: 0)", kind=_options.seed, metavar="S", group=OBJECTS)
    by: str | None = option(
        "what to show, if the result has several: dimensions, categories, levels or entropy (concepts); groups"
        " (accuracy); equal-mass or equal-width bins (reliability); a measure (cka); families or models (entropy); "
        "a column (metadata); percentiles or values (rdm); kappa or same-choice (consistency)",
        metavar="BY", words=(*BY, "groups", *BINS, *COLOURED, *ERRORS, *LINES), group=OBJECTS,
    )
    sort: str | None = option(
        f"order of rows: {', '.join(SORTS)}; of matrices: {', '.join(ORDERS)}; of an rdm also category",
        metavar="S", choices=tuple(dict.fromkeys((*SORTS, *ORDERS, "category"))), group=LOOKS,
    )
    limit: int | None = option(
        "show at most K rows, models, queries, cards, images or names", kind=_options.count, metavar="K", group=LOOKS
    )
    style: Literal["light", "dark"] = option(
        "colours: light, for print (default), or dark", default="light", choices=tuple(STYLES), group=LOOKS
    )
    width: Literal["single", "double"] = option(
        "width of one journal column, 85 mm, or of two, 174 mm (default: double)", default="double",
        choices=tuple(WIDTHS), group=LOOKS,
    )


def run_plot(options: PlotOptions, progress: Progress) -> Outcome:
    """Reads, draws."""
    from pyalign.report.plot import plot

    suffix = suffix_of_picture(options.out)
    if options.dimensions is None:
        refuse_unused(options, ("dimension_labels",), "cards: add --dimensions")
    if options.embeddings is None:
        refuse_unused(options, ("method", "seed"), "a map: add --embeddings")
    arguments = {name: value for name, value in _read(options).items() if value is not None}
    result = None if options.result is None else list(options.result)
    picture = plot(result, options.chart, style=options.style, width=options.width, **arguments)
    content = rendered(picture, suffix)
    files: dict[str, Output] = {options.out: content}
    if options.csv is not None:
        files[options.csv] = csv_of(rows_of(picture))
    return Outcome(files=files, text=f"wrote {', '.join(files)}", notes=notes_of(picture))


def _read(options: PlotOptions) -> dict[str, Any]:
    """The arguments of `plot`."""
    from pyalign.io.metadata import load_categories
    from pyalign.io.triplets import load_triplets

    names = None if options.names is None else _inputs.names_of(options.names)
    dimensions = _shared_options.read_dimensions(options.dimensions, options.dimension_labels, options.names)
    arguments: dict[str, Any] = {
        "dimensions": dimensions, "names": names, "images": options.images, "queries": options.queries,
        "by": options.by, "sort": options.sort, "limit": options.limit, "method": options.method, "seed": options.seed,
    }
    if options.embeddings is not None:
        arguments["embeddings"] = _inputs.read_embeddings(options.embeddings, options.names)
    if options.categories is not None:
        arguments["categories"] = load_categories(options.categories)
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
        metavar="DIR", role="folder",
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


FOLDER, LIBRARY = Path(pyalign.__file__).resolve().parent / "_c", "C library"


@dataclass(frozen=True)
class InfoOptions(_options.Document):
    """The options of `pyalign info`."""

    only: str | None = option(
        "show only the folder for CMAKE_PREFIX_PATH, the folder of pyalign.h, or the words that link a program",
        choices=("cmake-dir", "include-dir", "libs"), group=LIBRARY,
    )


def run_info(options: InfoOptions, progress: Progress) -> Outcome:
    """What this installation can do; or only what is asked for of its C library, one a line."""
    files = files_of_library()
    if options.only is not None:
        if not files:
            raise InputError(f"this installation has no C library: nothing was compiled for {FOLDER.parent}")
        name = options.only.replace("-", "_")
        return described(options, {name: files[name]}, files[name])
    facts = {**gather(), "c_library": files or None}
    return described(options, facts, _lines(facts))


def files_of_library() -> dict[str, str]:
    """What is needed to use the C library, by name; nothing where it is not there."""
    include, library = FOLDER / "include", FOLDER / "lib"
    if not (include / "pyalign.h").exists():
        return {}
    return {
        "cmake_dir": str(library / "cmake" / "pyalign"),
        "include_dir": str(include),
        "libs": f"-L{library} -lpyalign -Wl,-rpath,{library}",
    }


def _lines(facts: dict[str, Any]) -> str:
    instruction_sets = facts["instruction_sets"].items()
    sets = ", ".join(f"{isa}{'' if runs else ' (not on this CPU)'}" for isa, runs in instruction_sets)
    lines = [(name, facts[name]) for name in ("version", "python", "numpy", "processor")]
    lines += [("instruction set", f"{facts['instruction_set'] or 'none'} of {sets or 'none'}")]
    lines += [("threads", facts["threads"]), ("compiler", facts["compiler"] or "none")]
    for name, reason in facts["backends"].items():
        lines.append((f"backend {name}", "ready" if reason is None else f"cannot run: {reason}"))
    lines.append(("faiss", _faiss(facts["faiss"])))
    lines.append((LIBRARY, facts["c_library"]["libs"] if facts["c_library"] else "none"))
    lines += [("note", facts[name]) for name in ("speed", "note") if facts[name]]
    return "\n".join(f"{name:<18} {value}" for name, value in lines)


def _faiss(facts: dict[str, Any]) -> str:
    """The distributions, what the one that is there can do, and a word where there are several."""
    if facts["version"] is None:
        if "error" in facts:
            return f"cannot be imported: {facts['error']}"
        return "not installed: " + ", or ".join(pip_install(extra, name) for extra, name in EXTRAS.items())
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    parts = [packages or f"{facts['version']}, of no known distribution", f"{facts['gpus']} GPUs"]
    parts += [facts["options"]] if facts["options"] else []
    return "; ".join(parts) + (f"\n{'':<18} note: {facts['note']}" if facts["note"] else "")


def gather() -> dict[str, Any]:
    """The facts, as JSON could hold them."""
    reasons = backend_reasons()
    return {
        "version": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "processor": platform.machine(),
        "instruction_set": native.instruction_set(),
        "instruction_sets": native.instruction_sets(),
        "threads": native.num_threads(),
        "compiler": native.compiler(),
        "backends": reasons,
        "speed": None if reasons["native"] is None else slow_because(reasons["native"]),
        "faiss": faiss_facts(),
        "note": note_of_namesake(),
    }


INFO = Command(InfoOptions, run_info, "pyalign info --json")


TYPES = {int: "integer", float: "number", bool: "switch", Spec: "file", str: "text"}


@dataclass(frozen=True)
class CommandsOptions(_options.Document):
    """The options of `pyalign commands`."""


def run_commands(options: CommandsOptions, progress: Progress) -> Outcome:
    """Describes all commands: a table, or a JSON document of their declarations."""
    document = {"command": "commands", "schema": 1, "version": __version__, "commands": all_commands()}
    return described(options, document, "\n".join(f"{entry.command:<22}{entry.what}" for entry in entries()))


def all_commands() -> list[dict[str, Any]]:
    """Each command as plain values: name, help, group, example, options, and the result that its document holds."""
    results = {kind.entry.command: (word, kind.result) for word, kind in KINDS.items() if kind.entry}
    load, commands = _registry.registered("load_command"), []
    for entry in entries():
        command: Command[Any] = load(entry.command)
        commands.append({
            "name": entry.command, "help": entry.what, "group": entry.group, "rare": entry.rare,
            "example": command.example,
            "options": options_of(command),
            "result": _result(*results[entry.command]) if entry.command in results else None,
        })
    return commands


def options_of(command: Command[Any]) -> list[dict[str, Any]]:
    """The options of a command: name in Python, flags, help, type, default, and what they may be."""
    hints = get_type_hints(command.options)
    return [
        {
            "name": field.name, "flags": list(flags_of(field, option_)), "help": option_.help,
            "type": _type(hints[field.name]), "many": option_.many or option_.nargs not in (None, "?"),
            "positional": option_.positional, "required": field.default is MISSING, "default": _default(field),
            "choices": option_.choices and [*option_.choices], "role": option_.role or None,
            "group": option_.group.partition("\n")[0] or None, "rare": option_.rare,
        }
        for field, option_ in declared(command.options)
    ]


def _type(hint: Any) -> str:
    """The word for a type, for `T`, `T | None` and tuples of them; the first that applies."""
    parts = [hint, *getattr(hint, "__args__", ())]
    parts += [inner for part in parts[1:] for inner in getattr(part, "__args__", ())]
    return next((TYPES[part] for part in parts if part in TYPES), "text")


def _default(field: Field[Any]) -> Any:
    return None if field.default is MISSING else [*field.default] if isinstance(field.default, tuple) else field.default


def _result(word: str, name: str) -> dict[str, Any]:
    """The kind that documents carry under `command`, and the fields that they have."""
    kind = _registry.load(name)
    assert is_dataclass(kind)
    shown = {field.name: str(field.type) for field in fields(kind) if not field.metadata.get("hidden")}
    return {"kind": word, "fields": shown}


COMMANDS = Command(CommandsOptions, run_commands, "pyalign commands --json")
