"""Objects on a plane: PCA, t-SNE or UMAP of embeddings, with small images or points in the colors of categories.

Objects as tiles, laid out in points: their images, found by name and shrunk, or their names; their categories.
"""

from __future__ import annotations

import base64
import io
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, field
from pyalign.data import Categories
from pyalign.data.names import RULES, listing
from pyalign.errors import InputError
from pyalign.extraction.decode import decode
from pyalign.extraction.images import Images, as_images
from pyalign.report.charts.theme import (
    SHAPES, SMALL, Style, alt, at_point, chart_of, colors_and_shapes, finished, letters_width, module_for, read_out,
    styled, texts, two_lines,
)
from pyalign.report.words import counted, one_line

METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
PRINCIPAL = 50  # components that t-SNE and UMAP start from, where there are more columns
SIDE = {"single": 16.0, "double": 22.0}  # points of an image
MOST_IMAGES, MOST_NAMES = 300, 60
LARGEST = 7  # categories with a color; the others share one
MapRow = dict[str, Any]  # an object: `name`, `category`, where it stands (`x`, `y`), and `matrix` if there are several
Positions = tuple[np.ndarray, list[str], str]  # (n, 2) float64; titles of the axes; how to read them


def positions(x: object, method: str = "pca", seed: int = 0) -> Positions:
    """Where objects stand on a plane, what the axes are, and what a reader should know of the method.

    PCA is numpy's SVD of the centered rows, the sign of each component such that its largest entry is positive. t-SNE
    (van der Maaten and Hinton 2008) is scikit-learn's, begun at PCA; UMAP (McInnes et al. 2018) is umap-learn's. Both
    give the same positions for the same seed.

    Args:
        x: (n, d) finite rows, n of at least 3.
        method: "pca", "tsne" or "umap".
        seed: of what is drawn at random.
    """
    _checks.one_of(method, tuple(METHODS), "method")
    seed = _checks.whole_number(seed, "seed", 0)
    rows = np.asarray(_checks.as_rows(x, "embeddings"), dtype=np.float64)
    if len(rows) < 3 or rows.shape[1] < 2:
        raise InputError(f"a map needs at least 3 rows and 2 columns of embeddings; got shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise InputError("embeddings must be finite for a map; got NaN or infinity")
    if method == "pca":
        coordinates, shares = _scores(rows, 2)
        axes = [f"component {k + 1} ({100 * shares[k]:.1f}% of variance)" for k in range(2)]
        return coordinates, axes, "Distances are those of the first two components."
    before = ""
    if rows.shape[1] > PRINCIPAL:  # as van der Maaten and Hinton do: an eighth of the time, and less noise
        rows = _scores(rows, min(PRINCIPAL, len(rows)))[0]
        before = f"Of the first {rows.shape[1]} principal components. "
    coordinates, setting = (_tsne if method == "tsne" else _umap)(rows, seed)
    sense = f"{before}{setting}, seed {seed}; near means alike, far and the axes mean nothing."
    return np.asarray(coordinates, np.float64), [f"{METHODS[method]} 1", f"{METHODS[method]} 2"], sense


def _scores(rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The first k principal components of each row, and the share of variance of each."""
    u, s, v = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    signs = np.where(v[np.arange(k), np.abs(v[:k]).argmax(axis=1)] < 0, -1.0, 1.0)
    return u[:, :k] * s[:k] * signs, s[:k] ** 2 / (float((s**2).sum()) or 1.0)


def _tsne(rows: np.ndarray, seed: int) -> tuple[np.ndarray, str]:
    manifold = module_for("a map by t-SNE", "sklearn.manifold", "scikit-learn", "maps")
    perplexity = min(30.0, (len(rows) - 1) / 3)
    coordinates = manifold.TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(rows)
    return coordinates, f"Perplexity {perplexity:.3g}"


def _umap(rows: np.ndarray, seed: int) -> tuple[np.ndarray, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numba and tensorflow, which are not asked for
        umap = module_for("a map by UMAP", "umap", "umap-learn", "maps")
        near = min(15, len(rows) - 1)
        # Begun at PCA where the spectrum of few rows does not give one.
        start = "spectral" if len(rows) > 30 else "pca"
        coordinates = umap.UMAP(n_neighbors=near, init=start, random_state=seed, n_jobs=1).fit_transform(rows)
    return coordinates, f"{near} neighbors"


@styled
def map_chart(
    x: Any, names: Sequence[str], look: Style, *, method: str = "pca", seed: int = 0, categories: Any = None,
    images: Any = None, limit: int | None = None, label: str = "the embeddings",
) -> Any:
    """Objects as images, or as points with names next to some: as many of each as have room without overlap.

    Categories are colors and shapes, the seven largest have one of their own. `limit`: of images, or names (default:
    300 or 60); `label`: what the embeddings are called.
    """
    coordinates, axes, sense = positions(x, method, seed)
    if len(names) != len(coordinates):
        raise InputError(f"names must have one for each of {len(coordinates)} rows; got {len(names)}")
    names = [one_line(str(name)) for name in names]
    colors = colored(categories, names, look)
    layers, frame, pictured, notes = objects_on_plane(
        coordinates, names, colors, (images, limit), (look.points - 2 * 6 - 16.0, SIDE[look.width]), look
    )
    chart = alt.layer(*layers, *_axes(axes, frame, look), width=frame[0], height=frame[1])
    some = f"Images of {pictured}, as many as have room; points for the others."
    sentences = [f"{len(names):,} objects. {sense}", some if 0 < pictured < len(names) else ""]
    return finished(chart, look, f"{METHODS[method]} of {one_line(label)}", sentences, notes)


def colored(categories: Any, names: Sequence[str], look: Style) -> tuple[list[str], dict[str, str]]:
    """The category of each object, and the colors of the largest ones; no words and no colors without categories."""
    members = members_of(categories, names, names)
    words, legend = ([""] * len(names), []) if members is None else main_categories(members, names, LARGEST)
    return words, {word: look.muted if word == REST else look.palette[k] for k, word in enumerate(legend)}


def objects_on_plane(
    coordinates: np.ndarray, names: Sequence[str], colors: tuple[Sequence[str], Mapping[str, str]],
    pictures: tuple[Any, int | None], size: tuple[float, float], look: Style, matrix: str | None = None,
) -> tuple[list[Any], tuple[float, float], int, list[str]]:
    """The layers of objects at coordinates (n, 2), the width and height of the frame, how many images, and notes.

    `colors`: see `colored`; `pictures`: images and limit; `size`: the width of the frame and of an image, in points;
    `matrix`: what the positions are of, where there are several maps.
    """
    (words, frames), (images, limit), (room, side) = colors, pictures, size
    at, frame = _on_page(coordinates, room, side)
    shown = list[int]()
    if images is not None:
        images = as_images(images)
        of_objects = places(images, names)
        there = [k for k in _shuffled(len(names)) if names[k] in of_objects]
        shown = [there[k] for k in _apart(at[there], [(side + 2, side + 2)] * len(there), limit or MOST_IMAGES)]
    uris, notes = thumbnails(images, [names[k] for k in shown], side, look.rgb)
    of = {} if matrix is None else {"matrix": matrix}
    rows: list[MapRow] = [
        {"name": name, "category": word, "x": across, "y": down, "spoken": f"{name} {word}".strip(), **of}
        for name, word, (across, down) in zip(names, words, at.tolist(), strict=True)
    ]
    pictured = [row for row in rows if row["name"] in uris]
    layers = [_points([row for row in rows if row["name"] not in uris], len(names), frames, bool(pictured), look)]
    if pictured:
        tiles = TileSheet((side, side), uris)
        for row in pictured:
            tiles.add(row["name"], row["x"] - side / 2, row["y"] - side / 2, row["spoken"], None, row["category"])
        layers += tiles.layers(look, frames, legend=False)
    else:
        layers += _names(at, names, limit or MOST_NAMES, frame, look)
    return layers, frame, len(pictured), notes


def _on_page(places: np.ndarray, width: float, side: float) -> tuple[np.ndarray, tuple[float, float]]:
    """Positions in points, one scale for both axes, with room for half an image at the edges; and width and height."""
    low, high = places.min(axis=0), places.max(axis=0)
    room, spread = np.array([width, 0.9 * width]) - side - 4, high - low
    scale = min((float(room[k] / spread[k]) for k in (0, 1) if spread[k] > 1e-9 * spread.max()), default=0.0)
    frame = width, round(max(0.3 * width, float(spread[1] * scale + side + 4)), 2)
    return np.round((places - (low + high) / 2) * scale * (1, -1) + np.array(frame) / 2, 2), frame


def _shuffled(n: int) -> list[int]:
    """All numbers in an order drawn once and for all, so that it is not the first of the alphabet that have room."""
    return np.random.default_rng(0).permutation(n).tolist()


def _apart(at: np.ndarray, sizes: Sequence[tuple[float, float]], most: int) -> list[int]:
    """Marks the items that can be drawn in full without overlap; earlier items have priority."""
    kept: list[int] = []
    half = np.array(sizes) / 2
    for k in range(len(at)):
        if len(kept) == most:
            break
        if not kept or not (np.abs(at[kept] - at[k]) < half[kept] + half[k]).all(axis=1).any():
            kept.append(k)
    return kept


def _points(rows: Sequence[MapRow], n: int, frames: Mapping[str, str], pictured: bool, style: Style) -> Any:
    """Points for the objects that have no image, the gray ones behind; smaller where they are many."""
    points = chart_of(sorted(rows, key=lambda row: row["category"] != REST))
    points = points.mark_point(size=14 if n > 400 else 22, filled=True, opacity=0.75)
    tips = [alt.Tooltip("name:N"), alt.Tooltip("category:N")] if frames else [alt.Tooltip("name:N")]
    points = points.encode(**at_point(), **read_out(*tips))
    if not frames:
        return points.encode(color=alt.ColorValue(style.palette[0]))
    shapes = ["circle" if pictured or word == REST else SHAPES[k] for k, word in enumerate(frames)]
    legend = alt.Legend(title=None, orient="bottom", columns=4, labelLimit=110, offset=18)
    return points.encode(**colors_and_shapes("category", [*frames], [*frames.values()], legend, shapes))


def _names(at: np.ndarray, names: Sequence[str], most: int, frame: tuple[float, float], style: Style) -> list[Any]:
    """Beside their points, where there is room, on a rim of the background."""
    sizes = [(letters_width(name, SMALL) + 4, SMALL + 3) for name in names]
    centers = at + np.array([(width / 2 + 4, 0) for width, _ in sizes])
    inside = [k for k in _shuffled(len(names)) if centers[k, 0] + sizes[k][0] / 2 < frame[0]]
    kept = _apart(centers[inside], [sizes[k] for k in inside], most)
    rows = [{"name": names[inside[k]], "x": float(at[inside[k], 0]) + 4, "y": float(at[inside[k], 1])} for k in kept]
    looks = {"stroke": style.background, "strokeWidth": 2, "strokeJoin": "round"}, {"color": style.text}
    return [texts(rows, align="left", baseline="middle", **look) for look in looks]


def _axes(axes: Sequence[str], frame: tuple[float, float], style: Style) -> list[Any]:
    """The titles of the axes, at the edges: positions have one scale and need no ticks."""
    layers = []
    for k, (x, y) in enumerate([(frame[0] / 2, frame[1] + 4), (-6.0, frame[1] / 2)]):
        title = [{"title": axes[k], "x": x, "y": y}]
        layers.append(texts(title, "title", color=style.muted, angle=270 * k, baseline="bottom" if k else "top"))
    return layers


LINE = SMALL + 2  # points from one line to the next
LARGEST_TILE = 32_000  # bytes of one thumbnail
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
            "spoken": description, "inside": "\n".join(lines), "x2": x + width, "y2": y + height, "cx": x + width / 2,
            "cy": middle, "iy": middle - LINE * (len(lines) - 1) / 2, "by": y + height + 3,
        })

    def layers(self, style: Style, frames: Mapping[str, str] | None = None, legend: bool = True) -> list[Any]:
        """The layers that draw the tiles; `frames`: the colors of words of the legend."""
        base, (side, height) = chart_of(self.rows), self.size
        named, pictured = (base.transform_filter(f"datum.uri {sign} ''") for sign in ("==", "!="))
        square = {**at_point(), "x2": alt.X2("x2:Q"), "y2": alt.Y2("y2:Q")}
        described = read_out(alt.Tooltip("name:N", title="object"), alt.Tooltip("spoken:N", title="is"))
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
            colors = alt.Scale(domain=list(frames), range=list(frames.values()))
            drawn = (
                alt.Legend(title=None, orient="bottom", symbolType="square", labelLimit=0, offset=8) if legend else None
            )
            frame = base.transform_filter("datum.frame != ''").mark_rect(fill=None, strokeWidth=1.5)
            layers.append(frame.encode(stroke=alt.Stroke("frame:N", scale=colors, legend=drawn), **square))
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
    return uris, notes_on_images([name for name in wanted if name not in place_of], len(wanted), broken)


def notes_on_images(missing: Sequence[str], total: int, broken: Sequence[str]) -> list[str]:
    """What is said of objects without an image, of so many, and of images that can't be shown."""
    notes = []
    if missing:
        notes.append(f"{len(missing):,} of {total:,} objects have no image: {listing(list(map(repr, missing)), 3)}")
    if broken:
        notes.append(f"{counted(len(broken), 'image')} can't be shown: {listing(broken, 2)}")
    return notes


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
    content = encoded(image, LARGEST_TILE, QUALITIES, "JPEG", optimize=True)
    if len(content) > LARGEST_TILE:
        raise InputError(f"needs more than {LARGEST_TILE:,} bytes at {pixels} pixels")
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()


def encoded(image: Any, largest: int, qualities: Sequence[int], kind: str, **options: Any) -> bytes:
    """A picture of the best of these qualities that takes at most so many bytes, or of the last one."""
    for quality in qualities:
        image.save(buffer := io.BytesIO(), kind, quality=quality, **options)
        if buffer.tell() <= largest:
            break
    return buffer.getvalue()


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
    """
    sizes = Counter(label for name in names for label in members.get(name, ()))
    own = [min(members.get(name) or (REST,), key=lambda label: (sizes[label], label)) for name in names]
    counts = Counter(word for word in own if word != REST)
    large = sorted(counts, key=lambda word: (-counts[word], word))[:most]
    words = [word if word in large else REST for word in own]
    return words, [*large, *([REST] if REST in words else [])]
