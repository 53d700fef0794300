"""Programs with one source that is broken, from a build that is whole.

The source is compiled again by the build's own command, from a copy in which something else stands, and linked before
the objects of the build: the linker takes what it defines, and leaves its like in a library.
"""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Mutants:
    """Of one build; `must` runs a command in a folder and gives what it prints, `ninja` is its path."""

    def __init__(self, build, copy, must, ninja):
        self._build, self._copy, self._must, self._ninja = build, copy, must, ninja
        shutil.copytree(ROOT / "csrc", copy / "csrc")

    def make(self, target, unit, file, before, after, define=""):
        """The program `target`, its source `unit` compiled again while `file` of csrc holds something else."""
        path = self._copy / "csrc" / file
        source = path.read_text()
        assert source.count(before) == 1, f"{file} no longer holds {before!r} once: choose another mutation"
        path.write_text(source.replace(before, after))
        try:
            made, replaced = self._compile(ROOT / unit, f"-D{define}", target.parent)
        finally:
            path.write_text(source)
        self._link(made, replaced, target)
        made.unlink()
        return target

    def _compile(self, source, define, folder):
        """The object, and that of the build which it stands for. `define` tells one compilation from others.

        It is named as in the build: shared_memory.ld takes what is called .cu.o.
        """
        target = folder / f"{source.name}.o"
        commands = json.loads((self._build / "compile_commands.json").read_text())
        shared = (
            "CMakeFiles/pyalign.dir/"  # of the library that is installed; programs of tests have objects of their own
        )
        found = [
            shlex.split(one["command"])
            for one in commands
            if Path(one["file"]) == source and shared not in one["command"]
        ]
        (words,) = [words for words in found if define in words or define == "-D"]
        at = words.index("-o") + 1
        replaced, words[at] = words[at], str(target)
        places = str(ROOT / "csrc"), str(self._copy / "csrc")
        self._must([word.replace(*places) for word in words], cwd=self._build)
        return target, replaced

    def _link(self, made, replaced, target):
        last = self._must([self._ninja, "-t", "commands", target.name], cwd=self._build).splitlines()[-1]
        words = [word for word in shlex.split(last.removeprefix(": && ").removesuffix(" && :")) if word != replaced]
        words = [word for word in words if not word.startswith("-Wl,--dependency-file")]
        words[words.index("-o") + 1] = str(target)
        self._must([words[0], made, *words[1:]], cwd=self._build)
