"""The wheel that tools/build_wheel.py makes: what it asks for and exports, where it goes, and that it computes.

PYALIGN_DIST is the folder of `make wheels`, whose wheel has the CUDA kernels. Without it, one without them is built;
its kernels are compiled once for sources, and kept by the build cache.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from cached_builds import counted
from test_without_compiler import environment_with, golden_scores, readme_without_the_tour, run

from pyalign.backends import native

tomllib = import_module("tomllib") if sys.version_info >= (3, 11) else pytest.importorskip("tomli")
ROOT = Path(__file__).resolve().parents[1]
DIST = os.environ.get("PYALIGN_DIST")
GLIBC, GLIBCXX = (2, 28), (3, 4, 25)
SYSTEM = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "ld-linux-x86-64.so.2"}
builds = pytest.mark.skipif(
    platform.machine() != "x86_64" or not all(map(find_spec, ("ziglang", "auditwheel", "setuptools"))),
    reason="wheels are built where ziglang and auditwheel are installed, on x86-64",
)


def made(folder, **variables):
    """What the tool prints that it has written."""
    words = [] if DIST else ["--no-cuda"]
    command = [sys.executable, ROOT / "tools" / "build_wheel.py", "--out", folder, *words]
    with counted():
        environment = {**os.environ, **variables}
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return [Path(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return sorted(Path(DIST).iterdir()) if DIST else made(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(files):
    return next(file for file in files if file.suffix == ".whl")


@pytest.fixture(scope="module")
def binaries(wheel, tmp_path_factory):
    """The shared objects in it, by name."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return {path.name.partition(".")[0]: path for path in folder.rglob("*.so*")}


def objdump(*words):
    if not shutil.which("objdump"):
        pytest.skip("objdump is not installed")
    return subprocess.run(["objdump", *map(str, words)], capture_output=True, text=True, check=True).stdout


def undefined(symbols):
    """Names that something else of the process must bring, and no version of a library says what."""
    lines = [line.split() for line in symbols.splitlines() if "*UND*" in line and " w " not in line]
    return {words[-1] for words in lines if not re.fullmatch(r"\(?[A-Z]+_[\d.]+\)?", words[-2])}


def newest(text, name):
    versions = re.findall(rf"\b{name}[_ ]([\d.]+)", text)
    return max((tuple(map(int, version.split("."))) for version in versions), default=(0,))


@builds
@pytest.mark.slow
def test_the_wheel_asks_for_nothing_newer_than_its_tag(wheel, binaries):
    assert wheel.name.endswith("-manylinux_2_28_x86_64.whl") and wheel.stat().st_size < 8e6
    assert binaries.keys() - {"_cuda"} == {"_native", "libpyalign"}
    for path in binaries.values():
        symbols, needed = objdump("-T", path), re.findall(r"NEEDED +(\S+)", objdump("-p", path))
        assert (2, 2) < newest(symbols, "GLIBC") <= GLIBC and newest(symbols, "GLIBCXX") <= GLIBCXX
        assert needed and {*needed} <= SYSTEM
        of_python = {name for name in undefined(symbols) if name.startswith(("Py", "_Py"))}
        assert undefined(symbols) == of_python, "a function that no library has"
        assert b"/csrc/" not in path.read_bytes(), "where the sources lay decides bytes"


def exported(path):
    lines = objdump("-T", path).splitlines()
    return [line.split()[-1] for line in lines if "*UND*" not in line and re.match("[0-9a-f]{8}", line)]


@builds
@pytest.mark.slow
def test_its_module_exports_only_what_python_calls(binaries):
    for name in binaries.keys() - {"libpyalign"}:
        assert exported(binaries[name]) == [f"PyInit_{name}"]
    names = exported(binaries["libpyalign"])
    assert len(names) > 30 and all(name.startswith("pa_") for name in names)


@pytest.mark.compiled
@pytest.mark.skipif(platform.system() != "Linux", reason="objdump reads the modules of Linux")
def test_so_do_the_modules_that_are_installed_here():
    paths = [*Path(native._native.__file__).parent.glob("_*.so")]
    assert paths
    for path in paths:
        assert exported(path) == [f"PyInit_{path.name.partition('.')[0]}"]


@pytest.mark.compiled
@pytest.mark.skipif(platform.system() != "Linux", reason="objdump reads the modules of Linux")
def test_what_gcc_compiles_for_a_wheel_calls_no_c_plus_plus_library():
    """A wheel has that of Clang: the kernels must do without, and the CUDA kernels without its streams."""
    modules = Path(native._native.__file__).parent
    (library,) = (modules.parent / "_c" / "lib").glob("libpyalign.so")
    assert not re.search("GLIBCXX|CXXABI", objdump("-T", library))
    for path in modules.glob("_cuda.*"):
        assert "ios_base" not in objdump("-T", path)


@builds
@pytest.mark.slow
def test_pip_refuses_it_where_the_c_library_is_too_old(wheel, tmp_path):
    """pip is asked for another platform than this one."""

    def download(platform):
        words = ["-m", "pip", "download", "--no-deps", "--no-index", "--only-binary", ":all:", "--platform", platform]
        command = [sys.executable, *words, "--dest", tmp_path / platform, wheel]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True)

    assert download("manylinux_2_28_x86_64").returncode == 0
    refused = download("manylinux_2_27_x86_64")
    assert refused.returncode != 0 and "is not a supported wheel on this platform" in refused.stderr


@builds
@pytest.mark.slow
def test_the_same_sources_give_the_same_bytes(files, tmp_path):
    """Compiled again in another folder, for `make wheels`. Otherwise the build cache has the kernels."""
    again = {
        file.name: file.read_bytes() for file in made(tmp_path, **({"PYALIGN_BUILD_CACHE": "off"} if DIST else {}))
    }
    assert again == {file.name: file.read_bytes() for file in files}
    with tarfile.open(next(file for file in files if file.name.endswith(".tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"csrc/cmake/pyalign.pc.in", "csrc/cpu/pool.cpp", "csrc/cuda/no_streams/iostream"} <= names
    assert {"examples/c/score.c", "setup.py"} <= names
    assert not [name for name in names if name.startswith(("pyalign/_c/", "build/")) or name.endswith(".so")]


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with the wheel, and no compiler."""
    return environment_with(wheel, tmp_path_factory.mktemp("installed"))


@builds
@pytest.mark.slow
def test_the_wheel_says_what_compiled_it_and_where_its_library_is(installed, tmp_path):
    said = run(installed, "pyalign", "info", cwd=tmp_path)[0]
    of_kernels = r"GNU \d+[\d.]*, " if shutil.which("g++") else ""
    assert re.search(rf"^compiler +{of_kernels}Clang \d+[\d.]*, POOL$", said, re.MULTILINE)
    assert re.search(r"^backend native +ready$", said, re.MULTILINE)
    folder = Path(run(installed, "pyalign", "info", "--only", "cmake-dir", cwd=tmp_path)[0].strip())
    assert installed.site in folder.parents and (folder / "pyalign-config.cmake").exists()


DRIVER = """
#include <stdlib.h>
#include <string.h>
int cuDriverGetVersion(int* version) { *version = atoi(getenv("DRIVER")); return 0; }
static int no_device() { return 100; }
int cuGetProcAddress_v2(const char* name, void** function, int version, unsigned long flags, int* status) {
  if (status) *status = 0;
  if (!strcmp(name, "cuDriverGetVersion")) *function = cuDriverGetVersion;
  else if (!strncmp(name, "cuGetProcAddress", 16)) *function = cuGetProcAddress_v2;
  else *function = no_device;
  return 0;
}
int cuGetProcAddress(const char* name, void** function, int version, unsigned long flags) {
  return cuGetProcAddress_v2(name, function, version, flags, NULL);
}
"""


@builds
@pytest.mark.slow
def test_its_cuda_kernels_load_and_take_the_drivers_that_the_page_names(installed, binaries, tmp_path):
    """By a driver that finds no device and says which version it is of. 12.0 is that of R525."""
    if "_cuda" not in binaries:
        pytest.skip("PYALIGN_DIST names no folder of `make wheels`, or no nvcc was there")
    (tmp_path / "driver.c").write_text(DRIVER)
    subprocess.run(["cc", "-shared", "-fPIC", "-w", "driver.c", "-o", "libcuda.so.1"], cwd=tmp_path, check=True)

    def reason(driver):
        code = "from pyalign.backends import _cuda; print(*_cuda.device_count())"
        more = {"LD_BIND_NOW": "1", "LD_LIBRARY_PATH": str(tmp_path), "DRIVER": str(driver)}
        command, variables = [installed.python, "-c", code], {**installed.variables, **more}
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    told = re.fullmatch(r"0 no CUDA device \(the driver is for CUDA 11.8, .* built for (\d+)\.\d\)", reason(11080))
    assert told
    major = int(told[1])
    assert major == 12 or not (ROOT / "build" / "cuda-12").exists()
    assert reason(1000 * major) == "0 no CUDA device (the driver finds none)"


@builds
@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(find_spec, ("torch", "timm", "altair", "vl_convert", "sklearn"))), reason="extras are not installed"
)
def test_the_wheel_runs_the_commands_of_the_readme(installed, tmp_path):
    (tmp_path / "README.md").write_text(readme_without_the_tour(), encoding="utf-8")
    run(installed, installed.python, ROOT / "tools" / "docs_commands.py", "README.md", cwd=tmp_path)


@builds
@pytest.mark.slow
def test_the_wheel_has_the_golden_figures(installed, data, tmp_path):
    """Decisions and ties of the local build, whose compiler is another."""
    for (backend, accuracy, ties, nats), compiled, _ in golden_scores(installed, data, tmp_path):
        assert (backend, accuracy, ties) == ("native", compiled.accuracy, compiled.n_ties)
        assert nats == pytest.approx(compiled.cross_entropy, rel=2e-6)


BITS = """
import hashlib
import numpy as np, pyalign
from pyalign.backends import native
draw = np.random.default_rng(0)
x = draw.normal(size=(900, 70)).astype(np.float32)
first = draw.integers(0, 900, 30000)
t = np.stack([first, (first + 1 + draw.integers(0, 400, 30000)) % 900, (first + 450) % 900], 1)
hashed = hashlib.sha256()
for array in (pyalign.similarity(x, measure="cosine"), pyalign.odd_one_out(x, t), pyalign.choice_probabilities(x, t),
              pyalign.choice_similarity(x[:200])):
    hashed.update(np.ascontiguousarray(array).tobytes())
print(native.num_threads(), hashed.hexdigest())
"""


@builds
@pytest.mark.slow
def test_its_own_threads_give_the_same_bits_for_any_number(installed, tmp_path):
    said = {}
    for threads in (1, 2, 7):
        variables = {**installed.variables, "PYALIGN_NUM_THREADS": str(threads)}
        done = subprocess.run(
            [str(installed.python), "-c", BITS], cwd=tmp_path, env=variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        number, _, hashed = done.stdout.strip().partition(" ")
        said[int(number)] = hashed
    assert said.keys() == {1, 2, 7} and len({*said.values()}) == 1


@builds
@pytest.mark.slow
def test_a_cpu_without_avx_runs_it(installed, tmp_path):
    """An instruction of AVX outside of the files of its instruction set would end the process. BLAS has its own."""
    if not shutil.which("qemu-x86_64"):
        pytest.skip("qemu-user is not installed")
    code = (
        "import numpy as np; from pyalign.backends import native; x = np.eye(3, dtype=np.float32); s = x + 1\n"
        "native._native.product(x, x, s); print(native.instruction_set(), s.sum())"
    )
    command = ["qemu-x86_64", "-cpu", "Nehalem", str(installed.python), "-c", code]
    variables = {name: value for name, value in installed.variables.items() if name != "OPENBLAS_CORETYPE"}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    if "NumPy was built with baseline optimizations" in done.stderr:
        pytest.skip("numpy itself asks for a newer CPU")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "base 3.0\n"


@builds
@pytest.mark.slow
def test_the_wheel_runs_under_an_older_c_library(installed, tmp_path):
    """That of an older release, unpacked with its loader and its Python, as `make wheels` does."""
    root = Path(os.environ.get("PYALIGN_OLDER_LIBC", ""))
    python = root / "usr" / "bin" / f"python3.{sys.version_info.minor}"
    if not os.environ.get("PYALIGN_OLDER_LIBC") or not python.exists():
        pytest.skip("PYALIGN_OLDER_LIBC names no folder with an older libc6 and this Python (make wheels)")
    libraries = [path.parent for path in sorted(root.rglob("libc.so.6")) + sorted(root.rglob("libstdc++.so.6"))]
    loader = libraries[0] / "ld-linux-x86-64.so.2"
    said = []
    for command, more in (
        ([installed.python], {}),
        ([loader, "--library-path", ":".join(map(str, libraries)), python],
         {"PYTHONHOME": f"{root / 'usr'}", "PYTHONPATH": f"{installed.site}:{sysconfig.get_path('purelib')}"}),
    ):
        done = subprocess.run(
            [*map(str, command), "-c", BITS + 'import os; print(os.confstr("CS_GNU_LIBC_VERSION"))'],
            cwd=tmp_path, env={**installed.variables, **more}, capture_output=True, text=True,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.splitlines())
    (bits, now), (there, older) = said
    assert there == bits
    assert newest(older, "glibc") < newest(now, "glibc")


# What public CI would run


def test_the_configuration_of_public_ci_is_whole():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tool = settings["tool"]["cibuildwheel"]
    oldest = settings["project"]["requires-python"].removeprefix(">=3.")
    assert tool["build"].split()[0] == f"cp3{oldest}-*" and tool["skip"] == "*-musllinux_*"
    assert tool["linux"]["archs"] == ["x86_64", "aarch64"] and tool["macos"]["archs"] == ["arm64"]
    assert {tool["linux"][f"manylinux-{arch}-image"] for arch in ("x86_64", "aarch64")} == {"manylinux_2_28"}


def test_readme_does_not_claim_what_public_ci_would_build():
    assert "cibuildwheel" not in (ROOT / "README.md").read_text(encoding="utf-8")
