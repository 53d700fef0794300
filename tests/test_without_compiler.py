"""What pip installs where no compiler is: README's commands and the golden figures there, as the kernels have them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_golden import FIGURES

import pyalign

pytestmark = [pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE", "README.md", "CMakeLists.txt", "tools", "pyalign")
COMPILERS = re.compile(r"(.+-)?(cc|CC|gcc|c\+\+|g\+\+|clang|clang\+\+|c89|c99|cpp|icx|icpx|nvcc|tcc)(-[\d.]+)?")
NOTE = (
    "numpy computes, many times slower than the compiled kernels: the kernels are not compiled; install a C++ compiler "
    "(Debian: apt-get install g++), then pyalign once more"
)


def programs_but_compilers(folder):
    """A folder with links to all programs on PATH that are no compilers."""
    folder.mkdir()
    for place in map(Path, os.environ["PATH"].split(os.pathsep)):
        for program in place.iterdir() if place.is_dir() else ():
            link = folder / program.name
            if not COMPILERS.fullmatch(program.name) and not os.path.lexists(link):
                link.symlink_to(program)
    return folder


@pytest.fixture(scope="module")
def pure(tmp_path_factory):
    """pyalign from its sources, in an environment without a compiler."""
    sources = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, sources / name)  # with modules that were compiled in place
    return environment_with(sources, tmp_path_factory.mktemp("pure"))


def environment_with(package, folder):
    """An environment with this pyalign, our packages and no compiler: its python, and PATH and all variables."""
    if not all(map(find_spec, ("pip", "setuptools"))):
        pytest.skip("pip or setuptools is not installed")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)}))
    places = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    (site / "packages.pth").write_text("".join(f"{place}\n" for place in sorted(places)))
    programs = programs_but_compilers(folder / "programs")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYALIGN_", "PYTHON", "CXX"))}
    variables = {**kept, "PATH": f"{venv / 'bin'}{os.pathsep}{programs}"}
    python = venv / "bin" / "python"
    install = ["-m", "pip", "--python", python, "install", "-v", "--no-deps", "--no-index", "--no-build-isolation"]
    command = [sys.executable, *install, "--ignore-installed", package]
    done = subprocess.run([str(word) for word in command], env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return SimpleNamespace(python=python, variables=variables, site=site, said=done.stdout + done.stderr)


def run(pure, *words, cwd):
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=pure.variables, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, done.stderr


def test_pip_installs_nothing_compiled_and_says_so(pure, tmp_path):
    assert "pyalign: nothing is compiled (no C++ compiler is on PATH): " in pure.said
    installed = pure.site / "pyalign"
    assert (installed / "backends" / "numpy.py").exists() and not [*installed.rglob("*.so")]
    assert "Tag: py3-none-any" in next(pure.site.glob("pyalign_kit-*/WHEEL")).read_text()
    lines = run(pure, "pyalign", "info", cwd=tmp_path)[0].splitlines()
    assert any(re.fullmatch(r"backend numpy +ready", line) for line in lines)
    assert next(line.split(None, 1)[1] for line in lines if line.startswith("note ")) == NOTE


def readme_without_the_tour():
    """Of an installation all other commands: the tour is run with the pages of the documentation."""
    before, tour, after = (ROOT / "README.md").read_text(encoding="utf-8").partition("\npyalign tour ")
    assert tour
    return f"{before}\ntrue {after}"


@pytest.mark.skipif(
    not all(map(find_spec, ("torch", "timm", "altair", "vl_convert", "sklearn"))), reason="extras are not installed"
)
def test_the_commands_of_the_readme_print_what_it_says(pure, tmp_path):
    """But for the name of the backend and the note: the page has what the compiled kernels print."""
    page = readme_without_the_tour().replace("backend native;", "backend numpy;")
    page = page.replace("\nnote: ", f"\nnote: {NOTE}\nnote: ", 1)
    assert page.count("backend numpy;") == page.count(NOTE) == 1
    (tmp_path / "README.md").write_text(page, encoding="utf-8")
    run(pure, pure.python, ROOT / "tools" / "docs_commands.py", "README.md", cwd=tmp_path)


GOLDEN = """
import json, sys, warnings
import numpy as np, pyalign
warnings.simplefilter("error")
warnings.simplefilter("ignore", pyalign.SlowWarning)
triplets = np.load(sys.argv[1])[:, :3]
for line in sys.stdin.read().splitlines():
    path, measure = json.loads(line)
    x = np.loadtxt(path) if path.endswith(".txt") else np.load(path)
    score = pyalign.score(x, triplets, measure=measure)
    print(json.dumps([score.backend, score.accuracy, score.n_ties, score.cross_entropy]))
"""


def golden_scores(environment, data, folder):
    """(what pyalign of an environment prints of a golden figure, the score here, the figure) of each."""
    things = data / "things"
    asked = [(things / file, measure) for file, measure, *_ in FIGURES.values()]
    lines = "\n".join(json.dumps([str(path), measure]) for path, measure in asked)
    command = [environment.python, "-c", GOLDEN, things / "human_triplets_127304.npy"]
    done = subprocess.run(
        [str(word) for word in command],
        input=lines,
        cwd=folder,
        env=environment.variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    scores = [json.loads(line) for line in done.stdout.splitlines()]
    triplets = pyalign.load_triplets(things / "human_triplets_127304.npy", columns=(0, 1, 2))
    here = [pyalign.score(pyalign.load_embeddings(path), triplets, measure=measure) for path, measure in asked]
    return [*zip(scores, here, FIGURES.values(), strict=True)]


def test_golden_figures_are_those_of_the_compiled_kernels(pure, data, tmp_path):
    """The same decisions and ties, and cross-entropies to a few roundings of float32."""
    for (backend, accuracy, ties, nats), compiled, figures in golden_scores(pure, data, tmp_path):
        assert (backend, compiled.backend) == ("numpy", "native")
        assert (accuracy, ties) == (compiled.accuracy, compiled.n_ties)
        assert nats == pytest.approx(compiled.cross_entropy, rel=2e-6)
        assert accuracy == pytest.approx(figures[2], abs=1e-5)
