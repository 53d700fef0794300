"""The exact search of rows on a device: it runs entirely there, and only its result is copied to the host.

The rows stay where they are. Beside them are the float32 rows that are searched; values of candidates are taken in
float64 by torch. The search is `pyalign.nearest.space.Search` as it is, over a space whose arrays are tensors.

The float32 searches that give candidates are our operations, or faiss where it has GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import Lock
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends import Place, get_backend
from pyalign.backends._tensor_kernels import current_device, route
from pyalign.measures import Measure, median_distance, spaced_rows, with_sigma
from pyalign.nearest.space import Scan, Sought, Space, inside, parts
from pyalign.ops._dispatch import dispatch_of
from pyalign.ops.similarity import similarity
from pyalign.ops.topk import topk
from pyalign.typing import BackendName, SearchName

BLOCK = 1 << 24  # float64 numbers at once: 128 MB
SCORES = 1 << 28  # float32 scores at once: 1 GB
MOST = 2048  # candidates that faiss gives on a GPU


@dataclass(frozen=True)
class DeviceSpace(Space):
    """A space whose rows, center, inverses and searched rows are tensors on one device."""

    cached: ClassVar[int] = BLOCK
    threaded: ClassVar[bool] = False  # a thread of its own would not wait for the stream of the caller

    def wide(self, rows: Any) -> Any:
        return _wide(rows, self.measure, self.exponent)

    def inverses(self, wide: Any) -> Any:
        return _inverses(wide) if self.angular else wide.new_ones(len(wide))

    def equal_rows(self) -> np.ndarray:
        groups = torch.unique(self.values, dim=0, return_inverse=True)[1].cpu().numpy()
        _, firsts, codes = np.unique(groups, return_index=True, return_inverse=True)
        return firsts[codes.reshape(-1)]

    def values_of(self, queries: Any, inverses: Any, near: np.ndarray) -> np.ndarray:
        places = torch.from_numpy(near).to(queries.device)
        rows = self.wide(cast(Any, self.values)[places.reshape(-1)]).reshape(*near.shape, -1)
        if self.distance:
            rows = rows - queries[:, None]
            return 0.0 - _host(in_one_order(rows * rows))
        products = in_one_order(rows * queries[:, None])
        return _host(products * (inverses[:, None] * self.inverse[places]) if self.angular else products)

    def sought(self, wide: Any, inverses: Any) -> Sought:
        rows: Any = inside(wide, inverses, self.center, self.angular)
        lengths = np.ldexp(_host(_lengths(rows)), -self.shrink if self.distance else 0)
        if self.distance:
            rows = torch.cat([scaled(rows, -self.shrink), rows.new_ones(len(rows), 1)], dim=1)
        powers = -np.frexp(_host(rows.abs().amax(dim=1)))[1]
        return Sought(cast(Any, scaled(rows, powers).float()), lengths, powers)

    def wide_scores(self, wide: Any, inverses: Any) -> tuple[np.ndarray, np.ndarray]:
        rows: Any = inside(wide, inverses, self.center, self.angular)
        rows = scaled(rows, -self.shrink if self.distance else 0)
        scores = rows.new_empty(len(rows), len(self.values))
        for part in parts(*_size(self.values), BLOCK):
            others = inside(self.wide(self.values[part]), self.inverse[part], self.center, self.angular)
            others = scaled(cast(Any, others), -self.shrink)
            scores[:, part] = rows @ others.T
            if self.distance:
                scores[:, part] -= 0.5 * in_one_order(others * others)
        return _host(scores), self.doubt(_host(_lengths(rows)), 2.0**-53, 2.0**-1000)


def device_space(x: Tensor, queries: Tensor | None, measure: Measure) -> DeviceSpace:
    """The space that `pyalign.nearest.space.make_space` makes, of tensors (n, d) and (m, d) on one device."""
    if measure.needs_sigma:
        measure = with_sigma(measure, median_distance(_host(x[torch.from_numpy(spaced_rows(len(x))).to(x.device)])))
    angular, exponents = measure.kernel.angular, []
    for rows, name in ((x, "embeddings"), (queries, "queries")):
        if rows is not None and not angular and rows.dtype == torch.float64:
            squares = np.concatenate([_host(in_one_order(rows[part] ** 2)) for part in parts(*_size(rows), BLOCK)])
            limit = np.finfo(np.float64).max
            _checks.require_products(np.minimum(squares, limit), np.dtype(np.float64), measure.name, name)
            exponents.append(int(np.frexp(float(rows.abs().max()))[1]))
    exponent = max(exponents, default=0)
    n, d = x.shape
    blocks = parts(n, d, BLOCK)
    center = None
    if measure.kernel.distance:
        center = torch.stack([_wide(x[part], measure, exponent).sum(dim=0) for part in blocks]).sum(dim=0) / n
    inverse, lengths = (torch.ones(n, dtype=torch.float64, device=x.device) for _ in range(2))
    for part in blocks:
        wide = _wide(x[part], measure, exponent)
        if angular:
            inverse[part] = _inverses(wide)
        lengths[part] = _lengths(inside(wide, inverse[part], center, angular))
    shrink = 0 if angular else int(np.frexp(float(lengths.max()))[1])
    search = torch.empty((n, d + (center is not None)), dtype=torch.float32, device=x.device)
    for part in blocks:
        centered = inside(_wide(x[part], measure, exponent), inverse[part], center, angular)
        search[part, :d] = scaled(centered, -shrink)
    lengths = scaled(lengths[:, None], -shrink)[:, 0]
    if center is not None:
        search[:, -1] = -0.5 * lengths**2
    make: Any = DeviceSpace  # arrays are tensors in it
    return cast(DeviceSpace, make(measure, x, exponent, center, inverse, search, float(lengths.max()), shrink))


def tensor_rows(values: object, name: str, backend: SearchName = "torch", device: torch.device | None = None) -> Tensor:
    """(n, d) float32 or float64 where they are, or on `device`, or where `backend` wants rows of the host."""
    dispatch: Any = dispatch_of("torch", values)
    rows: Tensor = dispatch.rows(values, name)
    if device is None and dispatch.from_host:
        home: Any = dispatch_of(backend, np.zeros((1, 1), np.float32))
        device = home.device
    return rows if device is None else rows.to(device)


def in_one_order(products: Tensor) -> Tensor:
    """Sums over the last axis by halves, which it overwrites: the same for equal numbers, wherever they stand.

    Example:
        >>> in_one_order(torch.tensor([[1.0, 2.0, 4.0]])).tolist()
        [7.0]
    """
    while products.shape[-1] > 1:
        half = (products.shape[-1] + 1) // 2
        products[..., : products.shape[-1] - half] += products[..., half:]
        products = products[..., :half]
    return products[..., 0]


def scaled(rows: Tensor, powers: np.ndarray | int) -> Tensor:
    """(m, d) float64 rows times 2^powers, of all or (m,) of each."""
    if isinstance(powers, int) and not powers:
        return rows
    half = powers // 2  # a power at once may overflow where the product does not
    for part in (half, powers - half):
        factors = torch.from_numpy(np.ldexp(np.ones(np.shape(part) or 1), part)).to(rows.device)
        rows = rows * factors[:, None]
    return rows


_LOCK, _INSIDE = Lock(), [0]
_BEFORE: list[Any] = [None]


@contextmanager
def without_tf32() -> Iterator[None]:
    """Inside, products of float32 are of float32, whatever the user allows: the bound on their rounding needs it."""
    matmul: Any = torch.backends.cuda.matmul
    newer = hasattr(matmul, "fp32_precision")  # torch 2.9
    with _LOCK:  # the setting is of the process: the first in turns it off, the last out puts it back
        _INSIDE[0] += 1
        if _INSIDE[0] == 1:
            _BEFORE[0] = matmul.fp32_precision if newer else matmul.allow_tf32
            _set(matmul, newer, "ieee" if newer else False)
    try:
        yield
    finally:
        with _LOCK:
            _INSIDE[0] -= 1
            if _INSIDE[0] == 0:
                _set(matmul, newer, _BEFORE[0])


def _set(matmul: Any, newer: bool, value: Any) -> None:
    setattr(matmul, "fp32_precision" if newer else "allow_tf32", value)


def _wide(rows: Any, measure: Measure, exponent: int) -> Tensor:
    wide: Tensor = rows.double()
    if not measure.kernel.angular:
        return scaled(wide, -exponent)
    if rows.dtype == torch.float64:
        wide = scaled(wide, -np.frexp(_host(wide.abs().amax(dim=1)))[1])
    if measure.transform == "center":
        constant = wide.amax(dim=1) == wide.amin(dim=1)
        wide = wide.shape[1] * wide - in_one_order(wide.clone())[:, None]
        wide[constant] = 0.0
    return wide


def _lengths(rows: Tensor) -> Tensor:
    return in_one_order(rows * rows).sqrt()


def _inverses(wide: Tensor) -> Tensor:
    lengths = _lengths(wide)
    return torch.where(lengths > 0, 1.0 / lengths, 0.0)


def _size(rows: Any) -> tuple[int, int]:
    return len(rows), int(rows.shape[1])


def _host(values: Tensor) -> np.ndarray:
    return values.cpu().numpy()


def engine_of(device: torch.device, backend: SearchName) -> str:
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
    """A scan by `pyalign.similarity` and `topk` where the rows are."""
    rows: Any = space.search

    def scan(sought: Sought, k: int) -> tuple[np.ndarray, np.ndarray]:
        queries: Any = sought.search
        scores, indices = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        with without_tf32():
            for part in parts(len(queries), len(rows), SCORES):
                block = similarity(queries[part], rows, measure="dot", backend=cast("BackendName", backend))
                if route("topk") == "torch":  # the order of candidates does not matter, nor which of equal ones
                    best, near = torch.as_tensor(block).topk(k, dim=1)
                else:
                    near = torch.as_tensor(topk(block, k, backend=backend)).long()
                    best = torch.as_tensor(block).gather(1, near)
                scores[part], indices[part] = best.cpu().numpy(), near.cpu().numpy()
        return scores, indices

    return scan


def faiss_scan(space: DeviceSpace) -> Scan:
    """A scan by `faiss.knn_gpu`, which takes tensors where they are.

    It is assumed to multiply in float32, as faiss asks of cuBLAS. The best score of each query is held against its
    value in float64: where one is farther off than rounding can move it, and for more than 2,048 candidates, our
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
    errors = np.ldexp((scores.double() - products).abs().cpu().numpy(), -sought.powers)
    return bool((errors <= space.doubt(sought.lengths)).all())
