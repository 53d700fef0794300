"""Arrays that are read on the side: those of a device with the numbers of the next call there, which waits anyway."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyalign.backends import Array
from pyalign.ops._dispatch import Dispatch
from pyalign.ops._host_dispatch import HostDispatch


class Aside:
    """Arrays where the backend works, whose values become known later.

    Attributes:
        waiting: those of a device, until they are read.
    """

    def __init__(self, dispatch: Dispatch, arrays: Sequence[Array]):
        self.dispatch, self.waiting = dispatch, list(arrays)
        self._arrays: list[np.ndarray] = []
        if isinstance(dispatch, HostDispatch):
            self.fill(self.waiting)

    def fill(self, arrays: list[np.ndarray]) -> None:
        """Keeps the arrays, which some call has read."""
        self._arrays, self.waiting = arrays, []

    def read(self) -> list[np.ndarray]:
        """The arrays on the host; waits for the device where no call has read them yet."""
        if self.waiting:
            self.fill(self.dispatch.host_all(self.waiting))
        return self._arrays
