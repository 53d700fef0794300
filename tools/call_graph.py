"""How often a score crosses from file to file on its way to the kernel: `python tools/call_graph.py`.

Two routes are followed by `sys.setprofile` on the built-in sample: that of `pyalign score`, from the function `run` of
the command, and that of `pyalign.score`, from the function itself. Each ends at the first call of a compiled kernel
that decides triplets. The counts say how much of the program somebody opens who reads along:

- calls: from a function in one file of pyalign into another file, whatever stands between them.
- returns: of those calls that have come back, into a file that was left.
- reopened: of those calls into a file that was entered and left before.
- files: of pyalign that were entered.

A route is run once before it is counted, so that neither imports nor what is remembered between calls is part of it.
`--write NAME` puts the counts into `call_graph.csv`, in rows of that name.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import io
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import csv_rows

import pyalign
from pyalign.cli import main
from pyalign.cli import score as command
from pyalign.datasets.simulate import write_sample

PACKAGE = Path(pyalign.__file__).parent
TABLE = Path(__file__).with_name("call_graph.csv")
KERNELS = ("pyalign.backends._native", "triplets_")  # the module, and how names of kernels that decide triplets begin


@dataclass(frozen=True)
class Counts:
    """What lies between the first function of a route and the kernel; see above."""

    calls: int
    returns: int
    reopened: int
    files: int


class Follower:
    """A profile function that counts from the call of a function to the first call of a kernel.

    Args:
        start: the function.
        package: the folder whose files count.
        is_kernel: whether a compiled function ends the route.
    """

    def __init__(self, start: Any, package: Path, is_kernel: Callable[[Any], bool]) -> None:
        self._start, self._package, self._is_kernel = start.__code__, package, is_kernel
        self._open: list[tuple[FrameType, str, bool]] = []  # frames that have not returned: file, from another file
        self._generators: set[FrameType] = set()  # that were entered; what resumes one is no call
        self._files: dict[str, None] = {}
        self._calls = self._returns = self._reopened = 0
        self.counts: Counts | None = None  # None until a kernel is called

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if self.counts is not None:
            return
        if event == "call" and (self._open or frame.f_code is self._start):
            self._enter(frame)
        elif event == "return" and self._open and self._open[-1][0] is frame:
            self._leave()
        elif event == "c_call" and self._open and self._is_kernel(argument):
            self.counts = Counts(self._calls, self._returns, self._reopened, len(self._files))

    def _enter(self, frame: FrameType) -> None:
        file = frame.f_code.co_filename
        if not Path(file).is_relative_to(self._package):
            return
        crosses = bool(self._open) and self._open[-1][1] != file and frame not in self._generators
        self._calls += crosses
        self._reopened += crosses and file in self._files
        if frame.f_code.co_flags & inspect.CO_GENERATOR:
            self._generators.add(frame)
        self._files[file] = None
        self._open.append((frame, file, crosses))

    def _leave(self) -> None:
        self._returns += self._open.pop()[2]


def decides_triplets(function: Any) -> bool:
    """Whether a compiled function is a kernel that decides triplets."""
    module, name = KERNELS
    return getattr(function, "__module__", None) == module and function.__name__.startswith(name)


def counts_of(
    run: Callable[[], object], start: Any, package: Path = PACKAGE, is_kernel: Any = decides_triplets
) -> Counts:
    """The counts of the second of two runs, which calls the function `start`."""
    run()
    follower = Follower(start, package, is_kernel)
    sys.setprofile(follower)
    try:
        run()
    finally:
        sys.setprofile(None)
    if follower.counts is None:
        raise SystemExit(f"no kernel was called from {start.__qualname__}")
    return follower.counts


def routes() -> dict[str, Counts]:
    """The counts of both routes, on the built-in sample."""
    with tempfile.TemporaryDirectory() as folder:
        embeddings, triplets = map(str, write_sample(folder)[:2])
        x, answers = pyalign.load_embeddings(embeddings), pyalign.load_triplets(triplets)

        def by_command() -> None:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                main(["score", "--embeddings", embeddings, "--triplets", triplets])

        return {
            "pyalign score": counts_of(by_command, command.run),
            "pyalign.score": counts_of(lambda: pyalign.score(x, answers, ci=None), pyalign.score),
        }


def write(name: str, found: Mapping[str, Counts], path: Path = TABLE) -> None:
    """Puts rows of a name into a table, in place of those that it has."""
    csv_rows.put(path, [{"name": name, "route": route, **asdict(counts)} for route, counts in found.items()], "name")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", metavar="NAME", help="of the rows that these counts become in call_graph.csv")
    name = parser.parse_args().write
    found = routes()
    for route, counts in found.items():
        print(f"{route}: {counts}")
    if name:
        write(name, found)
