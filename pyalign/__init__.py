"""pyalign measures how well a representation agrees with human similarity judgments.

>>> import numpy as np, pyalign
>>> embeddings = np.random.default_rng(0).normal(size=(5, 8))
>>> pyalign.odd_one_out(embeddings, [[0, 1, 2], [2, 3, 4]]).shape
(2,)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pyalign.analysis.accuracy import Score, fraction_of_ceiling
from pyalign.analysis.score import score
from pyalign.errors import ConvergenceWarning, InputError, MissingExtraError
from pyalign.measures import MEASURES
from pyalign.ops.gradient import triplet_gradient
from pyalign.ops.plan import TripletPlan
from pyalign.ops.similarity import similarity
from pyalign.ops.triplets import choice_probabilities, choice_probabilities_from, odd_one_out, odd_one_out_from

if TYPE_CHECKING:
    from pyalign.analysis.agreement import Agreement, agreement
    from pyalign.analysis.calibration import Calibration, calibrate
    from pyalign.analysis.ceiling import NoiseCeiling, noise_ceiling
    from pyalign.analysis.compare import Comparison, compare
    from pyalign.analysis.failures import Failures, failures
    from pyalign.analysis.neighbors import neighbor_overlap
    from pyalign.analysis.permutation import PermutationTest, permutation_test
    from pyalign.datasets.triplets import sample_triplets
    from pyalign.io import Transform, load_embeddings, load_triplets, read_transform, write_transform
    from pyalign.probing import cross_validate_probe, fit_glocal, fit_probe, probe_path
    from pyalign.probing.estimator import TripletProbe

__version__ = "0.1.0"

__all__ = [
    "MEASURES",
    "Agreement",
    "Calibration",
    "Comparison",
    "ConvergenceWarning",
    "Failures",
    "InputError",
    "MissingExtraError",
    "NoiseCeiling",
    "PermutationTest",
    "Score",
    "Transform",
    "TripletPlan",
    "TripletProbe",
    "agreement",
    "calibrate",
    "choice_probabilities",
    "choice_probabilities_from",
    "compare",
    "cross_validate_probe",
    "failures",
    "fit_glocal",
    "fit_probe",
    "fraction_of_ceiling",
    "load_embeddings",
    "load_triplets",
    "neighbor_overlap",
    "noise_ceiling",
    "odd_one_out",
    "odd_one_out_from",
    "permutation_test",
    "probe_path",
    "read_transform",
    "sample_triplets",
    "score",
    "similarity",
    "triplet_gradient",
    "write_transform",
]

# Imported when they are first asked for: name -> module.
_LATER = {
    "Agreement": "pyalign.analysis.agreement",
    "Calibration": "pyalign.analysis.calibration",
    "Comparison": "pyalign.analysis.compare",
    "Failures": "pyalign.analysis.failures",
    "NoiseCeiling": "pyalign.analysis.ceiling",
    "PermutationTest": "pyalign.analysis.permutation",
    "Transform": "pyalign.io",
    "TripletProbe": "pyalign.probing.estimator",
    "agreement": "pyalign.analysis.agreement",
    "calibrate": "pyalign.analysis.calibration",
    "compare": "pyalign.analysis.compare",
    "cross_validate_probe": "pyalign.probing",
    "failures": "pyalign.analysis.failures",
    "fit_glocal": "pyalign.probing",
    "fit_probe": "pyalign.probing",
    "load_embeddings": "pyalign.io",
    "load_triplets": "pyalign.io",
    "neighbor_overlap": "pyalign.analysis.neighbors",
    "noise_ceiling": "pyalign.analysis.ceiling",
    "permutation_test": "pyalign.analysis.permutation",
    "probe_path": "pyalign.probing",
    "read_transform": "pyalign.io",
    "sample_triplets": "pyalign.datasets.triplets",
    "write_transform": "pyalign.io",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'pyalign' has no attribute {name!r}")
