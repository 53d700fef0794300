"""Where models fail: triplets that all of them get wrong, or one family of models and not another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.analysis.failure_groups import (
    FailureGroup,
    HumanAnswers,
    ModelVerdicts,
    group_failures,
    human_answers,
    model_verdicts,
)
from pyalign.analysis.outcomes import triplet_outcomes
from pyalign.errors import InputError
from pyalign.measures import Measure
from pyalign.ops._place import length


@dataclass(frozen=True)
class Failures:
    """The triplets on which models fail.

    Attributes:
        models: their names.
        families: the family of each model, or None.
        n_triplets: triplets that every model was asked.
        n_dropped: triplets left out because they touch a row with NaN or infinity in some model (``nan="omit"``).
        n_undecided: triplets left out because people tie for the item called odd most often (with counts).
        n_wrong: for each model, the triplets that it gets wrong. A tie is neither right nor wrong, if it counts a part.
        groups: first the triplets that every model gets wrong, then, for each two families, those that all models of
            the one get right and all of the other wrong.
        names: of the items, or None.
        measure, ties: how it was decided.
    """

    models: tuple[str, ...]
    families: tuple[str, ...] | None
    n_triplets: int
    n_dropped: int
    n_undecided: int
    n_wrong: tuple[int, ...]
    groups: tuple[FailureGroup, ...]
    names: tuple[str, ...] | None
    measure: str
    ties: str

    def to_dict(self) -> dict[str, Any]:
        """The attributes as a dict that json can write; each group holds a dict per triplet."""
        fields = ("models", "families", "n_triplets", "n_dropped", "n_undecided", "n_wrong", "measure", "ties")
        groups = [
            {"right": g.right, "wrong": g.wrong, "n": g.n, "triplets": list(self.records(g))} for g in self.groups
        ]
        return {**{name: getattr(self, name) for name in fields}, "groups": groups}

    def to_csv(self) -> str:
        """A table with a row per group and triplet: items, names, a margin for each model, human share, answers."""
        import csv
        import io

        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        named = () if self.names is None else ("name_1", "name_2", "odd_name")
        who = () if self.groups[0].subjects is None else ("subject",)
        margins = [f"margin {model}" for model in self.models]
        writer.writerow(
            [
                "right",
                "wrong",
                "row",
                "item_1",
                "item_2",
                "odd_item",
                *named,
                *margins,
                "human_share",
                "n_answers",
                *who,
            ]
        )
        for group in self.groups:
            for record in self.records(group):
                share = record["human_share"]
                cells = [group.right or "", group.wrong or "every model", record["row"], *record["items"]]
                cells += [*(record["names"] if named else ()), *record["margins"].values()]
                cells += ["" if share is None else share, record["n_answers"], *([record["subject"]] if who else ())]
                writer.writerow(cells)
        return out.getvalue()

    def records(self, group: FailureGroup) -> Iterator[dict[str, Any]]:
        """A dict for each listed triplet: row, items, names, margins by model, human_share, n_answers, subject."""
        shares = [None if math.isnan(share) else share for share in group.human_shares.tolist()]
        people = [None] * len(shares) if group.subjects is None else group.subjects.tolist()
        columns = (group.rows.tolist(), group.triplets.tolist(), group.margins, shares)
        for row, items, margins, share, n, who in zip(*columns, group.n_answers.tolist(), people, strict=True):
            yield {
                "row": row,
                "items": items,
                "names": None if self.names is None else [self.names[item] for item in items],
                "margins": dict(zip(self.models, map(_shortest, margins), strict=True)),
                "human_share": share,
                "n_answers": n,
                "subject": who,
            }


def failures(
    models: Mapping[str, object],
    triplets: object,
    *,
    families: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    subjects: object = None,
    counts: object = None,
    limit: int | None = None,
    measure: str | Measure = "cosine",
    ties: str = "fractional",
    nan: str = "raise",
    backend: str = "auto",
) -> Failures:
    """The triplets that every model gets wrong, and those that one family gets right and another wrong.

    Args:
        models: embeddings (n, d) by name, with the same n items in the same order; d may differ.
        triplets: (t, 3) integers in [0, n); the last column is the item called odd, unless counts are given.
        families: the family of each model, in the order of the models; at least two different ones.
        names: of the n items.
        subjects: (t,) numbers or strings: who gave each answer, to be listed with it.
        counts: (t, 3): how many people called each position odd. The majority's item is then the right one; triplets
            without a majority are left out.
        limit: list at most so many triplets of each group; None: all.
        measure, ties, nan, backend: see `pyalign.score`.

    Raises:
        InputError: as `pyalign.score`, with the model's name; no model, or other numbers of rows; families of another
            number or a single one; names or subjects of another length; counts of another shape.

    Example:
        >>> line = np.array([[0.0], [1.0], [5.0], [7.0]])
        >>> found = failures(
        ...     {"line": line, "flipped": -line[[0, 2, 1, 3]]}, [[0, 1, 2], [2, 3, 0], [0, 3, 1]],
        ...     families=["a", "b"], names=["ant", "bee", "cat", "dog"], measure="neg_euclidean")
        >>> [(group.right, group.wrong, group.rows.tolist()) for group in found.groups]
        [(None, None, [2]), ('a', 'b', [1, 0]), ('b', 'a', [])]
        >>> found.to_dict()["groups"][0]["triplets"][0]["margins"]
        {'line': -6.0, 'flipped': -5.0}
    """
    _checks.named_models(models)
    require_families(list(models), families)
    answers = human_answers(triplets, subjects, counts)
    models = {name: x if hasattr(x, "shape") else _checks.as_array(x, name, "(n, d)") for name, x in models.items()}
    sizes = {name: length(x) for name, x in models.items()}
    n = next(iter(sizes.values()))
    if set(sizes.values()) != {n}:
        raise InputError(f"models must have one row for each of the same items; got {_sizes(sizes)} rows")
    if names is not None and len(names) != n:
        raise InputError(f"names must be one per row of the models ({n}); got {len(names)}")
    verdicts = []
    for name, x in models.items():
        try:
            outcomes = triplet_outcomes(x, answers.triplets, measure=measure, ties=ties, nan=nan, backend=backend)
        except InputError as error:
            raise InputError(f"model {name!r}: {error}") from error
        verdicts.append(model_verdicts(outcomes))
    return list_failures(list(models), verdicts, answers, families=families, names=names, limit=limit)


def require_families(models: Sequence[str], families: Sequence[str] | None) -> None:
    """Raises unless there is a model, and none or at least two families, one for each model."""
    if not models:
        raise InputError("models must be at least one; got none")
    if families is None:
        return
    if len(families) != len(models):
        raise InputError(f"families must be one per model ({len(models)}); got {len(families)}")
    if len(set(families)) < 2:
        raise InputError(f"families must be at least two different ones; got {families[0]!r} alone")


def list_failures(
    models: Sequence[str],
    verdicts: Sequence[ModelVerdicts],
    answers: HumanAnswers,
    *,
    families: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    limit: int | None = None,
) -> Failures:
    """`failures` from what each model made of the same triplets."""
    if limit is not None:
        _checks.whole_number(limit, "limit", 0)
    asked = np.logical_and.reduce([~np.isnan(model.margins) for model in verdicts])
    if not asked.any():
        raise InputError(
            f"models must all be finite in the rows of at least one triplet; of {len(asked)} there is none"
        )
    return Failures(
        models=tuple(models),
        families=None if families is None else tuple(families),
        n_triplets=int(asked.sum()),
        n_dropped=int((~asked).sum()),
        n_undecided=answers.n_undecided,
        n_wrong=tuple(int((model.wrong & asked).sum()) for model in verdicts),
        groups=group_failures(verdicts, answers, families, asked, limit),
        names=None if names is None else tuple(names),
        measure=verdicts[0].measure,
        ties=verdicts[0].ties,
    )


def _sizes(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {n}" for name, n in sizes.items())


def _shortest(value: np.floating[Any]) -> float:
    """In as few digits as tell it from others of its type: 0.1 rather than 0.10000000149."""
    return float(str(value))
