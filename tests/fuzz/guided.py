"""Reads files that atheris makes of valid ones, led by the lines of the readers that each reaches, until time is over.

python guided.py SUFFIX SECONDS SEED FOLDER     FOLDER keeps what reached something new

For readers that are Python alone: what is compiled tells nothing of its lines. Half of the changes are libFuzzer's, and
half those of attempt.py, which knows of members and of packed files.
"""

from __future__ import annotations

import base64
import gzip
import pkgutil
import random
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

LONGEST = 1 << 14  # bytes of a file
READERS = ("pyalign.io", "pyalign.study", "tomllib", "tomli", "numpy.lib.format", "numpy.lib._format_impl", "zipfile")


def instrumented() -> tuple[ModuleType, ModuleType]:
    """atheris, and attempt.py with readers whose lines count."""
    import atheris

    with atheris.instrument_imports(include=list(READERS)):
        import attempt

        import pyalign.io

        for told in pkgutil.iter_modules(pyalign.io.__path__, "pyalign.io."):
            if "._isolated_" not in told.name:
                import_module(told.name)
    return atheris, attempt


def main() -> None:
    atheris, attempt = instrumented()
    suffix, seconds, seed, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    found, path = folder / "found", folder / f"x{suffix}"
    found.mkdir()
    for k, raw in enumerate(attempt.VALID[suffix]()):
        (found / str(k)).write_bytes(gzip.compress(raw) if suffix.endswith(".gz") else raw)

    def read(data: bytes) -> None:
        path.write_bytes(data or b"\n")
        try:
            attempt.check(path)
        except BaseException:
            print(f"file: {base64.b85encode(data).decode()}", file=sys.stderr, flush=True)
            raise

    def change(data: bytes, most: int, number: int) -> bytes:
        rng = random.Random(number)
        if rng.random() < 0.5:
            try:
                raw = gzip.decompress(data) if suffix.endswith(".gz") else data
                return attempt.mutant(suffix, [raw or b"\n"], rng)[:most]
            except Exception:  # no longer what can be unpacked
                pass
        return bytes(atheris.Mutate(data, most))

    # The clock of attempt.py and that of libFuzzer's time limit are the same one of the process.
    options = {"max_total_time": seconds, "seed": seed % (1 << 32) or 1, "max_len": LONGEST, "timeout": 0}
    options |= {"rss_limit_mb": 900, "artifact_prefix": f"{folder}/"}
    atheris.Setup([sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), str(found)], read,
                  custom_mutator=change)
    attempt._limit(suffix)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
