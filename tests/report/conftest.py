"""What the tests of pictures share: results of real calls on small data, and the values that a specification holds."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets

import pyalign

N, K = 40, 4
LABELS = ("food", "tools", "round/red things", "<script>alert(1)</script>")
NAMES = tuple([f"object_{k}" for k in range(N - 2)] + ['"quoted" & <b>', "שלום"])


def neighbours(queries=("object_0", NAMES[-1]), k=3):
    """A result of `neighbors`: of each query k neighbours, with similarities that are exact in binary."""
    ranks = np.arange(1, k + 1)
    return pyalign.Neighbors(
        embeddings="clip", n=N, d=K, k=k, n_queries=len(queries), measure="cosine", kind="similarity",
        units="a cosine, from -1 to 1", backend="native", index="flat", exact=True, names=NAMES,
        queries=tuple(queries), indices=np.array([(5 * ranks + at) % N for at in range(len(queries))]),
        similarities=np.tile(1 - 0.125 * ranks, (len(queries), 1)),
    )  # fmt: skip


@pytest.fixture(scope="session")
def human():
    """(N, K) human dimensions; few objects have any of the last one, so that it is of few triplets."""
    values = np.abs(np.random.default_rng(0).normal(size=(N, K)))
    values[:, 3] = 1.6 * (np.arange(N) == 5)
    return values


@pytest.fixture(scope="session")
def triplets():
    return draw_triplets(1, N, 2000)


@pytest.fixture(scope="session")
def models(human):
    noise = np.random.default_rng(2).normal(size=(2, N, K))
    return {"clip": human + noise[0], "vgg": human + 2 * noise[1]}


@pytest.fixture(scope="session")
def one_model(models, triplets, human):
    return pyalign.concepts({"clip": models["clip"]}, triplets, human, dimension_labels=LABELS)


@pytest.fixture(scope="session")
def two_models(models, triplets, human):
    return pyalign.concepts(models, triplets, human, dimension_labels=LABELS)


@pytest.fixture(scope="session")
def predicted(models, human):
    return pyalign.predict_dimensions(models, human[:, :3], labels=LABELS[:3], folds=4)


@pytest.fixture
def rows_of():
    """``rows_of(chart, *fields)``: the rows of all data of a specification that have these fields, each once."""

    def find(chart, *fields):
        rows = [row for rows in chart.to_dict()["datasets"].values() for row in rows]
        return [row for row in rows if all(field in row for field in fields)]

    return find
