from . import datasets as datasets
from . import results as results
from ._result import load_result
from ._version import __version__ as __version__
from .analysis.accuracy import fraction_of_ceiling
from .analysis.agreement import agreement
from .analysis.calibration.calibrate import calibrate
from .analysis.ceiling.noise_ceiling import noise_ceiling
from .analysis.comparison.compare import compare
from .analysis.describe.dataset import describe
from .analysis.experiment import plan_experiment
from .analysis.failures.failures import find_failures
from .analysis.metadata.regress import regress_metadata
from .analysis.permutation import permutation_test
from .analysis.score import score
from .analysis.score_choices import score_choices
from .concept.concepts import score_concepts
from .concept.consistency import error_consistency
from .concept.groupings import abstraction_levels
from .concept.neighborhoods import neighborhoods
from .concept.predict import predict_dimensions
from .data.answers import Answers
from .data.embeddings import Embeddings
from .data.judgments import RDMs
from .data.metadata import Categories, Metadata
from .data.transform import Transform
from .data.triplets import Triplets
from .datasets.chosen import plan_triplets
from .datasets.dataset import DataSet, load_dataset
from .datasets.triplets import sample_triplets
from .documents import Interval
from .embedding.cross_validate import cross_validate_embedding, embedding_path, fit_embedding
from .embedding.estimator import TripletEmbedding
from .embedding.fit import EmbeddingOptions
from .embedding.stability import match_dimensions
from .errors import AssumptionWarning, ConvergenceWarning, InputError, MissingExtraError, SlowWarning
from .extraction.encoder import Encoder
from .extraction.extract import extract
from .extraction.images import Images, as_images
from .extraction.merge import merge_extractions
from .extraction.sources import list_models, load_encoder
from .io.embeddings import load_embeddings, write_embeddings
from .io.item_names import load_metadata
from .io.judgments import load_rdms
from .io.transform import load_transform, write_transform
from .io.triplets import load_triplets
from .map_transfer.transfer import transfer
from .nearest.index import NeighborIndex, build_index, load_index
from .nearest.neighbors import neighbors
from .ops.plan import TripletPlan, triplet_gradient
from .ops.similarity import similarity
from .ops.triplets import choice_probabilities, choice_similarity, odd_one_out
from .pairwise.all_pairs import layer_similarity
from .pairwise.cka import cka
from .pairwise.rsa import rsa
from .probing.cross_validate import cross_validate_probe
from .probing.estimator import TripletProbe
from .probing.parameters import ProbeOptions
from .probing.probe import fit_probe, probe_path
from .recovery.recover import recover
from .report.page.write import write_report
from .report.plot import plot
from .stats.components import Components
from .stats.resampling import Resampling
from .study.run import run_study, run_unit
from .study.units import study_units

__all__ = [
    "Answers",
    "AssumptionWarning",
    "Categories",
    "Components",
    "ConvergenceWarning",
    "DataSet",
    "EmbeddingOptions",
    "Embeddings",
    "Encoder",
    "Images",
    "InputError",
    "Interval",
    "Metadata",
    "MissingExtraError",
    "NeighborIndex",
    "ProbeOptions",
    "RDMs",
    "Resampling",
    "SlowWarning",
    "Transform",
    "TripletEmbedding",
    "TripletPlan",
    "TripletProbe",
    "Triplets",
    "__version__",
    "abstraction_levels",
    "agreement",
    "as_images",
    "build_index",
    "calibrate",
    "choice_probabilities",
    "choice_similarity",
    "cka",
    "compare",
    "cross_validate_embedding",
    "cross_validate_probe",
    "describe",
    "embedding_path",
    "error_consistency",
    "extract",
    "find_failures",
    "fit_embedding",
    "fit_probe",
    "fraction_of_ceiling",
    "layer_similarity",
    "list_models",
    "load_dataset",
    "load_embeddings",
    "load_encoder",
    "load_index",
    "load_metadata",
    "load_rdms",
    "load_result",
    "load_transform",
    "load_triplets",
    "match_dimensions",
    "merge_extractions",
    "neighborhoods",
    "neighbors",
    "noise_ceiling",
    "odd_one_out",
    "permutation_test",
    "plan_experiment",
    "plan_triplets",
    "plot",
    "predict_dimensions",
    "probe_path",
    "recover",
    "regress_metadata",
    "rsa",
    "run_study",
    "run_unit",
    "sample_triplets",
    "score",
    "score_choices",
    "score_concepts",
    "similarity",
    "study_units",
    "transfer",
    "triplet_gradient",
    "write_embeddings",
    "write_report",
    "write_transform",
]
