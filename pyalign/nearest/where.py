"""Where a search takes place: on the host, or on the device on which the rows lie."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign.backends import TENSOR_BACKENDS, Place, get_backend, get_host_backend
from pyalign.measures import Measure
from pyalign.nearest.exact import Scan
from pyalign.nearest.scan import flat_scan, native_scan
from pyalign.nearest.space import Space, make_space
from pyalign.ops._place import device_of

BACKENDS = ("auto", "native", "faiss", *TENSOR_BACKENDS)


def search_there(values: Any, backend: str, index: Any) -> bool:
    """Whether the search takes place on a device: of rows that lie there, or by a backend that was asked for."""
    if not (index is None or (isinstance(index, str) and index.lower() in ("auto", "flat"))):
        return False
    if backend in TENSOR_BACKENDS or device_of(values) == "cpu":
        return backend in TENSOR_BACKENDS
    place = Place(device_of(values), "float32")
    if backend == "native" or get_backend("torch").why_not(place) is not None:
        return False
    from pyalign.nearest._tensor_scan import faiss_gpus  # loads torch

    return backend == "auto" or faiss_gpus() > 0


def bring(values: Any, name: str, backend: str) -> Any:
    """Rows as tensors where they lie, or where a backend wants those of the host."""
    from pyalign.nearest._tensor_space import tensor_rows  # loads torch

    return tensor_rows(values, name, backend if backend in TENSOR_BACKENDS else "torch")


def space_and_scan(x: Any, queries: Any, measure: Measure, backend: str) -> tuple[Space, Scan, str]:
    """The space of rows, what searches it exactly, and the name of that."""
    if isinstance(x, np.ndarray):
        space = make_space(x, queries, measure)
        if backend == "faiss":
            return space, flat_scan(space), "faiss"
        return space, native_scan(space), get_host_backend(backend).name
    from pyalign.nearest import _tensor_scan  # loads torch
    from pyalign.nearest._tensor_space import device_space

    there, engine = device_space(x, queries, measure), _tensor_scan.engine_of(x.device, backend)
    faiss = engine == "faiss"
    return there, _tensor_scan.faiss_scan(there) if faiss else _tensor_scan.operations_scan(there, engine), engine
