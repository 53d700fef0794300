"""Variances of correlations in closed form, from the influences of pairs of objects and of people.

Two pairs depend on each other where they share an object. With S_i and S_ij the sums of influences over the pairs with
object i and over each pair, and N0 the number of pairs of pairs without a common object,

    over objects  V_o = (sum S_i^2 - sum S_ij^2) / N0
    over people   V_s = sum J_q^2 / (p (p - 1))
    over both     V   = V_o + V_s - sum_q V_o(d_q) / (p (p - 1))

with J_q what participant q does to the correlation, and d_q what q does at each pair, less J_q: noise of participant
and object together is in both of the first terms, and the third takes it back. Of the mean over people of the
correlation with each, J_q is the correlation of q less that mean, and d_q the influences in the matrix of q less their
mean over people. Of the correlation with the mean matrix, J_q is the jackknife's, and d_q follows from the ranks, or
values, without q; of the noise ceiling see `pyalign.pairwise.ceilings`. V_o is not below the variance for
independent pairs, V not below V_o or V_s.

S_i is that of the jackknife, which leaves object i out: means and variances are pulled towards objects with large
effects, so that sums of influences are too small for these. Degrees of freedom are fewer where a few objects have most
of sum S_i^2.

A bootstrap over objects weighs a pair by the product of two multiplicities. Pairs that share one object then count
once, but each pair with itself three times, so that it takes noise of single pairs for three times what it is.

Source: Aronow, Samii and Assenova, "Cluster-robust variance estimation for dyadic data", 2015; Cameron, Gelbach and
Miller, "Robust inference with multiway clustering", 2011; N0 as in `pyalign.stats.clustered`; Efron and Stein, "The
jackknife estimate of variance", Annals of Statistics 1981; Satterthwaite, Biometrics Bulletin 1946.
"""

from __future__ import annotations

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.pairwise.bootstrap import Correlated, Group, Resampled, weighted_mean
from pyalign.pairwise.ceilings import Side, among_people, gradient, jackknifed, sums_of_objects

ROUNDING = 1e-11  # of two variances: below it, that of the difference is nothing but rounding


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """Variances of k statistics and of their differences."""

    candidates: tuple[np.ndarray, ...]  # (k, k) covariances each, of which the largest counts for each contrast.
    most: int  # degrees of freedom at most: objects or people, less one; the smaller where both are drawn.
    # (k, n), what each object adds to the statistics; None where objects are not resampled.
    sums: np.ndarray | None = None
    method: str = "corrected"  # as results say it.

    def degrees(self, a: int, b: int | None = None, times: float = 1.0) -> float:
        """Degrees of freedom of statistic a, or of a less so many times b.

        Of n independent sums S with a kurtosis, the variance of sum S^2 is sum S^4 - (sum S^2)^2 / n; degrees of
        freedom follow by matching it to that of chi-square (Satterthwaite 1946). Few large sums count as few objects.
        """
        if self.sums is None or self.most < 1:
            return self.most
        sums = self.sums[a] if b is None else self.sums[a] - times * self.sums[b]
        squares = sums * sums
        total = float(squares.sum())
        if not total > 0.0:
            return self.most
        spread = float((squares * squares).sum()) / total**2 - 1.0 / len(sums)
        return min(float(self.most), 2.0 / spread) if spread > 0.0 else float(self.most)

    def contrast(self, a: int, b: int | None = None) -> float:
        """The variance of statistic a, or of a less b; NaN where it is not known."""
        variances = []
        for candidate in self.candidates:
            if b is None:
                variances.append(float(candidate[a, a]))
                continue
            own = float(candidate[a, a] + candidate[b, b])
            difference = own - float(candidate[a, b] + candidate[b, a])
            variances.append(0.0 if abs(difference) <= ROUNDING * abs(own) else difference)
        return float(np.max(variances))

    def covariances(self, a: int, b: int) -> list[np.ndarray]:
        """(2, 2) of statistics a and b, by each candidate."""
        return [candidate[np.ix_([a, b], [a, b])] for candidate in self.candidates]


@dataclass(frozen=True, eq=False)
class Dyads:
    """Groups the pairs that share objects."""

    items: np.ndarray
    n: int

    @property
    def independent(self) -> float:
        """The number of pairs of pairs, in both orders, without a common object."""
        counts = np.bincount(self.items.ravel(), minlength=self.n).astype(np.float64)
        m = len(self.items)
        return float(m * m - (counts @ counts - m))

    def sums(self, table: np.ndarray) -> np.ndarray:
        """(k, n): sums over the pairs of each object of influences (k, m) or, as `jackknifed` has them, (k, m + n)."""
        m = len(self.items)
        sums = sums_of_objects(table[:, :m], self.items, self.n)
        if table.shape[1] > m:
            sums += table[:, m:]
            sums -= sums.mean(axis=1, keepdims=True)
        return sums

    def covariance(self, table: np.ndarray) -> np.ndarray:
        """(k, k) covariances over objects of means with such influences; NaN where all pairs share objects."""
        if self.independent <= 0:
            return np.full((len(table), len(table)), np.nan)
        single = _products(table[:, : len(self.items)])
        covariance: np.ndarray = (_products(self.sums(table)) - single) / self.independent
        return covariance

    def alone(self, table: np.ndarray) -> np.ndarray:
        """(k, k) covariances of means with such influences, if pairs were independent."""
        m = len(self.items)
        return _products(table[:, :m]) / (m * max(m - 1, 1))


@dataclass(frozen=True, eq=False)
class Parts:
    """The terms of the variances of k statistics, (k, k) each; see the module."""

    # objects, alone: over objects, and of independent pairs.
    objects: np.ndarray
    alone: np.ndarray
    # people, within: over people, and what both have in common; None where they are not known.
    people: np.ndarray | None
    within: np.ndarray | None
    # n, p: how many objects and people.
    n: int
    p: int
    sums: np.ndarray | None = None  # (k, n), what each object adds to the statistics.

    def over(self, what: str) -> ClosedForm:
        """The variances over "objects", "subjects" or "objects+subjects"."""
        if what == "objects":
            return ClosedForm((self.objects, self.alone), self.n - 1, self.sums)
        if self.people is None or self.within is None:  # one participant says nothing of others
            return ClosedForm((np.full_like(self.objects, np.nan),), 0)
        if what == "subjects":
            return ClosedForm((self.people,), self.p - 1)
        both = self.objects + self.people - self.within
        return ClosedForm((both, self.objects, self.alone, self.people), min(self.n, self.p) - 1, self.sums)


def closed_form(correlated: Correlated, over: str, partial: bool = False, pooling: str | None = None) -> Resampled:
    """The variances of a study by a correlation that has influences; `over` is one of `bootstrap.OVER`.

    With a pooling, and at least two people, the three figures of `AmongPeople` stand behind the means of the k models.
    """
    study, name = correlated.study, correlated.correlation.name
    dyads = Dyads(study.items, study.n)
    human = Side.of(name, study.mean, study.items, correlated.backend)
    models = [Side.of(name, model.values, study.items, correlated.backend) for model in study.models]
    table = np.stack([jackknifed(human, model, study.items, study.n) for model in models])
    people = None if over == "objects" or study.people is None else _people_of_mean(correlated, dyads, human, models)
    value = _parts(dyads, table, people, study.n)
    part = None
    if partial:
        slopes, between = _partial_slopes(correlated.values, correlated.between_models(None)[0])
        moved = np.einsum("ab,bm->am", slopes, table)
        for a in range(len(models)):
            for b in range(a):
                moved += between[:, a, b, None] * jackknifed(models[a], models[b], study.items, study.n)
        turned = None if people is None else (slopes @ people[0] @ slopes.T, slopes @ people[1] @ slopes.T, people[2])
        part = _parts(dyads, moved, turned, study.n).over(over)
    each = None if study.people is None else _of_each(correlated, dyads, over, pooling).over(over)
    return Resampled(value.over(over), each, part)


def _parts(dyads: Dyads, table: np.ndarray, people: tuple[np.ndarray, np.ndarray, int] | None, n: int) -> Parts:
    spread, within, p = (None, None, 1) if people is None else people
    return Parts(dyads.covariance(table), dyads.alone(table), spread, within, n, p, dyads.sums(table))


def _people_of_mean(
    correlated: Correlated, dyads: Dyads, human: Side, models: list[Side]
) -> tuple[np.ndarray, np.ndarray, int]:
    """V_s and the last term of the correlations with the mean matrix, (k, k) each, and how many people there are."""
    study, people = correlated.study, correlated.study.people
    assert people is not None
    p, k = len(people), len(models)
    slopes = np.stack([gradient(human, model) for model in models])
    without, within = np.empty((p, k)), np.zeros((k, k))
    for q in range(p):
        weights = np.ones(p)
        weights[q] = 0.0
        without[q], _ = correlated.of_people(weights, None)
        mean, keep = weighted_mean(people, weights)
        if keep is not None:  # pairs that nobody else judged
            mean = np.where(keep, mean, study.mean)
        table = slopes * (-(p - 1) * human.moved(mean, study.items, correlated.backend))
        within += dyads.covariance(table - table.mean(axis=1, keepdims=True))
    own = (p - 1) * (without - without.mean(axis=0))
    return _products(own.T) / (p * (p - 1)), within / (p * (p - 1)), p


def _of_each(correlated: Correlated, dyads: Dyads, over: str, pooling: str | None) -> Parts:
    """The terms of the means over people, of those whose correlations are defined, and of people with each other."""
    study = correlated.study
    assert study.people is not None
    defined = ~np.isnan(correlated.per_person).all(axis=1)
    k, m, p = len(study.models), len(study.items), int(defined.sum())
    among = None
    if len(study.people) > 1:
        how = pooling or correlated.correlation.pooling
        among = among_people(
            study.people, study.items, study.n, correlated.correlation.name, how, over, correlated.backend
        )
    size = k if among is None else k + among.values.shape[1]
    wide = m + study.n
    moved, rows, within = np.zeros((size, wide)), np.zeros((size, wide)), np.zeros((size, size))
    for group in correlated.groups if "objects" in over else ():
        models = _sides_of(correlated, group)
        for row in group.rows[defined[group.rows]]:
            table = np.zeros((size, wide))
            table[:k, np.append(_kept(group, m), np.ones(study.n, bool))] = _of_person(
                correlated, group, int(row), models
            )
            moved[:k] += table[:k] / p
            if among is not None and among.rows is not None:
                table[k:] = among.rows[:, row]
            if p > 1:
                rows += table / p
                within += dyads.covariance(table)
    own = correlated.per_person[defined]
    if among is not None:
        moved[k:] = among.pairs if defined.all() else np.nan  # of other people than the means of the models
        own = np.concatenate([own, among.jackknife[defined]], axis=1)
    objects, alone = dyads.covariance(moved), dyads.alone(moved)
    if p < 2:
        return Parts(objects, alone, None, None, study.n, p, dyads.sums(moved))
    count = p * (p - 1)
    common = (within - p * dyads.covariance(rows)) / count
    spread = _products((own - own.mean(axis=0)).T) / count
    return Parts(objects, alone, spread, common, study.n, p, dyads.sums(moved))


def _kept(group: Group, m: int) -> np.ndarray:
    return np.ones(m, bool) if group.keep is None else group.keep


def _sides_of(correlated: Correlated, group: Group) -> list[Side]:
    """The models, of the pairs that these people judged."""
    study, name = correlated.study, correlated.correlation.name
    keep = _kept(group, len(study.items))
    return [Side.of(name, model.values[keep], study.items[keep], correlated.backend) for model in study.models]


def _of_person(correlated: Correlated, group: Group, row: int, models: list[Side]) -> np.ndarray:
    """(k, pairs that they judged + n): `jackknifed`, so scaled that means are over all pairs of the study."""
    study = correlated.study
    assert study.people is not None
    keep = _kept(group, len(study.items))
    person = Side.of(correlated.correlation.name, study.people[row][keep], study.items[keep], correlated.backend)
    table = np.stack([jackknifed(person, model, study.items[keep], study.n) for model in models])
    scaled: np.ndarray = table * (len(keep) / keep.sum())
    return scaled


def _products(table: np.ndarray) -> np.ndarray:
    """(k, k): inner products of rows (k, m); not by BLAS, whose sums depend on its threads."""
    products: np.ndarray = np.einsum("am,bm->ab", table, table)
    return products


def _partial_slopes(with_mean: np.ndarray, between: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of partial correlations by those with the mean matrix, (k, k), and between models, (k, k, k).

    With P the inverse of the matrix of correlations, in which people come first, the partial correlation of model c is
    -P_0c / sqrt(P_00 P_cc), and P moves by -P dR P. NaN where there is no inverse.
    """
    k = len(with_mean)
    whole = np.ones((k + 1, k + 1))
    whole[1:, 1:] = between
    whole[0, 1:] = whole[1:, 0] = with_mean
    if not np.isfinite(whole).all() or np.linalg.eigvalsh(whole)[0] <= 1e-10:
        return np.full((k, k), np.nan), np.full((k, k, k), np.nan)
    inverse = np.linalg.inv(whole)
    first, own = inverse[0, 0], np.diagonal(inverse)[1:]
    partial = -inverse[0, 1:] / np.sqrt(first * own)
    out = np.empty((k, k + 1, k + 1))
    for a in range(k + 1):
        for b in range(k + 1):
            moved = -(np.outer(inverse[:, a], inverse[b]) + np.outer(inverse[:, b], inverse[a]))
            out[:, a, b] = -moved[0, 1:] / np.sqrt(first * own)
            out[:, a, b] -= partial / 2.0 * (moved[0, 0] / first + np.diagonal(moved)[1:] / own)
    return out[:, 0, 1:], out[:, 1:, 1:]
