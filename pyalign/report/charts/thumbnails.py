"""Small pictures of objects, as data URIs: found by name, shrunk, and nothing that a broken file can stop."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from typing import Any

from pyalign.data.names import RULES, listing
from pyalign.errors import InputError
from pyalign.extraction.decode import decode
from pyalign.extraction.images import Images, as_images

LARGEST = 32_000  # bytes of one thumbnail
QUALITIES = (85, 70, 50, 30, 10)  # of JPEG, until one fits
SHARP = 3  # pixels for a point


def thumbnails(
    images: Any, names: Iterable[str], size: float, background: tuple[int, int, int]
) -> tuple[dict[str, str], list[str]]:
    """name -> data URI of a JPEG, for the objects that have an image; and notes about the others.

    An object's image is one that has its name, or whose file or folder has: the first in the order of the names of
    images. Which of these decides is one rule for all, that by which most have one.

    Args:
        images: what `as_images` takes, such as a folder.
        names: of the objects.
        size: of the longer side, in points.
        background: behind transparent pixels, red, green, blue.

    Raises:
        InputError, OSError: what `as_images` raises: no folder, no images in it.
        MissingExtraError: Pillow is not installed.
    """
    held, wanted = as_images(images), list(dict.fromkeys(names))
    found, uris, broken = places(held, wanted), dict[str, str](), list[str]()
    for name, place in found.items():
        try:
            uris[name] = _uri(held.open(place), max(8, round(SHARP * size)), background)
        except (InputError, OSError, MemoryError) as error:
            broken.append(f"{held.names[place]}: {str(error).splitlines()[0]}")
    missing = [repr(name) for name in wanted if name not in found]
    notes = []
    if missing:
        notes.append(f"{len(missing)} of {len(wanted)} objects have no image: {listing(missing, 3)}")
    if broken:
        notes.append(f"{len(broken)} image{'s' * (len(broken) > 1)} can't be shown: {listing(broken, 2)}")
    return uris, notes


def places(held: Images, wanted: Sequence[str]) -> dict[str, int]:
    """The number of the image of each object that has one."""
    best: dict[str, int] = {}
    for shorten in RULES.values():
        first: dict[str, int] = {}
        for place, image in enumerate(held.names):
            first.setdefault(shorten(image), place)
        found = {name: first[name] for name in wanted if name in first}
        best = found if len(found) > len(best) else best
    return best


def _uri(picture: Any, pixels: int, background: tuple[int, int, int]) -> str:
    image = decode(picture, background)
    image.thumbnail((pixels, pixels))
    for quality in QUALITIES:
        held = io.BytesIO()
        image.save(held, "JPEG", quality=quality, optimize=True)
        if held.tell() <= LARGEST:
            return "data:image/jpeg;base64," + base64.b64encode(held.getvalue()).decode()
    raise InputError(f"needs more than {LARGEST:,} bytes at {pixels} pixels")
