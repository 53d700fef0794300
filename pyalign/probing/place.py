"""Where a fit is computed: on the host, or on a device."""

from __future__ import annotations

from typing import Any, cast

from pyalign.ops._door import open_door
from pyalign.ops._host_door import HostDoor
from pyalign.probing.algebra import Algebra, HostAlgebra


def algebra_for(backend: str = "auto", x: object = None) -> Algebra:
    """Where a fit to x is computed: on its device, or by the backend that is asked for; "auto": on the host from there.

    Raises:
        InputError: as `pyalign.backends.get_backend`.

    Example:
        >>> import numpy as np
        >>> algebra_for("numpy", np.eye(3)).backend.name
        'numpy'
    """
    door = open_door(backend, x)
    if isinstance(door, HostDoor):
        return HostAlgebra(door)
    from pyalign.probing._tensor_algebra import TensorAlgebra  # loads torch

    return TensorAlgebra(cast(Any, door))
