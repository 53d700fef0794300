"""What an import loads, and who imports whom."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import run_python

HEAVY = ("torch", "triton", "faiss", "pandas", "matplotlib", "scipy", "sklearn", "h5py", "pyarrow", "numba")


def loaded_by(code):
    """Which of the heavy packages that code loads, in a fresh interpreter."""
    done = run_python(f"import sys\n{code}\nprint(*sorted({set(HEAVY)} & set(sys.modules)))")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize(
    "code",
    [
        "import pyalign",
        "import pyalign.cli; pyalign.cli.build_parser()",
        "import pyalign.cli\ntry: pyalign.cli.main(['--help'])\nexcept SystemExit: pass",
        "import pyalign; pyalign.score([[1., 0.], [1., 1.], [0., 1.]], [[0, 1, 2]])",
    ],
    ids=["package", "parser", "help", "score"],
)
def test_numpy_and_the_compiled_module_are_all_that_is_loaded(code):
    assert loaded_by(code) == []


def test_score_of_npy_files_loads_no_more(tmp_path):
    code = f"""
import numpy as np, pyalign.cli
np.save(r"{tmp_path}/x.npy", np.eye(4)), np.save(r"{tmp_path}/t.npy", np.array([[0, 1, 2], [1, 2, 3]]))
assert pyalign.cli.main(["score", "--embeddings", r"{tmp_path}/x.npy", "--triplets", r"{tmp_path}/t.npy"]) == 0
"""
    assert loaded_by(code) == []


def test_the_check_can_fail():
    assert loaded_by("import pyalign, scipy") == ["scipy"]


def test_layers_import_downwards_alone():
    """The contracts of pyproject.toml."""
    root = Path(__file__).resolve().parents[1]
    beside = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if find_spec("importlinter") is None or beside is None:
        pytest.skip("import-linter is not installed")
    done = subprocess.run([beside, "--no-cache"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "2 kept, 0 broken" in done.stdout
