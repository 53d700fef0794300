"""Parts of an extraction put together: the bytes that one run would have written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from pyalign.data.embeddings import Embeddings
from pyalign.data.provenance import Provenance
from pyalign.errors import InputError
from pyalign.extraction.folder import Folder, read_extraction
from pyalign.extraction.folder_files import fingerprint_of
from pyalign.extraction.result import Extraction
from pyalign.io.paths import PathLike, bad

ROWS = 4096  # that are copied at once


def merge_extractions(parts: Sequence[PathLike], out: PathLike) -> Extraction:
    """Puts all parts of a run with `shard=` into one folder, in any order of the folders.

    A merge that was interrupted goes on when it is called again.

    Args:
        parts: the folders, parts 1 to k of k.
        out: a folder to write to.

    Raises:
        InputError: a part is missing, given twice, or made of other items, weights or settings.
        OSError: the folder can't be written.
    """
    found = {str(path): read_extraction(path) for path in parts}
    ordered = _in_order(found)
    first = next(iter(ordered.values()))
    state = {**first.state(), "shard": None}
    with closing(Folder(out, {**state, "kind": "merge"}, resume=True)) as folder:
        if folder.finished:
            return read_extraction(out)
        for number, (part, rows) in enumerate(_pieces(ordered)):
            if number >= folder.next:
                folder.add(number, rows, part, 0.0)
        names = [name for one in ordered.values() for name in one[first.layers[0].name].names or ()]
        made: list[Extraction] = []

        def manifest(told: Mapping[str, tuple[tuple[int, ...], str | None]]) -> str:
            made.append(_whole(list(ordered.values()), told, fingerprint_of(state)))
            return made[0].to_json() + "\n"

        arrays = folder.finish(names, manifest)
    embeddings = {name: Embeddings(values, tuple(names), str(out)) for name, values in arrays.items()}
    return replace(made[0], embeddings=embeddings)


def _in_order(found: Mapping[str, Extraction]) -> dict[str, Extraction]:
    """The parts from 1 to k."""
    if not found:
        raise InputError("merge needs the folders of all parts; got none")
    for path, one in found.items():
        if one.shard is None:
            raise bad(path, "is no part: it was made without --shard")
    reference, first = next(iter(found.items()))
    assert first.shard is not None
    by_part: dict[int, str] = {}
    for path, one in found.items():
        assert one.shard is not None
        differing = [key for key, value in one.state().items() if key != "shard" and value != first.state()[key]]
        if one.shard[1] != first.shard[1]:
            differing.append(f"number of parts ({one.shard[1]} and {first.shard[1]})")
        if differing:
            raise bad(path, f"differs from {reference} in {', '.join(differing)}")
        if one.shard[0] in by_part:
            raise bad(path, f"is part {one.shard[0]}, as {by_part[one.shard[0]]} is")
        by_part[one.shard[0]] = path
    missing = [part for part in range(1, first.shard[1] + 1) if part not in by_part]
    if missing:
        raise InputError(f"merge needs all {first.shard[1]} parts; missing {', '.join(map(str, missing))}")
    return {by_part[part]: found[by_part[part]] for part in sorted(by_part)}


def _pieces(ordered: Mapping[str, Extraction]) -> Any:
    """Failures and rows of each layer, piece by piece, those of a part with its first."""
    for one in ordered.values():
        for start in range(0, one.n_rows, ROWS):
            rows = {layer.name: np.asarray(one[layer.name].values[start : start + ROWS]) for layer in one.layers}
            yield (one.failures if start == 0 else ()), rows


def _whole(
    parts: Sequence[Extraction], told: Mapping[str, tuple[tuple[int, ...], str | None]], fingerprint: str
) -> Extraction:
    first, seconds = parts[0], sum(one.seconds for one in parts)
    layers = tuple(replace(layer, shape=told[layer.name][0], sha256=told[layer.name][1]) for layer in first.layers)
    items = sum(one.n_items for one in parts)
    return replace(
        first, layers=layers, n_items=items, n_rows=sum(one.n_rows for one in parts), shard=None, embeddings=None,
        failures=tuple(failure for one in parts for failure in one.failures), seconds=seconds, fingerprint=fingerprint,
        items_per_second=items / max(seconds, 1e-9), provenance=Provenance.now({}, {"parts": len(parts)}),
    )  # fmt: skip
