"""Parts of a page as HTML, but for tables, charts and failures; and what all writers of parts share.

Pictures of objects in a page: small ones on sheets, each sheet in the page once, shown when one of its tiles is.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, singledispatch
from html import escape
from importlib.resources import files
from typing import Any

from pyalign._dataclass import dataclass, field
from pyalign._process import Progress, silent
from pyalign.data.names import RULES, listing
from pyalign.errors import InputError
from pyalign.extraction.decode import WHITE, decode, pillow_image
from pyalign.extraction.images import as_images
from pyalign.report.blocks import Code, Facts, Fold, Text, Tile, Tiles
from pyalign.report.charts.map import encoded, notes_on_images, places
from pyalign.report.words import one_line, supported

MISSING = '<i title="not in the result">\u2013</i>'
WINDOW = 1 << 15  # letters within which gzip finds what is repeated: longer texts come last
HUGE = 1e15  # written with an exponent, whatever it is
MINUS = "\u2212"


@dataclass
class Page:
    """What writers of parts share."""

    # what scripts read, by name, embedded once as JSON at the end of the page.
    data: dict[str, Any] = field(default_factory=dict)
    # names of those that are compressed, all as one, since charts and tables are much alike.
    packed: set[str] = field(default_factory=set)
    sprites: Any = None  # pictures of objects, `Sprites`; None: names stand in their place.
    drawn: bool = False  # whether there is a chart, and the library is needed.

    def keep(self, name: str, value: Any, packed: bool = False) -> None:
        """Puts a value among the data of the page, under a name of its own."""
        if name in self.data:
            raise ValueError(f"two parts of a page are called {name!r}")
        self.data[name] = value
        if packed:
            self.packed.add(name)

    def scripts(self) -> str:
        """The elements that hold the data: what is packed has a line for its name and one for its value."""
        texts = (f"{name}\n{_json(self.data[name])}" for name in self.data if name in self.packed)
        lines = "\n".join(sorted(texts, key=lambda text: len(text) > WINDOW))
        others = (json_script(name, value) for name, value in self.data.items() if name not in self.packed)
        return "\n".join([*others, f'<script type="text/plain" data-packed>{zipped(lines)}</script>'])

    def picture(self, name: str, label: str = "") -> str:
        """The HTML of an object's picture, of its name where it has none."""
        if self.sprites is None:
            return f'<span class="picture none">{shown(label or name)}</span>'
        return self.sprites.html(name, label)


@singledispatch
def written(part: Any, page: Page) -> str:
    """The HTML of a part of a page, by the writer that is registered for its class."""
    raise TypeError(f"no part of a page: {type(part).__name__}")


def shown(text: Any) -> str:
    """A text as HTML, whatever it holds: on one line; its direction of writing, where it may have one, ends with it."""
    line = escape(one_line(str(text)))
    return line if line.isascii() else f"<bdi>{line}</bdi>"


def json_script(name: str, value: Any) -> str:
    """A value as JSON in the page, in which nothing looks like the end of the element."""
    text = _json(value).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f'<script type="application/json" data-name="{escape(name)}">{text}</script>'


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def zipped(text: str) -> str:
    """A text as the script of the page unpacks it, without <; the same for the same text."""
    return base64.b85encode(gzip.compress(text.encode(), 9, mtime=0)).decode().replace("<", ",")


@cache
def assets(suffix: str) -> str:
    """All assets of a kind, the core first, then in alphabetical order."""
    folder = files("pyalign.report.page").joinpath("assets")
    ordered = sorted(
        (asset for asset in folder.iterdir() if asset.name.endswith(suffix)),
        key=lambda asset: (not asset.name.startswith("core."), asset.name),
    )
    return "\n".join(asset.read_text(encoding="utf-8") for asset in ordered)


# Numbers; `core.js` shows them in the same way when rows are sorted


def figure(value: float, form: str, places: int) -> str:
    r"""A number as people read it."""
    if abs(value) >= HUGE:
        text = f"{value:.1e}"
    elif form == "p":
        text = "<0.0001" if value < 1e-4 else rounded(value, 4, "")
    elif form == "count":
        text = rounded(value, 0 if float(value).is_integer() else 1)
    elif form in ("percent", "bar"):
        text = f"{rounded(100 * value, places, '')}%"
    elif form == "digits":
        text = f"{float(rounded(value, places - 1 - Decimal(value).adjusted(), '')):.{places}g}" if value else "0"
    else:
        text = rounded(value, supported(value, places)) if abs(value) < 1e7 else f"{value:.{places}e}"
    return text.replace("-", MINUS)


def rounded(value: float, places: int, mark: str = ",") -> str:
    """Rounded as JavaScript does it: a number in the middle, exactly, away from zero."""
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):{mark}.{max(places, 0)}f}"


def interval(low: float | None, high: float | None, form: str, places: int) -> str:
    """An interval behind its value, without the unit; `high` is None where it has no upper bound."""
    if low is not None and high is None:
        return f' <span class="ends">above {escape(figure(low, form, places))}</span>'
    ends = ("\u2013" if end is None else figure(end, form, places).removesuffix("%") for end in (low, high))
    return f' <span class="ends">{escape(" to ".join(ends))}</span>'


# Small blocks


@written.register
def _text(block: Text, page: Page) -> str:
    """Paragraphs; a note is quiet, a warning stands out."""
    return f'<div class="{block.kind}">{"".join(f"<p>{shown(paragraph)}</p>" for paragraph in block.paragraphs)}</div>'


@written.register
def _fold(block: Fold, page: Page) -> str:
    """What opens when its title is chosen; a printed page shows it."""
    inside = "\n".join(written(part, page) for part in block.parts)
    return f"""<details class="fold"{" open" if block.open else ""}><summary>{shown(block.title)}</summary>
<div class="folded">{inside}</div></details>"""


@written.register
def _facts(block: Facts, page: Page) -> str:
    """A list of terms with their values."""
    rows = "".join(
        f"<div><dt>{shown(fact.name)}</dt><dd><strong>{shown(fact.value)}</strong>"
        f"{f'<small>{shown(fact.more)}</small>' if fact.more else ''}</dd></div>"
        for fact in block.facts
    )
    return f'<dl class="facts">{rows}</dl>'


@written.register
def _code(block: Code, page: Page) -> str:
    """Preformatted, under its caption, with a button that copies it."""
    lines = "\n".join(map(one_line, block.text.split("\n")))
    label = escape(f"Copy: {block.caption}")
    return f"""<figure class="code"><figcaption>{shown(block.caption)}
<button type="button" class="copy needs-script" aria-label="{label}">Copy</button></figcaption>
<pre tabindex="0"><code>{escape(lines)}</code></pre></figure>"""


@written.register
def _tiles(block: Tiles, page: Page) -> str:
    """Rows of pictures under their headings."""
    rows = "".join(
        f"<div><dt>{shown(heading)}</dt><dd><ul>{''.join(_tile(tile, page) for tile in row)}</ul></dd></div>"
        for heading, row in block.rows
    )
    return f"""<figure class="tiles" id="{escape(block.name)}"><figcaption>{shown(block.caption)}</figcaption>
<dl>{rows}</dl></figure>"""


def _tile(tile: Tile, page: Page) -> str:
    named = f'<span class="named">{shown(tile.name)}</span>'  # hidden where it stands in place of the picture
    caption = f"<small>{shown(tile.caption)}</small>" if tile.caption else ""
    return f"<li{_mark(tile)}>{page.picture(tile.name)}{named}{caption}</li>"


def _mark(tile: Tile) -> str:
    return f' class="{escape(tile.mark)}"' if tile.mark else ""


# Panels: of each concept its objects, and how well models do there


@dataclass(frozen=True)
class Bar:
    """A value with its interval, as the document has them; None where there is none."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Panel:
    """One concept: its objects, and a bar of each model. `about`: over what these are, such as "2,928 triplets"."""

    title: str
    about: str
    tiles: tuple[Tile, ...]
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Panels:
    """Panels next to each other, with one scale. `line`: a share that all are compared with, such as chance."""

    name: str
    caption: str
    panels: tuple[Panel, ...]
    line: float | None = None


@written.register
def _panels(part: Panels, page: Page) -> str:
    """A list of panels; lengths are those of the least to the largest value, 0 and the line among them."""
    values = [v for panel in part.panels for bar in panel.bars for v in (bar.value, bar.low, bar.high) if v is not None]
    scale = min([0.0, *values]), max([*values, part.line or 0.0, 1e-9])
    panels = "".join(_panel(panel, part.line, scale, page) for panel in part.panels)
    return f"""<figure class="panels" id="{escape(part.name)}"><figcaption>{shown(part.caption)}</figcaption>
<ul>{panels}</ul></figure>"""


def _panel(panel: Panel, line: float | None, scale: tuple[float, float], page: Page) -> str:
    tiles = "".join(f"<li{_mark(tile)}>{page.picture(tile.name, tile.caption)}</li>" for tile in panel.tiles)
    bars = "".join(_bar(bar, line, scale) for bar in panel.bars)
    about = f"<p>{shown(panel.about)}</p>" if panel.about else ""
    return f"""<li class="panel"><h3>{shown(panel.title)}</h3>{about}
<ul class="strip">{tiles}</ul><ul class="bars">{bars}</ul></li>"""


def _bar(bar: Bar, line: float | None, scale: tuple[float, float]) -> str:
    if bar.value is None:
        return f"<li><span>{shown(bar.label)}</span><span>{MISSING}</span></li>"
    known = bar.low is not None and bar.high is not None
    places = {"--value": bar.value, **({"--low": bar.low, "--high": bar.high} if known else {}), "--line-at": line}
    low, high = scale
    style = ";".join(f"{k}:{100 * (v - low) / (high - low):.1f}%" for k, v in places.items() if v is not None)
    value = escape(figure(bar.value, "percent", 1)) + (interval(bar.low, bar.high, "percent", 1) if known else "")
    return (
        f'<li><span>{shown(bar.label)}</span><span class="figure">{value}</span>'
        f'<i class="{"track" if known else "track bare"}" style="{style}"></i></li>'
    )


SIDE = 96  # pixels of a tile: whole blocks of JPEG and WebP, so that neighbors don't run into each other
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
            kind, options = ("WEBP", {"method": 4}) if webp() else ("JPEG", {"optimize": True})
            content = encoded(sheet_of(tiles), len(tiles) * LARGEST * 3 // 4, QUALITIES, kind, **options)
            sheets.append(f"pictures-{len(sheets)}")
            rows = -(-len(tiles) // ACROSS)
            data = base64.b64encode(content).decode()
            keep(sheets[-1], {"rows": rows, "type": f"image/{kind.lower()}", "data": data})
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
        total = len(self._tiles) + len(self._missing)
        notes = [f"{note}." for note in notes_on_images(absent, total, broken)]
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


def webp() -> bool:
    """Whether Pillow was built with WebP, which takes two thirds of the bytes of JPEG."""
    from PIL import features

    return bool(features.check("webp"))
