"""Probing: the linear map of a representation that best predicts human answers, with a certificate of its optimum.

`objective` the loss and its gradient, by the `algebra` of the host (`products`) or of a device; `basis` and
`parameters` the coordinates; `search`, `solve` and `certificate` the way to the optimum; `problem` and `fit` put them
together. `splits`, `choose` and `cross_validate` say how good a probe is on what it has not seen; `estimator` is the
scikit-learn face. `local` and `glocal`: a map that also keeps the neighbours of other images.
"""

from pyalign.probing.cross_validate import ProbeCrossValidation, cross_validate_probe
from pyalign.probing.fit import ProbeFit, fit_probe, probe_path
from pyalign.probing.glocal import GlocalFit, fit_glocal
from pyalign.probing.options import ProbeOptions

__all__ = [
    "GlocalFit",
    "ProbeCrossValidation",
    "ProbeFit",
    "ProbeOptions",
    "cross_validate_probe",
    "fit_glocal",
    "fit_probe",
    "probe_path",
]
