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
from typing import Any

import numpy as np

from pyalign._registry import registered
from pyalign.data import RDMs
from pyalign.data.judgments import about
from pyalign.errors import InputError
from pyalign.io.arrays import JUDGMENTS, Entries, Entry, strings
from pyalign.io.documents import read_json
from pyalign.io.isolated import hdf5_attribute
from pyalign.io.paths import Array, PathLike, bad, check_expansion, suffix_of
from pyalign.io.tensor_files import read_pickle

VALUES, MEASURE, PATTERNS, RDMS = "dissimilarities", "dissimilarity_measure", "pattern_descriptors", "rdm_descriptors"
GROUPS = ("descriptors", PATTERNS, RDMS)
CHOSEN = {"name_descriptor": f"{PATTERNS}/", "subject_descriptor": f"{RDMS}/"}  # by arguments of `from_rdms`
PARTICIPANT, STRUCT = re.compile("rdmutv(_.+)?"), re.compile(r"((.+?)(?:\(\d+\))?)\.RDM")
PICKLES, TREE = (".pkl", ".pickle"), ".json"
LARGEST = 256 << 20  # bytes of a tree
LEFT = " is not carried over"  # how a note of `from_rdms` ends

Person = tuple[str, Array, Sequence[Any]]  # a name, or "", the pairs (m,), the n objects


def layout_of_rdms(path: PathLike, entries: Entries) -> tuple[str, tuple[str, ...]]:
    """Whose layout the arrays of a file have, and the keys of the RDMs; "" and none where it is no known one."""
    if VALUES in entries:
        keys = read_pickle(path) if suffix_of(path) in PICKLES else entries
        return ("rsatoolbox", (VALUES,)) if any(str(key).startswith(PATTERNS) for key in keys) else ("", ())
    people = tuple(filter(PARTICIPANT.fullmatch, entries))
    if people and any(key.startswith("stimuli") for key in entries):
        return "Meadows", people
    structs = tuple(dict.fromkeys(match[2] for match in map(STRUCT.fullmatch, entries) if match))
    return ("the RSA toolbox", structs) if structs else ("", ())


def find_rdms(path: PathLike, key: str | None, entries: Entries) -> RDMs | None:
    """The RDMs of a file in one of these layouts, as dissimilarities; None of another file, or of another array in it.

    key: one of several participants, struct arrays or tasks; or the descriptor of rsatoolbox that names the objects
    (``pattern_descriptors/stimulus``) or the participants (``rdm_descriptors/session``). Raises InputError.
    """
    try:
        of, judged = _of_tree(path, key) if suffix_of(path) == TREE else _of_arrays(path, key, entries)
    except InputError as error:
        argument, _, rule = str(error).replace(" of from_rdms", "").partition(" must say ")
        if argument in CHOSEN:
            raise bad(path, f"FILE::{CHOSEN[argument]}KEY must say {rule.removesuffix('; got None')}") from error
        raise error if str(error).startswith(os.fspath(path)) else bad(path, about("judgments", error)) from error
    if judged is None:
        return None
    source = os.fspath(path) if key is None else f"{os.fspath(path)}::{key}"
    notes = [note.removeprefix("rdms: ") for note in judged.notes]
    left = ", ".join(note.removesuffix(LEFT).rstrip(",") for note in notes if note.endswith(LEFT))
    people = f", {judged.n_people} participants" if judged.n_people else ""
    what = f"RDMs of {of}: {judged.n} objects{people}{'; not carried over: ' if left else ''}{left}"
    notes = [what, *(note for note in notes if not note.endswith(LEFT))]
    return replace(judged, source=source, notes=tuple(f"{source}: {note}" for note in notes))


def _of_arrays(path: PathLike, key: str | None, entries: Entries) -> tuple[str, RDMs | None]:
    of, keys = layout_of_rdms(path, entries)
    chosen = {name: key.removeprefix(group) for name, group in CHOSEN.items() if key and key.startswith(group)}
    is_list = key is None or key not in entries or len(entries[key].shape) == 1
    if not of or (key not in (None, *keys) and not (of == "rsatoolbox" and chosen and is_list)):
        return of, None
    if of == "rsatoolbox":
        return of, registered("rdms")(_rsatoolbox(path, entries), **chosen)
    read = _participant if of == "Meadows" else _structs
    if read is _structs and key is None:
        if any(JUDGMENTS.likely(entry) and not entry.inner for entry in entries.values()):
            return of, None  # the matrix next to them is meant
        if len(keys) > 1:
            raise bad(path, f"holds several arrays of RDMs, choose one as FILE::KEY: {', '.join(keys)}")
    return of, _together(path, [person for one in keys if key in (None, one) for person in read(path, entries, one)])


def _together(path: PathLike, people: Sequence[Person]) -> RDMs:
    """The RDMs of people, in the order of the first one's objects; NaN of objects that one has not seen."""
    place = {name: k for k, name in enumerate(dict.fromkeys(name for *_, objects in people for name in objects))}
    check_expansion(path, os.path.getsize(path), 8 * len(people) * len(place) ** 2)
    matrices = np.full((len(people), len(place), len(place)), np.nan)
    for matrix, (who, pairs, objects) in zip(matrices, people, strict=True):
        n = len({*objects})
        if n < len(objects) or pairs.size != n * (n - 1) // 2:
            rule = f"must hold different names{f' of {who}' if who else ''}, and a number for each pair of them"
            raise bad(path, f"{rule}; got {n} of {len(objects)} names, and {pairs.size} numbers")
        rows = np.array([place[name] for name in objects])
        matrix[np.ix_(rows, rows)] = RDMs(pairs.ravel(), "dissimilarity").matrices()
    named = tuple(who for who, *_ in people if who)
    return RDMs(
        matrices if len(people) > 1 else matrices[0], "dissimilarity", None if 0 in place else tuple(place),
        named if len({*named}) == len(people) > 1 else None,
    )


def _rsatoolbox(path: PathLike, entries: Entries) -> SimpleNamespace:
    """What `from_rdms` reads: the dicts of a pickle, or the arrays of an HDF5 file."""
    if suffix_of(path) in PICKLES:
        tree = read_pickle(path)
    else:
        tree = {VALUES: entries[VALUES].load(), MEASURE: hdf5_attribute(path, MEASURE)}
        for group in GROUPS:
            tree[group] = {key.split("/")[1]: entries[key] for key in entries if key.startswith(f"{group}/")}
    values, measure = np.asarray(tree[VALUES]), tree.get(MEASURE)
    if values.dtype.kind not in "biuf":
        raise bad(path, f"judgments must be real numbers; got {values.dtype}")
    groups = {group: held if isinstance(held := tree.get(group), dict) else {} for group in GROUPS}
    lists = {group: {str(name): _listed(path, part) for name, part in parts.items()} for group, parts in groups.items()}
    known = {VALUES: values, MEASURE: measure if isinstance(measure, str) else None}
    return SimpleNamespace(**known, **lists)


def _listed(path: PathLike, part: Any) -> Any:
    """Text, or a list of what may be names; None for each of anything else."""
    if isinstance(part, Entry | np.ndarray) and len(part.shape) != 1:
        return [None] * min((part.shape or (1,))[0], LARGEST >> 8)
    if isinstance(part, Entry):
        part = strings(path, part.load()) if part.dtype in ("str", "bytes") else part.load()
    part = part.tolist() if isinstance(part, np.ndarray) else part
    return part if isinstance(part, str | list | tuple) else []


def _participant(path: PathLike, entries: Entries, key: str) -> Iterator[Person]:
    """Of Meadows: pairs in a variable, ``rdmutv_able_fly``, and objects in another, ``stimuli_able_fly``."""
    stimuli = entries.get(f"stimuli{key[6:]}", entries.get("stimuli"))
    if stimuli is None or stimuli.dtype != "str":
        raise bad(path, f"must hold the names of the objects of {key!r} as text, in stimuli{key[6:]}")
    yield key[7:].replace("_", "-"), entries[key].load(), strings(path, stimuli.load())


def _of_tree(path: PathLike, key: str | None) -> tuple[str, RDMs | None]:
    """A tree of Meadows, of one participant, or of several by their names; key: of a task, or a participant.

    Source: docs.meadows-research.com/downloads/structures/tree.
    """
    tree = read_json(path, largest=LARGEST)
    people = {"": tree} if isinstance(tree, dict) and not tree.keys().isdisjoint(("tasks", "rdm")) else tree
    if not isinstance(people, dict) or not all(isinstance(one, dict) for one in people.values()):
        return "", None
    try:
        matrices = [(who, *arranged) for who, one in people.items() for arranged in _arranged(one)]
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        rule = "must be a tree of Meadows: tasks, each with its task, its stimuli with names, and an rdm of numbers"
        raise bad(path, rule) from error
    if not matrices:
        return "", None
    chosen = [one for one in matrices if key in (None, *one[:2])]
    if len({name for _, name, *_ in chosen}) != 1 or len({who for who, *_ in chosen}) < len(chosen):
        of = "arrangements" if key is None else f"arrangements called {key!r}"
        names = ", ".join(dict.fromkeys(name for _, name, *_ in matrices))
        raise bad(path, f"holds {len(chosen)} {of}, choose one as FILE::KEY: {names}")
    judged = _together(path, [(who, pairs, objects) for who, _, pairs, objects in chosen])
    missing = len(people) - len(chosen) if key not in people else 0
    note = f"{missing} of {len(people)} participants have no arrangement"
    return "Meadows", replace(judged, notes=(note,) if missing else ())


def _arranged(participation: Any) -> Iterator[tuple[str, Array, list[str]]]:
    """The name, the pairs and the objects of each arrangement of a participant."""
    tasks = participation.get("tasks", [participation])
    for name, task in tasks.items() if isinstance(tasks, dict) else (("", task) for task in tasks):
        if "rdm" in task:
            name = name or str(task.get("task", {}).get("name"))
            yield name, np.array(task["rdm"], float), [str(one["name"]) for one in task["stimuli"]]


def _structs(path: PathLike, entries: Entries, key: str) -> Iterator[Person]:
    """Of the RSA toolbox: the field RDM of each struct, whole or condensed, and the field name, the participant's."""
    matches = [match for match in map(STRUCT.fullmatch, entries) if match and match[2] == key]
    for match in matches:
        values, name = entries[match[0]].load(), entries.get(f"{match[1]}.name")
        rdm = RDMs(values.ravel() if 1 in values.shape else values, "dissimilarity")
        if rdm.n_people is not None or entries[match[0]].shape != entries[matches[0][0]].shape:
            raise bad(path, f"{key} must hold RDMs of one size; {match[0]} has shape {values.shape}")
        text = "" if name is None or name.dtype != "str" else " ".join(strings(path, name.load()))
        yield text, rdm.pairs(match[0])[0], range(rdm.n)
