"""The study file: what it names, checked before anything is opened; a mistake in it is one line."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pyalign._dataclass import dataclass, field
from pyalign.data import KINDS
from pyalign.data.names import HOW
from pyalign.errors import InputError, nearest
from pyalign.io.documents import read_toml
from pyalign.io.item_names import read_model_rows
from pyalign.io.judgments import load_rdms
from pyalign.io.paths import DATA_SET, PUBLISHED_MAP, PathLike, errors_of
from pyalign.io.triplets import load_triplets
from pyalign.study.options import (
    CATEGORIES, DIMENSIONS, FILES, HUMAN, LABELS, NONE, PEOPLE, SCORED, SCORES, TRIPLETS, Analysis, analyses, checked,
    checked_value, find_analysis, hints_of,
)

STEP = "step:"  # before the name of another step, in options that take what it has found
# What each kind of input may say in addition to `file`, each with its type; what functions take as arrays are files
# here.
SETS: dict[str, dict[str, Any]] = {
    TRIPLETS: {**hints_of(load_triplets, ("path", "key")), "answers": str, "subjects": str, "item_names": str},
    HUMAN: {**hints_of(load_rdms, ("path", "key")), "names": str},
    DIMENSIONS: {"labels": str, "names": str, "name_column": int | str},
    CATEGORIES: {},
}
OF_FILES = ("names", "name_column", "per_object", "kind")
OF_ROWS = ("name_column", "per_object")  # of files of embeddings, which matrices have no use for
OF_EXTRACT = (
    "images", "texts", "layer", "pool", "checkpoint", "batch_size", "device", "precision", "compile", "n_jobs",
    "n_threads", "unreadable", "decoder", "background", "prompt", "transform", "per_object", "shards",
)
ELSEWHERE = DATA_SET, PUBLISHED_MAP  # how names begin that are no files of the study
TOP = ("title", "names", "per_object", "models", *SETS, "images", "metadata", "figures", "missing", "steps")
FIGURES = ("svg", "pdf", "png", "html")  # formats
MOST_MODELS = 100_000  # of all steps: each model is run, or looked up, once for each
WHOLE, SWITCHES = ("batch_size", "n_jobs", "n_threads", "shards"), ("compile",)
MOST_SHARDS = 10_000  # of one extraction


def split_step(text: str) -> tuple[str, str]:
    """The step that "step:NAME::WHICH" names, and WHICH; "" where it is left out.

    Example:
        >>> split_step("step:probe::clip"), split_step("step:ceiling")
        (('probe', 'clip'), ('ceiling', ''))
    """
    name, _, which = text.removeprefix(STEP).partition("::")
    return name, which


def texts_of(value: Any) -> tuple[str, ...]:
    """The texts of an option: one, or those of a list or a table.

    Example:
        >>> texts_of("step:probe"), texts_of({"probed": "step:probe"}), texts_of(0.7)
        (('step:probe',), ('step:probe',), ())
    """
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else (value,)
    return tuple(text for text in values if isinstance(text, str))


@dataclass(frozen=True)
class StudyModel:
    """A model: the file of its embeddings, or how they are extracted."""

    name: str  # what it is called everywhere.
    file: str = ""  # FILE, FILE::KEY or dataset:NAME; "" for one that is extracted.
    # names, name_column, per_object; of a ready matrix names and kind; or the arguments of `pyalign.extract` but for
    # model and layers.
    options: Mapping[str, Any] = field(default_factory=dict)
    extract: str = ""  # SOURCE:NAME, or "".
    # in how many parts it is extracted, which changes no result; None where the file says nothing.
    shards: int | None = None

    @property
    def is_matrix(self) -> bool:
        """Whether its file holds a ready matrix of similarities or dissimilarities."""
        return "kind" in self.options


@dataclass(frozen=True)
class Step:
    """A step."""

    name: str  # of its table in the file.
    analysis: Analysis  # what it calls.
    written: Mapping[str, Any]  # the options as the file has them.
    models: tuple[str, ...]  # by name.
    # which set of triplets, judgments, dimensions, categories each argument takes; "" for the only one.
    sets: Mapping[str, str]
    # the names of the sets of triplets and of human matrices, of a step that takes several; none: all.
    people: tuple[str, ...] = ()

    @cached_property
    def options(self) -> Mapping[str, Any]:
        """The arguments, checked, for which the function is loaded; those that name files are text."""
        try:
            return checked(self.analysis, self.written)
        except InputError as error:
            raise InputError(f"step {self.name!r}: {error}") from error

    def require_options(self) -> None:
        """Raises InputError where an option is wrong."""
        self.options  # noqa: B018

    @property
    def takes(self) -> tuple[tuple[str, str, str], ...]:
        """Options that take another step's result: the option, that step, and the model or value behind "::", or ""."""
        texts = [(name, text) for name, value in self.written.items() if name in FILES for text in texts_of(value)]
        return tuple((name, *split_step(text)) for name, text in texts if text.startswith(STEP))


@dataclass(frozen=True)
class StudyFile:
    """What a study file says."""

    path: str  # of the file; other paths are relative to its folder.
    title: str  # of the report.
    names: str | None  # file with the names of the rows of all models that have none, and of item numbers.
    # models, sets: the inputs, by name; a set that stands alone is called "".
    models: Mapping[str, StudyModel]
    sets: Mapping[str, Mapping[str, Mapping[str, Any]]]
    # images, metadata: for the report.
    images: str | None
    metadata: str | None
    steps: tuple[Step, ...]  # in the order in which they are run.
    figures: tuple[str, ...] = ()  # formats in which the figures of the report are files too.
    # what the study can't show, and why, by the name of the step that would.
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """What relative paths start from."""
        return os.path.dirname(self.path)

    @property
    def files(self) -> tuple[str, ...]:
        """FILE or FILE::KEY of models and other inputs, where they are."""
        paths = [model.file for model in self.models.values()]
        paths += [entry["file"] for sets in self.sets.values() for entry in sets.values()]
        return tuple(self.place(path) for path in dict.fromkeys(paths) if path and not path.startswith(ELSEWHERE))

    def people(self, chosen: tuple[str, ...]) -> list[tuple[str, str]]:
        """The kind and the name of all sets of triplets and of human matrices, or of those that have these names."""
        names = [(kind, name) for kind in (TRIPLETS, HUMAN) for name in self.sets.get(kind, {})]
        return [(kind, name) for kind, name in names if not chosen or name in chosen]

    def place(self, path: str) -> str:
        """Where a file that it names is."""
        return path if path.startswith(ELSEWHERE) else os.path.join(self.folder, path)


def read_study(path: PathLike, check: bool = True) -> StudyFile:
    """The study that a `.toml` file describes, checked: no file that it names is opened but a table of models.

    check: whether the options of all steps are checked, for which all their functions are loaded.
    """
    document = read_toml(path, "studies")
    with errors_of(path):
        return _study(os.fspath(path), document, check)


def _study(path: str, document: Mapping[str, Any], check: bool) -> StudyFile:
    _known(document, TOP, "")
    texts = {name: _text(document.get(name), name) for name in ("title", "names", "per_object", "images", "metadata")}
    shared = {name: text for name, text in texts.items() if name in ("names", "per_object") and text is not None}
    model_tables = _model_tables(document.get("models", {}), os.path.dirname(path), texts["metadata"])
    models = {name: _model(name, table, shared, texts["images"]) for name, table in model_tables.items()}
    sets = {kind: _sets(kind, document.get(kind)) for kind in SETS}
    steps = _table(document.get("steps", {}), "steps")
    if not steps:
        raise InputError("[steps] must have at least one analysis, such as [steps.score]; got none")
    parsed, count = [], 0
    for name, table in steps.items():
        parsed.append(_step(name, table, models, sets))
        if check:
            parsed[-1].require_options()
        count += len(parsed[-1].models)
        if count > MOST_MODELS:
            most = f"at most {MOST_MODELS:,} models in all, each counted for each step"
            raise InputError(f"steps must be of {most}; got more with step {name!r}")
    title = texts["title"] or os.path.splitext(os.path.basename(path))[0]
    return StudyFile(
        path, title, texts["names"], models, sets, texts["images"], texts["metadata"], _in_order(parsed),
        _figures(document.get("figures", [])), _missing(document.get("missing", {}), steps),
    )


def _figures(formats: Any) -> tuple[str, ...]:
    """Formats of files of figures, each once."""
    if not isinstance(formats, list) or any(name not in FIGURES for name in formats):
        raise InputError(f"figures must be a list of {', '.join(FIGURES)}; got {formats!r:.80}")
    return tuple(dict.fromkeys(formats))


def _missing(reasons: Any, steps: Mapping[str, Any]) -> dict[str, str]:
    """Why steps are missing, without those that have come to be there."""
    for name, reason in _table(reasons, "missing").items():
        _text(reason, f"[missing] {name}")
    return {name: reason for name, reason in reasons.items() if name not in steps}


def _known(table: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in allowed:
            known = nearest(key, allowed) or f"; known are {', '.join(allowed)}"
            raise InputError(f"{where}unknown key {key!r}{known}")


def _text(value: Any, name: str) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise InputError(f"{name} must be text; got {value!r:.80}")
    return value


def _table(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"[{name}] must be a table; got {value!r:.80}")
    return value


def _model_tables(models: Any, folder: str, metadata: str | None) -> Mapping[str, Any]:
    """What is under [models], or would be: there may be a row of a table for each model, or a file of a pattern."""
    if not isinstance(models, str):
        return _table(models, "models")
    named: list[tuple[str, Any]]
    if any(mark in models for mark in "*?["):
        files = sorted(glob.glob(models, root_dir=folder or None))
        named = [(os.path.splitext(os.path.basename(file))[0], file) for file in files]
    else:
        try:
            rows = read_model_rows(os.path.join(folder, models), "models")
        except OSError as error:
            reason = f"got {models!r:.80}: {error.strerror}"
            raise InputError(f"models must be a table, or the name of one; {reason}") from error
        named = [(str(row.pop("model", "")), _of_row(row, models == metadata)) for row in rows]
    tables = dict[str, Any]()
    for name, table in named:
        if name in tables:
            raise InputError(f"models must have different names; got {name!r:.80} twice in {models}")
        tables[name] = table
    if not tables:
        raise InputError(f"models must be a table or a pattern of at least one model; got none with {models!r:.80}")
    return tables


def _of_row(row: Mapping[str, Any], is_metadata: bool) -> dict[str, Any]:
    """The options in a row, without empty cells, and without other columns where the table is also the metadata."""
    options = dict[str, Any]()
    for key, value in row.items():
        if value in ("", None) or (is_metadata and key not in ("file", "extract", *OF_FILES, *OF_EXTRACT)):
            continue
        if key in (*WHOLE, "name_column") and str(value).isdecimal():
            value = int(value)
        options[key] = {"true": True, "false": False}.get(value, value) if key in SWITCHES else value
    return options


def _model(name: str, entry: Any, shared: Mapping[str, str], images: str | None) -> StudyModel:  # noqa: C901, PLR0912
    where = f"model {name!r}: "
    if not name or not name.isprintable():
        raise InputError(f"{where}a model needs a printable name")
    table = {"file": entry} if isinstance(entry, str) else entry
    if not isinstance(table, Mapping) or ("file" in table) == ("extract" in table):
        raise InputError(f"{where}must be a file of embeddings, or a table with file or extract; got {entry!r:.80}")
    of = "file" if "file" in table else "extract"
    _known(table, (of, *(OF_FILES if of == "file" else OF_EXTRACT)), where)
    source, options = table[of], {key: value for key, value in table.items() if key != of}
    if not isinstance(source, str) or not source:
        raise InputError(f"{where}{of} must be text; got {source!r:.80}")
    for key, value in options.items():
        right = (
            type(value) is int if key in WHOLE else type(value) is bool if key in SWITCHES else isinstance(value, str)
        )
        if not right and not (key == "name_column" and type(value) is int):
            kind = "a whole number" if key in WHOLE else "true or false" if key in SWITCHES else "text"
            raise InputError(f"{where}{key} must be {kind}; got {value!r:.80}")
    if "kind" in options:
        if options["kind"] not in KINDS:
            raise InputError(f"{where}kind must be {' or '.join(KINDS)}; got {options['kind']!r}")
        unused = next((key for key in OF_ROWS if key in options), None)
        if unused is not None:
            raise InputError(f"{where}{unused} applies only to embeddings; with kind it is a matrix")
        shared = {key: value for key, value in shared.items() if key not in OF_ROWS}
    options = {**{key: value for key, value in shared.items() if of == "file" or key == "per_object"}, **options}
    if options.get("per_object", HOW[0]) not in HOW:
        raise InputError(f"{where}per_object must be one of {', '.join(HOW)}; got {options['per_object']!r}")
    if of == "file":
        return StudyModel(name, source, options)
    if images is not None and "texts" not in options:
        options.setdefault("images", images)
    if ("images" in options) == ("texts" in options):
        raise InputError(f"{where}extract needs images or texts, one of them")
    shards: Any = options.pop("shards", None)
    if shards is not None and not 1 <= shards <= MOST_SHARDS:
        raise InputError(f"{where}shards must be from 1 to {MOST_SHARDS:,}; got {shards}")
    return StudyModel(name, "", options, source, shards)


def _sets(kind: str, entry: Any) -> dict[str, Mapping[str, Any]]:
    """The sets of one kind by name: a single one, called "", or tables of several."""
    if entry is None:
        return {}
    if (
        isinstance(entry, Mapping)
        and entry
        and "file" not in entry
        and all(isinstance(v, Mapping) for v in entry.values())
    ):
        return {name: _one_set(f"[{kind}.{name}]: ", kind, table) for name, table in entry.items()}
    return {"": _one_set(f"[{kind}]: ", kind, entry)}


def _one_set(where: str, kind: str, entry: Any) -> Mapping[str, Any]:
    table = {"file": entry} if isinstance(entry, str) else entry
    if not isinstance(table, Mapping):
        raise InputError(f"{where}must be a file, or a table with file; got {entry!r:.80}")
    _known(table, ("file", *SETS[kind]), where)
    if not isinstance(table.get("file"), str) or not table["file"]:
        raise InputError(f"{where}file must be the name of a file; got {table.get('file')!r:.80}")
    try:
        return {"file": table["file"], **{
            name: checked_value(name, SETS[kind][name], value) for name, value in table.items() if name != "file"
        }}
    except InputError as error:
        raise InputError(f"{where}{error}") from error


def _step(
    name: str, entry: Any, models: Mapping[str, StudyModel], sets: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Step:
    try:
        table = dict(_table(entry, f"steps.{name}"))
        if not name or not name.isprintable() or set(name) & set("/\\:"):
            raise InputError("the name of a step must be printable, without / \\ :")
        function = table.pop("function", name)
        if not isinstance(function, str):
            raise InputError(f"function must be text; got {function!r:.80}")
        analysis = find_analysis(function)
        chosen = _chosen_models(table.pop("models", None), analysis, models)
        _take_one(table, analysis, sets)
        picked = {
            argument: _picked(argument, kind, table.pop(argument, None), analysis, sets.get(kind, {}))
            for argument, kind in analysis.inputs.items()
            if kind in SETS
        }
        if LABELS in analysis.inputs.values():
            argument = next(candidate for candidate, kind in analysis.inputs.items() if kind == LABELS)
            picked[argument] = picked["dimensions"]
        used = {argument: set_name for argument, set_name in picked.items() if set_name is not None}
        people = next((_people(argument, table.pop(argument, None), sets)
                       for argument, kind in analysis.inputs.items() if kind == PEOPLE), ())
        return Step(name, analysis, table, chosen, used, people)
    except InputError as error:
        raise InputError(f"step {name!r}: {error}") from error


def _chosen_models(chosen: Any, analysis: Analysis, models: Mapping[str, StudyModel]) -> tuple[str, ...]:
    takes = {"models", "model"} & set(analysis.inputs.values())
    if not takes:
        if chosen is not None:
            raise InputError(f"models have no meaning for {analysis.name}")
        return ()
    if chosen is None:
        names = [name for name, model in models.items() if analysis.matrices or not model.is_matrix]
    else:
        names = [chosen] if isinstance(chosen, str) else chosen
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"models must be a list of names of [models]; got {chosen!r:.80}")
    for name in names:
        if name not in models:
            raise InputError(f"there is no model {name!r} in [models]{nearest(name, models)}")
        if models[name].is_matrix and not analysis.matrices:
            raise InputError(f"{analysis.name} takes embeddings; model {name!r} is a matrix")
    return tuple(dict.fromkeys(names))


def _take_one(table: dict[str, Any], analysis: Analysis, sets: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Leaves out all but one of the inputs of which a step takes one: what it names, else the first there is."""
    there = [argument for argument in analysis.one_of if table.get(argument, NONE) != NONE]
    there += [name for name in analysis.one_of if name not in table and sets.get(analysis.inputs[name])]
    for argument in analysis.one_of:
        if argument not in there[:1]:
            table.setdefault(argument, NONE)


def _picked(
    argument: str, kind: str, set_name: Any, analysis: Analysis, sets: Mapping[str, Mapping[str, Any]]
) -> str | None:
    """The name of the set for an argument; None where it goes without."""
    free = argument in analysis.optional
    if set_name == NONE and free:
        return None
    if set_name is not None:
        if not isinstance(set_name, str) or set_name not in sets or set_name == "":
            named = [name for name in sets if name]
            known = f"one of {', '.join(named)}" if named else f"left out: there is no [{kind}.NAME]"
            raise InputError(f"{argument} must be {known}; got {set_name!r:.80}")
        return set_name
    if len(sets) > 1:
        raise InputError(f"{argument} must say which of [{kind}] it takes: {', '.join(sets)}")
    if not sets and not free:
        raise InputError(f"{analysis.name} needs [{kind}], which the study does not have")
    return next(iter(sets), None)


def _people(argument: str, chosen: Any, sets: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> tuple[str, ...]:
    """The names of the sets of triplets and of human matrices that a step takes; none: all."""
    if chosen is None:
        return ()
    known = list(dict.fromkeys(name for kind in (TRIPLETS, HUMAN) for name in sets.get(kind, {}) if name))
    names = [chosen] if isinstance(chosen, str) else chosen
    if not isinstance(names, list) or not names or any(name not in known for name in names):
        allowed = f"names of {', '.join(known)}" if known else "left out: no set of triplets or matrices has a name"
        raise InputError(f"{argument} must be {allowed}; got {chosen!r:.80}")
    return tuple(dict.fromkeys(names))


def _in_order(steps: list[Step]) -> tuple[Step, ...]:
    """Each behind those that it needs, otherwise as they stand."""
    by_name = {step.name: step for step in steps}
    done: dict[str, Step] = {}
    for first in steps:
        path = {first.name: iter(first.takes)}  # the steps that lead to the last one, which each needs
        while path:
            step = by_name[next(reversed(path))]
            name = next((name for _, name, _ in path[step.name] if name not in done), None)
            if name is None:
                done[step.name] = step
                del path[step.name]
            elif name not in by_name:
                raise InputError(f"step {step.name!r}: there is no step {name!r}{nearest(name, by_name)}")
            elif name in path:
                raise InputError(f"step {step.name!r}: needs itself, by way of {name!r}")
            else:
                path[name] = iter(by_name[name].takes)
    for step in steps:
        for option, name, which in step.takes:
            _require_given(step, option, by_name[name], which)
    return tuple(done.values())


def _require_given(step: Step, option: str, other: Step, which: str) -> None:
    """Raises where a step can't take what an option asks for of another step."""
    if FILES[option] == SCORES:
        if other.analysis.name not in SCORED:
            scored = f"a step of {', '.join(SCORED[:-1])} or {SCORED[-1]}"
            raise InputError(
                f"step {step.name!r}: {option} must be {scored}; got step {other.name!r} of {other.analysis.name}"
            )
        if which not in ("", *(other.models if other.analysis.each else ())):
            raise InputError(f"step {step.name!r}: {option} must be {STEP}{other.name}; got {which!r} behind it")
        return
    if other.analysis.gives != FILES[option]:
        what = "a number or a file" if option == "ceiling" else "a file"
        if FILES[option] in ("ceiling", "transform"):
            giving = " or ".join(
                candidate.name for candidate in analyses().values() if candidate.gives == FILES[option]
            )
            what = f"{what}, or a step of {giving}"
        raise InputError(
            f"step {step.name!r}: {option} must be {what}; got step {other.name!r} of {other.analysis.name}"
        )
    if other.analysis.each and which not in (other.models if which or len(other.models) > 1 else ("",)):
        one_of = ", ".join(other.models)
        raise InputError(
            f"step {step.name!r}: {option} must be one map: write {STEP}{other.name}::MODEL, one of {one_of}; "
            f"got {which!r}"
        )
