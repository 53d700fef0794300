"""Probing: the linear map of a representation that best predicts human answers, and how far it is from its optimum.

The loss, its gradient and the duality gap are those of `pyalign.fitting`. `basis` and `parameters` are the coordinates,
`search` and `solve` the way to the optimum; `problem` and `fit` put them together. `local` and `local_problem`: a loss
that also keeps the neighbors of other embeddings. `choose` and `cross_validate` say how good a probe is on what it has
not seen. `inputs` reads what the public functions are given: `probe`, and `estimator`, the scikit-learn face.
"""

from pyalign.probing.cross_validate import ProbeCrossValidation, cross_validate_probe
from pyalign.probing.fit import ProbeFit
from pyalign.probing.parameters import LocalOptions, ProbeOptions
from pyalign.probing.probe import fit_probe, probe_path

__all__ = [
    "LocalOptions",
    "ProbeCrossValidation",
    "ProbeFit",
    "ProbeOptions",
    "cross_validate_probe",
    "fit_probe",
    "probe_path",
]
