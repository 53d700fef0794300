"""The dispatch of every operation: where the inputs are, which backend takes them, and how results go back.

Inputs from the host are numpy arrays inside, and come back as such. Rows on a device (tensors of torch, arrays of CuPy
or JAX, anything with DLPack or `__cuda_array_interface__`) are torch tensors inside, without a copy; results stay on
the device, in the library that the rows came from.
"""

from __future__ import annotations

from pyalign.backends import TENSOR_BACKENDS, get_backend
from pyalign.ops._host_dispatch import HostDispatch
from pyalign.ops._place import place_of

Dispatch = HostDispatch  # of all arrays: that of tensors is one too


def dispatch_of(backend: str, *inputs: object, elements: int = 0) -> Dispatch:
    """The dispatch of inputs (rows, or a matrix of similarities), which must all be in one place.

    elements: how many elements the similarity matrix will have that is computed from them.
    """
    place = place_of(inputs, elements)
    engine = get_backend(backend, place)
    if engine.name not in TENSOR_BACKENDS:
        return HostDispatch(engine)
    from pyalign.ops._tensor_dispatch import TensorDispatch  # loads torch

    return TensorDispatch(engine, place, inputs[0])
