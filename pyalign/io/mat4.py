"""MATLAB 4 files. A variable: five numbers, its name, the real part, the imaginary part.

Source: MathWorks, "MAT-File Format", version 4: type is MOPT, for order, zero, precision and kind.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO

import numpy as np

from pyalign.io.paths import Array, PathLike, bad

PRECISIONS = (("double", "f8"), ("single", "f4"), ("int32", "i4"), ("int16", "i2"), ("uint16", "u2"), ("uint8", "u1"))
KINDS = ("", "char", "sparse")
LONGEST_NAME = 1000
MOST = 100_000  # variables


@dataclass(frozen=True)
class Variable:
    """A variable of the file; place: where its numbers stand."""

    name: str
    shape: tuple[int, int]
    kind: str
    place: int
    stored: str
    is_complex: bool


def list_mat4(path: PathLike, handle: IO[bytes]) -> list[Variable]:
    """The variables of a MATLAB 4 file; ValueError where the file is none, or ends early."""
    size, variables = os.fstat(handle.fileno()).st_size, list[Variable]()
    while head := handle.read(20):
        if len(variables) == MOST:
            raise bad(path, f"holds more than {MOST} variables")
        variable, end = _parse(head, handle)
        if end > size:
            raise ValueError("it ends within a variable")
        variables.append(variable)
        handle.seek(end)
    return variables


def _parse(head: bytes, handle: IO[bytes]) -> tuple[Variable, int]:
    order = ">" if head[:2] == bytes(2) != head[2:4] else "<"
    numbers = np.frombuffer(head.ljust(20, b"\xff"), order + "i4")
    type_code, rows, columns, imaginary, length = (int(number) for number in numbers)
    machine, precision, kind = type_code // 1000, type_code // 10 % 10, type_code % 10
    sound = (
        machine == (order == ">") and type_code // 100 % 10 == 0 and precision < 6 and kind < 3 and imaginary in (0, 1)
    )
    if not (sound and type_code >= 0 and min(rows, columns) >= 0 and 1 <= length <= LONGEST_NAME):
        raise ValueError("a variable without a header of version 4 or 5")
    name = handle.read(length).split(b"\0")[0].decode("latin-1")
    word, code = PRECISIONS[precision]
    place = handle.tell()
    nbytes = rows * columns * np.dtype(code).itemsize * (1 + imaginary)
    return Variable(name, (rows, columns), KINDS[kind] or word, place, order + code, bool(imaginary)), place + nbytes


def load_mat4(path: PathLike, variable: Variable) -> Array:
    """The values of a variable of real numbers."""
    rows, columns = variable.shape
    with open(path, "rb") as handle:
        handle.seek(variable.place)
        flat = np.fromfile(handle, variable.stored, rows * columns)
    return flat.reshape(variable.shape, order="F")
