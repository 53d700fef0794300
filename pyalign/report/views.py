"""The tables of results: a result finds its view here, by its class."""

from __future__ import annotations

from typing import Any

from pyalign._registry import load
from pyalign.report.tables import one_line

# The class of a result -> what makes its table: (result, width, verbose) -> text.
VIEWS = {
    "Agreement": "pyalign.report.agreements:agreement_table",
    "Agreements": "pyalign.report.agreements:agreements_table",
    "Calibration": "pyalign.report.calibrations:calibration_table",
    "Calibrations": "pyalign.report.calibrations:calibrations_table",
    "Comparison": "pyalign.report.comparisons:comparison_table",
    "Concepts": "pyalign.report.concepts:concepts_table",
    "ErrorConsistency": "pyalign.report.consistencies:consistency_table",
    "DataSetInfo": "pyalign.report.datasets:info_table",
    "DataSetList": "pyalign.report.datasets:datasets_table",
    "DimensionPredictions": "pyalign.report.predictions:predictions_table",
    "Extraction": "pyalign.report.extractions:extraction_table",
    "Failures": "pyalign.report.failures:failures_table",
    "Fetched": "pyalign.report.datasets:fetched_table",
    "FileDescription": "pyalign.report.descriptions:description_table",
    "Hubs": "pyalign.report.neighborhoods:hubs_table",
    "LayerSimilarity": "pyalign.report.similarities:layers_table",
    "MetadataRegressions": "pyalign.report.metadata:metadata_table",
    "ModelLayers": "pyalign.report.models:layers_table",
    "ModelList": "pyalign.report.models:models_table",
    "ModelSimilarities": "pyalign.report.similarities:similarities_table",
    "Neighbors": "pyalign.report.neighbors:neighbors_table",
    "NearDuplicates": "pyalign.report.neighborhoods:duplicates_table",
    "NeighborAgreement": "pyalign.report.neighborhoods:agreement_table",
    "NeighborChanges": "pyalign.report.neighborhoods:changes_table",
    "NeighborPurity": "pyalign.report.neighborhoods:purity_table",
    "NoiseCeiling": "pyalign.report.ceilings:ceiling_table",
    "ProbeCrossValidation": "pyalign.report.probes:probe_table",
    "ProbeFit": "pyalign.report.probes:fit_table",
    "Prototypes": "pyalign.report.neighborhoods:prototypes_table",
    "RecipeCrossValidation": "pyalign.report.probes:recipe_table",
    "ReportFile": "pyalign.report.pages:report_table",
    "Rsa": "pyalign.report.rsa:rsa_table",
    "Recovery": "pyalign.report.recoveries:recovery_table",
    "Score": "pyalign.report.scores:score_table",
    "Scores": "pyalign.report.scores:scores_table",
    "Study": "pyalign.report.studies:study_table",
}


def table_of(result: Any, width: int | None = None, verbose: bool = False) -> str:
    """The table of a result; of one without a view of its own its values, a line each."""
    for kind in type(result).__mro__:
        if kind.__name__ in VIEWS:
            text: str = load(VIEWS[kind.__name__])(result, width, verbose)
            left_out = "" if result.coverage is None else result.coverage.left_out
            return f"{text}\n{left_out}" if left_out else text
    records = result.to_records()
    return "\n".join(f"{name}: {one_line(str(value))}" for record in records for name, value in record.items())


def has_view(result: Any) -> bool:
    """Whether a result has a table of its own."""
    return any(kind.__name__ in VIEWS for kind in type(result).__mro__)
