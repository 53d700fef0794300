"""Runs CMake, which holds the list of sources, and puts the modules beside their only caller.

Modules that the same sources, compiler and options have made before are taken from the user's cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pybind11
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tools"))
from build_cache import BuildCache, cmake_facts, folder_of_user, key_of, sources_below  # noqa: E402


class CMakeBuild(build_ext):
    """One CMake run in a fresh folder: a kept one would remember the ninja of a deleted build environment."""

    def build_extension(self, ext: Extension) -> None:
        target = Path(self.get_ext_fullpath(ext.name)).resolve()
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        with tempfile.TemporaryDirectory(prefix="pyalign-build-") as folder:
            self._configure(Path(folder))
            self._build(Path(folder), suffix)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(Path(folder, "_native" + suffix), target)
            for place in self._places(target):
                (place / ("_cuda" + suffix)).unlink(missing_ok=True)  # of an earlier build
                for built in Path(folder).glob("_cuda*" + suffix):  # where CMake has found nvcc
                    shutil.copy2(built, place)

    def _places(self, target: Path) -> list[Path]:
        """Where modules go that setuptools does not know of: an editable installation has them among the sources."""
        sources = ROOT / "pyalign" / "backends"
        return [target.parent, sources] if getattr(self, "editable_mode", False) else [target.parent]

    def _configure(self, build: Path) -> None:
        extra = os.environ.get("PYALIGN_CMAKE_ARGS", "").split()
        configure = [
            "cmake", "-S", str(ROOT), "-B", str(build), "-G", "Ninja",
            f"-DPython_EXECUTABLE={sys.executable}", f"-Dpybind11_DIR={pybind11.get_cmake_dir()}", *extra,
        ]  # fmt: skip
        subprocess.run(configure, check=True)

    def _build(self, build: Path, suffix: str) -> None:
        """Compiles, unless the modules are in the cache."""
        cache = BuildCache(folder_of_user())
        facts = cmake_facts(ROOT, build, Path(pybind11.__file__).resolve().parents[1])
        key = self._key(facts)
        if key and cache.restore(key, build):
            print("pyalign: compiled before; PYALIGN_BUILD_CACHE=off compiles again")
            return
        subprocess.run(["cmake", "--build", str(build)], check=True)
        if key and key == self._key(facts):  # no source has been edited meanwhile
            cache.store(key, build, [one.name for one in build.glob("_*" + suffix)])

    def _key(self, facts: list[str] | None) -> str:
        """What names these sources, built like that, in the cache; "" where there is no telling."""
        files = sources_below(ROOT, "csrc", "CMakeLists.txt", "setup.py")
        return "" if facts is None else key_of(files, [*facts, pybind11.__version__])


setup(ext_modules=[Extension("pyalign.backends._native", sources=[])], cmdclass={"build_ext": CMakeBuild})
