"""`draft_preset`: a study of the figures of a paper, from a folder: `presets/NAME.toml` says which steps it has.

A file belongs to the data set that its path names, such as `king/clip.npy` or `rdms/king.mat`, and to THINGS where it
names none; what it is its contents decide, as in any draft. Rows of one data set are of the same objects.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pyalign.errors import InputError, MissingExtraError
from pyalign.io.embeddings import load_embeddings
from pyalign.io.metadata import read_names
from pyalign.io.paths import PathLike, Spec, one_line
from pyalign.io.triplets import load_triplets
from pyalign.study.draft import HUMAN_KINDS, PAIRED, Item, free_name, items_of, most_rows, pair, says_who
from pyalign.study.preset_steps import (
    ANSWERED, CIFAR, LOGITS, PARTS, SETS, THINGS, Objects, PresetDraft, facts_of, main_layer, model_and_layer,
    plan_steps, read_preset, set_of,
)

ROLES = {  # what names, labels and answers are of; "" of those that belong to nothing
    "names": "names of the {rows:,} objects{of}",
    "categories": "{rows:,} labels, taken for categories{of}",
    "labels": "labels of the dimensions in {file}",
    "subjects": "who answered {file}",
    "answers": "how many people gave each answer to {file}",
    "": "{rows:,} {kind}, as many as nothing else has or lacks",
}


def draft_preset(
    folder: PathLike, relative_to: PathLike | None = None, preset: str = "human-alignment"
) -> PresetDraft:
    """Drafts a study of every figure of a paper that the files of a folder are enough for.

    Args:
        folder: the folder to search, subfolders included.
        relative_to: the folder of the study file, which its paths are relative to; None: the same folder.
        preset: the name of the preset.
    """
    draft, sets = PresetDraft(sets={}, preset=read_preset(preset)), dict[str, Objects]()
    files = dict[str, list[Item]]()
    for item in items_of(folder, relative_to):
        name = set_of(item.spec)
        files.setdefault(name, []).append(item)
        _take(draft, sets.setdefault(name, Objects(name)), item)
    for name, objects in sets.items():
        _complete(draft, objects, files[name])
    published = _published()
    for objects in sets.values():
        _stand_in(draft, objects, published)
    if not any(objects.can_be_scored for objects in sets.values()):
        raise InputError(
            f"{os.fspath(folder)}: holds nothing that the preset can score: of one data set it needs embeddings, and "
            "triplets or matrices of people"
        )
    base = os.fspath(folder if relative_to is None else relative_to)
    for objects in sets.values():
        _enter(draft, objects, base)
    plain = draft.sets.get("triplets", {}).get(THINGS)
    table = os.path.join(base, draft.metadata) if draft.metadata else ""
    plan_steps(draft, facts_of(draft, sets, _repeated(base, plain[0]) if plain else 0.0, table))
    return draft


def _take(draft: PresetDraft, objects: Objects, item: Item) -> None:
    """Adds to the data set what can be said about a file without looking at others."""
    kind, shown = item.kind, one_line(item.spec)
    if kind == "embeddings":
        model, layer = model_and_layer(item.spec)
        layers = objects.models.setdefault(model, {})
        if layer in layers:
            called = free_name(model, objects.models)
            draft.unknown.append(f"{shown}: {model} is also in {one_line(layers[layer].spec)}; called {called} here")
            layers = objects.models.setdefault(called, {})
        layers[layer] = item
    elif kind in HUMAN_KINDS:
        objects.sets["human"].append({"file": item.spec, "kind": HUMAN_KINDS[kind]})
    elif kind in ("triplets", "dimensions") or (kind == "categories" and not objects.sets["categories"]):
        objects.sets[kind].append({"file": item.spec, **item.options})
        what = "human dimensions" if kind == "dimensions" else f"{kind}{objects.of}"
        draft.recognized.append(f"{shown}: {what}, {item.size}")
    elif kind in ("images", "metadata") and not getattr(draft, kind):
        setattr(draft, kind, item.spec)
        draft.recognized.append(f"{shown}: {'images' if kind == 'images' else 'table of models'}")
    elif kind in ("images", "metadata"):
        draft.unknown.append(f"{shown}: {getattr(draft, kind)} is taken already")
    elif kind not in (*PAIRED, "transform"):
        draft.unknown.append(f"{shown}: {item.remark or kind}")


# What belongs to what, by numbers of rows


def _complete(draft: PresetDraft, objects: Objects, mine: list[Item]) -> None:
    """Leaves out what has other rows than most, pairs names with what has as many, sorts by what says most."""
    shapes, n = {item.spec: item.shape for item in mine}, most_rows(mine)
    objects.n = n
    for model, layers in [*objects.models.items()]:
        for layer, item in [*layers.items()]:
            if item.shape[0] == n:
                of_layer = f", layer {layer}" if layer else ""
                draft.recognized.append(f"{one_line(item.spec)}: {model}{of_layer}, {item.size}{objects.of}")
            else:
                most = f"where most embeddings{objects.of} have {n:,} rows; left out"
                draft.unknown.append(f"{one_line(item.spec)}: {item.size}, {most}")
                del layers[layer]
        if layers:
            objects.models[model] = _in_order(draft, layers)
        else:
            del objects.models[model]
    for item in mine:
        if item.kind == "transform":
            what = item.remark.partition(":")[0]
            shown = one_line(item.spec)
            draft.unknown.append(f"{shown}: {what}: pyalign transfer FILE --map {shown} --on ...")
        elif item.kind in PAIRED:
            role, file = pair(item, n, objects.sets, shapes, objects.names, strict=True)
            objects.names = item.spec if role == "names" else objects.names
            text = ROLES[role].format(rows=item.shape[0], kind=item.kind, file=one_line(file), of=objects.of)
            (draft.recognized if role else draft.unknown).append(f"{one_line(item.spec)}: {text}")
    _leave_out(draft, objects, shapes)
    triplets, human, dimensions = (objects.sets[kind] for kind in ("triplets", "human", "dimensions"))
    human.sort(key=lambda table: -len(shapes[table["file"]]))  # with participants first
    dimensions.sort(key=lambda table: ("labels" not in table, -shapes[table["file"]][1]))
    triplets.sort(key=lambda table: ("answers" in table, not says_who(table), -shapes[table["file"]][0]))
    for kind, tables in (("triplets", triplets), ("matrices", human)):
        first, *others = [table["file"] for table in tables if "answers" not in table] or [""]
        if others:
            left = ", ".join(map(one_line, others))
            draft.unknown.append(f"{left}: {kind}{objects.of} are taken from {one_line(first)}")


def _leave_out(draft: PresetDraft, objects: Objects, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Leaves out categories and matrices of other objects than the embeddings."""
    rows = "" if objects.n is None else f"where embeddings{objects.of} have {objects.n:,}"
    for table in [*objects.sets["categories"]]:
        count = shapes[table["file"]][0]
        if objects.n not in (None, count):
            objects.sets["categories"].remove(table)
            of_rows = f"categories of {count:,} objects, {rows}"
            draft.unknown.append(f"{one_line(table['file'])}: {of_rows}; left out")
    for table in [*objects.sets["human"]]:
        shape, shown = shapes[table["file"]], one_line(table["file"])
        if objects.n not in (None, shape[-1]):
            objects.sets["human"].remove(table)
            draft.unknown.append(f"{shown}: matrices of {shape[-1]:,} objects, {rows}")
        else:
            size = " x ".join(map(str, shape))
            draft.recognized.append(f"{shown}: matrices of people about {objects.title}, {size}, {table['kind']}")


def _in_order(draft: PresetDraft, layers: dict[str, Item]) -> dict[str, Item]:
    """The layers in the order of the extraction or of the file; logits, of a file of their own, behind the others."""
    names = sorted(layers, key=lambda name: name.lower() == LOGITS)
    archives = {item.spec.partition("::")[0] for item in layers.values() if "::" in item.spec and not item.named}
    if len(names) > 2 and archives:
        if names == sorted(names):  # that of the alphabet, which says nothing: layer10 comes before layer2
            names.sort(key=_natural)
        shown = ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])}, ..."
        draft.unknown.append(f"{one_line(min(archives))}: says no order of its layers; taken as {shown}")
    return {name: layers[name] for name in names}


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which layer2 comes before layer10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


# Published data sets that are on this machine


def _published() -> dict[str, tuple[str, ...]]:
    """The published data sets that are on this machine, with what they hold."""
    from pyalign.datasets.dataset import list_datasets

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
    for held, tables, fits, what in (
        ("triplets", objects.sets["triplets"], True, f"triplets{objects.of}"),
        ("judgments", objects.sets["human"], part or name not in PARTS, f"matrices of people about {objects.title}"),
        ("categories", objects.sets["categories"], name not in (CIFAR, *PARTS), f"categories{objects.of}"),
    ):
        if held in published[known] and fits and not tables:
            tables.append({"file": spec})
            draft.recognized.append(f"{spec}: {what}, which are on this machine")
    if "names" in published[known] and not objects.names and name == THINGS:
        objects.names = spec


# Entries of the study


def _enter(draft: PresetDraft, objects: Objects, base: str) -> None:
    """The models and sets of a data set that can be scored, under the names that steps call them by."""
    if not objects.can_be_scored:
        draft.unknown += [f"{model}: embeddings{objects.of} without judgments of people" for model in objects.models]
        return
    _enter_models(draft, objects, base)
    names = {"item_names": objects.names} if objects.names else {}
    triplets = [{**table, **names} for table in objects.sets["triplets"]]
    answered = [table for table in triplets if "answers" in table]
    dimensions = [{**table, **objects.named} for table in objects.sets["dimensions"]] if objects.name == THINGS else []
    tables = {
        "triplets": [table for table in triplets if "answers" not in table] or answered,
        "human": [{**table, **objects.named} for table in objects.sets["human"]],
        "dimensions": dimensions[:1], "categories": objects.sets["categories"],
    }
    for kind, entries in tables.items():
        if entries:
            draft.sets.setdefault(kind, {})[objects.name] = entries
    if answered and objects.name == THINGS:
        draft.sets["triplets"][ANSWERED] = answered
    for table in dimensions[1:]:
        draft.sets["dimensions"].setdefault(model_and_layer(table["file"])[0], [table])


def _enter_models(draft: PresetDraft, objects: Objects, base: str) -> None:
    """The layers of each model, its logits under a name of their own, and human dimensions, scored as models are."""
    names = {*(_opened(base, objects.names, read_names) or ())} if objects.names else set[str]()
    for model, layers in objects.models.items():
        main = main_layer(layers)
        for layer, item in layers.items():
            options = {"file": item.spec, **_rows_of(item, objects, names, base)}
            if layer == main:
                draft.models[objects.called(model)] = options
            if len(layers) > 1 and layer:
                draft.models[objects.called(model, layer)] = options
            if layer.lower() == LOGITS and layer != main:
                draft.models[objects.logits_of(model)] = options
    for table in objects.sets["dimensions"] if objects.name == THINGS else ():
        name = model_and_layer(table["file"])[0]
        if name not in draft.models:
            draft.models[name] = {"file": table["file"], **objects.named}
            objects.fitted.append(name)


def _rows_of(item: Item, objects: Objects, names: set[str], base: str) -> dict[str, str]:
    """How the rows of embeddings are called: by the names of the objects, or by their own, which may be of images."""
    if not item.named:
        return objects.named
    own = getattr(_opened(base, item.spec, load_embeddings), "names", None) if names else None
    return {} if own is None or names <= set(own) else {"per_object": "mean"}


# What can only be known from the contents of files


def _repeated(base: str, table: Mapping[str, Any]) -> float:
    """The share of answers to triplets that were answered at least twice."""
    layout = {name: value for name, value in table.items() if name not in ("file", "answers", "subjects", "item_names")}
    triplets = _opened(base, table["file"], load_triplets, **layout)
    if triplets is None:
        return 0.0
    counts = np.unique(np.sort(np.asarray(triplets.values), axis=1), axis=0, return_counts=True)[1]
    return float(counts[counts > 1].sum() / counts.sum())


def _opened(base: str, spec: str, load: Callable[..., Any], **options: Any) -> Any:
    """What is loaded of a file; None where it can't be."""
    try:
        place = Spec(spec if spec.startswith("dataset:") else os.path.join(base, spec))
        return load(place.path, key=place.key, **options)
    except (InputError, MissingExtraError, OSError):
        return None
