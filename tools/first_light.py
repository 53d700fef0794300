"""The first half hour on a machine with a CUDA device: what waits for one, in parts, the most wanted first.

    tools/first_light.sh [--part NAME ...] [--seconds N] [--out FOLDER] [--wheels FOLDER] [--rehearse]
    tools/first_light.sh --summary --out FOLDER

Parts, in the order in which they run:
  check       installs pyalign, asks for every engine, and checks the CUDA kernels against naive loops
  benchmarks  python -m benchmarks.gpu
  tests       tests/gpu
  ncu         Nsight Compute on each case of the benchmark: time, memory, instructions of every kernel
  memcheck    the checks under compute-sanitizer
  rest        all checks, with low limits too, the other sanitizers, registers, machine code

A part ends within its seconds and can be repeated: what is compiled is kept, and ncu goes on with the cases that it has
not come to. It leaves one archive, FOLDER/NAME.tar.gz, and FOLDER/summary.md is written from all archives that lie
there. Nothing is fetched from a network. --rehearse needs no device: the CUDA kernels are emulated, Triton's
interpreted, on small cases, and no figure counts as measured. Exit status: 0 when all steps passed, 1 when one did not,
2 without a device.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / "tools"
sys.path[:0] = [str(TOOLS), str(ROOT)]
import first_light_summary  # noqa: E402
from build_cache import key_of, sources_below  # noqa: E402
from first_light_summary import COUNTS, PARTS, ncu_name  # noqa: E402

from benchmarks.gpu_cases import GPU_CASES, title  # noqa: E402
from benchmarks.results import commit  # noqa: E402

STAMP = "sources"  # in the folder that pyalign is installed into: what names these
SOURCES = (
    "csrc", "pyalign", "CMakeLists.txt", "LICENSE", "README.md", "pyproject.toml", "setup.py", "tools/build_cache.py",
)
PIP = (sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--upgrade", "--target")
OPTIONS = {False: "-DPYALIGN_CUDA=ON -DPYALIGN_CUDA_ARCHITECTURES=native", True: "-DPYALIGN_CUDA=OFF"}
EMULATED = """from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from sys import modules

spec = spec_from_file_location("_cuda_emulated", next(Path({folder!r}).glob("_cuda_emulated*.so")))
modules[__name__] = module_from_spec(spec)
spec.loader.exec_module(modules[__name__])
"""
SECONDS = 540
PASSED, NOT_HERE = "passed", "not rehearsed"
CUDA = Path("/usr/local/cuda/bin")  # after what PATH has
RESERVED = 15  # of a part's seconds, at most a quarter, for the end of its last step, its archive and the summary
SANITIZERS = ("memcheck", "racecheck", "initcheck", "synccheck")
# Sections by which speed of light and memory are judged, and the counts that are predicted.
NCU = (
    "ncu", "--clock-control", "none", "--target-processes", "all", "--profile-from-start", "off",
    "--section", "SpeedOfLight", "--section", "MemoryWorkloadAnalysis", "--metrics", ",".join(COUNTS),
    "--page", "raw", "--csv", "--print-units", "base", "--print-kernel-base", "mangled", "--log-file",
)
ENGINES = """
import sys
from pyalign.backends import TENSOR_BACKENDS, Place, get_backend
missing = []
for name in TENSOR_BACKENDS:
    try:
        get_backend(name, Place(sys.argv[1], "float32"))
        print(f"engine {name}: runs")
    except Exception as error:
        missing.append(f"engine {name}: {error}")
sys.exit("\\n".join(missing) or 0)
"""


class Step(NamedTuple):
    """A command whose output goes to NAME.log. It needs a step before it to have passed; `once`: not again then."""

    name: str
    command: tuple[str, ...]
    needs: str = ""
    once: bool = False


Done = dict[str, Any]  # what came of a step: name, outcome (PASSED, or why not), seconds


@dataclass(frozen=True)
class Setting:
    """What is asked for, and where things lie."""

    build: Path
    wheels: Path
    rehearse: bool

    def environment(self) -> dict[str, str]:
        """Of every step: pyalign is the installed one, the other modules are those of the sources."""
        path = os.pathsep.join([os.environ["PATH"], str(CUDA), str(Path(sys.executable).parent)])
        modules = os.pathsep.join([str(self.build / "site"), str(ROOT)])
        emulated = {"TRITON_INTERPRET": "1"} if self.rehearse else {}
        return {**os.environ, "PATH": path, "PYTHONPATH": modules, **emulated}

    # ---------------------------------------------------------------- the parts

    def check(self) -> list[Step]:
        few = ("topk",) if self.rehearse else ()  # the tests of the emulator run the others
        return [
            Step("nvidia-smi", ("nvidia-smi", "-q")), Step("packages", (sys.executable, "-m", "pip", "list")),
            self._installed(), *self._built("normal"), self._engines(),
            Step("quick", (self._program("normal"), "--quick", *few), "build-normal"),
        ]

    def benchmarks(self) -> list[Step]:
        few = ("--rounds", "1") if self.rehearse else ()
        return [*self._ready(), self._engines(), self._benchmark("benchmarks", (), "--out", "gpu.csv", *few)]

    def tests(self) -> list[Step]:
        asked = ("rehearsal", "-k", "from_the_host") if self.rehearse else ("device",)
        options = ("-p", "no:cacheprovider", "-q", "-ra", "--first-light", *asked, str(ROOT / "tests/gpu"))
        return [*self._ready(), Step("tests", (sys.executable, "-m", "pytest", *options), "install")]

    def ncu(self) -> list[Step]:
        """A step for each case; a rehearsal makes do with the first."""
        names = {ncu_name(number): title(case) for number, case in enumerate(GPU_CASES)}
        steps = [self._benchmark(name, (*NCU, f"{name}.csv"), "--profile", "--only", case, once=True)
                 for name, case in names.items()]
        return [*self._ready(), *(steps[:1] if self.rehearse else steps)]

    def memcheck(self) -> list[Step]:
        return [*self._built("normal"), self._sanitized("memcheck", "normal")]

    def rest(self) -> list[Step]:
        steps, tables = self._ready(), () if self.rehearse else ("kernel_table", "machine_code")
        steps += [Step(name, (sys.executable, str(TOOLS / f"{name}.py")), "install") for name in tables]
        for limits in ("normal",) if self.rehearse else ("normal", "low"):
            tools = SANITIZERS[1:] if limits == "normal" else SANITIZERS  # memcheck is a part of its own
            check = Step(f"check-{limits}", (self._program(limits),), f"build-{limits}")
            steps += [*self._built(limits), check, *(self._sanitized(tool, limits) for tool in tools)]
        return steps

    # ---------------------------------------------------------------- what they share

    def _installed(self) -> Step:
        rehearsed = ("--rehearse",) if self.rehearse else ()
        places = ("--install", str(self.build / "site"), "--wheels", str(self.wheels))
        return Step("install", (sys.executable, __file__, *places, *rehearsed))

    def _ready(self) -> list[Step]:
        """pyalign with its CUDA kernels; those of a rehearsal are built apart."""
        return [self._installed(), *(self._built("normal") if self.rehearse else [])]

    def _engines(self) -> Step:
        """Fails where one can't run, which tests and benchmarks by themselves would leave out."""
        command = (sys.executable, "-c", ENGINES, "cpu" if self.rehearse else "cuda:0")
        return Step("engines", command, "install")

    def _benchmark(self, name: str, under: tuple[str, ...], *options: str, once: bool = False) -> Step:
        rehearsed = ("--rehearse",) if self.rehearse else ()
        command = (*under, sys.executable, "-m", "benchmarks.gpu", *rehearsed, *options)
        return Step(name, command, "install", once)

    def _folder(self, limits: str) -> Path:
        return self.build / ("emulated" if self.rehearse else limits)

    def _program(self, limits: str) -> str:
        return str(self._folder(limits) / "tests" / "cuda" / ("check_cuda" if self.rehearse else "check_cuda_device"))

    def _built(self, limits: str) -> list[Step]:
        """CMake's configuration, once, and the build of the checks; in a rehearsal of the module for Python too."""
        folder, low = self._folder(limits), "ON" if limits == "low" else "OFF"
        device = ("-DPYALIGN_CUDA=ON", "-DPYALIGN_CUDA_ARCHITECTURES=native", "-DPYALIGN_PYTHON=OFF")
        host = ("-DPYALIGN_CUDA=OFF", f"-DPython_EXECUTABLE={sys.executable}", *pybind11_of_python())
        options = ("-DPYALIGN_CUDA_EMULATION=ON", f"-DPYALIGN_LOW_LIMITS={low}", *(host if self.rehearse else device))
        targets = ("check_cuda", "_cuda_emulated") if self.rehearse else ("check_cuda_device",)
        command = ("cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", *options)
        configure = [] if (folder / "build.ninja").exists() else [Step(f"configure-{limits}", command)]
        build = ("cmake", "--build", str(folder), "--parallel", "--target", *targets)
        return [*configure, Step(f"build-{limits}", build, configure[0].name if configure else "")]

    def _sanitized(self, tool: str, limits: str) -> Step:
        # Errors of calls are not reported: the checks provoke one, a device that does not exist.
        command = ("compute-sanitizer", "--tool", tool, "--error-exitcode", "9", "--report-api-errors", "no")
        return Step(f"{tool}-{limits}", (*command, self._program(limits), "--quick"), f"build-{limits}")


# ---------------------------------------------------------------- the installation, without a network


def sources() -> dict[str, Path]:
    """The files that are installed, and those that the installation needs, by their names."""
    found = sources_below(ROOT, *SOURCES)
    return {name: path for name, path in found.items() if "__pycache__" not in name and path.suffix != ".so"}


def key(rehearse: bool) -> str:
    """What names these sources, this Python and how they are compiled."""
    return key_of(sources(), [sys.version, OPTIONS[rehearse]])


def install(site: Path, wheels: Path, rehearse: bool) -> None:
    """The folder anew, unless it holds these sources: wheels of what this Python lacks, pyalign, last of all the stamp.

    The CUDA kernels are compiled for the device of this machine; of a rehearsal those that are emulated, which are
    built in the folder `emulated` next to it, stand in for them.
    """
    if (site / STAMP).exists() and (site / STAMP).read_text() == key(rehearse):
        print(f"{site} holds these sources already")
        return
    shutil.rmtree(site, ignore_errors=True)
    needed = [str(path) for path in sorted(wheels.glob("*.whl"))]
    if needed:
        subprocess.run([*PIP, str(site), *needed], check=True)
    options = f"{OPTIONS[rehearse]} {os.environ.get('PYALIGN_CMAKE_ARGS', '')}"
    with tempfile.TemporaryDirectory(prefix="pyalign-sources-") as folder:
        for name, path in sources().items():
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, Path(folder, name))
        command = [*PIP, str(site), "--no-build-isolation", "--verbose", folder]
        subprocess.run(command, env={**os.environ, "PYALIGN_CMAKE_ARGS": options}, check=True)
    if rehearse:
        module = EMULATED.format(folder=str(site.resolve().parent / "emulated"))
        (site / "pyalign" / "backends" / "_cuda.py").write_text(module)
    (site / STAMP).write_text(key(rehearse))


def pybind11_of_python() -> tuple[str, ...]:
    """Where CMake finds that of this Python; () where there is none."""
    try:
        import pybind11
    except ImportError:
        return ()
    return (f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",)


# ---------------------------------------------------------------- running them


def run_part(part: str, setting: Setting, seconds: float, device: str, out: Path) -> list[Done]:
    """What came of every step that its seconds allow; the archive is written whatever becomes of them."""
    begin, folder, done = time.monotonic(), setting.build / "parts" / part, list[Done]()
    report = {"part": part, "device": device, "rehearsal": setting.rehearse, "sources": key(setting.rehearse)[:12],
              "commit": commit(), "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M")}
    steps: list[Step] = getattr(setting, part)()
    kept = steps_to_keep(folder, report["sources"], steps)
    if not kept:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for step in steps:
            if step.name in kept:
                done.append(kept[step.name])
                continue
            started = time.monotonic()
            done.append(one := {"name": step.name, "outcome": "stopped here", "seconds": 0.0})
            left = begin + seconds - min(RESERVED, seconds / 4) - started
            one["outcome"] = run_step(step, done, setting, folder, left)
            one["seconds"] = round(time.monotonic() - started, 1)
            print(f"{part}: {step.name}: {one['outcome']} ({one['seconds']:g} s)", flush=True)
    finally:
        report |= {"seconds": round(time.monotonic() - begin, 1), "steps": done}
        (folder / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
        archive(folder, out / f"{part}.tar.gz")
        first_light_summary.write(out)
    return done


def steps_to_keep(folder: Path, sources: str, steps: list[Step]) -> dict[str, Done]:
    """Those to do once that have passed with these sources; none where all of them have, so that they run again."""
    if not (folder / "report.json").exists():
        return {}
    before = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    once = {step.name for step in steps if step.once}
    passed = {one["name"]: one for one in before["steps"] if one["outcome"] == PASSED and one["name"] in once}
    return passed if before["sources"] == sources and len(passed) < len(once) else {}


def run_step(step: Step, before: list[Done], setting: Setting, folder: Path, seconds: float) -> str:
    """What came of it: PASSED, or why not."""
    if step.needs and not any(done["name"] == step.needs and done["outcome"] == PASSED for done in before):
        return f"left out: {step.needs} did not pass"
    environment = setting.environment()
    if not shutil.which(step.command[0], path=environment["PATH"]):
        return f"{NOT_HERE if setting.rehearse else 'left out'}: no {step.command[0]}"
    if seconds < 1:
        return "not begun: the time was over"
    with (folder / f"{step.name}.log").open("wb") as log:
        process = subprocess.Popen(
            step.command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return "stopped: the time was over"
        finally:
            end(process)
    return f"failed with status {status}" if status else PASSED


def end(process: subprocess.Popen[bytes]) -> None:
    """The process, if it still runs, which may say what it has come to, and then whatever it has started."""
    for number, seconds in ((signal.SIGINT, 5), (signal.SIGTERM, 2)):
        if process.poll() is None:
            os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def archive(folder: Path, path: Path) -> None:
    """The folder as one file, whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    with tarfile.open(temporary, "w:gz") as file:
        file.add(folder, folder.name)
    temporary.replace(path)


def device_here() -> str:
    """The name of the CUDA device; "" where there is none, or no program that knows it."""
    command = ("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    done = subprocess.run(command, capture_output=True, text=True) if shutil.which("nvidia-smi") else None
    return done.stdout.partition("\n")[0].strip() if done and not done.returncode else ""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/first_light.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", action="append", choices=PARTS, metavar="NAME", help="default: all of them")
    parser.add_argument("--seconds", type=float, default=SECONDS, metavar="N", help=f"of each part (default {SECONDS})")
    parser.add_argument("--out", type=Path, default=ROOT / "build/first_light/results", metavar="FOLDER")
    parser.add_argument("--wheels", type=Path, default=ROOT / "build/wheels", metavar="FOLDER")
    parser.add_argument("--build", type=Path, default=ROOT / "build/first_light", metavar="FOLDER", help="what is kept")
    parser.add_argument("--rehearse", action="store_true", help="without a device, on the CPU")
    parser.add_argument("--install", type=Path, metavar="FOLDER", help="only install pyalign into it")
    parser.add_argument("--summary", action="store_true", help="write the summary of the archives in --out anew")
    given = parser.parse_args(arguments)
    if not given.seconds >= 1:
        parser.error(f"--seconds must be 1 or more; got {given.seconds:g}")
    return given


def main(arguments: list[str] | None = None) -> int:
    """The parts that are asked for, each with its archive, and the summary."""
    given = parse(arguments)
    out = given.out.resolve()
    if given.summary:
        print(first_light_summary.write(out))
        return 0
    if given.install:
        try:
            install(given.install, given.wheels, given.rehearse)
        except subprocess.CalledProcessError as error:
            return error.returncode
        return 0
    device = "rehearsal" if given.rehearse else device_here()
    if not device:
        print("no CUDA device (nvidia-smi finds none); --rehearse runs the kernels on the CPU", file=sys.stderr)
        return 2
    setting = Setting(given.build.resolve(), given.wheels.resolve(), given.rehearse)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    done = [one for part in given.part or PARTS for one in run_part(part, setting, given.seconds, device, out)]
    print((out / first_light_summary.PAGE).read_text(encoding="utf-8"))
    return int(any(one["outcome"] != PASSED and not one["outcome"].startswith(NOT_HERE) for one in done))


if __name__ == "__main__":
    sys.exit(main())
