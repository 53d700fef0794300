"""The files of a folder of embeddings: their names, numpy's header, and texts that are whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from pyalign.errors import InputError
from pyalign.io.own_files import CREATE, open_own
from pyalign.io.paths import PathLike, bad

LONGEST = 200  # letters of a layer's name in that of its file
HEADER = 128  # bytes before the rows: numpy's header, written again when the number of rows is known


class OtherExtraction(InputError):
    """What lies in a folder is of other items or settings, or was changed: it can't be gone on with."""


class BeingWritten(InputError):
    """Another run is writing to a folder at this moment."""


def other(path: PathLike, problem: str) -> OtherExtraction:
    """An `OtherExtraction` of one line that starts with the folder."""
    return OtherExtraction(str(bad(path, problem)))


def append(file: IO[bytes], data: Any) -> None:
    """Writes behind what is there, as far as the system: a kill of the process loses nothing of it then.

    Raises:
        OSError: with the file's name, such as on a full disk.
    """
    try:
        file.write(data)
        file.flush()
    except OSError as error:
        raise OSError(error.errno, error.strerror, file.name) from error


def file_name(layer: str) -> str:
    """The file of a layer, in the folder itself whatever the layer is called: ONNX has names such as /block/Add:0.

    Example:
        >>> file_name("blocks.11.mlp"), file_name("/block/Add:0")
        ('blocks.11.mlp.npy', '%2Fblock%2FAdd%3A0.npy')
    """
    plain = quote(layer, safe=" ")
    if len(plain) > LONGEST:
        plain = f"{plain[:LONGEST]}-{hashlib.sha256(layer.encode()).hexdigest()[:16]}"
    return f"{plain}.npy"


def header(rows: int, shape: Sequence[int]) -> bytes:
    """Numpy's header of a float32 array, of one length whatever the number of rows."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {(rows, *map(int, shape))}, }}"
    return b"\x93NUMPY\x01\x00" + (HEADER - 10).to_bytes(2, "little") + f"{text:<{HEADER - 11}}\n".encode()


def require_same(path: Path, begun: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Raises where what was begun is not what is to go on, naming the first that differs."""
    for key in {**state, **begun}:
        if begun.get(key) != state.get(key):
            was, now = (json.dumps(settings.get(key))[:120] for settings in (begun, state))
            raise other(path, f"was begun with {key} {was}, and is to go on with {now}")


def write_text(path: Path, text: str) -> None:
    """A new text, on the disk and whole, or not at all."""
    new = path.with_name(f"{path.name}.new")
    with open_own(new, CREATE) as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
