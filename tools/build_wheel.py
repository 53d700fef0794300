"""Builds an sdist and a wheel that loads on older systems: `make wheels`, or `python tools/build_wheel.py`.

The wheel is for Linux and this Python, and asks for glibc 2.28 at most (`manylinux_2_28`). Where the C library is that
old, as in the images of cibuildwheel, their compiler makes it. Elsewhere Zig's does, which links against the symbols of
that version (`pip install ziglang`), with pyalign's own pool of threads in place of a library of OpenMP; GCC, where
there is one, compiles the kernels. auditwheel checks what comes out. The same commit and compilers give the same
bytes: times are those of the commit.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GLIBC = (2, 28)
CUDA_12 = ROOT / "build" / "cuda-12" / "bin" / "nvcc"  # tools/cuda_12.sh: for drivers from R525
TARGET = f"{platform.machine()}-linux-gnu.{GLIBC[0]}.{GLIBC[1]}"
PLATFORM = f"manylinux_{GLIBC[0]}_{GLIBC[1]}_{platform.machine()}"
ZIG = '#!/bin/sh\nexec "{python}" -m ziglang {tool} "$@"\n'


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="dist", type=Path, help="folder of the files")
    parser.add_argument("--no-cuda", action="store_true", help="leave the CUDA kernels out")
    parser.add_argument("--no-sdist", action="store_true", help="build only the wheel")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="pyalign-wheel-") as folder:
        made = build(Path(folder), cuda=not options.no_cuda, sdist=not options.no_sdist)
        options.out.mkdir(parents=True, exist_ok=True)
        for one in made:
            print(shutil.copy2(one, options.out))


def build(folder: Path, cuda: bool, sdist: bool) -> list[Path]:
    """Makes the files in the folder, from a copy of the files that git knows."""
    sources, plain, repaired = folder / "sources", folder / "plain", folder / "repaired"
    copy_sources(sources)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch(), "PYALIGN_PURE": "0", **compiler()}
    if CUDA_12.exists():
        environment.setdefault("CUDACXX", str(CUDA_12))
    if not cuda:
        environment["PYALIGN_CMAKE_ARGS"] = environment.get("PYALIGN_CMAKE_ARGS", "") + " -DPYALIGN_CUDA=OFF"
    made = []
    if sdist:
        run([sys.executable, "setup.py", "-q", "sdist", "--dist-dir", plain], sources, environment)
        made += [repacked(one, int(environment["SOURCE_DATE_EPOCH"])) for one in plain.glob("*.tar.gz")]
    run([sys.executable, "setup.py", "-q", "bdist_wheel", "--dist-dir", plain], sources, environment)
    (wheel,) = plain.glob("*.whl")
    options = ["--strip", "--plat", PLATFORM, "--only-plat", "-w", repaired]
    run([sys.executable, "-m", "auditwheel", "repair", *options, wheel], folder, environment)
    return [*made, *repaired.glob("*.whl")]


def copy_sources(target: Path) -> None:
    """What a build reads: files that git tracks or would track, or all of an unpacked sdist."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True,
        text=True,
    )
    names = listed.stdout.split("\0") if listed.returncode == 0 else [
        path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*")
    ]
    for name in names:
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def epoch() -> str:
    """SOURCE_DATE_EPOCH, or the time of the last commit."""
    asked = os.environ.get("SOURCE_DATE_EPOCH")
    if asked:
        return asked
    shown = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    return shown.stdout.strip() if shown.returncode == 0 else "1700000000"


def compiler() -> dict[str, str]:
    """The variables that name a compiler whose programs run on the older C library."""
    if platform.system() != "Linux":
        sys.exit(f"wheels of {platform.system()} are built by cibuildwheel (pyproject.toml)")
    name, version = platform.libc_ver()
    if name == "glibc" and tuple(map(int, version.split(".")[:2])) <= GLIBC:
        return {}
    if not find_spec("ziglang"):
        sys.exit(
            f"this C library is {name} {version}: a wheel for {GLIBC[0]}.{GLIBC[1]} needs another compiler "
            "(pip install ziglang)"
        )
    folder = ROOT / "build" / "zig"  # of one name, so that a build is found again (build_cache.py)
    folder.mkdir(parents=True, exist_ok=True)
    tools = {"cc": f"cc -target {TARGET}", "c++": f"c++ -target {TARGET}", "ar": "ar", "ranlib": "ranlib"}
    for short, tool in tools.items():
        path = folder / f"zig-{short}"
        path.write_text(ZIG.format(python=sys.executable, tool=tool), encoding="utf-8")
        path.chmod(0o755)
    named = {name: folder / f"zig-{short}" for name, short in (("AR", "ar"), ("RANLIB", "ranlib"))}
    options = ["-DPYALIGN_THREADS=POOL", "-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF"]
    options += [*(f"-DCMAKE_{name}={path}" for name, path in named.items())]
    options += [f"-DCMAKE_CXX_COMPILER_{name}={path}" for name, path in named.items()]
    gcc = shutil.which("g++")
    if gcc:  # its kernels are faster, and ask for nothing of its own library
        options += [f"-DPYALIGN_KERNEL_CXX={gcc}"]
    return {
        "CC": str(folder / "zig-cc"), "CXX": str(folder / "zig-c++"),
        "PYALIGN_CMAKE_ARGS": " ".join([os.environ.get("PYALIGN_CMAKE_ARGS", ""), *options]).strip(),
    }


def repacked(sdist: Path, time: int) -> Path:
    """The same archive in one order and with one time, owner and compression."""
    with tarfile.open(sdist) as archive:
        members = [(one, archive.extractfile(one)) for one in archive.getmembers()]
        contents = [(one, data.read() if data else b"") for one, data in members]
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, data in sorted(contents, key=lambda one: one[0].name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = time, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            archive.addfile(member, io.BytesIO(data) if member.isfile() else None)
    with open(sdist, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=time) as packed:
        packed.write(whole.getvalue())
    return sdist


def run(command: list[object], folder: Path, environment: dict[str, str]) -> None:
    """Runs a command, whose output is shown where it fails."""
    scripts = sysconfig.get_path("scripts")
    variables = {**environment, "PATH": f"{scripts}{os.pathsep}{environment['PATH']}"}
    done = subprocess.run([str(word) for word in command], cwd=folder, env=variables, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")


if __name__ == "__main__":
    main()
