"""tools/quick.py: every change selects the tests that need it, the nearest first, and says what it leaves out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def quick():
    before = list(sys.path)
    sys.path.insert(0, str(ROOT / "tools"))  # where importers.py is
    import quick

    yield quick
    sys.path[:] = before


@pytest.fixture(scope="module")
def select(quick):
    """``select(*files)``: what a change of these files of the repository selects, with and without a budget."""

    def selected(*files, budget=quick.BUDGET):
        return quick.select(list(files), budget)

    return selected


# Of files that no test imports by name, and of one that nearly all do.
SEEN = {
    "tests/support.py": "tests/ops/test_topk.py",
    "tests/report/page/conftest.py": "tests/report/page/test_page.py",
    "pyproject.toml": "tests/test_audit.py",
    "tools/docs_commands.py": "tests/test_docs_commands.py",
    "tools/simulation/harness.py": "tests/test_simulation.py",
    "pyalign/report/page/assets/core.js": "tests/report/page/test_page.py",
    "pyalign/io/paths.py": "tests/io/test_io_folder.py",
    "pyalign/cli/score.py": "tests/cli/test_cli_score.py",
    "csrc/cpu/rows.cpp": "tests/backends/test_products.py",
    "docs/_ext/groups.py": "tests/test_site.py",
    "Makefile": "tests/test_readme.py",
}


@pytest.mark.parametrize("changed", SEEN)
def test_selects_what_needs_the_file(select, changed):
    assert SEEN[changed] in select(changed, budget=float("inf")).chosen


@pytest.mark.parametrize("changed", ["tests/support.py", "pyalign/io/paths.py", "pyalign/__init__.py"])
def test_what_nearly_all_tests_need_is_kept_within_the_budget_and_the_rest_is_listed(quick, select, changed):
    all_of_them, within = select(changed, budget=float("inf")), select(changed)
    assert all_of_them.left == [] and len(all_of_them.chosen) > 100
    assert sum(map(quick.cost, set(within.chosen) - set(quick.ALWAYS))) <= quick.BUDGET + 1e-6
    assert sorted(within.chosen + within.left) == sorted(all_of_them.chosen)
    assert set(within.left) <= {line.strip() for line in quick.said(within, every=False)}


def test_the_nearest_come_first(quick, select):
    chosen = select("pyalign/analysis/score.py", budget=float("inf")).chosen[len(quick.ALWAYS) :]
    assert chosen[0] == "pyalign/analysis/score.py"  # its doctests
    assert chosen.index("tests/analysis/test_score.py") < chosen.index("tests/cli/test_cli_score.py")


@pytest.mark.parametrize(
    ("changed", "suite"),
    [
        ("pyalign/backends/_triton_similarity.py", "tests/triton"),
        ("csrc/cuda/rows.cu", "tests/cuda/test_emulated.py"),
        ("tests/cuda/test_gate.py", "tests/cuda/test_gate.py"),
    ],
)
def test_a_change_that_no_quick_test_is_near_says_so_and_has_the_tests_of_another_suite(quick, select, changed, suite):
    selection = select(changed)
    assert suite in selection.elsewhere
    assert any("none of the quick ones" in line for line in quick.said(selection, every=False))


def test_a_change_with_quick_tests_has_no_others(select):
    assert select("pyalign/analysis/score.py").elsewhere == []


def test_imports_are_followed_through_other_modules_public_names_and_helpers(quick, tmp_path):
    files = {
        "pyalign/__init__.pyi": "from .far.deep import measure",
        "pyalign/low.py": "",
        "pyalign/far/deep.py": "def measure():\n    from ..low import x",
        "pyalign/other.py": "",
        "tests/helper.py": "import pyalign\npyalign.measure",
        "tests/conftest.py": "",
        "tests/test_own.py": "from helper import y",
        "tests/test_other.py": "import pyalign.other",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    importers = quick.importers_of(tmp_path)
    expected = {"pyalign/low.py": 0, "pyalign/far/deep.py": 1, "tests/helper.py": 2, "tests/test_own.py": 3}
    assert importers.distances(["pyalign/low.py"]) == expected
    assert importers.distances(["tests/conftest.py"]).keys() >= {"tests/test_own.py", "tests/test_other.py"}
