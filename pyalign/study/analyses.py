"""The functions that steps call, and which of their arguments come from the study's inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyalign._dataclass import dataclass
from pyalign._registry import load, registered
from pyalign.errors import InputError, nearest

MODELS, MODEL, TRIPLETS, HUMAN = "models", "model", "triplets", "human"
DIMENSIONS, LABELS, CATEGORIES, METADATA = "dimensions", "dimension labels", "categories", "metadata"
PEOPLE = "people"  # sets of triplets and of human matrices, by name: all, or those that a step names
SCORED = (  # functions that give a score of each model
    "compare", "score", "rsa", "cross_validate_probe", "predict_dimensions", "compare_neighbors", "neighbor_purity",
)  # fmt: skip


@dataclass(frozen=True)
class Analysis:
    """A function of pyalign as a step of a study."""

    name: str  # under which `pyalign` has it.
    inputs: Mapping[str, str]  # what the study gives to which argument.
    optional: tuple[str, ...] = ()  # arguments of these that are left out where the study has no such input.
    options: str = ""  # module and class of the options that the function takes as ``**options``.
    keeps: bool = False  # whether it takes a journal, so that an interrupted step goes on inside.
    gives: str = ""  # what another step can take of its result: "ceiling", "transform" (a map), or "" for nothing.
    matrices: bool = False  # whether models may be ready matrices, and not embeddings alone.
    without: tuple[str, ...] = ()  # arguments that are no options of a step.
    # whether its bits depend on the threads of BLAS, of which units may have any number: in a study, one.
    one_thread: bool = False

    @property
    def each(self) -> bool:
        """Whether it is called once for each model."""
        return MODEL in self.inputs.values()

    @property
    def call(self) -> Callable[..., Any]:
        """The function."""
        function: Callable[..., Any] = load(f"pyalign:{self.name}")
        return function


# Which argument takes which input, as most functions have it.
SEVERAL, NAMED = {"embeddings": MODELS, "triplets": TRIPLETS}, {"models": MODELS, "triplets": TRIPLETS}
EACH = {"embeddings": MODEL, "triplets": TRIPLETS}
CONCEPTS = {"dimensions": DIMENSIONS, "dimension_labels": LABELS, "categories": CATEGORIES}
PROBE = "pyalign.probing.options:ProbeOptions"
OWN = ("progress", "journal", "keep", "subjects", "answers")  # arguments that a study fills, or its inputs


def analyses() -> dict[str, Analysis]:
    """The functions that steps can call, by name: those of all kinds of results.

    Example:
        >>> analyses()["cka"].inputs
        {'models': 'models'}
    """
    return {analysis.name: analysis for kind in registered("kinds").values() for analysis in kind.analyses}


def find_analysis(name: str) -> Analysis:
    """The analysis of that name, or the first of the kind of result of that name.

    Raises:
        InputError: there is none.

    Example:
        >>> find_analysis("ceiling").name
        'noise_ceiling'
    """
    named = {word: kind.analyses[0] for word, kind in registered("kinds").items() if kind.analyses} | analyses()
    if name not in named:
        raise InputError(f"there is no analysis {name!r}{nearest(name, named)}")
    analysis: Analysis = named[name]
    return analysis
