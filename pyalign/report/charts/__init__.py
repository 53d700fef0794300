"""Pictures of results: Vega-Lite specifications by Altair, files by vl-convert. A file for each kind; see `KINDS`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pyalign import _checks
from pyalign.errors import InputError

# kind -> the command whose documents hold it, and the function that draws it; of "" more than a document is needed.
KINDS = {
    "concepts": ("concepts", "concepts:concepts_chart"),
    "dimensions": ("predict", "dimensions:dimensions_chart"),
    "gallery": ("neighbors", "gallery:gallery_chart"),
    "metadata": ("metadata", "metadata:metadata_chart"),
    "cards": ("", "cards:cards_chart"),
    "map": ("", "maps:map_chart"),
}


def kinds_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of pictures that a document alone is enough for."""
    return tuple(kind for kind, (command, _) in KINDS.items() if command == document["command"])


def chart(document: Any, kind: str | None = None, *, images: Any = None, **options: Any) -> Any:
    """A chart of Altair from a document.

    Args:
        document: a result, its document, or its `.json` file.
        kind: one of `KINDS` that the document is enough for; default: the only one.
        images: of the objects, what `as_images` takes, such as a folder; for galleries.
        options: of the function of that kind, such as `style`, `width`, `sort`, `limit`.

    Raises:
        InputError: a document of which there is no such picture.
        MissingExtraError: altair is not installed.

    Example:
        >>> rows = [{"concept": "food", "n_triplets": 90, "accuracy": 0.6, "ci": [0.5, 0.7]}]
        >>> document = {"command": "concepts", "results": [{"embeddings": "x", "concepts": rows}]}
        >>> chart(document).to_dict()["title"]["text"]
        ['Accuracy per concept: x']
    """
    from pyalign.report.charts.document import as_picture_document
    from pyalign.report.charts.sound import require_sound

    document = as_picture_document(document)
    held = kinds_of(document)
    if kind is not None:
        _checks.one_of(kind, tuple(KINDS), "kind")
    if not held or kind not in (None, *held):
        there = f"there are of {', '.join(held)}" if held else "there are none"
        raise InputError(
            f"no picture{f' of kind {kind!r}' if kind else ''} in a result of {document['command']!r}: {there}"
        )
    name = kind or held[0]
    require_sound(document, name)
    if name == "gallery":
        options["images"] = images
    drawn = drawing(name)(document, **options)
    return drawn


def drawing(kind: str) -> Any:
    """The function that draws a kind."""
    module, _, name = KINDS[kind][1].partition(":")
    return getattr(import_module(f"pyalign.report.charts.{module}"), name)
