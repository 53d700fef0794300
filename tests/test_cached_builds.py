"""Builds that tests keep between runs: the same sources are compiled once, others never taken for them."""

from __future__ import annotations

import os
import subprocess

import cached_builds
import pytest
from cached_builds import CachedBuild

CMAKE = "cmake_minimum_required(VERSION 3.20)\nproject(one LANGUAGES C)\nadd_executable(one csrc/one.c)\n"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A program of one file, which says a number."""
    if not (cached_builds.which("cmake") and cached_builds.which("ninja")):
        pytest.skip("cmake or ninja is not installed.")
    monkeypatch.setenv("PYALIGN_TEST_BUILDS", str(tmp_path / "kept"))
    (tmp_path / "csrc").mkdir()
    (tmp_path / "CMakeLists.txt").write_text(CMAKE)
    write(tmp_path, 1)
    return tmp_path


def write(tree, number):
    (tree / "csrc" / "one.c").write_text(f"int main(void) {{ return {number}; }}\n")


def built(tree, *options):
    made = CachedBuild("one", options, source=tree)
    made.build("one")
    return made


def says(made):
    return subprocess.run([made.folder / "one"]).returncode


def test_the_same_sources_are_compiled_once(tree, monkeypatch):
    first = built(tree)
    assert says(first) == 1
    os.utime(tree / "csrc" / "one.c", (2e9, 2e9))  # as after git checkout: newer, and what it was
    monkeypatch.setattr(cached_builds, "must", None)
    assert built(tree).folder == first.folder


def test_other_sources_and_other_options_are_other_builds(tree):
    folders = [built(tree).folder]
    write(tree, 2)
    changed = built(tree)
    assert says(changed) == 2
    folders += [changed.folder, built(tree, "-DCMAKE_BUILD_TYPE=Debug").folder]
    assert len(set(folders)) == 3
    assert [folder.exists() for folder in folders] == [False, False, True], "one build of a name is kept"


def test_other_compilers_and_flags_are_other_builds(tree, monkeypatch):
    folders = {CachedBuild("one", [], source=tree).folder}
    monkeypatch.setenv("CFLAGS", "-O0")
    folders.add(CachedBuild("one", [], source=tree).folder)
    monkeypatch.setattr(cached_builds, "versions", lambda *programs: ["gcc 99"])
    folders.add(CachedBuild("one", [], source=tree).folder)
    assert len(folders) == 3


def test_a_build_that_failed_is_tried_again(tree):
    (tree / "csrc" / "one.c").write_text("int main(void) { return missing; }\n")
    for _ in range(2):
        with pytest.raises(AssertionError, match="missing"):
            built(tree)


def test_what_compilers_cost_is_counted_apart(tree):
    before = cached_builds.compiled
    built(tree)
    once = cached_builds.compiled
    built(tree)
    assert before < once == cached_builds.compiled
