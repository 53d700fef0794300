from ._result import Result
from .analysis.accuracy import PermutationTest, Score, Scores
from .analysis.agreement import Agreement, Agreements
from .analysis.calibration.result import Calibration, Calibrations
from .analysis.ceiling.result import NoiseCeiling
from .analysis.comparison.result import Comparison
from .analysis.failures.failures import Failures
from .analysis.metadata.result import MetadataRegressions
from .concept.concepts_result import Concepts
from .concept.consistency_result import ErrorConsistency
from .concept.duplicates import NearDuplicates
from .concept.hubs import Hubness
from .concept.neighbor_agreement import NeighborAgreement
from .concept.neighbor_changes import NeighborChanges
from .concept.predicted import DimensionPredictions
from .concept.prototypes import Prototypes
from .concept.purity import NeighborPurity
from .data.provenance import Provenance
from .datasets.chosen import ChosenTriplets
from .embedding.result import EmbeddingFit
from .embedding.validated import EmbeddingCrossValidation
from .extraction.result import Extraction
from .map_transfer.result import Transfer
from .nearest.result import Neighbors
from .pairwise.compared import LayerSimilarity, ModelSimilarities, SimilarityMatrix
from .pairwise.rsa_result import Rsa
from .probing.fit import ProbeFit
from .probing.validated import ProbeCrossValidation
from .recovery.recovered import Recovery
from .report.page.write import ReportFile
from .study.plan import StudyUnit
from .study.result import Study, StudyStep

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
