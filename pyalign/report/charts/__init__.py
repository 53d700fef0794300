"""Pictures of results: Vega-Lite specifications by Altair, files by vl-convert. The kinds are the rows of `CHARTS`.

Functions that draw them take `style` ("light" or "dark") and `width` ("single" or "double", that of columns of a
journal). Where there is a use for it they take `sort` (of rows: "value", the largest on top, "difference", "name" or
"document"), `limit` (at most so many rows, from the top), `by` (what is shown, where the result has several; default:
the first), `labels` (of models, instead of their own), `images` (what `as_images` takes, such as a folder; names
without), `categories` (of the objects) and `names` (of rows). They raise InputError for a result or an option that they
can't draw, and MissingExtraError where altair, scipy to cluster, or Pillow for images is not installed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign._registry import load
from pyalign._result import SCHEMA, kinds, read_result
from pyalign.errors import WITH_RDMS, InputError, Remedy
from pyalign.report.charts.ranked import MOST_MODELS


@dataclass(frozen=True)
class Chart:
    """A kind of chart: NAME_chart of the module NAME, or of `module`, draws it."""

    takes: tuple[str, ...]  # arguments of `plot` that it has a use for, in addition to its looks.
    several: bool = False  # whether it shows several results together.
    companions: tuple[str, ...] = ()  # the kinds of results that may be shown along with them.
    module: str = ""  # what draws it, if that has another name.
    # a field without which a result can't be drawn so, and where it comes from; (): there is none.
    needs: tuple[str, ...] = ()


RDMS = ("rdms", f"{WITH_RDMS} keeps what it needs")
LAYERS = ("layers", "it needs models named MODEL::LAYER, at least two layers of a model")
PATH = ("path", "it needs several penalties, of which the folds chose")
STABILITY = ("stability", "it needs other fits: n_seeds, halves or n_resamples")
ENTROPY = ("entropy_bins", "it needs score_concepts(..., entropy=...), or an agreement computed by this version")
CHARTS = {
    "accuracy": Chart(("result", "by", "sort", "limit"), several=True, companions=("ceiling",), module="models"),
    "differences": Chart(("result", "sort", "limit")),
    "depth": Chart(("result", "limit"), module="models", needs=LAYERS),
    "ceiling": Chart(("result",), module="models"),
    "before-after": Chart(("result", "sort", "limit"), several=True, module="models"),
    "transfer": Chart(("result", "sort", "limit"), module="differences"),
    "reliability": Chart(("result", "by", "limit"), several=True, module="scatter"),
    "entropy": Chart(("result", "by", "limit"), needs=ENTROPY),
    "rsa": Chart(("result", "sort", "limit"), several=True, module="models"),
    "rdm": Chart(("result", "embeddings", "names", "categories", "images", "by", "sort", "limit"), needs=RDMS),
    "mds": Chart(("result", "embeddings", "names", "categories", "images", "limit"), module="rdm", needs=RDMS),
    "cka": Chart(("result", "by", "sort", "limit"), module="matrix"),
    "consistency": Chart(("result", "by", "sort", "limit"), module="matrix"),
    "concepts": Chart(("result", "by", "sort", "limit")),
    "concepts-map": Chart(("result", "by", "sort", "limit"), module="concepts"),
    "dimensions": Chart(("result", "sort", "limit"), module="concepts"),
    "penalty-path": Chart(("result",), module="concepts", needs=PATH),
    "dimension-stability": Chart(("result", "limit"), module="concepts", needs=STABILITY),
    "power": Chart(("result", "limit"), module="differences"),
    "gallery": Chart(("result", "images", "queries", "categories", "names", "limit"), several=True),
    "metadata": Chart(("result", "by"), module="scatter"),
    "scores": Chart(("result", "by", "limit"), several=True, module="scatter"),
    "cards": Chart(
        ("result", "dimensions", "dimension_labels", "triplets", "names", "images", "limit"), module="gallery"
    ),
    "map": Chart(("embeddings", "names", "categories", "images", "method", "seed", "limit")),
}


def as_result(source: Any) -> Any:
    """A result as it is, or that of its document or of its `.json` file.

    Example:
        >>> from pyalign import score
        >>> as_result(score([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], [[0, 1, 2]], ci=None).to_dict()).n_triplets
        1
    """
    if hasattr(source, "to_dict"):
        return source
    where = "the result"
    if isinstance(source, str | os.PathLike):
        from pyalign.io.documents import read_json

        where = os.fspath(source)
        try:
            source = read_json(source)
        except InputError as error:
            if where.endswith((".json", ".json.gz")):
                raise
            drawn = Remedy("embeddings", like="path")
            raise InputError(f"{error}; a result is a .json document, and {drawn} draws embeddings") from error
    return read_result({"schema": SCHEMA, **source} if isinstance(source, Mapping) else source, where)


def as_results(source: Any) -> list[Any]:
    """The results of one source, or of several in a list; see `as_result`."""
    several = source if isinstance(source, list | tuple) else [source]
    if not several:
        raise InputError("a picture needs a result; got an empty list")
    return [as_result(each) for each in several]


def charts_of(result: Any) -> tuple[str, ...]:
    """The kinds of charts that there are of a result, that which says most of it first."""
    kind = kinds().get(result.command)
    needs = {name: CHARTS[name].needs for name in (() if kind is None else kind.charts)}
    return tuple(name for name, need in needs.items() if not need or getattr(result, need[0]) not in (None, ()))


def default_chart(result: Any) -> str | None:
    """The kind of chart that a result is drawn as by itself; None: there is none.

    What says the same in another way, or needs more than one result may hold, is drawn where it is asked for.
    """
    if result.command == "concepts" and {scores.by for scores in result.results} == {"entropy"}:
        return "entropy"
    if result.command == "concepts":  # more models than points tell apart are a map of models and concepts
        many = max(Counter(scores.by for scores in result.results).values(), default=0) > MOST_MODELS
        return "concepts-map" if many else "concepts"
    return next((name for name in charts_of(result) if name != "scores"), None)  # which needs two results


def kind_of(results: Sequence[Any], kind: str | None = None) -> str:
    """The kind that is asked for, or that the first of some results is drawn as by itself.

    Raises InputError for an unknown kind, a result of which there is no such picture, several where it shows one.
    """
    if kind is not None:
        _checks.one_of(kind, tuple(CHARTS), "kind")
    first = next((result for result in results if charts_of(result) and result.command != "ceiling"), results[0])
    chosen = kind or default_chart(first)
    if kind is None and len(results) > 1:
        chosen = next((name for name in charts_of(first) if CHARTS[name].several), chosen)
    if (
        kind is None
        and chosen
        and not all(chosen in charts_of(one) or one.command in CHARTS[chosen].companions for one in results)
        and all("scores" in charts_of(one) for one in results)
    ):
        chosen = "scores"  # of results of different kinds
    companions = CHARTS[chosen].companions if chosen and len(results) > 1 else ()
    for result in results:
        there = charts_of(result)
        if chosen is None or (chosen not in there and result.command not in companions):
            known = f"there are of {', '.join(there)}" if there else "there are none"
            of_kind = f" of kind {chosen!r}" if chosen else ""
            row = kinds().get(result.command)
            if row is not None and chosen in row.charts:
                known += f"; {CHARTS[chosen].needs[1]}"
            raise InputError(f"no picture{of_kind} in a result of {result.command!r}: {known}")
    assert chosen is not None
    if len(results) > 1 and not CHARTS[chosen].several:
        several = ", ".join(name for name, row in CHARTS.items() if row.several)
        raise InputError(f"a picture of kind {chosen!r} shows one result; got {len(results)} (of {several} several)")
    return chosen


def chart(result: Any, kind: str | None = None, *, images: Any = None, **options: Any) -> Any:
    """A chart of Altair from a result.

    Args:
        result: a result, its document, or its `.json` file; a list of them for a kind that shows several.
        kind: one of `CHARTS` that the result is enough for; default: see `default_chart`.
        images: of the objects, what `as_images` takes, such as a folder; for galleries.
        options: of the function of that kind, such as `style`, `width`, `sort`, `limit`.
    """
    results = as_results(result)
    name = kind_of(results, kind)
    if "images" in CHARTS[name].takes:
        options["images"] = images
    draw = drawing(name)
    for option in options:
        _checks.one_of(option, options_of(draw), f"an option of a picture of kind {name!r}")
    return draw(results if CHARTS[name].several else results[0], **options)


def options_of(draw: Any) -> list[str]:
    """The options of a function that draws."""
    every = signature(draw).parameters.values()
    return ["style", "width", *(one.name for one in every if one.kind is one.KEYWORD_ONLY), "labels"]


def drawing(kind: str) -> Any:
    """The function that draws a kind."""
    name = kind.replace("-", "_")
    return load(f"pyalign.report.charts.{CHARTS[kind].module or name}:{name}_chart")
