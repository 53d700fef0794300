"""The float32 searches that give candidates on a device: our operations, or faiss where it has GPUs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyalign.backends import Place, get_backend
from pyalign.backends._gpu_routes import route
from pyalign.backends._tensor_kernels import current_device
from pyalign.nearest._tensor_space import DeviceSpace, in_one_order, without_tf32
from pyalign.nearest.exact import Scan
from pyalign.nearest.space import Sought, parts
from pyalign.ops.similarity import similarity
from pyalign.ops.topk import topk

SCORES = 1 << 28  # float32 scores at once: 1 GB
MOST = 2048  # candidates that faiss gives on a GPU


def engine_of(device: torch.device, backend: str) -> str:
    """What searches there: "faiss", or the tensor backend that takes float32 rows."""
    if backend in ("auto", "faiss") and device.type == "cuda" and faiss_gpus():
        return "faiss"
    return get_backend("torch" if device.type == "cpu" else backend, Place(str(device), "float32")).name


def faiss_gpus() -> int:
    """GPUs that faiss can use: 0 where it isn't installed, or is faiss-cpu."""
    try:
        faiss: Any = import_module("faiss")
    except ImportError:
        return 0
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


def operations_scan(space: DeviceSpace, backend: str) -> Scan:
    """A scan by `pyalign.similarity` and `topk` where the rows lie."""
    rows: Any = space.search

    def scan(sought: Sought, k: int) -> tuple[np.ndarray, np.ndarray]:
        queries: Any = sought.search
        scores, found = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        with without_tf32():
            for part in parts(len(queries), len(rows), SCORES):
                block = similarity(queries[part], rows, measure="dot", backend=backend)
                if route("topk") == "torch":  # the order of candidates does not matter, nor which of equal ones
                    best, near = torch.as_tensor(block).topk(k, dim=1)
                else:
                    near = torch.as_tensor(topk(block, k, backend=backend)).long()
                    best = torch.as_tensor(block).gather(1, near)
                scores[part], found[part] = best.cpu().numpy(), near.cpu().numpy()
        return scores, found

    return scan


def faiss_scan(space: DeviceSpace) -> Scan:
    """A scan by `faiss.knn_gpu`, which takes tensors where they lie.

    It is assumed to multiply in float32, as faiss asks of cuBLAS. The best score of each query is held against its
    value in float64: where one lies farther off than rounding can move it, and for more than 2,048 candidates, our
    operations search in its place.
    """
    faiss: Any = import_module("faiss")
    import_module("faiss.contrib.torch_utils")  # knn_gpu takes tensors then
    resources = faiss.StandardGpuResources()
    rows: Any = space.search
    ours = operations_scan(space, "auto")

    def scan(sought: Sought, k: int) -> tuple[np.ndarray, np.ndarray]:
        queries: Any = sought.search
        if k > MOST:
            return ours(sought, k)
        with current_device(rows.device):
            device = -1 if rows.device.index is None else rows.device.index
            scores, near = faiss.knn_gpu(resources, queries, rows, k, metric=faiss.METRIC_INNER_PRODUCT, device=device)
        if not within_bound(space, sought, scores[:, 0], near[:, 0]):
            return ours(sought, k)
        return scores.cpu().numpy(), near.cpu().numpy()

    return scan


def within_bound(space: DeviceSpace, sought: Sought, scores: Tensor, near: Tensor) -> bool:
    """Whether float32 scores (q,) of queries with the rows `near` (q,) are no farther off than the bound says."""
    rows: Any = space.search
    products = in_one_order(torch.as_tensor(sought.search).double() * rows[near].double())
    apart = np.ldexp((scores.double() - products).abs().cpu().numpy(), -sought.powers)
    return bool((apart <= space.doubt(sought.lengths)).all())
