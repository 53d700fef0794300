"""Cards of human dimensions: the objects that have most of each, its label, and how many choices it explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyalign.concept.dimensions import as_dimensions, labels_of
from pyalign.errors import InputError
from pyalign.report.charts.theme import SMALL, TEXT, Style, altair, finished, style_of, two_lines, width_of, wrapped
from pyalign.report.charts.thumbnails import thumbnails
from pyalign.report.charts.tiles import LINE, Tile, tile_layers
from pyalign.report.words import one_line

TOP, ACROSS = 8, 4  # objects of a card, and of each of its rows
MOST_CARDS = 6
MARGIN, HEAD, BAR = 6, 20, 12  # points inside a card, above its objects, and of the bar


@dataclass(frozen=True)
class Card:
    """One dimension.

    Attributes:
        number: its column, from 0.
        label: what it is called.
        objects: those with most of it, the first has the most.
        weights: of each.
        share: of the choices that it explains, a fraction, or None.
    """

    number: int
    label: str
    objects: tuple[str, ...]
    weights: tuple[float, ...]
    share: float | None


def top_cards(
    dimensions: Any, names: Sequence[str], labels: Sequence[str] | None = None, shares: Sequence[float] | None = None
) -> list[Card]:
    """A card for each dimension, those first that explain most, or that weigh most where that is not known.

    Args:
        dimensions: (n, k) numbers of at least 0.
        names: of the n objects.
        labels: of the k dimensions.
        shares: of the choices that each explains.

    Raises:
        InputError: other shapes, or values that are no numbers.

    Example:
        >>> first, second = top_cards([[3.0, 0.0], [1.0, 2.0]], ["apple", "hammer"], ["food", "tool"])
        >>> first.label, first.objects
        ('food', ('apple', 'hammer'))
    """
    x = as_dimensions(dimensions)
    called = None if labels is None else labels_of(labels, x.shape[1])
    for given, many, what in ((names, len(x), "names"), (shares, x.shape[1], "shares")):
        if given is not None and len(given) != many:
            raise InputError(f"{what} must have one for each of {many}; got {len(given)}")
    weight = x.sum(axis=0) if shares is None else np.asarray(shares, dtype=np.float64)
    cards = []
    for k in np.argsort(-weight, kind="stable"):
        best = np.argsort(-x[:, k], kind="stable")[:TOP]
        label = f"dimension {k}" if called is None else one_line(called[k])
        cards.append(Card(int(k), label, tuple(names[i] for i in best), tuple(x[best, k].tolist()),
                          None if shares is None else float(shares[k])))  # fmt: skip
    return cards


def cards_chart(
    cards: Sequence[Card], *, style: str = "light", width: str = "double", limit: int | None = None,
    images: Any = None, n_objects: int, n_triplets: int | None = None, assign: str = "sum", top: int = 1,
) -> Any:  # fmt: skip
    """Cards in one column or two, each with its eight objects in two rows.

    Args:
        cards: of `top_cards`, or some of them.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        limit: at most so many cards (default: 6).
        images: what `as_images` takes, such as a folder; names alone without.
        n_objects, n_triplets: over what the cards are, for the title.
        assign, top: how `concepts` assigned triplets to dimensions, for the title.

    Raises:
        MissingExtraError: altair or, for images, Pillow is not installed.
    """
    look, points = style_of(style), width_of(width)
    shown = list(cards)[: limit or MOST_CARDS]
    columns = 2 if width == "double" and len(shown) > 1 else 1
    room = (points - 12 - 10 * (columns - 1)) / columns
    side = (room - 2 * MARGIN - 4 * (ACROSS - 1)) / ACROSS
    names = [name for card in shown for name in card.objects]
    uris, notes = ({}, []) if images is None else thumbnails(images, names, side, look.rgb)
    inside = side if uris else 2 * LINE + 2
    lines = max((len(two_lines(name, side).splitlines()) for name in uris), default=0)
    step = inside + (lines * LINE + 5 if uris else 4)
    head = HEAD + (BAR if any(card.share is not None for card in shown) else 0)
    height = head + 2 * step + MARGIN - 4
    at = [((k % columns) * (room + 10), (k // columns) * (height + 10)) for k in range(len(shown))]
    layers = [*_frames(shown, at, room, height, look),
              *tile_layers(_tiles(shown, at, uris, side, step, head), side, inside, look)]  # fmt: skip
    size = {"width": points - 12, "height": (height + 10) * -(-len(shown) // columns) - 10}
    told = [
        f"The {TOP} of {n_objects:,} objects with most of each dimension, from left to right; "
        f"{len(shown)} of {len(cards)} dimensions."
    ]
    if n_triplets is not None:
        told.append(f"Share: of {n_triplets:,} choices, those whose chosen pair {_rule(assign, top)}.")
    chart = altair().layer(*layers).properties(**size)
    return finished(chart, look, points, "Dimensions of human similarity", told, notes)


def _rule(assign: str, top: int) -> str:
    """When a choice counts for a dimension."""
    product = assign == "product"
    if top > 1:
        return f"has this dimension among the {top} " + ("whose products are largest" if product else "it has most of")
    return "has its largest product here" if product else "has more of this dimension than of any other"


def _tiles(
    cards: Sequence[Card], at: Sequence[tuple[float, float]], uris: Mapping[str, str], side: float, step: float,
    head: float,
) -> list[Tile]:  # fmt: skip
    tiles = []
    for card, (x, y) in zip(cards, at, strict=True):
        for k, (name, weight) in enumerate(zip(card.objects, card.weights, strict=True)):
            name_, below = one_line(name), (two_lines(name, side),) if name in uris else ()
            tiles.append(Tile(
                x + MARGIN + (k % ACROSS) * (side + 4), y + head + (k // ACROSS) * step, name_, below,
                uris.get(name, ""), "", f"{card.label}: {name_}, weight {weight:.2f}",
            ))  # fmt: skip
    return tiles


def _frames(
    cards: Sequence[Card], at: Sequence[tuple[float, float]], room: float, height: float, style: Style
) -> list[Any]:
    """The outline, the label, and the share as a bar with its figure."""
    alt = altair()
    full = room - 2 * MARGIN
    most = max((card.share or 0.0 for card in cards), default=0.0) or 1.0
    rows = []
    for card, (x, y) in zip(cards, at, strict=True):
        told = "" if card.share is None else f"{100 * card.share:.1f} % of choices"
        rows.append({
            "x": x, "y": y, "x2": x + room, "y2": y + height, "left": x + MARGIN, "right": x + room - MARGIN,
            "bar": x + MARGIN + full * (card.share or 0.0) / most, "top": y + 19, "bottom": y + 23, "share": card.share,
            "label": wrapped(f"{card.number}. {card.label}", full - (75 if told else 0), TEXT)[0], "line": y + 6,
            "figure": told, "told": f"dimension {card.number}, {card.label}" + (f": {told}" if told else ""),
        })  # fmt: skip
    base = alt.Chart(alt.InlineData(values=rows))

    def at_point(x: str, y: str) -> dict[str, Any]:
        return {"x": alt.X(f"{x}:Q", scale=None, axis=None), "y": alt.Y(f"{y}:Q", scale=None, axis=None)}

    outline = base.mark_rect(fill=None, stroke=style.grid, strokeWidth=1, cornerRadius=3)
    text = {"baseline": "top", "color": style.text}
    title = base.mark_text(align="left", fontWeight="bold", fontSize=TEXT + 0.5, limit=full - 75, **text)
    figure = base.mark_text(align="right", fontSize=SMALL, baseline="top", color=style.muted)
    bar = base.transform_filter("isValid(datum.share)").mark_rect(fill=style.palette[0])
    rail = base.transform_filter("isValid(datum.share)").mark_rect(fill=style.tile)
    ends = {"x2": "right:Q", "y2": "bottom:Q"}
    return [
        outline.encode(**at_point("x", "y"), x2="x2:Q", y2="y2:Q", description=alt.Description("told:N")),
        rail.encode(**at_point("left", "top"), **ends),
        bar.encode(**at_point("left", "top"), x2="bar:Q", y2="bottom:Q"),
        title.encode(**at_point("left", "line"), text="label:N"),
        figure.encode(**at_point("right", "line"), text="figure:N"),
    ]
