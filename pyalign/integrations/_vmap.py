"""The rule of vmap for the ops."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def one_by_one(op: Any) -> Any:
    """vmap as a loop: each element is a whole matrix product, which fills the CPU by itself."""

    def rule(info: Any, in_dims: tuple[Any, ...], *args: Any) -> tuple[Any, Any]:
        def element(k: int) -> Any:
            pairs = zip(args, in_dims, strict=True)
            return op(*(value if dim is None else value.select(dim, k) for value, dim in pairs))

        results = [element(k) for k in range(info.batch_size)]
        if isinstance(results[0], Tensor):
            return torch.stack(results), 0
        return tuple(torch.stack(column) for column in zip(*results, strict=True)), (0,) * len(results[0])

    return rule
