"""tools/first_light.sh without a device: with programs that stand in for those of a machine with one; and rehearsed."""

from __future__ import annotations

import csv
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "tools" / "first_light.sh"
INTERPRETER = sys.executable
H100 = "NVIDIA H100 80GB HBM3"
# Each notes its call; FAILS and HANGS say which do, by words that stand in the call.
PROGRAM = """#!/bin/bash
call="{name} $*"
echo "$call" >> "$CALLS"
echo "$call was called" >&2
for word in $FAILS; do case $call in *"$word"*) echo "no $word today"; exit 3;; esac; done
trap 'echo "engine cuda: 2 passed until then"; exit 4' INT
for word in $HANGS; do case $call in *"$word"*) sleep 297.5 & echo $! >> "$CALLS.asleep"; wait;; esac; done
"""
CMAKE = """
mkdir -p "$4"
[ "$1" = -S ] && touch "$4/build.ninja"
if [ "$1" = --build ]; then
  mkdir -p "$2/tests/cuda"
  sed s/cmake/check/ "$0" | sed '/^mkdir/,$d' > "$2/tests/cuda/check_cuda_device"
  chmod +x "$2/tests/cuda/check_cuda_device"
fi
"""
SANITIZER = 'for program; do case $program in */check_cuda_device) exec "$program";; esac; done\n'
NVIDIA_SMI = f'case $1 in --query-gpu=name) echo "{H100}";; esac\n'
PYTHON = """
case "$*" in
  *"-m pytest"*) echo "engine cuda: 150 passed, 3 skipped";;
  *"-m benchmarks.gpu --out"*) cp "$ROWS" gpu.csv;;
esac
"""
# What Nsight Compute writes for two calls, each of which follows a kernel of torch's that only sleeps.
NCU = """
while [ "$1" != --log-file ]; do shift; done
cp "$COUNTS" "$2"
echo "profiled pyalign cuda"
echo "profiled pyalign triton"
"""
METRICS = {
    "gpu__time_duration.sum": "ns", "dram__bytes.sum": "byte", "lts__t_bytes.sum": "byte",
    "smsp__inst_executed.sum": "inst", "sm__throughput.avg.pct_of_peak_sustained_elapsed": "%",
    "gpu__compute_memory_throughput.avg.pct_of_peak_sustained_elapsed": "%",
}
FLOAT_ROWS = "_Z9from_rowsILb0EfEvPT0_"  # from_rows<false, float>
DECISIONS = "odd_one_out: n = 100,000, d = 512, t = 5 M int32 float32"


@pytest.fixture
def first_light(monkeypatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("first_light")


@pytest.fixture
def cases(first_light):
    """The title of each case of the benchmark, by the name of the step that profiles it."""
    return {first_light.ncu_name(number): first_light.title(case) for number, case in enumerate(first_light.GPU_CASES)}


def counted(path, rows):
    """As `ncu --csv --page raw` writes its log; rows: a name and six counts."""
    lines = ["==PROF== Connected to process 7"]
    lines += [
        ",".join(f'"{cell}"' for cell in cells)
        for cells in (
            ("ID", "Kernel Name", *METRICS), ("", "", *METRICS.values()), *((k, *row) for k, row in enumerate(rows)))
    ]
    path.write_text("\n".join([*lines, "==PROF== Disconnected from process 7", ""]))


def wheel(path):
    """A wheel with one module, made by hand."""
    with zipfile.ZipFile(path / "carried-1.0-py3-none-any.whl", "w") as file:
        file.writestr("carried.py", "")
        file.writestr("carried-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carried\nVersion: 1.0\n")
        file.writestr("carried-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("carried-1.0.dist-info/RECORD", "carried.py,,\n")


@pytest.fixture
def machine(tmp_path, monkeypatch, first_light):
    """Runs parts on a machine with such programs: exit status, reports by part, calls since the last time."""
    programs, calls = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    bodies = {"cmake": CMAKE, "python": PYTHON, "ncu": NCU, "compute-sanitizer": SANITIZER, "nvidia-smi": NVIDIA_SMI}
    for name, body in bodies.items():
        (programs / name).write_text(PROGRAM.format(name=name) + body)
        (programs / name).chmod(0o755)
    sleeps = ("void at::cuda::spin_kernel(long)", 9, 9, 9, 9, 9, 9)
    counted(
        tmp_path / "counts.csv",
        [
            sleeps,
            ("_Z5firstv", 1_000_000, 2_000_000, 0, 5, 10, 20),
            (FLOAT_ROWS, "3,000,000", "20,000,000,000", "30,000,000,000", "1,690,000,000", 61, 83),
            sleeps,
            ("triton_kernel", 2_000, 1, 1, 1, 1, 1),
        ],
    )
    fields = ["op", "backend", "case", "dtype", "median", "graph"]
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerows([fields, ["odd_one_out", "pyalign cuda", "large-100k", "float32", "0.01394", "nan"]])
        table.writerow(["odd_one_out", "pyalign cuda product=cublas", "large-100k", "float32", "0.00697", "0.00697"])
        table.writerow(["odd_one_out", "torch", "large-100k", "float32", "0.0697", "0.0348"])
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setattr(first_light, "CUDA", tmp_path / "nowhere")
    places = {"CALLS": calls, "ROWS": tmp_path / "rows.csv", "COUNTS": tmp_path / "counts.csv"}
    for name, place in {"PATH": f"{programs}:/usr/bin:/bin", **places}.items():
        monkeypatch.setenv(name, str(place))

    def run(*parts, fails="", hangs="", seconds=60, without=()):
        monkeypatch.setenv("FAILS", fails)
        monkeypatch.setenv("HANGS", hangs)
        for name in without:
            (programs / name).unlink()
        calls.write_text("")
        options = ["--seconds", str(seconds), "--out", str(tmp_path / "out"), "--build", str(tmp_path / "build")]
        status = first_light.main([*options, *(word for part in parts for word in ("--part", part))])
        return (
            status,
            {path.name.split(".")[0]: report_in(path) for path in (tmp_path / "out").glob("*.gz")},
            calls.read_text(),
        )

    return run


def in_archive(path):
    """The texts in the archive of a part, by name."""
    with tarfile.open(path) as file:
        found = {Path(member.name).name: file.extractfile(member) for member in file.getmembers() if member.isfile()}
        return {name: opened.read().decode() for name, opened in found.items()}


def report_in(path):
    """What came of each step of a part, by name."""
    return {step["name"]: step["outcome"] for step in json.loads(in_archive(path)["report.json"])["steps"]}


def test_every_part_runs_in_order_of_worth_and_leaves_one_archive_with_its_logs(machine, tmp_path, cases):
    status, reports, calls = machine()
    assert status == 0, reports
    parts = ["check", "benchmarks", "tests", "ncu", "memcheck", "rest"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        [*(f"{p}.tar.gz" for p in parts), "summary.md"]
    )
    assert all(outcome == "passed" for report in reports.values() for outcome in report.values())
    assert list(reports["check"]) == [
        "nvidia-smi", "packages", "install", "configure-normal", "build-normal", "engines", "quick",
    ]
    assert list(reports["ncu"]) == ["install", *cases]
    assert [name for name in reports["rest"] if "check" in name] == [
        f"{tool}-{limits}" for limits, tools in (
            ("normal", ["check", "racecheck", "initcheck", "synccheck"]),
            ("low", ["check", "memcheck", "racecheck", "initcheck", "synccheck"]),
        ) for tool in tools
    ]
    order = ["check --quick", "benchmarks.gpu --out", "-m pytest", "ncu ", "--tool memcheck", "kernel_table.py"]
    assert sorted(order, key=calls.index) == order
    logs = in_archive(tmp_path / "out" / "check.tar.gz")
    assert "cmake --build" in logs["build-normal.log"] and "nvidia-smi -q was called" in logs["nvidia-smi.log"]


def test_kernels_are_compiled_for_the_card_alone_and_once(machine):
    calls = machine("check", "memcheck")[2]
    configured = [call for call in calls.splitlines() if call.startswith("cmake -S")]
    assert len(configured) == 1 and "-DPYALIGN_CUDA_ARCHITECTURES=native" in configured[0]
    assert "cmake -S" not in machine("memcheck")[2]


def test_tests_of_the_device_alone_are_collected_and_every_engine_must_run(machine):
    calls = machine("tests")[2]
    assert re.search(rf"python -m pytest .*--first-light device {ROOT}/tests/gpu$", calls, re.MULTILINE)


def test_a_profile_takes_speed_of_light_and_memory_and_leaves_the_clocks_alone(machine, cases):
    calls = [call for call in machine("ncu")[2].splitlines() if call.startswith("ncu ")]
    assert [call.partition("--only ")[2] for call in calls] == list(cases.values())
    for words in ("--section SpeedOfLight ", "--section MemoryWorkloadAnalysis ", "--clock-control none "):
        assert all(words in call for call in calls)


def test_a_step_that_fails_is_named_with_its_last_line_and_keeps_the_others_running(machine, tmp_path):
    status, reports, _ = machine("check", "rest", fails="racecheck --install")
    assert status == 1
    assert reports["rest"]["racecheck-normal"] == reports["rest"]["racecheck-low"] == "failed with status 3"
    assert reports["check"]["engines"] == "left out: install did not pass"
    assert reports["check"]["quick"] == reports["rest"]["synccheck-low"] == "passed"
    assert "install: failed with status 3 (no --install today)" in (tmp_path / "out" / "summary.md").read_text()


@pytest.mark.parametrize(
    ("words", "part"), [("TENSOR_BACKENDS", "check"), ("TENSOR_BACKENDS", "benchmarks"), ("cacheprovider", "tests")]
)
def test_an_engine_that_cannot_run_fails(machine, words, part):
    assert machine(part)[0] == 0
    assert machine(part, fails=words)[0] == 1


def test_a_missing_tool_is_said(machine):
    status, reports, _ = machine("memcheck", without=["compute-sanitizer"])
    assert status == 1 and reports["memcheck"]["memcheck-normal"] == "left out: no compute-sanitizer"


@pytest.mark.slow
def test_a_part_ends_within_its_seconds_with_what_its_steps_have_started(machine, tmp_path):
    begin = time.monotonic()
    status, reports, _ = machine("rest", hangs="racecheck", seconds=30)  # enough for the steps before, on any machine
    assert time.monotonic() - begin < 120  # not the 297.5 s of what hangs
    assert status == 1
    outcomes = list(reports["rest"].values())
    assert outcomes.count("stopped: the time was over") == 1 and outcomes.count("not begun: the time was over") == 3
    page = (tmp_path / "out" / "summary.md").read_text()
    assert "initcheck-normal, synccheck-normal, configure-low: not begun: the time was over" in page
    (asleep,) = (tmp_path / "calls.asleep").read_text().split()
    begin = time.monotonic()
    while (state := state_of(asleep)) not in ("", "Z") and time.monotonic() - begin < 60:
        time.sleep(0.1)
    assert state in ("", "Z")


def state_of(process):
    """The state of a process as ps has it, "" of one that is gone."""
    return subprocess.run(["ps", "-o", "stat=", "-p", process], capture_output=True, text=True).stdout.strip()[:1]


def test_a_step_that_is_stopped_may_say_what_it_has_come_to(machine, tmp_path):
    assert machine("tests", hangs="cacheprovider", seconds=4)[1]["tests"]["tests"] == "stopped: the time was over"
    assert "- engine cuda: 2 passed until then" in (tmp_path / "out" / "summary.md").read_text()


def test_profiles_go_on_with_the_cases_that_were_not_reached_and_begin_anew_when_all_are_done(machine, tmp_path, cases):
    third = list(cases)[2]
    status, reports, _ = machine("ncu", fails=f"{third}.csv")
    assert status == 1 and reports["ncu"][third] == "failed with status 3"
    status, reports, calls = machine("ncu")
    assert status == 0 and set(reports["ncu"].values()) == {"passed"}
    assert [call.partition("--only ")[2] for call in calls.splitlines() if call.startswith("ncu")] == [cases[third]]
    assert set(cases) <= {name.removesuffix(".csv") for name in in_archive(tmp_path / "out" / "ncu.tar.gz")}
    assert machine("ncu")[2].count("\nncu ") == len(cases)


def test_a_run_that_is_killed_leaves_its_archive(machine, tmp_path):
    machine("memcheck")
    environment = {**os.environ, "HANGS": "compute-sanitizer", "PYTHON": INTERPRETER}
    command = ["bash", SCRIPT, "--part", "memcheck"]
    places = ["--out", tmp_path / "out", "--build", tmp_path / "build"]
    process = subprocess.Popen([*command, *places], env=environment, stdout=subprocess.DEVNULL)
    (tmp_path / "calls").write_text("")
    for _ in range(2400):
        if "compute-sanitizer" in (tmp_path / "calls").read_text():
            break
        time.sleep(0.05)
    process.terminate()
    assert process.wait(120) == 1
    assert report_in(tmp_path / "out" / "memcheck.tar.gz")["memcheck-normal"] == "stopped here"


def test_without_a_device_one_line_says_how_to_rehearse(machine, capsys, tmp_path):
    status, _, _ = machine("check", without=["nvidia-smi"])
    assert status == 2 and not (tmp_path / "out").exists()
    assert capsys.readouterr().err == "no CUDA device (nvidia-smi finds none); --rehearse runs the kernels on the CPU\n"


@pytest.mark.parametrize("seconds", ["0", "nan"])
def test_seconds_must_be_some(first_light, capsys, seconds):
    with pytest.raises(SystemExit):
        first_light.main(["--seconds", seconds])
    assert f"--seconds must be 1 or more; got {seconds}" in capsys.readouterr().err


def test_pyalign_is_installed_without_a_network_apart_from_the_sources_and_once(first_light, tmp_path, monkeypatch):
    site, commands = tmp_path / "site", []

    def run(command, check, env=None):
        commands.append((command, env))
        site.mkdir(exist_ok=True)
        if str(command[-1]).startswith("/") and not command[-1].endswith(".whl"):
            assert (Path(command[-1]) / "csrc" / "cuda" / "topk.cu").exists() and Path(command[-1]) != ROOT
            assert not list(Path(command[-1]).rglob("*.so"))

    wheel(tmp_path)
    monkeypatch.setattr(first_light.subprocess, "run", run)
    words = ["--install", str(site), "--wheels", str(tmp_path)]
    assert first_light.main(words) == 0
    (wheels, _), (sources, environment) = commands
    assert wheels[-1].endswith("carried-1.0-py3-none-any.whl")
    assert {"--no-index", "--no-deps", "--target", str(site)} <= set(wheels) & set(sources)
    assert "--no-build-isolation" in sources
    assert "-DPYALIGN_CUDA=ON -DPYALIGN_CUDA_ARCHITECTURES=native" in environment["PYALIGN_CMAKE_ARGS"]
    assert first_light.main(words) == 0
    assert len(commands) == 2, "these sources are there"
    (site / "sources").write_text("others")
    assert first_light.main(words) == 0
    assert len(commands) == 4


# The summary


def cells(page, *starts):
    """The cells of the row that begins with these."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    return next(row[len(starts) :] for row in rows if row[: len(starts)] == list(starts))


def test_the_summary_says_what_was_predicted_what_was_measured_and_the_ratio(machine, tmp_path):
    machine("benchmarks", "tests", "ncu")
    page = (tmp_path / "out" / "summary.md").read_text()
    assert page.startswith(f"# First light: {H100}\n") and "Rehearsed" not in page
    assert "- engine cuda: 150 passed, 3 skipped" in page
    assert cells(page, "check")[0] == "not run"
    # The roofline of these decisions is 6.97 ms; 169 instructions a triplet of 5 M.
    assert cells(page, DECISIONS, "6.97 ms") == [
        "13.9 ms, 2.00",
        "",
        "",
        "cuda product=cublas: 6.97 ms, 1.00; graph 6.97 ms, 1.00",
        "torch: 69.7 ms, 10.01; graph 34.8 ms, 5.00",
    ]
    time_cell, memory, l2, issued, light = cells(page, DECISIONS, "cuda")
    assert time_cell == "6.97 ms, 4 ms, 0.57"
    assert memory == "23.3 GB, 20 GB, 0.86" and l2 == "30.8 GB, 30 GB, 0.97"
    assert issued == "`from_rows<false, float>`: 845 M, 1.69 G, 2.00" and light == "61 %, 83 %"
    assert cells(page, DECISIONS, "triton")[3] == ""
    assert len(page.splitlines()) < 150, "one page"


def test_archives_of_several_calls_make_one_summary(machine, tmp_path, first_light, capsys):
    machine("benchmarks")
    (tmp_path / "out" / "benchmarks.tar.gz").rename(tmp_path / "benchmarks.tar.gz")
    machine("ncu")
    (tmp_path / "benchmarks.tar.gz").rename(tmp_path / "out" / "benchmarks.tar.gz")
    capsys.readouterr()
    assert first_light.main(["--summary", "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "summary.md").read_text()
    assert capsys.readouterr().out == page + "\n"
    assert cells(page, DECISIONS, "6.97 ms") and cells(page, DECISIONS, "cuda")


def test_counts_of_a_profile_that_failed_are_left_out(first_light):
    summary = importlib.import_module("first_light_summary")
    assert summary.read_ncu("==ERROR== no counters\n") == [] and summary.read_ncu("") == []
    assert summary.calls_of("profiled pyalign cuda\n", []) == {}


def test_each_predicted_count_of_a_benchmark_names_one_of_its_cases(first_light, cases):
    counts = importlib.import_module("machine_code")
    entries = counts.read_entries(ROOT / "tools" / "machine_code.toml")[1]["case"]
    named = [entry["benchmark"] for entry in entries if "benchmark" in entry]
    assert len(named) > 4 and set(named) <= set(cases.values())


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="No shellcheck.")
def test_shellcheck_finds_nothing():
    scripts = [SCRIPT, ROOT / "tools" / "demo.sh", ROOT / ".ci" / "run"]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stdout


# A rehearsal: without a device, and without a network

COUNTED = """#!/bin/bash
while [ "$1" != --log-file ]; do shift; done
cp {counts} "$2"
shift 2
exec "$@"
"""
cuts_the_network = pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "-rn", "true"], check=False).returncode != 0,
    reason="No network namespaces for this user.",
)


@pytest.fixture(scope="module")
def rehearse(tmp_path_factory):
    """Runs parts with the network cut: exit status, output and the summary. The emulated kernels are built already."""
    for package in ("torch", "triton", "pybind11"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    from emulated_builds import Build

    folder = tmp_path_factory.mktemp("rehearsal")
    emulated = Build(tmp_path_factory)
    for target in ("check_cuda", "_cuda_emulated"):
        emulated.build(target)
    (folder / "emulated").symlink_to(emulated.folder)
    wheel(folder)
    counted(folder / "counts.csv", [("spin_kernel", *"999999"), ("kernel", *"123456")])
    (folder / "ncu").write_text(COUNTED.format(counts=folder / "counts.csv"))
    (folder / "ncu").chmod(0o755)
    # The kernels of the host are not rehearsed: nothing is compiled for them.
    ours = {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHON": INTERPRETER, "PYALIGN_PURE": "1"}
    environment = {**os.environ, **ours}

    def run(*parts):
        command = ["unshare", "-rn", "bash", SCRIPT, "--rehearse", "--seconds", "600", "--out", folder / "out"]
        command += ["--build", folder, "--wheels", folder]
        command += [word for part in parts for word in ("--part", part)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr, (folder / "out" / "summary.md").read_text(encoding="utf-8")

    run.site = folder / "site"
    return run


@pytest.fixture(scope="module")
def rehearsed(rehearse):
    """The parts that a rehearsal has programs for."""
    return rehearse("check", "benchmarks", "tests", "ncu")


@cuts_the_network
@pytest.mark.slow
@pytest.mark.suite("kernels")
@pytest.mark.of_kernels
class TestRehearsal:
    def test_it_installs_checks_and_runs_every_engine_without_a_network(self, rehearse, rehearsed):
        status, output, page = rehearsed
        assert status == 0, output
        assert "check: nvidia-smi: not rehearsed: no nvidia-smi" in output or shutil.which("nvidia-smi")
        assert (rehearse.site / "carried.py").exists(), "the wheel is installed"
        for engine in ("cuda", "triton", "torch"):
            assert f"- engine {engine}: runs" in page and f"- engine {engine}: 1 passed" in page

    def test_no_figure_of_it_counts_as_measured(self, rehearsed, cases):
        page = rehearsed[2]
        assert "Rehearsed on the CPU: check, benchmarks, tests, ncu. No figure of these parts is measured." in page
        for title in cases.values():
            _, *engines, routes, peer = cells(page, title)
            assert "not measured" in engines and set(engines) <= {"", "not measured"}
            assert all(cell == "" or cell.endswith(": not measured") for cell in (routes, peer))
        figures = cells(page, cases["ncu-01"], "cuda")
        assert [cell.rpartition(", ")[2] for cell in figures if cell] == 4 * ["not measured"]

    def test_an_engine_that_is_made_to_fail_fails_it(self, rehearse, rehearsed):
        module = rehearse.site / "pyalign" / "backends" / "_cuda.py"
        before = module.read_text()
        module.write_text("raise ImportError('made to fail')\n")
        try:
            status, output, page = rehearse("tests")
        finally:
            module.write_text(before)
        assert status == 1
        assert "- engine cuda: 1 error" in page and "- engine triton: 1 passed" in page
        assert "tests: tests: failed with status 1" in output
