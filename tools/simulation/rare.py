"""Cases in which a model has a few objects wholly wrong, and the ways that were tried there.

    python -m tools.simulation.rare [TABLE ...] [--draws 400]

prints for each way how often its 95% interval holds the truth, and how wide it is. A model is as people are but for a
share of the objects, of which it saw wrong pictures: in many studies there is none, or only one. People guess in a
share of their answers. In other worlds the effects of objects are normal, or nearly so.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from statistics import NormalDist
from zlib import crc32

import numpy as np
from scipy.stats import chi2

import pyalign
from pyalign.datasets.simulate import random_triplets
from pyalign.stats.clustered import Dependence, Errors
from pyalign.stats.intervals import REST, correlation_interval, proportion_interval, quantile, student_interval
from pyalign.stats.joint import KAPPA, Joint, joints
from pyalign.stats.resampling import Clusters, Resampling

from . import LAST, Case, Found, answered, drawn_triplets, model, objects, true_scores

FEATURES = 12
TRUTH = 400_000  # triplets of objects that occur once
PLAN = Resampling("objects", "corrected")
ROWS = Resampling("triplets", "corrected")  # intervals that know nothing of wrong objects
ASKED = (0.92, 1.0)
ACCURACY, OF_TWO = "accuracy", "kappa"
Limits = tuple[float, float]


@dataclass(frozen=True)
class World:
    """How many objects and triplets there are, the share of wrong objects, and that of guesses."""

    n: int
    t: int
    wrong: float
    lapses: float = 0.0

    @property
    def name(self) -> str:
        guesses = f", {self.lapses:.0%} lapses" if self.lapses else ""
        return f"{self.n} objects, {self.t:,} triplets, {self.wrong:.0%} wrong{guesses}"

    def drawn(self, triplets: np.ndarray, rng: np.random.Generator, models: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Rows (n, 12) of new objects as each model has them, and triplets (t, 3) with the odd one last."""
        x = rng.normal(size=(int(triplets.max()) + 1, FEATURES)).astype(np.float32)
        units = x / np.linalg.norm(x, axis=1, keepdims=True)
        a, b, c = (units[column] for column in triplets.T)
        odd = np.stack([(b * c).sum(axis=1), (a * c).sum(axis=1), (a * b).sum(axis=1)], axis=1).argmax(axis=1)
        odd = np.where(rng.random(len(odd)) < self.lapses, rng.integers(0, 3, len(odd)), odd)
        rows = []
        for _ in range(models):
            wrong = rng.random(len(x)) < self.wrong
            rows.append(np.where(wrong[:, None], rng.normal(size=x.shape).astype(np.float32), x))
        return rows, np.take_along_axis(triplets, LAST[odd], axis=1)


@cache
def truth(world: World, figure: str) -> float:
    """The accuracy of one model, or the kappa of two, over all objects."""
    rows, triplets = world.drawn(np.arange(3 * TRUTH).reshape(-1, 3), np.random.default_rng(1), 2)
    if figure == ACCURACY:
        return float(np.mean([pyalign.score(x, triplets, ci=None).accuracy for x in rows]))
    return float(kappa_of(rows, triplets, None).kappa)


def kappa_of(rows: list[np.ndarray], triplets: np.ndarray, ci: str | None) -> pyalign.ErrorPair:
    """What is known of two models' errors."""
    return pyalign.error_consistency({"a": rows[0], "b": rows[1]}, triplets, ci=ci).pairs[0]


WORLDS = (
    # whose interval, of which world
    (ACCURACY, World(30, 300, 0.03)), (ACCURACY, World(100, 2_000, 0.01)), (ACCURACY, World(60, 2_000, 0.03, 0.15)),
    (ACCURACY, World(100, 2_000, 0.02, 0.15)), (OF_TWO, World(100, 2_000, 0.02, 0.15)),
    (OF_TWO, World(60, 2_000, 0.02, 0.15)),
)
FEATURE_WORLDS = ((30, 1_000), (50, 0), (100, 1_500))  # objects, triplets; 0: all
NORMAL_WORLDS = ((50, 2_000, 0.7), (100, 3_000, 0.7), (50, 2_000, 0.85), (30, 1_000, 0.85))  # and the accuracy
EFFECT = 0.146  # of an object: two answers with a common one share .02 of the variance before the threshold


# Ways


@dataclass(frozen=True)
class Known:
    """What an interval of an accuracy may be made of.

    Attributes:
        share: the accuracy.
        errors: its errors over objects.
        sums: (n,) of residuals over the triplets with each object, as a share of all triplets.
        sets: different sets of three objects.
        jackknife: the standard error of jackknives over objects, less pairs of them, and sets of three.
    """

    share: float
    errors: Errors
    sums: np.ndarray
    sets: int
    jackknife: float

    @property
    def error(self) -> float:
        return float(self.errors.errors[0])

    @property
    def degrees(self) -> float:
        return float(self.errors.degrees_of_means[0])

    @property
    def skewness(self) -> float:
        return float((self.sums**3).sum()) / float((self.sums**2).sum()) ** 1.5

    @property
    def unseen(self) -> float:
        """The share of triplets that unseen wrong objects may be in."""
        return 1.0 - 0.025 ** (1.0 / self.errors.rows)

    def student(self, degrees: float, error: float | None = None) -> Limits:
        return tuple(proportion_interval(self.share, self.error if error is None else error, degrees, self.sets, ROWS))

    def down_to(self, limits: Limits, rest: float, power: float) -> Limits:
        """Limits that allow for unseen objects about which a model is right in `rest` of their triplets."""
        if self.share == 1.0:
            return 1.0 - self.unseen, 1.0
        cost = max(0.0, self.share - rest) / self.errors.rows
        room = (1.0 - (self.error / cost) ** 2) ** power if cost > self.error else 0.0
        reach = self.unseen * (self.share - rest) * room
        return min(limits[0], self.share - reach), limits[1]


def poisson(known: Known, unit: float) -> Limits:
    """Limits of a count of objects (Garwood) that cost a unit each, with the variance of the accuracy."""
    seen = (known.error / unit) ** 2
    low = chi2.ppf(0.025, 2 * seen) / 2 if seen > 0 else 0.0
    return known.share - unit * (chi2.ppf(0.975, 2 * seen + 2) / 2 - seen), known.share + unit * (seen - low)


def before(known: Known) -> Limits:
    """Wilson's, and of answers that are all right that of Clopper and Pearson for all different triplets."""
    return known.student(known.degrees)


def skewed(known: Known) -> Limits:
    """Johnson's t, with the third moment of the objects' sums."""
    if known.error == 0.0:
        return before(known)
    q = quantile(0.95, known.degrees)
    low, high = (known.share + known.error * (z + known.skewness / 6 * (1 + 2 * z * z)) for z in (-q, q))
    return min(low, known.share), max(high, known.share)


def of_effects(known: Known) -> Limits:
    """Student's t with as many degrees of freedom as a sum of squares with the variance that these have."""
    if known.error == 0.0:
        return before(known)
    squares = known.sums**2
    total = squares.sum() ** 2
    own = 2 * total / max(1e-300, (squares**2).sum() - total / len(squares))
    return known.student(min(known.degrees, max(1.0, own)))


def gamma(known: Known) -> Limits:
    """A count of objects with the second and the third moment of their sums."""
    if known.error == 0.0 or known.skewness >= 0.0:
        return before(known)
    return poisson(known, -known.skewness * math.sqrt(float((known.sums**2).sum())))


WAYS: dict[str, Callable[[Known], Limits]] = {
    "before": before,
    "skewness of the objects' sums": skewed,
    "degrees of freedom of the objects' sums": of_effects,
    "count of objects, by variance and skewness": gamma,
    "count of wrong objects, by variance": lambda known: poisson(
        known, max(known.share - REST, 0.01) / known.errors.rows
    ),
    "unseen objects, as soon as one costs more than the s.e.": lambda known: known.down_to(before(known), REST, 0.0),
    "unseen objects, by the root of the room": lambda known: known.down_to(before(known), REST, 0.5),
    "unseen objects, a third of their triplets right": lambda known: known.down_to(before(known), 1 / 3, 1.0),
    "unseen objects, none of their triplets right": lambda known: known.down_to(before(known), 0.0, 1.0),
    "unseen objects, and skewness": lambda known: known.down_to(skewed(known), REST, 1.0),
    "jackknives, of three ways": lambda known: known.student(len(known.sums) - 1, known.jackknife),
    "multiplier bootstrap": lambda known: known.student(math.inf, float(np.linalg.norm(known.sums))),
    "pyalign": lambda known: tuple(
        proportion_interval(known.share, known.error, known.degrees, known.errors.rows, PLAN)
    ),
}


def by_student(joint: Joint) -> Limits:
    """Symmetric about kappa."""
    value, error = joint.value(KAPPA), joint.error(KAPPA)
    return tuple(student_interval(value, error, degrees_of(joint), ROWS, KAPPA.within))


def by_score(joint: Joint) -> Limits:
    """The interval of a score test of 1 - kappa, whose variance is proportional to it."""
    rest = 1.0 - joint.value(KAPPA)
    if rest <= 0.0:
        return 1.0, 1.0
    reach = quantile(0.95, degrees_of(joint)) * joint.error(KAPPA)
    half = reach**2 / rest / 2
    return 1.0 - rest - half - math.hypot(reach, half), 1.0 - rest - half + math.hypot(reach, half)


def degrees_of(joint: Joint) -> float:
    return joint.errors.degrees_along(np.array(KAPPA.gradient(*joint.shares.tolist())))


OF_KAPPA: dict[str, Callable[[Joint], Limits]] = {
    "before": by_student,
    "score test of 1 - kappa": by_score,
    "Fisher's scale": lambda joint: tuple(
        correlation_interval(joint.value(KAPPA), joint.error(KAPPA), degrees_of(joint), ROWS)
    ),
    "before, and unseen objects": lambda joint: (
        min(by_student(joint)[0], joint.interval(KAPPA).low), by_student(joint)[1]
    ),
    "pyalign": lambda joint: tuple(joint.interval(KAPPA)),
}


# Studies


def credits(x: np.ndarray, triplets: np.ndarray) -> np.ndarray:
    """(t,) 1 where the rows x have the last item as the odd one."""
    return (pyalign.odd_one_out(x, triplets) == 2).astype(np.int8)


def known_of(right: np.ndarray, triplets: np.ndarray, n: int) -> tuple[float, Known]:
    """The accuracy of a model, and what is known of it."""
    share = float(right.mean())
    errors = Dependence.of(Clusters.of(triplets), PLAN).errors(np.stack([np.ones_like(right), right], axis=1))
    rest = (right - share) / len(right)
    sums = sum(np.bincount(column, rest, n) for column in triplets.T)
    ordered, sets, jackknife = np.sort(triplets, axis=1), 0, []
    for some in ((0, 1, 2), (0, 1), (0, 2), (1, 2), (0,), (1,), (2,)):
        jackknife.append(ordered[:, some] @ (n ** np.arange(len(some))))
    of = []
    for groups in (jackknife[4:], jackknife[1:4], jackknife[:1]):
        _, codes = np.unique(np.concatenate(groups), return_inverse=True)
        each = np.bincount(codes, np.tile(rest, len(groups)))
        of.append(float(((each / (1.0 - np.bincount(codes) / len(right))) ** 2).sum()))
        sets = len(each)
    variance = max(of[0] - of[1] + of[2], of[2])
    return share, Known(share, errors, sums, sets, math.sqrt(variance))


def two_models(rows: list[np.ndarray], triplets: np.ndarray) -> tuple[float, Joint]:
    """Kappa of two models, and what is known of it."""
    bits, clusters = np.packbits([credits(x, triplets) for x in rows], axis=1), Clusters.of(triplets)
    (joint,) = joints(bits, [(0, 1)], clusters, Dependence.of(clusters, PLAN), PLAN)
    return joint.value(KAPPA), joint


Draw = Callable[[np.random.Generator], tuple[float, Known | Joint]]  # an estimate, and what is known of it


def of_world(figure: str, world: World) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[float, Known | Joint]:
        rows, triplets = world.drawn(random_triplets(world.n, world.t, rng), rng, 1 if figure == ACCURACY else 2)
        if figure == ACCURACY:
            return known_of(credits(rows[0], triplets), triplets, world.n)
        return two_models(rows, triplets)

    return draw


def of_features(n: int, t: int) -> Draw:
    """The world of tools/simulation."""

    def draw(rng: np.random.Generator) -> tuple[float, Known]:
        x = objects(n, rng)
        triplets = answered(x, drawn_triplets(n, t, rng), rng)
        return known_of(credits(model(x), triplets), triplets, n)

    return draw


def of_normal(n: int, t: int, accuracy: float) -> Draw:
    """A triplet is right where normal effects of its objects, and noise, leave it above a threshold."""

    def draw(rng: np.random.Generator) -> tuple[float, Known]:
        triplets, effects = random_triplets(n, t, rng), EFFECT * rng.normal(size=n)
        threshold = NormalDist().inv_cdf(accuracy) * math.sqrt(1.0 + 3.0 * EFFECT**2)
        right = threshold + effects[triplets].sum(axis=1) + rng.normal(size=t) > 0.0
        return known_of(right.astype(np.int8), triplets, n)

    return draw


def studies() -> Iterator[tuple[str, str, Draw, Callable[[], float]]]:
    """A table, a column, what is drawn, and the truth."""
    for figure, world in WORLDS:
        yield f"{figure}, wrong objects", world.name, of_world(figure, world), partial(truth, world, figure)
    features = cache(lambda: true_scores(np.random.default_rng(1))[ACCURACY])
    for n, t in FEATURE_WORLDS:
        name = f"{n} objects, {t or math.comb(n, 3):,} triplets, accuracy .49"
        yield "accuracy, normal effects", name, of_features(n, t), features
    for n, t, accuracy in NORMAL_WORLDS:
        name = f"{n} objects, {t:,} triplets, accuracy {accuracy:.2f}"
        yield "accuracy, normal effects", name, of_normal(n, t, accuracy), lambda accuracy=accuracy: accuracy


def cells(draw: Draw, true: float, draws: int) -> Iterator[tuple[str, str]]:
    """Of each way: how often it holds the truth, and its mean width by that of the ideal and by that before."""
    estimates, known = zip(*(draw(np.random.default_rng([7, k])) for k in range(draws)), strict=True)
    ideal, first = 4.0 * np.std(estimates, ddof=1), 0.0
    for way, limits in (OF_KAPPA if isinstance(known[0], Joint) else WAYS).items():
        low, high = np.clip(np.array([limits(one) for one in known])[:, :2].T, -1.0, 1.0)
        held, width = 100.0 * float(np.mean((low <= true) & (true <= high))), float(np.mean(high - low))
        first = first or width
        yield way, f"{held:.1f}; {width / ideal:.2f}, {width / first:.2f}"


def printed(tables: dict[str, dict[str, dict[str, str]]]) -> Iterator[str]:
    """In Markdown: ways by worlds."""
    for kind, worlds in tables.items():
        yield from ("", f"**{kind}**", "", f"| way | {' | '.join(worlds)} |", "| --- " * (1 + len(worlds)) + "|")
        for way in next(iter(worlds.values())):
            yield f"| {way} | {' | '.join(world[way] for world in worlds.values())} |"


# Cases


def measured(figure: str, world: World) -> Callable[[np.random.Generator], Iterator[Found]]:
    def draw(rng: np.random.Generator) -> Iterator[Found]:
        rows, triplets = world.drawn(random_triplets(world.n, world.t, rng), rng, 2)
        if figure == ACCURACY:
            found = pyalign.score(rows[0], triplets, ci="objects")
            yield Found.of(figure, found.accuracy, found.ci)
        else:
            pair = kappa_of(rows, triplets, "objects")
            yield Found.of(figure, pair.kappa, pair.ci)

    return draw


def cases() -> Iterator[Case]:
    for figure, world in (*WORLDS[:3], WORLDS[4]):
        yield Case(
            "wrong objects", f"{figure}, {world.name}", "objects", f"{world.n} objects, {world.t:,} triplets",
            measured(figure, world), lambda rng, figure=figure, world=world: {figure: truth(world, figure)},
            {figure: ASKED}, number=crc32(f"{figure} {world.name}".encode()),
        )


CASES = list(cases())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("worlds", nargs="*", help="beginnings of names of tables (default: all)")
    parser.add_argument("--draws", type=int, default=400)
    args = parser.parse_args()
    tables: dict[str, dict[str, dict[str, str]]] = {}
    for kind, name, draw, true in studies():
        if not args.worlds or any(kind.startswith(one) for one in args.worlds):
            tables.setdefault(kind, {})[name] = dict(cells(draw, true(), args.draws))
            print(kind, name, tables[kind][name]["pyalign"], file=sys.stderr, flush=True)
    print("\n".join(printed(tables)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
