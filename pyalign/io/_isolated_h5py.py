"""HDF5 in the separate process: h5py, after what is known to crash or hang libhdf5 was looked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pyalign.io._isolated_channel import Channel, give_rows
from pyalign.io.arrays import Listed, strings, type_name
from pyalign.io.paths import bad, needed

h5py: Any = needed("", "h5py", "files")
HEAP = b"GCOL\x01\0\0\0"
MOST = 100_000  # datasets
DEEPEST = 32  # structs in structs, with the references to them
OUTSIDE = "keeps its data in other files, which are not read"

_checked: tuple[str, int, int] | None = None  # the file whose heaps were last looked through


def arrays(channel: Channel, path: str) -> list[Listed]:
    """Each dataset that is in the file itself, not behind a link."""
    entries: list[Listed] = []
    with _open(path) as file:
        file.visititems(lambda key, node: None if key.startswith("#") else _list(path, entries, key, node))
    return entries


def variables(channel: Channel, path: str) -> list[Listed]:
    """Each array of a MATLAB 7.3 file, which is stored transposed, and each field of a struct."""
    entries: list[Listed] = []
    with _open(path) as file:
        for key, node in _fields(path, file, file):
            _list(path, entries, key, node)
    return [(key, shape[::-1], dtype, nbytes, where) for key, shape, dtype, nbytes, where in entries]


def _list(path: str, entries: list[Listed], key: str, node: Any) -> None:
    if not isinstance(node, h5py.Dataset):
        return
    if len(entries) == MOST:
        raise bad(path, f"holds more than {MOST} datasets")
    where = str(node.name).strip("/")
    if _is_virtual(node):  # its shape may depend on other files
        entries.append((key, (), "virtual", 0, where))
    elif _is_text(node):
        entries.append((key, node.shape[-1:], "str", 0, where))
    elif node.shape is not None:
        entries.append((key, node.shape, _type(node.dtype), int(node.size) * node.dtype.itemsize, where))


def _fields(path: str, file: Any, node: Any, key: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The arrays in a variable of MATLAB, without following links, called as there: ``s.x``, ``rdms(2).RDM``.

    A struct is a group; of an array of structs, each field is a dataset of references. Of an empty array only the
    shape is stored.
    """
    if depth > DEEPEST:
        raise bad(path, f"holds structs in structs, more than {DEEPEST} deep")
    if isinstance(node, h5py.Group):
        for name in node:
            if not name.startswith("#") and isinstance(node.get(name, getlink=True), h5py.HardLink):
                yield from _fields(path, file, node[name], f"{key}.{name}" if key else name, depth + 1)
    elif h5py.check_ref_dtype(node.dtype) is not None and "MATLAB_class" not in node.attrs:
        of, _, field = key.rpartition(".")
        for k, reference in enumerate(node[()].ravel(), 1):
            yield from _fields(path, file, file[reference], f"{of}({k}).{field}", depth + 1)
    elif "MATLAB_empty" not in node.attrs:
        yield key, node


def values(channel: Channel, path: str, key: str, where: str) -> tuple[Sequence[str], tuple[int, ...]] | None:
    """The values of a dataset: an array, or text and its shape."""
    with _open(path) as file:
        node = file[where]
        if _is_virtual(node) or node.external:
            raise bad(path, f"{key!r} {OUTSIDE}")
        if _is_text(node):
            rows = [row.astype("<u2").tobytes().decode("utf-16-le").rstrip() for row in np.atleast_2d(node[()].T)]
            return rows, node.shape[-1:]
        if h5py.check_string_dtype(node.dtype) is not None or node.dtype.kind == "S":
            check_heaps(path)
            text = np.asarray(node[()])
            return strings(path, text.ravel()), text.shape
        if node.dtype.hasobject or node.dtype.names is not None or node.dtype.kind not in "biuf":
            raise bad(path, f"{key!r} holds {node.dtype}, not real numbers")
        channel.fill(node.shape, node.dtype, lambda rows: node[rows], node.chunks[0] if node.chunks else 1)
        return None


def _is_text(node: Any) -> bool:
    """Whether MATLAB stored letters as numbers."""
    if node.dtype != np.uint16 or node.ndim != 2 or "MATLAB_class" not in node.attrs:
        return False
    return node.attrs.get_id("MATLAB_class").dtype.kind == "S" and bool(node.attrs["MATLAB_class"] == b"char")


def attribute(channel: Channel, path: str, name: str) -> str | None:
    """An attribute of the file that is one text."""
    check_heaps(path)
    with _open(path) as file:
        text = name in file.attrs and h5py.check_string_dtype(file.attrs.get_id(name).dtype) is not None
        return value if text and isinstance(value := file.attrs[name], str) else None


def pictures(channel: Channel, path: str, key: str) -> dict[str, Any]:
    """Shape of a dataset of images, whether they are bytes of files, and how many rows its chunks have (0: none)."""
    with _open(path) as file:
        node = _pictures(file, path, key)
        chunk = node.chunks[0] if node.chunks else 0
        return {"shape": node.shape, "files": node.ndim == 1, "chunk": chunk, "nbytes": int(node.nbytes)}


def picture_rows(channel: Channel, path: str, key: str, start: int, stop: int, most: int) -> None:
    """Gives rows as an array; of files their lengths, then their bytes: rows until they have `most` bytes."""
    with _open(path) as file:
        node = _pictures(file, path, key)
        if node.ndim > 1:
            node.read_direct(channel.array((stop - start, *node.shape[1:]), np.uint8), np.s_[start:stop])
            return
        _check_heaps_once(path)
        rows, total = list[bytes](), 0
        for row in range(start, stop):
            rows.append(bytes(node[row]))
            channel.progress()
            total += len(rows[-1])
            if total >= most:
                break
    give_rows(channel, rows)


def _pictures(file: Any, path: str, key: str) -> Any:
    node = file.get(key)
    if not isinstance(node, h5py.Dataset):
        raise bad(path, f"has no dataset {key!r}")
    if _is_virtual(node) or node.external:
        raise bad(path, f"{key!r} {OUTSIDE}")
    pixels = node.dtype == np.uint8 and (node.ndim == 3 or (node.ndim == 4 and node.shape[3] in (1, 3, 4)))
    files = node.ndim == 1 and (h5py.check_vlen_dtype(node.dtype) == np.uint8 or node.dtype.kind == "S")
    if not pixels and not files:
        rule = "uint8 of shape (n, h, w), (n, h, w, 1), (n, h, w, 3) or (n, h, w, 4), or the bytes of n files"
        raise bad(path, f"{key!r} must be {rule}; got shape {node.shape}, {node.dtype}")
    return node


def _check_heaps_once(path: str) -> None:
    """Rows are asked for by and by, of a file that may be large."""
    global _checked
    status = os.stat(path)
    stamp = (path, status.st_size, status.st_mtime_ns)
    if stamp != _checked:
        check_heaps(path)
        _checked = stamp


def _open(path: str) -> Any:
    return h5py.File(path, "r", driver="sec2", locking=False)


def _is_virtual(node: Any) -> bool:
    return bool(node.id.get_create_plist().get_layout() == h5py.h5d.VIRTUAL)


def _type(dtype: np.dtype[Any]) -> str:
    return "str" if h5py.check_string_dtype(dtype) is not None else type_name(dtype)


def check_heaps(path: str) -> None:
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
