"""`draft_study`: a study file from a folder, with what was guessed and what is not known."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pyalign.errors import InputError
from pyalign.io.paths import PathLike, checked_path
from pyalign.study.draft_text import written
from pyalign.study.found import Thing, look, most_rows


@dataclass
class Draft:
    """What a study is to be made of.

    Attributes:
        models: embeddings, by name.
        names, images, metadata: the files, or "".
        sets: triplets, human, dimensions, categories: each a list of tables with `file`, of which the first is taken.
        told: what was guessed, a line each.
        unknown: what was not, a line each.
    """

    models: dict[str, str] = field(default_factory=dict)
    names: str = ""
    images: str = ""
    metadata: str = ""
    sets: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The file."""
        return written(self)


def draft_study(folder: PathLike, beside: PathLike | None = None) -> Draft:
    """What a study of the files in a folder could be.

    Args:
        folder: is looked through, with the folders in it.
        beside: the folder of the study file, from which paths start; None: the same.

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
    start = os.path.relpath(folder, checked_path(beside, "beside")) if beside is not None else "."
    things = look(os.fspath(folder))
    draft = Draft()
    n = most_rows(things)
    for thing in things:
        _place(draft, thing, n, start)
    _pair(draft, things, n, start)
    sizes = {_spec(start, thing.spec): thing.shape for thing in things}
    for kind, sets in draft.sets.items():
        sets.sort(key=lambda entry: _worth(kind, entry, sizes), reverse=True)
    if not draft.models and not draft.images:
        raise InputError(f"{os.fspath(folder)}: holds no embeddings and no images that a study could take")
    return draft


def _worth(kind: str, entry: Mapping[str, object], sizes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Which of several is to be taken first: what says more, then the larger."""
    shape = sizes[str(entry["file"])]
    if kind == "triplets":
        return int("subject_column" in entry or "subjects" in entry), shape[0]
    return int("labels" in entry), *shape[1:2]


def _spec(start: str, spec: str) -> str:
    return os.path.normpath(os.path.join(start, spec)) if start != "." else spec


def _place(draft: Draft, thing: Thing, n: int | None, start: str) -> None:
    """Adds to the draft what a file shows by itself."""
    spec = _spec(start, thing.spec)
    size = " x ".join(map(str, thing.shape))
    if thing.kind == "embeddings":
        if thing.shape[0] != n:
            draft.unknown.append(f"{spec}: {size}, where most embeddings have {n} rows; left out")
            return
        draft.models[_name(thing.spec, draft.models)] = spec
        draft.told.append(f"{spec}: embeddings, {size}{', with names' if thing.named else ''}")
    elif thing.kind in ("triplets", "dimensions", "categories"):
        _add(draft, thing.kind, {"file": spec, **thing.options})
        draft.told.append(f"{spec}: {thing.kind}, {size}{f' ({thing.remark})' if thing.remark else ''}")
    elif thing.kind in ("similarities", "dissimilarities") and n not in (None, thing.shape[-1]):
        hint = f"matrices of {thing.shape[-1]} objects, where embeddings have {n}"
        draft.unknown.append(f"{spec}: {hint}: of which objects they are, names in [human] would say")
    elif thing.kind in ("similarities", "dissimilarities"):
        kind = "similarity" if thing.kind == "similarities" else "dissimilarity"
        _add(draft, "human", {"file": spec, "kind": kind})
        draft.told.append(f"{spec}: {thing.kind}, {size}, taken for those of people")
    elif thing.kind in ("images", "metadata"):
        if not getattr(draft, thing.kind):
            setattr(draft, thing.kind, spec)
        draft.told.append(f"{spec}: {'images' if thing.kind == 'images' else 'metadata of models'}")
    elif thing.kind not in ("names", "labels", "answers"):
        draft.unknown.append(f"{spec}: {thing.remark or thing.kind}")


def _pair(draft: Draft, things: Iterable[Thing], n: int | None, start: str) -> None:
    """Names, labels and answers, which belong to what has as many rows or columns."""
    sizes = {thing.spec: thing.shape for thing in things}
    triplets = draft.sets.get("triplets", [])
    t = {_spec(start, spec): shape[0] for spec, shape in sizes.items() if shape}
    columns = {_spec(start, spec): shape[1] for spec, shape in sizes.items() if len(shape) == 2}
    for thing in things:
        if thing.kind not in ("names", "labels", "answers"):
            continue
        spec, count = _spec(start, thing.spec), thing.shape[0]
        of_triplets = [entry for entry in triplets if t[str(entry["file"])] == count]
        of_columns = [entry for entry in draft.sets.get("dimensions", []) if columns.get(str(entry["file"])) == count]
        if thing.kind == "names" and count == n and not draft.names:
            draft.names = spec
            draft.told.append(f"{spec}: {count:,} names, of the rows")
        elif thing.kind == "labels" and count == n and not thing.remark.startswith(f"{count:,} different"):
            _add(draft, "categories", {"file": spec})
            draft.told.append(f"{spec}: {count:,} labels, taken for categories of the rows")
        elif thing.kind == "names" and of_columns:
            of_columns[0]["labels"] = spec
            draft.told.append(f"{spec}: {count:,} names, of the dimensions in {of_columns[0]['file']}")
        elif thing.kind in ("labels", "names") and of_triplets:
            of_triplets[0]["subjects"] = spec
            draft.told.append(f"{spec}: {count:,} labels, taken for who answered {of_triplets[0]['file']}")
        elif thing.kind == "answers" and of_triplets:
            of_triplets[0]["answers"] = spec
            draft.told.append(f"{spec}: counts or shares of answers to {of_triplets[0]['file']}")
        else:
            draft.unknown.append(f"{spec}: {count:,} {thing.kind}, as many as nothing else has")


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
