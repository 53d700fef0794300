"""What a folder contains, as far as a study can use it: contents decide, and names only where contents say nothing.

The text of a study file that was drafted.
`draft_study`: a study file from a folder, with what its files were taken for and what is not known.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
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


def items_of(folder: str) -> list[Item]:
    """What the files of a folder and of its subfolders seem to be, sorted by name.

    Raises:
        InputError: a study file could not name one of them.
        OSError: there is no such folder, or it can't be read.
    """
    items: list[Item] = []
    for place in _places(folder):
        found = _items(folder, place)
        for item in found:
            if item.kind != "unknown" and ("::" in place or not item.spec.isprintable()):
                rule = "that a study reads must have a printable name without '::'; rename it"
                raise bad(folder, f"{shorten(item.spec)}: a file {rule}")
        items += found
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
    if is_image(place):
        return []
    if place.endswith((".toml", ".md", ".html", ".json", ".py", ".pdf")):
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
    items = [_item(f"{place}::{array.key}" if several and array.key else place, array) for array in arrays]
    return [replace(item, named=item.named or layers) for item in items]


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


def _item(spec: str, description: Description) -> Item:
    kind, options, remark = description.kind, {}, "; ".join(description.remarks[:2])
    if description.fault is not None:
        return Item(spec, "unknown", description.shape, remark=description.fault)
    if kind == "triplets":
        options = dict(description.layout or {})
    if kind == "embeddings" and any("categories of items" in text for text in description.remarks):
        kind = "categories"
    if kind == "embeddings" and HUMAN_DIMENSIONS.search(os.path.basename(spec)):
        kind = "dimensions"
    return Item(spec, kind, description.shape, description.names is not None, options, remark)


def most_rows(items: list[Item]) -> int | None:
    """How many rows, which are objects, most embeddings have; None where there are no embeddings."""
    rows = Counter(item.shape[0] for item in items if item.kind == "embeddings")
    return rows.most_common(1)[0][0] if rows else None


HEAD = """\
# A study of pyalign: pyalign study run THIS FILE. Paths are relative to this file.
# Lines that begin with # are left out; docs/study.md says what else a study can have.
"""
KINDS = {
    "triplets": "what people answered; the odd item is last, unless odd_column says otherwise",
    "human": "matrices of people, for rsa",
    "dimensions": "human dimensions: what concepts, consistency and predict go by",
    "categories": "of the objects",
}


def written(draft: Any) -> str:
    """The file of a draft: what was found as it stands there, the rest as comments."""
    lines = [HEAD, 'title = "Agreement with human similarity judgments"']
    lines += _top(draft)
    lines += ["", "[models]  # the name of each, and where its embeddings are stored", *_models(draft)]
    for kind, what in KINDS.items():
        lines += ["", *_sets(kind, what, draft.sets.get(kind, []))]
    return "\n".join([*lines, "", *_steps(draft)]) + "\n"


def _top(draft: Any) -> Iterator[str]:
    yield _line("names", draft.names, "names.txt", "of the rows of embeddings that have none, and of item numbers")
    yield _line("images", draft.images, "photos", "of the objects: pictures in the report")
    yield _line("metadata", draft.metadata, "models.csv", "model, family, objective, ...: a row for each of [models]")


def _line(key: str, value: str, example: str, what: str) -> str:
    return f"{key} = {quoted(value)}  # {what}" if value else f"# {key} = {quoted(example)}  # {what}"


def _models(draft: Any) -> Iterator[str]:
    for name, spec in draft.models.items():
        yield f"{key_of(name)} = {quoted(spec)}"
    lite = 'lite0 = { extract = "efficientnet-lite:0", layer = "penultimate" }'
    yield lite if draft.images and not draft.models else f"# {lite}  # of [images]; needs the extra 'extract'"


def set_lines(name: str, kind: str, tables: list[Mapping[str, Any]]) -> Iterator[str]:
    """The first of some tables; the others below it, for the user to choose."""
    first, *others = tables
    yield f"[{name}]  # {KINDS[kind]}"
    yield from (f"{key} = {quoted(value)}" for key, value in first.items())
    for other in others:
        yield f"# or: {', '.join(f'{key} = {quoted(value)}' for key, value in other.items())}"


def _sets(kind: str, what: str, sets: list[Mapping[str, Any]]) -> Iterator[str]:
    if not sets:
        yield f"# [{kind}]  # {what}"
        yield '# file = "..."'
        return
    yield from set_lines(kind, kind, sets)


def _steps(draft: Any) -> Iterator[str]:
    """The steps that the draft has inputs for; the others are commented out."""
    have = {kind for kind in KINDS if draft.sets.get(kind)}
    several = len(draft.models) > 1
    people = any("subject_column" in entry or "subjects" in entry for entry in draft.sets.get("triplets", [])[:1])
    weighted = any("weight_column" in entry for entry in draft.sets.get("triplets", [])[:1])
    triplets, concepts = "triplets" in have, bool({"dimensions", "categories"} & have)
    alike = triplets and not weighted  # these steps have no use for weights
    wide = draft.sets.get("human") is not None
    rows = (
        ("score", triplets, (), "accuracy, with intervals"),
        ("compare", triplets and several, (), "paired differences"),
        ("ceiling", triplets and people, (), "how well people predict people: needs repeated triplets"),
        ("calibrate", triplets, (), "temperature and reliability"),
        ("concepts", alike and concepts, (), "accuracy for each human concept"),
        ("consistency", alike and several, (), "whether models err on the same triplets"),
        ("failures", alike, ("limit = 1000",), "triplets that every model gets wrong"),
        ("rsa", wide, (), "correlation with matrices of people"),
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


@dataclass
class Draft:
    """What a study can be made of."""

    models: dict[str, str] = field(default_factory=dict)  # embeddings, by name.
    # names, images, metadata: the files, or "".
    names: str = ""
    images: str = ""
    metadata: str = ""
    # triplets, human, dimensions, categories: each a list of tables with `file`, of which the first is taken.
    sets: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    recognized: list[str] = field(default_factory=list)  # what each file was taken for, one line per file.
    unknown: list[str] = field(default_factory=list)  # the files that no role was found for, one line per file.

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know: files without a role."""
        return (*(f"not known: {fact}" for fact in self.unknown),)

    @property
    def text(self) -> str:
        """The contents of the study file."""
        return written(self)


def draft_study(folder: PathLike, relative_to: PathLike | None = None) -> Draft:
    """Drafts a study of the files in a folder.

    Args:
        folder: the folder to search, subfolders included.
        relative_to: the folder of the study file, which its paths are relative to; None: the same folder.

    Raises:
        InputError: there are no embeddings and no images there.
        OSError: there is no such folder.

    Example:
        >>> import tempfile, numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/clip.npy", np.random.default_rng(0).normal(size=(9, 4)))
        ...     draft_study(folder).models
        {'clip': 'clip.npy'}
    """
    checked_path(folder, "folder")
    start = os.path.relpath(folder, checked_path(relative_to, "relative_to")) if relative_to is not None else "."
    items = items_of(os.fspath(folder))
    draft = Draft()
    n = most_rows(items)
    for item in items:
        _place(draft, item, n, start)
    _pair(draft, items, n, start)
    sizes = {_spec(start, item.spec): item.shape for item in items}
    for kind, sets in draft.sets.items():
        sets.sort(key=lambda entry: _worth(kind, entry, sizes), reverse=True)
    if not draft.models and not draft.images:
        raise InputError(f"{os.fspath(folder)}: holds no embeddings and no images that a study could take")
    return draft


def _worth(kind: str, entry: Mapping[str, object], sizes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The rank of a file among several of its kind: those that say more come first, then the larger ones."""
    shape = sizes[str(entry["file"])]
    if kind == "triplets":
        return int("subject_column" in entry or "subjects" in entry), shape[0]
    return int("labels" in entry), *shape[1:2]


def _spec(start: str, spec: str) -> str:
    return os.path.normpath(os.path.join(start, spec)) if start != "." else spec


def _place(draft: Draft, item: Item, n: int | None, start: str) -> None:
    """Adds to the draft what can be said about a file without looking at others."""
    spec = _spec(start, item.spec)
    size = " x ".join(map(str, item.shape))
    if item.kind == "embeddings":
        if item.shape[0] != n:
            draft.unknown.append(f"{spec}: {size}, where most embeddings have {n} rows; left out")
            return
        draft.models[_name(item.spec, draft.models)] = spec
        draft.recognized.append(f"{spec}: embeddings, {size}{', with names' if item.named else ''}")
    elif item.kind in ("triplets", "dimensions", "categories"):
        _add(draft, item.kind, {"file": spec, **item.options})
        draft.recognized.append(f"{spec}: {item.kind}, {size}{f' ({item.remark})' if item.remark else ''}")
    elif item.kind in ("similarities", "dissimilarities") and n not in (None, item.shape[-1]):
        hint = f"matrices of {item.shape[-1]} objects, where embeddings have {n}"
        draft.unknown.append(f"{spec}: {hint}: of which objects they are, names in [human] would say")
    elif item.kind in ("similarities", "dissimilarities"):
        kind = "similarity" if item.kind == "similarities" else "dissimilarity"
        _add(draft, "human", {"file": spec, "kind": kind})
        draft.recognized.append(f"{spec}: {item.kind}, {size}, taken for human data")
    elif item.kind in ("images", "metadata"):
        if not getattr(draft, item.kind):
            setattr(draft, item.kind, spec)
        draft.recognized.append(f"{spec}: {'images' if item.kind == 'images' else 'metadata of models'}")
    elif item.kind not in ("names", "labels", "answers"):
        draft.unknown.append(f"{spec}: {item.remark or item.kind}")


def _pair(draft: Draft, items: Iterable[Item], n: int | None, start: str) -> None:
    """Names, labels and answers, which belong to what has as many rows or columns."""
    sizes = {item.spec: item.shape for item in items}
    triplets = draft.sets.get("triplets", [])
    t = {_spec(start, spec): shape[0] for spec, shape in sizes.items() if shape}
    columns = {_spec(start, spec): shape[1] for spec, shape in sizes.items() if len(shape) == 2}
    for item in items:
        if item.kind not in ("names", "labels", "answers"):
            continue
        spec, count = _spec(start, item.spec), item.shape[0]
        of_triplets = [entry for entry in triplets if t[str(entry["file"])] == count]
        of_columns = [entry for entry in draft.sets.get("dimensions", []) if columns.get(str(entry["file"])) == count]
        if item.kind == "names" and count == n and not draft.names:
            draft.names = spec
            draft.recognized.append(f"{spec}: {count:,} names, of the rows")
        elif item.kind == "labels" and count == n and not item.remark.startswith(f"{count:,} different"):
            _add(draft, "categories", {"file": spec})
            draft.recognized.append(f"{spec}: {count:,} labels, taken for categories of the rows")
        elif item.kind == "names" and of_columns:
            of_columns[0]["labels"] = spec
            draft.recognized.append(f"{spec}: {count:,} names, of the dimensions in {of_columns[0]['file']}")
        elif item.kind in ("labels", "names") and of_triplets:
            of_triplets[0]["subjects"] = spec
            draft.recognized.append(f"{spec}: {count:,} labels, taken for who answered {of_triplets[0]['file']}")
        elif item.kind == "answers" and of_triplets:
            of_triplets[0]["answers"] = spec
            draft.recognized.append(f"{spec}: counts or shares of answers to {of_triplets[0]['file']}")
        else:
            draft.unknown.append(f"{spec}: {count:,} {item.kind}, as many as nothing else has")


def _add(draft: Draft, kind: str, entry: dict[str, object]) -> None:
    draft.sets.setdefault(kind, []).append(entry)


def _name(spec: str, taken: Iterable[str]) -> str:
    """What a model is called: its file without the ending, the array or layer behind it where another has that name.

    Example:
        >>> _name("in/clip.npy", []), _name("clip.npz::visual", ["clip"])
        ('clip', 'clip visual')
    """
    path, _, key = spec.partition("::")
    stem = os.path.basename(path)
    for ending in (".gz", os.path.splitext(stem.removesuffix(".gz"))[1]):
        stem = stem.removesuffix(ending) if ending else stem
    name = f"{stem} {key}" if key and stem in taken else stem
    k, whole = 2, name
    while whole in taken:
        whole, k = f"{name} {k}", k + 1
    return whole
