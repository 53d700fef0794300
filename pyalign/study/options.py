"""The functions that steps call, and which of their arguments come from the study's inputs.

Options of a step: arguments of its function, checked against the signature before anything is run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pyalign import _checks
from pyalign._dataclass import dataclass, fields, is_dataclass
from pyalign._registry import load, registered
from pyalign.data import Transform
from pyalign.errors import InputError, nearest
from pyalign.stats.resampling import Resampling

MODELS, MODEL, TRIPLETS, HUMAN = "models", "model", "triplets", "human"
DIMENSIONS, LABELS, CATEGORIES, METADATA = "dimensions", "dimension labels", "categories", "metadata"
PEOPLE = "people"  # sets of triplets and of human matrices, by name: all, or those that a step names
SCORED = (  # functions that give a score of each model
    "compare", "score", "rsa", "cross_validate_probe", "predict_dimensions", "neighborhoods",
)


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
    one_of: tuple[str, ...] = ()  # arguments of which a step takes one: what it names, else the first there is.
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
SEVERAL, EACH = {"models": MODELS, "triplets": TRIPLETS}, {"embeddings": MODEL, "triplets": TRIPLETS}
CONCEPTS = {"dimensions": DIMENSIONS, "dimension_labels": LABELS, "categories": CATEGORIES}
PROBE = "pyalign.probing.parameters:ProbeOptions"
OWN = ("progress", "journal", "keep", "subjects", "answers")  # arguments that a study fills, or its inputs


def analyses() -> dict[str, Analysis]:
    """The functions that steps can call, by name: those of all kinds of results."""
    return {analysis.name: analysis for kind in registered("kinds").values() for analysis in kind.analyses}


def find_analysis(name: str) -> Analysis:
    """The analysis of that name, or the first of the kind of result of that name."""
    named = {word: kind.analyses[0] for word, kind in registered("kinds").items() if kind.analyses} | analyses()
    if name not in named:
        raise InputError(f"there is no analysis {name!r}{nearest(name, named)}")
    analysis: Analysis = named[name]
    return analysis


SCORES = "scores"  # what options are that take scores of other steps
NONE = "none"  # in place of None, which TOML does not have
TABLES = "Resampling", "ProbeOptions"  # what is written as a table: by name, since it takes time to load them
WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", NoneType: f'"{NONE}"'}
# Options that name a file or another step, by argument: what opens them (see `pyalign.study.inputs`).
FILES = {
    "transform": "transform", "start": "transform", "maps": "transform", "other_embeddings": "embeddings",
    "before": "embeddings", "queries": "queries", "weights": "weights", "groups": "groups", "levels": "categories",
    "matrix": "rdms", "model_choices": "choices", "ceiling": "ceiling", "result": SCORES, "others": SCORES,
}


@cache  # thousands of steps may call one function
def hints_of(function: Callable[..., Any], without: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """The arguments of a function that have names, each with its type; `object` takes anything."""
    hints = _checks.hints_of(function)
    parameters = inspect.signature(function).parameters.items()
    return {name: hints[name] for name, one in parameters if one.kind is not one.VAR_KEYWORD and name not in without}


def arguments_of(analysis: Analysis) -> dict[str, Any]:
    """The options of a step by name, each with its type; `object` takes anything."""
    arguments = {**hints_of(analysis.call, (*OWN, *analysis.inputs, *analysis.without))}
    if analysis.options:
        kind = load(analysis.options)
        hints = get_type_hints(kind)
        arguments.update({field.name: hints[field.name] for field in fields(kind)})
    return arguments


def checked(analysis: Analysis, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they stand in a study file, made into arguments; those that name files stay text."""
    allowed = arguments_of(analysis)
    for name in options:
        if name in analysis.inputs or name in OWN:
            raise InputError(f"{name} comes from the study, and is no option of {analysis.name}")
        if name not in allowed:
            raise InputError(f"{analysis.name} has no option {name!r}{nearest(name, allowed)}")
    for name in _required(analysis.call):
        if name in allowed and name not in options:
            raise InputError(f"{analysis.name} needs {name}; got none")
    return {
        name: _file(name, value) if name in FILES else checked_value(name, allowed[name], value)
        for name, value in options.items()
    }


@cache
def _required(function: Callable[..., Any]) -> tuple[str, ...]:
    """The arguments that a function can't do without."""
    parameters = inspect.signature(function).parameters.items()
    return tuple(name for name, parameter in parameters if parameter.default is parameter.empty)


def checked_value(name: str, hint: Any, value: Any) -> Any:
    """A value of a study file as an argument of that type.

    Example:
        >>> checked_value("columns", Sequence[int | str] | None, [0, 1, "odd"])
        (0, 1, 'odd')
    """
    kinds = _kinds(hint)
    if value == NONE and NoneType in kinds and not any(NONE in get_args(kind) for kind in kinds):  # is a word itself
        return None
    if isinstance(value, Mapping):
        for kind in filter(_is_table, kinds):
            return _table(name, kind, value)
    if not any(_fits(kind, value) for kind in kinds):
        words = list(dict.fromkeys(word for kind in kinds for word in _words(kind)))
        raise InputError(f"{name} must be {' or '.join(words)}; got {value!r:.80}")
    rule = _checks.rule_of(hint)
    return tuple(value) if isinstance(value, list) else value if rule is None else rule(value, name)


def _file(name: str, value: Any) -> Any:
    """Text, or for some a number, a list or a table of texts."""
    if isinstance(value, str) or (name == "ceiling" and type(value) in (int, float)):
        return value
    listed = name in ("levels", "queries", "others")
    if listed and isinstance(value, list) and all(isinstance(element, str) for element in value):
        return tuple(value)
    several = ("matrix", "model_choices", "others", "maps")
    if name in several and isinstance(value, Mapping) and all(isinstance(element, str) for element in value.values()):
        return dict(value)
    kinds = {
        "levels": "a list of two files", "queries": "a file, or a list of names", "ceiling": "a number or a file",
        "others": "a step or a document, a list of them, or a table with their names",
        "maps": "a step or a file, or a table with their names",
    }
    expected = kinds.get(name, "a table of names and files" if name in several else "the name of a file")
    raise InputError(f"{name} must be {expected}; got {value!r:.80}")


def _table(name: str, kind: Any, value: Mapping[str, Any]) -> Any:
    hints = get_type_hints(kind)
    known = {field.name: hints[field.name] for field in fields(kind)}
    for key in value:
        if key not in known:
            raise InputError(f"{name} has no entry {key!r}{nearest(key, known)}")
    entries = {key: checked_value(f"{name}.{key}", known[key], entry) for key, entry in value.items()}
    if kind is Resampling:
        entries.setdefault("by", "auto")
    return kind(**entries)


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The types of which a value may be, without the rules that they state."""
    kinds = _checks.kinds_of(hint)
    return tuple(get_args(kind)[0] if get_origin(kind) is Annotated else kind for kind in kinds)


def _fits(kind: Any, value: Any) -> bool:
    origin, inside = get_origin(kind) or kind, get_args(kind)
    if origin in (Any, object):
        return isinstance(value, bool | int | float | str | list | Mapping)
    if origin is Literal:
        return isinstance(value, str) and value in inside
    if origin in (int, float):
        return type(value) is int or (origin is float and type(value) is float)
    if origin in (bool, str):
        return type(value) is origin
    if isinstance(value, list) and origin in (tuple, list, Sequence):
        element_type = inside[0] if inside else object
        return all(any(_fits(part, element) for part in _kinds(element_type)) for element in value)
    if isinstance(value, Mapping) and origin in (dict, Mapping):
        element_type = inside[1] if inside else object
        return all(any(_fits(part, element) for part in _kinds(element_type)) for element in value.values())
    return False


def _words(kind: Any) -> list[str]:
    origin, inside = get_origin(kind) or kind, get_args(kind)
    if origin in WORDS:
        return [WORDS[origin]]
    if origin is Literal:
        return [f'"{word}"' for word in inside]
    if origin in (Any, object):
        return ["a number, text, a list or a table"]
    if origin in (tuple, list, Sequence):
        of = [word for part in _kinds(inside[0]) for word in _words(part)] if inside else []
        return [f"a list, each {' or '.join(of)}" if of else "a list"]
    return ["a table"] if origin in (dict, Mapping, Transform) or _is_table(kind) else []


def _is_table(kind: Any) -> bool:
    return is_dataclass(kind) and getattr(kind, "__name__", "") in TABLES
