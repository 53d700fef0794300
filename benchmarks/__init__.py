"""Speed and memory of pyalign beside its peers, measured in one run; see README.md in this folder."""

import os
import sys

# These two force OpenBLAS onto older kernels or smaller blocks, which halves the speed of a current numpy's products.
# Every peer should run at its best, and OpenBLAS reads them while numpy is loaded: drop them before that, for this
# process and its children.
SLOWS_BLAS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

TIMES = "pytest" not in sys.modules or "pytest_benchmark" in sys.modules  # tests of this package time nothing

if TIMES and any(name in os.environ for name in SLOWS_BLAS):
    if "numpy" in sys.modules:
        raise ImportError(f"numpy was loaded before benchmarks: unset {' and '.join(SLOWS_BLAS)} first")
    for name in SLOWS_BLAS:
        os.environ.pop(name, None)
