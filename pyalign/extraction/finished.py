"""The files of a folder of embeddings: their names, and what is said of a folder that can't be gone on with.

What is in the items of an extraction: a SHA-256 of each, by which other images under the same names are known.
The folder of a finished extraction, read and held against what it says of itself.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, silent
from pyalign._result import load_result
from pyalign.errors import RESUME_EXTRACTION, InputError
from pyalign.extraction.extraction_result import Extraction
from pyalign.extraction.hub import hash_file
from pyalign.io.embeddings import load_embeddings
from pyalign.io.folder import MANIFEST, UNFINISHED
from pyalign.io.paths import PathLike, bad
from pyalign.io.write import READ, open_own

LONGEST = 200  # letters of a layer's name in that of its file


class OtherExtraction(InputError):
    """What lies in a folder is of other items or settings, or was changed: it can't be gone on with."""


class BeingWritten(InputError):
    """Another run is writing to a folder at this moment."""


def other(path: PathLike, problem: str) -> OtherExtraction:
    """An `OtherExtraction` of one line that starts with the folder."""
    return OtherExtraction(str(bad(path, problem)))


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


def require_same(path: Path, begun: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Raises where what was begun is not what is to go on, naming the first that differs."""
    for key in {**state, **begun}:
        if begun.get(key) != state.get(key):
            was, now = (json.dumps(settings.get(key))[:120] for settings in (begun, state))
            raise other(path, f"was begun with {key} {was}, and is to go on with {now}")


HASHES = "items.sha256"  # of a folder: a line for each item, as sha256sum writes and checks them
BLACK = (0, 0, 0)
UNREADABLE = "0" * 64  # in place of the hash of an item that could not be read
AHEAD = 256  # items that are read while one is hashed


def sha256_of(item: Any) -> str:
    """SHA-256 of an item as it was read: the bytes of a file, a text, an array or a Pillow image.

    Of an array it is that of its type, shape and values; of a Pillow image that of the pixels that `decode` gives
    before white and before black, which tell every color and every transparency.
    """
    if isinstance(item, bytes):
        return hashlib.sha256(item).hexdigest()
    if isinstance(item, str):
        return hashlib.sha256(item.encode()).hexdigest()
    if isinstance(item, np.ndarray):
        head = f"{item.dtype.str} {item.shape}".encode()
        return hashlib.sha256(head + np.ascontiguousarray(item).tobytes()).hexdigest()
    from pyalign.extraction.decode import decode

    image = decode(item)
    behind = decode(item, BLACK).tobytes()
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes() + behind).hexdigest()


def sha256_of_items(
    open_item: Callable[[int], Any], positions: Sequence[int], workers: int, progress: Progress = silent
) -> Generator[str, None, None]:
    """The hash of each item, in order, read by several threads, which end when the generator is closed.

    Args:
        open_item: gives the item of a position as it was read. Its InputError makes the hash `UNREADABLE`.
        positions: of the items.
        workers: threads.
    """

    def digest_of(position: int) -> str:
        try:
            return sha256_of(open_item(position))
        except InputError:
            return UNREADABLE

    rest, done = iter(positions), 0
    with ThreadPoolExecutor(workers, thread_name_prefix="pyalign-hashes") as pool:
        while some := [*islice(rest, AHEAD)]:
            for digest in pool.map(digest_of, some):
                yield digest
                done += 1
            progress("checking items", done, len(positions))


def sha256_of_images(images: Any, workers: int) -> str:
    """SHA-256 of the names and the contents of all `Images`: an extraction of them has it as `items_sha256`."""
    return sha256_of(listing(images.names, sha256_of_items(images.open, range(len(images)), workers)))


def listing(names: Iterable[str], hashes: Iterable[str]) -> str:
    """The text of `HASHES`: a hash and a name a line. Its own hash tells items, their order and what is in them.

    Example:
        >>> listing(["dog.jpg"], ["00ff"])
        '00ff  dog.jpg\\n'
    """
    return "".join(f"{digest}  {name}\n" for name, digest in zip(names, hashes, strict=True))


def read_listing(folder: PathLike, sha256: str) -> tuple[list[str], list[str]]:
    """The names and the hashes in `HASHES` of a finished folder, whose own hash the manifest has."""
    path = os.path.join(folder, HASHES)
    with open_own(path, READ) as file:
        raw = file.read()
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise bad(path, "was changed since the extraction has written it")
    lines = [line.partition("  ") for line in raw.decode().split("\n")[:-1]]
    return [name for _, _, name in lines], [digest for digest, _, _ in lines]


@dataclass(frozen=True)
class Finished:
    """A finished extraction whose rows and names are those that its run has written."""

    path: str  # of its folder.
    extraction: Extraction  # with the rows of each layer, mapped.
    names: tuple[str, ...]  # of all items, those that failed among them.
    hashes: tuple[str, ...]  # SHA-256 of these items.


def read_finished(path: PathLike) -> Finished:
    """A finished extraction. Every byte of it is read, to be held against the hashes of the manifest."""
    try:
        extraction = read_extraction(path)
        names, hashes = read_listing(path, extraction.items_sha256)
        _require_whole(path, extraction, names)
    except FileNotFoundError as error:
        name = os.path.basename(error.filename)
        if name == MANIFEST and os.path.isdir(os.path.join(path, UNFINISHED)):
            raise other(path, f"is an unfinished extraction: go on with {RESUME_EXTRACTION}") from error
        raise other(path, f"{name} is not there, which its run has written") from error
    except OtherExtraction:
        raise
    except InputError as error:
        raise OtherExtraction(str(error)) from error
    return Finished(os.fspath(path), extraction, tuple(names), tuple(hashes))


def _require_whole(path: PathLike, extraction: Extraction, names: list[str]) -> None:
    """Raises where rows or names are not those that were written."""
    failed = {failure.name for failure in extraction.failures}
    of_rows = tuple(name for name in names if name not in failed)
    if len(names) != extraction.n_items or len(of_rows) != extraction.n_rows:
        raise other(
            path, f"lists {len(names)} items, and its manifest says {extraction.n_items}, {extraction.n_rows} with rows"
        )
    for layer in extraction.layers if extraction.n_rows else ():
        if extraction[layer.name].names != of_rows:
            raise other(path, f"{extraction.names} was changed since the extraction has written it")
        if layer.file is None or hash_file(layer.name, os.path.join(path, layer.file)) != layer.sha256:
            raise other(path, f"{layer.file} was changed since the extraction has written it")


def read_extraction(path: PathLike) -> Extraction:
    """A finished extraction: its manifest, and the rows of each layer, mapped; a part without items has none."""
    manifest = load_result(os.path.join(path, MANIFEST))
    if not isinstance(manifest, Extraction):
        raise bad(path, "holds another document than that of an extraction")
    embeddings = {layer.name: load_embeddings(path, key=layer.name) for layer in manifest.layers if manifest.n_rows}
    return replace(manifest, embeddings=embeddings)
