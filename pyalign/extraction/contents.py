"""What is in the items of an extraction: a SHA-256 of each, by which other images under the same names are known.

An extraction hashes the bytes that it decodes. Who only checks (a run that goes on, a merge, a study) reads the items
again and decodes nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np

from pyalign.errors import InputError
from pyalign.io.own_files import READ, open_own
from pyalign.io.paths import PathLike, bad
from pyalign.progress import Progress, silent

HASHES = "items.sha256"  # of a folder: a line for each item, as sha256sum writes and checks them
BLACK = (0, 0, 0)
UNREADABLE = "0" * 64  # in place of the hash of an item that could not be read
AHEAD = 256  # items that are read while one is hashed


def sha256_of(item: Any) -> str:
    """SHA-256 of an item as it was read: the bytes of a file, a text, an array or a Pillow image.

    Of an array it is that of its type, shape and values; of a Pillow image that of the pixels that `decode` gives
    before white and before black, which tell every colour and every transparency.

    Example:
        >>> sha256_of(b"abc")[:8], sha256_of("abc")[:8]
        ('ba7816bf', 'ba7816bf')
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
    return sha256_of_listing(images.names, sha256_of_items(images.open, range(len(images)), workers))


def listing(names: Iterable[str], hashes: Iterable[str]) -> str:
    """The text of `HASHES`: a hash and a name a line.

    Example:
        >>> listing(["dog.jpg"], ["00ff"])
        '00ff  dog.jpg\\n'
    """
    return "".join(f"{digest}  {name}\n" for name, digest in zip(names, hashes, strict=True))


def sha256_of_listing(names: Iterable[str], hashes: Iterable[str]) -> str:
    """SHA-256 of `listing`: it tells the names of items, their order and what is in them."""
    digest = hashlib.sha256()
    for name, item_hash in zip(names, hashes, strict=True):
        digest.update(f"{item_hash}  {name}\n".encode())
    return digest.hexdigest()


def read_listing(folder: PathLike, sha256: str) -> tuple[list[str], list[str]]:
    """The names and the hashes in `HASHES` of a finished folder, whose own hash the manifest has.

    Raises:
        InputError: it was changed.
        OSError: it is not there.
    """
    path = os.path.join(folder, HASHES)
    with open_own(path, READ) as file:
        raw = file.read()
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise bad(path, "was changed since the extraction has written it")
    lines = [line.partition("  ") for line in raw.decode().split("\n")[:-1]]
    return [name for _, _, name in lines], [digest for digest, _, _ in lines]
