"""What a folder contains, as far as a study can use it: contents decide, and names only where contents say nothing.

A file belongs to the data set that its path names, such as `king/clip.npy` or `rdms/king.mat`, and to THINGS where it
names none. Rows of one data set are of the same objects. Without the preset of a paper there is one data set, "".
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pyalign._dataclass import dataclass, field, replace
from pyalign.analysis.describe.array import Description
from pyalign.analysis.describe.file import describe_file
from pyalign.datasets.dataset import list_datasets
from pyalign.errors import InputError, MissingExtraError, shorten
from pyalign.io.folder import holds_rows
from pyalign.io.image_files import is_image
from pyalign.io.paths import PathLike, bad, checked_path, one_line, require_file
from pyalign.study.preset_steps import KINDS, Draft, free_name

DEEPEST, MOST = 2, 500  # folders below the given one; files that are looked into
HEADER = 1 << 16  # letters of a header at most
HUMAN_DIMENSIONS = re.compile(r"spose|vice|dimension", re.IGNORECASE)
METADATA = ("model", "models", "name", "model_name")
SMALLEST = 3  # images that make a folder one of images
HUMAN_KINDS = {"similarities": "similarity", "dissimilarities": "dissimilarity"}
THINGS, CIFAR = "things", "cifar100"
OWN = ("", THINGS)  # the data sets whose models are called as they are
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
TITLES = {"": "", **{name: title for name, _, title, _ in SETS}}
# Peterson's sets of images and King's are of different objects each: a data set of its own for each that is named.
PARTS = {
    "peterson": ("animals", "automobiles", "fruits", "furniture", "vegetables", "various"),
    "king": ("set1", "set2"),
}
FEATURES = ("penultimate", "avgpool", "pooler", "visual")  # what is taken for a model where it has several layers
LOGITS, ANSWERED = "logits", "answered"  # a layer; triplets that many people answered
STEM = re.compile(r"(?P<model>.+?)[-_.](?P<layer>penultimate|logits)", re.IGNORECASE)  # of a file of one layer
PAIRED = ("names", "labels", "answers")  # kinds that belong to what has as many rows or columns
ROLES = {  # what names, labels and answers are of; "" of those that belong to nothing
    "names": "names of the {rows:,} objects{of}",
    "categories": "{rows:,} labels, taken for categories{of}",
    "labels": "labels of the dimensions in {file}",
    "subjects": "who answered {file}",
    "answers": "how many people gave each answer to {file}",
    "": "{rows:,} {kind}, as many as nothing else has or lacks",
}
TAKEN = {  # what else a file can be taken for
    "embeddings": "embeddings", "triplets": "triplets", "human": "matrices of people", "dimensions": "human dimensions",
    "categories": "categories", "images": "images", "metadata": "table of models",
}
BY_ROWS = ("embeddings", "human", "dimensions", "categories")  # these have a row for each object


@dataclass(frozen=True)
class Item:
    """One array of a file, or a folder of images, and what it seems to be."""

    spec: str  # FILE or FILE::KEY, relative to the folder.
    kind: str  # such as "embeddings", "triplets", "human" (matrices) or "unknown".
    shape: tuple[int, ...] = ()  # of the array.
    named: bool = False  # whether the file has names of the rows.
    # what a reader needs to know about the file, such as its columns.
    options: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""  # what else a user should know.

    @property
    def size(self) -> str:
        """Its shape, for people."""
        return " x ".join(map(str, self.shape))

    @property
    def rows(self) -> int:
        """How many rows there are, of objects in embeddings; of matrices of several people those of one."""
        return self.shape[-1 if self.kind == "human" else 0]


def items_of(folder: PathLike, relative_to: PathLike | None = None) -> list[Item]:
    """What the files of a folder and of its subfolders seem to be, sorted by name, by their paths from another one."""
    where, items = os.fspath(checked_path(folder, "folder")), list[Item]()
    start = "." if relative_to is None else os.path.relpath(where, checked_path(relative_to, "relative_to"))
    for place in _places(where):
        for item in _items(where, place):
            if item.kind != "unknown" and ("::" in place or not item.spec.isprintable()):
                rule = "that a study reads must have a printable name without '::'; rename it"
                raise bad(where, f"{shorten(item.spec)}: a file {rule}")
            spec = item.spec if start == "." else os.path.normpath(os.path.join(start, item.spec))
            items.append(replace(item, spec=spec))
    return items


def _places(folder: str) -> Iterator[str]:
    """Files, and folders of images or of an extraction, below the folder; each folder under the first of its paths."""
    count, left, seen = 0, [("", 0)], set[tuple[int, int]]()
    while left:
        below, depth = left.pop(0)
        there = os.path.join(folder, below) if below else folder
        status = os.stat(there)
        if (status.st_dev, status.st_ino) in seen:  # by way of a link
            continue
        seen.add((status.st_dev, status.st_ino))
        for name in sorted(os.listdir(there)):
            place = os.path.join(below, name)
            whole = os.path.join(folder, place)
            if name.startswith("."):
                continue
            if os.path.isdir(whole) and not _is_whole(whole):
                left += [(place, depth + 1)] if depth < DEEPEST else []
            elif count < MOST:
                count += 1
                yield place


def _is_whole(folder: str) -> bool:
    """Whether a folder is one item: an extraction, features of thingsvision, or images."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    return holds_rows(folder) or sum(map(is_image, names)) >= SMALLEST or _holds_folders_of_images(folder, names)


def _holds_folders_of_images(folder: str, names: list[str]) -> bool:
    """Whether there is a folder for each object, as in THINGS and ImageNet."""
    inside = [os.path.join(folder, name) for name in names[:20] if os.path.isdir(os.path.join(folder, name))]
    return len(inside) >= SMALLEST and all(sum(map(is_image, os.listdir(path)[:50])) >= 1 for path in inside)


def _items(folder: str, place: str) -> list[Item]:
    whole = os.path.join(folder, place)
    if os.path.isdir(whole) and not holds_rows(whole):
        return [Item(place, "images")]
    if is_image(place) or place.endswith((".toml", ".md", ".html", ".json", ".py", ".pdf")):
        return []
    try:
        if _is_metadata(whole):
            return [Item(place, "metadata")]
        described = describe_file(whole)
    except (InputError, MissingExtraError, OSError) as error:
        return [Item(place, "unknown", remark=one_line(str(error)).removeprefix(f"{whole}: "))]
    layers = os.path.isdir(whole)  # whose names are those of their rows
    arrays = [array for array in described.arrays if not (layers and array.kind == "names")]
    several = len(arrays) > 1
    return [_item(f"{place}::{array.key}" if several and array.key else place, array, layers) for array in arrays]


def _is_metadata(path: str) -> bool:
    """Whether a file is a table of models: its first header says so, and there are further columns."""
    if not path.endswith((".csv", ".tsv")):
        return False
    require_file(path)
    with open(path, encoding="utf-8-sig", errors="replace") as handle:
        cells = handle.readline(HEADER).rstrip("\n").split("," if path.endswith(".csv") else "\t")
    words = [cell.strip().strip('"').lower() for cell in cells]
    known = {"family", "objective", "data", "training data", "parameters", "source", "imagenet", "training_data"}
    return len(words) > 1 and words[0] in METADATA and (words[0].startswith("model") or bool(known & set(words)))


def _item(spec: str, description: Description, layer: bool) -> Item:
    kind, options, remark = description.kind, {}, "; ".join(description.remarks[:2])
    if description.fault is not None:
        return Item(spec, "unknown", description.shape, remark=description.fault)
    if kind == "triplets":
        options = dict(description.layout or {})
    if kind in HUMAN_KINDS:
        kind, options = "human", {"kind": HUMAN_KINDS[kind]}
    if kind == "embeddings" and any("categories of items" in text for text in description.remarks):
        kind = "categories"
    if kind == "embeddings" and HUMAN_DIMENSIONS.search(os.path.basename(spec)):
        kind = "dimensions"
    return Item(spec, kind, description.shape, layer or description.names is not None, options, remark)


# The data sets of a folder


@dataclass
class Objects:
    """A data set: what there is of the same objects."""

    name: str  # such as "things" or "peterson-fruits".
    n: int | None = None  # how many objects most embeddings have.
    # model -> layer -> its embeddings; "" for a model that has none.
    models: dict[str, dict[str, Item]] = field(default_factory=dict)
    # tables of a study file, by their kind, the best one first.
    sets: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
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
        return "" if self.name in OWN else f" of {self.title}"

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
        return whole if self.name in OWN else f"{self.name}/{whole}"


def objects_of(draft: Draft, name: str, items: list[Item]) -> Objects:
    """What the files of a data set are taken for; of each kind what says most comes first."""
    rows = Counter(item.shape[0] for item in items if item.kind == "embeddings").most_common(1)
    objects, shapes = Objects(name, rows[0][0] if rows else None), {item.spec: item.shape for item in items}
    for item in items:
        if item.kind not in PAIRED:
            _place(draft, objects, item)
    for item in items:
        if item.kind in PAIRED:
            role, file = _pair(objects, item, shapes)
            text = ROLES[role].format(rows=item.rows, kind=item.kind, file=one_line(file), of=objects.of)
            (draft.recognized if role else draft.unknown).append(f"{one_line(item.spec)}: {text}")
    objects.models = {model: _in_order(draft, layers) for model, layers in objects.models.items()}
    ranks: dict[str, Callable[[Mapping[str, Any], tuple[int, ...]], Any]] = {
        "triplets": lambda table, shape: (bool(name) and "answers" in table, not says_who(table), -shape[0]),
        "human": lambda table, shape: -len(shape),  # with participants first
        "dimensions": lambda table, shape: ("labels" not in table, -shape[1]),
        "categories": lambda table, shape: -len(shape),
    }
    for kind, tables in objects.sets.items():
        tables.sort(key=lambda table: ranks[kind](table, shapes[table["file"]]))
        first, *others = [one_line(table["file"]) for table in tables if "answers" not in table] or [""]
        if others and kind != "dimensions":
            draft.unknown.append(f"{', '.join(others)}: {TAKEN[kind]}{objects.of} are taken from {first}")
    return objects


def _place(draft: Draft, objects: Objects, item: Item) -> None:
    """Adds to a data set what can be said about a file without looking at others."""
    kind, shown, what, unknown = item.kind, one_line(item.spec), TAKEN.get(item.kind, ""), ""
    if kind in BY_ROWS and objects.n not in (None, item.rows) and not (kind == "categories" and item.named):
        unknown = f"{what} for {item.rows:,} objects, where most embeddings{objects.of} have {objects.n:,}; left out"
        if kind == "human":
            unknown += " ([human] can say which they are, by names)"
    elif kind == "embeddings":
        what = f"{what} {_add(draft, objects, item)}"
    elif kind in KINDS:
        objects.sets[kind].append({"file": item.spec, **item.options})
    elif kind == "transform":
        unknown = f"{item.remark.partition(':')[0]}: pyalign transfer FILE --transform {shown} --on ..."
    elif not what:
        unknown = item.remark or kind
    elif getattr(draft, kind):
        unknown = f"{getattr(draft, kind)} is taken already"
    else:
        setattr(draft, kind, item.spec)
    if unknown:
        draft.unknown.append(f"{shown}: {unknown}")
    else:
        remarks = [item.size, item.options.get("kind", ""), item.remark * (kind in KINDS and kind != "human")]
        draft.recognized.append(", ".join(filter(None, [f"{shown}: {what}{objects.of}", *remarks])))


def _add(draft: Draft, objects: Objects, item: Item) -> str:
    """Adds embeddings as a layer of a model; what both are called. In a study of no paper each is a model."""
    model, layer = model_and_layer(item.spec)
    if not objects.name:
        stem, key = stem_and_key(item.spec)
        model, layer = f"{stem} {key}" if key and stem in objects.models else stem, ""
    layers = objects.models.setdefault(model, {})
    if layer in layers:
        called = free_name(model, objects.models)
        also = f"{model} is also in {one_line(layers[layer].spec)}; called {called} here"
        draft.unknown.append(f"{one_line(item.spec)}: {also}")
        model, layers = called, objects.models.setdefault(called, {})
    layers[layer] = item
    return f"{model}, layer {layer}" if layer else model


def stand_in(draft: Draft, sets: Iterable[Objects]) -> None:
    """Published data that are on this machine, where there are embeddings of their objects and no file of people."""
    try:
        published = {known.name: known.parts for known in list_datasets().datasets if known.is_here}
    except (InputError, OSError):
        published = {}
    for objects in sets:
        name, _, part = objects.name.partition("-")
        known = next((dataset for own, *_, dataset in SETS if own == name), "")
        if not objects.models or known not in published:
            continue
        spec = f"dataset:{known}{f'::{part}' if part else ''}"
        for kind, held, fits, what in (
            ("triplets", "triplets", True, f"triplets{objects.of}"),
            ("human", "judgments", part or name not in PARTS, f"matrices of people about {objects.title}"),
            ("categories", "categories", name not in (CIFAR, *PARTS), f"categories{objects.of}"),
        ):
            if held in published[known] and fits and not objects.sets[kind]:
                objects.sets[kind].append({"file": spec})
                draft.recognized.append(f"{spec}: {what}, which are on this machine")
        if "names" in published[known] and not objects.names and name == THINGS:
            objects.names = spec


def says_who(table: Mapping[str, Any]) -> bool:
    """Whether a table of triplets says who answered."""
    return "subject_column" in table or "subjects" in table


def _pair(objects: Objects, item: Item, shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, str]:
    """Enters names, labels or answers where as many rows or columns are: as what, "" for nowhere, and of which file."""
    kind, rows, sets = item.kind, item.rows, objects.sets
    few = kind != "labels" or not item.remark.startswith(f"{rows:,} different")
    if kind == "names" and rows == objects.n and not objects.names:
        objects.names = item.spec
        return "names", ""
    if kind == "labels" and rows == objects.n and few and not (objects.name and "::" in item.spec):
        sets["categories"].append({"file": item.spec})
        return "categories", ""
    columns = next((table for table in sets["dimensions"] if shapes[table["file"]][1] == rows), None)
    answers = next((table for table in sets["triplets"] if shapes[table["file"]][0] == rows), None)
    if kind == "names" and columns:
        role, table = "labels", columns
    elif answers and few:
        role, table = "answers" if kind == "answers" else "subjects", answers
    else:
        return "", ""
    table[role] = item.spec
    return role, table["file"]


def set_of(spec: str) -> str:
    """The data set of a file, by what its path names last.

    Example:
        >>> set_of("king/clip.npy"), set_of("rdms/peterson_fruits.mat"), set_of("clip.npy"), set_of("baking.npy")
        ('king', 'peterson-fruits', 'things', 'things')
    """
    path = spec.partition("::")[0].lower()
    paths = [
        (match.start(), name)
        for name, pattern, *_ in SETS
        for match in re.finditer(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])", path)
    ]
    name = max(paths)[1] if paths else THINGS
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


def stem_and_key(spec: str) -> tuple[str, str]:
    """The name of a file without its ending, and the array in it.

    Example:
        >>> stem_and_key("in/clip.npy"), stem_and_key("clip.txt.gz"), stem_and_key("clip.npz::visual")
        (('clip', ''), ('clip', ''), ('clip', 'visual'))
    """
    path, _, key = spec.partition("::")
    stem = os.path.basename(path).removesuffix(".gz")
    return os.path.splitext(stem)[0], key


def _plain(name: str) -> str:
    """A name that no part of a study takes for a path, a layer or several lines."""
    return "".join(sign if sign.isprintable() else "_" for sign in name.replace("/", "-").replace("::", "-"))


def main_layer(layers: Iterable[str]) -> str:
    """The layer that stands for a model: the one before its logits by name, else the last that is not logits."""
    names = [*layers]
    known = [name for name in names if name.lower() in FEATURES or not name]
    others = [name for name in names if name.lower() != LOGITS]
    return (known or others or names)[-1]


def _in_order(draft: Draft, layers: dict[str, Item]) -> dict[str, Item]:
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
