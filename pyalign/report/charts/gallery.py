"""Rows of objects: the nearest neighbors of queries, and cards of human dimensions with the objects that have most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.concept.dimensions import as_dimensions, labels_of
from pyalign.data.names import largest_of
from pyalign.errors import InputError
from pyalign.nearest.scan import Neighbors
from pyalign.report.charts.map import LINE, Members, TileSheet, lines_below, members_of, thumbnails
from pyalign.report.charts.theme import SMALL, TEXT, Style, alt, at_point, chart_of, finished, styled, texts, wrapped
from pyalign.report.words import Labels, called, different, one_line, short_labels

MOST_QUERIES, MOST_NEIGHBORS = 12, {"single": 4, "double": 10}  # of each width
MOST_OF_BOTH = {"single": 2, "double": 4}  # of each of two searches
QUERY, SAME, OTHER, BOTH = "query", "shares a category with the query", "shares none", "near by both"
LEFT, GAP, HEADS = 6, 10, 14  # points between query and neighbors, between two searches, and of their names
TOP, ACROSS, MOST_CARDS = 8, 4, 6  # objects of a card, and of each of its rows; cards
MARGIN, HEAD, BAR = 6, 20, 12  # points inside a card, above its objects, and of the bar
Near = Mapping[str, Sequence[tuple[str, float | None]]]  # query -> neighbors with their values


def nearest_of(search: Neighbors, queries: Sequence[str] | None = None) -> dict[str, list[tuple[str, float | None]]]:
    """query -> its neighbors, the nearest first, each with its value; of these queries, or of all.

    Raises InputError for a query that the result does not have.
    """
    near: dict[str, list[tuple[str, float | None]]] = {}
    for row in search.records():
        value = row["similarity"]
        near.setdefault(str(row["query"]), []).append((str(row["neighbor"]), None if value != value else value))
    for query in queries or ():
        if query not in near:
            raise InputError(f"queries must be among those of the result; got {query!r}")
    return {query: near[query] for query in queries or near}


@styled
def gallery_chart(
    searches: Sequence[Neighbors], look: Style, *, limit: int | None = None, images: Any = None, categories: Any = None,
    queries: Sequence[str] | None = None,
) -> Any:
    """The query, and to its right its neighbors with their similarity below, the nearest first.

    Of two searches for the same queries, such as before and after a transform, the neighbors of the second are to the
    right of those of the first. Frames say who shares a category with the query; without categories which both have.
    `limit`: of queries, the first (default: 12).
    """
    if len(searches) > 2:
        raise InputError(f"a picture of kind 'gallery' shows one search, or two; got {len(searches)}")
    both = len(searches) == 2
    most = (MOST_OF_BOTH if both else MOST_NEIGHBORS)[look.width]
    rows = nearest_of(searches[0], queries)
    if not rows:
        raise InputError("a picture of neighbors needs at least one; the result has none")
    drawn = list(rows)[: limit or MOST_QUERIES]
    panels = [{query: near[:most] for query, near in nearest_of(search, drawn).items()} for search in searches]
    k = max(len(near) for panel in panels for near in panel.values())
    side = (look.points - 2 * 6 - 10 - GAP * (len(panels) - 1)) / (len(panels) * k + 1) - 4
    names = [*drawn, *(name for panel in panels for near in panel.values() for name, _ in near)]
    uris, notes = thumbnails(images, names, side, look.rgb)
    members = members_of(categories, dict.fromkeys(names))
    tiles = TileSheet((side, side if uris else min(side, 3 * LINE)), uris)
    step, head = tiles.size[1] + (lines_below(uris, side) + 1) * LINE + 8, HEADS * both  # of a query, and of all
    starts = [LEFT + panel * (k * (side + 4) + GAP) for panel in range(len(panels) + 1)]  # where rank 0 would begin
    for row, query in enumerate(drawn):
        y, shown = row * step + head, one_line(query)
        tiles.add(query, 0, y, f"query {shown}", frame=QUERY)
        ranked = ((left + rank * (side + 4), rank, *near) for left, panel in zip(starts, panels, strict=False)
                  for rank, near in enumerate(panel[query], 1))
        for x, rank, name, value in ranked:
            figure, frame = "-" if value is None else f"{value:.3f}", _frame(panels, members, query, name)
            description = f"neighbor {rank} of {shown}: {one_line(name)}, {figure}{f', {frame}' * bool(frame)}"
            tiles.add(name, x, y, description, figure, frame)
    shares, near_both = {SAME: look.palette[0], OTHER: look.palette[1]}, {BOTH: look.palette[0]} if both else {}
    layers = tiles.layers(look, {QUERY: look.text, **(near_both if members is None else shares)})
    sources = _sources(searches, look.labels)
    if both:
        heads = [{"x": left + side + 4, "y": 0, "head": source} for left, source in zip(starts, sources, strict=False)]
        layers.append(texts(heads, "head", align="left", baseline="top", fontSize=TEXT, fontWeight="bold",
                            color=look.text, limit=starts[1] - starts[0] - GAP, aria=True))
    room = {"width": starts[-1] - GAP + side, "height": len(drawn) * step - 8 + head}
    title = f"Nearest neighbors by {' and by '.join(sources)}"
    over = over_rows(searches, sources, k, len(drawn), len(rows))
    return finished(alt.layer(*layers, **room), look, title, over, notes)


def _sources(searches: Sequence[Neighbors], labels: Labels | None) -> list[str]:
    """What was searched, with the map that the rows went through."""
    short = short_labels([search.transform for search in searches if search.transform])
    models = called([(search.embeddings or "embeddings", None) for search in searches], labels)
    return different([
        f"{name} after {short[search.transform]}" if search.transform else name
        for name, search in zip(models, searches, strict=True)
    ])


def over_rows(searches: Sequence[Neighbors], sources: Sequence[str], k: int, shown: int, queries: int) -> list[str]:
    """Sentences on how many rows were searched, what the numbers are, and how many true neighbors an index found."""
    values = " or ".join(dict.fromkeys(f"{search.kind} ({search.units})" for search in searches))
    indices = [
        f"{'By' if len(sources) == 1 else f'{source}: by'} an approximate index, which finds "
        f"{100 * search.recall:.1f}% of the true neighbors."
        for search, source in zip(searches, sources, strict=True) if search.recall is not None
    ]
    return [
        f"The {k} nearest of {searches[0].n:,} rows to each query, the nearest first; below each its {values}.",
        *indices,
        f"{shown} of {queries:,} queries." if shown < queries else "",
    ]


def _frame(panels: Sequence[Near], members: Members | None, query: str, name: str) -> str:
    """What a neighbor has in common with the query or, without categories, with that of the other search."""
    if members is None:
        return BOTH if len(panels) > 1 and all(name in dict(panel[query]) for panel in panels) else ""
    own, its = members.get(query), members.get(name)
    return "" if not own or not its else SAME if own & its else OTHER


@dataclass(frozen=True)
class Card:
    """One dimension: its number, from 1, what it is called, and the objects with most of it, the first has the most.

    `share`: of the choices that it explains, a fraction, or None.
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
        labels: of the k dimensions; None: their own, if they have some.
        shares: of the choices that each explains.
    """
    x = as_dimensions(dimensions)
    called = labels_of(labels, dimensions)
    for values, many, what in ((names, len(x), "names"), (shares, x.shape[1], "shares")):
        if values is not None and len(values) != many:
            raise InputError(f"{what} must have one for each of {many}; got {len(values)}")
    weight = x.sum(axis=0) if shares is None else np.asarray(shares, dtype=np.float64)
    cards = []
    for k in np.argsort(-weight, kind="stable"):
        best = largest_of(x[:, k], names)[:TOP]
        number = int(k) + 1
        label = f"dimension {number}" if called[k] == str(number) else one_line(called[k])
        cards.append(Card(number, label, tuple(names[i] for i in best), tuple(x[best, k].tolist()),
                          None if shares is None else float(shares[k])))
    return cards


@styled
def cards_chart(
    cards: Sequence[Card], look: Style, *, limit: int | None = None, images: Any = None, n_objects: int,
    n_triplets: int | None = None, assign: str = "sum", top: int = 1,
) -> Any:
    """Cards in one column or two (default: 6), each with its eight objects in two rows.

    n_objects, n_triplets, assign, top: over what they are, and how `concepts` assigned triplets, for the title.
    """
    shown = list(cards)[: limit or MOST_CARDS]
    columns = 2 if look.width == "double" and len(shown) > 1 else 1
    room = (look.points - 12 - 10 * (columns - 1)) / columns
    side = (room - 2 * MARGIN - 4 * (ACROSS - 1)) / ACROSS
    uris, notes = thumbnails(images, [name for card in shown for name in card.objects], side, look.rgb)
    inside = side if uris else 2 * LINE + 2
    step = inside + (lines_below(uris, side) * LINE + 5 if uris else 4)
    head = HEAD + (BAR if any(card.share is not None for card in shown) else 0)
    height = head + 2 * step + MARGIN - 4
    placed = [(card, (k % columns) * (room + 10), (k // columns) * (height + 10)) for k, card in enumerate(shown)]
    tiles = TileSheet((side, inside), uris)
    for card, x, y in placed:
        for k, (name, weight) in enumerate(zip(card.objects, card.weights, strict=True)):
            at = x + MARGIN + (k % ACROSS) * (side + 4), y + head + (k // ACROSS) * step
            tiles.add(name, *at, f"{card.label}: {one_line(name)}, weight {weight:.2f}")
    layers = [*_outlines(placed, room, height, look), *tiles.layers(look)]
    size = {"width": look.points - 12, "height": (height + 10) * -(-len(shown) // columns) - 10}
    sentences = [
        f"The {TOP} of {n_objects:,} objects with most of each dimension, from left to right; "
        f"{len(shown)} of {len(cards)} dimensions."
    ]
    if n_triplets is not None:
        most = "has its largest product here" if assign == "product" else "has more of this dimension than of any other"
        if top > 1:
            which = "whose products are largest" if assign == "product" else "it has most of"
            most = f"has this dimension among the {top} {which}"
        sentences.append(f"Share: of {n_triplets:,} choices, those whose chosen pair {most}.")
    chart = alt.layer(*layers, **size)
    return finished(chart, look, "Dimensions of human similarity", sentences, notes)


def _outlines(placed: Sequence[tuple[Card, float, float]], room: float, height: float, style: Style) -> list[Any]:
    """The outline of each card, its label, and the share as a bar with its figure."""
    full = room - 2 * MARGIN
    most = max((card.share or 0.0 for card, _, _ in placed), default=0.0) or 1.0
    rows = []
    for card, x, y in placed:
        share_text = "" if card.share is None else f"{100 * card.share:.1f}% of choices"
        rows.append({
            "x": x, "y": y, "x2": x + room, "y2": y + height, "left": x + MARGIN, "right": x + room - MARGIN,
            "bar": x + MARGIN + full * (card.share or 0.0) / most, "top": y + 19, "bottom": y + 23, "share": card.share,
            "label": wrapped(f"{card.number}. {card.label}", full - (75 if share_text else 0), TEXT)[0], "line": y + 6,
            "figure": share_text,
            "spoken": f"dimension {card.number}, {card.label}" + (f": {share_text}" if share_text else ""),
        })
    base = chart_of(rows)
    shares = base.transform_filter("isValid(datum.share)")
    rail = {**at_point("left", "top"), "y2": alt.Y2("bottom:Q")}
    outline = base.mark_rect(fill=None, stroke=style.grid, strokeWidth=1, cornerRadius=3)
    title = base.mark_text(align="left", baseline="top", fontWeight="bold", fontSize=TEXT + 0.5, limit=full - 75,
                           color=style.text)
    figure = base.mark_text(align="right", fontSize=SMALL, baseline="top", color=style.muted)
    return [
        outline.encode(**at_point(), x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q"), description=alt.Description("spoken:N")),
        shares.mark_rect(fill=style.tile).encode(**rail, x2=alt.X2("right:Q")),
        shares.mark_rect(fill=style.palette[0]).encode(**rail, x2=alt.X2("bar:Q")),
        title.encode(**at_point("left", "line"), text=alt.Text("label:N")),
        figure.encode(**at_point("right", "line"), text=alt.Text("figure:N")),
    ]
