"""Libraries that a broken file can crash or hang read it in a process of their own, within bounds.

One process for each package is started when its first file comes, and is kept for the next: so its start is paid once.
It is asked for one thing at a time and answers with a document in JSON and with arrays in memory that both share.
One that crashes or takes too long is ended. If it has failed at an earlier file, which may have broken it, a new one is
asked the same, so that no file is blamed for another.

HDF5, netCDF 4, MATLAB, PyTorch and Parquet files.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from pyalign.data.metadata import Texts, coded
from pyalign.errors import MissingExtraError
from pyalign.io.arrays import Entry, Wanted, describe, strings, text_array
from pyalign.io.paths import MOST_EXPANSION, SMALL, Array, MappedBytes, PathLike, bad, check_expansion, is_memory
from pyalign.io.tables import Columns, Table, cells_table

START, SILENCE = 120.0, 60.0  # seconds without a word until the process counts as stuck; see `_isolated_channel.BUSY`
SLOWEST = 10e6  # bytes a second that a disk gives
PATIENT = 1 << 36  # bytes of a file that one waits for as long as for what is drawn
_CODE = "import sys; sys.path[:] = {path!r}; from pyalign.io._isolated import serve; serve({descriptor})"
_QUIET = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_ARROW = {"ARROW_DEFAULT_MEMORY_POOL": "system", "CUDA_VISIBLE_DEVICES": ""}

_workers: dict[tuple[int, str], _Worker] = {}
_lock = threading.Lock()


def ask(
    path: PathLike, package: str, extra: str, function: str, *args: object, room: int = 0, kind: str = ""
) -> tuple[Any, list[Array]]:
    """What `function` of `pyalign.io._isolated_PACKAGE` says of a file: a document and arrays.

    Args:
        package: that reads the format; extra: of pyalign, brings it.
        room: bytes that the process may take beside `bounds.SMALL` and twice the size of the file.
        kind: what messages call the format.
    """
    if package in sys.modules and sys.modules[package] is None:
        raise MissingExtraError(f"{os.fspath(path)}:", package, extra)
    size = os.path.getsize(path)
    limits = {"size": size, "room": SMALL + room + 2 * size}
    request = {"function": function, "path": os.path.abspath(path), "args": args, **limits}
    with _lock:
        try:
            reply, arrays = _reply(package, request)
        except _Gone as error:
            raise bad(path, f"is not a sound {kind} file (reading it {error})") from None
        except OSError as error:
            if not is_memory(error):
                raise
            raise MemoryError(f"{os.fspath(path)}: not enough memory to read it ({error})") from error
    fault = reply.get("fault")
    if fault is None:
        return reply["document"], arrays
    if fault == "missing":
        raise MissingExtraError(f"{os.fspath(path)}:", package, extra)
    raise bad(path, fault if reply["own"] else f"is not a sound {kind} file ({fault})")


def made_by(package: str, function: str, *args: object) -> bytes:
    """The bytes that `function` of `pyalign.io._isolated_PACKAGE` makes, which is as good as unbounded."""
    request = {"function": function, "path": "", "args": args, "size": PATIENT, "room": PATIENT << 8}
    with _lock:
        try:
            reply, arrays = _reply(package, request)
        except (_Gone, OSError) as error:
            raise ChildProcessError(str(error)) from None
    if "fault" in reply:
        raise RuntimeError(f"{package}: {reply['fault']}")
    return arrays[0].tobytes()


def _reply(package: str, request: dict[str, Any]) -> tuple[dict[str, Any], list[Array]]:
    while True:
        worker = _workers.pop((os.getpid(), package), None)
        if worker is None or worker.process.poll() is not None:
            worker = _Worker(package)
        try:
            reply, arrays = worker.ask(request)
        except _Gone:
            worker.stop()
            if not worker.has_failed:
                raise
            continue
        except BaseException:
            worker.stop()
            raise
        worker.has_failed |= reply.get("fault") is not None and not reply["own"]
        _workers[os.getpid(), package] = worker
        return reply, arrays


class _Gone(Exception):
    """The process has ended, or had to be ended."""


class _Worker:
    """The process that has the package, and the line to it."""

    def __init__(self, package: str) -> None:
        self.line, theirs = socket.socketpair()
        descriptor = theirs.fileno()
        code = _CODE.format(path=[os.path.abspath(folder) for folder in sys.path], descriptor=descriptor)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, package], pass_fds=(descriptor,), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={**os.environ, **_QUIET, **_ARROW},
            )
        self.patience, self.has_failed = START, False

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[Array]]:
        try:
            silence = SILENCE + request["size"] / SLOWEST
            self.line.settimeout(max(self.patience, silence))
            self.line.sendall(_framed(json.dumps(request).encode()))
            while True:
                length, descriptors = self._head()
                if length:
                    break
                self.line.settimeout(silence)
            reply: dict[str, Any] = json.loads(self._exactly(length))
        except TimeoutError:
            raise _Gone("does not end") from None
        except (OSError, EOFError):
            raise _Gone(self._end()) from None
        self.patience = 0.0
        return reply, _mapped(descriptors, reply.get("arrays", ()))

    def _head(self) -> tuple[int, list[int]]:
        raw, descriptors, _, _ = socket.recv_fds(self.line, 8, 1)
        return int.from_bytes(raw + self._exactly(8 - len(raw)) if raw else self._exactly(8), "little"), descriptors

    def _exactly(self, length: int) -> bytes:
        raw = bytearray()
        while len(raw) < length:
            piece = self.line.recv(min(length - len(raw), 1 << 20))
            if not piece:
                raise EOFError
            raw += piece
        return bytes(raw)

    def _end(self) -> str:
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:
            return "does not answer"
        if code == -signal.SIGXCPU:
            return "does not end"
        name = signal.Signals(-code).name if -code in list(signal.Signals) else f"exit {code}"
        return f"crashes: {name}"

    def stop(self) -> None:
        self.line.close()
        self.process.kill()
        self.process.wait()


def _framed(raw: bytes) -> bytes:
    return len(raw).to_bytes(8, "little") + raw


def _mapped(descriptors: list[int], layout: list[tuple[int, str, list[int]]]) -> list[Array]:
    """The arrays (place, dtype, shape) in the memory behind a descriptor; the memory lives as long as they do."""
    if not descriptors:
        return []
    try:
        size = os.fstat(descriptors[0]).st_size
        memory = np.asarray(MappedBytes(descriptors[0], size, writable=True)) if size else bytearray()
    finally:
        os.close(descriptors[0])
    return [np.ndarray(shape, dtype, memory, place) for place, dtype, shape in layout]


@atexit.register
def _stop_all() -> None:
    for (pid, _), worker in list(_workers.items()):
        if pid == os.getpid():
            worker.stop()
    _workers.clear()


SIGNATURE = b"\x89HDF\r\n\x1a\n"
NAME = 64  # bytes that a short Python string takes


def hdf5_entries(path: PathLike) -> dict[str, Entry]:
    """The datasets of the file by path, without following links."""
    return _entries(path, "h5py", "files", "HDF5")


def netcdf_table(path: PathLike, _wanted: Wanted) -> Table:
    """The trials in a netCDF 4 file, as Brain-Score writes an assembly: each variable is a column."""
    entries = hdf5_entries(path)
    lengths = {len(entry.shape) == 1 and entry.shape[0] for entry in entries.values()}
    if len(lengths) != 1 or not all(lengths):
        raise bad(path, f"must hold trials, variables of one length; got {describe(entries) or 'no variables'}")
    columns = (entry.load() for entry in entries.values())
    return cells_table(path, tuple(entries), [x if x.dtype.kind in "iuf" else coded(strings(path, x)) for x in columns])


def torch_entries(path: PathLike) -> dict[str, Entry]:
    """The tensors of a file written by ``torch.save``: one tensor, or (nested) dicts of them."""
    return _entries(path, "torch", "torch", "PyTorch")


def mat_entries(path: PathLike) -> dict[str, Entry]:
    """The variables of a MATLAB file, and the fields of structs, as ``BEHAVIOR.set1.pairwisedistances``."""
    with open(path, "rb") as handle:
        head = handle.read(520)
    if SIGNATURE in (head[:8], head[512:]):  # version 7.3
        return _entries(path, "h5py", "files", "HDF5", "variables", transposed=True)
    return _entries(path, "scipy", "files", ".mat", room=MOST_EXPANSION * os.path.getsize(path), transposed=True)


def _entries(
    path: PathLike, package: str, extra: str, kind: str, function: str = "arrays", room: int = 0,
    transposed: bool = False,
) -> dict[str, Entry]:
    """What `function` lists, each read when it is loaded; transposed: rows come as columns."""

    def load(key: str, nbytes: int, where: str) -> Array:
        check_expansion(path, os.path.getsize(path), nbytes, repr(key) if key else "")
        text, arrays = ask(path, package, extra, "values", key, where, room=room + 2 * nbytes, kind=kind)
        array = arrays[0] if arrays else text_array(path, *text)
        return array.T if transposed else array

    listed, _ = ask(path, package, extra, function, room=room, kind=kind)
    return {
        key: Entry(tuple(shape), dtype, partial(load, key, nbytes, where), where != key)
        for key, shape, dtype, nbytes, where in listed
    }


def hdf5_attribute(path: PathLike, name: str) -> Any:
    """An attribute of the file that is one text, or None."""
    return ask(path, "h5py", "files", "attribute", name, kind="HDF5")[0]


def parquet_table(path: PathLike, wanted: Wanted) -> Table:
    """The table in a ``.parquet`` file."""
    document, _ = ask(path, "pyarrow", "files", "table", kind="Parquet")
    header, rows = tuple(document["header"]), document["rows"]
    if rows == 0:
        raise bad(path, f"{wanted.what} are empty (columns {', '.join(header)}, no rows)")
    names = None
    if document["range"] is not None:
        check_expansion(path, os.path.getsize(path), rows * NAME, "the names of its rows")
        names = tuple(map(str, range(*document["range"])))
    head = tuple(map(tuple, document["head"]))
    read = partial(_read_columns, path, rows)
    return Table(header, len(header), head, tuple(document["text"]), True, read, tuple(document["index"]), names)


def _read_columns(path: PathLike, rows: int, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    nbytes = rows * 8 * (len(numbers) + len(texts))
    check_expansion(path, os.path.getsize(path), nbytes)
    labels_by_column, arrays = ask(
        path, "pyarrow", "files", "columns", [*numbers], [*texts], room=2 * nbytes, kind="Parquet"
    )
    columns: list[Any] = [
        values if labels is None else Texts(values, tuple(labels))
        for values, labels in zip(arrays[1:], labels_by_column, strict=True)
    ]
    return Columns(arrays[0], columns)
