"""What units of a study cost: a model of CPU seconds and memory for each kind, fitted from runs here and checked.

    python tools/scale.py --measure     runs every case and writes tools/scale.csv (ten minutes)
    python tools/scale.py               fits the rows of the file, and prints the tables of docs/scale.md
    python tools/scale.py --write       writes these into the page

Letters: t triplets, n items, d features, m models, k images. Each case is a process of its own with one thread. Its
seconds are the CPU time of the cheapest of three calls after a small one, and of those of earlier runs, since other
processes only add to it; its memory is what the call takes beyond its inputs. A model is a sum of terms with
coefficients of at least 0 that have the least squared relative error over the cases that are fitted. The cases that are
checked are not among them.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import csv_rows
import numpy as np
from csv_rows import markdown
from csv_rows import read as rows_of

HERE = Path(__file__).parent
ROWS, PAGE = HERE / "scale.csv", HERE.parent / "docs" / "scale.md"
Sizes = Mapping[str, float]
REPEATS = 3
IDLE = 0.0217  # CPU seconds of `_piece` on an idle core of the machine of the rows


@dataclass(frozen=True)
class Kind:
    """A kind of unit.

    seconds, memory, written: the terms of the models, such as "n^2 d", separated by "+". Written are the bytes of its
        document; those of the map of a probe (4 d^2) and of the rows of an extraction (4 k d) come on top.
    fit, check: sizes; those that are checked are not fitted.
    read: the bytes that it reads, of float32 embeddings, int16 triplets and float64 matrices.
    """

    name: str
    seconds: str
    memory: str
    written: str
    read: str
    fit: tuple[Sizes, ...]
    check: tuple[Sizes, ...]


def value_of(term: str, sizes: Sizes) -> float:
    """A product of letters.

    Example:
        >>> value_of("n^2 d", {"n": 3.0, "d": 2.0}), value_of("1", {})
        (18.0, 1.0)
    """
    factors = [factor.partition("^") for factor in term.split() if factor != "1"]
    return math.prod(sizes[letter] ** int(power or 1) for letter, _, power in factors)


def grid(**values):
    """Sizes, the i-th of each letter together."""
    return tuple(dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True))


SCORES = {
    "fit": grid(t=(2e5, 1e6, 3e6, 1e7, 1e6, 1e6, 3e6), n=(1000, 1000, 2000, 2000, 3000, 4000, 4000),
                d=(64, 512, 256, 64, 512, 64, 768)),
    "check": grid(t=(2e6, 6e6), n=(1500, 3000), d=(512, 256)),
}
KINDS = (
    Kind("score, n up to 5,000, no intervals", "1 + t + n^2 d + n^2", "1 + t + n^2", "1", "4 n d + 6 t", **SCORES),
    Kind("score, n up to 5,000", "1 + t + n^2 d + n^2", "1 + t + n^2", "1", "4 n d + 6 t", **SCORES),
    Kind("score, n from 20,000", "1 + t + t d + n d", "1 + t + n d", "1", "4 n d + 12 t",
         grid(t=(1e6, 3e6, 1e6, 3e6, 1e6), n=(20000, 20000, 100000, 50000, 50000), d=(64, 256, 64, 512, 512)),
         grid(t=(2e6, 2e6), n=(40000, 80000), d=(384, 128))),
    Kind("compare", "1 + m t + m^2 t + m n^2 d + m^2 n", "1 + m t + t + n^2", "1 + m^2", "4 m n d + 6 t",
         grid(t=(1e5, 1e5, 3e5, 1e6, 3e5), n=(500, 500, 1000, 1000, 2000), d=(64, 64, 256, 64, 256),
              m=(4, 32, 16, 8, 4)),
         grid(t=(2e5, 5e5), n=(800, 1500), d=(128, 128), m=(16, 8))),
    Kind("noise_ceiling", "1 + t", "1 + t", "1", "6 t",
         grid(t=(3e5, 9e5, 3e6), n=(1000, 1000, 1000)), grid(t=(6e5, 1.8e6), n=(1000, 1000))),
    Kind("rsa", "1 + m n^2 + m n^2 d", "1 + n^2 + m n^2", "1 + m^2", "4 m n d + 8 n^2",
         grid(n=(500, 1000, 1000, 2000, 2000), d=(64, 64, 512, 256, 64), m=(2, 4, 4, 2, 3)),
         grid(n=(800, 1500), d=(256, 128), m=(3, 3))),
    Kind("neighbors", "1 + n^2 d + n^2 + n", "1 + n d + n", "1 + n", "4 n d",
         grid(n=(2000, 4000, 6000, 10000, 10000), d=(256, 64, 256, 64, 256)), grid(n=(5000, 8000), d=(128, 128))),
    Kind("cross_validate_probe, 10 iterations", "1 + t + n^2 + n d^2", "1 + t + d^2 + n^2", "1", "4 n d + 6 t",
         grid(t=(3e4, 1e5, 3e4, 1e5, 3e4), n=(500, 500, 1000, 1500, 500), d=(32, 128, 64, 64, 256)),
         grid(t=(6e4, 6e4), n=(1000, 800), d=(128, 96))),
    Kind("cka", "1 + m n^2 d + m n^2 + m^2 n^2 + m^2 n", "1 + n^2 + m n^2", "1 + m^2", "4 m n d",
         grid(n=(500, 500, 1000, 1000, 2000, 1500), d=(64, 512, 64, 512, 64, 256), m=(2, 8, 5, 2, 2, 3)),
         grid(n=(800, 1200), d=(128, 256), m=(4, 3))),
    Kind("extract, efficientnet-lite0", "1 + k", "1", "1", "images", grid(k=(8, 16, 32)), grid(k=(12, 24))),
)


# --- one case, in a process of its own


def call_of(name: str, s: Sizes) -> Callable[[], Any]:
    """The call of a kind of unit with inputs of these sizes, which are random, and the same each time."""
    import pyalign

    rng = np.random.default_rng(0)

    def rows(n, d):
        return rng.standard_normal((int(n), int(d)), dtype=np.float32)

    def triplets(t, n):
        first = rng.integers(0, n, int(t), dtype=np.int32)
        steps = rng.integers(1, n // 2, (2, int(t)), dtype=np.int32)
        return np.stack([first, (first + steps[0]) % n, (first + steps[0] + steps[1]) % n], axis=1)

    if name.startswith("score"):
        x, t = rows(s["n"], s["d"]), triplets(s["t"], s["n"])
        ci = None if "no intervals" in name else "auto"
        return lambda: pyalign.score(x, t, ci=ci)
    if name == "compare":
        models = {f"m{i}": rows(s["n"], s["d"]) for i in range(int(s["m"]))}
        t = triplets(s["t"], s["n"])
        return lambda: pyalign.compare(models, t)
    if name == "noise_ceiling":
        once = triplets(s["t"] / 3, s["n"])
        thrice = np.concatenate([once, np.where(rng.random((len(once), 1)) < 0.7, once, once[:, [1, 2, 0]]), once])
        return lambda: pyalign.noise_ceiling(thrice)
    if name == "rsa":
        models, human = {f"m{i}": rows(s["n"], s["d"]) for i in range(int(s["m"]))}, np.corrcoef(rows(s["n"], 66))
        return lambda: pyalign.rsa(models, human, kind="similarity")
    if name == "neighbors":
        x = rows(s["n"], s["d"])
        return lambda: pyalign.neighbors(x)
    if name == "cka":
        models = {f"m{i}": rows(s["n"], s["d"]) for i in range(int(s["m"]))}
        return lambda: pyalign.cka(models)
    if name.startswith("cross_validate_probe"):
        x, t = rows(s["n"], s["d"]), triplets(s["t"], s["n"])
        return lambda: pyalign.cross_validate_probe(x, t, penalties=1e-4, repeats=1, max_iterations=10, tolerance=1e-12)
    return _extraction(int(s["k"]), rng)


def _extraction(count: int, rng: np.random.Generator) -> Callable[[], Any]:
    import tempfile

    from PIL import Image

    import pyalign

    folder = tempfile.mkdtemp()
    for i in range(count):
        pixels = rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((400, 300)).save(f"{folder}/{i}.jpg")
    return lambda: pyalign.extract("efficientnet-lite:0", folder, n_threads=1, n_jobs=1, batch_size=8)


SMALL = {"t": 3000, "n": 60, "d": 8, "m": 2, "k": 4}


def measure_here(name: str, sizes: Sizes) -> dict[str, float]:
    """CPU seconds and memory of a call in this process."""
    import warnings

    warnings.simplefilter("ignore")
    small = {letter: SMALL[letter] for letter in sizes}
    if name.endswith("20,000"):
        small["n"] = 20_000
    call_of(name, small)()
    call = call_of(name, sizes)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status("VmRSS")
    result = call()
    memory = max(_status("VmHWM") - before, 0)
    seconds = min(_on_an_idle_core(call) for _ in range(REPEATS))
    return {"seconds": seconds, "memory": memory, "written": float(len(result.to_json()))}


def _on_an_idle_core(call: Callable[[], object]) -> float:
    """CPU seconds, divided by how much longer than on an idle core a piece of work takes just before and after."""
    before = sum(_timed(_piece) for _ in range(3))
    seconds = _timed(call)
    after = sum(_timed(_piece) for _ in range(3))
    return seconds * 6 * IDLE / (before + after)


def _piece() -> None:
    """Products of matrices and a sort."""
    x = np.random.default_rng(0).standard_normal((400, 400), dtype=np.float32)
    for _ in range(20):
        x @ x
    np.sort(x.repeat(2))


def _timed(call: Callable[[], object]) -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    began = time.process_time()
    call()
    return time.process_time() - began + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - children


def _status(field: str) -> float:
    line = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(line[1]) * 1024.0 if line else 0.0


def measured(kind: Kind) -> list[dict[str, str]]:
    """Every case of a kind, each in a process of its own."""
    rows = []
    env = {**os.environ, "PYALIGN_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for use, sizes in [*(("fit", sizes) for sizes in kind.fit), *(("check", sizes) for sizes in kind.check)]:
        command = [sys.executable, __file__, "--case", kind.name, json.dumps(sizes)]
        done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
        values = {name: f"{value:.4g}" for name, value in json.loads(done.stdout).items()}
        whole = json.dumps({letter: int(size) for letter, size in sizes.items()})
        rows.append({"kind": kind.name, "use": use, "sizes": whole, **values})
        print(rows[-1], file=sys.stderr)
    return rows


def keep_cheapest(rows: list[dict[str, str]], earlier: list[dict[str, str]]) -> None:
    """Where an earlier run took fewer seconds it is kept: what else runs on a machine only adds to them."""
    seconds = {(row["kind"], row["sizes"]): row["seconds"] for row in earlier}
    for row in rows:
        row["seconds"] = min(row["seconds"], seconds.get((row["kind"], row["sizes"])) or row["seconds"], key=float)


# --- the models


@dataclass(frozen=True)
class Model:
    """A sum of terms; `error` is the largest relative error of the fitted cases, `checked` of the others."""

    coefficients: Mapping[str, float]
    error: float
    checked: float

    def __call__(self, **sizes: float) -> float:
        return sum(c * value_of(term, sizes) for term, c in self.coefficients.items())


def fitted(kind: Kind, rows: list[dict[str, str]], what: str) -> Model:
    from scipy.optimize import nnls

    terms = getattr(kind, what).split(" + ")
    values, seen = {}, {}
    for use in ("fit", "check"):
        cases = [row for row in rows if row["kind"] == kind.name and row["use"] == use and row[what]]
        values[use] = np.array([[value_of(term, json.loads(row["sizes"])) for term in terms] for row in cases])
        seen[use] = np.array([float(row[what]) for row in cases]) + LEAST[what]
    if not len(seen["fit"]):
        return Model({}, 0.0, 0.0)
    scale, weights = values["fit"].max(axis=0), 1 / seen["fit"]
    coefficients = nnls(values["fit"] / scale * weights[:, None], np.ones(len(weights)))[0] / scale
    errors = {
        use: np.abs(values[use] @ coefficients / seen[use] - 1).max(initial=0.0) for use in values if len(seen[use])
    }
    kept = {term: c for term, c in zip(terms, coefficients.tolist(), strict=True) if c > 0}
    return Model(kept, errors["fit"], errors.get("check", 0.0))


LEAST = {"seconds": 0.0, "memory": 1e7, "written": 500.0}  # bytes that a call may take or not, as the allocator has it


def models(what: str) -> dict[str, Model]:
    """The model of each kind, by its name."""
    rows = rows_of(ROWS)
    return {kind.name: fitted(kind, rows, what) for kind in KINDS}


# --- the page

NODES, CORES = 64, 16


def formula(coefficients: Mapping[str, float]) -> str:
    """A sum of terms, as a page shows it."""
    parts = [_rounded(value) + ("" if term == "1" else f" {_shown(term)}") for term, value in coefficients.items()]
    return " + ".join(parts) or "not measured"


def _rounded(value: float) -> str:
    """A number with two digits, the smallest ones with an exponent."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:g}" if abs(rounded) < 1e-4 else f"{rounded:,.10g}"


def _shown(term: str) -> str:
    return re.sub(r"\^(\d)", lambda match: "²³"[int(match[1]) - 2], term)


def tables() -> dict[str, str]:
    """The tables of the page, by name."""
    seconds, memory, written = (models(what) for what in ("seconds", "memory", "written"))
    of_kinds = [("kind of unit", "CPU seconds", "bytes of memory", "bytes read", "bytes written")]
    for kind in KINDS:
        time, space, output = (formula(model[kind.name].coefficients) for model in (seconds, memory, written))
        of_kinds.append((kind.name, time, space, _shown(kind.read), output + MORE.get(kind.name, "")))
    rows = {"kinds": of_kinds, "predictions": _predictions(seconds, memory)}
    return {name: "\n".join(markdown(*lines)) for name, lines in rows.items()}


def checks() -> str:
    """How far the models are off, at the sizes that were fitted and at the others."""
    seconds, memory = models("seconds"), models("memory")
    lines = [("kind of unit", "fitted sizes", "largest error of these", "error at two others", "of memory, at these")]
    for kind in KINDS:
        of = seconds[kind.name]
        errors = (f"{error:.0%}" for error in (of.error, of.checked, memory[kind.name].checked))
        lines.append((kind.name, str(len(kind.fit)), *errors))
    return "\n".join(markdown(*lines))


MORE = {"cross_validate_probe, 10 iterations": " + 4 d²", "extract, efficientnet-lite0": " + 4 k d"}


def _predictions(seconds: Mapping[str, Model], memory: Mapping[str, Model]) -> list[list[str]]:
    small, plain = "score, n up to 5,000", "score, n up to 5,000, no intervals"
    many, of_images = "score, n from 20,000", "extract, efficientnet-lite0"
    things, t = {"n": 1854.0, "d": 768.0}, 1e9
    rows = [["what", "units", "CPU time", "memory of a unit", "read", "on 64 nodes of 16 cores"]]
    million, of_layers = {"n": 1e6, "d": 512.0}, {"t": 4.7e6, **things}
    for what, units, kind, sizes, read, divided in (
        ("10⁹ triplets, 1,854 objects, no intervals", 1, plain, {"t": t, **things}, 6 * t, 0),
        ("the same with intervals", 1, small, {"t": t, **things}, 6 * t, 0),
        ("10⁶ items, 10⁸ triplets, with intervals", 1, many, {"t": 1e8, **million}, 12e8 + 4 * 1e6 * 512, 0),
        ("10⁶ items, neighbors of each", 1, "neighbors", million, 4 * 1e6 * 512, 0),
        ("10⁶ items, `rsa` of one model", 1, "rsa", {"m": 1.0, **million}, 8e12, 0),
        ("10⁴ checkpoints, 1,854 images each: `extract`", 1e4, of_images, {"k": 1854.0}, 1e4 * 1854 * 1e5, 1),
        ("their 20 layers each, 4.7 M triplets: `score`", 2e5, small, of_layers, 2e5 * (4 * 1854 * 768), 1),
        ("`compare` of all 2 x 10⁵ in one unit", 1, "compare", {"m": 2e5, **of_layers}, 2e5 * 4 * 1854 * 768, 0),
    ):  # divided: whether units are shared out among nodes
        each = seconds[kind](**sizes)
        slots = min(units, NODES * CORES) if divided else CORES
        whole = max(units * each / slots, each if units > 1 else 0)
        rows.append([what, f"{units:,.0f}", _time(units * each), _size(memory[kind](**sizes)), _size(read),
                     _time(whole)])
    return rows


def _time(seconds: float) -> str:
    for unit, of in (("years", 31_557_600), ("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * of:
            return f"{seconds / of:,.3g} {unit}"
    return f"{_rounded(seconds)} s"


def _size(value: float) -> str:
    for unit, of in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if value >= of:
            return f"{_rounded(value / of)} {unit}"
    return f"{_rounded(value / 1e3)} kB"


def write_page() -> None:
    """Puts the tables into the page, each behind its comment."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables().items():
        head, rest = text.split(f"<!-- table: {name} -->\n\n")
        text = f"{head}<!-- table: {name} -->\n\n{table}\n" + re.sub(r"\A(?:\|.*\n)*", "", rest)
    PAGE.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="What units of a study cost.")
    parser.add_argument("--measure", nargs="*", metavar="KIND", help="run the cases, of these kinds alone if named")
    parser.add_argument("--case", nargs=2, metavar=("KIND", "SIZES"), help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/scale.md")
    given = parser.parse_args()
    if given.case:
        print(json.dumps(measure_here(given.case[0], json.loads(given.case[1]))))
        return 0
    if given.measure is not None:
        for kind in (one for one in KINDS if one.name.startswith(tuple(given.measure) or "")):
            new = measured(kind)
            keep_cheapest(new, rows_of(ROWS))
            csv_rows.put(ROWS, new, "kind")
    for name, table in (*tables().items(), ("checks", checks())):
        print(f"{name}\n{table}\n")
    if given.write:
        write_page()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
