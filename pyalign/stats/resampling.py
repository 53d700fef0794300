"""Resampling: what would come out with other objects, other triplets or other people.

The three answer different questions. Of "objects": figures on objects like these, which is what a claim about a model
is about; triplets and pairs share objects, so that errors come in clusters. Of "triplets": on these very objects, with
other triplets, of which all answers to the same three objects are one. Of "subjects": with other people. Nothing here
knows what is averaged: values come as whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, field, replace
from pyalign._process import Progress, silent
from pyalign.data import Subjects
from pyalign.data.answers import answered_once, checked_labels
from pyalign.documents import by_key
from pyalign.errors import InputError
from pyalign.ops.resample import object_sums, pair_sums, subject_sums, triplet_sums
from pyalign.stats.splits import numbered, sets_of_three

BY = ("objects", "subjects", "objects+subjects", "triplets")  # what intervals are over
AUTO: Final = "auto"  # over objects, and participants if enough of these are known
CORRECTED, BOOTSTRAP, HALF_SAMPLES = "corrected", "bootstrap", "half-samples"
METHODS = (CORRECTED, BOOTSTRAP, "pigeonhole")  # of means over triplets
RESAMPLES = 1000
LEVEL: Final = 0.95  # of confidence
WEIGHT_BITS = 30  # of weights where resamples add them up
DIGIT = 1 << 15  # the base in which products of weights and values are written, so that a digit is an int16
PLACES = np.array([1.0, DIGIT, DIGIT**2])
LEAST = {"objects": 8, "subjects": 4}  # effective numbers, rounded, of which there are intervals


@dataclass(frozen=True)
class Resampling:
    """How intervals and standard errors are computed.

    Raises:
        InputError: an unknown name, a confidence that is no fraction, fewer than 2 resamples, resamples of a closed
            form, or a method that does not apply to what is resampled.

    Example:
        >>> Resampling("objects").closed, Resampling("objects", "bootstrap").drawn
        (True, 1000)
    """

    # what is resampled: "objects", "triplets" (or pairs: the rows), "subjects" or "objects+subjects"; or "auto", for
    # objects and participants if at least four of these (an effective number) are known, else objects.
    by: str
    # "corrected", the closed form of the standard error with quantiles of Student's t; "bootstrap"; over objects
    # "pigeonhole", the bootstrap without the scale that brings it to the corrected error; for neighbors
    # "half-samples". None: the closed form, or a bootstrap if the analysis has none or if `n_resamples` is set.
    method: str | None = None
    # how many are drawn; None: 1,000, or 200 half-samples.
    n_resamples: int | None = field(default=None, metadata={"key": "resamples"})
    confidence_level: float = field(default=LEVEL, metadata={"key": "confidence"})  # of the intervals, a fraction.
    seed: int = 0  # the seed of the resamples, which are the same on every backend and with any number of threads.

    def __post_init__(self) -> None:
        _checks.one_of(self.by, (AUTO, *BY), "ci")
        if self.method is not None:
            _checks.one_of(self.method, (*METHODS, HALF_SAMPLES), "ci_method")
        _checks.fraction(self.confidence_level, "confidence_level")
        _checks.whole_number(self.seed, "seed", 0)
        if self.method == "pigeonhole" and self.by not in ("objects", AUTO):
            raise InputError(f"ci_method pigeonhole draws objects; got ci {self.by!r}")
        if self.n_resamples is not None:
            _checks.whole_number(self.n_resamples, "n_resamples", 2)
            if self.method == CORRECTED:
                raise InputError(
                    f"n_resamples are those of ci_method bootstrap or pigeonhole; got {self.n_resamples} for corrected"
                )

    def over(self, subjects: object) -> Resampling:
        """The same, with "auto" decided by the participants who answered the triplets at hand.

        A bootstrap draws one or the other: objects.

        Example:
            >>> Resampling("auto").over(list("abcd")).by, Resampling("auto").over(list("aab")).by
            ('objects+subjects', 'objects')
        """
        if self.by != AUTO:
            return self
        return replace(self, by="objects+subjects" if self.closed and enough_participants(subjects) else "objects")

    @property
    def closed(self) -> bool:
        """Whether errors are in closed form, so that nothing is drawn."""
        return self.method in (CORRECTED, None) and self.n_resamples is None

    @property
    def drawn(self) -> int:
        """How many resamples a bootstrap draws."""
        return RESAMPLES if self.n_resamples is None else self.n_resamples


IntervalsOver: TypeAlias = (
    Literal["auto", "objects", "subjects", "objects+subjects", "triplets"] | Resampling | None
)  # what `ci` may be of means over triplets; None: no intervals
OverObjects: TypeAlias = Literal["auto", "objects"] | Resampling | None
OverMatrices: TypeAlias = Literal["auto", "objects", "subjects", "objects+subjects"] | Resampling | None
OverAnswers: TypeAlias = Literal["auto", "subjects", "triplets"] | Resampling | None


@dataclass(frozen=True)
class Inference:
    """How the intervals of a result were found; its documents have these keys among their own."""

    over: str | None = field(default=None, metadata={"key": "ci_by"})  # as `Resampling.by`; None without intervals.
    # how they were computed; None without, and where each interval says its own.
    method: str | None = field(default=None, metadata={"key": "ci_method"})
    level: float | None = field(default=None, metadata={"key": "confidence"})  # the confidence level, a fraction.
    resamples: int | None = None  # how many were drawn; None in closed form.
    seed: int | None = None  # the seed of all random draws of the result.
    # effective_objects, effective_subjects: the effective numbers of objects and participants that intervals are over;
    # None where they are at least half of the count. See `pyalign.stats.degrees`.
    effective_objects: float | None = None
    effective_subjects: float | None = None

    @classmethod
    def of(cls, plan: Resampling | None, **known: Any) -> Inference:
        """What a plan says, and what is known besides."""
        if plan is None:
            return cls(**{"seed": 0, **known})
        said = {"over": plan.by, "method": plan.method, "level": float(plan.confidence_level),
                "resamples": None if plan.closed else plan.drawn, "seed": plan.seed}
        return cls(**{**said, **known})


def inferred(*always: str) -> Any:
    """The field of a result that holds its `Inference`; always: keys that documents have also where they are null."""
    return field(default=Inference(), kw_only=True, metadata={"always": always})


KEYS = ("ci_by", "ci_method", "confidence", "resamples")  # that documents of some results always have


def record_of(plan: Resampling | None) -> dict[str, Any] | None:
    """A plan for the record of a call.

    Example:
        >>> record_of(Resampling("objects"))["confidence"]
        0.95
    """
    return None if plan is None else by_key(plan)


def plan_of(ci: object, over: Sequence[str], methods: Sequence[str]) -> Resampling | None:
    """`ci` as a `Resampling` with a method; None for no intervals.

    Args:
        ci: see `IntervalsOver`; a word stands for a `Resampling` with the usual options.
        over: what the analysis can draw again.
        methods: that it has: the usual one, then that which resamples ask for.
    """
    if ci is None:
        return None
    if not isinstance(ci, str | Resampling):
        raise InputError(f"ci must be a word ({', '.join((AUTO, *BY))}), a Resampling or None; got {type(ci).__name__}")
    if isinstance(ci, str) and ci == "none":
        raise InputError("ci must be None for no intervals; got 'none'")
    plan = Resampling(ci) if isinstance(ci, str) else ci
    if plan.by not in (AUTO, *over):
        raise InputError(f"ci must be {', '.join((AUTO, *over))} or none here; got {plan.by!r}")
    if plan.method is None:
        asked = methods[:1] if plan.n_resamples is None else methods[:2]
        return replace(plan, method=asked[-1])
    if plan.method not in methods:
        raise InputError(f"ci_method must be {' or '.join(methods)} here; got {plan.method!r}")
    return plan


def as_resampling(ci: object) -> Resampling | None:
    """`ci` as a `Resampling` of means over triplets, with a method; None for no intervals."""
    plan = plan_of(ci, BY, METHODS)
    if plan is not None and plan.by == "objects+subjects" and not plan.closed:
        raise InputError(f"ci objects+subjects needs the closed form, without resamples; got {plan.method!r}")
    return plan


@dataclass(frozen=True)
class Clusters:
    """What rows have in common: the objects that each is about, and who answered."""

    # (t, k) integers in [0, n), k = 3 for triplets, 2 for pairs, different ones in a row; on the host or a device.
    objects: Any
    n: int  # how many different objects occur.
    subjects: np.ndarray | None = None  # (t,) integers in [0, people), or None.
    people: int = 0  # how many different participants occur; 0 where they are not known.
    backend: str = "auto"  # the backend that computes the resamples.
    taken: bool = False  # whether some rows were taken of others, so that fewer objects may occur.
    weights: np.ndarray | None = None  # float64 (t,), how much each row counts; None: all the same.

    @classmethod
    def of(
        cls, objects: object, subjects: object = None, backend: str = "auto", weights: np.ndarray | None = None
    ) -> Clusters:
        """The clusters of rows (t, k) of objects, which are any numbers from 0, and of who answered."""
        index = _checks.as_array(objects, "objects", "(t, k)")
        codes = None if subjects is None else subject_codes(subjects, len(index))
        occurs = np.zeros(int(index.max()) + 1, bool)
        occurs[index] = True
        n = int(occurs.sum())
        if n < len(occurs):
            index = (np.cumsum(occurs, dtype=np.int32) - np.int32(1))[index]
        return cls(index, n, codes, 0 if codes is None else int(codes.max()) + 1, backend, weights=weights)

    def take(self, rows: np.ndarray) -> Clusters:
        """Some rows, among the same objects and people: they are drawn together with all others."""
        subjects = None if self.subjects is None else self.subjects[rows]
        quick = isinstance(self.objects, np.ndarray) and rows.dtype.kind in "iu"  # take is quicker
        objects = self.objects.take(rows, axis=0) if quick else self.objects[rows]
        weights = None if self.weights is None else self.weights[rows]
        return replace(self, objects=objects, subjects=subjects, taken=True, weights=weights)

    def persons(self) -> np.ndarray:
        """The subjects. Raises InputError where they are not known."""
        require_participants(self.subjects)
        assert self.subjects is not None
        return self.subjects

    def sets(self) -> np.ndarray:
        """(t,) the number of each row's set of three, in the order of these; of other rows their own number."""
        index = _checks.as_array(self.objects, "objects", "(t, k)")
        return sets_of_three(index, self.n) if index.shape[1] == 3 else np.arange(len(index))

    def repeated(self) -> np.ndarray | None:
        """What `sets` gives; None if no two rows show one."""
        sets = self.sets()
        return sets if int(sets.max()) + 1 < len(sets) else None


def replicates(clusters: Clusters, values: np.ndarray, plan: Resampling, progress: Progress = silent) -> np.ndarray:
    """(b, v) weighted means of values (v, t), int16, under each resample; NaN where a resample leaves no row."""
    return means_of(resampled_sums(clusters, values, plan, progress))


def resampled_sums(clusters: Clusters, values: np.ndarray, plan: Resampling, progress: Progress = silent) -> np.ndarray:
    """(b, 1 + v) int64: the sum of the rows' weights, and those of weight times value, under each resample.

    Over objects or people, the sums of parts of the rows (`Clusters.take`) add up to those of all. Where rows have
    weights of their own, a resample multiplies these, and sums are float64.
    """
    if clusters.weights is not None:
        digits = _digits(_whole_weights(clusters.weights), values)
        return _of_digits(resampled_sums(replace(clusters, weights=None), digits, plan, progress))
    options: dict[str, Any] = {"n_resamples": plan.drawn, "seed": plan.seed, "progress": progress}
    if plan.by == "objects":
        add_up = pair_sums if clusters.objects.shape[1] == 2 else object_sums
        sums = add_up(clusters.objects, clusters.n, values, **options, backend=clusters.backend)
    elif plan.by == "triplets":
        sets = clusters.sets()
        if int(sets.max()) + 1 == len(sets):
            ordered = np.ascontiguousarray(values[:, np.argsort(sets)])
            return triplet_sums(ordered, **options, backend=clusters.backend)
        of_sets = [np.bincount(sets, row).astype(np.int64) for row in (None, *values)]  # exact below 2^53
        digits = _digits(of_sets[0], of_sets[1:], multiplied=True)
        sums = _of_digits(triplet_sums(digits, **options, backend=clusters.backend)).astype(np.int64)
    else:
        sums = subject_sums(clusters.persons(), values, people=clusters.people, **options)
    return sums


def _whole_weights(weights: np.ndarray) -> np.ndarray:
    """Weights as whole numbers, rounded to a billionth of the largest; small whole numbers keep their ratios."""
    exponent = WEIGHT_BITS - int(np.frexp(weights.max())[1])
    return np.rint(np.ldexp(weights, exponent)).astype(np.int64)


def _digits(weights: np.ndarray, values: Sequence[np.ndarray] | np.ndarray, multiplied: bool = False) -> np.ndarray:
    """int16 (3 (1 + v), t): int64 weights (t,) and their products with v rows of values, as numbers of three digits.

    Resamples add up int16. The sums of the digits are exact, and with `PLACES` they give those of the products.

    multiplied: whether the values are such products already.
    """
    digits = np.empty((1 + len(values), len(PLACES), len(weights)), np.int16)
    for row, of_row in enumerate((None, *values)):
        rest = weights.copy() if of_row is None else of_row.copy() if multiplied else weights * of_row
        for place in range(len(PLACES) - 1):
            digits[row, place] = rest & (DIGIT - 1)
            rest >>= DIGIT.bit_length() - 1
        digits[row, -1] = rest
    return digits.reshape(-1, len(weights))


def _of_digits(sums: np.ndarray) -> np.ndarray:
    """(b, 1 + v) float64: the sums of weights and products from the (b, 1 + 3 (1 + v)) ones of their digits."""
    return np.tensordot(sums[:, 1:].reshape(len(sums), -1, len(PLACES)), PLACES, 1)


def means_of(sums: np.ndarray) -> np.ndarray:
    """(b, v) weighted means from sums (b, 1 + v); NaN where a resample leaves no row.

    Example:
        >>> means_of(np.array([[2, 12], [0, 0]])).ravel()
        array([ 6., nan])
    """
    with np.errstate(invalid="ignore"):
        means: np.ndarray = sums[:, 1:] / sums[:, :1].astype(np.float64)
    return means


def require_rows(means: np.ndarray, plan: Resampling) -> None:
    """Raises where a resample left no row."""
    empty = int(np.isnan(means[:, 0]).sum())
    if empty:
        raise InputError(
            f"triplets must be enough for every resample of {plan.by} to leave one; {empty:,} of "
            f"{plan.drawn:,} resamples leave none"
        )


def require_participants(subjects: object) -> None:
    """Raises where nobody says who answered, and intervals are to be over participants."""
    if subjects is None:
        raise InputError("subjects must identify who answered each triplet for intervals over participants; got none")


def subject_codes(subjects: object, t: int) -> np.ndarray:
    """`subjects` as int64 (t,) codes from 0, of two participants or more."""
    given = subjects.codes if isinstance(subjects, Subjects) else subjects
    labels, codes = numbered(checked_labels(given, t))
    if len(labels) < 2:
        raise InputError(
            f"subjects must be at least two participants, so that one can be left out; got {labels.tolist()}"
        )
    return codes


def codes_of(labels: object, t: int) -> np.ndarray:
    """`labels` (t,) as codes from 0, however many they are.

    Example:
        >>> codes_of(["b", "a", "b"], 3)
        array([1, 0, 1])
    """
    if isinstance(labels, Subjects) and len(labels.codes) == t:
        return labels.codes
    return numbered(checked_labels(labels, t))[1]


def effective_number(sizes: np.ndarray) -> float:
    """How many with as many rows each would say as much; 0 without a row.

    Example:
        >>> effective_number(np.array([2, 2, 0])), round(effective_number(1.0 / np.arange(1, 61)), 1)
        (2.0, 13.4)
    """
    ordered = np.sort(sizes).astype(np.float64)  # in one order, whatever the numbers of the objects are
    squares = float((ordered**2).sum())
    return float(ordered.sum() ** 2) / squares if squares else 0.0


def is_enough(of: str, value: float) -> bool:
    """Whether there are intervals over an effective number of "objects" or "subjects".

    Example:
        >>> is_enough("objects", 7.4), is_enough("objects", 7.5), is_enough("subjects", 3.5)
        (False, True, True)
    """
    return value >= LEAST[of] - 0.5


def enough_participants(subjects: object) -> bool:
    """Whether the participants are known, and an effective number of them for which there are intervals.

    Of many who answered once each nothing can be said but of their answers.

    Example:
        >>> enough_participants(None), enough_participants(["a", "b", "c"]), enough_participants(["a", "b", "c", "d"])
        (False, False, True)
    """
    if subjects is None:
        return False
    known = subjects.codes if isinstance(subjects, Subjects) else _checks.as_array(subjects, "subjects", "(t,)").ravel()
    known = known.astype(str) if known.dtype.hasobject else known  # numbers and text can't be put in order
    sizes = np.unique(known, return_counts=True)[1]
    return is_enough("subjects", effective_number(sizes)) and not answered_once(len(sizes), len(known))
