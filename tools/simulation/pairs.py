"""What pairs say: correlations with people's matrices and their ceilings, similarities of models, neighbors.

What is drawn anew in a case is what its interval is over. With people who stay the same, the truth is what these people
would give about all objects; with objects that stay the same, what all people would give about these. The truth of a
correlation with the mean matrix is that of the mean of as many people as there are: with more it would be higher. That
of similarities of models and of neighbors is the mean of all estimates with so many objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from itertools import product
from typing import Any
from zlib import crc32

import numpy as np

import pyalign
from pyalign.map_transfer.transfer_result import NearestFigures
from pyalign.pairwise.correlations import correlate
from pyalign.pairwise.rdms import REPRESENTATION_MEASURES
from pyalign.stats.intervals import half_samples

from .harness import NOMINAL, SIZE, Case, Found
from .worlds import CENTERS, FEATURES, SEEN, STAYS, judged, model, objects, shifted, weights

LITTLE, MUCH = 0.1, 1.0  # what each person adds to each pair, standard deviations; matrices have one of about 0.3
AS_DATA = 0.3  # with which one participant is as reliable (.33) as on the 92 photographs (.34)
MANY, DRAWS = 300, 120  # objects of a draw whose values give the truth, and how many draws
OF_RSA = ("mean matrix", "each person", "difference")
OF_CEILING = ("difference of means", "lower ceiling", "upper ceiling", "reliability", "less lower", "of lower",
              "of upper", "disattenuated")
OVERS = ("objects", "subjects", "objects+subjects")


def eight_or_four(x: np.ndarray) -> dict[str, np.ndarray]:
    """A model that knows eight features of twelve, and one that knows four of these."""
    return {"eight": model(x), "four": model(x, SEEN[:4])}


def new(n: int, people: int, noise: float, ci: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Objects and matrices, of which that is new which the interval is over."""
    x = objects(n, rng if "objects" in ci else np.random.default_rng(STAYS))
    who = weights(people, rng if "subjects" in ci else np.random.default_rng(STAYS))
    return x, judged(x, who, noise, rng)


def rsa(models: Any, matrices: np.ndarray, ci: Any, **options: Any) -> Any:
    return pyalign.rsa(models, matrices, kind="dissimilarity", ci=ci, **options)


def measured(x: np.ndarray, matrices: np.ndarray, ci: str | None, correlation: str) -> dict[str, tuple[float, Any]]:
    """Each quantity of two models with its interval; of several people also their means, and these against ceilings."""
    found = rsa(eight_or_four(x), matrices, ci, correlation=correlation)
    (one, other), pair = found, found.pairs[0] if found.pairs else None
    known = {"mean matrix": (one.value, one.ci), "difference": (one.value - other.value, pair and pair.ci)}
    if len(matrices) == 1:
        return known
    each, less = one.per_person, one.per_person.against_lower
    known |= {"each person": (each.mean, each.ci), "less lower": (less.difference, less.ci)}
    known["difference of means"] = each.mean - other.per_person.mean, pair and pair.per_person.ci
    for name in ("lower", "upper", "reliability"):
        told = name if name == "reliability" else f"{name} ceiling"
        known[told] = getattr(one.ceiling, name), getattr(one.ceiling, f"{name}_ci")
    ratios = {"of lower": each.of_lower, "of upper": each.of_upper, "disattenuated": each.disattenuated}
    return known | {name: (ratio.value, ratio.ci) for name, ratio in ratios.items()}


def held(rng: Any, names: Any, n: int, people: int, noise: float, correlation: str, ci: str) -> Iterator[Found]:
    known = measured(*new(n, people, noise, ci, rng), ci, correlation)
    return (Found.of(name, *known[name]) for name in names if name in known)


@cache
def true_values(names: Any, n: int, people: int, noise: float, correlation: str, ci: str) -> dict[str, float]:
    """Means over many draws, of many objects each where objects are drawn; of ratios the ratio of the means."""
    of_rsa, many = names == OF_RSA, (MANY if "objects" in ci else n, people, noise, ci)
    rng, count = np.random.default_rng([STAYS, 1 if of_rsa else 2]), DRAWS if of_rsa else DRAWS // 2
    draws = [measured(*new(*many, rng), None, correlation) for _ in range(count if "objects" in ci else 4 * count)]
    true = {name: float(np.mean([one[name][0] for one in draws])) for name in draws[0]}
    if not of_rsa:
        true["of lower"] = true["each person"] / true["lower ceiling"]
        true["of upper"] = true["each person"] / true["upper ceiling"]
        true["disattenuated"] = true["each person"] / true["reliability"] ** 0.5
    return true


def told(n: int, people: int, noise: float) -> str:
    return f"n={n} p={people} {'much' if noise == MUCH else 'little'} noise"


def held_cases() -> Iterator[Case]:
    def case(kind: str, name: str, asked: Any, share: float, *args: Any) -> Case:
        return Case(kind, name, args[-1].replace("+", " and "), lambda rng: held(rng, *args),
                    lambda rng: true_values(*args), asked, share)

    cells = ((20, 8, "spearman"), (40, 16, "spearman"), (40, 16, "pearson"), (92, 16, "spearman"), (92, 1, "spearman"))
    for ci, (n, people, correlation), noise in product(OVERS, cells, (LITTLE, MUCH)):
        if people > 1 or "subjects" not in ci:
            name = f"rsa corrected {ci} {told(n, people, noise)}, {correlation}"
            yield case("rsa corrected", name, {"": (0.92, 0.98)}, 0.4, OF_RSA, n, people, noise, correlation, ci)
    for ci, (n, people) in [*product(OVERS, ((92, 4), (40, 8))), (OVERS[-1], (92, 16))]:
        yield case("rsa ceiling", f"rsa ceiling {ci} n={n} p={people}", {"": NOMINAL}, 0.3, OF_CEILING, n, people,
                   AS_DATA, "spearman", ci)


# Where a few objects have large effects on all of their pairs
def squared_distances(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Of objects in a plane, which the model sees through noise: those far out have large effects."""
    x = rng.normal(size=(n, 2))
    y = x + rng.normal(size=x.shape)
    i, j = np.triu_indices(n, 1)
    return ((x[i] - x[j]) ** 2).sum(axis=1), ((y[i] - y[j]) ** 2).sum(axis=1)


def strong(rng: np.random.Generator, n: int, correlation: str) -> Iterator[Found]:
    person, other = squared_distances(n, rng)
    found = rsa({}, person, "objects", model_rdms={"model": other}, correlation=correlation)[0]
    yield Found.of("value", found.value, found.ci)


def true_correlation(rng: np.random.Generator, name: str, correlation: str) -> dict[str, float]:
    rngs = (np.random.default_rng([crc32(name.encode()), 1, k]) for k in range(400))
    return {"value": float(np.mean([correlate(*squared_distances(MANY, one), correlation) for one in rngs]))}


def strong_cases() -> Iterator[Case]:
    for n, how in ((30, "pearson"), (50, "pearson"), (92, "pearson"), (50, "spearman")):
        name = f"squared distances, n={n}, {how}"
        yield Case("rsa strong", name, "objects", partial(strong, n=n, correlation=how),
                   partial(true_correlation, name=name, correlation=how), {"": NOMINAL}, 2.0,
                   seeds=lambda seed, number, k: [number, seed or 2, k])


LEVELS = {0.05: SIZE, 0.1: (0.07, 0.13), 0.5: (0.44, 0.56)}


def equals(rng: np.random.Generator, n: int, people: int, noise: float, ci: str) -> Iterator[Found]:
    """Two models that are as good as each other over all objects and people."""
    x = objects(n, rng)
    matrices = judged(x, weights(people, rng, 0.6 if people > 1 else 0.0), noise, rng)
    one = rsa({"a": model(x), "b": model(x, shifted(1))}, matrices, ci).pairs[0]
    for level in LEVELS:
        yield Found(f"p <= {level}", one.difference, one.ci.error, rejected=one.p_value <= level)


def null_cases() -> Iterator[Case]:
    near = {f"p <= {level}": asked for level, asked in LEVELS.items()}
    for (n, people), noise in product(((20, 8), (40, 16), (92, 16), (92, 1)), (LITTLE, MUCH)):
        name, ci = told(n, people, noise), "objects+subjects" if people > 1 else "objects"
        yield Case("rsa null", f"equals corrected {name}", f"{ci.replace('+', ' and ')}, corrected",
                   partial(equals, n=n, people=people, noise=noise, ci=ci), asked=near, rejects=True, centered=True,
                   share=0.4)


# Similarities of models: a and b have six features of eight in common, the third knows four, and noise
def similar(models: dict[str, np.ndarray], measure: str) -> Any:
    """What pyalign says; half-samples are few, to save time."""
    matrices = REPRESENTATION_MEASURES[measure.partition(":")[0]].family == "matrix"
    ci = pyalign.Resampling("objects", *(("corrected",) if matrices else ("half-samples", 60)))
    return pyalign.cka(models, measure=measure, n_permutations=0, ci=ci)[0]


def alike(rng: np.random.Generator, n: int, measure: str, spread: float = 0.0) -> Iterator[Found]:
    """Rows have log-normal lengths of this spread, the same in each model."""
    x = objects(n, rng)
    lengths = np.exp(spread * rng.normal(size=(n, 1))) if spread else np.float32(1.0)
    noisy = model(x, SEEN[:4]) + rng.normal(size=(n, 4))
    found = similar({"a": model(x) * lengths, "b": model(x, shifted(1)) * lengths, "c": noisy * lengths}, measure)
    for quantity, one in zip(("near", "far"), found.scores, strict=False):
        yield Found.of(quantity, one.similarity, one.ci)
    yield Found.of("difference", found.differences[0].difference, found.differences[0].ci)


def equally_alike(rng: np.random.Generator, n: int, measure: str) -> Iterator[Found]:
    """A model that is as much like either of two others."""
    x = objects(n, rng)
    one = similar({"a": model(x, shifted(1)), "b": model(x), "c": model(x, shifted(2))}, measure).differences[0]
    yield Found("p <= 0.05", one.difference, one.ci.error, rejected=one.p_value <= 0.05)


def cka_cases() -> Iterator[Case]:
    for n, measure, share in (
        (50, "debiased-cka", 1.0), (92, "debiased-cka", 1.0), (92, "linear-cka", 1.0),
        (92, "debiased-rbf-cka:sigma=4", 1.0), (92, "rsa-spearman", 0.5), (92, "mutual-knn:10", 0.3),
        (92, "procrustes", 0.3),
    ):
        yield Case("cka", f"cka n={n} {measure.replace(':', ' ')}", "objects",
                   partial(alike, n=n, measure=measure), asked={"": NOMINAL}, centered=True, share=share)
    for n, spread in product((50, 92), (0.5, 1.0)):
        yield Case("cka", f"cka n={n} debiased-cka, lengths of rows log-normal with {spread:g}", "objects",
                   partial(alike, n=n, measure="debiased-cka", spread=spread), asked={"": (0.92, 1.0)}, centered=True)
    for n in (50, 92):
        yield Case("cka null", f"equally alike n={n} debiased-cka", "objects",
                   partial(equally_alike, n=n, measure="debiased-cka"), asked={"": SIZE}, rejects=True,
                   centered=True)


# Weighted sums of two models that know eight features of twelve, four of them in common
def weighted(rng: np.random.Generator, n: int, people: int) -> Iterator[Found]:
    """The sum: correlations, means over participants, and how much better it is than the first."""
    x = objects(n, rng)
    matrices = judged(x, weights(people, rng, 0.6 if people > 1 else 0.0), AS_DATA, rng)
    found = rsa({"a": model(x), "b": model(x, shifted(2))}, matrices, pyalign.Resampling("auto", n_resamples=100),
                correlation="pearson", weighted=True).weighted
    yield Found.of("mean matrix", found[0].value, found[0].ci)
    if found[0].per_person is not None and people > 1:
        yield Found.of("each person", found[0].per_person.mean, found[0].per_person.ci)
    yield Found.of("less the first", found[0].pairs[0].difference, found[0].pairs[0].ci)


def weighted_cases() -> Iterator[Case]:
    for n, people in ((24, 6), (40, 12), (40, 1)):
        yield Case("rsa weighted", f"weighted n={n} p={people}", "objects" if people == 1 else "objects and subjects",
                   partial(weighted, n=n, people=people), asked={"": (0.92, 0.99)}, centered=True)


# Neighbors, of objects of six kinds: three of eight are of the first
def of_six_kinds(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    kind = np.maximum(rng.integers(-2, 6, n), 0)
    return CENTERS[kind] + 0.8 * rng.normal(size=(n, FEATURES)), kind


def neighbors(rng: np.random.Generator, n: int, k: int) -> Iterator[Found]:
    """A model that knows eight features of twelve, and one that knows four, against all twelve."""
    x, kind = of_six_kinds(n, rng)
    models = {"eight": model(x), "four": model(x)[:, :4]}
    found = pyalign.neighborhoods(models, x, k=k, categories=kind, n_permutations=0)
    first, largest, difference = found[0], found[0].concepts[0], found.differences[0]
    purity = pyalign.neighborhoods(model(x), categories=kind, k=k, n_permutations=0)[0]
    yield Found.of("overlap", first.overlap, first.ci)
    yield Found.of("rbo", first.rbo, first.rbo_ci)
    yield Found.of("largest kind", largest.overlap, largest.ci)
    yield Found.of("difference", difference.difference, difference.ci)
    yield Found.of("purity", purity.purity, purity.purity_ci)
    assert purity.concepts is not None
    yield Found.of("purity of the largest kind", purity.concepts[0].purity, purity.concepts[0].purity_ci)


def after_a_map(rng: np.random.Generator, n: int, k: int) -> Iterator[Found]:
    """A map that favors four features of twelve, before and after."""
    stretch = pyalign.Transform(np.diag([2.5] * 4 + [0.6] * (FEATURES - 4)), None, 0.0, 1.0)
    x, kind = of_six_kinds(n, rng)
    kept, votes, of_one = pyalign.transfer(x, stretch, {}, categories=kind, k=k).figures[:3]
    yield Found.of("neighbors kept", kept.difference, kept.ci)
    yield Found.of("k-NN accuracy", votes.before, votes.before_ci)
    yield Found.of("k-NN difference", votes.difference, votes.ci)
    if of_one.ci is not None:
        yield Found.of("k-NN difference, one kind", of_one.difference, of_one.ci)


def views(rng: np.random.Generator, n: int, categories: int, k: int) -> Iterator[Found]:
    """Two views of objects with noise of their own: the k-NN accuracy of each category differs by 0."""
    centers = np.random.default_rng(5).normal(size=(categories, FEATURES))
    kind = rng.integers(0, categories, n)
    x = centers[kind] + 0.6 * rng.normal(size=(n, FEATURES))
    both = [(x + 0.8 * rng.normal(size=x.shape)).astype(np.float32) for _ in range(2)]
    members = kind[:, None] == np.arange(categories)
    plan, labels = half_samples("auto"), tuple(map(str, range(categories)))
    figures = list(NearestFigures(members, labels, k, "cosine", plan).of("map", *both))[2:]
    figures = [one for one in figures if one.ci is not None]
    most = np.argsort([-abs(one.difference) for one in figures])
    for name, stem in (("pyalign", "ci"), ("together", "simultaneous_ci")):
        ends = [getattr(one, stem) for one in figures]
        wrong = [not low <= 0.0 <= high for low, high in ends]
        yield Found(f"{name}, any category", figures[0].difference, ends[0].error, rejected=any(wrong))
        yield Found(f"{name}, any of the ten that change most", 0.0, rejected=any(wrong[k] for k in most[:10]))
        for one, (low, high), missed in list(zip(figures, ends, wrong, strict=True))[:5]:
            yield Found(f"{name}, single", one.difference, (high - low) / 3.92, rejected=missed)


def neighbor_cases() -> Iterator[Case]:
    both = (("", neighbors), (" after a map", after_a_map))
    for (n, k), (what, draw) in product(((50, 5), (100, 5), (200, 10)), both):
        yield Case("neighbors", f"neighbors{what} n={n} k={k}", "objects", partial(draw, n=n, k=k),
                   asked={"": (0.92, 1.0)}, share=0.2, centered=True)
    yield Case("several", "two equal views, 25 categories", "objects", partial(views, n=500, categories=25, k=10),
               asked={"pyalign, single": SIZE, "together, any category": (0.0, 0.065)}, share=0.4, rejects=True)


CASES = [*held_cases(), *strong_cases(), *null_cases(), *cka_cases(), *weighted_cases(), *neighbor_cases()]
