"""`pyalign neighbors`: the nearest rows of embeddings, and what they say beside people."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from typing import Any

from pyalign.backends import TENSOR_BACKENDS
from pyalign.cli import _against, _folder, _inputs, _options
from pyalign.cli._command import Command, Outcome, Output, option, refuse_unused
from pyalign.errors import InputError
from pyalign.measures import MEASURES, get_measure
from pyalign.progress import Progress

FOLDER = ("out", "figures", "images")
OF_SEARCH = ("query", "queries", "nan", "include_self", "engine", "index", "save_index", *FOLDER)
WRITTEN, PICTURES = ("neighbors.csv", "neighbors.json", "neighbors_before.json"), ("gallery",)  # to --out
WHAT, SEARCH = "queries (default: every row)", "search"
EPILOG = "Distances are printed as such; documents hold them negated: larger is nearer."


@dataclass(frozen=True)
class NeighborOptions(_options.Models, _options.RowNames, _against.Analysis, _options.Output, _folder.Folder):
    """The options of `pyalign neighbors`."""

    query: tuple[str, ...] | None = option("names of rows", nargs="+", metavar="NAME", group=WHAT, exclusive="queries")
    queries: str | None = option(
        "file of (q, d) vectors; FILE::KEY picks an array", metavar="FILE", role="input", group=WHAT,
        exclusive="queries",
    )  # fmt: skip
    k: int = option("neighbours of each query (default: 10)", "-k", default=10, kind=_options.count, metavar="K")
    measure: str = option(
        "one of the measures above (default: cosine)", default="cosine", metavar="M", group=_options.MODEL,
        words=MEASURES,
    )  # fmt: skip
    nan: str = option(
        "rows with NaN: an error, or left out (default: raise)", default="raise", choices=("raise", "omit"),
        group=_options.MODEL,
    )  # fmt: skip
    include_self: bool = option("a row may be its own neighbour", default=False, group=SEARCH)
    engine: str = option(
        "what searches: native, faiss, or on a device cuda, triton, torch (default: native for the exact search, "
        "faiss for an index)", "--backend", default="auto",
        choices=("auto", "native", "faiss", *TENSOR_BACKENDS), metavar="NAME", group=SEARCH,
    )  # fmt: skip
    index: str = option(
        "flat (exact), hnsw, ivf, a factory string of faiss, auto, or a file of --save-index (default: auto)",
        default="auto", metavar="INDEX", group=SEARCH,
    )  # fmt: skip
    save_index: str | None = option(
        "write the index to a file, for --index", metavar="FILE", role="output", group=SEARCH
    )
    threads: int | None = option(
        "threads (default: PYALIGN_NUM_THREADS, else all cores)", kind=_options.count, metavar="K",
        group=_options.RUNNING,
    )  # fmt: skip


def run(options: NeighborOptions, progress: Progress) -> Outcome:
    """Reads, searches; the index is written with the rest."""
    get_measure(options.measure)
    analysis = _against.analysis_of(options)
    if analysis is not None:
        refuse_unused(options, OF_SEARCH, "a search, which another question has taken the place of")
        return analysis(options, progress)
    if len(options.embeddings) != 1:
        raise InputError(f"a search is among the rows of one of --embeddings; got {len(options.embeddings)}")
    refuse_unused(options, ("labels",), "several embeddings: --against, --purity, --hubs")
    formats, notes = _folder.check_folder(options, WRITTEN, PICTURES)
    (rows,) = _inputs.read_models(options).values()
    found = search(options, rows, progress, _map_of(options))
    if options.out is None:
        return found
    before = None
    if options.transform is not None:
        before = search(replace(options, index="auto", save_index=None), rows, progress).result
    files, more = _in_folder(found.result, options, formats, before)
    return replace(found, files={**found.files, **files}, notes=(*notes, *more))


def _map_of(options: NeighborOptions) -> Any:
    """The map of --transform, or None."""
    if options.transform is None:
        return None
    from pyalign.io.transform import read_transform

    return read_transform(options.transform)


def _in_folder(
    found: Any, options: NeighborOptions, formats: tuple[str, ...], before: Any
) -> tuple[dict[str, Output], tuple[str, ...]]:
    """What --out holds, the search before a transform too; a note where the gallery is not of all queries."""
    from pyalign.report.charts.gallery import MOST_QUERIES

    tables = {"neighbors.csv": found.to_csv(options.csv_escape)}
    drawn: dict[str, Any] = {}
    if before is not None:
        tables["neighbors_before.json"] = before.to_json() + "\n"
        drawn = {"drawn": before, "beside": found}
    files, notes = _folder.folder_files(found, options, tables, formats, **drawn)
    if formats and found.n_queries > MOST_QUERIES:
        notes += (f"the gallery shows the first {MOST_QUERIES} of {found.n_queries:,} queries: --query chooses",)
    return files, notes


def search(options: Any, rows: Any, progress: Progress, transform: Any = None) -> Outcome:
    """The neighbours of what the options ask for among rows that are read, mapped where there is a transform."""
    from pyalign.nearest.index import load_index
    from pyalign.nearest.neighbors import neighbors, prepared_index

    index: Any = options.index
    if os.path.isfile(index):
        refuse_unused(options, ("save_index",), "an index that is made: --index names one that is there")
        index = load_index(index)
    elif "." in index or os.sep in index:  # no factory string has these
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), index)
    given = options.query if options.queries is None else _inputs.read_embeddings(options.queries)
    if transform is not None:
        rows, given = transform.apply(rows), given if options.queries is None else transform.apply(given)
    files = {}
    if options.save_index is not None:
        index = prepared_index(rows, given, options.measure, index)
    found = neighbors(
        rows, given, options.k, measure=options.measure, backend=options.engine, index=index,
        include_self=options.include_self, nan=options.nan, progress=progress,
    )  # fmt: skip
    if options.save_index is not None:
        files[options.save_index] = index.content(found.recall)
    return Outcome(found if transform is None else replace(found, transform=options.transform), files)


COMMAND = Command(
    NeighborOptions, run, "pyalign neighbors clip.npy --names names.txt --query apple -k 10", epilog=EPILOG
)
