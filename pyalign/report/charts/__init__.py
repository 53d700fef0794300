"""Pictures of results: Vega-Lite specifications by Altair, files by vl-convert. A file for each kind; see `KINDS`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import import_module
from inspect import signature
from typing import Any

from pyalign import _checks
from pyalign.errors import InputError

# kind -> the commands whose documents hold it, and the function that draws it; of () more than a document is needed.
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
# Kinds that show several documents together -> the commands whose documents may stand beside them.
TYPED = ("concepts", "concepts-map", "consistency", "dimensions", "gallery")
TOGETHER: dict[str, tuple[str, ...]] = {"accuracy": ("ceiling",), "before-after": (), "reliability": (), "rsa": ()}


def kinds_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of pictures that a document is drawn as by itself, that which says most of it first.

    What says the same in another way, or needs more than one document may hold, is drawn where it is asked for.
    """
    command = document["command"]
    if command == "score":
        return ("accuracy",)
    if command == "concepts":
        return ("concepts-map",) if _too_many(document) else ("concepts",)
    return tuple(kind for kind, (commands, _) in KINDS.items() if command in commands)


def _too_many(document: Mapping[str, Any]) -> bool:
    """Whether there are more models than points tell apart: a map of models and concepts shows them."""
    from pyalign.report.charts.document import listed
    from pyalign.report.charts.ranked import MOST_MODELS

    return max(Counter(str(one.get("by")) for one in listed(document, "results")).values()) > MOST_MODELS


def kind_of(documents: Sequence[Mapping[str, Any]], kind: str | None = None) -> str:
    """The kind that is asked for, or that the first of some documents is drawn as by itself.

    Raises:
        InputError: an unknown kind; a document of which there is no such picture; several where it shows one.
    """
    if kind is not None:
        _checks.one_of(kind, tuple(KINDS), "kind")
    first = next((one for one in documents if kinds_of(one) and one["command"] != "ceiling"), documents[0])
    for document in documents:
        command = document["command"]
        held = tuple(name for name, (commands, _) in KINDS.items() if command in commands)
        chosen = kind or next(iter(kinds_of(first)), None)
        beside = TOGETHER.get(chosen or "", ()) if len(documents) > 1 else ()
        if chosen is None or (chosen not in held and command not in beside):
            there = f"there are of {', '.join(held)}" if held else "there are none"
            asked = f" of kind {chosen!r}" if kind or chosen else ""
            raise InputError(f"no picture{asked} in a result of {command!r}: {there}")
    name = kind or kinds_of(first)[0]
    if len(documents) > 1 and name not in TOGETHER:
        raise InputError(
            f"a picture of kind {name!r} shows one result; got {len(documents)} (of {', '.join(TOGETHER)} several)"
        )
    return name


def chart(document: Any, kind: str | None = None, *, images: Any = None, **options: Any) -> Any:
    """A chart of Altair from a document.

    Args:
        document: a result, its document, or its `.json` file; a list of them for a kind of `TOGETHER`.
        kind: one of `KINDS` that the document is enough for; default: see `kind_of`.
        images: of the objects, what `as_images` takes, such as a folder; for galleries.
        options: of the function of that kind, such as `style`, `width`, `sort`, `limit`.

    Raises:
        InputError: a document of which there is no such picture, or that is damaged; an unknown option.
        MissingExtraError: altair is not installed.

    Example:
        >>> import numpy as np, pyalign
        >>> found = pyalign.concepts({"x": np.eye(4)}, [[0, 1, 2], [1, 2, 3]], categories=["a", "a", "b", "b"])
        >>> chart(found).to_dict()["title"]["text"]
        ['Accuracy per concept: x']
    """
    from pyalign.report.charts.document import as_picture_documents, as_result
    from pyalign.report.charts.sound import require_sound

    documents = as_picture_documents(document)
    name = kind_of(documents, kind)
    if name in TYPED:
        documents = [as_result(one) for one in (document if isinstance(document, list | tuple) else [document])]
    else:
        for one in documents:
            require_sound(one, name)
    if name == "gallery":
        options["images"] = images
    draw = drawing(name)
    known = tuple(one.name for one in signature(draw).parameters.values() if one.kind is one.KEYWORD_ONLY)
    for option in options:
        _checks.one_of(option, known, f"an option of a picture of kind {name!r}")
    return draw(documents if name in TOGETHER else documents[0], **options)


def drawing(kind: str) -> Any:
    """The function that draws a kind."""
    module, _, name = KINDS[kind][1].partition(":")
    return getattr(import_module(f"pyalign.report.charts.{module}"), name)
