"""Maps on the disk: ``.npz`` as gLocal publishes them, with a record of the fit under keys of our own.

Source of maps without mean and std: `find_best_probes.py` and `main_model_sim_eval.py` of human_alignment, and
`find_best_probes.py` of gLocal, where a bias is one more column of the weights.

What a representation is of, in the form of the registry of the Re-Align challenge (ICLR 2026).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np

from pyalign._registry import registered
from pyalign.data import KeptRows, Provenance, TrainedOn, Transform
from pyalign.data.names import listing
from pyalign.errors import InputError, shorten
from pyalign.io.arrays import Entry, describe, npy_entries, npz_entries, strings
from pyalign.io.paths import PUBLISHED_MAP, Array, PathLike, Spec, bad, check_file, checked_path, suffix_of
from pyalign.io.tensor_files import pickle_entries
from pyalign.io.write import write_files

PARTS = ("weights", "bias", "mean", "std")
READERS = {".npz": npz_entries, ".npy": npy_entries, ".pkl": pickle_entries, ".pickle": pickle_entries}
RECORD = "pyalign_record"  # a JSON text; next to it the arrays of the record
ARRAYS = {"items": "pyalign_items", "sketch": "pyalign_sketch", "names": "pyalign_names",
          "kept": "pyalign_kept", "kept_names": "pyalign_kept_names"}
RECORD_KEYS = frozenset({RECORD, *ARRAYS.values()})


def load_transform(path: PathLike) -> Transform:
    """Read a map: ``weights`` (d, r), perhaps ``bias`` (r,), and scalars ``mean`` and ``std``.

    Args:
        path: a ``.npz`` with these keys; or a ``.npy`` or a pickle of weights, as human_alignment writes it
            (``transforms.pkl::custom/clip_RN50/penultimate``). Without mean and std in the file, they are those of the
            embeddings that are mapped, and a note says so. "glocal:MODEL" is the map that gLocal has published for a
            model, such as "glocal:clip_RN50"; it is fetched at its first use. A file so called is "./glocal:...".

    Raises InputError (what the file does wrong, in one line that starts with its path) and OSError.
    """
    if isinstance(path, str) and path.startswith(PUBLISHED_MAP):
        published: Transform = registered("published_map")(path.removeprefix(PUBLISHED_MAP))
        return published
    spec = Spec(path)
    suffix = check_file(spec.path, "transforms", tuple(READERS))
    entries = READERS[suffix](spec.path)
    arrays: dict[str, Array] = {key: entry.load() for key, entry in _chosen(spec, suffix, entries).items()}
    wrong = _fault(arrays)
    if wrong is not None:
        raise bad(spec.path, wrong)
    weights, bias, notes = arrays["weights"], arrays.get("bias"), []
    if "mean" in arrays:
        mean, std = (float(arrays[key].ravel()[0]) for key in ("mean", "std"))
        return Transform(weights, bias, mean, std, read_record(spec.path, entries), spec)
    if bias is None and weights.shape[1] == len(weights) + 1:
        weights, bias = weights[:, :-1], weights[:, -1]
        notes.append(f"{spec}: the last column is taken for the bias, as human_alignment puts it")
    notes.append(f"{spec}: holds no mean and std, so that features are standardized by their own, which is right for "
                 "those that it was fitted to (THINGS); it does not say whether scores are in-sample")
    return Transform(weights, bias, None, None, None, spec, tuple(notes))


def _chosen(spec: Spec, suffix: str, entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The parts of the map under the key, or of the only one; an array of another name is weights alone."""
    maps: dict[str, dict[str, Entry]] = {}
    for name, entry in entries.items():
        group, _, part = name.rpartition("/")
        maps.setdefault(group if part in PARTS else name, {})[part if part in PARTS else "weights"] = entry
    only = next(iter(maps)) if len(maps) == 1 and suffix != ".npz" else ""
    own = maps.get(spec.key or only, {})
    if not own and suffix != ".npz":
        held = describe({name: parts["weights"] for name, parts in maps.items() if "weights" in parts}) or "none"
        what = "holds several maps" if spec.key is None else f"has no map {spec.key!r}"
        raise bad(spec.path, f"{what}, choose one as FILE::KEY: {held}")
    missing = {"weights", *({"mean", "std"} if own.keys() & {"mean", "std"} else ())} - own.keys()
    if missing:
        raise bad(spec.path, f"a transform holds weights, perhaps bias, mean and std; {max(missing)!r} is missing")
    return own


def holds_transform(path: PathLike) -> bool:
    """Whether a file that is there has weights, and another part of a transform, under their names."""
    return suffix_of(path) == ".npz" and {"weights"} < npz_entries(path).keys() & {*PARTS}


def read_record(path: PathLike, entries: Mapping[str, Any]) -> TrainedOn | None:
    """What a map was fitted to, where the file of the map, or of rows that went through it, says it."""
    if RECORD not in entries:
        return None
    try:
        record = json.loads(str(entries[RECORD].load()[()]))
        arrays = {name: entries[key].load() for name, key in ARRAYS.items() if key in entries}
        names_of = {key: strings(path, arrays[key]) if key in arrays else None for key in ("names", "kept_names")}
        kept = KeptRows(arrays["kept"], record["kept_sha256"], names_of["kept_names"]) if "kept" in arrays else None
        source = None if record["provenance"] is None else Provenance.from_dict(record["provenance"])
        return TrainedOn(
            record["measure"], record["temperature"], record["n_triplets"], arrays["items"], names_of["names"],
            arrays["sketch"], record["triplets_sha256"], record["x_sha256"], record["held_out"], source, kept,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise bad(path, f"holds a record that is not sound ({type(error).__name__}: {error})") from error


def record_arrays(trained: TrainedOn) -> dict[str, Array]:
    """What `read_record` reads, by the keys of a ``.npz``."""
    names = ("measure", "temperature", "n_triplets", "triplets_sha256", "x_sha256", "held_out")
    record: dict[str, Any] = {name: getattr(trained, name) for name in names}
    record["provenance"] = None if trained.provenance is None else trained.provenance.to_dict()
    given = {"items": trained.items, "sketch": trained.sketch, "names": trained.names}
    if trained.kept is not None:
        record["kept_sha256"] = trained.kept.sha256
        given |= {"kept": trained.kept.hashes, "kept_names": trained.kept.names}
    arrays = {ARRAYS[name]: np.asarray(value) for name, value in given.items() if value is not None}
    return {RECORD: np.array(json.dumps(record, allow_nan=False)), **arrays}


def _fault(arrays: dict[str, Array]) -> str | None:
    """What keeps arrays from being a transform: the first rule that they break, and what came."""
    for key, array in arrays.items():
        if array.dtype.kind not in "fiu":
            return f"{key} must hold real numbers; got dtype {array.dtype}"
        if not np.isfinite(array).all():
            place = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
            return f"{key} must hold finite numbers; got {array[place]:g}" + (f" at {place}" if place else "")
    weights, bias = arrays["weights"], arrays.get("bias")
    if weights.ndim != 2 or 0 in weights.shape:
        return f"weights must have shape (d, r); got {weights.shape}"
    if bias is not None and bias.shape != weights.shape[1:]:
        return f"bias must have shape {weights.shape[1:]}; got {bias.shape}"
    for key in arrays.keys() & {"mean", "std"}:
        if arrays[key].size != 1:
            return f"{key} must be one number; got shape {arrays[key].shape}"
    std = float(arrays["std"].ravel()[0]) if "std" in arrays else 1.0
    return None if std > 0 else f"std must be positive; got {std:g}"


def transform_bytes(transform: Transform) -> bytes:
    """The ``.npz`` of a transform: float32 weights and bias, as published, and float64 scalars.

    Raises InputError for what `load_transform` would refuse.
    """
    if transform.mean is None:
        raise InputError("transform must have a mean and std to be written; got a map that takes those of embeddings")
    arrays = {"weights": _narrowed(transform.weights, "weights"), "mean": np.array(transform.mean)}
    if transform.bias is not None:
        arrays["bias"] = _narrowed(transform.bias, "bias")
    arrays["std"] = np.array(transform.std)
    wrong = _fault(arrays)
    if wrong is not None:
        raise InputError(wrong)
    if transform.trained is not None:
        arrays.update(record_arrays(transform.trained))
    buffer = BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _narrowed(values: Array, name: str) -> Array:
    """The values as float32, which must hold them."""
    with np.errstate(over="ignore"):
        narrow: Array = values.astype(np.float32)
    lost = np.isfinite(values) & ~np.isfinite(narrow)
    if lost.any():
        largest = float(np.abs(values[lost]).max())
        raise InputError(f"{name} must fit float32, in which a transform is written; got {largest:g}")
    return narrow


def write_transform(path: PathLike, transform: Transform) -> None:
    """Write a ``.npz`` that `load_transform` and gLocal read, whole or not at all; its folders are made where missing.

    Raises InputError (a name that does not end in .npz, numbers that float32 cannot hold) and OSError.
    """
    text = checked_path(path)
    if not text.endswith(".npz") and not text.startswith("/dev/"):
        raise InputError(f"{path}: a transform is written as .npz")
    if not isinstance(transform, Transform):
        raise InputError(f"transform must be a pyalign.Transform; got {type(transform).__name__}")
    write_files([(path, transform_bytes(transform))])


WAYS = ("pool", "cls", "flatten", "mean")


def model_spec(manifest: Mapping[str, Any], layer: str | None = None) -> str:
    """How a model is loaded and its embeddings are taken, as JSON text of an entry of the registry.

    Args:
        manifest: the document of a folder of `pyalign extract`: `model` as "timm:resnet50", `layers` with `pooling`;
            where they are there `weights` with `origin` or `sha256`, `preprocessing` with `size` (channels, height,
            width). What is not known is left out.
        layer: which of the layers, where there are several.

    Example:
        >>> layer = {"name": "penultimate", "shape": [92, 2048]}
        >>> entry = json.loads(model_spec({"model": "timm:resnet50", "layers": [layer]}))
        >>> entry["source"], entry["model_name"], entry["embedding"], entry["output_dim"]
        ('timm', 'resnet50', 'flatten', 2048)
    """
    listed, model = manifest.get("layers"), manifest.get("model")
    layers = [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list | tuple) else []
    chosen = layers if layer is None else [entry for entry in layers if entry.get("name") == layer]
    if len(chosen) != 1:
        got = "none was chosen" if layer is None else f"got {layer!r}"
        raise InputError(f"layer must be one of {listing([str(entry.get('name')) for entry in layers])}; {got}")
    for name, value in (("model", model), ("layer", chosen[0].get("name"))):
        if not isinstance(value, str) or not value:
            raise InputError(f"{name} must be text; got {shorten(value)}")
    source, mark, name = str(model).partition(":")
    prepared: Any = manifest.get("preprocessing")
    steps: dict[str, Any] | None = dict(prepared) if isinstance(prepared, Mapping) else None
    size: Any = (steps or {}).pop("size", None)
    shape: Any = chosen[0].get("shape")
    way = chosen[0].get("pooling")
    entry = {
        "model_name": name if mark else model, "source": source if mark else "custom", "weights": _weights(manifest),
        "layer": chosen[0]["name"], "embedding": way if isinstance(way, str) and way in WAYS else "flatten",
        "input_size": size[-2:] if _sizes(size, (2, 3)) else None, "preprocess": steps,
        "output_dim": math.prod(shape[1:]) if _sizes(shape, (2, 3, 4, 5)) else None,
    }
    known = {key: value for key, value in entry.items() if value is not None or key == "weights"}
    try:
        return json.dumps(known, indent=2, allow_nan=False) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"a specification must hold what JSON has: {error}") from error


def _sizes(value: Any, lengths: tuple[int, ...]) -> bool:
    whole = isinstance(value, list | tuple) and len(value) in lengths
    return whole and all(type(size) is int and 0 < size < 2**63 for size in value)


def _weights(manifest: Mapping[str, Any]) -> str | None:
    """Where the weights come from, or else their hash."""
    weights = manifest.get("weights")
    name, digest = (weights.get("origin"), weights.get("sha256")) if isinstance(weights, Mapping) else (weights, None)
    if isinstance(name, str) and name:
        return name
    return f"sha256:{digest}" if isinstance(digest, str) and digest else None
