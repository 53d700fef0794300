"""`pyalign neighbors ...`: the nearest rows of embeddings, and how neighborhoods agree with those of people."""

from __future__ import annotations

import errno
import os
from typing import Any

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign.backends import TENSOR_BACKENDS
from pyalign.cli import _inputs, _options, _outputs
from pyalign.cli._command import OUTPUT, RUNNING, Command, Outcome, Output, option, refuse_unused
from pyalign.cli._shared_options import LABELS, read_categories, read_dimensions
from pyalign.cli._vocabulary import file_to_read, seed
from pyalign.data import Embeddings
from pyalign.errors import InputError
from pyalign.io.formats import FORMATS
from pyalign.io.paths import Spec, is_named, suffix_of
from pyalign.measures import get_measure
from pyalign.stats.multiple import CORRECTIONS
from pyalign.typing import SearchName

STORED = "neighbors.index"
WRITTEN, PICTURES = ("neighbors.csv", "neighbors.json", "neighbors_before.json", STORED), ("gallery",)  # to --out
INDEX, CONCEPTS, INTERVALS = "index", "concepts", _options.INTERVALS
EPILOG = "Distances are printed as they are; documents negate them (larger is closer)."


@dataclass(frozen=True)
class Near(_options.RowNames, _options.Nearness, _options.Threads, _options.Output):
    """What neighbors are, for one embedding or several."""

    k: int = option("number of neighbors of each object (default: 10)", "-k", default=10)


def _models(options: Any) -> dict[str, Any]:
    """The embeddings of a command, and those after a transform where one is given."""
    get_measure(options.measure)
    models: dict[str, Any] = _inputs.read_labeled(options)
    if (transform := _inputs.read_transform(options.transform)) is not None:
        for spec in list(models):
            models[f"{spec} after {options.transform}"] = transform.apply(models[spec])
    return models


# pyalign neighbors search


def name_or_file(text: str) -> str | Spec:
    """The name of a row, or a file of vectors: one of a known format that is there."""
    known = is_named(text) or "::" in text or suffix_of(text) in FORMATS
    spec = file_to_read(text) if known else None
    return text if spec is None or not (is_named(text) or os.path.exists(spec.path)) else spec


def index_or_file(text: str) -> str | Spec:
    """What makes an index, or the file of one that is there."""
    return file_to_read(text) if os.path.isfile(text) else text


@dataclass(frozen=True)
class SearchOptions(_options.Model, Near, _options.Nan, _outputs.FolderWithImages):
    """The options of `pyalign neighbors search`."""

    transform: Spec | None = option(
        "linear map, as written by `pyalign probe`, to apply to rows and queries first; --out also shows the search "
        "without it",
    )
    queries: tuple[str | Spec, ...] | None = option(
        "names of the rows to search for, or one file of (q, d) vectors; FILE::KEY picks an array (default: every row)",
        "--query", nargs="+", kind=name_or_file, role="input",
    )
    backend: SearchName = option(
        "search backend: native, faiss, or cuda, triton or torch on a GPU (default: native for exact search, faiss "
        "for an index)", default="auto", choices=("auto", "native", "faiss", *TENSOR_BACKENDS), metavar="NAME",
        group=RUNNING,
    )
    index: str | Spec = option(
        "index: flat (exact), hnsw, ivf, a faiss factory string, auto (default), or a file written to --out, where any "
        "but auto is stored", default="auto", kind=index_or_file, role="input", group=INDEX,
    )


def run_search(options: SearchOptions, progress: Progress) -> Outcome:
    """Reads, searches; the index is written with the rest."""
    get_measure(options.measure)
    formats, notes = _outputs.check_folder(options, WRITTEN, PICTURES)
    rows = _inputs.read_model(options)
    outcome = _search(options, rows, progress, _inputs.read_transform(options.transform))
    if options.out is None:
        return outcome
    before = None
    if options.transform is not None:
        before = _search(replace(options, index="auto"), rows, progress).result
    files, more = _in_folder(outcome.result, options, formats, before)
    return replace(outcome, files={**outcome.files, **files}, notes=(*notes, *more))


def _in_folder(
    result: Any, options: SearchOptions, formats: tuple[str, ...], before: Any
) -> tuple[dict[str, Output], tuple[str, ...]]:
    """What --out holds, the search before a transform too; a note where the gallery is not of all queries."""
    from pyalign.report.charts.gallery import MOST_QUERIES

    tables = {"neighbors.csv": result.to_csv()}
    drawn: dict[str, Any] = {}
    if before is not None:
        tables["neighbors_before.json"] = before.to_json() + "\n"
        drawn = {"drawn": [before, result]}
    files, notes = _outputs.folder_files(result, options, tables, formats, **drawn)
    if formats and result.n_queries > MOST_QUERIES:
        notes += (f"the gallery shows the first {MOST_QUERIES} of {result.n_queries:,} queries: --query chooses",)
    return files, notes


def _search(options: SearchOptions, rows: Any, progress: Progress, transform: Any = None) -> Outcome:
    """The neighbors of what the options ask for among rows that are read, mapped where there is a transform."""
    from pyalign.nearest.index import load_index
    from pyalign.nearest.neighbors import neighbors, prepared_index

    index: Any = options.index
    if isinstance(index, Spec):
        index = load_index(index)
    elif "." in index or os.sep in index:  # no factory string has these
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), index)
    queries = _queries(options.queries)
    if transform is not None:
        transform = transform.standardizing(rows)
        rows, queries = transform.apply(rows), transform.apply(queries) if isinstance(queries, Embeddings) else queries
    stored = options.out is not None and isinstance(index, str) and index != "auto"
    if stored:
        index = prepared_index(rows, queries, options.measure, index)
    nearest = neighbors(
        rows, queries, options.k, measure=options.measure, backend=options.backend, index=index,
        nan_policy=options.nan_policy, progress=progress,
    )
    files = {os.path.join(options.out or "", STORED): index.content(nearest.recall)} if stored else {}
    return Outcome(nearest if transform is None else replace(nearest, transform=options.transform), files)


def _queries(asked: tuple[str | Spec, ...] | None) -> Any:
    """Names of rows, or the vectors of a file; None for every row."""
    files = [one for one in asked or () if isinstance(one, Spec)]
    if len(files) > 1 or (files and files != list(asked or ())):
        raise InputError(f"--query must be names of rows, or one file of vectors; got {files[0]} with others")
    return _inputs.read_embeddings(files[0]) if files else asked


SEARCH = Command(
    SearchOptions, run_search, "pyalign neighbors search clip.npy --names names.txt --query apple -k 10", epilog=EPILOG
)


# pyalign neighbors objects


@dataclass(frozen=True)
class ObjectsOptions(_options.Models, Near, _options.Intervals):
    """The options of `pyalign neighbors objects`."""

    transform: Spec | None = option(
        "linear map, as written by `pyalign probe`; the mapped embeddings count as an additional model"
    )
    human: Spec | None = option("human embedding that defines the human neighbors, by cosine")
    threshold: float | None = option("minimum similarity of duplicates (default: only identical rows are listed)")
    categories: Spec | None = option(_options.CATEGORIES, group=CONCEPTS)
    dimensions: Spec | None = option(
        "human embedding; each object belongs to its largest dimension", metavar="FILE", group=CONCEPTS
    )
    dimension_labels: Spec | None = option(LABELS, group=CONCEPTS)
    ci: str = _options.over("objects", auto="objects")
    n_resamples: int | None = option("number of half-samples for the intervals (default: 200)", group=INTERVALS)
    n_permutations: int | None = option(
        "number of random relabelings for p-values (default: 999); 0: no p-values", kind=seed, group=INTERVALS
    )
    correction: str | None = option(
        "correction of p-values over concepts and differences (default: holm)", choices=tuple(CORRECTIONS),
        group=INTERVALS,
    )
    out: str | None = option(
        "write the table of all objects as .csv", kind=_options.csv_file, metavar="PATH", group=OUTPUT
    )


def run_objects(options: ObjectsOptions, progress: Progress) -> Outcome:
    """Reads; the first of several models, or one before its map, is what neighbors change from."""
    from pyalign.concept.neighborhoods import neighborhoods

    _options.refuse_without_intervals(options, "n_resamples", "confidence_level")
    if options.dimensions is None:
        refuse_unused(options, ("dimension_labels",), "human dimensions: add --dimensions")
    models = _models(options)
    given = {name: value for name in ("n_permutations", "seed", "correction")
             if (value := getattr(options, name)) is not None}
    result = neighborhoods(
        models, None if options.human is None else _inputs.read_embeddings(options.human),
        before=next(iter(models)) if len(models) > 1 else None, categories=read_categories(options.categories),
        dimensions=read_dimensions(options.dimensions, options.dimension_labels), threshold=options.threshold,
        k=options.k, measure=options.measure, ci=_options.plan(options), **given, progress=progress,
    )
    result = replace(result, human=options.human)
    return Outcome(result, {} if options.out is None else {options.out: result.objects_csv()})


OBJECTS = Command(
    ObjectsOptions, run_objects, "pyalign neighbors objects clip.npy --human vice.npy --names names.txt", epilog=EPILOG
)
