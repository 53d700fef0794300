"""Units that run in one process after one another, so that starting it costs little of the time that it takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from pyalign._dataclass import dataclass
from pyalign.study.plan import StudyUnit

LATER = 75  # the exit code of a step whose needs are not there, or that another process is making: EX_TEMPFAIL
# CPU seconds of a unit of which no record tells them, and more of them for each MB that it reads; docs/scale.md has
# the models of which these are rough versions.
SECONDS, PER_MB = 1.0, 0.05
SECONDS_OF = {
    "extract": (2.0, 0.5),
    "cross_validate_probe": (20.0, 20.0),
    "fit_probe": (5.0, 5.0),
    "recover": (20.0, 5.0),
}
UNCHANGED = 0.02  # of a unit that is done, whose inputs are hashed


@dataclass(frozen=True)
class Task:
    """Units that one command makes."""

    name: str  # "1-gpu-3": level, kind of node, number.
    units: tuple[StudyUnit, ...]  # none of them needs another.
    needs: tuple[str, ...]  # the names of the tasks whose units they need.
    level: int  # 1 for units without needs, and one more than their highest level for others.
    device: bool  # whether they want one.

    @property
    def start(self) -> tuple[str, ...]:
        """The words of the command before the units. It ends when the process that has started it does."""
        return (*self.units[0].command[:-1], "--die-with-parent")

    @property
    def words(self) -> tuple[str, ...]:
        """What stands for the units in the command."""
        return tuple(unit.command[-1] for unit in self.units)

    @property
    def command(self) -> tuple[str, ...]:
        """The words of the command."""
        return (*self.start, *self.words)


def tasks_of(units: Sequence[StudyUnit], minutes: float) -> tuple[Task, ...]:
    """The units of each level and kind of node, in tasks that take about so many minutes.

    A unit that takes longer is a task of its own. How long one takes is what its record says, else what units of the
    same function have taken in the mean, else an estimate from the size of its inputs.

    minutes: 0 for a task of each unit.
    """
    levels, seconds = levels_of(units), seconds_of(units)
    kinds: dict[tuple[int, bool], list[StudyUnit]] = defaultdict(list)
    for unit in units:
        kinds[levels[unit.id], unit.device].append(unit)
    tasks: list[Task] = []
    of_unit: dict[str, str] = {}
    for (level, device), members in sorted(kinds.items()):
        for number, part in enumerate(_parts(members, seconds, minutes * 60), start=1):
            name = f"{level}-{'gpu' if device else 'cpu'}-{number}"
            of_unit.update({unit.id: name for unit in part})
            needs = dict.fromkeys(of_unit[need] for unit in part for need in unit.needs)
            tasks.append(Task(name, tuple(part), tuple(needs), level, device))
    return tuple(tasks)


def levels_of(units: Sequence[StudyUnit]) -> dict[str, int]:
    """The level of each unit in the graph, by its id."""
    levels: dict[str, int] = {}
    for unit in units:
        levels[unit.id] = 1 + max((levels[need] for need in unit.needs), default=0)
    return levels


def seconds_of(units: Sequence[StudyUnit]) -> dict[str, float]:
    """About how long each unit takes, by its id."""
    recorded = defaultdict(list)
    for unit in units:
        if unit.seconds is not None:
            recorded[unit.function].append(unit.seconds)
    return {unit.id: UNCHANGED if unit.done else _seconds(unit, recorded[unit.function]) for unit in units}


def _seconds(unit: StudyUnit, recorded: Sequence[float]) -> float:
    if unit.seconds is not None:
        return unit.seconds
    if recorded:
        return fmean(recorded)
    once, per_mb = SECONDS_OF.get(unit.function, (SECONDS, PER_MB))
    return once + per_mb * sum(size or 0 for size in unit.inputs.values()) / 1e6


def _parts(units: Sequence[StudyUnit], seconds: dict[str, float], most: float) -> list[list[StudyUnit]]:
    parts: list[list[StudyUnit]] = []
    total = 0.0
    for unit in units:
        if not parts or total + seconds[unit.id] > most:
            parts.append([])
            total = 0.0
        parts[-1].append(unit)
        total += seconds[unit.id]
    return parts


def finish_command(tasks: Sequence[Task]) -> tuple[str, ...]:
    """The command that finishes a study when its units are done."""
    words = tasks[0].units[0].command[:-1]
    return (*words[:2], "finish", *words[3:])


def study_of(tasks: Sequence[Task]) -> str:
    """The path of the study file."""
    return tasks[0].units[0].command[3]


def folder_of(tasks: Sequence[Task]) -> str:
    """The folder of the study."""
    return tasks[0].units[0].command[5]
