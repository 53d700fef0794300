"""Representational dissimilarity matrices (RDMs), several on one scale; and their objects on a plane by MDS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign.errors import WITH_RDMS, InputError
from pyalign.pairwise.rdms import Rdms, percentiles
from pyalign.pairwise.rsa_result import Rsa
from pyalign.report.charts.map import (
    SIDE, TileSheet, colored, main_categories, members_of, objects_on_plane, thumbnails,
)
from pyalign.report.charts.matrix import ORDERS, clustered, sampled, unfolded
from pyalign.report.charts.theme import (
    SMALL, TEXT, Style, alt, at_point, chart_of, finished, first_of, known, letters_width, read_out, styled, texts,
    two_lines,
)
from pyalign.report.words import Labels, counted, different, model_labels, one_line

MOST_OBJECTS, MOST_MATRICES = 100, 9
MOST_ACROSS = {"single": 2, "double": 3}  # matrices in a row
LARGEST_CELL, PICTURE = 18.0, 11.0  # points; the side of an image, which decides how many objects there are
READ_OUT = 30  # objects up to which each cell is read out
GAP, HEAD = 12.0, 14.0  # points between matrices, and for the name above each
COLORED = ("percentiles", "values")
ORDER_BY_CATEGORY = "Order: by category; lines separate categories."


class Panel(NamedTuple):
    """A matrix with its name, and its upper left corner in points."""

    label: str
    values: np.ndarray
    x: float
    y: float


@styled
def rdm_chart(
    result: Rsa | Rdms, look: Style, *, sort: str | None = None, limit: int | None = None, by: str | None = None,
    categories: Any = None, images: Any = None,
) -> Any:
    """Matrices of the same objects in one order, that of the first one: the participants', where there are any.

    Args:
        sort: "cluster" (default without categories; needs scipy), "category" (default with them), "name", "document".
        limit: of objects, evenly spread over the order (default: 100; with images as many as have room).
        by: "percentiles" of the pairs of each matrix (default of several), which have no unit, or "values" as they are.
    """
    rdms, names, objects = _read(result, look.labels)
    by = _checks.one_of(by or COLORED[len(names) == 1], COLORED, "by")
    across, ranks = _across(len(names), look.width), by == COLORED[0]
    words = [""] * len(objects) if categories is None else _categories(categories, objects)
    order, sentence = _order(rdms, objects, words, sort or ("cluster" if categories is None else "category"))
    room = (look.points - 2 * 6 - GAP * (across - 1)) / across
    shown = sampled(order, limit or (int(room / PICTURE) - 1 if images is not None else MOST_OBJECTS))
    objects, words = [objects[k] for k in shown], [words[k] for k in shown]
    grouped = sentence == ORDER_BY_CATEGORY
    left = _left(objects, words if grouped else [], room, look.points, images is not None)
    side = min(LARGEST_CELL, (look.points - 2 * 6 - left - GAP * (across - 1)) / (across * len(objects)))
    below = left + 4 if side >= SMALL or images is not None else 0.0
    step = side * len(objects) + GAP, side * len(objects) + GAP + HEAD + below
    panels = [
        Panel(name, values[np.ix_(shown, shown)], left + k % across * step[0], HEAD + k // across * step[1])
        for k, (name, values) in enumerate(zip(names, (one.square() for one in rdms.matrices), strict=False))
    ]
    uris, notes = thumbnails(images, objects, side, look.rgb)
    layers = _cells(panels, objects, side, rdms.kind, by, look)
    layers += _at_sides(panels, objects, side, uris, across, look, images is not None)
    if grouped:
        layers += _groups(panels, words, side, across, look, named=side < SMALL and not uris)
    heads = [{"head": panel.label, "x": panel.x, "y": panel.y - HEAD} for panel in panels]
    layers.append(texts(heads, "head", align="left", baseline="top", fontSize=TEXT, fontWeight="bold", color=look.text,
                        limit=max(side * len(objects), 40)))
    frame = {"width": left + across * step[0] - GAP, "height": -(-len(panels) // across) * step[1]}
    total, measures = len(rdms.objects), {one.measure for one in rdms.matrices if one.measure is not None}
    sentences = [
        f"{counted(len(objects), 'object')}, the same order everywhere. "
        f"Color: {'percentile of ' * ranks}the {rdms.kind} of a pair{' within its matrix' * ranks}.",
        sentence,
        "" if len(objects) == total else f"{len(objects)} of {total:,} objects, evenly spread over the order.",
        first_of(len(names), len(rdms.matrices), "matrices"),
        f"Measure: {one_line(*measures)}." if len(measures) == 1 else "",
    ]
    title = f"RDM: {names[0]}" if len(names) == 1 else "Representational dissimilarity matrices"
    drawn = finished(alt.layer(*layers, **frame), look, title, sentences, notes)
    drawn.usermeta["pyalign"]["order"] = shown  # by which a page finds the cells among the pairs of its table
    return drawn


def _read(result: Rsa | Rdms, labels: Labels | None) -> tuple[Rdms, list[str], list[str]]:
    """The matrices of a result, what those that are shown are called, and the names of the objects."""
    rdms = result.rdms if isinstance(result, Rsa) else result
    if rdms is None:
        raise InputError(f"a picture of RDMs needs a result of {WITH_RDMS}; this one keeps no matrices")
    names = matrix_names(result, rdms, labels)[:MOST_MATRICES]
    return rdms, names, different([one_line(name) for name in rdms.objects])


def _across(matrices: int, width: str) -> int:
    """How many matrices stand in a row: rows are about as long as each other."""
    return -(-matrices // -(-matrices // MOST_ACROSS[width]))


def matrix_names(result: Rsa | Rdms, rdms: Rdms, labels: Labels | None = None) -> list[str]:
    """What the matrices are called: participants, models, and their measures where there are several."""
    own = {row.embeddings: row.label for row in result.results} if isinstance(result, Rsa) else {}
    models = [(one.embeddings, own.get(one.embeddings)) for one in rdms.matrices if one.embeddings is not None]
    short = model_labels(models, labels=labels)
    several = len({one.measure for one in rdms.matrices if one.measure is not None}) > 1
    people = getattr(result, "n_people", None)
    who = "people" if people is None else f"people, mean of {people:,}"
    return different([
        who if one.embeddings is None
        else f"{short[one.embeddings]}, {one_line(one.measure)}" if several and one.measure is not None
        else short[one.embeddings]
        for one in rdms.matrices
    ])


def _categories(categories: Any, objects: Sequence[str]) -> list[str]:
    """One category of each object; the largest ones come first."""
    members = members_of(categories, objects, objects)
    assert members is not None
    if not any(members.get(name) for name in objects):
        raise InputError(f"categories must have some of the objects of the matrices, such as {objects[0]!r}; got none")
    return main_categories(members, objects, len(objects))[0]


def _order(rdms: Rdms, objects: Sequence[str], words: Sequence[str], sort: str) -> tuple[list[int], str]:
    """The order of the objects, and the sentence on it."""
    _checks.one_of(sort, (*ORDERS, "category"), "sort")
    if sort == "cluster":
        values = rdms.matrices[0].square()
        return clustered(values if rdms.kind == "similarity" else -values), ORDERS[sort]
    if sort == "category":
        if not any(words):
            raise InputError("sort 'category' needs categories of the objects; got none")
        sizes = {word: words.count(word) for word in words}
        return sorted(range(len(words)), key=lambda k: (-sizes[words[k]], words[k])), ORDER_BY_CATEGORY
    by_name = sorted(range(len(objects)), key=lambda k: objects[k] if sort == "name" else "")
    return by_name, ORDERS[sort]


def _left(objects: Sequence[str], words: Sequence[str], room: float, points: float, pictured: bool) -> float:
    """The room for names, categories or images before the rows, in points."""
    if pictured:
        return PICTURE + 4
    texts = objects if room / (len(objects) + 6) >= SMALL else [word for word in words if word]
    return min(0.18 * points, 6 + max(letters_width(text, SMALL) for text in texts)) if texts else 0.0


def _cells(panels: Sequence[Panel], objects: Sequence[str], side: float, kind: str, by: str, look: Style) -> list[Any]:
    """The colored cells of all matrices, with one legend; data hold each pair once, which is drawn twice."""
    ends = [0.0, 1.0]
    if by == "values":
        finite = [value for panel in panels for value in panel.values[np.isfinite(panel.values)].tolist()]
        ends = [min(finite, default=0.0), max(finite, default=1.0)]
    title = kind if by == "values" else f"percentile of {kind}"
    legend = alt.Legend(title=title, orient="bottom", gradientLength=140, gradientThickness=6, direction="horizontal",
                        titleLimit=0, offset=6, **({"format": ".3~g", "tickCount": 4} if by == "values" else
                                                   {"format": ".0%", "values": [0, 0.5, 1]}))
    scale = alt.Scale(domain=ends, range=list(look.ramp), clamp=True)
    color = alt.Color("percentile:Q" if by == COLORED[0] else "value:Q", scale=scale, legend=legend)
    tips = [*map(alt.Tooltip, ("matrix:N", "row:N", "column:N")), alt.Tooltip("value:Q", title=kind, format=".4~g"),
            alt.Tooltip("percentile:Q", format=".1%")]
    layers = []
    upper = np.triu_indices(len(objects), 1)
    for panel in panels:
        shares = np.full(panel.values.shape, np.nan)
        shares[upper[::-1]] = np.round(percentiles(panel.values[upper]), 4)
        rows = [
            {"matrix": panel.label, "row": name, "line": k, "cells": [*map(known, panel.values[k, :k].tolist())],
             "more_percentile": [*map(known, shares[k, :k].tolist())]}
            for k, name in enumerate(objects) if k > 0
        ]
        spoken = f"datum.matrix + ', ' + datum.row + ', ' + datum.column + ': {kind} ' + format(datum.value, '.4~g')"
        base = unfolded(rows, objects, {"cells": "value", "more_percentile": "percentile"}, spoken)
        for across, down in (("datum.place - 1", "datum.line"), ("datum.line", "datum.place - 1")):
            corners = {"left": f"{panel.x} + {side} * ({across})", "top": f"{panel.y} + {side} * ({down})"}
            cells = base.transform_calculate(
                **corners, right=f"datum.left + {side}", bottom=f"datum.top + {side}"
            ).mark_rect(aria=len(objects) <= READ_OUT and across != "datum.line", strokeWidth=0)
            cells = cells.encode(x2=alt.X2("right:Q"), y2=alt.Y2("bottom:Q"), color=color, **read_out(*tips))
            layers.append(cells.encode(**at_point("left", "top")))
    return layers


def _at_sides(
    panels: Sequence[Panel], objects: Sequence[str], side: float, uris: Mapping[str, str], across: int, look: Style,
    pictured: bool,
) -> list[Any]:
    """Names or images of the objects, left of the first matrix of each row and below all."""
    whole = side * len(objects)
    if pictured:
        tiles = TileSheet((side, side), uris)
        for k, panel in enumerate(panels):
            for place, name in enumerate(objects):
                if k % across == 0:
                    tiles.add(name, panel.x - side - 2, panel.y + side * place, name, None)
                tiles.add(name, panel.x + side * place, panel.y + whole + 2, name, None)
        return tiles.layers(look)
    if side < SMALL:
        return []
    rows, columns = [], []
    for k, panel in enumerate(panels):
        for place, name in enumerate(objects):
            middle = side * (place + 0.5)
            short = two_lines(name, 80).splitlines()[0]
            columns.append({"name": short, "x": panel.x + middle, "y": panel.y + whole + 3})
            if k % across == 0:
                rows.append({"name": short, "x": panel.x - 3, "y": panel.y + middle})
    return [texts(of, angle=angle, color=look.text, align="right", baseline="middle")
            for of, angle in ((rows, 0), (columns, 300))]


def _groups(
    panels: Sequence[Panel], words: Sequence[str], side: float, across: int, look: Style, named: bool
) -> list[Any]:
    """Lines between categories in each matrix; their names left of the rows, where those have no names."""
    starts = [k for k, word in enumerate(words) if k == 0 or word != words[k - 1]]
    whole, lines, names = side * len(words), [], []
    for number, panel in enumerate(panels):
        for start, end in zip(starts, [*starts[1:], len(words)], strict=True):
            at, middle = side * start, side * (start + end) / 2
            if start:
                lines.append({"x": panel.x, "y": panel.y + at, "x2": panel.x + whole, "y2": panel.y + at})
                lines.append({"x": panel.x + at, "y": panel.y, "x2": panel.x + at, "y2": panel.y + whole})
            if named and number % across == 0 and side * (end - start) >= SMALL + 1:
                names.append({"name": one_line(words[start]), "x": panel.x - 4, "y": panel.y + middle})
    rule = chart_of(lines).mark_rule(color=look.background, strokeWidth=1.2, aria=False)
    layers = [rule.encode(**at_point(), x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q"))] if lines else []
    return [*layers, texts(names, color=look.text, align="right", baseline="middle")] if names else layers


# Multidimensional scaling


def scaled(dissimilarities: np.ndarray) -> np.ndarray:
    """(n, 2): classical multidimensional scaling (Torgerson 1952) of a matrix (n, n), whose diagonal is not looked at.
    """
    n = len(dissimilarities)
    d = np.where(np.eye(n, dtype=bool), 0.0, dissimilarities)
    if n < 3 or not np.isfinite(d).all():
        what = "pairs without a value" if n >= 3 else f"{n} objects"
        raise InputError(f"MDS needs at least 3 objects and a value for each of their pairs; got {what}")
    centered = d**2 - (d**2).mean(axis=0) - (d**2).mean(axis=1)[:, None] + (d**2).mean()
    values, vectors = np.linalg.eigh(-centered / 2)
    axes = vectors[:, ::-1][:, :2] * np.sqrt(np.maximum(values[::-1][:2], 0.0))
    signs = np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    out: np.ndarray = axes * signs
    return out


def turned(places: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Positions (n, 2), rotated and reflected so that they are nearest to others of the same objects.

    Example:
        >>> turned(np.array([[0.0, 1.0], [0.0, -1.0]]), np.array([[2.0, 0.0], [-2.0, 0.0]])).round(3)
        array([[ 1.,  0.],
               [-1.,  0.]])
    """
    u, _, v = np.linalg.svd(places.T @ like)
    out: np.ndarray = places @ (u @ v)
    return out + 0.0


@styled
def mds_chart(
    result: Rsa | Rdms, look: Style, *, limit: int | None = None, categories: Any = None, images: Any = None
) -> Any:
    """Objects on a plane by classical MDS of each matrix, turned so that they resemble the first.

    Categories are colors and shapes; `limit`: of images, or names, in each.
    """
    rdms, names, objects = _read(result, look.labels)
    colors = colored(categories, objects, look)
    across = _across(len(names), look.width)
    side = SIDE[look.width] * (1.0 if across == 1 else 0.6)
    room = (look.points - 2 * 6 - 16.0 - GAP * (across - 1)) / across
    panels, kept, first, notes = [], [], None, dict[str, None]()
    for name, dissimilarities in zip(names, rdms.dissimilarities(), strict=False):
        places = scaled(dissimilarities)
        first = places if first is None else first
        kept.append(f"{name} {_kept(places, dissimilarities):.2f}")
        layers, frame, _, more = objects_on_plane(
            turned(places, first), objects, colors, (images, limit), (room, side), look, name
        )
        notes |= dict.fromkeys(more)
        head = alt.TitleParams(name, anchor="start", fontSize=TEXT, color=look.text, offset=2, limit=room)
        panels.append(alt.layer(*layers, width=frame[0], height=frame[1], title=head))
    chart = alt.concat(*panels, columns=across, spacing=GAP) if len(panels) > 1 else panels[0]
    sentences = [
        f"{counted(len(objects), 'object')}. Classical multidimensional scaling of each matrix; near means alike.",
        f"Correlation of distances on the plane with the matrix: {', '.join(kept)}.",
        "Turned to resemble the first, without change of distances." if len(panels) > 1 else "",
        first_of(len(names), len(rdms.matrices), "matrices"),
    ]
    title = f"MDS: {names[0]}" if len(names) == 1 else "Objects by multidimensional scaling of each RDM"
    return finished(chart, look, title, sentences, list(notes))


def _kept(places: np.ndarray, dissimilarities: np.ndarray) -> float:
    """The correlation of distances on the plane with the matrix; 0 where either has no variance."""
    upper = np.triu_indices(len(places), 1)
    distances = np.linalg.norm(places[upper[0]] - places[upper[1]], axis=1)
    both = np.stack([distances, dissimilarities[upper]])
    return float(np.corrcoef(both)[0, 1]) if (np.ptp(both, axis=1) > 0).all() else 0.0
