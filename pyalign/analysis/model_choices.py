"""Models that are known by their choices only: read once against the triplets, for all analyses of several models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.analysis.accuracy import Score
from pyalign.analysis.choices import UNREADABLE, Chosen, as_chosen, notes_on_chosen
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes, credits_of
from pyalign.backends import HostBackend
from pyalign.data import Triplets
from pyalign.data.missing import Present
from pyalign.data.similarities import named_models, several
from pyalign.errors import InputError
from pyalign.typing import Policy, Ties

TIES = ("fractional", "wrong")  # an answer that names none says nothing of how many alternatives tie


@dataclass(frozen=True, eq=False)
class ModelChoices:
    """The choices of several models, and how they are read."""

    choices: Mapping[str, Any]  # of each model by its name, as `pyalign.score_choices` takes them; may be empty.
    base: int | None  # from which positions count; None: by their range.
    nan_policy: Policy  # "raise", or "omit" to leave out triplets without an answer.
    unreadable: Policy  # "raise", or "omit" to leave out triplets whose answer names none of their items.

    @classmethod
    def of(
        cls, model_choices: object, models: Mapping[str, object], *, base: int | None, nan_policy: Policy,
        unreadable: Policy,
        ties: Ties = "fractional",
    ) -> ModelChoices:
        """Checks the arguments of a call. `models` are those that have embeddings and no choices.

        Example:
            >>> ModelChoices.of({"x": [0, 2]}, {"x": None}, base=None, nan_policy="raise", unreadable="raise")
            Traceback (most recent call last):
            pyalign.errors.InputError: model_choices must not have the name of a model; got 'x'
        """
        _checks.one_of(unreadable, UNREADABLE, "unreadable")
        checked_base(base)
        given = {} if model_choices is None else model_choices
        choices = named_models(given, "model_choices", "choices")
        twice = next((name for name in choices if name in models), None)
        if twice is not None:
            raise InputError(f"model_choices must not have the name of a model; got {twice!r}")
        if choices:
            _checks.one_of(ties, TIES, "ties of choices")
        return cls(choices, base, nan_policy, unreadable)

    def options(self) -> dict[str, Any]:
        """For the record of a call: what was said of choices, where there are any."""
        return {"choice_base": self.base, "unreadable": self.unreadable} if self.choices else {}

    def among(self, present: Present) -> ModelChoices:
        """The choices on the triplets that remain, from choices on all triplets."""
        return replace(self, choices={name: present.of(one, name) for name, one in self.choices.items()})

    def of_rows(self, rows: np.ndarray, t: int) -> ModelChoices:
        """The choices on the rows (k,) out of t triplets."""
        found = {name: _checks.as_array(one, name, "(t,)") for name, one in self.choices.items()}
        for name, one in found.items():
            if one.shape[:1] != (t,):
                raise InputError(f"{name}: choices must have one entry per triplet, {t:,}; got shape {one.shape}")
        return replace(self, choices={name: one[rows] for name, one in found.items()})

    def read(self, triplets: Triplets, host: HostBackend) -> dict[str, Chosen]:
        """What became of each triplet with each model."""
        found = {}
        for name, choices in self.choices.items():
            try:
                found[name] = as_chosen(choices, triplets, self.base, host, self.unreadable)
                found[name].require_answers(self.nan_policy)
            except InputError as error:
                raise InputError(f"{name}: {error}") from error
        return found


def models_with_choices(x: Any, model_choices: object, **options: Any) -> tuple[Any, ModelChoices]:
    """The embeddings of a call that also takes one model without a name, and the choices; see `ModelChoices.of`.

    Example:
        >>> models_with_choices(None, None, base=None, nan_policy="raise", unreadable="raise")
        Traceback (most recent call last):
        pyalign.errors.InputError: embeddings or model_choices must be given; got neither
    """
    x = several(x)
    named = x if isinstance(x, Mapping) else {}
    choices = ModelChoices.of(model_choices, named, **options)
    if choices.choices:
        if x is not None and not isinstance(x, Mapping):
            raise InputError("embeddings must map names to embeddings where model_choices are given too")
        return named, choices
    if x is None:
        raise InputError("embeddings or model_choices must be given; got neither")
    return x, choices


def checked_base(base: int | None) -> None:
    """Raises unless positions count from 0, from 1, or as their range says."""
    if base is not None and _checks.index_number(base, 0) not in (0, 1):
        raise InputError(f"choice_base must be 0 or 1; got {base!r}")


def outcomes_of_choices(
    chosen: Chosen, *, ties: Ties, nan_policy: Policy, backend: str, task: str, name: str | None = None
) -> Outcomes:
    """The outcomes of the triplets with an answer, without similarities.

    Where there are no probabilities, or that of what somebody chose is 0, the score has no cross-entropy, and the
    outcomes have 0.
    """
    kept = None if chosen.present.all() else chosen.present
    rows: Any = slice(None) if kept is None else kept
    verdicts = chosen.verdicts[rows]
    n = len(verdicts)
    nats = None if chosen.cross_entropy is None else chosen.cross_entropy[rows]
    finite = nats is not None and bool(np.isfinite(nats).all())
    score = Score(
        accuracy=int(credits_of(verdicts, ties).sum(dtype=np.int64)) / (CREDIT_UNIT * n),
        n_triplets=n,
        n_ties=int((np.abs(verdicts) > 1).sum()),
        n_dropped=len(chosen.present) - n,
        cross_entropy=float(nats.mean()) if nats is not None and finite else None,
        mean_entropy=None if chosen.entropy is None else float(chosen.entropy[rows].mean()),
        measure=None,
        temperature=None,
        ties=ties,
        nan=nan_policy,
        backend=backend,
        embeddings=name,
        model_choices=chosen.kind,
        task=task,
    )
    nats = nats if nats is not None and finite else np.zeros(n)
    entropy = nats if chosen.entropy is None else chosen.entropy[rows]
    return Outcomes(score, kept, np.empty((n, 0)), verdicts, nats, entropy)


def notes_on_choices(chosen: Mapping[str, Chosen], task: str, lacking: str = "cross-entropy") -> Iterator[str]:
    """How the answers of each model were read, and which models have no probabilities and so lack these figures."""
    for name, one in chosen.items():
        yield from (f"{name}: {note}" for note in notes_on_chosen(one, task))
    bare = [name for name, one in chosen.items() if one.probabilities is None]
    if bare and lacking:
        yield f"choices without probabilities have no {lacking}: {', '.join(bare)}"
