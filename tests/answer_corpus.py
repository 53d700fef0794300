"""Files of answers as experiments export them, drawn at random with what each of them says.

The headers are those of `data/answer_headers.csv`, each with the software or the data set that writes it. A tenth of
the files has one of its rows of source "unknown", which the detector doesn't know.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

HEADERS = Path(__file__).parent / "data" / "answer_headers.csv"
WORDS = (
    "ant bee cat dog elk fox gnu hen ibis jay koi lark mole newt owl pig ray seal toad wasp yak zebra boat cup drum"
).split()
PLACES = {3: ["left", "middle", "right"], 2: ["left", "right"]}  # and those that the columns are called


def headers():
    """The rows of the file of headers: words by source and role, and sets of items by source, role and set."""
    words, sets = defaultdict(list), defaultdict(list)
    with open(HEADERS, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            known = row["source"] != "unknown"
            if row["set"]:
                sets[known, row["role"], row["source"], row["set"]].append(row["header"])
            else:
                words[known, row["role"]].append(row["header"])
    return words, sets


@dataclass
class Drawn:
    """A table of answers. rows: by header, in the order of the file. triplets: what was asked and answered, in order.

    bad: the row (from 0) with a bad cell, and its kind. unknown: the header that the detector doesn't know.
    """

    header: list
    rows: list
    task: str
    triplets: list
    base: int | None
    people: list | None
    unknown: str | None
    bad: tuple | None = None
    traits: dict = field(default_factory=dict)

    def text(self, separator):
        cells = [[f'"{cell}"' if separator in cell else cell for cell in row] for row in [self.header, *self.rows]]
        return "".join(separator.join(row) + "\n" for row in cells)


def draw(seed):  # noqa: C901, PLR0915
    """One table, by its seed."""
    rng = np.random.default_rng(seed)
    words, sets = headers()
    unknown = str(rng.choice(["items", "answer", "participant"])) if rng.random() < 0.1 else None
    role = str(rng.choice(["three"] * 5 + ["anchored"] * 4 + ["odd", "odd", "chosen", "pair"]))
    role = role if unknown is None else str(rng.choice(["three", "anchored"]))
    candidates = [key for key in sets if key[0] == (unknown != "items") and key[1] == role]
    called = list(sets[candidates[rng.integers(len(candidates))]])
    kind = str(rng.choice(["names", "from 0", "from 1", "paths"]))
    t, n = int(rng.integers(40, 100)), int(rng.integers(9, len(WORDS) + 1))
    objects = {
        "names": WORDS, "from 0": [str(k) for k in range(n)], "from 1": [str(k + 1) for k in range(n)],
        "paths": [f"stimuli/{word}_01.jpg" for word in WORDS],
    }[kind][:n]
    shown = np.array([rng.permutation(n)[:3] for _ in range(t)])
    options = [0, 1, 2] if role in ("three", "odd") else [1, 2]
    place = rng.integers(len(options), size=t)
    columns, answers = {}, str(rng.choice(["item", "item", "place 0", "place 1", "words"]))
    if role in ("odd", "chosen"):
        answers = "order"
        at = 2 if role == "odd" else 1  # where the order says that the answer stands
        for k in range(t):
            of_row = options[place[k]]
            shown[k, [at, of_row]] = shown[k, [of_row, at]]
        place[:] = options.index(at)
    for k, name in enumerate(called):
        columns[name] = [objects[i] for i in shown[:, k]]
    used = {name.lower() for name in called}
    if role == "pair":
        answer, answers, place = _one(rng, words[True, "rating"], used), "rating", place * 0
        columns[answer] = [str(x) for x in rng.integers(1, 8, t)]
    elif answers != "order":
        said = [word for word in words[unknown != "answer", "answer"] if role == "three" or "odd" not in word]
        answer = _one(rng, said, used)
        say = {
            "item": lambda k: objects[shown[k, options[place[k]]]],
            "place 0": lambda k: str(place[k]),
            "place 1": lambda k: str(place[k] + 1),
            "words": lambda k: (called if "top" in called else PLACES[len(options)])[place[k]],
        }[answers]
        columns[answer] = [say(k) for k in range(t)]
    people = None
    if rng.random() < 0.7:
        each = int(rng.integers(4, 12))
        who = np.sort(rng.integers(each, size=t)) if rng.random() < 0.5 else rng.integers(each, size=t)
        people = [f"P{k:02d}" if kind != "from 0" else str(k + 100) for k in who]
        columns[_one(rng, words[unknown != "participant", "participant"], used)] = people
    for _ in range(int(rng.integers(0, 5))):
        name = _one(rng, words[True, "spare"], used)
        columns[name] = _spare(rng, name, [[objects[i] for i in row] for row in shown])
    names = list(columns)
    order = rng.permutation(len(names)) if rng.random() < 0.7 else range(len(names))
    header = [names[k] for k in order]
    rows = [[columns[name][k] for name in header] for k in range(t)]
    asked = [[objects[i] for i in row] for row in shown]
    triplets = None if role == "pair" else []
    for k, row in enumerate(asked if role != "pair" else []):
        chosen = row[options[place[k]]]
        others = [item for item in row if item != chosen]
        if len(options) == 3:
            triplets.append((tuple(sorted(others)), chosen))
        else:
            triplets.append((row[0], chosen, next(item for item in others if item != row[0])))
    drawn = Drawn(
        header, rows, "ratings" if role == "pair" else "odd-one-out" if len(options) == 3 else "anchored", triplets,
        {"from 0": 0, "from 1": 1}.get(kind), people, unknown, None, {"items": kind, "answers": answers, "role": role},
    )
    if rng.random() < 0.3 and role != "pair":
        _spoil(rng, drawn, called, None if answers == "order" else answer, n)
    return drawn


def _one(rng, words, used):
    """A header that the table has not yet, and none of those that differ from one in it by case alone."""
    free = [word for word in words if word.lower() not in used]
    word = str(free[rng.integers(len(free))])
    used.add(word.lower())
    return word


def _spare(rng, name, asked):
    """A column that holds no answers: times, numbers of trials, ages, blocks, conditions, right answers."""
    t = len(asked)
    if name.lower().startswith("corr"):
        return [row[k] for row, k in zip(asked, rng.integers(3, size=t), strict=True)]
    how = str(rng.choice(["time", "count", "few", "text"]))
    if name.lower() in ("rt", "response_time", "time_elapsed", "reaction time"):
        how = "time"
    return {
        "time": [f"{x:.3f}" for x in rng.gamma(4, 400, t)],
        "count": [str(k % 40 + 1) for k in range(t)],
        "few": [str(x) for x in rng.integers(*[(1, 4), (0, 3), (0, 2), (1, 3)][rng.integers(4)], t)],
        "text": [str(x) for x in rng.choice(["Chrome", "Firefox", "main"], t)],
    }[how]


def _spoil(rng, drawn, items, answer, n):
    """Makes one cell of the answers or of the items one that can't be."""
    row = int(rng.integers(len(drawn.rows)))
    numbered = drawn.base is not None
    kinds = ["empty item", "item twice"] + (["no number", "fraction"] if numbered else ["date"])
    if answer is not None:
        kinds += ["no answer", "foreign answer", "two answers", "out of range"] * 2
    kind = str(rng.choice(kinds))
    cells, at = drawn.rows[row], {name: drawn.header.index(name) for name in (*items, *([answer] if answer else []))}
    item = items[int(rng.integers(len(items)))]
    if kind == "item twice":
        cells[at[items[0]]] = cells[at[items[1]]]
    elif kind in ("empty item", "no number", "fraction", "date"):
        cells[at[item]] = {"empty item": "", "no number": "banana", "fraction": "2.5", "date": "2-Mar"}[kind]
    elif kind == "foreign answer":
        cells[at[answer]] = "banana"
    elif kind == "two answers":
        cells[at[answer]] = f"{cells[at[answer]]}/{drawn.rows[row - 1][at[answer]]}"
    else:
        cells[at[answer]] = "" if kind == "no answer" else str(n + 7)
    drawn.bad = row, kind
