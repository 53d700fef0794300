"""Recognizes models that are layers of one, puts them in order, and finds the best layer of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from pyalign.analysis.comparison.choose_best import best_model
from pyalign.analysis.comparison.outcome_table import OutcomeTable
from pyalign.analysis.comparison.result import BestModel, ModelLayer
from pyalign.stats.clustered import Dependence
from pyalign.stats.resampling import Resampling

MARK = "::"  # between a model and its layer


def layers_of(models: Mapping[str, Any]) -> dict[str, ModelLayer]:
    """The layers among models that are named, or come from, MODEL::LAYER, at least two of a model.

    Their places are those in the manifest of an extraction where all layers of a model are from one, else in which they
    are given.

    Example:
        >>> layers = layers_of({"net::first": None, "other": None, "net::last": None})
        >>> [(name, layer.of, layer.name, layer.place) for name, layer in layers.items()]
        [('net::first', 'net', 'first', 0), ('net::last', 'net', 'last', 1)]
    """
    parts = dict[str, tuple[str, str]]()
    for name, x in models.items():
        spec = name if MARK in name else str(getattr(x, "source", None) or "")
        if MARK in spec:
            of, _, layer = spec.rpartition(MARK)
            parts[name] = of, layer
    counts = Counter(of for of, _ in parts.values())
    layers = dict[str, ModelLayer]()
    for model in (of for of, count in counts.items() if count > 1):
        names = [name for name, (of, _) in parts.items() if of == model]
        places: list[Any] = [getattr(models[name], "layer_place", None) for name in names]
        known = None not in places and len(set(places)) == len(places)
        ordered = [name for _, name in sorted(zip(places, names, strict=True))] if known else names
        for place, name in enumerate(ordered):
            layers[name] = ModelLayer(model, parts[name][1], place, known)
    return {name: layers[name] for name in models if name in layers}


def best_layers(
    layers: Mapping[str, ModelLayer], outcomes: OutcomeTable, index: np.ndarray, n: int, dependence: Dependence,
    plan: Resampling,
) -> tuple[BestModel, ...]:  # fmt: skip
    """The best layer of each model, as it does on objects that have not chosen it; see `best_model`."""
    models = dict.fromkeys(layer.of for layer in layers.values())
    columns = [[k for k, name in enumerate(outcomes.names) if name in layers and layers[name].of == model]
               for model in models]  # fmt: skip
    return tuple(best_model(outcomes.part(some), index, n, dependence, plan) for some in columns)
