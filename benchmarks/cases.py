"""What is measured, as data: sizes and seeded inputs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

SEED = 0
MB = 10**6


@dataclass(frozen=True)
class Case:
    """Sizes of one input: n rows of d float32 features, t triplets of an integer type (t = 0: no triplets)."""

    name: str
    n: int
    d: int
    t: int = 0
    index: str = "int32"

    @property
    def dtype(self) -> str:
        """Types of the inputs, for the CSV."""
        return f"float32/{self.index}" if self.t else "float32"

    @property
    def label(self) -> str:
        """The sizes, for a reader."""
        triplets = f", t = {self.t / 1e6:g} M {self.index}" if self.t else ""
        features = f", d = {self.d:,}" if self.d else ""
        return f"n = {self.n:,}{features}{triplets}" if self.n else "fresh process"


# THINGS: 1,854 objects and 4.7 million triplets, with the features of a ViT-B.
THINGS = Case("things-int32", 1854, 768, 4_700_000)
THINGS_NARROW = Case("things-narrow-int16", 1854, 64, 4_700_000, "int16")  # of which a hundred models fit in memory
THINGS_INT16 = Case("things-int16", 1854, 768, 4_700_000, "int16")
THINGS_INT64 = Case("things-int64", 1854, 768, 4_700_000, "int64")
THINGS_PAIRS = Case("things-pairs", 1854, 512)
OBJECTS92 = Case("objects-92", 92, 512)  # and 16 people
MANY_OBJECTS = Case("objects-20k", 20_000, 512)
THINGS_SPOSE = Case("things-spose-49", 1854, 49)  # as many dimensions as SPoSE has
SQUARE = Case("square-4096", 4096, 768)
PRODUCTS = tuple(Case(f"square-4096-{d}", 4096, d) for d in (128, 256, 512, 1024, 2048, 4096, 8192))
NEAREST = Case("nearest-100k", 100_000, 512)
LARGE = Case("large-20k", 20_000, 512, 5_000_000)
LARGER = Case("large-100k", 100_000, 512, 5_000_000)
# Between a matrix of all pairs and rows that are too many for any cache: each as long as a usual row, and longer.
MANY_ROWS = tuple(
    Case(f"many-{n // 1000}k-{d}", n, d, 3_000_000) for n in (10_000, 30_000, 100_000) for d in (256, 768)
)
TRAINING = Case("training-1m", 1854, 512, 1_000_000)  # one full-batch step of a probe
FIT = Case("fit-100k", 1854, 512, 100_000)
START = Case("start", 0, 0)
# Photographs of the size that most in ImageNet have, by the default model and by a transformer.
LITE0, VIT = Case("photographs-efficientnet-lite0", 2000, 1280), Case("photographs-vit-s-16", 2000, 384)
# Two models of THINGS, and twenty of up to 4,096 features.
TWO_MODELS, TWENTY_MODELS = Case("things-two-models", 1854, 512), Case("things-twenty-models", 1854, 4096)
THINGS_WIDE = Case("things-4096", 1854, 4096)  # the features of a wide layer
MANY_IMAGES = Case("small-images-100k", 100_000, 64)
CASES = {
    c.name: c
    for c in (
        THINGS, THINGS_NARROW, THINGS_INT16, THINGS_INT64, THINGS_SPOSE, THINGS_PAIRS, OBJECTS92, MANY_OBJECTS, SQUARE,
        *PRODUCTS, NEAREST, LARGE, LARGER, *MANY_ROWS, TRAINING, FIT, START, LITE0, VIT, MANY_IMAGES,
        TWO_MODELS, TWENTY_MODELS, THINGS_WIDE,
    )
}


@lru_cache(maxsize=2)
def embeddings(case: Case) -> np.ndarray:
    """(n, d) float32; a few features carry most of the variance, as in real ones, so that similarities spread."""
    rng = np.random.default_rng([SEED, case.n, case.d])
    x = rng.standard_normal((case.n, case.d), dtype=np.float32)
    x *= 1.0 / np.sqrt(1.0 + np.arange(case.d, dtype=np.float32))
    return x


@lru_cache(maxsize=2)
def triplets(case: Case) -> np.ndarray:
    """(t, 3) integers: three different items, every triplet equally likely."""
    rng = np.random.default_rng([SEED, case.n, case.t])
    n, t = case.n, case.t
    out = np.empty((t, 3), case.index)
    first = rng.integers(n, size=t, dtype=np.int32)
    second = rng.integers(n - 1, size=t, dtype=np.int32)
    second += second >= first
    third = rng.integers(n - 2, size=t, dtype=np.int32)
    third += third >= np.minimum(first, second)
    third += third >= np.maximum(first, second)
    for column, items in enumerate((first, second, third)):
        out[:, column] = items
    return out


@lru_cache(maxsize=1)
def answers(case: Case) -> np.ndarray:
    """(t, 3) int32: triplets that were answered by p = softmax(cosine / 0.1), so that a temperature can be fitted."""
    from pyalign.datasets.simulate import simulate

    return simulate(embeddings(case), case.t, temperature=0.1, seed=SEED).triplets


def values(t: int, models: int) -> np.ndarray:
    """(2 models, t) int16: credits in sixths and cross-entropies in steps, of models that are right half the time."""
    rng = np.random.default_rng(t)
    rows = []
    for _ in range(models):
        rows.append((6 * (rng.random(t) < 0.5)).astype(np.int16))
        rows.append(rng.integers(0, 32_768, t, dtype=np.int16))
    return np.stack(rows)


def unit_rows(x: np.ndarray) -> np.ndarray:
    """(n, d) rows of length 1."""
    unit: np.ndarray = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit


@lru_cache(maxsize=2)
def similarities(case: Case) -> np.ndarray:
    """(n, n) cosines."""
    unit = unit_rows(embeddings(case))
    matrix: np.ndarray = unit @ unit.T
    return matrix


def forget_inputs() -> None:
    """Free the inputs that were generated."""
    for generator in (embeddings, triplets, answers, similarities):
        generator.cache_clear()
