"""The folder of a finished extraction, read and held against what it says of itself."""

from __future__ import annotations

import os

from pyalign._dataclass import dataclass, replace
from pyalign._result import load_result
from pyalign.errors import InputError
from pyalign.extraction.contents import read_listing
from pyalign.extraction.folder_files import OtherExtraction, other
from pyalign.extraction.result import Extraction
from pyalign.extraction.weights import hash_file
from pyalign.io.embeddings import load_embeddings
from pyalign.io.folder import MANIFEST
from pyalign.io.paths import PathLike, bad


@dataclass(frozen=True)
class Finished:
    """A finished extraction whose rows and names are those that its run has written."""

    path: str  # of its folder.
    extraction: Extraction  # with the rows of each layer, mapped.
    names: tuple[str, ...]  # of all items, those that failed among them.
    hashes: tuple[str, ...]  # SHA-256 of these items.


def read_finished(path: PathLike) -> Finished:
    """A finished extraction. Every byte of it is read, to be held against the hashes of the manifest.

    Raises:
        OtherExtraction: it was changed.
    """
    try:
        extraction = read_extraction(path)
        names, hashes = read_listing(path, extraction.items_sha256)
        _require_whole(path, extraction, names)
    except FileNotFoundError as error:
        raise other(path, f"{os.path.basename(error.filename)} is not there, which its run has written") from error
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
    """A finished extraction: its manifest, and the rows of each layer, mapped; a part without items has none.

    Raises:
        InputError: no such folder, or one that was changed.
    """
    manifest = load_result(os.path.join(path, MANIFEST))
    if not isinstance(manifest, Extraction):
        raise bad(path, "holds another document than that of an extraction")
    embeddings = {layer.name: load_embeddings(path, key=layer.name) for layer in manifest.layers if manifest.n_rows}
    return replace(manifest, embeddings=embeddings)
