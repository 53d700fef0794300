"""Cases, draws and rows: what every simulation has in common, whatever it measures.

A case of cases.toml draws data from a world whose truth is known, and says what was found. Each draw has a generator of
its own: a row is the same however its draws are divided among processes and runs. The journal holds the draws that are
finished, so that a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, field, fields
from functools import cache, partial
from importlib import import_module
from inspect import signature
from multiprocessing import get_context
from pathlib import Path
from statistics import NormalDist
from typing import Any
from zlib import crc32

import csv_rows
import numpy as np

import pyalign
from pyalign.documents import Estimate
from pyalign.io.documents import read_toml

IDEAL = 1.959964  # standard deviations on either side, of an interval that knows them
CHUNK = 20  # draws that are written to the journal at once
NAN = math.nan


@dataclass(frozen=True)
class Found:
    """What one draw gave: an estimate with its standard error and interval, or whether a test rejected, or both."""

    quantity: str
    estimate: float
    error: float = NAN
    low: float = NAN
    high: float = NAN
    rejected: bool | None = None

    @classmethod
    def of(cls, quantity: str, estimate: float, interval: Any, truth: float = 0.0, **more: Any) -> Found:
        """Of an interval of pyalign, or None; less the truth where that is another in each draw."""
        if interval is None:
            return cls(quantity, estimate - truth, **more)
        error = NAN if interval.error is None else interval.error
        return cls(quantity, estimate - truth, error, interval.low - truth, interval.high - truth, **more)

    @classmethod
    def each(cls, found: Any, names: dict[str, str], truth: Any = 0.0) -> Iterator[Found]:
        """By quantity the names of a figure, an Estimate or not, and of its interval where that is no `figure_ci`."""
        for quantity, name in names.items():
            figure, _, interval = name.partition(" ")
            value = getattr(found, figure)
            true = truth(quantity) if callable(truth) else truth
            ci = value.ci if isinstance(value, Estimate) else getattr(found, interval or f"{figure}_ci")
            yield cls.of(quantity, value, ci, true)


Draw, Rng = Iterator[Found], np.random.Generator


@dataclass(frozen=True)
class Case:
    """What is drawn, what is measured, and what is asked for."""

    kind: str  # of the table that it stands in
    name: str
    over: str
    draw: Callable[[Rng], Draw]
    truth: Callable[[Rng], dict[str, float]] = lambda rng: {}  # 0 where estimates are less the truth
    asked: dict[str, tuple[float, float]] = field(default_factory=dict)  # rates by quantity; by "" of all others
    share: float = 1.0  # of the number of draws
    rejects: bool = False  # whether a rate is of tests that reject
    centered: bool = False  # whether the truth is the mean of all estimates, where no other is known
    number: int = 0  # for its generators; by default from the name
    seeds: tuple[Any, ...] = ("seed", 2, "number", "k")  # of draw k; or its "hundreds" and "units"

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", self.number or crc32(self.name.encode()))

    def count(self, draws: int) -> int:
        return max(2, round(draws * self.share))

    def found(self, numbers: Iterable[int], seed: int) -> dict[int, list[Found]]:
        """What the draws of these numbers give."""
        return {k: list(self.draw(self.rng(k, seed))) for k in numbers}

    def rng(self, k: int, seed: int) -> Rng:
        known = {"seed": seed, "number": self.number, "k": k, "hundreds": k // 100, "units": k % 100}
        return np.random.default_rng([known.get(part, part) for part in self.seeds])


@cache
def groups() -> dict[str, list[dict[str, Any]]]:
    """Of cases, by kind."""
    return read_toml(Path(__file__).with_name("cases.toml"), "cases")


@cache
def every_case() -> list[Case]:
    """Those of cases.toml, and second opinions on some of them."""
    cases = [_case(kind, name, **{**group, **own}) for kind, several in groups().items() for group in several
             for name, own in group["cases"].items()]
    beside = _named("simulation.triplets.beside")[1]
    return cases + [case for case in map(beside, cases) if case is not None]


def _case(kind: str, name: str, draw: str, truth: Any = (), **told: Any) -> Case:
    """`draw` and `truth` are functions of modules, or the truth is a table of numbers."""
    own = {one.name: told.pop(one.name) for one in fields(Case) if one.name in told}
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()
             if key not in ("cases", "shown")}
    module, function = _named(draw)
    own.setdefault("over", given.get("ci", "objects").replace("+", " and "))
    own.setdefault("seeds", getattr(module, "SEEDS", Case.seeds))
    return Case(kind, name, draw=partial(function, **given), truth=_truth(truth, {"name": name, **given}), **own)


def _truth(told: Any, given: dict[str, Any]) -> Callable[[np.random.Generator], dict[str, float]]:
    """With those of the arguments of the draw that it takes."""
    if not isinstance(told, str):
        return lambda rng: dict(told)
    function = _named(told)[1]
    known = signature(function).parameters
    return lambda rng: function(**{key: value for key, value in {"rng": rng, **given}.items() if key in known})


def _named(name: str) -> tuple[Any, Any]:
    return (module := import_module(name.rpartition(".")[0])), getattr(module, name.rpartition(".")[2])


@dataclass(frozen=True)
class Row:
    """A quantity of a case and what came of it; NaN where there is none."""

    kind: str
    name: str  # of the case, and of the quantity
    over: str
    draws: int
    truth: float
    bias: float
    sd: float  # of the estimates
    error: float  # the root of the mean of the squared standard errors
    held: float  # how often intervals held the truth, of those that there were
    rejected: float  # how often tests rejected
    least: float  # what is asked for
    most: float
    missing: int = 0  # how often there was no interval
    below: float = NAN  # how often the truth was below the interval
    above: float = NAN
    width: float = NAN  # the mean, divided by that of an interval that knows `sd`; where nothing is estimated, itself

    @property
    def case(self) -> str:
        return self.name.split(":")[0]

    @property
    def rate(self) -> float:
        """How often intervals held the truth; of tests alone, how often they rejected."""
        return self.rejected if math.isnan(self.held) else self.held

    @property
    def missed(self) -> bool:
        """Whether the rate is outside of what is asked for, by more than so few draws explain."""
        noise = 2.0 * math.sqrt(max(self.rate * (1 - self.rate), 0.01) / self.draws)
        return not math.isnan(self.least) and not self.least - noise <= self.rate <= self.most + noise


def rows_of(case: Case, draws: dict[int, list[Found]], seed: int = 0) -> list[Row]:
    """One for each quantity that it measures."""
    truths, found = case.truth(np.random.default_rng([seed, 1])), defaultdict(list)
    for k in sorted(draws):
        for one in draws[k]:
            found[one.quantity].append(one)
    return [_row(case, quantity, several, truths) for quantity, several in found.items()]


def _row(case: Case, quantity: str, found: list[Found], truths: dict[str, float]) -> Row:
    estimates, errors, low, high = np.array([astuple(one)[1:5] for one in found], float).T
    truth = truths.get(quantity, float(estimates.mean()) if case.centered else 0.0)
    tests = [one.rejected for one in found if one.rejected is not None]
    there = ~np.isnan(low) & (not case.rejects)
    low, high = low[there], high[there]
    least, most = case.asked.get(quantity, case.asked.get("", (NAN, NAN)))
    sd = 1.0 / (2.0 * IDEAL) if np.isnan(estimates).any() else float(estimates.std())
    known = len(low) and np.isfinite(high - low).all() and sd > 1e-9
    return Row(
        case.kind, f"{case.name}: {quantity}", case.over, len(found), truth,
        float(estimates.mean() - truth), float(estimates.std(ddof=1)), math.sqrt(_mean(errors[~np.isnan(errors)] ** 2)),
        _mean((low <= truth) & (truth <= high)), sum(tests) / len(found) if tests else NAN, least, most,
        0 if tests and not there.any() else int((~there).sum()), _mean(truth < low), _mean(truth > high),
        float((high - low).mean()) / (2.0 * IDEAL * sd) if known else NAN,
    )


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else NAN


# Rows and journals on disk
def read(path: Path) -> list[Row]:
    """The rows of a CSV; none where there is none."""
    return csv_rows.read(path, Row)


def put(new: list[Row], path: Path, cases: Sequence[Case]) -> None:
    """Replaces the rows of the cases of `new`, and leaves out those of cases that are no more."""
    order, names = {case.name: k for k, case in enumerate(cases)}, {row.case for row in new}
    kept = [row for row in read(path) if row.case in order and row.case not in names]
    csv_rows.write(path, sorted(kept + new, key=lambda row: order[row.case]), 6)


class Journal:
    """The finished draws of a run, by case and seed; none where the sources have changed since."""

    def __init__(self, path: Path) -> None:
        self.draws: dict[tuple[str, int], dict[int, list[Found]]] = defaultdict(dict)
        folders = [Path(str(pyalign.__file__)).parent, Path(__file__).parent]
        files = [file for folder in folders for kind in ("*.py", "*.toml") for file in sorted(folder.rglob(kind))]
        self.path, code = path, hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [line for line in lines[1:] if line.endswith("]]")] if lines[:1] == [code] else []  # the last may be cut
        for name, seed, k, found in map(json.loads, kept):
            self.draws[name, seed][k] = [Found(*one) for one in found]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in [code, *kept]), encoding="utf-8")

    def add(self, case: Case, seed: int, draws: dict[int, list[Found]]) -> None:
        """Appends a line for each draw."""
        self.draws[case.name, seed].update(draws)
        with self.path.open("a", encoding="utf-8") as file:
            for k, found in draws.items():
                plain = [[getattr(v, "item", lambda v=v: v)() for v in astuple(one)] for one in found]
                file.write(json.dumps([case.name, seed, k, plain]) + "\n")


def finish(case: Case, draws: int, seed: int, journal: Journal, jobs: int = 1) -> list[Row]:
    """The rows of a case, of draws that the journal holds and of those that are made now, by so many processes."""
    known, count = journal.draws[case.name, seed], case.count(draws)
    left = [k for k in range(count) if k not in known]
    chunks = [left[start : start + CHUNK] for start in range(0, len(left), CHUNK)]
    if jobs == 1 or len(chunks) < 2:
        for chunk in chunks:
            journal.add(case, seed, case.found(chunk, seed))
    else:
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYALIGN_NUM_THREADS"), "1"))
        with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
            for found in pool.map(partial(_elsewhere, case.name, seed), chunks):
                journal.add(case, seed, found)
    return rows_of(case, {k: known[k] for k in range(count)}, seed)


def _elsewhere(name: str, seed: int, numbers: Sequence[int]) -> dict[int, list[Found]]:
    """Draws in another process, which knows the case by its name."""
    return next(case for case in every_case() if case.name == name).found(numbers, seed)


# Rows as tables, behind `<!-- simulated: KIND -->` in a page
UNEVEN = ("lapses", "rsa strong", "small score")  # kinds whose intervals miss more often on one side


def percent(rate: float, draws: int) -> str:
    """A rate with its Monte Carlo error."""
    return "" if rate != rate else f"{100 * rate:.1f} ± {100 * math.sqrt(max(rate * (1 - rate), 0.0) / draws):.1f}"


def words(text: str) -> str:
    """As pages say it. Draws are seeded by the names of cases, which therefore stay."""
    return text.replace("people", "participants").replace("subjects", "participants").replace("person", "participant")


def power(size: float) -> float:
    """Of a two-sided test that knows the standard deviation, at a difference of so many of them."""
    return NormalDist().cdf(size - IDEAL) + NormalDist().cdf(-size - IDEAL)


def cells(row: Row) -> dict[str, str]:
    """By column, empty where there is nothing to say."""
    there = row.draws - row.missing
    uneven = row.kind in UNEVEN and row.sd + row.below == row.sd + row.below
    sides = [round(one * there) for one in (row.below, row.above)] if uneven else ""
    found = {
        "case": words(row.name), "bias": f"{row.bias:+.4f}" if abs(row.bias) > 0.1 * row.sd else "",
        "sd": f"{row.sd:.4f}" if row.sd else "", "s.e.": f"{row.error:.4f}",
        "held, %": (percent(row.held, there) + (f" ({row.missing:,} of {row.draws:,} without)" if row.missing else "")
                    + (" (missed)" if row.missed else "")),
        "below, above, %": ", ".join(f"{100 * count / there:.1f}" for count in sides),
        "width / ideal": f"{row.width:.2f}" if row.sd == row.sd else f"({row.width:.4f})",
        "rejected, %": percent(row.rejected, row.draws),
        "ideal, %": f"{100 * power(row.truth / row.sd):.1f}"
        if row.kind == "small power" and row.name.endswith("difference") else "",
    }
    return {name: "" if "nan" in text else text for name, text in found.items()}


def table(rows: list[Row], kind: str) -> list[str]:
    """The rows of one kind in Markdown, without empty columns; of variances a line for each world."""
    lines = [cells(row) for row in rows if row.kind == kind]
    if kind == "variance":
        told = [f"{one['held, %'].partition(' ')[0]} ({one['width / ideal']})" for one in lines]
        names = [one["case"].removeprefix("variance, ").rpartition(":")[0] for one in lines[::3]]
        return csv_rows.markdown(("case", "pyalign", "jackknife", "multipliers"),
                                 *zip(names, told[::3], told[1::3], told[2::3], strict=True))
    least = {"width / ideal": sum(bool(line["held, %"]) for line in lines) / 2}  # rows that are older have none
    kept = [name for name in lines[0] if sum(bool(line[name]) for line in lines) > least.get(name, 0)]
    return csv_rows.markdown(kept, *([line[name] for name in kept] for line in lines))


def compared(rows: list[Row]) -> list[str]:
    """What was seen before, beside the cells of the rows that say it now, in Markdown."""
    found, before = {row.name: cells(row) for row in rows}, Path(__file__).parents[1] / "simulation_before.csv"
    told = ((line["what"], line["before"], found[line["now"]][line["column"]] if line["now"] else line["column"])
            for line in csv_rows.read(before))
    return csv_rows.markdown(("what", "before", "now"), *told)


def renewed(page: str, rows: list[Row]) -> str:
    """A page with the tables of rows that are `shown`, and of those that were something else before."""
    shown = [row for row in rows if re.search(groups()[row.kind][0].get("shown", ""), row.name)]
    mark = re.compile(r"(<!-- simulated: ([^\n]+) -->\n\n)((?:\|[^\n]*\n)*)")
    lines = {kind: table(shown, kind) for kind in {row.kind for row in shown}} | {"before and after": compared(rows)}
    return mark.sub(lambda found: found[1] + "".join(f"{line}\n" for line in lines[found[2]]), page)
