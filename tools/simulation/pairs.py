"""What pairs say: correlations with people's matrices and their ceilings, similarities of models, neighbors.

What is drawn anew in a case is what its interval is over. With people who stay the same, the truth is what these give
about all objects; with the same objects, what all people give about these. That of a correlation with the mean matrix
is of the mean of as many people; that of similarities of models and of neighbors the mean of all estimates.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any
from zlib import crc32

import numpy as np

import pyalign
from pyalign.map_transfer.transfer_result import NearestFigures
from pyalign.pairwise.correlations import correlate
from pyalign.stats.intervals import half_samples

from .harness import Draw, Found, Rng
from .worlds import CENTERS, FEATURES, SEEN, STAYS, judged, model, objects, shifted, weights

AS_DATA = 0.3  # noise with which one participant is as reliable (.33) as on the 92 photographs (.34)
MANY, DRAWS = 300, 120  # objects of a draw whose values give the truth, and how many draws
rsa = partial(pyalign.rsa, kind="dissimilarity")
OF_RSA = ("mean matrix", "each person", "difference")
OF_CEILING = ("difference of means", "lower ceiling", "upper ceiling", "reliability", "less lower", "of lower",
              "of upper", "disattenuated")


def new(n: int, people: int, noise: float, ci: str, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Objects and matrices, of which that is new which the interval is over."""
    x = objects(n, rng if "objects" in ci else np.random.default_rng(STAYS))
    who = weights(people, rng if "subjects" in ci else np.random.default_rng(STAYS))
    return x, judged(x, who, noise, rng)


def measured(x: np.ndarray, matrices: np.ndarray, ci: str | None, correlation: str) -> dict[str, Found]:
    """Each quantity of two models with its interval; of several people also their means, and these against ceilings."""
    found = rsa({"eight": model(x), "four": model(x, SEEN[:4])}, matrices, ci=ci, correlation=correlation)
    (one, other), pair = found, found.pairs[0] if found.pairs else None
    known, each = [Found.of("difference", one.value - other.value, pair and pair.ci)], one.per_person
    parts = [(one, {"mean matrix": "value ci"})]
    if len(matrices) > 1:
        known.append(Found.of("difference of means", each.mean - other.per_person.mean, pair and pair.per_person.ci))
        parts += [(each, {"each person": "mean ci"}), (each.against_lower, {"less lower": "difference ci"}),
                  (one.ceiling, {"lower ceiling": "lower", "upper ceiling": "upper", "reliability": "reliability"}),
                  (each.of_lower, {"of lower": "value ci"}), (each.of_upper, {"of upper": "value ci"}),
                  (each.disattenuated, {"disattenuated": "value ci"})]
    return {one.quantity: one for one in [*known, *(found for part in parts for found in Found.each(*part))]}


def held(rng: Rng, n: int, people: int, noise: float, correlation: str, ci: str, ceiling: bool = False) -> Draw:
    known = measured(*new(n, people, noise, ci, rng), ci, correlation)
    return (known[name] for name in (OF_CEILING if ceiling else OF_RSA) if name in known)


@cache
def true_values(n: int, people: int, noise: float, correlation: str, ci: str, ceiling: bool = False
                ) -> dict[str, float]:
    """Means over many draws, of many objects each where objects are drawn; of ratios the ratio of the means."""
    many = MANY if "objects" in ci else n, people, noise, ci
    rng, count = np.random.default_rng([STAYS, 1 + ceiling]), DRAWS // (1 + ceiling)
    draws = [measured(*new(*many, rng), None, correlation) for _ in range(count if "objects" in ci else 4 * count)]
    true = {name: float(np.mean([one[name].estimate for one in draws])) for name in draws[0]}
    if ceiling:
        true["of lower"] = true["each person"] / true["lower ceiling"]
        true["of upper"] = true["each person"] / true["upper ceiling"]
        true["disattenuated"] = true["each person"] / true["reliability"] ** 0.5
    return true


def squared_distances(n: int, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Of objects in a plane, which the model sees through noise: those far out have large effects on their pairs."""
    x = rng.normal(size=(n, 2))
    y = x + rng.normal(size=x.shape)
    i, j = np.triu_indices(n, 1)
    return ((x[i] - x[j]) ** 2).sum(axis=1), ((y[i] - y[j]) ** 2).sum(axis=1)


def strong(rng: Rng, n: int, correlation: str) -> Draw:
    person, other = squared_distances(n, rng)
    found = rsa({}, person, ci="objects", matrix={"model": other}, correlation=correlation)[0]
    return Found.each(found, {"value": "value ci"})


def true_correlation(rng: Rng, name: str, correlation: str) -> dict[str, float]:
    rngs = (np.random.default_rng([crc32(name.encode()), 1, k]) for k in range(400))
    return {"value": float(np.mean([correlate(*squared_distances(MANY, one), correlation) for one in rngs]))}


def equals(rng: Rng, n: int, people: int, noise: float, ci: str = "objects") -> Draw:
    """Two models that are as good as each other over all objects and people."""
    x = objects(n, rng)
    matrices = judged(x, weights(people, rng, 0.6 if people > 1 else 0.0), noise, rng)
    one = rsa({"a": model(x), "b": model(x, shifted(1))}, matrices, ci=ci).pairs[0]
    for level in (0.05, 0.1, 0.5):
        yield Found(f"p <= {level}", one.difference, one.ci.error, rejected=one.p_value <= level)


# Similarities of models: a and b have six features of eight in common, the third knows four, and noise
def similar(models: dict[str, np.ndarray], measure: str) -> Any:
    """What pyalign says; half-samples are few, to save time."""
    few = ("half-samples", 60) if measure.startswith(("mutual", "procrustes")) else ()
    return pyalign.cka(models, measure=measure, n_permutations=0, ci=pyalign.Resampling("objects", *few))[0]


def alike(rng: Rng, n: int, measure: str, spread: float = 0.0) -> Draw:
    """Rows have log-normal lengths of this spread, the same in each model."""
    x = objects(n, rng)
    lengths = np.exp(spread * rng.normal(size=(n, 1))) if spread else 1
    noisy = model(x, SEEN[:4]) + rng.normal(size=(n, 4))
    found = similar({"a": model(x) * lengths, "b": model(x, shifted(1)) * lengths, "c": noisy * lengths}, measure)
    for quantity, one in zip(("near", "far"), found.scores, strict=False):
        yield from Found.each(one, {quantity: "similarity ci"})
    yield from Found.each(found.differences[0], {"difference": "difference ci"})


def equally_alike(rng: Rng, n: int, measure: str) -> Draw:
    """A model that is as much like either of two others."""
    x = objects(n, rng)
    one = similar({"a": model(x, shifted(1)), "b": model(x), "c": model(x, shifted(2))}, measure).differences[0]
    yield Found("p <= 0.05", one.difference, one.ci.error, rejected=one.p_value <= 0.05)


# Weighted sums of two models that know eight features of twelve, four of them in common
def weighted(rng: Rng, n: int, people: int) -> Draw:
    """The sum: correlations, means over participants, and how much better it is than the first."""
    x = objects(n, rng)
    matrices = judged(x, weights(people, rng, 0.6 if people > 1 else 0.0), AS_DATA, rng)
    found = rsa({"a": model(x), "b": model(x, shifted(2))}, matrices, ci=pyalign.Resampling("auto", n_resamples=100),
                correlation="pearson", weighted=True).weighted
    yield from Found.each(found[0], {"mean matrix": "value ci"})
    if people > 1:
        yield from Found.each(found[0].per_person, {"each person": "mean ci"})
    yield from Found.each(found[0].pairs[0], {"less the first": "difference ci"})


# Neighbors, of objects of six kinds: three of eight are of the first
def of_six_kinds(n: int, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    kind = np.maximum(rng.integers(-2, 6, n), 0)
    return CENTERS[kind] + 0.8 * rng.normal(size=(n, FEATURES)), kind


def neighbors(rng: Rng, n: int, k: int) -> Draw:
    """A model that knows eight features of twelve, and one that knows four, against all twelve."""
    x, kind = of_six_kinds(n, rng)
    options = {"k": k, "categories": kind, "n_permutations": 0}
    found = pyalign.neighborhoods({"eight": model(x), "four": model(x)[:, :4]}, x, **options)
    purity = pyalign.neighborhoods(model(x), **options)[0]
    yield from Found.each(found[0], {"overlap": "overlap ci", "rbo": "rbo"})
    yield from Found.each(found[0].concepts[0], {"largest kind": "overlap ci"})
    yield from Found.each(found.differences[0], {"difference": "difference ci"})
    yield from Found.each(purity, {"purity": "purity"})
    yield from Found.each(purity.concepts[0], {"purity of the largest kind": "purity"})


def after_a_map(rng: Rng, n: int, k: int) -> Draw:
    """A map that favors four features of twelve, before and after."""
    stretch = pyalign.Transform(np.diag([2.5] * 4 + [0.6] * (FEATURES - 4)), None, 0.0, 1.0)
    x, kind = of_six_kinds(n, rng)
    kept, votes, of_one = pyalign.transfer(x, stretch, {}, categories=kind, k=k).figures[:3]
    yield from Found.each(kept, {"neighbors kept": "difference ci"})
    yield from Found.each(votes, {"k-NN accuracy": "before", "k-NN difference": "difference ci"})
    if of_one.ci is not None:
        yield from Found.each(of_one, {"k-NN difference, one kind": "difference ci"})


def views(rng: Rng, n: int, categories: int, k: int) -> Draw:
    """Two views of objects with noise of their own: the k-NN accuracy of each category differs by 0."""
    centers = np.random.default_rng(5).normal(size=(categories, FEATURES))
    kind = rng.integers(0, categories, n)
    x = centers[kind] + 0.6 * rng.normal(size=(n, FEATURES))
    both = [(x + 0.8 * rng.normal(size=x.shape)).astype(np.float32) for _ in range(2)]
    members, labels = kind[:, None] == np.arange(categories), tuple(map(str, range(categories)))
    every = NearestFigures(members, labels, k, "cosine", half_samples("auto")).of("map", *both)
    figures = [one for one in list(every)[2:] if one.ci is not None]
    most = np.argsort([-abs(one.difference) for one in figures])
    for name, stem in (("pyalign", "ci"), ("together", "simultaneous_ci")):
        ends = [getattr(one, stem) for one in figures]
        wrong = [not low <= 0.0 <= high for low, high in ends]
        yield Found(f"{name}, any category", figures[0].difference, ends[0].error, rejected=any(wrong))
        yield Found(f"{name}, any of the ten that change most", 0.0, rejected=any(wrong[k] for k in most[:10]))
        for one, (low, high), missed in list(zip(figures, ends, wrong, strict=True))[:5]:
            yield Found(f"{name}, single", one.difference, (high - low) / 3.92, rejected=missed)
