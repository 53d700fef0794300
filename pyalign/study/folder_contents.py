"""What a folder contains, as far as a study can use it: contents decide, and names only where contents say nothing."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pyalign._dataclass import dataclass, field, replace
from pyalign.analysis.describe.array import Description
from pyalign.analysis.describe.file import describe_file
from pyalign.errors import InputError, MissingExtraError, shorten
from pyalign.io.folder import holds_rows
from pyalign.io.image_files import is_image
from pyalign.io.paths import bad, one_line, require_file

DEEPEST, MOST = 2, 500  # folders below the given one; files that are looked into
HEADER = 1 << 16  # letters of a header at most
HUMAN_DIMENSIONS = re.compile(r"spose|vice|dimension", re.IGNORECASE)
METADATA = ("model", "models", "name", "model_name")
SMALLEST = 3  # images that make a folder one of images


@dataclass(frozen=True)
class Item:
    """One array of a file, or a folder of images, and what it seems to be."""

    spec: str  # FILE or FILE::KEY, relative to the folder.
    kind: str  # such as "embeddings", "triplets" or "unknown".
    shape: tuple[int, ...] = ()  # of the array.
    named: bool = False  # whether the file has names of the rows.
    # what a reader needs to know about the file, such as its columns.
    options: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""  # what else a user should know.


def items_of(folder: str) -> list[Item]:
    """What the files of a folder and of its subfolders seem to be, sorted by name.

    Raises:
        InputError: a study file could not name one of them.
        OSError: there is no such folder, or it can't be read.
    """
    items: list[Item] = []
    for place in _places(folder):
        found = _items(folder, place)
        for item in found:
            if item.kind != "unknown" and ("::" in place or not item.spec.isprintable()):
                rule = "that a study reads must have a printable name without '::'; rename it"
                raise bad(folder, f"{shorten(item.spec)}: a file {rule}")
        items += found
    return items


def _places(folder: str) -> Iterator[str]:
    """Files, and folders of images or of an extraction, below the folder; each folder under the first of its paths."""
    count, left, seen = 0, [("", 0)], set[tuple[int, int]]()
    while left:
        below, depth = left.pop(0)
        there = os.path.join(folder, below) if below else folder
        status = os.stat(there)
        if (status.st_dev, status.st_ino) in seen:  # by way of a link
            continue
        seen.add((status.st_dev, status.st_ino))
        for name in sorted(os.listdir(there)):
            place = os.path.join(below, name)
            whole = os.path.join(folder, place)
            if name.startswith("."):
                continue
            if os.path.isdir(whole) and not _is_whole(whole):
                left += [(place, depth + 1)] if depth < DEEPEST else []
            elif count < MOST:
                count += 1
                yield place


def _is_whole(folder: str) -> bool:
    """Whether a folder is one item: an extraction, features of thingsvision, or images."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    return holds_rows(folder) or sum(map(is_image, names)) >= SMALLEST or _holds_folders_of_images(folder, names)


def _holds_folders_of_images(folder: str, names: list[str]) -> bool:
    """Whether there is a folder for each object, as in THINGS and ImageNet."""
    inside = [os.path.join(folder, name) for name in names[:20] if os.path.isdir(os.path.join(folder, name))]
    return len(inside) >= SMALLEST and all(sum(map(is_image, os.listdir(path)[:50])) >= 1 for path in inside)


def _items(folder: str, place: str) -> list[Item]:
    whole = os.path.join(folder, place)
    if os.path.isdir(whole) and not holds_rows(whole):
        return [Item(place, "images")]
    if is_image(place):
        return []
    if place.endswith((".toml", ".md", ".html", ".json", ".py", ".pdf")):
        return []
    try:
        if _is_metadata(whole):
            return [Item(place, "metadata")]
        described = describe_file(whole)
    except (InputError, MissingExtraError, OSError) as error:
        return [Item(place, "unknown", remark=one_line(str(error)).removeprefix(f"{whole}: "))]
    layers = os.path.isdir(whole)  # whose names are those of their rows
    arrays = [array for array in described.arrays if not (layers and array.kind == "names")]
    several = len(arrays) > 1
    items = [_item(f"{place}::{array.key}" if several and array.key else place, array) for array in arrays]
    return [replace(item, named=item.named or layers) for item in items]


def _is_metadata(path: str) -> bool:
    """Whether a file is a table of models: its first header says so, and there are further columns."""
    if not path.endswith((".csv", ".tsv")):
        return False
    require_file(path)
    with open(path, encoding="utf-8-sig", errors="replace") as handle:
        cells = handle.readline(HEADER).rstrip("\n").split("," if path.endswith(".csv") else "\t")
    words = [cell.strip().strip('"').lower() for cell in cells]
    known = {"family", "objective", "data", "training data", "parameters", "source", "imagenet", "training_data"}
    return len(words) > 1 and words[0] in METADATA and (words[0].startswith("model") or bool(known & set(words)))


def _item(spec: str, description: Description) -> Item:
    kind, options, remark = description.kind, {}, "; ".join(description.remarks[:2])
    if description.fault is not None:
        return Item(spec, "unknown", description.shape, remark=description.fault)
    if kind == "triplets":
        options = dict(description.layout or {})
    if kind == "embeddings" and any("categories of items" in text for text in description.remarks):
        kind = "categories"
    if kind == "embeddings" and HUMAN_DIMENSIONS.search(os.path.basename(spec)):
        kind = "dimensions"
    return Item(spec, kind, description.shape, description.names is not None, options, remark)


def most_rows(items: list[Item]) -> int | None:
    """How many rows, which are objects, most embeddings have; None where there are no embeddings."""
    rows = Counter(item.shape[0] for item in items if item.kind == "embeddings")
    return rows.most_common(1)[0][0] if rows else None
