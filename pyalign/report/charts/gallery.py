"""Nearest neighbours as a gallery: a row for each query, with its images where there are some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.report.charts.document import labels_of, neighbour_rows
from pyalign.report.charts.members import Members, members_of
from pyalign.report.charts.theme import altair, finished, style_of, two_lines, width_of
from pyalign.report.charts.thumbnails import thumbnails
from pyalign.report.charts.tiles import LINE, Tile, tile_layers
from pyalign.report.tables import one_line

MOST_QUERIES, MOST_NEIGHBOURS = 12, {"single": 4, "double": 10}  # of each width
QUERY, SAME, OTHER = "query", "shares a category with the query", "shares none"


def gallery_chart(
    document: Mapping[str, Any], *, style: str = "light", width: str = "double", limit: int | None = None,
    images: Any = None, categories: Any = None, queries: Sequence[str] | None = None,
) -> Any:  # fmt: skip
    """The query, and to its right its neighbours with their similarity below, the nearest first.

    Args:
        document: of `pyalign.neighbors`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        limit: at most so many queries (default: 12); of neighbours at most 10 are shown, 4 in a single column.
        images: what `as_images` takes, such as a folder; names alone without.
        categories: of the objects, with names: frames say who shares one with the query.
        queries: which ones; default: the first.

    Raises:
        InputError: a document without neighbours; a query that it does not have.
        MissingExtraError: altair or, for images, Pillow is not installed.
    """
    look, points = style_of(style), width_of(width)
    rows, kind = neighbour_rows(document, queries)
    shown = {query: near[: MOST_NEIGHBOURS[width]] for query, near in list(rows.items())[: limit or MOST_QUERIES]}
    k = max(map(len, shown.values()))
    side = (points - 2 * 6 - 10) / (k + 1) - 4
    names = [*shown, *(name for near in shown.values() for name, _ in near)]
    uris, notes = ({}, []) if images is None else thumbnails(images, names, side, look.rgb)
    members = members_of(categories, dict.fromkeys(names))
    tiles, height, step = _tiles(shown, uris, members, side)
    frames = {QUERY: look.text}
    if members is not None:
        frames |= {SAME: look.palette[0], OTHER: look.palette[1]}
    chart = altair().layer(*tile_layers(tiles, side, height, look, frames))
    size = {"width": (side + 4) * (k + 1) + 6, "height": len(shown) * step - 8}
    source = labels_of([document])[0]
    told = _told(document, k, kind, len(shown), len(rows))
    return finished(chart.properties(**size), look, points, f"Nearest neighbours by {source}", told, notes)


def _told(document: Mapping[str, Any], k: int, kind: str, shown: int, queries: int) -> list[str]:
    """Of how many rows, what the numbers are, and how many of the true neighbours an index found."""
    n, units, recall = document.get("n"), document.get("units"), document.get("recall")
    of = "" if n is None else f" of {n:,} rows"
    told = [f"The {k} nearest{of} to each query, the nearest first; below each its {kind}"
            f"{f' ({units})' if units else ''}."]  # fmt: skip
    if recall is not None:
        told.append(f"By an approximate index, which finds {100 * recall:.1f} % of the true neighbours.")
    if shown < queries:
        told.append(f"{shown} of {queries:,} queries.")
    return told


def _tiles(
    shown: Mapping[str, Sequence[tuple[str, float | None]]],
    uris: Mapping[str, str],
    members: Members | None,
    side: float,
) -> tuple[list[Tile], float, float]:
    """A row for each query; tiles are square where there are images. With their height, and that of a row."""
    height = side if uris else min(side, 3 * LINE)
    names = {name: two_lines(name, side) for name in uris}
    lines = max((name.count("\n") + 1 for name in names.values()), default=0)
    step = height + (lines + 1) * LINE + 8
    tiles = []
    for row, (query, near) in enumerate(shown.items()):
        y = row * step
        below: tuple[str, ...] = (names[query],) if query in uris else ()
        tiles.append(Tile(0, y, one_line(query), below, uris.get(query, ""), QUERY, f"query {one_line(query)}"))
        for rank, (name, value) in enumerate(near, 1):
            figure = "-" if value is None else f"{value:.3f}"
            frame = "" if members is None else _frame(members, query, name)
            below = (names[name], figure) if name in names else (figure,)
            told = f"neighbour {rank} of {one_line(query)}: {one_line(name)}, {figure}"
            told += f", {frame}" if frame else ""
            tiles.append(Tile(6 + rank * (side + 4), y, one_line(name), below, uris.get(name, ""), frame, told))
    return tiles, height, step


def _frame(members: Members, query: str, name: str) -> str:
    """Nothing where either has no category."""
    own, its = members.get(query), members.get(name)
    return "" if not own or not its else SAME if own & its else OTHER
