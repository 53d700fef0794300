from ._version import __version__ as __version__
from .analysis.accuracy import PermutationTest, Score, fraction_of_ceiling
from .analysis.agreement import Agreement, Agreements, agreement
from .analysis.calibration.calibrate import calibrate
from .analysis.calibration.result import Calibration, Calibrations
from .analysis.ceiling.noise_ceiling import noise_ceiling
from .analysis.ceiling.result import NoiseCeiling
from .analysis.comparison.compare import compare
from .analysis.comparison.result import Comparison
from .analysis.failures.failures import Failures, failures
from .analysis.metadata.regress import regress_metadata
from .analysis.metadata.result import MetadataRegressions
from .analysis.neighbors import neighbor_overlap
from .analysis.permutation import permutation_test
from .analysis.score import Scores, score
from .analysis.score_choices import score_choices
from .concept.concepts import concepts
from .concept.concepts_result import Concepts
from .concept.consistency import consistency
from .concept.consistency_result import ErrorConsistency
from .concept.duplicates import NearDuplicates, near_duplicates
from .concept.groupings import levels
from .concept.hubs import Hubs, hubs
from .concept.neighbor_agreement import NeighborAgreement
from .concept.neighbor_changes import NeighborChanges, neighbor_changes
from .concept.neighborhoods import compare_neighbors
from .concept.predict import predict_dimensions
from .concept.predicted import DimensionPredictions
from .concept.prototypes import Prototypes, prototypes
from .concept.purity import NeighborPurity, neighbor_purity
from .data.answers import Answers
from .data.categories import Categories
from .data.embeddings import Embeddings
from .data.judgments import Judgments
from .data.metadata import Metadata
from .data.provenance import Provenance
from .data.transform import Transform
from .data.triplets import Triplets
from .datasets.dataset import DataSet, load_dataset
from .datasets.triplets import sample_triplets
from .documents import Interval
from .errors import AssumptionWarning, ConvergenceWarning, InputError, MissingExtraError, SlowWarning
from .extraction.extract import extract
from .extraction.images import as_images
from .extraction.merge import merge_extractions
from .extraction.result import Extraction
from .extraction.sources import list_models, load_encoder
from .io.embeddings import load_embeddings
from .io.export import write_embeddings
from .io.judgments import load_judgments
from .io.metadata import load_metadata
from .io.transform import read_transform, write_transform
from .io.triplets import load_triplets
from .measures import MEASURES
from .nearest.index import NeighborIndex, build_index, load_index
from .nearest.neighbors import neighbors
from .nearest.result import Neighbors
from .ops.choice_similarity import choice_similarity, choice_similarity_from
from .ops.gradient import triplet_gradient
from .ops.plan import TripletPlan
from .ops.similarity import similarity
from .ops.triplets import choice_probabilities, choice_probabilities_from, odd_one_out, odd_one_out_from
from .pairwise.cka import cka
from .pairwise.compared import LayerSimilarity, ModelSimilarities, SimilarityMatrix
from .pairwise.correlations import CORRELATIONS
from .pairwise.layers import compare_layers
from .pairwise.minibatch import minibatch_cka
from .pairwise.representation import REPRESENTATION_MEASURES
from .pairwise.rsa import rsa
from .pairwise.rsa_result import Rsa
from .probing.cross_validate import cross_validate_probe
from .probing.estimator import TripletProbe
from .probing.probe import fit_probe, probe_path
from .recovery.recover import recover
from .recovery.recovered import Recovery
from .report.page.write import ReportFile, write_report
from .report.plot import plot, write_figures
from .results import Result, load_result
from .stats.resampling import Resampling
from .study.result import Study, StudyStep
from .study.run import run_study

__all__ = [
    "CORRELATIONS",
    "MEASURES",
    "REPRESENTATION_MEASURES",
    "Agreement",
    "Agreements",
    "Answers",
    "AssumptionWarning",
    "Calibration",
    "Calibrations",
    "Categories",
    "Comparison",
    "Concepts",
    "ConvergenceWarning",
    "DataSet",
    "DimensionPredictions",
    "Embeddings",
    "ErrorConsistency",
    "Extraction",
    "Failures",
    "Hubs",
    "InputError",
    "Interval",
    "Judgments",
    "LayerSimilarity",
    "Metadata",
    "MetadataRegressions",
    "MissingExtraError",
    "ModelSimilarities",
    "NearDuplicates",
    "NeighborAgreement",
    "NeighborChanges",
    "NeighborIndex",
    "NeighborPurity",
    "Neighbors",
    "NoiseCeiling",
    "PermutationTest",
    "Prototypes",
    "Provenance",
    "Recovery",
    "ReportFile",
    "Resampling",
    "Result",
    "Rsa",
    "Score",
    "Scores",
    "SimilarityMatrix",
    "SlowWarning",
    "Study",
    "StudyStep",
    "Transform",
    "TripletPlan",
    "TripletProbe",
    "Triplets",
    "__version__",
    "agreement",
    "as_images",
    "build_index",
    "calibrate",
    "choice_probabilities",
    "choice_probabilities_from",
    "choice_similarity",
    "choice_similarity_from",
    "cka",
    "compare",
    "compare_layers",
    "compare_neighbors",
    "concepts",
    "consistency",
    "cross_validate_probe",
    "extract",
    "failures",
    "fit_probe",
    "fraction_of_ceiling",
    "hubs",
    "levels",
    "list_models",
    "load_dataset",
    "load_embeddings",
    "load_encoder",
    "load_index",
    "load_judgments",
    "load_metadata",
    "load_result",
    "load_triplets",
    "merge_extractions",
    "minibatch_cka",
    "near_duplicates",
    "neighbor_changes",
    "neighbor_overlap",
    "neighbor_purity",
    "neighbors",
    "noise_ceiling",
    "odd_one_out",
    "odd_one_out_from",
    "permutation_test",
    "plot",
    "predict_dimensions",
    "probe_path",
    "prototypes",
    "read_transform",
    "recover",
    "regress_metadata",
    "rsa",
    "run_study",
    "sample_triplets",
    "score",
    "score_choices",
    "similarity",
    "triplet_gradient",
    "write_embeddings",
    "write_figures",
    "write_report",
    "write_transform",
]
