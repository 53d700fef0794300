"""Who needs a file: the modules and tests that import it, by way of others too, or that name it where it is no module.

Read from the sources, not by importing them: an import inside a function counts, and so do a public name of pyalign,
which stands for the module that defines it, and the name of a module of pyalign in a text, such as "pyalign.io.arrays",
"pyalign.analysis.score:Scores" or f"pyalign.backends.{name}", by which it is imported when it is needed.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cached_property, lru_cache
from pathlib import Path

FOLDERS = ("pyalign", "tests", "tools", "benchmarks", "examples")
# What is compiled into the modules: no Python file names it.
COMPILED = {"csrc": ("tests/backends", "tests/ops", "tests/native"), "csrc/cuda": ("tests/cuda",)}
BY_NAME = re.compile(r"(pyalign(?:\.[\w*]+)+)(?::[\w*]+)?")  # a module in a text; * for what is filled in


class Importers:
    """Of the Python files under a root, by their paths from there."""

    def __init__(self, root: Path) -> None:
        self._root = root
        found = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.py"))]
        self._texts = {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in found}

    def distances(self, changed: list[str]) -> dict[str, int]:
        """How many imports each file that needs one of the changed ones is away from it: those themselves are 0."""
        found = {name: 0 for name in changed if name in self._texts}
        edge = list(found)
        for name in changed:
            if name not in self._texts:
                edge += [user for user in self.naming(name) if found.setdefault(user, 1) == 1]
        while edge:
            following = []
            for name in edge:
                for user in self._users[name]:
                    if user not in found:
                        found[user] = found[name] + 1
                        following.append(user)
            edge = following
        return found

    def graph(self, package: str = "pyalign") -> dict[str, set[str]]:
        """For each module of a package, the modules of that package that it imports, or names in a text, by paths."""
        own = {name for name in self._texts if name.startswith(f"{package}/")}
        return {name: self._needed_by(name, ast.parse(self._texts[name])) & own for name in own}

    def naming(self, name: str) -> list[str]:
        """The files that name one that is no module, or else its folder; for a source of the kernels, their tests."""
        path = Path(name)
        folders = [tests for start, tests in COMPILED.items() if name.startswith(f"{start}/")]
        if folders:
            return [user for user in self._texts if user.startswith(folders[-1]) and _is_test(user)]
        for word in (path.name, f'"{path.parent.name}"', f"/{path.parent.name}"):
            if found := [user for user, text in self._texts.items() if word in text]:
                return found
        return []

    @cached_property
    def _users(self) -> dict[str, set[str]]:
        users = defaultdict(set)
        for name, text in self._texts.items():
            for needed in self._needed_by(name, ast.parse(text)):
                users[needed].add(name)
        for name in self._texts:
            users[name].update(self._called_after(name, imported=bool(users[name])))
        return users

    def _called_after(self, name: str, imported: bool) -> list[str]:
        """Tests called after a module, in the folder that mirrors its own; all of those where nothing imports it.

        Backends and commands are imported by their names when they are asked for.
        """
        path = Path(name)
        folder = "/".join(("tests", *path.parts[1:-1], ""))
        if path.parts[0] != "pyalign" or folder == "tests/":
            return []
        beside = [test for test in self._texts if test.startswith(folder) and _is_test(test)]
        called = [test for test in beside if path.stem.lstrip("_") in Path(test).stem.split("_")]
        return called or ([] if imported else beside)

    def _needed_by(self, name: str, tree: ast.Module) -> set[str]:
        """The files of which a file takes something."""
        modules = set()
        package = ".".join(Path(name).parent.parts)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                base = ".".join([*package.split(".")[: len(package.split(".")) + 1 - node.level]]) if node.level else ""
                module = ".".join(part for part in (base, node.module) if part)
                modules |= {f"{module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pyalign":
                modules.add(f"pyalign.{node.attr}")
        found = {path for module in modules if (path := self._file_of(module, name))}
        found |= self._named_in_texts(tree)
        found.discard(name)
        folder = Path(name).parent
        if name.startswith("tests/"):
            found |= {str(parent / "conftest.py") for parent in (folder, *folder.parents)} & {*self._texts} - {name}
            found |= {path for path in self._tools if names_tool(self._texts[name], Path(path).stem)}
        return found

    def _named_in_texts(self, tree: ast.Module) -> set[str]:
        """The modules of pyalign whose names stand in texts of a file, all that fit where a part is filled in."""
        texts = [_text(node) for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)]
        named = {found[1].replace(".", "/") for text in texts if (found := BY_NAME.fullmatch(text))}
        files = [f"{place}{end}" for place in named for end in (".py", "/__init__.py")]
        patterns = [re.escape(file).replace(r"\*", r"(?!__)[^/]+") for file in files if "*" in file]
        fit = {path for path in self._texts for pattern in patterns if re.fullmatch(pattern, path)}
        return fit | ({*files} & {*self._texts})

    def _file_of(self, module: str, user: str) -> str | None:
        """The file of a module, of the module that a name is imported from, or of a helper beside a test."""
        module = self._public_names.get(module, module)
        parts = module.split(".")
        for count in (len(parts), len(parts) - 1):
            place = "/".join(parts[:count])
            beside = [str(parent / place) for parent in (Path(user).parent, *Path(user).parent.parents)]
            for start in [place] if user.startswith("pyalign/") or place.startswith("pyalign") else [*beside, place]:
                for path in (f"{start}.py", f"{start}/__init__.py"):
                    if place and path in self._texts and path != "pyalign/__init__.py":
                        return path
        return "pyalign/__init__.py" if module == "pyalign" else None

    @cached_property
    def _tools(self) -> list[str]:
        """Scripts, which tests start by their names."""
        return [name for name in self._texts if name.startswith("tools/")]

    @cached_property
    def _public_names(self) -> dict[str, str]:
        """The module behind each name of `pyalign`, and of its packages whose names are loaded when they are used."""
        found = {}
        for stub in (self._root / "pyalign").rglob("__init__.pyi"):
            package = ".".join(stub.parent.relative_to(self._root).parts)
            for node in ast.parse(stub.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ImportFrom):
                    found.update({f"{package}.{alias.name}": f"{package}.{node.module}" for alias in node.names})
        return found


@lru_cache
def importers_of(root: Path) -> Importers:
    """Those of a tree of sources, read once in a process."""
    return Importers(root)


def names_tool(text: str, stem: str) -> bool:
    """Whether a test starts the script tools/STEM.py."""
    return "tools" in text and (f"{stem}.py" in text or f'"{stem}"' in text)


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    """A text, with * for each part that is filled in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(_text(part) if isinstance(part, ast.Constant) else "*" for part in node.values)


def _is_test(name: str) -> bool:
    return Path(name).name.startswith("test_")
