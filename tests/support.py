"""What the tests share: cases, definitions in float64, and the rule by which decisions on reals may differ.

`definition` is written from the formulas and uses nothing of pyalign, so that a mistake which all backends share shows.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from pyalign.backends import native, slow_because

MEASURES = ("cosine", "dot", "pearson", "neg_sqeuclidean", "neg_euclidean")
FLOATS = (np.float32, np.float64)
# Around vectors, register tiles, panels of 48, blocks of 192 rows; vectors and slices of 128 features.
ROWS = (1, 2, 3, 31, 32, 33, 47, 48, 49, 191, 192, 193)
FEATURES = (1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 47, 48, 49, 127, 128, 129, 191, 192, 193, 255, 257)
# Around blocks of 512 triplets and chunks of 16,384.
TRIPLETS = (1, 2, 511, 512, 513, 16383, 16384, 16385, 50001)

seeds = st.integers(0, 2**32 - 1)
# What commands say on stderr where neither triplets nor embeddings have names.
NAMELESS = "note: neither triplets nor embeddings have names: row i is taken for object i\n"
# Whether this installation was made without compiled kernels, what "auto" chooses on the host, and a parameter.
PURE = os.environ.get("PYALIGN_PURE") == "1"
BEST = "numpy" if PURE else "native"
NATIVE = pytest.param("native", marks=pytest.mark.compiled)
# And where numpy computes because nothing is compiled.
SLOW_NOTE = f"note: {slow_because(native.NOT_COMPILED)}\n"
rows = st.sampled_from(ROWS)
features = st.sampled_from(FEATURES)
floats = st.sampled_from(FLOATS)


def whole(seed, *shape, dtype=np.float32):
    """Whole numbers from -4 to 4: every inner product is exact in float32."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


def reals(seed, *shape, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def draw_triplets(seed, n, t, dtype=np.int64):
    """(t, 3), three different items of n each."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.integers(0, n, t), rng.integers(0, n - 1, t), rng.integers(0, n - 2, t)
    b += b >= a
    low, high = np.minimum(a, b), np.maximum(a, b)
    c += c >= low
    c += c >= high
    return np.stack([a, b, c], axis=1).astype(dtype)


def definition(x, y, measure, sigma=1.0):
    """Similarities (n, m) in float64. Exact inner products for whole numbers, by BLAS; distances from differences."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    if measure == "pearson":
        # d x - sum(x): the mean times d, which keeps whole numbers whole.
        x, y = (z.shape[1] * z - z.sum(axis=1, keepdims=True) for z in (x, y))
        x, y = (np.where(np.ptp(z, axis=1, keepdims=True) > 0, z, 0) for z in (x, y))
    if measure in ("cosine", "pearson"):
        return (x @ y.T) * (_inverse_norms(x)[:, None] * _inverse_norms(y)[None, :])
    if measure == "dot":
        return x @ y.T
    squares = np.stack([((row - y) ** 2).sum(axis=1) for row in x])
    if measure == "rbf":
        return np.exp(-squares / (2 * sigma**2))
    return -squares if measure == "neg_sqeuclidean" else -np.sqrt(squares)


def _inverse_norms(x):
    norms = np.sqrt((x * x).sum(axis=1))
    return np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)


def first_of_each(triplets, subjects):
    """The rows that do not repeat one of the same participant to the same three items, ascending."""
    asked = np.column_stack([np.sort(triplets, axis=1), np.unique(subjects, return_inverse=True)[1]])
    return np.sort(np.unique(asked, axis=0, return_index=True)[1])


def pairs_of(similarities, triplets):
    """(3, t): similarities of the positions 01, 02, 12."""
    a, b, c = triplets.T.astype(np.int64)
    return np.stack([similarities[a, b], similarities[a, c], similarities[b, c]])


def decide(s):
    """Position of the odd item of each column of s (3, t), -1 for a tie."""
    at_top = s == s.max(axis=0)
    return np.where(at_top.sum(axis=0) == 1, 2 - at_top.argmax(axis=0), -1)


def clear_cut(x, triplets, measure):
    """Decisions by definition, and which of them no backend may miss: the two best similarities lie further apart than
    64 eps * scale, where scale is the largest |x|^2 (for cosines 1; distances are compared as their squares).
    """
    compared = "neg_sqeuclidean" if measure in ("neg_euclidean", "rbf") else measure
    s = pairs_of(definition(x, x, compared), triplets)
    squares = float((x.astype(np.float64) ** 2).sum(axis=1).max())
    scale = {"cosine": 1.0, "pearson": 1.0, "dot": squares}.get(measure, 4 * squares)
    ordered = np.sort(s, axis=0)
    return decide(s), ordered[2] - ordered[1] > 64 * np.finfo(x.dtype).eps * scale


def run_python(code, timeout=120, arguments=(), **environment):
    """A fresh interpreter, away from the sources so that it imports what is installed; a hang is a failure."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYALIGN_")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=os.sep,
    )


def without_note_on_speed(stderr):
    """What a command said, without the note that each command which computes has in a pure installation (PYALIGN_PURE).

    tests/backends/test_choice.py checks the note: which commands have it, and that it comes once.
    """
    if not PURE or stderr is None:
        return stderr
    return stderr.replace(SLOW_NOTE if isinstance(stderr, str) else SLOW_NOTE.encode(), type(stderr)(), 1)


def find_nvcc():
    """Its path or None: from PATH, from packages of this Python, or where the toolkit's installer puts it."""
    pip = Path(sysconfig.get_path("purelib"), "nvidia", "cu13", "bin")
    return shutil.which("nvcc") or shutil.which("nvcc", path=f"{pip}:/usr/local/cuda/bin")


def interrupting(real, at):
    """A function as `real`, but that Ctrl-C comes at its call number `at`, counted from 1."""
    calls = []

    def call(*args, **options):
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt
        return real(*args, **options)

    return call


def strict_json(text):
    """A document, in which NaN and Infinity are errors, as they are for every other reader of JSON."""

    def no_constant(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=no_constant)


def write_folder(folder, layers, names, **more):
    """A folder as `pyalign extract` writes it: an array for each layer, the names of the rows, the manifest."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    told = []
    for name, values in layers.items():
        np.save(folder / f"{name}.npy", values)
        told.append(
            {
                "name": name,
                "file": f"{name}.npy",
                "shape": list(values.shape),
                "dtype": values.dtype.name,
                "pooling": "mean",
            }
        )
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8", newline="\n")
    document = {
        "command": "extract",
        "schema": 1,
        "version": "0.1.0",
        "model": "timm:resnet50",
        "layers": told,
        "names": "names.txt",
        "n_rows": len(names),
        "names_sha256": "0" * 64,
        **more,
    }
    (folder / "manifest.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def read_back(result, folder):
    """What `pyalign.load_result` makes of the document of a result."""
    import pyalign

    path = Path(folder, "result.json")
    path.write_text(result.to_json(), encoding="utf-8")
    return pyalign.load_result(path)


FLOORS = {
    "objects": ("triplets", "rows"), "triplets": ("rows",),
    "objects+subjects": ("objects", "subjects", "triplets", "rows"),
}


def dependent(triplets, people, by):
    """(t, t) bool: which rows share an object, a person, either; are of one set of three objects; or the same row."""
    found = np.eye(len(triplets), dtype=bool)
    if by == "triplets":
        ordered = np.sort(triplets, axis=1)
        return (ordered[:, None] == ordered[None]).all(axis=2)
    if "objects" in by:
        found |= (triplets[:, None, :, None] == triplets[None, :, None, :]).any(axis=(2, 3))
    if "subjects" in by:
        found |= people[:, None] == people[None, :]
    return found


def more_for_many_rows(residuals, weights, triplets, people, by):
    """What the factor for objects (people) with many rows adds to the sum over dependent pairs; residuals (t, k)."""
    rows = []
    if "objects" in by:
        rows.append([(triplets == item).any(axis=1) for item in np.unique(triplets)])
    if "subjects" in by:
        rows.append([people == person for person in np.unique(people)])
    total = np.zeros((residuals.shape[1], residuals.shape[1]))
    for groups in rows:
        groups = [one for one in groups if weights[one].sum() > 0]
        shares = np.array([weights[one].sum() / weights.sum() for one in groups])
        for one, share in zip(groups, shares, strict=True):
            own = residuals[one].sum(axis=0)
            factor = (1 - shares.sum() / len(shares)) / (1 - share) if share < 1 - 1e-9 else 1.0
            total += (factor - 1) * np.outer(own, own)
    return total


def clustered_error(values, triplets, by, people=None):
    """The standard error of the mean of values (t,), by sums over all pairs of rows: at least that of its floors."""
    residuals = np.asarray(values, np.float64) - np.mean(values)
    variances = []
    for one in (by, *FLOORS.get(by, ())):
        together = dependent(triplets, people, one)
        if not together.all():  # of one set alone there is no such floor
            more = more_for_many_rows(residuals[:, None], np.ones(len(residuals)), triplets, people, one)
            variances.append((residuals @ together @ residuals + float(more[0, 0])) / (~together).sum())
    return float(np.sqrt(max(variances)))


def degrees_of(values, triplets, by, people=None, weights=1.0):
    """Degrees of freedom of the weighted mean of values (t,): tests/stats/test_degrees.py says what they should be."""
    from pyalign.stats.clustered import Dependence
    from pyalign.stats.resampling import Clusters, Resampling

    table = np.stack([np.broadcast_to(weights, len(values)), weights * np.asarray(values, np.float64)], axis=1)
    found = Dependence.of(Clusters.of(triplets, people), Resampling(by)).errors(np.ascontiguousarray(table))
    return float(found.degrees_of_means[0])


def wilson(share, error, quantile):
    """The ends at which a score test of the share, with so many of its standard errors, begins to reject."""
    rows = share * (1 - share) / error**2
    roots = np.roots([1 + quantile**2 / rows, -2 * share - quantile**2 / rows, share**2])
    return tuple(sorted(float(root) for root in roots))


def load_from_tools(name, folder="tools"):
    """The script `name` of tools/ or another folder, as a module."""
    path = Path(__file__).resolve().parents[1] / folder / f"{name}.py"
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # last, so that nothing there hides a module
    spec = importlib.util.spec_from_file_location(f"{name}_of_{folder}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def numeric(function, at, step=1e-6):
    """The derivative by central differences."""
    slope = np.empty_like(at)
    for place in np.ndindex(at.shape):
        moved = [at.copy(), at.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        slope[place] = (function(moved[0]) - function(moved[1])) / (2 * step)
    return slope


def instead(words, options):
    """The words of a command with these options, which stand in place of earlier ones of the same names."""
    flags, kept, left_out = {word for word in options if str(word).startswith("-")}, [], False
    for word in words:
        left_out = word in flags if str(word).startswith("-") else left_out
        kept += [] if left_out else [word]
    return (*kept, *options)
