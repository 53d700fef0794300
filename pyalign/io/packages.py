"""Formats that need a package: HDF5 (h5py), MATLAB (scipy), PyTorch (torch), each imported when used."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from pyalign.errors import MissingExtraError
from pyalign.io.entries import Entry, type_name
from pyalign.io.mat5 import check_mat5
from pyalign.io.paths import Array, PathLike, bad, guarded, is_memory
from pyalign.io.safetensors import widen_bfloat16

MATLAB_TYPES = {"double": "float64", "single": "float32", "logical": "bool", "char": "str"}
MATLAB_NUMBERS = (
    "double",
    "single",
    "logical",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)
MOST = 100_000  # tensors: a small file can name one dict very often
HEAP = b"GCOL\x01\0\0\0"
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def needed(path: PathLike, package: str, extra: str, module: str | None = None) -> ModuleType:
    """Import ``package`` or say which extra brings it."""
    import importlib

    try:
        return importlib.import_module(module or package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{path}:", package, extra) from error
    except ImportError as error:
        if not is_memory(error):
            raise
        raise MemoryError(f"{path}: not enough memory to load {package}") from error


# HDF5


def hdf5_entries(path: PathLike, transposed: bool = False) -> dict[str, Entry]:
    """The datasets of the file by path, without following links; MATLAB 7.3 stores them transposed."""
    h5py = needed(path, "h5py", "files")
    entries: dict[str, Entry] = {}

    def visit(key: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.shape is not None and not key.startswith("#"):
            text = h5py.check_string_dtype(node.dtype) is not None
            shape = node.shape[::-1] if transposed else node.shape
            load = partial(guarded, path, "HDF5", partial(_read_dataset, h5py, path, key, transposed))
            entries[key] = Entry(shape, "str" if text else type_name(node.dtype), load)

    def walk() -> None:
        with h5py.File(path, "r") as file:
            file.visititems(visit)

    guarded(path, "HDF5", walk)
    return entries


def _read_dataset(h5py: Any, path: PathLike, key: str, transposed: bool) -> Array:
    with h5py.File(path, "r") as file:
        node = file[key]
        if node.external or node.is_virtual:
            raise bad(path, f"{key!r} keeps its data in other files, which are not read")
        if node.dtype.hasobject:
            check_heaps(path)
        array: Array = np.asarray(node[()])
        return array.T if transposed else array


def check_heaps(path: PathLike) -> None:
    """Raises ValueError where a heap of text in an HDF5 file is broken: on a gap of no length the library never ends.

    Source: HDF5 file format specification 3.0, III.E, "Level 1E: Global Heap".
    """
    import mmap

    with open(path, "rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as file:
        start = file.find(HEAP)
        while start >= 0:
            end = min(len(file), start + int.from_bytes(file[start + 8 : start + 16], "little"))
            place = start + 16
            while place + 16 <= end:
                index = int.from_bytes(file[place : place + 2], "little")
                size = int.from_bytes(file[place + 8 : place + 16], "little")
                if index == 0 and size < 16:
                    raise ValueError("a heap of text with a gap of no length")
                place += size if index == 0 else 16 + -(-size // 8) * 8
            start = file.find(HEAP, start + 8)


# MATLAB


def mat_entries(path: PathLike) -> dict[str, Entry]:
    """The variables of a MATLAB file, version 5 to 7 (scipy) or 7.3 (HDF5 inside)."""
    with open(path, "rb") as handle:
        head = handle.read(520)
    if head.startswith(SIGNATURE) or head[512:] == SIGNATURE:
        return hdf5_entries(path, transposed=True)
    scipy_io = needed(path, "scipy", "files", "scipy.io")
    guarded(path, ".mat", partial(check_mat5, path))
    variables = guarded(path, ".mat", lambda: scipy_io.whosmat(path))
    return {
        name: Entry(tuple(shape), MATLAB_TYPES.get(kind, kind), partial(_load_variable, scipy_io, path, name, kind))
        for name, shape, kind in variables
    }


def _load_variable(scipy_io: Any, path: PathLike, name: str, kind: str) -> Array:
    if kind not in MATLAB_NUMBERS:
        raise bad(path, f"variable {name!r} is a {kind}, not a full array of real numbers")
    # mat_dtype: MATLAB stores whole-number doubles in the smallest type that holds them
    contents = guarded(path, ".mat", lambda: scipy_io.loadmat(path, variable_names=[name], mat_dtype=True))
    array: Array = contents[name]
    return array


# PyTorch


def torch_entries(path: PathLike) -> dict[str, Entry]:
    """The tensors of a file written by ``torch.save``: one tensor, or (nested) dicts of them."""
    torch = needed(path, "torch", "torch")
    load = partial(torch.load, path, map_location="cpu", weights_only=True)
    tree = guarded(path, "PyTorch", partial(_quiet, path, load))
    entries: dict[str, Entry] = {}
    for key, leaf in _leaves(torch, tree, "", 0):
        if len(entries) == MOST:
            raise bad(path, f"holds more than {MOST} tensors")
        entries[key] = _torch_entry(torch, path, leaf)
    return entries


def _quiet(path: PathLike, load: Any) -> Any:
    """``torch.load`` answers a refused pickle with a page of advice to switch its protection off."""
    import pickle

    try:
        return load()
    except pickle.UnpicklingError as error:
        raise bad(path, "holds more than tensors, or is no PyTorch file; only tensors are read") from error


def _leaves(torch: Any, node: Any, key: str, depth: int) -> Iterator[tuple[str, Any]]:
    is_names = isinstance(node, (list, tuple)) and node and all(isinstance(item, str) for item in node)
    if isinstance(node, torch.Tensor) or is_names:
        yield key, node
    elif isinstance(node, dict) and depth < 4:
        for name, child in node.items():
            yield from _leaves(torch, child, f"{key}/{name}" if key else str(name), depth + 1)


def _torch_entry(torch: Any, path: PathLike, leaf: Any) -> Entry:
    if not isinstance(leaf, torch.Tensor):
        return Entry((len(leaf),), "str", lambda: np.array(leaf))
    name = str(leaf.dtype).removeprefix("torch.")
    return Entry(tuple(leaf.shape), name, partial(guarded, path, "PyTorch", partial(_to_numpy, torch, leaf)))


def _to_numpy(torch: Any, tensor: Any) -> Array:
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        bits: Array = tensor.contiguous().view(torch.int16).numpy().view(np.uint16)
        return widen_bfloat16(bits)
    array: Array = tensor.resolve_conj().resolve_neg().numpy()
    return array
