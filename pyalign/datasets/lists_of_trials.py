"""Lists of trials for the participants of an experiment: which triplets, in which order, where their items stand."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.data.names import listing
from pyalign.data.trials import OMIT
from pyalign.documents import csv_text, hidden
from pyalign.errors import InputError
from pyalign.io.layout import Cells, always, find_layout
from pyalign.io.paths import TEXT, PathLike, bad, check_file
from pyalign.io.text import data_rows
from pyalign.io.triplets import load_triplets

SHARED, REPEATED = 0.2, 0.05  # of the trials of a list
ANSWERS = 5  # to a shared triplet, at least: from about so many on, the estimate of a noise ceiling is right
PLACES = np.array(list(permutations(range(3))))  # of three items
MOVED = [[k for k, way in enumerate(PLACES) if (way != old).all()] for old in PLACES]  # ways that move every item


@dataclass(frozen=True)
class Lists:
    """Lists of trials, one for each participant."""

    # n_subjects, n_trials: how many lists, and how many trials each has.
    n_subjects: int
    n_trials: int
    n_shared: int  # trials of each list with triplets that other participants answer too.
    n_repeated: int  # trials of each list with a triplet that was in the list before.
    n_common: int  # different triplets that are shared.
    # rows, items, again: of all trials (n_subjects * n_trials,), list by list: the triplet; its three objects from left
    # to right; whether it was in the list before. No document holds them.
    rows: np.ndarray = hidden(default=None, compare=False)
    items: np.ndarray = hidden(default=None, compare=False)
    again: np.ndarray = hidden(default=None, compare=False)

    @classmethod
    def of(cls, n_subjects: Any, answers_per_subject: Any, shared: float, repeated: float) -> Lists:
        """Lists that have no triplets yet; `shared` and `repeated` are fractions of the trials of each."""
        people = _checks.whole_number(n_subjects, "n_subjects", 1)
        trials = _checks.whole_number(answers_per_subject, "answers_per_subject", 1)
        if shared + repeated > 1.0 or repeated > 0.5:
            raise InputError(
                f"shared + repeated must be at most 1, and repeated at most 0.5; got {shared:g} and {repeated:g}"
            )
        again = min(round(repeated * trials), trials // 2)
        common = min(round(shared * trials), trials - again) if people > 1 else 0
        return cls(people, trials, common, again, max(common, people * common // ANSWERS))

    @property
    def n_triplets(self) -> int:
        """How many different triplets they hold."""
        return self.n_common + self.n_subjects * (self.n_trials - self.n_shared - self.n_repeated)

    def with_triplets(self, triplets: np.ndarray, rng: np.random.Generator) -> Lists:
        """The lists with these triplets (n_triplets, 3), of which the first are shared."""
        single, half = self.n_trials - self.n_shared - self.n_repeated, self.n_trials // 2
        rows, times = np.full((self.n_subjects, self.n_trials), -1), np.zeros(self.n_common)
        again = np.zeros(rows.shape, bool)
        for k, order in enumerate(rows):
            common = rng.permutation(np.lexsort((rng.random(self.n_common), times))[: self.n_shared])
            times[common] += 1
            own = np.concatenate([common, self.n_common + k * single + np.arange(single)])
            first = rng.permutation(half)[: self.n_repeated]
            order[first] = order[first + half] = own[: self.n_repeated]
            order[order < 0] = rng.permutation(own[self.n_repeated :])
            again[k, first + half] = True
        ordered = self._in_order(triplets[rows.ravel()], again.ravel(), rng)
        return replace(self, rows=rows.ravel(), again=again.ravel(), items=ordered)

    def _in_order(self, triplets: np.ndarray, again: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The items of each trial (t, 3) where they stood less often so far; a second time in other places."""
        times, orders = [[0, 0, 0] for _ in range(int(triplets.max()) + 1)], list[int]()
        ties, ways, half = rng.random((len(triplets), 6)).tolist(), PLACES.tolist(), self.n_trials // 2
        for t, (items, second) in enumerate(zip(triplets.tolist(), again.tolist(), strict=True)):
            stood = [times[item] for item in items]
            costs = [(sum(map(list.__getitem__, stood, way)), tie) for way, tie in zip(ways, ties[t], strict=True)]
            best = min(MOVED[orders[t - half]] if second else range(6), key=costs.__getitem__)
            for of_item, place in zip(stood, ways[best], strict=True):
                of_item[place] += 1
            orders.append(best)
        ordered = np.empty_like(triplets)
        np.put_along_axis(ordered, PLACES[orders], triplets, axis=1)
        return ordered

    def columns(self) -> dict[str, list[Any]]:
        """What a table says of each trial: whose it is, its number, and how its triplet came into the list."""
        subject, trial = np.divmod(np.arange(len(self.rows)), self.n_trials) + np.ones((2, 1), int)
        condition = np.where(self.rows < self.n_common, "shared", "single")
        columns = {"subject": subject, "trial": trial, "condition": condition, "presentation": 1 + self.again}
        return {name: values.tolist() for name, values in columns.items()}


COLUMNS, ODD = ("subject", "trial", "item1", "item2", "item3"), "odd"  # of lists, which answers keep; of answers


def collect_answers(lists: PathLike, files: Sequence[PathLike]) -> tuple[str, tuple[str, ...]]:
    """Join answers, each of which must be to a trial of its participant's list.

    Args:
        lists: as `ChosenTriplets.design` and `pyalign plan triplets` write them, for participants.
        files: tables with the columns of the lists, and with `odd`, the item or its place.

    Returns:
        All answers as CSV; sentences on how many there are, on triplets asked twice, and on trials without an answer.
    """
    asked, given, rows, header = dict[Cells, frozenset[str]](), dict[Cells, str](), list[Cells](), tuple[str, ...]()
    for trial, items in _trials(lists, *_read(lists)):
        if trial in asked:
            raise bad(lists, f"holds two lists of participant {trial[0]}: trial {trial[1]} is there twice")
        asked[trial] = items
    every = {*asked.values()}
    for path in files:
        own, cells = _read(path)
        if own != (header := header or own):
            raise bad(path, f"has other columns than {os.fspath(files[0])}; answers to one experiment have the same")
        trials = _trials(path, own, cells, ODD)
        try:
            answers = load_triplets(path, columns=COLUMNS[2:], choice_column=ODD, subject_column=COLUMNS[0])
        except InputError as error:  # without a remedy that would leave trials out
            raise InputError(str(error).removesuffix(f"; {OMIT}")) from error
        odd = [str(k) if answers.names is None else answers.names[k] for k in answers.values[:, 2].tolist()]
        for row, (trial, items) in enumerate(trials):
            if asked.get(trial) != items:
                where = f"is not trial {trial[1]} of participant {trial[0]}" if items in every else "is in no list"
                raise bad(path, f"row {row} (from 0): {', '.join(sorted(items))} {where} of {os.fspath(lists)}")
            if trial in given:
                raise bad(path, f"row {row} (from 0): participant {trial[0]} has answered trial {trial[1]} before")
            given[trial] = odd[row]
        rows += cells
    return csv_text(header, rows), _sentences(asked, given)


def _sentences(asked: dict[Cells, frozenset[str]], given: dict[Cells, str]) -> tuple[str, ...]:
    answered, left = defaultdict[object, list[str]](list), Counter(who for who, _ in asked.keys() - given.keys())
    for (who, trial), item in given.items():
        answered[who, asked[who, trial]].append(item)
    same = [len({*items}) == 1 for items in answered.values() if len(items) > 1]
    people = f"{len(given):,} answers, participants: {len({who for who, _ in given}):,}"
    without = listing([f"{who} ({left[who]:,})" for who in dict.fromkeys(who for who, _ in asked) if left[who]])
    return (
        f"{people}; of {len(same):,} triplets asked twice {sum(same):,} have the same answer",
        *([f"trials without an answer, by participant: {without}"] if without else []),
    )


def _read(path: PathLike) -> tuple[Cells, list[Cells]]:
    """The header and the rows of a text table; cells may be empty."""
    check_file(path, "trials", TEXT)
    layout = find_layout(path, always, "trials")
    return layout.header or (), [cells for _, cells in data_rows(path, layout)]


def _trials(path: PathLike, header: Cells, rows: Sequence[Cells], *more: str) -> list[tuple[Cells, frozenset[str]]]:
    """Of each row the participant with the trial, and the items; `more`: columns that must be there too."""
    if missing := [name for name in (*COLUMNS, *more) if name not in header]:
        raise bad(path, f"has no column {listing(missing)}, as lists and answers to them have")
    of = [header.index(name) for name in COLUMNS]
    return [((row[of[0]], row[of[1]]), frozenset(row[k] for k in of[2:])) for row in rows]
