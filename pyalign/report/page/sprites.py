"""Pictures of objects in a page: small ones on sheets, each sheet in the page once, shown when one of its tiles is.

Writers ask for pictures by name while they write; `Sprites.finish` then decodes those images, packs and embeds them, so
that no more than the tiles of a sheet are held in memory. The script is `assets/sprites.js`.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from pyalign.data.names import RULES, listing
from pyalign.errors import InputError
from pyalign.extraction.decode import WHITE, decode, pillow_image
from pyalign.extraction.images import as_images
from pyalign.progress import Progress, silent
from pyalign.report.charts.tiles import places
from pyalign.report.page.html import shown
from pyalign.report.words import one_line

SIDE = 96  # pixels of a tile: whole blocks of JPEG and WebP, so that neighbours don't run into each other
ACROSS = 16  # tiles of a row of a sheet
SHEET = ACROSS * ACROSS  # tiles of a sheet: 9 MB in a browser that shows it
LARGEST = 5_000  # bytes of a tile in the page, in mean over a sheet
QUALITIES = (80, 60, 40, 25, 10)  # until a sheet fits
BUDGET = 32_000_000  # bytes of all sheets in the page
NONE = -1
Keep = Callable[[str, Any], None]  # of a page: a value under a name


class Sprites:
    """The pictures that a page uses.

    Args:
        images: what `as_images` takes, such as a folder; an object's image is found as `thumbnails` finds it.
        budget: bytes that all sheets may take in the page. Objects that come later than it lasts have no picture.

    Raises:
        InputError, OSError: what `as_images` raises: no folder, no images in it.

    Example:
        >>> import numpy as np
        >>> images = as_images(np.full((1, 8, 8, 3), 200, dtype=np.uint8), names=["cat"])
        >>> sprites = Sprites(images)
        >>> sprites.html("cat"), sprites.tile("dog")
        ('<span class="picture" role="img" aria-label="cat" data-tile="0">cat</span>', None)
        >>> data = {}
        >>> sprites.finish(data.__setitem__)
        ("1 of 2 objects have no image: 'dog'.",)
        >>> data["pictures"]["places"], data["pictures"]["sheets"]
        ([0], ['pictures-0'])
    """

    def __init__(self, images: Any, budget: int = BUDGET) -> None:
        self.images = as_images(images)
        self.budget = budget
        self._known = {shorten(name) for shorten in RULES.values() for name in self.images.names}
        self._tiles: dict[str, int] = {}
        self._missing: dict[str, None] = {}

    def tile(self, name: str) -> int | None:
        """The number by which the page's scripts ask for an object's picture; None without an image."""
        if name not in self._known:
            self._missing[name] = None
            return None
        return self._tiles.setdefault(name, len(self._tiles))

    def html(self, name: str, label: str = "") -> str:
        """The HTML of an object's picture, of its name where it has none; `label`: what is said of it."""
        number = self.tile(name)
        if number is None:
            return f'<span class="picture none">{shown(name)}</span>'
        aria_label = escape(one_line(label or name))
        return f'<span class="picture" role="img" aria-label="{aria_label}" data-tile="{number}">{shown(name)}</span>'

    def finish(self, keep: Keep, progress: Progress = silent) -> tuple[str, ...]:
        """Decodes what was asked for and puts it into a page.

        Kept are "pictures", how they are arranged: `side`, `across` and `per` of a sheet, the names of the `sheets`,
        and `places`, the place of each tile among all or -1; and each sheet: its `rows`, `type`, and `data` as base64.

        Args:
            keep: ``keep(name, value)`` of a page.
            progress: called with "pictures", how many are done, and of how many.

        Returns:
            Notes on objects without a picture.
        """
        at = places(self.images, list(self._tiles))
        positions, sheets, tiles = list[int](), list[str](), list[Any]()
        broken, late = list[str](), list[str]()

        def close() -> None:
            kind, content = encoded(sheet_of(tiles), len(tiles) * LARGEST * 3 // 4)
            sheets.append(f"pictures-{len(sheets)}")
            rows = -(-len(tiles) // ACROSS)
            keep(sheets[-1], {"rows": rows, "type": kind, "data": base64.b64encode(content).decode()})
            tiles.clear()

        for done, name in enumerate(self._tiles, start=1):
            place = len(sheets) * SHEET + len(tiles)
            positions.append(NONE)
            if name in at and place >= self.budget // LARGEST:
                late.append(repr(name))
            elif name in at:
                try:
                    tiles.append(thumbnail(self.images.open(at[name])))
                    positions[-1] = place
                except (InputError, OSError, MemoryError) as error:
                    broken.append(f"{self.images.names[at[name]]}: {str(error).splitlines()[0]}")
            if len(tiles) == SHEET:
                close()
            progress("pictures", done, len(self._tiles))
        if tiles:
            close()
        if self._tiles:
            keep("pictures", {"side": SIDE, "across": ACROSS, "per": SHEET, "sheets": sheets, "places": positions})
        absent = [*self._missing, *(name for name in self._tiles if name not in at)]
        return self._notes(list(map(repr, absent)), broken, late)

    def _notes(self, absent: Sequence[str], broken: Sequence[str], late: Sequence[str]) -> tuple[str, ...]:
        notes = []
        total = len(self._tiles) + len(self._missing)
        if absent:
            notes.append(f"{len(absent):,} of {total:,} objects have no image: {listing(absent, 3)}.")
        if broken:
            images = "1 image" if len(broken) == 1 else f"{len(broken):,} images"
            notes.append(f"{images} can't be shown: {listing(broken, 2)}.")
        if late:
            notes.append(
                f"The pictures of {len(late):,} objects are left out, as all together may take "
                f"{self.budget / 1e6:g} MB: {listing(late, 3)}."
            )
        return tuple(notes)


def sheet_of(tiles: Sequence[Any]) -> Any:
    """Tiles in rows, from left to right."""
    sheet = pillow_image().new("RGB", (ACROSS * SIDE, -(-len(tiles) // ACROSS) * SIDE), WHITE)
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % ACROSS * SIDE, place // ACROSS * SIDE))
    return sheet


def thumbnail(picture: Any) -> Any:
    """A tile: the whole image, in the middle of a white square."""
    image = decode(picture)
    image.thumbnail((SIDE, SIDE), reducing_gap=2.0)
    square = pillow_image().new("RGB", (SIDE, SIDE), WHITE)
    square.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2))
    return square


def encoded(image: Any, largest: int) -> tuple[str, bytes]:
    """The type and the bytes of a picture, of the best quality that takes at most so many bytes, or the smallest."""
    kind = "WEBP" if webp() else "JPEG"
    for quality in QUALITIES:
        buffer = io.BytesIO()
        image.save(buffer, kind, quality=quality, **({"method": 4} if kind == "WEBP" else {"optimize": True}))
        if buffer.tell() <= largest:
            break
    return f"image/{kind.lower()}", buffer.getvalue()


def webp() -> bool:
    """Whether Pillow was built with WebP, which takes two thirds of the bytes of JPEG."""
    from PIL import features

    return bool(features.check("webp"))
