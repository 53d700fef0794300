"""What a network is trained on, sets of images with the answers among them, and its alignment while it is trained.

`TripletBatches` draws the sets. `AlignmentEvery` is called once a step in a training loop of one's own and every n-th
step finds accuracy, interval and cross-entropy; `lightning_callback` and `transformers_callback` call it from
Lightning's trainer and from that of transformers.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.analysis.score import score
from pyalign.data import Embeddings, as_triplet_data, require_answers, require_odd_one_out
from pyalign.documents import Interval
from pyalign.errors import InputError, MissingExtraError
from pyalign.measures import get_measure
from pyalign.stats.resampling import AUTO, IntervalsOver
from pyalign.typing import MeasureLike, TripletsLike

MOST_DRAWS = 20  # passes drawn before sets are held to be too small


class TripletBatch(NamedTuple):
    """A set of images with all answered triplets among them."""

    images: np.ndarray  # (b,) which objects, ascending.
    triplets: np.ndarray  # (s, 3) places in `images`, the odd item last: what `TripletLoss` takes with their rows.
    which: np.ndarray  # (s,) numbers of these among all triplets, for their answers and weights.


class TripletBatches:
    """Sets of images for the steps of a training, each with all answered triplets among them.

    A pass of a network over b images costs the same whatever the number of triplets, so that each step takes all that
    they hold. Each iteration is one pass: every object that some triplet names is in exactly one of its sets, whose
    sizes differ by at most 1. Iterations that follow each other are drawn anew.

    Args:
        triplets: (t, 3) integers, numbers of objects, the odd item last; or `pyalign.Triplets`, whose names' order
            gives the numbers. To hold objects out, leave out all triplets that name one, as `TripletKFold` does.
        size: the largest number of images in a set, at least 3.
        dense: whether sets grow from an object drawn at random by those with which they hold the most triplets.
            Triplets between groups of objects that are seldom asked about together then come less often than others.
            False: sets are drawn at random, and every triplet comes equally often in the long run.
        seed: of the draws.

    Raises:
        InputError: triplets without answers or of another task, a size out of range, and, in an iteration, sets so
            small that some of them hold no triplet in each of 20 draws.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> triplets = np.stack([rng.permutation(40)[:3] for _ in range(2000)])
        >>> batches = TripletBatches(triplets, 10)
        >>> sets = list(batches)
        >>> len(batches), sorted(np.concatenate([one.images for one in sets])) == list(range(40))
        (4, True)
        >>> first = sets[0]
        >>> bool((first.images[first.triplets] == triplets[first.which]).all())
        True
    """

    def __init__(self, triplets: TripletsLike, size: int, *, dense: bool = False, seed: int = 0) -> None:
        given = as_triplet_data(triplets)
        require_odd_one_out(given, "TripletBatches")
        require_answers(given, "TripletBatches")
        self.triplets = _checks.as_triplets(np.asarray(given.values)).astype(np.int64)
        self.objects, places = np.unique(self.triplets, return_inverse=True)
        self.size = _checks.whole_number(size, "size", 3)
        self.dense = _checks.flag(dense, "dense")
        self._places = places.reshape(-1, 3)
        self._of_object = np.split(
            np.argsort(self._places, axis=None, kind="stable") // 3,
            np.cumsum(np.bincount(self._places.ravel(), minlength=len(self.objects)))[:-1],
        )
        self._rng = np.random.default_rng(_checks.whole_number(seed, "seed", 0))

    def __len__(self) -> int:
        """Sets in one pass."""
        return -(-len(self.objects) // self.size)

    def __iter__(self) -> Iterator[TripletBatch]:
        for _ in range(MOST_DRAWS):
            batches = self._sets()
            if all(len(one.which) for one in batches):
                return iter(batches)
        least = min(len(self.objects) // len(self), self.size)
        raise InputError(f"size must be large enough that every set holds a triplet; got {self.size:,}: of sets of "
                         f"{least:,} or more of {len(self.objects):,} objects some held none in {MOST_DRAWS} draws")

    def _sets(self) -> list[TripletBatch]:
        """The sets of one pass."""
        n = len(self.objects)
        in_set = self._grown() if self.dense else self._rng.permutation(np.arange(n) % len(self))
        first, second, third = in_set[self._places].T
        inside = np.flatnonzero((first == second) & (first == third))
        batches = []
        for k in range(len(self)):
            index, members = inside[first[inside] == k], np.flatnonzero(in_set == k)
            batches.append(TripletBatch(self.objects[members], np.searchsorted(members, self._places[index]), index))
        return batches

    def _grown(self) -> np.ndarray:
        """(n,) the set of each object: one after another grows by the object that completes the most triplets.

        Of equal ones that with more triplets that name an object of the set, then by chance.
        """
        n = len(self.objects)
        in_set = np.full(n, -1)
        for k, count in enumerate(len(part) for part in np.array_split(np.arange(n), len(self))):
            gain = np.where(in_set < 0, self._rng.random(n), -np.inf)
            inside = np.zeros(len(self._places), np.int8)
            for _ in range(count):
                chosen = int(gain.argmax())
                in_set[chosen], gain[chosen] = k, -np.inf
                touched = self._of_object[chosen]
                inside[touched] += 1
                worth = np.where(inside[touched] == 2, len(inside), 1.0)
                np.add.at(gain, self._places[touched], worth[:, None])
        return in_set


@dataclass(frozen=True)
class StepAlignment:
    """The alignment of a network in one step of its training."""

    step: int  # the step, from 1.
    accuracy: float  # the odd-one-out accuracy, a fraction; NaN where the embeddings of that step were not finite.
    ci: Interval | None  # its interval, or None.
    cross_entropy: float | None  # nats per triplet; None where there is no accuracy.

    @property
    def metrics(self) -> dict[str, float]:
        """The figures by the names under which trainers log them."""
        figures = {
            "alignment_accuracy": self.accuracy,
            "alignment_accuracy_low": None if self.ci is None else self.ci.low,
            "alignment_accuracy_high": None if self.ci is None else self.ci.high,
            "alignment_cross_entropy": self.cross_entropy,
        }
        return {name: float(value) for name, value in figures.items() if value is not None}


class AlignmentEvery:
    """A callable that scores a network on triplets every n steps of its training.

    While the rows are computed the network is in evaluation mode and takes no gradient. Afterwards each of its modules
    is in its mode again, and the random generators of torch (on the CPU and on devices), python and numpy are as they
    were, but for those that training and rows share by an argument: the training goes on as if nobody had looked.
    It also goes on where embeddings hold NaN or infinity in one step, as they do when a training diverges for a while:
    the accuracy of that step is NaN, and the logger "pyalign" has a warning.

    Args:
        n: steps from one evaluation to the next.
        triplets: (t, 3) integers, rows of the embeddings, the odd item last; or `pyalign.Triplets`.
        rows: a function of the network that returns its embeddings (n, d) of all objects, a tensor or an array, in the
            same order each time.
        names: of the rows; needed where triplets have names.
        measure, temperature, ci: as in `pyalign.score`.

    Attributes:
        history: a `StepAlignment` for each evaluation so far.

    Raises:
        InputError: n that is no positive whole number, triplets without answers, an unknown measure. When it is called:
            another number of rows than names, or than the time before; what `pyalign.score` refuses, with the step.

    Example:
        >>> import torch
        >>> network, images = torch.nn.Linear(8, 4), torch.randn(20, 8)
        >>> triplets = torch.stack([torch.randperm(20)[:3] for _ in range(200)])
        >>> every = AlignmentEvery(10, triplets, lambda network: network(images))
        >>> for step in range(20):
        ...     pass                                    # a step of training
        ...     alignment = every(network)
        >>> [one.step for one in every.history], alignment.ci.low < alignment.accuracy < alignment.ci.high
        ([10, 20], True)
    """

    def __init__(
        self, n: int, triplets: TripletsLike, rows: Callable[[Any], Any], *, names: Sequence[str] | None = None,
        measure: MeasureLike = "cosine", temperature: float = 1.0, ci: IntervalsOver = AUTO,
    ) -> None:
        self.n = _checks.whole_number(n, "n", 1)
        self.triplets = as_triplet_data(triplets)
        require_answers(self.triplets, "AlignmentEvery")
        if not callable(rows):
            raise InputError(f"rows must be a function of the network; got {type(rows).__name__}")
        if self.triplets.names is not None and names is None:
            raise InputError("names must be those of the rows, since the triplets have names; got None")
        self.rows = rows
        self.names = None if names is None else _checks.names_of(names, "names")
        self.measure = get_measure(measure)
        self.temperature = _checks.as_temperature(temperature)
        self.ci = ci
        self.history: list[StepAlignment] = []
        self._step = 0
        self._count, self._counted_in = None if self.names is None else len(self.names), 0

    def __call__(self, network: Any, step: int | None = None) -> StepAlignment | None:
        """Count a step, and evaluate the network if it is one of every n.

        Args:
            network: a `torch.nn.Module`, which is handed to `rows`.
            step: the number of the step, where somebody else counts; each is evaluated once. None: the calls are
                counted, from 1.

        Returns:
            The figures of this step, or None in between.
        """
        before = self._step
        self._step = before + 1 if step is None else _checks.whole_number(step, "step", 0)
        if self._step == before or self._step % self.n:
            return None
        with _unnoticed(network):
            embeddings = self._embeddings(network)
            try:
                alignment = score(
                    Embeddings(embeddings, self.names), self.triplets, measure=self.measure,
                    temperature=self.temperature, ci=self.ci,
                )
                assert alignment.accuracy is not None
                at_step = StepAlignment(self._step, alignment.accuracy, alignment.ci, alignment.cross_entropy)
            except InputError as error:
                if bool((abs(embeddings) < float("inf")).all()):
                    raise InputError(f"step {self._step}: {error}") from error
                logging.getLogger("pyalign").warning("step %d: %s; the training goes on", self._step, error)
                at_step = StepAlignment(self._step, float("nan"), None, None)
        self.history.append(at_step)
        return self.history[-1]

    def _embeddings(self, network: Any) -> Any:
        embeddings = self.rows(network)
        if not hasattr(embeddings, "shape") or not np.ndim(embeddings):
            got = type(embeddings).__name__
            raise InputError(f"rows must give a tensor or an array (n, d); got {got} in step {self._step}")
        count = len(embeddings)
        if self._count is None:
            self._count, self._counted_in = count, self._step
        if count != self._count:
            earlier = f"as in step {self._counted_in}" if self.names is None else "one for each of the names"
            raise InputError(f"rows must give {self._count} rows, {earlier}; got {count} in step {self._step}")
        return embeddings


@contextmanager
def _unnoticed(network: Any) -> Iterator[None]:
    """The network in evaluation mode and without gradients, then modes and random generators as they were."""
    import torch

    modes = [(module, module.training) for module in network.modules()]
    states, cache = (random.getstate(), np.random.get_state()), torch.is_autocast_cache_enabled()
    try:
        network.eval()
        torch.set_autocast_cache_enabled(False)  # of casted weights: old ones, and later ones without gradients
        with torch.no_grad(), _forked_generators(network):
            yield
    finally:
        torch.set_autocast_cache_enabled(cache)
        random.setstate(states[0])
        np.random.set_state(states[1])
        for module, training in modes:
            module.training = training


def _forked_generators(network: Any) -> AbstractContextManager[Any]:
    """torch's generators of the CPU and of all devices of the kind in use come back as they are now."""
    import torch

    kind = "cuda" if torch.cuda.is_initialized() else next((one.device.type for one in network.parameters()), "cpu")
    module: Any = getattr(torch, kind, None)
    if not hasattr(module, "get_rng_state"):  # such as that of the CPU, whose generator is always forked
        return torch.random.fork_rng((), device_type="cpu")
    return torch.random.fork_rng(range(module.device_count()), device_type=kind)


def lightning_callback(every: AlignmentEvery) -> Any:
    """A callback of Lightning that evaluates after steps of the optimizer and logs the figures by `log_dict`.

    Args:
        every: whose `rows` takes the `LightningModule`. Of several processes only the first one evaluates.

    Returns:
        A `lightning.pytorch.Callback`, or that of the package pytorch_lightning.

    Raises:
        MissingExtraError: neither package is installed.
    """
    try:
        from lightning.pytorch import Callback
    except ImportError:
        try:
            from pytorch_lightning import Callback
        except ImportError as error:
            raise MissingExtraError("lightning_callback", "lightning", "lightning") from error

    class AlignmentCallback(Callback):  # type: ignore[misc]
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            if not trainer.is_global_zero:
                return
            alignment = every(pl_module, step=trainer.global_step)
            if alignment is not None:
                pl_module.log_dict(alignment.metrics)

    return AlignmentCallback()


def transformers_callback(every: AlignmentEvery) -> Any:
    """A callback of transformers' `Trainer` that evaluates after its steps and writes to `trainer.state.log_history`.

    Args:
        every: whose `rows` takes the model. Of several processes only the first one evaluates.

    Returns:
        A `transformers.TrainerCallback`.

    Raises:
        MissingExtraError: transformers is not installed.
    """
    try:
        from transformers import TrainerCallback
    except ImportError as error:
        raise MissingExtraError("transformers_callback", "transformers", "models") from error

    class AlignmentCallback(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if not state.is_world_process_zero:
                return
            alignment = every(kwargs["model"], step=state.global_step)
            if alignment is not None:
                state.log_history.append({**alignment.metrics, "epoch": state.epoch, "step": alignment.step})

    return AlignmentCallback()
