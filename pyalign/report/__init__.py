"""How results are shown: views state each as blocks, writers make text, HTML, LaTeX and pages of these."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pyalign.report.blocks import Block, Fact, Facts, Lines

# The class of a result -> module and function that state it: (result, verbose) -> blocks.
VIEWS = {
    "Agreement": "agreement:agreement_view",
    "Agreements": "agreement:agreement_view",
    "Calibration": "calibration:calibration_view",
    "Calibrations": "calibration:calibration_view",
    "Comparison": "comparison:comparison_view",
    "Concepts": "concepts:concepts_table",
    "ErrorConsistency": "consistency:consistency_view",
    "DataSetInfo": "listings:dataset_info_view",
    "DataSetList": "listings:datasets_view",
    "DimensionPredictions": "predictions:predictions_table",
    "Extraction": "listings:extraction_view",
    "Failures": "failures:failures_view",
    "Fetched": "listings:fetched_view",
    "FileDescription": "listings:description_view",
    "Hubs": "neighborhoods:hubs_table",
    "LayerSimilarity": "similarity:layers_view",
    "MetadataRegressions": "metadata:metadata_view",
    "ModelLayers": "listings:model_layers_view",
    "ModelList": "listings:models_view",
    "ModelSimilarities": "similarity:similarities_view",
    "Neighbors": "neighbors:neighbors_table",
    "NearDuplicates": "neighborhoods:duplicates_table",
    "NeighborAgreement": "neighborhoods:agreement_table",
    "NeighborChanges": "neighborhoods:changes_table",
    "NeighborPurity": "neighborhoods:purity_table",
    "NoiseCeiling": "ceiling:ceiling_view",
    "ProbeCrossValidation": "probe:probe_view",
    "ProbeFit": "probe:fit_view",
    "Prototypes": "neighborhoods:prototypes_table",
    "RecipeCrossValidation": "probe:recipe_view",
    "ReportFile": "listings:page_view",
    "Rsa": "rsa:rsa_view",
    "Recovery": "recovery:recovery_view",
    "Score": "score:score_view",
    "Scores": "score:score_view",
    "Study": "listings:study_view",
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
