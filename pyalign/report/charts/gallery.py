"""Nearest neighbours as a gallery: a row for each query, with its images where there are some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyalign.errors import InputError
from pyalign.nearest.result import Neighbors
from pyalign.report.charts.members import Members, members_of
from pyalign.report.charts.theme import TEXT, Style, altair, finished, style_of, two_lines, width_of
from pyalign.report.charts.thumbnails import thumbnails
from pyalign.report.charts.tiles import LINE, Tile, tile_layers
from pyalign.report.words import called, different, one_line, short_labels

MOST_QUERIES, MOST_NEIGHBOURS = 12, {"single": 4, "double": 10}  # of each width
MOST_BESIDE = {"single": 2, "double": 4}  # of each of two searches
QUERY, SAME, OTHER, BOTH = "query", "shares a category with the query", "shares none", "near by both"
LEFT, GAP, HEAD = 6, 10, 14  # points between query and neighbours, between two searches, and of their names
Near = Mapping[str, Sequence[tuple[str, float | None]]]  # query -> neighbours with their values


def nearest_of(found: Neighbors, queries: Sequence[str] | None = None) -> dict[str, list[tuple[str, float | None]]]:
    """query -> its neighbours, the nearest first, each with its value; of these queries, or of all.

    Raises:
        InputError: a query that the result does not have.
    """
    near: dict[str, list[tuple[str, float | None]]] = {}
    for row in found.records():
        value = row["similarity"]
        near.setdefault(str(row["query"]), []).append((str(row["neighbor"]), None if value != value else value))
    for query in queries or ():
        if query not in near:
            raise InputError(f"queries must be among those of the result; got {query!r}")
    return {query: near[query] for query in queries or near}


def gallery_chart(
    found: Neighbors, *, style: str = "light", width: str = "double", limit: int | None = None,
    images: Any = None, categories: Any = None, queries: Sequence[str] | None = None, beside: Any = None,
    labels: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """The query, and to its right its neighbours with their similarity below, the nearest first.

    Args:
        found: of `pyalign.neighbors`.
        style: "light" or "dark".
        width: "single" or "double", that of columns of a journal.
        limit: at most so many queries (default: 12); of neighbours at most 10 are shown, 4 in a single column.
        images: what `as_images` takes, such as a folder; names alone without.
        categories: of the objects, with names: frames say who shares one with the query.
        queries: which ones; default: the first.
        beside: of another search for the same queries, such as after a transform: its neighbours to the right of
            those, at most 4 of each, 2 in a single column; without categories frames say which both have.
        labels: of embeddings, in place of their names.

    Raises:
        InputError: a result without neighbours; a query that it, or `beside`, does not have.
        MissingExtraError: altair or, for images, Pillow is not installed.
    """
    look, points = style_of(style), width_of(width)
    if beside is not None and not isinstance(beside, Neighbors):
        kind = getattr(beside, "command", beside)
        raise InputError(f"beside must be a result of 'neighbors'; got one of {kind!r:.60}")
    searches = [found] if beside is None else [found, beside]
    most = (MOST_NEIGHBOURS if beside is None else MOST_BESIDE)[width]
    rows = nearest_of(found, queries)
    if not rows:
        raise InputError("a picture of neighbours needs at least one; the result has none")
    asked = list(rows)[: limit or MOST_QUERIES]
    panels = [{query: near[:most] for query, near in nearest_of(one, asked).items()} for one in searches]
    k = max(len(near) for panel in panels for near in panel.values())
    side = (points - 2 * 6 - 10 - GAP * (len(panels) - 1)) / (len(panels) * k + 1) - 4
    names = [*asked, *(name for panel in panels for near in panel.values() for name, _ in near)]
    uris, notes = ({}, []) if images is None else thumbnails(images, names, side, look.rgb)
    members = members_of(categories, dict.fromkeys(names))
    tiles, height, step = _tiles(panels, k, uris, members, side)
    frames = {QUERY: look.text}
    if members is not None:
        frames |= {SAME: look.palette[0], OTHER: look.palette[1]}
    elif beside is not None:
        frames[BOTH] = look.palette[0]
    sources = _sources(searches, labels)
    layers = tile_layers(tiles, side, height, look, frames)
    if beside is not None:
        layers.append(_heads(sources, [_left(panel, 1, k, side) for panel in range(2)], look))
    size = {"width": _left(len(panels) - 1, k + 1, k, side) - 4,
            "height": len(asked) * step - 8 + (HEAD if beside is not None else 0)}  # fmt: skip
    chart = altair().layer(*layers).properties(**size)
    told = _told(searches, sources, k, len(asked), len(rows))
    return finished(chart, look, points, f"Nearest neighbours by {' and by '.join(sources)}", told, notes)


def _sources(searches: Sequence[Neighbors], labels: Mapping[str, str] | None) -> list[str]:
    """What was searched, with the map that the rows went through."""
    short = short_labels([one.transform for one in searches if one.transform])
    models = called([(one.embeddings or "embeddings", None) for one in searches], labels)
    return different([
        f"{name} after {short[one.transform]}" if one.transform else name
        for name, one in zip(models, searches, strict=True)
    ])  # fmt: skip


def _left(panel: int, rank: int, k: int, side: float) -> float:
    """Where the tile of a rank, from 1, begins."""
    return LEFT + (panel * k + rank) * (side + 4) + panel * GAP


def _heads(sources: Sequence[str], at: Sequence[float], style: Style) -> Any:
    """The name of each search, above its neighbours."""
    alt = altair()
    rows = [{"x": x, "y": 0, "head": source} for x, source in zip(at, sources, strict=True)]
    mark = alt.Chart(alt.InlineData(values=rows)).mark_text(
        align="left", baseline="top", fontSize=TEXT, fontWeight="bold", color=style.text, limit=at[1] - at[0] - GAP
    )
    places = {"x": alt.X("x:Q", scale=None, axis=None), "y": alt.Y("y:Q", scale=None, axis=None)}
    return mark.encode(**places, text="head:N")


def _told(searches: Sequence[Neighbors], sources: Sequence[str], k: int, shown: int, queries: int) -> list[str]:
    """Of how many rows, what the numbers are, and how many of the true neighbours an index found."""
    values = list(dict.fromkeys(f"{one.kind} ({one.units})" for one in searches))
    told = [f"The {k} nearest of {searches[0].n:,} rows to each query, the nearest first; below each its "
            f"{' or '.join(values)}."]  # fmt: skip
    for one, source in zip(searches, sources, strict=True):
        by = "By" if len(sources) == 1 else f"{source}: by"
        if one.recall is not None:
            told.append(f"{by} an approximate index, which finds {100 * one.recall:.1f} % of the true neighbours.")
    if shown < queries:
        told.append(f"{shown} of {queries:,} queries.")
    return told


def _tiles(
    panels: Sequence[Near], k: int, uris: Mapping[str, str], members: Members | None, side: float
) -> tuple[list[Tile], float, float]:
    """A row for each query; tiles are square where there are images. With their height, and that of a row."""
    height = side if uris else min(side, 3 * LINE)
    names = {name: two_lines(name, side) for name in uris}
    lines = max((name.count("\n") + 1 for name in names.values()), default=0)
    step = height + (lines + 1) * LINE + 8
    tiles = []
    for row, query in enumerate(panels[0]):
        y = row * step + (HEAD if len(panels) > 1 else 0)
        below: tuple[str, ...] = (names[query],) if query in uris else ()
        tiles.append(Tile(0, y, one_line(query), below, uris.get(query, ""), QUERY, f"query {one_line(query)}"))
        for number, panel in enumerate(panels):
            for rank, (name, value) in enumerate(panel[query], 1):
                figure = "-" if value is None else f"{value:.3f}"
                frame = _both(panels, query, name) if members is None else _frame(members, query, name)
                below = (names[name], figure) if name in names else (figure,)
                told = f"neighbour {rank} of {one_line(query)}: {one_line(name)}, {figure}{f', {frame}' * bool(frame)}"
                tiles.append(
                    Tile(_left(number, rank, k, side), y, one_line(name), below, uris.get(name, ""), frame, told)
                )
    return tiles, height, step


def _both(panels: Sequence[Near], query: str, name: str) -> str:
    """Whether two searches have a neighbour in common."""
    return BOTH if len(panels) > 1 and all(name in dict(panel[query]) for panel in panels) else ""


def _frame(members: Members, query: str, name: str) -> str:
    """Nothing where either has no category."""
    own, its = members.get(query), members.get(name)
    return "" if not own or not its else SAME if own & its else OTHER
