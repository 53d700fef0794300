"""The view of each class of results: what a result says, as blocks."""

from __future__ import annotations

from typing import Any

from pyalign._registry import load
from pyalign.report.blocks import Block, Fact, Facts, Lines
from pyalign.report.text import text_of

# The class of a result -> module and function that state it: (result, verbose) -> blocks.
VIEWS = {
    "Agreement": "pyalign.report.agreement:agreement_view",
    "Agreements": "pyalign.report.agreement:agreement_view",
    "Calibration": "pyalign.report.calibration:calibration_view",
    "Calibrations": "pyalign.report.calibration:calibration_view",
    "Comparison": "pyalign.report.comparison:comparison_view",
    "Concepts": "pyalign.report.concepts:concepts_view",
    "ErrorConsistency": "pyalign.report.consistency:consistency_view",
    "DataSetInfo": "pyalign.report.listings:dataset_info_view",
    "DataSetList": "pyalign.report.listings:datasets_view",
    "DimensionPredictions": "pyalign.report.predictions:predictions_view",
    "Extraction": "pyalign.report.listings:extraction_view",
    "Failures": "pyalign.report.failures:failures_view",
    "Fetched": "pyalign.report.listings:fetched_view",
    "FileDescription": "pyalign.report.listings:description_view",
    "Hubs": "pyalign.report.neighborhoods:hubs_view",
    "LayerSimilarity": "pyalign.report.similarity:layers_view",
    "MetadataRegressions": "pyalign.report.metadata:metadata_view",
    "ModelLayers": "pyalign.report.listings:model_layers_view",
    "ModelList": "pyalign.report.listings:models_view",
    "ModelSimilarities": "pyalign.report.similarity:similarities_view",
    "Neighbors": "pyalign.report.neighbors:neighbors_view",
    "NearDuplicates": "pyalign.report.neighborhoods:duplicates_view",
    "NeighborAgreement": "pyalign.report.neighborhoods:agreement_view",
    "NeighborChanges": "pyalign.report.neighborhoods:changes_view",
    "NeighborPurity": "pyalign.report.neighborhoods:purity_view",
    "NoiseCeiling": "pyalign.report.ceiling:ceiling_view",
    "ProbeCrossValidation": "pyalign.report.probe:probe_view",
    "ProbeFit": "pyalign.report.probe:fit_view",
    "Prototypes": "pyalign.report.neighborhoods:prototypes_view",
    "RecipeCrossValidation": "pyalign.report.probe:recipe_view",
    "ReportFile": "pyalign.report.listings:page_view",
    "Rsa": "pyalign.report.rsa:rsa_view",
    "Recovery": "pyalign.report.recovery:recovery_view",
    "Score": "pyalign.report.score:score_view",
    "Scores": "pyalign.report.score:score_view",
    "Study": "pyalign.report.listings:study_view",
}


def blocks_of(result: Any, verbose: bool = False) -> list[Block]:
    """What a result says: by its view, or its values; at last which of its judgments were left out."""
    blocks = _stated(result, verbose)
    left_out = "" if result.coverage is None else result.coverage.left_out
    return [*blocks, Lines((left_out,))] if left_out else blocks


def _stated(result: Any, verbose: bool) -> list[Block]:
    for kind in type(result).__mro__:
        if kind.__name__ in VIEWS:
            blocks: list[Block] = load(VIEWS[kind.__name__])(result, verbose)
            return blocks
    values = (pair for record in result.to_records() for pair in record.items())
    return [Facts(tuple(Fact(name, str(value)) for name, value in values))]


def table_of(result: Any, width: int | None = None, verbose: bool = False) -> str:
    """A result as text of at most so many columns; verbose: all of it, at any width."""
    return text_of(blocks_of(result, verbose), width, verbose)
