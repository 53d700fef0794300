"""Parts of an extraction put together: the bytes that one run would have written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.data.embeddings import Embeddings
from pyalign.data.provenance import Provenance
from pyalign.errors import InputError
from pyalign.extraction.contents import listing, read_listing, sha256_of_items, sha256_of_listing
from pyalign.extraction.folder import PROCESSOR, FinishedByAnotherRun, Folder, read_extraction
from pyalign.extraction.folder_files import fingerprint_of, other
from pyalign.extraction.images import as_images
from pyalign.extraction.loading import default_workers
from pyalign.extraction.result import Extraction
from pyalign.io.paths import PathLike, bad, checked_path, shorten
from pyalign.progress import Progress, silent

ROWS = 4096  # that are copied at once
MIXED = (PROCESSOR, "model_threads")  # in what parts may differ where that is allowed


@dataclass(frozen=True)
class _Part:
    """A part, with the names and the hashes of its items."""

    path: str
    extraction: Extraction
    names: tuple[str, ...]
    hashes: tuple[str, ...]

    @classmethod
    def read(cls, path: PathLike) -> _Part:
        found = read_extraction(path)
        if found.shard is None:
            raise bad(path, "is no part: it was made without --shard")
        if found.names_sha256 is None:
            raise bad(path, "is of an earlier version, without hashes of its items; extract it again")
        names, hashes = read_listing(path, found.items_sha256)
        if len(names) != found.n_items:
            raise bad(path, f"lists {len(names)} items, and its manifest says {found.n_items}")
        return cls(os.fspath(path), found, tuple(names), tuple(hashes))

    @property
    def number(self) -> int:
        """Which part it is, from 1."""
        assert self.extraction.shard is not None
        return self.extraction.shard[0]

    @property
    def count(self) -> int:
        """How many parts there are."""
        assert self.extraction.shard is not None
        return self.extraction.shard[1]


def merge_extractions(
    parts: Sequence[PathLike], out: PathLike, *, mixed: bool = False, progress: Progress = silent
) -> Extraction:
    """Puts all parts of a run with `shard=` into one folder, in any order of the folders.

    Images are read once more where they still lie, at the path that the first part names: parts of images that changed
    between two runs are refused. Where they are gone, a note says so. A merge that was interrupted goes on when it is
    called again.

    Args:
        parts: the folders, parts 1 to k of k.
        out: a folder to write to.
        mixed: whether parts may come from processors of other instructions, or from other numbers of threads. Their
            rows may differ in the last digits from those of one run, and a note says so.
        progress: is told how many items are checked.

    Raises:
        InputError: a part is missing, given twice, or made of other items, weights or settings.
        OSError: the folder can't be written.
    """
    checked_path(out, "out")
    if isinstance(parts, os.PathLike):
        raise InputError(f"parts must be the folders of all parts, in a list; got {os.fspath(parts)}")
    folders = [checked_path(part, "parts") for part in _checks.sequence(parts, "parts", "folders")]
    ordered = _in_order([_Part.read(folder) for folder in folders], _checks.flag(mixed, "mixed"))
    whole = _whole(ordered, os.fspath(out), _notes(ordered, progress))
    with closing(Folder(out, {**whole.state(), "kind": "merge"}, resume=True)) as folder:
        if not folder.finished:
            with suppress(FinishedByAnotherRun):
                return _merged(ordered, whole, folder)
    found = read_extraction(out)
    if found.items_sha256 != whole.items_sha256:
        raise other(out, "holds a finished extraction of other items; take another folder")
    return found


def _merged(ordered: Sequence[_Part], whole: Extraction, folder: Folder) -> Extraction:
    for number, (part, start) in enumerate(_pieces(ordered)):
        if number >= folder.next:
            one, layers = part.extraction, part.extraction.layers if part.extraction.n_rows else ()
            rows = {layer.name: np.asarray(one[layer.name].values[start : start + ROWS]) for layer in layers}
            first = start == 0  # with which come the items and failures of the whole part
            folder.add(rows, part.hashes if first else (), one.failures if first else (), 0.0)
    names = tuple(name for one in ordered for name in _row_names(one))
    made: list[Extraction] = []

    def manifest(files: Mapping[str, tuple[tuple[int, ...], str | None]]) -> str:
        layers = tuple(replace(one, shape=files[one.name][0], sha256=files[one.name][1]) for one in whole.layers)
        made.append(replace(whole, layers=layers))
        return made[0].to_json() + "\n"

    hashes = listing((name for one in ordered for name in one.names), (one for part in ordered for one in part.hashes))
    arrays = folder.finish(names, hashes, manifest)
    embeddings = {name: Embeddings(values, names, str(folder.path)) for name, values in arrays.items()}
    return replace(made[0], embeddings=embeddings)


def _row_names(part: _Part) -> tuple[str, ...]:
    """The names of the rows of a part."""
    one = part.extraction
    return (one[one.layers[0].name].names or ()) if one.n_rows else ()


def _in_order(found: Sequence[_Part], mixed: bool) -> list[_Part]:
    """The parts from 1 to k, as far as they belong together."""
    if not found:
        raise InputError("merge needs the folders of all parts; got none")
    first = found[0]
    by_number: dict[int, _Part] = {}
    for one in found:
        _require_alike(one, first, mixed)
        if one.number in by_number:
            raise bad(one.path, f"is part {one.number}, as {by_number[one.number].path} is")
        by_number[one.number] = one
    missing = [number for number in range(1, first.count + 1) if number not in by_number]
    if missing:
        raise InputError(f"merge needs all {first.count} parts; missing {', '.join(map(str, missing))}")
    if not any(one.extraction.n_rows for one in found):
        raise InputError("merge needs a part with rows; none of the items could be read")
    return [by_number[number] for number in sorted(by_number)]


def _require_alike(one: _Part, first: _Part, mixed: bool) -> None:
    """Raises where what decides the rows differs; of processors and threads both are named."""
    ours, theirs = one.extraction.state(), first.extraction.state()
    differing = [key for key, value in ours.items() if key != "shard" and value != theirs[key]]
    if one.count != first.count:
        differing.append(f"number of parts ({one.count} and {first.count})")
    if not differing or (mixed and set(differing) <= set(MIXED)):
        return
    if set(differing) <= set(MIXED):
        what = "; ".join(f"{key.replace('_', ' ')} {ours[key]}, and there {theirs[key]}" for key in differing)
        raise bad(one.path, f"differs from {first.path}: {what}: the last digits of rows may differ; --mixed allows it")
    raise bad(one.path, f"differs from {first.path} in {', '.join(differing)}")


def _notes(ordered: Sequence[_Part], progress: Progress) -> tuple[str, ...]:
    """What one run would say, and what is not as it would be in one run. Raises where items have changed."""
    notes = list(ordered[0].extraction.notes)
    for key in MIXED:
        values = dict.fromkeys(str(getattr(one.extraction, key)) for one in ordered)
        if len(values) > 1:
            what = key.replace("_", " ")
            notes.append(f"parts differ in {what} ({'; '.join(values)}): rows may differ in the last digits")
    if ordered[0].extraction.modality == "images":
        source = ordered[0].extraction.items
        images = None
        if source is not None:
            with suppress(OSError, InputError):
                images = as_images(source)
        if images is None:
            where = "images of Python" if source is None else f"the images of {source}"
            notes.append(f"{where} are not there: whether they changed between the runs of the parts is not checked")
        else:
            _require_same_images(ordered, images, progress)
    return tuple(notes)


def _require_same_images(ordered: Sequence[_Part], images: Any, progress: Progress) -> None:
    """Raises where a part was made of other images than those that lie there now."""
    found = sha256_of_items(images.open, range(len(images)), default_workers(), progress)
    known = [(part, name, digest) for part in ordered for name, digest in zip(part.names, part.hashes, strict=True)]
    if [name for _, name, _ in known] != [*images.names]:
        raise bad(images.source, f"holds other images than {ordered[0].path} and the other parts were made of")
    for (part, name, was), now in zip(known, found, strict=True):
        if was != now:
            raise bad(part.path, f"was made of other images than {images.source} holds: {shorten(name)} has changed")


def _pieces(ordered: Sequence[_Part]) -> Iterator[tuple[_Part, int]]:
    """Each part with the first row of a piece; a part without rows has one piece, for the items that failed."""
    for one in ordered:
        for start in range(0, max(1, one.extraction.n_rows), ROWS):
            yield one, start


def _whole(ordered: Sequence[_Part], out: str, notes: tuple[str, ...]) -> Extraction:
    """The manifest of one run, but for the shapes and the hashes of its layers."""
    found = [one.extraction for one in ordered]
    first, with_rows = found[0], next(one for one in found if one.n_rows)
    seconds, count = sum(one.seconds for one in found), sum(one.n_items for one in found)
    items = sha256_of_listing(
        (name for one in ordered for name in one.names), (digest for one in ordered for digest in one.hashes)
    )
    options = {**(first.provenance.options if first.provenance else {}), "out": out}
    whole = replace(
        first, layers=with_rows.layers, n_items=count, n_rows=sum(one.n_rows for one in found), shard=None,
        embeddings=None, failures=tuple(failure for one in found for failure in one.failures), seconds=seconds,
        items_per_second=count / max(seconds, 1e-9), items_sha256=items, notes=notes,
        processor=" and ".join(dict.fromkeys(str(one.processor) for one in found)),
        model_threads=first.model_threads, provenance=Provenance.now({}, options),
    )  # fmt: skip
    return replace(whole, fingerprint=fingerprint_of({**whole.state(), "items": items}))
