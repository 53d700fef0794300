"""How results are shown: views state each as blocks, writers make text, HTML, LaTeX and pages of these."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pyalign.report.blocks import Block, Fact, Facts, Lines

# The class of a result -> module and function that state it: (result, verbose) -> blocks.
VIEWS = {
    "Agreement": "agreements:agreement_table",
    "Agreements": "agreements:agreements_table",
    "Calibration": "calibrations:calibration_table",
    "Calibrations": "calibrations:calibrations_table",
    "Comparison": "comparison:comparison_view",
    "Concepts": "concepts:concepts_view",
    "ErrorConsistency": "consistency:consistency_view",
    "DataSetInfo": "datasets:info_table",
    "DataSetList": "datasets:datasets_table",
    "DimensionPredictions": "predictions:predictions_view",
    "Extraction": "extractions:extraction_table",
    "Failures": "failures:failures_table",
    "Fetched": "datasets:fetched_table",
    "FileDescription": "descriptions:description_table",
    "Hubs": "neighborhoods:hubs_view",
    "LayerSimilarity": "similarities:layers_table",
    "MetadataRegressions": "metadata:metadata_table",
    "ModelLayers": "models:layers_table",
    "ModelList": "models:models_table",
    "ModelSimilarities": "similarities:similarities_table",
    "Neighbors": "neighbors:neighbors_view",
    "NearDuplicates": "neighborhoods:duplicates_view",
    "NeighborAgreement": "neighborhoods:agreement_view",
    "NeighborChanges": "neighborhoods:changes_view",
    "NeighborPurity": "neighborhoods:purity_view",
    "NoiseCeiling": "ceilings:ceiling_table",
    "ProbeCrossValidation": "probes:probe_table",
    "ProbeFit": "probes:fit_table",
    "Prototypes": "neighborhoods:prototypes_view",
    "RecipeCrossValidation": "probes:recipe_table",
    "ReportFile": "pages:report_table",
    "Rsa": "rsa:rsa_table",
    "Recovery": "recoveries:recovery_table",
    "Score": "scores:score_table",
    "Scores": "scores:scores_table",
    "Study": "studies:study_table",
}


def blocks_of(result: Any, verbose: bool = False) -> list[Block]:
    """What a result says: by its view, or its values; at last which of its judgments were left out."""
    blocks = _stated(result, verbose)
    left_out = "" if result.coverage is None else result.coverage.left_out
    return [*blocks, Lines((left_out,))] if left_out else blocks


def _stated(result: Any, verbose: bool) -> list[Block]:
    for kind in type(result).__mro__:
        if kind.__name__ in VIEWS:
            module, _, name = VIEWS[kind.__name__].partition(":")
            view = getattr(import_module(f"pyalign.report.{module}"), name)
            if name.endswith("_table"):  # not yet converted to blocks
                return [Lines(tuple(view(result, None, verbose).splitlines()))]
            blocks: list[Block] = view(result, verbose)
            return blocks
    values = (pair for record in result.to_records() for pair in record.items())
    return [Facts(tuple(Fact(name, str(value)) for name, value in values))]


def table_of(result: Any, width: int | None = None, verbose: bool = False) -> str:
    """A result as text of at most so many columns; verbose: all of it, at any width."""
    from pyalign.report.text import text_of

    return text_of(blocks_of(result, verbose), width, verbose)


def html_of(result: Any) -> str:
    """The table of a result, with its notes, for a notebook; see `pyalign.report.markup`."""
    page: str = import_module("pyalign.report.markup").html_of(result)
    return page
