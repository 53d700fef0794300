"""The files of a folder while it is made: rows behind a header, and a line for each batch that is on the disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from pyalign.io.paths import bad

LONGEST = 200  # letters of a layer's name in that of its file
HEADER = 128  # bytes before the rows: numpy's header, written again when the number of rows is known


def append(file: IO[bytes], data: Any) -> None:
    """Writes behind what is there, as far as the system: a kill of the process loses nothing of it then."""
    file.write(data)
    file.flush()


def fingerprint_of(state: Mapping[str, Any]) -> str:
    """What an extraction is of: its items and all that decides their rows, but not which kind of run made them."""
    rest = {key: value for key, value in state.items() if key != "kind"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


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


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The batches that are on the disk, in order; a line that a kill has cut short is none."""
    found: list[dict[str, Any]] = []
    if not path.exists():
        return found
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            break
        if not _is_line(line) or line["batch"] != (found[-1]["batch"] + 1 if found else line["batch"]):
            break
        found.append(line)
    return found


def _is_line(line: Any) -> bool:
    kinds = {"batch": int, "rows": int, "seconds": float, "layers": dict, "failures": list}
    return (
        isinstance(line, dict)
        and line.keys() == kinds.keys()
        and all(isinstance(line[key], kind) for key, kind in kinds.items())
        and min(line["batch"], line["rows"]) >= 0
        and all(
            isinstance(one, list) and len(one) == 2 and all(isinstance(x, str) for x in one) for one in line["failures"]
        )
        and all(
            isinstance(shape, list) and all(type(k) is int and k > 0 for k in shape)
            for shape in line["layers"].values()
        )
    )


def require_same(path: Path, found: Any, state: Mapping[str, Any]) -> None:
    """Raises where what was begun is not what is to go on, naming the first that differs."""
    if not isinstance(found, dict):
        raise bad(path, "is not what a run has left there")
    for key in state:
        if found.get(key) != state[key]:
            was, now = (json.dumps(one.get(key))[:120] for one in (found, state))
            raise bad(path, f"was begun with {key} {was}, and is to go on with {now}")


def write_json(path: Path, value: Any) -> None:
    """A document, whole or not at all."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """A text, on the disk and whole, or not at all."""
    beside = path.with_name(f"{path.name}.new")
    with open(beside, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
