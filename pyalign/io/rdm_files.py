"""RDMs in files of other tools, with the names in them: of rsatoolbox, Meadows, and the RSA toolbox of MATLAB.

Source: rsatoolbox 0.3.2, `RDMs.to_dict`, `io.hdf5` and `io.meadows`; Nili et al., "A toolbox for representational
similarity analysis", PLOS Computational Biology 2014: a struct array with the fields RDM, name and color.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from pyalign._registry import registered
from pyalign.data import Judgments
from pyalign.data.judgments import about
from pyalign.errors import InputError
from pyalign.io.apart_formats import hdf5_texts
from pyalign.io.arrays import JUDGMENTS, Entries, Entry, strings
from pyalign.io.bounds import check_expansion
from pyalign.io.documents import read_json
from pyalign.io.paths import Array, PathLike, bad, check_file, suffix_of
from pyalign.io.pickles import read_pickle

VALUES, PATTERNS, RDMS = "dissimilarities", "pattern_descriptors", "rdm_descriptors"
GROUPS = ("descriptors", PATTERNS, RDMS)
CHOSEN = {"name_descriptor": f"{PATTERNS}/", "subject_descriptor": f"{RDMS}/"}  # by arguments of `from_rdms`
RSATOOLBOX, MEADOWS, STRUCTS = "rsatoolbox", "Meadows", "the RSA toolbox"
PARTICIPANT, STRUCT = re.compile("rdmutv(_.+)?"), re.compile(r"(.+?)(?:\(\d+\))?\.RDM")
PICKLES, TREE = (".pkl", ".pickle"), ".json"
LARGEST = 256 << 20  # bytes of a tree
LEFT = " is not carried over"  # how a note of `from_rdms` ends


class Person(NamedTuple):
    """One RDM: whose it is, "" where nothing says it, its pairs (m,), and the n objects."""

    name: str
    pairs: Array
    objects: Sequence[Any]


def layout_of_rdms(path: PathLike, entries: Entries) -> tuple[str, tuple[str, ...]] | None:
    """Whose layout the arrays of a file have, and the keys of the RDMs; None where it is no known one."""
    if VALUES in entries:
        pickled = suffix_of(path) in PICKLES and PATTERNS in read_pickle(path)
        return (RSATOOLBOX, (VALUES,)) if pickled or any(key.startswith(f"{PATTERNS}/") for key in entries) else None
    people = tuple(filter(PARTICIPANT.fullmatch, entries))
    if people and any(key.startswith("stimuli") for key in entries):
        return MEADOWS, people
    structs = tuple(dict.fromkeys(match[1] for match in map(STRUCT.fullmatch, entries) if match))
    return (STRUCTS, structs) if structs else None


def find_rdms(path: PathLike, key: str | None, entries: Entries) -> Judgments | None:
    """The RDMs of a file in one of these layouts, as dissimilarities; None of another file, or of another array in it.

    Args:
        path: the file.
        key: one of several participants, struct arrays or tasks; or the descriptor of rsatoolbox that names the objects
            (``pattern_descriptors/stimulus``) or the participants (``rdm_descriptors/session``).
        entries: the arrays of the file; none of a ``.json``.

    Raises:
        InputError: two descriptors that could be the names; several RDMs of which one must be chosen; what is not laid
            out so. One line that starts with the path.
    """
    try:
        found = _of_tree(path, key) if suffix_of(path) == TREE else _of_arrays(path, key, entries)
    except InputError as error:
        argument, _, rule = str(error).partition(" must say ")
        if argument in CHOSEN:
            rule = rule.removesuffix("; got None")
            raise InputError(f"{os.fspath(path)}::{CHOSEN[argument]}KEY must say {rule}") from error
        raise error if str(error).startswith(os.fspath(path)) else bad(path, about("judgments", error)) from error
    if found is None:
        return None
    of, judged = found
    source = os.fspath(path) if key is None else f"{os.fspath(path)}::{key}"
    notes = [note.removeprefix("rdms: ") for note in judged.notes]
    left = ", ".join(note.removesuffix(LEFT).rstrip(",") for note in notes if note.endswith(LEFT))
    people = f", {judged.n_people} participants" if judged.n_people else ""
    what = f"RDMs of {of}: {judged.n} objects{people}{'; not carried over: ' if left else ''}{left}"
    notes = [what, *(note for note in notes if not note.endswith(LEFT))]
    return replace(judged, source=source, notes=tuple(f"{source}: {note}" for note in notes))


def _of_arrays(path: PathLike, key: str | None, entries: Entries) -> tuple[str, Judgments] | None:
    of, keys = layout_of_rdms(path, entries) or ("", ())
    chosen = {name: key.removeprefix(group) for name, group in CHOSEN.items() if key and key.startswith(group)}
    if key is not None and key not in keys and (not chosen or (key in entries and len(entries[key].shape) != 1)):
        return None
    if of == RSATOOLBOX:
        return of, registered("rdms")(_rsatoolbox(path, entries), **chosen)
    if of == STRUCTS and key is None:
        if any(JUDGMENTS.likely(entry) and not entry.inner for entry in entries.values()):
            return None  # a matrix next to them
        if len(keys) > 1:
            raise bad(path, f"holds several arrays of RDMs, choose one as FILE::KEY: {', '.join(keys)}")
    read = _structs if of == STRUCTS else _participant
    people = [person for one in keys if key in (None, one) for person in read(path, entries, one)]
    return (of, _together(path, people)) if people else None


def _together(path: PathLike, people: Sequence[Person]) -> Judgments:
    """The RDMs of people, in the order of the first one's objects; NaN of objects that one has not seen."""
    names = tuple(dict.fromkeys(name for person in people for name in person.objects))
    check_expansion(path, os.path.getsize(path), 8 * len(people) * len(names) ** 2)
    matrices, place = np.full((len(people), len(names), len(names)), np.nan), {name: k for k, name in enumerate(names)}
    for matrix, (name, pairs, objects) in zip(matrices, people, strict=True):
        n = len({*objects})
        if n < len(objects) or pairs.size != n * (n - 1) // 2:
            rule = f"must hold different names{f' of {name}' if name else ''}, and a number for each pair of them"
            raise bad(path, f"{rule}; got {n} of {len(objects)} names, and {pairs.size} numbers")
        rows = np.array([place[name] for name in objects])
        matrix[np.ix_(rows, rows)] = Judgments(pairs.ravel(), "dissimilarity").matrices()
    who = tuple(person.name for person in people)
    named, several = isinstance(names[0], str), len(people) > 1
    return Judgments(matrices if several else matrices[0], "dissimilarity", names if named else None,
                     who if several and all(who) and len({*who}) == len(who) else None)  # fmt: skip


# rsatoolbox


def _rsatoolbox(path: PathLike, entries: Entries) -> SimpleNamespace:
    """What `from_rdms` reads: of a pickle its dicts; of an HDF5 file its arrays, and its texts, which are attributes."""
    tree: dict[str, Any] = {}
    if suffix_of(path) in PICKLES:
        tree = read_pickle(path)
    else:
        for key, part in {**entries, **hdf5_texts(path)}.items():
            group, _, name = key.partition("/")
            if group in GROUPS and name:
                tree.setdefault(group, {}).setdefault(name.split("/")[0], part)
            elif group not in GROUPS:
                tree.setdefault(group, part.load() if key == VALUES else part)
    values, measure = np.asarray(tree[VALUES]), tree.get("dissimilarity_measure")
    if values.dtype.kind not in "biuf":
        raise bad(path, f"judgments must be real numbers; got {values.dtype}")
    groups = {group: found if isinstance(found := tree.get(group), dict) else {} for group in GROUPS}
    return SimpleNamespace(
        dissimilarities=values, dissimilarity_measure=measure if isinstance(measure, str) else None,
        **{group: {str(name): _listed(path, part) for name, part in groups[group].items()} for group in GROUPS},
    )  # fmt: skip


def _listed(path: PathLike, part: Any) -> Any:
    """Text, or a list of what may be names; None for each of anything else."""
    if isinstance(part, Entry) and part.dtype in ("str", "bytes") and len(part.shape) == 1:
        return [*strings(path, part.load())]
    if isinstance(part, Entry):
        part = part.load() if part.dtype.startswith(("int", "uint")) else np.empty((*part.shape, 1, 1))
    if isinstance(part, np.ndarray):
        return part.tolist() if part.ndim == 1 else [None] * (part.shape or (1,))[0]
    return part if isinstance(part, str | list) else []


# Meadows


def _participant(path: PathLike, entries: Entries, key: str) -> Iterator[Person]:
    """A variable of pairs, ``rdmutv_able_fly``, and the text of its objects, ``stimuli_able_fly``."""
    stimuli = entries.get(f"stimuli{key[6:]}", entries.get("stimuli"))
    if stimuli is None or stimuli.dtype != "str":
        raise bad(path, f"must hold the names of the objects of {key!r} as text, in stimuli{key[6:]}")
    yield Person(key[7:].replace("_", "-"), entries[key].load(), strings(path, stimuli.load()))


def _of_tree(path: PathLike, key: str | None) -> tuple[str, Judgments] | None:
    """The arrangements of participants in a tree, of one or by their names; key: the name of a task."""
    check_file(path, "judgments", (TREE,))
    tree = read_json(path, largest=LARGEST)
    records = {"": tree} if isinstance(tree, dict) and "tasks" in tree else tree
    if not isinstance(tree, dict) or not all(isinstance(one, dict) and "tasks" in one for one in records.values()):
        return None
    people = list[Person]()
    try:
        for name, record in records.items():
            tasks = [task for task in record["tasks"] if task["task"].get("task_type") == "multiarrange"]
            chosen = [task for task in tasks if key in (None, task["task"].get("name"))]
            if len(chosen) > 1:
                each = ", ".join(str(task["task"].get("name")) for task in chosen)
                raise bad(path, f"holds several arrangements, choose one as FILE::KEY: {each}")
            people += [
                Person(name, np.array(task["rdm"], np.float64), [str(one["name"]) for one in task["stimuli"]])
                for task in chosen
            ]
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        rule = "must be a tree of Meadows: tasks, each with its task, its stimuli with names, and an rdm of numbers"
        raise error if isinstance(error, InputError) else bad(path, rule) from error
    if not people:
        raise bad(path, f"holds no arrangement{'' if key is None else f' {key!r}'}, a task of type multiarrange")
    return MEADOWS, _together(path, people)


# The RSA toolbox


def _structs(path: PathLike, entries: Entries, key: str) -> Iterator[Person]:
    """The field RDM of each struct, whole or condensed, and the field name, which is the participant's."""
    field = re.compile(rf"({re.escape(key)}(?:\(\d+\))?)\.RDM")
    sizes = set[int]()
    for match in filter(None, map(field.fullmatch, entries)):
        values, name = entries[match[0]].load(), entries.get(f"{match[1]}.name")
        rdm = Judgments(values.ravel() if 1 in values.shape else values, "dissimilarity")
        sizes.add(rdm.n)
        if len(sizes) > 1 or rdm.n_people is not None:
            raise bad(path, f"{key} must hold RDMs of one size; {match[0]} has shape {values.shape}")
        text = "" if name is None or name.dtype != "str" else " ".join(strings(path, name.load()))
        yield Person(text, rdm.pairs(match[0])[0], range(rdm.n))
