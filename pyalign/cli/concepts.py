"""`pyalign concepts`: where representations agree with people, concept by concept."""

from __future__ import annotations

from typing import Any

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign.cli import _inputs, _model_choices, _options, _outputs, _shared_options
from pyalign.cli._command import OUTPUT, Command, Outcome, option, refuse_unused
from pyalign.concept.concepts import score_concepts
from pyalign.concept.concepts_result import BY, Concepts
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.measures import MEASURES, get_measure
from pyalign.typing import Correction, MeasureName

WRITTEN = ("concepts.csv", "differences.csv", "concepts.json")  # to --out
PICTURES = ("concepts", *(f"concepts-{by}" for by in BY), "entropy", "cards")


@dataclass(frozen=True)
class ConceptsOptions(
    _options.Models, _options.TripletFile, _options.JudgedRows, _options.Choice, _options.Temperature,
    _model_choices.ModelChoices, _shared_options.Concepts, _options.Intervals, _options.People, _options.Running,
    _options.Output, _outputs.FolderWithImages,
):
    """The options of `pyalign concepts`."""

    levels: tuple[Spec, ...] | None = option(
        "two files of categories, fine and coarse; triplets are grouped by whether all three objects share a fine "
        "category, all three a coarse one, two of them a coarse one, or none", nargs="+",
        group=_shared_options.CONCEPTS,
    )
    transform: Spec | None = option(
        "linear map, as written by `pyalign probe`; shows scores before and after it, and their differences"
    )
    measure: MeasureName | None = option(
        "similarity measure, one of those above (default: that of the transform, otherwise cosine)",
        group=_options.MODEL, words=MEASURES,
    )
    limit: int | None = option(
        "list the K top objects of each dimension in the document, so that a report can show their images", "--limit",
        group=OUTPUT, rare=True,
    )
    families: tuple[str, ...] | None = option(
        "family of each model: shows the mean of each family, and the differences of families; none typed: those of "
        "`pyalign models list --metadata`", nargs="*", rare=True,
    )
    correction: Correction = _options.corrected("over all concepts", rare=True)


def run(options: ConceptsOptions, progress: Progress) -> Outcome:
    """Reads everything, scores everything."""
    formats, notes = _check(options)
    families, looked_up = _model_choices.families_of(options)
    notes = (*notes, *looked_up)
    temperature = _options.read_temperature(options.temperature, (options.measure or "cosine",))
    labels = _inputs.labeled(_model_choices.models_of(options), options.labels)
    triplets = _inputs.read_triplets(options, answered="concepts")
    dimensions = _shared_options.dimensions_of(options, triplets)
    models = _inputs.read_models(options, triplets)
    concepts = score_concepts(
        models, triplets, dimensions, **_model_choices.arguments(options),
        categories=_shared_options.read_categories(options.categories),
        levels=None if options.levels is None else tuple(map(_shared_options.read_categories, options.levels)),
        transform=_inputs.read_transform(options.transform), measure=options.measure,
        temperature=temperature, ties=options.ties, nan_policy=options.nan_policy, missing=options.missing,
        backend=options.backend, ci=options.resampling(), correction=options.correction,
        min_triplets=options.min_triplets, limit=options.limit, families=families, progress=progress,
    )
    concepts = replace(_labeled(concepts, options, labels), triplets=options.triplets, dimensions=options.dimensions)
    if options.out is None:
        return Outcome(concepts, notes=notes)
    tables = {"concepts.csv": concepts.to_csv()}
    if concepts.differences:
        tables["differences.csv"] = concepts.differences_csv()
    names = None if dimensions is None else _names_of_rows(dimensions, *models.values())
    cards = {} if dimensions is None else {"dimensions": dimensions, "names": names}
    files, more = _outputs.folder_files(concepts, options, tables, formats, **cards)
    return Outcome(concepts, files, notes=(*notes, *more))


def _names_of_rows(dimensions: Any, *models: Any) -> tuple[str, ...] | None:
    """Names of the objects of human dimensions: their own, or those of embeddings with a row for each object."""
    named = (x.names for x in (dimensions, *models) if x.names is not None and len(x) == len(dimensions))
    return next(named, None)


def _check(options: ConceptsOptions) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wrong whatever the files hold."""
    if options.measure is not None:
        get_measure(options.measure)
    idle = _inputs.check_intervals(options)[1] + _model_choices.check(options)
    if all(way is None for way in (options.dimensions, options.categories, options.levels)):
        raise InputError("--dimensions, --categories or --levels says what the concepts are: give one or more")
    if options.dimensions is None:
        refuse_unused(options, ("dimension_labels", "images", "limit"), "human dimensions: add --dimensions")
    if options.levels is not None and len(options.levels) != 2:
        raise InputError(f"--levels takes two files, FINE COARSE; got {len(options.levels)}")
    _options.refuse_without_intervals(options, "correction", "min_triplets")
    formats, notes = _outputs.check_folder(options, WRITTEN, PICTURES)
    return formats, (*idle, *notes)


def _labeled(concepts: Concepts, options: ConceptsOptions, labels: list[str] | None) -> Concepts:
    """The result with labels of the command line next to the files' names, also of what a transform made of them."""
    if labels is None:
        return concepts
    called: dict[str, str] = dict(zip(_model_choices.models_of(options), labels, strict=True))
    called |= {f"{spec} (transformed)": f"{label} (transformed)" for spec, label in called.items()}
    return replace(
        concepts, results=tuple(replace(result, label=called.get(result.embeddings)) for result in concepts.results)
    )


CONCEPTS = Command(
    ConceptsOptions, run, "pyalign concepts clip.npy -t triplets.npy --dimensions dataset:spose66", about=("triplets",),
)
