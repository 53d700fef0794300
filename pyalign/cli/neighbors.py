"""`pyalign neighbors ...`: the nearest rows of embeddings, and how neighbourhoods agree with those of people."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from typing import Any

from pyalign._process import Progress
from pyalign.backends import TENSOR_BACKENDS
from pyalign.cli import _inputs, _options, _outputs
from pyalign.cli._command import OUTPUT, RUNNING, Command, Outcome, Output, file_to_read, option, refuse_unused
from pyalign.cli._shared_options import LABELS, read_categories, read_dimensions
from pyalign.data import Embeddings
from pyalign.errors import InputError
from pyalign.io.formats import FORMATS
from pyalign.io.paths import Spec, is_named, suffix_of
from pyalign.measures import get_measure
from pyalign.stats.multiple import CORRECTIONS
from pyalign.typing import SearchName

WRITTEN, PICTURES = ("neighbors.csv", "neighbors.json", "neighbors_before.json"), ("gallery",)  # to --out
INDEX, CONCEPTS, INTERVALS = "index", "concepts", "intervals and tests"
EPILOG = "Distances are printed as they are; documents negate them (larger is closer)."


# Options that several of these commands share


@dataclass(frozen=True)
class Near(_options.RowNames, _options.Nearness, _options.Threads, _options.Output):
    """What neighbours are, for one embedding or several."""

    transform: Spec | None = option(
        "linear map, as written by `pyalign probe`; the mapped embeddings count as an additional model",
        metavar="W.npz",
        role="input",
    )


@dataclass(frozen=True)
class K:
    """How many neighbours count."""

    k: int = option(
        "number of neighbours of each object (default: 10)", "-k", default=10, kind=_options.count, metavar="K"
    )


@dataclass(frozen=True)
class OverObjects:
    """Intervals over objects, and tests by relabelling."""

    ci: str = _options.over("objects", auto="objects")
    n_resamples: int | None = option(
        "number of half-samples for the intervals (default: 200)", kind=_options.count, metavar="B", group=INTERVALS
    )
    confidence_level: float | None = option(
        "confidence level of the intervals (default: 0.95)", kind=float, metavar="P", group=INTERVALS
    )
    n_permutations: int | None = option(
        "number of random relabellings for p-values (default: 999); 0: no p-values",
        kind=_options.seed,
        metavar="K",
        group=INTERVALS,
    )
    seed: int | None = option("random seed (default: 0)", kind=_options.seed, metavar="S", group=INTERVALS)

    def arguments(self) -> dict[str, Any]:
        """The options that are set, as arguments; raises where one of them would have no effect."""
        if self.ci == "none":
            refuse_unused(self, ("n_resamples", "confidence_level"), "intervals, and --ci none omits them")
        return {"ci": _options.plan(self), **_given(self, "n_permutations", "seed")}


@dataclass(frozen=True)
class Labelled:
    """What objects belong to."""

    categories: Spec | None = option(
        _options.CATEGORIES, metavar="FILE", role="input",
        group=CONCEPTS,
    )
    dimensions: Spec | None = option(
        "human embedding; each object belongs to its largest dimension", metavar="FILE", role="input", group=CONCEPTS
    )
    dimension_labels: Spec | None = option(LABELS, metavar="FILE", role="input", group=CONCEPTS)

    def read(self) -> dict[str, Any]:
        """The options that are set, as arguments."""
        if self.dimensions is None:
            refuse_unused(self, ("dimension_labels",), "human dimensions: add --dimensions")
        dimensions = read_dimensions(self.dimensions, self.dimension_labels)
        return {"categories": read_categories(self.categories), "dimensions": dimensions}


def _transform(spec: Spec) -> Any:
    from pyalign.io.transform import load_transform

    return load_transform(spec)


def _given(options: Any, *names: str) -> dict[str, Any]:
    """The named options that are set, by name."""
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _models(options: Any) -> dict[str, Any]:
    """The embeddings of a command, and those after a transform where one is given."""
    get_measure(options.measure)
    labels = _inputs.labelled(options.embeddings, options.labels)
    models: dict[str, Any] = dict(_inputs.read_models(options))
    if labels is not None:
        models = dict(zip(labels, models.values(), strict=True))
    if options.transform is not None:
        transform = _transform(options.transform)
        for spec in list(models):
            models[f"{spec} after {options.transform}"] = transform.apply(models[spec])
    return models


def _mapped(options: Any) -> Embeddings:
    """The embeddings of a command that takes one, mapped where a transform is given."""
    get_measure(options.measure)
    x = _inputs.read_model(options)
    mapped: Embeddings = x if options.transform is None else _transform(options.transform).apply(x)
    return mapped


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
class SearchOptions(_options.Model, Near, K, _options.Nan, _outputs.FolderWithImages):
    """The options of `pyalign neighbors search`."""

    transform: Spec | None = option(
        "linear map, as written by `pyalign probe`, to apply to rows and queries first; --out also "
        "shows the search without it",
        metavar="W.npz", role="input",
    )
    queries: tuple[str | Spec, ...] | None = option(
        "names of the rows to search for, or one file of (q, d) vectors; FILE::KEY picks an array (default: every row)",
        "--query", nargs="+", kind=name_or_file, metavar="NAME|FILE", role="input",
    )
    backend: SearchName = option(
        "search backend: native, faiss, or cuda, triton or torch on a GPU (default: native for exact "
        "search, faiss for an index)", default="auto", choices=("auto", "native", "faiss", *TENSOR_BACKENDS),
        metavar="NAME",
        group=RUNNING,
    )
    index: str | Spec = option(
        "index: flat (exact), hnsw, ivf, a faiss factory string, auto, or a file written by "
        "--save-index (default: auto)",
        default="auto", kind=index_or_file, metavar="INDEX", role="input", group=INDEX,
    )
    save_index: str | None = option(
        "write the index to a file that --index can read", metavar="FILE", role="output", group=INDEX
    )


def run_search(options: SearchOptions, progress: Progress) -> Outcome:
    """Reads, searches; the index is written with the rest."""
    get_measure(options.measure)
    formats, notes = _outputs.check_folder(options, WRITTEN, PICTURES)
    rows = _inputs.read_model(options)
    outcome = _search(options, rows, progress, None if options.transform is None else _transform(options.transform))
    if options.out is None:
        return outcome
    before = None
    if options.transform is not None:
        before = _search(replace(options, index="auto", save_index=None), rows, progress).result
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
    """The neighbours of what the options ask for among rows that are read, mapped where there is a transform."""
    from pyalign.nearest.index import load_index
    from pyalign.nearest.neighbors import neighbors, prepared_index

    index: Any = options.index
    if isinstance(index, Spec):
        refuse_unused(options, ("save_index",), "a new index, and --index names an existing one")
        index = load_index(index)
    elif "." in index or os.sep in index:  # no factory string has these
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), index)
    queries = _queries(options.queries)
    if transform is not None:
        transform = transform.standardizing(rows)
        rows, queries = transform.apply(rows), transform.apply(queries) if isinstance(queries, Embeddings) else queries
    files = {}
    if options.save_index is not None:
        index = prepared_index(rows, queries, options.measure, index)
    nearest = neighbors(
        rows, queries, options.k, measure=options.measure, backend=options.backend, index=index,
        nan_policy=options.nan_policy, progress=progress,
    )
    if options.save_index is not None:
        files[options.save_index] = index.content(nearest.recall)
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


# pyalign neighbors agreement


@dataclass(frozen=True)
class AgreementOptions(_options.Models, Near, K, Labelled, OverObjects):
    """The options of `pyalign neighbors agreement`."""

    human: Spec = option(
        "human embedding that defines the human neighbours, by cosine", required=True, metavar="HUMAN", role="input"
    )
    correction: str | None = option(
        "correction of p-values over concepts and differences (default: holm)",
        choices=tuple(CORRECTIONS),
        group=INTERVALS,
    )
    out: str | None = option(
        "write the agreement of each object as .csv", kind=_options.csv_file, metavar="PATH", role="output",
        group=OUTPUT,
    )


def run_agreement(options: AgreementOptions, progress: Progress) -> Outcome:
    """Reads, compares neighbourhoods over all objects and for each concept."""
    from pyalign.concept.neighbor_agreement import compare_neighbors

    drawn, models = options.arguments(), _models(options)
    human = _inputs.read_embeddings(options.human)
    agreement = compare_neighbors(
        models, human, k=options.k, measure=options.measure, **options.read(),
        **_given(options, "correction"), **drawn, progress=progress,
    )
    agreement = replace(agreement, against=options.human)
    files = {} if options.out is None else {options.out: agreement.objects_csv()}
    return Outcome(agreement, files)


AGREEMENT = Command(AgreementOptions, run_agreement, "pyalign neighbors agreement clip.npy --human vice.npy")


# pyalign neighbors purity


@dataclass(frozen=True)
class PurityOptions(_options.Models, Near, K, OverObjects):
    """The options of `pyalign neighbors purity`."""

    categories: Spec = option(
        _options.CATEGORIES, required=True, metavar="FILE",
        role="input",
    )


def run_purity(options: PurityOptions, progress: Progress) -> Outcome:
    """Reads, counts."""
    from pyalign.concept.purity import neighbor_purity

    drawn = options.arguments()
    purity = neighbor_purity(
        _models(options), read_categories(options.categories), k=options.k, measure=options.measure,
        **drawn, progress=progress,
    )
    return Outcome(purity)


PURITY = Command(PurityOptions, run_purity, "pyalign neighbors purity clip.npy --categories category27.tsv")


# pyalign neighbors hubness


@dataclass(frozen=True)
class HubnessOptions(_options.Models, Near, K):
    """The options of `pyalign neighbors hubness`."""


def run_hubness(options: HubnessOptions, progress: Progress) -> Outcome:
    """Reads, counts."""
    from pyalign.concept.hubs import hubness

    return Outcome(hubness(_models(options), k=options.k, measure=options.measure))


HUBNESS = Command(HubnessOptions, run_hubness, "pyalign neighbors hubness clip.npy -k 10")


# pyalign neighbors changes


@dataclass(frozen=True)
class ChangesOptions(_options.Models, Near, K):
    """The options of `pyalign neighbors changes`."""


def run_changes(options: ChangesOptions, progress: Progress) -> Outcome:
    """Reads two embeddings, or one and its map; compares the neighbours of each object."""
    from pyalign.concept.neighbor_changes import neighbor_changes

    count = len(options.embeddings)
    if count != (2 if options.transform is None else 1):
        raise InputError(f"changes are between two embeddings, or of one by --transform W.npz; got {count} embeddings")
    return Outcome(neighbor_changes(*_models(options).values(), k=options.k, measure=options.measure))


CHANGES = Command(ChangesOptions, run_changes, "pyalign neighbors changes clip.npy w2v.npy --names names.txt")


# pyalign neighbors prototypes


@dataclass(frozen=True)
class PrototypesOptions(_options.Model, Near, Labelled):
    """The options of `pyalign neighbors prototypes`."""


def run_prototypes(options: PrototypesOptions, progress: Progress) -> Outcome:
    """Reads; finds the medoid and the top objects of each concept."""
    from pyalign.concept.prototypes import prototypes

    return Outcome(prototypes(_mapped(options), **options.read(), measure=options.measure))


PROTOTYPES = Command(
    PrototypesOptions, run_prototypes, "pyalign neighbors prototypes clip.npy --dimensions dataset:spose66"
)


# pyalign neighbors duplicates


@dataclass(frozen=True)
class DuplicatesOptions(_options.Model, Near):
    """The options of `pyalign neighbors duplicates`."""

    threshold: float | None = option(
        "minimum similarity of near-duplicates (default: only identical rows are listed)", kind=float, metavar="S"
    )


def run_duplicates(options: DuplicatesOptions, progress: Progress) -> Outcome:
    """Reads, groups."""
    from pyalign.concept.duplicates import near_duplicates

    return Outcome(near_duplicates(_mapped(options), options.threshold, measure=options.measure))


DUPLICATES = Command(
    DuplicatesOptions, run_duplicates, "pyalign neighbors duplicates --threshold 0.98 images.npy", epilog=EPILOG
)
