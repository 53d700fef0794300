"""Which public name stands where in the reference: each once, which `tests/test_site.py` checks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyalign
from pyalign.kinds import KINDS


@dataclass(frozen=True)
class Names:
    """Public names of one task: a page.

    Attributes:
        title: of the page.
        about: what a reader wants who opens it, a sentence in reStructuredText.
        functions, classes: in reading order.
    """

    title: str
    about: str
    functions: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.functions, *self.classes)


# stem of the page -> its names in addition to those of kinds of results, whose functions and classes come first
BESIDES = {
    "triplets": Names(
        "Accuracy on triplets", "How well a representation predicts which item of three participants choose as odd.",
        ("score_choices", "odd_one_out", "choice_probabilities", "triplet_gradient", "fraction_of_ceiling"),
        ("Score", "TripletPlan"),
    ),
    "trust": Names(
        "Intervals, comparisons, ceilings", "How certain a figure is, and what it generalizes over.",
        ("load_metadata", "plan_experiment"),
        ("Resampling", "Interval", "Components", "Agreement", "Calibration", "Metadata"),
    ),
    "concepts": Names("Human concepts", "Where a model agrees with people, and where not.", ("abstraction_levels",)),
    "neighbors": Names(
        "Neighbors", "Which objects are near each other, and whether human judgments agree.",
        ("build_index", "load_index"), ("NeighborIndex",),
    ),
    "pairs": Names(
        "Similarity matrices and models", "Pairs of items: matrices of participants, and comparisons of models.",
        ("similarity", "choice_similarity", "layer_similarity"), ("SimilarityMatrix",),
    ),
    "maps": Names(
        "Maps that align", "The linear map under which a representation agrees best.",
        ("probe_path", "load_transform", "write_transform"), ("TripletProbe", "ProbeOptions", "Transform"),
    ),
    "embedding": Names(
        "Human dimensions", "Dimensions of objects that are learned from triplets, without a model.",
        ("fit_embedding", "embedding_path", "match_dimensions"),
        ("TripletEmbedding", "EmbeddingOptions"),
    ),
    "extraction": Names(
        "Embeddings of images and texts", "From a folder of images, or a list of words, to rows with names.",
        ("extract", "merge_extractions", "list_models", "load_encoder", "as_images"), ("Images", "Encoder"),
    ),
    "data": Names(
        "Reading, writing, data", "Arrays with the names of their items, and the files that hold them.",
        ("load_embeddings", "write_embeddings", "load_triplets", "load_rdms", "load_dataset", "describe",
         "sample_triplets", "plan_triplets"),
        ("Embeddings", "Triplets", "Answers", "RDMs", "Categories", "DataSet"),
    ),
    "results": Names(
        "Results and pictures", "What functions return, and how to print, plot, write and read it.",
        ("load_result", "plot", "write_report", "run_study", "study_units", "run_unit"),
        ("Result", "Provenance", "StudyStep", "StudyUnit"),
    ),
    "errors": Names(
        "Errors, warnings, version", "What can go wrong, and which version this is.", ("__version__",),
        ("InputError", "MissingExtraError", "AssumptionWarning", "ConvergenceWarning", "SlowWarning"),
    ),
}


def with_kinds(stem: str, besides: Names) -> Names:
    """The names of a page: first the public functions and classes of the kinds of results that belong there."""
    kinds = [kind for kind in KINDS.values() if kind.reference == stem]
    functions = [analysis.name for kind in kinds for analysis in kind.analyses]
    classes = [kind.result.partition(":")[2] for kind in kinds]
    public = {*pyalign.__all__, *pyalign.results.__all__}
    of_functions, of_classes = ([name for name in names if name in public] for names in (functions, classes))
    return replace(
        besides, functions=(*of_functions, *besides.functions), classes=(*of_classes, *besides.classes)
    )


NAMES = {stem: with_kinds(stem, besides) for stem, besides in BESIDES.items()}

# What is no function or class has no docstring of its own.
VALUES = {"__version__": "The version of the package."}
