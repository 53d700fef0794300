"""MATLAB files: versions 4 to 7 are read here, 7.3 is HDF5."""

from __future__ import annotations

from functools import partial

from pyalign.io import mat4, mat5
from pyalign.io.apart_formats import SIGNATURE, hdf5_entries
from pyalign.io.arrays import Entry
from pyalign.io.paths import Array, PathLike, bad, guarded

NUMPY_NAMES = {"double": "float64", "single": "float32", "logical": "bool", "char": "str"}
Variable = mat4.Variable | mat5.Variable


def mat_entries(path: PathLike) -> dict[str, Entry]:
    """The variables of a MATLAB file, and the fields of structs, as ``BEHAVIOR.set1.pairwisedistances``."""
    with open(path, "rb") as handle:
        head = handle.read(520)
    if head.startswith(SIGNATURE) or head[512:] == SIGNATURE:
        return hdf5_entries(path, transposed=True)
    variables: list[Variable] = guarded(path, ".mat", _list, path)
    return {
        one.name: Entry(one.shape, _type(one), partial(_load, path, one), _inner(one)) for one in variables if one.name
    }


def _list(path: PathLike) -> list[Variable]:
    with open(path, "rb") as handle:
        is_4 = 0 in handle.read(4)
        handle.seek(0)
        return [*(mat4.list_mat4(path, handle) if is_4 else mat5.list_mat5(path, handle))]


def _inner(one: Variable) -> bool:
    return isinstance(one, mat5.Variable) and one.inner


def _type(one: Variable) -> str:
    return f"complex {one.kind}" if one.is_complex else NUMPY_NAMES.get(one.kind, one.kind)


def _load(path: PathLike, one: Variable) -> Array:
    if one.is_complex:
        raise bad(path, f"variable {one.name!r} holds complex numbers, not real ones")
    if not one.stored or one.kind in mat4.KINDS:
        raise bad(path, f"variable {one.name!r} is a {one.kind}, not a full array of real numbers")
    load = partial(mat4.load_mat4, path, one) if isinstance(one, mat4.Variable) else partial(mat5.load_mat5, path, one)
    array: Array = guarded(path, ".mat", load)
    return array
