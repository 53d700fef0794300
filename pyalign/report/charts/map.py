"""Objects on a plane: PCA, t-SNE or UMAP of embeddings, with small images or points in the colours of categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyalign.errors import InputError
from pyalign.extraction.images import as_images
from pyalign.report.charts.members import REST, main_categories, members_of
from pyalign.report.charts.positions import METHODS, positions
from pyalign.report.charts.theme import SHAPES, SMALL, Style, altair, finished, letters_width, style_of, width_of
from pyalign.report.charts.thumbnails import places as places_of
from pyalign.report.charts.thumbnails import thumbnails
from pyalign.report.charts.tiles import Tile, tile_layers
from pyalign.report.words import one_line

SIDE = {"single": 16.0, "double": 22.0}  # points of an image
MOST_IMAGES, MOST_NAMES = 300, 60
LARGEST = 7  # categories with a colour; the others share one


def map_chart(
    x: Any, names: Sequence[str], *, method: str = "pca", seed: int = 0, categories: Any = None, images: Any = None,
    style: str = "light", width: str = "double", limit: int | None = None, label: str = "the embeddings",
) -> Any:  # fmt: skip
    """Objects as images, or as points with names beside some: as many of each as have room without overlap.

    Args:
        x: (n, d) embeddings.
        names: of the n objects.
        method, seed: see `positions`.
        categories: of the objects: colours and shapes. The seven largest have one of their own.
        images: what `as_images` takes, such as a folder.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        limit: at most so many images, or names (default: 300 or 60).
        label: what the embeddings are called.

    Raises:
        InputError: see `positions`; another number of names.
        MissingExtraError: altair, Pillow for images, or what the method needs is not installed.
    """
    look, points = style_of(style), width_of(width)
    places, axes, sense = positions(x, method, seed)
    if len(names) != len(places):
        raise InputError(f"names must have one for each of {len(places)} rows; got {len(names)}")
    names = [one_line(str(name)) for name in names]
    side = SIDE[width]
    at, frame = _on_page(places, points - 2 * 6 - 16.0, side)
    members = members_of(categories, names, names)
    words, legend = ([""] * len(names), []) if members is None else main_categories(members, names, LARGEST)
    uris, notes = dict[str, str](), list[str]()
    if images is not None:
        held = as_images(images)
        there = [k for k in _drawn(len(names)) if names[k] in places_of(held, names)]
        shown = [there[k] for k in _apart(at[there], [(side + 2, side + 2)] * len(there), limit or MOST_IMAGES)]
        uris, notes = thumbnails(held, [names[k] for k in shown], side, look.rgb)
    pictured = [k for k, name in enumerate(names) if name in uris]
    frames = {word: _colour(word, legend, look) for word in legend}
    layers = [_points(at, names, words, frames, set(pictured), look)]
    if pictured:
        corners = (at - side / 2).tolist()
        told = [f"{name} {word}".strip() for name, word in zip(names, words, strict=True)]
        tiles = [Tile(corners[k][0], corners[k][1], names[k], (), uris[names[k]], words[k], told[k]) for k in pictured]
        layers += tile_layers(tiles, side, side, look, frames, legend=False)
    else:
        layers += _names(at, names, limit or MOST_NAMES, frame, look)
    chart = altair().layer(*layers, *_axes(axes, frame, look)).properties(width=frame[0], height=frame[1])
    said = [f"{len(names):,} objects. {sense}"]
    if pictured and len(pictured) < len(names):
        said.append(f"Images of {len(pictured)}, as many as have room; points for the others.")
    return finished(chart, look, points, f"{METHODS[method]} of {one_line(label)}", said, notes)


def _on_page(places: np.ndarray, width: float, side: float) -> tuple[np.ndarray, tuple[float, float]]:
    """Positions in points, one scale for both axes, with room for half an image at the edges; and width and height."""
    low, high = places.min(axis=0), places.max(axis=0)
    room, spread = np.array([width, 0.9 * width]) - side - 4, high - low
    scale = min((float(room[k] / spread[k]) for k in (0, 1) if spread[k] > 1e-9 * spread.max()), default=0.0)
    frame = width, max(0.3 * width, float(spread[1] * scale + side + 4))
    return np.round((places - (low + high) / 2) * scale * (1, -1) + np.array(frame) / 2, 2), frame


def _drawn(n: int) -> list[int]:
    """All numbers in an order drawn once and for all, so that it is not the first of the alphabet that have room."""
    return np.random.default_rng(0).permutation(n).tolist()


def _apart(at: np.ndarray, sizes: Sequence[tuple[float, float]], most: int) -> list[int]:
    """Those that may stand in full without overlap, the first first."""
    kept: list[int] = []
    half = np.array(sizes) / 2
    for k in range(len(at)):
        if len(kept) == most:
            break
        if not kept or not (np.abs(at[kept] - at[k]) < half[kept] + half[k]).all(axis=1).any():
            kept.append(k)
    return kept


def _colour(word: str, legend: Sequence[str], style: Style) -> str:
    return style.muted if word == REST else style.palette[legend.index(word)]


def _points(
    at: np.ndarray, names: Sequence[str], words: Sequence[str], frames: dict[str, str], pictured: set[int], style: Style
) -> Any:
    """Of all objects that have no image."""
    alt = altair()
    order = sorted(range(len(names)), key=lambda k: words[k] != REST)  # grey lies behind
    rows = [
        {"name": names[k], "category": words[k], "x": float(at[k, 0]), "y": float(at[k, 1]),
         "told": f"{names[k]} {words[k]}".strip()}
        for k in order if k not in pictured
    ]  # fmt: skip
    told = {"tooltip": [alt.Tooltip("name:N"), *([alt.Tooltip("category:N")] if frames else [])],
            "description": alt.Description("told:N")}  # fmt: skip
    base = alt.Chart(alt.InlineData(values=rows)).mark_point(
        size=14 if len(names) > 400 else 22, filled=True, opacity=0.75
    )
    found = base.encode(x=alt.X("x:Q", scale=None, axis=None), y=alt.Y("y:Q", scale=None, axis=None), **told)
    if not frames:
        return found.encode(color=alt.value(style.palette[0]))
    scale = {
        "domain": list(frames),
        "legend": alt.Legend(title=None, orient="bottom", columns=4, labelLimit=110, offset=18),
    }
    shapes = ["circle" if pictured or word == REST else SHAPES[k] for k, word in enumerate(frames)]
    return found.encode(color=_scaled(alt.Color, scale, list(frames.values())), shape=_scaled(alt.Shape, scale, shapes))


def _scaled(channel: Any, scale: dict[str, Any], values: Sequence[str]) -> Any:
    """Categories as colours or as shapes, with one legend for both."""
    return channel(
        "category:N", scale=altair().Scale(domain=scale["domain"], range=list(values)), legend=scale["legend"]
    )


def _names(at: np.ndarray, names: Sequence[str], most: int, frame: tuple[float, float], style: Style) -> list[Any]:
    """Beside their points, where there is room, on a rim of the background."""
    alt = altair()
    sizes = [(letters_width(name, SMALL) + 4, SMALL + 3) for name in names]
    centres = at + np.array([(width / 2 + 4, 0) for width, _ in sizes])
    inside = [k for k in _drawn(len(names)) if centres[k, 0] + sizes[k][0] / 2 < frame[0]]
    kept = _apart(centres[inside], [sizes[k] for k in inside], most)
    rows = [{"name": names[inside[k]], "x": float(at[inside[k], 0]) + 4, "y": float(at[inside[k], 1])} for k in kept]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("x:Q", scale=None, axis=None), y=alt.Y("y:Q", scale=None, axis=None), text="name:N"
    )
    text = {"align": "left", "baseline": "middle", "fontSize": SMALL, "aria": False}
    rim = base.mark_text(stroke=style.background, strokeWidth=2, strokeJoin="round", **text)
    return [rim, base.mark_text(color=style.text, **text)]


def _axes(axes: Sequence[str], frame: tuple[float, float], style: Style) -> list[Any]:
    """Their titles, at the edges: positions have one scale and need no ticks."""
    alt = altair()
    layers = []
    for k, (x, y) in enumerate([(frame[0] / 2, frame[1] + 4), (-6.0, frame[1] / 2)]):
        text = alt.Chart(alt.InlineData(values=[{"title": axes[k], "x": x, "y": y}])).mark_text(
            fontSize=SMALL, color=style.muted, angle=270 * k, baseline="bottom" if k else "top", aria=False
        )
        layers.append(
            text.encode(x=alt.X("x:Q", scale=None, axis=None), y=alt.Y("y:Q", scale=None, axis=None), text="title:N")
        )
    return layers
