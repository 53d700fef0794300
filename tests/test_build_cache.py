"""What has been compiled is compiled again where anything that it depends on has changed, and not otherwise."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pybind11
import pytest
from support import load_from_tools

ROOT = Path(__file__).resolve().parents[1]
KEY = "0" * 64
SETTINGS = ("CXXFLAGS", "PYALIGN_CMAKE_ARGS", "PYALIGN_PURE")  # that would choose what is compiled


@pytest.fixture(scope="module")
def tool():
    return load_from_tools("build_cache")


@pytest.fixture
def cache(tool, tmp_path):
    return tool.BuildCache(tmp_path / "cache" / "build", most=3)


@pytest.fixture
def built(tmp_path):
    """A folder with two files as a build leaves them."""
    folder = tmp_path / "built"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.so").write_bytes(b"first")
    (folder / "inner" / "check").write_bytes(b"second")
    (folder / "inner" / "check").chmod(0o755)
    return folder


NAMES = ("a.so", "inner/check")


def restored(cache, target, key=KEY):
    target.mkdir(exist_ok=True)
    return cache.restore(key, target) and [(target / name).read_bytes() for name in NAMES] == [b"first", b"second"]


def test_what_was_stored_comes_back_as_it_was(cache, built, tmp_path):
    assert not cache.restore(KEY, tmp_path)
    cache.store(KEY, built, NAMES)
    assert restored(cache, tmp_path / "target")
    assert os.access(tmp_path / "target" / "inner" / "check", os.X_OK)
    assert not cache.restore("1" * 64, tmp_path)


@pytest.mark.parametrize("damage", ["flip", "cut", "lose", "manifest", "no manifest", "list", "empty", "partial",
                                    "more", "deep", "elsewhere", "file link", "link"])
def test_an_entry_that_is_damaged_is_removed_and_can_be_stored_again(cache, built, tmp_path, damage):
    cache.store(KEY, built, NAMES)
    entry = tmp_path / "cache" / "build" / KEY
    whole = json.loads((entry / "manifest.json").read_text())

    def write(manifest):
        (entry / "manifest.json").write_text(json.dumps(manifest))

    def move(path):
        path.rename(tmp_path / "moved")
        path.symlink_to(tmp_path / "moved")

    {
        "flip": lambda: (entry / "a.so").write_bytes(b"firsT"),
        "cut": lambda: (entry / "inner" / "check").write_bytes(b"sec"),
        "lose": lambda: (entry / "a.so").unlink(),
        "manifest": lambda: (entry / "manifest.json").write_bytes(b'{"a.so": '),
        "no manifest": lambda: (entry / "manifest.json").unlink(),
        "list": lambda: (entry / "manifest.json").write_bytes(b"[1]"),
        "empty": lambda: write({}),
        "partial": lambda: write({"a.so": whole["a.so"]}),
        "more": lambda: write({**whole, "b.so": whole["a.so"]}),
        "deep": lambda: (entry / "manifest.json").write_bytes(b"[" * 100_000),
        "elsewhere": lambda: write({**whole, "../0/a.so": whole["a.so"]}),
        "file link": lambda: move(entry / "a.so"),
        "link": lambda: move(entry),
    }[damage]()
    assert not restored(cache, tmp_path / "target") and not [*(tmp_path / "target").iterdir()]
    assert not os.path.lexists(entry)
    assert [*entry.parent.iterdir()] == []
    cache.store(KEY, built, NAMES)
    assert restored(cache, tmp_path / "target")


def test_many_writers_leave_one_whole_entry(cache, built, tmp_path):
    def work(k):
        cache.store(KEY, built, NAMES)
        return restored(cache, tmp_path / f"target{k}")

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(40)))
    assert [one.name for one in (tmp_path / "cache" / "build").iterdir()] == [KEY]


def test_the_newest_entries_are_kept_and_those_in_use_count_as_new(cache, built, tmp_path):
    keys = [f"{k}" * 64 for k in range(4)]
    for age, key in enumerate(reversed(keys[:3])):
        cache.store(key, built, NAMES)
        os.utime(tmp_path / "cache" / "build" / key, (time.time() - 100 + age,) * 2)
    assert restored(cache, tmp_path / "target", keys[2])  # the oldest
    cache.store(keys[3], built, NAMES)
    assert {one.name for one in (tmp_path / "cache" / "build").iterdir()} == {keys[0], keys[2], keys[3]}


def test_what_a_killed_build_left_behind_goes_after_a_day(cache, built, tmp_path):
    folder = tmp_path / "cache" / "build"
    for name, hours in ((".new-old", 25), (".new-young", 23)):
        (folder / name).mkdir(parents=True, mode=0o700)
        os.utime(folder / name, (time.time() - 3600 * hours,) * 2)
    folder.chmod(0o700)
    cache.store(KEY, built, NAMES)
    assert {one.name for one in folder.iterdir()} == {".new-young", KEY}


def test_the_folder_is_for_its_user_alone(cache, built, tmp_path):
    cache.store(KEY, built, NAMES)
    folder = tmp_path / "cache" / "build"
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    assert not restored(cache, tmp_path / "target")
    cache.store("1" * 64, built, NAMES)
    assert [one.name for one in folder.iterdir()] == [KEY]


def test_the_folder_of_another_user_is_not_taken(cache, built, tmp_path, monkeypatch):
    cache.store(KEY, built, NAMES)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert not restored(cache, tmp_path / "target")


def test_no_folder_is_made_in_the_home_of_another_user(cache, built, tmp_path, monkeypatch):
    if os.getuid() == 0:
        os.chown(tmp_path, 4321, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    cache.store(KEY, built, NAMES)
    assert not (tmp_path / "cache").exists()


def test_a_link_is_no_folder_of_the_cache(tool, built, tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    tool.BuildCache(tmp_path / "link").store(KEY, built, NAMES)
    assert [*(tmp_path / "real").iterdir()] == []


def test_where_nothing_can_be_written_nothing_is_kept_and_nothing_fails(tool, cache, built, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for folder in (None, tmp_path / "file", tmp_path / "file" / "build"):
        other = tool.BuildCache(folder)
        other.store(KEY, built, NAMES)
        assert not restored(other, tmp_path / "target")

    def full(*_):
        raise OSError(28, "the disk is full")

    monkeypatch.setattr(shutil, "copy2", full)
    cache.store(KEY, built, NAMES)
    assert [*(tmp_path / "cache" / "build").iterdir()] == []


def test_the_folder_is_that_of_the_variable_or_in_the_cache_of_the_user(tool, tmp_path, monkeypatch):
    monkeypatch.delenv("PYALIGN_BUILD_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tool.folder_of_user() == tmp_path / "pyalign" / "build"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tool.folder_of_user() == tmp_path / ".cache" / "pyalign" / "build"
    monkeypatch.setenv("PYALIGN_BUILD_CACHE", str(tmp_path / "mine"))
    assert tool.folder_of_user() == tmp_path / "mine"
    for off in ("", "off", "OFF", "Off"):
        monkeypatch.setenv("PYALIGN_BUILD_CACHE", off)
        assert tool.folder_of_user() is None


def test_the_home_of_nobody_is_no_folder(tool, monkeypatch, capsys):
    monkeypatch.setenv("PYALIGN_BUILD_CACHE", "~no-such-user/x")
    assert tool.folder_of_user() is None
    told = "pyalign: PYALIGN_BUILD_CACHE must name a folder; got '~no-such-user/x', the home of nobody: nothing is kept"
    assert capsys.readouterr().err == f"{told}\n"


# Builds by setup.py, of a small project

CMAKE = """
cmake_minimum_required(VERSION 3.20)
project(small LANGUAGES CXX)
add_library(_native MODULE csrc/one.cpp csrc/two.cpp)
set_target_properties(_native PROPERTIES PREFIX "" SUFFIX "%s")
target_include_directories(_native PRIVATE ${pybind11_DIR})
install(FILES csrc/one.h DESTINATION include)
"""


class Project:
    """Our setup.py with two sources, and a compiler that counts what it compiles."""

    def __init__(self, folder, cache, suffix):
        self.folder, self.cache, self.environment = folder, cache, {}
        (folder / "csrc").mkdir(parents=True)
        (folder / "tools").mkdir()
        for name in ("setup.py", "tools/build_cache.py"):
            shutil.copy(ROOT / name, folder / name)
        (folder / "CMakeLists.txt").write_text(CMAKE % suffix)
        (folder / "csrc" / "one.h").write_text("#define ONE 1\n")
        (folder / "csrc" / "one.cpp").write_text('#include "one.h"\nint one() { return ONE; }\n')
        (folder / "csrc" / "two.cpp").write_text("int two() { return 2; }\n")
        self.log, self.compiler = folder / "compiled.txt", folder.parent / "compiler"
        self.write_compiler("counting")

    def write_compiler(self, version):
        real = shutil.which("c++") or shutil.which("g++")
        self.compiler.write_text(
            f'#!/bin/sh\ncase "$*" in\n--version) echo {version};;\n'
            '*" -c "*csrc/*) echo "$*" >> "$COMPILED"; eval "$EDIT";;\nesac\n'
            f'exec {real} "$@"\n'
        )
        self.compiler.chmod(0o755)

    def compiled(self):
        """How many sources a build compiles; the module is there afterwards, and loads nothing."""
        self.log.write_text("")
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
        fixed = {"PATH": path, "CXX": self.compiler, "COMPILED": self.log, "PYALIGN_BUILD_CACHE": self.cache}
        clean = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        environment = {**clean, **{name: str(value) for name, value in (fixed | self.environment).items()}}
        command = [sys.executable, "setup.py", "build_ext", "--build-lib", out, "--build-temp", self.folder / "temp"]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        (module,) = (out / "pyalign" / "backends").iterdir()
        assert module.read_bytes()[:4] == b"\x7fELF" or sys.platform != "linux"
        return len(self.log.read_text().splitlines())


@pytest.fixture
def projects(tmp_path):
    """``projects("a")``: a copy of the project, which shares the cache with the others."""
    if not (shutil.which("c++") or shutil.which("g++")):
        pytest.skip("no C++ compiler")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    return lambda name: Project(tmp_path / name / "sources", tmp_path / "cache", suffix)


pytest.importorskip("setuptools")


@pytest.mark.slow
def test_the_same_sources_are_compiled_once_also_in_another_folder(projects):
    one = projects("one")
    assert [one.compiled(), one.compiled()] == [2, 0]
    other = projects("other")
    other.compiler = one.compiler
    assert other.compiled() == 0
    (entry,) = one.cache.iterdir()
    (module,) = entry.glob("_native*")
    module.write_bytes(module.read_bytes()[:-1])
    assert [other.compiled(), one.compiled()] == [2, 0]


@pytest.mark.slow
def test_all_are_compiled_again_where_something_has_changed(projects):
    project = projects("one")
    assert project.compiled() == 2

    def append(name, text):
        with open(project.folder / name, "a") as file:
            file.write(text)

    changes = {
        "source": lambda: append("csrc/two.cpp", "int three() { return 3; }\n"),
        "header": lambda: append("csrc/one.h", "#define TWO 2\n"),
        "cmake": lambda: append("CMakeLists.txt", "# a comment\n"),
        "setup.py": lambda: append("setup.py", "# a comment\n"),
        "flags": lambda: project.environment.update(CXXFLAGS="-O1"),
        "option": lambda: project.environment.update(PYALIGN_CMAKE_ARGS="-DCMAKE_BUILD_TYPE=Debug"),
        "version": lambda: project.write_compiler("another"),
        "include path": lambda: project.environment.update(CPLUS_INCLUDE_PATH=str(project.folder)),
    }
    again = {}
    for name, change in changes.items():
        change()
        again[name] = project.compiled()
    assert again == dict.fromkeys(changes, 2)
    assert project.compiled() == 0
    assert len([*project.cache.iterdir()]) == 8  # of nine


@pytest.mark.slow
def test_a_build_whose_sources_are_edited_meanwhile_is_not_kept(projects):
    project = projects("one")
    project.environment = {"EDIT": f"echo >> {project.folder}/csrc/one.h"}
    assert project.compiled() == 2
    assert not project.cache.exists()


@pytest.mark.slow
def test_nothing_is_kept_for_this_very_processor_or_where_the_user_wants_none(projects):
    project = projects("one")
    project.environment = {"CXXFLAGS": "-march=native"}
    assert [project.compiled(), project.compiled()] == [2, 2]
    project.environment = {"PYALIGN_BUILD_CACHE": "off"}
    assert [project.compiled(), project.compiled()] == [2, 2]
    assert not project.cache.exists()


@pytest.mark.slow
def test_the_key_holds_the_version_and_the_suffix_of_python(tool, projects, monkeypatch):
    project = projects("one")
    project.compiled()
    build = project.folder / "build"
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    subprocess.run(["cmake", "-S", project.folder, "-B", build, "-G", "Ninja"], check=True, capture_output=True)
    site = Path(pybind11.__file__).parents[1]
    found = tool.cmake_facts(project.folder, build, site)
    assert found == tool.cmake_facts(project.folder, build, site)
    assert str(build) not in "".join(found) and str(project.folder) not in "".join(found)
    monkeypatch.setattr(sys, "version", "3.99")
    assert (other := tool.cmake_facts(project.folder, build, site)) != found
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: ".abi9.so")
    assert tool.cmake_facts(project.folder, build, site) not in (other, found)
