"""PyTorch files in the separate process: `torch.load` with `weights_only`, and the tensors in nested dicts."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np

from pyalign.io._isolated_channel import Channel
from pyalign.io.arrays import Listed
from pyalign.io.paths import Array, bad, needed
from pyalign.io.tensor_files import widen_bfloat16

torch: Any = needed("", "torch", "torch")
MOST = 100_000  # tensors, and whatever else the dicts name: a small file can name one dict very often
DEEPEST = 4


def arrays(channel: Channel, path: str) -> list[Listed]:
    """Each tensor, or list of names, in (nested) dicts."""
    return [(key, *_described(leaf), key) for key, leaf in _leaves(path, _load(path))]


def values(channel: Channel, path: str, key: str, where: str) -> tuple[list[str], tuple[int, ...]] | None:
    """The values under a key: a tensor, or names and their shape."""
    leaf = dict(_leaves(path, _load(path)))[key]
    if not isinstance(leaf, torch.Tensor):
        return list(leaf), (len(leaf),)
    leaf = leaf.detach()
    is_bfloat16 = leaf.dtype == torch.bfloat16
    source = leaf.view(torch.int16).numpy() if is_bfloat16 else leaf.resolve_conj().resolve_neg().numpy()

    def part(rows: Any) -> Array:
        return widen_bfloat16(source[rows].view(np.uint16)) if is_bfloat16 else source[rows]

    channel.fill(source.shape, np.float32 if is_bfloat16 else source.dtype, part)
    return None


def _load(path: str) -> Any:
    """A file from before PyTorch 1.6 is not mapped, but read. A refused pickle would be a page of advice."""
    with open(path, "rb") as handle:
        mapped = handle.read(4) == b"PK\x03\x04"
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise bad(path, "holds more than tensors, or is no PyTorch file; only tensors are read") from error


def _leaves(path: str, tree: Any) -> Iterator[tuple[str, Any]]:
    """Tensors and lists of names, as deep as is read, in their order."""
    count, waiting = 0, [(tree, "", 0)]
    while waiting:
        node, key, depth = waiting.pop()
        count += 1
        if count > MOST:
            raise bad(path, f"holds more than {MOST} tensors")
        if _is_leaf(node):
            yield key, node
        elif isinstance(node, dict) and depth < DEEPEST:
            if count + len(node) > MOST:
                raise bad(path, f"holds more than {MOST} tensors")
            children = [(child, f"{key}/{name}" if key else str(name), depth + 1) for name, child in node.items()]
            waiting += reversed(children)


def _is_leaf(node: Any) -> bool:
    is_names = isinstance(node, (list, tuple)) and len(node) > 0 and all(isinstance(item, str) for item in node)
    return isinstance(node, torch.Tensor) or is_names


def _described(leaf: Any) -> tuple[tuple[int, ...], str, int]:
    if not isinstance(leaf, torch.Tensor):
        return (len(leaf),), "str", 0
    nbytes = leaf.numel() * (4 if leaf.dtype == torch.bfloat16 else leaf.element_size())
    return tuple(leaf.shape), str(leaf.dtype).removeprefix("torch."), nbytes
