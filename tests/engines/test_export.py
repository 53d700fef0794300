"""The units of a study as SLURM's array jobs, Snakemake's rules and a list of commands: grouped, quoted, whole."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from small_study import write_inputs

from pyalign.cli import main
from pyalign.study import export as engines
from pyalign.study.export import export_study, levels_of, seconds_of, tasks_of
from pyalign.study.units import StudyUnit, study_units

# Names in which a shell, Snakemake, Python or sbatch would find code.
HOSTILE = ["it's $(touch bad) `touch bad` {bad} %A", '-x; touch bad\n#SBATCH --bad\nEND\n"\\', "\udcff"]
STAND_IN = """\
#!{python}
import json, os, sys
print(json.dumps([os.environ.get("SLURM_ARRAY_TASK_ID"), *sys.argv[1:]]), file=open({log!a}, "a"))
"""
# Runs each task of an array as soon as it is submitted, as a batch system does; says the number of the job.
SBATCH = """\
#!{python}
import json, os, subprocess, sys
script = sys.stdin.buffer.read()
print(json.dumps(["sbatch", *sys.argv[1:]]), file=open({log!a}, "a"))
count = [int(word.removeprefix("--array=1-")) for word in sys.argv if word.startswith("--array=1-")]
for number in range(1, count[0] + 1) if count else [0]:
    subprocess.run(["bash"], input=script, env={{**os.environ, "SLURM_ARRAY_TASK_ID": str(number)}}, check=True)
print("7;here" if count else "8")
"""


def unit(name, needs=(), seconds=None, **more):
    command = ("pyalign", "study", "step", "s.toml", "--out", "out", f"{name}@01234567")
    values = {"function": "score", "device": False, "inputs": {}, "done": False, **more}
    return StudyUnit(id=name, name=name, needs=tuple(needs), command=command, seconds=seconds, **values)


def test_a_thousand_units_of_a_fifth_of_a_second_are_at_most_thirty_tasks():
    units = [unit(f"u{k}", seconds=0.2) for k in range(1000)]
    unknown = [replace(one, seconds=None) for one in units]
    for of in (units, unknown, [*units[:1], *unknown[1:]]):
        tasks = tasks_of(of, 5)
        assert len(tasks) <= 30
        assert [one for task in tasks for one in task.units] == of  # each once
        text = engines.slurm(tasks, "out", [], [])
        assert f"--array=1-{len(tasks)} " in text and text.count("--array=") == 1


def test_tasks_are_of_one_level_and_one_kind_of_node_and_take_about_so_long():
    units = [
        *(unit(f"e{k}", seconds=100, device=True, function="extract") for k in range(7)),
        *(unit(f"s{k}", [f"e{k}"], seconds=1) for k in range(7)),
        unit("long", seconds=4000),
        unit("all", [f"s{k}" for k in range(7)]),
    ]
    tasks = tasks_of(units, 5)
    names = {task.name: [one.id for one in task.units] for task in tasks}
    assert names == {
        "1-cpu-1": ["long"], "1-gpu-1": ["e0", "e1", "e2"], "1-gpu-2": ["e3", "e4", "e5"], "1-gpu-3": ["e6"],
        "2-cpu-1": [f"s{k}" for k in range(7)], "3-cpu-1": ["all"],
    }
    by_name = {task.name: task for task in tasks}
    assert by_name["2-cpu-1"].needs == ("1-gpu-1", "1-gpu-2", "1-gpu-3")
    assert all(by_name[need].level < task.level for task in tasks for need in task.needs)
    assert [len(task.units) for task in tasks_of(units, 0)] == [1] * len(units)
    assert levels_of(units)["all"] == 3


def test_how_long_a_unit_takes_is_what_records_say_or_else_the_size_of_its_inputs():
    units = [
        unit("known", seconds=3.0), unit("other"), unit("done", seconds=9.0, done=True),
        unit("big", function="extract", inputs={"photos": 4_000_000_000, "gone": None}),
        unit("small", function="extract", inputs={"photos": 4_000}),
    ]
    seconds = seconds_of(units)
    assert seconds["known"] == 3 and seconds["other"] == 6 and seconds["done"] < 0.1
    assert seconds["big"] > 600 > 10 > seconds["small"]


def test_arrays_have_at_most_a_thousand_tasks_and_two_megabytes():
    tasks = tasks_of([unit(f"u{k}" + "x" * 3000, seconds=1e4) for k in range(2500)], 5)
    arrays = list(engines._arrays(tasks))
    assert sum(map(len, arrays)) == 2500 and max(map(len, arrays)) <= 1000
    assert all(len(engines._array_script(part)) < 3_000_000 for part in arrays)
    few = tasks_of([unit(f"u{k}", seconds=1e4) for k in range(1500)], 5)
    assert [len(part) for part in engines._arrays(few)] == [1000, 500]


@pytest.fixture
def stand_ins(tmp_path, monkeypatch):
    """Programs called pyalign and sbatch that take note of their words, and a function that gives these."""
    place, log = tmp_path / "programs", tmp_path / "log"
    place.mkdir()
    for name, text in (("pyalign", STAND_IN), ("sbatch", SBATCH)):
        (place / name).write_text(text.format(python=sys.executable, log=str(log)))
        (place / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    return lambda: [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_what_a_path_contains_is_no_code_for_slurm(tmp_path, monkeypatch, stand_ins, name):
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    write_inputs(Path(name))
    study, out = str(tmp_path / name / "small.toml"), str(tmp_path / f"{name}.out")
    export = export_study(study, out, "slurm", gpu=["--comment=$(touch bad)"], cpu=["--comment=it's; touch bad"])
    Path(out).mkdir()
    Path(export.path).write_bytes(export.text)
    done = subprocess.run([*export.run, f"--account={name}"], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"job 8 finishes the study\n" and not done.stderr
    calls = stand_ins()
    ran = [words for words in calls if words[0] != "sbatch"]
    units = study_units(study, out)
    assert sorted(word for words in ran for word in words if "@" in word) == sorted(one.command[-1] for one in units)
    assert all(words[1:6] == ["study", "step", study, "--out", out] for words in ran[:-1])
    assert ran[-1][1:] == ["study", "finish", study, "--out", out]
    submitted = [words for words in calls if words[0] == "sbatch"]
    assert all(f"--account={name}" in words and "--requeue" in words for words in submitted)
    assert all("--comment=it's; touch bad" in words for words in submitted)
    assert all("--dependency=afterany:7" in words for words in submitted[1:])
    assert not [place for place, _, files in os.walk(tmp_path) if "bad" in files]


def test_a_job_that_is_refused_ends_the_script(tmp_path, monkeypatch, stand_ins):
    """A command inside a substitution does not end a script of bash by itself."""
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    export = export_study("small.toml", "out", "slurm")
    Path("slurm.sh").write_bytes(export.text)
    Path("programs/sbatch").write_text('#!/bin/bash\necho "no such partition" >&2; exit 1\n')
    done = subprocess.run(["bash", "slurm.sh"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "no such partition\n")


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_what_a_path_contains_is_no_code_for_snakemake(tmp_path, monkeypatch, stand_ins, name):
    """The file is Python with a few words more, and the text of a rule is formatted once before the shell reads it."""
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    write_inputs(Path(name))
    study, out = str(tmp_path / name / "small.toml"), str(tmp_path / f"{name}.out")
    export = export_study(study, out, "snakemake", minutes=0)
    lines = export.text.decode().splitlines()
    commands = [eval(line.partition(":")[2]) for line in lines if line.startswith("    shell:")]
    for command in commands:
        subprocess.run(["bash", "-c", os.fsencode(command.format(threads=3))], check=True)
    calls = [words[1:] for words in stand_ins()]
    assert calls[0] == ["study", "finish", study, "--out", out]
    assert sorted(words[-1] for words in calls[1:]) == sorted(one.command[-1] for one in study_units(study, out))
    assert all(words[:5] == ["study", "step", study, "--out", out] for words in calls[1:])
    assert [eval(line.partition(":")[2]) for line in lines if line.startswith("workdir:")] == [out]
    assert not [place for place, _, files in os.walk(tmp_path) if "bad" in files]


def test_snakemake_has_markers_of_its_own_and_no_file_of_the_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    text = export_study("small.toml", "out", "snakemake", minutes=0).text.decode()
    outputs = [line for line in text.splitlines() if line.startswith("    output:")]
    assert len(outputs) == len(study_units("small.toml"))
    assert all(line.startswith("    output: touch(['.done/") for line in outputs)


def test_the_list_of_commands_says_needs_and_levels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    document = json.loads(export_study("small.toml", "out", "json", minutes=0).text)
    tasks = {task["units"][0]: task for task in document["tasks"]}
    assert tasks["score"]["needs"] == [tasks["ceiling"]["name"]] and tasks["score"]["level"] == 2
    assert tasks["ceiling"]["command"][:3] == ["pyalign", "study", "step"]
    assert document["finish"] == [
        "pyalign",
        "study",
        "finish",
        str(tmp_path / "small.toml"),
        "--out",
        str(tmp_path / "out"),
    ]


def test_the_command_writes_one_file_and_says_how_to_start_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    assert main(["study", "export", "small.toml", "--engine", "slurm", "--sbatch", "gpu=--constraint=gpu"]) == 0
    printed = capsys.readouterr()
    assert printed.out.endswith("\n\n  bash small/slurm.sh\n") and os.listdir("small") == ["slurm.sh"]
    assert "note: nodes must see these paths" in printed.err  # the folder of a test is a temporary one
    before = Path("small/slurm.sh").read_bytes()
    assert main(["study", "export", "small.toml", "--engine", "slurm", "--quiet"]) == 0
    assert capsys.readouterr().err == "" and Path("small/slurm.sh").read_bytes() == before
    assert subprocess.run(["bash", "-n", "small/slurm.sh"]).returncode == 0
    if (shellcheck := Path(sys.executable).with_name("shellcheck")).exists():
        found = subprocess.run([shellcheck, "--severity=warning", "small/slurm.sh"], capture_output=True, text=True)
        assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        ("--engine slurm --sbatch \"gpu='\"", "--sbatch must be words as a shell reads them; got", 1),
        ("--engine slurm --sbatch all=--x", "--sbatch must be gpu=OPTIONS or cpu=OPTIONS; got 'all=--x'", 1),
        ("--engine json --sbatch cpu=--x", "--sbatch cpu=--x applies only to --engine slurm", 1),
        ("--engine slurn", "did you mean 'slurm'?", 2),
        ("--engine snakemake", "small/Snakefile: is there, and pyalign has not written it; take another folder", 1),
        ("--engine json", "small/commands.json: is a link, which is not followed", 1),
        ("--engine slurm --shards 0", "expected a whole number from 1", 2),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(tmp_path, monkeypatch, capsys, words, message, code):
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    Path("small").mkdir()
    Path("small/Snakefile").write_text("rule mine:\n")
    Path("small/commands.json").symlink_to(tmp_path / "elsewhere")
    before = sorted(map(str, tmp_path.rglob("*")))
    try:
        ended = main(["study", "export", "small.toml", *shlex.split(words)])
    except SystemExit as stop:
        ended = stop.code
    assert ended == code and message in capsys.readouterr().err.splitlines()[0]
    assert sorted(map(str, tmp_path.rglob("*"))) == before
    assert Path("small/Snakefile").read_text() == "rule mine:\n"
