"""AligNet: odd-one-out answers of a model to triplets of ImageNet; and answers of people in the same form."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyalign.data import Triplets
from pyalign.datasets._published import check_triplets
from pyalign.datasets.places import Place
from pyalign.io.arrays import npz_entries, strings
from pyalign.io.paths import bad

FILES = {
    "alignet": {"train": ("alignet_train.npz",), "valid": ("alignet_valid.npz",)},
    "levels": {"all": ("levels.npz",)},
}
KEYS = ("filenames", "indices", "similarities")


def triplets(place: Place, key: str | None = None) -> Triplets:
    """(t, 3), the odd item last, named by the files of the images. Of the validation split, unless the key says so.

    "valid/soft" and "train/soft" have the shares as answers that the published code trains on.
    """
    files = FILES[place.known]
    split, _, soft = (key or ("valid" if "valid" in files else "all")).partition("/")
    path = place.file(*files[split])
    entries = npz_entries(path)
    missing = [name for name in KEYS if name not in entries]
    if missing:
        raise bad(path, f"must hold {', '.join(KEYS)}; it has no {missing[0]}")
    indices, similarities = entries["indices"].load(), entries["similarities"].load()
    if indices.ndim != 2 or indices.shape[1] != 3 or indices.dtype.kind not in "iu" or not len(indices):
        raise bad(path, f"indices must be whole numbers of shape (t, 3); got {indices.dtype} {indices.shape}")
    if similarities.shape != indices.shape or similarities.dtype.kind != "f":
        got = f"{similarities.dtype} {similarities.shape}"
        raise bad(path, f"similarities must be floats of shape {indices.shape}; got {got}")
    numbers, first, codes = np.unique(indices, return_index=True, return_inverse=True)
    filenames = entries["filenames"].load()
    if filenames.shape != indices.shape:
        raise bad(path, f"filenames must have shape {indices.shape}; got {filenames.shape}")
    names = strings(path, filenames.reshape(-1)[first])
    values = codes.reshape(indices.shape).astype(np.int32)
    odd_last = Triplets(values, names, notes=last_is_odd(path, similarities))
    checked = check_triplets(place, odd_last, len(numbers))
    return checked.with_answers(shares_of(similarities)) if soft else checked


def shares_of(similarities: np.ndarray) -> np.ndarray:
    """(t, 3) float64: softmax of [s01, s02, s12], at a temperature of 1, by the item that is not in the pair.

    Example:
        >>> shares_of(np.log([[0.7, 0.2, 0.1]])).round(3)
        array([[0.1, 0.2, 0.7]])
    """
    wide = similarities[:, ::-1].astype(np.float64)
    weights = np.exp(wide - wide.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def last_is_odd(path: Path, similarities: np.ndarray) -> tuple[str, ...]:
    """Notes where [s01, s02, s12] does not make the first two the most similar pair, though the last is said to be odd.

    That s12 is below the two others, as the files are documented, does not say that s01 is above s02.

    Example:
        >>> last_is_odd(Path("a.npz"), np.array([[0.9, 0.2, 0.1], [0.3, 0.8, 0.1]]))[0]
        'a.npz: in 1 of 2 triplets (first 1, from 0) the first two are not the most similar pair; the last is still odd'
    """
    if not np.isfinite(similarities).all():
        raise bad(path, "similarities must be finite")
    wrong = similarities[:, 0] < similarities[:, 1:].max(axis=1)
    if not wrong.any():
        return ()
    which = f"{int(wrong.sum()):,} of {len(wrong):,} triplets (first {int(np.argmax(wrong))}, from 0)"
    return (f"{path}: in {which} the first two are not the most similar pair; the last is still odd",)
