"""MATLAB files: versions 4 to 7 are read here, 7.3 is HDF5."""

from __future__ import annotations

from functools import partial

from pyalign.io import mat4, mat5
from pyalign.io.apart_formats import SIGNATURE, hdf5_entries
from pyalign.io.arrays import Entry
from pyalign.io.paths import Array, PathLike, bad, guarded

NUMPY_NAMES = {"double": "float64", "single": "float32", "logical": "bool", "char": "str", "text": "str"}
Variable = mat4.Variable | mat5.Variable


def mat_entries(path: PathLike) -> dict[str, Entry]:
    """The variables of a MATLAB file, and the fields of structs, as ``BEHAVIOR.set1.pairwisedistances``."""
    with open(path, "rb") as handle:
        head = handle.read(520)
    if head.startswith(SIGNATURE) or head[512:] == SIGNATURE:
        return hdf5_entries(path, transposed=True)
    variables: list[Variable] = guarded(path, ".mat", _list, path)
    return {
        variable.name: Entry(variable.shape, _type(variable), partial(_load, path, variable), _inner(variable))
        for variable in variables
        if variable.name
    }


def _list(path: PathLike) -> list[Variable]:
    with open(path, "rb") as handle:
        is_4 = 0 in handle.read(4)
        handle.seek(0)
        return [*(mat4.list_mat4(path, handle) if is_4 else mat5.list_mat5(path, handle))]


def _inner(variable: Variable) -> bool:
    return isinstance(variable, mat5.Variable) and variable.inner


def _type(variable: Variable) -> str:
    return f"complex {variable.kind}" if variable.is_complex else NUMPY_NAMES.get(variable.kind, variable.kind)


def _load(path: PathLike, variable: Variable) -> Array:
    if variable.is_complex:
        raise bad(path, f"variable {variable.name!r} holds complex numbers, not real ones")
    if not variable.stored or variable.kind in mat4.KINDS:
        raise bad(path, f"variable {variable.name!r} is a {variable.kind}, not a full array of real numbers")
    load = (
        partial(mat4.load_mat4, path, variable)
        if isinstance(variable, mat4.Variable)
        else partial(mat5.load_mat5, path, variable)
    )
    array: Array = guarded(path, ".mat", load)
    return array
