"""The functions that steps call, and which of their arguments come from the study's inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyalign._registry import load
from pyalign.errors import InputError, nearest

MODELS, MODEL, TRIPLETS, HUMAN = "models", "model", "triplets", "human"
DIMENSIONS, LABELS, CATEGORIES = "dimensions", "dimension labels", "categories"


@dataclass(frozen=True)
class Analysis:
    """A function of pyalign as a step of a study.

    Attributes:
        name: under which `pyalign` has it.
        inputs: what the study gives to which argument.
        optional: arguments of these that are left out where the study has no such input.
        defaults: of options, where the command line has others than the function.
        options: module and class of the options that the function takes as ``**options``.
        keeps: whether it takes a journal, so that an interrupted step goes on inside.
        gives: what another step can take of its result: "ceiling", "transform" (a map), or "" for nothing.
        matrices: whether models may be ready matrices, and not embeddings alone.
        without: arguments that are no options of a step.
    """

    name: str
    inputs: Mapping[str, str]
    optional: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    options: str = ""
    keeps: bool = False
    gives: str = ""
    matrices: bool = False
    without: tuple[str, ...] = ()

    @property
    def each(self) -> bool:
        """Whether it is called once for each model."""
        return MODEL in self.inputs.values()

    @property
    def call(self) -> Callable[..., Any]:
        """The function."""
        found: Callable[..., Any] = load(f"pyalign:{self.name}")
        return found


_SEVERAL, _NAMED = {"x": MODELS, "triplets": TRIPLETS}, {"models": MODELS, "triplets": TRIPLETS}
_ONE = {"x": MODEL, "triplets": TRIPLETS}
_CONCEPTS = {"dimensions": DIMENSIONS, "dimension_labels": LABELS, "categories": CATEGORIES}
_PROBE = "pyalign.probing.options:ProbeOptions"

ANALYSES = {
    one.name: one
    for one in (
        Analysis("score", _SEVERAL, defaults={"ci": "auto"}, matrices=True, without=("matrix", "kind")),
        Analysis("compare", _NAMED, matrices=True),
        Analysis("calibrate", _SEVERAL),
        Analysis("noise_ceiling", {"triplets": TRIPLETS}, gives="ceiling"),
        Analysis("agreement", _SEVERAL),
        Analysis("failures", _NAMED),
        Analysis("consistency", {**_NAMED, **_CONCEPTS}, tuple(_CONCEPTS)),
        Analysis("concepts", {**_SEVERAL, **_CONCEPTS}, tuple(_CONCEPTS)),
        Analysis("predict_dimensions", {"x": MODELS, "dimensions": DIMENSIONS, "labels": LABELS}, ("labels",)),
        Analysis("cross_validate_probe", _ONE, options=_PROBE, keeps=True, gives="transform"),
        Analysis("fit_probe", _ONE, options=_PROBE, keeps=True, gives="transform"),
        Analysis("permutation_test", _ONE, matrices=True),
        Analysis("rsa", {"x": MODELS, "human": HUMAN}),
        Analysis("cka", {"models": MODELS}),
        Analysis("minibatch_cka", {"models": MODELS}),
        Analysis("recover", _NAMED),
        Analysis("neighbors", {"x": MODEL}),
        Analysis("compare_neighbors", {"x": MODELS, "against": DIMENSIONS, "categories": CATEGORIES}, ("categories",)),
        Analysis("neighbor_changes", {"before": MODEL}),
        Analysis("neighbor_purity", {"x": MODELS, "categories": CATEGORIES}),
        Analysis("hubs", {"x": MODELS}),
        Analysis("prototypes", {"x": MODEL, **_CONCEPTS}, tuple(_CONCEPTS)),
        Analysis("near_duplicates", {"x": MODEL}),
    )
}
# What commands call them.
ALSO = {"ceiling": "noise_ceiling", "probe": "cross_validate_probe", "predict": "predict_dimensions"}
OWN = ("progress", "journal", "keep", "subjects", "answers")  # arguments that a study fills, or its inputs


def find_analysis(name: str) -> Analysis:
    """The analysis of that name.

    Raises:
        InputError: there is none.

    Example:
        >>> find_analysis("ceiling").name
        'noise_ceiling'
    """
    found = ANALYSES.get(ALSO.get(name, name))
    if found is None:
        raise InputError(f"there is no analysis {name!r}{nearest(name, [*ANALYSES, *ALSO])}")
    return found
