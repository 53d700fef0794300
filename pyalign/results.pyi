from ._result import Result
from .analysis.accuracy import PermutationTest, Score, Scores
from .analysis.agreement import Agreement, Agreements
from .analysis.calibration.calibration_result import Calibration, Calibrations
from .analysis.ceiling.leave_one_out import NoiseCeiling
from .analysis.comparison.comparison_result import Comparison
from .analysis.failures.failures import Failures
from .analysis.metadata.metadata_result import MetadataRegressions
from .concept.consistency_result import ErrorConsistency
from .concept.duplicates import NearDuplicates
from .concept.held_out import Concepts
from .concept.hubs import Hubness
from .concept.neighbor_agreement import NeighborAgreement
from .concept.neighbor_changes import NeighborChanges
from .concept.predicted import DimensionPredictions
from .concept.prototypes import Prototypes
from .concept.purity import NeighborPurity
from .data.provenance import Provenance
from .datasets.chosen import ChosenTriplets
from .embedding.embedding_result import EmbeddingCrossValidation, EmbeddingFit
from .extraction.extraction_result import Extraction
from .map_transfer.transfer_result import Transfer
from .nearest.scan import Neighbors
from .pairwise.rsa_result import LayerSimilarity, ModelSimilarities, Rsa, SimilarityMatrix
from .probing.cross_validate import ProbeCrossValidation
from .probing.fit import ProbeFit
from .recovery.recovered import Recovery
from .report.page.write import ReportFile
from .study.maker import Study, StudyStep
from .study.units import StudyUnit

__all__ = [
    "Agreement",
    "Agreements",
    "Calibration",
    "Calibrations",
    "ChosenTriplets",
    "Comparison",
    "Concepts",
    "DimensionPredictions",
    "EmbeddingCrossValidation",
    "EmbeddingFit",
    "ErrorConsistency",
    "Extraction",
    "Failures",
    "Hubness",
    "LayerSimilarity",
    "MetadataRegressions",
    "ModelSimilarities",
    "NearDuplicates",
    "NeighborAgreement",
    "NeighborChanges",
    "NeighborPurity",
    "Neighbors",
    "NoiseCeiling",
    "PermutationTest",
    "ProbeCrossValidation",
    "ProbeFit",
    "Prototypes",
    "Provenance",
    "Recovery",
    "ReportFile",
    "Result",
    "Rsa",
    "Score",
    "Scores",
    "SimilarityMatrix",
    "Study",
    "StudyStep",
    "StudyUnit",
    "Transfer",
]
