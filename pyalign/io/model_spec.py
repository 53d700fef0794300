"""A model as an entry of the registry of the Re-Align challenge (ICLR 2026).

The form is that of the challenge's evaluation contract, which calls itself a draft: a JSON object with `model_name`,
`source` (torchvision, timm, open_clip, custom), `weights` (text or null), `layer` (the path of a module), `embedding`
(pool, cls, flatten, mean), `input_size` ([height, width]), `preprocess` (`mean`, `std`, `resize`, `crop`) and
`output_dim`; further keys are allowed. Entries of the registry that others have shown lack `input_size` and
`output_dim`, so these and `preprocess` may be missing here.

What is assumed: three numbers of `input_size` are channels, height and width, as timm has them; a folder of
`pyalign extract` whose manifest names no way of pooling has the flattened output of its layer; weights without a name
go by their hash.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pyalign.data.names import listing
from pyalign.errors import InputError, shorten

WAYS = ("pool", "cls", "flatten", "mean")


def registry_entry(manifest: Mapping[str, Any], layer: str | None = None) -> dict[str, Any]:
    """The entry of a model, from the manifest of a folder of `pyalign extract`; what is not known is left out.

    Args:
        manifest: the document: `model` as "timm:resnet50", `layers` with `pooling`; where they are there `weights`
            with `origin` or `sha256`, `preprocessing` with `size` (channels, height, width).
        layer: which of the layers, where there are several.

    Raises:
        InputError: no such layer; what is missing.

    Example:
        >>> layer = {"name": "penultimate", "shape": [92, 2048]}
        >>> manifest = {"model": "timm:resnet50", "layers": [layer], "preprocessing": {"size": [3, 224, 224]}}
        >>> entry = registry_entry(manifest)
        >>> entry["source"], entry["model_name"], entry["embedding"], entry["input_size"], entry["output_dim"]
        ('timm', 'resnet50', 'flatten', [224, 224], 2048)
    """
    chosen = _layer(manifest, layer)
    model = manifest.get("model")
    if not isinstance(model, str) or not model:
        raise InputError(f"model must be text; got {shorten(model)}")
    source, mark, name = model.partition(":")
    prepared = manifest.get("preprocessing")
    steps = {k: v for k, v in prepared.items() if k != "size"} if isinstance(prepared, Mapping) else None
    shape: Any = chosen.get("shape")
    entry = {
        "model_name": name if mark else model, "source": source if mark else "custom", "weights": _weights(manifest),
        "layer": chosen.get("name"), "embedding": _way(chosen.get("pooling")), "input_size": _size(prepared),
        "preprocess": steps, "output_dim": math.prod(shape[1:]) if _sizes(shape, (2, 3, 4, 5)) else None,
    }  # fmt: skip
    return {key: value for key, value in entry.items() if value is not None or key == "weights"}


def _positive(value: object) -> bool:
    return type(value) is int and 0 < value < 2**63


def _sizes(value: Any, lengths: tuple[int, ...]) -> bool:
    return isinstance(value, list | tuple) and len(value) in lengths and all(map(_positive, value))


def _layer(manifest: Mapping[str, Any], name: str | None) -> Mapping[str, Any]:
    listed = manifest.get("layers")
    layers = [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list | tuple) else []
    chosen = layers if name is None else [entry for entry in layers if entry.get("name") == name]
    if len(chosen) != 1:
        got = "none was chosen" if name is None else f"got {name!r}"
        raise InputError(f"layer must be one of {listing([str(entry.get('name')) for entry in layers])}; {got}")
    return chosen[0]


def _weights(manifest: Mapping[str, Any]) -> str | None:
    """Where the weights come from, or else their hash."""
    weights = manifest.get("weights")
    name, digest = (weights.get("origin"), weights.get("sha256")) if isinstance(weights, Mapping) else (weights, None)
    if isinstance(name, str) and name:
        return name
    return f"sha256:{digest}" if isinstance(digest, str) and digest else None


def _way(pool: object) -> str:
    """What becomes of the output of the layer: what it is called there, where that is a word of the registry."""
    return pool if isinstance(pool, str) and pool in WAYS else "flatten"


def _size(prepared: Any) -> list[int] | None:
    size = prepared.get("size") if isinstance(prepared, Mapping) else None
    return list(size[-2:]) if size is not None and _sizes(size, (2, 3)) else None
