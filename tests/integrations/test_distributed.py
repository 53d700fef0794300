"""TripletLoss in several processes, each with a part of the triplets."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("torch has no gloo", allow_module_level=True)

DISTRIBUTED = """
import sys, numpy as np, torch, torch.distributed as dist
from pyalign.integrations.torch import TripletLoss
rank, store, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
torch.manual_seed(0)
images, network = torch.randn(40, 8, dtype=torch.float64), torch.nn.Linear(8, 5, dtype=torch.float64)
rng = np.random.default_rng(0)
triplets = torch.from_numpy(np.stack([rng.permutation(40)[:3] for _ in range(600)]))
parallel = torch.nn.parallel.DistributedDataParallel(network)
TripletLoss("cosine", temperature=0.5)(parallel(images), triplets[rank::2]).backward()
if rank == 0:
    halves = network.weight.grad.clone()
    network.zero_grad()
    TripletLoss("cosine", temperature=0.5)(network(images), triplets).backward()
    np.savez(out, halves=halves, whole=network.weight.grad)
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_with_half_of_the_triplets_each_have_the_gradient_of_all(tmp_path):
    """`DistributedDataParallel` averages the gradients of its processes."""
    arguments = [str(tmp_path / "store"), str(tmp_path / "gradients.npz")]
    processes = [
        subprocess.Popen([sys.executable, "-c", DISTRIBUTED, str(rank), *arguments], stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    try:
        errors = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], errors
    actual = np.load(tmp_path / "gradients.npz")
    np.testing.assert_allclose(actual["halves"], actual["whole"], rtol=1e-6, atol=1e-12)
    assert np.abs(actual["whole"]).max() > 1e-3
