"""Lists of trials for the participants of an experiment: which triplets, in which order, and where their items stand.

A part of each list is shared: triplets that several participants answer, for a noise ceiling, all of them about equally
many. Some triplets come twice in a list, half a list apart and with every item in another place, to see whether
participants agree with themselves. The others are in one list only. All lists together show each object about equally
often on the left, in the middle and on the right.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.documents import hidden
from pyalign.errors import InputError

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
        """Lists that have no triplets yet; `shared` and `repeated` are fractions of the trials of each.

        Raises:
            InputError: no whole numbers; more is to be shared or repeated than there is.

        Example:
            >>> Lists.of(30, 120, SHARED, REPEATED)
            Lists(n_subjects=30, n_trials=120, n_shared=24, n_repeated=6, n_common=144)
        """
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
        placed = self._placed(triplets[rows.ravel()], again.ravel(), rng)
        return replace(self, rows=rows.ravel(), again=again.ravel(), items=placed)

    def _placed(self, triplets: np.ndarray, again: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The items of each trial (t, 3) where they stood less often so far; a second time in other places."""
        times, found = [[0, 0, 0] for _ in range(int(triplets.max()) + 1)], list[int]()
        ties, ways, half = rng.random((len(triplets), 6)).tolist(), PLACES.tolist(), self.n_trials // 2
        for t, (items, second) in enumerate(zip(triplets.tolist(), again.tolist(), strict=True)):
            stood = [times[item] for item in items]
            costs = [(sum(map(list.__getitem__, stood, way)), tie) for way, tie in zip(ways, ties[t], strict=True)]
            best = min(MOVED[found[t - half]] if second else range(6), key=costs.__getitem__)
            for of_item, place in zip(stood, ways[best], strict=True):
                of_item[place] += 1
            found.append(best)
        placed = np.empty_like(triplets)
        np.put_along_axis(placed, PLACES[found], triplets, axis=1)
        return placed

    def columns(self) -> dict[str, list[Any]]:
        """What a table says of each trial: whose it is, its number, and how its triplet came into the list."""
        subject, trial = np.divmod(np.arange(len(self.rows)), self.n_trials) + np.ones((2, 1), int)
        condition = np.where(self.rows < self.n_common, "shared", "single")
        columns = {"subject": subject, "trial": trial, "condition": condition, "presentation": 1 + self.again}
        return {name: values.tolist() for name, values in columns.items()}
