"""Tasks as the text that an engine reads. What a name or a path contains is data in it, and never code.

Units that run in one process after one another, so that starting it costs little of the time that it takes.
The units of a study for an engine: array jobs of SLURM, rules of Snakemake, or a list of commands.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from statistics import fmean

from pyalign._dataclass import dataclass
from pyalign.errors import OUT
from pyalign.io.paths import PathLike, bad
from pyalign.io.write import require_no_link
from pyalign.study.units import StudyUnit, study_units

OURS = "pyalign study export"  # in each text, by which it is known
LOGS, DONE = ".slurm", ".done"  # in the folder of a study: what jobs print, and the markers of Snakemake
MOST_TASKS, MOST_TEXT = 1000, 2_000_000  # of one array, as SLURM is set up where nobody has changed it
PAUSES = 15, 30, 60, 0  # seconds after each attempt at a task whose needs are not there, or are being made


def slurm(tasks: Sequence[Task], folder: str, gpu: Sequence[str], cpu: Sequence[str]) -> str:
    """A script that submits an array job for each level of the graph and kind of node, then a job that finishes.

    A job waits until those of the level before have ended, however they have. A step whose need has failed refuses, so
    that nothing waits for what never comes.

    gpu, cpu: options of sbatch for tasks with units that want a device, and for the others.
    """
    logs = os.path.join(folder, LOGS)
    output = shlex.quote(f"--output={logs.replace('%', '%%')}/%x-%A_%a.out")
    lines = [
        "#!/usr/bin/env bash",
        f"# Submits a study to SLURM; written by {OURS}. What is done stays: the script again makes what is missing.",
        "# Options of sbatch that are for all jobs follow the name of the script, such as --partition=short.",
        "set -euo pipefail",
        f"mkdir -p {shlex.quote(logs)}",
        'common=("$@")',
        "submit() {",
        "  local answer",
        f'  answer=$(sbatch --parsable --requeue {output} "${{common[@]}}" "$@") || return',
        '  echo "${answer%%;*}"',
        "}",
        'before=""',
    ]
    for level, of_level in groupby(tasks, key=lambda task: task.level):
        lines.append('jobs=""')
        for part in _arrays(of_level):
            device = part[0].device
            name = f"pyalign-{level}-{'gpu' if device else 'cpu'}"
            options = [f"--job-name={name}", f"--array=1-{len(part)}", *(gpu if device else cpu)]
            lines += [f"job=$(submit $before {shlex.join(options)} {_here(_array_script(part))}", ")", "jobs+=:$job"]
        lines.append('before="--dependency=afterany$jobs"')
    finish = f"#!/bin/bash\nexec {shlex.join(finish_command(tasks))}\n"
    lines += [f"job=$(submit $before {shlex.join(['--job-name=pyalign-finish', *cpu])} {_here(finish)}", ")"]
    lines += ['echo "job $job finishes the study"', ""]
    return "\n".join(lines)


def _arrays(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    """Tasks of one kind of node each, so many as one array may have."""
    for _, of_kind in groupby(tasks, key=lambda task: task.device):
        part: list[Task] = []
        size = 0
        for task in of_kind:
            length = sum(len(word) + 3 for word in task.words)
            if part and (len(part) == MOST_TASKS or size + length > MOST_TEXT):
                yield part
                part, size = [], 0
            part.append(task)
            size += length
        yield part


def _array_script(tasks: Sequence[Task]) -> str:
    cases = [f"{number}) units=({shlex.join(task.words)}) ;;" for number, task in enumerate(tasks, start=1)]
    return "\n".join([
        "#!/bin/bash",
        "case $SLURM_ARRAY_TASK_ID in",
        *cases,
        "esac",
        'export PYALIGN_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}" PYALIGN_PARENT=$$',
        f"for pause in {' '.join(map(str, PAUSES))}; do",
        "  status=0",
        f'  {shlex.join(tasks[0].start)} "${{units[@]}}" || status=$?',
        f"  if [ $status -ne {LATER} ]; then break; fi",
        "  sleep $pause",
        "done",
        "exit $status",
        "",
    ])


def _here(script: str) -> str:
    """A script as standard input of a command; no line of it can be the one that ends it, which is made of its hash."""
    end = f"END_{hashlib.sha256(script.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"
    return f"<<'{end}'\n{script}{end}"


def snakemake(tasks: Sequence[Task], folder: str) -> str:
    """A rule for each task, with a marker for each of its units, and one that finishes, which always runs.

    Snakemake deletes the outputs of a rule before it runs the rule, so no file of the study is one. When the study file
    and the inputs were changed is a parameter of a rule, which runs again where that is another time: as the input of
    a rule, a path with braces would be a wildcard.
    """

    def markers(ids: Iterable[str]) -> str:
        return ascii([f"{DONE}/{unit_id}" for unit_id in ids])

    lines = [
        f"# Rules of a study, written by {OURS}. Markers in {DONE} say which rules have run.",
        "import os",
        f"workdir: {folder!a}",
        "",
        "def times(paths):",
        "    return [os.stat(path).st_mtime_ns for path in paths if os.path.exists(path)]",
        "",
        "rule finish:",
        f"    input: {markers(unit.id for task in tasks for unit in task.units)}",
        f"    shell: {_shell(finish_command(tasks))}",
    ]
    for number, task in enumerate(tasks, start=1):
        read = dict.fromkeys([study_of(tasks), *(os.path.abspath(path) for unit in task.units for path in unit.inputs)])
        lines += [
            "",
            f"rule step_{number}:",
            f"    input: {markers(dict.fromkeys(need for unit in task.units for need in unit.needs))}",
            f"    output: touch({markers(unit.id for unit in task.units)})",
            f"    params: changed=lambda wildcards: times({[*read]!a})",
            *(["    resources: gpu=1"] if task.device else []),
            f"    shell: {_shell(task.command, 'PYALIGN_NUM_THREADS={threads} PYALIGN_PARENT=$PPID exec ')}",
        ]
    return "\n".join([*lines, ""])


def _shell(words: Sequence[str], before: str = "exec ") -> str:
    """A command in a rule: quoted for the shell, then for Snakemake, then for Python."""
    return ascii(before + shlex.join(words).replace("{", "{{").replace("}", "}}"))


def as_json(tasks: Sequence[Task]) -> str:
    """The list of commands, for a program that starts processes; tasks of one level can run at the same time."""
    document = {
        "written by": OURS,
        "tasks": [
            {"name": task.name, "level": task.level, "needs": task.needs, "device": task.device,
             "units": [unit.id for unit in task.units], "command": task.command}
            for task in tasks
        ],
        "finish": finish_command(tasks),
    }
    return json.dumps(document, indent=1) + "\n"


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
        """The words of the command before the units."""
        return self.units[0].command[:-1]

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


FILES = {"slurm": "slurm.sh", "snakemake": "Snakefile", "json": "commands.json"}
ENGINES = SLURM, SNAKEMAKE, JSON = (*FILES,)
MINUTES = 5.0  # that a task takes, about: starting one takes longer than most units
OF_A_NODE = "/tmp", "/var/tmp", "/dev/shm", "/run"  # its own, as systems are mostly set up
# The locks of Snakemake outlive a driver that is killed; units have their own.
RUN_SNAKEMAKE = "--cores", "all", "--nolock", "--rerun-incomplete"


@dataclass(frozen=True)
class Export:
    """What an engine reads."""

    path: str  # where it belongs, in the folder of the study.
    text: bytes  # what it contains.
    run: tuple[str, ...]  # the words of the command that starts it; empty where the reader's own program does.
    tasks: int  # how many there are.
    levels: int  # of the graph, each behind the one before.
    notes: tuple[str, ...]  # on paths that other nodes may not see.


def export_study(
    path: PathLike, out: PathLike | None, engine: str, *, shards: int | None = None, minutes: float = MINUTES,
    gpu: Sequence[str] = (), cpu: Sequence[str] = (),
) -> Export:
    """The units of a study as the text that an engine reads. Nothing is written.

    path, out, shards: of `study_units`.
    engine: one of `ENGINES`.
    minutes: that a task of several units takes, about; 0 for a task of each unit.
    gpu, cpu: of SLURM: options of sbatch for tasks with units that want a device, and for the others.
    """
    units = study_units(os.path.abspath(path), None if out is None else os.path.abspath(out), shards=shards)
    tasks = tasks_of(units, minutes)
    folder = folder_of(tasks)
    place = os.path.join(folder, FILES[engine])
    _require_ours(place)
    text, run = as_json(tasks), tuple[str, ...]()
    if engine == SLURM:
        text, run = slurm(tasks, folder, gpu, cpu), ("bash", place)
    if engine == SNAKEMAKE:
        text, run = snakemake(tasks, folder), ("snakemake", "--snakefile", place, *RUN_SNAKEMAKE)
    raw = text.encode("utf-8", "surrogateescape")  # a path of bytes that are no text stays what it is
    notes = _not_shared([study_of(tasks), folder], units)
    return Export(place, raw, run, len(tasks), max(task.level for task in tasks), notes)


def _require_ours(place: str) -> None:
    """Raises where a file stands that is somebody else's."""
    require_no_link(place)
    if os.path.lexists(place):
        with open(place, "rb") as file:
            if OURS.encode() not in file.read(400):
                raise bad(place, f"is there, and pyalign has not written it; take another folder, {OUT}")


def _not_shared(paths: Sequence[str], units: Sequence[StudyUnit]) -> tuple[str, ...]:
    """A note on the paths that are usually each node's own."""
    own = tuple(os.path.join(os.path.realpath(place), "") for place in (tempfile.gettempdir(), *OF_A_NODE))
    paths = [*dict.fromkeys([*paths, *(path for unit in units for path in unit.inputs)])]
    local = [path for path in paths if os.path.realpath(path).startswith(own)]
    if not local:
        return ()
    more = f" and {len(local) - 3:,} more" if len(local) > 3 else ""
    return (f"nodes must see these paths, which are usually each node's own: {', '.join(local[:3])}{more}",)
