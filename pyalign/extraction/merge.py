"""Parts of an extraction put together: the bytes that one run would have written."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._process import Progress, reporter
from pyalign.data.provenance import Provenance
from pyalign.errors import InputError, Remedy, shorten
from pyalign.extraction.extraction_result import Extraction
from pyalign.extraction.finished import Finished, listing, other, read_finished, sha256_of, sha256_of_items
from pyalign.extraction.images import as_images
from pyalign.extraction.job import default_workers
from pyalign.extraction.unfinished import PROCESSOR, FinishedByAnotherRun, Folder
from pyalign.io.paths import PathLike, bad, checked_path
from pyalign.io.write import READ, open_own
from pyalign.parts import digest_of

AT_ONCE = 1 << 23  # bytes of rows that are copied at once
MIXED = (PROCESSOR, "model_threads")  # in what parts may differ where that is allowed


def merge_extractions(
    parts: Sequence[PathLike], out: PathLike, *, images: Any = None, mixed: bool = False,
    progress: Progress | None = None,
) -> Extraction:
    """Merge all parts of a run with `shard=` into one folder; the folders may be in any order.

    Images are read once more if they are still at the path that the first part names: parts of images that changed
    between two runs are refused. Where they are gone, a note says so. A merge that was interrupted begins again when it
    is called again.

    Args:
        parts: the folders, parts 1 to k of k.
        out: a folder to write to.
        images: the images of all parts, as in `pyalign.extract`; None: those at the path that the first part names.
        mixed: whether parts may come from CPUs with different instructions, or different numbers of threads. Their
            rows may differ in the last digits from those of one run, and a note says so.
        progress: a callback that gets the number of items that are checked.

    Raises:
        InputError: a part is missing, given twice, or made of other items, weights or settings.
        OSError: the folder can't be written.
    """
    progress = reporter(progress)
    checked_path(out, "out")
    if isinstance(parts, os.PathLike):
        raise InputError(f"parts must be the folders of all parts, in a list; got {os.fspath(parts)}")
    folders = [checked_path(part, "parts") for part in _checks.sequence(parts, "parts", "folders")]
    ordered = _in_order([_read_part(folder) for folder in folders], _checks.flag(mixed, "mixed"))
    whole = _whole(ordered, os.fspath(out), _notes(ordered, images, progress))
    with closing(Folder(out, whole.state(), resume=True)) as folder:
        if folder.finished is None:
            with suppress(FinishedByAnotherRun):
                names = tuple(name for part in ordered for name in _row_names(part))
                return folder.put(whole, names, _listing(ordered), _pieces(ordered))
            folder.accept_finished()
        assert folder.finished is not None
        if folder.finished.extraction.items_sha256 != whole.items_sha256:
            raise other(out, "holds a finished extraction of other items; take another folder")
        return folder.finished.extraction


def _read_part(path: str) -> Finished:
    part = read_finished(path)
    if part.extraction.shard is None:
        raise bad(path, "is no part: it was made without shard=(k, n)")
    return part


def _shard(part: Finished) -> tuple[int, int]:
    """The number of this part, from 1, and the number of all parts."""
    assert part.extraction.shard is not None
    return part.extraction.shard


def _listing(ordered: Sequence[Finished]) -> str:
    return "".join(listing(part.names, part.hashes) for part in ordered)


def _row_names(part: Finished) -> tuple[str, ...]:
    """The names of the rows of a part."""
    extraction = part.extraction
    return (extraction[extraction.layers[0].name].names or ()) if extraction.n_rows else ()


def _in_order(parts: Sequence[Finished], mixed: bool) -> list[Finished]:
    """The parts from 1 to k, as far as they belong together."""
    if not parts:
        raise InputError("merge needs the folders of all parts; got none")
    first = next((part for part in parts if part.extraction.n_rows), parts[0])
    by_number: dict[int, Finished] = {}
    for part in parts:
        _require_alike(part, first, mixed)
        number, count = _shard(part)
        if number in by_number:
            raise bad(part.path, f"is part {number}, as {by_number[number].path} is")
        by_number[number] = part
    missing = [number for number in range(1, count + 1) if number not in by_number]
    if missing:
        raise InputError(f"merge needs all {count} parts; missing {', '.join(map(str, missing))}")
    if not any(part.extraction.n_rows for part in parts):
        raise InputError("merge needs a part with rows; none of the items could be read")
    return [by_number[number] for number in sorted(by_number)]


def _require_alike(part: Finished, first: Finished, mixed: bool) -> None:
    """Raises where what decides the rows differs; of CPUs and threads both are named."""
    ours, theirs = part.extraction.state(), first.extraction.state()
    differing = [key for key, value in ours.items() if key != "shard" and value != theirs[key]]
    if not (part.extraction.n_rows and first.extraction.n_rows):  # no rows whose digits could differ
        differing = [key for key in differing if key not in MIXED]
    if _shard(part)[1] != _shard(first)[1]:
        differing.append(f"number of parts ({_shard(part)[1]} and {_shard(first)[1]})")
    if not differing or (mixed and set(differing) <= set(MIXED)):
        return
    if set(differing) <= set(MIXED):
        what = "; ".join(f"{key.replace('_', ' ')} {ours[key]}, and there {theirs[key]}" for key in differing)
        allow = Remedy("mixed", True)
        raise bad(part.path, f"differs from {first.path}: {what}: last digits of rows may differ; {allow} allows it")
    raise bad(part.path, f"differs from {first.path} in {', '.join(differing)}")


def _notes(ordered: Sequence[Finished], images: Any, progress: Progress) -> tuple[str, ...]:
    """What one run would say, and what is not as it would be in one run. Raises where items have changed."""
    notes = list(ordered[0].extraction.notes)
    for key in MIXED:
        values = dict.fromkeys(str(getattr(part.extraction, key)) for part in ordered if part.extraction.n_rows)
        if len(values) > 1:
            what = key.replace("_", " ")
            notes.append(f"parts differ in {what} ({'; '.join(values)}): rows may differ in the last digits")
    if ordered[0].extraction.modality == "images":
        source = ordered[0].extraction.items
        if images is not None:
            images = as_images(images)
        elif source is not None:
            with suppress(OSError, InputError):
                images = as_images(source)
        if images is None:
            where = "images of Python" if source is None else f"the images of {source}"
            notes.append(f"{where} are not there: whether they changed between the runs of the parts is not checked")
        else:
            _require_same_images(ordered, images, progress)
    return tuple(notes)


def _require_same_images(ordered: Sequence[Finished], images: Any, progress: Progress) -> None:
    """Raises where a part was made of other images than those that are there now."""
    known = [(part, name, digest) for part in ordered for name, digest in zip(part.names, part.hashes, strict=True)]
    if [name for _, name, _ in known] != [*images.names]:
        raise bad(images.source, f"holds other images than {ordered[0].path} and the other parts were made of")
    with closing(sha256_of_items(images.open, range(len(images)), default_workers(), progress)) as digests:
        for (part, name, was), now in zip(known, digests, strict=True):
            if was != now:
                raise bad(
                    part.path, f"was made of other images than {images.source} holds: {shorten(name)} has changed"
                )


def _pieces(ordered: Sequence[Finished]) -> Iterator[dict[str, np.ndarray]]:
    """The rows of all parts by layer, read some at once: mapped ones would stay in memory."""
    for part in ordered:
        n, layers = part.extraction.n_rows, part.extraction.layers if part.extraction.n_rows else ()
        sizes = {layer: 4 * math.prod(layer.shape[1:]) for layer in layers}
        step = max(1, AT_ONCE // max(1, sum(sizes.values())))
        with ExitStack() as opened:
            files = {}
            for layer, size in sizes.items():
                files[layer] = opened.enter_context(open_own(os.path.join(part.path, layer.file or ""), READ))
                files[layer].seek(-n * size, os.SEEK_END)
            for start in range(0, n, step):
                count = min(step, n - start)
                yield {
                    layer.name: np.frombuffer(file.read(count * sizes[layer]), "<f4").reshape(count, *layer.shape[1:])
                    for layer, file in files.items()
                }


def _whole(ordered: Sequence[Finished], out: str, notes: tuple[str, ...]) -> Extraction:
    """The manifest of one run, but for the shapes and the hashes of its layers."""
    extractions = [part.extraction for part in ordered]
    first, with_rows = extractions[0], next(extraction for extraction in extractions if extraction.n_rows)
    seconds = sum(extraction.seconds for extraction in extractions)
    count = sum(extraction.n_items for extraction in extractions)
    n_rows, items = sum(extraction.n_rows for extraction in extractions), sha256_of(_listing(ordered))
    processors = dict.fromkeys(str(extraction.processor) for extraction in extractions if extraction.n_rows)
    options = {**(first.provenance.options if first.provenance else {}), "out": out}
    layers = tuple(replace(layer, shape=(n_rows, *layer.shape[1:])) for layer in with_rows.layers)
    whole = replace(
        first, layers=layers, n_items=count, n_rows=n_rows,
        shard=None, embeddings=None, seconds=seconds, items_per_second=count / max(seconds, 1e-9), items_sha256=items,
        failures=tuple(failure for extraction in extractions for failure in extraction.failures), notes=notes,
        processor=" and ".join(processors), model_threads=with_rows.model_threads,
        provenance=Provenance.now({}, options),
    )
    return replace(whole, fingerprint=digest_of({**whole.state(), "items": items}))
