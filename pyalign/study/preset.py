"""`draft_study`: a study of what a folder holds, by a preset: which steps it has, `presets/NAME.toml` says."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pyalign.datasets.fetch import map_for
from pyalign.errors import InputError, MissingExtraError
from pyalign.io.embeddings import load_embeddings
from pyalign.io.item_names import families_of, load_metadata, metadata_of_models, read_names, row_of
from pyalign.io.paths import PUBLISHED_MAP, PathLike, Spec, one_line
from pyalign.io.triplets import load_triplets
from pyalign.probing.parameters import LocalOptions
from pyalign.study.draft import (
    ANSWERED, CIFAR, LOGITS, OWN, SETS, THINGS, Item, Objects, items_of, main_layer, model_and_layer, objects_of,
    says_who, set_of, stand_in,
)
from pyalign.study.preset_steps import KINDS, Draft, plan_steps, read_preset

OF_PAPERS = ("king", "cichy", "peterson")  # matrices of people that a study should have
FEWEST_KNOWN = 3  # models with a row, for accuracy against a column
MOST_LAYERS = 24  # of all models in one step of RSA
OFTEN = 0.05  # share of answers to triplets that others answered too, from which on their entropy says something


def draft_study(folder: PathLike, relative_to: PathLike | None = None, preset: str | None = None) -> Draft:
    """Drafts a study of the files in a folder.

    Args:
        folder: the folder to search, subfolders included.
        relative_to: the folder of the study file, which its paths are relative to; None: the same folder.
        preset: a paper, every figure of which is drafted that the files are enough for.
    """
    draft, of_sets = Draft(preset=read_preset(preset)), dict[str, list[Item]]()
    for item in items_of(folder, relative_to):
        of_sets.setdefault(set_of(item.spec) if preset else "", []).append(item)
    sets = {name: objects_of(draft, name, items) for name, items in of_sets.items()}
    if preset:
        stand_in(draft, sets.values())
    if preset and not any(objects.can_be_scored for objects in sets.values()):
        needed = "of one data set it needs embeddings, and triplets or matrices of people"
        raise InputError(f"{os.fspath(folder)}: holds nothing that the preset can score: {needed}")
    if not draft.images and not any(objects.models for objects in sets.values()):
        raise InputError(f"{os.fspath(folder)}: holds no embeddings and no images that a study could take")
    base = os.fspath(folder if relative_to is None else relative_to)
    for objects in sets.values():
        _enter(draft, objects, base)
    if not draft.models:
        draft.models.update(draft.preset["example"])
    plan_steps(draft, _facts_of_paper(draft, sets, base) if preset else _facts_of(draft, sets, [*draft.models], ""))
    return draft


def _enter(draft: Draft, objects: Objects, base: str) -> None:
    """The models and sets of a data set that can be scored, under the names that steps call them by."""
    if not objects.name:  # names of all that has none
        draft.names, objects.names = objects.names, ""
    elif not objects.can_be_scored:
        draft.unknown += [f"{model}: embeddings{objects.of} without judgments of people" for model in objects.models]
        return
    _enter_models(draft, objects, base)
    kinds = {"triplets": "item_names", "human": "names", "dimensions": "names"}
    sets = {kind: [{**table, **({kinds[kind]: objects.names} if objects.names and kind in kinds else {})}
                   for table in tables] for kind, tables in objects.sets.items()
            if kind != "dimensions" or objects.name in OWN}
    for kind, tables in sets.items():
        if tables:
            draft.sets[kind][objects.name] = tables
    if objects.name == THINGS:
        if answered := [table for table in sets["triplets"] if "answers" in table]:
            draft.sets["triplets"][ANSWERED] = answered
        for table in sets["dimensions"][1:]:
            draft.sets["dimensions"].setdefault(model_and_layer(table["file"])[0], [table])
        del sets["dimensions"][1:]


def _enter_models(draft: Draft, objects: Objects, base: str) -> None:
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
                draft.models[objects.called(f"{LOGITS}/{model}")] = options
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


def _facts_of(draft: Draft, sets: Mapping[str, Objects], models: list[str], main: str) -> dict[str, Any]:
    """Models by name, and whether there are sets; main: the data set that most steps are about."""
    triplets, human, dimensions, categories = (draft.sets[kind].get(main) for kind in KINDS)
    table = triplets[0] if triplets else {}
    others = [[*map(objects.called, objects.models)] for objects in sets.values() if objects.can_be_scored]
    return {
        "models": models, "comparable": models if len(models) > 1 else max(others, key=len, default=[]),
        "triplets": triplets, "human": human, "who": says_who(table),
        "plain": triplets and "weight_column" not in table, "categories": categories,
        "dimensions": models and dimensions, "concepts": models and (dimensions or categories),
        "own": {*models}, "others": {},  # the models that scores of several steps are of, and these scores
    }


def _facts_of_paper(draft: Draft, sets: Mapping[str, Objects], base: str) -> dict[str, Any]:
    """Those of any folder, and what published studies were about."""
    things, cifar = (sets.get(name) or Objects(name) for name in (THINGS, CIFAR))
    triplets, dimensions, judged = (draft.sets[kind] for kind in ("triplets", "dimensions", "human"))
    models = [*map(things.called, things.models)] if THINGS in triplets else []
    known, families = _known(draft, models, base) if models else (0, [])
    of_layers = {model: layers for model, layers in things.models.items() if len(layers) > 1}
    repeated = _repeated(base, triplets[THINGS][0]) if THINGS in triplets else 0.0
    answered = ANSWERED if ANSWERED in triplets else THINGS if repeated >= OFTEN else ""
    return {
        **_facts_of(draft, sets, models, THINGS), "own": {*things.models}, "fitted": things.fitted,
        "repeated": repeated > 0, "answered": answered if models else "",
        "logits": [name for model in of_layers if (name := things.called(f"{LOGITS}/{model}")) in draft.models],
        "layers": [things.called(model, layer) for model, layers in of_layers.items() for layer in layers if layer],
        "cifar100": [*map(cifar.called, cifar.models)] if CIFAR in triplets else [],
        "judged": [_judged(draft, sets[name]) for name in judged] + [
            {"set": name, "title": title, "published": published, "of_set": []} for name, _, title, published in SETS
            if name in OF_PAPERS and name not in {own.partition("-")[0] for own in judged}],
        "known": known, "few_known": known < FEWEST_KNOWN, "families": families or None,
        "limit": 8 if models and dimensions.get(THINGS) else None,
        "vice": next((name for name in dimensions if "vice" in dimensions[name][0]["file"].lower()), THINGS),
        "each_model": [_mapped(draft, sets, things, model) for model in things.models] if models else [],
    }


def _known(draft: Draft, models: list[str], base: str) -> tuple[int, list[str]]:
    """How many models a table has a row of, and the family of each, if there are several families."""
    try:
        own = load_metadata(os.path.join(base, draft.metadata)) if draft.metadata else None
    except (InputError, OSError) as error:
        draft.unknown.append(one_line(str(error)))
        draft.metadata, own = "", None
    table = metadata_of_models(models, own)
    if table is None:
        return 0, []
    draft.recognized += [note for note in table.notes if note.startswith("the metadata of ")]
    families = families_of(models, table) or []
    return sum(row is not None for row in table.matched(models).rows), families if len({*families}) > 1 else []


def _judged(draft: Draft, objects: Objects) -> dict[str, Any]:
    """A data set with matrices of people; its models have all their layers where no figure over depth has these."""
    models, others = [*map(objects.called, objects.models)], list[str]()
    if objects.name not in draft.sets.get("triplets", {}):
        others = [objects.called(model, layer) for model, layers in objects.models.items()
                  for layer in layers if layer != main_layer(layers)]
    few = len(models) + len(others) <= MOST_LAYERS
    return {"set": objects.name, "title": objects.title, "of_set": models + others if few else models}


def _mapped(draft: Draft, sets: Mapping[str, Objects], things: Objects, model: str) -> dict[str, Any]:
    """A model, the images that its map keeps the neighbors of, and the data sets on which its maps are tried."""
    main = main_layer(things.models[model])
    item = things.models[model][main]
    width = item.shape[1]
    same = [(things, item)]
    for objects in sets.values():  # of which the same layer stands for the model
        layers = objects.models.get(model) if objects is not things and objects.called(model) in draft.models else None
        other = main_layer(layers) if layers else main
        if layers and ("" in (main, other) or other.lower() == main.lower()):
            same.append((objects, layers[other]))
    most = max((other for _, other in same[1:] if other.shape[1] == width), key=lambda other: other.shape[0],
               default=item)
    published, why_not = map_for((row_of(model) or {"names": ""})["names"].split(), width)
    half = LocalOptions.of_half(item.shape[0]) if most is item else {}
    return {
        "model": things.called(model), "other_images": most.spec, "batch_size": None, "n_batches": None, **half,
        "published": published, "published_map": f"{PUBLISHED_MAP}{published}" if published else "",
        "no_published_map": why_not, "images": [
            {"set": objects.name, "title": objects.title, "on_set": objects.called(model), "other_width":
             "" if other.shape[1] == width else f"{one_line(other.spec)} has {other.shape[1]:,} features, and the maps "
             f"take {width:,}"} for objects, other in same
        ],
    }
