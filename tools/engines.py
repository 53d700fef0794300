"""Studies on engines whose processes are killed: is the folder that of one run, byte for byte?

    python tools/engines.py [NAME ...]                 runs the cases and writes their rows to tools/engines.csv
    python tools/engines.py --install [NAME ...]       only installs what they need

Cases: `snakemake`, a job killed, then its driver killed by SIGKILL, then the same command again; `submitit` and `ray`,
the programs of docs/howto-cluster.md, run to their end. Each engine is installed into a virtual environment in
build/engines: the first run needs the network. The study is that of tests/engines, which run SLURM and Dask.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path += [str(REPOSITORY / "tests"), str(REPOSITORY / "tests" / "engines")]

import csv_rows  # noqa: E402
from cluster_study import EPOCH, difference, run_serially, write_study  # noqa: E402

ROWS, PAGE = REPOSITORY / "tools" / "engines.csv", REPOSITORY / "docs" / "howto-cluster.md"
ENVIRONMENTS = REPOSITORY / "build" / "engines"
PACKAGES = {"snakemake": "snakemake", "submitit": "submitit", "ray": "ray"}
ROUNDS = 3


def is_there(name: str) -> bool:
    """Whether an engine is installed."""
    return (ENVIRONMENTS / name / "complete").exists()


def environment_of(name: str) -> Path:
    """The programs of a virtual environment that has the engine."""
    place = ENVIRONMENTS / name
    if not is_there(name):
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([place / "bin" / "pip", "install", "--quiet", PACKAGES[name]], check=True)
        (place / "complete").touch()
    return place / "bin"


def run_snakemake(programs: Path, folder: Path, seed: int) -> dict[str, object]:
    """Kills a job and then the driver, at moments that the seed decides, and calls the same command again."""
    rng, out = random.Random(seed), folder / f"out{seed}"
    command = [*exported(folder, out, "snakemake"), "--quiet"]
    command[0] = str(programs / "snakemake")
    killed = commands = 0
    for what in ("job", "driver", ""):
        nothing = subprocess.DEVNULL
        driver = subprocess.Popen(command, cwd=folder, stdout=nothing, stderr=nothing, env=environment())
        commands += 1
        if what:
            wait_for_units(out, driver, rng.randint(2, 5))
            target = driver.pid if what == "driver" else next(iter(steps(out)), None)
            if target is not None and driver.poll() is None:
                os.kill(target, signal.SIGKILL)
                killed += 1
        code = driver.wait()
        if what == "driver":
            end = time.monotonic() + 60  # one that has just been started looks for its parent when it has loaded
            while steps(out):
                assert time.monotonic() < end, "a step lives on after its driver was killed"
                time.sleep(0.1)
    assert code == 0
    return {"killed": killed, "commands": commands, "differences": len(difference(folder / "serial", out))}


def run_page(name: str) -> Callable[[Path, Path, int], dict[str, object]]:
    """The program of the page that uses an engine."""

    def run(programs: Path, folder: Path, seed: int) -> dict[str, object]:
        (text,) = re.findall(
            rf"^cat > with_{name}\.py << 'END'\n(.*?)^END$", PAGE.read_text(), re.MULTILINE | re.DOTALL
        )
        exported(folder, folder / "results", "json")
        (folder / "program.py").write_text(text.replace("AutoExecutor(folder", 'AutoExecutor(cluster="local", folder'))
        command = [programs / "python", "program.py"]
        subprocess.run(command, cwd=folder, env=environment(), check=True, stdout=subprocess.DEVNULL)
        found = len(difference(folder / "serial", folder / "results"))
        shutil.rmtree(folder / "results")
        return {"killed": 0, "commands": 1, "differences": found}

    return run


CASES = {"snakemake": run_snakemake, "submitit": run_page("submitit"), "ray": run_page("ray")}


def exported(folder: Path, out: Path, engine: str) -> list[str]:
    """Writes what the engine reads; gives the words of its command."""
    from pyalign.study.export import export_study

    export = export_study(folder / "engines.toml", out, engine, minutes=0.05)
    out.mkdir(exist_ok=True)
    Path(export.path).write_bytes(export.text)
    return [*export.run]


def environment() -> dict[str, str]:
    return {**os.environ, **EPOCH, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def steps(out: Path) -> list[int]:
    """The processes that make units of this folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"step" in words and os.fsencode(out) in words and b"-c" not in words:
            found.append(int(place.parent.name))
    return found


def wait_for_units(out: Path, driver: subprocess.Popen[bytes], count: int) -> None:
    """Waits until so many units more are done, and one is being made."""
    before = len([*(out / "records").glob("*.json")])
    end = time.monotonic() + 120
    while driver.poll() is None and time.monotonic() < end:
        if len([*(out / "records").glob("*.json")]) >= before + count and steps(out):
            return
        time.sleep(0.02)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}")
    parser.add_argument("--install", action="store_true", help="run nothing")
    options = parser.parse_args()
    if unknown := {*options.names} - {*CASES}:
        parser.error(f"there is no {min(unknown)}")
    names, rows = options.names or [*CASES], []
    if options.install:
        for name in names:
            environment_of(name)
        return 0
    for name in names:
        programs = environment_of(name)
        version = subprocess.run(
            [programs / "python", "-c", f"import importlib.metadata as m; print(m.version({name!r}))"], check=True,
            capture_output=True, text=True,
        ).stdout.strip()
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            study = write_study(folder, 3)
            run_serially(study, folder / "serial")
            from pyalign.study.units import study_units

            for seed in range(ROUNDS if name == "snakemake" else 1):
                row = CASES[name](programs, folder, seed)
                rows.append({"case": name, "version": version, "units": len(study_units(study)), **row})
                print(rows[-1])
    csv_rows.put(ROWS, rows, "case")
    return 1 if any(row["differences"] for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
