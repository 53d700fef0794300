"""Runs CMake, which holds the list of sources, and puts the modules beside their only caller.

Modules that the same sources, compiler and options have made before are taken from the user's cache. Where there is no
compiler, or with PYALIGN_PURE=1, nothing is compiled: the package computes with numpy, and its wheel is one of Python.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError

ROOT = Path(__file__).resolve().parent
BACKENDS = ROOT / "pyalign" / "backends"
sys.path.insert(0, str(ROOT / "tools"))
from build_cache import BuildCache, cmake_facts, folder_of_user, key_of, sources_below  # noqa: E402

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
LIBRARY = "_c"  # the folder of the package with the C library, its header and what finds them
# What CMake looks for; unless one is named, in CXX, in an option or in a toolchain file.
COMPILERS = ("c++", "CC", "g++", "aCC", "cl", "bcc", "xlC", "icpx", "icx", "clang++")
NAMED = re.compile(r"CMAKE_CXX_COMPILER|toolchain", re.IGNORECASE)


def why_pure() -> str:
    """Why nothing is compiled; "" where something is, or fails because the compiler does."""
    asked = os.environ.get("PYALIGN_PURE", "")
    if asked not in ("", "0", "1"):
        sys.exit(f"PYALIGN_PURE must be 1 (compile nothing), 0 (compile in any case) or not set; got {asked!r}")
    if asked:
        return "PYALIGN_PURE=1" if asked == "1" else ""
    named = os.environ.get("CXX") or os.environ.get("CMAKE_TOOLCHAIN_FILE") or NAMED.search(cmake_arguments())
    return "" if named or any(map(shutil.which, COMPILERS)) else "no C++ compiler is on PATH"


def cmake_arguments() -> str:
    """Options of the user for CMake."""
    return os.environ.get("PYALIGN_CMAKE_ARGS", "")


PURE = why_pure()
if not PURE:
    import pybind11


def copy_library(source: Path, target: Path) -> None:
    """Puts the C library in the place of an earlier one."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


class CMakeBuild(build_ext):
    """One CMake run in a fresh folder: a kept one would remember the ninja of a deleted build environment."""

    def build_extension(self, ext: Extension) -> None:
        target = Path(self.get_ext_fullpath(ext.name)).resolve()
        with tempfile.TemporaryDirectory(prefix="pyalign-build-") as folder:
            try:
                self._configure(Path(folder))
                self._build(Path(folder))
            except subprocess.CalledProcessError as error:
                remedy = "PYALIGN_PURE=1 installs pyalign without them, on numpy, which is many times slower"
                raise CompileError(f"the kernels can't be compiled (see above); {remedy}") from error
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(Path(folder, "_native" + SUFFIX), target)
            for place in self._places(target):
                copy_library(Path(folder, LIBRARY), place.parent / LIBRARY)
                (place / ("_cuda" + SUFFIX)).unlink(missing_ok=True)  # of an earlier build
                for built in Path(folder).glob("_cuda*" + SUFFIX):  # where CMake has found nvcc
                    shutil.copy2(built, place)

    def _places(self, target: Path) -> list[Path]:
        """Where modules go that setuptools does not know of: an editable installation has them among the sources."""
        return [target.parent, BACKENDS] if getattr(self, "editable_mode", False) else [target.parent]

    def _configure(self, build: Path) -> None:
        configure = [
            "cmake", "-S", str(ROOT), "-B", str(build), "-G", "Ninja",
            f"-DPython_EXECUTABLE={sys.executable}", f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
            "-DPYALIGN_IN_PACKAGE=ON", "-DCMAKE_INSTALL_LIBDIR=lib", "-DCMAKE_INSTALL_INCLUDEDIR=include",
            *cmake_arguments().split(),
        ]
        subprocess.run(configure, check=True)

    def _build(self, build: Path) -> None:
        """Compiles, unless the modules are in the cache."""
        cache = BuildCache(folder_of_user())
        facts = cmake_facts(ROOT, build, Path(pybind11.__file__).resolve().parents[1])
        key = self._key(facts)
        if key and cache.restore(key, build):
            print("pyalign: compiled before; PYALIGN_BUILD_CACHE=off compiles again")
            return
        subprocess.run(["cmake", "--build", str(build)], check=True)
        subprocess.run(["cmake", "--install", str(build), "--prefix", str(build / LIBRARY)], check=True)
        if key and key == self._key(facts):  # no source has been edited meanwhile
            library = [one for one in (build / LIBRARY).rglob("*") if one.is_file()]
            built = [*build.glob("_*" + SUFFIX), *library]
            cache.store(key, build, [one.relative_to(build).as_posix() for one in built])

    def _key(self, facts: list[str] | None) -> str:
        """What names these sources, built like that, in the cache; "" where there is no telling."""
        files = sources_below(ROOT, "csrc", "CMakeLists.txt", "setup.py")
        return "" if facts is None else key_of(files, [*facts, pybind11.__version__])


class PureBuild(build_py):
    """Only the Python files; says so, and removes what an installation in place has compiled among the sources."""

    def run(self) -> None:
        super().run()
        for module in ("_native", "_cuda"):
            if self.editable_mode:
                (BACKENDS / (module + SUFFIX)).unlink(missing_ok=True)
                shutil.rmtree(BACKENDS.parent / LIBRARY, ignore_errors=True)
        kernels = "compiled kernels, which need a C++ compiler (Debian: apt-get install g++)"
        print(f"pyalign: nothing is compiled ({PURE}): numpy computes, many times slower than {kernels}")


if PURE:
    setup(cmdclass={"build_py": PureBuild})
else:
    setup(ext_modules=[Extension("pyalign.backends._native", sources=[])], cmdclass={"build_ext": CMakeBuild})
