"""A device that is pretended: tensors of the CPU that say they lie on one, and what a capture of a CUDA graph refuses.

Code takes the branches of a device, on real numbers. Kernels run outside: they are compiled code that queues work.
"""

from __future__ import annotations

import torch
from torch.overrides import TorchFunctionMode

DEVICE = torch.device("cuda", 0)
# Reading a number waits for the device; making a tensor of numbers of the host, or of a list, is a copy to it.
READS = {"item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__", "__index__"}
COPIES = {"tensor", "as_tensor", "from_numpy", "new_tensor", "cuda"}
ASKS = {"nonzero", "argwhere", "masked_select", "unique", "unique_consecutive", "equal", "allclose", "bincount"}


class Capture(TorchFunctionMode):
    """Attributes: how many functions of torch were called; the names of those that a capture refuses."""

    def __init__(self):
        super().__init__()
        self.calls, self.refused = 0, []

    def __torch_function__(self, function, types, arguments=(), options=None):
        if function == torch.Tensor.device.__get__:
            return DEVICE
        options = {**(options or {})}
        name = function.__name__
        if name in READS | COPIES | ASKS or (name in ("__getitem__", "__setitem__") and is_asked(arguments[1])):
            self.refused.append(name)
        if name == "to" and any(isinstance(one, torch.device | str) for one in (*arguments[1:], *options.values())):
            self.refused.append("to another device")
        if options.get("device") == DEVICE:
            del options["device"]
        self.calls += 1
        return function(*arguments, **options)


def is_asked(index):
    """Whether an index is a list, which is copied to the device, or a mask, whose size must be asked."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(one, list) or (isinstance(one, torch.Tensor) and one.dtype == torch.bool) for one in parts)


class Outside:
    """Kernels that see tensors as they are."""

    def __init__(self, kernels):
        self.kernels = kernels

    def __getattr__(self, name):
        found = getattr(self.kernels, name)

        def call(*arguments, **options):
            with torch._C.DisableTorchFunction():
                return found(*arguments, **options)

        return call if callable(found) else found
