"""What an import loads, which names are public, and who imports whom."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
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
        "ops/_tensor_door.py",
        "nearest/_tensor_*",
        "probing/_tensor_*",
        "extraction/_*",
        "extraction/layers.py",
        "extraction/torch_encoder.py",
        "extraction/torch_texts.py",
    ),
    "open_clip": ("extraction/_open_clip*",),
    "timm": ("extraction/_timm.py",),
    "torchvision": ("extraction/_torchvision*.py",),
    "transformers": ("extraction/_transformers*.py",),
    "triton": ("backends/_triton_*",),
    "sklearn": ("probing/estimator.py",),
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


def test_the_stub_is_the_only_table():
    stub = ast.parse((SOURCES / "__init__.pyi").read_text())
    imported = sorted(
        alias.asname or alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    )
    (listed,) = (ast.literal_eval(node.value) for node in stub.body if isinstance(node, ast.Assign))
    assert imported == sorted(listed) == sorted(pyalign.__all__)
    code = ast.parse((SOURCES / "__init__.py").read_text())
    own = [alias.name for node in code.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert own == ["_process", "__version__"]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="skore"):
        pyalign.skore  # noqa: B018


def test_a_name_loads_its_own_module_alone():
    found = run_python("import sys, pyalign; pyalign.similarity; print(*sys.modules)").stdout.split()
    assert "pyalign.ops.similarity" in found
    assert not [name for name in found if name.startswith(("pyalign.analysis", "pyalign.probing", "pyalign.cli"))]


# Who imports whom


def imported(source):
    """The packages that a module imports when it is itself imported."""
    todo, found = list(ast.parse(source).body), set()
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


def test_layers_import_downwards_alone():
    """The contract of pyproject.toml."""
    beside = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if find_spec("importlinter") is None or beside is None:
        pytest.skip("import-linter is not installed")
    done = subprocess.run([beside, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "2 kept, 0 broken" in done.stdout
