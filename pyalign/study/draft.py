"""What a folder contains, as far as a study can use it: contents decide, and names only where contents say nothing.

`draft_study`: a study file from a folder, with what its files were taken for and what is not known.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from pyalign._dataclass import dataclass, field, replace
from pyalign.analysis.describe.array import Description
from pyalign.analysis.describe.file import describe_file
from pyalign.errors import InputError, MissingExtraError, shorten
from pyalign.io.documents import key_of, quoted
from pyalign.io.folder import holds_rows
from pyalign.io.image_files import is_image
from pyalign.io.paths import PathLike, bad, checked_path, one_line, require_file

DEEPEST, MOST = 2, 500  # folders below the given one; files that are looked into
HEADER = 1 << 16  # letters of a header at most
HUMAN_DIMENSIONS = re.compile(r"spose|vice|dimension", re.IGNORECASE)
METADATA = ("model", "models", "name", "model_name")
SMALLEST = 3  # images that make a folder one of images
HUMAN_KINDS = {"similarities": "similarity", "dissimilarities": "dissimilarity"}
PAIRED = ("names", "labels", "answers")  # kinds that belong to what has as many rows or columns
HEAD = """\
# A study of pyalign: pyalign study run THIS FILE. Paths are relative to this file.
# Lines that begin with # are left out; docs/study.md says what else a study can have.
"""
TOP = (
    ("names", "names.txt", "of the rows of embeddings that have none, and of item numbers"),
    ("images", "photos", "of the objects: pictures in the report"),
    ("metadata", "models.csv", "model, family, objective, ...: a row for each of [models]"),
)
KINDS = {
    "triplets": "what people answered; the odd item is last, unless odd_column says otherwise",
    "human": "matrices of people, for rsa",
    "dimensions": "human dimensions: what concepts, consistency and predict go by",
    "categories": "of the objects",
}
ROLES = {  # what names, labels and answers are of; "" of those that belong to nothing
    "names": "{rows:,} names, of the rows",
    "categories": "{rows:,} labels, taken for categories of the rows",
    "labels": "{rows:,} names, of the dimensions in {file}",
    "subjects": "{rows:,} labels, taken for who answered {file}",
    "answers": "counts or shares of answers to {file}",
    "": "{rows:,} {kind}, as many as nothing else has",
}
Tables = dict[str, list[dict[str, Any]]]  # of a study file, by their kind


@dataclass(frozen=True)
class Item:
    """One array of a file, or a folder of images, and what it seems to be."""

    spec: str  # FILE or FILE::KEY, relative to the folder.
    kind: str  # such as "embeddings", "triplets" or "unknown".
    shape: tuple[int, ...] = ()  # of the array.
    named: bool = False  # whether the file has names of the rows.
    # what a reader needs to know about the file, such as its columns.
    options: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""  # what else a user should know.

    @property
    def size(self) -> str:
        """Its shape, for people."""
        return " x ".join(map(str, self.shape))


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
    if kind == "embeddings" and any("categories of items" in text for text in description.remarks):
        kind = "categories"
    if kind == "embeddings" and HUMAN_DIMENSIONS.search(os.path.basename(spec)):
        kind = "dimensions"
    return Item(spec, kind, description.shape, layer or description.names is not None, options, remark)


@dataclass
class Draft:
    """What a study can be made of."""

    models: dict[str, Any] = field(default_factory=dict)  # embeddings, by name; a preset's with options of their entry.
    # names, images, metadata: the files, or "".
    names: str = ""
    images: str = ""
    metadata: str = ""
    # triplets, human, dimensions, categories: each a list of tables with `file`, of which the first is taken; a preset
    # has such a list for each data set.
    sets: dict[str, Any] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    recognized: list[str] = field(default_factory=list)  # what each file was taken for, one line per file.
    unknown: list[str] = field(default_factory=list)  # the files that no role was found for, one line per file.
    missing: dict[str, str] = field(default_factory=dict)  # step of a preset -> why it is not there.

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know: files without a role, and what is missing."""
        return (
            *(f"not known: {fact}" for fact in self.unknown),
            *(f"missing: {name}: {reason}" for name, reason in self.missing.items()),
        )

    @property
    def text(self) -> str:
        """The contents of the study file: what was found as it stands there, the rest as comments."""
        lines = [HEAD, 'title = "Agreement with human similarity judgments"']
        for key, example, what in TOP:
            value = getattr(self, key)
            lines.append(f"{key} = {quoted(value)}  # {what}" if value else f"# {key} = {quoted(example)}  # {what}")
        lines += ["", "[models]  # the name of each, and where its embeddings are stored"]
        lines += [f"{key_of(name)} = {quoted(spec)}" for name, spec in self.models.items()]
        lite = 'lite0 = { extract = "efficientnet-lite:0", layer = "penultimate" }'
        lines.append(lite if not self.models else f"# {lite}  # of [images]; needs the extra 'extract'")
        for kind, what in KINDS.items():
            none = f"# [{kind}]  # {what}", '# file = "..."'
            lines += ["", *(set_lines(kind, kind, self.sets[kind]) if self.sets[kind] else none)]
        return "\n".join([*lines, "", *_steps(self)]) + "\n"


def set_lines(name: str, kind: str, tables: list[Mapping[str, Any]]) -> Iterator[str]:
    """The first of some tables; the others below it, for the user to choose."""
    first, *others = tables
    yield f"[{name}]  # {KINDS[kind]}"
    yield from (f"{key} = {quoted(value)}" for key, value in first.items())
    for other in others:
        yield f"# or: {', '.join(f'{key} = {quoted(value)}' for key, value in other.items())}"


def _steps(draft: Draft) -> Iterator[str]:
    """The steps that the draft has inputs for; the others are commented out."""
    have, first = {kind for kind, tables in draft.sets.items() if tables}, (draft.sets["triplets"] or [{}])[0]
    several, people, triplets = len(draft.models) > 1, says_who(first), "triplets" in have
    alike = triplets and "weight_column" not in first  # these steps have no use for weights
    rows = (
        ("score", triplets, (), "accuracy, with intervals"),
        ("compare", triplets and several, (), "paired differences"),
        ("ceiling", triplets and people, (), "how well people predict people: needs repeated triplets"),
        ("calibrate", triplets, (), "temperature and reliability"),
        ("concepts", alike and bool({"dimensions", "categories"} & have), (), "accuracy for each human concept"),
        ("consistency", alike and several, (), "whether models err on the same triplets"),
        ("failures", alike, ("limit = 1000",), "triplets that every model gets wrong"),
        ("rsa", "human" in have, (), "correlation with matrices of people"),
        ("cka", several, (), "similarity of the models to each other"),
        ("predict", False, (), "human dimensions from the embeddings, by ridge regression; minutes"),
        ("neighbors", False, ('queries = ["name of an object"]',), "nearest rows"),
        ("recover", False, (), "whether the triplets can tell the models apart"),
        ("probe", False, (), "a linear map that predicts the answers, cross-validated; minutes for each model"),
    )
    yield "# Steps are functions of pyalign; their arguments follow. A second step of one function has a"
    yield '# name of its own: [steps.score-dot] with function = "score".'
    for name, possible, options, what in rows:
        mark = "" if possible else "# "
        yield f"{mark}[steps.{name}]  # {what}"
        yield from (f"{mark}{option}" for option in options)


def draft_study(folder: PathLike, relative_to: PathLike | None = None) -> Draft:
    """Drafts a study of the files in a folder.

    Args:
        folder: the folder to search, subfolders included.
        relative_to: the folder of the study file, which its paths are relative to; None: the same folder.
    """
    items = items_of(folder, relative_to)
    draft, n, shapes = Draft(), most_rows(items), {item.spec: item.shape for item in items}
    for item in items:
        _place(draft, item, n)
    for item in items:
        if item.kind in PAIRED:
            role, file = pair(item, n, draft.sets, shapes, draft.names, strict=False)
            draft.names = item.spec if role == "names" else draft.names
            known = draft.recognized if role else draft.unknown
            known.append(f"{item.spec}: {ROLES[role].format(rows=item.shape[0], kind=item.kind, file=file)}")
    for kind, tables in draft.sets.items():
        tables.sort(key=lambda table: _worth(kind, table, shapes[table["file"]]), reverse=True)
    if not draft.models and not draft.images:
        raise InputError(f"{os.fspath(folder)}: holds no embeddings and no images that a study could take")
    return draft


def most_rows(items: Iterable[Item]) -> int | None:
    """How many rows, which are objects, most embeddings have; None where there are no embeddings."""
    rows = Counter(item.shape[0] for item in items if item.kind == "embeddings")
    return rows.most_common(1)[0][0] if rows else None


def says_who(table: Mapping[str, Any]) -> bool:
    """Whether a table of triplets says who answered."""
    return "subject_column" in table or "subjects" in table


def pair(
    item: Item, n: int | None, sets: Tables, shapes: Mapping[str, tuple[int, ...]], names: str, strict: bool
) -> tuple[str, str]:
    """Enters names, labels or answers where as many rows or columns are: as what, "" for nowhere, and for which file.

    names: the file that has those of the rows already, or "". strict: whether there is one file of categories at most,
    and people answered more than once.
    """
    kind, rows = item.kind, item.shape[0]
    few = kind != "labels" or not item.remark.startswith(f"{rows:,} different")
    if kind == "names" and rows == n and not names:
        return "names", ""
    if kind == "labels" and rows == n and few and not (strict and (sets["categories"] or "::" in item.spec)):
        sets["categories"].append({"file": item.spec})
        return "categories", ""
    columns = next((table for table in sets["dimensions"] if shapes[table["file"]][1] == rows), None)
    answers = next((table for table in sets["triplets"] if shapes[table["file"]][0] == rows), None)
    if kind == "names" and columns:
        role, table = "labels", columns
    elif answers and (few or not strict):
        role, table = "answers" if kind == "answers" else "subjects", answers
    else:
        return "", ""
    table[role] = item.spec
    return role, table["file"]


def free_name(name: str, taken: Container[str]) -> str:
    """A name that is not taken, with a number behind it if need be.

    Example:
        >>> free_name("clip", []), free_name("clip", ["clip", "clip 2"])
        ('clip', 'clip 3')
    """
    return name if name not in taken else next(one for k in count(2) if (one := f"{name} {k}") not in taken)


def stem_and_key(spec: str) -> tuple[str, str]:
    """The name of a file without its ending, and the array in it.

    Example:
        >>> stem_and_key("in/clip.npy"), stem_and_key("clip.txt.gz"), stem_and_key("clip.npz::visual")
        (('clip', ''), ('clip', ''), ('clip', 'visual'))
    """
    path, _, key = spec.partition("::")
    stem = os.path.basename(path).removesuffix(".gz")
    return os.path.splitext(stem)[0], key


def _worth(kind: str, table: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The rank of a file among several of its kind: those that say more come first, then the larger ones."""
    return (says_who(table), shape[0]) if kind == "triplets" else ("labels" in table, *shape[1:2])


def _place(draft: Draft, item: Item, n: int | None) -> None:
    """Adds to the draft what can be said about a file without looking at others."""
    spec, kind, size = item.spec, item.kind, item.size
    if kind == "embeddings" and item.shape[0] != n:
        draft.unknown.append(f"{spec}: {size}, where most embeddings have {n} rows; left out")
    elif kind == "embeddings":
        stem, key = stem_and_key(spec)
        draft.models[free_name(f"{stem} {key}" if key and stem in draft.models else stem, draft.models)] = spec
        draft.recognized.append(f"{spec}: embeddings, {size}{', with names' if item.named else ''}")
    elif kind in ("triplets", "dimensions", "categories"):
        draft.sets[kind].append({"file": spec, **item.options})
        draft.recognized.append(f"{spec}: {kind}, {size}{f' ({item.remark})' if item.remark else ''}")
    elif kind in HUMAN_KINDS and n not in (None, item.shape[-1]):
        hint = f"matrices of {item.shape[-1]} objects, where embeddings have {n}"
        draft.unknown.append(f"{spec}: {hint}: of which objects they are, names in [human] would say")
    elif kind in HUMAN_KINDS:
        draft.sets["human"].append({"file": spec, "kind": HUMAN_KINDS[kind]})
        draft.recognized.append(f"{spec}: {kind}, {size}, taken for human data")
    elif kind in ("images", "metadata"):
        setattr(draft, kind, getattr(draft, kind) or spec)
        draft.recognized.append(f"{spec}: {'images' if kind == 'images' else 'metadata of models'}")
    elif kind not in PAIRED:
        draft.unknown.append(f"{spec}: {item.remark or kind}")
