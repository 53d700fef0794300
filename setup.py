"""Runs CMake, which holds the list of sources, and puts the modules beside their only caller."""

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


class CMakeBuild(build_ext):
    """One CMake run in a fresh folder: a kept one would remember the ninja of a deleted build environment."""

    def build_extension(self, ext: Extension) -> None:
        target = Path(self.get_ext_fullpath(ext.name)).resolve()
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        with tempfile.TemporaryDirectory(prefix="pyalign-build-") as folder:
            self._cmake(Path(__file__).resolve().parent, Path(folder))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(Path(folder, "_native" + suffix), target)
            for place in self._places(target):
                (place / ("_cuda" + suffix)).unlink(missing_ok=True)  # of an earlier build
                for built in Path(folder).glob("_cuda*" + suffix):  # where CMake has found nvcc
                    shutil.copy2(built, place)

    def _places(self, target: Path) -> list[Path]:
        """Where modules go that setuptools does not know of: an editable installation has them among the sources."""
        sources = Path(__file__).resolve().parent / "pyalign" / "backends"
        return [target.parent, sources] if getattr(self, "editable_mode", False) else [target.parent]

    def _cmake(self, source: Path, build: Path) -> None:
        extra = os.environ.get("PYALIGN_CMAKE_ARGS", "").split()
        configure = [
            "cmake", "-S", str(source), "-B", str(build), "-G", "Ninja",
            f"-DPython_EXECUTABLE={sys.executable}", f"-Dpybind11_DIR={pybind11.get_cmake_dir()}", *extra,
        ]  # fmt: skip
        subprocess.run(configure, check=True)
        subprocess.run(["cmake", "--build", str(build)], check=True)


setup(ext_modules=[Extension("pyalign.backends._native", sources=[])], cmdclass={"build_ext": CMakeBuild})
