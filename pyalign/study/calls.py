"""A step as a call: its arguments, read; its key; its result, as files."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from inspect import signature
from typing import Any

from pyalign._dataclass import dataclass, fields, replace
from pyalign._process import Progress
from pyalign.data.provenance import timeless
from pyalign.errors import ConvergenceWarning, InputError
from pyalign.extraction.hub import hash_file
from pyalign.extraction.sources import load_encoder
from pyalign.extraction.spelling import from_folder, on_disk
from pyalign.fitting.algebra import one_blas_thread
from pyalign.io.paths import Spec
from pyalign.io.write import Content
from pyalign.journal import Journal
from pyalign.parts import digest_of, key_of
from pyalign.study.file import STEP, Step, StudyModel, texts_of
from pyalign.study.inputs import Inputs
from pyalign.study.options import FILES, HUMAN, METADATA, MODEL, MODELS, PEOPLE, SCORES, TRIPLETS

NOT_IN_KEY = ("n_jobs",)  # of an extraction: rows don't depend on them
RECORDED = {"triplets": "triplets", "dimensions": "dimensions"}  # fields that say what was read


@dataclass(frozen=True)
class Call:
    """A step, ready to run."""

    step: Step  # what it is of.
    arguments: Mapping[str, Any]  # of its function.
    key: str  # of inputs and options.
    sources: Mapping[str, str]  # what the study calls the inputs, by argument.

    def run(self, progress: Progress, journal: Journal | None) -> Any:
        """Runs the step and returns its result. `journal` is for functions that can resume from one."""
        taken = signature(self.step.analysis.call).parameters
        more = {name: one for name, one in (("journal", journal), ("progress", progress)) if one and name in taken}
        threads = one_blas_thread() if self.step.analysis.one_thread else nullcontext()
        with threads, warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # results say it
            result = self.step.analysis.call(**self.arguments, **more)
        known = {entry.name for entry in fields(result)}
        sources = {field: self.sources[argument] for argument, field in RECORDED.items() if argument in self.sources}
        if self.step.analysis.each:
            sources["embeddings"] = self.sources.get("embeddings", "")
        return replace(result, **{name: value for name, value in sources.items() if name in known})


def prepare(step: Step, model: str, inputs: Inputs, taken: Callable[[str, str], Any]) -> Call:
    """Reads what a step takes.

    taken: gives what an option takes of another step.
    """
    analysis, sets = step.analysis, step.sets
    arguments: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for argument, kind in analysis.inputs.items():
        if argument in sets:
            arguments[argument] = inputs.of_kind(kind, sets[argument])
            sources[argument] = inputs.study.sets.get(kind, {}).get(sets[argument], {}).get("file", "")
    by_kind = {kind: arguments.get(argument) for argument, kind in analysis.inputs.items()}
    items = inputs.items(by_kind.get(TRIPLETS), by_kind.get(HUMAN))
    missing = str(step.options.get("missing", "raise"))
    for argument, kind in analysis.inputs.items():
        if kind == MODELS:
            arguments[argument] = inputs.models(step.models, items, missing)
        elif kind == MODEL:
            arguments[argument] = inputs.models([model], items, missing)[model]
            sources[argument] = model
        elif kind == PEOPLE:
            arguments[argument] = inputs.people(step.people)
        elif kind == METADATA and inputs.study.metadata is not None:
            arguments[argument] = inputs.metadata(inputs.study.metadata)
    options = {name: _option(name, value, analysis.name, inputs, taken) for name, value in step.options.items()}
    digests = {name: inputs.digest(value) for name, value in {**arguments, **options}.items()}
    key = key_of(analysis.name, {"as written": step.written, "of": model}, {**digests, "sources": sources})
    return Call(step, {**arguments, **options}, key, sources)


def _option(name: str, value: Any, analysis: str, inputs: Inputs, taken: Callable[[str, str], Any]) -> Any:
    if name not in FILES:
        return value
    if FILES[name] == SCORES:
        return _scores(name, value, inputs, taken)
    if name == "maps" and isinstance(value, Mapping):
        return {called: _option(name, text, analysis, inputs, taken) for called, text in value.items()}
    if isinstance(value, str) and value.startswith(STEP):
        return taken(value, FILES[name])
    return inputs.option(FILES[name], value, analysis)


def _scores(name: str, value: Any, inputs: Inputs, taken: Callable[[str, str], Any]) -> Any:
    """Results with a score of each model: one for `result`, all of steps and documents for `others`.

    They count by what they hold, and not by when they were computed.
    """

    def of(text: str) -> list[Any]:
        results = taken(text, SCORES) if text.startswith(STEP) else (inputs.result(text),)
        return [timeless(result, "") for result in results]

    if name == "others":
        if isinstance(value, Mapping):
            return {column: of(text) for column, text in value.items()}
        return [result for text in texts_of(value) for result in of(text)]
    results = of(value)
    if len(results) > 1:
        raise InputError(f"{name} must be one result; {value} has {len(results)}: name a model behind ::")
    return results[0]


def files_of(result: Any, stem: str, folder: str, time: str) -> dict[str, Content]:
    """The document of a result, and before it the map that a probe has found, or the rows of an embedding."""
    files: dict[str, Content] = {}
    fit = getattr(result, "fit", result)
    if type(result).__name__ == "EmbeddingCrossValidation":
        from pyalign.io.embeddings import embedding_files

        ((_, files[f"{folder}/{stem}.npz"]),) = embedding_files(f"{stem}.npz", fit.embedding)
    transform = getattr(fit, "transform", None)
    if transform is not None and type(result).__name__ in ("ProbeCrossValidation", "ProbeFit"):
        from pyalign.io.transform import transform_bytes

        content = transform_bytes(timeless(transform, time))
        files[f"{folder}/{stem}.npz"] = content
        result = replace(result, outputs={f"{stem}.npz": hashlib.sha256(content).hexdigest()})
    files[f"{folder}/{stem}.json"] = timeless(result, time).to_json() + "\n"
    return files


# Extractions


@dataclass(frozen=True)
class ExtractCall:
    """An extraction, ready to run."""

    arguments: Mapping[str, Any]  # of `pyalign.extract`.
    key: str  # of inputs and options.
    items: str  # what the study calls them.
    images_sha256: str | None  # of their names and contents, of a part those of its own; None for texts.

    def require_same_images(self, extraction: Any) -> None:
        """Raises InputError where an extraction has read other images than the key is of."""
        if self.images_sha256 not in (None, extraction.items_sha256):
            raise InputError(f"{self.items}: images have changed while they were read; run the study again")


def prepare_extraction(model: StudyModel, inputs: Inputs, shard: tuple[int, int] | None = None) -> ExtractCall:
    """Lists what is to be extracted, and hashes it; of a part, (i, k), what is in its own items only."""
    arguments = {name: value for name, value in model.options.items() if name != "per_object"}
    kind = "texts" if "texts" in arguments else "images"
    hashed: dict[str, Any] = {}
    items = arguments[kind]
    arguments[kind] = inputs.place(items)
    if kind == "images" and shard is not None:
        hashed["names"], hashed["images"] = inputs.hash_of_part(items, arguments.get("batch_size"), shard)
    elif kind == "images":
        hashed["images"] = inputs.hash_of_images(items)
    else:
        hashed["texts"] = hash_file(model.name, Spec(arguments["texts"]).path)
    if "checkpoint" in arguments:
        arguments["checkpoint"] = inputs.place(arguments["checkpoint"])
        hashed.update(_hash_of_path("checkpoint", arguments["checkpoint"], model.name))
    if "transform" in arguments:
        arguments["transform"] = inputs.option("transform", arguments["transform"], "extract")
        hashed["transform"] = inputs.digest(arguments["transform"])
    hashed.update(_hash_of_model(model, inputs.study.folder))
    if "layer" in arguments:
        arguments["layers"] = (arguments.pop("layer"),)
    settings = {name: value for name, value in model.options.items() if name not in (*NOT_IN_KEY, "per_object")}
    if shard is not None:
        arguments["shard"] = settings["shard"] = shard
    key = key_of("extract", {"model": model.extract, **settings}, hashed)
    loaded = partial(load_encoder, model.extract, folder=inputs.study.folder)
    return ExtractCall({"model": loaded, **arguments}, key, items, hashed.get("images"))


def _hash_of_model(model: StudyModel, folder: str) -> dict[str, str]:
    """The hash of what a model's name stands for on the disk: code, a file, or the files of a folder."""
    there = on_disk(from_folder(model.extract, folder))
    if there is None:
        return {}
    path = there.path
    if there.is_code and not path.endswith(".py"):  # of a package that is installed nothing is known
        before, _, dotted = path.rpartition("/")
        stem = os.path.join(before, *dotted.split("."))
        path = next((file for end in (".py", f"{os.sep}__init__.py") if os.path.isfile(file := stem + end)), "")
    return _hash_of_path("model", path, model.name)


def _hash_of_path(what: str, path: str, name: str) -> dict[str, str]:
    """The hash of a file, or of all files below a folder by their names, under `what`; empty where there is none."""
    if os.path.isfile(path):
        return {what: hash_file(name, path)}
    files = sorted(os.path.join(at, file) for at, _, names in os.walk(path) for file in names)
    hashes = {os.path.relpath(file, path): hash_file(name, file) for file in files}
    return {what: digest_of(hashes)} if hashes else {}


def extracted_document(extraction: Any, call: ExtractCall, place: str, time: str) -> str:
    """The document of an extraction, with the items and the folder as the study has them."""
    options = dict(extraction.provenance.options)
    for name in ("images", "texts"):
        if options.get(name) is not None:
            options[name] = call.items
    options["out"] = place
    as_in_study = replace(extraction, items=call.items, provenance=replace(extraction.provenance, options=options))
    text: str = timeless(as_in_study, time).to_json() + "\n"
    return text
