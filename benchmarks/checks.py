"""Before anything is timed: does a peer find what pyalign finds?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers import Means
from pyalign.backends import get_backend

Check = Callable[[Any], None]
TOLERANCE = 2e-5  # of means: decisions may differ where two similarities are within rounding
DISTANCE_TOLERANCE = 2e-3  # by the product route in float32, |x|^2 about 7


def require_native() -> None:
    """A benchmark of the plain numpy backend would say nothing."""
    backend = get_backend("auto")
    if backend.name != "native":
        raise RuntimeError(f"backend {backend.name}: the compiled kernels are missing; run `pip install -e .` first")


def same_decisions(ours: Callable[[], np.ndarray]) -> Check:
    """Equal, but for ties, which the peers give to one of the pairs."""

    def check(theirs: np.ndarray) -> None:
        decisions = ours()
        clear = decisions >= 0
        assert clear.mean() > 0.999, "random embeddings have next to no ties"
        np.testing.assert_array_equal(theirs[clear], decisions[clear])

    return check


def same_means(ours: Callable[[], Means], accuracy_alone: bool = False) -> Check:
    """Accuracy, cross-entropy and entropy; or accuracy, for the peer whose probabilities are not of cosines."""
    first = slice(0, 1 if accuracy_alone else 3)

    def check(theirs: Means) -> None:
        np.testing.assert_allclose(theirs[first], ours()[first], rtol=0, atol=TOLERANCE)

    return check


def same_first_rows(ours: Callable[[], np.ndarray]) -> Check:
    """Equal to the first rows of ours, of which the peer has computed a few."""

    def check(theirs: np.ndarray) -> None:
        np.testing.assert_array_equal(theirs, ours()[: len(theirs)])

    return check


def same_rows(ours: Callable[[], np.ndarray]) -> Check:
    """Features, to 1e-5 of their largest."""

    def check(theirs: np.ndarray) -> None:
        own = ours()
        np.testing.assert_allclose(theirs, own, rtol=0, atol=1e-5 * np.abs(own).max())

    return check


def same_errors(ours: Callable[[], np.ndarray]) -> Check:
    """Equal to ours, but for the rounding of sums beyond 2^53."""

    def check(theirs: np.ndarray) -> None:
        np.testing.assert_allclose(theirs, ours(), rtol=1e-9)

    return check


def same_matrix(ours: Callable[[], np.ndarray], as_similarity: Callable[[np.ndarray], np.ndarray]) -> Check:
    """Equal in the rows that `ours` has, off the diagonal: a peer's distance of a row to itself is mere rounding.

    as_similarity: from the peer's numbers to similarities.
    """

    def check(theirs: np.ndarray) -> None:
        some = ours()
        off = np.not_equal(*np.indices(some.shape))
        found = as_similarity(theirs[: len(some)])
        np.testing.assert_allclose(found[off], some[off], rtol=0, atol=DISTANCE_TOLERANCE)

    return check


def same_step(ours: Callable[[], tuple[float, np.ndarray]]) -> Check:
    """The loss, and the gradient relative to its largest element."""

    def check(theirs: tuple[float, np.ndarray]) -> None:
        loss, gradient = ours()
        assert abs(theirs[0] - loss) < TOLERANCE
        np.testing.assert_allclose(theirs[1], gradient, rtol=0, atol=1e-4 * abs(gradient).max())

    return check


def same_temperature(ours: Callable[[], float]) -> Check:
    """Equal, where the peer finds one."""

    def check(theirs: float) -> None:
        np.testing.assert_allclose(theirs, ours(), rtol=1e-4)

    return check


def same_accuracy(ours: Callable[[], Means]) -> Check:
    """The result of the command line, as its JSON has it."""

    def check(result: dict[str, Any]) -> None:
        assert result["backend"] == "native"
        assert abs(result["accuracy"] - ours()[0]) < TOLERANCE

    return check
