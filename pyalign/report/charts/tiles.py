"""Objects as tiles, laid out in points: their images, found by name and shrunk, or their names; their categories."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from pyalign._dataclass import dataclass, field
from pyalign.data import Categories
from pyalign.data.names import RULES, listing
from pyalign.errors import InputError
from pyalign.extraction.decode import decode
from pyalign.extraction.images import Images, as_images
from pyalign.report.charts.theme import SMALL, Style, alt, at_point, chart_of, two_lines
from pyalign.report.words import one_line

LINE = SMALL + 2  # points from one line to the next
LARGEST = 32_000  # bytes of one thumbnail
QUALITIES = (85, 70, 50, 30, 10)  # of JPEG, until one fits
SHARP = 3  # pixels for a point
REST = "other or none"
Members: TypeAlias = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class TileSheet:
    """Objects as tiles of one size, each with its image, or with its name in that place."""

    size: tuple[float, float]  # width and height of a tile, points.
    uris: Mapping[str, str]  # the images, by object; see `thumbnails`.
    rows: list[dict[str, str | float]] = field(default_factory=list)  # the data of the tiles, which grow by `add`.

    def add(self, name: str, x: float, y: float, description: str, line: str | None = "", frame: str = "") -> None:
        """The tile of an object at (x, y), its upper left corner in points.

        Args:
            description: what is said of it to somebody who does not see it.
            line: below it, and below the name if it is an image; None: not even that stands there.
            frame: what its border says, a word of the legend; "" for a border that says nothing.
        """
        (width, height), uri = self.size, self.uris.get(name, "")
        below = [] if line is None else [two_lines(name, width)] * bool(uri) + [line] * bool(line)
        lines = [] if uri else two_lines(name, width - 2).splitlines()[: max(1, int(height // LINE))]
        middle = y + height / 2
        self.rows.append({
            "x": x, "y": y, "name": one_line(name), "below": "\n".join(below), "uri": uri, "frame": frame,
            "told": description, "inside": "\n".join(lines), "x2": x + width, "y2": y + height, "cx": x + width / 2,
            "cy": middle, "iy": middle - LINE * (len(lines) - 1) / 2, "by": y + height + 3,
        })

    def layers(self, style: Style, frames: Mapping[str, str] | None = None, legend: bool = True) -> list[Any]:
        """The layers that draw the tiles; `frames`: the colours of words of the legend."""
        base, (side, height) = chart_of(self.rows), self.size
        named, pictured = (base.transform_filter(f"datum.uri {sign} ''") for sign in ("==", "!="))
        square = {**at_point(), "x2": alt.X2("x2:Q"), "y2": alt.Y2("y2:Q")}
        tips = [alt.Tooltip("name:N", title="object"), alt.Tooltip("told:N", title="is")]
        described = {"tooltip": tips, "description": alt.Description("told:N")}
        image = pictured.mark_image(width=side, height=height, align="center", baseline="middle")
        words = {"fontSize": SMALL, "color": style.text, "align": "center", "lineHeight": LINE}
        inside, below = ({"text": alt.Text(field)} for field in ("inside:N", "below:N"))
        layers = [
            named.mark_rect(fill=style.tile).encode(**square, **described),
            image.encode(url=alt.Url("uri:N"), **at_point("cx", "cy"), **described),
            named.mark_text(baseline="middle", limit=side - 2, **words).encode(**inside, **at_point("cx", "iy")),
            base.mark_text(baseline="top", limit=side, **words).encode(**below, **at_point("cx", "by")),
        ]
        if frames:
            colours = alt.Scale(domain=list(frames), range=list(frames.values()))
            drawn = (
                alt.Legend(title=None, orient="bottom", symbolType="square", labelLimit=0, offset=8) if legend else None
            )
            frame = base.transform_filter("datum.frame != ''").mark_rect(fill=None, strokeWidth=1.5)
            layers.append(frame.encode(stroke=alt.Stroke("frame:N", scale=colours, legend=drawn), **square))
        return layers


def lines_below(uris: Mapping[str, str], side: float) -> int:
    """How many lines the names below images take, at most."""
    return max((two_lines(name, side).count("\n") + 1 for name in uris), default=0)


def thumbnails(
    images: Any, names: Iterable[str], size: float, background: tuple[int, int, int]
) -> tuple[dict[str, str], list[str]]:
    """name -> data URI of a JPEG, for the objects that have an image; and notes about the others.

    An object's image is one that has its name, or whose file or folder has: the first in the order of the names of
    images. Which of these decides is one rule for all, that by which most have one. A broken image stops nothing.

    Args:
        images: what `as_images` takes and raises an error for; None: there are none.
        names: of the objects.
        size: of the longer side, in points.
        background: behind transparent pixels, red, green, blue.
    """
    uris, broken = dict[str, str](), list[str]()
    if images is None:
        return uris, []
    pictures, wanted = as_images(images), list(dict.fromkeys(names))
    place_of = places(pictures, wanted)
    for name, place in place_of.items():
        try:
            uris[name] = _uri(pictures.open(place), max(8, round(SHARP * size)), background)
        except (InputError, OSError, MemoryError) as error:
            broken.append(f"{pictures.names[place]}: {str(error).splitlines()[0]}")
    missing = [repr(name) for name in wanted if name not in place_of]
    notes = []
    if missing:
        notes.append(f"{len(missing)} of {len(wanted)} objects have no image: {listing(missing, 3)}")
    if broken:
        notes.append(f"{len(broken)} image{'s' * (len(broken) > 1)} can't be shown: {listing(broken, 2)}")
    return uris, notes


def places(images: Images, wanted: Sequence[str]) -> dict[str, int]:
    """The number of the image of each object that has one."""
    best: dict[str, int] = {}
    for shorten in RULES.values():
        first: dict[str, int] = {}
        for place, image in enumerate(images.names):
            first.setdefault(shorten(image), place)
        matched = {name: first[name] for name in wanted if name in first}
        best = matched if len(matched) > len(best) else best
    return best


def _uri(picture: Any, pixels: int, background: tuple[int, int, int]) -> str:
    image = decode(picture, background)
    image.thumbnail((pixels, pixels))
    for quality in QUALITIES:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= LARGEST:
            return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    raise InputError(f"needs more than {LARGEST:,} bytes at {pixels} pixels")


def members_of(categories: Any, names: Iterable[str], rows: Sequence[str] | None = None) -> Members | None:
    """name -> the categories of that object, for these names; None where no categories are given.

    Those are `Categories`, labels (n,) or memberships (n, c); without names of their own the rows are those of `rows`.
    """
    if categories is None:
        return None
    converted = Categories.of(categories)
    named = converted.names or rows
    if named is None:
        raise InputError("categories must have the names of their objects; got rows without names")
    if len(named) != len(converted.members):
        raise InputError(f"categories must have a row for each of {len(named)} names; got {len(converted.members)}")
    labels = [one_line(label) for label in converted.labels]
    place = {name: k for k, name in enumerate(named)}
    return {
        name: frozenset(labels[c] for c in converted.members[place[name]].nonzero()[0])
        for name in names
        if name in place
    }


def main_categories(members: Members, names: Sequence[str], most: int) -> tuple[list[str], list[str]]:
    """One word for each object, and the words in the order of a legend: the largest categories, then the rest.

    An object of several is in the smallest of them: that says the most. What is beyond `most` is "other or none".

    Example:
        >>> main_categories({"cat": frozenset(["animal"]), "cup": frozenset()}, ["cat", "cup"], 3)
        (['animal', 'other or none'], ['animal', 'other or none'])
    """
    sizes = Counter(label for name in names for label in members.get(name, ()))
    own = [min(members.get(name) or (REST,), key=lambda label: (sizes[label], label)) for name in names]
    counts = Counter(word for word in own if word != REST)
    large = sorted(counts, key=lambda word: (-counts[word], word))[:most]
    words = [word if word in large else REST for word in own]
    return words, [*large, *([REST] if REST in words else [])]
