"""What the tests of pictures share: results of real calls on small data, and the values that a specification holds."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets

import pyalign
from pyalign.nearest.scan import Neighbors

N, K = 40, 4
LABELS = ("food", "tools", "round/red things", "<script>alert(1)</script>")
NAMES = tuple([f"object_{k}" for k in range(N - 2)] + ['"quoted" & <b>', "שלום"])


def neighbors(queries=("object_0", NAMES[-1]), k=3):
    """A result of `neighbors`: of each query k neighbors, with similarities that are exact in binary."""
    rows = [
        {"query": query, "rank": rank, "neighbor": NAMES[row], "row": row, "similarity": 1 - 0.125 * rank}
        for at, query in enumerate(queries) for rank in range(1, k + 1) for row in [(5 * rank + at) % N]
    ]
    return search(rows, "clip")


def search(rows, embeddings):
    """The result of a search that has found these rows."""
    queries, k = len({row["query"] for row in rows}), max(row["rank"] for row in rows)
    document = {"embeddings": embeddings, "n": N, "d": 4, "k": k, "n_queries": queries, "measure": "cosine",
                "kind": "similarity", "units": "cosine similarity", "backend": "native", "index": "flat",
                "exact": True, "results": rows}
    return Neighbors.from_document(document)


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
    return pyalign.score_concepts({"clip": models["clip"]}, triplets, human, dimension_labels=LABELS)


@pytest.fixture(scope="session")
def two_models(models, triplets, human):
    return pyalign.score_concepts(models, triplets, human, dimension_labels=LABELS)


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


@pytest.fixture(scope="module")
def answered():
    """What people see in 30 objects, and their answers, the odd one last."""
    human = np.random.default_rng(0).normal(size=(30, 5))
    triplets = draw_triplets(1, 30, 600)
    odd = pyalign.odd_one_out(human, triplets)
    return human, np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
