"""Views of results: plain tables, and progress on a terminal. A result finds its view here, by its class."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pyalign.report.tables import one_line

# The class of a result -> module and function that make its table: (result, width, verbose) -> text.
VIEWS = {
    "Agreement": "agreements:agreement_table",
    "Agreements": "agreements:agreements_table",
    "Calibration": "calibrations:calibration_table",
    "Calibrations": "calibrations:calibrations_table",
    "Comparison": "comparisons:comparison_table",
    "Concepts": "concepts:concepts_table",
    "ErrorConsistency": "consistencies:consistency_table",
    "DataSetInfo": "datasets:info_table",
    "DataSetList": "datasets:datasets_table",
    "DimensionPredictions": "predictions:predictions_table",
    "Extraction": "extractions:extraction_table",
    "Failures": "failures:failures_table",
    "Fetched": "datasets:fetched_table",
    "FileDescription": "descriptions:description_table",
    "Hubs": "neighborhoods:hubs_table",
    "LayerSimilarity": "similarities:layers_table",
    "MetadataRegressions": "metadata:metadata_table",
    "ModelLayers": "models:layers_table",
    "ModelList": "models:models_table",
    "ModelSimilarities": "similarities:similarities_table",
    "Neighbors": "neighbors:neighbors_table",
    "NearDuplicates": "neighborhoods:duplicates_table",
    "NeighborAgreement": "neighborhoods:agreement_table",
    "NeighborChanges": "neighborhoods:changes_table",
    "NeighborPurity": "neighborhoods:purity_table",
    "NoiseCeiling": "ceilings:ceiling_table",
    "ProbeCrossValidation": "probes:probe_table",
    "ProbeFit": "probes:fit_table",
    "Prototypes": "neighborhoods:prototypes_table",
    "RecipeCrossValidation": "probes:recipe_table",
    "ReportFile": "pages:report_table",
    "Rsa": "rsa:rsa_table",
    "Recovery": "recoveries:recovery_table",
    "Score": "scores:score_table",
    "Scores": "scores:scores_table",
    "Study": "studies:study_table",
}


def table_of(result: Any, width: int | None = None, verbose: bool = False) -> str:
    """The table of a result; of one without a view of its own its values, a line each."""
    for kind in type(result).__mro__:
        if kind.__name__ in VIEWS:
            module, _, name = VIEWS[kind.__name__].partition(":")
            text: str = getattr(import_module(f"pyalign.report.{module}"), name)(result, width, verbose)
            left_out = "" if result.coverage is None else result.coverage.left_out
            return f"{text}\n{left_out}" if left_out else text
    records = result.to_records()
    return "\n".join(f"{name}: {one_line(str(value))}" for record in records for name, value in record.items())


def has_view(result: Any) -> bool:
    """Whether a result has a table of its own."""
    return any(kind.__name__ in VIEWS for kind in type(result).__mro__)


def html_of(result: Any) -> str:
    """The table of a result, with its notes, for a notebook; see `pyalign.report.markup`."""
    page: str = import_module("pyalign.report.markup").html_of(result)
    return page
