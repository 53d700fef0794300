"""Files of RDMs as other tools lay them out: rsatoolbox, Meadows, and the RSA toolbox of MATLAB.

Each is brought into the form of an `RDMs` of rsatoolbox, of which `from_rdms` makes `Judgments`: descriptors become the
names of objects and of participants.

Source: rsatoolbox 0.3.2, `RDMs.to_dict`, `io.hdf5` and `io.meadows`; Nili et al., "A toolbox for representational
similarity analysis", PLOS Computational Biology 2014: a struct array with the fields RDM, name and color.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from pyalign.io.formats import open_file
from pyalign.io.numbers import exact_numbers
from pyalign.io.paths import Array, PathLike, bad, check_file, suffix_of
from pyalign.io.pickles import read_pickle
from pyalign.io.tables import Table

VALUES, PATTERNS, RDMS = "dissimilarities", "pattern_descriptors", "rdm_descriptors"
DESCRIPTORS, OF = "descriptors", {PATTERNS: {}, RDMS: {}}
GROUPS = {"name_descriptor": f"{PATTERNS}/", "subject_descriptor": f"{RDMS}/"}  # by arguments of `from_rdms`
PICKLES, TREE = (".pkl", ".pickle"), ".json"
MEADOWS = re.compile("rdmutv(_.+)?")  # a variable for each participant, and `stimuli` with the same ending
STRUCTS = re.compile(r"(.+?)(?:\(\d+\))?\.RDM")
LEFT = " is not carried over"  # how a note of `from_rdms` ends
LARGEST = 256 << 20  # bytes of a tree


class Layout(NamedTuple):
    """Whose layout it is, and the keys of its RDMs in the file."""

    of: str
    keys: tuple[str, ...]


def layout_of_rdms(path: PathLike, entries: Entries) -> Layout | None:
    """The layout that the arrays of a file have, if it is one of RDMs."""
    if VALUES in entries:
        pickled = suffix_of(path) in PICKLES and PATTERNS in read_pickle(path)
        described = pickled or any(key.startswith(GROUPS["name_descriptor"]) for key in entries)
        return Layout("rsatoolbox", (VALUES,)) if described else None
    found = tuple(filter(MEADOWS.fullmatch, entries))
    if found and any(key.startswith("stimuli") for key in entries):
        return Layout("Meadows", found)
    structs = tuple(dict.fromkeys(match[1] for match in map(STRUCTS.fullmatch, entries) if match))
    return Layout("the RSA toolbox", structs) if structs else None


def open_rdms(path: PathLike, key: str | None = None, opened: Entries | Table | None = None) -> Judgments | None:
    """The RDMs of a file with one of these layouts, with the names of objects and participants; None of other files.

    Args:
        path: the file.
        key: one of several participants, struct arrays or tasks; or the descriptor of rsatoolbox that names the objects
            (``pattern_descriptors/stimulus``) or the participants (``rdm_descriptors/session``). None is returned for
            an array that is no RDM.
        opened: what is in the file, if it is open.

    Raises:
        InputError: two descriptors that could be the names; several RDMs of which one must be chosen; what is not laid
            out so. One line that starts with the path.
    """
    if suffix_of(path) == TREE:
        people = _people_of(path)
        return None if people is None else _judged(path, key, "Meadows", lambda: _of_tree(path, people, key))
    if opened is None and suffix_of(path) in (".h5", ".hdf5", ".mat", *PICKLES):
        opened = open_file(path, JUDGMENTS)
    entries: Entries = {} if opened is None or isinstance(opened, Table) else opened
    layout = layout_of_rdms(path, entries)
    chosen = {name: key.removeprefix(group) for name, group in GROUPS.items() if key and key.startswith(group)}
    is_list = key not in entries or len(entries[key or ""].shape) == 1
    if layout is None or not (key is None or key in layout.keys or (chosen and is_list)):
        return None
    if layout.of == "rsatoolbox":
        return _judged(path, key, layout.of, lambda: _of_rsatoolbox(path, entries), **chosen)
    if layout.of == "Meadows":
        keys = layout.keys if key is None else (key,)
        return _judged(path, key, layout.of, lambda: _of_people(path, [_person(path, entries, own) for own in keys]))
    if key is None and any(JUDGMENTS.likely(entry) and not entry.inner for entry in entries.values()):
        return None  # another matrix is meant
    if key is None and len(layout.keys) > 1:
        raise bad(path, f"holds several arrays of RDMs, choose one as FILE::KEY: {', '.join(layout.keys)}")
    return _judged(path, key, layout.of, lambda: _of_structs(path, entries, key or layout.keys[0]))


def _judged(path: PathLike, key: str | None, of: str, read: Callable[[], SimpleNamespace], **chosen: str) -> Judgments:
    """`Judgments` of what has the attributes of an `RDMs`; chosen: arguments of `from_rdms`."""
    source = os.fspath(path) if key is None else f"{os.fspath(path)}::{key}"
    try:
        rdms = read()
        if rdms.dissimilarities.dtype.kind not in "biuf":
            raise bad(path, f"judgments must be real numbers; got {rdms.dissimilarities.dtype}")
        rdms.dissimilarities = exact_numbers(path, rdms.dissimilarities, "judgments")
        judged: Judgments = registered("rdms")(rdms, **chosen)
    except InputError as error:
        argument, ambiguous, rule = str(error).partition(" must say ")
        if ambiguous:
            raise bad(path, f"FILE::{GROUPS[argument]}KEY must say {rule.removesuffix('; got None')}") from error
        raise error if str(error).startswith(os.fspath(path)) else bad(path, about("judgments", error)) from error
    n_people = f" of {judged.n_people} participants" if judged.n_people else ""
    notes = [note.removeprefix("rdms: ") for note in judged.notes]
    left = ", ".join(note.removesuffix(LEFT).rstrip(",") for note in notes if note.endswith(LEFT))
    what = f"RDMs of {of}: {judged.n} objects{n_people}{'; not carried over: ' if left else ''}{left}"
    notes = [what, *(note for note in notes if not note.endswith(LEFT))]
    return replace(judged, source=source, notes=tuple(f"{source}: {note}" for note in notes))


def _rdms(values: Array, names: Sequence[Any] | None, people: Sequence[Any], **more: Any) -> SimpleNamespace:
    known = {"dissimilarity_measure": None, "descriptors": {}, PATTERNS: {"name": names} if names else {},
             RDMS: {"participant": people} if len(people) == len(values) else {}}  # fmt: skip
    return SimpleNamespace(dissimilarities=values, **known | more)


# rsatoolbox


def _of_rsatoolbox(path: PathLike, entries: Entries) -> SimpleNamespace:
    """Of a pickle its dicts; of an HDF5 file its arrays, and its texts, which are attributes."""
    if suffix_of(path) in PICKLES:
        tree = read_pickle(path)
        groups = {name: tree[name] if isinstance(tree.get(name), dict) else {} for name in (DESCRIPTORS, *OF)}
    else:
        texts = hdf5_texts(path)
        tree = {VALUES: entries[VALUES].load(), "dissimilarity_measure": texts.get("dissimilarity_measure")}
        groups = {DESCRIPTORS: {key.partition("/")[2]: text for key, text in texts.items() if "/" in key}, **OF}
        for key, entry in entries.items():
            group, _, name = key.partition("/")
            if name and group in groups:
                groups[group] = {**groups[group], name.partition("/")[0]: _list_in(path, entry)}
    described = {group: {str(name): _plain(values) for name, values in groups[group].items()} for group in groups}
    measure = tree.get("dissimilarity_measure")
    measure = measure if isinstance(measure, str) else None
    return SimpleNamespace(dissimilarities=np.asarray(tree[VALUES]), dissimilarity_measure=measure, **described)


def _list_in(path: PathLike, entry: Entry) -> Sequence[Any]:
    """What may be names: a list of text or whole numbers; of all else None for each."""
    if len(entry.shape) != 1:
        return [None] * (entry.shape or (1,))[0]
    return strings(path, entry.load()) if entry.dtype in ("str", "bytes") else entry.load()


def _plain(values: Any) -> Any:
    """A text, or a list of what may be names as objects of Python; of anything else None for each."""
    if isinstance(values, np.ndarray):
        return values.tolist() if values.ndim == 1 else [None] * (values.shape or (1,))[0]
    items = values if isinstance(values, list | tuple) else []
    return values if isinstance(values, str) else [x.tolist() if isinstance(x, np.ndarray) else x for x in items]


# Meadows


def _person(path: PathLike, entries: Entries, key: str) -> tuple[str, Array, tuple[str, ...]]:
    """Who has judged, the pairs, and the objects; of the variable of one participant."""
    stimuli = entries.get(f"stimuli{key[6:]}", entries.get("stimuli"))
    if stimuli is None or stimuli.dtype != "str":
        raise bad(path, f"must hold the names of the objects of {key!r} as text, in stimuli{key[6:]}")
    return key[7:].replace("_", "-"), entries[key].load(), strings(path, stimuli.load())


def _people_of(path: PathLike) -> dict[str, Any] | None:
    """The records of participants in a tree, by their names; "" of one alone. None of another document."""
    check_file(path, "judgments", (TREE,))
    tree = read_json(path, largest=LARGEST)
    if not isinstance(tree, dict):
        return None
    people = {"": tree} if "tasks" in tree else tree
    return people if all(isinstance(one, dict) and "tasks" in one for one in people.values()) and people else None


def _of_tree(path: PathLike, people: Mapping[str, Any], key: str | None) -> SimpleNamespace:
    """The arrangements of participants; key: the name of a task, where there are several."""
    named: list[tuple[str, Array, tuple[str, ...]]] = []
    try:
        for person, record in people.items():
            arranged = [task for task in record["tasks"] if task["task"].get("task_type") == "multiarrange"]
            tasks = {str(task["task"].get("name")): task for task in arranged}
            if key is None and len(arranged) > 1:
                raise bad(path, f"holds several arrangements, choose one as FILE::KEY: {', '.join(tasks)}")
            for task in (task for name, task in tasks.items() if key in (None, name)):
                stimuli = tuple(str(stimulus["name"]) for stimulus in task["stimuli"])
                named.append((person, np.array(task["rdm"], np.float64), stimuli))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        rule = "must be a tree of Meadows: tasks, each with its task, its stimuli with names, and an rdm of numbers"
        raise error if isinstance(error, InputError) else bad(path, rule) from error
    if not named:
        raise bad(path, f"holds no arrangement{'' if key is None else f' {key!r}'}, a task of type multiarrange")
    return _of_people(path, named)


def _of_people(path: PathLike, named: Sequence[tuple[str, Array, tuple[str, ...]]]) -> SimpleNamespace:
    """The pairs of each participant, in the order of the first one's objects; NaN of objects that one has not seen."""
    names = tuple(dict.fromkeys(name for _, _, own in named for name in own))
    p, n = len(named), len(names)
    check_expansion(path, os.path.getsize(path), 8 * p * n * n)
    place = {name: k for k, name in enumerate(names)}
    matrices = np.full((p, n, n), np.nan)
    for matrix, (person, values, own) in zip(matrices, named, strict=True):
        if values.size != len(own) * (len(own) - 1) // 2 or len({*own}) < len(own):
            whose = f" of {person}" if person else ""
            rule = f"must hold names that differ{whose}, and a number for each pair of them"
            raise bad(path, f"{rule}; got {len({*own})} of {len(own)} names, and {values.size} numbers")
        rows = np.array([place[name] for name in own])
        matrix[np.ix_(rows, rows)] = Judgments(values.ravel(), "dissimilarity").matrices()
    return _rdms(matrices[(..., *np.triu_indices(n, 1))], names, [person for person, _, _ in named if person])


# The RSA toolbox


def _of_structs(path: PathLike, entries: Entries, key: str) -> SimpleNamespace:
    """The field RDM of each struct, whole or condensed; the field name is the participant's."""
    rows, people = list[Array](), list[str]()
    for name, entry in _fields(entries, key, "RDM"):
        values = entry.load()
        whole = np.moveaxis(values, 2, 0) if values.ndim == 3 else values.ravel() if 1 in values.shape else values
        rows.extend(Judgments(whole, "dissimilarity").pairs(name))
    people = [text for _, entry in _fields(entries, key, "name") for text in strings(path, entry.load())]
    if len({len(row) for row in rows}) != 1:
        raise bad(path, f"{key} must hold RDMs of one size; got {sorted({len(row) for row in rows})} pairs")
    return _rdms(np.stack(rows), None, people)


def _fields(entries: Entries, key: str, field: str) -> Iterator[tuple[str, Entry]]:
    pattern = re.compile(rf"{re.escape(key)}(\(\d+\))?\.{field}")
    return ((name, entry) for name, entry in entries.items() if pattern.fullmatch(name))
