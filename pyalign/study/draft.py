"""`draft_study`: a study file from a folder, with what its files were taken for and what is not known."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from pyalign._dataclass import dataclass, field
from pyalign.errors import InputError
from pyalign.io.paths import PathLike, checked_path
from pyalign.study.draft_text import written
from pyalign.study.folder_contents import Item, items_of, most_rows


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
