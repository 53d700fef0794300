"""`pyalign neighbors` beyond the search: against people, by category, hubs, changes, prototypes, duplicates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pyalign.cli import _inputs, _options
from pyalign.cli._command import Outcome, option, refuse_unused
from pyalign.errors import InputError
from pyalign.measures import MEASURES, get_measure
from pyalign.progress import Progress
from pyalign.stats.multiple import CORRECTIONS

WHAT, CONCEPTS = "what neighbours say, in place of a search", "concepts, and intervals of what neighbours say"
OF_AGREEMENT = ("against_measure", "rbo_p", "correction", "objects")
OF_INTERVALS = ("ci", "resamples", "permutations", "confidence", "seed")
OF_CONCEPTS = ("categories", "dimensions", "dimension_labels")


@dataclass(frozen=True)
class Analysis:
    """What is asked of neighbours in place of a search."""

    against: str | None = option(
        "agreement with the neighbours by a human embedding, over all objects and for each concept", metavar="HUMAN",
        role="input", group=WHAT, exclusive="analysis",
    )  # fmt: skip
    purity: bool = option(
        "share of neighbours of the same of --categories", default=False, group=WHAT, exclusive="analysis"
    )
    hubs: bool = option(
        "objects that are neighbours of very many others", default=False, group=WHAT, exclusive="analysis"
    )
    changes: str | None = option(
        "objects whose neighbourhoods differ most by another embedding, or after --transform", nargs="?", const="",
        metavar="EMB", role="input", group=WHAT, exclusive="analysis",
    )  # fmt: skip
    prototypes: bool = option(
        "medoids and top objects of --categories or --dimensions", default=False, group=WHAT, exclusive="analysis"
    )
    duplicates: float | None = option(
        "equal rows, and groups of rows with a similarity of at least S", kind=float, metavar="S", group=WHAT,
        exclusive="analysis",
    )  # fmt: skip
    transform: str | None = option(
        "a linear map (`pyalign probe`): a search is among the mapped rows, elsewhere they are one more model",
        metavar="W.npz", role="input", group=WHAT,
    )  # fmt: skip
    categories: str | None = option(
        "a label for each object, or a column of 0 and 1 for each category", metavar="FILE", role="input",
        group=CONCEPTS,
    )  # fmt: skip
    dimensions: str | None = option(
        "a human embedding: an object belongs to its largest dimension", metavar="FILE", role="input", group=CONCEPTS
    )
    dimension_labels: str | None = option(
        "what the dimensions are called, one a line", metavar="FILE", role="input", group=CONCEPTS
    )
    against_measure: str | None = option(
        "of the rows of --against (default: cosine)", metavar="M", words=MEASURES, group=CONCEPTS
    )
    rbo_p: float | None = option(
        "persistence of the rank-biased overlap (default: 0.9)", kind=float, metavar="P", group=CONCEPTS
    )
    ci: str | None = option(
        "over other objects like these (default), or none", choices=("none", "objects"), group=CONCEPTS
    )
    resamples: int | None = option(
        "half-samples of the intervals (default: 200)", kind=_options.count, metavar="B", group=CONCEPTS
    )
    confidence: float | None = option("of the intervals (default: 0.95)", kind=float, metavar="P", group=CONCEPTS)
    permutations: int | None = option(
        "relabellings for p-values (default: 999); 0: none", kind=_options.seed, metavar="K", group=CONCEPTS
    )
    correction: str | None = option(
        "of p-values over concepts and differences (default: holm)", choices=tuple(CORRECTIONS), group=CONCEPTS
    )
    seed: int | None = option("of what is drawn (default: 0)", kind=_options.seed, metavar="S", group=CONCEPTS)
    objects: str | None = option(
        "write the agreement of each object as .csv", kind=_options.csv_file, metavar="PATH", role="output",
        group=CONCEPTS,
    )  # fmt: skip


def analysis_of(options: Any) -> Callable[[Any, Progress], Outcome] | None:
    """What runs in place of the search; None where a search is asked for.

    Raises:
        InputError: options of an analysis that is not asked for.
    """
    asked = {
        "against": options.against is not None, "purity": options.purity, "hubs": options.hubs,
        "changes": options.changes is not None, "prototypes": options.prototypes,
        "duplicates": options.duplicates is not None,
    }  # fmt: skip
    name = next((name for name, given in asked.items() if given), None)
    if name != "against":
        refuse_unused(options, OF_AGREEMENT, "--against alone")
    if name not in ("against", "purity"):
        refuse_unused(options, OF_INTERVALS, "--against and --purity alone")
    if name not in ("against", "purity", "prototypes"):
        refuse_unused(options, ("categories",), "--against, --purity and --prototypes alone")
    if name not in ("against", "prototypes"):
        refuse_unused(options, ("dimensions", "dimension_labels"), "--against and --prototypes alone")
    if name in ("prototypes", "duplicates"):
        refuse_unused(options, ("k",), "a search, --against, --purity, --hubs and --changes")
    if name is None:
        return None
    return ANALYSES[name]


def read(options: Any) -> dict[str, Any]:
    """The models, with the mapped embeddings of one among them where a transform is given."""
    get_measure(options.measure)
    labels = _inputs.labelled(options.embeddings, options.labels)
    models: dict[str, Any] = dict(_inputs.read_models(options))
    if labels is not None:
        models = dict(zip(labels, models.values(), strict=True))
    if options.transform is not None:
        from pyalign.io.transform import read_transform

        transform = read_transform(options.transform)
        for spec in list(models):
            models[f"{spec} after {options.transform}"] = transform.apply(models[spec])
    return models


def _one(options: Any, what: str) -> Any:
    models = read(options)
    if len(models) != 1:
        raise InputError(f"{what} is of one of --embeddings; got {len(models)}")
    return next(iter(models.values()))


def _concepts(options: Any) -> dict[str, Any]:
    """Categories, dimensions and their labels, read."""
    from pyalign.io.categories import load_categories

    found: dict[str, Any] = {}
    if options.categories is not None:
        found["categories"] = load_categories(options.categories)
    if options.dimensions is not None:
        found["dimensions"] = _inputs.read_embeddings(options.dimensions)
    if options.dimension_labels is not None:
        found["dimension_labels"] = _inputs.names_of(options.dimension_labels)
    return found


def _given(options: Any, *names: str) -> dict[str, Any]:
    """Those of the options that are given."""
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def agreement(options: Any, progress: Progress) -> Outcome:
    """`--against`."""
    from pyalign.concept.neighborhoods import compare_neighbors

    if options.against_measure is not None:
        get_measure(options.against_measure)
    models = read(options)
    human = _inputs.read_embeddings(options.against)
    asked = _given(options, "against_measure", "rbo_p", "correction", *OF_INTERVALS)
    found = compare_neighbors(
        models, human, k=options.k, measure=options.measure, **_concepts(options), **asked, progress=progress
    )
    found = replace(found, against=options.against)
    files = {} if options.objects is None else {options.objects: found.objects_csv(options.csv_escape)}
    return Outcome(found, files)


def purity(options: Any, progress: Progress) -> Outcome:
    """`--purity`."""
    from pyalign.concept.purity import neighbor_purity

    if options.categories is None:
        raise InputError("--purity needs --categories; got none")
    asked = _given(options, *OF_INTERVALS)
    return Outcome(
        neighbor_purity(
            read(options), _concepts(options)["categories"], k=options.k, measure=options.measure, **asked,
            progress=progress,
        )
    )  # fmt: skip


def hubness(options: Any, progress: Progress) -> Outcome:
    """`--hubs`."""
    from pyalign.concept.hubs import hubs

    return Outcome(hubs(read(options), k=options.k, measure=options.measure))


def changed(options: Any, progress: Progress) -> Outcome:
    """`--changes`: another embedding, or the same after a transform."""
    from pyalign.concept.neighbor_changes import neighbor_changes

    if bool(options.changes) == (options.transform is not None):
        raise InputError("--changes needs another embedding, --changes EMB, or --transform W.npz; not both")
    models = list(read(options).values())
    if options.changes:
        models.append(_inputs.read_embeddings(options.changes, options.names, options.name_column))
    if len(models) != 2:
        raise InputError(f"--changes is of one of --embeddings; got {len(options.embeddings)}")
    return Outcome(neighbor_changes(*models, k=options.k, measure=options.measure))


def typical(options: Any, progress: Progress) -> Outcome:
    """`--prototypes`."""
    from pyalign.concept.prototypes import prototypes

    return Outcome(prototypes(_one(options, "--prototypes"), **_concepts(options), measure=options.measure))


def doubled(options: Any, progress: Progress) -> Outcome:
    """`--duplicates`."""
    from pyalign.concept.duplicates import near_duplicates

    return Outcome(near_duplicates(_one(options, "--duplicates"), options.duplicates, measure=options.measure))


ANALYSES: dict[str, Callable[[Any, Progress], Outcome]] = {
    "against": agreement, "purity": purity, "hubs": hubness, "changes": changed, "prototypes": typical,
    "duplicates": doubled,
}  # fmt: skip
