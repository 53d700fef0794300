"""Six worlds in which it is known how people choose, and models that are the truth, at chance, and half-way.

What a world says of a figure is its mean over answers that are drawn again, by definitions that are written out here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

N, D, DRAWS = 60, 5, 12
LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # columns that bring the odd item to the last place
PLAIN = {"m": 1600, "temperatures": (1.0,), "lapses": (0.0,), "unequal": False, "extra": ()}
SETTINGS = {
    "wrong objects": {"temperatures": (0.3,), "extra": ("damaged",)},  # two objects of it are something else
    "unequal answers": {"unequal": True},
    "five people": {"m": 10_000, "temperatures": (0.6, 0.8, 1.0, 1.3, 1.8), "lapses": (0.0, 0.0, 0.1, 0.2, 0.3)},
    "near copies": {"extra": ("copy", "other copy")},
    "lapses": {"lapses": (0.2,)},
    "dimensions": {},
}


def log_softmax(s):
    s = s - s.max(axis=1, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=1, keepdims=True))


def similarities(x, triplets):
    """(m, 3): the inner product of the two others, where each column is the odd one."""
    return np.stack([(x[triplets[:, a]] * x[triplets[:, b]]).sum(axis=1) for a, b, _ in LAST], axis=1)


def credit(x, triplets):
    """(m, 3): 1 where a model with rows x calls the item in that column odd."""
    return np.eye(3)[similarities(x, triplets).argmax(axis=1)]


def every_triplet():
    a, b, c = np.meshgrid(*[np.arange(N)] * 3, indexing="ij")
    return np.stack([a, b, c], axis=-1)[(a < b) & (b < c)]


def answered(rng, sets, p):
    """(t, 3): the sets with the odd item last, drawn with probabilities p (t, 3)."""
    odd = (rng.random((len(sets), 1)) > p.cumsum(axis=1)[:, :2]).sum(axis=1)
    return np.take_along_axis(sets, LAST[odd], axis=1)


@dataclass(eq=False)
class World:
    """Models by name, (N, D) rows each; (m, 3) distinct triplets with `counts` answers; `rows` (t, 3) and `subjects`.

    The ideal model has the rows that people go by, the one at chance nothing of them, the one half-way three of five
    dimensions. by_person: (p, m, 3), the probability that a person calls the item there odd.
    """

    models: dict[str, np.ndarray]
    triplets: np.ndarray
    by_person: np.ndarray
    counts: np.ndarray
    rows: np.ndarray
    subjects: np.ndarray | None

    def __post_init__(self):
        self.x, self.p = self.models["ideal"], self.by_person.mean(axis=0)
        self.of_sets = self.counts / self.counts.sum()  # (m,), and by what is called odd (m, 3): of all
        self.shares = self.p * self.of_sets[:, None]
        self.best = float(self.of_sets @ self.p.max(axis=1))  # the accuracy of the ideal observer

    def by_draws(self, statistics):
        """path -> (mean, s.e.) of what `statistics` gives of counts (m, 3) of answers that are drawn again."""
        rng, n = np.random.default_rng(99), self.counts // len(self.by_person)
        found = [statistics(sum(rng.multinomial(n, p) for p in self.by_person)) for _ in range(DRAWS)]
        values = {key: np.array([one[key] for one in found]) for key in found[0]}
        return {key: (v.mean(), np.sqrt(1 + 1 / DRAWS) * v.std(ddof=1)) for key, v in values.items()}


def sparse_rows(rng, n=N):
    """Each object has one dimension for certain, some have more, and none is quite without."""
    rows = rng.uniform(0.0, 0.1, (n, D)) + rng.uniform(0.9, 1.8, (n, D)) * (rng.random((n, D)) < 0.35)
    rows[np.arange(n), rng.integers(0, D, n)] = 1.8
    return rows


@cache
def world(name):
    rng, of = np.random.default_rng(list(SETTINGS).index(name)), PLAIN | SETTINGS[name]
    x, other = sparse_rows(rng), sparse_rows(rng)
    models = {"ideal": x, "half": np.column_stack([x[:, :3], other[:, 3:]]), "chance": sparse_rows(rng)}
    for k, extra in enumerate(of["extra"]):
        models[extra] = x.copy()
        models[extra][[2 * k, 2 * k + 1]] = sparse_rows(rng, 2)  # 3 % of the objects
    triplets = rng.permuted(rng.permutation(every_triplet())[: of["m"]], axis=1)
    s, people = similarities(x, triplets), zip(of["temperatures"], of["lapses"], strict=True)
    by_person = np.stack([(1 - lapse) * np.exp(log_softmax(s / t)) + lapse / 3 for t, lapse in people])
    counts = np.full(of["m"], 48 if len(by_person) == 1 else len(by_person))
    if of["unequal"]:  # easy triplets have more answers
        counts = 2 + rng.binomial(116, np.where(by_person[0].max(axis=1) > 0.7, 0.6, 0.15))
    set_of = np.repeat(np.arange(of["m"]), counts)
    who = np.tile(np.arange(len(by_person)), of["m"]) if len(by_person) > 1 else None
    rows = answered(rng, triplets[set_of], by_person[0 if who is None else who, set_of])
    return World(models, triplets, by_person, counts, rows, who)
