from ._result import Result
from .analysis.accuracy import PermutationTest, Score, Scores
from .analysis.agreement import Agreement, Agreements
from .analysis.calibration.calibration_result import Calibration, Calibrations
from .analysis.ceiling.leave_one_out import NoiseCeiling
from .analysis.comparison.comparison_result import Comparison
from .analysis.failures.failures import Failures
from .analysis.metadata.metadata_result import MetadataRegressions
from .concept.concepts_result import Concepts
from .concept.consistency_result import ErrorConsistency
from .concept.neighborhood_result import Neighborhoods
from .concept.predicted import DimensionPredictions
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
    "LayerSimilarity",
    "MetadataRegressions",
    "ModelSimilarities",
    "Neighborhoods",
    "Neighbors",
    "NoiseCeiling",
    "PermutationTest",
    "ProbeCrossValidation",
    "ProbeFit",
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
