"""Pictures of results: Vega-Lite specifications by Altair, files by vl-convert. A file for each kind; see `KINDS`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from pyalign import _checks
from pyalign._registry import load
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
TYPED = ("accuracy", "before-after", "ceiling", "cka", "consistency", "gallery", "metadata", "reliability", "rsa")
TOGETHER: dict[str, tuple[str, ...]] = {"accuracy": ("ceiling",), "before-after": (), "reliability": (), "rsa": ()}


def kinds_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of pictures that a document is drawn as by itself, that which says most of it first.

    What says the same in another way, or needs more than one document may hold, is drawn where it is asked for.
    """
    command = document["command"]
    if command == "score":
        return ("accuracy",)
    if command == "concepts":
        from pyalign.report.charts.concepts import too_many

        return ("concepts-map",) if too_many(document) else ("concepts",)
    return tuple(kind for kind, (commands, _) in KINDS.items() if command in commands)


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
        >>> rows = [{"concept": "food", "n_triplets": 90, "accuracy": 0.6, "ci": [0.5, 0.7]}]
        >>> document = {"command": "concepts", "results": [{"embeddings": "x", "concepts": rows}]}
        >>> chart(document).to_dict()["title"]["text"]
        ['Accuracy per concept: x']
    """
    from pyalign.report.charts.document import as_picture_documents, as_result
    from pyalign.report.charts.sound import require_sound

    documents = as_picture_documents(document)
    name = kind_of(documents, kind)
    if name in TYPED:
        several = document if isinstance(document, list | tuple) else [document]
        documents = [as_result(one) for one in several]
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
    return load(f"pyalign.report.charts.{KINDS[kind][1]}")
