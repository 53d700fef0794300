"""pyalign measures how well a representation agrees with human similarity judgments.

Names are loaded when they are first used; `__init__.pyi` is the table of them.

>>> import numpy as np, pyalign
>>> embeddings = np.random.default_rng(0).normal(size=(5, 8))
>>> pyalign.odd_one_out(embeddings, [[0, 1, 2], [2, 3, 4]]).shape
(2,)
"""

import os

import lazy_loader

# loaded now, since it takes note of the process: children may be forked before the rest loads
from pyalign import _process as _process
from pyalign import _registry as _registry
from pyalign._version import __version__ as __version__

_registry.expect(
    views="pyalign.report",
    kinds="pyalign.kinds",
    datasets="pyalign.datasets.dataset",
    described="pyalign.datasets.description",
    frames="pyalign.io.triplets",
    rdms="pyalign.integrations.rsatoolbox",
    published_map="pyalign.datasets.fetch",
    rdm_models="pyalign.integrations.rsatoolbox",
)
if os.path.exists(os.path.join(__path__[0], "gaps.py")):  # the other project that has this name
    import warnings

    warnings.warn(
        f"{__path__[0]} holds files of two projects called pyalign: uninstall both (pip uninstall pyalign "
        "pyalign-kit), then install pyalign-kit again", stacklevel=2,
    )
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """A public name, when it is first used; of one that is not there, such as that of a command, the nearest."""
    try:
        return _load(name)
    except AttributeError as error:
        if name in __all__ or name.startswith("_"):
            raise
        from pyalign.errors import nearest

        hint = nearest(name, __all__, cutoff=0.6)
        raise AttributeError(f"module 'pyalign' has no attribute {name!r}{hint}", name=name) from error
