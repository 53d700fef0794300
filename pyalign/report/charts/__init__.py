"""Pictures of results: Vega-Lite specifications by Altair, files by vl-convert. A file for each kind; see `KINDS`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from pyalign import _checks
from pyalign._registry import load
from pyalign.errors import InputError
from pyalign.report.charts.ranked import MOST_MODELS
from pyalign.results import SCHEMA, read_result

# kind -> the commands whose results hold it, and the function that draws it; of () more than a result is needed.
KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "accuracy": (("score", "compare"), "accuracy:accuracy_chart"),
    "ceiling": (("ceiling",), "ceiling:ceiling_chart"),
    "before-after": (("probe", "score"), "before_after:before_after_chart"),
    "reliability": (("calibrate",), "reliability:reliability_chart"),
    "rsa": (("rsa",), "rsa:rsa_chart"),
    "cka": (("cka", "layers"), "cka:cka_chart"),
    "consistency": (("consistency",), "consistency:consistency_chart"),
    "concepts": (("concepts",), "concepts:concepts_chart"),
    "concepts-map": (("concepts",), "concepts_map:concepts_map_chart"),
    "dimensions": (("predict",), "dimensions:dimensions_chart"),
    "gallery": (("neighbors",), "gallery:gallery_chart"),
    "metadata": (("metadata",), "metadata:metadata_chart"),
    "cards": ((), "cards:cards_chart"),
    "map": ((), "maps:map_chart"),
}
# Kinds that show several results together -> the commands whose results may stand beside them.
TOGETHER: dict[str, tuple[str, ...]] = {"accuracy": ("ceiling",), "before-after": (), "reliability": (), "rsa": ()}


def as_result(given: Any) -> Any:
    """A result as it is, or that of its document or of its `.json` file.

    Raises:
        InputError: none of these, or a damaged document; OSError: a file is missing or forbidden.

    Example:
        >>> as_result({"command": "hubs", "schema": 1, "results": [], "k": 3, "measure": "dot", "n_objects": 9}).k
        3
    """
    if hasattr(given, "to_dict"):
        return given
    where = "the result"
    if isinstance(given, str | os.PathLike):
        from pyalign.io.documents import read_json

        where, given = os.fspath(given), read_json(given)
    if not isinstance(given, Mapping) or not isinstance(given.get("command"), str):
        raise InputError(f"{where} must be a result of pyalign, its document or its .json file; it says no command")
    schema = given.get("schema", SCHEMA)
    if type(schema) is not int or not 1 <= schema <= SCHEMA:
        raise InputError(f"{where} must have schema {SCHEMA}, which this version knows; got {schema!r:.20}")
    return read_result({"schema": SCHEMA, **given}, where)


def as_results(given: Any) -> list[Any]:
    """The same of one, or of several in a list."""
    several = list(given) if isinstance(given, list | tuple) else [given]
    if not several:
        raise InputError("a picture needs a result; got an empty list")
    return [as_result(one) for one in several]


def kinds_of(result: Any) -> tuple[str, ...]:
    """The kinds of pictures that a result is drawn as by itself, that which says most of it first.

    What says the same in another way, or needs more than one result may hold, is drawn where it is asked for.
    """
    if result.command == "score":
        return ("accuracy",)
    if result.command == "concepts":  # more models than points tell apart are a map of models and concepts
        many = max(Counter(one.by for one in result.results).values(), default=0) > MOST_MODELS
        return ("concepts-map",) if many else ("concepts",)
    return tuple(kind for kind, (commands, _) in KINDS.items() if result.command in commands)


def kind_of(results: Sequence[Any], kind: str | None = None) -> str:
    """The kind that is asked for, or that the first of some results is drawn as by itself.

    Raises:
        InputError: an unknown kind; a result of which there is no such picture; several where it shows one.
    """
    if kind is not None:
        _checks.one_of(kind, tuple(KINDS), "kind")
    first = next((one for one in results if kinds_of(one) and one.command != "ceiling"), results[0])
    chosen = kind or next(iter(kinds_of(first)), None)
    beside = TOGETHER.get(chosen or "", ()) if len(results) > 1 else ()
    for result in results:
        there = tuple(name for name, (commands, _) in KINDS.items() if result.command in commands)
        if chosen is None or (chosen not in there and result.command not in beside):
            known = f"there are of {', '.join(there)}" if there else "there are none"
            asked = f" of kind {chosen!r}" if chosen else ""
            raise InputError(f"no picture{asked} in a result of {result.command!r}: {known}")
    assert chosen is not None
    if len(results) > 1 and chosen not in TOGETHER:
        raise InputError(
            f"a picture of kind {chosen!r} shows one result; got {len(results)} (of {', '.join(TOGETHER)} several)"
        )
    return chosen


def chart(result: Any, kind: str | None = None, *, images: Any = None, **options: Any) -> Any:
    """A chart of Altair from a result.

    Args:
        result: a result, its document, or its `.json` file; a list of them for a kind of `TOGETHER`.
        kind: one of `KINDS` that the result is enough for; default: see `kind_of`.
        images: of the objects, what `as_images` takes, such as a folder; for galleries.
        options: of the function of that kind, such as `style`, `width`, `sort`, `limit`.

    Raises:
        InputError: a result of which there is no such picture, a damaged document, or an unknown option.
        MissingExtraError: altair is not installed.

    Example:
        >>> import numpy as np, pyalign
        >>> found = pyalign.concepts({"x": np.eye(4)}, [[0, 1, 2], [1, 2, 3]], categories=["a", "a", "b", "b"])
        >>> chart(found).to_dict()["title"]["text"]
        ['Accuracy per concept: x']
    """
    results = as_results(result)
    name = kind_of(results, kind)
    if name == "gallery":
        options["images"] = images
    draw = drawing(name)
    known = tuple(one.name for one in signature(draw).parameters.values() if one.kind is one.KEYWORD_ONLY)
    for option in options:
        _checks.one_of(option, known, f"an option of a picture of kind {name!r}")
    return draw(results if name in TOGETHER else results[0], **options)


def drawing(kind: str) -> Any:
    """The function that draws a kind."""
    return load(f"pyalign.report.charts.{KINDS[kind][1]}")
