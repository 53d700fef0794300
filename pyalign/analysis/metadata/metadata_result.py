"""What `pyalign.regress_metadata` finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pyalign._dataclass import dataclass
from pyalign._result import OfTask, Result
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval
from pyalign.stats.resampling import Inference, inferred


@dataclass(frozen=True)
class ModelScore:
    """A score of a model in another result."""

    column: str  # its name.
    value: float  # a fraction, or a correlation.
    ci: Interval | None  # its interval there, or None.


@dataclass(frozen=True)
class ModelPoint:
    """A model among those that are set against their metadata; several seeds of one are one point."""

    model: str  # its name, or what its seeds have in common.
    accuracy: float  # fraction, the mean over seeds; where the result has a `score`, that score.
    ci: Interval | None  # interval of that, over what `ci_by` of the result says; None where it is not known.
    members: tuple[str, ...]  # the names of its seeds in the result that it came from, or its own.
    family: str | None = None  # None where it is not known.
    # lowest, highest: accuracies of the seeds; None for a single one, as `deviation`.
    lowest: float | None = None
    highest: float | None = None
    deviation: float | None = None  # standard deviation over seeds (n - 1).
    values: Mapping[str, float | str] | None = None  # its metadata: numbers, the mean over seeds, and text.
    # those of these values that are scores in other results; None where there are none.
    scores: tuple[ModelScore, ...] | None = None

    def score(self, column: str) -> ModelScore | None:
        """The score in a column, if the column is one and the model has it."""
        return next((score for score in self.scores or () if score.column == column), None)


@dataclass(frozen=True)
class OtherScore:
    """A score of each model: a column of another result, or what all columns are set against."""

    column: str  # its name.
    chance: float | None  # that of an accuracy, a fraction; None of a correlation and the like.
    n: int | None = None  # over how many triplets, pairs or objects it is; None where it is not known or differs.
    source: str | None = None  # where the triplets, or the human similarities, came from, or None.
    unit: str = "triplets"  # what `n` counts: "triplets", "pairs" or "objects".


@dataclass(frozen=True)
class FittedLine:
    """The line over the range of its models, with the ends of its intervals there, fractions."""

    along: ClassVar = {"accuracy": ("x",), "low": ("x",), "high": ("x",), "models_low": ("x",), "models_high": ("x",)}

    x: tuple[float, ...]  # in the units of the column, also where the line is on a logarithmic scale.
    accuracy: tuple[float, ...]  # its height.
    # low, high: over what `ci_by` of the result says; None where that is not known.
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    # models_low, models_high: over models, or families of them; None where there are too few.
    models_low: tuple[float, ...] | None = None
    models_high: tuple[float, ...] | None = None


@dataclass(frozen=True)
class ColumnIntervals:
    """The intervals of a column, each None where there is none; see `MetadataRegression`."""

    # ci, models_ci: of the slope, over objects and over models.
    ci: Interval | None
    models_ci: Interval | None
    # rank_ci, rank_models_ci: of the rank correlation, over the same.
    rank_ci: Interval | None
    rank_models_ci: Interval | None


@dataclass(frozen=True)
class MetadataRegression:
    """Accuracy against a column of numbers.

    Two intervals answer two questions. That over objects (and participants): what would come out for these very models,
    on other objects? That over models: what for other models like these, on these objects? Neither counts the other.
    """

    column: str  # of the metadata.
    scale: str  # "linear", or "log10" of the column.
    n_models: int  # with a value in the column.
    n_families: int | None  # clusters that the intervals over models draw; None where each model counts by itself.
    slope: float  # change of accuracy, a fraction, per unit of the column, or per tenfold on "log10".
    # its interval, over what `ci_by` of the result says; None where the errors' covariance is not known.
    ci: Interval | None
    models_ci: Interval | None  # its interval over models, or over families of them; None where there are too few.
    rank_correlation: float | None  # Spearman's, the same on both scales; None where all accuracies are equal.
    # rank_ci, rank_models_ci: its intervals over the same; None also below five models, which have too few orders.
    rank_ci: Interval | None
    rank_models_ci: Interval | None
    line: FittedLine  # for pictures.
    # intervals that hold for all rows together (Sidak), as a row that was chosen among several needs; None for a single
    # row.
    simultaneous: ColumnIntervals | None = None


@dataclass(frozen=True)
class MetadataGroup:
    """The models with one value of a column of text."""

    # column, value: of the metadata.
    column: str
    value: str
    n_models: int  # how many.
    accuracy: float  # fraction, the mean over them.
    # interval of the mean of these very models, over what `ci_by` of the result says; None where the errors' covariance
    # is not known.
    ci: Interval | None
    # lowest, highest: among them.
    lowest: float
    highest: float
    deviation: float | None  # standard deviation over them (n - 1); None for one.
    models: tuple[str, ...]  # their names.


@dataclass(frozen=True)
class MetadataRegressions(OfTask, Result):
    """What `regress_metadata` found."""

    command: ClassVar[str] = "metadata"
    rows: ClassVar[str] = "results"
    derived: ClassVar[tuple[str, ...]] = ("chance",)

    results: tuple[MetadataRegression, ...]  # a row for each column of numbers and scale.
    groups: tuple[MetadataGroup, ...]  # a row for each value of each column of text.
    points: tuple[ModelPoint, ...]  # the models.
    models_by: str  # what the others are over: "families", or "models" where families are not known.
    draws: int  # of the rank correlations' intervals.
    # over what intervals of these models are, None where their errors' covariance is not known; seed: of the draws.
    inference: Inference = inferred("ci_by")
    percent: tuple[str, ...] = ()  # columns that were given in percent: their values are fractions.
    # n_triplets, n_objects, n_subjects: that the accuracies are over; None where it is not known or differs.
    n_triplets: int | None = None
    n_objects: int | None = None
    n_subjects: int | None = None
    metadata: str | None = None  # the file that it came from, or None.
    triplets: str | None = None  # where the triplets came from, or None.
    task: str = ODD_ONE_OUT  # the task of the triplets; `chance` follows from it.
    others: tuple[OtherScore, ...] | None = None  # the columns that are scores in other results; None without.
    # what is set against the columns where it is no accuracy of `compare` or `score`, such as a correlation of RSA;
    # None for these.
    score: OtherScore | None = None

    @property
    def against(self) -> OtherScore:
        """What is set against the columns."""
        return self.score or OtherScore("accuracy", self.chance, self.n_triplets, self.triplets)

    @property
    def score_name(self) -> str:
        """The name of that, in words."""
        return self.against.column

    @property
    def is_share(self) -> bool:
        """Whether that is an accuracy, a fraction, and not a correlation or the like."""
        return self.against.chance is not None

    def other(self, column: str) -> OtherScore | None:
        """What a column is a score of, if it is one."""
        return next((score for score in self.others or () if score.column == column), None)
