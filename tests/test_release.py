"""What a release is checked for before anybody sees it: tools/release_check.py, on copies with one fault each."""

from __future__ import annotations

import shutil
import sys
import zipfile

import pytest
from support import load_from_tools

release_check = load_from_tools("release_check")
ROOT = release_check.ROOT


@pytest.fixture
def copy(tmp_path):
    """The texts that are checked, in a folder of their own."""
    for path in {*release_check.addressed(ROOT), ROOT / "pyalign" / "_version.py", ROOT / "CITATION.cff"}:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path


def faults(root, tag=None):
    checks = (release_check.version_faults(root, tag), release_check.address_faults(root))
    return [fault for check in (*checks, release_check.workflow_faults(root)) for fault in check]


def test_the_texts_of_this_tree_are_ready(copy):
    assert faults(ROOT) == faults(copy) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("CHANGELOG.md", "## 0.1.0", "## 0.2.0", "CHANGELOG.md: the newest version must be 0.1.0; got 0.2.0"),
        ("CITATION.cff", "version: 0.1.0", "version: 0.0.9", "CITATION.cff: version must be 0.1.0; got 0.0.9"),
        ("conda/recipe.yaml", '"0.1.0"', '"0.2.0"', "conda/recipe.yaml: version must be 0.1.0; got 0.2.0"),
        ("SECURITY.md", "com/pyalign-kit/", "com/else/", "SECURITY.md: the owner must be pyalign-kit"),
        (".github/workflows/docs.yml", "permissions: {}", "permissions: write-all", "permissions must be {}"),
        (".github/workflows/tests.yml", "08c6903cd8c0fde910a37f88322edcfb5dd907a8", "v5", "got actions/checkout@v5"),
    ],
)
def test_each_fault_is_one_line(copy, name, old, new, said):
    text = (copy / name).read_text()
    assert old in text
    (copy / name).write_text(text.replace(old, new, 1))
    (line,) = faults(copy)
    assert said in line


def test_a_tag_is_the_version_and_a_release_has_its_date(copy):
    assert "got v0.2.0" in faults(copy, "v0.2.0")[0]
    assert faults(copy, "v0.1.0") == ["CHANGELOG.md: a release needs its date, such as 2026-12-31; got unreleased"]
    log = copy / "CHANGELOG.md"
    log.write_text(log.read_text().replace("(unreleased)", "(2026-12-31)", 1))
    assert faults(copy, "v0.1.0") == []


def test_another_owner_is_written_into_all_addresses(copy):
    release_check.move(copy, "lab")
    assert release_check.owner(copy) == "lab" and faults(copy) == []
    assert not any("com/pyalign-kit/pyalign" in path.read_text() for path in release_check.addressed(copy))


@pytest.mark.parametrize(
    ("name", "member", "said"),
    [
        ("pyalign_kit-0.1.0-cp311-cp311-manylinux_2_39_x86_64.whl", "pyalign/a.so", "glibc 2.39; at most 2.28"),
        ("pyalign_kit-0.1.0-cp311-cp311-linux_x86_64.whl", "pyalign/a.so", "no index takes"),
        ("pyalign_kit-0.1.0-py3-none-any.whl", "pyalign/a.so", "the pure wheel holds pyalign/a.so"),
        ("pyalign_kit-0.1.0-cp311-cp311-manylinux_2_28_x86_64.whl", "pyalign/a.so", None),
        ("pyalign_kit-0.1.0-py3-none-any.whl", "pyalign/a.py", None),
    ],
)
def test_wheels_that_no_index_or_no_system_takes_are_named(tmp_path, name, member, said):
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr(member, "")
    lines = list(release_check.wheel_faults(tmp_path / name))
    assert lines == [] if said is None else len(lines) == 1 and said in lines[0]


installed = pytest.mark.skipif(
    not (shutil.which("check-jsonschema") and shutil.which("zizmor")), reason="pip install check-jsonschema zizmor"
)


@installed
def test_workflows_forms_and_citation_fit_their_schemas_and_zizmor_finds_nothing():
    assert [*release_check.schema_faults(ROOT)] == []


@installed
@pytest.mark.plants
@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (".github/workflows/tests.yml", "timeout-minutes: 60", "timeout: 60", "vendor.github-workflows"),
        (".github/workflows/tests.yml", "run: make test ", "run: make ${{ github.event.issue.title }} ", "zizmor"),
        ("CITATION.cff", "authors:", "writers:", "vendor.citation-file-format"),
    ],
)
def test_what_a_schema_or_zizmor_refuses_is_one_line(tmp_path, name, old, new, said):
    for pattern in release_check.SCHEMAS.values():
        for path in ROOT.glob(pattern):
            (tmp_path / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / path.relative_to(ROOT))
    text = (tmp_path / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1))
    (line,) = release_check.schema_faults(tmp_path)
    assert said in line and "\n" not in line


def test_a_command_that_fails_is_one_line_with_what_it_wrote():
    (line,) = release_check.checked([sys.executable, "-c", "raise SystemExit('no such schema')"])
    assert line.endswith("ended with 1: no such schema") and "\n" not in line
