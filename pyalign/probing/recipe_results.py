"""What the published recipe is given, and what it returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pyalign._result import Result
from pyalign.data import Transform


@dataclass(frozen=True)
class RecipeSettings:
    """What was published: see `pyalign.probing.recipe`."""

    start_deviation: float = 1e-3
    rate: float = 1e-3
    batch: int = 256
    clip: float = 1.0
    burn_in: int = 10
    patience: int = 10
    epochs: int = 100


@dataclass(frozen=True)
class Epoch:
    """Figures after an epoch: nats and fraction. Held-out ones are None where nothing is held out.

    loss: mean over the epoch's steps of cross-entropy plus strength * |W|_F.
    """

    loss: float
    cross_entropy: float | None
    accuracy: float | None


@dataclass(frozen=True)
class RecipeFit(Result):
    """A probe trained by the recipe.

    Attributes:
        transform: after the last epoch, as the published code keeps it.
        strength: of the un-squared norm.
        curve: an `Epoch` each.
        seconds: that training took.
        interrupted: whether Ctrl-C cut it short; a journal may hold such a fit, no function returns one.
    """

    transform: Transform = field(metadata={"hidden": True}, repr=False, compare=False)
    strength: float
    curve: tuple[Epoch, ...]
    seconds: float
    interrupted: bool = False


@dataclass(frozen=True)
class RecipeCrossValidation(Result):
    """The recipe on folds over objects.

    Attributes:
        folds: a `RecipeFit` each; of folds that were taken from a journal without their maps.
        recipe: which one.
        options: everything that it was trained with.
        embeddings, triplets: where they came from, or None.
    """

    command: ClassVar[str] = "recipe"
    rows: ClassVar[str] = "folds"

    folds: tuple[RecipeFit, ...]
    recipe: str
    options: Mapping[str, Any]
    embeddings: str | None = None
    triplets: str | None = None

    def __len__(self) -> int:
        return len(self.folds)

    def __iter__(self) -> Iterator[RecipeFit]:
        return iter(self.folds)

    def __getitem__(self, k: int) -> RecipeFit:
        return self.folds[k]
