"""The steps of a preset: which of its entries a folder has the data for, what the others lack, and the study file.

An entry of `presets/NAME.toml` speaks of what `facts_of` finds: `when` needs it or leaves the entry out, `needs` says
what is missing, and ``{fact}`` stands for it. An option or a row of a table that is nothing but an empty fact is left
out. `each` repeats an entry, with the steps inside it, for each of several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from pyalign._dataclass import dataclass, field
from pyalign.datasets.maps import MAPS, place_of
from pyalign.errors import InputError
from pyalign.io.documents import key_of, quoted, read_toml
from pyalign.io.metadata import families_of, load_metadata, metadata_of_models, row_of
from pyalign.io.paths import PUBLISHED_MAP, one_line
from pyalign.io.transform import load_transform
from pyalign.probing.options import FEWEST_OTHERS, LocalOptions
from pyalign.study.draft import Item, set_lines
from pyalign.study.preset_objects import ANSWERED, CIFAR, LOGITS, SETS, THINGS, TITLES, Objects, logits_of, main_layer

FOLDER = Path(__file__).with_name("presets")
PRESETS = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
OF_PAPERS = ("king", "cichy", "peterson")  # matrices of people that a study should have
FEWEST_KNOWN = 3  # models with a row, for accuracy against a column
MOST_LAYERS = 24  # of all models in one step of RSA
OFTEN = 0.05  # share of answers to triplets that others answered too, from which on their entropy says something
LONGEST = 100  # letters of a line of a list; longer ones have a line for each entry
MODELS = """\
# Of a model with several layers the one that stands for it has the model's name, and each is MODEL::LAYER.
# DATA SET/MODEL is the same model on the images of another data set.
[models]"""
MISSING = """\
# What is not here, and what it would take; the page says it too. A step of that name takes the place of its line.
[missing]"""


@dataclass(frozen=True)
class PresetStep:
    """A step of the study."""

    # name, function: of the step; of one that is called like its function both are the same.
    name: str
    function: str
    what: str  # it shows, a comment.
    options: Mapping[str, Any] = field(default_factory=dict)  # as in the file.


# What there is


def facts_of(draft: Any, sets: Mapping[str, Objects], repeated: float, table: str) -> dict[str, Any]:
    """What the entries of a preset can ask for: models and sets by name, and whether there are any.

    Args:
        draft: whose models and sets are there already.
        sets: the data sets.
        repeated: the share of answers to triplets of THINGS that were answered at least twice.
        table: the path of the table of models, "" where there is none.
    """
    things = sets.get(THINGS) or Objects(THINGS)
    triplets, human, categories = (draft.sets.get(kind, {}) for kind in ("triplets", "dimensions", "categories"))
    models = [things.called(model) for model in things.models] if THINGS in triplets else []
    cifar = sets.get(CIFAR)
    logits = [logits_of(things, model) for model, layers in things.models.items()
              if len(layers) > 1 and LOGITS in map(str.lower, layers)]
    layers = [things.called(model, layer) for model, of in things.models.items() if len(of) > 1
              for layer in of if layer]
    known, families = _known(draft, models, table) if models else (0, None)
    several_families = bool(families) and len(set(families or ())) > 1
    dimensions = bool(models) and THINGS in human
    answered = ANSWERED if ANSWERED in triplets else THINGS if repeated >= OFTEN else ""
    concepts = bool(models) and (dimensions or THINGS in categories)
    return {
        "models": models, "several": len(models) > 1, "alike": _alike(draft, sets, models),
        "repeated": repeated > 0, "answered": answered if models else "",
        "fitted": [name for name in draft.models if name in draft.references],
        "logits": logits, "several_logits": len(logits) > 1, "layers": layers if len(layers) > 1 else [],
        "cifar100": [cifar.called(model) for model in cifar.models] if cifar and CIFAR in triplets else [],
        "judged": [_judged(draft, sets[name]) for name in draft.sets.get("human", {})],
        "unjudged": [{"set": name, "title": TITLES[name], "published": published} for name, *_, published in SETS
                     if name in OF_PAPERS and not any(set_.partition("-")[0] == name
                                                      for set_ in draft.sets.get("human", {}))],
        "known": known, "few_known": known < FEWEST_KNOWN, "others": {},
        "families": families if several_families else None,
        "by_family": ", of models and of families (in the order of models)" if several_families else "",
        "concepts": concepts, "categories": THINGS in categories, "dimensions": dimensions,
        "top_objects": 8 if dimensions else None,
        "vice": next((name for name in human if "vice" in human[name][0]["file"].lower()), THINGS),
        "each_model": [_mapped(draft, sets, things, model) for model in things.models] if models else [],
        "own": {*things.models},
    }


def _known(draft: Any, models: list[str], path: str) -> tuple[int, list[str] | None]:
    """How many models a table has a row of, and their families."""
    try:
        own = load_metadata(path) if path else None
    except (InputError, OSError) as error:
        draft.unknown.append(one_line(str(error)))
        draft.metadata, own = "", None
    found = metadata_of_models(models, own)
    if found is None:
        return 0, None
    draft.recognized += [note for note in found.notes if note.startswith("the metadata of ")]
    return sum(row is not None for row in found.matched(models).rows), families_of(models, found)


def _alike(draft: Any, sets: Mapping[str, Objects], models: list[str]) -> list[str]:
    """Models that can be compared with each other: those of another data set where THINGS has too few."""
    if len(models) < 2:
        of_sets = [[objects.called(model) for model in objects.models] for objects in sets.values()]
        models = max((names for names in of_sets if draft.models.keys() & {*names}), key=len)
    return models if len(models) > 1 else []


def _judged(draft: Any, objects: Objects) -> dict[str, Any]:
    """A data set with matrices of people; its models have all their layers where no figure over depth has these."""
    models, others = [objects.called(model) for model in objects.models], list[str]()
    if objects.name not in draft.sets.get("triplets", {}):
        others = [called for model, layers in objects.models.items() if len(layers) > 1 for layer in layers
                  if (called := objects.called(model, layer)) not in draft.mains]
    few = len(models) + len(others) <= MOST_LAYERS
    return {"set": objects.name, "title": objects.title, "of_set": models + others if few else models}


def _mapped(draft: Any, sets: Mapping[str, Objects], things: Objects, model: str) -> dict[str, Any]:
    """A model, the images that its map keeps the neighbours of, and the data sets on which its maps are tried."""
    main = main_layer(things.models[model])
    item = things.models[model][main]
    same = [(objects, other) for objects in sets.values() if objects is not things
            and (other := _same_layer(draft, objects, model, main)) is not None]
    wide = [other for _, other in same if other.shape[1] == item.shape[1]]
    most = max(wide, key=lambda other: other.shape[0], default=item)
    published, why_not = _published_map(model, item.shape[1])
    half = {} if most is not item else batches_of_half(most.shape[0])
    return {
        "model": things.called(model), "other_images": most.spec, "batch_size": None, "batches": None, **half,
        "published": published, "published_map": f"{PUBLISHED_MAP}{published}" if published else "",
        "no_published_map": why_not, "images": [
            {"set": objects.name, "title": objects.title, "on_set": objects.called(model), "other_width":
             "" if other.shape[1] == item.shape[1] else f"{one_line(other.spec)} has {other.shape[1]:,} features, and "
             f"the maps take {item.shape[1]:,}"}
            for objects, other in [(things, item), *same]
        ],
    }


def _same_layer(draft: Any, objects: Objects, model: str, layer: str) -> Item | None:
    """The embeddings of the objects of another data set by what stands for a model, if it is the same layer."""
    layers = objects.models.get(model, {})
    if objects.called(model) not in draft.models or not layers:
        return None
    other = main_layer(layers)
    return layers[other] if "" in (layer, other) or other.lower() == layer.lower() else None


def batches_of_half(n: int) -> dict[str, int]:
    """The options by which a fit keeps the neighbours of half of n images, so that the others show what it keeps.

    Example:
        >>> batches_of_half(1854), batches_of_half(5001), batches_of_half(4)
        ({'batch_size': 927, 'batches': 1}, {'batch_size': 834, 'batches': 3}, {})
    """
    batches = -(-n // (2 * LocalOptions.batch_size))
    size = -(-n // (2 * batches))
    return {"batch_size": size, "batches": batches} if size >= FEWEST_OTHERS else {}


def _published_map(model: str, features: int) -> tuple[str, str]:
    """The name under which gLocal has published a map of a model, "" unless it is on this machine and fits; why not."""
    row = row_of(model)
    name = next((name for name in (row or {"names": ""})["names"].split() if name in MAPS), "")
    if not name:
        return "", ""
    try:
        if not place_of(name).exists():
            return "", f" is not on this machine; `pyalign transfer FILE --map {PUBLISHED_MAP}{name}` fetches it"
        taken = load_transform(place_of(name)).weights.shape[0]
    except (InputError, OSError) as error:
        return "", f": {one_line(str(error))}"
    wrong = f" takes {taken:,} features, of {MAPS[name]}; there are {features:,}"
    return (name, "") if taken == features else ("", wrong)


# What is made of it


def plan_steps(draft: Any, facts: Mapping[str, Any]) -> None:
    """Enters the steps that there are data for, and says what is missing for the others."""
    texts = draft.preset.get("texts", {})
    for entry in draft.preset["steps"]:
        _enter(draft, entry, {**texts, **facts})


def _enter(draft: Any, entry: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    for more in facts[entry["each"]] if "each" in entry else ({},):
        here = {**facts, **more}
        if not all(_holds(word, here) for word in entry.get("when", ())):
            continue
        name = _free_name(entry["name"].format_map(here), draft.steps)
        lacking = [text for word, text in entry.get("needs", {}).items() if not _holds(word, here)]
        if lacking or "missing" in entry:
            draft.missing[name] = (lacking or [entry["missing"]])[0].format_map(here)
        else:
            draft.steps.append(_step(draft, entry, name, here))
        for inner in entry.get("steps", ()):
            _enter(draft, inner, {**here, "step": name})


def _step(draft: Any, entry: Mapping[str, Any], name: str, facts: Mapping[str, Any]) -> PresetStep:
    options = _filled(entry["options"], facts)
    function, models = entry.get("function", entry["name"]), options.get("models", ())
    if function == "compare" and len(models) == 1:
        function = "score"
    if "score" in entry and len({model.rpartition("/")[2] for model in models} & facts["own"]) > 1:
        facts["others"][entry["score"].format_map(facts)] = f"step:{name}"
    for kind, chosen in entry.get("chosen", {}).items():  # where the step would have to choose
        sets, wanted = draft.sets.get(kind, {}), chosen.format_map(facts)
        if not {*sets} <= {wanted}:
            options[kind] = wanted if wanted in sets else "none"
    return PresetStep(name, function, entry["what"].format_map(facts), options)


def _holds(word: str, facts: Mapping[str, Any]) -> bool:
    return not facts[word.removeprefix("no ")] if word.startswith("no ") else bool(facts[word])


def _filled(value: Any, facts: Mapping[str, Any]) -> Any:
    """What an option becomes: texts with their facts, and a text that is one fact that fact."""
    if isinstance(value, dict):
        entries = ((key.format_map(facts), _filled(one, facts)) for key, one in value.items())
        return {key: one for key, one in entries if one is not None and one != ""}
    if isinstance(value, list):
        return [_filled(one, facts) for one in value]
    if not isinstance(value, str):
        return value
    return facts[value[1:-1]] if value[:1] == "{" and value[1:-1] in facts else value.format_map(facts)


def _free_name(name: str, steps: Sequence[PresetStep]) -> str:
    """A name without signs that names of steps must not have; no other step has it."""
    name = name.translate({ord(sign): "-" for sign in "/\\:"})
    taken = {step.name for step in steps}
    return name if name not in taken else next(one for k in count(2) if (one := f"{name} {k}") not in taken)


# What is written


def read_preset(name: str) -> dict[str, Any]:
    """A preset by its name."""
    if name not in PRESETS:
        raise InputError(f"preset must be one of {', '.join(PRESETS)}; got {name!r}")
    return read_toml(FOLDER / f"{name}.toml", "presets")


def preset_text(draft: Any) -> str:
    """The study file of a draft."""
    lines = [draft.preset["head"], f"title = {quoted(draft.preset['title'])}"]
    lines.append('figures = ["svg", "pdf"]  # of all figures of the page, for a paper: folder figures')
    if draft.images:
        lines.append(f"images = {quoted(draft.images)}  # pictures of the objects on the page")
    table = f"metadata = {quoted(draft.metadata)}  # of models without a row: pyalign models table"
    lines.append(table if draft.metadata else
                 '# metadata = "models.csv"  # a table of your own; without it: pyalign models table')
    lines += ["", MODELS]
    for name, options in draft.models.items():
        lines.append(f"{key_of(name)} = {quoted(options['file'] if len(options) == 1 else options)}")
    for kind, sets in draft.sets.items():
        for name, tables in sets.items():
            lines += ["", *set_lines(f"{kind}.{key_of(name)}", kind, tables)]
    for step in draft.steps:
        lines += ["", f"[steps.{key_of(step.name)}]  # {step.what}"]
        lines += [f"function = {quoted(step.function)}"] * (step.name != step.function)
        lines += [line for name, value in step.options.items() for line in _option(name, value)]
    if draft.missing:
        lines += ["", MISSING]
        lines += [f"{key_of(name)} = {quoted(one_line(reason))}" for name, reason in draft.missing.items()]
    return "\n".join(lines) + "\n"


def _option(name: str, value: Any) -> Iterator[str]:
    """A line; of a long list or table one for each entry."""
    line = f"{name} = {quoted(value)}"
    if isinstance(value, Mapping) and len(line) > LONGEST:
        yield from (f"{name}.{key_of(key)} = {quoted(entry)}" for key, entry in value.items())
    elif isinstance(value, list) and len(line) > LONGEST:
        yield f"{name} = ["
        yield from (f"  {quoted(entry)}," for entry in value)
        yield "]"
    else:
        yield line
