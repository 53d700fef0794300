"""One small set of named data, and what may be done to it that must change no figure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import pyalign
from pyalign import Categories, Embeddings, RDMs, Triplets
from pyalign.data import Subjects
from pyalign.integrations.rsatoolbox import to_rdms

N, T, D = 18, 1200, 5
ODD_LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])


@dataclass(frozen=True)
class World:
    """Data of N objects, each with the names of its objects.

    Attributes:
        models: three embeddings of whole numbers. The first has the similarities that people go by.
        triplets: of names, each with one answer and who gave it; some sets are shown several times.
        human: two people's similarity matrices. dimensions: ratings. categories: of the objects.
        images: other embeddings, of other objects.
    """

    models: dict[str, Embeddings]
    triplets: Triplets
    human: RDMs
    dimensions: Embeddings
    categories: Categories
    images: Embeddings

    @property
    def first(self) -> Embeddings:
        return next(iter(self.models.values()))

    @property
    def judged(self) -> RDMs:
        """One matrix, of the first participant."""
        return replace(self.human, values=self.human.values[0])

    @property
    def second(self) -> Embeddings:
        return self.models["second"]

    def map(self, of_rows, of_matrices=None, of_triplets=None) -> World:
        """Another world: `of_rows` is applied to embeddings, the others to matrices and categories, and to triplets."""
        models = {name: of_rows(x) for name, x in self.models.items()}
        matrices = (lambda of: of) if of_matrices is None else of_matrices
        triplets = self.triplets if of_triplets is None else of_triplets(self.triplets)
        return World(models, triplets, matrices(self.human), of_rows(self.dimensions), matrices(self.categories),
                     of_rows(self.images))


@cache
def world() -> World:
    rng = np.random.default_rng(0)
    names = tuple(np.array([f"object {k:02d}" for k in range(N)])[rng.permutation(N)].tolist())
    x = rng.integers(-40, 41, (N, D)).astype(np.float64)
    models = {
        "first": x,
        "second": x + rng.integers(-20, 21, x.shape),
        "third": x[:, :4] + rng.integers(-40, 41, (N, 4)),
    }
    sets = np.array([rng.permutation(N)[:3] for _ in range(T)])
    p = pyalign.choice_probabilities(x, sets, temperature=0.3)
    odd = (rng.random((T, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=2)
    values = np.take_along_axis(sets, ODD_LAST[odd], axis=1).astype(np.int32)
    people = Subjects.of(rng.choice(np.array(["ann", "bea", "cem", "dan", "eva", "fay"]), T))
    human = np.corrcoef(x) + 0.05 * (noise := rng.normal(size=(2, N, N))) + 0.05 * noise.transpose(0, 2, 1)
    kinds = Categories.of(np.array(["a", "b", "c"])[np.arange(N) % 3], names=names)
    return World(
        {name: Embeddings(rows, names) for name, rows in models.items()},
        Triplets(values, names, subjects=people),
        RDMs(human * (1 - np.eye(N)) + np.eye(N), "similarity", names),
        Embeddings(np.abs(rng.normal(size=(N, 3))), names),
        kinds,
        Embeddings(rng.integers(-40, 41, (12, D)).astype(np.float64), tuple(f"image {k:02d}" for k in range(12))),
    )


def _in(of, order):
    """The same objects in another order."""
    if isinstance(of, RDMs):
        return of.take(order)
    names = tuple(np.array(of.names)[order].tolist())
    if isinstance(of, Categories):
        return replace(of, members=of.members[order], names=names)
    if isinstance(of, Triplets):
        return replace(of, values=np.argsort(order).astype(np.int32)[of.values], names=names)
    return of[order]


def _shuffled(of):
    """Each array, matrix and list of names in another order of its own."""
    seed = sum(map(ord, type(of).__name__)) + (int(np.abs(of.values).sum()) if isinstance(of, Embeddings) else 0)
    return _in(of, np.random.default_rng(seed).permutation(len(of.names)))


def _together(of):
    """All of them in the same other order."""
    return _in(of, np.random.default_rng(5).permutation(len(of.names)))


def _renamed(of):
    return replace(of, names=tuple(f"the {name}" for name in of.names))


def _with_others(x: Embeddings) -> Embeddings:
    """Five rows that nobody asks about, among the others and with names among theirs."""
    rows = np.random.default_rng(6).integers(-40, 41, (5, x.values.shape[1])).astype(x.values.dtype)
    values = np.concatenate([rows[:2], x.values[:7], rows[2:], x.values[7:]])
    names = [f"object {k:02d} again" for k in range(5)]
    return Embeddings(values, (*names[:2], *x.names[:7], *names[2:], *x.names[7:]))


def _ordered(of):
    """The same objects in the order of their names."""
    return _in(of, np.argsort(of.names))


def _numbered(w: World) -> World:
    """Nothing has a name: triplets are numbers of rows."""
    bare = lambda of: replace(of, names=None)  # noqa: E731
    return replace(w.map(bare, bare, bare), images=w.images)


def _of_triplets(rows):
    return lambda w: replace(w, triplets=w.triplets[rows])


def _in_numbers(rows_as, numbers_as):
    return lambda w: w.map(
        lambda x: replace(x, values=x.values.astype(rows_as)), None,
        lambda t: replace(t, values=t.values.astype(numbers_as)),
    )


def _in_a_frame(w: World) -> World:
    """A DataFrame of answers, as an experiment has it."""
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    columns = dict(zip(("image1", "image2", "odd_image"), np.array(w.triplets.names)[w.triplets.values].T, strict=True))
    people = np.array(w.triplets.subjects.labels)[w.triplets.subjects.codes]
    return replace(w, triplets=pandas.DataFrame({"participant": people, **columns}).astype({"image1": "category"}))


def _in_rdms(w: World) -> World:
    """The matrices of participants as rsatoolbox holds them, with the noise of each next to them."""
    pytest.importorskip("rsatoolbox", reason="rsatoolbox is not installed")
    rdms = to_rdms(w.human)
    rdms.rdm_descriptors["noise"] = [np.eye(N)] * len(w.human)
    rdms.descriptors["noise"] = np.eye(N)
    return replace(w, human=rdms)


CHANGES = {
    "rows in another order": lambda w: w.map(_shuffled, _shuffled, _shuffled),
    "rows in another order, without names": lambda w: _numbered(w.map(_together, _together, _together)),
    "numbers for names": lambda w: _numbered(w.map(_ordered, _ordered, _ordered)),
    "other names": lambda w: w.map(_renamed, _renamed, _renamed),
    "unused rows": lambda w: replace(w.map(_with_others), images=w.images, dimensions=w.dimensions),
    "a file in two parts": _of_triplets(np.r_[T // 3 : T, : T // 3]),
    "each triplet twice": _of_triplets(np.repeat(np.arange(T), 2)),
    "a DataFrame of answers": _in_a_frame,
    "RDMs of rsatoolbox": _in_rdms,
    "int16": _in_numbers(np.float64, np.int16),
    "float32 and int64": _in_numbers(np.float32, np.int64),
}
OF_TRIPLETS = ("a file in two parts", "each triplet twice", "int16", "a DataFrame of answers")  # and of nothing else


def only(w: World, models: tuple[str, ...]) -> World:
    return replace(w, models={name: w.models[name] for name in models})


def some_missing() -> World:
    """The models have no row for one of the objects."""
    keep = lambda x: x[np.sort(np.argsort(x.names)[: N - 1])]  # noqa: E731
    w = world()
    return replace(w, models={name: keep(x) for name, x in w.models.items()})


def without_missing() -> World:
    """The same, without the triplets and the judged pairs of that object, whose name is nowhere."""
    w = some_missing()
    known = set(w.first.names)
    ordered = sorted(known)
    place = {name: k for k, name in enumerate(ordered)}
    rows = np.array([known.issuperset(np.array(w.triplets.names)[row]) for row in w.triplets.values])
    kept = w.triplets[rows]
    values = np.array([[place[w.triplets.names[item]] for item in row] for row in kept.values], np.int32)
    rows_of = np.flatnonzero([name in known for name in w.dimensions.names])
    triplets = replace(kept, values=values, names=tuple(ordered))
    return replace(w, triplets=triplets, human=w.human.select(ordered), dimensions=_in(w.dimensions, rows_of))


def read_again(w: World, folder: Path) -> World:
    """What the files of `w` hold, in a format each."""
    models = {}
    for (name, x), suffix in zip(w.models.items(), (".csv", ".npz", ".npy"), strict=True):
        path = folder / f"{name}{suffix}"
        pyalign.write_embeddings(path, x)
        names = x.names if suffix == ".npy" else None
        models[name] = replace(pyalign.load_embeddings(path, names=names), source=None)
    path = folder / "triplets.csv"
    people = np.array(w.triplets.subjects.labels)[w.triplets.subjects.codes]
    lines = np.column_stack([np.array(w.triplets.names)[w.triplets.values], people])
    path.write_text("a,b,odd,who\n" + "".join(",".join(line) + "\n" for line in lines.tolist()))
    triplets = pyalign.load_triplets(path, columns=["a", "b", "odd"], subject_column="who")
    return replace(w, models=models, triplets=replace(triplets, source=None))


def in_a_data_set(w: World, folder: Path) -> World:
    """The triplets and the matrices of participants as a data set whose description says what its files are."""
    read_again(w, folder)
    np.savez(folder / "human.npz", rdms=w.human.values)
    (folder / "names.txt").write_text("\n".join(w.human.names))
    (folder / "mine.toml").write_text(
        'names = "names.txt"\n[triplets]\nfile = "triplets.csv"\ncolumns = ["a", "b", "odd"]\nsubject_column = "who"\n'
        '[judgments]\nfile = "human.npz"\nkind = "similarity"\n'
    )
    mine = pyalign.load_dataset(folder / "mine.toml")
    return replace(w, triplets=mine, human=mine)
