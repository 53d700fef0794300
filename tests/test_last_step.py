"""The last step of a product by cuBLAS, in Triton's interpreter: from inner products to similarities, where they stand.

On devices it follows the vendor's product; tests/triton has the kernels that make their products themselves.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
CODE = """
import numpy as np
import torch
from support import definition, whole
from triton_cases import guarded, rows, terms_of, wide
from pyalign.backends._triton_arithmetic import CLOSE_SHARE, NUMBERS
from pyalign.backends._triton_launch import blocks
from pyalign.backends._triton_similarity import MEND_BLOCK, last_step

for pair in ("dot", "neg_sqeuclidean"):
    for n, m, itself in ((40, 150, False), (150, 40, False), (150, 150, True)):
        x = rows(whole(1, n, 6))
        y = x if itself else rows(whole(2, m, 6))
        out, check = guarded(n, m, dtype=torch.float32)
        out[:] = x @ y.T
        if itself:
            out[:] = torch.where(torch.ones(n, m).triu() > 0, out, torch.nan)  # half of it is known
        terms = [torch.empty(0, dtype=torch.float64) if pair == "dot" else terms_of(v, pair) for v in (x, y)]
        marks = torch.zeros(blocks(n, MEND_BLOCK) * blocks(m, MEND_BLOCK), dtype=torch.int8)
        last_step(terms, out, marks, 0.0, 0.0, NUMBERS[pair], int(itself), CLOSE=CLOSE_SHARE, MARK=MEND_BLOCK)
        check()
        expected = definition(wide(x), wide(y), pair, 1.0)
        found = out.numpy().astype(np.float64)
        off = ~np.isnan(found) if pair != "dot" else np.ones_like(found, bool)  # close pairs are for another step
        assert off.mean() > 0.95 and (off | (expected > -1e-3)).all()
        np.testing.assert_array_equal(found[off], expected[off])
print("same")
"""


@pytest.mark.slow
def test_products_become_the_similarities_of_the_definition_in_tiles_of_any_place():
    pytest.importorskip("triton", reason="Triton is not installed")
    path = os.pathsep.join([str(FOLDER), str(FOLDER / "triton"), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True)
    assert done.stdout == "same\n", done.stderr[-2000:]
