"""The cases of tools/intervals.py about pairs: correlations with people's matrices, their intervals and p-values.

What is drawn anew in a case is what its interval is over. With people who stay the same, the truth is what these people
would give about all objects; with objects that stay the same, what all people would give about these. The truth of a
correlation with the mean matrix is that of the mean of as many people as there are: with more it would be higher.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any
from zlib import crc32

import numpy as np
from coverage_cases import FEATURES, NOMINAL, NOTHING, SEEN, SIZE, Case, Found, model, objects, shifted

import pyalign
from pyalign.data import as_judgments
from pyalign.documents import Interval
from pyalign.pairwise.closed_form import closed_form
from pyalign.pairwise.correlated import Correlated
from pyalign.pairwise.correlations import get_correlation
from pyalign.pairwise.intervals import interval_of
from pyalign.pairwise.study import study_of

LITTLE, MUCH = 0.1, 1.0  # what each person adds to each pair, standard deviations; matrices have one of about 0.3
DIFFER = 0.6  # how much people do in what matters to them
FIXED = 11  # the seed of what stays the same
AS_DATA = 0.3  # with which one participant is as reliable (.33) as on the 92 photographs (.34)
MANY, DRAWS = 300, 120  # objects of a draw whose values give the truth, and how many draws
RESAMPLES = 200
HELD = {name: (0.92, 0.98) for name in ("mean matrix", "each person", "difference")}
BOOTSTRAP, CORRECTED = "bootstrap", "corrected"
OVERS = ("objects", "subjects", "objects+subjects")


# The world


def weights(people: int, rng: np.random.Generator, differ: float = DIFFER) -> np.ndarray:
    """(people, 12): how much the features matter to each."""
    drawn: np.ndarray = np.exp(differ * rng.normal(size=(people, FEATURES)))
    return drawn


def judged(x: np.ndarray, people: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """(people, pairs): 1 - the correlation of what each sees, and noise of each person and pair."""
    i, j = np.triu_indices(len(x), 1)
    seen = np.stack([1.0 - np.corrcoef(x * own)[i, j] for own in people])
    return seen + noise * rng.normal(size=seen.shape)


def models(x: np.ndarray) -> dict[str, np.ndarray]:
    """A model that knows eight features of twelve, and one that knows four of these."""
    return {"eight": model(x), "four": model(x, SEEN[:4])}


def measured(x: np.ndarray, matrices: np.ndarray, correlation: str, ci: str | None, method: str = BOOTSTRAP) -> Any:
    """What pyalign says."""
    plan = None if ci is None else plan_of(ci, method)
    return pyalign.rsa(models(x), matrices, kind="dissimilarity", correlation=correlation, ci=plan)


def plan_of(ci: str, method: str) -> pyalign.Resampling:
    """Intervals by a method, of which the closed form has no resamples."""
    return pyalign.Resampling(ci, method, RESAMPLES if method == BOOTSTRAP else None)


def correlated(x: np.ndarray, matrices: np.ndarray, correlation: str) -> Correlated:
    """The study as pyalign has it inside."""
    judged = as_judgments(matrices, "dissimilarity")
    return Correlated(study_of(models(x), {}, judged, ["pearson"], "raise", "auto"), get_correlation(correlation))


def figures(found: Correlated) -> dict[str, float]:
    """The estimates of the first model, and the difference of both."""
    each = found.values[0] if found.study.people is None else found.per_person[:, 0].mean()
    return dict(zip(HELD, map(float, (found.values[0], each, found.values[0] - found.values[1])), strict=True))


# Coverage


def drawn(n: int, people: int, noise: float, ci: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Objects and matrices, of which that is new which the interval is over."""
    x = objects(n, rng if "objects" in ci else np.random.default_rng(FIXED))
    who = weights(people, rng if "subjects" in ci else np.random.default_rng(FIXED))
    return x, judged(x, who, noise, rng)


def held(n: int, people: int, noise: float, ci: str, correlation: str, method: str) -> Callable[..., Iterator[Found]]:
    def draw(rng: np.random.Generator) -> Iterator[Found]:
        if method == CORRECTED:  # without the ceiling, which takes most of the time
            yield from closed(*drawn(n, people, noise, ci, rng), correlation, ci)
            return
        found = measured(*drawn(n, people, noise, ci, rng), correlation, ci, method)
        yield Found.of("mean matrix", found[0].value, found[0].ci)
        if people > 1:
            yield Found.of("each person", found[0].per_person.mean, found[0].per_person.ci)
        yield Found.of("difference", found.pairs[0].difference, found.pairs[0].ci)

    return draw


def closed(x: np.ndarray, matrices: np.ndarray, correlation: str, ci: str) -> Iterator[Found]:
    """The intervals of the closed form."""
    plan, found = pyalign.Resampling(ci, CORRECTED), correlated(x, matrices, correlation)
    errors, values = closed_form(found, ci), figures(found)
    yield Found.of(
        "mean matrix", values["mean matrix"], interval_of(values["mean matrix"], errors.value, 0, None, plan)
    )
    if len(matrices) > 1 and errors.per_person is not None:
        each = values["each person"]
        yield Found.of("each person", each, interval_of(each, errors.per_person, 0, None, plan))
    yield Found.of("difference", values["difference"], interval_of(values["difference"], errors.value, 0, 1, plan))


@cache
def truths(n: int, people: int, noise: float, ci: str, correlation: str) -> dict[str, float]:
    """Means over many draws, of many objects each where objects are drawn."""
    rng = np.random.default_rng([FIXED, 1])
    count = DRAWS if "objects" in ci else 4 * DRAWS
    found = [figures(correlated(*drawn(n, people, noise, ci, rng), correlation)) for _ in range(count)]
    return {name: float(np.mean([one[name] for one in found])) for name in HELD}


# Means over people, held against each other and against the ceiling

OF_CEILING = ("difference of means", "lower ceiling", "upper ceiling", "reliability", "less lower", "of lower",
              "of upper", "disattenuated")  # fmt: skip
CEILING_CELLS = [(92, 4), (40, 8)]  # objects, people
AS_MANY = (92, 16)  # as there are in the data, over both


def ceiling_figures(found: Any) -> dict[str, tuple[float, Interval | None]]:
    """Each quantity of a result of `pyalign.rsa`, with its interval."""
    ceiling, each, means = found[0].ceiling, found[0].per_person, found.pairs
    return {
        "difference of means": (each.mean - found[1].per_person.mean, means[0].per_person.ci if means else None),
        "lower ceiling": (ceiling.lower, ceiling.lower_ci),
        "upper ceiling": (ceiling.upper, ceiling.upper_ci),
        "reliability": (ceiling.reliability, ceiling.reliability_ci),
        "less lower": (each.against_lower.difference, each.against_lower.ci),
        "of lower": (each.of_lower.value, each.of_lower.ci),
        "of upper": (each.of_upper.value, each.of_upper.ci),
        "disattenuated": (each.disattenuated.value, each.disattenuated.ci),
    }


def held_ceiling(n: int, people: int, ci: str) -> Callable[..., Iterator[Found]]:
    def draw(rng: np.random.Generator) -> Iterator[Found]:
        found = measured(*drawn(n, people, AS_DATA, ci, rng), "spearman", ci, CORRECTED)
        for name, (value, interval) in ceiling_figures(found).items():
            yield Found.of(name, value, interval)

    return draw


@cache
def ceiling_truths(n: int, people: int, ci: str) -> dict[str, float]:
    """Means over many draws; of ratios the ratio of the means."""
    rng, several = np.random.default_rng([FIXED, 2]), []
    for _ in range(DRAWS // 2 if "objects" in ci else 2 * DRAWS):
        found = measured(*drawn(n, people, AS_DATA, ci, rng), "spearman", None)
        several.append([*(value for value, _ in ceiling_figures(found).values()), found[0].per_person.mean])
    *values, mean = np.mean(several, axis=0).tolist()
    true = dict(zip(OF_CEILING, values, strict=True))
    ratios = {"of lower": mean / true["lower ceiling"], "of upper": mean / true["upper ceiling"]}
    return true | ratios | {"disattenuated": mean / true["reliability"] ** 0.5}


def ceiling_cases() -> Iterator[Case]:
    for ci, (n, people) in [*product(OVERS, CEILING_CELLS), (OVERS[-1], AS_MANY)]:
        many = MANY if "objects" in ci else n

        def truth(rng: Any, key: Any = (many, people, ci)) -> dict[str, float]:
            return ceiling_truths(*key)

        yield Case(
            "rsa ceiling", f"rsa ceiling {ci} n={n} p={people}", ci.replace("+", " and "),
            f"{n} objects, {people} people", held_ceiling(n, people, ci), truth,
            dict.fromkeys(OF_CEILING, NOMINAL), 0.3,
        )  # fmt: skip


CELLS = [
    # objects, people, correlation
    (20, 8, "spearman"),
    (20, 8, "tau-a"),
    (40, 16, "spearman"),
    (40, 16, "pearson"),
    (92, 16, "spearman"),
    (92, 1, "spearman"),
]


def called(n: int, people: int, noise: float) -> str:
    """In the name of a case."""
    return f"n={n} p={people} {'much' if noise == MUCH else 'little'} noise"


def sizes(n: int, people: int, noise: float) -> str:
    """As a row says them."""
    told = f"{people} people" if people > 1 else "one person"
    return f"{n} objects, {told}, {'much' if noise == MUCH else 'little'} noise"


def held_cases() -> Iterator[Case]:
    for method, ci, (n, people, correlation), noise in product((BOOTSTRAP, CORRECTED), OVERS, CELLS, (LITTLE, MUCH)):
        if people == 1 and "subjects" in ci:
            continue
        if correlation == "tau-a" and (method == CORRECTED or ci != "objects+subjects"):
            continue
        many = MANY if "objects" in ci else n

        def truth(rng: Any, key: Any = (many, people, noise, ci, correlation)) -> dict[str, float]:
            return truths(*key)

        what = ci if method == BOOTSTRAP else f"{method} {ci}"
        yield Case(
            f"rsa {method}", f"rsa {what} {called(n, people, noise)}, {correlation}", ci.replace("+", " and "),
            sizes(n, people, noise), held(n, people, noise, ci, correlation, method), truth,
            HELD if method == CORRECTED else NOTHING, 0.4,
        )  # fmt: skip


# Tests of what is not there

LEVELS = (0.05, 0.1, 0.5)
NEAR = {"p <= 0.05": SIZE, "p <= 0.1": (0.07, 0.13), "p <= 0.5": (0.44, 0.56)}
EQUALS = [(20, 8), (40, 16), (92, 16), (92, 1)]


def rejected(p: float, estimate: float, error: float) -> Iterator[Found]:
    for level in LEVELS:
        yield Found(f"p <= {level}", estimate, error, rejected=p <= level)


def unrelated(n: int, people: int) -> Callable[..., Iterator[Found]]:
    """A model of other objects."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        matrices = judged(objects(n, rng), weights(people, rng), LITTLE, rng)
        found = pyalign.rsa(model(objects(n, rng)), matrices, kind="dissimilarity", ci=None, n_permutations=99)
        yield from rejected(found[0].p_value, found[0].value, np.nan)

    return draw


def equals(n: int, people: int, noise: float, ci: str, method: str) -> Callable[..., Iterator[Found]]:
    """Two models that are as good as each other over all objects and people."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, rng)
        matrices = judged(x, weights(people, rng, DIFFER if people > 1 else 0.0), noise, rng)
        both = {"a": model(x), "b": model(x, shifted(1))}
        found = pyalign.rsa(both, matrices, kind="dissimilarity", ci=plan_of(ci, method)).pairs[0]
        yield from rejected(found.p_value, found.difference, found.ci.error)

    return draw


def null_cases() -> Iterator[Case]:
    exact = {f"p <= {level}": (level - 0.01, level + 0.01) for level in LEVELS}  # with 99 permutations: at most
    for n, people in ((10, 1), (20, 8), (92, 1)):
        yield Case(
            "rsa null", f"unrelated n={n} p={people}", "permutations", sizes(n, people, LITTLE), unrelated(n, people),
            asked=exact, rejects=True, centred=True,
        )  # fmt: skip
    for method, (n, people), noise in product((BOOTSTRAP, CORRECTED), EQUALS, (LITTLE, MUCH)):
        ci = "objects+subjects" if people > 1 else "objects"
        what = "equals" if method == BOOTSTRAP else f"equals {method}"
        over = ci.replace("+", " and ") + ("" if method == BOOTSTRAP else f", {method}")
        yield Case(
            "rsa null", f"{what} {called(n, people, noise)}", over, sizes(n, people, noise),
            equals(n, people, noise, ci, method), asked=NEAR if method == CORRECTED else NOTHING, rejects=True,
            centred=True, share=0.4,
        )  # fmt: skip


EVERY = [*held_cases(), *ceiling_cases(), *null_cases()]
CASES = [replace(one, number=crc32(one.name.encode())) for one in EVERY]
