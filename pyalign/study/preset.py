"""`draft_preset`: a study of the figures of a paper, from a folder: `presets/NAME.toml` says which steps it has.

A file belongs to the data set that its path names, such as `king/clip.npy` or `rdms/king.mat`, and to THINGS where it
names none; what it is its contents decide, as in any draft. Rows of one data set are of the same objects.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass, field, replace
from pyalign.errors import InputError, MissingExtraError
from pyalign.io.paths import PathLike, Spec, checked_path, one_line
from pyalign.study.draft import Item, items_of
from pyalign.study.preset_objects import (
    ANSWERED,
    CIFAR,
    LOGITS,
    PARTS,
    SETS,
    THINGS,
    Objects,
    logits_of,
    main_layer,
    model_and_layer,
    set_of,
)
from pyalign.study.preset_steps import PresetStep, facts_of, plan_steps, preset_text, read_preset

HUMAN_KINDS = {"similarities": "similarity", "dissimilarities": "dissimilarity"}
PAIRED = ("names", "labels", "answers", "transform")  # kinds that belong to what has as many rows or columns


@dataclass
class PresetDraft:
    """What the preset makes of a folder; as `Draft`."""

    preset: Mapping[str, Any]  # as its file has it.
    # the embeddings of each model of the study, with the options of their entry.
    models: dict[str, dict[str, str]] = field(default_factory=dict)
    # kind -> data set -> tables, of which the first is taken.
    sets: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    steps: list[PresetStep] = field(default_factory=list)  # what is run.
    missing: dict[str, str] = field(default_factory=dict)  # step -> why it is not there.
    # MODEL::LAYER of each layer that stands for a model -> the name of this.
    mains: dict[str, str] = field(default_factory=dict)
    references: list[str] = field(default_factory=list)  # human dimensions that are scored like models.
    # images, metadata: files, or "".
    images: str = ""
    metadata: str = ""
    # recognized, unknown: what each file was taken for, and files without a role, one line each.
    recognized: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know: files without a role, and what is missing."""
        return (
            *(f"not known: {fact}" for fact in self.unknown),
            *(f"missing: {name}: {reason}" for name, reason in self.missing.items()),
        )

    @property
    def text(self) -> str:
        """The contents of the study file."""
        return preset_text(self)


def draft_preset(
    folder: PathLike, relative_to: PathLike | None = None, preset: str = "human-alignment"
) -> PresetDraft:
    """Drafts a study of every figure of a paper that the files of a folder are enough for.

    Args:
        folder: the folder to search, subfolders included.
        relative_to: the folder of the study file, which its paths are relative to; None: the same folder.
        preset: the name of the preset.

    Raises:
        InputError: no data set has both embeddings and judgments of people, or there is no such preset.
        OSError: there is no such folder.

    Example:
        >>> import tempfile, numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("clip", "vgg"):
        ...         np.save(f"{folder}/{name}.npy", np.random.default_rng(0).normal(size=(9, 4)))
        ...     np.save(f"{folder}/t.npy", np.arange(9).reshape(3, 3))
        ...     [step.name for step in draft_preset(folder).steps][:4]
        ['accuracy', 'dot', 'metadata', 'probe']
    """
    where = os.fspath(checked_path(folder, "folder"))
    start = os.path.relpath(where, checked_path(relative_to, "relative_to")) if relative_to is not None else "."
    draft, sets = PresetDraft(read_preset(preset)), dict[str, Objects]()
    items = [item if start == "." else replace(item, spec=os.path.normpath(os.path.join(start, item.spec)))
             for item in items_of(where)]
    for item in items:
        _take(draft, sets.setdefault(set_of(item.spec), Objects(set_of(item.spec))), item)
    for objects in sets.values():
        _complete(draft, objects, [item for item in items if set_of(item.spec) == objects.name])
    published = _published()
    for objects in sets.values():
        _stand_in(draft, objects, published)
    if not any(objects.models and (objects.triplets or objects.human) for objects in sets.values()):
        raise InputError(
            f"{where}: holds nothing that the preset can score: of one data set it needs embeddings, and triplets or "
            "matrices of people"
        )
    base = where if relative_to is None else os.fspath(relative_to)
    for objects in sets.values():
        _enter(draft, objects, base)
    plain = draft.sets.get("triplets", {}).get(THINGS)
    table = os.path.join(base, draft.metadata) if draft.metadata else ""
    plan_steps(draft, facts_of(draft, sets, _repeated(base, plain[0]) if plain else 0.0, table))
    return draft


def _take(draft: PresetDraft, objects: Objects, item: Item) -> None:
    """Adds to the data set what can be said about a file without looking at others."""
    size, shown = " x ".join(map(str, item.shape)), one_line(item.spec)
    if item.kind == "embeddings":
        model, layer = model_and_layer(item.spec)
        layers = objects.models.setdefault(model, {})
        if layer in layers:
            k = next(k for k in range(2, len(objects.models) + 3) if f"{model} {k}" not in objects.models)
            draft.unknown.append(f"{shown}: {model} is also in {one_line(layers[layer].spec)}; called {model} {k} here")
            layers = objects.models.setdefault(f"{model} {k}", {})
        layers[layer] = item
    elif item.kind == "triplets":
        objects.triplets.append({"file": item.spec, **item.options})
        draft.recognized.append(f"{shown}: triplets{objects.of}, {size}")
    elif item.kind == "dimensions":
        objects.dimensions.append({"file": item.spec})
        draft.recognized.append(f"{shown}: human dimensions, {size}")
    elif item.kind in HUMAN_KINDS:
        objects.human.append({"file": item.spec, "kind": HUMAN_KINDS[item.kind]})
    elif item.kind == "categories" and not objects.categories:
        objects.categories = item.spec
        draft.recognized.append(f"{shown}: categories{objects.of}, {size}")
    elif item.kind in ("images", "metadata"):
        if getattr(draft, item.kind):
            draft.unknown.append(f"{shown}: {getattr(draft, item.kind)} is taken already")
            return
        setattr(draft, item.kind, item.spec)
        draft.recognized.append(f"{shown}: {'images' if item.kind == 'images' else 'table of models'}")
    elif item.kind not in PAIRED:
        draft.unknown.append(f"{shown}: {item.remark or item.kind}")


# What belongs to what, by numbers of rows


def _complete(draft: PresetDraft, objects: Objects, mine: list[Item]) -> None:  # noqa: C901, PLR0912
    """Leaves out what has other rows than most, pairs names with what has as many, sorts by what says most."""
    counts = Counter(item.shape[0] for layers in objects.models.values() for item in layers.values())
    objects.n = counts.most_common(1)[0][0] if counts else None
    for model in [*objects.models]:
        for layer, item in [*objects.models[model].items()]:
            size = " x ".join(map(str, item.shape))
            if item.shape[0] != objects.n:
                most = f"where most embeddings{objects.of} have {objects.n:,} rows; left out"
                draft.unknown.append(f"{one_line(item.spec)}: {size}, {most}")
                del objects.models[model][layer]
            else:
                draft.recognized.append(
                    f"{one_line(item.spec)}: {model}{f', layer {layer}' if layer else ''}, {size}{objects.of}"
                )
        if not objects.models[model]:
            del objects.models[model]
        else:
            objects.models[model] = _in_order(draft, model, objects.models[model])
    for item in mine:
        if item.kind in PAIRED:
            _pair(draft, objects, item, {other.spec: other.shape for other in mine})
    of_rows = {item.spec: item.shape for item in mine}
    if objects.categories and objects.n not in (None, of_rows[objects.categories][0]):
        rows = f"{of_rows[objects.categories][0]:,} objects, where embeddings{objects.of} have {objects.n:,}"
        draft.unknown.append(f"{one_line(objects.categories)}: categories of {rows}; left out")
        objects.categories = ""
    for entry in [*objects.human]:
        shape, shown = of_rows[entry["file"]], one_line(entry["file"])
        if objects.n is not None and shape[-1] != objects.n:
            objects.human.remove(entry)
            rows = f"where embeddings{objects.of} have {objects.n:,}"
            draft.unknown.append(f"{shown}: matrices of {shape[-1]:,} objects, {rows}")
        else:
            size = " x ".join(map(str, shape))
            draft.recognized.append(f"{shown}: matrices of people about {objects.title}, {size}, {entry['kind']}")
    objects.human.sort(key=lambda entry: -len(of_rows[entry["file"]]))  # with participants first
    objects.dimensions.sort(key=lambda entry: ("labels" not in entry, -of_rows[entry["file"]][1]))
    objects.triplets.sort(key=lambda entry: ("answers" in entry, not _says_who(entry), -of_rows[entry["file"]][0]))
    for kind, tables in (("triplets", objects.triplets), ("matrices", objects.human)):
        plain = [table for table in tables if "answers" not in table]
        if len(plain) > 1:
            others = ", ".join(one_line(table["file"]) for table in plain[1:])
            draft.unknown.append(f"{others}: {kind}{objects.of} are taken from {one_line(plain[0]['file'])}")


def _says_who(entry: Mapping[str, Any]) -> bool:
    return "subject_column" in entry or "subjects" in entry


def _in_order(draft: PresetDraft, model: str, layers: dict[str, Item]) -> dict[str, Item]:
    """The layers in the order of the extraction or of the file; logits, of a file of their own, behind the others."""
    ordered = dict(sorted(layers.items(), key=lambda one: one[0].lower() == LOGITS))
    archives = {item.spec.partition("::")[0] for item in layers.values() if "::" in item.spec and not item.named}
    if len(layers) > 2 and archives:
        names = [*ordered]
        if names == sorted(names):  # that of the alphabet, which says nothing: layer10 comes before layer2
            ordered = dict(sorted(ordered.items(), key=lambda one: _natural(one[0])))
        shown = ", ".join(ordered) if len(ordered) <= 6 else f"{', '.join([*ordered][:5])}, ..."
        draft.unknown.append(f"{one_line(min(archives))}: says no order of its layers; taken as {shown}")
    return ordered


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which layer2 comes before layer10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _pair(draft: PresetDraft, objects: Objects, item: Item, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Names, labels and answers, which belong to what has as many rows or columns; maps belong to nothing here."""
    shown, count = one_line(item.spec), item.shape[0]
    of_triplets = [entry for entry in objects.triplets if shapes[entry["file"]][0] == count]
    of_columns = [entry for entry in objects.dimensions if shapes[entry["file"]][1] == count]
    few = not item.remark.startswith(f"{count:,} different")
    if item.kind == "transform":
        draft.unknown.append(f"{shown}: {item.remark.partition(':')[0]}: pyalign transfer FILE --map {shown} --on ...")
    elif item.kind == "names" and count == objects.n and not objects.names:
        objects.names = item.spec
        draft.recognized.append(f"{shown}: names of the {count:,} objects{objects.of}")
    elif item.kind == "labels" and count == objects.n and few and not objects.categories and "::" not in item.spec:
        objects.categories = item.spec
        draft.recognized.append(f"{shown}: {count:,} labels, taken for categories{objects.of}")
    elif item.kind == "answers" and of_triplets:
        of_triplets[0]["answers"] = item.spec
        draft.recognized.append(f"{shown}: how many people gave each answer to {one_line(of_triplets[0]['file'])}")
    elif item.kind == "names" and of_columns:
        of_columns[0]["labels"] = item.spec
        draft.recognized.append(f"{shown}: labels of the dimensions in {one_line(of_columns[0]['file'])}")
    elif item.kind in ("labels", "names") and of_triplets and (few or item.kind == "names"):
        of_triplets[0]["subjects"] = item.spec
        draft.recognized.append(f"{shown}: who answered {one_line(of_triplets[0]['file'])}")
    else:
        draft.unknown.append(f"{shown}: {count:,} {item.kind}, as many as nothing else has or lacks")


# Published data sets that are on this machine


def _published() -> dict[str, tuple[str, ...]]:
    """The published data sets that are on this machine, with what they hold."""
    from pyalign.datasets.listing import list_datasets

    try:
        return {known.name: known.parts for known in list_datasets().datasets if known.is_here}
    except (InputError, OSError):
        return {}


def _stand_in(draft: PresetDraft, objects: Objects, published: Mapping[str, tuple[str, ...]]) -> None:
    """Judgments or triplets of a published data set, for embeddings of its objects without a file of people."""
    name, _, part = objects.name.partition("-")
    known = next(dataset for own, *_, dataset in SETS if own == name)
    if not objects.models or known not in published:
        return
    spec = f"dataset:{known}{f'::{part}' if part else ''}"
    if "triplets" in published[known] and not objects.triplets:
        objects.triplets.append({"file": spec})
        draft.recognized.append(f"{spec}: triplets{objects.of}, which are on this machine")
    if "judgments" in published[known] and not objects.human and (part or name not in PARTS):
        objects.human.append({"file": spec})
        draft.recognized.append(f"{spec}: matrices of people about {objects.title}, which are on this machine")
    if "categories" in published[known] and not objects.categories and name not in (CIFAR, *PARTS):
        objects.categories = spec
        draft.recognized.append(f"{spec}: categories{objects.of}, which are on this machine")
    if "names" in published[known] and not objects.names and objects.name == THINGS:
        objects.names = spec


# Entries of the study


def _enter(draft: PresetDraft, objects: Objects, base: str) -> None:  # noqa: C901, PLR0912
    """The models and sets of a data set that can be scored, under the names that steps call them by."""
    if not objects.models or not (objects.triplets or objects.human):
        for model in objects.models:
            draft.unknown.append(f"{model}: embeddings{objects.of} without judgments of people")
        return
    names = set(_opened(base, objects.names, _lines) or ()) if objects.names else set[str]()
    for model, layers in objects.models.items():
        main = main_layer(layers)
        for layer, item in layers.items():
            options = {"file": item.spec, **_rows_of(item, objects, names, base)}
            if layer == main:
                draft.models[objects.called(model)] = options
                draft.mains[objects.called(model, layer)] = objects.called(model)
            if len(layers) > 1 and layer:
                draft.models[objects.called(model, layer)] = options
            if layer.lower() == LOGITS and layer != main:
                draft.models[logits_of(objects, model)] = options
    if objects.name == THINGS:
        for entry in objects.dimensions:
            name = model_and_layer(entry["file"])[0]
            if name not in draft.models and not entry["file"].startswith("dataset:"):
                draft.models[name] = {"file": entry["file"], **_named(objects)}
                draft.references.append(name)
    named = _named(objects)
    triplets = [{**entry, **({"item_names": objects.names} if named else {})} for entry in objects.triplets]
    answered = [entry for entry in triplets if "answers" in entry]
    tables = {
        "triplets": [entry for entry in triplets if "answers" not in entry] or answered,
        "human": [{**entry, **named} for entry in objects.human],
        "dimensions": [{**entry, **named} for entry in objects.dimensions[:1]] if objects.name == THINGS else [],
        "categories": [{"file": objects.categories}] if objects.categories else [],
    }
    for kind, entries in tables.items():
        if entries:
            draft.sets.setdefault(kind, {})[objects.name] = entries
    if answered and objects.name == THINGS:
        draft.sets["triplets"][ANSWERED] = answered
    for entry in objects.dimensions[1:] if objects.name == THINGS else ():
        draft.sets["dimensions"].setdefault(model_and_layer(entry["file"])[0], [{**entry, **named}])


def _named(objects: Objects) -> dict[str, str]:
    return {"names": objects.names} if objects.names else {}


def _rows_of(item: Item, objects: Objects, names: set[str], base: str) -> dict[str, str]:
    """How the rows of embeddings are called: by the names of the objects, or by their own, which may be of images."""
    if not item.named:
        return _named(objects)
    own = _opened(base, item.spec, _names) if names else None
    return {} if own is None or names <= set(own) else {"per_object": "mean"}


# What can only be known from the contents of files


def _names(place: Spec) -> tuple[str, ...] | None:
    from pyalign.io.embeddings import load_embeddings

    return load_embeddings(place.path, key=place.key).names


def _lines(place: Spec) -> tuple[str, ...]:
    from pyalign.io.names import read_names

    return read_names(place.path, key=place.key)


def _repeated(base: str, entry: Mapping[str, Any]) -> float:
    """The share of answers to triplets that were answered at least twice."""
    from pyalign.io.triplets import load_triplets

    layout = {name: value for name, value in entry.items() if name not in ("file", "answers", "subjects", "item_names")}
    triplets = _opened(base, entry["file"], lambda place: load_triplets(place.path, key=place.key, **layout))
    if triplets is None:
        return 0.0
    counts = np.unique(np.sort(np.asarray(triplets.values), axis=1), axis=0, return_counts=True)[1]
    return float(counts[counts > 1].sum() / counts.sum())


def _opened(base: str, spec: str, read: Callable[[Spec], Any]) -> Any:
    """What is read of a file; None where it can't be."""
    try:
        return read(Spec(spec if spec.startswith("dataset:") else os.path.join(base, spec)))
    except (InputError, MissingExtraError, OSError):
        return None
