"""The word --ceiling: a number, or a document of `pyalign ceiling --json` and which of its ceilings."""

from __future__ import annotations

import argparse

from pyalign._result import load_result
from pyalign.analysis.accuracy import fraction_of_ceiling
from pyalign.analysis.ceiling.result import NamedCeiling, NoiseCeiling, as_named_ceiling, ceiling_of
from pyalign.cli._command import file_to_read
from pyalign.data import ODD_ONE_OUT
from pyalign.errors import InputError
from pyalign.io.paths import Spec

WORDS = "FILE.json[::upper|lower|estimate]"


def ceiling(text: str) -> float | Spec:
    """A number, or FILE.json[::NAME], which `read_ceiling` reads."""
    if "::" in text or text.endswith(".json"):
        return file_to_read(text)
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a number or {WORDS}; got {text!r}") from error


def read_ceiling(stated: float | Spec | None, task: str = ODD_ONE_OUT) -> NamedCeiling | None:
    """The ceiling as `pyalign.score` takes it; of a document the estimate, unless another is named.

    task: of the triplets that are scored.

    Raises:
        InputError: no document of `pyalign ceiling`, one of another task, no such ceiling, or one that is not above
            chance.
    """
    if not isinstance(stated, Spec):
        return stated
    path, result = stated.path, load_result(stated.path)
    if not isinstance(result, NoiseCeiling):
        raise InputError(f"{path}: is a result of {result.command}, not of pyalign ceiling")
    if result.task != task:
        raise InputError(f"{path}: is the ceiling of {result.task} triplets; those that are scored are {task} (--task)")
    try:
        named = ceiling_of(result, stated.key or "estimate")
        fraction_of_ceiling(1.0, as_named_ceiling(named)[1], task)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return named
