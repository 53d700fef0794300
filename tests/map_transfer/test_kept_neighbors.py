"""Neighbors that a map was fitted to keep: its file says whose, and `transfer` measures others or says in-sample."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from support import draw_triplets, read_back, reals

import pyalign
from pyalign.data import Embeddings, KeptRows, TrainedOn, Transform
from pyalign.data.provenance import fingerprint
from pyalign.map_transfer.transfer_result import KEPT, VOTES
from pyalign.probing.parameters import LocalOptions
from pyalign.report.page.sections.concepts import transfer as section
from pyalign.report.page.sources import Loaded, Sources

N, K = 60, 4
NAMES = tuple(f"stimuli/object {k}.png" for k in range(N))
ROWS = reals(0, N, 6)
X = Embeddings(ROWS, NAMES, "x.npy")
TRIPLETS = pyalign.Triplets(draw_triplets(1, N, 200), NAMES)
OTHERS = Embeddings(reals(2, N, 6), tuple(f"other {k}" for k in range(N)))
ORDER = np.random.default_rng(3).permutation(N)
KINDS = replace(pyalign.Categories.of([f"kind {k % 3}" for k in range(N)]), names=NAMES)


def map_of(kept, weights=None):
    weights = np.diag([1, 1, 1, 1, 0.1, 0.1]) if weights is None else weights
    record = TrainedOn.of(ROWS, TRIPLETS.values, measure="dot", temperature=1.0, names=NAMES)
    return Transform(weights, None, 0.0, 1.0, replace(record, kept=kept or record.kept))


def kept(x, names=None):
    return KeptRows.of(np.asarray(x), x.names if names is None else names)


def joined(*parts):
    return Embeddings(np.concatenate([np.asarray(part) for part in parts]), sum((part.names for part in parts), ()))


def of(found, figure=KEPT):
    return next(row for row in found.figures if row.figure == figure and row.category is None)


def run(*maps, x=X, k=K, **options):
    named = {f"map {number}": one for number, one in enumerate(maps)}
    return pyalign.transfer(x, named, {}, k=k, **options)


def notes_of(found):
    return [note for note in found.notes if note.startswith("neighbors, ")]


# Which rows are the same: what the fit kept -> how many of X are among them

SAME = {
    "the same": (kept(X), N),
    "under other names": (kept(X, OTHERS.names), N),
    "without names": (KeptRows.of(ROWS), N),
    "in another order": (kept(X[ORDER]), N),
    "in double precision": (KeptRows.of(ROWS.astype(np.float64)), N),
    "by names, of another run whose bits differ": (KeptRows.of(ROWS * np.float32(1.0001), NAMES), N),
    "a subset": (kept(X[:17], OTHERS.names[:17]), 17),
    "a subset, in another order": (kept(X[ORDER[:17]], OTHERS.names[:17]), 17),
    "overlapping": (kept(joined(X[50:], OTHERS)), 10),
    "a row often": (KeptRows.of(ROWS[[5, 5, 5]]), 1),
    "others": (kept(OTHERS), 0),
    "none": (None, 0),
}


@pytest.mark.parametrize("case", SAME)
def test_shared_rows_are_found_by_values_and_by_names(case):
    record, n = SAME[case]
    mask = map_of(record).trained.kept.shared(ROWS, NAMES)
    assert (mask.shape, mask.dtype, mask.sum()) == ((N,), bool, n)
    shuffled = map_of(record).trained.kept.shared(ROWS[ORDER], [NAMES[k] for k in ORDER])
    assert np.array_equal(shuffled, mask[ORDER])


def test_images_of_an_object_are_known_by_its_name_and_numbers_say_nothing():
    objects = Embeddings(ROWS[::2], [f"thing{k}" for k in range(30)])
    images = KeptRows.of(ROWS[1::2], [f"thing{k}/image_01.jpg" for k in range(30)])
    assert images.shared(ROWS[::2], objects.names).all()
    numbers = KeptRows.of(ROWS[::2], [f"{k:02}.png" for k in range(30)])
    assert not numbers.shared(ROWS[1::2], [f"{k:02}.png" for k in range(30)]).any()


# What transfer does with it


@pytest.mark.parametrize("case", ["a subset", "overlapping", "a subset, in another order"])
def test_where_some_are_shared_neighbors_are_those_of_the_others(case):
    record, n = SAME[case]
    found = run(map_of(record), categories=KINDS)
    rest = np.flatnonzero(~record.shared(ROWS, NAMES))
    alone = run(map_of(kept(OTHERS)), x=X[rest], categories=KINDS)
    assert found.figures == alone.figures and len(rest) == N - n == of(found).n
    assert [of(found, figure).in_sample for figure in (KEPT, VOTES)] == [0, 0]
    assert f"k = 4 among {N - n} objects that no map" in " ".join(str(found).split())
    (note,) = notes_of(found)
    assert f"to keep those of {n} of 60 objects, in-sample: these are left out, and figures are of {N - n} o" in note


@pytest.mark.parametrize("case", ["the same", "under other names", "without names", "in another order"])
def test_where_all_are_shared_result_table_page_picture_and_notes_say_in_sample(case, tmp_path):
    found = run(map_of(SAME[case][0]), categories=KINDS)
    assert [(row.n, row.in_sample) for row in (of(found), of(found, VOTES))] == [(N, N)] * 2
    assert {row.in_sample for row in found.figures} == {N} and "neighbors kept, in-sample" in str(found)
    (note,) = notes_of(found)
    assert "to keep those of 60 of 60 objects, in-sample" in note
    page = json.dumps(section(Sources((Loaded("t.json", found),))).parts, default=vars)
    assert "neighbors kept, in-sample" in page and note[1:40] in page
    assert read_back(found, tmp_path) == found
    pytest.importorskip("altair", reason="altair is not installed")
    assert "neighbors kept, in-sample" in json.dumps(found.plot().to_dict())


def test_too_few_others_for_k_are_no_others():
    most = map_of(kept(X[: N - 2 * K - 1]))
    assert (of(run(most)).n, of(run(most)).in_sample) == (N, N - 2 * K - 1)
    assert (of(run(map_of(kept(X[: N - 2 * K - 2])))).n, N) == (2 * K + 2, N)


def test_several_maps_are_measured_on_the_same_objects():
    """Those that none of them was fitted to keep, so that their figures can be compared."""
    found = run(map_of(kept(X[:10])), map_of(kept(X[5:20])), map_of(None))
    assert [(row.n, row.in_sample) for row in found.figures if row.figure == KEPT] == [(40, 0)] * 3
    assert [f"of {n} of 60 objects" in note for n, note in zip((10, 15), notes_of(found), strict=True)] == [True] * 2
    both = run(map_of(kept(X[:40])), map_of(kept(X[20:])))
    assert [(row.n, row.in_sample) for row in both.figures if row.figure == KEPT] == [(N, 40), (N, 40)]


def test_a_map_without_a_record_is_unknown():
    found = run(Transform(np.eye(6), None, 0.0, 1.0))
    assert of(found).in_sample is None and "neighbors kept, in-sample unknown" in found.table()
    assert [note for note in notes_of(found) if "whether in-sample is unknown" in note]


# The file, and the fit


@pytest.mark.parametrize("names", [NAMES, None])
def test_the_file_of_a_map_has_names_and_hashes_of_the_other_embeddings(tmp_path, names):
    others = Embeddings(ROWS[5:25], None if names is None else names[5:25])
    fit = pyalign.fit_probe(X, TRIPLETS, penalty=1.0, norm="identity", other_embeddings=others, tolerance=0.1)
    pyalign.write_transform(tmp_path / "map.npz", fit.transform)
    read = pyalign.load_transform(tmp_path / "map.npz").trained.kept
    assert (read.names, read.sha256) == (others.names, fingerprint(ROWS[5:25]))
    assert np.array_equal(read.hashes, KeptRows.of(ROWS[5:25]).hashes)
    assert np.array_equal(np.flatnonzero(read.shared(ROWS)), np.arange(5, 25))


def test_a_record_that_does_not_say_it_is_unknown(tmp_path):
    pyalign.write_transform(tmp_path / "map.npz", map_of(kept(X)))
    arrays = {name: value for name, value in np.load(tmp_path / "map.npz").items() if "kept" not in name}
    np.savez(tmp_path / "map.npz", **arrays)
    read = pyalign.load_transform(tmp_path / "map.npz")
    assert read.trained.names == NAMES and of(run(read)).in_sample is None


def test_a_fit_without_other_embeddings_or_weight_kept_none():
    plain = pyalign.fit_probe(X, TRIPLETS, penalty=0.1).transform.trained.kept
    idle = pyalign.fit_probe(X, TRIPLETS, penalty=1.0, norm="identity", other_embeddings=X, local_weight=0.0)
    assert len(plain.hashes) == len(idle.transform.trained.kept.hashes) == 0


def test_only_the_embeddings_in_batches_are_kept_so_that_the_others_can_be_measured():
    options = LocalOptions.of_half(N)
    fit = pyalign.fit_probe(X, TRIPLETS, penalty=1.0, norm="identity", other_embeddings=X, tolerance=0.1, **options)
    assert len(fit.transform.trained.kept.hashes) == len(fit.transform.trained.kept.names) == N // 2
    found = run(fit.transform)
    assert (of(found).n, of(found).in_sample) == (N // 2, 0)


def test_the_names_that_are_kept_are_those_of_the_rows_that_are_kept():
    """Other embeddings are put in batches in the order of their names, which is not that of their rows."""
    names = tuple(f"image {k}" for k in np.random.default_rng(0).permutation(len(X)))
    others = pyalign.Embeddings(X, names)
    fit = pyalign.fit_probe(
        X, TRIPLETS, penalty=1.0, norm="identity", other_embeddings=others, tolerance=0.1,
        **LocalOptions.of_half(len(X)),
    )
    kept = fit.transform.trained.kept
    by_hash, by_name = kept.shared(X, None), np.isin(names, list(kept.names))
    np.testing.assert_array_equal(by_hash, by_name)
    assert 0 < by_name.sum() < len(X)
