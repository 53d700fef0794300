"""Which public name stands where in the reference: each once, which `tests/test_site.py` checks."""

from __future__ import annotations

from dataclasses import dataclass


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


# stem of the page -> its names
NAMES = {
    "triplets": Names(
        "Accuracy on triplets", "How well a representation predicts which item of three people call odd.",
        ("score", "score_choices", "odd_one_out", "odd_one_out_from", "choice_probabilities",
         "choice_probabilities_from", "triplet_gradient", "fraction_of_ceiling", "permutation_test"),
        ("Score", "Scores", "PermutationTest", "TripletPlan"),
    ),
    "trust": Names(
        "Intervals, comparisons, ceilings", "What a figure is worth: over what it could have come out otherwise.",
        ("compare", "noise_ceiling", "agreement", "calibrate", "failures", "recover", "regress_metadata",
         "load_metadata"),
        ("Resampling", "Interval", "Comparison", "NoiseCeiling", "Agreement", "Agreements", "Calibration",
         "Calibrations", "Failures", "Recovery", "Metadata", "MetadataRegressions"),
    ),
    "concepts": Names(
        "Human concepts", "Where a model agrees with people, and where not.",
        ("concepts", "levels", "predict_dimensions", "consistency", "prototypes"),
        ("Concepts", "DimensionPredictions", "ErrorConsistency", "Prototypes"),
    ),
    "neighbors": Names(
        "Neighbours", "What is near what, and whether people would say so.",
        ("neighbors", "build_index", "load_index", "compare_neighbors", "neighbor_overlap", "neighbor_purity",
         "neighbor_changes", "hubs", "near_duplicates"),
        ("Neighbors", "NeighborIndex", "NeighborAgreement", "NeighborPurity", "NeighborChanges", "Hubs",
         "NearDuplicates"),
    ),
    "pairs": Names(
        "Similarity matrices and models", "Pairs of items: people's matrices, and models beside each other.",
        ("similarity", "choice_similarity", "choice_similarity_from", "rsa", "cka", "compare_layers", "minibatch_cka"),
        ("Rsa", "ModelSimilarities", "LayerSimilarity", "SimilarityMatrix"),
    ),
    "maps": Names(
        "Maps that align", "The linear map under which a representation agrees best.",
        ("fit_probe", "probe_path", "cross_validate_probe", "read_transform", "write_transform"),
        ("TripletProbe", "Transform"),
    ),
    "extraction": Names(
        "Embeddings of images and texts", "From a folder of images, or a list of words, to rows with names.",
        ("extract", "merge_extractions", "list_models", "load_encoder", "as_images"), ("Extraction",),
    ),
    "data": Names(
        "Reading, writing, data", "Arrays with the names of their items, and the files that hold them.",
        ("load_embeddings", "write_embeddings", "load_triplets", "load_judgments", "load_dataset", "sample_triplets"),
        ("Embeddings", "Triplets", "Answers", "Judgments", "Categories", "DataSet"),
    ),
    "results": Names(
        "Results and pictures", "What functions give back: printed, drawn, written, read again.",
        ("load_result", "plot", "write_figures", "write_report", "run_study"),
        ("Result", "Provenance", "ReportFile", "Study", "StudyStep"),
    ),
    "tables": Names(
        "Tables, errors, version", "What can be chosen by name, and what can go wrong.",
        ("MEASURES", "CORRELATIONS", "REPRESENTATION_MEASURES", "__version__"),
        ("InputError", "MissingExtraError", "AssumptionWarning", "ConvergenceWarning", "SlowWarning"),
    ),
}  # fmt: skip

# What is no function or class has no docstring of its own.
VALUES = {
    "MEASURES": "Measures of similarity by name, such as ``\"cosine\"``: see the page :doc:`/numbers`.",
    "CORRELATIONS": "Correlations of similarity matrices by name, such as ``\"spearman\"``: see the page :doc:`/rsa`.",
    "REPRESENTATION_MEASURES": "Measures between representations by name, such as ``\"cka\"``: see :doc:`/cka`.",
    "__version__": "The version of the package.",
}  # fmt: skip
