"""Cases about several models at once, and categories of a map: single tests, all tests.

A model is right about a triplet where a normal variable of variance 1 is above a threshold: the sum of effects of its
three objects, of the person, of the triplet, and of noise. Effects have the size that they have in THINGS. Single tests
are those of five pairs of models without a common one, so that rows about them count five to a draw. The same draws are
tested in several ways:

    pyalign         `pyalign.compare`: variances drawn toward what all differences say, tests step by step
    earlier         each variance by itself, Holm's counts and max-t in one step
    log variances   each variance drawn toward the mean of their logarithms (Smyth 2004), Holm's counts
    sign flips      t against the sums of objects on whose triplets two models differ, with random signs, Holm's counts

A map has two views of the same objects that are equally good; ways are the error of pyalign, that of half-samples and
the plain jackknife.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

from pyalign.analysis.comparison.paired_outcomes import ClosedForm
from pyalign.concept.neighbor_lists import list_length, neighbor_lists
from pyalign.concept.neighborhood_run import half_lists
from pyalign.datasets.simulate import random_triplets
from pyalign.map_transfer.transfer_result import NearestFigures, TransferFigure, voted
from pyalign.stats.clustered import Dependence, Errors, with_weights
from pyalign.stats.intervals import half_errors, half_samples, halves, quantile, two_sided_p
from pyalign.stats.multiple import DRAWS, corrected, step_down
from pyalign.stats.resampling import Clusters, Resampling

from . import FEATURES, Case, Found

COMMON, OWN, TRIPLET = 0.0044, 0.0069, 0.237  # shares of variance: of objects in all models, in each, of triplets
FLIPS, HALVES = 999, 100
SINGLE, FAMILY = (0.035, 0.065), (0.0, 0.065)
DISJOINT = [(2 * k, 2 * k + 1) for k in range(5)]
Tests = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]  # by way: single p, corrected p, half-widths, each (m, m)


@dataclass(frozen=True)
class World:
    """Ten models on n objects and t triplets."""

    n: int
    t: int
    better: float = 0.5  # the accuracy of the first model; that of the others is one half
    own: tuple[float, ...] = (OWN,) * 10  # shares of variance of objects in each model
    changed: int | None = None  # of how many objects the models know something of their own; None: of all of them
    people: int = 0  # who answer as often as each other
    person: float = 0.0  # by which they differ in each model

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Triplets (t, 3), who answered them, and the credits (10, t)."""
        triplets = random_triplets(self.n, self.t, rng)
        who = np.arange(self.t) % self.people if self.people else None
        shared = math.sqrt(TRIPLET) * rng.standard_normal(self.t)
        shared += math.sqrt(COMMON) * rng.standard_normal(self.n)[triplets].sum(axis=1)
        base = self._by_itself(triplets, who, OWN, rng)
        credits = np.empty((len(self.own), self.t), np.int8)
        for k, own in enumerate(self.own):
            z = self._by_itself(triplets, who, own, rng)
            if self.changed is not None:
                differs = np.zeros(self.n, bool)
                differs[rng.choice(self.n, self.changed, replace=False)] = True
                z = np.where(differs[triplets].any(axis=1), z, base)
            credits[k] = shared + z > NormalDist().inv_cdf(1.0 - (0.5 if k else self.better))
        return triplets, who, credits

    def _by_itself(
        self, triplets: np.ndarray, who: np.ndarray | None, own: float, rng: np.random.Generator
    ) -> np.ndarray:
        z = math.sqrt(own) * rng.standard_normal(self.n)[triplets].sum(axis=1)
        if who is not None:
            z += math.sqrt(self.person) * rng.standard_normal(self.people)[who]
        rest = 1.0 - 3.0 * (COMMON + own) - TRIPLET - (self.person if self.people else 0.0)
        return z + math.sqrt(rest) * rng.standard_normal(self.t)


def tested(triplets: np.ndarray, who: np.ndarray | None, credits: np.ndarray) -> tuple[np.ndarray, Tests]:
    """The differences (m, m) of accuracies, and what the ways say of them."""
    clusters, plan = Clusters.of(triplets, who), Resampling("objects" if who is None else "objects+subjects")
    errors = Dependence.of(clusters, plan).errors(with_weights(credits))
    means, m = errors.means, len(credits)
    differences = means[:, None] - means
    form = ClosedForm(np.stack([means, means]), (errors, errors), plan)
    single, together, reach = np.ones((3, m, m))
    for a, b in zip(*np.triu_indices(m, 1), strict=True):
        single[a, b], together[a, b] = form.p_value(a, b) or 0.0, form.simultaneous(a, b)[1] or 0.0
        low, high = form.difference(a, b, 0) or (math.nan, math.nan)
        reach[a, b] = (high - low) / 2.0
    found: Tests = {"pyalign": (single, together, reach)}
    every = np.triu_indices(m, 1)
    found["pyalign, Holm"] = single, _filled(corrected(single[every].tolist(), "holm", m), m), reach
    earlier = errors.differences, errors.degrees_of_differences
    found["earlier, Holm"] = of_student(differences, *earlier)
    found["earlier"] = (found["earlier, Holm"][0], max_t(errors, found["earlier, Holm"][0]), reach_of(*earlier))
    found["log variances, Holm"] = of_student(differences, *log_shrunken(*earlier))
    if who is None:
        flips = [
            sign_flips(triplets, credits[a] - credits[b], errors.differences[a, b]) for a, b in zip(*every, strict=True)
        ]
        flipped = _filled(flips, m)
        found["sign flips, Holm"] = (
            flipped, _filled(corrected(flipped[every].tolist(), "holm"), m), np.full((m, m), np.nan),
        )
    return differences, found


def of_student(differences: np.ndarray, errors: np.ndarray, degrees: np.ndarray) -> tuple[np.ndarray, ...]:
    """Single p-values, those of Holm, and half-widths."""
    m = len(errors)
    a, b = np.triu_indices(m, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(differences == 0.0, 0.0, np.abs(differences) / errors)
    single = [two_sided_p(float(t[i, j]), float(degrees[i, j])) for i, j in zip(a, b, strict=True)]
    return _filled(single, m), _filled(corrected(single, "holm"), m), reach_of(errors, degrees)


def reach_of(errors: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Half-widths of single intervals."""
    return np.array([[quantile(0.95, max(float(d), 1.0)) * e for e, d in zip(*row, strict=True)]
                     for row in zip(errors, degrees, strict=True)])


def largest_score(covariance: np.ndarray, seed: int = 0) -> np.ndarray:
    """(draws,) ascending: the largest |z| of all differences of two means, where none differs."""
    a, b = np.triu_indices(len(covariance), 1)
    return np.sort(step_down(covariance, a, b, np.zeros(len(a)), seed, DRAWS)[1])


def max_t(errors: Errors, single: np.ndarray) -> np.ndarray:
    """In one step, by the larger of the two distributions that pyalign takes."""
    largest = np.maximum(*map(largest_score, (errors.covariance, errors.candidates[-1])))
    scores = [[-NormalDist().inv_cdf(p / 2.0) if p > 0.0 else math.inf for p in row] for row in single.tolist()]
    return np.maximum(single, (1 + len(largest) - np.searchsorted(largest, scores)) / (1 + len(largest)))


def log_shrunken(errors: np.ndarray, degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances drawn toward the mean of their logarithms, by the moments of log chi-square."""
    pairs = np.triu(errors > 0.0, 1)
    half, logs = degrees[pairs] / 2.0, 2.0 * np.log(errors[pairs])
    logs = logs - digamma(half) + np.log(half)
    spread = float(logs.var(ddof=1) - polygamma(1, half).mean())
    most = float(2.0 * half.mean() * (len(errors) - 2))  # as many as all differences have together
    prior = most
    if spread > float(polygamma(1, most / 2.0)):
        prior = 2.0 * brentq(lambda x: float(polygamma(1, x)) - spread, 1e-3, most / 2.0)
    center = math.exp(float(logs.mean() + digamma(prior / 2.0) - math.log(prior / 2.0)))
    return np.sqrt((prior * center + degrees * errors**2) / (prior + degrees)), prior + degrees


def sign_flips(triplets: np.ndarray, difference: np.ndarray, error: float) -> float:
    """The p-value of the t of a difference (t,) of credits; all sums together have the variance of one."""
    t, n = abs(float(difference.mean())) / error if difference.any() else 0.0, int(triplets.max()) + 1
    sums = np.sum([np.bincount(column, difference, n) for column in triplets.T], axis=0)
    sums = sums[sums != 0.0]
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (FLIPS, len(sums)))
    return float((1 + np.count_nonzero(np.abs(signs @ sums) >= t * np.sqrt(sums @ sums))) / (1 + FLIPS))


def _filled(values: list[float] | np.ndarray, m: int) -> np.ndarray:
    found = np.ones((m, m))
    found[np.triu_indices(m, 1)] = values
    return found


def models(world: World) -> Callable[[np.random.Generator], Iterator[Found]]:
    """Single tests, whether any two equal models are told apart, and the better one from the second."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        differences, ways = tested(*world.draw(rng))
        equal = np.triu(np.ones(differences.shape, bool), 1)
        equal[0] &= world.better == 0.5
        for way, (single, adjusted, reach) in ways.items():
            if way not in ("pyalign, Holm", "earlier"):
                for pair in DISJOINT[world.better != 0.5 :]:
                    error = float(reach[pair]) / 1.959964
                    name = f"{way.removesuffix(', Holm')}, single"
                    yield Found(name, float(differences[pair]), error, rejected=bool(single[pair] < 0.05))
            how = way if "Holm" in way else f"{way}, max-t"
            yield Found(f"{how}, any equal pair", 0.0, math.nan, rejected=bool((adjusted[equal] < 0.05).any()))
            if world.better != 0.5:
                found = bool(adjusted[0, 1] < 0.05)
                yield Found(f"{how}, the better one", float(differences[0, 1]), math.nan, rejected=found)

    return draw


def views(n: int, categories: int, k: int) -> Callable[[np.random.Generator], Iterator[Found]]:
    """Two views of objects with noise of their own: the k-NN accuracy of each category differs by 0."""
    centers = np.random.default_rng(5).normal(size=(categories, FEATURES))

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        kind = rng.integers(0, categories, n)
        x = centers[kind] + 0.6 * rng.normal(size=(n, FEATURES))
        both = [(x + 0.8 * rng.normal(size=x.shape)).astype(np.float32) for _ in range(2)]
        members = kind[:, None] == np.arange(categories)
        plan, labels = half_samples("auto"), tuple(map(str, range(categories)))
        figures = list(NearestFigures(members, labels, k, "cosine", plan).of("map", *both))[2:]
        figures = [one for one in figures if one.ci is not None]
        errors = earlier_errors(both, members, k, rng)
        for name, ends in (
            ("pyalign", [one.ci for one in figures]), ("together", [one.simultaneous_ci for one in figures]),
            *((way, [_ends(one, of[int(one.category)]) for one in figures]) for way, of in errors.items()),
        ):
            wrong = [not low <= 0.0 <= high for low, high in ends]
            error = np.nan if name in errors else ends[0].error
            yield Found(f"{name}, any category", figures[0].difference, error, rejected=any(wrong))
            if name not in errors:
                most = np.argsort([-abs(one.difference) for one in figures])[:10]
                yield Found(f"{name}, any of the ten that change most", 0.0, rejected=any(wrong[k] for k in most))
            for one, (low, high), missed in list(zip(figures, ends, wrong, strict=True))[:5]:
                yield Found(f"{name}, single", one.difference, (high - low) / 3.92, rejected=missed)

    return draw


def earlier_errors(
    both: list[np.ndarray], members: np.ndarray, k: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Of differences of categories: the larger of the errors of half-samples and of pairs; that of the jackknife."""
    n, counts = len(members), members.sum(axis=0)
    lists = [neighbor_lists(one, list_length(k, n), "cosine", k).rows for one in both]
    values = [voted(one[:, :k], members).astype(float) for one in lists]
    drawn = []
    for rows, inside in halves(n, HALVES, int(rng.integers(1 << 30))):
        of = [voted(half_lists(one, k, rows, inside), members[rows]).astype(float) for one in lists]
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn.append((of[1] - of[0]) @ members[rows] / members[rows].sum(axis=0))
    difference = values[1] - values[0]
    plain = np.array([difference[own].std(ddof=1) / math.sqrt(own.sum()) for own in members.T])
    effects = (difference[:, None] - difference @ members / counts) * members
    for sign, one, value in ((-1.0, lists[0], values[0]), (1.0, lists[1], values[1])):
        for place in range(k):
            without = voted(np.delete(one[:, : k + 1], place, axis=1), members)
            np.add.at(effects, one[:, place], sign * (value - without)[:, None] * members)
    jackknife = np.sqrt((effects**2).sum(axis=0) / (counts * (counts - 1)))
    return {"half-samples": np.fmax(half_errors(np.array(drawn), n), plain), "plain jackknife": jackknife}


def _ends(figure: TransferFigure, error: float) -> tuple[float, float]:
    reach = quantile(0.95, figure.n - 1) * error
    return figure.difference - reach, figure.difference + reach


WORLDS = {
    "ten models, one better": World(60, 2_000, 0.59),
    "ten equal models": World(60, 2_000),
    "ten models, one with strong effects": World(60, 2_000, own=(0.08,) + (0.0005,) * 9),
    "ten near-copies": World(60, 2_000, changed=2),
    "ten models, five people": World(60, 2_000, people=5, person=0.003),
}


def cases() -> Iterator[Case]:
    """The worlds of models, then that of two views."""
    asked = {"pyalign, single": SINGLE}
    asked |= dict.fromkeys((f"pyalign, {how}, any equal pair" for how in ("Holm", "max-t")), FAMILY)
    asked |= dict.fromkeys((f"pyalign, {how}, the better one" for how in ("Holm", "max-t")), (0.68, 1.0))
    for name, world in WORLDS.items():
        over = "objects and people" if world.people else "objects"
        sizes = f"{world.n} objects, {world.t:,} triplets" + (f", {world.people} people" if world.people else "")
        yield Case("several", name, over, sizes, models(world), asked=asked, share=0.4, rejects=True)
    asked = {"pyalign, single": (0.03, 0.07), "together, any category": FAMILY}
    yield Case("several", "two equal views, 25 categories", "objects", "500 objects, 10 neighbors", views(500, 25, 10),
               asked=asked, share=0.4, rejects=True)


CASES = list(cases())
