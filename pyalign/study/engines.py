"""Tasks as the text that an engine reads. What a name or a path contains is data in it, and never code."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from pyalign.study.tasks import LATER, Task, finish_command, study_of

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
    ])  # fmt: skip


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
    }  # fmt: skip
    return json.dumps(document, indent=1) + "\n"
