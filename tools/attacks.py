"""Attacks with two processes, clocks, links, broken files and wrong calls, and what came of each.

    python tools/attacks.py [--only ATTACK ...] [--write]

Prints for each attack how many attempts were made, how many were refused in one line, ended right, ended wrong (half of
the files of another run, a checksum that is lost, a bad file that is taken) and crashed (a traceback, a signal).
`--write` puts the counts into tools/attacks.csv, in place of those of the same attacks. Everything is local.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import itertools
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).with_suffix(".csv")
sys.path += [str(ROOT / "tests" / name) for name in ("", "fuzz", "datasets", "native")]
REFUSED, RIGHT, WRONG, CRASHED = OUTCOMES = ("refused", "right", "wrong", "crashed")
PROCESSES, ROUNDS, PAIRS = 8, 6, 20
Outcome = Iterator[str]


def at_once(runs: list[Callable[[], object]]) -> list[int]:
    """Exit codes of processes that do this at the same time: 0, 1 for what was refused, else a crash."""
    from interleaving import code_of, in_a_process

    from pyalign.errors import InputError

    def code(run: Callable[[], object]) -> int:
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                return int(run() or 0)
        except InputError:
            return 1

    return [code_of(child) for child in [in_a_process(lambda run=run: code(run)) for run in runs]]


def outcome(is_right: bool, code: int) -> str:
    return CRASHED if code not in (0, 1) else REFUSED if code else RIGHT if is_right else WRONG


# 1: fetches into one folder


def fetched(remote: Any, place: Path) -> int:
    from pyalign.datasets.fetch import fetch_file

    fetch_file("mine", remote, place)
    return 0


def fetches() -> Outcome:
    """Each of eight processes fetches another file into one folder: each file has its checksum then."""
    from file_server import serving

    from pyalign.datasets.fetch import checksum_file
    from pyalign.datasets.registry import Remote

    with serving() as server:
        for number in range(ROUNDS):
            place = Path(f"fetched-{number}")
            place.mkdir()
            names = [f"{k}.bin" for k in range(PROCESSES)]
            server.files |= {f"/{name}": os.urandom(300_000) for name in names}
            remotes = [Remote(name, f"{server.address}/{name}", None) for name in names]
            codes = at_once([partial(fetched, one, place) for one in remotes])
            for name, code in zip(names, codes, strict=True):
                sums = checksum_file(place / name)
                digest = hashlib.sha256(server.files[f"/{name}"]).hexdigest()
                yield outcome(sums.exists() and sums.read_text().split()[0] == digest, code)


def one_file() -> Outcome:
    """Eight processes need the same file: it is requested once, and all have it, with its checksum."""
    from file_server import serving

    from pyalign.datasets.fetch import checksum_file
    from pyalign.datasets.registry import Remote

    with serving() as server:
        for number in range(ROUNDS):
            place = Path(f"same-{number}")
            place.mkdir()
            server.files["/x.bin"] = os.urandom(300_000)
            remote = Remote("x.bin", f"{server.address}/x.bin", None)
            codes = at_once([partial(fetched, remote, place)] * PROCESSES)
            digest = hashlib.sha256((place / "x.bin").read_bytes()).hexdigest()
            whole = digest == hashlib.sha256(server.files["/x.bin"]).hexdigest()
            recorded = checksum_file(place / "x.bin").read_text().startswith(digest)
            once = len(server.requests) == number + 1
            yield from (outcome(whole and recorded and once, code) for code in codes)


# 2: claims from the future


def claims() -> Outcome:
    """A claim of another machine whose time lies in the future ages from the first look on."""
    from pyalign.study.records import DEAD, claim

    def holder() -> str | None:
        with claim(Path("study"), "unit") as found:
            return found

    Path("study", "records").mkdir(parents=True)
    path = Path("study", "records", "unit.claim")
    for ahead in (1, 59, 61, 3600, 86_400, 1e6, 1e9):
        path.write_text(f"node7-1-{'0' * 16}")
        os.utime(path, (time.time() + ahead,) * 2)
        held = holder()
        ages = path.stat().st_mtime < time.time() + 1
        os.utime(path, (time.time() - DEAD - 1,) * 2)  # a minute later
        yield RIGHT if held == "node7" and ages and holder() is None else WRONG


# 3: two runs that write into one folder


def folders() -> Outcome:
    """Two `embed --out o` at once: what stands there is of one of them."""
    from pyalign.cli import main

    words = ("embed", "-t", "t.npy", "--n-dimensions", "3", "--split", "none", "--out", "o", "--figures", "none")
    runs = [lambda more=more: main([*words, "--shrinkage", more]) for more in ("0.001", "0.002")]
    for _ in range(PAIRS):
        codes = at_once(runs)
        written = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path("o").iterdir()}
        document = next(name for name in written if name.endswith(".json"))
        outputs = json.loads(Path("o", document).read_text())["outputs"]
        together = outputs == {name: digest for name, digest in written.items() if name != document}
        yield from (outcome(together, code) for code in codes)
        for path in Path("o").iterdir():
            path.unlink()


# 4 and 5: links and broken files, for each option that reads files


def of_options(chosen: Callable[[str], bool], only: str = "") -> Outcome:
    """Files of tests/fuzz/hostile_files.py in the place of a sound one, for each option that reads files."""
    from input_options import fault, start

    world, bad = start(Path("world"))
    for name in world.names():
        for one in filter(chosen, bad) if name.endswith(only) else ():
            words = world.words(name, *world.usual(name)[:-1], one)
            try:
                ran = world.run(*words)
            except Exception:
                world.accept()
                yield CRASHED
                continue
            yield WRONG if fault(ran, name, words) else REFUSED if ran.code else RIGHT


def links() -> Outcome:
    return of_options(lambda path: path in ("h/linked", "h/manifest", "h/gone.npy", "h/round.npy"), "--embeddings")


def broken() -> Outcome:
    return of_options(lambda path: path.endswith(".csv.gz"))


# 6: the C library


def library() -> Outcome:
    """Each function of pyalign.h with each parameter and field wrong once."""
    from native_builds import build
    from test_wrong_calls import REFUSED as STATUS
    from test_wrong_calls import RETURNED, TAKEN, calls, is_any

    folder = build("native-plain").parent
    built = next(path for name in ("libpyalign.so", "libpyalign.dylib") if (path := folder / name).exists())
    for function, returned in RETURNED.items():
        try:
            _, *others = calls(built, function)
        except AssertionError:
            yield CRASHED
            continue
        for path, value, status, *_ in others:
            taken = returned != "pa_status" or function == "pa_set_isa" or is_any(path, value)
            may = taken or path in TAKEN.get(function, ())
            yield REFUSED if status == STATUS else RIGHT if may else WRONG


# 7: values that are none


def values() -> Outcome:
    """Public functions with sparse arrays and tensors, matrices and a million letters for each argument in turn."""
    import inspect

    from test_checks import CALLS, UNUSED, WHATEVER

    import pyalign
    from pyalign.errors import LONGEST, InputError, MissingExtraError

    given = ("sparse", "sparse tensor", "square", "long text", "long name", "object")
    warnings.simplefilter("ignore")
    for name, sound in CALLS.items():
        function = getattr(pyalign, name)
        arguments = [one for one in inspect.signature(function).parameters if one not in {*UNUSED, "options"}]
        for argument, what in itertools.product(arguments, filter(WHATEVER.__contains__, given)):
            try:
                function(**{**sound, argument: WHATEVER[what]})
                yield RIGHT
            except (InputError, MissingExtraError, OSError) as error:
                yield REFUSED if len(str(error)) <= LONGEST and len(str(error).splitlines()) == 1 else WRONG
            except Exception:
                yield CRASHED


# 8: published maps


def maps() -> Outcome:
    """All twelve maps by their names, of a server whose files are maps, but not those that gLocal has published."""
    from file_server import serving

    import pyalign
    from pyalign.datasets import maps as published
    from pyalign.errors import InputError

    os.environ["PYALIGN_DATA"] = str(Path("data").resolve())
    pyalign.write_transform("w.npz", pyalign.Transform(np.eye(5), None, 0.0, 1.0))
    with serving() as server:
        published.ADDRESS = server.address
        for model, module in published.MAPS.items():
            server.files[f"/{model}/{module}/transform.npz"] = Path("w.npz").read_bytes()
            try:
                yield RIGHT if published.published_map(model).weights.shape == (5, 5) else WRONG
            except InputError as error:
                yield REFUSED if model in published.HASHES and "checksum" in str(error) else WRONG


ATTACKS: dict[str, tuple[int, Callable[[], Outcome]]] = {
    "eight processes, eight files": (1, fetches),
    "eight processes, one file": (1, one_file),
    "claims from the future": (2, claims),
    "two runs, one folder": (3, folders),
    "links in folders": (4, links),
    "broken .csv.gz": (5, broken),
    "wrong calls of the C library": (6, library),
    "values that are none": (7, values),
    "published maps": (8, maps),
}


def counts_of(name: str) -> dict[str, Any]:
    """The row of an attack, made in a folder of its own."""
    number, attack = ATTACKS[name]
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        rng = np.random.default_rng(0)
        np.save("t.npy", np.stack([rng.permutation(12)[:3] for _ in range(400)]))
        try:
            found = list(attack())
        finally:
            os.chdir(before)
    return {"row": number, "attack": name, "attempts": len(found), **{word: found.count(word) for word in OUTCOMES}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=ATTACKS, default=list(ATTACKS), metavar="ATTACK")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    kept = {row["attack"]: row for row in csv.DictReader(TABLE.read_text().splitlines())} if TABLE.exists() else {}
    for name in options.only:
        kept[name] = counts_of(name)
        print(", ".join(f"{word} {count}" for word, count in kept[name].items()), flush=True)
    if options.write:
        with open(TABLE, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["row", "attack", "attempts", *OUTCOMES], lineterminator="\n")
            writer.writeheader()
            writer.writerows(kept[name] for name in ATTACKS if name in kept)


if __name__ == "__main__":
    main()
