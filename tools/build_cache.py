"""What has been compiled before, in a folder of the user's cache: setup.py takes it from there and compiles nothing.

A key stands for all that a build depends on, and names an entry: the built files and their digests. An entry is written
under another name and renamed, so it is whole or not there, whoever builds at the same time. A folder that others could
write to is not used: what lies in it is loaded into Python.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

MOST = 8  # entries
DAY = 86400.0  # seconds after which an entry that is not finished was left behind by a build that was killed
MANIFEST = "manifest.json"
# Variables that compilers read themselves; CMake writes the others (CXXFLAGS, ...) into its commands.
READ_BY_COMPILERS = (
    "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "LD_RUN_PATH",
    "NVCC_PREPEND_FLAGS", "NVCC_APPEND_FLAGS", "SDKROOT", "MACOSX_DEPLOYMENT_TARGET", "SOURCE_DATE_EPOCH",
)
FOR_THIS_PROCESSOR = re.compile(r"-m(arch|cpu|tune)=native|-arch(itecture)?=native|-xHost")


def folder_of_user() -> Path | None:
    """`$PYALIGN_BUILD_CACHE`, or pyalign/build in the user's cache; None where the variable is "", "off" or wrong."""
    asked = os.environ.get("PYALIGN_BUILD_CACHE")
    if asked is not None:
        try:
            return None if asked.lower() in ("", "off") else Path(asked).expanduser().absolute()
        except RuntimeError:
            told = f"PYALIGN_BUILD_CACHE must name a folder; got {asked!r}, the home of nobody: nothing is kept"
            print(f"pyalign: {told}", file=sys.stderr)
            return None
    cache = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "pyalign" / "build"
    except RuntimeError:  # a user without a home
        return None


def key_of(files: Mapping[str, Path], facts: Iterable[str]) -> str:
    """The key of a build that depends on the contents of these files, by their names, and on these facts."""
    contents = {name: digest_of(path) for name, path in files.items()}
    return hashlib.sha256(json.dumps([sorted(contents.items()), [*facts]]).encode()).hexdigest()


def sources_below(source: Path, *names: str) -> dict[str, Path]:
    """The files of a project with these names, and those of its folders with these names, as `key_of` takes them."""
    places = [place for name in names for place in (source / name, *(source / name).rglob("*"))]
    return {place.relative_to(source).as_posix(): place for place in places if place.is_file()}


def cmake_facts(source: Path, build: Path, site: Path, *targets: str) -> list[str] | None:
    """What a build depends on besides its sources, once CMake has configured it for Ninja.

    Args:
        source, build: folders of the sources and of the build; where they lie makes no difference.
        site: the folder of Python's packages that pybind11 and CMake lie in, which pip makes anew for each build.
        targets: of the build; none for all.

    Returns:
        The commands of the build; compilers with the version that they print; Python, and the system. None where these
        can't be had, or name no processor but that of this machine.
    """
    settings = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    ninja = re.findall(r"^CMAKE_MAKE_PROGRAM:\w+=(.+)$", settings, re.MULTILINE)
    if not (build / "build.ninja").exists():
        return None
    places = sorted({build: "@BUILD@", source: "@SOURCE@", site: "@SITE@"}.items(), key=lambda one: -len(str(one[0])))
    try:
        commands = _printed(*ninja, "-C", str(build), "-t", "commands", *targets)
        for place, name in places:
            commands = commands.replace(os.path.realpath(place), name).replace(str(place), name)
        facts = [commands, *(f"{name}={os.environ.get(name)}" for name in READ_BY_COMPILERS)]
        if any(FOR_THIS_PROCESSOR.search(fact) for fact in facts):
            return None
        for known in sorted(build.glob("CMakeFiles/*/CMake*Compiler.cmake")):
            text = known.read_text(encoding="utf-8")
            compiler = re.findall(r'^set\(CMAKE_[A-Z]+_COMPILER(?:_ARG1)? "(.+)"\)$', text, re.MULTILINE)
            facts.append(_printed(compiler[0], *" ".join(compiler[1:]).split(), "--version"))
    except (OSError, subprocess.CalledProcessError):
        return None
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    return [*facts, sys.version, str(suffix), sysconfig.get_platform(), *platform.libc_ver()]


class BuildCache:
    """The newest builds, of which `folder` holds `most`; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, most: int = MOST) -> None:
        self._folder, self._most = folder, most

    def restore(self, key: str, target: Path) -> bool:
        """Whether the files of an entry are in `target` now; an entry that is damaged is removed."""
        if self._folder is None or not _is_private(self._folder) or not os.path.lexists(entry := self._folder / key):
            return False
        try:
            digests = json.loads((entry / MANIFEST).read_bytes())
            if not digests or digests != _digests_below(entry):
                raise ValueError(entry)
            _copy(entry, target, digests)
            os.utime(entry)
        except (OSError, ValueError, RecursionError):
            _remove(entry)
            return False
        return True

    def store(self, key: str, source: Path, names: Iterable[str]) -> None:
        """Keeps these files of the folder `source`; does nothing where the cache can't be written to."""
        if self._folder is None or not _made_private(self._folder):
            return
        try:
            with tempfile.TemporaryDirectory(prefix=".new-", dir=self._folder, ignore_cleanup_errors=True) as made:
                _copy(source, Path(made), names := [*names])
                digests = _digests_below(Path(made))
                if digests.keys() != {*names}:  # another has taken it for one that was left behind
                    raise OSError(made)
                Path(made, MANIFEST).write_text(json.dumps(digests), encoding="utf-8")
                os.rename(made, self._folder / key)  # fails where another build has been faster
        except OSError:
            return
        self._remove_old()

    def _remove_old(self) -> None:
        aged = []
        for one in self._folder.iterdir() if self._folder else ():
            try:
                aged.append((one.stat().st_mtime, one))
            except FileNotFoundError:  # another build has removed it
                continue
        now = max((age for age, _ in aged), default=0.0)  # by the clock of the file system
        entries = sorted((one for one in aged if not one[1].name.startswith(".")), reverse=True)
        left = [one for one in aged if one[1].name.startswith(".") and one[0] < now - DAY]
        for _, old in [*entries[self._most :], *left]:
            _remove(old)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digests_below(entry: Path) -> dict[str, str]:
    """Of all files of an entry but its manifest, by their names.

    Raises:
        OSError: there is a link, which is not followed.
    """
    places = [entry, *entry.rglob("*")]
    if any(place.is_symlink() for place in places):
        raise OSError(entry)
    files = {place.relative_to(entry).as_posix(): place for place in places if place.is_file()}
    return {name: digest_of(path) for name, path in files.items() if name != MANIFEST}


def _copy(source: Path, target: Path, names: Iterable[str]) -> None:
    """Copies files of a folder into another, with their permissions and times."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, target / name)


def _printed(*command: str) -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=True
    )
    return done.stdout


def _is_private(folder: Path) -> bool:
    """Whether it is a folder of this user that nobody else can write to."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _made_private(folder: Path) -> bool:
    """The same of a folder that is made where it is missing, unless among the folders of another user."""
    if not os.path.lexists(folder):
        above = next(place for place in folder.parents if place.exists())
        if above.stat().st_uid not in (0, os.geteuid()):  # such as the home that sudo leaves as it is
            return False
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            return False
    return _is_private(folder)


def _remove(entry: Path) -> None:
    """In one step for those who read it: under another name first."""
    gone = entry.with_name(f".old-{entry.name}-{os.getpid()}")
    try:
        os.rename(entry, gone)
    except OSError:
        return
    if gone.is_symlink():
        gone.unlink()
    shutil.rmtree(gone, ignore_errors=True)
