"""The steps of a preset: which of its entries a folder has the data for, what the others lack, and the study file.

An entry of `presets/NAME.toml` speaks of what `facts_of` finds: `when` needs it or leaves the entry out, `needs` says
what is missing, and ``{fact}`` stands for it; "no models" is the opposite, "several models" are two at least. An option
or a row of a table that is nothing but an empty fact is left out. `each` repeats an entry, with the steps inside it,
for each of several.

What a preset knows of a folder: its data sets, the models of each, and what files are called.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pyalign._dataclass import dataclass, field
from pyalign.datasets.fetch import MAPS, place_of
from pyalign.errors import InputError
from pyalign.io.documents import key_of, quoted, read_toml
from pyalign.io.metadata import families_of, load_metadata, metadata_of_models, row_of
from pyalign.io.paths import PUBLISHED_MAP, one_line
from pyalign.io.transform import load_transform
from pyalign.probing.parameters import FEWEST_OTHERS, LocalOptions
from pyalign.study.draft import KINDS, Draft, Item, Tables, free_name, set_lines, stem_and_key

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
THINGS, CIFAR = "things", "cifar100"
# What names a data set in a path, what it is called, and the data set of pyalign, whose judgments or triplets stand
# in where the folder has none.
SETS = (
    (THINGS, r"things", "THINGS", "things"),
    (CIFAR, r"cifar[-_]?100", "CIFAR-100 coarse", "cifar100-coarse"),
    ("king", r"king(?:19|2019)?", "King et al. (2019)", "king19"),
    ("cichy", r"cichy(?:118|2019)?", "Cichy et al. (2019)", "cichy118"),
    ("peterson", r"peterson", "Peterson et al. (2018)", "peterson"),
    ("objects92", r"objects92|kriegeskorte(?:92)?", "Kriegeskorte et al. (2008), 92 photographs", "kriegeskorte92"),
)
TITLES = {name: title for name, _, title, _ in SETS}
# Peterson's sets of images and King's are of different objects each: a data set of its own for each that is named.
PARTS = {
    "peterson": ("animals", "automobiles", "fruits", "furniture", "vegetables", "various"),
    "king": ("set1", "set2"),
}
FEATURES = ("penultimate", "avgpool", "pooler", "visual")  # what is taken for a model where it has several layers
LOGITS, ANSWERED = "logits", "answered"  # a layer; triplets that many people answered
STEM = re.compile(r"(?P<model>.+?)[-_.](?P<layer>penultimate|logits)", re.IGNORECASE)  # of a file of one layer
UNFIT = str.maketrans("/\\:", "---")  # in names of steps


@dataclass(frozen=True)
class PresetStep:
    """A step of the study."""

    # name, function: of the step; of one that is called like its function both are the same.
    name: str
    function: str
    what: str  # it shows, a comment.
    options: Mapping[str, Any] = field(default_factory=dict)  # as in the file.


@dataclass
class PresetDraft(Draft):
    """What the preset makes of a folder."""

    preset: Mapping[str, Any] = field(default_factory=dict)  # as its file has it.
    steps: list[PresetStep] = field(default_factory=list)  # what is run.

    @property
    def text(self) -> str:
        """The contents of the study file."""
        lines = [self.preset["head"], f"title = {quoted(self.preset['title'])}"]
        lines.append('figures = ["svg", "pdf"]  # of all figures of the page, for a paper: folder figures')
        if self.images:
            lines.append(f"images = {quoted(self.images)}  # pictures of the objects on the page")
        table = f"metadata = {quoted(self.metadata)}  # of models without a row: pyalign models table"
        lines.append(table if self.metadata else
                     '# metadata = "models.csv"  # a table of your own; without it: pyalign models table')
        lines += ["", MODELS]
        for name, options in self.models.items():
            lines.append(f"{key_of(name)} = {quoted(options['file'] if len(options) == 1 else options)}")
        for kind, sets in self.sets.items():
            for name, tables in sets.items():
                lines += ["", *set_lines(f"{kind}.{key_of(name)}", kind, tables)]
        for step in self.steps:
            lines += ["", f"[steps.{key_of(step.name)}]  # {step.what}"]
            lines += [f"function = {quoted(step.function)}"] * (step.name != step.function)
            lines += [line for name, value in step.options.items() for line in _option(name, value)]
        if self.missing:
            lines += ["", MISSING]
            lines += [f"{key_of(name)} = {quoted(one_line(reason))}" for name, reason in self.missing.items()]
        return "\n".join(lines) + "\n"


def _option(name: str, value: Any) -> Iterator[str]:
    """A line; of a long list or table one for each entry."""
    line = f"{name} = {quoted(value)}"
    if isinstance(value, Mapping) and len(line) > LONGEST:
        yield from (f"{name}.{key_of(key)} = {quoted(entry)}" for key, entry in value.items())
    elif isinstance(value, list) and len(line) > LONGEST:
        yield from (f"{name} = [", *(f"  {quoted(entry)}," for entry in value), "]")
    else:
        yield line


# The data sets of a folder


@dataclass
class Objects:
    """A data set: what there is of the same objects."""

    name: str  # such as "things" or "peterson-fruits".
    n: int | None = None  # how many objects most embeddings have.
    # model -> layer -> its embeddings; "" for a model that has none.
    models: dict[str, dict[str, Item]] = field(default_factory=dict)
    # tables of a study file, by their kind, the best one first.
    sets: Tables = field(default_factory=lambda: {kind: [] for kind in KINDS})
    names: str = ""  # a file, or "".
    fitted: list[str] = field(default_factory=list)  # human dimensions that are scored like models.

    @property
    def title(self) -> str:
        """What people call it."""
        name, _, part = self.name.partition("-")
        return f"{TITLES[name]}{f', {part}' if part else ''}"

    @property
    def of(self) -> str:
        """Behind what is said of its files; nothing of THINGS, which a path need not name."""
        return "" if self.name == THINGS else f" of {self.title}"

    @property
    def named(self) -> dict[str, str]:
        """What a table of a study file says of the names of the objects."""
        return {"names": self.names} if self.names else {}

    @property
    def can_be_scored(self) -> bool:
        """Whether there are models, and what people said."""
        return bool(self.models and (self.sets["triplets"] or self.sets["human"]))

    def called(self, model: str, layer: str = "") -> str:
        """The name of a model in the study: those of THINGS have theirs, others that of their data set before it."""
        whole = f"{model}::{layer}" if layer else model
        return whole if self.name == THINGS else f"{self.name}/{whole}"

    def logits_of(self, model: str) -> str:
        """What the logits of a model are called, with its own name at the end, by which scores of both meet."""
        return self.called(f"{LOGITS}/{model}")


def set_of(spec: str) -> str:
    """The data set of a file, by what its path names last.

    Example:
        >>> set_of("king/clip.npy"), set_of("rdms/peterson_fruits.mat"), set_of("clip.npy"), set_of("baking.npy")
        ('king', 'peterson-fruits', 'things', 'things')
    """
    path = spec.partition("::")[0].lower()
    found = [
        (match.start(), name)
        for name, pattern, *_ in SETS
        for match in re.finditer(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])", path)
    ]
    name = max(found)[1] if found else THINGS
    words = re.split(r"[^a-z0-9]+", path)
    part = next((part for part in PARTS.get(name, ()) if part in words), "")
    return f"{name}-{part}" if part else name


def model_and_layer(spec: str) -> tuple[str, str]:
    """The model that embeddings are of, and their layer, "" where the name says none.

    Several arrays of one file, or of a folder of `pyalign extract`, are layers of one model. In files of several models
    they are called MODEL/LAYER.

    Example:
        >>> model_and_layer("a/clip.npy"), model_and_layer("a/vgg16::fc7"), model_and_layer("vgg16_logits.npy")
        (('clip', ''), ('vgg16', 'fc7'), ('vgg16', 'logits'))
        >>> model_and_layer("features.pkl::custom/clip_ViT-B/32/penultimate")
        ('custom-clip_ViT-B-32', 'penultimate')
    """
    stem, key = stem_and_key(spec)
    model, _, layer = key.rpartition("/")
    if not model:
        match = None if key else STEM.fullmatch(stem)
        model, layer = (match["model"], match["layer"].lower()) if match else (stem, key)
    return _plain(model), _plain(layer)


def _plain(name: str) -> str:
    """A name that no part of a study takes for a path, a layer or several lines."""
    return "".join(sign if sign.isprintable() else "_" for sign in name.replace("/", "-").replace("::", "-"))


def main_layer(layers: Iterable[str]) -> str:
    """The layer that stands for a model: the one before its logits by name, else the last that is not logits."""
    names = [*layers]
    known = [name for name in names if name.lower() in FEATURES or not name]
    others = [name for name in names if name.lower() != LOGITS]
    return (known or others or names)[-1]


# What there is


def facts_of(draft: PresetDraft, sets: Mapping[str, Objects], repeated: float, table: str) -> dict[str, Any]:
    """What the entries of a preset can ask for: models and sets by name, and whether there are any.

    Args:
        draft: whose models and sets are there already.
        sets: the data sets.
        repeated: the share of answers to triplets of THINGS that were answered at least twice.
        table: the path of the table of models, "" where there is none.
    """
    things, cifar = (sets.get(name) or Objects(name) for name in (THINGS, CIFAR))
    triplets, human, categories = (draft.sets.get(kind, {}) for kind in ("triplets", "dimensions", "categories"))
    judged = draft.sets.get("human", {})
    models = [*map(things.called, things.models)] if THINGS in triplets else []
    known, families = _known(draft, models, table) if models else (0, [])
    of_layers = {model: layers for model, layers in things.models.items() if len(layers) > 1}
    answered = ANSWERED if ANSWERED in triplets else THINGS if repeated >= OFTEN else ""
    dimensions = bool(models) and THINGS in human
    return {
        "models": models, "comparable": _comparable(draft, sets, models), "own": {*things.models}, "others": {},
        "repeated": repeated > 0, "answered": answered if models else "", "fitted": things.fitted,
        "logits": [things.logits_of(model) for model, layers in of_layers.items() if LOGITS in map(str.lower, layers)],
        "layers": [things.called(model, layer) for model, layers in of_layers.items() for layer in layers if layer],
        "cifar100": [*map(cifar.called, cifar.models)] if CIFAR in triplets else [],
        "judged": [_judged(draft, sets[name]) for name in judged],
        "unjudged": [{"set": name, "title": title, "published": published} for name, _, title, published in SETS
                     if name in OF_PAPERS and name not in {own.partition("-")[0] for own in judged}],
        "known": known, "few_known": known < FEWEST_KNOWN, "families": families or None,
        "by_family": ", of models and of families (in the order of models)" if families else "",
        "concepts": dimensions or (models and THINGS in categories),
        "categories": THINGS in categories, "dimensions": dimensions, "top_objects": 8 if dimensions else None,
        "vice": next((name for name in human if "vice" in human[name][0]["file"].lower()), THINGS),
        "each_model": [_mapped(draft, sets, things, model) for model in things.models] if models else [],
    }


def _known(draft: PresetDraft, models: list[str], path: str) -> tuple[int, list[str]]:
    """How many models a table has a row of, and the family of each, if there are several families."""
    try:
        own = load_metadata(path) if path else None
    except (InputError, OSError) as error:
        draft.unknown.append(one_line(str(error)))
        draft.metadata, own = "", None
    found = metadata_of_models(models, own)
    if found is None:
        return 0, []
    draft.recognized += [note for note in found.notes if note.startswith("the metadata of ")]
    families = families_of(models, found) or []
    return sum(row is not None for row in found.matched(models).rows), families if len({*families}) > 1 else []


def _comparable(draft: PresetDraft, sets: Mapping[str, Objects], models: list[str]) -> list[str]:
    """Models that can be compared with each other: those of another data set where THINGS has too few."""
    if len(models) < 2:
        of_sets = [[*map(objects.called, objects.models)] for objects in sets.values()]
        models = max((names for names in of_sets if draft.models.keys() & {*names}), key=len)
    return models


def _judged(draft: PresetDraft, objects: Objects) -> dict[str, Any]:
    """A data set with matrices of people; its models have all their layers where no figure over depth has these."""
    models, others = [*map(objects.called, objects.models)], list[str]()
    if objects.name not in draft.sets.get("triplets", {}):
        others = [objects.called(model, layer) for model, layers in objects.models.items()
                  for layer in layers if layer != main_layer(layers)]
    few = len(models) + len(others) <= MOST_LAYERS
    return {"set": objects.name, "title": objects.title, "of_set": models + others if few else models}


def _mapped(draft: PresetDraft, sets: Mapping[str, Objects], things: Objects, model: str) -> dict[str, Any]:
    """A model, the images that its map keeps the neighbours of, and the data sets on which its maps are tried."""
    main = main_layer(things.models[model])
    item = things.models[model][main]
    width = item.shape[1]
    same = [(things, item), *((objects, other) for objects in sets.values() if objects is not things
                              and (other := _same_layer(draft, objects, model, main)) is not None)]
    most = max((other for _, other in same[1:] if other.shape[1] == width), key=lambda other: other.shape[0],
               default=item)
    published, why_not = _published_map(model, width)
    half = batches_of_half(item.shape[0]) if most is item else {}
    return {
        "model": things.called(model), "other_images": most.spec, "batch_size": None, "batches": None, **half,
        "published": published, "published_map": f"{PUBLISHED_MAP}{published}" if published else "",
        "no_published_map": why_not, "images": [
            {"set": objects.name, "title": objects.title, "on_set": objects.called(model), "other_width":
             "" if other.shape[1] == width else f"{one_line(other.spec)} has {other.shape[1]:,} features, and the maps "
             f"take {width:,}"} for objects, other in same
        ],
    }


def _same_layer(draft: PresetDraft, objects: Objects, model: str, layer: str) -> Item | None:
    """The embeddings of the objects of another data set by what stands for a model, if it is the same layer."""
    layers = objects.models.get(model, {})
    if objects.called(model) not in draft.models or not layers:
        return None
    other = main_layer(layers)
    return layers[other] if "" in (layer, other) or other.lower() == layer.lower() else None


def batches_of_half(n: int) -> dict[str, int]:
    """The options by which a fit keeps the neighbours of half of n images, so that the others show what it keeps."""
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


def read_preset(name: str) -> dict[str, Any]:
    """A preset by its name."""
    if name not in PRESETS:
        raise InputError(f"preset must be one of {', '.join(PRESETS)}; got {name!r}")
    return read_toml(FOLDER / f"{name}.toml", "presets")


def plan_steps(draft: PresetDraft, facts: Mapping[str, Any]) -> None:
    """Enters the steps that there are data for, and says what is missing for the others."""
    for entry in draft.preset["steps"]:
        _enter(draft, entry, {**draft.preset.get("texts", {}), **facts})


def _enter(draft: PresetDraft, entry: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    for more in facts[entry["each"]] if "each" in entry else ({},):
        here = {**facts, **more}
        if not all(_holds(word, here) for word in entry.get("when", ())):
            continue
        name = free_name(entry["name"].format_map(here).translate(UNFIT), [step.name for step in draft.steps])
        lacking = [text for word, text in entry.get("needs", {}).items() if not _holds(word, here)]
        if lacking or "missing" in entry:
            draft.missing[name] = (lacking or [entry["missing"]])[0].format_map(here)
        else:
            draft.steps.append(_step(draft, entry, name, here))
        for inner in entry.get("steps", ()):
            _enter(draft, inner, {**here, "step": name})


def _step(draft: PresetDraft, entry: Mapping[str, Any], name: str, facts: Mapping[str, Any]) -> PresetStep:
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
    """Whether there is what a word asks for: FACT, "no FACT", "several FACT"."""
    how, _, rest = word.partition(" ")
    if how == "no":
        return not _holds(rest, facts)
    return len(facts[rest]) > 1 if how == "several" else bool(facts[word])


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
