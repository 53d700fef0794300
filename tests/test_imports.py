"""What an import loads, which names are public, and who imports whom."""

from __future__ import annotations

import ast
import json
import sys
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from textwrap import indent

import pytest
from support import run_python

import pyalign

ROOT = Path(__file__).resolve().parents[1]
SOURCES = Path(pyalign.__file__).parent
CORE = {"numpy", "lazy_loader", "array_api_compat"}  # the dependencies of pyproject.toml

COMPILED = ("_cython", "cython_runtime", "_cyutility", "_sysconfigdata")  # what compiled modules of numpy bring along
BY_NUMPY = ("charset_normalizer",)  # numpy.f2py takes it where requests, which pooch needs, has brought it

# What needs a framework, and is loaded when that is there and asked for.
OF_FRAMEWORKS = {
    "torch": (
        "backends/_*",
        "integrations/torch.py",
        "integrations/_*",
        "ops/_tensor_dispatch.py",
        "nearest/_tensor_*",
        "fitting/_tensor_*",
        "extraction/_*",
        "extraction/layers.py",
        "extraction/torch_encoder.py",
        "extraction/tokenizing.py",
    ),
    "open_clip": ("extraction/_open_clip*",),
    "timm": ("extraction/_timm.py",),
    "torchvision": ("extraction/_torchvision*.py",),
    "transformers": ("extraction/_transformers*.py",),
    "triton": ("backends/_triton_*",),
    "sklearn": ("probing/estimator.py", "integrations/sklearn.py", "embedding/estimator.py"),
}


def loaded_by(code):
    """The modules that code loads in a fresh interpreter, besides those of Python and of pyalign itself."""
    done = run_python(f"import sys\nbefore = {{*sys.modules}}\n{code}\nprint(*sorted({{*sys.modules}} - before))")
    assert done.returncode == 0, done.stderr
    names = done.stdout.splitlines()[-1].split()
    known = {*sys.stdlib_module_names, "pyalign"}
    return {name for name in names if name.partition(".")[0] not in known and not name.startswith(COMPILED + BY_NUMPY)}


def packages(modules):
    return {name.partition(".")[0] for name in modules}


HELP = "import pyalign.cli\ntry: pyalign.cli.main(['score', '--help'])\nexcept SystemExit: pass"
SCORE = "import pyalign; pyalign.score([[1., 0.], [1., 1.], [0., 1.]], [[0, 1, 2]])"


@pytest.mark.parametrize("code", ["import pyalign", HELP, SCORE], ids=["package", "help", "score"])
def test_numpy_the_lazy_loader_and_the_compiled_module_are_all_that_is_loaded(code):
    assert packages(loaded_by(code)) - {"numpy"} == {"lazy_loader"}


def test_score_of_npy_files_loads_no_more(tmp_path):
    code = f"""
import numpy as np, pyalign.cli
np.save(r"{tmp_path}/x.npy", np.eye(4)), np.save(r"{tmp_path}/t.npy", np.array([[0, 1, 2], [1, 2, 3]]))
assert pyalign.cli.main(["score", r"{tmp_path}/x.npy", "-t", r"{tmp_path}/t.npy", "--json", r"{tmp_path}/s.json"]) == 0
"""
    assert packages(loaded_by(code)) == {"numpy", "lazy_loader"}


def test_the_array_standard_is_loaded_with_the_first_map_and_of_numpy_alone():
    code = "import numpy as np, pyalign; pyalign.Transform(np.eye(2), None, 0.0, 1.0).apply(np.eye(2))"
    found = loaded_by(code)
    assert packages(found) == CORE
    assert "array_api_compat.numpy" in found
    assert not [name for name in found if name.startswith(("array_api_compat.torch", "array_api_compat.cupy"))]


@pytest.mark.parametrize("package", ["scipy", "array_api_compat.numpy"])
def test_the_check_can_fail(package):
    pytest.importorskip(package)
    assert package in loaded_by(f"import pyalign, {package}")
    assert packages(loaded_by(f"import pyalign, {package}")) - {"numpy", "lazy_loader"} == packages([package])


# The table of public names


def test_every_public_name_is_listed_and_resolves():
    listed = json.loads(
        run_python("import json, pyalign; print(json.dumps([dir(pyalign), list(pyalign.__all__)]))").stdout
    )
    assert sorted(listed[0]) == sorted(listed[1])
    assert len(set(listed[1])) == len(listed[1])
    missing = []
    for name in listed[1]:
        try:
            getattr(pyalign, name)
        except pyalign.MissingExtraError:  # of an extra that is not installed, which says so
            pass
        except (AttributeError, ImportError) as error:
            missing.append(f"{name}: {error}")
    assert missing == []


SUBMODULES = {"datasets", "results"}  # which `import pyalign` offers too


def test_the_stub_is_the_only_table():
    stub = ast.parse((SOURCES / "__init__.pyi").read_text())
    imported = sorted(
        alias.asname or alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    )
    (listed,) = (ast.literal_eval(node.value) for node in stub.body if isinstance(node, ast.Assign))
    assert sorted({*imported} - SUBMODULES) == sorted(listed) and {*listed} | SUBMODULES == {*pyalign.__all__}
    code = ast.parse((SOURCES / "__init__.py").read_text())
    own = [alias.name for node in code.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert own == ["_process", "_registry", "__version__"]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="skore"):
        pyalign.skore  # noqa: B018


def test_a_name_loads_its_own_module_alone():
    found = run_python("import sys, pyalign; pyalign.similarity; print(*sys.modules)").stdout.split()
    assert "pyalign.ops.similarity" in found
    assert not [name for name in found if name.startswith(("pyalign.analysis", "pyalign.probing", "pyalign.cli"))]


# Who imports whom


parsed = lru_cache(maxsize=None)(ast.parse)


def imported(source):
    """The packages that a module imports when it is itself imported."""
    todo, found = list(parsed(source).body), set()
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).partition(".")[0])
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef):
            todo += [] if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" else node.body
            todo += getattr(node, "orelse", [])
    return found - set(sys.stdlib_module_names) - {"pyalign"}


def too_much(path, source):
    """What a module imports that is neither of the core nor a framework that it is there for."""
    allowed = {name for name, places in OF_FRAMEWORKS.items() if any(Path(path).match(place) for place in places)}
    return imported(source) - CORE - allowed


WITH_THE_CORE_ALONE = f"""
finders, known = [*sys.meta_path], {CORE | {"pyalign", "packaging", "tomli"}} | sys.stdlib_module_names
class Core:
    @staticmethod
    def find_spec(name, path=None, target=None):
        top = name.partition(".")[0]
        specs = (one.find_spec(name, path, target) for one in finders if top in known or top.startswith("_"))
        return next((spec for spec in specs if spec is not None), None)
sys.meta_path[:] = [Core]
"""


def test_every_command_and_every_name_loads_without_an_extra_or_says_which_it_needs():
    loaded_by(f"""{WITH_THE_CORE_ALONE}
import pyalign, pyalign.cli
for command in pyalign.cli.COMMANDS:
    pyalign.cli.load(command)
for name in pyalign.__all__:
    try:
        getattr(pyalign, name)
    except pyalign.MissingExtraError:
        assert name in ("TripletEmbedding", "TripletProbe"), name
assert pyalign.cli.main(["info"]) == 0
""")


def test_the_core_imports_its_three_dependencies_and_nothing_else():
    wrong = {}
    for path in sorted(SOURCES.rglob("*.py")):
        if more := too_much(path.relative_to(SOURCES), path.read_text()):
            wrong[str(path.relative_to(SOURCES))] = sorted(more)
    assert wrong == {}


BROKEN = ["import pandas", "if True:\n    from torch import nn", "try:\n    import scipy.stats\nfinally:\n    pass"]


@pytest.mark.plants
@pytest.mark.parametrize("source", BROKEN)
def test_that_rule_can_be_broken(source):
    assert too_much("analysis/score.py", source)
    assert not too_much("analysis/score.py", f"def f():\n{indent(source, '    ')}")


# The graph of modules


TOP = {"pyalign/__init__.py", "pyalign/__main__.py"}  # above all layers


@pytest.fixture(scope="module")
def graph_of():
    """Which modules of pyalign under a root import or name which, by paths."""
    before = list(sys.path)
    sys.path.insert(0, str(ROOT / "tools"))
    import importers

    yield lambda root: {
        name: needed - TOP for name, needed in importers.Importers(root).graph().items() if name not in TOP
    }
    sys.path[:] = before


@pytest.fixture(scope="module")
def graph(graph_of):
    return graph_of(ROOT)


def layers():
    """The layers of pyproject.toml, from above; names of packages that may not import one another share a place."""
    tomllib = pytest.importorskip("tomllib")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return [[name.strip() for name in layer.split("|")] for layer in contracts[0]["layers"]]


def arrows_up(graph):
    """The imports from a layer into one that is above it or beside it."""
    place = {name: height for height, names in enumerate(layers()) for name in names}

    def package(path):
        return ".".join(Path(path).with_suffix("").parts[:2])

    assert {package(name) for name in graph} <= {*place}
    pairs = [(user, needed) for user in graph for needed in graph[user] if package(user) != package(needed)]
    return sorted((user, needed) for user, needed in pairs if place[package(user)] >= place[package(needed)])


def circle(graph):
    """A circle of imports, if there is one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


@pytest.mark.suite("test")
def test_no_module_imports_or_names_one_of_a_higher_layer(graph):
    assert arrows_up(graph) == []


def test_modules_import_and_name_one_another_in_no_circle(graph):
    assert circle(graph) is None


WAYS_UP = {
    "an import": "from pyalign.report import words",
    "one in a function": "def f():\n    import pyalign.report.words",
    "a lazy name": "def f():\n    from pyalign import write_report",
    "import_module": "def f():\n    import_module('pyalign.report.words')",
    "a table": "KINDS = {'score': 'pyalign.report.words:one_line'}",
    "a part filled in": "def f(name):\n    load(f'pyalign.report.{name}')",
}


@pytest.mark.parametrize("way", WAYS_UP)
def test_those_rules_see(graph_of, tmp_path, way):
    files = {
        "__init__.pyi": "from .report.page.write import write_report",
        "report/words.py": "from pyalign._result import Result",
        "report/page/write.py": "from pyalign.report.words import table",
        "_result.py": WAYS_UP[way],
    }
    for name, text in files.items():
        path = tmp_path / "pyalign" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = graph_of(tmp_path)
    assert {user for user, _ in arrows_up(found)} == {"pyalign/_result.py"}
    assert "pyalign/_result.py" in circle(found)


def named_to_import(source):
    """The texts that calls of `import_module` and `__import__` are given; None for what is no text."""
    calls = [node for node in ast.walk(parsed(source)) if isinstance(node, ast.Call)]
    named = [node for node in calls if ast.unparse(node.func).rpartition(".")[2] in ("import_module", "__import__")]
    return [None if isinstance(node.args[0], ast.Name | ast.Attribute) else ast.unparse(node.args[0]) for node in named]


# Where modules of other packages are imported whose names are not written there.
OTHERS = ("extraction/_efficientnet_lite.py", "extraction/_module.py", "io/paths.py")


def test_one_module_imports_modules_of_pyalign_by_their_names():
    wrong = {}
    for path in SOURCES.rglob("*.py"):
        name = str(path.relative_to(SOURCES))
        named = named_to_import(path.read_text())
        own = [text for text in named if (name not in OTHERS if text is None else "pyalign" in text)]
        if own and name != "_registry.py":
            wrong[name] = own
    assert wrong == {}


@pytest.mark.parametrize("source", ["import_module('pyalign.cli')", "importlib.import_module(f'pyalign.{x}')"])
def test_that_rule_sees_names_in_texts(source):
    assert all("pyalign" in text for text in named_to_import(source))


WORDS = {
    "views": "pyalign.report", "kinds": "pyalign.kinds", "datasets": "pyalign.datasets.dataset",
    "frames": "pyalign.io.triplets", "rdms": "pyalign.integrations.rsatoolbox",
    "described": "pyalign.datasets.description",
}


@pytest.mark.parametrize("word", WORDS)
def test_what_a_higher_layer_registers_is_imported_when_it_is_first_asked_for(word):
    code = f"""
import sys, pyalign, pyalign._result, pyalign.io.embeddings
from pyalign._registry import registered
print({WORDS[word]!r} in sys.modules, registered({word!r}) is not None, {WORDS[word]!r} in sys.modules)
"""
    assert run_python(code).stdout.split() == ["False", "True", "True"]


# Modules and public names


def clashes(modules, names):
    """Modules directly below pyalign with the name of a public function or class, which importing them would hide."""
    return {*modules} & {*names}


def test_no_module_directly_below_pyalign_has_a_public_name():
    modules = {path.stem for path in SOURCES.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert clashes(modules, {*pyalign.__all__} - SUBMODULES) == set()
    assert {"analysis", "io", "results"} <= modules
    assert clashes({*modules, "rsa"}, {*pyalign.__all__} - SUBMODULES) == {"rsa"}
